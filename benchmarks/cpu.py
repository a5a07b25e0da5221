"""Training, testing and evaluation on this CPU against Theano's own graph and PyTorch.

    python benchmarks/cpu.py [--only step ...] [--networks svhn] [--rounds 11] [--held-to-avx2]

Ours and PyTorch's are first seen to compute the same losses from the same start. Then all sides
run in turn, each in a process of its own with the environment of this command (`worker.py`), on as
many threads as OMP_NUM_THREADS says (default: all cores). PyTorch computes in float32 and in
bfloat16, eager and compiled, each in the memory format that is the faster one here. Printed are
medians, quartiles and the ratios of medians, but of no side whose quartiles lie further apart than
a quarter of its median; docs/performance.json receives them. `render.py` beside this makes the
tables and the chart of docs/performance.md from it.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import held
import inputs
import numpy as np
import record
import timing
from worker import Worker

from theano_engine import processor

BATCH_SIZE = 50


def all_sides() -> tuple[str, ...]:
    """Ours first. AVX2 has no bfloat16: held to it PyTorch emulates it, which takes minutes."""
    torch = (inputs.EAGER, inputs.COMPILED) if held.is_held() else inputs.TORCH
    return (inputs.OURS, inputs.ORIGINAL, *torch)


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(MEASUREMENTS), default=list(MEASUREMENTS))
    parser.add_argument("--networks", nargs="+", choices=list(inputs.NETWORKS), default=None)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--held-to-avx2", action="store_true", help="every side, every library")
    options = parser.parse_args(arguments)
    if options.held_to_avx2:
        held.hold_to_avx2()
    for name in options.only:
        measure, own_networks = MEASUREMENTS[name]
        for network in own_networks:
            if options.networks and network not in options.networks:
                continue
            print(f"\n{name}, {network}", flush=True)
            result = measure(network, options.rounds)
            show(result)
            record.put(f"{name} {network}", result)


def show(result: dict) -> None:
    """Medians with their quartiles and ratios to ours."""
    for name, (first, median, third) in result["quartiles"].items():
        ratio = result["ratios"][name]
        told = "noise" if ratio is None else f"{ratio:6.2f} x ours"
        print(
            f"  {name:40s} {median:10.4g} ({first:.4g} to {third:.4g}) {result['unit']:8s} {told}"
        )


def summary(samples: dict[str, list[float]], unit: str, **more) -> dict:
    """Quartiles of every side's samples, and the medians' ratios to the first side's.

    A ratio is None where one of its two sides is noise.
    """
    ours = next(iter(samples))
    quartiles = {name: timing.quartiles(values) for name, values in samples.items()}
    noise = {name for name, values in samples.items() if timing.is_noise(values)}
    ratios = {
        name: None if noise & {ours, name} else median / quartiles[ours][1]
        for name, (_, median, _) in quartiles.items()
    }
    return {"unit": unit, "quartiles": quartiles, "ratios": ratios, "samples": samples, **more}


@contextlib.contextmanager
def sides(network: str, count: int, names=None) -> Iterator[dict[str, Worker]]:
    """A process on `count` images of each side, or of `names`, once all compute the same."""
    with contextlib.ExitStack() as stack:
        start = stack.enter_context(checked_start(network))
        yield {
            name: stack.enter_context(in_its_format(name, network, start, count))
            for name in names or all_sides()
        }


def in_its_format(side: str, network: str, start: str, count: int, environment=None) -> Worker:
    """The `Worker` of `side`, PyTorch's in the memory format that is the faster one."""
    return Worker(side + memory_format(side, network), network, start, count, environment)


@functools.cache
def memory_format(side: str, network: str) -> str:
    """The ending of the name of one of PyTorch's sides in the memory format that trains faster."""
    if side not in inputs.TORCH:
        return ""
    numbers = np.arange(BATCH_SIZE)
    with contextlib.ExitStack() as stack:
        start = stack.enter_context(checked_start(network))
        tried = {
            ending: functools.partial(
                stack.enter_context(Worker(side + ending, network, start, BATCH_SIZE)).train,
                numbers,
            )
            for ending in ("", inputs.CHANNELS_LAST)
        }
        seconds = timing.in_turn(tried, 3)
    return min(tried, key=lambda ending: statistics.median(seconds[ending]))


@contextlib.contextmanager
def checked_start(network: str) -> Iterator[str]:
    """The file of parameters to start from, after the check that all sides compute the same."""
    with tempfile.TemporaryDirectory() as folder:
        start = str(Path(folder) / "start.npz")
        command = [sys.executable, str(Path(__file__).with_name("sides.py")), network, start]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        yield start


