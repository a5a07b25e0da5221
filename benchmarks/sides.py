"""The four sides of the CPU benchmarks, all training and testing one network from one start."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import networks

# isort: split
import numpy as np
import theano
import torch
from lasagne import layers
from torch_binarynet import Trainer

WIDTHS = {"cifar10": networks.CIFAR10_WIDTHS, "svhn": networks.SVHN_WIDTHS}
LEARNING_RATE = 1e-3

OURS = "this project"
ORIGINAL = "Theano's own graph"
EAGER = "PyTorch eager"
COMPILED = "torch.compile"


@dataclass(frozen=True)
class Side:
    """train(image_numbers) -> loss; test(image_numbers) -> losses (n,), predictions (n,)."""

    train: Callable
    test: Callable


def images_and_labels(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Drawn digits, uint8 (count, 3, 32, 32), with random labels int64 (count,)."""
    import datasets

    images = datasets.load_synthetic("cifar10", n_train=count, n_test=0).images
    labels, _ = datasets.randomize_labels(np.zeros(count, np.int64), 1.0, seed=1)
    return images, labels


def start(widths) -> list[np.ndarray]:
    """Parameters to start from, in `get_all_params` order.

    Batch norm's beta is not zero: with it, a sum that equals its mean would sit on the binary
    activation's edge, where a rounding error decides the sign.
    """
    parameters = layers.get_all_param_values(networks.build_cnn(widths))
    generator = np.random.RandomState(0)
    for number in range(2, len(parameters), 6):
        shape = parameters[number].shape
        parameters[number] = generator.uniform(-0.1, 0.1, shape).astype(np.float32)
    return parameters


def theano_side(widths, images, labels, mode=None) -> tuple[Side, object]:
    """Ours, or another mode's, functions over the pool; and the Lasagne network."""
    network = networks.build_cnn(widths)
    layers.set_all_param_values(network, start(widths))
    functions = networks.build_functions(network, images, mode=mode)
    side = Side(
        lambda numbers: float(functions.train(numbers, labels[numbers], LEARNING_RATE)),
        lambda numbers: functions.test(numbers, labels[numbers]),
    )
    return side, network


def original_mode():
    """Theano's default mode without any of the project's rewrites."""
    return theano.compile.get_default_mode().excluding("binary")


def torch_side(widths, images, labels, **options) -> tuple[Side, Trainer]:
    """The same in PyTorch; `options` are those of `Trainer`."""
    trainer = Trainer(widths, **options)
    trainer.model.load(start(widths))
    pool, targets = torch.from_numpy(images), torch.from_numpy(labels)

    def train(numbers):
        numbers = torch.from_numpy(numbers)
        return float(trainer.step(pool[numbers], targets[numbers], LEARNING_RATE))

    def test(numbers):
        numbers = torch.from_numpy(numbers)
        losses, predictions = trainer.test(pool[numbers], targets[numbers])
        return losses.numpy(), predictions.numpy()

    return Side(train, test), trainer


def check_equal(widths, images, labels, batch_size: int) -> None:
    """Assert that ours and PyTorch's compute the same: a test pass, a step's loss, its update.

    PyTorch's max-pooling is given Theano's gradient for this; sums of signs tie often. Adam's first
    step is the gradient's sign times the learning rate, so that a gradient next to zero may go
    either way: one weight in a thousand may. From the second step on, such weights decide signs,
    and any two implementations part.
    """
    ours, network = theano_side(widths, images, labels)
    theirs, trainer = torch_side(widths, images, labels, gradient_to_all_maxima=True)
    numbers = np.arange(batch_size)
    tested = ours.test(numbers), theirs.test(numbers)
    np.testing.assert_allclose(tested[0][0], tested[1][0], rtol=1e-3, atol=1e-4)
    assert np.array_equal(tested[0][1], tested[1][1])
    np.testing.assert_allclose(ours.train(numbers), theirs.train(numbers), rtol=1e-4)
    weights = layers.get_all_params(network, binary=True)
    for W, theirs_W in zip(weights, trainer.lasagne_weights()):
        assert np.mean(np.abs(W.get_value() - theirs_W) > 1e-4) < 1e-3, W
