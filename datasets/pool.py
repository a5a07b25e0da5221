"""What every data set is here: a pool of labelled images and three index ranges into it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from foundations.errors import UserError
from foundations.reading import reason

IMAGE_SHAPE = (3, 32, 32)


class DataError(UserError, ValueError):
    """A data file is missing, damaged or of another format; the message names it and the remedy."""


@contextmanager
def opened(path: Path, what: str) -> Iterator[BinaryIO]:
    """`path` open for a parser; whatever damaged bytes lead that to becomes one DataError.

    `what` the file ought to be, as in "a CIFAR-10 batch".
    """
    try:
        stream = open(path, "rb")  # noqa: SIM115
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    with stream:
        try:
            yield stream
        except DataError:
            raise
        except Exception as error:
            # A parser led astray raises anything from KeyError to MemoryError.
            raise DataError(
                f"{path}: not {what}, or damaged ({type(error).__name__}: {reason(error)}); get "
                "the file anew"
            ) from error


@dataclass(frozen=True)
class DataSet:
    """A labelled pool of images and three sets of image numbers into it.

    `images` (n, 3, 32, 32) uint8; `labels` (n,) int64, classes 0 to 9; `train`, `valid` and `test`
    int64 image numbers, which may overlap (SVHN's validation images are training images too).
    """

    name: str
    images: np.ndarray
    labels: np.ndarray
    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    class_names: tuple[str, ...]

    def fingerprint(self) -> str:
        """SHA-256 over images, labels and sets, in hexadecimal."""
        digest = hashlib.sha256()
        for array in (self.images, self.labels, self.train, self.valid, self.test):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def to_unit_range(images: np.ndarray) -> np.ndarray:
    """uint8 images as new float32 ones in [-1, 1]: `2/255 * x - 1`, as in the original."""
    scaled = images.astype(np.float32)
    scaled *= np.float32(2.0 / 255)
    scaled -= np.float32(1)
    return scaled
