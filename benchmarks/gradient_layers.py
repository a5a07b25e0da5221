"""The gradients of binary convolutions by table lookup, against matrix products of floats.

    python benchmarks/gradient_layers.py [--instruction-set avx2] [--batch-size 50] [--rounds 11]

Of the CIFAR-10 network's layers the gradient of the images, filters of -1 and +1, then that of the
filters, images of -1 and +1. Both sides compute whole numbers first, which have to be equal; then
they are timed in turn. The table has medians with their quartiles, and the ratio of the medians.
`--instruction-set avx2` holds the kernels and OpenBLAS to what a processor without AVX-512 has.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--instruction-set", choices=("avx2", "avx512"))
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args(arguments)
    # Read by OpenMP and OpenBLAS when they are loaded.
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    if options.instruction_set:
        os.environ["ENGINE_INSTRUCTION_SET"] = options.instruction_set
    if options.instruction_set == "avx2":
        os.environ["OPENBLAS_CORETYPE"] = "Haswell"
    print(_where(options))
    for operand in ("images", "filters"):
        print(f"\n{f'gradient of the {operand}':24}{'lookup, ms':>22}{'float, ms':>22}{'ratio':>7}")
        for row in _rows(operand, options):
            print(row)


def _where(options):
    from theano_engine import processor, theano
    from theano_engine.setup import blas

    library = blas.describe(theano.config.blas.ldflags)["BLAS"]
    if options.instruction_set == "avx2":
        assert "Haswell" in library, f"{library} is not held to AVX2"
    return (
        f"{processor.model()}; {processor.level()}; {library}; "
        f"batch {options.batch_size}, {options.threads} threads"
    )


def _rows(operand, options):
    import numpy as np

    from benchmarks.binary_layers import CONVOLUTIONS
    from benchmarks.timing import in_turn

    ours, theirs = _compiled(operand)
    for channels, filters, size in CONVOLUTIONS:
        arrays = _arrays(operand, (options.batch_size, channels, size, size), filters)
        # Sums of whole numbers are exact in any order.
        np.testing.assert_array_equal(np.asarray(ours(*arrays)), np.asarray(theirs(*arrays)))
        sides = {
            "ours": lambda arrays=arrays: ours(*arrays),
            "float": lambda arrays=arrays: theirs(*arrays),
        }
        seconds = in_turn(sides, options.rounds)
        quartiles = [1000 * np.percentile(seconds[side], (25, 50, 75)) for side in sides]
        cells = [f"{middle:7.1f} ({low:.1f}-{high:.1f})" for low, middle, high in quartiles]
        ratio = quartiles[1][1] / quartiles[0][1]
        layer = f"{channels} to {filters}, {size}x{size}"
        yield f"{layer:24}{cells[0]:>22}{cells[1]:>22}{ratio:7.2f}"


def _compiled(operand):
    from theano_engine import T, theano
    from theano_engine.ops.gradient_conv import (
        BinaryConvFilterGradient,
        BinaryConvInputGradient,
        ConvFilterGradient,
    )

    other, top, shape = T.tensor4(), T.tensor4(), T.lvector()
    convolution = ("half", (1, 1), True)
    if operand == "images":
        sides = (
            BinaryConvInputGradient(*convolution, -1, 1)(other, top, shape[0], shape[1]),
            T.nnet.abstract_conv.AbstractConv2d_gradInputs(border_mode="half")(other, top, shape),
        )
    else:
        sides = (
            BinaryConvFilterGradient(*convolution, -1, 1)(other, top, shape[0], shape[1]),
            ConvFilterGradient(*convolution)(other, top, shape[0], shape[1]),
        )
    return [theano.function([other, top, shape], theano.Out(s, borrow=True)) for s in sides]


def _arrays(operand, images, filters):
    """The operand of two values, the outputs' gradient, and the size of what is asked for."""
    import numpy as np

    generator = np.random.default_rng(1)
    batch, channels, rows, columns = images
    top = generator.integers(-9, 10, (batch, filters, rows, columns)).astype("f4")
    other = (filters, channels, 3, 3) if operand == "images" else images
    signs = (2 * generator.integers(0, 2, other) - 1).astype("f4")
    return signs, top, np.array((rows, columns) if operand == "images" else (3, 3))


if __name__ == "__main__":
    main()
