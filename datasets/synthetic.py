"""Drawn 32x32 colour digits: a stand-in of ten learnable classes that needs no download.

Every operation is one that IEEE arithmetic rounds in one way alone (no sine, no logarithm, no fused
product), so that the images are the same bytes on every machine.
"""

from __future__ import annotations

import functools
import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets import cache
from datasets.pool import DataSet, Form
from foundations import streams

SIZE = 32
FORM = Form((3, SIZE, SIZE), tuple("0123456789"))

# The strokes of every digit, in a box 10 wide and 14 high: x,y of a polyline's points. "~" marks
# one whose corners are cut until it is a curve.
_STROKES = """
0: ~ 5,0 10,0 10,14 0,14 0,0 5,0
1: 1.5,3 5.5,0 5.5,14 | 2,14 9,14
2: ~ 0.5,4 0.5,0 9.5,0 9.5,5 5,9 0,14 | 0,14 10,14
3: ~ 0.5,2.5 1,0 9.5,0 9.5,6.5 4,6.5 | ~ 4,6.5 10.5,6.5 10.5,14 1,14 0,11
4: 7.5,14 7.5,0 0,9.5 10,9.5
5: 9,0 1.5,0 1,6.5 | ~ 1,6.5 3,5 10.5,4 10.5,14 1.5,14 0,11.5
6: ~ 8.5,0 3.5,1 0,5 0,14 10,14 10,5.5 1.5,5.5 0,9.5
7: 0,0 10,0 4,14
8: ~ 5,0 9.5,0 9.5,6.5 0.5,6.5 0.5,0 5,0 | ~ 5,6.5 10,6.5 10,14 0,14 0,6.5 5,6.5
9: ~ 1.5,14 6.5,13 10,9 10,0 0,0 0,8.5 8.5,8.5 10,4.5
"""
_WIDTH, _HEIGHT, _MARGIN = 10, 14, 3

# Grid points per unit of the box.
_FINENESS = 4
_CHUNK = 1000
# So few images at once that what is computed of them stays in the processor's cache.
_AT_ONCE = 32

# How many the scripts' data sets have, and what they are drawn from.
_TRAINING, _TEST, _SEED = 5000, 1000, 2017


def load_kept(kind: str) -> DataSet:
    """`load_synthetic(kind)`, drawn once: kept where parsed images are kept, and read from there.

    Another version of what draws them draws them anew.
    """
    count = _TRAINING + _TEST

    def draw_all() -> cache.Pool:
        counts = np.array([_TRAINING, _TEST], np.int64)
        return cache.Pool(*_drawn(count, _SEED), counts)

    sources = [Path(__file__), Path(streams.__file__)]
    images, labels, _ = cache.cached("drawn-digits", FORM, sources, draw_all)
    return _sets(kind, images, labels, _TRAINING)


def load_synthetic(
    kind: str = "cifar10", n_train: int = _TRAINING, n_test: int = _TEST, seed: int = _SEED
) -> DataSet:
    """Drawn digits with the sets of CIFAR-10 (last tenth held out) or SVHN (validation inside).

    `n_train` counts the validation images of "cifar10" too; "svhn" validates on the first tenth of
    its training images, which it trains on as well. Both kinds are the same images. Named
    "synthetic-cifar10" or "synthetic-svhn".
    """
    images, labels = _drawn(n_train + n_test, seed)
    return _sets(kind, images, labels, n_train)


