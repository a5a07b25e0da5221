"""Drawn 32x32 colour digits: a stand-in of ten learnable classes that needs no download.

Every operation is exact in IEEE arithmetic (no sine, no logarithm, no fused product), so that the
images are the same bytes on every machine.
"""

from __future__ import annotations

import numpy as np

from datasets.pool import DataSet
from datasets.randomize import random_state

SIZE = 32

# 5x7 dot-matrix digits, a row of five bits per line.
_GLYPHS = """
01110 10001 10011 10101 11001 10001 01110
00100 01100 00100 00100 00100 00100 01110
01110 10001 00001 00010 00100 01000 11111
11111 00010 00100 00010 00001 10001 01110
00010 00110 01010 10010 11111 00010 00010
11111 10000 11110 00001 00001 10001 01110
00110 01000 10000 11110 10001 10001 01110
11111 00001 00010 00100 01000 01000 01000
01110 10001 10001 01110 10001 10001 01110
01110 10001 10001 01111 00001 00010 01100
"""

_OVERSAMPLING = 6
_CHUNK = 1000


def load_synthetic(
    kind: str = "cifar10", n_train: int = 5000, n_test: int = 1000, seed: int = 2017
) -> DataSet:
    """Drawn digits with the sets of CIFAR-10 (last tenth held out) or SVHN (validation inside).

    `n_train` counts the validation images of "cifar10" too; "svhn" validates on the first tenth of
    its training images, which it trains on as well. Named "synthetic-cifar10" or "synthetic-svhn".
    """
    count = n_train + n_test
    state = random_state([seed, count])
    labels = state.randint(0, 10, size=count, dtype=np.int64)
    images = np.concatenate(
        [draw(labels[start : start + _CHUNK], state) for start in range(0, count, _CHUNK)]
        or [np.empty((0, 3, SIZE, SIZE), np.uint8)]
    )
    numbers = np.arange(count)
    training, held_out = numbers[:n_train], n_train // 10
    if kind == "cifar10":
        train, valid = training[: n_train - held_out], training[n_train - held_out :]
    elif kind == "svhn":
        train, valid = training, training[:held_out]
    else:
        raise ValueError(f"no synthetic {kind!r}: it is 'cifar10' or 'svhn'")
    return DataSet(
        f"synthetic-{kind}", images, labels, train, valid, numbers[n_train:], tuple("0123456789")
    )


def draw(labels: np.ndarray, state: np.random.RandomState) -> np.ndarray:
    """Images (n, 3, 32, 32) uint8 of the digits `labels` (n,): jittered, coloured, on texture."""
    coverage = _warped_glyphs(labels, state)[:, None]
    ground, ink = _colours(len(labels), state)
    texture = _texture(len(labels), state)
    grain = state.random_sample((len(labels), 3, SIZE, SIZE)) - 0.5
    image = (ground + texture) * (1 - coverage) + ink * coverage + 16 * grain
    return np.clip(np.floor(image + 0.5), 0, 255).astype(np.uint8)


def _masks() -> np.ndarray:
    """Smoothed glyphs (10, 9 * _OVERSAMPLING, 7 * _OVERSAMPLING), a cell of margin all around."""
    rows = [[list(map(int, row)) for row in line.split()] for line in _GLYPHS.split("\n") if line]
    padded = np.pad(np.array(rows, np.float64), ((0, 0), (1, 1), (1, 1)))
    fine = padded.repeat(_OVERSAMPLING, axis=1).repeat(_OVERSAMPLING, axis=2)
    for axis in (1, 2):
        for _ in range(_OVERSAMPLING // 2):
            fine = (np.roll(fine, 1, axis) + 2 * fine + np.roll(fine, -1, axis)) / 4
    # Smoothing has made the strokes soft; this makes their edges about a pixel wide again.
    return np.clip(2.5 * fine - 0.6, 0, 1)


def _warped_glyphs(labels: np.ndarray, state: np.random.RandomState) -> np.ndarray:
    """Coverage (n, 32, 32) in [0, 1] of every digit, rotated, sheared, scaled and shifted."""
    n = len(labels)
    masks = _masks()

    def uniform(low: float, high: float) -> np.ndarray:
        return (low + (high - low) * state.random_sample(n))[:, None, None]

    # A rotation by t = tan(angle / 2), which needs no sine: up to 17 degrees either way.
    t = uniform(-0.15, 0.15)
    cosine, sine = (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)
    shear = uniform(-0.2, 0.2)
    height = uniform(20, 28)
    width = height * uniform(0.6, 0.85)
    y, x = np.meshgrid(np.arange(SIZE) - 15.5, np.arange(SIZE) - 15.5, indexing="ij")
    y, x = y[None] - uniform(-3, 3), x[None] - uniform(-4, 4)
    v = cosine * y - sine * x
    u = sine * y + cosine * x + shear * v
    rows, columns = masks.shape[1:]
    return _bilinear(
        masks[labels],
        v / height * (7 * _OVERSAMPLING) + (rows - 1) / 2,
        u / width * (5 * _OVERSAMPLING) + (columns - 1) / 2,
    )


def _bilinear(grids: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """`grids` (n, h, w) sampled at fractional `row` and `column` (n, ...); edges go on outside."""
    height, width = grids.shape[1:]
    row, column = np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)
    top = np.minimum(np.floor(row).astype(np.intp), height - 2)
    left = np.minimum(np.floor(column).astype(np.intp), width - 2)
    down, right = row - top, column - left
    image = np.arange(len(grids))[:, None, None]
    upper = grids[image, top, left] * (1 - right) + grids[image, top, left + 1] * right
    lower = grids[image, top + 1, left] * (1 - right) + grids[image, top + 1, left + 1] * right
    return upper * (1 - down) + lower * down


def _colours(n: int, state: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
    """Colours (n, 3, 1, 1) of ground and ink, at least 80 apart in every channel's mean."""
    ground = 40 + 175 * state.random_sample((n, 3))
    tint = 50 * (state.random_sample((n, 3)) - 0.5)
    contrast = 85 + 60 * state.random_sample((n, 1))
    brightness = ground.mean(axis=1, keepdims=True)
    ink = brightness + np.where(brightness < 128, contrast, -contrast) + tint
    return ground[:, :, None, None], ink[:, :, None, None]


def _texture(n: int, state: np.random.RandomState) -> np.ndarray:
    """Smooth blotches (n, 3, 32, 32) about 0: coarse noise, a shade per image and channel."""
    coarse = state.random_sample((n, 6, 6)) - 0.5
    at = np.arange(SIZE) * (5 / (SIZE - 1))
    row, column = np.meshgrid(at, at, indexing="ij")
    blotches = _bilinear(coarse, *(np.broadcast_to(a, (n, SIZE, SIZE)) for a in (row, column)))
    strength = 30 + 40 * state.random_sample((n, 3))
    return strength[:, :, None, None] * blotches[:, None]
