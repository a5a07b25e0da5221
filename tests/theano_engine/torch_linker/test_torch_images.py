"""Convolutions and pooling, forward and backward, in all their geometries."""

from __future__ import annotations

import numpy as np
import pytest
from support.torch_comparison import C_REFERENCE, assert_same, normal

from theano_engine import T

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize(
    ("border", "stride", "dilation"),
    [
        ("valid", (1, 1), (1, 1)),
        ("full", (1, 1), (1, 1)),
        ("half", (2, 1), (1, 1)),
        ((1, 1), (1, 1), (1, 1)),
        ((2, 0), (2, 3), (1, 2)),
        (((1, 2), (0, 1)), (1, 2), (1, 1)),
    ],
)
def test_convolution(mode, border, stride, dilation, flip):
    x, w = T.tensor4("x"), T.tensor4("w")
    result = T.nnet.conv2d(
        *(x, w),
        border_mode=border,
        subsample=stride,
        filter_dilation=dilation,
        filter_flip=flip,
    )
    values = [normal(2, 3, 8, 9), normal(4, 3, 3, 2, seed=2)]
    assert_same(mode, [x, w], [result], values, [x, w], rtol=1e-4, atol=1e-5, by=C_REFERENCE)


def test_convolution_in_groups(mode):
    x, w = T.tensor4("x"), T.tensor4("w")
    result = T.nnet.conv2d(x, w, border_mode=1, num_groups=2)
    values = [normal(2, 4, 5, 5), normal(6, 2, 3, 3, seed=2)]
    assert_same(mode, [x, w], [result], values, [x, w], rtol=1e-4, atol=1e-5, by=C_REFERENCE)


def test_convolution_in_three_dimensions(mode):
    x, w = T.tensor5("x"), T.tensor5("w")
    result = T.nnet.conv3d(x, w, border_mode="half")
    values = [normal(1, 2, 4, 5, 4), normal(3, 2, 3, 3, 3, seed=2)]
    assert_same(mode, [x, w], [result], values, [x, w], rtol=1e-4, atol=1e-5, by=C_REFERENCE)


def test_products_of_signs_are_whole_numbers(mode):
    x, w = T.tensor4("x"), T.tensor4("w")
    sums = T.nnet.conv2d(T.sgn(x), T.sgn(w), border_mode=(1, 1))
    dense = T.dot(T.sgn(x).flatten(2), T.sgn(w).flatten(2).T)
    values = [normal(2, 128, 3, 3), normal(4, 128, 3, 3, seed=2)]
    assert_same(mode, [x, w], [sums, dense], values, rtol=0, atol=0, by=C_REFERENCE)


@pytest.mark.parametrize("how", ["max", "sum", "average_inc_pad", "average_exc_pad"])
@pytest.mark.parametrize(
    ("size", "stride", "pad", "ignore_border"),
    [
        ((2, 2), None, (0, 0), True),
        ((2, 3), None, (0, 0), True),
        ((2, 2), None, (0, 0), False),
        ((3, 3), (2, 2), (1, 1), True),
        ((3, 2), (1, 2), (0, 0), True),
        ((3, 3), (2, 2), (0, 0), False),
        ((2, 2), (3, 3), (0, 0), False),
    ],
)
def test_pooling(mode, how, size, stride, pad, ignore_border):
    x = T.tensor4("x")
    result = T.signal.pool.pool_2d(
        *(x, size), ignore_border=ignore_border, stride=stride, pad=pad, mode=how
    )
    # Theano has no gradient of an average that leaves out padding, where there is padding.
    wrt = [] if how == "average_exc_pad" and any(pad) else [x]
    # Whole numbers: many equal maxima, all of which have the gradient.
    assert_same(mode, [x], [result], [np.round(normal(2, 3, 8, 6))], wrt, by=C_REFERENCE)


def test_pooling_in_three_dimensions(mode):
    x = T.tensor5("x")
    result = T.signal.pool.pool_3d(x, (2, 2, 2), ignore_border=True)
    assert_same(mode, [x], [result], [np.round(normal(1, 2, 4, 4, 4))], [x], by=C_REFERENCE)


def test_the_gradient_of_the_gradient_of_a_maximum(mode):
    x = T.tensor4("x")
    pooled = T.signal.pool.pool_2d(x, (2, 2), ignore_border=True)
    first = T.grad(T.sum(T.sqr(pooled)), x)
    assert_same(mode, [x], [first], [normal(2, 3, 4, 4)], [x], by=C_REFERENCE)
