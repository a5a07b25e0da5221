"""CIFAR-10 (Krizhevsky, 2009) from its Python pickles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from datasets import cache, download, locate, safe_pickle
from datasets.pool import IMAGE_SHAPE, DataError, DataSet

ADDRESS = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
MD5 = "c58f30108f718f92721af3b95e74349a"

FOLDER = "cifar-10-batches-py"
SUBFOLDERS = (FOLDER, f"cifar10/{FOLDER}", "")
TRAINING = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST = "test_batch"

CLASS_NAMES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)


def load_cifar10(data_dir: str | None = None, download: bool = True) -> DataSet:
    """CIFAR-10: the last tenth of the training files is the validation set (5,000 of 50,000).

    Files are looked for as `datasets.locate.find` says, and downloaded into `datasets/data/` where
    there are none and `download` allows it. Raises DataError.
    """
    names = (*TRAINING, TEST)
    folder = locate.find("CIFAR-10", SUBFOLDERS, names, data_dir)
    if folder is None:
        if not download:
            raise DataError("CIFAR-10 is not there, and downloading is switched off")
        folder = fetch(locate.DEFAULT_ROOT)
    arrays = cache.cached("cifar10", [folder / name for name in names], lambda: parse(folder))
    training = int(arrays["training"][0])
    held_out = training // 10
    numbers = np.arange(len(arrays["labels"]))
    return DataSet(
        "cifar10",
        arrays["images"],
        arrays["labels"],
        train=numbers[: training - held_out],
        valid=numbers[training - held_out : training],
        test=numbers[training:],
        class_names=CLASS_NAMES,
    )


def fetch(root: Path, address: str = ADDRESS, md5: str = MD5) -> Path:
    """Download and unpack CIFAR-10 below `root`; returns the folder of its files."""
    archive = download.fetch(address, md5, root)
    members = {f"{FOLDER}/{name}": name for name in (*TRAINING, TEST)}
    download.unpack(archive, root / FOLDER, members)
    archive.unlink()
    return root / FOLDER


def parse(folder: Path) -> cache.Arrays:
    """Images (n, 3, 32, 32) uint8 and labels (n,) int64 of all files, the test file's last.

    `training` (1,) int64 counts the training images.
    """
    batches = [read_batch(folder / name) for name in (*TRAINING, TEST)]
    return {
        "images": np.concatenate([images for images, _ in batches]),
        "labels": np.concatenate([labels for _, labels in batches]),
        "training": np.array([sum(len(labels) for _, labels in batches[:-1])], np.int64),
    }


def read_batch(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 3, 32, 32) uint8 and labels (n,) int64 of one pickled batch; DataError if bad."""
    try:
        batch = safe_pickle.loads(path.read_bytes())
    except safe_pickle.ForbiddenError as error:
        raise DataError(
            f"{path}: refused, for a CIFAR-10 batch does not contain {error}; get the file anew"
        ) from error
    except Exception as error:
        # Damaged bytes can lead an unpickler anywhere; none of it is the user's concern.
        raise DataError(
            f"{path}: not a CIFAR-10 batch, or damaged ({type(error).__name__}: {error}); "
            "get the file anew"
        ) from error
    return _checked(path, batch)


def _checked(path: Path, batch: Any) -> tuple[np.ndarray, np.ndarray]:
    try:
        entries = {_text(key): value for key, value in batch.items()}
        data, labels = entries["data"], entries["labels"]
    except (AttributeError, KeyError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: no CIFAR-10 batch: it lacks 'data' or 'labels'") from error
    row = int(np.prod(IMAGE_SHAPE))
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape[1:] != (row,):
        raise DataError(f"{path}: 'data' is not an array of uint8 with {row} columns")
    if not isinstance(labels, list) or not all(
        type(label) is int and 0 <= label < len(CLASS_NAMES) for label in labels
    ):
        raise DataError(f"{path}: 'labels' is not a list of whole numbers from 0 to 9")
    if len(labels) != len(data) or len(data) == 0:
        raise DataError(f"{path}: {len(data)} images with {len(labels)} labels")
    return data.reshape(-1, *IMAGE_SHAPE), np.array(labels, np.int64)


def _text(key: Any) -> str:
    return key.decode("ascii") if isinstance(key, bytes) else str(key)
