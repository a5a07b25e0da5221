"""CIFAR-10, SVHN, drawn digits, patterns, one's own images as pools; random labels. No Theano."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from datasets import cifar10, locate, own, patterns, svhn, synthetic
from datasets.cifar10 import load_cifar10
from datasets.pool import SETS, DataError, DataSet, Form, Source, to_unit_range
from datasets.randomize import gaussian_images, randomize_labels
from datasets.svhn import load_svhn
from datasets.synthetic import load_synthetic
from foundations.reading import printable

# Every data set, by its name; of one that is drawn to measure, what makes it from its parameters.
DATA_SETS: Mapping[str, Source | Callable[..., Source]] = {
    "cifar10": Source(cifar10.FORM, load_cifar10),
    "svhn": Source(svhn.FORM, load_svhn),
    "synthetic-cifar10": Source(synthetic.FORM, lambda folder: synthetic.load_kept("cifar10")),
    "synthetic-svhn": Source(synthetic.FORM, lambda folder: synthetic.load_kept("svhn")),
    "patterns": patterns.source,
}

# Where to look for those that are files of a fixed form.
LAYOUTS = {"cifar10": cifar10.LAYOUT, "svhn": svhn.LAYOUT}


def source(name: str, /, **parameters: Any) -> Source:
    """The data set `name`, one of `DATA_SETS` or a file of one's own (`own`), before it is loaded.

    Raises DataError where the `parameters` are none of its, and where the file cannot be used.
    """
    if own.is_file_of_ones_own(name):
        return own.source(name)
    found = DATA_SETS[name]
    make = (lambda: found) if isinstance(found, Source) else found
    try:
        inspect.signature(make).bind(**parameters)
    except TypeError as error:
        raise DataError(
            f"the data set {name} is not made from {printable(parameters)}: {printable(error)}"
        ) from error
    return make(**parameters)


def folder_of(name: str, data_dir: str | None) -> str | None:
    """The whole path of the folder with the files of the data set `name`; None where it has none.

    They are there: `load` has found them with the same `data_dir`.
    """
    layout = LAYOUTS.get(name)
    found = None if layout is None else locate.find(layout, data_dir)
    return None if found is None else str(found.absolute())


def load(name: str, data_dir: str | None = None, **parameters: Any) -> DataSet:
    """The data set `name`, as `source` knows it; `data_dir` is the folder that holds it.

    Raises DataError where its files are missing, damaged or of another form, and as `source` does.
    """
    return source(name, **parameters).load(data_dir)


__all__ = [
    "DATA_SETS",
    "SETS",
    "DataError",
    "DataSet",
    "Form",
    "Source",
    "gaussian_images",
    "load",
    "load_cifar10",
    "load_svhn",
    "load_synthetic",
    "randomize_labels",
    "source",
    "to_unit_range",
]
