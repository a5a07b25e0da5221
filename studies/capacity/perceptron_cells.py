"""Writes the definition files of part 2, the rule on the perceptron: `cells/perceptron*.txt`.

    python -m studies.capacity.perceptron_cells [TUNING...]

Without arguments the cells that tune every rule, on seeds of their own; with the folders of those
runs, as a sweep left or kept them, the cells of the study, each rule frozen at the setting that
solved the most; what each setting solved is printed, the frozen ones marked. PLAN.md has the
commands.
"""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from foundations.errors import UserError
from memorization.report.runs import MeasuredRun
from studies.capacity.define import CELLS
from studies.capacity.perceptron import (
    LONGER,
    TUNING_SEEDS,
    WITHOUT_RATE,
    Trial,
    trial_of,
)
from studies.capacity.results import runs_at
from training_loop import metrics

EPOCHS = 200
SIZES = (251, 501, 1001)
TUNED_SIZE = 501
# Patterns for each 500 weights, so that N/50 divides them at every size; SBPI solves more.
PATTERNS = (190, 220, 250, 280, 310)
PATTERNS_OF_SBPI = (280, 310, 340, 370, 400)
TUNED_PATTERNS = (220, 280)
# Which is trained run by run, and therefore at one size.
STOCHASTIC = "stochastic"


@dataclass(frozen=True)
class Setting:
    """What a rule is told: options by name; the margin in square roots of N, as outputs grow."""

    options: tuple[tuple[str, str], ...]
    margin: float

    def words(self, inputs: int) -> str:
        """The setting for so many weights, as a definition file has it."""
        told = (*self.options, ("margin", self.margin_of(inputs)))
        return " ".join(f"{name}={value}" for name, value in told)

    def margin_of(self, inputs: int) -> str:
        """--margin for so many weights."""
        return f"{round(self.margin * math.sqrt(inputs), 2):g}"

    def is_of(self, run: MeasuredRun) -> bool:
        """Whether `run`, of TUNED_SIZE weights, was trained with it."""
        wanted = {**dict(self.options), "margin": self.margin_of(TUNED_SIZE)}
        given = {name: run.options[name.replace("-", "_")] for name in wanted}
        return all(type(given[name])(value) == given[name] for name, value in wanted.items())


def _rates(*rates: float) -> list[dict[str, str]]:
    return [{"lr-start": f"{rate:g}", "lr-fin": f"{rate / 100:g}"} for rate in rates]


def _grid(
    optimizer: str, told: Iterable[Mapping[str, str]], margins: Sequence[float]
) -> list[Setting]:
    return [
        Setting((("optimizer", optimizer), *options.items()), margin)
        for options, margin in itertools.product(told, margins)
    ]


MARGINS = (0.05, 0.3, 1.0)
GRIDS: dict[str, list[Setting]] = {
    "adam": _grid("adam", _rates(1e-3, 3e-3, 1e-2, 3e-2), MARGINS),
    "sgd": _grid("sgd", _rates(3e-5, 1e-4, 3e-4, 1e-3), MARGINS),
    "bop": _grid(
        "bop",
        [
            {"bop-adaptivity": adaptivity, "bop-threshold": threshold}
            for adaptivity in ("0.01", "0.001", "0.0001")
            for threshold in ("0.03", "0.1", "0.3")
        ],
        MARGINS,
    ),
    "sbpi": _grid(
        "sbpi", [{"sbpi-probability": p} for p in ("0.03", "0.1", "0.3", "0.6")], (0.1, 0.2, 0.4)
    ),
    STOCHASTIC: _grid("adam", _rates(1e-3, 3e-3, 1e-2, 3e-2), MARGINS),
}


def lines(
    rule: str, setting: Setting, inputs: int, patterns: Sequence[int], epochs: str
) -> Iterator[str]:
    """The grid of `rule` on so many `patterns` for each 500 weights, as the sweep reads it."""
    size = 1 if rule == "sbpi" else 5 * _times(inputs)
    told = ",".join(f"{count} {inputs}" for count in _counts(patterns, inputs))
    yield f'patterns="{told}" batch-size={size} epochs={epochs} {setting.words(inputs)}'


def _times(inputs: int) -> int:
    return (inputs - 1) // 250


