"""CIFAR-10, SVHN and drawn digits as pools of uint8 images; random labels and noise. No Theano."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from datasets.cifar10 import load_cifar10
from datasets.pool import SETS, DataError, DataSet, Form, to_unit_range
from datasets.randomize import gaussian_images, randomize_labels
from datasets.svhn import load_svhn
from datasets.synthetic import load_synthetic

# Every data set by its name, to be called with the folder that holds it, or None.
DATA_SETS: Mapping[str, Callable[[str | None], DataSet]] = {
    "cifar10": load_cifar10,
    "svhn": load_svhn,
    "synthetic-cifar10": lambda folder: load_synthetic("cifar10"),
    "synthetic-svhn": lambda folder: load_synthetic("svhn"),
}


def load(name: str, data_dir: str | None = None) -> DataSet:
    """The data set `name`, one of `DATA_SETS`; `data_dir` is the folder that holds it.

    Raises DataError where its files are missing, damaged or of another form.
    """
    return DATA_SETS[name](data_dir)


__all__ = [
    "DATA_SETS",
    "SETS",
    "DataError",
    "DataSet",
    "Form",
    "gaussian_images",
    "load",
    "load_cifar10",
    "load_svhn",
    "load_synthetic",
    "randomize_labels",
    "to_unit_range",
]
