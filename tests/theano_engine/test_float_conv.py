"""Convolutions of floats and their bias: the bits of Theano's products and additions."""

from __future__ import annotations

import numpy as np
import pytest

from theano_engine import T, theano
from theano_engine.ops.float_conv import FloatConv2d

pytestmark = pytest.mark.slow

# border mode, subsample, filter_flip, filter size
CONVOLUTIONS = [
    ("half", (1, 1), True, (3, 3)),
    ("valid", (2, 1), False, (2, 3)),
    ("full", (1, 3), True, (3, 2)),
    (((1, 2), (0, 1)), (2, 2), False, (1, 4)),
    # Taps that lie outside of small images altogether.
    ((6, 6), (1, 1), True, (3, 7)),
]
# batch, channels, rows, columns, filters
SIZES = [(1, 1, 5, 5, 1), (5, 3, 8, 7, 33), (4, 70, 13, 17, 40), (2, 3, 32, 32, 128)]


def convolved(options, images, filters, *bias):
    border_mode, subsample, flip, _ = options
    more = {"border_mode": border_mode, "subsample": subsample, "filter_flip": flip}
    found = T.nnet.conv2d(images, filters, **more)
    return found + bias[0].dimshuffle("x", 0, "x", "x") if bias else found


def ops_of(function):
    return [type(node.op).__name__ for node in function.maker.fgraph.toposort()]


@pytest.fixture(scope="module", params=CONVOLUTIONS, ids=str)
def convolution(request):
    """The options; our function, with and without a bias; and Theano's."""
    inputs = [T.tensor4(), T.tensor4(), T.vector()]
    output, plain = convolved(request.param, *inputs), convolved(request.param, *inputs[:2])
    without = theano.compile.get_default_mode().excluding("float_conv")
    ours = theano.function(inputs, output)
    unbiased = theano.function(inputs[:2], plain)
    theirs = theano.function(inputs, output, mode=without)
    assert ops_of(ours) == ops_of(unbiased) == ["FloatConv2d"] and "CorrMM" in ops_of(theirs)
    return request.param, ours, unbiased, theirs


def operands(options, size):
    batch, channels, rows, columns, filters = size
    random = np.random.default_rng(9)
    shapes = (batch, channels, rows, columns), (filters, channels, *options[3]), (filters,)
    return [random.standard_normal(shape).astype("float32") for shape in shapes]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_bits_are_theanos(convolution, size):
    options, ours, unbiased, theirs = convolution
    images, filters, bias = operands(options, size)
    np.testing.assert_array_equal(ours(images, filters, bias), theirs(images, filters, bias))
    none = np.zeros_like(bias)
    np.testing.assert_array_equal(unbiased(images, filters), theirs(images, filters, none))


def test_any_memory_layout(convolution):
    options, ours, _, _ = convolution
    given = operands(options, (6, 18, 9, 8, 5))
    expected = ours(*given)
    for layout in (
        lambda x: np.asfortranarray(x),
        lambda x: np.ascontiguousarray(x[..., ::-1])[..., ::-1],
        lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
        lambda x: np.repeat(x, 2, axis=0)[::2],
    ):
        np.testing.assert_array_equal(ours(*map(layout, given)), expected)


def test_sizes_of_nothing(convolution):
    options, ours, _, _ = convolution
    for size in ((0, 3, 8, 8, 4), (2, 3, 8, 8, 0)):
        images, filters, bias = operands(options, size)
        assert ours(images, filters, bias).shape[:2] == (size[0], size[4])
    # A sum of nothing is 0, to which the bias is added.
    images, filters, bias = operands(options, (2, 0, 8, 8, 3))
    found = ours(images, filters, bias)
    np.testing.assert_array_equal(found, np.broadcast_to(bias[:, None, None], found.shape))


def test_shapes_that_do_not_fit_are_refused(convolution):
    options, ours, _, _ = convolution
    images, filters, bias = operands(options, (3, 4, 9, 9, 5))
    with pytest.raises(ValueError, match="do not fit"):
        ours(images, filters[:, 1:], bias)
    with pytest.raises(ValueError, match="a bias of 4 values does not go with 5 filters"):
        ours(images, filters, bias[1:])


def test_images_smaller_than_filters_are_refused():
    images, filters = T.tensor4(), T.tensor4()
    function = theano.function([images, filters], convolved(CONVOLUTIONS[1], images, filters))
    with pytest.raises(ValueError, match="do not fit"):
        function(np.ones((1, 1, 1, 9), np.float32), np.ones((1, 1, 2, 3), np.float32))


def test_a_bias_stays_outside_where_the_sum_without_it_is_wanted():
    inputs = [T.tensor4(), T.tensor4(), T.vector()]
    plain = convolved(CONVOLUTIONS[0], *inputs[:2])
    output = plain + inputs[2].dimshuffle("x", 0, "x", "x")
    function = theano.function(inputs, [plain, output])
    assert ops_of(function).count("FloatConv2d") == 1 and len(ops_of(function)) > 1
    plain, output = function(*operands(CONVOLUTIONS[0], SIZES[1]))
    assert not np.array_equal(plain, output)


@pytest.mark.parametrize(
    ("dtype", "more"), [("float64", {}), ("float32", {"filter_dilation": (2, 1)})], ids=str
)
def test_what_has_no_kernel_is_left_to_theano(dtype, more):
    images, filters = T.tensor4(dtype=dtype), T.tensor4(dtype=dtype)
    output = T.nnet.conv2d(images, filters, border_mode="half", **more)
    assert "CorrMM" in ops_of(theano.function([images, filters], output))


def test_it_has_no_gradient_of_its_own():
    images, filters = T.tensor4(), T.tensor4()
    with pytest.raises(NotImplementedError, match="FloatConv2d has no gradient"):
        T.grad(FloatConv2d("half", (1, 1), True)(images, filters).sum(), images)
    with pytest.raises(TypeError, match="float32 of 1 axes"):
        FloatConv2d("half", (1, 1), True)(images, filters, T.scalar())
