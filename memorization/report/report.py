"""Compare runs: a table over experiments and seeds, a figure that overlays them, an HTML page.

    python report.py results/* --output results/report

Every argument is a run's folder, or a folder with runs somewhere below it. Written are report.md
and report.csv (the table), comparison.png and .svg (the figure) and report.html, which holds all of
it in one file that opens anywhere.

Runs that differ in nothing but the seed are summarised by their mean and standard deviation. A run
that has not finished is reported as far as it got, and is averaged with no other. A folder that
cannot be read is named on the standard error and left out; the exit code is then 1, and 2 where
nothing is left to report.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from foundations import files
from foundations.errors import UserError
from memorization import command_line
from memorization.report import comparison
from memorization.report import page as report_page
from memorization.report.runs import Group, MeasuredRun, grouped, read_run, varying_settings
from memorization.run.record import RUN_FILE

NEVER = "never"
PAGE = "report.html"


@dataclass(frozen=True)
class Table:
    """Column titles and lines of texts; `summary` tells which lines are of several seeds."""

    titles: tuple[str, ...]
    lines: list[tuple[str, ...]]
    summary: list[bool]


def find_runs(places: Sequence[Path], output: Path) -> tuple[list[Path], list[str]]:
    """The folders of runs at or below `places`, each once, and a line for each place without.

    Folders of reports, `output` among them, are passed over: `results/*` names them too.
    """
    found: dict[Path, Path] = {}
    complaints = []
    for place in places:
        if place.resolve() == output.resolve() or (place / PAGE).exists():
            continue
        if (place / RUN_FILE).exists():
            runs = [place]
        else:
            runs = sorted(path.parent for path in place.rglob(RUN_FILE))
        if not runs:
            kind = "no run there" if place.is_dir() else "no such folder"
            complaints.append(f"{place}: {kind}; left out")
        for folder in runs:
            found.setdefault(folder.resolve(), folder)
    return list(found.values()), complaints


def table(groups: Sequence[Group]) -> Table:
    """A line per run, and the mean and standard deviation below the runs of a group of several."""
    settings = varying_settings(groups)
    with_settings = any(settings.values())
    titles = (
        "experiment",
        *(["settings"] if with_settings else []),
        "corruption",
        "seed",
        "epochs",
        *(f"epochs to {limit:.0%} training error" for limit in comparison.THRESHOLDS),
        "training error (%)",
        "validation error (%)",
        "test error (%)",
        "generalisation gap (points)",
    )
    lines, summary = [], []
    for group in groups:
        head = (
            group.experiment,
            *([settings[group.key]] if with_settings else []),
            f"{group.corruption:g}",
        )
        for run in group.runs:
            lines.append((*head, str(run.seed), _epochs(run), *_results(run)))
            summary.append(False)
        if len(group.runs) > 1:
            for name, of in (("mean", group.mean), ("standard deviation", group.deviation)):
                reached = [of(partial(_reached, limit)) for limit in comparison.THRESHOLDS]
                errors = [of(partial(_percent, error)) for error in comparison.ERRORS]
                errors.append(of(_gap))
                texts = [NEVER if value is None else f"{value:.1f}" for value in reached]
                texts += [f"{value:.2f}" for value in errors]
                lines.append((*head, name, _epochs(group.runs[0]), *texts))
                summary.append(True)
    return Table(titles, lines, summary)


def _reached(limit: float, run: MeasuredRun) -> float | None:
    return run.epochs_to(limit)


def _percent(error: str, run: MeasuredRun) -> float:
    return 100 * run.last(error)


def _gap(run: MeasuredRun) -> float:
    return 100 * run.gap


def _epochs(run: MeasuredRun) -> str:
    return str(run.epochs) if run.finished else f"{run.epochs} of {run.options['epochs']}"


def _results(run: MeasuredRun) -> list[str]:
    reached = [run.epochs_to(limit) for limit in comparison.THRESHOLDS]
    return [
        *(NEVER if epoch is None else str(epoch) for epoch in reached),
        *(f"{_percent(error, run):.2f}" for error in comparison.ERRORS),
        f"{_gap(run):.2f}",
    ]


def markdown(content: Table) -> str:
    """The table in Markdown, lined up for reading as plain text too; summary lines in italics."""
    lines = [content.titles] + [
        tuple(cell and f"*{cell}*" for cell in line) if summary else line
        for line, summary in zip(content.lines, content.summary)
    ]
    widths = [max(map(len, column)) for column in zip(*lines)]
    numbers = len(content.titles) - content.titles.index("corruption")
    left = len(content.titles) - numbers
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


def write_report(groups: Sequence[Group], output: Path) -> list[Path]:
    """Table, figure and page of `groups` into the folder `output`; the files' paths."""
    output.mkdir(parents=True, exist_ok=True)
    content = table(groups)
    figure = comparison.draw(groups, output / "comparison")
    with files.replacing(output / "report.csv", "w") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(content.titles)
        writer.writerows(content.lines)
    with files.replacing(output / "report.md", "w") as stream:
        stream.write(f"{markdown(content)}\n\n![{comparison.CAPTION}](comparison.svg)\n")
    with files.replacing(output / PAGE, "w") as stream:
        stream.write(
            report_page.page(
                content.titles,
                list(zip(content.lines, content.summary)),
                (output / "comparison.svg").read_bytes(),
                comparison.CAPTION,
                [run for group in groups for run in group.runs],
            )
        )
    return [output / name for name in (PAGE, "report.md", "report.csv")] + figure


def report(places: Sequence[Path], output: Path) -> list[str]:
    """Report on all runs at or below `places` into `output`; one line for each that is left out.

    Raises UserError where there is nothing to report.
    """
    folders, complaints = find_runs(places, output)
    runs = []
    for folder in folders:
        try:
            runs.append(read_run(folder))
        except UserError as error:
            complaints.append(f"{error}; left out")
            continue
        if not runs[-1].finished:
            done, wanted = runs[-1].epochs, runs[-1].options["epochs"]
            print(f"{folder}: not finished, {done} of {wanted} epochs done", file=sys.stderr)
    for line in complaints:
        print(line, file=sys.stderr)
    if not runs:
        raise UserError("no run to report; give the folders of runs, as in report.py results/*")
    groups = grouped(runs)
    written = write_report(groups, output)
    print(markdown(table(groups)))
    print("\nwritten: " + ", ".join(map(str, written)))
    return complaints


def main(argv: Sequence[str] | None = None) -> None:
    parser = command_line.ArgumentParser("python -m memorization report", __doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a folder of runs")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("results/report"),
        metavar="DIR",
        help="folder to write into (default: results/report)",
    )
    chosen = parser.parse_args(argv)
    if report(chosen.runs, chosen.output):
        sys.exit(1)


if __name__ == "__main__":
    command_line.run_command(main)
