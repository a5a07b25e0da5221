"""The whole state of a run in one file, so that it can go on as if it had never stopped."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from foundations import files, reading
from foundations.errors import UserError
from training_loop.progress import Progress

STATE_FILE = "state.npz"


def save(path: Path, variables: Sequence[Any], progress: Progress) -> None:
    """Write `progress` and the values of the shared `variables`, whole or not at all."""
    arrays = {f"value_{i}": np.asarray(v.get_value()) for i, v in enumerate(variables)}
    text = json.dumps(progress.as_json())
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
        for number, value in enumerate(values):
            # An infinity may be legitimate, a second moment of Adam's that overflowed; NaN never
            # gets past the losses into a save.
            if value.dtype.kind == "f" and np.isnan(value).any():
                raise ValueError(f"value_{number} holds NaN")
    for variable, value in zip(variables, values):
        expected = np.asarray(variable.get_value(borrow=True))
        if (value.shape, value.dtype) != (expected.shape, expected.dtype):
            raise UserError(f"{path}: the state of another network, or of another device")
    for variable, value in zip(variables, values):
        variable.set_value(value)
    return progress


def _opened(path: Path) -> Any:
    return reading.open_npz(
        path,
        "no readable state",
        missing="no saved state to resume from; start over with --overwrite",
        advice="start over with --overwrite",
    )


def _progress(stored: Any) -> Progress:
    return Progress.from_json(json.loads(stored["progress"].tobytes()))