def step(network: str, rounds: int) -> dict:
    """One training step on a batch of 50."""
    numbers = np.arange(BATCH_SIZE)
    with sides(network, BATCH_SIZE) as workers:
        calls = {name: lambda w=worker: w.train(numbers) for name, worker in workers.items()}
        return summary(timing.in_turn(calls, rounds), "s", formats=formats(network))


def formats(network: str) -> dict[str, str]:
    """What to add to the names of PyTorch's sides: the memory format where it isn't the usual."""
    return {side: memory_format(side, network) for side in all_sides() if side in inputs.TORCH}


# Images of a step, and steps on end: a single one is shorter than the question for it.
SMALL = {"quarter": (25, 5), "mlp": (50, 500)}
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


def small(network: str, rounds: int) -> dict:
    """One training step of a small network, on one thread."""
    size, times = SMALL[network]
    numbers = np.arange(size)
    with contextlib.ExitStack() as stack:
        start = stack.enter_context(checked_start(network))
        workers = {
            name: stack.enter_context(in_its_format(name, network, start, size, ONE_THREAD))
            for name in all_sides()
        }
        calls = {
            name: functools.partial(worker.train_often, numbers, times)
            for name, worker in workers.items()
        }
        taken = timing.in_turn(calls, rounds)
    samples = {name: [seconds / times * 1e3 for seconds in of] for name, of in taken.items()}
    batches = dict.fromkeys(samples, size)
    return summary(samples, "ms", batch_sizes=batches, formats=formats(network))


# What the project sets for its process (theano_engine/setup/blas.py and memory.py), taken back.
AS_LIBRARIES_COME = {
    "OPENBLAS_CORETYPE": "",
    "OPENBLAS_THREAD_TIMEOUT": "26",
    "GLIBC_TUNABLES": "glibc.malloc.mmap_max=65536",
}
# What theano_engine/setup/memory.py does, for a process without it.
MEMORY_KEPT = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 31)}


def settings(network: str, rounds: int) -> dict:
    """A training step with and without what the project sets for its process; PyTorch likewise.

    Where the processor has tiles, with gradients in two parts and in one as well.
    """
    numbers = np.arange(BATCH_SIZE)
    ways = {
        inputs.OURS: (inputs.OURS, {}),
        f"{inputs.OURS}, libraries as they come": (inputs.OURS, AS_LIBRARIES_COME),
        inputs.EAGER: (inputs.EAGER, {}),
        f"{inputs.EAGER}, freed memory kept": (inputs.EAGER, MEMORY_KEPT),
    }
    if processor.supports(processor.TILES):
        for parts, told in ((2, "two parts"), (1, "one part")):
            environment = {processor.PARTS_VARIABLE: str(parts)}
            ways[f"{inputs.OURS}, gradients in {told}"] = (inputs.OURS, environment)
    with contextlib.ExitStack() as stack:
        start = stack.enter_context(checked_start(network))
        calls = {
            way: functools.partial(
                stack.enter_context(Worker(name, network, start, BATCH_SIZE, environment)).train,
                numbers,
            )
            for way, (name, environment) in ways.items()
        }
        return summary(timing.in_turn(calls, rounds), "s")


# One fiftieth of CIFAR-10's and SVHN's sets: images of training, validation and test.
FIFTIETH = {"cifar10": (900, 100, 200), "svhn": (1465, 120, 521)}


def epoch(network: str, rounds: int) -> dict:
    """A fiftieth of an epoch: training, then testing all three sets.

    Ours and PyTorch test each set once, in batches that suit them. The original's way: batches of
    50, and training and test set a second time, class by class.
    """
    sizes = FIFTIETH[network]
    _, labels = inputs.images_and_labels(inputs.NETWORKS[network], sum(sizes))
    sets = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])

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
    ways[inputs.ORIGINAL] = (BATCH_SIZE, [*sets, *by_class])
    with sides(network, sum(sizes)) as workers:
        calls = {
            name: lambda worker=worker, way=ways[name]: whole(worker, *way)
            for name, worker in workers.items()
        }
        taken = timing.in_turn(calls, rounds, calls=1)
        return summary(taken, "s", formats=formats(network))


TEST_BATCH = {inputs.OURS: 500, **dict.fromkeys(inputs.TORCH, 100)}


def cut(numbers, size: int) -> list:
    """`numbers` in batches of `size`, the last one with what is left."""
    return [numbers[start : start + size] for start in range(0, len(numbers), size)]


