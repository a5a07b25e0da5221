"""Training, testing and evaluation on this CPU against Theano's own graph and PyTorch.

    python benchmarks/cpu.py [--only step epoch evaluation compile memory] [--rounds 5]

Ours and PyTorch's are first seen to compute the same losses from the same start. Then all sides
run in turn, in one process, on as many threads as OMP_NUM_THREADS says (default: all cores);
printed are medians and the ratios of medians, and docs/performance.json receives them. `render.py`
beside this makes the tables and the chart of docs/performance.md from it.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
RESULTS = PROJECT / "docs" / "performance.json"
BATCH_SIZE = 50


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(MEASUREMENTS), default=list(MEASUREMENTS))
    parser.add_argument("--networks", nargs="+", choices=["cifar10", "svhn"], default=None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--side", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.side:
        run_side_alone(*options.side)
        return
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results["machine"] = describe_machine()
    for name in options.only:
        measure, own_networks = MEASUREMENTS[name]
        for network in own_networks:
            if options.networks and network not in options.networks:
                continue
            print(f"\n{name}, {network}", flush=True)
            results[f"{name} {network}"] = measure(network, options.rounds)
            show(results[f"{name} {network}"])
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")


def describe_machine() -> dict:
    """Processor, threads and versions."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "processor": names[0],
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in ("numpy", "theano", "torch")},
    }


def show(result: dict) -> None:
    """Medians with their ratios to ours."""
    for name, value in result["medians"].items():
        print(
            f"  {name:24s} {value:10.4g} {result['unit']:8s} {result['ratios'][name]:6.2f} x ours"
        )


def summary(samples: dict[str, list[float]], unit: str, **more) -> dict:
    """Medians of every side's samples and their ratios to the first side's."""
    medians = {name: statistics.median(values) for name, values in samples.items()}
    first = next(iter(medians.values()))
    ratios = {name: value / first for name, value in medians.items()}
    return {"unit": unit, "medians": medians, "ratios": ratios, "samples": samples, **more}


def all_sides(network: str, images, labels):
    """Every side's functions, after the check that they compute the same."""
    import sides

    widths = sides.WIDTHS[network]
    sides.check_equal(widths, images, labels, BATCH_SIZE)
    return {
        sides.OURS: sides.theano_side(widths, images, labels)[0],
        sides.ORIGINAL: sides.theano_side(widths, images, labels, sides.original_mode())[0],
        sides.EAGER: sides.torch_side(widths, images, labels)[0],
        sides.COMPILED: sides.torch_side(widths, images, labels, compile_options={})[0],
    }


def step(network: str, rounds: int) -> dict:
    """One training step on a batch of 50."""
    import numpy as np
    import sides
    import timing

    images, labels = sides.images_and_labels(BATCH_SIZE)
    numbers = np.arange(BATCH_SIZE)
    alternatives = {
        name: lambda side=side: side.train(numbers)
        for name, side in all_sides(network, images, labels).items()
    }
    return summary(timing.in_turn(alternatives, rounds), "s")


# One fiftieth of CIFAR-10's and SVHN's sets: images of training, validation and test.
FIFTIETH = {"cifar10": (900, 100, 200), "svhn": (1465, 120, 521)}


