"""Gradients of dense layers by the kernels of `theano_engine.ops.tiled_gradient`.

Where the processor has no tiles matrix products stay: lookups of sums are slower than these.
"""

from __future__ import annotations

import theano
from theano.tensor.basic import Dot
from theano.tensor.elemwise import DimShuffle

from theano_engine import processor
from theano_engine.ops.tiled_gradient import (
    TiledDenseInputGradient,
    TiledDenseWeightGradient,
    are_exact,
)
from theano_engine.rewrites.questions.values import two_values
from theano_engine.rewrites.replacing import replaces


@replaces(Dot)
def binary_dot_gradient(node):
    """Dot with the transpose of a two-valued matrix -> a dense layer's gradient in tiles."""
    left, right = node.inputs
    if any(x.ndim != 2 or x.dtype != "float32" for x in node.inputs):
        return None
    if not theano.config.cxx or not processor.supports(processor.TILES):
        return None
    for op, matrix, top in (
        (TiledDenseInputGradient, right, left),
        (TiledDenseWeightGradient, left, right),
    ):
        operand = _transposed(matrix)
        values = two_values(operand) if operand is not None else None
        if values is not None and are_exact(values):
            return op(*values, processor.gradient_parts())(operand, top)
    return None


def _transposed(variable):
    """The matrix that `variable` is the transpose of, or None."""
    op = variable.owner and variable.owner.op
    if isinstance(op, DimShuffle) and tuple(op.new_order) == (1, 0):
        return variable.owner.inputs[0]
    return None
