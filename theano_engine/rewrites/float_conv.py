"""Convolutions of any floats with their bias (`theano_engine.ops.float_conv`), the same bits.

The first layer's, whose images are floats, and those of float twins.
"""

from __future__ import annotations

import theano
from theano.tensor.elemwise import Elemwise
from theano.tensor.nnet.abstract_conv import AbstractConv2d

from theano_engine.ops.float_conv import FloatConv2d
from theano_engine.rewrites.bias import bias_within
from theano_engine.rewrites.questions.convolution import is_ungrouped
from theano_engine.rewrites.replacing import replaces


@replaces(AbstractConv2d)
def float_conv(node):
    """AbstractConv2d of float32 -> FloatConv2d, where there is a BLAS for its products."""
    if not is_ungrouped(node.op) or any(x.dtype != "float32" for x in node.inputs):
        return None
    if not theano.config.cxx or not theano.config.blas.ldflags:
        return None
    return FloatConv2d(node.op.border_mode, node.op.subsample, node.op.filter_flip)(*node.inputs)


@replaces(Elemwise)
def float_conv_bias(node):
    """A bias added to the outcome of FloatConv2d -> within it, the same sum."""
    return bias_within(node, FloatConv2d)
