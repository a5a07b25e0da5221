"""Convolutions of floats with signs, as mixed twins have them, against Theano's matrix product.

    python benchmarks/mixed_layers.py [--batch-size 50] [--rounds 5] [--threads N]

Of the CIFAR-10 network's layers the forward pass, images real and filters of -1 and +1, then the
other way round; dense layers as convolutions of one pixel by one, which the networks leave to the
float product. Both sides compute whole numbers first, which have to be equal; then they are timed
in turn, and the table has medians and their ratios.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args(arguments)
    # Read by OpenMP when the first library that uses it is loaded.
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    print(f"batch {options.batch_size}, {options.threads} threads; milliseconds")
    for two_valued in ("filters", "images"):
        print(f"\n{f'-1 and +1: {two_valued}':26}{'ours':>8}{'float':>8}{'ratio':>8}")
        for row in _rows(two_valued, options):
            print(row)


def _rows(two_valued, options):
    from benchmarks.binary_layers import CONVOLUTIONS, DENSE
    from benchmarks.timing import in_turn

    ours, theirs = _compiled(two_valued)
    for channels, filters, size in CONVOLUTIONS:
        images = (options.batch_size, channels, size, size)
        operands = _operands(two_valued, images, (filters, channels, 3, 3))
        _check_equal(ours(*operands), theirs(*operands))
        sides = {
            "ours": lambda operands=operands: ours(*operands),
            "float": lambda operands=operands: theirs(*operands),
        }
        seconds = in_turn(sides, options.rounds)
        yield _row(f"conv {channels} to {filters}, {size}x{size}", seconds)
    ours, theirs = _compiled_dense(two_valued)
    for inputs, units in DENSE:
        operands = _operands(two_valued, (options.batch_size, inputs), (inputs, units))
        _check_equal(ours(*operands), theirs(*operands))
        sides = {
            "ours": lambda operands=operands: ours(*operands),
            "float": lambda operands=operands: theirs(*operands),
        }
        yield _row(f"dense {inputs} to {units}", in_turn(sides, options.rounds))


def _row(layer, seconds):
    ours, theirs = (1000 * statistics.median(seconds[side]) for side in ("ours", "float"))
    return f"{layer:26}{ours:8.1f}{theirs:8.1f}{theirs / ours:8.2f}"


def _compiled_dense(two_valued):
    from theano_engine import T, theano
    from theano_engine.ops.mixed_conv import MixedConv2d

    x, w = T.matrix(), T.matrix()
    filters = w.dimshuffle(1, 0, "x", "x")
    if two_valued == "filters":
        # The batch as the pixels of one image, whose table a filter's signs look up.
        images = x.dimshuffle("x", 1, "x", 0)
        ours = MixedConv2d("valid", True, two_valued, -1, 1)(images, filters)[0, :, 0, :].T
    else:
        images = x.dimshuffle(0, 1, "x", "x")
        ours = MixedConv2d("valid", True, two_valued, -1, 1)(images, filters)[:, :, 0, 0]
    return [theano.function([x, w], theano.Out(y, borrow=True)) for y in (ours, T.dot(x, w))]


def _compiled(two_valued):
    from theano_engine import T, theano
    from theano_engine.ops.mixed_conv import MixedConv2d

    x, w = T.tensor4(), T.tensor4()
    sides = (
        MixedConv2d("half", True, two_valued, -1, 1)(x, w),
        T.nnet.conv2d(x, w, border_mode="half"),
    )
    return [theano.function([x, w], theano.Out(side, borrow=True)) for side in sides]


def _operands(two_valued, images, filters):
    import numpy as np

    generator = np.random.default_rng(1)
    shapes = {"images": images, "filters": filters}
    return [
        (2 * generator.integers(0, 2, shape) - 1 if name == two_valued else numbers).astype("f4")
        for name, shape in shapes.items()
        for numbers in [generator.integers(-9, 10, shape)]
    ]


def _check_equal(ours, theirs):
    import numpy as np

    # Sums of whole numbers are exact in any order.
    np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))


if __name__ == "__main__":
    main()
