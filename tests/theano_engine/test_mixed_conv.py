"""Convolutions of any floats with an operand of two values: sums, gradients, where they stand."""

from __future__ import annotations

import numpy as np
import pytest

from theano_engine import T, processor, theano
from theano_engine.ops.binary_units import binarization
from theano_engine.ops.gradient_conv import (
    LEVEL,
    BinaryConvFilterGradient,
    BinaryConvInputGradient,
)
from theano_engine.ops.mixed_conv import MixedConv2d

pytestmark = pytest.mark.slow

if not processor.supports(LEVEL):
    pytest.skip(f"the table-lookup kernels need {LEVEL}", allow_module_level=True)

# border mode, filter_flip, values, filter size
CONVOLUTIONS = [
    ("half", True, (-1.0, 1.0), (3, 3)),
    ("valid", False, (0.0, 1.0), (2, 3)),
    ("full", True, (-0.5, 0.5), (3, 2)),
    ((1, 2), False, (-1.0, 1.0), (2, 4)),
]
# batch, channels, rows, columns, filters: around the kernels' units of 4, 16, 32 and 64
SIZES = [(1, 1, 5, 5, 1), (5, 17, 8, 7, 6), (67, 16, 6, 9, 33), (4, 70, 13, 6, 40), (0, 5, 6, 6, 3)]


def operands(values, size, filter_size, two_valued):
    """Images and filters of whole numbers, whose sums are exact in any order."""
    batch, channels, rows, columns, filters = size
    random = np.random.default_rng(7)
    found = {}
    shapes = {"images": (batch, channels, rows, columns), "filters": (filters, channels)}
    for name, shape in {**shapes, "filters": (*shapes["filters"], *filter_size)}.items():
        numbers = random.integers(-99, 100, shape)
        found[name] = np.where(numbers > 0, *values[::-1]) if name == two_valued else numbers
    return [array.astype("float32") for array in found.values()]


def compiled(convolution, two_valued):
    """f(images, filters): [ours, Theano's]."""
    border_mode, flip, values, _ = convolution
    images, filters = T.tensor4(), T.tensor4()
    ours = MixedConv2d(border_mode, flip, two_valued, *values)(images, filters)
    theirs = T.nnet.conv2d(images, filters, border_mode=border_mode, filter_flip=flip)
    return theano.function([images, filters], [ours, theirs])


@pytest.fixture(scope="module", params=("images", "filters"))
def two_valued(request):
    return request.param


@pytest.fixture(scope="module", params=CONVOLUTIONS, ids=str)
def convolution(request, two_valued):
    return request.param, two_valued, compiled(request.param, two_valued)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_sums_are_theanos(convolution, size):
    (_, _, values, filter_size), two_valued, function = convolution
    np.testing.assert_array_equal(*function(*operands(values, size, filter_size, two_valued)))


def test_any_memory_layout(convolution):
    (_, _, values, filter_size), two_valued, function = convolution
    images, filters = operands(values, (6, 18, 9, 8, 5), filter_size, two_valued)
    expected, _ = function(images, filters)
    for layout in (
        lambda x: np.asfortranarray(x),
        lambda x: np.ascontiguousarray(x[:, ::-1, ::-1, ::-1])[:, ::-1, ::-1, ::-1],
        lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    ):
        np.testing.assert_array_equal(function(layout(images), layout(filters))[0], expected)


def test_number_of_threads_changes_no_bit(convolution, omp_threads):
    (_, _, values, filter_size), two_valued, function = convolution
    arrays = operands(values, (7, 20, 9, 8, 9), filter_size, two_valued)
    arrays[two_valued == "images"] *= np.float32(np.pi)
    results = []
    for threads in (1, 2, 5):
        omp_threads(threads)
        results.append(function(*arrays)[0].copy())
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])


def test_nan_reaches_what_sees_it(convolution):
    (_, _, values, filter_size), two_valued, function = convolution
    for place in range(2):
        arrays = operands(values, (3, 9, 6, 7, 5), filter_size, two_valued)
        arrays[place][1, 4, 1, 0] = np.nan
        ours, theirs = function(*arrays)
        assert np.isnan(ours).any() and not np.isnan(ours).all()
        np.testing.assert_array_equal(ours, theirs)


