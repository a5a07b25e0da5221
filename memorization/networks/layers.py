"""From an architecture to layers: BinaryNet's CNN, perceptrons, their float twins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import binary_net
from binary_net import lasagne
from foundations.streams import Purpose, mrg_seed, random_state
from memorization.architecture import Architecture
from theano_engine import theano
from theano_engine.ops.binary_units import hard_tanh

# The experiments are in single precision, whatever a .theanorc says for other programs.
theano.config.floatX = "float32"

BATCH_NORM = {"epsilon": 1e-4, "alpha": 0.1}

# By the script's unit and by --activations.
NONLINEARITIES = {
    ("tanh", "binary"): binary_net.binary_tanh_unit,
    ("sigmoid", "binary"): binary_net.binary_sigmoid_unit,
    ("tanh", "hard"): hard_tanh,
    ("sigmoid", "hard"): binary_net.hard_sigmoid,
    ("tanh", "relu"): lasagne.nonlinearities.rectify,
    ("sigmoid", "relu"): lasagne.nonlinearities.rectify,
}


def build(architecture: Architecture, seed: int = 0) -> lasagne.layers.Layer:
    """The output layer, (batch, outputs), of a network for images (batch, *image_shape).

    Each layer of weights is followed by max-pooling or dropout, where there is any, then by its
    norm, then, all but the last, by its nonlinearity. Binary weights begin uniform in (-1, 1),
    float ones as Glorot's uniform. `seed` names the streams of weights, stochastic weights and
    dropout, layer by layer. Raises UserError where no such network can be built.
    """
    architecture.check()
    network = lasagne.layers.InputLayer((None, *architecture.image_shape))
    nonlinearity = NONLINEARITIES[architecture.activation, architecture.activations]
    hidden = len(architecture.widths)
    for number, width in enumerate(architecture.widths):
        convolutional = number < architecture.convolutions
        network = _weights(network, architecture, seed, number, width, convolutional)
        if convolutional and number % 2:
            network = lasagne.layers.MaxPool2DLayer(network, (2, 2))
        from_last = number - hidden
        if -from_last <= len(architecture.dropout) and architecture.dropout[from_last]:
            network = DropoutLayer(network, architecture.dropout[from_last], seed, number)
        network = _normalized(network, architecture)
        network = lasagne.layers.NonlinearityLayer(network, nonlinearity)
    network = _weights(network, architecture, seed, hidden, architecture.outputs)
    return _normalized(network, architecture)


def _weights(incoming, architecture, seed, number, width, convolutional=False):
    """A convolution of `width` filters, or a dense layer of `width` units."""
    options: dict[str, Any] = {
        "binary": architecture.weights == "binary",
        "stochastic": architecture.stochastic,
        "H": 1.0,
        "W_LR_scale": "Glorot",
        "nonlinearity": lasagne.nonlinearities.identity,
    }
    if not architecture.bias:
        options["b"] = None
    with layer_streams(seed, number) as srng:
        if convolutional:
            layer = binary_net.Conv2DLayer(incoming, width, (3, 3), pad=1, srng=srng, **options)
        else:
            layer = binary_net.DenseLayer(incoming, width, srng=srng, **options)
    if architecture.freeze_weights:
        # Neither among the weights whose steps are scaled, nor among the other parameters.
        layer.params[layer.W] -= {"binary", "trainable"}
    return layer


def _normalized(incoming, architecture):
    if architecture.norm == "none":
        return incoming
    layer = binary_net.BatchNormLayer(incoming, **BATCH_NORM)
    if architecture.norm == "frozen":
        for parameter in (layer.beta, layer.gamma):
            layer.params[parameter].discard("trainable")
    return layer


@contextmanager
def layer_streams(seed: int, number: int) -> Iterator[Any]:
    """While the layer of this `number` is made, Lasagne draws its weights from their own stream.

    Yields what draws its stochastic weights. A layer's streams depend on `seed` and `number` alone,
    so that networks which differ elsewhere start from the same weights.
    """
    before = lasagne.random.get_rng()
    lasagne.random.set_rng(random_state(Purpose.WEIGHTS, seed, number))
    try:
        yield theano.sandbox.rng_mrg.MRG_RandomStreams(
            mrg_seed(Purpose.STOCHASTIC_WEIGHTS, seed, number)
        )
    finally:
        lasagne.random.set_rng(before)


class DropoutLayer(lasagne.layers.DropoutLayer):
    """Lasagne's dropout, drawn from the stream of `seed` and of the layer's `number`."""

    def __init__(self, incoming, p: float, seed: int, number: int):
        # Lasagne's layer seeds a generator of its own, from whichever is set.
        with layer_streams(seed, number):
            super().__init__(incoming, p=p)
        self._srng = theano.sandbox.rng_mrg.MRG_RandomStreams(
            mrg_seed(Purpose.DROPOUT, seed, number)
        )
