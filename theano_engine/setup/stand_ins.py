"""Modules that Theano 1.0.5 and Lasagne 0.1 import, and that are there no more, or not needed.

Each can be imported by the module that asks for it, while that module is imported itself, and by
nobody else: a program that tries `import distutils` or `import pkg_resources` finds what it would
find without us.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import shutil
import sys
import sysconfig
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder

import numpy as np

# None stands for a module that is not there.
Making = Callable[[], types.ModuleType | None]


def _distutils() -> types.ModuleType:
    # Removed by Python 3.12 (PEP 632); in 3.11 all of setuptools comes in its place and takes long.
    package = types.ModuleType("distutils")
    package.__path__ = []
    return package


def _distutils_spawn() -> types.ModuleType:
    return _module("distutils.spawn", find_executable=shutil.which)


def _distutils_sysconfig() -> types.ModuleType:
    def include(plat_specific: bool = False) -> str:
        return sysconfig.get_path("platinclude" if plat_specific else "include")

    def library(plat_specific: bool = False, standard_lib: bool = False) -> str:
        return sysconfig.get_path("stdlib" if standard_lib else "purelib")

    return _module(
        "distutils.sysconfig",
        get_config_var=sysconfig.get_config_var,
        get_config_h_filename=sysconfig.get_config_h_filename,
        get_python_inc=include,
        get_python_lib=library,
        get_python_version=sysconfig.get_python_version,
    )


def _numpy_distutils() -> types.ModuleType:
    # numpy has none for a Python without distutils.
    package = types.ModuleType("numpy.distutils")
    package.__path__ = []
    return package


def _numpy_distutils_misc_util() -> types.ModuleType:
    return _module("numpy.distutils.misc_util", get_numpy_include_dirs=lambda: [np.get_include()])


def _pkg_resources() -> types.ModuleType:
    # Removed by setuptools 81.
    return _module(
        "pkg_resources",
        get_distribution=importlib.metadata.distribution,
        DistributionNotFound=importlib.metadata.PackageNotFoundError,
    )


def _imp() -> types.ModuleType:
    # Removed by Python 3.12. A module that theano.gpuarray imports makes no use of it.
    return _module("imp")


def _numpy_linalg_linalg() -> types.ModuleType:
    # Made private by numpy 2.0.
    return _module("numpy.linalg.linalg", LinAlgError=np.linalg.LinAlgError)


def _downsample() -> types.ModuleType:
    # Theano 1.0 renamed it to `pool`, and gave its function other argument names.
    def max_pool_2d(input, ds, ignore_border=None, st=None, padding=(0, 0), mode="max"):
        from theano.tensor.signal.pool import pool_2d

        return pool_2d(input, ws=ds, ignore_border=ignore_border, stride=st, pad=padding, mode=mode)

    return _module("theano.tensor.signal.downsample", max_pool_2d=max_pool_2d)


class _Later(types.ModuleType):
    """Of a package that imports it when it is used: Theano may not use it at all."""


def _later(name: str) -> Making:
    # Takes long to import, and is asked by the Python code of erf and the like alone.
    return lambda: _Later(name)


def _not_there() -> None:
    # scipy.signal takes long to import, and has not had what Theano wants of it since scipy 1.8.
    return None


def _module(name: str, **contents: object) -> types.ModuleType:
    module = types.ModuleType(name)
    vars(module).update(contents)
    return module


_DISTUTILS: dict[str, Making] = {
    "distutils": _distutils,
    "distutils.spawn": _distutils_spawn,
    "distutils.sysconfig": _distutils_sysconfig,
    "numpy.distutils": _numpy_distutils,
    "numpy.distutils.misc_util": _numpy_distutils_misc_util,
}

# `theano_engine.setup.finder` puts them beside Lasagne.
LASAGNE: dict[str, Making] = {
    "pkg_resources": _pkg_resources,
    "theano.tensor.signal.downsample": _downsample,
}
# Who asks, and for what.
_NEEDED: dict[str, dict[str, Making]] = {
    # Imported by theano.scan, of which theano.gradient.jacobian makes use.
    "theano.gpuarray.linalg": {
        "pkg_resources": _pkg_resources,
        "numpy.linalg.linalg": _numpy_linalg_linalg,
    },
    "theano.scalar.basic_scipy": {name: _later(name) for name in ("scipy.special", "scipy.stats")},
    "theano.tensor.nnet.abstract_conv": {"scipy.signal.signaltools": _not_there},
    "theano.tensor.nnet.conv": {"scipy.signal.signaltools": _not_there},
    "theano.configdefaults": _DISTUTILS,
    "theano.gof.cmodule": _DISTUTILS,
    "theano.tensor.blas": _DISTUTILS,
}
if sys.version_info >= (3, 12):
    _NEEDED["theano.tests.breakpoint"] = {"imp": _imp}


@contextmanager
def present(stand_ins: dict[str, Making]) -> Iterator[None]:
    """Within this context the stand-ins for what is not imported already can be imported.

    Afterwards they are attributes of their packages still: Theano writes `import numpy.distutils`,
    and looks further when it compiles.
    """
    added: dict[str, types.ModuleType | None] = {}
    for name, make in stand_ins.items():
        if name in sys.modules:
            continue
        module = added[name] = make()
        sys.modules[name] = module  # type: ignore[assignment]
        parent, _, last = name.rpartition(".")
        if parent and module is not None and not isinstance(module, _Later):
            setattr(importlib.import_module(parent), last, module)
    try:
        yield
    finally:
        for name, made in added.items():
            if name in sys.modules and sys.modules[name] is made:
                del sys.modules[name]


class _Beside(Loader):
    """Runs a module as `loader` does, with what it asks for present."""

    def __init__(self, loader: Loader, stand_ins: dict[str, Making]):
        self._loader = loader
        self._stand_ins = stand_ins

    def __getattr__(self, name: str) -> object:
        # get_source and the like, for tracebacks and inspect.
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> types.ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: types.ModuleType) -> None:
        with present(self._stand_ins):
            self._loader.exec_module(module)


class _Finder(MetaPathFinder):
    def find_spec(self, fullname, path=None, target=None):
        stand_ins = _NEEDED.get(fullname)
        if stand_ins is None:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Beside(spec.loader, stand_ins)
        return spec


def install() -> None:
    """Let Theano find what it asks for, whenever its modules are imported."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def leave_scan_to_python() -> None:
    """Let theano.scan run its loop in Python, as it does where its C code cannot be imported.

    That code, which a Cython of 2013 wrote, includes `longintrepr.h`, moved by Python 3.11.
    """
    sys.modules["theano.scan_module.scan_perform_ext"] = None  # type: ignore[assignment]
