"""Pooling over windows of the last axes, and its gradients.

A window's elements are taken one offset at a time: for each offset, the strided view that holds
that element of every window. Theano gives the gradient of a maximum to all elements of its window
that equal it.
"""

from __future__ import annotations

import itertools
from functools import reduce

import torch
from theano.tensor.signal.pool import (
    AveragePoolGrad,
    DownsampleFactorMaxGradGrad,
    MaxPoolGrad,
    Pool,
)

from theano_engine.torch_linker.dispatch.registry import handles


class _Windows:
    """The windows over the last axes of a tensor of `shape`, as many as `size` has entries."""

    def __init__(self, shape, size, stride, pad, ignore_border):
        self.ndim = len(size)
        self.shape = tuple(shape[-self.ndim :])
        self.size, self.stride, self.pad = size, stride, pad
        self.number = [
            _number_of_windows(length + 2 * before, window, step, ignore_border)
            for length, before, window, step in zip(self.shape, pad, size, stride)
        ]
        self.missing = [
            max(0, (n - 1) * step + window - length - 2 * before)
            for n, step, window, length, before in zip(self.number, stride, size, self.shape, pad)
        ]

    def tile_exactly(self) -> bool:
        """Every element lies in one window, and every window lies in the input."""
        covered = [n * window for n, window in zip(self.number, self.size)]
        return self.size == self.stride and covered == list(self.shape) and not any(self.pad)

    def padded(self, x, value, beyond):
        """`x` surrounded by `value`, and by `beyond` where windows reach further than that."""
        if any(self.pad):
            x = _pad(x, [(before, before) for before in self.pad], value)
        return _pad(x, [(0, n) for n in self.missing], beyond) if any(self.missing) else x

    def unpadded(self, x):
        for axis, (before, length) in enumerate(zip(self.pad, self.shape), x.ndim - self.ndim):
            x = x.narrow(axis, before, length)
        return x

    def elements(self):
        """For every offset in a window, the index of that element of all windows of a padded."""
        for offset in itertools.product(*(range(window) for window in self.size)):
            yield (
                ...,
                *(
                    slice(start, start + (n - 1) * step + 1, step)
                    for start, n, step in zip(offset, self.number, self.stride)
                ),
            )

    def counts(self, like, include_padding):
        """How many elements each window averages over."""
        ones = torch.ones(self.shape, dtype=like.dtype, device=like.device)
        ones = self.padded(ones, float(include_padding), 0.0)
        return sum(ones[element] for element in self.elements())


def _number_of_windows(length, window, step, ignore_border) -> int:
    """Windows along a padded axis; unless `ignore_border` the last may reach beyond its end."""
    if ignore_border:
        return max(0, (length - window) // step + 1)
    if step >= window:
        return (length - 1) // step + 1
    return max(0, (length - 1 - window + step) // step) + 1


def _pad(x, amounts, value):
    return torch.nn.functional.pad(x, [n for pair in reversed(amounts) for n in pair], value=value)


def _lowest(x):
    return -torch.inf if x.is_floating_point() else torch.iinfo(x.dtype).min


@handles(Pool, host=[1, 2, 3])
def pool(op, node):
    mode, ignore_border = op.mode, op.ignore_border

    def pool(x, size, stride, pad):
        windows = _Windows(x.shape, size, stride, pad, ignore_border)
        lowest = _lowest(x) if mode == "max" else 0
        padded = windows.padded(x, lowest, lowest)
        elements = [padded[element] for element in windows.elements()]
        if mode == "max":
            return reduce(torch.maximum, elements)
        total = reduce(torch.add, elements)
        return total if mode == "sum" else total / windows.counts(x, mode.endswith("inc_pad"))

    return pool


@handles(MaxPoolGrad, host=[3, 4, 5])
def max_pool_gradient(op, node):
    ignore_border = op.ignore_border

    def max_pool_gradient(x, maxima, gradient, size, stride, pad):
        windows = _Windows(x.shape, size, stride, pad, ignore_border)
        if windows.tile_exactly():
            return _tiled_max_gradient(x, maxima, gradient, windows)
        padded = windows.padded(x, _lowest(x), _lowest(x))
        result = torch.zeros_like(padded)
        for element in windows.elements():
            result[element] += torch.where(padded[element] == maxima, gradient, 0)
        return windows.unpadded(result)

    return max_pool_gradient


def _tiled_max_gradient(x, maxima, gradient, windows):
    """The same without a sum, where no two windows share an element."""
    leading = x.shape[: x.ndim - windows.ndim]
    blocks = [n for pair in zip(windows.number, windows.size) for n in pair]
    per_window = [n for number in windows.number for n in (number, 1)]
    chosen = x.reshape(*leading, *blocks) == maxima.reshape(*leading, *per_window)
    return torch.where(chosen, gradient.reshape(*leading, *per_window), 0).reshape(x.shape)


@handles(AveragePoolGrad, host=[2, 3, 4])
def average_pool_gradient(op, node):
    mode, ignore_border = op.mode, op.ignore_border

    def average_pool_gradient(x, gradient, size, stride, pad):
        windows = _Windows(x.shape, size, stride, pad, ignore_border)
        if mode != "sum":
            gradient = gradient / windows.counts(x, mode.endswith("inc_pad"))
        result = torch.zeros_like(windows.padded(x, 0, 0))
        for element in windows.elements():
            result[element] += gradient
        return windows.unpadded(result)

    return average_pool_gradient


@handles(DownsampleFactorMaxGradGrad, host=[3, 4, 5])
def max_pool_gradient_gradient(op, node):
    ignore_border = op.ignore_border

    def max_pool_gradient_gradient(x, maxima, gradient, size, stride, pad):
        windows = _Windows(x.shape, size, stride, pad, ignore_border)
        padded = windows.padded(x, _lowest(x), _lowest(x))
        gradient = windows.padded(gradient, 0, 0)
        return sum(
            torch.where(padded[element] == maxima, gradient[element], 0)
            for element in windows.elements()
        )

    return max_pool_gradient_gradient
