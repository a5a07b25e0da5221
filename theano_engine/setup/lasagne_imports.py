"""Lasagne 0.1 on Theano 1.0.5: modules that it imports, and that are there no more."""

from __future__ import annotations

import importlib.metadata
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def lasagne_imports() -> Iterator[None]:
    """Within this context Lasagne 0.1 can be imported.

    It wants `theano.tensor.signal.downsample`, which Theano 1.0 renamed to `pool` and gave other
    argument names, and asks `pkg_resources`, gone from setuptools 81, for its own version number.
    """
    name = "theano.tensor.signal.downsample"
    if name not in sys.modules:
        import theano.tensor.signal

        module = types.ModuleType(name)
        module.max_pool_2d = _max_pool_2d  # type: ignore[attr-defined]
        sys.modules[name] = module
        theano.tensor.signal.downsample = module
    known = sys.modules.get("pkg_resources")
    if known is None:
        stand_in = types.ModuleType("pkg_resources")
        stand_in.get_distribution = importlib.metadata.distribution  # type: ignore[attr-defined]
        sys.modules["pkg_resources"] = stand_in
    try:
        yield
    finally:
        if known is None:
            sys.modules.pop("pkg_resources", None)


def _max_pool_2d(input, ds, ignore_border=None, st=None, padding=(0, 0), mode="max"):
    from theano.tensor.signal.pool import pool_2d

    return pool_2d(input, ws=ds, ignore_border=ignore_border, stride=st, pad=padding, mode=mode)