def _drawn(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (count, 3, 32, 32) uint8, and their labels (count,) int64."""
    state = streams.random_state(streams.Purpose.DRAWN_DIGITS, seed, count)
    labels = state.randint(0, 10, size=count, dtype=np.int64)
    images = np.concatenate(
        [draw(labels[start : start + _CHUNK], state) for start in range(0, count, _CHUNK)]
        or [np.empty((0, 3, SIZE, SIZE), np.uint8)]
    )
    return images, labels


def _sets(kind: str, images: np.ndarray, labels: np.ndarray, n_train: int) -> DataSet:
    numbers = np.arange(len(images))
    training, held_out = numbers[:n_train], n_train // 10
    if kind == "cifar10":
        training, validation = np.split(training, [n_train - held_out])
    elif kind == "svhn":
        validation = training[:held_out]
    else:
        raise ValueError(f"no synthetic {kind!r}: it is 'cifar10' or 'svhn'")
    return DataSet(
        f"synthetic-{kind}", FORM, images, labels, training, validation, numbers[n_train:]
    )


def draw(labels: np.ndarray, state: np.random.RandomState) -> np.ndarray:
    """Images (n, 3, 32, 32) uint8 of the digits `labels` (n,): jittered, coloured, on texture."""
    drawn = _draw_chances(len(labels), state)
    images = np.empty((len(labels), 3, SIZE, SIZE), np.uint8)
    for start in range(0, len(labels), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        images[part] = _images(labels[part], _Chances(*(numbers[part] for numbers in drawn)))
    return images


class _Chances(NamedTuple):
    """What is drawn at random for n images: numbers from 0 to 1, in the order of drawing."""

    tilt: np.ndarray
    shear: np.ndarray
    height: np.ndarray
    slimness: np.ndarray
    thickness: np.ndarray
    down: np.ndarray
    across: np.ndarray
    ground: np.ndarray
    tint: np.ndarray
    contrast: np.ndarray
    blotches: np.ndarray
    strength: np.ndarray
    grain: np.ndarray


def _draw_chances(n: int, state: np.random.RandomState) -> _Chances:
    shapes = [(1, 1)] * 7 + [(3,), (3,), (1,), (6, 6), (3,), (3, SIZE, SIZE)]
    return _Chances(*(state.random_sample((n, *shape)) for shape in shapes))


def _images(labels: np.ndarray, chances: _Chances) -> np.ndarray:
    coverage = _warped_digits(labels, chances)[:, None]
    ground, ink = _colours(chances)
    grain = chances.grain - 0.5
    image = (ground + _texture(chances)) * (1 - coverage) + ink * coverage + 16 * grain
    return np.clip(np.floor(image + 0.5), 0, 255).astype(np.uint8)


@functools.cache
def _distances() -> np.ndarray:
    """Distance (10, rows, columns) of every grid point from a digit's strokes, in units of the box.

    The grid covers the box and a margin around it.
    """
    rows, columns = ((n + 2 * _MARGIN) * _FINENESS + 1 for n in (_HEIGHT, _WIDTH))
    y, x = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    grid = np.stack([x, y], axis=-1) / _FINENESS - _MARGIN
    fields = []
    for line in _STROKES.strip().splitlines():
        field = np.full((rows, columns), np.inf)
        for stroke in line.partition(":")[2].split("|"):
            points = _points(stroke)
            for start, end in itertools.pairwise(points):
                along = end - start
                offset = grid - start
                # The nearest point of the segment, as a share of its length.
                share = np.clip(_dot(offset, along) / _dot(along, along), 0, 1)[..., None]
                nearest = offset - share * along
                field = np.minimum(field, np.sqrt(_dot(nearest, nearest)))
        fields.append(field)
    return np.stack(fields)


def _points(stroke: str) -> np.ndarray:
    """The polyline (n, 2) that `stroke` describes."""
    curved = "~" in stroke
    pairs = [pair.split(",") for pair in stroke.replace("~", "").split()]
    points = np.array([[float(x), float(y)] for x, y in pairs])
    for _ in range(3 if curved else 0):
        # Chaikin's corner cutting; the ends stay.
        quarters = (3 * points[:-1] + points[1:]) / 4, (points[:-1] + 3 * points[1:]) / 4
        cut = np.stack(quarters, axis=1).reshape(-1, 2)
        points = np.concatenate([points[:1], cut, points[-1:]])
    return points


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1]


def _warped_digits(labels: np.ndarray, chances: _Chances) -> np.ndarray:
    """Coverage (n, 32, 32) in [0, 1] of every digit, rotated, sheared, scaled and shifted."""

    def between(low: float, high: float, share: np.ndarray) -> np.ndarray:
        return low + (high - low) * share

    # A rotation by t = tan(angle / 2), which needs no sine: up to 17 degrees either way.
    t = between(-0.15, 0.15, chances.tilt)
    cosine, sine = (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)
    shear = between(-0.2, 0.2, chances.shear)
    height = between(16, 23, chances.height)
    width = height * between(0.5, 0.75, chances.slimness)
    thickness = between(1.1, 2.1, chances.thickness)
    y, x = np.meshgrid(np.arange(SIZE) - 15.5, np.arange(SIZE) - 15.5, indexing="ij")
    y, x = y[None] - between(-3, 3, chances.down), x[None] - between(-4, 4, chances.across)
    v = cosine * y - sine * x
    u = sine * y + cosine * x + shear * v
    # From pixels about the centre of the digit to the grid of distances.
    row = (v / height * _HEIGHT + _HEIGHT / 2 + _MARGIN) * _FINENESS
    column = (u / width * _WIDTH + _WIDTH / 2 + _MARGIN) * _FINENESS
    distance = _bilinear(_distances(), labels, row, column) * (height / _HEIGHT)
    # An edge is a pixel wide, as a camera's is.
    return np.clip(thickness - distance + 0.5, 0, 1)


def _bilinear(
    grids: np.ndarray, numbers: np.ndarray, row: np.ndarray, column: np.ndarray
) -> np.ndarray:
    """`grids[numbers]` (n, h, w) at fractional `row` and `column` (n, ...); edges go on outside."""
    height, width = grids.shape[1:]
    row, column = np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)
    top = np.minimum(np.floor(row).astype(np.intp), height - 2)
    left = np.minimum(np.floor(column).astype(np.intp), width - 2)
    down, right = row - top, column - left
    # One index of all values is followed several times as fast as three of the axes.
    values = grids.reshape(-1)
    corner = (numbers[:, None, None] * height + top) * width + left
    beyond = corner + width
    upper = values.take(corner) * (1 - right) + values.take(corner + 1) * right
    lower = values.take(beyond) * (1 - right) + values.take(beyond + 1) * right
    return upper * (1 - down) + lower * down


def _colours(chances: _Chances) -> tuple[np.ndarray, np.ndarray]:
    """Colours (n, 3, 1, 1) of ground and ink, at least 80 apart in every channel's mean."""
    ground = 40 + 175 * chances.ground
    tint = 50 * (chances.tint - 0.5)
    contrast = 85 + 60 * chances.contrast
    brightness = ground.mean(axis=1, keepdims=True)
    ink = brightness + np.where(brightness < 128, contrast, -contrast) + tint
    return ground[:, :, None, None], ink[:, :, None, None]


def _texture(chances: _Chances) -> np.ndarray:
    """Smooth blotches (n, 3, 32, 32) about 0: coarse noise, a shade per image and channel."""
    coarse = chances.blotches - 0.5
    at = np.arange(SIZE) * (5 / (SIZE - 1))
    row, column = np.meshgrid(at, at, indexing="ij")
    blotches = _bilinear(coarse, np.arange(len(coarse)), row[None], column[None])
    strength = 30 + 40 * chances.strength
    return strength[:, :, None, None] * blotches[:, None]
