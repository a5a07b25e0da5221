"""The Theano functions of measures: saturated activations, steps towards another class, a test
pass under the statistics of each batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import binary_net
from binary_net import lasagne
from foundations.errors import UserError
from memorization import networks
from memorization.functions import build_test, predicted_classes
from theano_engine import T, theano


@dataclass(frozen=True)
class MeasuringFunctions:
    """A network's compiled measuring functions; images are (n, 3, 32, 32) float32 in -1..1.

    count_saturated(images): per saturating activation, in order, how many of its inputs x over all
    images have |x| > 1; int64; None where there is no such activation. step_to_another_class
    (images): the sign, float32 of the images' shape, of the gradient of the margin by which the
    likeliest other class outdoes the predicted one, and the predicted classes (n,) int64.
    `activations`: how many saturating activations each layer has per image; `weights`: the binary
    weights that are trained, shared variables.
    """

    count_saturated: Any | None
    step_to_another_class: Any
    activations: list[int]
    weights: list[Any]

    @property
    def compiled(self) -> list[Any]:
        """The Theano functions."""
        functions = (self.count_saturated, self.step_to_another_class)
        return [function for function in functions if function is not None]


def build_measuring_functions(
    network: lasagne.layers.Layer, mode: Any = None
) -> MeasuringFunctions:
    """Compile the functions for `network`; they leave its parameters and averages alone.

    Both use batch norm's stored averages. Where the network's weights are stochastic, saturation
    is counted with drawn ones, as training has them, and the step is that of the network of mean
    weights, since predictions that are drawn change by themselves.
    """
    inputs = saturating_inputs(network)
    return MeasuringFunctions(
        _count_saturated(network, inputs, mode) if inputs else None,
        _step_to_another_class(network, mode),
        [int(np.prod(layer.output_shape[1:])) for layer in inputs],
        lasagne.layers.get_all_params(network, binary=True),
    )


def build_batch_statistics_test(
    network: lasagne.layers.Layer, pool, testing: Mapping[str, bool], mode: Any = None
) -> Callable:
    """A test function over the shared variable `pool` whose norms use each batch's statistics.

    But for these it computes as the run tests, with the keywords `testing` of `get_output`; stored
    averages stay as they are. Raises UserError where there is no batch norm.
    """
    layers = lasagne.layers.get_all_layers(network)
    if not any(isinstance(layer, binary_net.BatchNormLayer) for layer in layers):
        raise UserError("--batch-statistics is for networks with batch norm; leave it out")
    of_batches = {"batch_norm_use_averages": False, "batch_norm_update_averages": False}
    return build_test(network, pool, testing={**testing, **of_batches}, mode=mode)


def saturating_inputs(network: lasagne.layers.Layer) -> list[lasagne.layers.Layer]:
    """The layers whose outputs meet an activation that lets no gradient pass beyond -1 and 1."""
    return [
        layer.input_layer
        for layer in lasagne.layers.get_all_layers(network)
        if isinstance(layer, lasagne.layers.NonlinearityLayer)
        and layer.nonlinearity is not lasagne.nonlinearities.rectify
    ]


def _count_saturated(network, layers, mode):
    images = T.tensor4("images")
    stochastic = any(layer.stochastic for layer in networks.binarized_layers(network))
    inputs = lasagne.layers.get_output(
        layers,
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
    predicted = predicted_classes(network, output)
    margin = _margin_of_others(network, output, predicted)
    sign = T.sgn(theano.grad(margin.sum(), images))
    return theano.function([images], [sign, predicted], mode=mode, name="step_to_another_class")


def _margin_of_others(network, output, predicted):
    """(n,): by how much the likeliest other class outdoes the predicted one, 0 at most."""
    classes = network.output_shape[1]
    if classes == 1:
        return -abs(output[:, 0])
    is_predicted = T.eq(predicted.dimshuffle(0, "x"), T.arange(classes).dimshuffle("x", 0))
    others = T.switch(is_predicted, np.float32(-np.inf), output)
    return others.max(axis=1) - output.max(axis=1)
