"""Whether an expression ends in one of two values, and which steps lead to its comparison."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import theano.scalar as scalar
from theano.gof import Constant

from theano_engine.ops.binary_signs import HIGH, LOW, NAN
from theano_engine.ops.rounding import Round3
from theano_engine.rewrites.questions.matching import clients, scalar_op
from theano_engine.rewrites.questions.values import evaluate, value_set

# Whether one half itself is rounded down.
ROUNDINGS = {
    Round3: False,
    scalar.RoundHalfAwayFromZero: False,
    scalar.RoundHalfToEven: True,
}

# By the place of the value that the step acts on: first, or second with one operand before it.
_OPERATIONS = {
    scalar.Add: ("add", "add"),
    scalar.Mul: ("multiply", "multiply"),
    scalar.Sub: ("subtract", "subtract_from"),
    scalar.TrueDiv: ("divide", None),
}


@dataclass(frozen=True)
class Binarization:
    """`low` or `high` (`nan` for NaN), as `x` compares with one half: with `above`, more than it.

    nan: NAN, LOW or HIGH of `theano_engine.ops.binary_signs`.
    """

    x: Any
    above: bool
    low: float
    high: float
    nan: int

    def steps(self):
        """(source, steps): x is the variable `source` after `steps`.

        The source is the last variable that something else needs as well; steps are pairs of an
        operation's name and its operand.
        """
        return steps_before(self.x)


def binarization_of(variable) -> Binarization | None:
    """How `variable`, float32, is computed from round(clip(x, 0, 1)), where it is."""
    if scalar_op(variable) is None or variable.dtype != "float32":
        return None
    rounded = _rounding_below(variable)
    if rounded is None:
        return None
    low, high, nan = (_outcome(variable, rounded, value) for value in (0.0, 1.0, math.nan))
    if low is None or high is None or nan is None or low == high:
        return None
    if not math.isnan(nan) and nan not in (low, high):
        return None
    x = rounded.owner.inputs[0].owner.inputs[0]
    if x.dtype != "float32" or x.type.broadcastable != variable.type.broadcastable:
        return None
    return Binarization(
        x,
        ROUNDINGS[type(scalar_op(rounded))],
        low,
        high,
        NAN if math.isnan(nan) else LOW if nan == low else HIGH,
    )


def _rounding_below(variable):
    """The round(clip(x, 0, 1)) that all of `variable` but constants is computed from, or None."""
    operation = scalar_op(variable)
    if operation is None:
        return None
    if type(operation) in ROUNDINGS:
        clipped = variable.owner.inputs[0]
        if not isinstance(scalar_op(clipped), scalar.Clip):
            return None
        limits = [value_set(limit) for limit in clipped.owner.inputs[1:]]
        return variable if limits == [{0.0}, {1.0}] else None
    others = [x for x in variable.owner.inputs if not isinstance(x, Constant)]
    return _rounding_below(others[0]) if len(set(others)) == 1 else None


def _outcome(variable, rounded, value) -> float | None:
    """What `variable` is where `rounded` is `value`; None where float32 would have to round."""
    if variable is rounded:
        return value
    inputs = []
    for x in variable.owner.inputs:
        if isinstance(x, Constant):
            values = value_set(x)
            if values is None or len(values) != 1:
                return None
            (number,) = values
        else:
            number = _outcome(x, rounded, value)
        if number is None:
            return None
        inputs.append(np.float64(number))
    result = evaluate(variable.owner.op.scalar_op, inputs)
    exact = math.isnan(result) or float(np.float32(result)) == result
    return result if exact else None


def steps_before(x):
    """(source, steps) of `x`, as in `Binarization.steps`."""
    steps: list = []
    while len(clients(x)) == 1:
        found = _last_steps(x)
        if found is None:
            break
        x, last = found
        steps[:0] = last
    return x, tuple(steps)


def _last_steps(x):
    """(what x's Op acts on, its steps), or None where it is not one of the steps' operations."""
    operation = type(scalar_op(x))
    if operation not in _OPERATIONS:
        return None
    inputs = x.owner.inputs
    acted_on = [i for i, v in enumerate(inputs) if not _is_operand(v)]
    if len(acted_on) != 1 or acted_on[0] > 1:
        return None
    (place,) = acted_on
    source = inputs[place]
    first, second = _OPERATIONS[operation]
    name = first if place == 0 else second
    same = source.dtype == "float32" and source.type.broadcastable == x.type.broadcastable
    if name is None or not same or x.dtype != "float32":
        return None
    return source, [(name, operand) for operand in inputs[:place] + inputs[place + 1 :]]


def _is_operand(variable) -> bool:
    pattern = variable.type.broadcastable
    return variable.dtype == "float32" and all(pattern[:1] + pattern[2:])
