"""Wall time from the start of a process to 1 % training error on random labels, and the way there.

    python benchmarks/whole_run.py --data FOLDER [--network cifar10] [--images 3600] [--runs 3]
        [--epochs 40] [--lr-start 0.001] [--lr-fin 0.00003] [--without-float32]

Do gradients of 8 bits cost epochs? This project and PyTorch, float32 and bfloat16, compiled, train
the same network from the same parameters on the same images of the CIFAR-10 in FOLDER, with the
same random labels in the same order, at a learning rate that falls by the same factor after each
of `--epochs` epochs: at one that does not fall, the weights that still flip keep the error high.
After every epoch each tests its training set. A run of each in turn, `--runs` times, each with
labels and order of its own; what is compiled is compiled beforehand. docs/performance.json receives
the curves after each turn.
"""

from __future__ import annotations

import argparse
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
    parser.add_argument("--epochs", type=int, default=40, help="a run ends after these")
    parser.add_argument("--lr-start", type=float, default=inputs.LEARNING_RATE)
    parser.add_argument("--lr-fin", type=float, default=3e-5)
    parser.add_argument("--without-float32", action="store_true", help="its epochs take longest")
    options = parser.parse_args(arguments)
    sides = [side for side in SIDES if not (options.without_float32 and side == inputs.COMPILED)]
    curves: dict[str, list] = {name: [] for name in sides}
    result = {
        "goal": GOAL,
        "images": options.images,
        "epochs": options.epochs,
        "learning_rates": [options.lr_start, options.lr_fin],
        "curves": curves,
    }
    with cpu.checked_start(options.network) as start:
        for number in range(options.runs + 1):
            for name in sides:
                # The first is for the compilers alone.
                curve = whole_run(name, start, options, number, options.epochs if number else 1)
                if number:
                    curves[name].append(curve)
                    print(f"{name:28s} {len(curve):4d} epochs, {curve[-1][0]:7.1f} s", flush=True)
            if number:
                record.put(f"whole run {options.network}", result)


def whole_run(name: str, start: str, options, number: int, most: int) -> list:
    """[seconds since the process's start, training error] after each epoch, until the goal."""
    decay = (options.lr_fin / options.lr_start) ** (1 / options.epochs)
    order = np.random.RandomState(1000 + number)
    labels = inputs.random_labels(options.images, np.random.RandomState(number))
    side = name + cpu.memory_format(name, options.network)
    curve = []
    begin = time.perf_counter()
    real = (options.data, number)
    with Worker(side, options.network, start, options.images, real=real) as worker:
        for epoch in range(most):
            for batch in cpu.cut(order.permutation(options.images), cpu.BATCH_SIZE):
                worker.train(batch, options.lr_start * decay**epoch)
            wrong = 0
            for batch in cpu.cut(np.arange(options.images), TEST_BATCH[name]):
                wrong += int((worker.test(batch)[1] != labels[batch]).sum())
            curve.append([time.perf_counter() - begin, wrong / options.images])
            print(f"  {name} {len(curve)}: {curve[-1][1]:.2%}, {curve[-1][0]:.0f} s", flush=True)
            if curve[-1][1] <= GOAL:
                break
    return curve


if __name__ == "__main__":
    main()
