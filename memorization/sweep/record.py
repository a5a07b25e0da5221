"""`sweep.json`, what is common to all cells of a sweep that lie in one folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from foundations import files, reading
from foundations.errors import UserError
from foundations.reading import pasteable

SWEEP_FILE = "sweep.json"


def recorded_options(path: Path) -> list[str]:
    """The scripts' options that a sweep's record holds; UserError where it cannot be read."""
    with reading.file_errors(path, "no readable record of a sweep"):
        words = reading.load_json(path)["options"]
        if not (isinstance(words, list) and all(isinstance(word, str) for word in words)):
            raise ValueError(f"options are {reading.printable(words)}")
    return words


def check_same_sweep(folder: Path, extra: Sequence[str]) -> None:
    """UserError where `folder` holds a sweep with other options common to its cells."""
    path = folder / SWEEP_FILE
    if not path.exists():
        return
    before = recorded_options(path)
    if before != list(extra):
        raise UserError(
            f"{folder} holds a sweep with the options {pasteable(before)}; give the same "
            "after --, or another --results-dir"
        )


def keep(folder: Path, extra: Sequence[str]) -> None:
    """Keep the options common to all cells beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    files.save_json(folder / SWEEP_FILE, {"options": list(extra)})
