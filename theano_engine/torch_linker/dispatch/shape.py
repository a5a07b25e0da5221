"""Ops that make, copy, reshape and join tensors. `Shape` and shape arithmetic have no handlers:
they are computed on the host, as Python integers (see `translation`)."""

from __future__ import annotations

import math

import torch
from theano.compile.ops import DeepCopyOp, Rebroadcast, SpecifyShape, ViewOp
from theano.tensor.basic import (
    Alloc,
    AllocDiag,
    AllocEmpty,
    ARange,
    ExtractDiag,
    Eye,
    Flatten,
    Join,
    Reshape,
    ScalarFromTensor,
    Split,
    TensorFromScalar,
    Tile,
    Tri,
)
from theano.tensor.elemwise import DimShuffle
from theano.tensor.extra_ops import CpuContiguous, RepeatOp
from theano.tensor.opt import Assert, MakeVector

from theano_engine.torch_linker.dispatch.registry import handles
from theano_engine.torch_linker.storage import torch_dtype


def _all_inputs(node):
    return range(len(node.inputs))


def _all_but_first(node):
    return range(1, len(node.inputs))


@handles(DimShuffle, view=True)
def dim_shuffle(op, node):
    kept = [axis for axis in op.new_order if axis != "x"]
    new = [position for position, axis in enumerate(op.new_order) if axis == "x"]
    order = (*kept, *op.drop)
    permuted = order != tuple(range(len(order)))

    def dim_shuffle(x):
        if permuted:
            x = x.permute(order)
        x = x.reshape(x.shape[: len(kept)])
        for position in new:
            x = x.unsqueeze(position)
        return x

    return dim_shuffle


@handles(Reshape, host=[1], view=True)
def reshape(op, node):
    return torch.reshape


@handles(Flatten, view=True)
def flatten(op, node):
    kept = op.outdim - 1

    def flatten(x):
        return x.reshape(*x.shape[:kept], math.prod(x.shape[kept:]))

    return flatten


@handles(Rebroadcast, ViewOp, CpuContiguous, TensorFromScalar, ScalarFromTensor, view=True)
def unchanged(op, node):
    def unchanged(x):
        return x

    return unchanged


@handles(DeepCopyOp)
def deep_copy(op, node):
    return torch.clone


@handles(SpecifyShape, host=[1], view=True)
def specify_shape(op, node):
    def specify_shape(x, shape):
        if tuple(x.shape) != shape:
            raise AssertionError(f"a shape is {tuple(x.shape)}, specified as {shape}")
        return x

    return specify_shape


@handles(Assert, host=_all_but_first, view=True)
def assert_(op, node):
    message = op.msg

    def assert_(x, *conditions):
        if not all(conditions):
            raise AssertionError(message)
        return x

    return assert_


@handles(Alloc, host=_all_but_first, literals=True, view=True, creates=True)
def alloc(op, node):
    dtype = torch_dtype(node.outputs[0].type.dtype)

    def alloc(value, *shape, device):
        if isinstance(value, torch.Tensor):
            return value.expand(shape)
        return torch.full(shape, value, dtype=dtype, device=device)

    return alloc


@handles(AllocEmpty, host=_all_inputs, creates=True)
def alloc_empty(op, node):
    dtype = torch_dtype(node.outputs[0].type.dtype)

    def alloc_empty(*shape, device):
        return torch.zeros(shape, dtype=dtype, device=device)

    return alloc_empty


@handles(ARange, host=_all_inputs, creates=True)
def arange(op, node):
    dtype = torch_dtype(op.dtype)

    def arange(start, stop, step, device):
        return torch.arange(start, stop, step, dtype=dtype, device=device)

    return arange


@handles(Eye, host=_all_inputs, creates=True)
def eye(op, node):
    dtype = torch_dtype(op.dtype)

    def eye(rows, columns, diagonal, device):
        ones = torch.ones((rows, columns), dtype=dtype, device=device)
        return torch.triu(torch.tril(ones, diagonal), diagonal)

    return eye


@handles(Tri, host=_all_inputs, creates=True)
def tri(op, node):
    dtype = torch_dtype(op.dtype)

    def tri(rows, columns, diagonal, device):
        return torch.tril(torch.ones((rows, columns), dtype=dtype, device=device), diagonal)

    return tri


@handles(MakeVector)
def make_vector(op, node):
    dtype = torch_dtype(op.dtype)

    def make_vector(*values):
        return torch.stack([value.to(dtype) for value in values])

    return make_vector


@handles(Join, host=[0], view=True)
def join(op, node):
    dtype = torch_dtype(node.outputs[0].type.dtype)

    def join(axis, *parts):
        return torch.cat([part.to(dtype) for part in parts], axis)

    return join


@handles(Split, host=[1, 2], view=True)
def split(op, node):
    def split(x, axis, sizes):
        return torch.split(x, sizes, axis)

    return split


@handles(Tile, host=[1])
def tile(op, node):
    return torch.tile


@handles(RepeatOp)
def repeat(op, node):
    axis = op.axis

    def repeat(x, repeats):
        return torch.repeat_interleave(x.reshape(-1) if axis is None else x, repeats, dim=axis or 0)

    return repeat


@handles(ExtractDiag, view=True)
def extract_diag(op, node):
    place = op.offset, op.axis1, op.axis2

    def extract_diag(x):
        return torch.diagonal(x, *place)

    return extract_diag


@handles(AllocDiag)
def alloc_diag(op, node):
    place = op.offset, op.axis1, op.axis2

    def alloc_diag(diagonals):
        return torch.diag_embed(diagonals, *place)

    return alloc_diag
