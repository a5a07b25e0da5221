"""The sides that Theano computes: this project's functions, with its rewrites or without."""

from __future__ import annotations

import inputs
import numpy as np

from binary_net import lasagne
from memorization import functions, networks
from memorization.architecture import Architecture
from theano_engine import theano


def start(architecture: Architecture) -> list[np.ndarray]:
    """Parameters of `architecture` to start from, in `get_all_params` order.

    Batch norm's beta is not zero: with it, a sum that equals its mean would sit on the binary
    activation's edge, where a rounding error decides the sign.
    """
    parameters = lasagne.layers.get_all_param_values(networks.build(architecture))
    generator = np.random.RandomState(0)
    for number in range(2, len(parameters), 6):
        shape = parameters[number].shape
        parameters[number] = generator.uniform(-0.1, 0.1, shape).astype(np.float32)
    return parameters


def theano_side(
    architecture: Architecture, parameters, images, labels, mode=None
) -> tuple[inputs.Side, object]:
    """Ours, or another mode's, functions over the pool; and the Lasagne network."""
    network = networks.build(architecture)
    lasagne.layers.set_all_param_values(network, parameters)
    compiled = functions.build_functions(network, images, mode=mode)

    def train(numbers, learning_rate=inputs.LEARNING_RATE):
        return float(compiled.train(numbers, labels[numbers], learning_rate))

    def test(numbers):
        return compiled.test(numbers, labels[numbers])

    return inputs.Side(train, test), network


def original_mode():
    """Theano's default mode without any of the project's rewrites."""
    return theano.compile.get_default_mode().excluding("binary")
