"""The experiments' networks in PyTorch: against the recording, and against Theano's C code."""

from __future__ import annotations

import binary_net  # noqa: F401 - prepares Theano for import

# isort: split
import numpy as np
import oracle_network
import pytest
from lasagne import layers

import networks


@pytest.fixture(scope="module")
def repeated(mode, oracle):
    recorded = oracle_network.Recorded(oracle, mode)
    losses, _ = recorded.train()
    return recorded, losses, layers.get_all_param_values(recorded.network)


def test_the_recorded_losses(repeated, oracle):
    _, losses, _ = repeated
    np.testing.assert_allclose(losses[:3], oracle["losses"][:3], rtol=0, atol=1e-5)
    np.testing.assert_allclose(losses, oracle["losses"], rtol=0, atol=1e-4)


def test_the_recorded_parameters(repeated, oracle):
    # The gradient of a bias before a batch norm is 0 but for rounding. Adam makes steps of such noise,
    # and the stored means follow: those two depend on the order of every sum.
    names = [name.decode() for name in oracle["names"]]
    for number, (name, value) in enumerate(zip(names, repeated[2])):
        tolerance = 1e-2 if name in ("b", "mean") else 1e-4
        np.testing.assert_allclose(value, oracle[f"p1_{number:02d}"], rtol=0, atol=tolerance)


def test_the_recorded_outputs_with_the_recorded_parameters(repeated, oracle):
    recorded, _, found = repeated
    layers.set_all_param_values(
        recorded.network, [oracle[f"p1_{number:02d}"] for number in range(len(found))]
    )
    loss, error, output = recorded.test()
    np.testing.assert_allclose([float(loss), float(error)], oracle["vals"][-1], rtol=0, atol=1e-4)
    np.testing.assert_allclose(np.asarray(output), oracle["out"], rtol=0, atol=1e-4)


def test_one_step_as_by_theano(mode):
    """Stochastic weights and dropout draw the same numbers, so even their losses agree."""
    generator = np.random.RandomState(0)
    images = generator.randint(0, 256, (24, 3, 32, 32)).astype("uint8")
    labels = generator.randint(0, 10, 24)
    widths = (4, 4, 4, 4, 4, 4, 8, 8)
    outcomes = []
    for how in (None, mode):
        network = networks.build_cnn(widths, "sigmoid", True, dropout=(0.25, 0.5), seed=3)
        functions = networks.build_functions(network, images, mode=how)
        tested, predicted = functions.test(np.arange(24), labels)
        loss = functions.train(np.arange(10), labels[:10], 1e-3)
        outcomes.append([np.asarray(result) for result in (tested, predicted, loss)])
    (tested, predicted, loss), (torch_tested, torch_predicted, torch_loss) = outcomes
    np.testing.assert_allclose(torch_tested, tested, rtol=1e-4)
    np.testing.assert_array_equal(torch_predicted, predicted)
    np.testing.assert_allclose(torch_loss, loss, rtol=1e-5)
