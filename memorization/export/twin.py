"""Scores of networks whose weights or activations are real, in numpy alone.

The order of their sums is that of matrix products, so that last bits differ from machine to
machine.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from memorization.export.inference import laid_out, pooled, unit_range
from memorization.export.model import affine, is_high
from memorization.export.network import TrainedNetwork

# Images computed at once.
_STEP = 16

# By an architecture's unit and its kind of activations, as `networks.layers.NONLINEARITIES`.
ACTIVATIONS: dict[tuple[str, str], Callable[[np.ndarray], np.ndarray]] = {
    ("tanh", "binary"): lambda y: np.where(is_high(y), np.float32(1), np.float32(-1)),
    ("sigmoid", "binary"): lambda y: np.where(is_high(y), np.float32(1), np.float32(0)),
    ("tanh", "hard"): lambda y: np.clip(y, -1, 1),
    ("sigmoid", "hard"): lambda y: np.clip((y + 1) / 2, 0, 1),
    ("tanh", "relu"): lambda y: np.maximum(y, 0),
    ("sigmoid", "relu"): lambda y: np.maximum(y, 0),
}


def scores(network: TrainedNetwork, images: np.ndarray) -> np.ndarray:
    """The outputs (n, outputs) float32 for images (n, *image shape), uint8 or float32 in [-1, 1].

    What the evaluation's Theano computes, up to rounding.
    """
    weights = [layer.rows() for layer in network.layers]
    found = [
        _scores(network, weights, images[first : first + _STEP])
        for first in range(0, len(images), _STEP)
    ]
    outputs = network.architecture.outputs
    return np.concatenate(found) if found else np.zeros((0, outputs), np.float32)


def _scores(network, weights, images):
    architecture = network.architecture
    activation = ACTIVATIONS[architecture.activation, architecture.activations]
    x = unit_range(images)
    for number, (layer, rows) in enumerate(zip(network.layers, weights)):
        if number:
            x = activation(x)
        if layer.convolutional:
            sums = np.matmul(rows, laid_out(x)).reshape(len(x), layer.units, *x.shape[2:])
        else:
            sums = x.reshape(len(x), -1) @ rows.T
        if layer.pools:
            sums = pooled(sums)
        shape = (-1, *(1,) * (sums.ndim - 2))
        x = affine(sums, *(values.reshape(shape) for values in layer.affine()))
    return x
