"""Adam, the scaling of its step and the clipping of the result in one pass over memory.

`adam_step` recognises

    m' = a m + b g,  v' = c v + d g^2,
    clip(W + (r m' ...) / (s (epsilon + sqrt(v')) ...), low, high)

in which all but W, g, m and v are scalars, and puts `AdamStep` in its place;
`adam_step_inplace` lets it work in the storage of W, m and v.
"""

from __future__ import annotations

import numpy as np
import theano.scalar as scalar
import theano.tensor as T
from theano.tensor.elemwise import Elemwise

from theano_engine.ops.adam_step import AdamStep
from theano_engine.rewrites.questions.matching import number, operands
from theano_engine.rewrites.replacing import replaces


def _scaled(variable):
    """(factor, x) where `variable` is a constant factor times x."""
    found = operands(variable, scalar.Mul)
    if len(found) == 2:
        for factor, x in (found, found[::-1]):
            if number(factor) is not None:
                return number(factor), x
    return None


def _moment(variable):
    """(decay, weight, old moment, what is averaged) of a moving average, in both orders."""
    terms = [_scaled(term) for term in operands(variable, scalar.Add)]
    if len(terms) != 2 or None in terms:
        return []
    return [(a[0], b[0], a[1], b[1]) for a, b in (terms, terms[::-1])]


def _split(variable):
    """(scalar factors, the other factor) of a product with one factor that is no scalar."""
    factors = operands(variable, scalar.Mul) or (variable,)
    others = [x for x in factors if not all(x.broadcastable)]
    if len(others) != 1:
        return None
    return [x for x in factors if all(x.broadcastable)], others[0]


def _root_and_epsilon(variable):
    """(v, epsilon) where `variable` is `epsilon + sqrt(v)`."""
    terms = operands(variable, scalar.Add)
    if len(terms) == 2:
        for epsilon, root in (terms, terms[::-1]):
            under = operands(root, scalar.Sqrt)
            if number(epsilon) is not None and under:
                return under[0], number(epsilon)
    return None, None


def _descent(variable):
    """(scalars above, m', scalars below, v', epsilon) of Adam's step, or None."""
    fraction = operands(variable, scalar.TrueDiv)
    above = _split(fraction[0]) if fraction else None
    below = _split(fraction[1]) if fraction else None
    if above is None or below is None:
        return None
    second, epsilon = _root_and_epsilon(below[1])
    return None if second is None else (*above, below[0], second, epsilon)


def _is_square(variable, x) -> bool:
    if operands(variable, scalar.Sqr) == (x,):
        return True
    power = operands(variable, scalar.Pow)
    return bool(power) and power[0] is x and number(power[1]) == 2


def _moments(first, second):
    """AdamStep's constants and (gradient, m, v), given m' and v'."""
    for first_decay, first_weight, m, gradient in _moment(first):
        for second_decay, second_weight, v, square in _moment(second):
            if _is_square(square, gradient):
                constants = {
                    "first_decay": first_decay,
                    "first_weight": first_weight,
                    "second_decay": second_decay,
                    "second_weight": second_weight,
                }
                return constants, (gradient, m, v)
    return None


def _changes(variable):
    """(x, y, sign) wherever `variable` is x + y or x - y."""
    terms = operands(variable, scalar.Add)
    if len(terms) == 2:
        one = np.float32(1)
        return [(*terms, one), (*terms[::-1], one)]
    terms = operands(variable, scalar.Sub)
    return [(*terms, np.float32(-1))] if terms else []


def _product(factors):
    result = T.constant(1.0, dtype="float32")
    for factor in factors:
        result = result * factor.dimshuffle()
    return result


@replaces(Elemwise)
def adam_step(node):
    """Adam's step, scaled and clipped -> AdamStep."""
    clipped = operands(node.outputs[0], scalar.Clip)
    if not clipped or node.outputs[0].dtype != "float32":
        return None
    for parameter, change, sign in _changes(clipped[0]):
        descent = _descent(change)
        low, high = (number(bound) for bound in clipped[1:])
        if descent is None or low is None or high is None:
            continue
        above, first, below, second, epsilon = descent
        found = _moments(first, second)
        if found is None:
            continue
        constants, arrays = found
        rate = sign * _product(above) / _product(below)
        inputs = [parameter, *arrays, rate]
        if any(x.dtype != "float32" for x in inputs) or len({x.type for x in inputs[:4]}) > 1:
            continue
        step = AdamStep(epsilon=epsilon, low=low, high=high, **constants)
        outputs = step.make_node(*inputs).outputs
        return dict(zip([node.outputs[0], first, second], outputs))
    return None


@replaces(AdamStep)
def adam_step_inplace(node):
    """AdamStep -> one that works in the storage of parameter, m and v."""
    return None if node.op.inplace else node.op.working_inplace().make_node(*node.inputs).outputs
