"""Gradients of convolutions by the kernels of `theano_engine.ops.gradient_conv`.

`binary_conv_input_gradient` serves the gradient of the images where the filters have two values,
`binary_conv_filter_gradient` that of the filters where the images have two values. Where the
processor has less than `LEVEL`, matrix products stay: Theano's for the images, and for filters
those of `conv_filter_gradient`, whose sums do not depend on the number of threads as Theano's do.
Where it has tiles, and these cover the convolution, the Ops of `theano_engine.ops.tiled_gradient`
take their place.
"""

from __future__ import annotations

import theano
from theano.tensor.nnet.abstract_conv import AbstractConv2d_gradInputs, AbstractConv2d_gradWeights

from theano_engine import processor
from theano_engine.ops.gradient_conv import (
    LEVEL,
    BinaryConvFilterGradient,
    BinaryConvInputGradient,
    ConvFilterGradient,
)
from theano_engine.ops.tiled_gradient import (
    TiledConvFilterGradient,
    TiledConvInputGradient,
    covers,
)
from theano_engine.rewrites.questions.convolution import is_ungrouped
from theano_engine.rewrites.questions.values import two_values
from theano_engine.rewrites.replacing import replaces


@replaces(AbstractConv2d_gradInputs)
def binary_conv_input_gradient(node):
    """AbstractConv2d_gradInputs -> BinaryConvInputGradient or TiledConvInputGradient."""
    return _gradient(node, BinaryConvInputGradient, TiledConvInputGradient)


@replaces(AbstractConv2d_gradWeights)
def binary_conv_filter_gradient(node):
    """AbstractConv2d_gradWeights -> BinaryConvFilterGradient or TiledConvFilterGradient."""
    return _gradient(node, BinaryConvFilterGradient, TiledConvFilterGradient)


@replaces(AbstractConv2d_gradWeights)
def conv_filter_gradient(node):
    """AbstractConv2d_gradWeights -> ConvFilterGradient, where there is a BLAS for its products."""
    if not _has_kernels(node) or not theano.config.blas.ldflags:
        return None
    images, top, shape = node.inputs
    op = ConvFilterGradient(node.op.border_mode, node.op.subsample, node.op.filter_flip)
    return op(images, top, shape[0], shape[1])


def _has_kernels(node):
    floats = all(variable.dtype == "float32" for variable in node.inputs[:2])
    return floats and is_ungrouped(node.op) and bool(theano.config.cxx)


def _gradient(node, by_lookups, by_tiles):
    if not _has_kernels(node) or not processor.supports(LEVEL):
        return None
    operand, top, shape = node.inputs
    values = two_values(operand)
    if values is None:
        return None
    convolution = (node.op.border_mode, node.op.subsample, node.op.filter_flip)
    if processor.supports(processor.TILES) and covers(node.op.subsample, values):
        op = by_tiles(*convolution, *values, processor.gradient_parts())
    else:
        op = by_lookups(*convolution, *values)
    return op(operand, top, shape[0], shape[1])
