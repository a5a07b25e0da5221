"""Gradients of binary convolutions by table lookup (`theano_engine.ops.gradient_conv`).

`binary_conv_input_gradient` serves the gradient of the images where the filters have two values,
`binary_conv_filter_gradient` that of the filters where the images have two values. Where the
processor has less than `LEVEL`, the matrix products stay.
"""

from __future__ import annotations

import theano
from theano.tensor.nnet.abstract_conv import AbstractConv2d_gradInputs, AbstractConv2d_gradWeights

from theano_engine import processor
from theano_engine.ops.gradient_conv import LEVEL, BinaryConvFilterGradient, BinaryConvInputGradient
from theano_engine.rewrites.questions.convolution import is_ungrouped
from theano_engine.rewrites.questions.values import two_values
from theano_engine.rewrites.replacing import replaces


@replaces(AbstractConv2d_gradInputs)
def binary_conv_input_gradient(node):
    """AbstractConv2d_gradInputs -> BinaryConvInputGradient."""
    return _gradient(node, BinaryConvInputGradient)


@replaces(AbstractConv2d_gradWeights)
def binary_conv_filter_gradient(node):
    """AbstractConv2d_gradWeights -> BinaryConvFilterGradient."""
    return _gradient(node, BinaryConvFilterGradient)


def _gradient(node, replacement):
    if not is_ungrouped(node.op) or not theano.config.cxx or not processor.supports(LEVEL):
        return None
    operand, top, shape = node.inputs
    if operand.dtype != "float32" or top.dtype != "float32":
        return None
    values = two_values(operand)
    if values is None:
        return None
    op = replacement(node.op.border_mode, node.op.subsample, node.op.filter_flip, *values)
    return op(operand, top, shape[0], shape[1])
