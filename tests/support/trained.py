"""Networks with parameters of every kind, as a training might have left them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from memorization.architecture import Architecture
from memorization.export.network import TrainedNetwork, layers_of

CNN = (13, 14, 16, 13, 14, 15, 35, 33)
# Other images, classes, layers, norms than those of 2017.
ARCHITECTURES = {
    "cnn": Architecture(CNN),
    "sigmoid": Architecture(CNN, activation="sigmoid", image_shape=(1, 28, 28), n_classes=7),
    "no norm": Architecture(CNN, norm="none", image_shape=(2, 9, 17), n_classes=3),
    "no bias": Architecture(CNN, bias=False, norm="frozen", image_shape=(3, 8, 8)),
    "mlp": Architecture((9, 33, 8), kind="mlp", image_shape=(1, 5, 5), n_classes=7),
    "one layer": Architecture((), kind="mlp", image_shape=(3, 4, 4)),
    "two classes": Architecture(
        (11,), kind="mlp", activation="sigmoid", image_shape=(1, 1, 40), n_classes=2
    ),
}


def parameters(architecture: Architecture, seed: int = 0) -> list[np.ndarray]:
    """Arrays in the order of `get_all_params`: gammas of both signs and 0, sums that tie."""
    random = np.random.RandomState(seed)
    channels, *pixels = architecture.image_shape
    inputs, arrays = channels, []
    layers = [*architecture.widths, architecture.outputs]
    for number, width in enumerate(layers):
        if number < architecture.convolutions:
            shape = (width, inputs, 3, 3)
            pixels = [size // 2 for size in pixels] if number % 2 else pixels
            inputs = width
        else:
            if number == architecture.convolutions:
                inputs *= int(np.prod(pixels))
            shape, inputs = (inputs, width), width
        W = random.uniform(-1, 1, shape).astype(np.float32)
        W.flat[::7] = 0
        # Maxima of four are larger than sums.
        pools = number < architecture.convolutions and number % 2
        expected = (W.size // width) ** 0.5 * (0.8 if pools else 0)
        arrays += [W, *_vectors(architecture, width, expected, random)]
    return arrays


def _vectors(architecture, width, expected, random):
    def chosen(*values):
        return random.choice(np.array(values, np.float32), width)

    bias = [chosen(0, 1, -2, 0.3, 1e-7)] if architecture.bias else []
    if architecture.norm == "none":
        return [values - np.float32(round(expected)) for values in bias]
    # Outcomes of 0 and just below it, of which some still count as high.
    beta = chosen(0, 0, -(2.0**-25), -(2.0**-24), 0.4, -1.7)
    gamma = chosen(1, -1, 1, -0.5, 0, 0.37, -1.9)
    # Whole numbers, and others.
    mean = np.round(random.normal(expected, 1 + expected / 4, width)) + chosen(0, 0, 0.7)
    mean, inv_std = mean.astype(np.float32), chosen(1, 0.25, 0.313)
    return [*bias, beta, gamma, mean, inv_std]


def network_of(architecture: Architecture, name: str = "network", seed: int = 0) -> TrainedNetwork:
    """A network of this `architecture` with `parameters`; its file goes by `name`."""
    names = tuple(f"class {number}" for number in range(architecture.n_classes))
    layers = layers_of(architecture, parameters(architecture, seed), name)
    return TrainedNetwork(architecture, layers, Path(name), names)


def trained(name: str, seed: int = 0) -> TrainedNetwork:
    """The network `name` of ARCHITECTURES with `parameters`."""
    return network_of(ARCHITECTURES[name], name, seed)


def images_of(architecture: Architecture, count: int = 50) -> np.ndarray:
    """Images (count, *image shape) uint8; the first black, the second white."""
    shape = (count, *architecture.image_shape)
    images = np.random.RandomState(1).randint(0, 256, shape).astype(np.uint8)
    images[0], images[1] = 0, 255
    return images
