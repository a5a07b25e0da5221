"""Theano, made ready: importing this module is what the first use of `theano_engine.theano` does.

A module rather than a function, so that threads which come at the same time wait for each other.
"""

from __future__ import annotations

from importlib import import_module

from theano_engine import processor
from theano_engine.setup import compat, native_flags, precompiled, side_by_side

# Inside Theano errors of this kind would cost the kernels and no more than a warning.
processor.cap()
processor.gradient_parts()

compat.prepare()

theano = import_module("theano")
T = import_module("theano.tensor")

# `theano.sandbox.rng_mrg.MRG_RandomStreams` is there, too: Theano itself does not import it.
import_module("theano.sandbox.rng_mrg")

# Registers them.
import_module("theano_engine.rewrites.order")

native_flags.install()
precompiled.install()
side_by_side.install()