def _counts(patterns: Sequence[int], inputs: int) -> list[int]:
    return [count // 2 * _times(inputs) for count in patterns]


def patterns_of(rule: str) -> Sequence[int]:
    """The patterns for each 500 weights on which the study trains `rule`."""
    return PATTERNS_OF_SBPI if rule == "sbpi" else PATTERNS


def sizes_of(rule: str) -> Sequence[int]:
    """The numbers of weights with which the study trains `rule`."""
    return (TUNED_SIZE,) if rule == STOCHASTIC else SIZES


def loads(rule: str, inputs: int) -> list[float]:
    """The patterns per weight at which the study trains `rule` with so many weights."""
    return [count / inputs for count in _counts(patterns_of(rule), inputs)]


def tuning_files() -> dict[str, list[str]]:
    """The lines of the files that tune the rules, by name."""
    found: dict[str, list[str]] = {"perceptron-tuning.txt": []}
    for rule, settings in GRIDS.items():
        name = _name("perceptron-tuning", rule)
        for setting in settings:
            made = lines(rule, setting, TUNED_SIZE, TUNED_PATTERNS, f"{EPOCHS}")
            found.setdefault(name, []).extend(made)
    return found


def files(frozen: Mapping[str, Setting]) -> dict[str, list[str]]:
    """The lines of the study's files, by name, each rule with the setting `frozen` for it.

    A rule without a learning rate is trained for the longer time alone, of which the shorter is the
    beginning.
    """
    found: dict[str, list[str]] = {}
    for rule, setting in frozen.items():
        longer = f"{LONGER * EPOCHS}"
        epochs = longer if rule in WITHOUT_RATE else f"{EPOCHS},{longer}"
        for inputs in sizes_of(rule):
            made = lines(rule, setting, inputs, patterns_of(rule), epochs)
            found.setdefault(_name("perceptron", rule), []).extend(made)
    return found


def _name(begins: str, rule: str) -> str:
    return f"{begins}-{STOCHASTIC}.txt" if rule == STOCHASTIC else f"{begins}.txt"


@dataclass(frozen=True)
class Score:
    """Of a setting's tuning runs how many were solved, and their mean training error at the end."""

    solved: int
    error: float

    def __lt__(self, other: Score) -> bool:
        return (-self.solved, self.error) < (-other.solved, other.error)


def scores(runs: Iterable[MeasuredRun]) -> dict[str, dict[Setting, Score]]:
    """By rule the score of each setting of its grid, in order; `frozen` is the first of the best.

    Raises UserError where a setting lacks a run.
    """
    found: dict[str, list[tuple[Trial, MeasuredRun]]] = {rule: [] for rule in GRIDS}
    for run in runs:
        trial = trial_of(run)
        tuned = trial is not None and (trial.inputs, trial.epochs) == (TUNED_SIZE, EPOCHS)
        if trial is not None and tuned and trial.seed in TUNING_SEEDS:
            found[trial.rule].append((trial, run))
    return {rule: _scores(rule, of_rule) for rule, of_rule in found.items()}


def frozen(scored: Mapping[str, Mapping[Setting, Score]]) -> dict[str, Setting]:
    """For each rule the setting that solves the most.

    Of equals that with the lowest mean training error at the last step, then the first of its grid.
    """
    return {rule: min(of_rule, key=lambda s: of_rule[s]) for rule, of_rule in scored.items()}


def _scores(rule: str, found: Sequence[tuple[Trial, MeasuredRun]]) -> dict[Setting, Score]:
    scored = {}
    wanted = {(n, seed) for n in TUNED_PATTERNS for seed in TUNING_SEEDS}
    for setting in GRIDS[rule]:
        own = {(t.patterns, t.seed): (t, run) for t, run in found if setting.is_of(run)}
        if own.keys() != wanted:
            raise UserError(
                f"{rule}, {setting.words(TUNED_SIZE)}: {len(own)} of {len(wanted)} tuning runs "
                "there; finish the sweep of perceptron-tuning*.txt"
            )
        solved = sum(trial.solved is not None for trial, _ in own.values())
        errors = [run.last(metrics.error("training")) for _, run in own.values()]
        scored[setting] = Score(solved, math.fsum(errors) / len(errors))
    return scored


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m studies.capacity.perceptron_cells")
    parser.add_argument("tuning", nargs="*", type=Path)
    parser.add_argument("--output", type=Path, default=CELLS)
    told = parser.parse_args(argv)
    try:
        scored = scores(runs_at(told.tuning)) if told.tuning else {}
    except UserError as error:
        parser.error(str(error))
    written = files(frozen(scored)) if scored else tuning_files()
    for name, of_file in written.items():
        text = "\n".join([f"# Written by {Path(__file__).name}.", *of_file, ""])
        (told.output / name).write_text(text, encoding="utf-8")
    for rule, of_rule in scored.items():
        for setting, score in of_rule.items():
            word = " *" if setting == frozen(scored)[rule] else ""
            told_of = f"{score.solved} solved, mean error {score.error:.4f}"
            print(f"{rule}: {setting.words(TUNED_SIZE)}: {told_of}{word}")


if __name__ == "__main__":
    main()
