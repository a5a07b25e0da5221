"""This machine and its settings: what the bits of a result depend on besides graph and inputs."""

from __future__ import annotations

from theano_engine import processor
from theano_engine.setup import blas, compiler, threads


def describe() -> dict[str, str | int]:
    """What it is by name: threads, processor, instruction set, BLAS and compiler.

    Where it has tiles, also in how many parts they take a gradient. Prepares the process for
    Theano, whose settings decide; raises UserError where that cannot be.
    """
    from theano_engine.prepared import theano

    config = theano.config
    tiled = processor.supports(processor.TILES)
    return {
        "threads": threads.count() if config.openmp else 1,
        "processor": processor.model(),
        "instruction set": processor.told(),
        **({"gradient parts": processor.gradient_parts()} if tiled else {}),
        **blas.describe(config.blas.ldflags),
        "compiler": compiler.version(config.cxx),
    }
