"""Batch norm in kernels: Theano's plain graph and finite differences are the judges."""

from __future__ import annotations

import numpy as np
import pytest

import binary_net
from theano_engine import T, theano
from theano_engine.ops.batch_norm import BatchNormTrain, batch_normalization_train, plain_graph

pytestmark = pytest.mark.slow

EPSILON = 1e-4
ACTIVATIONS = {
    "none": lambda y: y,
    "tanh": binary_net.binary_tanh_unit,
    "sigmoid": binary_net.binary_sigmoid_unit,
}
SHAPES = {
    2: [(50, 17), (1, 3), (7, 1), (0, 4)],
    4: [(5, 3, 6, 7), (2, 9, 1, 1), (3, 1, 16, 33), (0, 4, 3, 3), (2, 4, 0, 3)],
}


def _mode():
    return theano.compile.get_default_mode()


def _names(function):
    return {type(node.op).__name__ for node in function.maker.fgraph.apply_nodes}


def _function(dimensions, activation, mode):
    """f(x, gamma, beta, upstream): activation, mean, inv_std, and gradients of the three inputs."""
    block = T.TensorType("float32", (False,) * dimensions)
    x, upstream = block("x"), block("upstream")
    gamma, beta = T.vector("gamma"), T.vector("beta")
    y, mean, inv_std = batch_normalization_train(x, gamma, beta, EPSILON)
    activated = ACTIVATIONS[activation](y)
    gradients = T.grad(None, [x, gamma, beta], known_grads={activated: upstream})
    inputs = [x, gamma, beta, upstream]
    return theano.function(inputs, [activated, mean, inv_std, *gradients], mode=mode)


def _values(shape):
    random = np.random.default_rng(11)
    channels = shape[1]
    return [
        value.astype("float32")
        for value in (
            3 * random.standard_normal(shape) + 1,
            random.uniform(0.5, 2, channels),
            random.standard_normal(channels) / 2,
            random.standard_normal(shape),
        )
    ]


@pytest.fixture(scope="module", params=[(2, "tanh"), (4, "tanh"), (4, "sigmoid"), (4, "none")])
def functions(request):
    """(dimensions, with kernels, plain Theano)."""
    dimensions, activation = request.param
    kernels = _function(dimensions, activation, _mode())
    plain = _function(dimensions, activation, _mode().excluding("binary"))
    assert {"BatchNormTrainKernel", "BatchNormTrainGradKernel"} == _names(kernels)
    assert not any(name.startswith("BatchNorm") for name in _names(plain))
    return dimensions, kernels, plain


def _assert_close(ours, theirs):
    for mine, other in zip(ours, theirs):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=2e-6)


def test_outputs_and_gradients_are_the_plain_graphs(functions):
    dimensions, kernels, plain = functions
    for shape in SHAPES[dimensions]:
        if 0 in shape:
            assert [v.shape for v in kernels(*_values(shape))] == [
                v.shape for v in plain(*_values(shape))
            ]
        else:
            _assert_close(kernels(*_values(shape)), plain(*_values(shape)))


def test_clipping_bounds_and_ties(functions):
    """Values at -1, 0 and +1 after normalisation, where rounding and clipping decide."""
    dimensions, kernels, plain = functions
    shape = (4, 3) if dimensions == 2 else (4, 3, 2, 2)
    x = np.zeros(shape, "float32")
    x[::2], x[1::2] = 1, -1
    upstream = np.ones(shape, "float32")
    for beta in (-1.0, 0.0, 1.0, -3e-8, 1e-7, np.nextafter(np.float32(1), np.float32(2))):
        beta = np.full(3, beta, "float32")
        for gamma in (np.zeros(3, "float32"), np.full(3, 1.00005, "float32")):
            _assert_close(kernels(x, gamma, beta, upstream), plain(x, gamma, beta, upstream))


def test_any_memory_layout(functions):
    dimensions, kernels, _ = functions
    x, gamma, beta, upstream = _values(SHAPES[dimensions][0])
    expected = kernels(x, gamma, beta, upstream)
    for layout in (np.asfortranarray, lambda v: np.ascontiguousarray(v[..., ::-1])[..., ::-1]):
        result = kernels(*(layout(v) for v in (x, gamma, beta, upstream)))
        for mine, other in zip(result, expected):
            np.testing.assert_array_equal(mine, other)


def test_number_of_threads_changes_no_bit(functions, omp_threads):
    dimensions, kernels, _ = functions
    values = _values(SHAPES[dimensions][0])
    results = []
    for threads in (1, 3):
        omp_threads(threads)
        results.append(kernels(*values))
    for one, many in zip(*results):
        np.testing.assert_array_equal(one, many)


def test_nan_is_not_hidden(functions):
    dimensions, kernels, _ = functions
    x, gamma, beta, upstream = _values(SHAPES[dimensions][0])
    beta[0] = np.nan
    assert np.isnan(kernels(x, gamma, beta, upstream)[0][:, 0]).all()


