"""Layers and gradients: finite differences of the straight-through surrogate are the judge."""

from __future__ import annotations

import numpy as np
import pytest

import binary_net
from binary_net import lasagne
from theano_engine import T, theano

# Without C code a small graph is ready at once, but Theano's CPU convolution has no other.
INTERPRETED = "FAST_COMPILE"
COMPILED = theano.Mode(linker="cvm", optimizer="fast_compile")


@pytest.fixture
def float64():
    with theano.configparser.change_flags(floatX="float64"):
        lasagne.random.set_rng(np.random.RandomState(1))
        yield np.random.RandomState(2)


def finite_differences(function, at, step=1e-5):
    """Central differences of a scalar function of one array."""
    gradient = np.zeros_like(at)
    for index in np.ndindex(at.shape):
        moved = at.copy()
        moved[index] = at[index] + step
        above = function(moved)
        moved[index] = at[index] - step
        gradient[index] = (above - function(moved)) / (2 * step)
    return gradient


def evaluate(expression, mode=INTERPRETED):
    return theano.function([], expression, mode=mode)()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("unit", "surrogate"),
    [
        (binary_net.binary_tanh_unit, lambda x: np.clip(x, -1, 1)),
        (binary_net.binary_sigmoid_unit, lambda x: np.clip((x + 1) / 2, 0, 1)),
    ],
)
def test_activation_gradient_is_that_of_its_surrogate(float64, unit, surrogate):
    x = np.array([-3.0, -1.01, -0.99, -0.5, -1e-3, 1e-3, 0.5, 0.99, 1.01, 3.0])
    upstream = float64.normal(size=x.shape)
    variable = T.vector()
    gradient = theano.grad(T.sum(unit(variable) * upstream), variable)
    found = theano.function([variable], gradient, mode=INTERPRETED)(x)
    expected = finite_differences(lambda at: np.sum(surrogate(at) * upstream), x)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.slow
def test_values_at_and_around_zero():
    x = np.array([-2, -1, -1e-30, -0.0, 0.0, 1e-30, 1, 2], np.float32)
    assert evaluate(binary_net.binary_tanh_unit(x)).tolist() == [-1, -1, 1, 1, 1, 1, 1, 1]
    assert evaluate(binary_net.binary_sigmoid_unit(x)).tolist() == [0, 0, 1, 1, 1, 1, 1, 1]
    assert evaluate(binary_net.hard_sigmoid(x)).tolist() == [0, 0, 0.5, 0.5, 0.5, 0.5, 1, 1]


@pytest.mark.slow
def test_binarized_weights_at_and_around_zero():
    W = theano.shared(np.array([-1, -0.5, -1e-3, 0, 1e-3, 0.5, 1], np.float32))
    expected = [-1, -1, -1, -1, 1, 1, 1]
    assert evaluate(binary_net.binarization(W, 1.0)).tolist() == expected
    assert evaluate(binary_net.binarization(W, 0.25)).tolist() == [v / 4 for v in expected]
    assert binary_net.binarization(W, 1.0, binary=False) is W
    assert binary_net.binarization(W, 1.0, deterministic=True, stochastic=True) is W


@pytest.mark.slow
def test_stochastic_weights_are_drawn_with_their_probability():
    W = theano.shared(np.repeat(np.float32([-1, -0.5, 0, 0.5, 1]), 4000))
    srng = theano.sandbox.rng_mrg.MRG_RandomStreams(3)
    draw = theano.function(
        [], binary_net.binarization(W, 1.0, stochastic=True, srng=srng), mode=INTERPRETED
    )
    first, second = draw(), draw()
    assert set(first.tolist()) == {-1.0, 1.0}
    assert not np.array_equal(first, second)
    positive = (first.reshape(5, -1) > 0).mean(axis=1)
    np.testing.assert_allclose(positive, [0, 0.25, 0.5, 0.75, 1], atol=0.04)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [{}, {"pad": 1, "stride": 2}, {"pad": "same"}, {"pad": "full"}, {"b": None}]
)
def test_convolution_gradients(float64, options):
    x = float64.normal(size=(2, 3, 6, 5))
    network = lasagne.layers.InputLayer(x.shape)
    network = binary_net.Conv2DLayer(network, 4, 3, stochastic=False, **options)
    check_weight_gradient(network, x, float64)


