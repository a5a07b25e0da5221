"""What was measured besides errors and losses, as a figure that compares runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from foundations.reading import printable
from memorization.report import style
from memorization.report.runs import Group
from training_loop import metrics

MOST_OF_A_TITLE = 40
LEGEND_COLUMNS = 2
COLUMNS = 2


@dataclass(frozen=True)
class Panel:
    """What is drawn in one panel: its title, and the columns in it by their names in the legend."""

    title: str
    columns: dict[str, str]
    by_layer: bool
    in_bits: bool


def panels(names: Iterable[str]) -> list[Panel]:
    """The panels for the columns `names`: one for each quantity of the layers, one for the bits,
    and one for all shares of the whole network."""
    found: dict[str, Panel] = {}
    for name in names:
        column = metrics.parse_name(name)
        # Errors against true labels stand beside the others; per weight, bits are as many times
        # fewer in every epoch.
        if column.quantity == "clean_error" or (column.is_in_bits and name != metrics.BITS):
            continue
        own = column.layer is not None or column.is_in_bits
        title = column.quantity if own else "shares"
        panel = Panel(_words(title), {}, column.layer is not None, column.is_in_bits)
        panel = found.setdefault(title, panel)
        panel.columns[f"layer {column.layer}" if column.layer else _words(name)] = name
    return list(found.values())


def draw_measures_compared(
    groups: Sequence[Group], labels: Sequence[str], path: Path
) -> list[Path]:
    """What was measured in `groups`, called `labels`, in the figure `path`; none where nothing was.

    Quantities of the whole network against epoch, those of layers after the last epoch against the
    layer. Lines are means over seeds, bands reach from the lowest to the highest.
    """
    names = dict.fromkeys(
        name for group in groups for run in group.runs for name in metrics.measured(run.rows[0])
    )
    shown = [panel for whole in panels(names) for panel in _apart(whole)]
    if not shown:
        return []
    title = "measured; bands from the lowest to the highest seed"
    with _panels(len(shown), title, style.legend_height(labels) / LEGEND_COLUMNS) as drawn:
        figure, places = drawn
        for axes, panel in zip(places, shown):
            for number, (group, label) in enumerate(zip(groups, labels)):
                _compared(axes, panel, group, label, style.series(number))
            axes.set_title(panel.title)
            if not panel.in_bits:
                style.percent_axis(axes.yaxis, decimals=None)
        handles, texts = _legend_of(places)
        figure.legend(
            handles, texts, loc="outside lower center", ncols=LEGEND_COLUMNS, fontsize=7.5
        )
        return style.save(figure, path)


def _apart(panel: Panel) -> list[Panel]:
    """Panels of a single quantity each: several runs are to be told apart in them."""
    if panel.by_layer:
        return [panel]
    return [
        Panel(label, {label: name}, False, panel.in_bits) for label, name in panel.columns.items()
    ]


def _compared(axes: Any, panel: Panel, group: Group, label: str, look: style.Style) -> None:
    if panel.by_layer:
        layers = [int(label_of.removeprefix("layer ")) for label_of in panel.columns]
        values = [[run.last(name) for name in panel.columns.values()] for run in group.runs]
        places: Sequence[float] = layers
        axes.set_xlabel("layer, after the last epoch")
        axes.xaxis.set_major_locator(style.MaxNLocator(integer=True))
    else:
        (name,) = panel.columns.values()
        values = group.values(name)
        places = range(1, len(values[0]) + 1)
        axes.set_xlabel("epoch")
    measured = np.array([_shown(of, panel) for of in values])
    if np.isnan(measured).all():
        return
    axes.plot(places, measured.mean(axis=0), label=label, **look.line(len(places)))
    if len(measured) > 1:
        low, high = measured.min(axis=0), measured.max(axis=0)
        axes.fill_between(places, low, high, color=look.color, alpha=0.18, linewidth=0)


def _shown(values: Sequence[float], panel: Panel) -> list[float]:
    return [value if panel.in_bits else 100 * value for value in values]


def _legend_of(places: Iterable[Any]) -> tuple[list[Any], list[str]]:
    found: dict[str, Any] = {}
    for axes in places:
        for handle, text in zip(*axes.get_legend_handles_labels()):
            found.setdefault(text, handle)
    return list(found.values()), list(found)


@contextmanager
def _panels(count: int, title: str, more: float = 0.0) -> Iterator[tuple[Any, list[Any]]]:
    """A figure with `count` panels under a title, over `more` inches, and the panels in order."""
    rows = -(-count // COLUMNS)
    with style.drawing(9.6, 0.8 + 2.3 * rows + more) as figure:
        places = list(figure.subplots(rows, COLUMNS, squeeze=False).flat)
        for axes in places[count:]:
            axes.set_axis_off()
        figure.suptitle(title)
        yield figure, places[:count]


def _words(name: str) -> str:
    return printable(name.replace("_", " "), MOST_OF_A_TITLE)
