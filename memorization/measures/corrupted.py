"""Training images whose given label is not the true one, apart from the others.

Columns of --measure, and of --corrupted-labels alone; docs/measures.md defines them.
"""

from __future__ import annotations

from typing import Any

from datasets.labelled_sets import LabelledSet
from training_loop.evaluation import Evaluation, share
from training_loop.observers import Observer


def corruption_measures(evaluation: Evaluation, labelled: LabelledSet) -> dict[str, float]:
    """Errors on the wrongly and on the rightly labelled images, and what the former pass for.

    `evaluation` is that of the first images of `labelled`; a part without images gives NaN.
    """
    n = len(evaluation.predictions)
    given, true = labelled.labels[:n], labelled.true_labels[:n]
    corrupted = labelled.corrupted[:n]
    predictions = evaluation.predictions
    return {
        "training_error_corrupted": share(predictions != given, corrupted),
        "training_error_uncorrupted": share(predictions != given, ~corrupted),
        "corrupted_as_given": share(predictions == given, corrupted),
        "corrupted_as_true": share(predictions == true, corrupted),
    }


class CorruptedLabels(Observer):
    """Measures `corruption_measures` of the labelled `training` images after every epoch.

    It has neither a compiled function nor state of its own.
    """

    def __init__(self, training: LabelledSet):
        self.compiled: list[Any] = []
        self.state: dict[str, Any] = {}
        self._training = training

    def measure(self, epoch, evaluations):
        return corruption_measures(evaluations["training"], self._training)
