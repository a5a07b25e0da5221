"""SVHN (Netzer et al., 2011), the cropped digits, from its MATLAB files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from datasets import cache, download, locate
from datasets.pool import DataError, DataSet

ADDRESS = "http://ufldl.stanford.edu/housenumbers/"
MD5 = {
    "train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373",
    "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3",
}
EXTRA = "extra_32x32.mat"

SUBFOLDERS = ("svhn", "SVHN/format2", "")
CLASS_NAMES = tuple("0123456789")

# pylearn2's validation set: so many images of each class, for a training set of this size.
VALID_FROM_TRAIN, FULL_TRAIN = 400, 73257
VALID_FROM_EXTRA, FULL_EXTRA = 200, 531131
# Well beyond the largest of the files.
MOST_IMAGES = 2_000_000


def load_svhn(data_dir: str | None = None, download: bool = True) -> DataSet:
    """SVHN with pylearn2's validation set, whose images stay in the training set.

    The validation set is the first 400 images of each class of the training file and, where
    `extra_32x32.mat` is there, the first 200 of each class of that; of smaller files it takes the
    same share of the images, at least one of each class. Files are looked for as
    `datasets.locate.find` says, and downloaded into `datasets/data/` where there are none and
    `download` allows it; the extra file never is. Raises DataError.
    """
    folder = locate.find("SVHN", SUBFOLDERS, tuple(MD5), data_dir)
    if folder is None:
        if not download:
            raise DataError("SVHN is not there, and downloading is switched off")
        folder = fetch(locate.DEFAULT_ROOT / "svhn")
    names = [*MD5, *([EXTRA] if (folder / EXTRA).is_file() else [])]
    arrays = cache.cached("svhn", [folder / name for name in names], lambda: parse(folder, names))
    labels = arrays["labels"]
    numbers = np.arange(len(labels))
    train, test, extra = np.split(numbers, np.cumsum(arrays["counts"])[:-1])
    from_train = first_of_each_class(labels[train], VALID_FROM_TRAIN, FULL_TRAIN)
    return DataSet(
        "svhn",
        arrays["images"],
        labels,
        train=train,
        valid=np.concatenate([train[from_train], extra]),
        test=test,
        class_names=CLASS_NAMES,
    )


def fetch(folder: Path, address: str = ADDRESS, md5: dict[str, str] = MD5) -> Path:
    """Download what is missing of SVHN into `folder`; returns it."""
    for name, checksum in md5.items():
        download.fetch(address + name, checksum, folder)
    return folder


def first_of_each_class(labels: np.ndarray, per_class: int, full_size: int) -> np.ndarray:
    """Numbers of the first images of each class: `per_class` for `full_size` images, else a share.

    Class after class, in the order of the file.
    """
    wanted = min(per_class, max(1, round(per_class * len(labels) / full_size)))
    return np.concatenate(
        [np.flatnonzero(labels == label)[:wanted] for label in range(len(CLASS_NAMES))]
    )


def parse(folder: Path, names: list[str]) -> cache.Arrays:
    """Images (n, 3, 32, 32) uint8 and labels (n,) int64: training, test, validation from extra.

    `counts` (3,) int64 says how many of each.
    """
    parts = [read_mat(folder / name) for name in names[:2]]
    if EXTRA in names:
        images, labels = read_mat(folder / EXTRA)
        chosen = first_of_each_class(labels, VALID_FROM_EXTRA, FULL_EXTRA)
        parts.append((images[chosen], labels[chosen]))
    else:
        parts.append((parts[0][0][:0], parts[0][1][:0]))
    return {
        "images": np.concatenate([images for images, _ in parts]),
        "labels": np.concatenate([labels for _, labels in parts]),
        "counts": np.array([len(labels) for _, labels in parts], np.int64),
    }


def read_mat(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 3, 32, 32) uint8 and labels (n,) int64 of one `.mat` file; DataError if bad.

    The file's label 10 stands for the digit 0.
    """
    import scipy.io

    try:
        described = {name: shape for name, shape, _ in scipy.io.whosmat(os.fspath(path))}
        if "X" not in described or "y" not in described:
            raise DataError(f"{path}: no SVHN file: it lacks the variables X and y")
        if described["X"][:3] != (32, 32, 3) or not 0 < described["X"][-1] <= MOST_IMAGES:
            raise DataError(f"{path}: X has shape {described['X']}, not (32, 32, 3, n)")
        content = scipy.io.loadmat(os.fspath(path), variable_names=["X", "y"])
        X, y = content["X"], content["y"]
    except DataError:
        raise
    except Exception as error:
        # Damaged bytes can lead scipy's reader anywhere; none of it is the user's concern.
        raise DataError(
            f"{path}: not a MATLAB file, or damaged ({type(error).__name__}: {error}); "
            "get the file anew"
        ) from error
    X = X.reshape(32, 32, 3, -1) if X.ndim == 3 else X
    if X.dtype != np.uint8 or X.shape[:3] != (32, 32, 3):
        raise DataError(f"{path}: X is {X.dtype} of shape {X.shape}, not uint8 (32, 32, 3, n)")
    y = np.asarray(y).ravel()
    if y.dtype.kind not in "uif" or len(y) != X.shape[3]:
        raise DataError(f"{path}: {len(y)} labels of type {y.dtype} for {X.shape[3]} images")
    if not np.isin(y, np.arange(1, 11)).all():
        raise DataError(f"{path}: labels other than 1 to 10")
    labels = y.astype(np.int64) % 10
    return np.ascontiguousarray(X.transpose(3, 2, 0, 1)), labels
