"""Forward pass of the CIFAR-10 network's binary layers, one by one, against PyTorch on this CPU.

    python benchmarks/binary_layers.py [--batch-size 50] [--rounds 15] [--threads N]

Ours takes float operands and returns floats: packing them to bits is included. PyTorch's operands
are laid out beforehand, contiguous and channels_last. All results are compared before anything is
timed; the alternatives run in turn, and the table has medians and their ratios. It goes to
docs/performance.json, too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

CONVOLUTIONS = (  # channels, filters, rows and columns
    (128, 128, 32),
    (128, 256, 16),
    (256, 256, 16),
    (256, 512, 8),
    (512, 512, 8),
)
DENSE = ((8192, 1024), (1024, 1024), (1024, 10))  # inputs, units


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args(arguments)
    # Read by OpenMP when the first library that uses it is loaded.
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    rows = [*_convolution_rows(options), *_dense_rows(options)]
    table = _table(rows, options)
    print("\n".join(table))

    from benchmarks import record

    record.put("layers", table)


def _operands(*shapes):
    import numpy as np

    generator = np.random.default_rng(1)
    return [(2 * generator.integers(0, 2, shape) - 1).astype(np.float32) for shape in shapes]


def _convolution_rows(options):
    import torch

    torch.set_num_threads(options.threads)
    from torch.nn.functional import conv2d

    ours = _compiled_convolution()
    for channels, filters, size in CONVOLUTIONS:
        x, w = _operands((options.batch_size, channels, size, size), (filters, channels, 3, 3))
        contiguous = torch.from_numpy(x), torch.from_numpy(w)
        last = tuple(t.to(memory_format=torch.channels_last) for t in contiguous)
        yield _measured(
            f"conv {channels} to {filters}, {size}x{size}",
            options.batch_size * filters * channels * 9 * size * size,
            lambda x=x, w=w: ours(x, w),
            lambda operands=contiguous: conv2d(*operands, padding=1),
            lambda operands=last: conv2d(*operands, padding=1),
            options.rounds,
        )


def _dense_rows(options):
    import torch

    ours = _compiled_dot()
    for inputs, units in DENSE:
        x, w = _operands((options.batch_size, inputs), (inputs, units))
        operands = torch.from_numpy(x), torch.from_numpy(w)
        yield _measured(
            f"dense {inputs} to {units}",
            options.batch_size * inputs * units,
            lambda x=x, w=w: ours(x, w),
            lambda operands=operands: torch.mm(*operands),
            None,
            options.rounds,
        )


def _compiled_convolution():
    from theano_engine import T, theano
    from theano_engine.ops.binary_conv import BinaryConv2d

    x, w = T.tensor4(), T.tensor4()
    # A cross-correlation, as PyTorch computes it.
    output = BinaryConv2d(border_mode=(1, 1), filter_flip=False)(x, w)
    return theano.function([x, w], theano.Out(output, borrow=True))


def _compiled_dot():
    from theano_engine import T, theano
    from theano_engine.ops.binary_dot import BinaryDot

    x, w = T.matrix(), T.matrix()
    return theano.function([x, w], theano.Out(BinaryDot()(x, w), borrow=True))


def _measured(layer, products, ours, contiguous, channels_last, rounds):
    """Name, multiply-adds, and median seconds of ours, contiguous and channels_last."""
    import numpy as np
    import torch

    from benchmarks.timing import in_turn

    alternatives = {"ours": ours, "contiguous": contiguous}
    if channels_last is not None:
        alternatives["channels_last"] = channels_last
    with torch.inference_mode():
        for name, call in alternatives.items():
            if not np.array_equal(ours(), np.asarray(call())):
                raise SystemExit(f"{layer}: {name} gives other results than ours")
        seconds = in_turn(alternatives, rounds)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return (
        layer,
        products,
        medians["ours"],
        medians["contiguous"],
        # A matrix has one layout.
        medians.get("channels_last", medians["contiguous"]),
    )


def _table(rows, options):
    total = ("all of them", *(sum(row[column] for row in rows) for column in range(1, 5)))
    lines = [
        f"Batch {options.batch_size}, {options.threads} threads, "
        f"medians of {options.rounds} rounds:",
        "",
        "| layer | ours | GMAC/s | PyTorch contiguous | channels_last | ratios |",
        "|---|---|---|---|---|---|",
    ]
    for layer, products, ours, contiguous, channels_last in [*rows, total]:
        lines.append(
            f"| {layer} | {ours * 1e3:.2f} ms | {products / ours / 1e9:.0f} "
            f"| {contiguous * 1e3:.2f} ms | {channels_last * 1e3:.2f} ms "
            f"| {contiguous / ours:.1f} / {channels_last / ours:.1f} |"
        )
    return lines


if __name__ == "__main__":
    main()
