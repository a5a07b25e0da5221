"""What an experiment trains and tests on: one pool of images, three sets of numbers and labels."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from datasets.pool import SETS, DataError, DataSet, Form
from foundations.arrays import MOST_CLASSES, check_same_length
from foundations.reading import check_vector, printable


@dataclass(frozen=True)
class LabelledSet:
    """Image numbers into the pool, their given labels and their true ones; int64, (n,) each.

    `replaced` (n,) bool: the label was drawn anew. One in ten of these came out as it was; the
    others are `corrupted`. Raises DataError where any of them is something else.
    """

    numbers: np.ndarray
    labels: np.ndarray
    true_labels: np.ndarray
    replaced: np.ndarray

    def __post_init__(self) -> None:
        self.check(MOST_CLASSES, np.iinfo(np.int64).max)

    def check(self, n_classes: int, images: int, name: str = "set") -> None:
        """Raise DataError unless labels are below `n_classes` and numbers below `images`."""
        limits = {"numbers": images, "labels": n_classes, "true_labels": n_classes, "replaced": 2}
        try:
            for what, limit in limits.items():
                array = np.asarray(getattr(self, what))
                kinds = "b" if what == "replaced" else "iu"
                check_vector(f"{name}: {what}", array, kinds, 0, limit - 1)
                check_same_length(self.numbers, array, f"{name}: numbers and {what}")
        except ValueError as error:
            raise DataError(f"labels of a data set: {error}") from error

    @property
    def corrupted(self) -> np.ndarray:
        """Which given labels differ from the true ones, (n,) bool."""
        return self.labels != self.true_labels

    def first(self, count: int) -> LabelledSet:
        """The first `count` images alone."""
        return LabelledSet(
            self.numbers[:count],
            self.labels[:count],
            self.true_labels[:count],
            self.replaced[:count],
        )


@dataclass(frozen=True)
class Step:
    """One transformation: its name, the seed of its streams, its parameters, ready for JSON."""

    name: str
    seed: int
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class LabelledSets:
    """A data set as an experiment uses it.

    Labels belong to a set, not to an image: SVHN's validation images are training images too, and
    their random labels are drawn independently there, as in the original. Raises DataError where
    images or labels are not of the `form`.
    """

    name: str
    source_fingerprint: str
    form: Form
    images: np.ndarray
    training: LabelledSet
    validation: LabelledSet
    test: LabelledSet
    # What was done to the data set, in order.
    recipe: tuple[Step, ...] = ()
    # What the data set is made from again, where it is drawn to measure.
    parameters: Mapping[str, Any] = field(default_factory=dict)
    # One's own data set: where it is read again, or all of it, for the run to keep.
    file: str | None = None
    kept: DataSet | None = None

    def __post_init__(self) -> None:
        shape = self.images.shape
        if shape[1:] != self.form.image_shape or self.images.dtype not in (np.uint8, np.float32):
            raise DataError(
                f"the data set {printable(self.name)}: images are {self.images.dtype} of shape "
                f"{shape}; wanted are uint8 or float32 (n, "
                f"{', '.join(map(str, self.form.image_shape))})"
            )
        for name in SETS:
            getattr(self, name).check(self.form.n_classes, len(self.images), name)

    @property
    def any_replaced(self) -> bool:
        """Whether a label of any set was drawn anew."""
        return any(of.replaced.any() for of in (self.training, self.validation, self.test))

    @property
    def fingerprint(self) -> str:
        """Of the data set's files and of what was done to them, but for seeds; hexadecimal."""
        if not self.recipe:
            return self.source_fingerprint
        steps = [(step.name, step.parameters) for step in self.recipe]
        text = json.dumps([self.source_fingerprint, steps], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def recorded(self) -> list[dict[str, Any]]:
        """The recipe, ready for JSON."""
        return [dataclasses.asdict(step) for step in self.recipe]

    @classmethod
    def of(cls, data: DataSet, train_size: int | None = None) -> LabelledSets:
        """`data` with its true labels, the training set cut to its first `train_size` images."""

        def labelled(numbers: np.ndarray) -> LabelledSet:
            labels = data.labels[numbers]
            return LabelledSet(numbers, labels, labels, np.zeros(len(labels), bool))

        training = labelled(data.training)
        if train_size is not None:
            training = training.first(train_size)
        return cls(
            data.name,
            data.fingerprint(),
            data.form,
            data.images,
            training,
            labelled(data.validation),
            labelled(data.test),
            parameters=data.parameters,
            file=data.file,
        )
