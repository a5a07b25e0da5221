"""Trained networks as their files tell of them, layer by layer; no Theano."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from foundations.errors import UserError
from foundations.reading import MOST_OF_A_PATH, printable
from memorization.architecture import Architecture, from_record
from memorization.parameter_files import read_parameters, widths_of
from memorization.run.record import RUN_FILE, load_record

FILTER = 3


@dataclass(frozen=True)
class Layer:
    """Weights, and what follows them: max-pooling of 2 x 2 where it `pools`, and a norm.

    `parameters` are as saved, float32: W, (filters, channels, 3, 3) of a convolution, which flips
    them, or (inputs, units); b, beta, gamma, mean and inv_std, (units,), where there are any.
    `input_shape` is (channels, rows, columns), of a dense layer (inputs,). `binary`: the signs of W
    alone are used.
    """

    parameters: Mapping[str, np.ndarray]
    input_shape: tuple[int, ...]
    pools: bool
    binary: bool

    @property
    def convolutional(self) -> bool:
        """Whether it is a convolution of 3 x 3, padded by one zero on each side."""
        return self.parameters["W"].ndim == 4

    @property
    def units(self) -> int:
        """Filters of a convolution, units of a dense layer."""
        W = self.parameters["W"]
        return W.shape[0] if W.ndim == 4 else W.shape[1]

    @property
    def inputs(self) -> int:
        """How many products one sum has."""
        return self.parameters["W"].size // self.units

    @property
    def places(self) -> int:
        """At how many places each unit is computed."""
        return math.prod(self.input_shape[1:]) if self.convolutional else 1

    @property
    def output_shape(self) -> tuple[int, ...]:
        """(filters, rows, columns) behind the pooling, or (units,)."""
        if not self.convolutional:
            return (self.units,)
        shrunk = 2 if self.pools else 1
        return (self.units, *(size // shrunk for size in self.input_shape[1:]))

    def rows(self) -> np.ndarray:
        """The weights (units, inputs) float32 that the network computes with.

        Those of a convolution in the order channels, image rows, image columns. A binary weight is
        +1 where W >= 0 and -1 elsewhere, as the evaluation has it.
        """
        W = self.parameters["W"]
        ordered = W[:, :, ::-1, ::-1].reshape(len(W), -1) if W.ndim == 4 else W.T
        if self.binary:
            return np.where(ordered >= 0, np.float32(1), np.float32(-1))
        return np.ascontiguousarray(ordered)

    def affine(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Bias, mean, scale and beta, (units,) float32: a sum s becomes ((s + b) - m) * c + beta.

        Where the network has no such part they are 0, 0, 1 and 0; `scale` is gamma * inv_std.
        """
        zeros, ones = np.zeros(self.units, np.float32), np.ones(self.units, np.float32)
        get = self.parameters.get
        scale = get("gamma", ones) * get("inv_std", ones)
        return get("b", zeros), get("mean", zeros), scale, get("beta", zeros)


@dataclass(frozen=True)
class TrainedNetwork:
    """A network with its numbers: all layers, the output layer last.

    `source` is the file that holds them, `class_names` the names of its classes, `record` the run's
    record, empty where there is none.
    """

    architecture: Architecture
    layers: tuple[Layer, ...]
    source: Path
    class_names: tuple[str, ...]
    record: Mapping[str, Any] = field(default_factory=dict)

    @property
    def binary(self) -> bool:
        """Whether both weights and activations have two values."""
        return self.architecture.weights == self.architecture.activations == "binary"


def load(place: Path) -> TrainedNetwork:
    """The network of the run in the folder `place`, or of an `.npz` with its record beside it.

    As the evaluation sees it: weights are not drawn. Raises UserError where there is none, or the
    files contradict each other.
    """
    folder = place if place.is_dir() else place.parent
    if not (folder / RUN_FILE).exists():
        raise UserError(
            f"{printable(place, MOST_OF_A_PATH)}: no {RUN_FILE} there says what network this is; "
            "name the folder of a run"
        )
    record = load_record(folder)
    path = folder / record["parameters"] if place.is_dir() else place
    architecture = from_record(record["network"])
    if not isinstance(architecture, Architecture):
        raise UserError(
            f"{printable(place, MOST_OF_A_PATH)}: {printable(architecture.builder)} built the "
            "network, whose layers nothing tells; networks of the suite's own can be exported"
        )
    architecture = replace(architecture, stochastic=False)
    arrays = read_parameters(path, "RUN")
    names = tuple(map(str, record["data"]["class_names"]))
    if len(names) != architecture.n_classes:
        raise UserError(
            f"{printable(folder / RUN_FILE, MOST_OF_A_PATH)}: {len(names)} names of "
            f"{architecture.n_classes} classes"
        )
    layers = layers_of(architecture, arrays, printable(path, MOST_OF_A_PATH))
    return TrainedNetwork(architecture, layers, path, names, record)


def layers_of(
    architecture: Architecture, arrays: Sequence[np.ndarray], source: str
) -> tuple[Layer, ...]:
    """The layers of a network of this `architecture` that saved `arrays`.

    Raises UserError naming `source` where their number or a shape does not fit.
    """
    convolutions = architecture.convolutions
    dense = len(architecture.widths) - convolutions + 1
    widths = widths_of(arrays, source, convolutions, dense)
    if widths != list(architecture.widths):
        raise UserError(
            f"{source}: layers of {widths}, but {RUN_FILE} beside it tells of "
            f"{list(architecture.widths)}; were these parameters saved by another run?"
        )
    left = iter(enumerate(arrays))
    layers = []
    shape = architecture.image_shape
    for number, width in enumerate([*architecture.widths, architecture.outputs]):
        convolutional = number < convolutions
        if not convolutional:
            shape = (math.prod(shape),)
        parameters = _parameters(architecture, shape, width, convolutional, left, source)
        pools = convolutional and number % 2 == 1
        layer = Layer(parameters, shape, pools, architecture.weights == "binary")
        layers.append(layer)
        shape = layer.output_shape
    if (extra := next(left, None)) is not None:
        raise UserError(f"{source}: arr_{extra[0]} is of no layer of this network")
    return tuple(layers)


def _parameters(architecture, shape, width, convolutional, left: Iterator, source: str):
    """The next parameters of `left`, by name, float32."""
    wanted = {"W": (width, shape[0], FILTER, FILTER) if convolutional else (*shape, width)}
    if architecture.bias:
        wanted["b"] = (width,)
    if architecture.norm != "none":
        wanted |= dict.fromkeys(("beta", "gamma", "mean", "inv_std"), (width,))
    parameters = {}
    for name, expected in wanted.items():
        number, array = next(left, (None, None))
        if array is None:
            raise UserError(f"{source}: the network's {name} {expected} is missing")
        if array.shape != expected:
            raise UserError(
                f"{source}: arr_{number} has shape {array.shape}, but the network's {name} has "
                f"{expected}"
            )
        parameters[name] = np.asarray(array, np.float32)
    return parameters
