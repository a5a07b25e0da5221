"""Float twins: the same small network written in PyTorch, and what a mixed one is made of."""

from __future__ import annotations

import numpy as np
import pytest

from binary_net import lasagne
from memorization import functions, networks
from memorization.architecture import Architecture
from theano_engine import processor
from theano_engine.ops.gradient_conv import LEVEL

torch = pytest.importorskip("torch", reason="PyTorch is not installed (optional extra [cuda])")

pytestmark = pytest.mark.exhaustive

LEARNING_RATE = 1e-3
STEPS = 10
BATCH = 20
# Of every sum from the edge of a unit, so that float32 and float64 are on the same side of it; more
# where the edge is a jump, since what ten steps of float32 add up to differs between processors.
MARGIN = 1e-6
MARGIN_OF_JUMP = 1e-5
UNITS = {
    ("tanh", "hard"): lambda x: torch.clamp(x, -1, 1),
    ("sigmoid", "hard"): lambda x: torch.clamp((x + 1) / 2, 0, 1),
    ("tanh", "relu"): torch.relu,
    ("tanh", "binary"): lambda x: StraightThrough.apply(x),
    ("sigmoid", "binary"): lambda x: (StraightThrough.apply(x) + 1) / 2,
}


class StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        context.save_for_backward(x)
        return torch.where(x > 0, 1.0, -1.0).to(x.dtype)

    @staticmethod
    def backward(context, gradient):
        (x,) = context.saved_tensors
        return gradient * (x.abs() <= 1)


