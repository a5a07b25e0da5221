"""The two BinaryNet CNNs of the experiments: their layers, their parameters."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

import binary_net
from binary_net import lasagne
from foundations import files, memory
from foundations.errors import UserError
from foundations.streams import Purpose, mrg_seed, random_state
from theano_engine import theano

# The experiments are in single precision, whatever a .theanorc says for other programs.
theano.config.floatX = "float32"

# Filters of the six convolutions, then units of the two hidden dense layers.
WIDTHS = {
    "cifar10": (128, 128, 256, 256, 512, 512, 1024, 1024),
    "svhn": (64, 64, 128, 128, 256, 256, 1024, 1024),
}

ACTIVATIONS = {
    "tanh": binary_net.binary_tanh_unit,
    "sigmoid": binary_net.binary_sigmoid_unit,
}

BATCH_NORM = {"epsilon": 1e-4, "alpha": 0.1}


def scale_widths(
    widths: Sequence[int],
    factor: float,
    image_shape: Sequence[int] = (3, 32, 32),
    n_classes: int = 10,
) -> tuple[int, ...]:
    """Every width times `factor`, rounded.

    Raises UserError where a layer would vanish, or the weights would not fit the memory.
    """
    scaled_widths = [width * factor for width in widths]
    if training_bytes(scaled_widths, image_shape, n_classes) > memory.available():
        raise UserError(
            f"--width {factor:g}: the weights alone, with their gradients and Adam's moments, are "
            f"more than the {memory.available() / 2**30:.1f} GB of memory that there are"
        )
    scaled = tuple(round(width * factor) for width in widths)
    if min(scaled) < 1:
        raise UserError(
            f"--width {factor:g} leaves a layer with nothing in it: the narrowest has "
            f"{min(widths)}, so use at least {1 / min(widths):g}"
        )
    return scaled


def training_bytes(widths: Sequence[float], image_shape: Sequence[int], n_classes: int) -> float:
    """What a network's weights take while they are trained, at least; biases are left out.

    Four float32 each: the weight, its gradient and Adam's two moments.
    """
    channels, rows, columns = image_shape
    filters, units = widths[:6], widths[6:]
    area = (rows // 2**3) * (columns // 2**3)
    weights = sum(9 * a * b for a, b in zip((channels, *filters), filters))
    weights += sum(a * b for a, b in zip((area * filters[-1], *units), (*units, n_classes)))
    return 16 * weights


def build_cnn(
    widths: Sequence[int],
    width: float = 1.0,
    activation: str = "tanh",
    stochastic: bool = False,
    dropout: Sequence[float] = (0.0, 0.0),
    seed: int = 0,
    image_shape: Sequence[int] = (3, 32, 32),
    n_classes: int = 10,
) -> lasagne.layers.Layer:
    """BinaryNet's CNN: its output layer, (batch, n_classes), for images (batch, *image_shape).

    Six 3x3 convolutions with `widths[:6]` filters, max-pooling after every second one, two dense
    layers with `widths[6:]` units, all of them times `width`, and an output per class; batch norm
    after each, the binary `activation` ("tanh": -1 and +1, "sigmoid": 0 and 1) after all but the
    last.
    `dropout` gives the probabilities after the two hidden dense layers, before their batch norm.
    `stochastic` weights are drawn anew for every output that is not deterministic. `seed` names
    the streams of weights, stochastic weights and dropout, layer by layer.
    """
    widths = scale_widths(widths, width, image_shape, n_classes)
    binary: dict[str, Any] = {
        "binary": True,
        "stochastic": stochastic,
        "H": 1.0,
        "W_LR_scale": "Glorot",
        "nonlinearity": lasagne.nonlinearities.identity,
    }
    network = lasagne.layers.InputLayer((None, *image_shape))
    for number, filters in enumerate(widths[:6]):
        with layer_streams(seed, number) as srng:
            network = binary_net.Conv2DLayer(network, filters, (3, 3), pad=1, srng=srng, **binary)
        if number % 2:
            network = lasagne.layers.MaxPool2DLayer(network, (2, 2))
        network = binary_net.BatchNormLayer(network, **BATCH_NORM)
        network = lasagne.layers.NonlinearityLayer(network, ACTIVATIONS[activation])
    for number, (units, probability) in enumerate(zip(widths[6:], dropout), start=6):
        with layer_streams(seed, number) as srng:
            network = binary_net.DenseLayer(network, units, srng=srng, **binary)
        if probability:
            network = DropoutLayer(network, probability, seed, number)
        network = binary_net.BatchNormLayer(network, **BATCH_NORM)
        network = lasagne.layers.NonlinearityLayer(network, ACTIVATIONS[activation])
    with layer_streams(seed, len(widths)) as srng:
        network = binary_net.DenseLayer(network, n_classes, srng=srng, **binary)
    return binary_net.BatchNormLayer(network, **BATCH_NORM)


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


def describe(network: lasagne.layers.Layer) -> dict[str, Any]:
    """The arguments of `build_cnn`, but for the seed, that build a network like this one."""
    stack = lasagne.layers.get_all_layers(network)
    names = {unit: name for name, unit in ACTIVATIONS.items()}
    convolutions = [layer for layer in stack if isinstance(layer, binary_net.Conv2DLayer)]
    dense = [layer for layer in stack if isinstance(layer, binary_net.DenseLayer)]
    dropout = {id(layer.input_layer): layer.p for layer in stack if hasattr(layer, "p")}
    units = [
        layer.nonlinearity for layer in stack if isinstance(layer, lasagne.layers.NonlinearityLayer)
    ]
    return {
        "widths": [
            *(layer.num_filters for layer in convolutions),
            *(layer.num_units for layer in dense[:-1]),
        ],
        "activation": names[units[0]],
        "stochastic": dense[0].stochastic,
        "dropout": [dropout.get(id(layer), 0.0) for layer in dense[:-1]],
        "image_shape": list(stack[0].shape[1:]),
        "n_classes": dense[-1].num_units,
    }


def dense_layers(network: lasagne.layers.Layer) -> list[binary_net.DenseLayer]:
    """The network's dense layers, the output layer included, in order."""
    return [
        layer
        for layer in lasagne.layers.get_all_layers(network)
        if isinstance(layer, binary_net.DenseLayer)
    ]


