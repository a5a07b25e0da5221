"""Decides by search whether any binary network labels random patterns: what no training can exceed.

    python -m studies.capacity.exact --inputs 6 --hidden 4 --patterns 20 --seed 0
    python -m studies.capacity.exact --inputs 6 --hidden 4 --largest --seconds 3600

The patterns are those of `--data patterns --patterns n N --classes 2 --corruption 0` and this seed,
n of them the first n of more. The answer is sat, with a network that is then tried in numpy; unsat:
there is none; or unsolved, where OR-tools' CP-SAT (extra `study`) came to no end in the time.

The functions that are searched: dense layers of weights +1 and -1, and of each unit a whole number,
its threshold; a unit of the inputs x, +1 and -1, is +1 where w . x >= threshold, else -1; the last
layer is one unit, whose +1 is class 1. With two classes this is what the suite's networks of binary
weights and activations compute, up to roundings of floats: bias and batch norm with its stored
averages make of a sum s a number a s + c, which is 0 or more where s is at or above a threshold; at
or below one where a is negative, which is the former with all of the unit's weights turned; always
or never where a is 0, and so with thresholds beyond every sum. With more classes outputs a s + c of
real a and c are compared with each other, which whole numbers don't encode: two classes alone.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import datasets
from foundations.errors import UserError
from memorization import command_line
from studies.capacity.capacity import Shape

MOST_WEIGHTS = 150
CLASSES = 2
# More than any network of so few weights labels.
MOST_PATTERNS = 10_000
# Of a unit's weights, those that tell which of two equal units comes first: 64 bits hold them.
_COMPARED = 50


@dataclass(frozen=True)
class Unit:
    """`weights` (fan-in,), +1 and -1; it is +1 where w . x is at least `threshold`, else -1."""

    weights: tuple[int, ...]
    threshold: int

    def __str__(self) -> str:
        signs = "".join("+" if weight > 0 else "-" for weight in self.weights)
        return f"{signs} >= {self.threshold}"


# The units of each layer.
Network = Sequence[Sequence[Unit]]


@dataclass(frozen=True)
class Answer:
    """What a search has found: "sat" with a network, "unsat", or "unsolved"; `why`, where known."""

    told: str
    network: Network | None = None
    why: str = ""

    def __str__(self) -> str:
        return f"{self.told}: {self.why}" if self.why else self.told


def classes_told(network: Network, patterns: np.ndarray) -> np.ndarray:
    """The classes (n,) int64, 0 or 1, that `network` tells of `patterns` (n, N), +1 and -1."""
    signs = patterns.astype(np.int64)
    for units in network:
        weights = np.array([unit.weights for unit in units])
        signs = np.where(signs @ weights.T >= [unit.threshold for unit in units], 1, -1)
    return (signs[:, 0] > 0).astype(np.int64)


def random_patterns(count: int, inputs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The `count` patterns (n, inputs) int64, +1 and -1, of `seed`, and their labels (n,) int64."""
    data = datasets.load(
        "patterns", count=count, dimensions=inputs, classes=CLASSES, seed=seed, label_seed=seed
    )
    numbers = data.training
    return data.images[numbers].reshape(count, inputs).astype(np.int64), data.labels[numbers]


def search(
    shape: Shape,
    patterns: np.ndarray,
    labels: np.ndarray,
    seconds: float,
    threads: int = 0,
    near: Network | None = None,
) -> Answer:
    """Whether a network of `shape` tells the `labels` (n,) of `patterns` (n, N) in so many seconds.

    `threads`: 0 for one on each core. `near` is a network of this shape to begin with. Raises
    UserError where OR-tools is not installed.
    """
    cp_model = _cp_model()
    if why := contradiction(patterns, labels):
        return Answer("unsat", why=why)
    model = cp_model.CpModel()
    variables = _Variables(model, shape)
    for pattern, label in zip(patterns, labels):
        variables.constrain(pattern, int(label))
    if near is not None:
        variables.hint(near)
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = threads
    # A signal is the command's to answer.
    solver.parameters.catch_sigint_signal = False
    status = _solve(solver, model)
    if status == cp_model.INFEASIBLE:
        return Answer("unsat")
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Answer("unsolved")
    network = variables.network(solver)
    if not np.array_equal(classes_told(network, patterns), labels):
        raise RuntimeError("the solver's network tells other labels than it was to")
    return Answer("sat", network)