def test_shapes_that_do_not_fit_are_refused(functions):
    dimensions, kernels, _ = functions
    x, gamma, beta, upstream = _values(SHAPES[dimensions][0])
    with pytest.raises(ValueError, match="values for"):
        kernels(x, gamma[1:], beta, upstream)
    with pytest.raises(ValueError, match="differ in shape"):
        kernels(x, gamma, beta, upstream[1:])


def test_gradients_are_finite_differences():
    """In double precision, statistics included: what no kernel covers is opened into the graph."""
    x, gamma, beta = T.dtensor3("x"), T.dvector("gamma"), T.dvector("beta")
    y, mean, inv_std = batch_normalization_train(x, gamma, beta, EPSILON)
    random = np.random.default_rng(5)
    coefficients = random.standard_normal((4, 3, 5))
    cost = (T.sin(y) * coefficients).sum() + (mean**3).sum() + (inv_std**2 * [1, 2, 3]).sum()
    arguments = [
        random.standard_normal((4, 3, 5)),
        random.uniform(1, 2, 3),
        random.uniform(0, 1, 3),
    ]
    mode = theano.Mode(linker="py", optimizer="fast_compile")
    f = theano.function([x, gamma, beta], cost, mode=mode)
    gradients = theano.function([x, gamma, beta], T.grad(cost, [x, gamma, beta]), mode=mode)
    for position, gradient in enumerate(gradients(*arguments)):
        for index in [(0,) * gradient.ndim, (2,) * gradient.ndim]:
            sides = []
            for step in (1e-6, -1e-6):
                moved = [a.copy() for a in arguments]
                moved[position][index] += step
                sides.append(f(*moved))
            difference = (sides[0] - sides[1]) / 2e-6
            np.testing.assert_allclose(gradient[index], difference, rtol=1e-5, atol=1e-7)


def test_without_any_rewrite_the_abstract_ops_compute():
    function = _function(4, "none", theano.Mode(linker="py", optimizer=None))
    assert BatchNormTrain.__name__ in _names(function)
    values = _values((3, 2, 4, 5))
    _assert_close(function(*values), _function(4, "none", "FAST_COMPILE")(*values))


REWRITES = ["batch_norm_kernel", "batch_norm_mask", "batch_norm_activation"]


@pytest.mark.parametrize("name", REWRITES)
def test_each_rewrite_can_be_excluded(name):
    without = _function(4, "tanh", _mode().excluding(name))
    ops = {str(node.op) for node in without.maker.fgraph.apply_nodes}
    absent = {
        "batch_norm_kernel": "BatchNorm",
        "batch_norm_mask": "masked=True",
        "batch_norm_activation": "activation='tanh'",
    }[name]
    assert not any(absent in op for op in ops)
    values = _values((5, 3, 6, 7))
    _assert_close(without(*values), _function(4, "tanh", _mode())(*values))


def test_values_that_something_else_needs_stay():
    x, gamma, beta = T.tensor4(), T.vector(), T.vector()
    y = batch_normalization_train(x, gamma, beta, EPSILON)[0]
    function = theano.function([x, gamma, beta], [binary_net.binary_tanh_unit(y), y.sum()])
    plain = plain_graph(x, gamma, beta, EPSILON)[0]
    expected = theano.function(
        [x, gamma, beta],
        [binary_net.binary_tanh_unit(plain), plain.sum()],
        mode=_mode().excluding("binary"),
    )
    values = _values((5, 3, 6, 7))[:3]
    for mine, other in zip(function(*values), expected(*values)):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("shape", [(3, 5, 4, 6), (1, 1, 1, 1), (0, 3, 2, 2), (4, 2, 0, 3)])
def test_channel_sum(shape):
    x = T.tensor4()
    ours = theano.function([x], x.sum((0, 2, 3)))
    assert "ChannelSum" in _names(ours)
    value = np.random.default_rng(2).standard_normal(shape).astype("float32")
    expected = value.sum((0, 2, 3), dtype="float64")
    np.testing.assert_allclose(ours(value), expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(ours(np.asfortranarray(value)), ours(value))
    excluded = theano.function([x], x.sum((0, 2, 3)), mode=_mode().excluding("channel_sum"))
    assert "ChannelSum" not in _names(excluded)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("shape", [(50, 32), (7, 3), (33, 17), (1, 5), (0, 4)])
def test_a_dense_layer_has_the_bits_of_images_of_one_pixel(activation, shape):
    rng = np.random.RandomState(3)
    block = [(rng.randn(*shape) * 5).astype("float32") for _ in range(2)]
    vectors = [rng.randn(shape[1]).astype("float32") for _ in range(2)]
    dense = _function(2, activation, _mode())(block[0], *vectors, block[1])
    images = [part.reshape(*shape, 1) for part in block]
    of_images = _function(3, activation, _mode())(images[0], *vectors, images[1])
    for one, other in zip(dense, of_images, strict=True):
        np.testing.assert_array_equal(one, other.reshape(one.shape))
