"""Elementwise expressions of two values, and binary convolutions that end in one, in one pass each.

Rounding is a call per element in the code that Theano makes; here it is a comparison.
"""

from __future__ import annotations

from theano.tensor.basic import Reshape
from theano.tensor.elemwise import Elemwise
from theano.tensor.nnet.abstract_conv import AbstractConv2d
from theano.tensor.signal.pool import Pool

from theano_engine.ops.binary_conv import BinaryConv2d
from theano_engine.ops.binary_signs import NAN, BinaryConvSigns, BinarySigns, PackSigns
from theano_engine.rewrites.questions.binarization import ROUNDINGS, binarization_of, steps_before
from theano_engine.rewrites.questions.convolution import adjoining_window, has_plain_geometry
from theano_engine.rewrites.questions.matching import clients, scalar_op
from theano_engine.rewrites.questions.values import coding_of
from theano_engine.rewrites.replacing import replaces

# Images of up to so many channels are cheaper to sum over than to lay out for a matrix product.
FEW_CHANNELS = 4

# A maximum over values before such a step is that of the values after it.
_INCREASING = ("add", "subtract")


@replaces(Elemwise)
def binary_reshaped_rounding(node):
    """round(reshape(x)) -> reshape(round(x)).

    Canonicalisation pulls a lone rounding away from what it rounds.
    """
    reshaped = node.inputs[0]
    if type(scalar_op(node.outputs[0])) not in ROUNDINGS or reshaped.owner is None:
        return None
    if not isinstance(reshaped.owner.op, Reshape):
        return None
    x, shape = reshaped.owner.inputs
    return reshaped.owner.op(node.op(x), shape)


@replaces(Elemwise)
def binary_conv_signs(node):
    """Binarization of a convolution's outcome -> BinaryConvSigns.

    In between there may be a bias, max-pooling and batch norm with stored averages. Also for a
    convolution of float images of few channels, such as a network's first, whose sums are then
    taken in the kernel's own order. Where a training graph needs the values in between for its
    gradients, or batch norm takes their statistics, it stays as it is.
    """
    found = binarization_of(node.outputs[0])
    if found is None:
        return None
    source, steps = found.steps()
    if source.ndim != 4 or len(clients(source)) != 1:
        return None
    window = _pooling_window(source)
    if window is not None:
        before, early = steps_before(source.owner.inputs[0])
        if any(name not in _INCREASING for name, _ in early) or len(clients(before)) != 1:
            return None
        source, steps = before, early + steps
    convolution = _convolution_of(source)
    if convolution is None:
        return None
    fused = BinaryConvSigns(
        convolution,
        window or (1, 1),
        found.above,
        low=found.low,
        high=found.high,
        nan=found.nan,
    )
    return fused(*source.owner.inputs, *_arguments(steps))


@replaces(BinaryConvSigns)
def binary_packed_signs(node):
    """Two-valued images that nothing but BinaryConvSigns reads travel to it as packed bits."""
    images = node.inputs[0]
    if images.dtype != "float32" or images.owner is None:
        return None
    for client, place in clients(images):
        if client == "output" or not isinstance(client.op, BinaryConvSigns) or place != 0:
            return None
    packed = _packed(images, node.op.unit_images)
    return None if packed is None else node.op(packed, *node.inputs[1:])


@replaces(Elemwise)
def binary_signs(node):
    """Elementwise binarization, that of the weights first of all -> BinarySigns."""
    found = binarization_of(node.outputs[0])
    if found is None:
        return None
    source, steps = found.steps()
    if source.ndim < 1:
        return None
    op = BinarySigns(found.above, found.low, found.high, found.nan)
    return op(source, *_arguments(steps))


def _arguments(steps):
    """The inputs of an Op of steps."""
    return [[name for name, _ in steps], *(operand for _, operand in steps)]


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


def _pooling_window(variable):
    node = variable.owner
    if node is None or not isinstance(node.op, Pool):
        return None
    return adjoining_window(node.op, *node.inputs[1:])


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
    source, steps = found.steps()
    packing = PackSigns(found.above, _high_is_one(found.high, ones))
    return packing(source, *_arguments(steps))


def _high_is_one(high: float, ones: bool) -> bool:
    return high == 1 if ones else high < 0
