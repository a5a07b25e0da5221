"""Corruption with a clean test error: PLAN.md, part 3.

    python -m studies.capacity.corruption RUNS... [--output corruption.png]

RUNS are folders of runs or of cells kept. Drawn are, of each twin against the share of labels that
were drawn anew: the test error against the truth after the last epoch, and where the training
error falls to MATCHED; the shares of the corrupted training images that are told as labelled
(memorised) and as they truly are (corrected); the steps to fit, and these against n. The same
stands on the terminal, in Markdown.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from foundations.errors import UserError
from memorization.report import style
from memorization.report.runs import MeasuredRun
from memorization.report.summary import censored_median
from studies.capacity.corruption_runs import (
    AS_GIVEN,
    AS_TRUE,
    EXPERIMENT,
    FITTED,
    MATCHED,
    Condition,
    Quantity,
    Runs,
    Twin,
    at_level,
    at_training_error,
    clean_test_error,
    difference_interval,
    last,
    read,
    share_interval,
    steps_to_fit,
    tested_images,
)
from studies.capacity.results import processor_of
from studies.capacity.tables import markdown
from training_loop import metrics


def summary(of_seeds: Mapping[int, MeasuredRun], quantity: Quantity, tested: bool) -> str:
    """The interval of `quantity`; how many seeds have it where some lack it.

    `tested`: whether it is a share of the test images, which the seeds have in common.
    """
    told = [value for value in map(quantity, of_seeds.values()) if value is not None]
    if len(told) < len(of_seeds):
        return f"{len(told)} of {len(of_seeds)} seeds" if told else ""
    return share_interval(told, tested_images(of_seeds) if tested else None).text()


def errors_table(runs: Runs) -> str:
    """A line for each condition: clean test errors, shares of the corrupted, steps to fit."""
    head = ["corruption", "n", "network", "training error, %", "clean test error, %"]
    head += [f"at a training error of {level:.0%}" for level in MATCHED]
    head += ["memorised, %", "corrected, %", f"corrected at {MATCHED[0]:.0%}", "steps to fit"]
    rows = []
    for of, seeds in runs.items():
        rows.append(
            [
                *(f"{of.corruption:g}", str(of.n), str(of.twin)),
                summary(seeds, last(metrics.error("training")), False),
                summary(seeds, clean_test_error, True),
                *(summary(seeds, at_level(level), True) for level in MATCHED),
                *(summary(seeds, last(column), False) for column in (AS_GIVEN, AS_TRUE)),
                summary(seeds, _corrected_at(MATCHED[0]), False),
                _steps_text(seeds),
            ]
        )
    return markdown(head, rows)


def _corrected_at(level: float) -> Quantity:
    def of(run: MeasuredRun) -> float | None:
        counted = AS_TRUE in run.rows[-1]
        return at_training_error(run.rows, level, lambda row: row[AS_TRUE]) if counted else None

    return of


def _steps_text(of_seeds: Mapping[int, MeasuredRun]) -> str:
    reached = [steps_to_fit(run) for run in of_seeds.values()]
    count = sum(steps is not None for steps in reached)
    median = censored_median(reached)
    if count == len(reached):
        return f"{median:,}"
    return f"{count} of {len(reached)} seeds" + (f", median {median:,}" if median else "")


def differences_table(runs: Runs) -> str:
    """What float weights, and rectifiers, change in the clean test error, paired by seed.

    Raises ValueError where there is no pair, or a pair ran on two kinds of processor.
    """
    head = ["corruption", "n", "difference", "at the end, points"]
    head += [f"at a training error of {level:.0%}" for level in MATCHED]
    rows = []
    for of, seeds in runs.items():
        for name, twin in _others(of.twin):
            other = runs.get(Condition(of.corruption, of.n, twin))
            if other is None or not (shared := sorted(seeds.keys() & other.keys())):
                continue
            pairs = [(seeds[seed], other[seed]) for seed in shared]
            for one, two in pairs:
                if processor_of(one) != processor_of(two):
                    raise ValueError(
                        f"{of.twin} and {twin} of seed {one.seed} were run on "
                        f"{processor_of(one)} and {processor_of(two)}; run either again"
                    )
            quantities = (clean_test_error, *map(at_level, MATCHED))
            told = [_difference(pairs, quantity, tested_images(seeds)) for quantity in quantities]
            rows.append([f"{of.corruption:g}", str(of.n), name, *told])
    return markdown(head, rows)


def _others(twin: Twin) -> Iterable[tuple[str, Twin]]:
    """What `twin` is compared with, which is more binary, by the name of the difference."""
    if twin.weights == "float":
        other = Twin("binary", twin.activations)
        yield f"float - binary weights, {str(twin).partition(', ')[2]}", other
    if twin.activations == "relu":
        other = Twin(twin.weights, "binary")
        yield f"rectifiers - binary activations, {twin.weights} weights", other


def _difference(
    pairs: Sequence[tuple[MeasuredRun, MeasuredRun]], quantity: Quantity, images: int
) -> str:
    values = [(quantity(one), quantity(two)) for one, two in pairs]
    both = [(a, b) for a, b in values if a is not None and b is not None]
    if len(both) < len(values):
        return f"{len(both)} of {len(values)} seeds" if both else ""
    one, other = zip(*both)
    return difference_interval(one, other, images).text(signed=True)


def draw(runs: Runs, path: Path, formats: Sequence[str]) -> list[Path]:
    """The figure of `runs` as `path` with each ending of `formats`; the files' paths."""
    twins = sorted({of.twin for of in runs})
    looks = dict(zip(twins, map(style.series, range(len(twins)))))
    usual = max((of.n for of in runs if of.corruption < 1), default=max(of.n for of in runs))
    with style.drawing(11, 6.6) as figure:
        (end, matched, shares), (steps, sizes, legend) = figure.subplots(2, 3)
        for twin, look in looks.items():
            of_twin = {of: seeds for of, seeds in runs.items() if of.twin == twin}
            by_share = {100 * of.corruption: s for of, s in of_twin.items() if of.n == usual}
            by_size = {float(of.n): s for of, s in of_twin.items() if of.corruption == 1}
            line = look.line(1)
            _shares(end, by_share, clean_test_error, True, line)
            _shares(matched, by_share, at_level(MATCHED[-1]), True, line)
            _shares(shares, by_share, last(AS_GIVEN), False, line)
            _shares(shares, by_share, last(AS_TRUE), False, style.fainter(line))
            _steps(steps, by_share, line)
            _steps(sizes, by_size, line)
            legend.plot([], [], label=str(twin), **line)
        end.set_title("clean test error at the end", fontsize=9)
        matched.set_title(f"at a training error of {MATCHED[-1]:.0%}", fontsize=9)
        shares.set_title("corrupted images: memorised, faint: corrected", fontsize=9)
        steps.set_title(f"steps to a training error of {FITTED:.0%}", fontsize=9)
        sizes.set_title("the same, all labels replaced", fontsize=9)
        for axes in (end, matched, shares, steps):
            axes.set_xlabel("replaced labels")
            style.percent_axis(axes.xaxis)
        for axes in (end, matched, shares):
            axes.set_ylim(-3, 103)
            style.percent_axis(axes.yaxis)
        sizes.set_xlabel("training images")
        legend.set_axis_off()
        legend.legend(loc="upper left", fontsize=8)
        return style.save(figure, path, formats)


