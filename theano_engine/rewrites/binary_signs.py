"""Elementwise expressions of two values, and binary convolutions that end in one, in one pass each.

`binary_reshaped_rounding` (1.64; tag `binary`)
    round(reshape(x)) -> reshape(round(x)): canonicalisation pulls a lone rounding away from what it
    rounds.
`binary_conv_signs` (1.65; tag `binary`)
    BinaryConv2d, perhaps a bias and max-pooling, batch norm with stored averages, binarization ->
    BinaryConvSigns; also for a convolution of float images of few channels, such as a network's
    first, whose sums are then taken in the kernel's own order. Where a training graph needs the
    values in between for its gradients, or batch norm takes their statistics, it stays as it is.
`binary_packed_signs` (1.66; tag `binary`)
    Two-valued images that nothing but BinaryConvSigns reads travel to it as packed bits.
`binary_signs` (48.8; tag `binary`)
    What is left of binarizations, that of the weights first of all -> BinarySigns. It comes after
    all rewrites that recognise binary operands by how they are computed, and before elementwise
    fusion (49). Rounding is a call per element in the code that Theano makes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import theano.scalar as scalar
from theano.compile.mode import optdb
from theano.gof import Constant
from theano.gof.opt import copy_stack_trace, in2out, local_optimizer, out2in
from theano.tensor.basic import Reshape
from theano.tensor.elemwise import Elemwise
from theano.tensor.nnet.abstract_conv import AbstractConv2d
from theano.tensor.signal.pool import Pool

from theano_engine.ops.binary_conv import BinaryConv2d
from theano_engine.ops.binary_signs import HIGH, LOW, NAN, BinaryConvSigns, BinarySigns, PackSigns
from theano_engine.ops.rounding import Round3
from theano_engine.rewrites.binary_conv import coding_of, has_plain_geometry
from theano_engine.rewrites.binary_values import evaluate, value_set

# Images of up to so many channels are cheaper to sum over than to lay out for a matrix product.
FEW_CHANNELS = 4

# Whether one half itself is rounded down.
_ABOVE_HALF = {
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

# A maximum over values before such a step is that of the values after it.
_INCREASING = ("add", "subtract")


@dataclass(frozen=True)
class Binarization:
    """`low` or `high` (`nan` for NaN), as `source` after `steps` compares with one half.

    steps: pairs of an operation's name and its operand.
    """

    source: Any
    steps: tuple
    above: bool
    low: float
    high: float
    nan: int


def binarization_of(variable) -> Binarization | None:
    """How `variable` is binarized, where it is.

    The source is the last variable before the binarization that something else needs as well.
    """
    if _scalar_op(variable) is None or variable.dtype != "float32":
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
    source, steps = _steps_before(x)
    above = _ABOVE_HALF[type(_scalar_op(rounded))]
    return Binarization(
        source, steps, above, low, high, NAN if math.isnan(nan) else LOW if nan == low else HIGH
    )


def _scalar_op(variable):
    node = variable.owner
    return node.op.scalar_op if node is not None and isinstance(node.op, Elemwise) else None


def _rounding_below(variable):
    """The round(clip(x, 0, 1)) that all of `variable` but constants is computed from, or None."""
    operation = _scalar_op(variable)
    if operation is None:
        return None
    if type(operation) in _ABOVE_HALF:
        clipped = variable.owner.inputs[0]
        if not isinstance(_scalar_op(clipped), scalar.Clip):
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


def _steps_before(x):
    """(source, steps): x is `source` after `steps`."""
    steps: list = []
    while len(_clients(x)) == 1:
        found = _last_steps(x)
        if found is None:
            break
        x, last = found
        steps[:0] = last
    return x, tuple(steps)


def _clients(variable):
    return getattr(variable, "clients", ())


def _last_steps(x):
    """(what x's Op acts on, its steps), or None where it is not one of the steps' operations."""
    operation = type(_scalar_op(x))
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


def _arguments(steps):
    """The inputs of an Op of steps."""
    return [[name for name, _ in steps], *(operand for _, operand in steps)]


def _replacement(old, new):
    copy_stack_trace(old, new)
    return [old.type.filter_variable(new, allow_convert=True)]


@local_optimizer([Elemwise])
def binary_reshaped_rounding(node):
    """round(reshape(x)) -> reshape(round(x))."""
    if type(_scalar_op(node.outputs[0])) not in _ABOVE_HALF:
        return None
    reshaped = node.inputs[0]
    if reshaped.owner is None or not isinstance(reshaped.owner.op, Reshape):
        return None
    x, shape = reshaped.owner.inputs
    return _replacement(node.outputs[0], reshaped.owner.op(node.op(x), shape))


@local_optimizer([Elemwise])
def binary_conv_signs(node):
    """Binarization of a BinaryConv2d's outcome -> BinaryConvSigns."""
    found = binarization_of(node.outputs[0])
    if found is None or found.source.ndim != 4 or len(_clients(found.source)) != 1:
        return None
    source, steps, pool = found.source, found.steps, (1, 1)
    window = _pool_window(source)
    if window is not None:
        before, early = _steps_before(source.owner.inputs[0])
        if any(name not in _INCREASING for name, _ in early) or len(_clients(before)) != 1:
            return None
        source, steps, pool = before, early + steps, window
    convolution = _convolution_of(source)
    if convolution is None:
        return None
    fused = BinaryConvSigns(
        convolution, pool, found.above, low=found.low, high=found.high, nan=found.nan
    )
    return _replacement(node.outputs[0], fused(*source.owner.inputs, *_arguments(steps)))


def _convolution_of(variable):
    """The BinaryConv2d that computes `variable` or could compute it as fast as a float product."""
    op = variable.owner.op if variable.owner is not None else None
    if isinstance(op, BinaryConv2d):
        return op
    if not isinstance(op, AbstractConv2d) or not has_plain_geometry(op):
        return None
    images, filters = variable.owner.inputs
    channels = [shape[1] for shape in (op.imshp, op.kshp) if shape and shape[1] is not None]
    coding = coding_of(filters)
    if not channels or channels[0] > FEW_CHANNELS or images.dtype != "float32":
        return None
    if coding is None or coding.unit:
        return None
    return BinaryConv2d(op.border_mode, op.subsample, op.filter_flip, real_images=True)


def _pool_window(variable):
    """Rows and columns of a max-pooling without overlap, padding or partial windows, else None."""
    node = variable.owner
    if node is None or not isinstance(node.op, Pool):
        return None
    if node.op.mode != "max" or node.op.ndim != 2 or not node.op.ignore_border:
        return None
    if not all(isinstance(x, Constant) for x in node.inputs[1:]):
        return None
    window, stride, padding = (tuple(map(int, x.data)) for x in node.inputs[1:])
    return window if stride == window and padding == (0, 0) else None


@local_optimizer([BinaryConvSigns])
def binary_packed_signs(node):
    """Images of BinaryConvSigns, computed by another one or by steps -> packed bits."""
    if not isinstance(node.op, BinaryConvSigns):
        return None
    images = node.inputs[0]
    if images.dtype != "float32" or images.owner is None:
        return None
    for client, place in _clients(images):
        if client == "output" or not isinstance(client.op, BinaryConvSigns) or place != 0:
            return None
    packed = _packed(images, node.op.unit_images)
    if packed is None:
        return None
    return _replacement(node.outputs[0], node.op(packed, *node.inputs[1:]))


def _packed(images, ones: bool):
    """`images` as packed bits: 1 for the value 1 (`ones`), else for the negative value."""
    op = images.owner.op
    if isinstance(op, BinaryConvSigns):
        keywords = {name: getattr(op, name) for name in ("above", "low", "high", "nan")}
        packing = BinaryConvSigns(
            op.convolution,
            (op.pool_rows, op.pool_columns),
            **keywords,
            packed=True,
            ones_high=_high_is_one(op.high, ones),
        )
        return packing(*images.owner.inputs)
    found = binarization_of(images)
    if found is None or found.nan != NAN:
        return None
    packing = PackSigns(found.above, _high_is_one(found.high, ones))
    return packing(found.source, *_arguments(found.steps))


def _high_is_one(high: float, ones: bool) -> bool:
    return high == 1 if ones else high < 0


@local_optimizer([Elemwise])
def binary_signs(node):
    """Elementwise binarization -> BinarySigns."""
    found = binarization_of(node.outputs[0])
    if found is None or found.source.ndim < 1:
        return None
    op = BinarySigns(found.above, found.low, found.high, found.nan)
    return _replacement(node.outputs[0], op(found.source, *_arguments(found.steps)))


# From outputs to inputs: a binarization is met before the rounding within it.
for _rewrite, _position, _walk in (
    (binary_reshaped_rounding, 1.64, in2out),
    (binary_conv_signs, 1.65, out2in),
    (binary_packed_signs, 1.66, in2out),
    (binary_signs, 48.8, out2in),
):
    _name = _rewrite.__name__
    optdb.register(_name, _walk(_rewrite, name=_name), _position, "fast_run", "binary")