@pytest.mark.slow
def test_dense_gradients(float64):
    x = float64.normal(size=(3, 2, 4))
    network = binary_net.DenseLayer(lasagne.layers.InputLayer(x.shape), 5, stochastic=False)
    check_weight_gradient(network, x, float64)


def check_weight_gradient(layer, x, rng):
    """compute_grads against differences of the loss as a function of the binarized weights.

    The penalty on the real-valued weights must arrive as well.
    """
    output = lasagne.layers.get_output(layer, x)
    upstream = rng.normal(size=lasagne.layers.get_output_shape(layer))
    penalty = 0.1 * T.sum(T.sqr(layer.W))
    loss = T.sum(output * upstream) + penalty
    (gradient,) = binary_net.compute_grads(loss, layer)
    real = layer.W.get_value()
    weights = T.TensorType("float64", (False,) * real.ndim)()
    straight_through = theano.clone(T.sum(output * upstream), {layer.Wb: weights})
    function = theano.function([weights], straight_through, mode=COMPILED)
    signs = np.where(real > 0, 1.0, -1.0)
    expected = finite_differences(function, signs) + 0.2 * real
    np.testing.assert_allclose(evaluate(gradient, COMPILED), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.slow
def test_batch_norm_gradients(float64):
    x = float64.normal(size=(4, 3, 2, 2))
    layer = binary_net.BatchNormLayer(
        lasagne.layers.InputLayer(x.shape), gamma=lasagne.init.Uniform((0.5, 2))
    )
    upstream = float64.normal(size=x.shape)
    variable = T.tensor4()
    loss = T.sum(
        lasagne.layers.get_output(layer, variable, batch_norm_update_averages=False) * upstream
    )
    wrt = [variable, layer.gamma, layer.beta]
    gradients = theano.function([variable], theano.grad(loss, wrt), mode=INTERPRETED)(x)
    function = theano.function([variable], loss, mode=INTERPRETED)
    np.testing.assert_allclose(gradients[0], finite_differences(function, x), atol=1e-6)
    for parameter, gradient in zip(wrt[1:], gradients[1:]):

        def loss_at(value, parameter=parameter):
            parameter.set_value(value)
            return function(x)

        value = parameter.get_value()
        np.testing.assert_allclose(gradient, finite_differences(loss_at, value), atol=1e-6)
        parameter.set_value(value)


@pytest.mark.slow
def test_batch_norm_statistics_move_in_training_alone():
    x = np.random.RandomState(0).normal(3, 2, size=(50, 4)).astype(np.float32)
    variable = T.matrix()
    layer = binary_net.BatchNormLayer(lasagne.layers.InputLayer((None, 4)), alpha=0.1)
    assert [p.name for p in layer.get_params()] == ["beta", "gamma", "mean", "inv_std"]
    assert [p.name for p in layer.get_params(trainable=True)] == ["beta", "gamma"]
    train = theano.function(
        [variable], lasagne.layers.get_output(layer, variable), mode=INTERPRETED
    )
    test = theano.function(
        [variable], lasagne.layers.get_output(layer, variable, deterministic=True), mode=INTERPRETED
    )
    np.testing.assert_allclose(test(x), x)
    output = train(x)
    np.testing.assert_allclose(output.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(output.std(axis=0), 1, atol=1e-3)
    mean, inv_std = layer.mean.get_value(), layer.inv_std.get_value()
    np.testing.assert_allclose(mean, 0.1 * x.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(inv_std, 0.9 + 0.1 / np.sqrt(x.var(axis=0) + 1e-4), rtol=1e-5)
    np.testing.assert_allclose(test(x), (x - mean) * inv_std, rtol=1e-4, atol=1e-4)
    assert np.array_equal(layer.mean.get_value(), mean)


@pytest.mark.slow
def test_clipping_and_scaling():
    network = binary_net.DenseLayer(lasagne.layers.InputLayer((2, 3)), 5, stochastic=False, H=1.0)
    W = network.W
    before = np.linspace(-1, 1, 15, dtype=np.float32).reshape(3, 5)
    W.set_value(before)
    updates = binary_net.clipping_scaling({W: W + 0.1, network.b: network.b + 1}, network)
    scale = 1 / np.sqrt(1.5 / (3 + 5))
    expected = np.clip(before + 0.1 * scale, -1, 1)
    np.testing.assert_allclose(evaluate(updates[W]), expected, rtol=1e-6)
    assert evaluate(updates[network.b]).tolist() == [1] * 5


@pytest.mark.slow
def test_a_network_works_as_any_lasagne_network():
    network = lasagne.layers.InputLayer((None, 2, 8, 8))
    network = binary_net.Conv2DLayer(network, 4, 3, pad="same", stochastic=False)
    network = lasagne.layers.MaxPool2DLayer(network, 2)
    network = binary_net.BatchNormLayer(network)
    network = lasagne.layers.NonlinearityLayer(network, binary_net.binary_tanh_unit)
    network = lasagne.layers.DropoutLayer(network, 0.5)
    network = binary_net.DenseLayer(network, 3, stochastic=False)
    assert lasagne.layers.get_output_shape(network) == (None, 3)
    names = [parameter.name for parameter in lasagne.layers.get_all_params(network)]
    assert names == ["W", "b", "beta", "gamma", "mean", "inv_std", "W", "b"]
    assert len(lasagne.layers.get_all_params(network, binary=True)) == 2
    assert len(lasagne.layers.get_all_params(network, regularizable=True, binary=True)) == 0
    values = [value + 0.25 for value in lasagne.layers.get_all_param_values(network)]
    lasagne.layers.set_all_param_values(network, values)
    for value, stored in zip(values, lasagne.layers.get_all_param_values(network)):
        np.testing.assert_array_equal(value, stored)
    x = np.zeros((5, 2, 8, 8), np.float32)
    assert evaluate(lasagne.layers.get_output(network, x), COMPILED).shape == (5, 3)


def test_a_loss_of_another_network_is_refused():
    one, other = (
        binary_net.DenseLayer(lasagne.layers.InputLayer((2, 3)), 1, stochastic=False)
        for _ in range(2)
    )
    loss = T.sum(lasagne.layers.get_output(one, np.zeros((2, 3), np.float32)))
    with pytest.raises(ValueError, match="does not depend on"):
        binary_net.compute_grads(loss, other)


def given_weights(kind, values):
    """The values in one of the ways in which Lasagne takes a layer's weights."""
    if kind == "array":
        return values
    if kind == "shared variable":
        return theano.shared(values)
    if kind == "function":
        return lambda shape: values.reshape(shape)

    class Fixed(lasagne.init.Initializer):
        def sample(self, shape):
            return values.reshape(shape)

    return Fixed()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["array", "shared variable", "function", "initializer"])
@pytest.mark.parametrize("layer", ["dense", "convolution"])
def test_given_weights_are_the_layers_and_stay_binary(layer, kind):
    shape = (12, 5) if layer == "dense" else (5, 3, 3, 3)
    values = np.random.RandomState(6).uniform(-1, 1, shape).astype(np.float32)
    W = given_weights(kind, values)
    below = lasagne.layers.InputLayer((None, 12) if layer == "dense" else (None, 3, 4, 4))
    network = (
        binary_net.DenseLayer(below, 5, stochastic=False, W=W)
        if layer == "dense"
        else binary_net.Conv2DLayer(below, 5, 3, stochastic=False, W=W)
    )
    assert (network.W is W) == (kind == "shared variable")
    np.testing.assert_array_equal(network.W.get_value(), values)
    assert network.get_params(binary=True) == [network.W]
    assert network.W not in network.get_params(trainable=True)
    x = np.random.RandomState(7).normal(size=(2, *below.shape[1:])).astype(np.float32)
    signs = np.where(values > 0, 1, -1)
    output = lasagne.layers.get_output(network, T.constant(x), deterministic=False)
    found = evaluate(output, COMPILED)
    if layer == "dense":
        expected = np.maximum(x @ signs, 0)
    else:
        windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (2, 3))
        expected = np.einsum("bcijkl,fckl->bfij", windows, signs[:, :, ::-1, ::-1]).clip(0)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
