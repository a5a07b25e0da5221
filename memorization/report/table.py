"""The table of runs compared: its lines, and how they are written in Markdown and CSV."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO

from memorization.report import summary
from memorization.report.runs import Group, MeasuredRun, varying_settings
from training_loop import metrics

THRESHOLDS = (0.5, 0.1, 0.01)
CAPTION = (
    "Training and test error against epoch; lines are means over seeds, bands reach from the "
    "lowest to the highest seed"
)

# What makes a spreadsheet take a cell for a formula, the full-width forms included.
# Where a semicolon separates cells, as in half of Europe, one begins after it.
_FORMULA_BEGINS = re.compile(r"(?:^|(?<=;))(?=[\s\"]*[=+\-@\t\r＝＋－＠])")
# Punctuation that means something to Markdown inside a line, with what GitHub adds to it; an
# underscore between letters means nothing.
_MARKDOWN = re.compile(r"[\\`*{}\[\]<>&|$~@:^]|(?<![^\W_])_|_(?![^\W_])|(?<=www)\.", re.IGNORECASE)


@dataclass(frozen=True)
class Quantity:
    """A column of numbers: its title, what it tells of a run, and how that is written.

    An `optional` one is left out where no run has it.
    """

    title: str
    of: Callable[[MeasuredRun], float]
    pattern: str = "{:.2f}"
    optional: bool = False

    def text(self, value: float) -> str:
        """`value` as it is written; nothing where an optional quantity was not measured."""
        return "" if self.optional and math.isnan(value) else self.pattern.format(value)


def _percent(title: str, column: str, optional: bool = False) -> Quantity:
    return Quantity(f"{title} (%)", lambda run: 100 * run.last(column), optional=optional)


QUANTITIES = (
    *(_percent(f"{name} error", metrics.error(name)) for name in metrics.SETS),
    Quantity("generalisation gap (points)", lambda run: 100 * run.gap),
    *(
        _percent(f"{name} error, true labels", metrics.clean_error(name), optional=True)
        for name in metrics.SETS
    ),
    Quantity("memorised bits", lambda run: run.last(metrics.BITS), "{:.0f}", optional=True),
    Quantity(
        "memorised bits per binary weight",
        lambda run: run.last(metrics.BITS_PER_BINARY_WEIGHT),
        "{:.4f}",
        optional=True,
    ),
    Quantity("wall time (s)", lambda run: run.seconds, "{:.1f}", optional=True),
)


@dataclass(frozen=True)
class Table:
    """Column titles and lines of texts; `summary` tells which lines are of several seeds.

    The first `names` columns hold text that anybody may have written, the others numbers.
    """

    titles: tuple[str, ...]
    lines: list[tuple[str, ...]]
    summary: list[bool]
    names: int


def table(groups: Sequence[Group]) -> Table:
    """A line per run, and below the runs of a group of several what they say together."""
    settings = varying_settings(groups)
    with_settings = any(settings.values())
    quantities = [
        quantity
        for quantity in QUANTITIES
        if not quantity.optional
        or any(not math.isnan(quantity.of(run)) for group in groups for run in group.runs)
    ]
    titles = (
        "experiment",
        *(["settings"] if with_settings else []),
        "corruption",
        "seed",
        "epochs",
        *(f"epochs to {limit:.0%} training error" for limit in THRESHOLDS),
        *(quantity.title for quantity in quantities),
    )
    lines, is_summary = [], []
    for group in groups:
        head = (
            group.name,
            *([settings[group.key]] if with_settings else []),
            f"{group.corruption:g}",
        )
        for run in group.runs:
            lines.append((*head, str(run.seed), _epochs(run), *_results(run, quantities)))
            is_summary.append(False)
        if len(group.runs) > 1:
            for name, texts in summary_lines(group, quantities).items():
                lines.append((*head, name, _epochs_of_all(group), *texts))
                is_summary.append(True)
    return Table(titles, lines, is_summary, 1 + with_settings)


def _epochs(run: MeasuredRun) -> str:
    return str(run.epochs) if run.finished else f"{run.epochs} of {run.options['epochs']}"


def _epochs_of_all(group: Group) -> str:
    few, *_, many = sorted(group.runs, key=lambda run: run.epochs)
    return _epochs(few) if few.epochs == many.epochs else f"{few.epochs} to {many.epochs}"


def _results(run: MeasuredRun, quantities: Sequence[Quantity]) -> list[str]:
    reached = [run.epochs_to(limit) for limit in THRESHOLDS]
    return [
        *(summary.NEVER if epoch is None else str(epoch) for epoch in reached),
        *(quantity.text(quantity.of(run)) for quantity in quantities),
    ]


def summary_lines(
    group: Group, quantities: Sequence[Quantity] = QUANTITIES
) -> dict[str, list[str]]:
    """The lines below the runs of `group`, two or more, by their names."""
    columns = [
        *(summary.of_epochs([run.epochs_to(limit) for run in group.runs]) for limit in THRESHOLDS),
        *(
            summary.of_values([quantity.of(run) for run in group.runs], quantity.text)
            for quantity in quantities
        ),
    ]
    return {name: [column[name] for column in columns] for name in columns[0]}


def markdown(content: Table) -> str:
    """The table in Markdown, lined up for reading as plain text too; summary lines in italics."""
    lines = [content.titles]
    for line, is_summary in zip(content.lines, content.summary):
        cells = [*map(plain_markdown, line[: content.names]), *line[content.names :]]
        lines.append(tuple(cell and f"*{cell}*" if is_summary else cell for cell in cells))
    widths = [max(map(len, column)) for column in zip(*lines)]
    left = content.names
    body = [
        "| "
        + " | ".join(
            cell.ljust(width) if number < left else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(line, widths))
        )
        + " |"
        for line in lines
    ]
    rule = [
        "-" * (width + 2) if number < left else "-" * (width + 1) + ":"
        for number, width in enumerate(widths)
    ]
    return "\n".join([body[0], "|" + "|".join(rule) + "|", *body[1:]])


def plain_markdown(text: str) -> str:
    """`text` in Markdown that shows it as it is: no link, no emphasis, no mathematics."""
    return _MARKDOWN.sub(lambda found: "\\" + found.group(), text)


def write_csv(content: Table, stream: IO[str]) -> None:
    """The table as CSV that a spreadsheet takes for text and numbers, and for nothing else."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(content.titles)
    for line in content.lines:
        names = (_FORMULA_BEGINS.sub("'", text) for text in line[: content.names])
        writer.writerow([*names, *line[content.names :]])
