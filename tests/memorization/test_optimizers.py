"""Each optimizer's steps, to the same steps in plain numpy."""

from __future__ import annotations

import numpy as np
import pytest

import binary_net
from binary_net import lasagne
from memorization import functions, networks
from memorization.architecture import Architecture
from theano_engine import T, theano

RATE, STEPS, BATCH = 0.01, 8, 10
PIXELS, CLASSES = 12, 3
# How steps of a layer's weights are scaled.
SCALE = 1 / np.sqrt(1.5 / (PIXELS + CLASSES))
OPTIONS = {
    "adam": {},
    "sgd": {"momentum": 0.8},
    # Of the size of these gradients, so that some weights flip and others do not.
    "bop": {"bop_threshold": 0.02, "bop_adaptivity": 0.3},
}


class Peer:
    """A dense layer of weights of one bit and a bias, trained on the mean squared hinge loss."""

    def __init__(self, W, b, margin=1):
        self.margin = margin
        self.W, self.b = W.astype(np.float64), b.astype(np.float64)
        self.kept = [np.zeros_like(a) for a in (self.W, self.W, self.b, self.b)]
        self.steps = 0

    def gradients(self, x, labels):
        targets = 2 * np.eye(CLASSES)[labels] - 1
        margins = self.margin - targets * (x @ np.where(self.W > 0, 1, -1) + self.b)
        self.loss = np.mean(np.maximum(margins, 0) ** 2)
        of_outputs = -2 * targets * np.maximum(margins, 0) / margins.size
        return x.T @ of_outputs, of_outputs.sum(0)

    def adam(self, first, second, gradient):
        first += (1 - 0.9) * (gradient - first)
        second += (1 - 0.999) * (gradient**2 - second)
        rate = RATE * np.sqrt(1 - 0.999**self.steps) / (1 - 0.9**self.steps)
        return -rate * first / (np.sqrt(second) + 1e-8)

    def step(self, x, labels, optimizer):
        self.steps += 1
        of_W, of_b = self.gradients(x, labels)
        getattr(self, f"step_of_{optimizer}")(of_W, of_b)

    def step_of_adam(self, of_W, of_b):
        step = self.adam(*self.kept[:2], of_W)
        self.W = np.clip(self.W + SCALE * step, -1, 1)
        self.b += self.adam(*self.kept[2:], of_b)

    def step_of_sgd(self, of_W, of_b):
        for velocity, gradient in zip(self.kept[::2], (of_W, of_b)):
            velocity *= OPTIONS["sgd"]["momentum"]
            velocity -= RATE * gradient
        self.W = np.clip(self.W + SCALE * self.kept[0], -1, 1)
        self.b += self.kept[2]

    def step_of_bop(self, of_W, of_b):
        threshold, adaptivity = OPTIONS["bop"].values()
        self.kept[0][:] = (1 - adaptivity) * self.kept[0] + adaptivity * of_W
        flips = (np.abs(self.kept[0]) > threshold) & (np.sign(self.kept[0]) == self.W)
        self.W[flips] *= -1
        self.b += self.adam(*self.kept[2:], of_b)


def one_layer():
    architecture = Architecture(
        (), kind="mlp", norm="none", image_shape=(1, 1, PIXELS), n_classes=CLASSES
    )
    return networks.build(architecture)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", OPTIONS)
@pytest.mark.parametrize("device", ["cpu", "torch-cpu"])
def test_steps_of_plain_numpy(optimizer, device):
    if device == "torch-cpu":
        pytest.importorskip("torch", reason="PyTorch is not installed (optional extra [cuda])")
    network = one_layer()
    if optimizer == "bop":
        networks.binarize_weights(network)
    peer = Peer(*(a.copy() for a in lasagne.layers.get_all_param_values(network)))
    random = np.random.RandomState(1)
    images = random.uniform(-1, 1, (STEPS * BATCH, 1, 1, PIXELS)).astype(np.float32)
    labels = random.randint(0, CLASSES, len(images))
    train = functions.build_training(
        network,
        functions.shared_pool(images),
        optimizer={"optimizer": optimizer, **OPTIONS[optimizer]},
        mode=functions.execution_mode(device),
    )
    flipped = 0
    for numbers in np.arange(len(images)).reshape(STEPS, BATCH):
        before = network.W.get_value()
        loss = float(train(numbers, labels[numbers], RATE))
        peer.step(images[numbers].reshape(BATCH, -1), labels[numbers], optimizer)
        assert loss == pytest.approx(peer.loss, rel=1e-5)
        for parameter, expected in ((network.W, peer.W), (network.b, peer.b)):
            assert np.allclose(parameter.get_value(), expected, rtol=0, atol=2e-6)
        flipped += np.sum(np.sign(before) != np.sign(network.W.get_value()))
    assert flipped > 0
    if optimizer == "bop":
        assert set(np.unique(network.W.get_value())) == {-1, 1}