def testing(network: str, rounds: int) -> dict:
    """Images a second of testing, each side at the batch size that suits it best."""
    best: dict[str, int] = {}
    with sides(network, 1000) as workers:
        for name, worker in workers.items():
            tried = {
                batch: functools.partial(worker.test, np.arange(batch))
                for batch in (50, 100, 250, 500, 1000)
            }
            seconds = timing.in_turn(tried, 2, calls=1)
            best[name] = max(tried, key=lambda batch: batch / statistics.median(seconds[batch]))
        calls = {
            name: functools.partial(worker.test, np.arange(best[name]))
            for name, worker in workers.items()
        }
        # Each takes seconds: what the one before left in the caches is no matter.
        seconds = timing.in_turn(calls, rounds, calls=1)
    samples = {name: [best[name] / value for value in values] for name, values in seconds.items()}
    return summary(samples, "images/s", batch_sizes=best, formats=formats(network))


def evaluation(network: str, rounds: int) -> dict:
    """7,000 images, as the evaluation script evaluates SVHN's."""
    count = 7000
    _, labels = inputs.images_and_labels(inputs.NETWORKS[network], count)

    def run(side, batch):
        wrong = [
            (side.test(numbers)[1] != labels[numbers]).sum()
            for numbers in cut(np.arange(count), batch)
        ]
        return sum(wrong) / count

    with sides(network, count, (inputs.OURS, inputs.EAGER)) as workers:
        errors = {name: run(worker, TEST_BATCH[name]) for name, worker in workers.items()}
        assert len(set(errors.values())) == 1, errors
        calls = {
            name: lambda worker=worker, name=name: run(worker, TEST_BATCH[name])
            for name, worker in workers.items()
        }
        taken = timing.in_turn(calls, rounds, calls=1)
        return summary(taken, "s", formats=formats(network))


def compilation(network: str, rounds: int) -> dict:
    """Seconds from the start of a process to its first steps: empty cache, filled cache.

    Three rounds at the most: a round takes minutes.
    """
    samples: dict[str, dict[str, list[float]]] = {"cold": {}, "warm": {}}
    with checked_start(network) as start:
        for name in (inputs.OURS, inputs.ORIGINAL, inputs.COMPILED) * min(rounds, 3):
            with tempfile.TemporaryDirectory() as folder:
                for state, taken in samples.items():
                    with Worker(name, network, start, BATCH_SIZE, own_cache(folder)) as worker:
                        first_calls(worker, BATCH_SIZE)
                        seconds = worker.seconds_since_start()
                        taken.setdefault(f"{name}, {state}", []).append(seconds)
    cold, warm = (summary(taken, "s") for taken in samples.values())
    return {
        field: values if field == "unit" else {**values, **warm[field]}
        for field, values in cold.items()
    }


def first_calls(worker: Worker, test_batch: int) -> None:
    """A step, a test, and another step."""
    worker.train(np.arange(BATCH_SIZE))
    worker.test(np.arange(test_batch))
    worker.train(np.arange(BATCH_SIZE))


def own_cache(folder: str) -> dict[str, str]:
    """The environment in which Theano and PyTorch keep their compile caches in `folder`."""
    flags = filter(None, [os.environ.get("THEANO_FLAGS"), f"base_compiledir={folder}"])
    return {"THEANO_FLAGS": ",".join(flags), "TORCHINDUCTOR_CACHE_DIR": folder}


FULL_SIZE = {"cifar10": 60_000, "svhn": 99_289}


def memory(network: str, rounds: int) -> dict:
    """Peak resident memory of a process that trains and tests on the full-size set."""
    samples = {}
    with checked_start(network) as start:
        for name in (inputs.OURS, inputs.EAGER):
            # What compiles first would be measured too.
            with Worker(name, network, start, BATCH_SIZE) as worker:
                first_calls(worker, BATCH_SIZE)
            with Worker(name, network, start, FULL_SIZE[network]) as worker:
                first_calls(worker, TEST_BATCH[name])
                samples[name] = [worker.peak_gigabytes()]
    return summary(samples, "GB")


MEASUREMENTS = {
    "step": (step, ("cifar10", "svhn")),
    "small": (small, ("quarter", "mlp")),
    "settings": (settings, ("cifar10",)),
    "testing": (testing, ("cifar10", "svhn")),
    "epoch": (epoch, ("cifar10", "svhn")),
    "evaluation": (evaluation, ("svhn",)),
    "compile": (compilation, ("cifar10", "svhn")),
    "memory": (memory, ("cifar10", "svhn")),
}


if __name__ == "__main__":
    main()
