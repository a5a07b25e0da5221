"""The training error under batch norm's statistics of each batch (`--batch-statistics`).

docs/measures.md defines the column.
"""

from __future__ import annotations

from typing import Any

from datasets.labelled_sets import LabelledSet
from training_loop import metrics
from training_loop.evaluation import evaluate
from training_loop.observers import Observer


class BatchStatistics(Observer):
    """Measures, after every epoch, the error on `training` in batches of the training's size.

    `test` is what `measures.functions.build_batch_statistics_test` compiled. It is called with the
    images that the epoch's test pass visited, in their order; the last batch may be smaller.
    `state`: what is to be saved with the run's, besides the compiled functions' own.
    """

    def __init__(self, test: Any, training: LabelledSet, batch_size: int):
        self.compiled = [test]
        self.state: dict[str, Any] = {}
        self._training = training
        self._batch_size = batch_size

    def measure(self, epoch, evaluations):
        (test,) = self.compiled
        visited = self._training.first(len(evaluations["training"].labels))
        told = evaluate(test, visited.numbers, visited.labels, self._batch_size)
        return {metrics.BATCH_STATISTICS_ERROR: told.error}
