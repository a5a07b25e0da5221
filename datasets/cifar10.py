"""CIFAR-10 (Krizhevsky, 2009) from its Python pickles."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from datasets import cache, download, locate, safe_pickle
from datasets.pool import DataError, DataSet, Form, opened, to_bytes
from foundations.arrays import ArrayError, check_same_length, class_numbers
from foundations.reading import printable

SOURCE = download.Source(
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    "c58f30108f718f92721af3b95e74349a",
    170_498_071,
)

FOLDER = "cifar-10-batches-py"
TRAINING = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST = "test_batch"
# Names the classes; without it they are the original's.
NAMES = "batches.meta"
LAYOUT = locate.Layout("CIFAR-10", (FOLDER, f"cifar10/{FOLDER}", ""), (*TRAINING, TEST))

# Thirty times a batch of 10,000 images.
MOST_BYTES = 1 << 30
# The original's is 158 bytes.
MOST_BYTES_OF_NAMES = 1 << 20
CLASS_NAMES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
FORM = Form((3, 32, 32), CLASS_NAMES)
# What to do about a file that cannot be taken.
WANTED = (
    "get the file anew, or write it as pickle.dump({'data': data, 'labels': labels}, stream), with "
    "data a numpy array (n, 3072) of uint8 and n labels from 0 to 9"
)
WANTED_NAMES = (
    "delete the file, or write it as pickle.dump({'label_names': names}, stream), with a list of "
    f"{FORM.n_classes} strings"
)


def load_cifar10(data_dir: str | None = None, download: bool = True) -> DataSet:
    """CIFAR-10: the last tenth of the training files is the validation set (5,000 of 50,000).

    The classes are called what `batches.meta` calls them, where there is one.
    Where the files are looked for and downloaded to is `datasets.locate`'s matter. Raises DataError
    where they are missing and `download` is false, cannot be downloaded, or are damaged.
    """
    folder = locate.found_or_fetched(LAYOUT, data_dir, fetch, download)
    sources = [folder / name for name in LAYOUT.required]
    form = named(folder / NAMES)
    pool = cache.cached("cifar10", form, sources, lambda: parse(folder))
    training = int(pool.counts[0])
    held_out = training // 10
    numbers = np.arange(len(pool.labels))
    return DataSet(
        "cifar10",
        form,
        pool.images,
        pool.labels,
        training=numbers[: training - held_out],
        validation=numbers[training - held_out : training],
        test=numbers[training:],
    )


def fetch(root: Path) -> Path:
    """Download and unpack CIFAR-10 below `root`; returns the folder of its files."""
    with download.fetched(SOURCE, root) as archive:
        members = {f"{FOLDER}/{name}": name for name in (*TRAINING, TEST)}
        download.unpack(archive, root / FOLDER, members)
    return root / FOLDER


def parse(folder: Path) -> cache.Pool:
    """All images and labels, the test file's last; `counts` of training and test images."""
    batches = [read_batch(folder / name) for name in (*TRAINING, TEST)]
    labels = np.concatenate([labels for _, labels in batches])
    training = len(labels) - len(batches[-1][1])
    return cache.Pool(
        np.concatenate([images for images, _ in batches]),
        labels,
        np.array([training, len(labels) - training], np.int64),
    )


def named(path: Path) -> Form:
    """The form of CIFAR-10 with its classes' names out of `path`; DataError where it has none."""
    if not path.exists():
        return FORM
    names = _unpickled(path, "CIFAR-10's names of classes", MOST_BYTES_OF_NAMES, WANTED_NAMES)
    found = _entry(names, "label_names")
    if isinstance(found, np.ndarray) and found.ndim == 1:
        found = found.tolist()
    if not isinstance(found, list) or len(found) != FORM.n_classes:
        raise DataError(f"{path}: no list of {FORM.n_classes} 'label_names'; {WANTED_NAMES}")
    return Form(FORM.image_shape, tuple(_name(path, name) for name in found))


def _name(path: Path, name: Any) -> str:
    if not isinstance(name, (str, bytes)):
        raise DataError(f"{path}: a {type(name).__name__} among 'label_names'; {WANTED_NAMES}")
    return printable(name.decode("utf-8", "surrogateescape") if type(name) is bytes else name)


def read_batch(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 3, 32, 32) uint8 and labels (n,) int64 of one pickled batch; DataError if bad.

    A batch is a pickle of any protocol: a dict, its keys str or bytes, of `data` uint8, as rows
    (n, 3072) or as images, channels first or last, and of `labels`, a list or an array.
    """
    return _checked(path, _unpickled(path, "a CIFAR-10 batch", MOST_BYTES, WANTED))


def _unpickled(path: Path, what: str, most_bytes: int, wanted: str) -> dict[Any, Any]:
    with opened(path, what, wanted) as stream:
        if os.fstat(stream.fileno()).st_size > most_bytes:
            raise DataError(f"{path}: far larger than {what}; {wanted}")
        try:
            return safe_pickle.loads(stream.read())
        except safe_pickle.ForbiddenError as error:
            raise DataError(
                f"{path}: refused, for {what} does not contain {printable(error)}; {wanted}"
            ) from error


def _entry(content: dict[Any, Any], key: str) -> Any:
    # Python 2 wrote the keys as bytes; what people pickle themselves has strings.
    return content.get(key.encode(), content.get(key))


def _checked(path: Path, batch: dict[Any, Any]) -> tuple[np.ndarray, np.ndarray]:
    data, labels = _entry(batch, "data"), _entry(batch, "labels")
    if data is None or labels is None:
        raise DataError(f"{path}: not a CIFAR-10 batch, for it lacks 'data' or 'labels'; {WANTED}")
    if isinstance(labels, list) and not all(_is_number(label) for label in labels):
        raise DataError(f"{path}: 'labels' holds more than whole numbers from 0 to 9; {WANTED}")
    try:
        images = _images(data)
        numbers = class_numbers(labels, FORM.n_classes, "'labels'")
        check_same_length(images, numbers)
    except ArrayError as error:
        raise DataError(f"{path}: {error}; {WANTED}") from error
    if len(images) == 0:
        raise DataError(f"{path}: 0 images; {WANTED}")
    return images, numbers


def _images(data: Any) -> np.ndarray:
    row = math.prod(FORM.image_shape)
    channels_last = (*FORM.image_shape[1:], FORM.image_shape[0])
    if not isinstance(data, np.ndarray):
        raise ArrayError(f"'data': a {type(data).__name__}, not an array (n, {row})")
    if data.shape[1:] not in ((row,), FORM.image_shape, channels_last):
        raise ArrayError(f"'data': shape {data.shape}, not (n, {row})")
    images = to_bytes(data, "'data'")
    if images.shape[1:] == channels_last:
        images = images.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(images.reshape(-1, *FORM.image_shape))


def _is_number(label: Any) -> bool:
    # A list in a list, again and again, would be an array without end.
    return type(label) in (int, float) or isinstance(label, (np.integer, np.floating))
