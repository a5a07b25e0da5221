"""A newcomer's first command, of this code and of another git revision, with and without a cache.

    python benchmarks/first_minute.py REVISION [--rounds 3] [--width 1]

cifar10_random_labels.py trains an epoch on 50 drawn images and draws its figures: first with an
empty compile cache (cold), then once more (warm). Both revisions have to measure the same. They
take turns in one run; printed are medians and quartiles of the seconds from the command to its end,
and their ratio, with the processor's name. The revision has to be one that this environment can
run.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from benchmarks import timing  # noqa: E402 - found by the line above
from benchmarks.record import describe_machine, name_of  # noqa: E402
from training_loop.metrics import TIMINGS  # noqa: E402

NOW = "this code"


def run(project: Path, place: Path, width: float) -> tuple[float, dict[str, str]]:
    """Seconds of the command, and its only row of metrics but for the times in it."""
    begun = time.perf_counter()
    subprocess.run(
        [
            *(sys.executable, project / "cifar10_random_labels.py", "--synthetic", "--quiet"),
            *("--epochs", "1", "--train-size", "50", "--batch-size", "50", "--overwrite"),
            *("--width", str(width), "--results-dir", place / "results"),
        ],
        env={
            **os.environ,
            "PYTHONPATH": str(project),
            "THEANO_FLAGS": f"base_compiledir={place / 'cache'}",
        },
        stdout=subprocess.DEVNULL,
        check=True,
    )
    seconds = time.perf_counter() - begun
    (metrics,) = place.rglob("metrics.csv")
    with metrics.open(encoding="utf-8", newline="") as stream:
        (row,) = csv.DictReader(stream)
    return seconds, {name: value for name, value in row.items() if name not in TIMINGS}


def compare(projects: dict[str, Path], rounds: int, width: float) -> dict[str, list[float]]:
    """Seconds of every round, by "NAME, cold" and "NAME, warm"; stops where metrics differ."""
    seconds: dict[str, list[float]] = {}
    for _ in range(rounds):
        measured = []
        for name, project in projects.items():
            with tempfile.TemporaryDirectory() as place:
                for state in ("cold", "warm"):
                    taken, row = run(project, Path(place), width)
                    seconds.setdefault(f"{name}, {state}", []).append(taken)
                    measured.append(row)
        common = set.intersection(*(set(row) for row in measured))
        for column in sorted(common):
            values = {row[column] for row in measured}
            if len(values) > 1:
                sys.exit(f"{column} differs: {', '.join(sorted(values))}")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("revision")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--width", type=float, default=1.0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        git = ["git", "-C", str(PROJECT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", folder, chosen.revision], check=True)
        try:
            projects = {chosen.revision: Path(folder), NOW: PROJECT}
            seconds = compare(projects, chosen.rounds, chosen.width)
        finally:
            subprocess.run([*git, "remove", "--force", folder], check=True)
    print(f"{name_of(describe_machine())}\n")
    print("| side | median, s | quartiles | share of the revision's |\n|---|---|---|---|")
    for state in ("cold", "warm"):
        before = seconds[f"{chosen.revision}, {state}"]
        for name in (chosen.revision, NOW):
            samples = seconds[f"{name}, {state}"]
            first, median, third = timing.quartiles(samples)
            noise = timing.is_noise(samples) or timing.is_noise(before)
            share = "noise" if noise else f"{median / timing.quartiles(before)[1]:.2f}"
            print(f"| {name}, {state} | {median:.1f} | {first:.1f} to {third:.1f} | {share} |")


if __name__ == "__main__":
    main()
