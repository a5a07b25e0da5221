"""Which values a variable's elements can take, as told by the graph that computes it.

Nothing is guessed: a set comes from constants, comparisons, the rounding of an interval, what an Op
of ours says of its outputs (`output_values`), and from Ops that only move, select or combine such
elements. What is built on anything else is not known either, so that an operand which only looks
binary (clipped but not rounded, rounded but not clipped, scaled by dropout) stays unknown. NaN is
not counted among the values, although rounding lets it through.
"""

from __future__ import annotations

import itertools
import math
import warnings
from dataclasses import dataclass
from functools import singledispatch

import numpy as np
import theano.scalar as scalar
from theano.compile.ops import DeepCopyOp, Rebroadcast, SpecifyShape, ViewOp
from theano.gof import Constant
from theano.tensor.basic import Alloc, Join, Reshape
from theano.tensor.elemwise import DimShuffle, Elemwise
from theano.tensor.extra_ops import CpuContiguous
from theano.tensor.opt import Assert
from theano.tensor.signal.pool import Pool
from theano.tensor.subtensor import (
    AdvancedSubtensor,
    AdvancedSubtensor1,
    IncSubtensor,
    Subtensor,
)

from theano_engine.ops.rounding import Round3

Values = frozenset | None  # of floats; None where the set is not known

# Ops that move, repeat or leave out elements of their first input.
_MOVING = (
    *(Alloc, DimShuffle, Reshape, Subtensor, AdvancedSubtensor, AdvancedSubtensor1),
    *(Assert, CpuContiguous, DeepCopyOp, Rebroadcast, SpecifyShape, ViewOp),
)

# More than the two of an operand, for what operands are computed from.
MOST_VALUES = 4


def _half_away_from_zero(value: float) -> float:
    return math.copysign(math.floor(abs(value) + 0.5), value)


_ROUNDING = {
    Round3: _half_away_from_zero,
    scalar.RoundHalfAwayFromZero: _half_away_from_zero,
    scalar.RoundHalfToEven: round,
    scalar.Floor: math.floor,
    scalar.Ceil: math.ceil,
}


def value_set(variable) -> Values:
    """The finite set of values that `variable`'s elements lie in, or None where none is known."""
    return _values(variable, {})


def two_values(variable) -> tuple[float, float] | None:
    """The lower and the higher value of a variable that has exactly two, else None."""
    values = value_set(variable)
    return (min(values), max(values)) if values is not None and len(values) == 2 else None


@dataclass(frozen=True)
class Coding:
    """How an operand's values stand for bits: 0/1 (`unit`), or -magnitude/+magnitude."""

    unit: bool
    magnitude: float


# Far from where float32 would overflow or lose bits of a product of two magnitudes and a count.
_SMALLEST_EXPONENT, _GREATEST_EXPONENT = -32, 32


def coding_of(variable) -> Coding | None:
    """`variable`'s coding where it is float32 and has one; magnitudes are powers of two."""
    if variable.dtype != "float32":
        return None
    values = value_set(variable)
    if not values:
        return None
    if values <= {0.0, 1.0} and 0.0 in values:
        return Coding(unit=True, magnitude=1.0)
    magnitudes = {abs(value) for value in values}
    if len(magnitudes) != 1 or magnitudes == {0.0}:
        return None
    (magnitude,) = magnitudes
    mantissa, exponent = math.frexp(magnitude)
    if mantissa != 0.5 or not _SMALLEST_EXPONENT < exponent < _GREATEST_EXPONENT:
        return None
    return Coding(unit=False, magnitude=magnitude)


def _values(variable, known: dict) -> Values:
    if variable not in known:
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


def _computed(variable, known: dict) -> Values:
    if getattr(variable.type, "dtype", None) == "bool":
        return frozenset({0.0, 1.0})
    node = variable.owner
    if node is None:
        return None
    stated = getattr(node.op, "output_values", None)
    if stated is not None:
        return stated.get(node.outputs.index(variable))
    return _values_of_output(node.op, node, known)


@singledispatch
def _values_of_output(op, node, known: dict) -> Values:
    """The values of the only output of `node`, whose Op is `op`; one handler per Op follows."""
    return None


def _values_of_moved(op, node, known):
    return _values(node.inputs[0], known)


for _class in _MOVING:
    _values_of_output.register(_class, _values_of_moved)


@_values_of_output.register(Join)
def _values_of_join(op, node, known):
    return _union(node.inputs[1:], known)


@_values_of_output.register(IncSubtensor)
def _values_of_set_subtensor(op, node, known):
    return _union(node.inputs[:2], known) if op.set_instead_of_inc else None


@_values_of_output.register(Pool)
def _values_of_pool(op, node, known):
    """A maximum is one of its inputs, unless padding adds windows that hold none."""
    padding = node.inputs[3]
    if op.mode != "max" or not isinstance(padding, Constant) or np.any(padding.data):
        return None
    return _values(node.inputs[0], known)


@_values_of_output.register(Elemwise)
def _values_of_elemwise(op, node, known):
    operation = op.scalar_op
    if isinstance(operation, scalar.Switch):
        return _union(node.inputs[1:], known)
    if type(operation) in _ROUNDING:
        return _rounded(_ROUNDING[type(operation)], _bounds(node.inputs[0], known))
    if len(node.outputs) != 1:
        return None
    sets = []
    for variable in node.inputs:
        values = _values(variable, known)
        if values is None:
            return None
        sets.append(sorted(values))
    if math.prod(map(len, sets)) > MOST_VALUES**2:
        return None
    return _evaluated(operation, node, sets)


def _evaluated(operation, node, sets) -> Values:
    """The outcomes over all combinations; None where one of them depends on rounding."""
    own = [np.dtype(variable.dtype).type for variable in node.inputs]
    result = np.dtype(node.outputs[0].dtype).type
    outcomes = set()
    for combination in itertools.product(*sets):
        exact = evaluate(operation, map(np.float64, combination))
        rounded = evaluate(operation, (kind(value) for kind, value in zip(own, combination)))
        if not math.isfinite(exact) or float(result(rounded)) != exact:
            return None
        outcomes.add(exact)
    return frozenset(outcomes)


def evaluate(operation, numbers) -> float:
    """The scalar Op `operation` applied to numpy `numbers`."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # Theano's multiplication calls numpy's deprecated `product`.
        warnings.simplefilter("ignore", DeprecationWarning)
        return float(operation.impl(*numbers))


def _union(variables, known: dict) -> Values:
    union: frozenset = frozenset()
    for variable in variables:
        values = _values(variable, known)
        if values is None:
            return None
        union |= values
    return union


def _bounds(variable, known: dict) -> tuple[float, float] | None:
    """The least and the greatest value that `variable`'s elements may have."""
    values = _values(variable, known)
    if values:
        return min(values), max(values)
    node = variable.owner
    if node is not None and isinstance(node.op, _MOVING):
        return _bounds(node.inputs[0], known)
    if node is None or not isinstance(node.op, Elemwise):
        return None
    if not isinstance(node.op.scalar_op, scalar.Clip):
        return None
    least, greatest = (_values(limit, known) for limit in node.inputs[1:])
    if not least or not greatest or max(least) > min(greatest):
        return None
    return min(least), max(greatest)


def _rounded(rounding, bounds) -> Values:
    if bounds is None:
        return None
    least, greatest = (int(rounding(bound)) for bound in bounds)
    if greatest - least >= MOST_VALUES:
        return None
    return frozenset(float(value) for value in range(least, greatest + 1))
