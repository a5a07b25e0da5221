"""A step of R small networks in one function, against R processes and torch.func.vmap compiled.

    python benchmarks/replicas.py [--replicas 1 5 10] [--hidden 32 32] [--batch-size 50]

The network is that of the capacity study: patterns of +1 and -1, dense binary layers with batch
norm, Adam. First a step of the replicas has to leave each network's parameters with the bits that
it has alone, and the losses of a step in PyTorch have to be ours. Then all are timed in turn, one
thread each: networks alone one after another in one process, R processes at once on the cores that
there are, replicas, PyTorch. The table has steps of one network in a second, and quartiles.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

INPUTS, CLASSES, RATE = 32, 10, 1e-3
STEPS = 300


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicas", type=int, nargs="+", default=[1, 5, 10])
    parser.add_argument("--hidden", type=int, nargs="*", default=[32, 32])
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    # What the processes at once are started with: the seed of a network that steps when told.
    parser.add_argument("--step-alone", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    os.environ["OMP_NUM_THREADS"] = "1"
    if options.step_alone is not None:
        _step_when_told(options)
        return
    from benchmarks.timing import in_turn, quartiles
    from theano_engine import processor

    print(f"{processor.model()}, {os.cpu_count()} cores, a thread each; batch {options.batch_size}")
    print(f"{'networks':>8}  {'side':24}{'steps/s':>9}  quartiles")
    for replicas in options.replicas:
        sides, close = _sides(options, replicas)
        try:
            for name, seconds in in_turn(sides, options.rounds).items():
                low, middle, high = (replicas * STEPS / s for s in quartiles(seconds)[::-1])
                print(f"{replicas:8}  {name:24}{middle:9.0f}  {low:.0f} to {high:.0f}")
        finally:
            close()


def _alone(options, seed):
    """(network, its training function, numbers and labels of a batch)."""
    from memorization import functions, networks
    from memorization.architecture import Architecture

    architecture = Architecture(
        tuple(options.hidden), kind="mlp", image_shape=(1, 1, INPUTS), n_classes=CLASSES
    )
    network = networks.build(architecture, seed)
    images, labels = _patterns(options, seed)
    pool = functions.shared_pool(images)
    import numpy as np

    return network, functions.build_training(network, pool), (np.arange(len(images)), labels)


def _patterns(options, seed):
    from datasets import patterns

    data = patterns.source(options.batch_size, INPUTS, CLASSES, seed, seed).load(None)
    return data.images[: options.batch_size], data.labels[: options.batch_size]


def _sides(options, replicas):
    import numpy as np

    from binary_net import lasagne
    from memorization.networks.replicas import side_by_side
    from memorization.replicas.functions import build_functions

    alone = [_alone(options, seed) for seed in range(replicas)]
    together = side_by_side([network for network, _, _ in alone])
    pools = [_patterns(options, seed)[0] for seed in range(replicas)]
    function = build_functions(together, pools, optimizer={"optimizer": "adam"}).train
    batch = [np.stack([of[2][part] for of in alone]) for part in (0, 1)]
    sides = {
        "replicas": lambda: [function(*batch, RATE) for _ in range(STEPS)],
        "one after another": lambda: [
            train(*own, RATE) for _, train, own in alone for _ in range(STEPS)
        ],
    }
    torch_step = _torch_step([network for network, _, _ in alone], pools, batch[1])
    losses = function(*batch, RATE)
    for (_, train, own), loss in zip(alone, losses, strict=True):
        assert train(*own, RATE) == loss
    values = lasagne.layers.get_all_param_values(together)
    for number, (network, _, _) in enumerate(alone):
        for whole, value in zip(values, lasagne.layers.get_all_param_values(network), strict=True):
            part = whole[number] if whole.ndim == 3 else np.split(whole, replicas)[number]
            np.testing.assert_array_equal(part, value)
    if torch_step is not None:
        np.testing.assert_allclose(torch_step(), losses, rtol=1e-5)
        sides["torch.func.vmap compiled"] = lambda: [torch_step() for _ in range(STEPS)]
    processes = _processes(options, replicas)
    sides["processes at once"] = lambda: _tell(processes)
    return sides, lambda: [process.stdin.close() for process in processes]


def _processes(options, replicas):
    command = [sys.executable, __file__, "--batch-size", str(options.batch_size), "--hidden"]
    command += map(str, options.hidden)
    started = [
        subprocess.Popen(
            [*command, "--step-alone", str(seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in range(replicas)
    ]
    for process in started:
        process.stdout.readline()
    return started


def _tell(processes):
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        process.stdout.readline()


def _step_when_told(options):
    _, train, own = _alone(options, options.step_alone)
    print("ready", flush=True)
    for _ in sys.stdin:
        for _ in range(STEPS):
            train(*own, RATE)
        print("done", flush=True)


def _torch_step(networks, pools, labels):
    """A step of `networks` in PyTorch, which returns their losses; None without PyTorch."""
    try:
        import torch
    except ModuleNotFoundError:
        print("PyTorch is not installed: without torch.func.vmap")
        return None
    import numpy as np

    from binary_net import lasagne

    torch.set_num_threads(1)
    stacked, glorot = [], []
    for layers in zip(*map(lasagne.layers.get_all_layers, networks)):
        for name in ("W", "b", "beta", "gamma"):
            if hasattr(layers[0], name):
                value = np.stack([getattr(layer, name).get_value() for layer in layers])
                stacked.append(torch.tensor(value))
                glorot.append(float(layers[0].W_LR_scale) if name == "W" else None)
    images = torch.tensor(np.stack([pool.reshape(len(pool), -1) for pool in pools]))
    signs = torch.tensor(2.0 * np.eye(CLASSES, dtype=np.float32)[labels] - 1)
    depth = len(stacked) // 4

    def loss(parameters, x, targets):
        for number in range(depth):
            W, b, beta, gamma = parameters[4 * number : 4 * number + 4]
            x = x @ (W + (torch.where(W > 0, 1.0, -1.0) - W).detach()) + b
            x = x - x.mean(0)
            x = x * (gamma / torch.sqrt((x * x).mean(0) + 1e-4)) + beta
            if number < depth - 1:
                clipped = x.clamp(-1, 1)
                x = clipped + (torch.where(x >= 0, 1.0, -1.0) - clipped).detach()
        return (torch.relu(1 - targets * x) ** 2).mean()

    value_and_gradient = torch.func.vmap(torch.func.grad_and_value(loss))

    @torch.compile
    def step(parameters, first, second, count):
        gradients, losses = value_and_gradient(parameters, images, signs)
        rate = RATE * torch.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        told = [], [], []
        for p, m, v, g, scale in zip(parameters, first, second, gradients, glorot):
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            change = rate * m / (torch.sqrt(v) + 1e-8)
            moved = p - change if scale is None else (p - scale * change).clamp(-1, 1)
            for of, value in zip(told, (moved, m, v)):
                of.append(value)
        return losses, *told

    state = [stacked, *([torch.zeros_like(p) for p in stacked] for _ in range(2))]
    count = torch.tensor(0.0)

    def call():
        nonlocal state, count
        count = count + 1
        losses, *state = step(*state, count)
        return losses.numpy()

    return call


if __name__ == "__main__":
    main()