def epoch(network: str, rounds: int) -> dict:
    """A fiftieth of an epoch: training, then testing all three sets.

    Ours and PyTorch test each set once, in batches that suit them. The original's way: batches of
    50, and training and test set a second time, class by class.
    """
    import numpy as np
    import sides
    import timing

    sizes = FIFTIETH[network]
    images, labels = sides.images_and_labels(sum(sizes))
    sets = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])

    def cut(numbers, size):
        return [numbers[start : start + size] for start in range(0, len(numbers), size)]

    def whole(side, test_batch, tested):
        for batch in cut(sets[0], BATCH_SIZE):
            side.train(batch)
        for numbers in tested:
            for batch in cut(numbers, test_batch):
                side.test(batch)

    by_class = [
        numbers[labels[numbers] == label] for numbers in (sets[0], sets[2]) for label in range(10)
    ]
    ways = {name: (batch, sets) for name, batch in TEST_BATCH.items()}
    ways[sides.ORIGINAL] = (BATCH_SIZE, [*sets, *by_class])
    alternatives = {
        name: lambda side=side, way=ways[name]: whole(side, *way)
        for name, side in all_sides(network, images, labels).items()
    }
    return summary(timing.in_turn(alternatives, max(1, rounds // 2), calls=1), "s")


TEST_BATCH = {"this project": 500, "PyTorch eager": 100, "torch.compile": 100}


def testing(network: str, rounds: int) -> dict:
    """Images a second of testing, each side at the batch size that suits it best."""
    import numpy as np
    import sides
    import timing

    count = 1000
    images, labels = sides.images_and_labels(count)
    speeds: dict[str, list[float]] = {}
    best: dict[str, int] = {}
    for name, side in all_sides(network, images, labels).items():
        for batch in (50, 100, 250, 500, 1000):
            call = functools.partial(side.test, np.arange(batch))
            seconds = timing.in_turn({name: call}, 3)[name]
            speed = batch / statistics.median(seconds)
            if name not in best or speed > speeds[name][0]:
                best[name], speeds[name] = batch, [speed]
    numbers = {name: np.arange(batch) for name, batch in best.items()}
    alternatives = {
        name: lambda side=side, batch=numbers[name]: side.test(batch)
        for name, side in all_sides(network, images, labels).items()
    }
    seconds = timing.in_turn(alternatives, rounds)
    samples = {name: [best[name] / value for value in values] for name, values in seconds.items()}
    return summary(samples, "images/s", batch_sizes=best)


def evaluation(network: str, rounds: int) -> dict:
    """7,000 images with the signs of the weights alone, as the evaluation script does."""
    import numpy as np
    import sides
    import timing

    count = 7000
    images, labels = sides.images_and_labels(count)
    widths = sides.WIDTHS[network]
    sides.check_equal(widths, images, labels, BATCH_SIZE)

    def run(side, batch):
        wrong = 0
        for start in range(0, count, batch):
            numbers = np.arange(start, min(start + batch, count))
            wrong += int((side.test(numbers)[1] != labels[numbers]).sum())
        return wrong / count

    alternatives = {
        sides.OURS: (sides.theano_side(widths, images, labels)[0], 500),
        sides.EAGER: (sides.torch_side(widths, images, labels)[0], 100),
    }
    errors = {name: run(*way) for name, way in alternatives.items()}
    assert len(set(errors.values())) == 1, errors
    calls = {name: lambda way=way: run(*way) for name, way in alternatives.items()}
    return summary(timing.in_turn(calls, max(1, rounds // 2), calls=1), "s")


def compilation(network: str, rounds: int) -> dict:
    """Seconds to compile both functions in a new process: empty cache, filled cache."""
    samples: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("this project, cold", "this project, warm"):
            samples[name] = [alone("compile", network, folder)["seconds"]]
    with tempfile.TemporaryDirectory() as folder:
        for name in ("Theano's own graph, cold", "Theano's own graph, warm"):
            samples[name] = [alone("compile-original", network, folder)["seconds"]]
    with tempfile.TemporaryDirectory() as folder:
        for name in ("torch.compile, cold", "torch.compile, warm"):
            samples[name] = [alone("compile-torch", network, folder)["seconds"]]
    return summary(samples, "s")


def memory(network: str, rounds: int) -> dict:
    """Peak resident memory of a process that trains and tests on the full-size set."""
    with tempfile.TemporaryDirectory() as folder:
        alone("compile", network, folder)
        samples = {
            "this project": [alone("memory", network, folder)["gigabytes"]],
            "PyTorch eager": [alone("memory-torch", network, folder)["gigabytes"]],
        }
    return summary(samples, "GB")


def alone(what: str, network: str, cache: str) -> dict:
    """Run one side in a process of its own, with its compile cache in `cache`."""
    flags = ",".join(filter(None, [os.environ.get("THEANO_FLAGS"), f"base_compiledir={cache}"]))
    done = subprocess.run(
        [sys.executable, __file__, "--side", what, network],
        env={**os.environ, "THEANO_FLAGS": flags, "TORCHINDUCTOR_CACHE_DIR": cache},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def run_side_alone(what: str, network: str) -> None:
    """What `alone` runs: one measurement, its result as JSON on the last line."""
    import resource
    import time

    kind, _, side_name = what.partition("-")
    if kind == "memory" and side_name == "torch":
        # Without Theano in the process.
        result = torch_memory(network)
    else:
        start = time.perf_counter()
        import sides

        images, labels = sides.images_and_labels(100)
        if kind == "memory":
            images = full_size_pool(network)
            labels = labels[:1].repeat(len(images))
        widths = sides.WIDTHS[network]
        if side_name == "torch":
            side = sides.torch_side(widths, images, labels, compile_options={})[0]
        else:
            mode = sides.original_mode() if side_name == "original" else None
            side = sides.theano_side(widths, images, labels, mode)[0]
        import numpy as np

        numbers = np.arange(BATCH_SIZE)
        side.train(numbers)
        side.test(numbers if kind != "memory" else np.arange(500))
        side.train(numbers)
        result = {"seconds": time.perf_counter() - start}
    result["gigabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps(result))


FULL_SIZE = {"cifar10": 60_000, "svhn": 99_289}


def full_size_pool(network: str):
    """uint8 images, as many as the full data set has."""
    import numpy as np

    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (FULL_SIZE[network], 3, 32, 32), dtype=np.uint8)


def torch_memory(network: str) -> dict:
    """The same steps as ours, in a process that has imported PyTorch alone."""
    import torch
    from torch_binarynet import Trainer

    widths = {"cifar10": (128, 128, 256, 256, 512, 512), "svhn": (64, 64, 128, 128, 256, 256)}
    trainer = Trainer((*widths[network], 1024, 1024))
    pool = torch.from_numpy(full_size_pool(network))
    labels = torch.zeros(len(pool), dtype=torch.long)
    for _ in range(2):
        trainer.step(pool[:BATCH_SIZE], labels[:BATCH_SIZE], 1e-3)
        trainer.test(pool[:100], labels[:100])
    return {}


MEASUREMENTS = {
    "step": (step, ("cifar10", "svhn")),
    "testing": (testing, ("cifar10", "svhn")),
    "epoch": (epoch, ("cifar10", "svhn")),
    "evaluation": (evaluation, ("svhn",)),
    "compile": (compilation, ("cifar10", "svhn")),
    "memory": (memory, ("svhn",)),
}


if __name__ == "__main__":
    main()
