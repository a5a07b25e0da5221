"""A training step on one thread and on two, and an estimate of what more cores make of it.

    python benchmarks/scaling.py [--networks cifar10 svhn] [--rounds 11]

Both run in turn, each in a process of its own, and must give the same loss to the last bit. By
Amdahl's law the two times tell the part that threads do not share; the memory's part is what a step
reads and writes, each operand of each Op once, at this machine's rate (`ceilings.cpp`). No machine
of more cores was at hand: what stands there for 16 and 64 is an estimate, between memory that is
as fast as here and memory that is never waited for. Goes to docs/performance.json, for `render.py`.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable

import inputs
import numpy as np
import record
import timing
from cpu import BATCH_SIZE, checked_start
from roofline import measured_ceilings
from worker import Worker

THREADS = (1, 2)
ESTIMATED = (16, 64)


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=["cifar10"], choices=inputs.NETWORKS)
    parser.add_argument("--rounds", type=int, default=11)
    chosen = parser.parse_args(arguments)
    bytes_a_second = measured_ceilings()["memory_gb"] * 1e9
    for network in chosen.networks:
        samples = step(network, chosen.rounds)
        result = estimate(samples, traffic(network) / bytes_a_second)
        print(network, {name: value for name, value in result.items() if name != "samples"})
        record.put(f"scaling {network}", result)


def step(network: str, rounds: int) -> dict[int, list[float]]:
    """Seconds of a step on a batch of 50, by the number of threads."""
    numbers = np.arange(BATCH_SIZE)
    with checked_start(network) as start:
        workers = {
            threads: Worker(
                inputs.OURS, network, start, BATCH_SIZE, {"OMP_NUM_THREADS": str(threads)}
            )
            for threads in THREADS
        }
        with workers[1], workers[2]:
            losses = {worker.train(numbers) for worker in workers.values()}
            assert len(losses) == 1, losses
            calls: dict[int, Callable[[], float]] = {
                threads: lambda worker=worker: worker.train(numbers)
                for threads, worker in workers.items()
            }
            return timing.in_turn(calls, rounds)


def estimate(samples: dict[int, list[float]], memory_seconds: float) -> dict:
    """Quartiles of what was measured; seconds of more cores, memory as here and without its limit.

    A step of serial part s and shared part p takes s + p / n on n cores.
    """
    one, two = (statistics.median(samples[threads]) for threads in THREADS)
    serial = max(0.0, 2 * two - one)
    without_limit = {cores: serial + (one - serial) / cores for cores in ESTIMATED}
    return {
        "quartiles": {threads: timing.quartiles(values) for threads, values in samples.items()},
        "serial": serial,
        "memory": memory_seconds,
        "estimates": {
            cores: [seconds, max(seconds, serial + memory_seconds)]
            for cores, seconds in without_limit.items()
        },
        "samples": samples,
    }


def traffic(network: str) -> int:
    """Bytes that the Ops of a training step read and write, each operand once, views left out."""
    from theano_side import start, theano_side

    from theano_engine import theano

    moved = 0

    def count(node, thunk, storage_map, compute_map):
        nonlocal moved
        if not getattr(node.op, "view_map", None):
            values = (storage_map[variable][0] for variable in {*node.inputs, *node.outputs})
            moved += sum(value.nbytes for value in values if isinstance(value, np.ndarray))

    usual = theano.compile.get_default_mode()
    linker = theano.gof.vm.VM_Linker(callback=count, use_cloop=False)
    mode = theano.Mode(linker, usual.provided_optimizer)
    architecture = inputs.NETWORKS[network]
    pool = inputs.images_and_labels(architecture, BATCH_SIZE)
    side, _ = theano_side(architecture, start(architecture), *pool, mode)
    side.train(np.arange(BATCH_SIZE))
    # The first call has arrays to make; the second is as all others.
    moved = 0
    side.train(np.arange(BATCH_SIZE))
    return moved


if __name__ == "__main__":
    main()