class MaxPool(torch.autograd.Function):
    """2 x 2; as in Theano every maximum gets the gradient, and sums of signs often have several."""

    @staticmethod
    def forward(context, x):
        windows = x.reshape(*x.shape[:2], x.shape[2] // 2, 2, x.shape[3] // 2, 2)
        highest = windows.amax((3, 5), keepdim=True)
        context.save_for_backward(windows == highest)
        return highest[:, :, :, 0, :, 0]

    @staticmethod
    def backward(context, gradient):
        (highest,) = context.saved_tensors
        spread = highest * gradient[:, :, :, None, :, None]
        return spread.reshape(*gradient.shape[:2], 2 * gradient.shape[2], 2 * gradient.shape[3])


class Peer:
    """The CNN of `architecture` in PyTorch, float64, from the parameters `arrays`."""

    def __init__(self, architecture, arrays):
        self.architecture = architecture
        groups = [arrays[start : start + 6] for start in range(0, len(arrays), 6)]
        # W, b, beta and gamma of each layer; the averages that follow them take no part.
        self.layers = [[torch.tensor(a, dtype=torch.float64) for a in g[:4]] for g in groups]
        self.moments = [[(0.0, 0.0) for _ in layer] for layer in self.layers]

    def loss(self, images, labels, weights):
        x = images
        unit = UNITS[self.architecture.activation, self.architecture.activations]
        for number, ((_, b, beta, gamma), W) in enumerate(zip(self.layers, weights)):
            if number < 6:
                # The bias apart, so that equal sums of signs stay equal.
                x = torch.nn.functional.conv2d(x, W.flip(2, 3), padding=1) + b[:, None, None]
                x = MaxPool.apply(x) if number % 2 else x
            else:
                x = x.flatten(1) @ W + b
            x = torch.nn.functional.batch_norm(x, None, None, gamma, beta, training=True, eps=1e-4)
            if number < 8:
                jumps = self.architecture.activations == "binary"
                assert x.detach().abs().min() > (MARGIN_OF_JUMP if jumps else MARGIN)
                x = unit(x)
        targets = 2 * torch.nn.functional.one_hot(labels, 10) - 1
        return torch.clamp(1 - targets * x, min=0).square().mean()

    def step(self, images, labels, number):
        binary = self.architecture.weights == "binary"
        weights = [layer[0] for layer in self.layers]
        if binary:
            assert all(W.abs().min() > MARGIN for W in weights)
            weights = [torch.where(W > 0, 1.0, -1.0).to(W.dtype) for W in weights]
        trained = [[W, *layer[1:]] for W, layer in zip(weights, self.layers)]
        for parameter in (parameter for layer in trained for parameter in layer):
            parameter.requires_grad_(True)
        loss = self.loss(images, labels, weights)
        loss.backward()
        for layer, moments, used in zip(self.layers, self.moments, trained):
            layer[:] = [parameter.detach() for parameter in layer]
            for place, parameter in enumerate(layer):
                moved = self.adam(parameter, used[place].grad, moments, place, number)
                if binary and place == 0:
                    fan_in, fan_out = fans(parameter)
                    scale = 1 / np.sqrt(1.5 / (fan_in + fan_out))
                    moved = torch.clamp(parameter + scale * (moved - parameter), -1, 1)
                layer[place] = moved
        return float(loss.detach())

    @staticmethod
    def adam(parameter, gradient, moments, place, number):
        first, second = moments[place]
        moments[place] = first, second = (
            0.9 * first + 0.1 * gradient,
            0.999 * second + 0.001 * gradient**2,
        )
        rate = LEARNING_RATE * np.sqrt(1 - 0.999**number) / (1 - 0.9**number)
        return parameter - rate * first / (second.sqrt() + 1e-8)


def fans(W):
    """Inputs and units of a dense layer's W, times the area of a convolution's filters."""
    if W.ndim == 2:
        return W.shape
    area = W.shape[2] * W.shape[3]
    return W.shape[1] * area, W.shape[0] * area


def start(network):
    """Parameters to start from; beta is not zero, which would put sums on the units' edges."""
    arrays = [np.array(a, np.float32) for a in lasagne.layers.get_all_param_values(network)]
    random = np.random.RandomState(11)
    for place in range(2, len(arrays), 6):
        arrays[place] = random.uniform(-0.2, 0.2, arrays[place].shape).astype(np.float32)
    lasagne.layers.set_all_param_values(network, arrays)
    return arrays


TWINS = [
    *((weights, kind, "tanh") for weights in ("binary", "float") for kind in ("binary", "hard")),
    *(("binary", "relu", "tanh"), ("float", "relu", "tanh")),
    *(("float", "binary", "sigmoid"), ("binary", "hard", "sigmoid")),
]


# Of the images, where those of 5 come too near to a jump.
SEEDS = {
    ("binary", "binary", "tanh"): 8,
    ("float", "binary", "tanh"): 24,
    ("float", "binary", "sigmoid"): 14,
}


@pytest.mark.parametrize(("weights", "activations", "activation"), TWINS)
def test_losses_are_those_of_pytorch(weights, activations, activation):
    architecture = Architecture(
        (6, 7, 8, 8, 10, 10, 12, 12),
        weights=weights,
        activations=activations,
        activation=activation,
        image_shape=(3, 8, 8),
    )
    network = networks.build(architecture, seed=4)
    peer = Peer(architecture, start(network))
    random = np.random.RandomState(SEEDS.get((weights, activations, activation), 5))
    images = random.uniform(-1, 1, (STEPS * BATCH, 3, 8, 8)).astype(np.float32)
    labels = random.randint(0, 10, STEPS * BATCH)
    mode = functions.execution_mode("cpu", mixed=architecture.mixed)
    train = functions.build_training(network, functions.shared_pool(images), mode=mode)
    ops = {type(node.op).__name__ for node in train.maker.fgraph.apply_nodes}
    if processor.supports(LEVEL):
        assert ("MixedConv2d" in ops) == architecture.mixed
    assert ("BinaryConv2d" in ops) == (weights == activations == "binary")
    ours, theirs = [], []
    for number in range(STEPS):
        batch = np.arange(number * BATCH, (number + 1) * BATCH)
        ours.append(float(train(batch, labels[batch], LEARNING_RATE)))
        theirs.append(
            peer.step(
                torch.tensor(images[batch], dtype=torch.float64),
                torch.tensor(labels[batch]),
                number + 1,
            )
        )
    assert len(set(theirs)) == STEPS
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)


def test_float_weights_begin_as_glorots_and_are_the_other_parameters():
    binary = networks.build(Architecture((16, 16, 8, 8, 8, 8, 40, 40)), seed=1)
    network = networks.build(Architecture((16, 16, 8, 8, 8, 8, 40, 40), weights="float"), seed=1)
    assert lasagne.layers.get_all_params(network, binary=True) == []
    trained = lasagne.layers.get_all_params(network, trainable=True)
    weights = [W for W in lasagne.layers.get_all_params(network) if W.name == "W"]
    assert len(weights) == 9 and set(weights) <= set(trained)
    shapes = [
        [p.get_value().shape for p in lasagne.layers.get_all_params(n)] for n in (binary, network)
    ]
    assert shapes[0] == shapes[1]
    for W in weights:
        values = W.get_value()
        bound = np.sqrt(6 / sum(fans(values)))
        assert 0.9 * bound < np.abs(values).max() <= bound
        assert abs(values.std() - bound / np.sqrt(3)) < 0.1 * bound
