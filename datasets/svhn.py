"""SVHN (Netzer et al., 2011), the cropped digits, from its MATLAB files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from datasets import cache, download, locate, mat73, mat_forms
from datasets.pool import DataError, DataSet, Form, opened, to_bytes
from foundations.arrays import ArrayError
from foundations.reading import printable

_ADDRESS = "http://ufldl.stanford.edu/housenumbers/"
SOURCES = (
    download.Source(f"{_ADDRESS}train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373", 182_040_794),
    download.Source(f"{_ADDRESS}test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3", 64_275_384),
)
LAYOUT = locate.Layout(
    "SVHN", ("svhn", "SVHN/format2", ""), tuple(source.name for source in SOURCES)
)
EXTRA = "extra_32x32.mat"

FORM = Form((3, 32, 32), tuple("0123456789"))

# pylearn2's validation set: so many images of each class, for a training set of this size.
VALID_FROM_TRAIN, FULL_TRAIN = 400, 73257
VALID_FROM_EXTRA, FULL_EXTRA = 200, 531131
# Nearly twice the largest of the files.
MOST_IMAGES = 1_000_000
VARIABLES = ("X", "y")
# What to do about a file that cannot be taken.
WANTED = (
    "get the file anew, or write it with MATLAB's save(name, 'X', 'y') or scipy.io.savemat(name, "
    "{'X': X, 'y': y}): X of uint8 (32, 32, 3, n), y (n, 1) from 1 to 10, where 10 is the digit 0"
)


def load_svhn(data_dir: str | None = None, download: bool = True) -> DataSet:
    """SVHN with pylearn2's validation set, whose images stay in the training set.

    The validation set is the first 400 images of each class of the training file and, where
    `extra_32x32.mat` is there, the first 200 of each class of that; of smaller files it takes the
    same share of the images, at least one of each class. Where the files are looked for and
    downloaded to is `datasets.locate`'s matter; the extra file never is downloaded. Raises
    DataError where files are missing and `download` is false, cannot be downloaded, or are damaged.
    """
    folder = locate.found_or_fetched(LAYOUT, data_dir, fetch, download)
    names = list(LAYOUT.required)
    if (folder / EXTRA).is_file():
        names.append(EXTRA)
    pool = cache.cached(
        "svhn", FORM, [folder / name for name in names], lambda: parse(folder, names)
    )
    numbers = np.arange(len(pool.labels))
    training, test, extra = np.split(numbers, np.cumsum(pool.counts)[:-1])
    chosen = first_of_each_class(pool.labels[training], VALID_FROM_TRAIN, FULL_TRAIN)
    return DataSet(
        "svhn",
        FORM,
        pool.images,
        pool.labels,
        training=training,
        validation=np.concatenate([training[chosen], extra]),
        test=test,
    )


def fetch(root: Path) -> Path:
    """Download what is missing of SVHN below `root`; returns the folder of its files."""
    folder = root / LAYOUT.subfolders[0]
    download.fetch(SOURCES, folder)
    return folder


def first_of_each_class(labels: np.ndarray, per_class: int, full_size: int) -> np.ndarray:
    """Numbers of the first images of each class: `per_class` for `full_size` images, else a share.

    Class after class, in the order of the file.
    """
    wanted = min(per_class, max(1, round(per_class * len(labels) / full_size)))
    return np.concatenate(
        [np.flatnonzero(labels == label)[:wanted] for label in range(FORM.n_classes)]
    )


def parse(folder: Path, names: Sequence[str]) -> cache.Pool:
    """Training images, test images and those that the validation set takes from the extra file."""
    parts = [read_mat(folder / name) for name in names[:2]]
    if EXTRA in names:
        images, labels = read_mat(folder / EXTRA)
        chosen = first_of_each_class(labels, VALID_FROM_EXTRA, FULL_EXTRA)
        parts.append((images[chosen], labels[chosen]))
        del images
    counts = [len(labels) for _, labels in parts]
    # The files' images are views with the axes in MATLAB's order, of which `concatenate` left alone
    # would make a pool with the axes in memory in that order.
    pool = np.empty((sum(counts), *FORM.image_shape), np.uint8)
    np.concatenate([images for images, _ in parts], out=pool)
    labels = np.concatenate([labels for _, labels in parts])
    return cache.Pool(pool, labels, np.array([*counts, 0][:3], np.int64))


def read_mat(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 3, 32, 32) uint8 and labels (n,) int64 of one `.mat` file; DataError if bad.

    The file is of MATLAB 5 to 7.2 or of 7.3; X and y are integers of any size, y also whole
    numbers of another kind, and whatever else is in the file is passed over. The file's label 10
    stands for the digit 0.
    """
    with opened(path, "a MATLAB file of SVHN's", WANTED) as stream:
        if mat73.is_version_73(stream):
            with mat73.opened(path, VARIABLES) as file:
                count = _count(path, file.forms, file.names)
                content = file.arrays()
        else:
            content, count = _read_version_5(path, stream)
        X, y = content["X"].reshape(32, 32, 3, count, order="F"), content["y"].reshape(count)
        if not np.isin(y, np.arange(1, 11)).all():
            raise DataError(f"{path}: y holds labels other than 1 to 10; {WANTED}")
        try:
            images = to_bytes(X, "X").transpose(3, 2, 0, 1)
        except ArrayError as error:
            raise DataError(f"{path}: {error}; {WANTED}") from error
        return images, y.astype(np.int64) % 10


def _read_version_5(path: Path, stream: BinaryIO) -> tuple[dict[str, np.ndarray], int]:
    import scipy.io

    if not mat_forms.is_version_5(stream):
        raise ValueError("no header of MATLAB 5 or 7.3")
    described = mat_forms.forms(stream, VARIABLES)
    forms = {name: form for name, form in described.items() if form is not None}
    count = _count(path, forms, described)
    stream.seek(0)
    return scipy.io.loadmat(stream, variable_names=list(VARIABLES)), count


def _count(
    path: Path, forms: Mapping[str, mat_forms.Form | mat73.Form], names: Iterable[str]
) -> int:
    """How many images there are; DataError where X and y are not what they should be."""
    if set(forms) != set(VARIABLES):
        raise DataError(
            f"{path}: its variables are {printable(sorted(names))}, and not X and y; {WANTED}"
        )
    dtype, shape = forms["X"]
    if len(shape) == 3:
        # MATLAB drops a last axis of length one.
        shape = (*shape, 1)
    if np.dtype(dtype).kind not in "iu" or len(shape) != 4 or shape[:3] != (32, 32, 3):
        raise DataError(
            f"{path}: X is {np.dtype(dtype)} of shape {shape}, not uint8 (32, 32, 3, n); {WANTED}"
        )
    count, labelled = shape[3], forms["y"].shape
    if not 0 < count <= MOST_IMAGES or labelled not in ((count, 1), (1, count)):
        raise DataError(f"{path}: {count} images with labels of shape {labelled}; {WANTED}")
    return count