def parameter_names(network: lasagne.layers.Layer) -> dict[Any, str]:
    """The name of every parameter: its layer's number, from the input's 0 on, and its own."""
    return {
        parameter: f"layer_{number:02d}/{parameter.name}"
        for number, layer in enumerate(lasagne.layers.get_all_layers(network))
        for parameter in layer.get_params()
    }


def dense_l2(network: lasagne.layers.Layer, coefficient: float):
    """`coefficient` times the sum of squares of every dense layer's real-valued W, a scalar."""
    squares = [lasagne.regularization.l2(layer.W) for layer in dense_layers(network)]
    return sum(coefficient * square for square in squares)


def save_parameters(path: str | os.PathLike, network: lasagne.layers.Layer) -> None:
    """All parameters of `network` in the original's `.npz` format, `get_all_params` order."""
    files.save_arrays(path, *lasagne.layers.get_all_param_values(network))


def set_parameters(
    network: lasagne.layers.Layer, arrays: Sequence[np.ndarray], source: str
) -> None:
    """Give `network` saved parameters, in `get_all_params` order.

    Raises UserError naming `source` where their number or a shape does not fit.
    """
    parameters = lasagne.layers.get_all_params(network)
    if len(arrays) != len(parameters):
        raise UserError(
            f"{source}: holds {len(arrays)} arrays, but the network has {len(parameters)} "
            "parameters; were these parameters saved by another network?"
        )
    for number, (parameter, array) in enumerate(zip(parameters, arrays)):
        if parameter.get_value(borrow=True).shape != array.shape:
            raise UserError(
                f"{source}: arr_{number} has shape {array.shape}, but the network's "
                f"{parameter.name} has {parameter.get_value(borrow=True).shape}"
            )
    lasagne.layers.set_all_param_values(
        network, [np.asarray(array, theano.config.floatX) for array in arrays]
    )


def replace_weights_by_sign(network: lasagne.layers.Layer) -> None:
    """Every binary weight W becomes +1 where W >= 0 and -1 elsewhere, as the evaluation of 2017."""
    for W in lasagne.layers.get_all_params(network, binary=True):
        W.set_value(np.where(W.get_value() >= 0, 1, -1).astype(theano.config.floatX))


def widths_of(arrays: Sequence[np.ndarray], source: str) -> list[int]:
    """The `widths` of the `build_cnn` network that saved `arrays`, read from their shapes."""
    weights = [array for array in arrays if array.ndim > 1]
    if [array.ndim for array in weights] != [4] * 6 + [2] * 3 or not all(W.size for W in weights):
        raise UserError(f"{source}: not the parameters of six convolutions and three dense layers")
    return [W.shape[0] for W in weights[:6]] + [W.shape[1] for W in weights[6:8]]
