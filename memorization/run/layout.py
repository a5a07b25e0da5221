"""Lines and tables of a run's metrics, fitted to the width that there is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from foundations.reading import printable
from training_loop import metrics

MOST_OF_A_CLASS = 20
WIDEST_LINE = 99
GAP = 2
UNKNOWN = "-"


@dataclass(frozen=True)
class Seen:
    """An epoch as it is shown: its row of metrics, and the seconds that the run still takes."""

    row: metrics.Row
    seconds_left: float = math.nan


@dataclass(frozen=True)
class TableColumn:
    """A column of the table: two lines of title, its text; what is of lower rank goes first."""

    titles: tuple[str, str]
    text: Callable[[Seen], str]
    rank: int
    least_width: int = 0

    @property
    def width(self) -> int:
        """Characters that are kept for it, so that lines printed hours apart stand in columns."""
        return max(self.least_width, *map(len, self.titles))


def percent(value: float) -> str:
    """A share in percent, NaN as a dash."""
    return UNKNOWN if math.isnan(value) else f"{value:.2%}"


def number(value: float) -> str:
    """A loss in at most 8 characters."""
    if math.isnan(value):
        return UNKNOWN
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:.2e}"


def duration(seconds: float) -> str:
    """Seconds in at most 7 characters: 0.42s, 12s, 3m05s, 1h40m, 12d03h."""
    if math.isnan(seconds):
        return UNKNOWN
    if 0 < seconds < 9.95:
        return f"{seconds:.1f}s" if seconds >= 0.95 else f"{seconds:.2f}s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole}s"
    if whole < 2 * 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 48 * 3600:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"


def _of(name: str, shown: Callable[[float], str]) -> Callable[[Seen], str]:
    return lambda seen: shown(seen.row.get(name, math.nan))


TABLE = (
    TableColumn(("", "epoch"), lambda seen: str(seen.row[metrics.EPOCH]), 10),
    TableColumn(("learning", "rate"), lambda seen: f"{seen.row[metrics.LEARNING_RATE]:.2e}", 4, 8),
    TableColumn(("training", "error"), _of(metrics.error("training"), percent), 9, 7),
    TableColumn(("training", "loss"), _of(metrics.loss("training"), number), 5, 8),
    TableColumn(("validation", "error"), _of(metrics.error("validation"), percent), 6),
    TableColumn(("validation", "loss"), _of(metrics.loss("validation"), number), 3),
    TableColumn(("test", "error"), _of(metrics.error("test"), percent), 8, 7),
    TableColumn(("test", "loss"), _of(metrics.loss("test"), number), 2, 8),
    TableColumn(("best", "epoch"), lambda seen: str(seen.row[metrics.BEST_EPOCH]), 1),
    TableColumn(("best", "error"), _of(metrics.BEST_ERROR, percent), 0, 7),
    TableColumn(("epoch", "takes"), _of(metrics.SECONDS, duration), 7, 6),
    TableColumn(("time", "left"), lambda seen: duration(seen.seconds_left), 8, 6),
)


def columns(width: int, without: Sequence[str] = ()) -> list[TableColumn]:
    """Of `TABLE` the columns that fit into `width` characters, the most important ones at least.

    `without` are titles of columns to leave out.
    """
    chosen = [column for column in TABLE if " ".join(column.titles) not in without]
    while len(chosen) > 2 and _width(chosen) > width:
        chosen.remove(min(chosen, key=lambda column: column.rank))
    return chosen


def _width(chosen: Sequence[TableColumn]) -> int:
    return sum(column.width for column in chosen) + GAP * (len(chosen) - 1)


def title_lines(chosen: Sequence[TableColumn]) -> list[str]:
    """The two lines above a table of the columns `chosen`."""
    lines = zip(*(column.titles for column in chosen))
    return [_line(chosen, line) for line in lines]


def table_line(chosen: Sequence[TableColumn], seen: Seen) -> str:
    """An epoch in the columns `chosen`."""
    return _line(chosen, [column.text(seen) for column in chosen])


def _line(chosen: Sequence[TableColumn], cells: Sequence[str]) -> str:
    gap = " " * GAP
    return gap.join(cell.rjust(column.width) for cell, column in zip(cells, chosen)).rstrip()


def plain_line(seen: Seen, epochs: int) -> str:
    """An epoch on one line of less than 100 characters, for logs."""
    row = seen.row
    head = f"epoch {row[metrics.EPOCH]}/{epochs}"
    errors = ", ".join(
        f"{name}{' error' if name == 'training' else ''} {_short(row[metrics.error(name)])}"
        for name in metrics.SETS
    )
    loss = f"loss {number(row[metrics.loss('training')])}"
    seconds = duration(row.get(metrics.SECONDS, math.nan))
    time = f"{seconds}, {duration(seen.seconds_left)} left"
    line = f"{head}: {errors}, {loss}, {time}"
    return line if len(line) <= WIDEST_LINE else f"{head}: {errors}, {time}"


def _short(share: float) -> str:
    # Close to 0, where memorisation is decided, two digits after the point.
    return UNKNOWN if math.isnan(share) else f"{share:.2%}" if share < 0.1 else f"{share:.1%}"


def class_error_lines(row: metrics.Row, class_names: Sequence[str], width: int) -> list[str]:
    """One epoch's training and test error of every class by its name, within `width` characters.

    A class has a line of its own; as many stand side by side as fit.
    """
    cells: list[tuple[str, ...]] = [("class", *metrics.SETS_BY_CLASS)]
    for label, name in enumerate(class_names):
        errors = (row.get(metrics.class_error(of, label), math.nan) for of in metrics.SETS_BY_CLASS)
        shown = (UNKNOWN if math.isnan(error) else f"{error:.1%}" for error in errors)
        cells.append((printable(name, MOST_OF_A_CLASS), *shown))
    widths = [max(map(len, column)) for column in zip(*cells)]
    texts = [
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])])
        for line in cells
    ]
    head, *body = texts
    beside = max(1, min(3, (width + 4) // (len(head) + 4), len(body)))
    rows = -(-len(body) // beside)
    blocks = [body[start : start + rows] for start in range(0, len(body), rows)]
    lines = ["    ".join([head] * len(blocks))]
    for number_ in range(rows):
        lines.append("    ".join(block[number_] for block in blocks if number_ < len(block)))
    return lines


def measured_lines(row: metrics.Row, width: int) -> list[str]:
    """What observers added to an epoch's metrics, a measure per line, its layers in a row.

    Layers that do not fit into `width` characters go on below.
    """
    measured: dict[str, list[str]] = {}
    for name, value in metrics.measured(row).items():
        column = metrics.parse_name(name)
        title = printable(column.quantity.replace("_", " ")) + (" by layer" if column.layer else "")
        if column.set_name is not None:
            title = f"{column.set_name} {title}"
        text = f"{value:.4g}" if column.is_in_bits else f"{value:.1%}"
        measured.setdefault(title, []).append(UNKNOWN if math.isnan(value) else text)
    margin = max(map(len, measured), default=0)
    beside = max(1, (width - margin) // 8)
    lines = []
    for title, texts in measured.items():
        for start in range(0, len(texts), beside):
            head = "" if start else title
            cells = "".join(f"  {text:>6}" for text in texts[start : start + beside])
            lines.append(f"{head:>{margin}}{cells}")
    return lines


def text_curves(
    rows: Sequence[metrics.Row], classes: int = 10, width: int = 64, height: int = 11
) -> list[str]:
    """Training (o), validation (v) and test (x) error against epoch, chance (-) of `classes`."""
    shown = min(width, len(rows))
    grid = [[" "] * shown for _ in range(height)]
    chance = round((height - 1) / classes)
    grid[chance] = ["-"] * shown
    for name, mark in (("validation", "v"), ("test", "x"), ("training", "o")):
        for place in range(shown):
            value = rows[place * len(rows) // shown][metrics.error(name)]
            if not math.isnan(value):
                grid[round((1 - value) * (height - 1))][place] = mark
    lines = [
        f"{100 * (1 - line / (height - 1)):4.0f} % |" + "".join(cells)
        for line, cells in enumerate(grid)
    ]
    lines.append("       +" + "-" * shown)
    lines.append(f"        epoch 1 to {len(rows)}: errors; o training, v validation,")
    lines.append("        x test, - chance")
    return lines
