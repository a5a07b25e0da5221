"""The outputs of a binary network with every rounding told: what exported networks repeat."""

from __future__ import annotations

from typing import Any

import numpy as np

import binary_net
from binary_net import lasagne
from theano_engine import T
from theano_engine.ops.binary_conv import BinaryConv2d
from theano_engine.ops.stored_norm import StoredNorm


def scores(network: lasagne.layers.Layer, images) -> Any:
    """The outputs (n, outputs) float32 of the binary `network` for `images` (n, *image shape).

    `images` are float32. What `get_output(deterministic=True)` gives, up to its last bits: the
    first layer sums its terms in the order channels, image rows, image columns; all other sums are
    whole numbers; and bias and norm are `((s + bias) - mean) * (gamma * inv_std) + beta`, every
    operation rounded to float32 by itself, where Theano's own graph leaves order and contraction to
    the compiler.
    """
    output, bias, first = images, None, True
    for layer in lasagne.layers.get_all_layers(network)[1:]:
        if isinstance(layer, binary_net.Conv2DLayer | binary_net.DenseLayer):
            output = _sums(layer, output, first)
            bias, first = _zero_bias(layer) if layer.b is None else layer.b, False
        elif isinstance(layer, binary_net.BatchNormLayer):
            parameters = (layer.mean, layer.gamma, layer.inv_std, layer.beta)
            output, bias = StoredNorm()(output, bias, *parameters), None
        elif isinstance(layer, lasagne.layers.NonlinearityLayer):
            output, bias = layer.nonlinearity(_rounded(output, bias)), None
        elif isinstance(layer, lasagne.layers.MaxPool2DLayer):
            # Before the bias, whose sum with a maximum is the maximum of the sums.
            output = layer.get_output_for(output)
        elif not isinstance(layer, lasagne.layers.DropoutLayer):
            raise TypeError(f"no rule for a {type(layer).__name__}")
    return _rounded(output, bias)


def _zero_bias(layer):
    units = layer.num_units if hasattr(layer, "num_units") else layer.num_filters
    return T.constant(np.zeros(units, np.float32))


def _rounded(sums, bias):
    """`sums` with their bias where no norm has followed, one number to whatever reads them."""
    if bias is None:
        return sums
    zeros, ones = T.zeros_like(bias), T.ones_like(bias)
    return StoredNorm()(sums, bias, zeros, ones, ones, zeros)


def _sums(layer, x, first: bool):
    weights = binary_net.binarization(layer.W, layer.H, deterministic=True)
    if isinstance(layer, binary_net.Conv2DLayer):
        if first:
            return BinaryConv2d(layer.pad, real_images=True)(x, weights)
        return T.nnet.conv2d(
            x,
            weights,
            input_shape=layer.input_shape,
            filter_shape=layer.get_W_shape(),
            border_mode=layer.pad,
        )
    x = x.flatten(2)
    if not first:
        return T.dot(x, weights)
    # As one image of one row, whose pixels are the batch and whose channels are the inputs.
    pixels = x.T.dimshuffle("x", 0, "x", 1)
    sums = BinaryConv2d("valid", real_images=True)(pixels, weights.T.dimshuffle(0, 1, "x", "x"))
    return sums[0, :, 0, :].T
