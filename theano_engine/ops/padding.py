"""The padding of convolutions as numbers; what depends on the filters' size travels as a mark.

The kernels resolve the marks (`padding` in theano_engine/kernels/common/padding.h).
"""

from __future__ import annotations

HALF, FULL = -1, -2
_MARKS = {"valid": 0, "half": HALF, "full": FULL}


def pads_of(border_mode) -> tuple[tuple[int, int], tuple[int, int]]:
    """((top, bottom), (left, right)) of one of Theano's border modes; marks for "half" and "full".

    border_mode: "valid", "half", "full", a number, (rows, columns) or ((top, bottom), (left,
    right)).
    """
    mode = _MARKS[border_mode] if isinstance(border_mode, str) else border_mode
    rows, columns = (mode, mode) if isinstance(mode, int) else mode
    return _both(rows), _both(columns)


def _both(pad) -> tuple[int, int]:
    before, after = pad if isinstance(pad, (tuple, list)) else (pad, pad)
    return int(before), int(after)


def resolved(pad: int, filter_size: int) -> int:
    """The number that `pad` stands for, along an axis of filters of `filter_size`."""
    return {HALF: filter_size // 2, FULL: filter_size - 1}.get(pad, pad)
