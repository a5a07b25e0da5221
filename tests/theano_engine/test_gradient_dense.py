"""Gradients of binary dense layers by table lookups: the sums of matrix products."""

from __future__ import annotations

import re

import numpy as np
import pytest
from support.kernel_settings import INSTRUCTION_SETS, kernels_with

from theano_engine import T, processor, theano
from theano_engine.ops.gradient_conv import LEVEL
from theano_engine.ops.gradient_dense import BinaryDenseInputGradient, BinaryDenseWeightGradient

pytestmark = pytest.mark.slow

OPS = (BinaryDenseInputGradient, BinaryDenseWeightGradient)
FORMS = [
    (name, values)
    for name in ("avx2", "avx512")
    if name in INSTRUCTION_SETS
    for values in ((-1.0, 1.0), (0.0, 1.0), (-0.5, 0.5))
]
# batch, inputs, units: around the kernels' units of 4, 5, 30, 32 and 64, images held 64 at a time
SIZES = [
    (50, 1025, 65),
    (33, 257, 256),
    (3, 65537, 1),
    (61, 64, 1024),
    (131, 1000, 66),
    (1, 1, 65536),
    (5, 2185, 31),
    (0, 256, 257),
]
SMALL = [(50, 32, 32), (50, 32, 10), (1, 1, 1), (33, 255, 256), (7, 128, 128)]


def _operands(size, values, whole=True):
    batch, inputs, units = size
    random = np.random.default_rng(5)
    layer_input, weights = (
        np.where(random.integers(0, 2, shape), values[1], values[0]).astype("float32")
        for shape in ((batch, inputs), (inputs, units))
    )
    # Whole numbers: their sums are exact, so that the order of summation does not show.
    top = random.integers(-99, 100, (batch, units)) if whole else random.normal(size=(batch, units))
    return layer_input, weights, top.astype("float32")


@pytest.fixture(scope="module", params=FORMS, ids=str)
def gradients(request):
    """The values, and f(layer's input, weights, outputs' gradient) of both gradients."""
    instruction_set, values = request.param
    layer_input, weights, top = T.matrices("layer_input", "weights", "top")
    operands = (weights, layer_input)
    outputs = [op(*values)(operand, top) for op, operand in zip(OPS, operands)]
    with kernels_with(instruction_set, threads=2):
        yield values, theano.function([layer_input, weights, top], outputs)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_whole_numbers_have_the_sums_of_products(gradients, size):
    values, function = gradients
    layer_input, weights, top = _operands(size, values)
    of_input, of_weights = function(layer_input, weights, top)
    layer_input, weights, top = (x.astype("float64") for x in (layer_input, weights, top))
    np.testing.assert_array_equal(of_input, top @ weights.T)
    np.testing.assert_array_equal(of_weights, layer_input.T @ top)


def test_rounding_is_that_of_float_sums(gradients):
    values, function = gradients
    layer_input, weights, top = _operands((50, 300, 257), values, whole=False)
    of_input, of_weights = function(layer_input, weights, top)
    layer_input, weights, top = (x.astype("float64") for x in (layer_input, weights, top))
    for found, left, right in ((of_input, top, weights.T), (of_weights, layer_input.T, top)):
        assert (np.abs(found - left @ right) <= 1e-6 * (np.abs(left) @ np.abs(right))).all()


@pytest.mark.parametrize("size", SMALL, ids=str)
def test_small_layers_keep_theanos_products_bit_for_bit(gradients, size):
    values, function = gradients
    layer_input, weights, top = _operands(size, values, whole=False)
    of_input, of_weights = function(layer_input, weights, top)
    a, b = T.matrices("a", "b")
    by_weights, by_input = (theano.function([a, b], T.dot(*f)) for f in ((b, a.T), (a.T, b)))
    np.testing.assert_array_equal(of_input, by_weights(weights, top))
    np.testing.assert_array_equal(of_weights, by_input(layer_input, top))


def test_number_of_threads_changes_no_bit(gradients, omp_threads):
    values, function = gradients
    operands = _operands((70, 300, 257), values, whole=False)
    results = []
    for threads in (1, 2, 5):
        omp_threads(threads)
        results.append(function(*operands))
    for result in results[1:]:
        np.testing.assert_array_equal(result[0], results[0][0])
        np.testing.assert_array_equal(result[1], results[0][1])


def test_any_memory_layout(gradients):
    values, function = gradients
    operands = _operands((9, 300, 257), values, whole=False)
    expected = function(*operands)
    for layout in (np.asfortranarray, lambda x: np.repeat(x, 2, axis=1)[:, ::2]):
        for found, wanted in zip(function(*map(layout, operands)), expected):
            np.testing.assert_array_equal(found, wanted)


def test_what_is_not_finite_reaches_the_sums_that_it_is_in(gradients):
    values, function = gradients
    layer_input, weights, top = _operands((9, 300, 257), values)
    top[2, 3], top[4, 5], top[6, 7], top[6, 8] = np.inf, np.nan, np.inf, -np.inf
    of_input, of_weights = function(layer_input, weights, top)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(of_input, top @ weights.T)
        np.testing.assert_array_equal(of_weights, layer_input.T @ top)


def test_shapes_that_do_not_fit_are_refused():
    operand, top = T.matrices("operand", "top")
    for op, shape in zip(OPS, ((2, 3), (3, 2))):
        function = theano.function([operand, top], op(-1, 1)(operand, top))
        with pytest.raises(ValueError, match=re.escape(f"operand {shape} and output gradient")):
            function(np.ones(shape, np.float32), np.ones((4, 5), np.float32))
    with pytest.raises(TypeError, match="2 axes"):
        BinaryDenseInputGradient(-1, 1)(T.tensor3(), top)


@pytest.fixture
def layer():
    """f(mode) compiles the gradients of a layer of signs, those of one of floats, and outputs."""
    if not processor.supports(LEVEL):
        pytest.skip(f"lookups need {LEVEL}")
    x, w, top = T.matrices("x", "w", "top")
    signs = [2 * T.ge(v, 0).astype("float32") - 1 for v in (x, w)]

    def compiled(mode=None):
        outputs = []
        for layer_input, weights in (signs, (x, 3 * T.sgn(w))):
            output = T.dot(layer_input, weights)
            outputs += [output, *T.grad((top * output).sum(), [layer_input, weights])]
        return theano.function([x, w, top], outputs, mode=mode)

    return compiled


def _count(function):
    nodes = function.maker.fgraph.apply_nodes
    return [sum(type(node.op) is op for node in nodes) for op in OPS]


def test_only_binary_operands_are_recognised_and_the_rewrite_can_be_excluded(layer, monkeypatch):
    monkeypatch.setenv(processor.VARIABLE, LEVEL)
    mode = theano.compile.get_default_mode()
    ours, theirs = layer(), layer(mode.excluding("binary_dot_gradient"))
    assert _count(ours) == [1, 1] and _count(theirs) == [0, 0]
    random = np.random.default_rng(3)
    operands = [random.normal(size=n).astype("float32") for n in ((9, 300), (300, 257), (9, 257))]
    for found, expected in zip(ours(*operands), theirs(*operands)):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-3)
    monkeypatch.setenv(processor.VARIABLE, "portable")
    assert _count(layer()) == [0, 0]
