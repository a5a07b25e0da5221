"""`image_history.npz`: when each training image was first learnt, how often it was forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from foundations import files, reading
from memorization.measures.held import HeldArray
from training_loop.evaluation import share

HISTORY_FILE = "image_history.npz"


@dataclass(frozen=True)
class History:
    """Of n training images: `first_learnt_epoch` (n,) integers, 0 or less for never, and
    `forgetting_count` (n,) integers."""

    first_learnt_epoch: np.ndarray
    forgetting_count: np.ndarray


def load_history(path: Path) -> History:
    """What `ImageHistory.save` wrote; UserError where the file holds anything else."""
    names = ("first_learnt_epoch", "forgetting_count")
    with reading.open_npz(path, "no readable history of the training images") as stored:
        first, forgotten = arrays = [stored[name] for name in names]
        for name, array in zip(names, arrays):
            reading.check_vector(name, array, "iu", -(2**31), 2**31)
        if len(first) != len(forgotten) or (len(forgotten) and forgotten.min() < 0):
            raise ValueError("its arrays contradict each other")
    return History(first, forgotten)


class ImageHistory:
    """When each of n training images was first learnt, and how often it was forgotten since.

    Toneva et al. (arXiv 1812.05159), an image being looked at once per epoch, in the test pass over
    the training set.
    """

    def __init__(self, n: int):
        self._first = HeldArray(np.zeros(n, np.int32))
        self._forgotten = HeldArray(np.zeros(n, np.int32))
        self._right = HeldArray(np.zeros(n, bool))
        self.state = {
            "first_learnt_epoch": self._first,
            "forgetting_count": self._forgotten,
            "right": self._right,
        }

    def update(self, epoch: int, right: np.ndarray) -> dict[str, float]:
        """Take in which of the first images are `right` (k,) bool after `epoch`; the columns."""
        first, forgotten, was_right = (held.get_value(borrow=True) for held in self.state.values())
        k = len(right)
        lost = was_right[:k] & ~right
        forgotten[:k] += lost
        first[:k][right & (first[:k] == 0)] = epoch
        was_right[:k] = right
        return {
            "training_ever_learnt": share(first[:k] > 0),
            "training_forgotten": share(lost),
        }

    def save(self, path: Path) -> None:
        """`first_learnt_epoch` (n,) int32, 0 for never, and `forgetting_count` (n,) int32."""
        files.save_arrays(
            path,
            first_learnt_epoch=self._first.get_value(borrow=True),
            forgetting_count=self._forgotten.get_value(borrow=True),
        )
