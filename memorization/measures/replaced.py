"""What every run tells whose labels were replaced: errors against the truth, and memorised bits.

docs/measures.md defines the columns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from datasets import SETS
from datasets.labelled_sets import LabelledSets
from training_loop import metrics
from training_loop.evaluation import share
from training_loop.observers import Observer


def memorised_bits(n: int, wrong: int, n_classes: int) -> float:
    """A lower bound on the bits that predictions tell of `n` labels drawn uniformly of a class.

    `wrong` of the predictions differ from their label. By Fano's inequality a label of which
    predictions err with probability e leaves at most h2(e) + e log2(K - 1) of its log2(K) bits
    open. 0 where predictions are no better than chance, NaN where there is no label.
    """
    if n == 0:
        return math.nan
    # In whole numbers: 1 - 1/K is no float for most K.
    if wrong * n_classes >= n * (n_classes - 1):
        return 0.0
    error = wrong / n
    unknown = -sum(p * math.log2(p) for p in (error, 1 - error) if p)
    if wrong:
        unknown += error * math.log2(n_classes - 1)
    return n * (math.log2(n_classes) - unknown)


class ReplacedLabels(Observer):
    """Measures, of data some of whose labels were replaced, what can be said at no further cost.

    `parameter_counts` are those of the network, as `networks.parameter_counts` tells them.
    """

    def __init__(self, data: LabelledSets, parameter_counts: Mapping[str, Mapping[str, int]]):
        self._data = data
        self._binary = sum(parameter_counts["binary"].values())
        self._real = sum(parameter_counts["real"].values())

    def measure(self, epoch, evaluations):
        columns = {}
        for name in SETS:
            predictions = evaluations[name].predictions
            true_labels = getattr(self._data, name).true_labels[: len(predictions)]
            columns[metrics.clean_error(name)] = share(predictions != true_labels)
        predictions = evaluations["training"].predictions
        training = self._data.training.first(len(predictions))
        wrong = predictions[training.replaced] != training.labels[training.replaced]
        bits = memorised_bits(len(wrong), int(wrong.sum()), self._data.form.n_classes)
        columns[metrics.BITS] = bits
        columns[metrics.BITS_PER_BINARY_WEIGHT] = bits / self._binary if self._binary else math.nan
        columns[metrics.BITS_PER_REAL_PARAMETER] = bits / self._real if self._real else math.nan
        return columns
