"""Labels and images that somebody hands in, checked for shape, kind and range before their use."""

from __future__ import annotations

from typing import Any

import numpy as np

from foundations.errors import UserError
from foundations.reading import printable

# More classes than any data set has: a label beyond is a mistake, not a reason to count so far.
MOST_CLASSES = 1 << 20


class ArrayError(UserError, ValueError):
    """An array is not what it should be; the message says which, and what is wanted."""


def class_numbers(labels: Any, n_classes: int | None = None, name: str = "labels") -> np.ndarray:
    """Labels (n,) int64 from 0 to `n_classes` - 1 out of any of the usual ways to give them.

    These are whole numbers of any dtype, (n,) or a column (n, 1), and rows (n, `n_classes`) of any
    coding with one maximum each. Without `n_classes` it is the number of columns, or anything up to
    MOST_CLASSES. Raises ArrayError, which calls the array by `name`, for anything else.
    """
    array = _array(labels, name)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2:
        return _places_of_maxima(array, n_classes, name)
    if array.ndim != 1 or array.dtype.kind not in "iuf":
        raise ArrayError(
            f"{name}: {array.dtype} of shape {array.shape}; wanted are whole numbers (n,), or rows "
            "(n, classes) with a single maximum each"
        )
    most = (n_classes or MOST_CLASSES) - 1
    # Not a number fails the first of these, infinity the last.
    wrong = ~((array == np.floor(array)) & (array >= 0) & (array <= most))
    if wrong.any():
        place = int(np.argmax(wrong))
        raise ArrayError(
            f"{name}: number {place} is {array[place]}; wanted are whole numbers from 0 to {most}"
        )
    return array.astype(np.int64)


def _places_of_maxima(array: np.ndarray, n_classes: int | None, name: str) -> np.ndarray:
    if array.dtype.kind not in "biuf" or array.shape[1] != (n_classes or array.shape[1]):
        wanted = n_classes or "classes"
        raise ArrayError(
            f"{name}: {array.dtype} of shape {array.shape}; wanted are numbers (n, {wanted}), or "
            "(n,)"
        )
    if not array.shape[1]:
        raise ArrayError(f"{name}: rows without a column")
    # Rows with something that is not a number have no maximum, and equal nothing.
    single = (array == array.max(axis=1, keepdims=True)).sum(axis=1) == 1
    if not single.all():
        place = int(np.argmin(single))
        raise ArrayError(
            f"{name}: row {place} has no single maximum; as one-hot targets each row marks one "
            "class, and labels alone are of shape (n,)"
        )
    return array.argmax(axis=1).astype(np.int64)


def check_images(
    images: np.ndarray, shape: tuple[int, ...], least: float, most: float, name: str = "images"
) -> None:
    """Raise ArrayError unless `images` are numbers (n, *`shape`) from `least` to `most`."""
    if images.dtype.kind not in "iuf" or images.shape[1:] != shape or images.ndim != len(shape) + 1:
        raise ArrayError(
            f"{name}: {images.dtype} of shape {images.shape}; wanted are numbers of shape "
            f"(n, {', '.join(map(str, shape))})"
        )
    if images.size and not (least <= images.min() and images.max() <= most):
        raise ArrayError(
            f"{name}: values from {images.min():g} to {images.max():g}; wanted are {least:g} to "
            f"{most:g}"
        )


def check_same_length(first: Any, second: Any, names: str = "images and labels") -> None:
    """Raise ArrayError unless both have as many entries."""
    if len(first) != len(second):
        raise ArrayError(f"{names}: {len(first)} of the one, {len(second)} of the other")


def _array(values: Any, name: str) -> np.ndarray:
    try:
        return np.asarray(values)
    except (ValueError, TypeError, OverflowError) as error:
        raise ArrayError(f"{name}: not an array of numbers ({printable(error)})") from error
