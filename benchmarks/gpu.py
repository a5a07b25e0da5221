"""Training and testing on a CUDA GPU against PyTorch, eager and compiled with CUDA graphs.

    python benchmarks/gpu.py
    python benchmarks/gpu.py --tf32
    python benchmarks/gpu.py --device cpu --width 0.1 --steps 3 --rounds 1

All sides are first seen to compute the same losses from the same start. Then they run in turn, each
round a stretch of steps on a pool of the data set's full size, ended by reading one loss back.
Printed are images per second (medians of the rounds) and ratios; a run on a GPU also puts its table
into docs/gpu.md. By default every side computes in float32; --tf32 lets every side use TF32
throughout. The last command tries the script without a GPU.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import time
from pathlib import Path

import numpy as np
import theano_side
import torch
from torch_binarynet import Trainer

from binary_net import lasagne
from memorization import functions, networks
from memorization.architecture import WIDTHS, Architecture
from theano_engine import theano
from theano_engine.torch_linker import torch_mode

PAGE = Path(__file__).resolve().parent.parent / "docs" / "gpu.md"
BEGIN, END = "<!-- benchmarks/gpu.py writes from here -->", "<!-- to here -->"
BATCH_SIZE = 50
TEST_BATCH_SIZE = 500
LEARNING_RATE = 1e-3
# Images of training, and of all three sets, which are tested after every epoch.
IMAGES = {"cifar10": (45_000, 60_000), "svhn": (73_257, 105_289)}
EXECUTIONS = ("compiled graphs", "graphs", "compiled", "eager")
EAGER, COMPILED = "PyTorch eager", "torch.compile with CUDA graphs"


class Ours:
    """This project's functions, in PyTorch by the linker."""

    def __init__(self, widths, images, labels, device, execution, tf32):
        if device == "cpu":
            execution = {"graphs": "eager", "compiled graphs": "compiled"}.get(execution, execution)
        self.network = networks.build(Architecture(tuple(widths)))
        lasagne.layers.set_all_param_values(
            self.network, theano_side.start(Architecture(tuple(widths)))
        )
        mode = torch_mode(device, execution=execution, allow_tf32=tf32)
        pool = functions.shared_pool(images)
        self.labels = labels
        self._train = functions.build_training(self.network, pool, mode=mode)
        # One function per size, as in a run: only the first shapes of a function are compiled.
        self._test = {
            size: functions.build_test(self.network, pool, mode=mode)
            for size in (BATCH_SIZE, TEST_BATCH_SIZE)
        }

    def train(self, numbers):
        return self._train(numbers, self.labels[numbers], LEARNING_RATE)

    def test(self, numbers):
        return self._test[len(numbers)](numbers, self.labels[numbers])


class PyTorch:
    """The same written in PyTorch, images and labels on the device."""

    def __init__(self, widths, images, labels, device, **options):
        self.trainer = Trainer(widths, device=device, **options)
        self.trainer.model.load(theano_side.start(Architecture(tuple(widths))))
        self.device = device
        self.images = torch.from_numpy(images).to(device)
        self.labels = torch.from_numpy(labels).to(device)

    def _batch(self, numbers):
        numbers = torch.from_numpy(numbers).to(self.device, non_blocking=True)
        return self.images[numbers], self.labels[numbers]

    def train(self, numbers):
        torch.compiler.cudagraph_mark_step_begin()
        return self.trainer.step(*self._batch(numbers), LEARNING_RATE).clone()

    def test(self, numbers):
        torch.compiler.cudagraph_mark_step_begin()
        return [result.clone() for result in self.trainer.test(*self._batch(numbers))]


def check_equal(widths, images, labels, device: str, tf32: bool) -> None:
    """Assert that all ways compute the same: a test pass, a step's loss, its update.

    Why one step, and why a few weights may go the other way: `sides.check_equal`.
    """
    numbers = np.arange(BATCH_SIZE)
    theirs = PyTorch(widths, images, labels, device, gradient_to_all_maxima=True)
    expected_test = [np.asarray(value.cpu()) for value in theirs.test(numbers)]
    expected = float(theirs.train(numbers))
    tolerance = 1e-2 if tf32 else 1e-3
    for execution in ("eager", "compiled graphs"):
        ours = Ours(widths, images, labels, device, execution, tf32)
        losses, predictions = map(np.asarray, ours.test(numbers))
        np.testing.assert_allclose(losses, expected_test[0], rtol=tolerance, atol=1e-3)
        assert (predictions == expected_test[1]).mean() >= 0.98
        np.testing.assert_allclose(float(ours.train(numbers)), expected, rtol=tolerance)
        weights = lasagne.layers.get_all_params(ours.network, binary=True)
        for W, theirs_W in zip(weights, theirs.trainer.lasagne_weights()):
            parted = np.abs(np.asarray(W.get_value()) - theirs_W) > 1e-4
            assert parted.mean() < tolerance, W


