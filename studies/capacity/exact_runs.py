"""The networks that are searched exactly (PLAN.md, part 1): their searches, kept, and their table.

    python -m studies.capacity.exact_runs [--seconds 3600] [--threads N] [--kept FILE]

searches what is not kept yet, and keeps each as it ends (default: studies/capacity/exact.json).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from foundations import files, reading
from memorization import command_line
from memorization.run import environment
from studies.capacity import exact
from studies.capacity.capacity import Shape, bound_per_weight
from studies.capacity.results import Stored
from studies.capacity.tables import largest, markdown, name_of

KEPT = Path(__file__).resolve().parent / "exact.json"
SECONDS = 3600.0
# Inputs, units of the hidden layers, seeds: the smallest first.
NETWORKS: Sequence[tuple[int, tuple[int, ...], Sequence[int]]] = (
    (16, (), range(5)),
    (12, (2,), range(5)),
    (16, (2,), range(5)),
    (12, (3,), range(5)),
    (16, (3,), range(5)),
    (12, (4,), range(5)),
    (16, (8,), range(1)),
)


@dataclass(frozen=True)
class Searched:
    """A search's outcome: the `largest` n that a network labels, and the `answer` at n + 1.

    `network`: its units, layer by layer, as text. `seconds` and `limit` are those of the search.
    """

    inputs: int
    hidden: tuple[int, ...]
    seed: int
    largest: int
    answer: str
    why: str
    seconds: float
    limit: float
    processor: str
    network: tuple[tuple[str, ...], ...]

    @property
    def shape(self) -> Shape:
        return Shape(self.inputs, self.hidden, 1)


_KINDS: dict[str, type | tuple[type, ...]] = {
    **{"inputs": int, "hidden": list, "seed": int, "largest": int, "answer": str, "why": str},
    **{"seconds": (int, float), "limit": (int, float), "processor": str, "network": list},
}


def load(path: Path = KEPT) -> list[Searched]:
    """The searches kept in `path`; none where there is no file. UserError where it is no such."""
    if not path.exists():
        return []
    with reading.file_errors(path, "no searches of the study"):
        found = reading.load_json(path)
        if not isinstance(found, list):
            raise ValueError("it is no list")
        for fields in found:
            reading.check_fields(fields, _KINDS)
        return [_searched(fields) for fields in found]


def _searched(fields: dict[str, Any]) -> Searched:
    for name, kind in (("hidden", int), ("network", list)):
        if not all(isinstance(value, kind) for value in fields[name]):
            raise ValueError(f"{name} is {reading.printable(repr(fields[name]))}")
    network = tuple(tuple(units) for units in fields["network"])
    return Searched(**{**fields, "hidden": tuple(fields["hidden"]), "network": network})


def search(inputs: int, hidden: tuple[int, ...], seed: int, limit: float, threads: int) -> Searched:
    """Search the largest n of one network for so many seconds; UserError without OR-tools."""
    began = time.monotonic()
    n, answer = exact.largest(Shape(inputs, hidden, 1), seed, limit, threads)
    seconds = round(time.monotonic() - began, 1)
    network = tuple(tuple(map(str, units)) for units in answer.network or ())
    processor = str(environment.describe("cpu")["processor"])
    outcome = (n, answer.told, answer.why, seconds, limit, processor, network)
    return Searched(inputs, hidden, seed, *outcome)


def told(trained: Mapping[Shape, Stored], path: Path = KEPT) -> str:
    """The table of what is kept, beside what `trained` networks label, and what is missing.

    ValueError where nothing is kept.
    """
    head = ["network", "weights", "seeds", "largest n", "a weight", "bound a weight", "ended by"]
    head += ["n_max, trained"]
    by_shape: dict[Shape, list[Searched]] = {}
    kept = load(path)
    for of in kept:
        by_shape.setdefault(of.shape, []).append(of)
    rows = []
    for shape, searches in by_shape.items():
        ends = [_end(of) for of in searches]
        counted = [f"{end}: {ends.count(end)}" for end in dict.fromkeys(ends)]
        sizes = [of.largest for of in searches]
        mean = math.fsum(sizes) / len(sizes)
        at_least = "at least " if any(of.answer == "unsolved" for of in searches) else ""
        rows.append(
            [
                *(name_of(shape), str(shape.n_weights), str(len(searches))),
                f"{at_least}{mean:.1f} ({min(sizes)} to {max(sizes)})",
                f"{at_least}{mean / shape.n_weights:.2f}",
                f"{bound_per_weight(shape):.2f}",
                "; ".join(counted),
                largest(trained[shape]) if shape in trained else "",
            ]
        )
    left = dict.fromkeys(name_of(Shape(inputs, hidden, 1)) for inputs, hidden, _ in missing(kept))
    return markdown(head, rows) + (f"\n\nNot searched yet: {', '.join(left)}." if left else "")


def _end(of: Searched) -> str:
    if of.answer == "unsolved":
        return f"{of.limit:.0f} s"
    return "a pattern with two labels" if of.why else "none has one more"


def missing(kept: Iterable[Searched]) -> list[tuple[int, tuple[int, ...], int]]:
    """Inputs, hidden units and seed of the searches that are not kept, in the plan's order."""
    there = {(of.inputs, of.hidden, of.seed) for of in kept}
    every = [(inputs, hidden, seed) for inputs, hidden, seeds in NETWORKS for seed in seeds]
    return [one for one in every if one not in there]


def main(argv: Sequence[str] | None = None) -> None:
    parser = command_line.ArgumentParser("python -m studies.capacity.exact_runs", __doc__)
    parser.add_argument("--seconds", type=command_line.positive_float, default=SECONDS)
    parser.add_argument("--threads", type=command_line.positive_int, metavar="N")
    parser.add_argument("--kept", type=Path, default=KEPT, metavar="FILE")
    chosen = parser.parse_args(argv)
    for inputs, hidden, seed in missing(load(chosen.kept)):
        found = search(inputs, hidden, seed, chosen.seconds, chosen.threads or 0)
        files.save_json(chosen.kept, [asdict(of) for of in (*load(chosen.kept), found)])
        print(
            f"{name_of(found.shape)}, seed {seed}: {found.largest} patterns, then {found.answer} "
            f"({found.seconds:.0f} s)",
            flush=True,
        )


if __name__ == "__main__":
    command_line.run_command(main, "python -m studies.capacity.exact_runs")
