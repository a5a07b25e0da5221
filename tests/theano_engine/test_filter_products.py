"""The gradient of any convolution's filters: Theano's matrix products, summed in a fixed order."""

from __future__ import annotations

import numpy as np
import pytest

from theano_engine import T, theano
from theano_engine.ops.gradient_conv import ConvFilterGradient

pytestmark = pytest.mark.slow

NAME = "conv_filter_gradient"
# border mode, subsample, filter_flip, filter size
CONVOLUTIONS = [
    ("half", (1, 1), True, (3, 3)),
    ("valid", (2, 1), False, (2, 3)),
    ("full", (1, 3), True, (3, 2)),
    (((1, 2), (0, 1)), (2, 2), False, (1, 4)),
    ((2, 1), (3, 3), True, (5, 5)),
    # Taps that lie outside of small images altogether.
    ((6, 6), (1, 1), True, (3, 7)),
]
# batch, channels, rows, columns, filters: around pieces of 288 rows and of 32 filters
SIZES = [
    (1, 1, 5, 5, 1),
    (5, 3, 8, 7, 33),
    (4, 70, 13, 6, 40),
    (3, 33, 5, 9, 2),
    (0, 5, 6, 6, 3),
]


def gradient(border_mode, subsample, flip, mode=None):
    """f(images, outputs' gradient, rows and columns of the filters)."""
    images, top, size = T.tensor4(), T.tensor4(), T.lvector()
    op = T.nnet.abstract_conv.AbstractConv2d_gradWeights(
        border_mode=border_mode, subsample=subsample, filter_flip=flip
    )
    return theano.function([images, top, size], op(images, top, size), mode=mode)


@pytest.fixture(scope="module", params=CONVOLUTIONS, ids=str)
def convolution(request):
    """The options, our function, and Theano's own."""
    without = theano.compile.get_default_mode().excluding(NAME)
    ours = gradient(*request.param[:3])
    assert ops_of(ours) >= {"ConvFilterGradient"}
    theirs = gradient(*request.param[:3], mode=without)
    assert "ConvFilterGradient" not in ops_of(theirs)
    return request.param, ours, theirs


def ops_of(function):
    return {type(node.op).__name__ for node in function.maker.fgraph.apply_nodes}


def operands(options, size):
    """Images and outputs' gradient, whole numbers: the order of their sums does not show."""
    border_mode, stride, _, filter_size = options
    batch, channels, rows, columns, filters = size
    random = np.random.default_rng(9)
    images = random.integers(-9, 10, (batch, channels, rows, columns)).astype("float32")
    shape = T.nnet.abstract_conv.get_conv_output_shape(
        images.shape, (filters, channels, *filter_size), border_mode, stride
    )
    return images, random.integers(-9, 10, shape).astype("float32"), np.array(filter_size)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_sums_are_theanos(convolution, size):
    options, ours, theirs = convolution
    given = operands(options, size)
    np.testing.assert_array_equal(ours(*given), theirs(*given))


def test_rounding_is_that_of_float_sums(convolution):
    options, ours, theirs = convolution
    images, top, filter_size = operands(options, (20, 40, 9, 9, 40))
    given = images * np.float32(np.pi), top * np.float32(np.e), filter_size
    expected = theirs(*given)
    np.testing.assert_allclose(ours(*given), expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_any_memory_layout(convolution):
    options, ours, _ = convolution
    images, top, filter_size = operands(options, (6, 18, 9, 8, 5))
    expected = ours(images, top, filter_size)
    for layout in (
        lambda x: np.asfortranarray(x),
        lambda x: np.ascontiguousarray(x[:, :, ::-1, ::-1])[:, :, ::-1, ::-1],
        lambda x: np.repeat(x, 2, axis=3)[:, :, :, ::2],
        lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    ):
        np.testing.assert_array_equal(ours(layout(images), layout(top), filter_size), expected)


def test_shapes_that_do_not_fit_are_refused(convolution):
    options, ours, _ = convolution
    images, top, filter_size = operands(options, (3, 4, 9, 9, 5))
    for wrong in ((images[1:], top), (images, top[:, :, 1:]), (images[:, :, 3:], top)):
        with pytest.raises(ValueError, match="do not fit"):
            ours(*wrong, filter_size)


@pytest.mark.parametrize(
    ("dtype", "more"), [("float64", {}), ("float32", {"filter_dilation": (2, 1)})], ids=str
)
def test_what_has_no_kernel_is_left_to_theano(dtype, more):
    images, filters = T.tensor4(dtype=dtype), T.tensor4(dtype=dtype)
    output = T.nnet.conv2d(images, filters, border_mode="half", **more)
    function = theano.function([images, filters], T.grad(output.sum(), filters))
    assert "CorrMM_gradWeights" in ops_of(function)


def test_it_has_no_gradient_of_its_own():
    images, top = T.tensor4(), T.tensor4()
    found = ConvFilterGradient("half", (1, 1), True)(images, top, 3, 3)
    with pytest.raises(NotImplementedError, match="ConvFilterGradient has no gradient"):
        T.grad(found.sum(), images)
