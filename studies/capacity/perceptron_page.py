"""Part 2 of the study as docs/results.md tells it, from the rules and sizes that are trained whole.

A rule at a size is whole where all loads of the plan have all seeds, after T epochs and after ten
times as many; of the others nothing is told but that they are not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from studies.capacity.perceptron import (
    LONGER,
    Trial,
    after,
    by_load,
    draw,
    groups,
    half_of,
    is_threshold,
    read,
)
from studies.capacity.perceptron_cells import EPOCHS, GRIDS, loads, sizes_of
from studies.capacity.tables import markdown

SEEDS = 20
LENGTHS = (EPOCHS, LONGER * EPOCHS)
# Every rule of the plan, at every size that it is trained at.
PLANNED = [(rule, inputs) for rule in GRIDS for inputs in sizes_of(rule)]


def whole(trials: Iterable[Trial]) -> dict[tuple[str, int], list[Trial]]:
    """Of each rule and size that is whole the trials after each of LENGTHS, in the plan's order."""
    found = {}
    of_group = groups(trials)
    for rule, inputs in PLANNED:
        of_length = [after(of_group.get((rule, inputs), []), length) for length in LENGTHS]
        seeds = [by_load(of) for of in of_length]
        if all(
            set(of) == set(loads(rule, inputs)) and all(len(s) == SEEDS for s in of.values())
            for of in seeds
        ):
            found[rule, inputs] = [trial for of in of_length for trial in of]
    return found


def table(of_group: dict[tuple[str, int], list[Trial]]) -> str:
    """A line for each rule, size and length: seeds solved at each load, the load of half."""
    head = ["rule", "weights", "epochs", f"seeds of {SEEDS} solved, by patterns per weight"]
    head += ["half solved at, 95 %", "threshold"]
    rows = []
    for (rule, inputs), trials in of_group.items():
        halves = [half_of(after(trials, length)) for length in LENGTHS]
        words = ["", "yes" if is_threshold(*halves) else "no"]
        for length, half, word in zip(LENGTHS, halves, words):
            counts = [
                f"{load:.2f}: {sum(epoch is not None for epoch in of.values())}"
                for load, of in by_load(after(trials, length)).items()
            ]
            rows.append([rule, f"{inputs:,}", f"{length:,}", "; ".join(counts), str(half), word])
    return markdown(head, rows)


def missing(of_group: Iterable[tuple[str, int]]) -> str:
    """Which of the plan's rules and sizes are not whole; nothing where all are."""
    there = set(of_group)
    sizes: dict[str, list[str]] = {}
    for rule, inputs in PLANNED:
        if (rule, inputs) not in there:
            sizes.setdefault(rule, []).append(f"{inputs:,}")
    if not sizes:
        return ""
    told = "; ".join(f"{rule} at {' and '.join(of)} weights" for rule, of in sizes.items())
    return f"Not there yet: {told}."


def told(places: Sequence[Path], picture: Path) -> str:
    """The table of the runs at or below `places`, and their figure, drawn as `picture`.svg.

    In Markdown of a page that has the figure's folder beside it. Raises ValueError where no rule is
    whole at any size, UserError as `read` does.
    """
    of_group = whole(read(places))
    if not of_group:
        raise ValueError("no rule at any size with all of its loads and seeds")
    draw([trial for trials in of_group.values() for trial in trials], EPOCHS, picture, ["svg"])
    caption = "Share of seeds solved against patterns per weight, a column for each rule"
    link = f"![{caption}]({picture.parent.name}/{picture.name}.svg)"
    return "\n\n".join(filter(None, (link, table(of_group), missing(of_group))))
