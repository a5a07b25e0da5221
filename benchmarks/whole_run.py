"""Wall time from the start of a process to 1 % training error on random labels, and the way there.

    python benchmarks/whole_run.py --data FOLDER [--network cifar10] [--images 3600] [--runs 3]

Do gradients of 8 bits cost epochs? This project and PyTorch, float32 and bfloat16, compiled, train
the same network from the same parameters on the same images of the CIFAR-10 in FOLDER, with the
same random labels in the same order, at one learning rate; after every epoch each tests its
training set. A run of each in turn, `--runs` times, each with labels and order of its own; what is
compiled is compiled beforehand. docs/performance.json receives the curves.
"""

from __future__ import annotations

import argparse
import statistics
import time

import cpu
import inputs
import numpy as np
import record
from worker import Worker

SIDES = (inputs.OURS, inputs.COMPILED, inputs.COMPILED_BFLOAT16)
GOAL = 0.01
TEST_BATCH = {inputs.OURS: 600, inputs.COMPILED: 100, inputs.COMPILED_BFLOAT16: 100}


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, metavar="FOLDER")
    parser.add_argument("--network", choices=("cifar10", "quarter"), default="cifar10")
    parser.add_argument("--images", type=int, default=3600)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--most-epochs", type=int, default=200)
    options = parser.parse_args(arguments)
    curves: dict[str, list] = {name: [] for name in SIDES}
    with cpu.checked_start(options.network) as start:
        for number in range(options.runs + 1):
            for name in SIDES:
                # The first is for the compilers alone.
                curve = whole_run(name, start, options, number, 1 if number == 0 else None)
                if number:
                    curves[name].append(curve)
                    print(f"{name:28s} {len(curve):4d} epochs, {curve[-1][0]:7.1f} s", flush=True)
    result = {"goal": GOAL, "images": options.images, "curves": curves}
    record.put(f"whole run {options.network}", result)
    for name, (seconds, epochs) in medians(result).items():
        print(f"{name:28s} {epochs} epochs, {seconds:.0f} s")


def whole_run(name: str, start: str, options, number: int, most: int | None) -> list:
    """[seconds since the process's start, training error] after each epoch, until the goal."""
    order = np.random.RandomState(1000 + number)
    labels = inputs.random_labels(options.images, np.random.RandomState(number))
    side = name + cpu.memory_format(name, options.network)
    curve = []
    begin = time.perf_counter()
    real = (options.data, number)
    with Worker(side, options.network, start, options.images, real=real) as worker:
        for _ in range(most or options.most_epochs):
            for batch in cpu.cut(order.permutation(options.images), cpu.BATCH_SIZE):
                worker.train(batch)
            wrong = 0
            for batch in cpu.cut(np.arange(options.images), TEST_BATCH[name]):
                wrong += int((worker.test(batch)[1] != labels[batch]).sum())
            curve.append([time.perf_counter() - begin, wrong / options.images])
            if curve[-1][1] <= GOAL:
                break
    return curve


def medians(result: dict) -> dict[str, tuple[float, float]]:
    """Seconds and epochs to the goal, by side: medians of the runs."""
    return {
        name: (
            statistics.median(curve[-1][0] for curve in curves),
            statistics.median(len(curve) for curve in curves),
        )
        for name, curves in result["curves"].items()
    }


if __name__ == "__main__":
    main()
