"""The metrics of a run, a row per epoch: its columns are named, made, checked and parsed here.

Errors are shares, 0 to 1, and NaN where there is no image to be wrong about; losses are means.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from foundations import reading
from training_loop.evaluation import Evaluation

Row = dict[str, float]

SETS = ("training", "validation", "test")
# The sets whose errors are also told class by class.
SETS_BY_CLASS = ("training", "test")

EPOCH = "epoch"
LEARNING_RATE = "learning_rate"
# Mean loss over an epoch's training steps, each with the parameters of its moment.
STEP_LOSS = "train_step_loss"
BEST_EPOCH = "best_epoch"
BEST_ERROR = "best_validation_error"
# Of a whole epoch, and of its training alone: the columns that no two runs share to the last digit.
SECONDS = "seconds"
IMAGES_PER_SECOND = "images_per_second"
TIMINGS = (SECONDS, IMAGES_PER_SECOND)
# Of labels that were drawn anew, what the predictions tell of them, in bits.
BITS = "memorised_bits"
BITS_PER_BINARY_WEIGHT = f"{BITS}_per_binary_weight"
BITS_PER_REAL_PARAMETER = f"{BITS}_per_real_parameter"
# As the error on the training set, but for the statistics that batch norm uses.
BATCH_STATISTICS_ERROR = "training_error_batch_statistics"


def error(set_name: str) -> str:
    """The column of the error on one of `SETS`."""
    return f"{set_name}_error"


def clean_error(set_name: str) -> str:
    """The column of the error on one of `SETS` against the true labels, whichever were given."""
    return f"{set_name}_clean_error"


def loss(set_name: str) -> str:
    """The column of the mean loss on one of `SETS`."""
    return f"{set_name}_loss"


def class_error(set_name: str, label: int) -> str:
    """The column of the error on one of `SETS_BY_CLASS` among its images labelled `label`."""
    return f"{set_name}_error_class_{label}"


def of_layer(quantity: str, number: int) -> str:
    """The column of a measured quantity in layer `number`, counted from 1."""
    return f"{quantity}_layer_{number}"


@dataclass(frozen=True)
class Column:
    """What a column's name says.

    `quantity` is "error", "clean_error" or "loss" where `set_name` is given, else the name without
    the number of the layer. At most one of `label` and `layer` is given.
    """

    quantity: str
    set_name: str | None = None
    label: int | None = None
    layer: int | None = None

    @property
    def is_share(self) -> bool:
        """Whether its values are errors, which lie between 0 and 1."""
        return self.quantity == "error" or self.quantity.endswith("_error")

    @property
    def is_in_bits(self) -> bool:
        """Whether its values are bits, or bits per number; all else that is measured is a share."""
        return self.quantity.startswith(BITS)


def parse_name(name: str) -> Column:
    """The column that `name` names; any name names one."""
    of_set = re.fullmatch(rf"({'|'.join(SETS)})_(error|clean_error|loss)(?:_class_(\d+))?", name)
    if of_set and (of_set[3] is None or of_set[2] == "error"):
        label = None if of_set[3] is None else int(of_set[3])
        return Column(of_set[2], of_set[1], label=label)
    by_layer = re.fullmatch(r"(.+)_layer_(\d+)", name)
    return Column(by_layer[1], layer=int(by_layer[2])) if by_layer else Column(name)


def class_errors(row: Row, set_name: str) -> list[float]:
    """The errors on one of `SETS_BY_CLASS` that `row` holds, class by class."""
    columns = {parse_name(name): value for name, value in row.items()}
    found = {
        column.label: value
        for column, value in columns.items()
        if column.set_name == set_name and column.label is not None
    }
    return [found[label] for label in sorted(found)]


def measured(row: Row) -> Row:
    """What observers added to the columns that every run has."""
    own = {EPOCH, LEARNING_RATE, STEP_LOSS, BEST_EPOCH, BEST_ERROR, *TIMINGS}
    return {
        name: value
        for name, value in row.items()
        if name not in own and parse_name(name).quantity not in ("error", "loss")
    }


def epoch_row(
    epoch: int,
    learning_rate: float,
    step_loss: float,
    evaluations: Mapping[str, Evaluation],
    n_classes: int,
    earlier: Sequence[Row],
) -> Row:
    """The columns of `epoch` that every run has, after the rows `earlier`: the original's fields.

    `evaluations` are the test passes over all `SETS`.
    """
    row: Row = {EPOCH: epoch, LEARNING_RATE: learning_rate, STEP_LOSS: step_loss}
    for name in SETS:
        row[error(name)] = evaluations[name].error
        row[loss(name)] = evaluations[name].loss
    before = earlier[-1] if earlier else None
    if before is not None and not row[error("validation")] <= before[BEST_ERROR]:
        row[BEST_EPOCH], row[BEST_ERROR] = before[BEST_EPOCH], before[BEST_ERROR]
    else:
        row[BEST_EPOCH], row[BEST_ERROR] = epoch, row[error("validation")]
    for name in SETS_BY_CLASS:
        for label, value in enumerate(evaluations[name].class_errors(n_classes)):
            row[class_error(name, label)] = value
    return row


def reproducible(text: str) -> str:
    """The CSV `text` without `TIMINGS`: what a run of the same options and seed writes again."""
    lines = list(csv.reader(io.StringIO(text, newline="")))
    kept = [n for n, name in enumerate(lines[0]) if name not in TIMINGS] if lines else []
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\n").writerows([line[n] for n in kept] for line in lines)
    return stream.getvalue()


def ended(rows: Sequence[Row], epochs: int, stop_at: float | None) -> bool:
    """Whether `rows` end with the last of the `epochs`, or with a training error of `stop_at`."""
    if (rows[-1][EPOCH] if rows else 0) >= epochs:
        return True
    return stop_at is not None and bool(rows) and rows[-1][error("training")] <= stop_at


def merged(row: Row, *measured_columns: Mapping[str, float]) -> Row:
    """`row` and what was measured besides; ValueError where two of them share a column."""
    merged_row = dict(row)
    for columns in measured_columns:
        if twice := merged_row.keys() & columns.keys():
            raise ValueError(f"measured twice: {', '.join(sorted(twice))}")
        merged_row.update(columns)
    return merged_row


class CsvText:
    """A header and a line per row, at least one; every float with all its digits.

    Each row is formatted once, so that a run of many epochs can be written after each of them.
    """

    def __init__(self) -> None:
        self._stream = io.StringIO(newline="")
        self._writer: csv.DictWriter | None = None
        self._count = 0

    def of(self, rows: Sequence[Row]) -> str:
        """The text of `rows`, which begin with those of the call before."""
        if self._writer is None:
            self._writer = csv.DictWriter(self._stream, list(rows[0]), lineterminator="\n")
            self._writer.writeheader()
        self._writer.writerows(rows[self._count :])
        self._count = len(rows)
        return self._stream.getvalue()


def write_csv(stream: IO[str], rows: Sequence[Row]) -> None:
    """Write `rows` as `CsvText` has them."""
    stream.write(CsvText().of(rows))


def read_csv(lines: Iterable[str]) -> list[Row]:
    """The rows that `write_csv` wrote, at least one; whole numbers as int, the rest as float.

    Raises ValueError, TypeError or csv.Error where `lines` are anything else.
    """
    reader = csv.DictReader(lines, strict=True)
    rows = [{name: _number(text) for name, text in row.items()} for row in reader]
    if not rows:
        raise ValueError("no epoch in it")
    check(rows)
    return rows


def _number(text: str) -> float:
    return int(text) if text.isdigit() else float(text)


def check(rows: Any) -> None:
    """Raise ValueError unless `rows` are a list of rows of the epochs 1, 2 and so on."""
    number = (int, float)
    kinds: dict[str, Any] = dict.fromkeys((LEARNING_RATE, STEP_LOSS, BEST_ERROR), number)
    kinds.update({name: number for of in SETS for name in (error(of), loss(of))})
    kinds.update({EPOCH: int, BEST_EPOCH: int})
    if not isinstance(rows, list):
        raise ValueError(f"a {type(rows).__name__} where rows of metrics should be")
    for epoch, row in enumerate(rows, start=1):
        reading.check_fields(row, dict.fromkeys(row, number) if isinstance(row, dict) else {})
        reading.check_fields(row, kinds)
        if row[EPOCH] != epoch:
            raise ValueError(f"epoch {row[EPOCH]} in the place of {epoch}")
        if row.keys() != rows[0].keys():
            raise ValueError(f"other columns in epoch {epoch} than in the first")
        for name, value in row.items():
            share = parse_name(name).is_share
            # A class without an image has no error: NaN, which no comparison finds too large.
            if abs(value) == math.inf or (share and (value < 0 or value > 1)):
                raise ValueError(f"{name} is {value} in epoch {epoch}")
