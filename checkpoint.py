"""The whole state of a run in one file, so that it can go on as if it had never stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import files
from errors import UserError

STATE_FILE = "state.npz"


@dataclass
class Progress:
    """How far a run has come.

    `history`: the lines of metrics of the finished epochs. Of the epoch after them, `batches` have
    been trained on, with losses that sum to `loss_sum` (each times its images). `more`: what else
    has to survive, ready for JSON.
    """

    history: list[dict[str, float]] = field(default_factory=list)
    batches: int = 0
    loss_sum: float = 0.0
    more: dict[str, Any] = field(default_factory=dict)


def save(path: Path, variables: Sequence[Any], progress: Progress) -> None:
    """Write `progress` and the values of the shared `variables`, whole or not at all."""
    arrays = {f"value_{i}": np.asarray(v.get_value()) for i, v in enumerate(variables)}
    text = json.dumps(vars(progress))
    files.save_arrays(path, progress=np.frombuffer(text.encode(), np.uint8), **arrays)


def read_progress(path: Path) -> Progress:
    """How far the run had come whose state is in `path`. Raises UserError as `load` does."""
    with _opened(path) as stored:
        return _progress(stored)


def load(path: Path, variables: Sequence[Any]) -> Progress:
    """Give `variables` their saved values; returns the progress saved with them.

    Raises UserError where the file is missing, damaged, or of another network; nothing has been
    changed then.
    """
    with _opened(path) as stored:
        progress = _progress(stored)
        if len(stored.files) != len(variables) + 1:
            raise UserError(f"{path}: the state of another network")
        values = [stored[f"value_{i}"] for i in range(len(variables))]
    for variable, value in zip(variables, values):
        expected = np.asarray(variable.get_value(borrow=True))
        if (value.shape, value.dtype) != (expected.shape, expected.dtype):
            raise UserError(f"{path}: the state of another network, or of another device")
    for variable, value in zip(variables, values):
        variable.set_value(value)
    return progress


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The arrays in `path`; whatever damage does to those who read them becomes one UserError."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            yield stored
    except UserError:
        raise
    except FileNotFoundError as error:
        raise UserError(
            f"{path}: no saved state to resume from; start over with --overwrite"
        ) from error
    except Exception as error:
        # Damaged bytes lead the readers of zip, npy and JSON to anything, MemoryError included.
        raise UserError(
            f"{path}: no readable state ({type(error).__name__}: {_first_line(error)}); "
            "start over with --overwrite"
        ) from error


def _first_line(error: Exception) -> str:
    """What an error says, short enough for a message of one line."""
    return next(iter(str(error).splitlines()), "")[:200]


def _progress(stored: Any) -> Progress:
    progress = Progress(**json.loads(stored["progress"].tobytes()))
    if not all(isinstance(row, dict) for row in progress.history):
        raise ValueError("its history is none")
    if progress.batches < 0:
        raise ValueError(f"{progress.batches} batches")
    return progress


def same_settings(recorded: dict[str, Any], chosen: dict[str, Any], free: Sequence[str]) -> None:
    """Raise UserError, naming the option, where a resumed run's options contradict its record.

    `free` options change no result and may differ.
    """
    for name, value in chosen.items():
        if name not in free and recorded.get(name) != value:
            flag = "--" + name.replace("_", "-")
            raise UserError(
                f"{flag} {value} contradicts the run to be resumed, which has {flag} "
                f"{recorded.get(name)}; leave it as it was, or start over with --overwrite"
            )
