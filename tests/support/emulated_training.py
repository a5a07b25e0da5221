"""An epoch of the recorded training with its gradients multiplied in AMX's tiles.

    python tests/support/emulated_training.py LIBRARY

prints JSON: the losses of the steps, and how many products of tiles LIBRARY has emulated, which
carries out AMX's instructions once it is loaded.
"""

from __future__ import annotations

import ctypes
import json
import sys
from contextlib import contextmanager

import numpy as np
from project import PROJECT

sys.path.insert(0, str(PROJECT))

import oracle_network

from theano_engine import processor
from theano_engine.ops.tiled_gradient import TiledConvFilterGradient, TiledConvInputGradient


@contextmanager
def amx():
    """What is asked of the processor within is answered as if it had AMX."""
    level = processor.level
    processor.level = lambda: processor.TILES
    try:
        yield
    finally:
        processor.level = level


def compiled_for_tiles(op_type):
    support_code = op_type.c_support_code

    def for_tiles(self):
        with amx():
            return support_code(self)

    op_type.c_support_code = for_tiles


def main(library: str) -> None:
    products = ctypes.CDLL(library).emulated_products
    products.restype = ctypes.c_long
    for op_type in (TiledConvInputGradient, TiledConvFilterGradient):
        compiled_for_tiles(op_type)
    # Rewrites ask this alone; the other kernels are compiled for the processor that there is.
    supports = processor.supports
    processor.supports = lambda name: name == processor.TILES or supports(name)
    with np.load(PROJECT / "tests" / "data" / "original_tanh.npz") as recorded:
        losses, _ = oracle_network.Recorded(recorded).train(epochs=1)
    print(json.dumps([[float(loss) for loss in losses], products()]))


if __name__ == "__main__":
    main(sys.argv[1])
