"""The gradients of binary convolutions and dense layers by products of tiles of bfloat16.

The operand of two values is exact in bfloat16; the gradient of the layer's output is taken apart:
its first part is the number rounded to 8 bits, each further one what is left, rounded likewise
(`kernels/tiles/parts.h`). Where the kernels are compiled for a processor without tiles they compute
the same bits word by word, far slower.
"""

from __future__ import annotations

import math

from theano_engine.ops.gradient_conv import (
    BinaryConvFilterGradient,
    BinaryConvInputGradient,
    OfTwoValues,
)
from theano_engine.ops.gradient_dense import (
    BinaryDenseInputGradient,
    BinaryDenseWeightGradient,
    DenseGradient,
)
from theano_engine.processor import MOST_PARTS

# The bits of a bfloat16's mantissa, and powers of two between which no product leaves the floats'.
_BITS = 8
_GREATEST_EXPONENT = 32


def covers(subsample, values) -> bool:
    """Whether there are kernels for a convolution in these steps, of an operand of these values."""
    return tuple(subsample) == (1, 1) and are_exact(values)


def are_exact(values) -> bool:
    """Whether these values are exact in bfloat16, and far from where products are infinite."""
    return all(_is_exact(value) for value in values)


def _is_exact(value: float) -> bool:
    mantissa, exponent = math.frexp(value)
    return (mantissa * 2**_BITS).is_integer() and abs(exponent) < _GREATEST_EXPONENT


def _checked(parts: int, name: str) -> int:
    """`parts`; raises ValueError for the Op `name` where it is no number of parts."""
    if parts not in range(1, MOST_PARTS + 1):
        raise ValueError(f"{name}: {parts} parts")
    return parts


class _InParts(OfTwoValues):
    """What the Ops share: `parts`, the number of bfloat16 for an element of the gradient.

    With 3 each is exact, with 2 it is off by at most 2^-16 of itself, with 1 by 2^-8, and with each
    part by 2^-126, below which tiles know no number but 0.
    """

    def __init__(self, border_mode, subsample, filter_flip, low, high, parts):
        super().__init__(border_mode, subsample, filter_flip, low, high)
        if not covers(subsample, (low, high)):
            raise ValueError(f"{type(self).__name__}: steps {subsample}, values {low}, {high}")
        self.parts = _checked(parts, type(self).__name__)

    def _call(self, params):
        values = f"{params}->low, {params}->high"
        arguments = f"g, operand, top, {values}, {self.parts}, kernel_threads(), target"
        return f"tiles::{self._function}({arguments})"


class TiledConvInputGradient(_InParts, BinaryConvInputGradient):
    """`BinaryConvInputGradient`, by products of tiles."""

    __props__ = (*BinaryConvInputGradient.__props__, "parts")
    kernel = "tiles/input_gradient.h"


class TiledConvFilterGradient(_InParts, BinaryConvFilterGradient):
    """`BinaryConvFilterGradient`, by products of tiles."""

    __props__ = (*BinaryConvFilterGradient.__props__, "parts")
    kernel = "tiles/filter_gradient.h"


class _DenseInParts(DenseGradient):
    """What the Ops of dense layers share: `parts`, as `_InParts` has them."""

    __props__ = (*DenseGradient.__props__, "parts")
    kernel = "tiles/dense_gradient.h"

    def __init__(self, low, high, parts):
        super().__init__(low, high)
        if not are_exact((self.low, self.high)):
            raise ValueError(f"{type(self).__name__}: values {low}, {high}")
        self.parts = _checked(parts, type(self).__name__)

    def _call(self, params):
        values = f"{params}->low, {params}->high, {self.parts}"
        arguments = f"layer, operand.data(), top.data(), {values}, kernel_threads(), target"
        return f"tiles::{self._function}({arguments})"


class TiledDenseInputGradient(_DenseInParts, BinaryDenseInputGradient):
    """`BinaryDenseInputGradient`, by products of tiles."""


class TiledDenseWeightGradient(_DenseInParts, BinaryDenseWeightGradient):
    """`BinaryDenseWeightGradient`, by products of tiles."""
