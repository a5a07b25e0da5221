"""What every data set is here: a pool of labelled images and three index ranges into it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from foundations.arrays import ArrayError, check_images, check_same_length
from foundations.errors import UserError
from foundations.reading import printable, reason

# What a data set is divided into, in this order everywhere.
SETS = ("training", "validation", "test")

# Parameters that name random streams: what differs in these alone is a repetition.
SEEDS = ("seed", "label_seed")


class DataError(UserError, ValueError):
    """A data file is missing, damaged or of another format; the message names it and the remedy."""


@contextmanager
def opened(path: Path, what: str, wanted: str = "get the file anew") -> Iterator[BinaryIO]:
    """`path` open for a parser; whatever damaged bytes lead that to becomes one DataError.

    `what` the file ought to be, as in "a CIFAR-10 batch"; `wanted`, what to do where it is not.
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
                f"{path}: not {what}, or damaged ({type(error).__name__}: {reason(error)}); "
                f"{wanted}"
            ) from error


@dataclass(frozen=True)
class Form:
    """What the images of a data set have in common: (channels, rows, columns) and classes."""

    image_shape: tuple[int, ...]
    class_names: tuple[str, ...]

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    @property
    def chance_error(self) -> float:
        """The error of a guess, 0 to 1."""
        return 1 - 1 / self.n_classes


@dataclass(frozen=True)
class DataSet:
    """A labelled pool of images of one form, and three sets of image numbers into it.

    `images` (n, *image shape) uint8, or float32 from -1 to 1 as the network is to see them;
    `labels` (n,) int64, 0 to K - 1; `training`, `validation` and `test` int64 image numbers, which
    may overlap (SVHN's validation images are training images too). `parameters`, ready for JSON:
    what `datasets.source` makes it again from, where it is drawn to measure; `file`: the path that
    `datasets.own` reads it again from. Raises DataError where any of them is something else.
    """

    name: str
    form: Form
    images: np.ndarray
    labels: np.ndarray
    training: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    parameters: Mapping[str, Any] = field(default_factory=dict)
    file: str | None = None

    def __post_init__(self) -> None:
        try:
            if self.images.dtype not in (np.uint8, np.float32):
                raise ArrayError(f"images: {self.images.dtype}; wanted is uint8, or float32")
            least, most = (0, 255) if self.images.dtype == np.uint8 else (-1, 1)
            check_images(self.images, self.form.image_shape, least, most)
            self._check_numbers("labels", self.form.n_classes)
            check_same_length(self.images, self.labels)
            for name in SETS:
                self._check_numbers(name, len(self.images))
        except ArrayError as error:
            raise DataError(f"the data set {printable(self.name)}: {error}") from error

    def _check_numbers(self, name: str, limit: int) -> None:
        numbers = getattr(self, name)
        if numbers.dtype != np.int64 or numbers.ndim != 1:
            raise ArrayError(
                f"{name}: {numbers.dtype} of shape {numbers.shape}; wanted: int64 (n,)"
            )
        if len(numbers) and (numbers.min() < 0 or numbers.max() >= limit):
            raise ArrayError(
                f"{name}: numbers from {numbers.min()} to {numbers.max()}, of {limit} from 0 on"
            )

    def fingerprint(self) -> str:
        """SHA-256 over images, labels and sets, in hexadecimal.

        Of what is drawn to measure it is over the parameters but for seeds: its repetitions are one
        data set.
        """
        digest = hashlib.sha256()
        if self.parameters:
            told = {name: value for name, value in self.parameters.items() if name not in SEEDS}
            digest.update(json.dumps([self.name, told], sort_keys=True).encode())
            return digest.hexdigest()
        for array in (self.images, self.labels, *(getattr(self, name) for name in SETS)):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


@dataclass(frozen=True)
class Source:
    """A data set before it is loaded: its form, and what loads it from a folder, or from None."""

    form: Form
    load: Callable[[str | None], DataSet]


def to_bytes(images: np.ndarray, name: str = "images") -> np.ndarray:
    """Whole numbers of any integer dtype as uint8; ArrayError, by `name`, beyond 0 to 255."""
    if images.dtype.kind not in "iu":
        raise ArrayError(f"{name}: {images.dtype}; wanted are whole numbers from 0 to 255 (uint8)")
    if images.size and not (images.min() >= 0 and images.max() <= 255):
        raise ArrayError(
            f"{name}: values from {images.min()} to {images.max()}; wanted are 0 to 255 (uint8)"
        )
    return images.astype(np.uint8, copy=False)


def to_unit_range(images: np.ndarray) -> np.ndarray:
    """uint8 images as new float32 ones in [-1, 1]: `2/255 * x - 1`, as in the original."""
    scaled = images.astype(np.float32)
    scale_to_unit_range(scaled)
    return scaled


def scale_to_unit_range(levels: np.ndarray) -> None:
    """The same in place, of float32 grey levels from 0 to 255."""
    levels *= np.float32(2.0 / 255)
    levels -= np.float32(1)
