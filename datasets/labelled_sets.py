"""What an experiment trains and tests on: one pool of images, three sets of numbers and labels."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from datasets.pool import DataSet, Form


@dataclass(frozen=True)
class LabelledSet:
    """Image numbers into the pool, their given labels and their true ones; int64, (n,) each.

    `replaced` (n,) bool: the label was drawn anew. One in ten of these came out as it was; the
    others are `corrupted`.
    """

    numbers: np.ndarray
    labels: np.ndarray
    true_labels: np.ndarray
    replaced: np.ndarray

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
    their random labels are drawn independently there, as in the original.
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
        )
