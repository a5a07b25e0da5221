"""Convolutions one of whose operands has two values, the other any floats (`MixedConv2d`).

Their sums have another order than those of matrix products, so that they are made where they are
asked for alone: `mode.including("mixed_conv")`. Where the processor has less than `LEVEL`, where
images have too few channels to fill a table, or steps are not of one, the matrix products stay.
The gradients of such convolutions are those of `gradient_conv`, asked for or not.
"""

from __future__ import annotations

import theano
from theano.tensor.nnet.abstract_conv import AbstractConv2d

from theano_engine import processor
from theano_engine.ops.gradient_conv import LEVEL
from theano_engine.ops.mixed_conv import MixedConv2d
from theano_engine.ops.padding import pads_of, resolved
from theano_engine.rewrites.binary_signs import FEW_CHANNELS
from theano_engine.rewrites.questions.convolution import has_plain_geometry
from theano_engine.rewrites.questions.values import two_values
from theano_engine.rewrites.replacing import replaces


@replaces(AbstractConv2d)
def mixed_conv(node):
    """AbstractConv2d of one operand of two values -> MixedConv2d."""
    if not theano.config.cxx or not processor.supports(LEVEL) or not _is_covered(node):
        return None
    operands = dict(zip(("images", "filters"), node.inputs))
    for name in ("filters", "images"):
        values = two_values(operands[name])
        if values is not None:
            op = MixedConv2d(node.op.border_mode, node.op.filter_flip, name, *values)
            return op(*node.inputs)
    return None


def _is_covered(node) -> bool:
    op = node.op
    if not has_plain_geometry(op) or tuple(op.subsample) != (1, 1):
        return False
    if any(x.dtype != "float32" for x in node.inputs):
        return False
    channels = [shape[1] for shape in (op.imshp, op.kshp) if shape and shape[1] is not None]
    if not channels or channels[0] <= FEW_CHANNELS:
        return False
    sizes = op.kshp[2:] if op.kshp else (None, None)
    if None in sizes:
        return op.border_mode in ("valid", "full")
    pads = (pad for pad, _ in pads_of(op.border_mode))
    return all(resolved(pad, size) < size for pad, size in zip(pads, sizes))
