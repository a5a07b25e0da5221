"""What an experiment trains and tests on: one pool of images, three sets of numbers and labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import datasets
from datasets.pool import SETS, Form
from foundations.streams import Purpose, random_state


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
class LabelledSets:
    """A data set as an experiment uses it.

    Labels belong to a set, not to an image: SVHN's validation images are training images too, and
    their random labels are drawn independently there, as in the original.
    """

    name: str
    fingerprint: str
    form: Form
    images: np.ndarray
    training: LabelledSet
    validation: LabelledSet
    test: LabelledSet
    # Seed and variance of the noise that stands for the training images, where it does.
    noise: tuple[int, float] | None = None

    @classmethod
    def of(cls, data: datasets.DataSet, train_size: int | None = None) -> LabelledSets:
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
        )

    def with_random_labels(
        self, fraction: float, seed: int, sets: Sequence[str] = SETS
    ) -> LabelledSets:
        """`fraction` of the labels of each of `sets` replaced by uniform draws of a class.

        The draws depend on `seed`, on the set and on its size alone.
        """
        changed: dict[str, Any] = {}
        for name in sets:
            given: LabelledSet = getattr(self, name)
            stream = random_state(Purpose.LABELS, seed, SETS.index(name))
            labels, replaced = datasets.randomize_labels(
                given.true_labels, fraction, stream, self.form.n_classes
            )
            changed[name] = replace(given, labels=labels, replaced=replaced)
        return replace(self, **changed)

    def with_noise_images(self, seed: int, variance: float) -> LabelledSets:
        """Every training image replaced by N(0, `variance`) noise; the other sets stay as they are.

        The pool becomes float32, the images that stay scaled to [-1, 1].
        """
        images = datasets.to_unit_range(self.images)
        shape = (len(self.training.numbers), *images.shape[1:])
        stream = random_state(Purpose.GAUSSIAN_IMAGES, seed)
        images[self.training.numbers] = datasets.gaussian_images(shape, stream, variance)
        return replace(self, images=images, noise=(seed, variance))
