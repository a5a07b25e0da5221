"""Networks from the `.npz` files of BinaryNet's own scripts, and files for them.

BinaryNet (Courbariaux et al., 2016) saves `arr_0`, `arr_1` ... in the order that this suite does
too: per layer W, b, then batch norm's beta, gamma, mean, inv_std. Nothing says what network it was:
what the shapes do not tell has to be told.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from foundations import files
from foundations.errors import UserError
from foundations.reading import MOST_OF_A_PATH, printable
from memorization.architecture import CONVOLUTIONS, POOLINGS, Architecture
from memorization.export.network import TrainedNetwork, layers_of, load
from memorization.parameter_files import read_parameters
from memorization.run.record import RUN_FILE

# Images of perceptrons, by how many numbers they have: MNIST's, those of CIFAR-10 and SVHN.
_SHAPES = {784: (1, 28, 28), 3072: (3, 32, 32)}


def network_of(place: Path, chosen: argparse.Namespace) -> TrainedNetwork:
    """The network of a run, of its `.npz`, or of one of BinaryNet's.

    `chosen` has the options of `untold`.

    Raises UserError where there is none, or too much or too little is told.
    """
    shown = printable(place, MOST_OF_A_PATH)
    if not place.exists():
        raise UserError(f"{shown}: no such file or folder; name the folder of a run, or its .npz")
    recorded = place.is_dir() or (place.parent / RUN_FILE).exists()
    told = chosen.activation is not None or chosen.image_shape is not None
    if recorded and told:
        raise UserError(
            f"{shown}: its {RUN_FILE} says what network this is; leave out --activation and "
            "--image-shape"
        )
    if recorded:
        return load(place)
    if chosen.activation is None:
        raise UserError(
            f"{shown}: no {RUN_FILE} beside it says what network this is; of a file of BinaryNet's "
            "own tell its --activation"
        )
    arrays = read_parameters(place, "RUN")
    architecture = _architecture(arrays, chosen.activation, chosen.image_shape, shown)
    names = tuple(map(str, range(architecture.n_classes)))
    return TrainedNetwork(architecture, layers_of(architecture, arrays, shown), place, names)


def _architecture(
    arrays: Sequence[np.ndarray], activation: str, shape: Sequence[int] | None, shown: str
) -> Architecture:
    """What network the shapes of `arrays` tell of."""
    weights = [array for array in arrays if array.ndim > 1]
    convolutions = sum(W.ndim == 4 for W in weights)
    if convolutions not in (0, CONVOLUTIONS) or not weights or weights[-1].ndim != 2:
        raise UserError(
            f"{shown}: {convolutions} convolutions and {len(weights) - convolutions} other layers; "
            f"BinaryNet's networks have {CONVOLUTIONS}, or dense layers alone"
        )
    vectors, rest = divmod(len(arrays) - len(weights), len(weights))
    if rest or vectors not in (0, 1, 4, 5):
        raise UserError(f"{shown}: {len(arrays)} arrays for {len(weights)} layers of weights")
    widths = tuple(W.shape[0] if W.ndim == 4 else W.shape[1] for W in weights)
    found = tuple(shape) if shape else _image_shape(weights, convolutions, shown)
    # A single output is that of two classes.
    classes = widths[-1] if widths[-1] > 1 else 2
    return Architecture(
        widths[:-1],
        kind="cnn" if convolutions else "mlp",
        activation=activation,
        norm="batch" if vectors > 1 else "none",
        bias=vectors in (1, 5),
        image_shape=found,
        n_classes=classes,
    )


def _image_shape(weights, convolutions: int, shown: str) -> tuple[int, ...]:
    if not convolutions:
        inputs = weights[0].shape[0]
        if inputs not in _SHAPES:
            raise UserError(f"{shown}: images of {inputs} values; tell their --image-shape")
        return _SHAPES[inputs]
    pixels, rest = divmod(weights[convolutions].shape[0], weights[convolutions - 1].shape[0])
    side = math.isqrt(pixels)
    if rest or side * side != pixels:
        raise UserError(f"{shown}: images that are no squares; tell their --image-shape")
    return (weights[0].shape[1], *(side * 2**POOLINGS,) * 2)


def save(network: TrainedNetwork, path: Path) -> list[Path]:
    """Write `network` to `path` as BinaryNet's own scripts load it; returns the path.

    They know layers with bias and batch norm alone: what there is not becomes 0 or 1. Raises
    UserError where the network is not binary, which they cannot be told.
    """
    architecture = network.architecture
    if not network.binary:
        raise UserError(
            f"{printable(network.source, MOST_OF_A_PATH)}: weights are {architecture.weights}, "
            f"activations {architecture.activations}; BinaryNet's networks have both binary"
        )
    arrays = []
    for layer in network.layers:
        zeros, ones = np.zeros(layer.units, np.float32), np.ones(layer.units, np.float32)
        absent = {"b": zeros, "beta": zeros, "gamma": ones, "mean": zeros, "inv_std": ones}
        arrays += list({"W": layer.parameters["W"], **absent, **layer.parameters}.values())
    files.save_arrays(path, *arrays)
    return [path]
