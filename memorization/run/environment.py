"""What of a run's surroundings can change its last bits: recorded, and compared on --resume.

A run's record holds a list of periods, each the first epoch of which (or of a part of which) an
environment holds, and that environment, by name.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib import metadata
from typing import Any

from foundations import reading
from theano_engine import machine
from theano_engine.torch_linker import backend

PACKAGES = ("numpy", "scipy", "h5py", "theano", "lasagne")

MOST_OF_A_NAME = 40

Environment = dict[str, str | int]


def describe(device: str) -> Environment:
    """This process's environment for a run with --device `device`.

    Raises UserError where Theano or the device is not to be had.
    """
    found: Environment = {
        **machine.describe(),
        "python": platform.python_version(),
        **{package: metadata.version(package) for package in PACKAGES},
    }
    if device != "cpu":
        found.update(backend.describe("cpu" if device == "torch-cpu" else device))
    return found


def period(from_epoch: int, environment: Environment) -> dict[str, Any]:
    """The entry of a record's list for `environment`, ready for JSON."""
    return {"from_epoch": from_epoch, "environment": environment}


def check(periods: Any) -> None:
    """Raise ValueError unless `periods` is a record's list of environments."""
    if not isinstance(periods, list) or not periods:
        raise ValueError(f"environments is {reading.printable(repr(periods))}")
    first = 1
    for entry in periods:
        reading.check_fields(entry, {"from_epoch": int, "environment": dict})
        if entry["from_epoch"] < first:
            raise ValueError(f"an environment from epoch {reading.printable(entry['from_epoch'])}")
        first = entry["from_epoch"]
        found = entry["environment"]
        reading.check_fields(found, dict.fromkeys(found, (str, int)))


def changes(periods: Sequence[dict[str, Any]] | None, now: Environment) -> str:
    """What differs between the last of `periods`, None where none were recorded, and `now`.

    In one line that is safe to show, each thing with its new and its old value; "" for nothing.
    """
    if periods is None:
        return "no environment is recorded"
    before = periods[-1]["environment"]
    names = [*now, *(name for name in before if name not in now)]
    return "; ".join(
        f"{reading.printable(name, MOST_OF_A_NAME)} {reading.printable(now.get(name, 'unknown'))} "
        f"(was {reading.printable(before.get(name, 'unknown'))})"
        for name in names
        if now.get(name) != before.get(name)
    )
