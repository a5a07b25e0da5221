"""Arrays of the measures that are saved with a run's state."""

from __future__ import annotations

import numpy as np


class HeldArray:
    """An array that is saved and restored with a run's state, as its shared variables are."""

    def __init__(self, value: np.ndarray):
        self._value = value

    def get_value(self, borrow: bool = False) -> np.ndarray:
        """The array, or with `borrow` false a copy of it."""
        return self._value if borrow else self._value.copy()

    def set_value(self, value: np.ndarray) -> None:
        """Replace the array."""
        self._value = value
