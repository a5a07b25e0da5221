"""The figure of what a run measured besides errors and losses, a panel for each quantity."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from memorization.report import style
from training_loop import metrics

NAME = "measured"
COLUMNS = 2

# Panels of columns that are told of a network as a whole; what is of layers has one for each kind.
# What every run has is drawn beside what was measured.
PANELS = {
    "corrupted labels": (
        *("training_error_corrupted", "training_error_uncorrupted"),
        *("corrupted_as_given", "corrupted_as_true"),
    ),
    "training images": ("training_ever_learnt", "training_forgotten"),
    "training error by statistics of batch norm": (
        *(metrics.error("training"), metrics.BATCH_STATISTICS_ERROR),
    ),
    "critical sample ratio": ("critical_sample_ratio_training", "critical_sample_ratio_test"),
    metrics.BITS.replace("_", " "): (metrics.BITS,),
}


def panels(row: metrics.Row) -> dict[str, dict[str, str]]:
    """By its title each panel that `row` has columns for: the columns and what they are called."""
    measured = metrics.measured(row)
    found: dict[str, dict[str, str]] = {}
    for title, names in PANELS.items():
        if any(name in measured for name in names):
            found[title] = {name: name.replace("_", " ") for name in names if name in row}
    for name in measured:
        column = metrics.parse_name(name)
        if column.layer is not None:
            title = f"{column.quantity.replace('_', ' ')}, by layer"
            found.setdefault(title, {})[name] = str(column.layer)
    return found


def draw(folder: Path, rows: Sequence[metrics.Row], title: str) -> list[Path]:
    """`measured` in the run's `folder`, against epoch; the files' paths, none where nothing is."""
    drawn = panels(rows[0])
    if not drawn:
        return []
    lines = -(-len(drawn) // COLUMNS)
    with style.drawing(8.2, 0.6 + 2.3 * lines) as figure:
        places = figure.subplots(lines, COLUMNS, squeeze=False).flat
        # In this order the iterator of places loses none.
        for (name, columns), axes in zip(drawn.items(), places):
            _panel(axes, rows, columns)
            axes.set_title(name)
        for axes in places:
            axes.set_axis_off()
        figure.suptitle(title)
        return style.save(figure, folder / NAME)


def _panel(axes: Any, rows: Sequence[metrics.Row], columns: dict[str, str]) -> None:
    epochs = [row[metrics.EPOCH] for row in rows]
    of_layers = metrics.parse_name(next(iter(columns))).layer is not None
    looks = (
        style.levels(len(columns)) if of_layers else [style.series(n) for n in range(len(columns))]
    )
    in_bits = metrics.parse_name(next(iter(columns))).is_in_bits
    for (name, label), look in zip(columns.items(), looks):
        factor = 1 if in_bits else 100
        axes.plot(epochs, [factor * row[name] for row in rows], label=label, **look.line(len(rows)))
    if in_bits:
        axes.set_ylabel("bits")
    else:
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
        style.percent_axis(axes.yaxis, decimals=None)
    if of_layers:
        # Beside the lines, which leave no room for so many entries.
        beside = {"loc": "upper left", "bbox_to_anchor": (1, 1.08), "handlelength": 2.2}
        axes.legend(fontsize=6.5, title="layer", title_fontsize=7, **beside)
    elif len(columns) > 1:
        axes.legend(fontsize=6.5)
    style.epoch_axis(axes, epochs)
