"""Share of seeds for which a rule solves a perceptron, by patterns per weight: PLAN.md, part 2.

    python -m studies.capacity.perceptron RUNS... [--epochs 200] [--output perceptron.png]

A panel for each rule after T epochs (`--epochs`), and below it after ten times as many: the share
of the seeds whose training error was 0 at some epoch, a line for each number of weights, fitted by
a logistic curve. The vertical lines are what binary weights can store (0.833), and float ones (2).
The same stands on the terminal, with the load at which half of the seeds are solved, its interval,
and whether it is a threshold.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from foundations.errors import UserError
from memorization.report import style
from memorization.report.runs import MeasuredRun
from memorization.report.summary import censored_median
from memorization.run.settings import completed
from studies.capacity.logistic import Half, half_solved
from studies.capacity.results import runs_at
from training_loop import metrics

# In patterns per weight: binary weights (Krauth and Mezard 1989), float ones (Cover 1965).
BINARY_LINE, FLOAT_LINE = 0.833, 2.0
# Which the rules were tuned on; they are in no share.
TUNING_SEEDS = range(100, 105)
# Without norm and bias they have no learning rate.
WITHOUT_RATE = ("bop", "sbpi")
# How much longer the second look at every rule is.
LONGER = 10


@dataclass(frozen=True)
class Trial:
    """A seed of a rule on `patterns` of `inputs` weights, for `epochs`.

    `solved`: the first epoch without training error, None where none was in these epochs
    (censored).
    """

    rule: str
    inputs: int
    patterns: int
    epochs: int
    seed: int
    solved: int | None
    # Whether a longer run of the same begins as this one: its learning rate does not fall.
    steady: bool = False

    @property
    def load(self) -> float:
        """Patterns per weight."""
        return self.patterns / self.inputs


def trial_of(run: MeasuredRun) -> Trial | None:
    """The trial that a finished `run` is; None where it is none of a single binary output."""
    options, network = completed(run.options), run.record["network"]
    single = options["network"] == "mlp" and not options["hidden"] and options["classes"] == 2
    bare = options["norm"] == "none" and options["bias"] == "no"
    trained = options["weights"] == "binary" and not options["freeze_weights"]
    if not (single and bare and trained and options["patterns"]) or options["teacher"]:
        return None
    if run.rows[-1][metrics.EPOCH] != options["epochs"]:
        return None
    rule = "stochastic" if network.get("stochastic") else options["optimizer"]
    patterns, inputs = options["patterns"]
    steady = rule in WITHOUT_RATE or options["lr_start"] == options["lr_fin"]
    return Trial(rule, inputs, patterns, options["epochs"], run.seed, run.epochs_to(0.0), steady)


def read(places: Iterable[Path]) -> list[Trial]:
    """The trials at or below `places`, those of tuning left out.

    Raises UserError where a run cannot be read, or where two are of the same seed and differ.
    """
    found: dict[tuple, Trial] = {}
    for run in runs_at(places):
        trial = trial_of(run)
        if trial is None or trial.seed in TUNING_SEEDS:
            continue
        same = found.setdefault(tuple(vars(replace(trial, solved=None)).values()), trial)
        if same != trial:
            raise UserError(
                f"{run.folder}: a second run of {trial.rule}, {trial.patterns} patterns of "
                f"{trial.inputs}, {trial.epochs} epochs, seed {trial.seed}, with another outcome; "
                "give the runs of one setting of each rule"
            )
    return list(found.values())


def after(trials: Iterable[Trial], epochs: int) -> list[Trial]:
    """The trials as they stood after `epochs`: those of so many, and longer ones as far as that.

    The longer ones are steady; what they solved later does not count.
    """
    found = {}
    for trial in sorted(trials, key=lambda trial: -trial.epochs):
        begins = trial.steady and trial.epochs > epochs
        if trial.epochs != epochs and not begins:
            continue
        solved = trial.solved if (trial.solved or math.inf) <= epochs else None
        stood = replace(trial, epochs=epochs, solved=solved)
        found[replace(stood, solved=None)] = stood
    return list(found.values())


def by_load(trials: Iterable[Trial]) -> dict[float, dict[int, int | None]]:
    """By load and then by seed the epoch at which it was solved, loads and seeds in order."""
    found: dict[float, dict[int, int | None]] = {}
    for trial in sorted(trials, key=lambda trial: (trial.load, trial.seed)):
        found.setdefault(trial.load, {})[trial.seed] = trial.solved
    return found


def half_of(trials: Iterable[Trial]) -> Half | None:
    """The load at which half of the seeds are solved; None of fewer than two loads or seeds.

    Only seeds that every load has are counted.
    """
    solved = by_load(trials)
    seeds = sorted(set.intersection(*map(set, solved.values()))) if solved else []
    if len(solved) < 2 or len(seeds) < 2:
        return None
    table = [[of[seed] is not None for seed in seeds] for of in solved.values()]
    return half_solved(list(solved), np.array(table))


def is_threshold(shorter: Half | None, longer: Half | None) -> bool:
    """Whether the load of half is within the interval that it has ten times the epochs later.

    Where both lie within the loads that were tried.
    """
    if shorter is None or longer is None or not (shorter.within and longer.within):
        return False
    return longer.low <= shorter.load <= longer.high


def groups(trials: Iterable[Trial]) -> dict[tuple[str, int], list[Trial]]:
    """The trials of each rule and number of weights, in order."""
    found: dict[tuple[str, int], list[Trial]] = {}
    for trial in sorted(trials, key=lambda trial: (trial.rule, trial.inputs)):
        found.setdefault((trial.rule, trial.inputs), []).append(trial)
    return found


def table(trials: Sequence[Trial], epochs: int) -> list[str]:
    """For each rule and size: shares and times by load, the load of half, is it a threshold."""
    lines = []
    for (rule, inputs), of_rule in groups(trials).items():
        halves = []
        for length in (epochs, LONGER * epochs):
            found = after(of_rule, length)
            halves.append(half_of(found))
            told = "nothing" if halves[-1] is None else str(halves[-1])
            lines.append(f"{rule}, {inputs} weights, {length} epochs: half solved at {told}")
            lines += [f"    {line}" for line in _shares(by_load(found))]
        word = "a threshold" if is_threshold(*halves) else "no threshold"
        lines.append(f"{rule}, {inputs} weights: {word} from {epochs} to {LONGER * epochs} epochs")
    return lines


def _shares(solved: Mapping[float, Mapping[int, int | None]]) -> Iterable[str]:
    for load, of_seeds in solved.items():
        count = sum(epoch is not None for epoch in of_seeds.values())
        median = censored_median(list(of_seeds.values()))
        time = "half of the seeds never" if median is None else f"half of the seeds by {median}"
        yield f"{load:.3f} a weight: {count} of {len(of_seeds)} solved, {time}"


def draw(trials: Sequence[Trial], epochs: int, path: Path, formats: Sequence[str]) -> list[Path]:
    """Draw the shares after `epochs` and ten times as many as `path` with the endings `formats`."""
    rules = sorted({trial.rule for trial in trials})
    sizes = sorted({trial.inputs for trial in trials})
    looks = dict(zip(sizes, map(style.series, range(len(sizes)))))
    with style.drawing(1.6 + 2.9 * len(rules), 6) as drawn:
        panels = drawn.subplots(2, len(rules), sharex=True, sharey=True, squeeze=False)
        for length, row in zip((epochs, LONGER * epochs), panels):
            for rule, axes in zip(rules, row):
                axes.set_title(f"{rule}, {length:,} epochs")
                axes.set_xscale("log")
                of_rule = [trial for trial in after(trials, length) if trial.rule == rule]
                for (_, inputs), group in groups(of_rule).items():
                    _draw(axes, group, f"{inputs:,} weights", looks[inputs])
                axes.axvline(BINARY_LINE, color=style.GREY, linestyle="--", linewidth=0.8)
                axes.axvline(FLOAT_LINE, color=style.GREY, linestyle=":", linewidth=0.8)
                ticks = [0.3, 0.5, BINARY_LINE, FLOAT_LINE]
                axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
                axes.minorticks_off()
                if of_rule:
                    axes.legend()
            row[0].set_ylabel("share of seeds solved")
        for axes in panels[-1]:
            axes.set_xlabel("patterns per weight")
        return style.save(drawn, path, formats)


def _draw(axes, trials: Sequence[Trial], label: str, look: style.Style) -> None:
    solved = by_load(trials)
    shares = [sum(e is not None for e in of.values()) / len(of) for of in solved.values()]
    marks = {"color": look.color, "marker": look.marker, "markersize": 4}
    axes.plot(list(solved), shares, linestyle="none", label=label, **marks)
    half = half_of(trials)
    if half is not None:
        loads = np.linspace(min(solved), max(solved), 200)
        axes.plot(loads, half.share(loads), color=look.color, linestyle=look.linestyle, linewidth=1)
        if half.within:
            axes.plot([half.low, half.high], [0.5, 0.5], color=look.color, linewidth=3)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m studies.capacity.perceptron")
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--output", type=Path, default=Path("perceptron.png"))
    chosen = parser.parse_args(argv)
    ending = chosen.output.suffix[1:]
    if ending not in style.FORMATS:
        parser.error(f"--output {chosen.output}: its ending is one of {', '.join(style.FORMATS)}")
    try:
        trials = read(chosen.runs)
    except UserError as error:
        parser.error(str(error))
    trials = [*after(trials, chosen.epochs), *after(trials, LONGER * chosen.epochs)]
    if not trials:
        parser.error(f"no finished run of a single binary output for {chosen.epochs} epochs there")
    print("\n".join(table(trials, chosen.epochs)))
    draw(trials, chosen.epochs, chosen.output.with_suffix(""), [ending])


if __name__ == "__main__":
    main()
