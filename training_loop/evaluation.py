"""Test passes: each image's loss and prediction, and what follows from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from foundations.arrays import ArrayError, check_same_length, class_numbers

Result = TypeVar("Result")


@dataclass(frozen=True)
class Examples:
    """A set to train or to test on.

    `inputs` (n, ...) are what a function is given, cut along the first axis: images, or image
    numbers where the functions hold the images themselves. `labels` are (n,), or one-hot targets
    (n, classes) of any coding.
    """

    inputs: Any
    labels: Any

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, chosen: Any) -> Examples:
        return Examples(self.inputs[chosen], self.labels[chosen])


@dataclass(frozen=True)
class Evaluation:
    """A test pass over one set.

    `losses` (n,) float: each image's loss; `predictions` (n,) int64: each image's predicted class;
    `labels` (n,) int64.
    """

    losses: np.ndarray
    predictions: np.ndarray
    labels: np.ndarray

    @property
    def loss(self) -> float:
        """Mean loss; NaN for an empty set."""
        return float(np.mean(self.losses, dtype=np.float64)) if len(self.losses) else math.nan

    @property
    def error(self) -> float:
        """Share of images whose prediction is not their label, 0 to 1; NaN for an empty set."""
        return share(self.predictions != self.labels)

    def class_errors(self, n_classes: int) -> list[float]:
        """`error` of the images of each class; NaN for a class that does not occur."""
        wrong = self.predictions != self.labels
        return [share(wrong, self.labels == label) for label in range(n_classes)]


@dataclass(frozen=True)
class MeansOfBatches(Evaluation):
    """A test pass that told no more than the mean loss and error of each batch.

    `losses` (n,) and `errors` (n,) float: what was told of each image's batch, so that their means
    weight a batch by its size. There are no `predictions`, and no errors of single classes.
    """

    errors: np.ndarray

    @property
    def error(self) -> float:
        """Share of images whose prediction is not their label, 0 to 1; NaN for an empty set."""
        return float(np.mean(self.errors, dtype=np.float64)) if len(self.errors) else math.nan

    def class_errors(self, n_classes: int) -> list[float]:
        """NaN for every class."""
        return [math.nan] * n_classes


def share(flags: np.ndarray, among: Any = slice(None)) -> float:
    """The share of true `flags` (n,) bool, or of those in the mask `among`; NaN of none."""
    chosen = flags[among]
    return float(np.mean(chosen)) if len(chosen) else math.nan


def checked_labels(
    inputs: Any, labels: Any, n_classes: int | None = None, name: str = "labels"
) -> np.ndarray:
    """The `labels` of `inputs` as class numbers (n,) int64, if functions can be given them as such.

    They are an array (n,) of whole numbers, or one-hot targets (n, classes) of any coding; without
    `n_classes` any number of classes. Raises ArrayError, which calls them by `name`, for anything
    else: of a column (n, 1), too, a function may make n times the class 0.
    """
    if not isinstance(labels, np.ndarray):
        raise ArrayError(f"{name}: a {type(labels).__name__}; wanted is an array of numpy's")
    if labels.ndim == 2 and labels.shape[1] == 1:
        raise ArrayError(
            f"{name}: shape {labels.shape}; wanted are labels ({len(labels)},), as {name}.ravel() "
            "has them, or one-hot rows (n, classes)"
        )
    numbers = class_numbers(labels, n_classes, name)
    check_same_length(inputs, numbers, f"images and {name}")
    return numbers


def batches(order: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    """`order` cut into pieces of `batch_size`; the last may be shorter."""
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


def evaluate(
    val_fn: Callable, X, y, batch_size: int, batch_ends: Callable[[int], None] = lambda images: None
) -> Evaluation:
    """One test pass over all of X (n, ...) and y (n,) or (n, classes), the last batch included.

    `val_fn(X_batch, y_batch)` returns each image's loss (batch,) and predicted class (batch,), or
    two numbers: the batch's mean loss and its share of wrong predictions. Raises ArrayError where
    it returns anything else, and where `checked_labels` does.
    """
    return answered(test_pass(X, y, batch_size, batch_ends), lambda batch: val_fn(*batch))


def test_pass(
    X, y, batch_size: int, batch_ends: Callable[[int], None]
) -> Generator[tuple[Any, Any], Any, Evaluation]:
    """The course of `evaluate`: yields (X_batch, y_batch), and is sent what `val_fn` returns."""
    labels = checked_labels(X, y, name="y")
    losses: list[np.ndarray] = []
    told: list[np.ndarray] = []
    only_means = False
    for chosen in batches(np.arange(len(X)), batch_size):
        batch_losses, batch_told = _told_of_batch((yield X[chosen], y[chosen]), len(chosen))
        only_means = batch_losses.ndim == 0
        if only_means:
            batch_losses = np.full(len(chosen), batch_losses)
            batch_told = np.full(len(chosen), batch_told)
        losses.append(batch_losses)
        told.append(batch_told)
        batch_ends(len(chosen))
    all_losses = np.concatenate(losses) if losses else np.zeros(0)
    if only_means:
        no_predictions = np.zeros(0, np.int64)
        return MeansOfBatches(all_losses, no_predictions, labels, np.concatenate(told))
    predictions = np.concatenate(told) if told else np.zeros(0, np.int64)
    return Evaluation(all_losses, class_numbers(predictions, name="predicted classes"), labels)


def answered(course: Generator[Any, Any, Result], answer: Callable[[Any], Any]) -> Result:
    """What `course` returns in the end, each thing that it yields answered by `answer`."""
    told = None
    while True:
        try:
            asked = course.send(told)
        except StopIteration as end:
            return end.value
        told = answer(asked)


def _told_of_batch(returned: Any, images: int) -> tuple[np.ndarray, np.ndarray]:
    """What a test function returned of a batch of `images`; ArrayError for other shapes."""
    arrays = [np.asarray(value) for value in returned]
    shapes = [array.shape for array in arrays]
    # Numbers in a column, compared with labels, would be compared each with each.
    if shapes not in ([(), ()], [(images,), (images,)]):
        raise ArrayError(
            f"val_fn: values of shapes {', '.join(map(str, shapes))} for {images} images; wanted "
            f"are losses and predicted classes, ({images},) each, or mean loss and error, two "
            "numbers"
        )
    return arrays[0], arrays[1]
