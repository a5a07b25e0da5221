"""A network's parameters: their names, their file, what is asked of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import binary_net
from binary_net import lasagne
from foundations import files
from foundations.errors import UserError
from memorization.parameter_files import read_parameters
from theano_engine import theano


def binarized_layers(network: lasagne.layers.Layer) -> list[Any]:
    """The layers with binary weights, frozen ones included, in order."""
    return [
        layer
        for layer in lasagne.layers.get_all_layers(network)
        if isinstance(layer, (binary_net.Conv2DLayer, binary_net.DenseLayer)) and layer.binary
    ]


def parameter_names(network: lasagne.layers.Layer) -> dict[Any, str]:
    """The name of every parameter: its layer's number, from the input's 0 on, and its own."""
    return {
        parameter: f"layer_{number:02d}/{parameter.name}"
        for number, layer in enumerate(lasagne.layers.get_all_layers(network))
        for parameter in layer.get_params()
    }


def parameter_counts(network: lasagne.layers.Layer) -> dict[str, dict[str, int]]:
    """How many numbers `network` keeps, by the name of the parameters that hold them.

    "binary": those of which the network uses the sign alone; "real": all others.
    """
    counts: dict[str, dict[str, int]] = {"binary": {}, "real": {}}
    binary = {layer.W for layer in binarized_layers(network)}
    for parameter in lasagne.layers.get_all_params(network):
        kind = counts["binary" if parameter in binary else "real"]
        name = "bias" if parameter.name == "b" else parameter.name
        kind[name] = kind.get(name, 0) + parameter.get_value(borrow=True).size
    return counts


def l2_penalty(network: lasagne.layers.Layer, coefficient: float, layers: str = "dense"):
    """`coefficient` times the sum of squares of the real-valued W of `layers`, a scalar.

    "dense": those of every dense layer, the output layer included; "all": of the convolutions too.
    """
    found = [
        layer
        for layer in lasagne.layers.get_all_layers(network)
        if isinstance(layer, lasagne.layers.DenseLayer)
        or (layers == "all" and isinstance(layer, lasagne.layers.Conv2DLayer))
    ]
    return sum(coefficient * lasagne.regularization.l2(layer.W) for layer in found)


def replace_weights_by_sign(network: lasagne.layers.Layer) -> None:
    """Every binary weight W becomes +1 where W >= 0 and -1 elsewhere, as the evaluation of 2017."""
    for layer in binarized_layers(network):
        signs = np.where(layer.W.get_value() >= 0, 1, -1)
        layer.W.set_value(signs.astype(theano.config.floatX))


def binarize_weights(network: lasagne.layers.Layer) -> None:
    """Every binary weight W becomes what the network computes with: +H where W > 0, else -H."""
    for layer in binarized_layers(network):
        binarized = np.where(layer.W.get_value() > 0, layer.H, -layer.H)
        layer.W.set_value(binarized.astype(theano.config.floatX))


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


def start_from(network: lasagne.layers.Layer, path: Path) -> str:
    """Give `network` the parameters saved at `path`; returns their fingerprint, 64 digits.

    Raises UserError where they cannot be read or do not fit.
    """
    arrays = read_parameters(path, "--init")
    set_parameters(network, arrays, str(path))
    digest = hashlib.sha256()
    for array in lasagne.layers.get_all_param_values(network):
        digest.update(f"{array.shape}".encode() + np.ascontiguousarray(array, "<f4").tobytes())
    return digest.hexdigest()