@pytest.mark.slow
def test_the_margin_of_the_loss_is_that_of_steps_and_of_tests():
    network, margin = one_layer(), 3.75
    peer = Peer(*(a.copy() for a in lasagne.layers.get_all_param_values(network)), margin)
    random = np.random.RandomState(2)
    images = random.uniform(-1, 1, (BATCH, 1, 1, PIXELS)).astype(np.float32)
    labels, numbers = random.randint(0, CLASSES, BATCH), np.arange(BATCH)
    optimizer = {"optimizer": "sgd", **OPTIONS["sgd"]}
    compiled = functions.build_functions(network, images, margin=margin, optimizer=optimizer)
    for _ in range(3):
        tested = compiled.test(numbers, labels)[0]
        loss = float(compiled.train(numbers, labels, RATE))
        peer.step(images.reshape(BATCH, -1), labels, "sgd")
        assert loss == pytest.approx(peer.loss, rel=1e-5)
        assert np.mean(tested) == pytest.approx(peer.loss, rel=1e-5)
        np.testing.assert_allclose(network.W.get_value(), peer.W, rtol=0, atol=2e-6)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", OPTIONS)
def test_all_that_is_kept_has_a_name_of_its_own(optimizer):
    network = networks.build(Architecture((9, 8), kind="mlp", image_shape=(1, 5, 5)))
    compiled = functions.build_functions(
        network,
        np.zeros((3, 1, 5, 5), np.uint8),
        optimizer={"optimizer": optimizer, **OPTIONS[optimizer]},
    )
    state = functions.state_variables(network, compiled.train, compiled.test)
    trained = [
        f"{name}/{kept}"
        for name in networks.parameter_names(network).values()
        for kept in {
            "adam": ("adam_m", "adam_v"),
            "sgd": ("velocity",),
            "bop": ("bop_m",) if name.endswith("W") else ("adam_m", "adam_v"),
        }[optimizer]
        if not name.endswith(("mean", "inv_std"))
    ]
    counts = {"adam": ("binary", "others"), "sgd": (), "bop": ("others",)}[optimizer]
    wanted = {*networks.parameter_names(network).values(), *trained}
    assert set(state) == wanted | {f"adam/{group}/steps" for group in counts}


@pytest.mark.slow
def test_adam_of_a_program_of_ones_own():
    """The one line stands for the ten that programs of 2017 wrote."""
    x, targets, rate = T.matrix(), T.matrix(), T.scalar()
    ends = []
    for written_out in (False, True):
        lasagne.random.set_rng(np.random.RandomState(3))
        network = lasagne.layers.InputLayer((None, 6), x)
        network = binary_net.DenseLayer(network, 5, stochastic=False)
        network = binary_net.BatchNormLayer(network)
        output = lasagne.layers.get_output(network)
        loss = T.mean(T.sqr(T.maximum(0.0, 1.0 - targets * output)))
        if written_out:
            W = lasagne.layers.get_all_params(network, binary=True)
            gradients = binary_net.compute_grads(loss, network)
            updates = lasagne.updates.adam(gradients, W, learning_rate=rate)
            updates = binary_net.clipping_scaling(updates, network)
            others = lasagne.layers.get_all_params(network, trainable=True, binary=False)
            updates.update(lasagne.updates.adam(loss, others, learning_rate=rate))
        else:
            updates = binary_net.adam(loss, network, rate)
        train = theano.function([x, targets, rate], loss, updates=updates)
        random = np.random.RandomState(4)
        for _ in range(3):
            batch = random.uniform(-1, 1, (7, 6)).astype(np.float32)
            train(batch, np.sign(batch[:, :5]), 0.01)
        ends.append(lasagne.layers.get_all_param_values(network))
    for one, another in zip(*ends, strict=True):
        assert np.array_equal(one, another)


def test_adam_where_nothing_is_binary():
    x = T.matrix()
    network = lasagne.layers.DenseLayer(lasagne.layers.InputLayer((None, 4), x), 2)
    loss = T.mean(lasagne.layers.get_output(network) ** 2)
    assert set(network.get_params()) < set(binary_net.adam(loss, network, 0.01))
