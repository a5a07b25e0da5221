"""CIFAR-10, SVHN and drawn digits as pools of uint8 images; random labels and noise. No Theano."""

from datasets.cifar10 import load_cifar10
from datasets.pool import SETS, DataError, DataSet, Form, to_unit_range
from datasets.randomize import gaussian_images, randomize_labels
from datasets.svhn import load_svhn
from datasets.synthetic import load_synthetic

__all__ = [
    "SETS",
    "DataError",
    "DataSet",
    "Form",
    "gaussian_images",
    "load_cifar10",
    "load_svhn",
    "load_synthetic",
    "randomize_labels",
    "to_unit_range",
]
