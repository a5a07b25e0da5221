"""The networks that options choose: what they are made of, what of them is trained."""

from __future__ import annotations

import numpy as np
import pytest

from binary_net import lasagne
from foundations.errors import UserError
from memorization import functions, networks
from memorization.architecture import Architecture, from_record
from memorization.measures.functions import build_measuring_functions
from theano_engine import T, theano

SHAPE = (2, 5, 4)


def mlp(widths=(6, 7), **more):
    return Architecture(widths, kind="mlp", image_shape=SHAPE, **more)


def named(network):
    return {name: parameter for parameter, name in networks.parameter_names(network).items()}


def kinds(architecture):
    return [type(x).__name__ for x in lasagne.layers.get_all_layers(networks.build(architecture))]


def test_layers():
    block = ["DenseLayer", "BatchNormLayer", "NonlinearityLayer"]
    assert kinds(mlp()) == ["InputLayer", *block, *block, "DenseLayer", "BatchNormLayer"]
    assert kinds(mlp((), norm="none")) == ["InputLayer", "DenseLayer"]
    one, *last = lasagne.layers.get_all_layers(networks.build(mlp((), norm="none")))[1:]
    assert last == [] and one.output_shape == (None, 10) and one.W.get_value().shape == (40, 10)
    dropped = kinds(mlp((6, 7, 8), dropout=(0.25, 0.5)))
    assert [i for i, kind in enumerate(dropped) if kind == "DropoutLayer"] == [5, 9]
    with pytest.raises(UserError, match="--hidden has 1;"):
        networks.build(mlp((6,), dropout=(0.25, 0.5)))
    with pytest.raises(UserError, match="--network mlp"):
        networks.build(Architecture((4,) * 8, image_shape=(3, 7, 32)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "trained"),
    [
        ({}, "W b beta gamma"),
        ({"bias": False}, "W beta gamma"),
        ({"norm": "none"}, "W b"),
        ({"norm": "frozen"}, "W b"),
        ({"norm": "frozen", "bias": False, "weights": "float"}, "W"),
        ({"freeze_weights": True}, "b beta gamma"),
        ({"freeze_weights": True, "weights": "float", "norm": "none"}, "b"),
    ],
    ids=str,
)
def test_what_is_trained(more, trained):
    trained = set(trained.split())
    network = networks.build(mlp(**more), seed=3)
    images = np.random.RandomState(0).uniform(-1, 1, (40, *SHAPE)).astype(np.float32)
    labels = np.arange(40) % 10
    train = functions.build_training(network, functions.shared_pool(images))
    before = {name: p.get_value() for name, p in named(network).items()}
    for _ in range(3):
        train(np.arange(40), labels, 0.01)
    moved = {n for n, p in named(network).items() if not np.array_equal(p.get_value(), before[n])}
    averages = {"mean", "inv_std"} if more.get("norm", "batch") != "none" else set()
    assert {name.split("/")[1] for name in moved} == trained | averages
    # In every layer, not in one of them alone.
    assert sum(name.endswith("/W") for name in moved) == (3 if "W" in trained else 0)
    state = functions.state_variables(network, train)
    moments = {name.split("/")[1] for name in state if name.endswith("/adam_m")}
    assert moments == trained


def test_frozen_binary_weights_are_evaluated_by_their_signs():
    network = networks.build(mlp(freeze_weights=True))
    networks.replace_weights_by_sign(network)
    weights = [p.get_value() for name, p in named(network).items() if name.endswith("/W")]
    assert len(weights) == 3 and all(set(np.unique(W)) == {-1, 1} for W in weights)
    real = networks.build(mlp(weights="float"))
    before = lasagne.layers.get_all_param_values(real)
    networks.replace_weights_by_sign(real)
    for W, now in zip(before, lasagne.layers.get_all_param_values(real)):
        assert np.array_equal(W, now)