def _shares(axes, by_place, quantity: Quantity, tested: bool, line) -> None:
    """The quantity's intervals, where all seeds of a place have it."""
    points = []
    for place, seeds in sorted(by_place.items()):
        told = [value for value in map(quantity, seeds.values()) if value is not None]
        if len(told) == len(seeds):
            points.append((place, share_interval(told, tested_images(seeds) if tested else None)))
    if points:
        places, of = zip(*points)
        means = [interval.mean for interval in of]
        ends = [
            [100 * (i.mean - i.low) for i in of],
            [100 * (i.high - i.mean) for i in of],
        ]
        axes.errorbar(places, [100 * mean for mean in means], yerr=ends, capsize=3, **line)


def _steps(axes, by_place, line) -> None:
    """Medians over the seeds; a cross on the last step where fewer than half have fitted."""
    points = []
    for place, seeds in sorted(by_place.items()):
        median = censored_median([steps_to_fit(run) for run in seeds.values()])
        run = next(iter(seeds.values()))
        if median is not None:
            points.append((place, median))
        elif run.steps_of_an_epoch is not None:
            whole = run.epochs * run.steps_of_an_epoch
            axes.plot(place, whole, marker="x", color=line["color"], linestyle="none")
    if points:
        axes.plot(*zip(*points), **line)
    axes.set_ylim(bottom=0)


def told(places: Iterable[Path], picture: Path) -> str:
    """The tables of the runs at or below `places`, and their figure, drawn as `picture`.svg.

    In Markdown of a page that has the figure's folder beside it. Raises ValueError where there are
    none, UserError as `read` does.
    """
    runs = read(places)
    tables = errors_table(runs)
    draw(runs, picture, ["svg"])
    caption = "Test error against the truth, shares and steps against the share of replaced labels"
    link = f"![{caption}]({picture.parent.name}/{picture.name}.svg)"
    return "\n\n".join((link, tables, _or_why_not(differences_table, runs)))


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m studies.capacity.corruption")
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--output", type=Path, default=Path("corruption.png"))
    chosen = parser.parse_args(argv)
    ending = chosen.output.suffix[1:]
    if ending not in style.FORMATS:
        parser.error(f"--output {chosen.output}: its ending is one of {', '.join(style.FORMATS)}")
    try:
        runs = read(chosen.runs)
        if not runs:
            parser.error(f"no finished run of {EXPERIMENT} with --corrupted-labels there")
        print(errors_table(runs), _or_why_not(differences_table, runs), sep="\n\n")
    except UserError as error:
        parser.error(str(error))
    draw(runs, chosen.output.with_suffix(""), [ending])


def _or_why_not(table: Callable[[Runs], str], runs: Runs) -> str:
    try:
        return table(runs)
    except ValueError as error:
        return f"No differences: {error}."


if __name__ == "__main__":
    main()
