"""Matrix products and inverses."""

from __future__ import annotations

import torch
from theano.tensor.basic import Dot
from theano.tensor.blas import BatchedDot
from theano.tensor.nlinalg import Det, MatrixInverse

from theano_engine.torch_linker import precision, products
from theano_engine.torch_linker.dispatch.registry import handles
from theano_engine.torch_linker.storage import torch_dtype


@handles(Dot)
def dot(op, node):
    dtype = torch_dtype(node.outputs[0].type.dtype)
    how = precision.choose(*node.inputs)

    def dot(a, b):
        return precision.multiplied(products.matmul, a.to(dtype), b.to(dtype), how)

    return dot


@handles(BatchedDot)
def batched_dot(op, node):
    dtype = torch_dtype(node.outputs[0].type.dtype)
    how = precision.choose(*node.inputs)

    def batched_dot(a, b):
        left = (a.unsqueeze(1) if a.ndim == 2 else a).to(dtype)
        right = (b.unsqueeze(2) if b.ndim == 2 else b).to(dtype)
        result = precision.multiplied(products.matmul, left, right, how)
        if b.ndim == 2:
            result = result.squeeze(2)
        return result.squeeze(1) if a.ndim == 2 else result

    return batched_dot


@handles(MatrixInverse)
def matrix_inverse(op, node):
    return torch.linalg.inv


@handles(Det)
def determinant(op, node):
    return torch.linalg.det
