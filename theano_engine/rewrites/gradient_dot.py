"""Gradients of dense layers by the kernels of `theano_engine.ops.gradient_dense`.

Where the processor has less than `LEVEL` matrix products stay; where it has tiles, and these cover
the two values, the Ops of `theano_engine.ops.tiled_gradient` take their place.
"""

from __future__ import annotations

import theano
from theano.tensor.basic import Dot
from theano.tensor.elemwise import DimShuffle

from theano_engine import processor
from theano_engine.ops.gradient_conv import LEVEL
from theano_engine.ops.gradient_dense import BinaryDenseInputGradient, BinaryDenseWeightGradient
from theano_engine.ops.tiled_gradient import (
    TiledDenseInputGradient,
    TiledDenseWeightGradient,
    are_exact,
)
from theano_engine.rewrites.questions.values import two_values
from theano_engine.rewrites.replacing import replaces


@replaces(Dot)
def binary_dot_gradient(node):
    """Dot with the transpose of a two-valued matrix -> a dense layer's gradient."""
    left, right = node.inputs
    if any(x.ndim != 2 or x.dtype != "float32" for x in node.inputs):
        return None
    if not (theano.config.cxx and theano.config.blas.ldflags and processor.supports(LEVEL)):
        return None
    for by_lookups, by_tiles, matrix, top in (
        (BinaryDenseInputGradient, TiledDenseInputGradient, right, left),
        (BinaryDenseWeightGradient, TiledDenseWeightGradient, left, right),
    ):
        operand = _transposed(matrix)
        values = two_values(operand) if operand is not None else None
        if values is None:
            continue
        if processor.supports(processor.TILES) and are_exact(values):
            return by_tiles(*values, processor.gradient_parts())(operand, top)
        return by_lookups(*values)(operand, top)
    return None


def _transposed(variable):
    """The matrix that `variable` is the transpose of, or None."""
    op = variable.owner and variable.owner.op
    if isinstance(op, DimShuffle) and tuple(op.new_order) == (1, 0):
        return variable.owner.inputs[0]
    return None
