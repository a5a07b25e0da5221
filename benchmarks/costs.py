"""What a full experiment costs: hours, memory and disk, from the timings in docs/performance.json.

    python benchmarks/costs.py

Writes the table between the marks in README.md. An epoch is its training steps and a test pass over
all three sets, each as `benchmarks/cpu.py` timed it; disk is parameters and state of one run. The
experiments that draw weights at random are timed by no benchmark, and are not in the table.
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from benchmarks import record  # noqa: E402 - found by the line above
from memorization.architecture import WIDTHS  # noqa: E402

README = PROJECT / "README.md"
BEGIN, END = "<!-- costs: begin -->\n", "<!-- costs: end -->\n"

BATCH_SIZE = 50
CLASSES, CHANNELS, SIDE = 10, 3, 32
CONVOLUTIONS = 6
# Weights are saved as they are, and in the state once more with two moments of Adam's each.
COPIES, BYTES = 4, 4


@dataclass(frozen=True)
class Sets:
    """How many images the sets of a data set have."""

    training: int
    tested: int


SETS = {
    "cifar10": Sets(45_000, 45_000 + 5_000 + 10_000),
    "svhn": Sets(73_257, 73_257 + 6_000 + 26_032),
}
EPOCHS = {
    "svhn_random_labels": 500,
    "svhn_random_labels_dropout": 500,
    "svhn_random_labels_l2_regularization": 500,
    "cifar10_random_labels": 500,
    "cifar10_train_acc_dropout": 1000,
    "cifar10_randX_input": 1000,
}


def weights(data: str) -> int:
    """How many weights the network of `data` has, biases and norms left out."""
    widths = WIDTHS[data]
    inputs, count = CHANNELS, 0
    for filters in widths[:CONVOLUTIONS]:
        count += inputs * filters * 9
        inputs = filters
    # Each of the three poolings halves the image's sides.
    inputs *= (SIDE // 8) ** 2
    for units in (*widths[CONVOLUTIONS:], CLASSES):
        count += inputs * units
        inputs = units
    return count


def seconds_of_epoch(data: str, timings: dict) -> float:
    """Seconds of one epoch of the network of `data`."""
    step = _median(timings[f"step {data}"])
    tested_a_second = _median(timings[f"testing {data}"])
    sets = SETS[data]
    return math.ceil(sets.training / BATCH_SIZE) * step + sets.tested / tested_a_second


def _median(measured: dict) -> float:
    return measured["quartiles"]["this project"][1]


def table(timings: dict) -> str:
    """The table in Markdown, with the machine that it was timed on."""
    machine = timings["machine"]
    lines = [
        "| experiment | epochs | an epoch | all epochs | memory | disk |",
        "|---|---|---|---|---|---|",
    ]
    for script, epochs in EPOCHS.items():
        data = script.partition("_")[0]
        seconds = seconds_of_epoch(data, timings)
        memory = _median(timings[f"memory {data}"])
        disk = weights(data) * COPIES * BYTES / 1e6
        lines.append(
            f"| `{script}.py` | {epochs} | {seconds:.0f} s | {seconds * epochs / 3600:.0f} h | "
            f"{memory:.1f} GB | {disk:.0f} MB |"
        )
    lines.append(f"\nOn {machine['cores']} cores of an {machine['processor']}.")
    return "\n".join(lines) + "\n"


def latest(results: dict[str, dict]) -> dict:
    """The results of the machine that was measured last, of those that have all that is needed."""
    needed = {f"{kind} {data}" for kind in ("step", "testing", "memory") for data in SETS}
    whole = [timings for timings in results.values() if needed <= timings.keys()]
    if not whole:
        sys.exit("no machine has all of: " + ", ".join(sorted(needed)))
    return whole[-1]


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        sys.exit(f"{README}: no {BEGIN.strip()} ... {END.strip()} to write between")
    text = table(latest(record.load()))
    README.write_text(f"{before}{BEGIN}{text}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
