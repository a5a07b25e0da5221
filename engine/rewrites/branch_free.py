"""Rounding, selecting and clipping as comparisons and arithmetic, for loops without branches.

Theano fuses elementwise Ops into loops that the compiler turns into vector instructions, unless a
C function or a branch is in the way, as in Theano's `round`, `switch` and `clip`: those loops run
ten times slower (`benchmarks/`). The replacements give the same values, NaN included.

Registered from 48.45 on: after all that recognises two-valued variables by their rounding (and the
convolutions with them), before elementwise Ops are fused (49). Tag `binary`; the names, in order:

- `round_switch_to_comparison`: `switch(round(clip(u, 0, 1)), h, -h)`, the binarization of weights;
- `round_to_comparison`: `round3(clip(u, 0, 1))`, the binary activations that are left;
- `clip_to_minimum_and_maximum`: clipping between constants.
"""

from __future__ import annotations

import numpy as np
import theano.scalar as scalar
import theano.tensor as T
from theano.compile import optdb
from theano.gof.opt import copy_stack_trace, in2out, local_optimizer
from theano.tensor.elemwise import Elemwise

from engine.ops.rounding import Round3
from engine.rewrites.matching import number, operands


def _constant(value, like):
    """A constant that broadcasts against `like`, of its dtype."""
    return T.constant(np.full((1,) * like.ndim, value, dtype=like.dtype))


def _unit_clipped(variable):
    """u where `variable` is `clip(u, 0, 1)`."""
    clipped = operands(variable, scalar.Clip)
    if clipped and number(clipped[1]) == 0 and number(clipped[2]) == 1:
        return clipped[0]
    return None


def _replaced(node, new):
    if new.type != node.outputs[0].type:
        return None
    copy_stack_trace(node.outputs[0], new)
    return [new]


@local_optimizer([Elemwise])
def round_switch_to_comparison(node):
    branches = operands(node.outputs[0], scalar.Switch)
    if not branches:
        return None
    rounded = operands(branches[0], scalar.RoundHalfToEven)
    u = _unit_clipped(rounded[0]) if rounded else None
    positive, negative = (number(branch) for branch in branches[1:])
    if u is None or positive is None or negative is None or positive != -negative:
        return None
    # A half is rounded to even, 0. NaN is not 0, and not less than or equal to a half either.
    below = T.le(u, _constant(0.5, u))
    return _replaced(node, _constant(positive, u) - _constant(2 * positive, u) * below)


@local_optimizer([Elemwise])
def round_to_comparison(node):
    rounded = operands(node.outputs[0], Round3)
    if not rounded or _unit_clipped(rounded[0]) is None:
        return None
    clipped = rounded[0]
    # The second term is 0, or NaN where the first has lost it.
    return _replaced(node, T.ge(clipped, _constant(0.5, clipped)) + _constant(0, clipped) * clipped)


@local_optimizer([Elemwise])
def clip_to_minimum_and_maximum(node):
    clipped = operands(node.outputs[0], scalar.Clip)
    if not clipped or "float" not in clipped[0].dtype:
        return None
    x, (low, high) = clipped[0], (number(bound) for bound in clipped[1:])
    if low is None or high is None or not low <= high:
        return None
    return _replaced(node, T.maximum(T.minimum(x, _constant(high, x)), _constant(low, x)))


for _position, _rewrite in (
    (48.45, round_switch_to_comparison),
    (48.46, round_to_comparison),
    (48.47, clip_to_minimum_and_maximum),
):
    _navigator = in2out(_rewrite, name=_rewrite.__name__)
    optdb.register(_rewrite.__name__, _navigator, _position, "fast_run", "binary")