@pytest.mark.slow
def test_two_classes_are_told_by_one_sign():
    twin = {"weights": "float", "activations": "relu"}
    network = networks.build(mlp((40,), n_classes=2, **twin), seed=5)
    assert network.output_shape == (None, 1)
    images = np.random.RandomState(0).uniform(-1, 1, (64, *SHAPE)).astype(np.float32)
    labels = np.random.RandomState(1).randint(0, 2, 64)
    pool = functions.shared_pool(images)
    test = functions.build_test(network, pool)
    x = T.tensor4()
    outputs = theano.function([x], lasagne.layers.get_output(network, x, deterministic=True))
    losses, predicted = test(np.arange(64), labels)
    output = outputs(images)[:, 0]
    assert predicted.dtype == np.int64 and np.array_equal(predicted, output >= 0)
    np.testing.assert_allclose(
        losses, np.maximum(0, 1 - (2 * labels - 1) * output) ** 2, rtol=1e-5, atol=1e-6
    )
    train = functions.build_training(network, pool)
    first = [float(train(np.arange(64), labels, 0.01)) for _ in range(60)]
    assert first[-1] < first[0] / 4
    assert np.mean(test(np.arange(64), labels)[1] == labels) > 0.95
    # Against the prediction: along the step the single output comes nearer to nought.
    signs, predicted = build_measuring_functions(network).step_to_another_class(images)
    assert np.array_equal(predicted, outputs(images)[:, 0] >= 0)
    assert set(np.unique(signs)) <= {-1, 0, 1} and (signs != 0).any()


@pytest.mark.slow
def test_step_of_two_classes_lowers_what_speaks_for_the_predicted_one():
    network = networks.build(mlp((), n_classes=2, weights="float", norm="none"), seed=5)
    images = np.random.RandomState(0).uniform(-1, 1, (9, *SHAPE)).astype(np.float32)
    signs, predicted = build_measuring_functions(network).step_to_another_class(images)
    W = lasagne.layers.get_all_params(network)[0].get_value()[:, 0]
    expected = -np.where(predicted, 1, -1)[:, None] * np.sign(W)
    assert np.array_equal(signs.reshape(9, -1), expected)


def test_parameters_are_counted_as_they_are_used():
    binary = {"W": 40 * 6 + 6 * 7 + 7 * 10}
    layers = {"bias": 23, **dict.fromkeys(("beta", "gamma", "mean", "inv_std"), 23)}
    for more in ({}, {"freeze_weights": True}):
        counts = networks.parameter_counts(networks.build(mlp(**more)))
        assert counts == {"binary": binary, "real": layers}
    float_twin = networks.parameter_counts(networks.build(mlp(weights="float", norm="none")))
    assert float_twin == {"binary": {}, "real": {**binary, "bias": 23}}
    bare = networks.build(mlp((), norm="none", bias=False))
    assert networks.parameter_counts(bare) == {"binary": {"W": 400}, "real": {}}


@pytest.mark.slow
def test_measures_where_they_mean_something():
    cases = {
        mlp(): (2, 3),
        mlp(activations="hard", weights="float"): (2, 0),
        mlp(activations="relu"): (0, 3),
        mlp(freeze_weights=True): (2, 0),
        mlp(()): (0, 1),
    }
    for architecture, (saturating, weights) in cases.items():
        measuring = build_measuring_functions(networks.build(architecture))
        assert (measuring.count_saturated is not None) == bool(saturating)
        assert (len(measuring.activations), len(measuring.weights)) == (saturating, weights)


def test_an_architecture_is_read_as_it_was_recorded():
    chosen = mlp((), weights="float", activations="relu", norm="none", bias=False, n_classes=2)
    assert from_record(chosen.recorded()) == chosen
    before = {"widths": [1, 2, 3, 4, 5, 6, 7, 8], "activation": "sigmoid"}
    before.update(stochastic=True, dropout=[0.0, 0.5])
    read = from_record(before)
    assert read == Architecture(
        (1, 2, 3, 4, 5, 6, 7, 8), stochastic=True, activation="sigmoid", dropout=(0.0, 0.5)
    )
    recorded = chosen.recorded()
    wrong = {
        **{"widths": [4, 0], "kind": "rnn", "weights": True, "activations": "tanh", "norm": None},
        **{"bias": "no", "freeze_weights": 1, "image_shape": [3, 32], "dropout": [1.0]},
        **{"n_classes": "2", "depth": 3},
    }
    for name, value in wrong.items():
        with pytest.raises(ValueError):
            from_record({**recorded, name: value})
    with pytest.raises(ValueError, match="widths"):
        from_record({**before, "widths": [1, 2, 3]})
