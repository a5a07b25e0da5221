"""The binary kernels against Theano's own float convolution and numpy's product, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.kernel_settings import INSTRUCTION_SETS, kernels_with

from theano_engine import T, theano
from theano_engine.ops.binary_conv import BinaryConv2d
from theano_engine.ops.binary_dot import BinaryDot
from theano_engine.ops.binary_signs import HIGH, LOW, NAN, OPERATIONS, BinarySigns

pytestmark = pytest.mark.slow

AS_GIVEN = theano.Mode(linker="cvm", optimizer=None)
# Turns abstract convolutions into float matrix products; knows none of the project's rewrites.
FLOAT = theano.Mode(linker="cvm", optimizer="fast_compile")
EXAMPLES = settings(max_examples=60, deadline=None)

instruction_sets = st.sampled_from(INSTRUCTION_SETS)
thread_counts = st.sampled_from([1, 2, 5])


@st.composite
def two_valued(draw, shape, values):
    """An array of two values: random, constant or alternating; in any memory order."""
    low, high = values
    kind = draw(st.sampled_from(["random", "low", "high", "alternating"]))
    size = int(np.prod(shape))
    if kind == "alternating":
        chosen = np.arange(size) % 2
    elif kind == "random":
        chosen = np.random.RandomState(draw(st.integers(0, 2**31))).randint(0, 2, size)
    else:
        chosen = np.full(size, kind == "high")
    array = np.where(chosen, high, low).astype(np.float32).reshape(shape)
    order = draw(st.sampled_from(["C", "F", "reversed", "every other"]))
    if order == "reversed":
        return np.ascontiguousarray(array[..., ::-1, ::-1])[..., ::-1, ::-1]
    if order == "every other":
        return np.repeat(array, 2, axis=-1)[..., ::2]
    return np.asarray(array, order=order)


@st.composite
def convolutions(draw):
    """Images, filters, and the options of `conv2d` that go with them."""
    unit = draw(st.booleans())
    images, channels = draw(st.integers(0, 4)), draw(st.integers(1, 70))
    filters = draw(st.integers(1, 9))
    size = [draw(st.integers(1, 5)) for _ in range(2)]
    border_mode = draw(
        st.one_of(
            st.sampled_from(["valid", "half", "full"]),
            st.tuples(st.integers(0, 3), st.integers(0, 3)),
        )
    )
    pixels = [draw(st.integers(least, 14)) for least in size]
    magnitude = draw(st.sampled_from([1.0, 0.25, 8.0]))
    a = (0.0, 1.0) if unit else (-magnitude, magnitude)
    x = draw(two_valued((images, channels, *pixels), a))
    w = draw(two_valued((filters, channels, *size), (-0.5, 0.5)))
    options = {
        "border_mode": border_mode,
        "subsample": (draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        "filter_flip": draw(st.booleans()),
    }
    return x, w, options, unit, 0.5 * a[1]


@EXAMPLES
@given(convolutions(), instruction_sets, thread_counts)
def test_convolution_equals_the_float_one(case, instruction_set, threads):
    images, filters, options, unit, scale = case
    x, w = T.tensor4(), T.tensor4()
    binary = BinaryConv2d(**options, unit_images=unit, scale=scale)(x, w)
    with kernels_with(instruction_set, threads):
        found = theano.function([x, w], binary, mode=AS_GIVEN)(images, filters)
    if len(images) == 0:
        assert found.shape[:2] == (0, len(filters))
        return
    expected = theano.function([x, w], T.nnet.conv2d(x, w, **options), mode=FLOAT)(images, filters)
    np.testing.assert_array_equal(found, expected)
    assert not np.signbit(found[found == 0]).any()


@settings(max_examples=20, deadline=None)
@given(convolutions(), thread_counts, st.integers(0, 2**31))
def test_convolution_of_real_images(case, threads, seed):
    """Sums of quarters are exact, in whatever order they are taken."""
    images, filters, options, _, _ = case
    images = (np.random.RandomState(seed).randint(-99, 99, images.shape) / 4).astype(np.float32)
    x, w = T.tensor4(), T.tensor4()
    output = BinaryConv2d(**options, real_images=True)(x, w)
    with kernels_with(INSTRUCTION_SETS[-1], threads):
        found = theano.function([x, w], output, mode=AS_GIVEN)(images, filters)
    if len(images):
        expected = theano.function([x, w], T.nnet.conv2d(x, w, **options), mode=FLOAT)
        np.testing.assert_array_equal(found, expected(images, filters))


@EXAMPLES
@given(st.data(), instruction_sets, thread_counts)
def test_dot_equals_the_float_one(data, instruction_set, threads):
    unit = data.draw(st.booleans())
    rows, depth, units = (data.draw(st.integers(*r)) for r in ((0, 40), (1, 300), (1, 150)))
    left = data.draw(two_valued((rows, depth), (0.0, 1.0) if unit else (-2.0, 2.0)))
    right = data.draw(two_valued((depth, units), (-0.25, 0.25)))
    x, w = T.matrix(), T.matrix()
    product = BinaryDot(unit_x=unit, scale=0.25 if unit else 0.5)(x, w)
    with kernels_with(instruction_set, threads):
        found = theano.function([x, w], product, mode=AS_GIVEN)(left, right)
    np.testing.assert_array_equal(found, left.astype(np.float64) @ right)


@pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS)
def test_sums_longer_than_a_byte_counts(instruction_set):
    """Depths at which counters of 8 and 16 bits would overflow."""
    generator = np.random.RandomState(4)
    x, w = T.matrix(), T.matrix()
    with kernels_with(instruction_set, 2):
        dot = theano.function([x, w], BinaryDot()(x, w), mode=AS_GIVEN)
        for depth in (255, 2048, 70001):
            left = np.ones((5, depth), np.float32)
            right = np.where(generator.rand(depth, 3) < 0.1, 1, -1).astype(np.float32)
            right[:, 0] = -1
            np.testing.assert_array_equal(dot(left, right), left.astype(np.float64) @ right)


@pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS)
@pytest.mark.parametrize("operand", ["images", "filters"])
def test_nan_goes_where_float_arithmetic_sends_it(operand, instruction_set):
    generator = np.random.RandomState(5)
    images = generator.choice([-1, 1], (2, 35, 6, 7)).astype(np.float32)
    filters = generator.choice([-1, 1], (6, 35, 3, 3)).astype(np.float32)
    {"images": images, "filters": filters}[operand][1, 33, 2, 1] = np.nan
    x, w = T.tensor4(), T.tensor4()
    with kernels_with(instruction_set, 2):
        binary = theano.function([x, w], BinaryConv2d((1, 2))(x, w), mode=AS_GIVEN)(images, filters)
    expected = theano.function([x, w], T.nnet.conv2d(x, w, border_mode=(1, 2)), mode=FLOAT)
    np.testing.assert_array_equal(binary, expected(images, filters))
    assert 0 < np.isnan(binary).sum() < binary.size / 4


@pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS)
def test_nan_in_a_matrix_spoils_its_row_or_column(instruction_set):
    left, right = np.ones((4, 40), np.float32), np.ones((40, 70), np.float32)
    left[2, 39] = right[3, 65] = np.nan
    x, w = T.matrix(), T.matrix()
    with kernels_with(instruction_set, 2):
        found = theano.function([x, w], BinaryDot()(x, w), mode=AS_GIVEN)(left, right)
    np.testing.assert_array_equal(found, left @ right)


@pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS)
@pytest.mark.parametrize("threads", [1, 3])
def test_a_bias_is_added_as_float_arithmetic_adds_it(instruction_set, threads):
    """Thirds: each sum is rounded, once."""
    generator = np.random.RandomState(8)
    images = generator.choice([-1, 1], (2, 35, 6, 7)).astype(np.float32)
    filters = generator.choice([-1, 1], (21, 35, 3, 3)).astype(np.float32)
    images[1, 33, 2, 1] = filters[4, 3, 1, 1] = np.nan
    bias = (generator.randint(-99, 99, 42) / 3).astype(np.float32)[::2]
    x, w, b = T.tensor4(), T.tensor4(), T.vector()
    outputs = [BinaryConv2d((1, 2))(x, w), BinaryConv2d((1, 2))(x, w, b)]
    with kernels_with(instruction_set, threads):
        plain, added = theano.function([x, w, b], outputs, mode=AS_GIVEN)(images, filters, bias)
    np.testing.assert_array_equal(added, plain + bias[:, np.newaxis, np.newaxis])
    interpreted = theano.function([x, w, b], outputs[1], mode=theano.Mode("py", None))
    np.testing.assert_array_equal(interpreted(images, filters, bias), added)


def test_operands_that_do_not_fit_are_refused():
    x, w = T.tensor4(), T.tensor4()
    convolve = theano.function([x, w], BinaryConv2d()(x, w), mode=AS_GIVEN)
    ones = np.ones((1, 2, 4, 4), np.float32)
    with pytest.raises(ValueError, match="images of 2 channels do not go with filters of 3"):
        convolve(ones, np.ones((1, 3, 2, 2), np.float32))
    with pytest.raises(ValueError, match="filters of 5 x 1 do not fit into images of 4 x 4"):
        convolve(ones, np.ones((1, 2, 5, 1), np.float32))
    bias = theano.function([x, w], BinaryConv2d()(x, w, w[:, 0, 0, 0][1:]), mode=AS_GIVEN)
    with pytest.raises(ValueError, match="a bias of 2 values does not go with 3 filters"):
        bias(ones, np.ones((3, 2, 2, 2), np.float32))
    a, b = T.matrix(), T.matrix()
    dot = theano.function([a, b], BinaryDot()(a, b), mode=AS_GIVEN)
    with pytest.raises(ValueError, match="x of 2 columns does not go with w of 3 rows"):
        dot(np.ones((1, 2), np.float32), np.ones((3, 1), np.float32))
    wrong = [(BinaryConv2d(), (x, T.dtensor4())), (BinaryConv2d(), (x, w, T.dvector()))]
    for op, operands in (*wrong, (BinaryDot(), (T.dmatrix(), b))):
        with pytest.raises(TypeError, match="float32"):
            op(*operands)


def test_interpreted_convolution_agrees():
    """What Theano runs where C code is switched off."""
    generator = np.random.RandomState(6)
    images = generator.choice([-1, 1], (2, 5, 7, 6)).astype(np.float32)
    filters = generator.choice([-1, 1], (3, 5, 3, 2)).astype(np.float32)
    x, w = T.tensor4(), T.tensor4()
    for border_mode in ("valid", "half", "full", (0, 2)):
        output = BinaryConv2d(border_mode, subsample=(2, 1))(x, w)
        interpreted = theano.function([x, w], output, mode=theano.Mode("py", None))
        compiled = theano.function([x, w], output, mode=AS_GIVEN)
        np.testing.assert_array_equal(interpreted(images, filters), compiled(images, filters))


def test_a_gradient_is_refused_with_the_reason():
    x, w = T.tensor4(), T.tensor4()
    with pytest.raises(NotImplementedError, match="has no gradient: rewrites"):
        theano.grad(T.sum(BinaryConv2d()(x, w)), x)


_NUMPY = {
    "add": lambda value, operand: value + operand,
    "subtract": lambda value, operand: value - operand,
    "subtract_from": lambda value, operand: operand - value,
    "multiply": lambda value, operand: value * operand,
    "divide": lambda value, operand: value / operand,
}


@EXAMPLES
@given(st.data(), thread_counts)
def test_signs_after_steps(data, threads):
    """Every step rounds to float32 by itself; halves and NaN go where the options send them."""
    shape = data.draw(st.sampled_from([(0,), (5000,), (3, 7), (2, 3, 5), (2, 35, 4, 3)]))
    names = data.draw(st.lists(st.sampled_from(sorted(OPERATIONS)), max_size=6))
    generator = np.random.RandomState(data.draw(st.integers(0, 2**31)))
    # Multiples of a quarter meet one half often.
    values = (generator.randint(-8, 9, shape) / 4).astype(np.float32)
    if values.size > 3:
        values.flat[2] = np.nan
    operands = []
    for _ in names:
        varies = data.draw(st.booleans()) and len(shape) > 1
        sizes = [1] * len(shape)
        if varies:
            sizes[1] = shape[1]
        operands.append(generator.choice([-1.5, -0.25, 0.5, 3], sizes).astype(np.float32))
    expected = values
    for name, operand in zip(names, operands):
        expected = _NUMPY[name](expected, operand)
    above, nan = data.draw(st.booleans()), data.draw(st.sampled_from([NAN, LOW, HIGH]))
    high = expected > 0.5 if above else expected >= 0.5
    expected = np.where(
        np.isnan(expected), {NAN: np.nan, LOW: -3, HIGH: 7}[nan], np.where(high, 7, -3)
    )
    x = T.TensorType("float32", (False,) * len(shape))()
    signs = BinarySigns(above, low=-3, high=7, nan=nan)(x, names, *operands)
    with kernels_with(INSTRUCTION_SETS[-1], threads):
        found = theano.function([x], signs, mode=AS_GIVEN)(values)
    np.testing.assert_array_equal(found, expected)
