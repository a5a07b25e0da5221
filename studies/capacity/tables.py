"""The tables of docs/results.md, as Markdown, from what the runs of part 1 stored."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from studies.capacity.capacity import Shape, bound_per_weight, n_max, stored_bits
from studies.capacity.comparisons import COMPARISONS, compared, plateau_per_weight
from studies.capacity.inference import mean_interval, paired
from studies.capacity.results import EPOCHS, LR_START, Stored, Trained

Results = Mapping[Shape, Stored]
# The networks of two hidden layers of 32 units that are compared.
TWINS = sorted(
    {shape for pair in COMPARISONS.values() for shape in pair if shape.hidden == (32, 32)},
    key=lambda shape: (shape.weights, shape.activations),
)
NAMES = {"relu": "rectifiers"}
# The epochs of three-times.txt.
LONGER = 3 * EPOCHS


def name_of(shape: Shape) -> str:
    """The units of its layers: 32-32-32-10."""
    return "-".join(map(str, (shape.inputs, *shape.hidden, shape.outputs)))


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of `rows` under `head`; ValueError where there is no row."""
    lines = [head, ["---"] * len(head), *rows]
    if len(lines) == 2:
        raise ValueError("none of its cells")
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def networks(results: Results) -> str:
    """A line for each network: its plateau, the interval of the seeds' mean, and its bounds."""
    head = [
        "network",
        "weights",
        "activations",
        "binary or float weights",
        "bits per weight",
        "95 %",
    ]
    head += ["best epoch", "bits per stored bit", "n_max", "bound per weight"]
    rows = []
    for shape, stored in _in_order(results):
        if stored.seeds < 2:
            continue
        values = plateau_per_weight(shape, stored)
        mean, low, high = mean_interval(values)
        best = max(math.fsum(of) / len(of) for of in stored.by_size("best_bits").values())
        rows.append(
            [
                *(name_of(shape), shape.weights, shape.activations, f"{shape.n_weights:,}"),
                *(f"{_at_least(stored)}{mean:.3f}", f"{low:.3f} to {high:.3f}"),
                f"{best / shape.n_weights:.3f}",
                f"{mean * shape.n_weights / stored_bits(shape):.3f}",
                largest(stored),
                f"{bound_per_weight(shape):.2f}",
            ]
        )
    return markdown(head, rows)


def twins(results: Results) -> str:
    """README's table: the plateaus of the four twins of width 32; ValueError where one lacks."""
    rows = []
    for shape in TWINS:
        if shape not in results:
            raise ValueError(f"no cells of {shape.weights} weights, {shape.activations}")
        stored = results[shape]
        mean, low, high = mean_interval(plateau_per_weight(shape, stored))
        rows.append(
            [
                *(shape.weights, NAMES.get(shape.activations, shape.activations)),
                *(f"{_at_least(stored)}{mean:.3f}", f"{low:.3f} to {high:.3f}"),
            ]
        )
    return markdown(["weights", "activations", "memorised bits per weight", "95 %"], rows)


def _at_least(stored: Stored) -> str:
    """What a plateau is told with: the most may lie beyond the largest n that was tried."""
    means = {n: math.fsum(of) / len(of) for n, of in stored.by_size().items()}
    beyond = len(means) > 1 and max(means, key=lambda n: means[n]) == max(means)
    return "at least " if beyond else ""


def largest(stored: Stored) -> str:
    """n_max of the runs in `stored`, as it is told."""
    errors = stored.by_size("errors")
    found = n_max(errors)
    if found is None:
        return f"none ({min(errors)} is too many)"
    return f"at least {found}" if found == max(errors) else str(found)


def comparisons(results: Results) -> str:
    """The five comparisons; raises ValueError as `compared` does."""
    head = ["comparison", "difference, bits per weight", "95 %", "p (Holm)"]
    rows = [
        [
            of.name,
            f"{of.difference.mean:+.4f}",
            f"{of.difference.low:+.4f} to {of.difference.high:+.4f}",
            f"{of.p:.2g}",
        ]
        for of in compared(results)
    ]
    return markdown(head, rows)


