"""CIFAR-10 (Krizhevsky, 2009) from its Python pickles."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from datasets import cache, download, locate, safe_pickle
from datasets.pool import DataError, DataSet, Form, opened

SOURCE = download.Source(
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    "c58f30108f718f92721af3b95e74349a",
    170_498_071,
)

FOLDER = "cifar-10-batches-py"
TRAINING = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST = "test_batch"
LAYOUT = locate.Layout("CIFAR-10", (FOLDER, f"cifar10/{FOLDER}", ""), (*TRAINING, TEST))

# Thirty times a batch of 10,000 images.
MOST_BYTES = 1 << 30

CLASS_NAMES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
FORM = Form((3, 32, 32), CLASS_NAMES)


def load_cifar10(data_dir: str | None = None, download: bool = True) -> DataSet:
    """CIFAR-10: the last tenth of the training files is the validation set (5,000 of 50,000).

    Where the files are looked for and downloaded to is `datasets.locate`'s matter. Raises DataError
    where they are missing and `download` is false, cannot be downloaded, or are damaged.
    """
    folder = locate.found_or_fetched(LAYOUT, data_dir, fetch, download)
    sources = [folder / name for name in LAYOUT.required]
    pool = cache.cached("cifar10", FORM, sources, lambda: parse(folder))
    training = int(pool.counts[0])
    held_out = training // 10
    numbers = np.arange(len(pool.labels))
    return DataSet(
        "cifar10",
        FORM,
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


def read_batch(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 3, 32, 32) uint8 and labels (n,) int64 of one pickled batch; DataError if bad."""
    with opened(path, "a CIFAR-10 batch") as stream:
        if os.fstat(stream.fileno()).st_size > MOST_BYTES:
            raise DataError(f"{path}: far larger than a CIFAR-10 batch; get the file anew")
        try:
            batch = safe_pickle.loads(stream.read())
        except safe_pickle.ForbiddenError as error:
            raise DataError(
                f"{path}: refused, for a CIFAR-10 batch does not contain {error}; get the file anew"
            ) from error
        return _checked(path, batch)


def _checked(path: Path, batch: dict[Any, Any]) -> tuple[np.ndarray, np.ndarray]:
    # Python 2 wrote the keys as bytes; what people pickle themselves has strings.
    data, labels = (batch.get(key.encode(), batch.get(key)) for key in ("data", "labels"))
    if data is None or labels is None:
        raise DataError(f"{path}: not a CIFAR-10 batch, for it lacks 'data' or 'labels'")
    row = math.prod(FORM.image_shape)
    if not isinstance(data, np.ndarray) or data.ndim != 2 or data.shape[1] != row:
        raise DataError(f"{path}: 'data' is not an array of uint8 with {row} columns")
    if not isinstance(labels, list) or not all(
        type(label) is int and 0 <= label < len(CLASS_NAMES) for label in labels
    ):
        raise DataError(f"{path}: 'labels' is not a list of whole numbers from 0 to 9")
    if len(labels) != len(data) or len(data) == 0:
        raise DataError(f"{path}: {len(data)} images with {len(labels)} labels")
    return data.reshape(-1, *FORM.image_shape), np.array(labels, np.int64)
