"""The gradients of binary convolutions and dense layers, against matrix products of floats.

    python benchmarks/gradient_layers.py [--instruction-set avx2] [--batch-size 50] [--rounds 11]
                                         [--parts 1 2 3]

Of the CIFAR-10 network's layers the gradient of the images, filters of -1 and +1, then that of the
filters, images of -1 and +1, and both of dense layers, by table lookups; with `--parts` also by
products of tiles in so many parts of bfloat16. Without AMX tiles are computed word by word, to no
purpose but to be seen. Dense layers of less than 65,536 weights keep the products on every side.
All sides compute whole numbers first, which have to be equal; then they are timed in turn. The
table has medians with their quartiles, and the ratios of the medians to the products'.
`--instruction-set avx2` holds the kernels and OpenBLAS to what a processor without AVX-512 has.
"""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

PRODUCTS = "products"
# What gradients are of.
IMAGES, FILTERS = "images", "filters"
DENSE = INPUT, WEIGHTS = "dense input", "dense weights"


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--instruction-set", choices=("avx2", "avx512"))
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--parts", type=int, nargs="+", choices=(1, 2, 3), default=[])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args(arguments)
    # Read by OpenMP and OpenBLAS when they are loaded.
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    if options.instruction_set:
        os.environ["ENGINE_INSTRUCTION_SET"] = options.instruction_set
    if options.instruction_set == "avx2":
        os.environ["OPENBLAS_CORETYPE"] = "Haswell"
    print(_where(options))
    for operand in (IMAGES, FILTERS, *DENSE):
        compiled = _dense_sides if operand in DENSE else _convolution_sides
        sides = compiled(operand, options.parts)
        titles = "".join(f"{f'{side}, ms':>25}" for side in sides)
        print(f"\n{f'gradient of {operand}':24}{titles}")
        for layer, arrays in _layers(operand, options.batch_size):
            print(_row(layer, arrays, sides, options.rounds))


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


def _row(layer, arrays, sides, rounds):
    import numpy as np

    from benchmarks.timing import in_turn

    expected = np.asarray(sides[PRODUCTS](*arrays))
    for name, function in sides.items():
        # Sums of whole numbers are exact in any order.
        np.testing.assert_array_equal(np.asarray(function(*arrays)), expected, err_msg=name)
    calls = {name: partial(function, *arrays) for name, function in sides.items()}
    seconds = in_turn(calls, rounds)
    quartiles = {name: 1000 * np.percentile(seconds[name], (25, 50, 75)) for name in sides}
    cells = [
        f"{middle:7.1f} ({low:.1f}-{high:.1f}) {quartiles[PRODUCTS][1] / middle:5.2f}"
        for low, middle, high in quartiles.values()
    ]
    return f"{layer:24}" + "".join(f"{cell:>25}" for cell in cells)


def _convolution_sides(operand, parts):
    """f(operand of two values, outputs' gradient, size) of every side, by its name."""
    from theano_engine import T, theano
    from theano_engine.ops import gradient_conv, tiled_gradient

    other, top, shape = T.tensor4(), T.tensor4(), T.lvector()
    convolution, inputs = ("half", (1, 1), True), (other, top, shape[0], shape[1])
    if operand == IMAGES:
        lookups = gradient_conv.BinaryConvInputGradient
        tiles = tiled_gradient.TiledConvInputGradient
        products = T.nnet.abstract_conv.AbstractConv2d_gradInputs(border_mode="half")
        by_products = products(other, top, shape)
    else:
        lookups = gradient_conv.BinaryConvFilterGradient
        tiles = tiled_gradient.TiledConvFilterGradient
        by_products = gradient_conv.ConvFilterGradient(*convolution)(*inputs)
    sides = {_tiles(n): tiles(*convolution, -1, 1, n) for n in parts}
    sides = {**sides, "lookups": lookups(*convolution, -1, 1)}
    outputs = {name: op(*inputs) for name, op in sides.items()}
    return {
        name: theano.function([other, top, shape], theano.Out(output, borrow=True))
        for name, output in {**outputs, PRODUCTS: by_products}.items()
    }


def _dense_sides(operand, parts):
    """f(operand of two values, outputs' gradient) of every side, by its name."""
    from theano_engine import T, theano
    from theano_engine.ops import gradient_dense, tiled_gradient

    other, top = T.matrix(), T.matrix()
    if operand == INPUT:
        lookups = gradient_dense.BinaryDenseInputGradient
        tiles, by_products = tiled_gradient.TiledDenseInputGradient, T.dot(top, other.T)
    else:
        lookups = gradient_dense.BinaryDenseWeightGradient
        tiles, by_products = tiled_gradient.TiledDenseWeightGradient, T.dot(other.T, top)
    outputs = {_tiles(n): tiles(-1, 1, n)(other, top) for n in parts}
    outputs["lookups"] = lookups(-1, 1)(other, top)
    return {
        name: theano.function([other, top], theano.Out(output, borrow=True))
        for name, output in {**outputs, PRODUCTS: by_products}.items()
    }


def _tiles(parts):
    return f"tiles, {parts} part{'s'[: parts - 1]}"


def _layers(operand, batch):
    """Each layer's name, and what is computed of: two values, the outputs' gradient, a size."""
    import numpy as np

    from benchmarks import binary_layers

    generator = np.random.default_rng(1)

    def arrays(two_valued, top):
        signs = (2 * generator.integers(0, 2, two_valued) - 1).astype("f4")
        return signs, generator.integers(-9, 10, top).astype("f4")

    if operand in DENSE:
        for inputs, units in binary_layers.DENSE:
            shape = (inputs, units) if operand == INPUT else (batch, inputs)
            yield f"{inputs} to {units}", arrays(shape, (batch, units))
        return
    for channels, filters, side in binary_layers.CONVOLUTIONS:
        of_filters, of_images = (filters, channels, 3, 3), (batch, channels, side, side)
        shape, size = (of_filters, of_images) if operand == IMAGES else (of_images, of_filters)
        given = arrays(shape, (batch, filters, side, side))
        yield f"{channels} to {filters}, {side}x{side}", (*given, np.array(size[2:]))


if __name__ == "__main__":
    main()
