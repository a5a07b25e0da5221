"""`state.npz`: all that a run needs to go on as if it had never stopped, by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from foundations import files, reading
from foundations.errors import UserError
from training_loop.progress import Progress

STATE_FILE = "state.npz"


PROGRESS = "progress"


def save(path: Path, variables: Mapping[str, Any], progress: Progress) -> None:
    """Write `progress` and the values of the shared `variables`, whole or not at all."""
    arrays = {name: np.asarray(variable.get_value()) for name, variable in variables.items()}
    text = json.dumps(progress.as_json())
    files.save_arrays(path, **{PROGRESS: np.frombuffer(text.encode(), np.uint8), **arrays})


def read_progress(path: Path) -> Progress:
    """How far the run had come whose state is in `path`. Raises UserError as `load` does."""
    with _opened(path) as stored:
        return _progress(stored)


def load(path: Path, variables: Mapping[str, Any]) -> Progress:
    """Give `variables` the values saved under their names; returns the progress saved with them.

    Raises UserError where the file is missing, damaged, or of another network; nothing has been
    changed then.
    """
    with _opened(path) as stored:
        progress = _progress(stored)
        differing = sorted({PROGRESS, *variables} ^ set(stored.files))
        if differing:
            raise UserError(
                f"{path}: the state of another network: only one of the two has "
                f"{reading.printable(', '.join(differing))}"
            )
        values = {name: stored[name] for name in variables}
    for name, value in values.items():
        # An infinity may be legitimate, a second moment of Adam's that overflowed; NaN never gets
        # past the losses into a save.
        if value.dtype.kind == "f" and np.isnan(value).any():
            raise UserError(f"{path}: {name} holds NaN; start over with --overwrite")
        expected = np.asarray(variables[name].get_value(borrow=True))
        if (value.shape, value.dtype) != (expected.shape, expected.dtype):
            raise UserError(
                f"{path}: the state of another network, or of another device: {name} is "
                f"{value.dtype} {value.shape}, not {expected.dtype} {expected.shape}"
            )
    for name, value in values.items():
        variables[name].set_value(value)
    return progress


def _opened(path: Path) -> Any:
    return reading.open_npz(
        path,
        "no readable state",
        missing="no saved state to resume from; start over with --overwrite",
        advice="start over with --overwrite",
    )


def _progress(stored: Any) -> Progress:
    return Progress.from_json(json.loads(stored[PROGRESS].tobytes()))
