"""Gradients of binary convolutions by table lookups and by tiles: the sums of Theano's products."""

from __future__ import annotations

import numpy as np
import pytest
from support.kernel_settings import INSTRUCTION_SETS, kernels_with

from theano_engine import T, processor, theano
from theano_engine.ops.gradient_conv import (
    LEVEL,
    BinaryConvFilterGradient,
    BinaryConvInputGradient,
)
from theano_engine.ops.tiled_gradient import TiledConvFilterGradient, TiledConvInputGradient

pytestmark = pytest.mark.slow

# border mode, subsample, filter_flip, values, filter size
CONVOLUTIONS = [
    ("half", (1, 1), True, (-1.0, 1.0), (3, 3)),
    ("valid", (2, 1), False, (0.0, 1.0), (2, 3)),
    ("full", (1, 3), True, (-0.5, 0.5), (3, 2)),
    (((1, 2), (0, 1)), (2, 2), False, (-1.0, 1.0), (1, 4)),
    ((2, 1), (3, 3), True, (-1.0, 1.0), (5, 5)),
]
# Instruction sets of which the lookups have a form of their own; what multiplies tiles takes any.
LOOKUPS = [name for name in ("avx2", "avx512") if name in INSTRUCTION_SETS]
TILES = INSTRUCTION_SETS[-1:]
IN_STEPS_OF_ONE = [(mode, (1, 1), *others) for mode, _, *others in CONVOLUTIONS]
FORMS = [
    *((name, False, convolution) for name in LOOKUPS for convolution in CONVOLUTIONS),
    *((name, True, convolution) for name in TILES for convolution in IN_STEPS_OF_ONE),
]
# batch, channels, rows, columns, filters: around the kernels' units of 4, 5, 16, 30 and 32
SIZES = [
    (1, 1, 5, 5, 1),
    (5, 17, 8, 7, 6),
    (33, 16, 6, 9, 33),
    (4, 70, 13, 6, 40),
    (66, 3, 5, 6, 4),
    (31, 20, 6, 7, 61),
    (60, 6, 5, 6, 30),
    (3, 35, 5, 37, 6),
    (0, 5, 6, 6, 3),
]


def _output_size(size, filter_size, pads, stride):
    return (size + sum(pads) - filter_size) // stride + 1


