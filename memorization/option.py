"""What is said of one option: how it is read, what it decides, what runs did before it existed."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SAME_AS_DEFAULT = object()


class Decides(enum.Enum):
    """What depends on an option's value."""

    # Everything that is measured: runs that differ in it are other runs.
    OUTCOME = enum.auto()
    # Which columns the metrics have and what else is saved, not what is in them: a run cannot
    # change it on its way.
    COLUMNS = enum.auto()
    # Where a run is kept and what it shows.
    NOTHING = enum.auto()


@dataclass(frozen=True)
class Option:
    """One option, said once: how it is read, what it decides, what --help tells of it.

    `default` is also what runs did before the option existed, unless `before` names another value,
    or is a function that tells it from the options which a run recorded.
    """

    help: str
    decides: Decides
    parse: Callable | None = None
    metavar: str | tuple[str, ...] | None = None
    default: Any = None
    choices: Sequence[str] | None = None
    # As argparse has it: "*" for a list, 2 for a list of two.
    nargs: str | int | None = None
    # What a report calls the value None.
    unset: str = "none"
    before: Any = SAME_AS_DEFAULT

    def value_before(self, recorded: Mapping[str, Any]) -> Any:
        """What a run did that `recorded` its options before this one existed."""
        if self.before is SAME_AS_DEFAULT:
            return self.default
        return self.before(recorded) if callable(self.before) else self.before


def option_field(help: str, decides: Decides, **more: Any) -> Any:
    """The field of a dataclass that is an option; `more` are the fields of `Option`."""
    option = Option(help, decides, **more)
    return field(default=option.default, metadata={"option": option})


def flag(name: str) -> str:
    """The option `name` as it is written on the command line."""
    return "--" + name.replace("_", "-")
