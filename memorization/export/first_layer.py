"""The first layer in whole numbers, and the images for which that may differ.

What the network sees of a byte x is 2/255 * x - 1 rounded to float32, and the first layer adds such
numbers one after the other, rounding each sum. Without any rounding a sum would be k / 255, where k
is the same sum of 2 * x - 255. A unit's threshold on k decides as its threshold on the rounded sum
does, but where the two are closer to it than the roundings may have moved them:

    2**-24 * (4 * n + |s_1| + ... + |s_n|),

n the terms of the sum and s_i the sum of the first i of them: each addition moves a sum by at most
2**-24 of what it gives, and each term was moved by less than 4 * 2**-24 when it was scaled.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from memorization.export.inference import laid_out, ordered_terms, unit_range
from memorization.export.model import PackedLayer, PackedNetwork, affine, is_high

GREY_LEVELS = 255
# Sums of so many numbers up to 255 are exact in float32.
MOST_FIRST_INPUTS = (1 << 24) // GREY_LEVELS

# Float32 as whole numbers that are ordered alike: -inf, inf.
_LEAST, _MOST = -0x7F800000, 0x7F800000


def float_thresholds(layer: PackedLayer) -> tuple[np.ndarray, np.ndarray]:
    """`threshold` (units,) float32 and `flipped` (units,) bool of a first layer.

    A unit is high where (sum >= threshold) != flipped, for every float32 sum: found by halving
    among all of them, since what follows the sum is monotonic in it. A unit that never turns has
    an infinite threshold.
    """
    parameters = layer.affine
    assert parameters is not None

    def high(places: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore", invalid="ignore"):
            return is_high(affine(_float_at(places), *parameters))

    units = layer.units
    # Finite numbers alone: infinity times a scale of 0 is none.
    least, most = np.full(units, _LEAST + 1), np.full(units, _MOST - 1)
    at_least, at_most = high(least), high(most)
    flipped = at_least & ~at_most
    turns = at_least != at_most
    below, above = least, most
    while (above - below > 1).any():
        middle = (below + above) // 2
        begun = high(middle) != flipped
        above, below = np.where(begun, middle, above), np.where(begun, below, middle)
    never = np.where(at_least, -np.inf, np.inf)
    return np.where(turns, _float_at(above), never).astype(np.float32), flipped


def _float_at(places: np.ndarray) -> np.ndarray:
    """The float32 numbers in order, counted from 0."""
    magnitude = np.abs(places).astype(np.int32).view(np.float32)
    return np.where(places < 0, -magnitude, magnitude)


def first_thresholds(layer: PackedLayer) -> tuple[np.ndarray, np.ndarray]:
    """The same for the sum k of 2 * x - 255: whole numbers, or infinity."""
    threshold, flipped = float_thresholds(layer)
    # In double precision the product is exact.
    return np.ceil(threshold.astype(np.float64) * GREY_LEVELS), flipped


def near_thresholds(network: PackedNetwork, images: np.ndarray) -> np.ndarray:
    """Which of the images (n, *image shape) uint8 have a sum as close to its threshold as above.

    (n,) bool. For all others the first layer's bits are the same in both ways.
    """
    layer = network.layers[0]
    if len(network.layers) == 1:
        return np.zeros(len(images), bool)
    threshold, _ = float_thresholds(layer)
    step = max(1, (1 << 22) // (layer.units * int(np.prod(layer.output_shape[1:]))))
    found = [
        _near(layer, threshold, images[first : first + step])
        for first in range(0, len(images), step)
    ]
    return np.concatenate(found) if found else np.zeros(0, bool)


def _near(layer: PackedLayer, threshold: np.ndarray, images: np.ndarray) -> np.ndarray:
    rows = np.where(layer.positive, np.float32(1), np.float32(-1))
    levels = images.astype(np.float32) * 2 - GREY_LEVELS
    if layer.convolutional:
        x, exact = unit_range(images), np.matmul(rows, laid_out(levels))
    else:
        x = unit_range(images).reshape(len(images), -1)
        exact = levels.reshape(len(images), -1) @ rows.T
    sums: Any = np.float32(0)
    passed: Any = np.float64(0)
    for term in ordered_terms(layer, x, rows):
        sums = sums + term
        passed = passed + np.abs(sums)
    bound = 2.0**-24 * (4 * rows.shape[1] + passed)
    distance = exact.reshape(bound.shape) / np.float64(GREY_LEVELS)
    distance -= threshold.reshape(-1, *(1,) * (bound.ndim - 2)).astype(np.float64)
    return (np.abs(distance) <= bound).reshape(len(images), -1).any(axis=1)