def _pads(border_mode, filter_size):
    if border_mode == "valid":
        return ((0, 0), (0, 0))
    if border_mode == "half":
        return tuple((n // 2, n // 2) for n in filter_size)
    if border_mode == "full":
        return tuple((n - 1, n - 1) for n in filter_size)
    return tuple((n, n) if isinstance(n, int) else n for n in border_mode)


def _operands(convolution, size, pattern="random"):
    border_mode, stride, _, (low, high), filter_size = convolution
    batch, channels, rows, columns, filters = size
    random = np.random.default_rng(7)

    def two_valued(*shape):
        bits = random.integers(0, 2, shape)
        if pattern == "ones":
            bits[:] = 1
        elif pattern == "alternating":
            bits = np.arange(bits.size).reshape(shape) % 2
        return np.where(bits, high, low).astype("float32")

    pads = _pads(border_mode, filter_size)
    outputs = [
        _output_size(n, k, p, s) for n, k, p, s in zip((rows, columns), filter_size, pads, stride)
    ]
    # Whole numbers: their sums are exact, so that the order of summation does not show.
    top = random.integers(-99, 100, (batch, filters, *outputs)).astype("float32")
    images = two_valued(batch, channels, rows, columns)
    return images, two_valued(filters, channels, *filter_size), top


def _functions(convolution, tiled):
    """f(operand, top, size) of both gradients: [ours, Theano's]."""
    border_mode, stride, flip, values, _ = convolution
    parts = (3,) if tiled else ()
    operand, top, size = T.tensor4(), T.tensor4(), T.lvector()
    options = {"border_mode": border_mode, "subsample": stride, "filter_flip": flip}
    ours = (BinaryConvInputGradient, BinaryConvFilterGradient)
    if tiled:
        ours = (TiledConvInputGradient, TiledConvFilterGradient)
    theirs = (
        T.nnet.abstract_conv.AbstractConv2d_gradInputs,
        T.nnet.abstract_conv.AbstractConv2d_gradWeights,
    )
    return [
        theano.function(
            [operand, top, size],
            [
                our(border_mode, stride, flip, *values, *parts)(operand, top, size[0], size[1]),
                their(**options)(operand, top, size),
            ],
        )
        for our, their in zip(ours, theirs)
    ]


@pytest.fixture(scope="module", params=FORMS, ids=str)
def convolution(request):
    instruction_set, tiled, convolution = request.param
    with kernels_with(instruction_set, threads=2):
        return convolution, *_functions(convolution, tiled)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("pattern", ["random", "ones", "alternating"])
def test_gradients_are_theanos(convolution, size, pattern):
    options, input_gradient, filter_gradient = convolution
    images, filters, top = _operands(options, size, pattern)
    np.testing.assert_array_equal(*input_gradient(filters, top, images.shape[2:]))
    np.testing.assert_array_equal(*filter_gradient(images, top, filters.shape[2:]))


def test_rounding_is_that_of_float_sums(convolution):
    options, input_gradient, filter_gradient = convolution
    images, filters, top = _operands(options, (40, 20, 16, 16, 40))
    top *= np.float32(np.pi)
    for ours, theirs in (
        input_gradient(filters, top, images.shape[2:]),
        filter_gradient(images, top, filters.shape[2:]),
    ):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * np.abs(theirs).max())


def test_any_memory_layout(convolution):
    options, input_gradient, filter_gradient = convolution
    images, filters, top = _operands(options, (6, 18, 9, 8, 5))
    expected = input_gradient(filters, top, images.shape[2:])[0]
    layouts = (
        lambda x: np.asfortranarray(x),
        lambda x: np.ascontiguousarray(x[:, :, ::-1, ::-1])[:, :, ::-1, ::-1],
        lambda x: np.repeat(x, 2, axis=3)[:, :, :, ::2],
        lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    )
    expected_filters = filter_gradient(images, top, filters.shape[2:])[0]
    for layout in layouts:
        np.testing.assert_array_equal(
            input_gradient(layout(filters), layout(top), images.shape[2:])[0], expected
        )
        np.testing.assert_array_equal(
            filter_gradient(layout(images), layout(top), filters.shape[2:])[0], expected_filters
        )


def test_number_of_threads_changes_no_bit(convolution, omp_threads):
    options, input_gradient, filter_gradient = convolution
    images, filters, top = _operands(options, (7, 20, 9, 8, 9))
    results = []
    for threads in (1, 2, 5):
        omp_threads(threads)
        results.append(
            (
                input_gradient(filters, top, images.shape[2:])[0],
                filter_gradient(images, top, filters.shape[2:])[0],
            )
        )
    for result in results[1:]:
        np.testing.assert_array_equal(result[0], results[0][0])
        np.testing.assert_array_equal(result[1], results[0][1])


def test_shapes_that_do_not_fit_are_refused(convolution):
    options, input_gradient, filter_gradient = convolution
    images, filters, top = _operands(options, (3, 4, 9, 9, 5))
    with pytest.raises(ValueError, match="do not fit"):
        input_gradient(filters[1:], top, images.shape[2:])
    with pytest.raises(ValueError, match="do not fit"):
        filter_gradient(images, top[:, :, 1:], filters.shape[2:])
    with pytest.raises(ValueError, match="do not fit"):
        filter_gradient(images[1:], top, filters.shape[2:])


def _ops(function):
    return {type(node.op).__name__ for node in function.maker.fgraph.apply_nodes}


REWRITES = {
    "binary_conv_input_gradient": "BinaryConvInputGradient",
    "binary_conv_filter_gradient": "BinaryConvFilterGradient",
}


@pytest.fixture(scope="module")
def graph():
    """Inputs and gradients of a convolution of signs with signs, and of one of floats."""
    x, w = T.tensor4("x"), T.tensor4("w")
    signs = [2 * T.ge(v, 0).astype("float32") - 1 for v in (x, w)]
    gradients = []
    for images, filters in (signs, (x, 3 * T.sgn(w))):
        output = T.nnet.conv2d(images, filters, border_mode=1)
        gradients += T.grad((output**2).sum(), [images, filters])
    return [x, w], gradients


@pytest.fixture
def lookups(monkeypatch):
    if not processor.supports(LEVEL):
        pytest.skip(f"lookups need {LEVEL}")
    monkeypatch.setenv(processor.VARIABLE, LEVEL)


def test_only_binary_operands_are_recognised(graph, lookups):
    inputs, gradients = graph
    binary = theano.function(inputs, gradients[:2])
    assert set(REWRITES.values()) <= _ops(binary)
    only_looks_binary = theano.function(inputs, gradients[2:])
    assert not set(REWRITES.values()) & _ops(only_looks_binary)


@pytest.mark.parametrize("name", sorted(REWRITES))
def test_each_rewrite_can_be_excluded(graph, name, lookups):
    inputs, gradients = graph
    mode = theano.compile.get_default_mode()
    without = theano.function(inputs, gradients[:2], mode=mode.excluding(name))
    assert REWRITES[name] not in _ops(without)
    random = np.random.default_rng(3)
    x = random.standard_normal((5, 6, 7, 8)).astype("float32")
    w = random.standard_normal((4, 6, 3, 3)).astype("float32")
    for a, b in zip(theano.function(inputs, gradients[:2])(x, w), without(x, w)):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-3)


def test_capped_instruction_set_leaves_theanos_ops(graph, monkeypatch):
    inputs, gradients = graph
    monkeypatch.setenv(processor.VARIABLE, "portable")
    assert not set(REWRITES.values()) & _ops(theano.function(inputs, gradients[:2]))
    monkeypatch.setenv(processor.VARIABLE, "sse9")
    with pytest.raises(processor.InstructionSetError, match="ENGINE_INSTRUCTION_SET=sse9"):
        processor.supports("avx512")
