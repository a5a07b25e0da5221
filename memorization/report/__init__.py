"""Compare runs: a table over experiments and seeds, a figure that overlays them, an HTML page.

    python -m memorization report results/* --output results/report

Every argument is a run's folder, or a folder with runs somewhere below it. Written are report.md
and report.csv (the table), the figures comparison, zhang_figure_1 (binary networks beside float
ones) and, of what was measured besides, measured, each as .png, .svg and .pdf; and report.html,
with all of it in one file that opens anywhere: its table sorts, filters and hides runs, its curves
are read, zoomed and put on logarithmic axes, and it has every run's record.

Runs that differ in nothing but the seed are summarised by mean, standard deviation and the 95 %
interval of Student's t for the mean. Where some of them never reached a training error, the table
says how many did, and the median of the epochs counts the others as later. A run that is found
twice counts once. A run that has not finished is reported as far as it got, and is
averaged with no other. A folder that cannot be read is named on the standard error and left out;
the exit code is then 1, and 2 where nothing is left to report.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from datasets.labelled_sets import LabelledSets
from foundations import files
from foundations.errors import UserError
from foundations.reading import MOST_OF_A_PATH, file_errors, pasteable, printable
from memorization.command_line import MOST_OF_A_LINE, ArgumentParser
from memorization.report import page, table
from memorization.report.runs import Group, distinct, find_runs, grouped, read_run

PAGE = "report.html"
# No two of so many series look the same.
MOST_IN_A_FIGURE = 64
# The figures of a report, by the names of their files without ending; their captions.
FIGURES = {
    "comparison": f"{table.CAPTION}; the dotted line is chance",
    "zhang_figure_1": (
        "After Zhang et al. (arXiv 1611.03530), figure 1: training loss against training steps, "
        "time to fit and test error against the share of replaced labels; lines are means over n "
        "seeds, bands and bars reach from the lowest to the highest; a cross: not every seed fitted"
    ),
    "measured": (
        "What was measured besides errors and losses; lines are means over seeds, bands reach from "
        "the lowest to the highest seed"
    ),
}


def report_runs(places: Sequence[Path], output: Path, *, show_table: bool = True) -> list[str]:
    """Report on all runs at or below `places` into `output`; a line for all that is left out.

    Raises UserError where there is nothing to report.
    """
    folders, complaints = find_runs(places, lambda place: _is_report(place, output))
    runs = []
    for folder in folders:
        try:
            runs.append(read_run(folder))
        except UserError as error:
            complaints.append(f"{error}; left out")
    runs, repetitions = distinct(runs)
    for run in runs:
        if not run.finished:
            done, wanted = run.epochs, run.options["epochs"]
            _tell(f"{run.folder}: not finished, {done} of {wanted} epochs done")
    for line in (*repetitions, *complaints):
        _tell(line)
    if not runs:
        raise UserError(
            "no run to report; give the folders of runs, as in "
            "python -m memorization report results/*"
        )
    groups = grouped(runs)
    content = table.table(groups)
    output.mkdir(parents=True, exist_ok=True)
    if show_table:
        print(table.markdown(content), flush=True)
    figures, failures = _draw(groups, output)
    for failure in failures:
        complaints.append(failure)
        _tell(f"warning: {failure}")
    written = _write(content, groups, output, list(figures))
    written += [path for paths in figures.values() for path in paths]
    print("\nwritten: " + ", ".join(printable(path, MOST_OF_A_PATH) for path in written))
    return complaints


def _draw(groups: Sequence[Group], output: Path) -> tuple[dict[str, list[Path]], list[str]]:
    """The figures of `groups` in the folder `output`: the files' paths by the figure's name, and a
    line for each figure that could not be drawn."""
    drawn: dict[str, list[Path]] = {}
    failures: list[str] = []
    if len(groups) > MOST_IN_A_FIGURE:
        _tell(
            f"{len(groups)} settings are too many to tell apart in a figure ({MOST_IN_A_FIGURE} at "
            f"most): none is drawn, {PAGE} shows any part of them"
        )
        return drawn, failures
    for name in FIGURES:
        try:
            with file_errors(output / name, "cannot be drawn"):
                # Late, since matplotlib may be what cannot be imported.
                from memorization.report import compared_figures

                if paths := compared_figures.DRAWN[name](groups, output / name):
                    drawn[name] = paths
        except UserError as error:
            failures.append(str(error))
    return drawn, failures


def _write(
    content: table.Table, groups: Sequence[Group], output: Path, figures: Sequence[str]
) -> list[Path]:
    """Table and page into the folder `output`, where the `figures` lie; the files' paths."""
    with files.replacing(output / "report.csv", "w") as stream:
        table.write_csv(content, stream)
    with files.replacing(output / "report.md", "w") as stream:
        stream.write(table.markdown(content) + "\n")
        for name in figures:
            stream.write(f"\n![{FIGURES[name]}]({name}.svg)\n")
    shown = {name: (FIGURES[name], (output / f"{name}.svg").read_bytes()) for name in figures}
    with files.replacing(output / PAGE, "w") as stream:
        stream.write(page.page(content, groups, shown))
    return [output / name for name in (PAGE, "report.md", "report.csv")]


def draw_figures(folder: Path, rows: Sequence[dict[str, float]], data: LabelledSets) -> list[Path]:
    """Draw the figures of the run in `folder`, which measured `rows` on `data`; the files' paths.

    A figure that cannot be drawn is a warning: the run is no less finished for it.
    """
    if not rows:
        return []
    try:
        from memorization.report import figures

        drawn, failures = figures.draw_run(folder, rows, data.form.class_names, lambda: data)
    except UserError as error:
        drawn, failures = [], [error]
    again = pasteable(["python", "-m", "memorization", "figures", str(folder)])
    for failure in failures:
        _tell(f"warning: {failure}; the run is whole, and its figures can be drawn with: {again}")
    return drawn


def _is_report(place: Path, output: Path) -> bool:
    return place.resolve() == output.resolve() or (place / PAGE).exists()


def _tell(line: str) -> None:
    print(printable(line, MOST_OF_A_LINE), file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> None:
    parser = ArgumentParser("python -m memorization report", __doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a folder of runs")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("results/report"),
        metavar="DIR",
        help="folder to write into (default: results/report)",
    )
    chosen = parser.parse_args(argv)
    if report_runs(chosen.runs, chosen.output):
        sys.exit(1)