def longer(by_training: Mapping[Trained, Results]) -> str:
    """What three times as many epochs changed, at the n of three-times.txt."""
    head = ["network", "weights", "activations", "n", f"{EPOCHS} epochs", f"{LONGER} epochs"]
    head += ["difference", "95 %"]
    rows = []
    usual = by_training.get(Trained(), {})
    for shape, stored in _in_order(by_training.get(Trained(epochs=LONGER), {})):
        for n, after in stored.by_size().items():
            before = usual[shape].by_size().get(n) if shape in usual else None
            if before is None or len(before) != len(after):
                continue
            one, other = ([bits / shape.n_weights for bits in of] for of in (before, after))
            change = paired(other, one)
            means = [f"{math.fsum(of) / len(of):.3f}" for of in (one, other)]
            rows.append(
                [
                    *(name_of(shape), shape.weights, shape.activations, str(n), *means),
                    f"{change.mean:+.4f}",
                    f"{change.low:+.4f} to {change.high:+.4f}",
                ]
            )
    return markdown(head, rows)


CONTROLS: Mapping[str, Trained] = {
    "as in the grid": Trained(),
    "learning rate x 0.1": Trained(lr_start=0.1 * LR_START),
    "learning rate x 3": Trained(lr_start=3 * LR_START),
    "norm frozen": Trained(norm="frozen"),
    "weights frozen": Trained(freeze_weights=True),
}


def controls(by_training: Mapping[Trained, Results]) -> str:
    """Bits per weight of the controls, a column for each twin, at the n of controls.txt."""
    shapes = [shape for shape, _ in _in_order(by_training.get(Trained(norm="frozen"), {}))]
    if not shapes:
        raise ValueError("none of its cells")
    head = ["control", *(f"{of.weights} weights, {of.activations}" for of in shapes)]
    rows = []
    for name, trained in CONTROLS.items():
        cells = []
        for shape in shapes:
            (n,) = by_training[Trained(norm="frozen")][shape].by_size()
            told = by_training.get(trained, {}).get(shape, Stored()).by_size().get(n)
            cells.append("" if told is None else _mean_and_range(told, shape.n_weights))
        rows.append([name, *cells])
    return markdown(head, rows)


def statistics(by_training: Mapping[Trained, Results]) -> str:
    """Training errors under batch norm's stored averages, and under each batch's own statistics."""
    head = ["network", "weights", "activations", "n", "stored averages", "statistics of the batch"]
    rows = []
    for shape, stored in _in_order(by_training.get(Trained(batch_statistics=True), {})):
        for n, errors in stored.by_size("errors").items():
            own = stored.by_size("batch_errors")[n]
            told = [_mean_and_range(of, 0.01, " %") for of in (errors, own)]
            rows.append([name_of(shape), shape.weights, shape.activations, str(n), *told])
    return markdown(head, rows)


def planted(by_training: Mapping[Trained, Results]) -> str:
    """Training and test errors where a teacher of the same architecture tells the labels, by n."""
    head = ["network", "n", "training error", "test error", "seeds without error", "random labels"]
    rows = []
    usual = by_training.get(Trained(), {})
    for shape, stored in _in_order(by_training.get(Trained(teacher=True), {})):
        tests = stored.by_size("test_errors")
        drawn = usual[shape].by_size("errors") if shape in usual else {}
        for n, errors in stored.by_size("errors").items():
            solved = sum(error == 0 for error in errors)
            rows.append(
                [
                    *(name_of(shape), str(n), _mean_and_range(errors, 0.01, " %")),
                    *(_mean_and_range(tests[n], 0.01, " %"), f"{solved} of {len(errors)}"),
                    _mean_and_range(drawn[n], 0.01, " %") if n in drawn else "",
                ]
            )
    return markdown(head, rows)


def _mean_and_range(values: Sequence[float], unit: float, named: str = "") -> str:
    """The mean of `values`, each divided by `unit`, and their least and largest."""
    scaled = [value / unit for value in values]
    digits = 1 if named else 3
    mean = math.fsum(scaled) / len(scaled)
    return f"{mean:.{digits}f}{named} ({min(scaled):.{digits}f} to {max(scaled):.{digits}f})"


def _in_order(results: Results) -> list[tuple[Shape, Stored]]:
    """Twin by twin, binary before float, and by size."""

    def place(item: tuple[Shape, Stored]) -> tuple:
        shape = item[0]
        return (shape.weights, shape.activations, shape.inputs, len(shape.hidden))

    return sorted(results.items(), key=place)
