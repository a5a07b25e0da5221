"""How exactly a product is computed: float32, or TF32 on tensor cores where that loses nothing.

TF32 rounds the operands of a product to eleven significant bits and sums in float32. -1, 0 and 1
are not changed by that, so products of binarized activations and weights are exact in TF32, as long
as their sums stay below 2**24. Where only one operand is such (every gradient of a binarized layer,
and the first layer), the other is split into two parts of eleven bits each, whose sum is its value
to within one unit in the last of float32's 24 bits, and mostly all of it. Two products in TF32
are then made of terms as accurate as float32's own, where one alone would keep half the bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from theano_engine.rewrites.questions.values import value_set

FLOAT32 = "float32"
TF32 = "TF32"
SPLIT_FIRST = "TF32, first operand in two parts"
SPLIT_SECOND = "TF32, second operand in two parts"

# The first generation of GPUs (Ampere) that computes in TF32.
_TF32_CAPABILITY = (8, 0)

_available = False
_allowed = False


@contextmanager
def building(device: str, allow_tf32: bool) -> Iterator[None]:
    """Handlers built in this context compute on `device`, any product in TF32 if so allowed."""
    global _available, _allowed
    before = _available, _allowed
    _available = device != "cpu" and torch.cuda.get_device_capability(device) >= _TF32_CAPABILITY
    _allowed = allow_tf32
    try:
        yield
    finally:
        _available, _allowed = before


def choose(first, second) -> str:
    """The way, one of this module's four, to compute a product of two variables of a graph."""
    if not _available or first.type.dtype != "float32" or second.type.dtype != "float32":
        return FLOAT32
    small = _is_small(first), _is_small(second)
    if _allowed or all(small):
        return TF32
    if any(small):
        return SPLIT_SECOND if small[0] else SPLIT_FIRST
    return FLOAT32


def _is_small(variable) -> bool:
    """All elements are known to be -1, 0 or 1."""
    values = value_set(variable)
    return values is not None and values <= {-1.0, 0.0, 1.0}


def multiplied(product: Callable, first, second, how: str) -> torch.Tensor:
    """`product(first, second, tf32)`, bilinear in the two tensors, computed in the way `how`."""
    if how == SPLIT_FIRST:
        high, low = split(first)
        return product(high, second, True) + product(low, second, True)
    if how == SPLIT_SECOND:
        high, low = split(second)
        return product(first, high, True) + product(first, low, True)
    return product(first, second, how == TF32)


def split(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Two tensors that TF32 represents, whose sum is `x` (float32) to within 2**-23 of it."""
    high = _rounded(x)
    return high, _rounded(x - high)


def _rounded(x: torch.Tensor) -> torch.Tensor:
    """`x` rounded to eleven significant bits, halves to even; infinities stay."""
    bits = x.contiguous().view(torch.int32)
    return ((bits + 0xFFF + ((bits >> 13) & 1)) & -0x2000).view(torch.float32)
