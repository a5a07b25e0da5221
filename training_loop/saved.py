"""Parameters saved while training, in the original's file."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import numpy as np

from foundations import files
from training_loop.observers import Observer


class SavedParameters(Observer):
    """Writes the arrays that `values` returns after every epoch: `arr_0`, `arr_1` ... of `path`.

    As from `numpy.savez`, `.npz` is added to a path that lacks it.
    """

    def __init__(self, path: str | os.PathLike, values: Callable[[], Sequence[np.ndarray]]):
        path = os.fspath(path)
        self._path = path if path.endswith(".npz") else f"{path}.npz"
        self._values = values

    def epoch_ends(self, row, evaluations):
        files.save_arrays(self._path, *self._values())
