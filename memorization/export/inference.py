"""Scores of a packed network in numpy alone.

Sums of the first layer are taken in the order channels, image rows, image columns, one term after
the other, each rounded to float32: as the evaluation and the exported C have them. All other sums
are of whole numbers, which float32 holds exactly in any order.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from memorization.export.model import PackedLayer, PackedNetwork, affine, is_high

# Of one array of laid out images, in numbers.
_MOST_NUMBERS = 1 << 24


def unit_range(images: np.ndarray) -> np.ndarray:
    """uint8 images as float32, `2/255 * x - 1`, both operations rounded; float32 ones unchanged."""
    if images.dtype != np.uint8:
        return images
    scaled = images.astype(np.float32)
    scaled *= np.float32(2.0 / 255)
    scaled -= np.float32(1)
    return scaled


def scores(network: PackedNetwork, images: np.ndarray) -> np.ndarray:
    """The outputs (n, outputs) float32 for images (n, *image shape), uint8 or float32 in [-1, 1].

    The predicted class is the first of the highest outputs; of a single one, class 1 where it is
    not negative.
    """
    largest = max(
        layer.positive.shape[1] * int(np.prod(layer.input_shape[1:])) for layer in network.layers
    )
    step = max(1, _MOST_NUMBERS // largest)
    weights = [np.where(layer.positive, np.float32(1), np.float32(-1)) for layer in network.layers]
    found = [
        _scores(network, weights, images[first : first + step])
        for first in range(0, len(images), step)
    ]
    outputs = network.layers[-1].units
    return np.concatenate(found) if found else np.zeros((0, outputs), np.float32)


def predicted_classes(outputs: np.ndarray) -> np.ndarray:
    """The classes (n,) int64 that outputs (n, outputs) tell, as the training's own test does."""
    if outputs.shape[1] > 1:
        return outputs.argmax(axis=1)
    return (outputs[:, 0] >= 0).astype(np.int64)


def _scores(network, weights, images):
    x = unit_range(images)
    for number, (layer, rows) in enumerate(zip(network.layers, weights)):
        if not layer.convolutional:
            x = x.reshape(len(x), -1)
        sums = _ordered_sums(layer, x, rows) if number == 0 else _exact_sums(layer, x, rows)
        if layer.pools:
            sums = pooled(sums)
        shape = (-1, *(1,) * (sums.ndim - 2))
        if layer.affine is None:
            assert layer.threshold is not None and layer.flipped is not None
            high = sums >= layer.threshold.reshape(shape).astype(np.float32)
            high ^= layer.flipped.reshape(shape)
        else:
            x = affine(sums, *(values.reshape(shape) for values in layer.affine))
            if number == len(network.layers) - 1:
                return x
            high = is_high(x)
        x = np.where(high, np.float32(1), np.float32(network.low))
    raise AssertionError("a network ends with its output layer")


def ordered_terms(layer: PackedLayer, x: np.ndarray, rows: np.ndarray) -> Iterator[np.ndarray]:
    """What a first layer's sums (n, units, ...) of any floats x (n, *input shape) add, in order.

    The array that is yielded may be written over by the next.
    """
    if layer.convolutional:
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        channels, height, width = layer.input_shape
        seen = (
            padded[:, None, channel, row : row + height, column : column + width]
            for channel in range(channels)
            for row in range(3)
            for column in range(3)
        )
        weights = rows.T[:, :, None, None]
        term = np.empty((len(x), layer.units, height, width), np.float32)
    else:
        seen = (x[:, number, None] for number in range(x.shape[1]))
        weights = rows.T
        term = np.empty((len(x), layer.units), np.float32)
    for values, weight in zip(seen, weights):
        yield np.multiply(values, weight, out=term)


def _ordered_sums(layer: PackedLayer, x: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Sums (n, units, ...) of any floats x (n, *input shape), term after term."""
    places = layer.input_shape[1:] if layer.convolutional else ()
    sums = np.zeros((len(x), layer.units, *places), np.float32)
    for term in ordered_terms(layer, x, rows):
        sums += term
    return sums


def _exact_sums(layer: PackedLayer, x: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The same of whole numbers, as matrix products."""
    if not layer.convolutional:
        return x @ rows.T
    return np.matmul(rows, laid_out(x)).reshape(len(x), layer.units, *x.shape[2:])


def laid_out(x: np.ndarray) -> np.ndarray:
    """What 3 x 3 windows see of x (n, channels, rows, columns), padded by a zero on each side.

    (n, channels * 9, rows * columns), in the order channels, image rows, image columns.
    """
    count, channels, height, width = x.shape
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.empty((count, channels, 3, 3, height, width), np.float32)
    for row in range(3):
        for column in range(3):
            windows[:, :, row, column] = padded[:, :, row : row + height, column : column + width]
    return windows.reshape(count, channels * 9, height * width)


def pooled(sums: np.ndarray) -> np.ndarray:
    """Maxima of adjoining 2 x 2 windows; what fills no window is left out."""
    rows, columns = (size // 2 * 2 for size in sums.shape[2:])
    whole = sums[:, :, :rows, :columns]
    pairs = np.maximum(whole[:, :, ::2], whole[:, :, 1::2])
    return np.maximum(pairs[..., ::2], pairs[..., 1::2])
