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
from foundations import files, reading
from foundations.errors import UserError
from theano_engine import theano


def dense_layers(network: lasagne.layers.Layer) -> list[binary_net.DenseLayer]:
    """The network's dense layers, the output layer included, in order."""
    return [
        layer
        for layer in lasagne.layers.get_all_layers(network)
        if isinstance(layer, binary_net.DenseLayer)
    ]


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


def dense_l2(network: lasagne.layers.Layer, coefficient: float):
    """`coefficient` times the sum of squares of every dense layer's real-valued W, a scalar."""
    squares = [lasagne.regularization.l2(layer.W) for layer in dense_layers(network)]
    return sum(coefficient * square for square in squares)


def replace_weights_by_sign(network: lasagne.layers.Layer) -> None:
    """Every binary weight W becomes +1 where W >= 0 and -1 elsewhere, as the evaluation of 2017."""
    for layer in binarized_layers(network):
        signs = np.where(layer.W.get_value() >= 0, 1, -1)
        layer.W.set_value(signs.astype(theano.config.floatX))


def save_parameters(path: str | os.PathLike, network: lasagne.layers.Layer) -> None:
    """All parameters of `network` in the original's `.npz` format, `get_all_params` order."""
    files.save_arrays(path, *lasagne.layers.get_all_param_values(network))


def read_parameters(path: Path, option: str = "--params") -> list[np.ndarray]:
    """The arrays `arr_0`, `arr_1` ... of the `.npz` file that `option` named; never unpickles."""
    with reading.open_npz(
        path,
        "not a readable .npz of parameters",
        missing=f"no such file; {option} names saved parameters",
    ) as stored:
        names = [f"arr_{number}" for number in range(len(stored.files))]
        if not names or set(names) != set(stored.files):
            raise ValueError("its arrays are not arr_0, arr_1, ...")
        arrays = [stored[name] for name in names]
        for name, array in zip(names, arrays):
            if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
                raise ValueError(f"{name} holds {array.dtype}, not all of it finite numbers")
    return arrays


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


def widths_of(
    arrays: Sequence[np.ndarray], source: str, convolutions: int = 6, dense: int = 3
) -> list[int]:
    """The widths of the hidden layers of the network that saved `arrays`, read from their shapes.

    Raises UserError naming `source` unless it had so many convolutions and `dense` layers.
    """
    weights = [array for array in arrays if array.ndim > 1]
    kinds = [4] * convolutions + [2] * dense
    if [array.ndim for array in weights] != kinds or not all(W.size for W in weights):
        raise UserError(
            f"{source}: not the parameters of {convolutions} convolutions and {dense} dense layers"
        )
    return [W.shape[0] if W.ndim == 4 else W.shape[1] for W in weights[:-1]]
