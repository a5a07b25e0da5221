"""How all figures look: on paper, on a screen, and to readers who see few colours.

Colours are those of Okabe and Ito (2008), "Color Universal Design", which stay apart in the common
kinds of colour blindness; every series differs in line style and marker too, so that a figure
survives a grey print. Text stays text in SVG files.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FormatStrFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    PercentFormatter,
)

from foundations import files

BLACK, ORANGE, SKY_BLUE, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILLION, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#666666"

# Ten classes guessed at random are wrong nine times in ten.
CHANCE_ERROR = 90.0

_SETTINGS: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "sans-serif"],
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.handlelength": 3.2,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "svg.fonttype": "none",
    # The same figure is the same file.
    "svg.hashsalt": "figure",
    "savefig.dpi": 150,
    "savefig.facecolor": "white",
}


@dataclass(frozen=True)
class Style:
    """One series' colour, line and marker."""

    color: str
    linestyle: Any = "-"
    marker: str = "o"

    def line(self, points: int) -> dict[str, Any]:
        """Keywords of `Axes.plot` for a line through `points` points, a dozen of them marked."""
        return {
            "color": self.color,
            "linestyle": self.linestyle,
            "marker": self.marker,
            "markevery": max(1, -(-points // 12)),
        }


STYLES = (
    Style(BLUE, "-", "o"),
    Style(VERMILLION, (0, (5, 2)), "s"),
    Style(GREEN, (0, (5, 2, 1, 2)), "^"),
    Style(ORANGE, (0, (1, 1.2)), "D"),
    Style(PURPLE, (0, (8, 2)), "v"),
    Style(SKY_BLUE, (0, (3, 1, 1, 1, 1, 1)), "P"),
    Style(BLACK, (0, (2, 2)), "X"),
    Style(GREY, (0, (10, 3, 2, 3)), "*"),
)

SET_STYLES = dict(zip(("training", "validation", "test"), STYLES))


@contextmanager
def drawing(width: float, height: float) -> Iterator[Figure]:
    """An empty figure of `width` x `height` inches; everything drawn in the block has our look."""
    with matplotlib.rc_context(_SETTINGS):
        # Figure itself rather than pyplot: no window system, no list of figures.
        yield Figure(figsize=(width, height), layout="constrained")


def save(figure: Figure, path: Path, formats: Sequence[str] = ("png", "svg")) -> list[Path]:
    """Write `path` with each ending of `formats`, whole or not at all; returns the files' paths.

    To be called within the figure's `drawing` block.
    """
    written = []
    for ending in formats:
        target = path.with_suffix(f".{ending}")
        # A date would make every drawing of the same run another file.
        metadata = {"Date": None} if ending == "svg" else {}
        drawn = io.BytesIO()
        figure.savefig(drawn, format=ending, metadata=metadata)
        content = drawn.getvalue()
        if ending == "svg":
            content = _COORDINATES.sub(_rounded, content)
        with files.replacing(target) as stream:
            stream.write(content)
        written.append(target)
    return written


# The attributes of SVG that hold coordinates; text and numbers elsewhere stay as they are.
_COORDINATES = re.compile(rb'\b(?:d|x|y)="[^"]*"')


def _rounded(attribute: re.Match[bytes]) -> bytes:
    """Coordinates to a hundredth of a point: finer than any print, in a smaller file."""
    return re.sub(rb"(\.\d\d)\d+", rb"\1", attribute.group())


def percent_axis(axis: Any) -> None:
    """Errors in percent on `axis` (an `Axis`, x or y)."""
    axis.set_major_formatter(PercentFormatter(decimals=0))


def epoch_axis(axes: Any, epochs: Sequence[float]) -> None:
    """Whole epochs below `axes`, with air on both sides even where there is a single one."""
    first, last = min(epochs), max(epochs)
    margin = max(0.5, 0.02 * (last - first))
    axes.set_xlim(first - margin, last + margin)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch")


def chance_line(axes: Any, label: str | None = "chance") -> None:
    """The error of guessing among ten classes, as a thin line."""
    axes.axhline(CHANCE_ERROR, color=GREY, linewidth=1, linestyle=(0, (1, 2)), label=label)


def log_where_positive(axes: Any, values: Sequence[float]) -> None:
    """A logarithmic y axis, unless a value is zero or the values are equal."""
    finite = [value for value in values if np.isfinite(value)]
    if finite and min(finite) > 0 and max(finite) > 2 * min(finite):
        axes.set_yscale("log")
        if max(finite) < 100 * min(finite):
            # So few powers of ten would leave the axis almost without numbers.
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
        axes.yaxis.set_minor_formatter(NullFormatter())


def style(number: int) -> Style:
    """The style of series `number`, counted from 0: no two of the first 64 look the same."""
    shape = STYLES[(number + number // len(STYLES)) % len(STYLES)]
    return Style(STYLES[number % len(STYLES)].color, shape.linestyle, shape.marker)
