"""Which products of a graph may be made in TF32."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

_allowed = False


@contextmanager
def allowing_tf32(allowed: bool) -> Iterator[None]:
    """Handlers built in this context let every product of float32 use TF32."""
    global _allowed
    before, _allowed = _allowed, allowed
    try:
        yield
    finally:
        _allowed = before


def in_tf32(operands: Sequence) -> bool:
    """May the product of these variables be made in TF32? Always where that is exact.

    It is for operands whose elements are all known to be -1, 0 or 1: their products are as well,
    and sums of up to 2**24 of them are exact in float32.
    """
    return _allowed or all(_small_integers(operand) for operand in operands)


def _small_integers(variable) -> bool:
    return False
