"""Gradients of binary convolutions by table lookup (`theano_engine.ops.gradient_conv`).

Registered at position 48.4: after the graph has its canonical form and before `conv_gemm` (48.6)
lowers the abstract convolutions to matrix products. Tags `binary` and `gradient_conv`; the names:

- `binary_conv_input_gradient`: gradient of the images where the filters have two values;
- `binary_conv_filter_gradient`: gradient of the filters where the images have two values.

Both need AVX-512; elsewhere the matrix products stay.
"""

from __future__ import annotations

from theano.compile import optdb
from theano.gof.opt import copy_stack_trace, in2out, local_optimizer
from theano.tensor.nnet.abstract_conv import AbstractConv2d_gradInputs, AbstractConv2d_gradWeights

from theano_engine import processor
from theano_engine.ops.gradient_conv import (
    BinaryConvFilterGradient,
    BinaryConvInputGradient,
    covers,
)
from theano_engine.rewrites.binary_values import two_values


def _replace(node, abstract, replacement):
    if not isinstance(node.op, abstract) or not covers(node.op):
        return None
    if not processor.supports("avx512"):
        return None
    operand, top, shape = node.inputs
    if operand.dtype != "float32" or top.dtype != "float32":
        return None
    values = two_values(operand)
    if values is None:
        return None
    op = replacement(node.op.border_mode, node.op.subsample, node.op.filter_flip, *values)
    gradient = op(operand, top, shape[0], shape[1])
    copy_stack_trace(node.outputs[0], gradient)
    return [node.outputs[0].type.filter_variable(gradient, allow_convert=True)]


@local_optimizer([AbstractConv2d_gradInputs])
def binary_conv_input_gradient(node):
    return _replace(node, AbstractConv2d_gradInputs, BinaryConvInputGradient)


@local_optimizer([AbstractConv2d_gradWeights])
def binary_conv_filter_gradient(node):
    return _replace(node, AbstractConv2d_gradWeights, BinaryConvFilterGradient)


for _rewrite in (binary_conv_input_gradient, binary_conv_filter_gradient):
    optdb.register(
        _rewrite.__name__,
        in2out(_rewrite, name=_rewrite.__name__),
        48.4,
        "fast_run",
        "binary",
        "gradient_conv",
    )
