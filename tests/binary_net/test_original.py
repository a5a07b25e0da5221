"""The recorded training of the original is the judge: same start, same losses, same outputs."""

from __future__ import annotations

import numpy as np
import pytest
from support import oracle_network

import binary_net
from binary_net import lasagne
from memorization import networks


@pytest.fixture(scope="module")
def repeated(oracle):
    recorded = oracle_network.Recorded(oracle)
    losses, validations = recorded.train()
    return recorded, losses, validations


@pytest.mark.slow
def test_parameter_names_and_order(repeated, oracle):
    names = [parameter.name for parameter in lasagne.layers.get_all_params(repeated[0].network)]
    assert names == [name.decode() for name in oracle["names"]]


@pytest.mark.slow
def test_losses(repeated, oracle):
    _, losses, _ = repeated
    np.testing.assert_allclose(losses[:3], oracle["losses"][:3], rtol=0, atol=1e-5)
    np.testing.assert_allclose(losses, oracle["losses"], rtol=0, atol=1e-4)


@pytest.mark.slow
def test_validation_losses_and_errors(repeated, oracle):
    _, _, validations = repeated
    np.testing.assert_allclose(validations, oracle["vals"], rtol=0, atol=1e-4)


@pytest.mark.slow
def test_outputs_and_parameters_after_training(repeated, oracle):
    recorded, _, _ = repeated
    np.testing.assert_allclose(recorded.test()[2], oracle["out"], rtol=0, atol=1e-4)
    for number, value in enumerate(lasagne.layers.get_all_param_values(recorded.network)):
        np.testing.assert_allclose(value, oracle[f"p1_{number:02d}"], rtol=0, atol=1e-4)


@pytest.mark.slow
def test_evaluation_with_the_signs_of_the_weights(repeated, oracle):
    recorded, _, _ = repeated
    before = lasagne.layers.get_all_param_values(recorded.network)
    networks.replace_weights_by_sign(recorded.network)
    loss, error, output = recorded.test()
    lasagne.layers.set_all_param_values(recorded.network, before)
    np.testing.assert_allclose([loss, error], oracle["bin_val"], rtol=0, atol=1e-4)
    np.testing.assert_allclose(output, oracle["bin_out"], rtol=0, atol=1e-4)


def test_public_names_and_defaults():
    import inspect

    def defaults(function):
        parameters = inspect.signature(function).parameters.values()
        return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}

    layer = {"binary": True, "stochastic": True, "H": 1.0, "W_LR_scale": "Glorot", "srng": None}
    assert defaults(binary_net.DenseLayer) == layer
    assert defaults(binary_net.Conv2DLayer) == layer
    assert list(inspect.signature(binary_net.train).parameters)[:15] == [
        *("train_fn", "val_fn", "model", "batch_size", "LR_start", "LR_decay", "num_epochs"),
        *("X_train", "y_train", "X_val", "y_val", "X_test", "y_test"),
        *("save_path", "shuffle_parts"),
    ]
    assert list(inspect.signature(binary_net.binarization).parameters) == [
        *("W", "H", "binary", "deterministic", "stochastic", "srng"),
    ]
