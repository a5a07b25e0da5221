"""The experiments' networks in PyTorch: against the recording and Theano."""

from __future__ import annotations

import numpy as np
import pytest
from support import oracle_network
from support.torch_comparison import REFERENCE, normal, torch

import binary_net
from binary_net import lasagne
from theano_engine import T, theano
from theano_engine.torch_linker import precision, products


@pytest.fixture(scope="module")
def repeated(mode, oracle):
    recorded = oracle_network.Recorded(oracle, mode)
    losses, _ = recorded.train()
    return recorded, losses, lasagne.layers.get_all_param_values(recorded.network)


@pytest.mark.slow
def test_the_recorded_losses(repeated, oracle):
    _, losses, _ = repeated
    np.testing.assert_allclose(losses[:3], oracle["losses"][:3], rtol=0, atol=1e-5)
    np.testing.assert_allclose(losses, oracle["losses"], rtol=0, atol=1e-4)


@pytest.mark.slow
def test_the_recorded_parameters(repeated, oracle):
    # The gradient of a bias before a batch norm is 0 but for rounding. Adam makes steps of this
    # noise, and the stored means follow: those two depend on the order of every sum.
    names = [name.decode() for name in oracle["names"]]
    for number, (name, value) in enumerate(zip(names, repeated[2])):
        tolerance = 1e-2 if name in ("b", "mean") else 1e-4
        np.testing.assert_allclose(value, oracle[f"p1_{number:02d}"], rtol=0, atol=tolerance)


@pytest.mark.slow
def test_the_recorded_outputs_with_the_recorded_parameters(repeated, oracle):
    recorded, _, found = repeated
    lasagne.layers.set_all_param_values(
        recorded.network, [oracle[f"p1_{number:02d}"] for number in range(len(found))]
    )
    loss, error, output = recorded.test()
    np.testing.assert_allclose([float(loss), float(error)], oracle["vals"][-1], rtol=0, atol=1e-4)
    np.testing.assert_allclose(np.asarray(output), oracle["out"], rtol=0, atol=1e-4)


@pytest.mark.slow
def test_stochastic_weights_and_dropout_as_by_theano(mode):
    """Both draw the same numbers in PyTorch, so the losses of a step agree."""
    X, targets = normal(12, 20), np.sign(normal(12, 4, seed=2))
    losses = []
    for how in (REFERENCE, mode):
        lasagne.random.set_rng(np.random.RandomState(5))
        inputs, wanted = T.matrix("inputs"), T.matrix("wanted")
        network = lasagne.layers.InputLayer((None, 20), inputs)
        for units in (16, 4):
            network = binary_net.DenseLayer(network, units, nonlinearity=None)
            network = lasagne.layers.DropoutLayer(network, 0.3)
            network = binary_net.BatchNormLayer(network)
        loss = T.mean(T.sqr(wanted - lasagne.layers.get_output(network)))
        weights = lasagne.layers.get_all_params(network, binary=True)
        gradients = binary_net.compute_grads(loss, network)
        updates = lasagne.updates.sgd(gradients, weights, 0.1)
        updates = binary_net.clipping_scaling(updates, network)
        train = theano.function([inputs, wanted], loss, updates=updates, mode=how)
        losses.append([float(train(X, targets)) for _ in range(3)])
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)


def test_products_with_one_binary_operand_in_two_parts_of_tf32():
    sizes = 10.0 ** np.arange(-20, 20).repeat(25)
    x = torch.from_numpy((normal(1000) * sizes).astype(np.float32))
    high, low = precision.split(x)
    for part in (high, low):
        assert not (part.view(torch.int32) & 0x1FFF).any()
    assert ((x.double() - high.double() - low.double()).abs() <= x.double().abs() * 2**-23).all()
    weights = torch.sign(torch.from_numpy(normal(1000, 3, seed=2)))
    exact = x.double() @ weights.double()
    for how in (precision.SPLIT_FIRST, precision.SPLIT_SECOND):
        a, b = (x, weights) if how == precision.SPLIT_FIRST else (weights.t(), x)
        found = precision.multiplied(products.matmul, a, b, how)
        assert torch.allclose(found.double(), exact, rtol=1e-5)


def test_tensor_cores_are_for_binary_operands():
    x, W = T.matrix("x"), T.matrix("W")
    binary = binary_net.binary_tanh_unit(x), binary_net.binarization(W, 1.0)
    with precision.building("cpu", allow_tf32=True):
        assert precision.choose(*binary) == precision.FLOAT32
    if not torch.cuda.is_available():
        return
    with precision.building("cuda", allow_tf32=False):
        chosen = [precision.choose(*p) for p in (binary, (x, binary[1]), (binary[0], W), (x, W))]
    assert chosen == [
        *(precision.TF32, precision.SPLIT_FIRST, precision.SPLIT_SECOND, precision.FLOAT32),
    ]