def contradiction(patterns: np.ndarray, labels: np.ndarray) -> str:
    """Which two of `patterns` (n, N) are the same and have two of the `labels` (n,); "" for none.

    Of few inputs random patterns come twice, which says nothing of networks.
    """
    first: dict[bytes, int] = {}
    for number, pattern in enumerate(patterns):
        before = first.setdefault(pattern.tobytes(), number)
        if labels[before] != labels[number]:
            return f"patterns {before + 1} and {number + 1} are the same, and have two labels"
    return ""


def largest(
    shape: Shape,
    seed: int,
    seconds: float,
    threads: int = 0,
    tell: Callable[[str], None] = lambda line: None,
) -> tuple[int, Answer]:
    """The largest n whose first n patterns a network of `shape` labels, and the answer at n + 1.

    Where that is "unsat", n is the largest; where it is "unsolved", after so many seconds in all,
    it is the largest that was found. `tell` is given a line for every network on the way.
    """
    end = time.monotonic() + seconds
    patterns, labels = random_patterns(MOST_PATTERNS, shape.inputs, seed)
    solved, network = 0, None
    while solved < MOST_PATTERNS:
        n, left = solved + 1, end - time.monotonic()
        if left <= 0:
            return solved, Answer("unsolved", network)
        answer = search(shape, patterns[:n], labels[:n], left, threads, network)
        if answer.network is None:
            return solved, replace(answer, network=network)
        network = answer.network
        wrong = np.flatnonzero(classes_told(network, patterns) != labels)
        solved = int(wrong[0]) if len(wrong) else MOST_PATTERNS
        tell(f"sat at {solved} ({seconds - (end - time.monotonic()):.1f} s)")
    raise UserError(f"a network of this shape labels all of {MOST_PATTERNS} patterns")


