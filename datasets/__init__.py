"""CIFAR-10, SVHN and drawn digits as pools of uint8 images; random labels and noise. No Theano."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from datasets import cifar10, svhn, synthetic
from datasets.cifar10 import load_cifar10
from datasets.pool import SETS, DataError, DataSet, Form, to_unit_range
from datasets.randomize import gaussian_images, randomize_labels
from datasets.svhn import load_svhn
from datasets.synthetic import load_synthetic


@dataclass(frozen=True)
class Source:
    """A data set before it is loaded: its form, and what loads it from a folder, or from None."""

    form: Form
    load: Callable[[str | None], DataSet]


# Every data set, by its name.
DATA_SETS: Mapping[str, Source] = {
    "cifar10": Source(cifar10.FORM, load_cifar10),
    "svhn": Source(svhn.FORM, load_svhn),
    "synthetic-cifar10": Source(synthetic.FORM, lambda folder: load_synthetic("cifar10")),
    "synthetic-svhn": Source(synthetic.FORM, lambda folder: load_synthetic("svhn")),
}


def load(name: str, data_dir: str | None = None) -> DataSet:
    """The data set `name`, one of `DATA_SETS`; `data_dir` is the folder that holds it.

    Raises DataError where its files are missing, damaged or of another form.
    """
    return DATA_SETS[name].load(data_dir)


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
    "to_unit_range",
]
