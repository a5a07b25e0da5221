"""Sums, products, extrema and running sums over axes, accumulated in the dtype that the Op names.

Theano sums float32 in float64. So do these: `torch.compile` fuses the conversion into the sum.
"""

from __future__ import annotations

from collections.abc import Callable

import theano.scalar as ts
import torch
from theano.tensor.elemwise import All, Any, CAReduce, Prod, ProdWithoutZeros, Sum
from theano.tensor.extra_ops import CumOp

from theano_engine.torch_linker.dispatch.registry import MissingHandlerError, handles
from theano_engine.torch_linker.storage import torch_dtype


def _axes(op, node) -> list[int]:
    ndim = node.inputs[0].type.ndim
    axis = op.axis
    if axis is None:
        return list(range(ndim))
    return [int(a) % ndim for a in (axis if isinstance(axis, (tuple, list)) else [axis])]


def _dtypes(op, node) -> tuple[torch.dtype, torch.dtype]:
    output = node.outputs[0].type.dtype
    return torch_dtype(getattr(op, "acc_dtype", None) or output), torch_dtype(output)


@handles(Sum)
def sum_(op, node):
    axes = _axes(op, node)
    accumulator, output = _dtypes(op, node)

    def sum_(x):
        return torch.sum(x, axes, dtype=accumulator).to(output) if axes else x.to(output)

    return sum_


@handles(Prod)
def prod(op, node):
    axes = _axes(op, node)
    accumulator, output = _dtypes(op, node)

    def prod(x):
        for axis in sorted(axes, reverse=True):
            x = torch.prod(x, axis, dtype=accumulator)
        return x.to(output)

    return prod


@handles(ProdWithoutZeros)
def prod_without_zeros(op, node):
    multiply = prod(op, node)

    def prod_without_zeros(x):
        return multiply(torch.where(x == 0, torch.ones_like(x), x))

    return prod_without_zeros


@handles(Any)
def any_(op, node):
    axes = _axes(op, node)

    def any_(x):
        return torch.any(x != 0, axes) if axes else x != 0

    return any_


@handles(All)
def all_(op, node):
    axes = _axes(op, node)

    def all_(x):
        return torch.all(x != 0, axes) if axes else x != 0

    return all_


_REDUCTIONS: dict[type, Callable] = {
    ts.Maximum: torch.amax,
    ts.Minimum: torch.amin,
    ts.Add: torch.sum,
}


@handles(CAReduce)
def ca_reduce(op, node):
    scalar = type(op.scalar_op)
    axes = _axes(op, node)
    _, output = _dtypes(op, node)
    if scalar is ts.Mul:
        return prod(op, node)
    function = next((f for kind, f in _REDUCTIONS.items() if issubclass(scalar, kind)), None)
    if function is None:
        raise MissingHandlerError(
            f"no PyTorch handler for a reduction by the scalar Op {scalar.__name__}: add one to "
            "theano_engine/torch_linker/dispatch/reduction.py, in _REDUCTIONS"
        )

    def ca_reduce(x):
        return function(x, axes).to(output) if axes else x.to(output)

    return ca_reduce


@handles(CumOp)
def cumulative(op, node):
    dtype = torch_dtype(node.outputs[0].type.dtype)
    function = {"add": torch.cumsum, "mul": torch.cumprod}[op.mode]
    axis = op.axis

    def cumulative(x):
        return function(x.reshape(-1) if axis is None else x, axis or 0, dtype=dtype)

    return cumulative
