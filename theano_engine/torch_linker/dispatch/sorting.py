"""Sorting and positions of extrema. Of equal maxima `argmax` names the first, as Theano does."""

from __future__ import annotations

import math

import torch
from theano.tensor.basic import Argmax, MaxAndArgmax
from theano.tensor.sort import ArgSortOp, SortOp

from theano_engine.torch_linker.dispatch.registry import handles
from theano_engine.torch_linker.storage import torch_dtype


def _reduced_last(x, axes):
    """`x` with `axes` moved to the end, in their order, and joined into one."""
    axes = range(x.ndim) if axes is None else [axis % x.ndim for axis in axes]
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    length = math.prod([x.shape[axis] for axis in axes])
    return x.permute(*kept, *axes).reshape(*(x.shape[axis] for axis in kept), length)


@handles(Argmax)
def argmax(op, node):
    axes = op.axis

    def argmax(x):
        return torch.argmax(_reduced_last(x, axes), -1)

    return argmax


@handles(MaxAndArgmax)
def max_and_argmax(op, node):
    axes = op.axis

    def max_and_argmax(x):
        x = _reduced_last(x, axes)
        return torch.amax(x, -1), torch.argmax(x, -1)

    return max_and_argmax


def _axis(axis, x):
    return (x.reshape(-1), 0) if axis is None else (x, int(axis))


@handles(SortOp, host=[1])
def sort(op, node):
    def sort(x, axis):
        return torch.sort(*_axis(axis, x))[0]

    return sort


@handles(ArgSortOp, host=[1])
def argsort(op, node):
    dtype = torch_dtype(node.outputs[0].type.dtype)

    def argsort(x, axis):
        x, axis = _axis(axis, x)
        return torch.sort(x, dim=axis, stable=True)[1].to(dtype)

    return argsort
