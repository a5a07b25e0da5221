"""Lasagne 0.1 on Theano 1.0.5: Theano comes first, and what Lasagne imports is there."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing_lasagne() -> Iterator[None]:
    """Within this context Lasagne's own modules are executed."""
    importlib.import_module("theano")
    from theano_engine.setup import stand_ins

    with stand_ins.present(stand_ins.LASAGNE):
        yield
