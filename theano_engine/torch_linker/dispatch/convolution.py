"""Convolutions and their gradients, in two and three dimensions.

Theano's convolution flips the kernel (unless `filter_flip=False`), PyTorch's doesn't: kernels are
flipped on their way in, and gradients of kernels on their way out.
"""

from __future__ import annotations

import torch
from theano.tensor.nnet.abstract_conv import (
    AbstractConv,
    AbstractConv_gradInputs,
    AbstractConv_gradWeights,
)

from theano_engine.torch_linker import precision, products
from theano_engine.torch_linker.dispatch.registry import MissingHandlerError, handles
from theano_engine.torch_linker.storage import torch_dtype


class _Geometry:
    """Strides, padding and the rest, as PyTorch wants them, of one of Theano's convolutions."""

    def __init__(self, op, node):
        if op.unshared:
            raise MissingHandlerError(
                f"no PyTorch handler for an unshared {type(op).__name__}: add one to "
                "theano_engine/torch_linker/dispatch/convolution.py"
            )
        self.mode = op.border_mode
        self.stride = [int(step) for step in op.subsample]
        self.dilation = [int(step) for step in op.filter_dilation]
        self.groups = op.num_groups
        self.spatial = list(range(2, 2 + op.convdim))
        self.flip = op.filter_flip
        self.dtype = torch_dtype(node.outputs[0].type.dtype)
        self.how = precision.choose(*node.inputs[:2])

    def flipped(self, kernels):
        return kernels.flip(self.spatial) if self.flip else kernels

    def padding(self, kernel_shape) -> list[tuple[int, int]]:
        """What is added before and after each spatial axis."""
        sizes = [(n - 1) * d + 1 for n, d in zip(kernel_shape[2:], self.dilation)]
        if self.mode == "valid":
            return [(0, 0) for _ in sizes]
        if self.mode == "full":
            return [(size - 1, size - 1) for size in sizes]
        if self.mode == "half":
            return [(size // 2, size // 2) for size in sizes]
        modes = [self.mode] * len(sizes) if isinstance(self.mode, int) else self.mode
        return [tuple(m) if isinstance(m, (tuple, list)) else (int(m), int(m)) for m in modes]

    def options(self, padding):
        return self.stride, padding, self.dilation, self.groups


def _even(padding) -> bool:
    return all(before == after for before, after in padding)


def _padded(images, padding):
    return torch.nn.functional.pad(images, [n for pair in reversed(padding) for n in pair])


@handles(AbstractConv)
def convolution(op, node):
    geometry = _Geometry(op, node)

    def convolution(images, kernels):
        images, kernels = images.to(geometry.dtype), kernels.to(geometry.dtype)
        padding = geometry.padding(kernels.shape)
        if not _even(padding):
            images, padding = _padded(images, padding), [(0, 0) for _ in padding]
        options = geometry.options([before for before, _ in padding])

        def product(images, kernels, tf32):
            return products.convolution(images, kernels, *options, tf32)

        return precision.multiplied(product, images, geometry.flipped(kernels), geometry.how)

    return convolution


@handles(AbstractConv_gradInputs, host=[2])
def convolution_image_gradient(op, node):
    geometry = _Geometry(op, node)

    def convolution_image_gradient(kernels, gradient, size):
        kernels, gradient = kernels.to(geometry.dtype), gradient.to(geometry.dtype)
        padding = geometry.padding(kernels.shape)
        amounts = [before for before, _ in padding]
        if not _even(padding):
            size = [n + before + after for n, (before, after) in zip(size, padding)]
            amounts = [0] * len(size)
        shape = [gradient.shape[0], kernels.shape[1] * geometry.groups, *size]
        options = geometry.options(amounts)

        def product(kernels, gradient, tf32):
            return products.convolution_gradient(gradient, kernels, False, shape, *options, tf32)

        result = precision.multiplied(product, geometry.flipped(kernels), gradient, geometry.how)
        if not _even(padding):
            for axis, (before, after) in zip(geometry.spatial, padding):
                result = result.narrow(axis, before, result.shape[axis] - before - after)
        return result

    return convolution_image_gradient


@handles(AbstractConv_gradWeights, host=[2])
def convolution_kernel_gradient(op, node):
    geometry = _Geometry(op, node)

    def convolution_kernel_gradient(images, gradient, size):
        images, gradient = images.to(geometry.dtype), gradient.to(geometry.dtype)
        shape = [gradient.shape[1], images.shape[1] // geometry.groups, *size]
        padding = geometry.padding(shape)
        if not _even(padding):
            images, padding = _padded(images, padding), [(0, 0) for _ in padding]
        options = geometry.options([before for before, _ in padding])

        def product(images, gradient, tf32):
            return products.convolution_gradient(gradient, images, True, shape, *options, tf32)

        result = precision.multiplied(product, images, gradient, geometry.how)
        return geometry.flipped(result)

    return convolution_kernel_gradient