def test_wrong_shapes_are_refused(two_valued):
    function = compiled(((2, 0), True, (-1.0, 1.0), None), two_valued)
    for filters in ((4, 3, 2, 2), (4, 5, 2, 2), (4, 3, 3, 9)):
        with pytest.raises(ValueError, match="do not fit"):
            function(np.ones((2, 3, 8, 8), "float32"), np.ones(filters, "float32"))


MODE = theano.compile.get_default_mode().including("mixed_conv")


def ops(function):
    return {type(node.op) for node in function.maker.fgraph.apply_nodes}


def signs(x):
    """-1 and +1 as a graph that says so, gradients straight through."""
    return binarization(x, np.float32(1))


@pytest.mark.parametrize("border_mode", ["half", "valid"])
def test_gradients(two_valued, border_mode):
    """Against finite differences, which are exact where a function is linear, and float64.

    A sign is changed from -1 to +1, everything else by one, up and down.
    """
    images, filters = operands((-1.0, 1.0), (3, 21, 6, 5, 18), (3, 3), two_valued)
    weighting = np.random.default_rng(3).integers(-9, 10, (3, 18, 6, 5)).astype("float32")
    if border_mode == "valid":
        weighting = weighting[:, :, :4, :3]

    def loss(x, w):
        convolved = T.nnet.conv2d(
            x, w, border_mode=border_mode, input_shape=images.shape, filter_shape=filters.shape
        )
        return (weighting * convolved).sum()

    x, w = T.tensor4(), T.tensor4()
    coded = [signs(x) if two_valued == "images" else x, signs(w) if two_valued == "filters" else w]
    gradients = theano.grad(loss(*coded), coded)
    function = theano.function([x, w], [loss(*coded), *gradients], mode=MODE)
    table_gradient = {"images": BinaryConvFilterGradient, "filters": BinaryConvInputGradient}
    assert {MixedConv2d, table_gradient[two_valued]} <= ops(function)

    exact = [T.dtensor4(), T.dtensor4()]
    exact_gradients = theano.function(exact, theano.grad(loss(*exact), exact))
    found = function(images, filters)[1:]
    expected = exact_gradients(images.astype("float64"), filters.astype("float64"))
    for ours, float64 in zip(found, expected):
        np.testing.assert_array_equal(ours, float64)

    random = np.random.default_rng(5)
    for place, name in enumerate(("images", "filters")):
        for _ in range(20):
            arrays = [images.copy(), filters.copy()]
            index = tuple(random.integers(0, size) for size in arrays[place].shape)
            at = 0 if name == two_valued else arrays[place][index]
            losses = []
            for step in (-1, 1):
                arrays[place][index] = at + step
                losses.append(float(function(*arrays)[0]))
            assert (losses[1] - losses[0]) / 2 == found[place][index]


def convolved(x, w, channels=16, **options):
    shapes = {"input_shape": (None, channels, 8, 8), "filter_shape": (5, channels, 3, 3)}
    return T.nnet.conv2d(x, w, border_mode="half", **shapes, **options)


def test_only_where_it_is_asked_for_and_certain():
    x, w = T.tensor4(), T.tensor4()
    asked = {"real by signs": convolved(x, signs(w)), "signs by real": convolved(signs(x), w)}
    for name, output in asked.items():
        assert MixedConv2d in ops(theano.function([x, w], output, mode=MODE)), name
        assert MixedConv2d not in ops(theano.function([x, w], output)), name
        left_out = MODE.excluding("binary")
        assert MixedConv2d not in ops(theano.function([x, w], output, mode=left_out)), name
    left = {
        "both real": convolved(x, w),
        "clipped, not rounded": convolved(x, T.clip(w, -1, 1)),
        "scaled by what is not known": convolved(x, signs(w) * x.sum()),
        "few channels": convolved(x, signs(w), channels=3),
        "steps of two": convolved(x, signs(w), subsample=(2, 2)),
        "both signs": convolved(signs(x), signs(w)),
    }
    for name, output in left.items():
        assert MixedConv2d not in ops(theano.function([x, w], output, mode=MODE)), name
