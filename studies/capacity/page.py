"""Writes what the study has found into docs/results.md and README.md, from the cells kept.

    python -m studies.capacity.page [RUNS...] [--page PAGE] [--readme README]

RUNS are folders of runs or of cells kept (default: studies/capacity/kept). Between the pages'
markers stands what this writes; a part whose cells are not all there says so. The figure goes into
the folder `figures` beside the page of results.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from foundations import files
from studies.capacity import corruption, cost, exact_runs, experiments, perceptron_page, tables
from studies.capacity.draw import draw
from studies.capacity.results import Trained, read_all

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
PAGE = PROJECT / "docs" / "results.md"
README = PROJECT / "README.md"

Parts = Mapping[str, Callable[[], str]]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m studies.capacity.page")
    parser.add_argument("runs", nargs="*", type=Path, default=[HERE / "kept"])
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--readme", type=Path, default=README)
    chosen = parser.parse_args(argv)
    found = read_all(chosen.runs)
    usual = found.get(Trained(), {})
    if not usual:
        parser.error("no cell of the study there")
    figures = chosen.page.parent / "figures"
    figures.mkdir(exist_ok=True)
    draw(usual, figures / "capacity", ["svg"])
    parts: Parts = {
        "cost": lambda: cost.told(chosen.runs),
        "networks": lambda: tables.networks(usual),
        "comparisons": lambda: tables.comparisons(usual),
        "longer": lambda: tables.longer(found),
        "controls": lambda: tables.controls(found),
        "statistics": lambda: tables.statistics(found),
        "planted": lambda: tables.planted(found),
        "exact": lambda: exact_runs.told(found.get(Trained(own_labels=True), {})),
        "perceptron": lambda: perceptron_page.told(chosen.runs, figures / "perceptron"),
        "corruption": lambda: corruption.told(chosen.runs, figures / "corruption"),
        "experiments": lambda: experiments.told(chosen.runs),
    }
    _write(chosen.page, parts)
    _write(chosen.readme, {"twins": lambda: tables.twins(usual)})


def _write(page: Path, parts: Parts) -> None:
    """Put each of `parts` between its markers in `page`."""
    text = page.read_text(encoding="utf-8")
    for name, table in parts.items():
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}\n{_or_why_not(table)}\n\n{end}{after}"
    with files.replacing(page, "w") as stream:
        stream.write(text)


def _or_why_not(table: Callable[[], str]) -> str:
    try:
        return table()
    except ValueError as error:
        return f"Not there yet: {error}."


if __name__ == "__main__":
    main()
