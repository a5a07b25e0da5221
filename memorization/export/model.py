"""Networks as they are exported, and the two formulas that all of them share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

ONE = np.float32(1)
# Sums are exact in float32 up to here.
MOST_INPUTS = 1 << 24


@dataclass(frozen=True)
class PackedLayer:
    """A layer as it is exported.

    `positive` (units, inputs) bool: which weights are +1, the others being -1; of a convolution in
    the order channels, image rows, image columns. `input_shape` is (channels, rows, columns), or
    (inputs,). Of the first and the output layer `affine` is bias, mean, scale and beta, (units,)
    float32 each; of all others `threshold` (units,) int32 and `flipped` (units,) bool: a unit is
    high where (sum >= threshold) != flipped.
    """

    positive: np.ndarray
    input_shape: tuple[int, ...]
    pools: bool
    affine: tuple[np.ndarray, ...] | None = None
    threshold: np.ndarray | None = None
    flipped: np.ndarray | None = None

    @property
    def convolutional(self) -> bool:
        """Whether it is a convolution of 3 x 3, padded by one zero on each side."""
        return len(self.input_shape) == 3

    @property
    def units(self) -> int:
        """Filters of a convolution, units of a dense layer."""
        return len(self.positive)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """(filters, rows, columns) behind the pooling, or (units,)."""
        if not self.convolutional:
            return (self.units,)
        shrunk = 2 if self.pools else 1
        return (self.units, *(size // shrunk for size in self.input_shape[1:]))


@dataclass(frozen=True)
class PackedNetwork:
    """A network as it is exported: what `packed.save` writes and `packed.load` reads.

    `unit` is "tanh" for activations of -1 and +1, "sigmoid" for 0 and 1. `record` is the run's, or
    empty.
    """

    image_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    unit: str
    layers: tuple[PackedLayer, ...]
    record: Any

    @property
    def low(self) -> int:
        """What an activation is that is not high; a high one is 1."""
        return -1 if self.unit == "tanh" else 0


def affine(sums: np.ndarray, bias, mean, scale, beta) -> np.ndarray:
    """`((sums + bias) - mean) * scale + beta` in float32, every operation rounded by itself."""
    result = sums + bias
    result -= mean
    result *= scale
    result += beta
    return result


def is_high(normalised: np.ndarray) -> np.ndarray:
    """Which of the values, float32, the binary activation sends to its higher value."""
    return normalised + ONE >= ONE
