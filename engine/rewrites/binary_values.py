"""Which values a variable's elements can take, as told by the graph that computes it.

Nothing is guessed: a set comes from constants, comparisons, the rounding of an interval, what an Op
of ours says of its outputs (`output_values`), and from Ops that only move, select or combine such
elements. NaN is not counted among the values, although rounding lets it through.
"""

from __future__ import annotations

import itertools
import warnings
from typing import Optional

import numpy as np
import theano.scalar as scalar
from theano.compile.ops import Rebroadcast, SpecifyShape
from theano.gof import Constant
from theano.tensor.basic import Alloc, Join, Reshape
from theano.tensor.elemwise import DimShuffle, Elemwise
from theano.tensor.extra_ops import CpuContiguous
from theano.tensor.opt import Assert
from theano.tensor.signal.pool import Pool
from theano.tensor.subtensor import AdvancedSubtensor1, IncSubtensor, Subtensor

from engine.ops.rounding import Round3

Values = Optional[frozenset]

MOST_VALUES = 4
_MOVING = (
    DimShuffle,
    Reshape,
    Subtensor,
    AdvancedSubtensor1,
    Rebroadcast,
    SpecifyShape,
    Assert,
    CpuContiguous,
    Alloc,
)
_ROUNDING = (Round3, scalar.basic.RoundHalfToEven, scalar.basic.RoundHalfAwayFromZero)
_COMPARING = (scalar.basic.LogicalComparison, scalar.basic.FixedLogicalComparison)


def value_set(variable) -> Values:
    """The finite set of values that `variable`'s elements lie in, or None where none is known."""
    return _values(variable, {})


def two_values(variable) -> tuple[float, float] | None:
    """The lower and the higher value of a variable that has exactly two, else None."""
    values = value_set(variable)
    return (min(values), max(values)) if values is not None and len(values) == 2 else None


def _values(variable, known: dict) -> Values:
    if variable not in known:
        known[variable] = None
        found = (
            _constant(variable) if isinstance(variable, Constant) else _computed(variable, known)
        )
        known[variable] = found if found is not None and len(found) <= MOST_VALUES else None
    return known[variable]


def _constant(variable) -> Values:
    data = np.asarray(variable.data)
    if data.dtype.kind not in "biuf" or data.size == 0:
        return None
    first = data.reshape(-1)[:MOST_VALUES]
    if not np.isfinite(first).all() or not np.isin(data, first).all():
        return None
    return frozenset(float(value) for value in first)


def _computed(variable, known) -> Values:
    node = variable.owner
    if node is None:
        return None
    stated = getattr(node.op, "output_values", None)
    if stated is not None:
        return stated.get(node.outputs.index(variable))
    if isinstance(node.op, Elemwise):
        return _elementwise(node, known)
    if isinstance(node.op, _MOVING):
        return _values(node.inputs[0], known)
    if isinstance(node.op, Pool) and node.op.mode == "max":
        return _values(node.inputs[0], known)
    if isinstance(node.op, Join):
        return _union([_values(x, known) for x in node.inputs[1:]])
    if isinstance(node.op, IncSubtensor) and node.op.set_instead_of_inc:
        return _union([_values(x, known) for x in node.inputs[:2]])
    return None


def _elementwise(node, known) -> Values:
    operation = node.op.scalar_op
    if isinstance(operation, _COMPARING):
        return frozenset({0.0, 1.0})
    if isinstance(operation, _ROUNDING):
        bounds = _interval(node.inputs[0])
        if bounds is not None and bounds[1] - bounds[0] < MOST_VALUES:
            return frozenset(
                float(value) for value in range(round(bounds[0]), round(bounds[1]) + 1)
            )
    if isinstance(operation, scalar.basic.Switch):
        return _union([_values(x, known) for x in node.inputs[1:]])
    if isinstance(operation, scalar.basic.Composite) or len(node.outputs) != 1:
        return None
    found = [_values(x, known) for x in node.inputs]
    sets = [values for values in found if values is not None]
    if len(sets) < len(found):
        return None
    dtype = node.outputs[0].dtype
    inputs = [sorted(np.array(list(s), dtype=x.dtype)) for s, x in zip(sets, node.inputs)]
    if dtype not in ("float32", "float64") or np.prod([len(s) for s in inputs]) > 64:
        return None
    with warnings.catch_warnings():
        # Theano's multiplication calls numpy's deprecated `product`.
        warnings.simplefilter("ignore", DeprecationWarning)
        outcomes = [operation.impl(*combination) for combination in itertools.product(*inputs)]
    results = {float(np.asarray(outcome, dtype=dtype)) for outcome in outcomes}
    return frozenset(results) if all(np.isfinite(list(results))) else None


def _union(sets) -> Values:
    return None if any(values is None for values in sets) else frozenset().union(*sets)


def _interval(variable) -> tuple[float, float] | None:
    """Integer bounds between which a clipped variable's elements lie."""
    node = variable.owner
    if node is None or not isinstance(node.op, Elemwise):
        return None
    if not isinstance(node.op.scalar_op, scalar.basic.Clip):
        return None
    bounds = []
    for bound in node.inputs[1:]:
        values = value_set(bound)
        if values is None or len(values) != 1:
            return None
        bounds.append(min(values))
    low, high = bounds
    return (low, high) if low <= high and low.is_integer() and high.is_integer() else None
