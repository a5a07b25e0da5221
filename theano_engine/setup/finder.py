"""Theano and Lasagne are prepared for at the moment of their import, whoever imports them.

`install` adds a finder to `sys.meta_path` and imports nothing. The first use of Theano calls it; a
`.pth` file of an environment into which the project is installed calls `install_at_start`, so that
a program may import `theano`, `lasagne` and `binary_net` in any order.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import sys

# What to enter while a module is executed: a module here and its function.
_PREPARED = {
    "theano": ("theano_engine.setup.compat", "importing_theano"),
    "lasagne": ("theano_engine.setup.lasagne_imports", "importing_lasagne"),
}


def install() -> None:
    """Prepare for every later import of Theano and Lasagne; calling it again does nothing.

    Raises SetupError where Theano is there already.
    """
    if any(getattr(finder, "prepares_theano", False) for finder in sys.meta_path):
        return
    if "theano" in sys.modules:
        from theano_engine.setup.errors import SetupError

        raise SetupError(
            "theano was imported before binary_net, without what it needs on this Python: import "
            "binary_net first"
        )
    sys.meta_path.insert(0, _Finder())


def install_at_start() -> None:
    """`install`, and forget this package again, which the program may have in another version.

    A script of another clone finds its own packages beside itself; held in `sys.modules`, this one
    would be the environment's, and a run of neither clone's code.
    """
    install()
    package = __name__.partition(".")[0]
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        del sys.modules[name]


class _Finder:
    prepares_theano = True

    def find_spec(self, name, path=None, target=None):
        if name not in _PREPARED:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)  # type: ignore[assignment]
        return spec


class _Loader:
    """The loader that Python would have taken, within the context of `_PREPARED`."""

    def __init__(self, loader):
        self._loader = loader

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        # Later questions about the module (its source, its data files) are for its own loader.
        module.__spec__.loader = module.__loader__ = self._loader
        where, context = _PREPARED[module.__name__]
        with getattr(importlib.import_module(where), context)():
            self._loader.exec_module(module)