class _Variables:
    """The weights and thresholds of a network of `shape` in the solver's `model`.

    A unit's threshold is told by agreements: inputs of the sign of their weight, of which a sum of
    fan-in m has (m + sum) / 2; m + 2 thresholds tell its m + 1 values apart in every way.
    """

    def __init__(self, model: Any, shape: Shape):
        self._model = model
        self._weights = [
            [[model.new_bool_var("") for _ in range(fan_in)] for _ in range(units)]
            for fan_in, units in shape.layers
        ]
        self._agreements = [
            [model.new_int_var(0, fan_in + 1, "") for _ in range(units)]
            for fan_in, units in shape.layers
        ]
        # Of the networks that are one function one is enough: a hidden unit is turned by turning
        # its weights, in and out, and two change places, layer by layer from the first on.
        for of_layer in self._weights[:-1]:
            for weights in of_layer:
                model.add(weights[0] == 1)
            places = [_place(weights) for weights in of_layer]
            for one, other in itertools.pairwise(places):
                model.add(one <= other)

    def constrain(self, pattern: np.ndarray, label: int) -> None:
        """The network is to tell `label` of `pattern` (N,)."""
        inputs = None
        for weights, least in zip(self._weights[:-1], self._agreements[:-1]):
            inputs = [
                self._unit(self._agreement(of_unit, pattern, inputs), threshold)
                for of_unit, threshold in zip(weights, least)
            ]
        ((last,), (threshold,)) = self._weights[-1], self._agreements[-1]
        agreement = self._agreement(last, pattern, inputs)
        self._model.add(agreement >= threshold if label else agreement < threshold)

    def _agreement(self, weights: Sequence[Any], pattern: np.ndarray, inputs: list | None) -> Any:
        """How many of `weights` have the sign of the input: `pattern`, or the units before."""
        if inputs is None:
            return sum(w if x > 0 else 1 - w for w, x in zip(weights, pattern))
        return sum(self._same(w, x) for w, x in zip(weights, inputs))

    def _same(self, one: Any, other: Any) -> Any:
        same = self._model.new_bool_var("")
        for clause in ((~same, ~one, other), (~same, one, ~other)):
            self._model.add_bool_or(clause)
        for clause in ((same, one, other), (same, ~one, ~other)):
            self._model.add_bool_or(clause)
        return same

    def _unit(self, agreement: Any, threshold: Any) -> Any:
        on = self._model.new_bool_var("")
        self._model.add(agreement >= threshold).only_enforce_if(on)
        self._model.add(agreement < threshold).only_enforce_if(~on)
        return on

    def hint(self, network: Network) -> None:
        """Begin near `network`."""
        for units, weights, least in zip(network, self._weights, self._agreements):
            for unit, of_unit, threshold in zip(units, weights, least):
                for variable, weight in zip(of_unit, unit.weights):
                    self._model.add_hint(variable, weight > 0)
                self._model.add_hint(threshold, (unit.threshold + len(unit.weights)) // 2)

    def network(self, solver: Any) -> Network:
        """The network that `solver` has found."""
        return [
            [
                Unit(
                    tuple(1 if solver.value(variable) else -1 for variable in of_unit),
                    2 * solver.value(threshold) - len(of_unit),
                )
                for of_unit, threshold in zip(weights, least)
            ]
            for weights, least in zip(self._weights, self._agreements)
        ]


def _place(weights: Sequence[Any]) -> Any:
    return sum(2**bit * weight for bit, weight in enumerate(weights[:_COMPARED]))


def _cp_model() -> Any:
    try:
        from ortools.sat.python import cp_model
    except ImportError:
        raise UserError(
            "the solver is OR-tools, which is not installed: make venv EXTRAS=study"
        ) from None
    return cp_model


def _solve(solver: Any, model: Any) -> Any:
    """The solver's status; a signal ends the search."""
    # Beside the main thread, which alone hears signals.
    with ThreadPoolExecutor(1) as beside:
        found = beside.submit(solver.solve, model)
        try:
            return found.result()
        except KeyboardInterrupt:
            solver.stop_search()
            raise


def shape_of(parser: command_line.ArgumentParser, chosen: Any) -> Shape:
    """The network that the options name; a line where it is none that is searched."""
    if chosen.classes != CLASSES:
        parser.error(f"--classes {chosen.classes}: two classes alone are searched exactly")
    shape = Shape(chosen.inputs, tuple(chosen.hidden), 1)
    if shape.n_weights > MOST_WEIGHTS:
        parser.error(
            f"--inputs and --hidden: {shape.n_weights} weights; at most {MOST_WEIGHTS} are searched"
        )
    return shape


def main(argv: Sequence[str] | None = None) -> None:
    parser = command_line.ArgumentParser("python -m studies.capacity.exact", __doc__)
    number: dict[str, Any] = {"type": command_line.positive_int, "metavar": "N"}
    parser.add_argument("--inputs", required=True, **number)
    parser.add_argument(
        "--hidden",
        nargs="*",
        default=[],
        help="units of each hidden layer (default: none)",
        **number,
    )
    parser.add_argument("--classes", default=CLASSES, help="two alone", **number)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--patterns", help="how many are to be labelled", **number)
    which.add_argument(
        "--largest", action="store_true", help="search the largest number that can be labelled"
    )
    parser.add_argument("--seed", type=command_line.seed_number, default=0, metavar="S")
    parser.add_argument(
        "--seconds",
        type=command_line.positive_float,
        default=600.0,
        help="of the search in all (default: 600)",
    )
    parser.add_argument("--threads", help="of the solver (default: all cores)", **number)
    chosen = parser.parse_args(argv)
    shape = shape_of(parser, chosen)
    threads = chosen.threads or 0
    start = time.monotonic()
    if chosen.largest:
        n, answer = largest(shape, chosen.seed, chosen.seconds, threads, tell=_print)
        at_least = "" if answer.told == "unsat" else "at least "
        _print(f"at {n + 1} {answer} ({time.monotonic() - start:.1f} s)")
        _print(f"largest: {at_least}{n} patterns, {n / shape.n_weights:.3f} a weight")
    else:
        if chosen.patterns > MOST_PATTERNS:
            parser.error(f"--patterns {chosen.patterns}: at most {MOST_PATTERNS} are searched")
        patterns, labels = random_patterns(chosen.patterns, shape.inputs, chosen.seed)
        answer = search(shape, patterns, labels, chosen.seconds, threads)
        _print(f"{answer} ({time.monotonic() - start:.1f} s)")
    for layer, units in enumerate(answer.network or (), start=1):
        for place, unit in enumerate(units, start=1):
            _print(f"layer {layer}, unit {place}: {unit}")


def _print(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    command_line.run_command(main, "python -m studies.capacity.exact")