def stretch(call, images: int, batch: int, steps: int) -> float:
    """Images per second over `steps` calls on random batches, the last result read back."""
    generator = np.random.default_rng(0)
    batches = [generator.integers(0, images, batch) for _ in range(steps)]
    started = time.perf_counter()
    for numbers in batches:
        result = call(numbers)
    float_of(result)
    return steps * batch / (time.perf_counter() - started)


def float_of(result) -> float:
    """The loss of a step, or the first image's of a test batch."""
    return float(result[0][0]) if isinstance(result, (list, tuple)) else float(result)


def measure(name: str, options) -> list[str]:
    """The rows of the table for one network."""
    widths = Architecture(WIDTHS[name]).scaled(options.width).widths
    trained, tested = IMAGES[name]
    pool_size = tested if options.device != "cpu" else 1000
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (pool_size, 3, 32, 32), dtype=np.uint8)
    labels = generator.integers(0, 10, pool_size)
    check_equal(widths, images[:500], labels[:500], options.device, options.tf32)
    print(f"{name}: all sides compute the same losses", flush=True)

    # torch.compile's mode "reduce-overhead" is fusing and CUDA graphs.
    makers = {
        f"this project, {execution}": (
            lambda execution=execution: Ours(
                widths, images, labels, options.device, execution, options.tf32
            )
        )
        for execution in EXECUTIONS
    }
    makers[EAGER] = lambda: PyTorch(widths, images, labels, options.device)
    makers[COMPILED] = lambda: PyTorch(
        widths, images, labels, options.device, compile_options={"mode": "reduce-overhead"}
    )
    ways, first_calls = {}, {}
    for side, make in makers.items():
        started = time.perf_counter()
        ways[side] = made = make()
        numbers = np.arange(BATCH_SIZE)
        for call in (made.train, made.test):
            float_of(call(numbers))
        float_of(made.test(np.arange(TEST_BATCH_SIZE)))
        first_calls[side] = time.perf_counter() - started
        print(f"  {side}: ready after {first_calls[side]:.0f} s", flush=True)

    speeds: dict[str, list[list[float]]] = {side: [[], [], []] for side in ways}
    for _ in range(options.rounds):
        for side, way in ways.items():
            for column, (call, batch) in enumerate(
                ((way.train, BATCH_SIZE), (way.test, BATCH_SIZE), (way.test, TEST_BATCH_SIZE))
            ):
                stretch(call, pool_size, batch, 3)
                speeds[side][column].append(stretch(call, pool_size, batch, options.steps))
    return rows(name, speeds, first_calls, trained, tested)


def rows(name, speeds, first_calls, trained: int, tested: int) -> list[str]:
    """One Markdown row a side: speeds, ratio to ours in training, hours for 500 epochs."""
    medians = {side: [statistics.median(s) for s in columns] for side, columns in speeds.items()}
    ours = medians["this project, compiled graphs"]
    lines = []
    for side, (train, test, test_large) in medians.items():
        minutes = 500 * (trained / train + tested / test_large) / 60
        cells = [
            *(name, side, f"{train:,.0f}", f"{ours[0] / train:.2f}", f"{test:,.0f}"),
            *(f"{ours[1] / test:.2f}", f"{test_large:,.0f}", f"{minutes:.0f}"),
            f"{first_calls[side]:.0f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


HEADER = [
    "| network | side | training, images/s | ours is faster by | testing, images/s | "
    "ours is faster by | testing in batches of 500 | 500 epochs, minutes | first calls, s |",
    "|---|---|---|---|---|---|---|---|---|",
]


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--networks", nargs="+", choices=list(IMAGES), default=list(IMAGES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--tf32", action="store_true")
    options = parser.parse_args(arguments)
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = options.tf32
    table = list(HEADER)
    for name in options.networks:
        table += measure(name, options)
    print("\n".join(table))
    if options.device == "cpu" or options.width != 1:
        return
    card = torch.cuda.get_device_name(options.device)
    measured = (
        f"{card}, CUDA {torch.version.cuda}, PyTorch {torch.__version__}, Theano "
        f"{theano.__version__}, {'TF32' if options.tf32 else 'float32'} on every side, "
        f"{datetime.date.today()}; medians of {options.rounds} rounds of {options.steps} steps; "
        f"`python benchmarks/gpu.py{' --tf32' if options.tf32 else ''}`:"
    )
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    text = "\n".join(["", measured, "", *table, ""])
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
