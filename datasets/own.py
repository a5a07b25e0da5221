"""One's own images: an `.npz` file, or an object of Python's; checked before anything is trained.

Of a file: `images`, `labels`, and, where there are any, `class_names`, `test_images` with
`test_labels`, or the numbers of the images of each set, `training`, `validation` and `test`. Sets
that are not told are cut off at the end, as CIFAR-10's validation images are the last ones of its
training files: a tenth of the images each.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from datasets.pool import SETS, DataError, DataSet, Form, Source, to_bytes
from foundations import files, reading
from foundations.arrays import ArrayError, check_images, check_same_length, class_numbers
from foundations.reading import MOST_OF_A_PATH, printable

ENDING = ".npz"

NEEDED = ("images", "labels")
TEST = ("test_images", "test_labels")
WANTED = (*NEEDED, "class_names", *TEST, *SETS)

# What the columns of metrics and an image's sides are laid out for.
MOST_CLASSES = 1000
LONGEST_SIDE = 2**16 - 1

# Of the images, a validation or test set that nobody names.
_SHARE = 10


def is_file_of_ones_own(name: str | None) -> bool:
    """Whether --data `name` is a file, not the name of a data set."""
    return name is not None and name.endswith(ENDING)


def source(path: str | os.PathLike) -> Source:
    """The data set in the file `path`, which is read at once, for its form is in it.

    It is called by the file's name without the ending. Raises DataError, one line that names file
    and array, where it holds anything else than images and labels of a form that can be trained on.
    """
    with reading.file_errors(path, "cannot be read", missing="no such file (--data)"):
        found = os.stat(path)
    data = _read(os.path.abspath(path), found.st_mtime_ns, found.st_size)
    return Source(data.form, lambda folder: data)


# Form, name of the run's folder and data itself are asked for in turn: of one reading.
@lru_cache(maxsize=1)
def _read(path: str, modified: int, size: int) -> DataSet:
    with reading.open_npz(path, "not a readable .npz of images and labels") as stored:
        arrays = {}
        for name in stored.files:
            if name not in WANTED:
                raise DataError(
                    f"{_shown(path)}: {printable(name)} is none of {', '.join(WANTED)}; leave it "
                    "out, or call it so"
                )
            with reading.file_errors(
                path, f"{name} cannot be read", advice="an array of numbers, or of names"
            ):
                arrays[name] = stored[name]
    try:
        return _of_arrays(Path(path).stem, arrays, path)
    except ArrayError as error:
        raise DataError(f"{_shown(path)}: {error}") from error


def of_object(data: Any) -> DataSet:
    """The data set that any object with the fields of `DataSet` is.

    Raises DataError where one is missing or has what cannot be trained on.
    """
    missing = [name for name in ("name", "form", *NEEDED, *SETS) if not hasattr(data, name)]
    if missing:
        raise DataError(
            f"a {type(data).__name__} is no data set: it has no {', '.join(missing)} (see "
            "datasets.DataSet)"
        )
    name = str(data.name)
    try:
        arrays = {of: np.asarray(getattr(data, of)) for of in (*NEEDED, *SETS)}
        form = Form(tuple(data.form.image_shape), tuple(map(str, data.form.class_names)))
        arrays["class_names"] = np.array(form.class_names)
        made = _of_arrays(name, arrays, None)
    except (ArrayError, AttributeError, TypeError) as error:
        raise DataError(f"the data set {printable(name)}: {reading.reason(error)}") from error
    if made.form.image_shape != form.image_shape:
        raise DataError(
            f"the data set {printable(name)}: images of shape {made.form.image_shape}, of which "
            f"its form says {form.image_shape}"
        )
    return made


def save(path: Path, data: DataSet) -> None:
    """Write `data` to the file `path`, as `source` reads it."""
    sets = {name: getattr(data, name) for name in SETS}
    names = np.array(data.form.class_names)
    files.save_arrays(path, images=data.images, labels=data.labels, class_names=names, **sets)


def _of_arrays(name: str, arrays: Mapping[str, np.ndarray], path: str | None) -> DataSet:
    for first, second in (NEEDED, TEST):
        given = [of for of in (first, second) if of in arrays]
        if len(given) == 1 or (not given and first == "images"):
            lacking = second if given == [first] else first
            raise ArrayError(f"no {lacking}; {first} and {second} belong together")
    images = [_images(arrays[of], of) for of in ("images", "test_images") if of in arrays]
    labels = [
        class_numbers(arrays[of], None, of) for of in ("labels", "test_labels") if of in arrays
    ]
    for (of, of_labels), pair in zip((NEEDED, TEST), zip(images, labels)):
        check_same_length(*pair, f"{of} and {of_labels}")
    if len({(part.shape[1:], part.dtype) for part in images}) > 1:
        told = " and ".join(f"{part.dtype} of shape {part.shape}" for part in images)
        raise ArrayError(f"images and test_images: {told}; wanted are images of one form")
    counts = [len(part) for part in images]
    all_labels = np.concatenate(labels)
    pool = images[0] if len(images) == 1 else np.concatenate(images)
    form = Form(pool.shape[1:], _class_names(arrays.get("class_names"), all_labels))
    return DataSet(name, form, pool, all_labels, **_sets(arrays, counts), file=path)


def _images(array: np.ndarray, name: str) -> np.ndarray:
    """`array` as (n, channels, rows, columns), uint8 or float32 from -1 to 1."""
    if array.dtype.kind not in "iuf" or not 2 <= array.ndim <= 4:
        raise ArrayError(
            f"{name}: {array.dtype} of shape {array.shape}; wanted are numbers of shape (n, "
            "channels, rows, columns), (n, rows, columns) or (n, values)"
        )
    shape = (len(array), *(1,) * (4 - array.ndim), *array.shape[1:])
    if not len(array):
        raise ArrayError(f"{name}: there is none")
    if min(shape[1:]) < 1 or max(shape[1:]) > LONGEST_SIDE:
        raise ArrayError(
            f"{name}: shape {array.shape}; channels, rows and columns are from 1 to {LONGEST_SIDE}"
        )
    images = array.reshape(shape)
    if images.dtype.kind != "f":
        return to_bytes(images, name)
    check_images(images, shape[1:], -1, 1, name)
    return images.astype(np.float32, copy=False)


def _class_names(names: np.ndarray | None, labels: np.ndarray) -> tuple[str, ...]:
    """The names of the classes, by default their numbers; ArrayError where labels have others."""
    most = int(labels.max())
    if names is None:
        told = tuple(map(str, range(most + 1)))
    else:
        if names.ndim != 1 or names.dtype.kind != "U":
            raise ArrayError(
                f"class_names: {names.dtype} of shape {names.shape}; wanted is text, (classes,)"
            )
        told = tuple(map(str, names))
        twice = [name for place, name in enumerate(told) if name in told[:place]]
        if twice or not all(name.strip() for name in told):
            wrong = printable(repr(twice[0])) + " stands twice" if twice else "one of them is empty"
            raise ArrayError(f"class_names: {wrong}")
    if not 2 <= len(told) <= MOST_CLASSES:
        raise ArrayError(
            f"{len(told)} classes, as class_names or else the labels say; wanted are 2 to "
            f"{MOST_CLASSES}"
        )
    if most >= len(told):
        raise ArrayError(f"labels: up to {most}, of {len(told)} class_names")
    return told


def _sets(arrays: Mapping[str, np.ndarray], counts: list[int]) -> dict[str, Any]:
    """The numbers of the images of each set; `counts`: of the images, and of the test images."""
    named = [name for name in SETS if name in arrays]
    if not named:
        numbers, ends = np.arange(counts[0]), counts[0] // _SHARE
        if len(counts) > 1:
            parts = [numbers[: counts[0] - ends], numbers[counts[0] - ends :]]
            parts.append(counts[0] + np.arange(counts[1]))
        else:
            parts = np.split(numbers, [counts[0] - 2 * ends, counts[0] - ends])
        return dict(zip(SETS, parts))
    if len(named) < len(SETS) or len(counts) > 1:
        raise ArrayError(
            f"{named[0]}: numbers of images are told of all of {', '.join(SETS)}, and without "
            "test_images"
        )
    told = {}
    for name in SETS:
        # Of an empty list numpy makes floats.
        array = arrays[name] if arrays[name].size else np.zeros(0, np.int64)
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise ArrayError(
                f"{name}: {array.dtype} of shape {array.shape}; wanted are whole numbers (n,)"
            )
        if array.size and not 0 <= np.min(array) <= np.max(array) < counts[0]:
            raise ArrayError(
                f"{name}: numbers from {np.min(array)} to {np.max(array)}, of {counts[0]} images "
                "from 0 on"
            )
        told[name] = array.astype(np.int64)
    if not len(told["training"]):
        raise ArrayError("training: there is no image to train on")
    return told


def _shown(path: str) -> str:
    return printable(path, MOST_OF_A_PATH)
