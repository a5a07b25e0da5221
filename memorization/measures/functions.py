"""The Theano functions behind --measure: saturated activations, steps towards another class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from binary_net import lasagne
from memorization import networks
from theano_engine import T, theano


@dataclass(frozen=True)
class MeasuringFunctions:
    """A network's compiled measuring functions; images are (n, 3, 32, 32) float32 in -1..1.

    count_saturated(images): per binary activation, in order, how many of its inputs x over all
    images have |x| > 1; int64. step_to_another_class(images): the sign, float32 of the images'
    shape, of the gradient of the margin by which the likeliest other class outdoes the predicted
    one, and the predicted classes (n,) int64. `activations`: how many binary activations each
    layer has per image; `weights`: the binary weights, shared variables.
    """

    count_saturated: Any
    step_to_another_class: Any
    activations: list[int]
    weights: list[Any]

    @property
    def compiled(self) -> list[Any]:
        """The Theano functions."""
        return [self.count_saturated, self.step_to_another_class]


def build_measuring_functions(
    network: lasagne.layers.Layer, mode: Any = None
) -> MeasuringFunctions:
    """Compile the functions for `network`; they leave its parameters and averages alone.

    Both use batch norm's stored averages. Where the network's weights are stochastic, saturation
    is counted with drawn ones, as training has them, and the step is that of the network of mean
    weights, since predictions that are drawn change by themselves.
    """
    return MeasuringFunctions(
        _count_saturated(network, mode),
        _step_to_another_class(network, mode),
        [int(np.prod(layer.output_shape[1:])) for layer in activation_inputs(network)],
        lasagne.layers.get_all_params(network, binary=True),
    )


def activation_inputs(network: lasagne.layers.Layer) -> list[lasagne.layers.Layer]:
    """The layers whose outputs the binary activations binarize, in order."""
    return [
        layer.input_layer
        for layer in lasagne.layers.get_all_layers(network)
        if isinstance(layer, lasagne.layers.NonlinearityLayer)
    ]


def _count_saturated(network, mode):
    images = T.tensor4("images")
    stochastic = networks.describe(network)["stochastic"]
    inputs = lasagne.layers.get_output(
        activation_inputs(network),
        images,
        deterministic=not stochastic,
        batch_norm_use_averages=True,
        batch_norm_update_averages=False,
    )
    counts = [T.gt(abs(x), np.float32(1)).sum() for x in inputs]
    return theano.function([images], counts, mode=mode, name="count_saturated")


def _step_to_another_class(network, mode):
    images = T.tensor4("images")
    output = lasagne.layers.get_output(network, images, deterministic=True)
    predicted = T.argmax(output, axis=1)
    is_predicted = T.eq(
        predicted.dimshuffle(0, "x"), T.arange(network.output_shape[1]).dimshuffle("x", 0)
    )
    others = T.switch(is_predicted, np.float32(-np.inf), output)
    margin = others.max(axis=1) - output.max(axis=1)
    sign = T.sgn(theano.grad(margin.sum(), images))
    return theano.function([images], [sign, predicted], mode=mode, name="step_to_another_class")
