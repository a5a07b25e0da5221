"""What turns a run into tags, values and text, the same for every tracker."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from foundations.reading import printable
from training_loop import metrics

HYPERPARAMETERS, RECORD = "run/hyperparameters", "run/record"
# Columns that are of no set, and no measure.
OF_THE_RUN = (
    *(metrics.LEARNING_RATE, metrics.STEP_LOSS, metrics.BEST_EPOCH, metrics.BEST_ERROR),
    *metrics.TIMINGS,
)


class Tracker(Protocol):
    """A run as a tracker sees it; whatever a method raises is for the caller to tell.

    `identity`: what the package calls the run, where it can go on with it by that name. `place`:
    where its user finds it. `epochs`: how many epochs it has been told of.
    """

    identity: str | None
    place: str
    epochs: int

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        """The finite `values` of `epoch`, by tag."""

    def add_picture(self, tag: str, path: Path) -> None:
        """The PNG file `path`."""

    def close(self, finished: bool) -> None:
        """Nothing more will come; `finished`: since the run is at its end."""


def values(row: metrics.Row, class_names: Sequence[str]) -> dict[str, float]:
    """The finite values of a row of metrics, by tag."""
    named = {name: value for name, value in row.items() if name != metrics.EPOCH}
    return {tag(n, class_names): float(v) for n, v in named.items() if math.isfinite(v)}


def tag(name: str, class_names: Sequence[str]) -> str:
    """The tag of a column: trackers draw in one section what shares the part before the /.

    training_error is error/training, training_error_class_3 is class_error/ and the class's name
    and set, what `--measure` adds is measures/ and its name.
    """
    column = metrics.parse_name(name)
    if column.label is not None:
        return f"class_error/{_word(class_names[column.label])}_{column.set_name}"
    if column.set_name is not None:
        return f"{column.quantity}/{column.set_name}"
    if name in OF_THE_RUN:
        return f"run/{name}"
    return f"measures/{name}"


def record_text(record: Mapping[str, Any]) -> str:
    """A run's whole record, as JSON."""
    return json.dumps(record, indent=2)


def _word(text: str) -> str:
    """A class's name as part of a tag."""
    return re.sub(r"[^\w.-]+", "_", printable(text))
