"""Writes what the study has found into docs/results.md, and its figure, from the cells kept.

    python -m studies.capacity.page [RUNS...] [--page PAGE]

RUNS are folders of runs or of cells kept (default: studies/capacity/kept). Between the page's
markers stands what this writes; a part whose cells are not all there says so. The figure goes into
the folder `figures` beside the page.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from foundations import files
from studies.capacity import corruption, experiments, tables
from studies.capacity.draw import draw
from studies.capacity.results import Trained, read_all

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent.parent / "docs" / "results.md"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m studies.capacity.page")
    parser.add_argument("runs", nargs="*", type=Path, default=[HERE / "kept"])
    parser.add_argument("--page", type=Path, default=PAGE)
    chosen = parser.parse_args(argv)
    found = read_all(chosen.runs)
    usual = found.get(Trained(), {})
    if not usual:
        parser.error("no cell of the study there")
    figures = chosen.page.parent / "figures"
    figures.mkdir(exist_ok=True)
    draw(usual, figures / "capacity", ["svg"])
    parts: dict[str, Callable[[], str]] = {
        "networks": lambda: tables.networks(usual),
        "comparisons": lambda: tables.comparisons(usual),
        "longer": lambda: tables.longer(found),
        "controls": lambda: tables.controls(found),
        "statistics": lambda: tables.statistics(found),
        "planted": lambda: tables.planted(found),
        "corruption": lambda: corruption.told(chosen.runs, figures / "corruption"),
        "experiments": lambda: experiments.told(chosen.runs),
    }
    text = chosen.page.read_text(encoding="utf-8")
    for name, table in parts.items():
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}\n{_or_why_not(table)}\n\n{end}{after}"
    with files.replacing(chosen.page, "w") as stream:
        stream.write(text)


def _or_why_not(table: Callable[[], str]) -> str:
    try:
        return table()
    except ValueError as error:
        return f"Not there yet: {error}."


if __name__ == "__main__":
    main()
