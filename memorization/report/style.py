"""How all figures look: on paper, on a screen, and to readers who see few colours.

Colours are those of Okabe and Ito (2008), "Color Universal Design", which stay apart in the common
kinds of colour blindness; every series differs in line style and marker too, so that a figure
survives a grey print. Text stays text in SVG files.
"""

from __future__ import annotations

import io
import logging
import os
import re
import textwrap
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from foundations import files
from foundations.reading import file_errors, printable


@contextmanager
def _without_settings_of_the_user() -> Iterator[None]:
    """While matplotlib is imported: no back end that a notebook left in the environment, which
    need not exist here, and no complaints about a matplotlibrc that we do not use."""
    logger = logging.getLogger("matplotlib")
    level, backend = logger.level, os.environ.pop("MPLBACKEND", None)
    logger.setLevel(logging.CRITICAL)
    try:
        with file_errors("matplotlib", "cannot be imported"):
            yield
    finally:
        logger.setLevel(level)
        if backend is not None:
            os.environ["MPLBACKEND"] = backend


with _without_settings_of_the_user():
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_pdf import FigureCanvasPdf
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle
    from matplotlib.ticker import (
        FormatStrFormatter,
        LogLocator,
        MaxNLocator,
        NullFormatter,
        PercentFormatter,
    )

BLACK, ORANGE, SKY_BLUE, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILLION, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#666666"

# PDF for LaTeX, whose text stays text too.
FORMATS = ("png", "svg", "pdf")

MOST_OF_A_LEGEND_LINE = 34
MOST_OF_A_TITLE, MOST_OF_A_TITLE_LINE = 180, 60

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
    "pdf.fonttype": 42,
    # A dollar in the name of a folder or a class is a dollar.
    "text.parse_math": False,
    # The same figure is the same file.
    "svg.hashsalt": "figure",
    "figure.dpi": 150,
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
    """An empty figure of `width` x `height` inches; everything drawn in the block has our look.

    The look is made of matplotlib's defaults and ours: what the user has set, in files or in this
    process, stays outside.
    """
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        # A sign that no font here has is drawn as a box.
        warnings.filterwarnings("ignore", message="Glyph ")
        # Figure itself rather than pyplot: no window system, no list of figures.
        yield Figure(figsize=(width, height), layout="constrained")


def save(figure: Figure, path: Path, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write `path` with each ending of `formats`, whole or not at all; returns the files' paths.

    To be called within the figure's `drawing` block.
    """
    # Laid out once: each format would do it anew, and draw everything twice, for a hair's breadth.
    # None leaves no layout engine; "none" leaves an empty one, for which all is drawn twice too.
    figure.draw_without_rendering()
    figure.set_layout_engine(None)
    written = []
    for ending in formats:
        # Not with_suffix: what follows a dot in a name would go.
        target = path.with_name(f"{path.name}.{ending}")
        drawn = io.BytesIO()
        if ending == "svg":
            # A date would make every drawing of the same run another file.
            FigureCanvasSVG(figure).print_figure(drawn, format="svg", metadata={"Date": None})
            content = _COORDINATES.sub(_rounded, drawn.getvalue())
        elif ending == "pdf":
            undated = {"CreationDate": None, "ModDate": None}
            FigureCanvasPdf(figure).print_figure(drawn, format="pdf", metadata=undated)
            content = drawn.getvalue()
        else:
            FigureCanvasAgg(figure).print_figure(drawn, format="png")
            content = drawn.getvalue()
        with files.replacing(target) as stream:
            stream.write(content)
        written.append(target)
    return written


def wrapped(parts: Sequence[str]) -> str:
    """A legend's entry of these `parts`, each on lines of its own."""
    return "\n".join(line for part in parts for line in textwrap.wrap(part, MOST_OF_A_LEGEND_LINE))


def legend_height(entries: Sequence[str]) -> float:
    """The inches that a legend of these `entries` takes in one column, with some to spare."""
    return sum(0.2 + 0.13 * text.count("\n") for text in entries)


def shown_name(name: Any, most: int) -> str:
    """A name that anybody may have given, of at most `most` characters, as figures show it."""
    return printable(name, most).strip() or "(no name)"


def title_lines(name: str) -> str:
    """A name above a figure, in lines that end at its words: "seed-0_width-0.25_" ..."""
    shown = shown_name(name, MOST_OF_A_TITLE)
    lines = [""]
    for word in re.findall(r"[^_]*_?", shown):
        if lines[-1] and len(lines[-1]) + len(word) > MOST_OF_A_TITLE_LINE:
            lines.append("")
        lines[-1] += word
    return "\n".join(lines)


# The attributes of SVG that hold coordinates; text and numbers elsewhere stay as they are.
_COORDINATES = re.compile(rb'\b(?:d|x|y)="[^"]*"')


def _rounded(attribute: re.Match[bytes]) -> bytes:
    """Coordinates to a hundredth of a point: finer than any print, in a smaller file."""
    return re.sub(rb"(\.\d\d)\d+", rb"\1", attribute.group())


def frame(axes: Any, corner: tuple[float, float], width: float, height: float) -> None:
    """A frame in the colour of what is wrong, from `corner` on."""
    rectangle = Rectangle(corner, width, height, fill=False)
    rectangle.set(edgecolor=VERMILLION, linewidth=2.2)
    axes.add_patch(rectangle)


def percent_axis(axis: Any, decimals: int | None = 0) -> None:
    """Percent on `axis` (an `Axis`, x or y); with `decimals` None as many as tell ticks apart."""
    axis.set_major_formatter(PercentFormatter(decimals=decimals))


def epoch_axis(axes: Any, epochs: Sequence[float]) -> None:
    """Whole epochs below `axes`, with air on both sides even where there is a single one."""
    first, last = min(epochs), max(epochs)
    margin = max(0.5, 0.02 * (last - first))
    axes.set_xlim(first - margin, last + margin)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch")


def chance_line(axes: Any, classes: Iterable[int]) -> None:
    """The error of guessing among as many classes, for each number of them, as a thin line."""
    for number, count in enumerate(sorted(classes)):
        axes.axhline(
            100 * (1 - 1 / count),
            color=GREY,
            linewidth=1,
            linestyle=(0, (1, 2)),
            label=None if number else "chance",
        )


def log_where_positive(axes: Any, values: Sequence[float]) -> None:
    """A logarithmic y axis, unless a value is zero or the values are equal."""
    finite = [value for value in values if np.isfinite(value)]
    if finite and min(finite) > 0 and max(finite) > 2 * min(finite):
        axes.set_yscale("log")
        if max(finite) < 100 * min(finite):
            # So few powers of ten would leave the axis almost without numbers.
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        # The default writes mathematics, which no text of ours is taken for.
        axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
        axes.yaxis.set_minor_formatter(NullFormatter())


def fainter(line: dict[str, Any]) -> dict[str, Any]:
    """The keywords of a second line of the same series."""
    return {**line, "markerfacecolor": "white", "alpha": 0.55, "linewidth": 1.0}


def levels(count: int) -> list[Style]:
    """The looks of `count` ordered levels: from dark to light, each with its own marker."""
    colors = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.85, count))
    return [
        Style(matplotlib.colors.to_hex(color), "-", STYLES[number % len(STYLES)].marker)
        for number, color in enumerate(colors)
    ]


def series(number: int) -> Style:
    """The look of series `number`, counted from 0: no two of the first 64 look the same."""
    shape = STYLES[(number + number // len(STYLES)) % len(STYLES)]
    return Style(STYLES[number % len(STYLES)].color, shape.linestyle, shape.marker)
