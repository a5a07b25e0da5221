"""Labels that a random binary network tells of patterns: one that labels them without error exists.

The planted case of studies of capacity, teacher and student (Gardner and Derrida 1989; Gyorgyi
1990): a network of the teacher's shape that does not fit has not found what there is.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from datasets.pool import DataError
from foundations.streams import Purpose, random_state

MOST_UNITS = 2**16 - 1

# Patterns that are labelled at a time.
_BLOCK = 1000


def layers(dimensions: int, hidden: Sequence[int], classes: int) -> list[tuple[int, int]]:
    """(fan-in, units) of each layer of a teacher; of two classes a single output tells.

    Raises DataError where `hidden` are not the units of hidden layers, 1 to MOST_UNITS each.
    """
    if not isinstance(hidden, Sequence) or isinstance(hidden, str):
        raise DataError("--teacher: wanted are the units of its hidden layers")
    if not all(type(units) is int and 1 <= units <= MOST_UNITS for units in hidden):
        raise DataError(f"--teacher: wanted are whole numbers from 1 to {MOST_UNITS}")
    outputs = 1 if classes == 2 else classes
    return list(itertools.pairwise([dimensions, *hidden, outputs]))


def draw_weights(of_layers: Sequence[tuple[int, int]], seed: int) -> list[np.ndarray]:
    """The weights, +1 or -1, of each layer: (fan-in, units) float32; `seed` names their streams."""
    drawn = []
    for number, shape in enumerate(of_layers):
        state = random_state(Purpose.TEACHER_WEIGHTS, seed, number)
        signs = state.randint(0, 2, size=shape, dtype=np.uint8).astype(np.float32)
        signs *= 2
        signs -= 1
        drawn.append(signs)
    return drawn


def labels_of(weights: Sequence[np.ndarray], patterns: np.ndarray) -> np.ndarray:
    """The classes (n,) int64 that the network of `weights` tells of `patterns` (n, D), +1 and -1.

    A hidden unit is +1 where its sum is 0 or more, else -1. The class is the first of the largest
    sums of the last layer; a single one tells class 1 where it is 0 or more, else class 0.
    """
    found = [
        _labels_of_block(weights, patterns[start : start + _BLOCK])
        for start in range(0, len(patterns), _BLOCK)
    ]
    return np.concatenate([np.zeros(0, np.int64), *found])


def _labels_of_block(weights, signs):
    *hidden, last = weights
    for layer in hidden:
        # Sums of whole numbers below 2**24 are exact in float32, in any order.
        signs = np.where(signs @ layer >= 0, np.float32(1), np.float32(-1))
    sums = signs @ last
    told = sums.argmax(axis=1) if sums.shape[1] > 1 else sums[:, 0] >= 0
    return told.astype(np.int64)
