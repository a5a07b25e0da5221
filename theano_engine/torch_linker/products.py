"""Matrix products and convolutions of a stated precision.

PyTorch chooses between float32 and TF32 by switches of the whole process. These functions state it
call by call (`precision` says which, and why). All are deterministic: cuDNN chooses by rule among
its repeatable algorithms, so that a run can be repeated and resumed exactly. Being custom operators
they are left as they are by `torch.compile`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch


@contextmanager
def _precision(tf32: bool) -> Iterator[None]:
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.allow_tf32, matmul.allow_tf32, cudnn.deterministic, cudnn.benchmark
    cudnn.allow_tf32, matmul.allow_tf32, cudnn.deterministic, cudnn.benchmark = (
        *(tf32, tf32),
        *(True, False),
    )
    try:
        yield
    finally:
        cudnn.allow_tf32, matmul.allow_tf32, cudnn.deterministic, cudnn.benchmark = before


@torch.library.custom_op("binarized::matmul", mutates_args=())
def matmul(a: torch.Tensor, b: torch.Tensor, tf32: bool) -> torch.Tensor:
    """`a @ b` for matrices and vectors of one dtype."""
    with _precision(tf32):
        return torch.matmul(a, b)


@matmul.register_fake
def _(a, b, tf32):
    return torch.matmul(a, b)


@torch.library.custom_op("binarized::convolution", mutates_args=())
def convolution(
    images: torch.Tensor,
    kernels: torch.Tensor,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    tf32: bool,
) -> torch.Tensor:
    """Images (n, channels, ...) correlated with kernels (filters, channels / groups, ...)."""
    with _precision(tf32):
        return _forward(images, kernels, stride, padding, dilation, groups).contiguous()


@convolution.register_fake
def _(images, kernels, stride, padding, dilation, groups, tf32):
    result = _forward(images, kernels, stride, padding, dilation, groups)
    return images.new_empty(result.shape)


def _forward(images, kernels, stride, padding, dilation, groups):
    none = [0] * len(stride)
    return torch.ops.aten.convolution(
        images, kernels, None, stride, padding, dilation, False, none, groups
    )


@torch.library.custom_op("binarized::convolution_gradient", mutates_args=())
def convolution_gradient(
    gradient: torch.Tensor,
    factor: torch.Tensor,
    of_kernels: bool,
    shape: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    tf32: bool,
) -> torch.Tensor:
    """The gradient with respect to one of `convolution`'s factors, of `shape`, from that of its
    result and the other `factor`: with respect to the kernels where `of_kernels`, else the images.
    """
    # Of the factor itself nothing is read but the shape.
    itself = gradient.new_empty(1).expand(shape)
    images, kernels = (factor, itself) if of_kernels else (itself, factor)
    none = [0] * len(stride)
    mask = [not of_kernels, of_kernels, False]
    with _precision(tf32):
        results = torch.ops.aten.convolution_backward(
            gradient, images, kernels, None, stride, padding, dilation, False, none, groups, mask
        )
    return results[of_kernels].contiguous()


@convolution_gradient.register_fake
def _(gradient, factor, of_kernels, shape, stride, padding, dilation, groups, tf32):
    return gradient.new_empty(shape)
