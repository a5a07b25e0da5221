"""Everything that stands between PyPI's Theano 1.0.5 and Lasagne 0.1 and a working import.

`prepare()` has to run before Theano is imported; importing `engine` runs it. Each step names the
change in the outside world that made it necessary.
"""

from __future__ import annotations

import configparser
import importlib.metadata
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from foundations.errors import UserError
from theano_engine.setup import blas, compile_cache, memory


class SetupError(UserError, RuntimeError):
    """The machine lacks something that cannot be replaced; the message says what to install."""


def prepare() -> None:
    """Import Theano so that it works, quietly and fast, in this process.

    Raises `SetupError` when no C++ compiler can be found.
    """
    if "theano" in sys.modules:
        return
    _restore_numpy_aliases()
    _silence_what_no_user_can_act_on()
    # Idle OpenMP threads that spin take the cores from OpenBLAS's own threads, and from others'
    # work; read when the OpenMP library is loaded, with Theano's first compiled module.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    memory.keep_freed()
    set_by_user = os.environ.get("THEANO_FLAGS")
    user_flags = _user_flags()
    flags = _default_flags(user_flags)
    _check_compiler(user_flags.get("cxx", "g++"))
    given = os.environ.get("THEANO_FLAGS", "")
    defaults = ",".join(f"{name}={value}" for name, value in flags.items())
    # Of a flag given twice Theano takes the last, so what the user set wins.
    os.environ["THEANO_FLAGS"] = f"{defaults},{given}" if given else defaults
    compile_cache.install_lock()
    try:
        # Theano reads its flags now, once.
        import theano  # noqa: F401

        compile_cache.install()
    finally:
        # A child process would take ours for its user's, and not load the BLAS that they name.
        _restore_environment("THEANO_FLAGS", set_by_user)


# The first that knows all instructions of the kernels.
OLDEST_GCC = 8


def _check_compiler(compiler: str) -> None:
    # Theano takes an empty name for the wish to compile nothing.
    if not compiler:
        return
    if shutil.which(compiler) is None:
        raise SetupError(
            f"no C++ compiler: Theano compiles its graphs with {compiler}, which is not on the "
            "PATH (Debian and Ubuntu: apt install g++; Fedora: dnf install gcc-c++)"
        )
    if Path(compiler).name.startswith("g++"):
        asked = subprocess.run([compiler, "-dumpversion"], capture_output=True, text=True)
        major = asked.stdout.partition(".")[0].strip()
        if major.isdigit() and int(major) < OLDEST_GCC:
            raise SetupError(
                f"{compiler} is version {asked.stdout.strip()}, too old: install g++ {OLDEST_GCC} "
                "or later, or name one with THEANO_FLAGS=cxx=/path/to/g++"
            )


def _restore_numpy_aliases() -> None:
    # numpy 1.24 removed the aliases of Python's own types; Theano 1.0.5 still says np.complex.
    for name, builtin in {"bool": bool, "complex": complex, "object": object}.items():
        if name not in vars(np):
            setattr(np, name, builtin)


def _silence_what_no_user_can_act_on() -> None:
    # Theano's sources have regular expressions and comparisons that later Pythons warn about,
    # and it imports the deprecated numpy.distutils and distutils.
    for category in (SyntaxWarning, DeprecationWarning):
        warnings.filterwarnings("ignore", category=category, module=r"(theano|lasagne)\b")
    warnings.filterwarnings("ignore", message=".*numpy.distutils.*", category=DeprecationWarning)


def _user_flags() -> dict[str, str]:
    """What the user has set in THEANO_FLAGS or in a .theanorc file, by Theano's own flag names."""
    flags: dict[str, str] = {}
    files = os.environ.get("THEANORC", "~/.theanorc").split(os.pathsep)
    parser = configparser.ConfigParser(interpolation=None)
    parser.read([os.path.expanduser(name) for name in files])
    for section in parser.sections():
        for key, value in parser.items(section):
            flags[key if section == "global" else f"{section}.{key}"] = value
    for item in os.environ.get("THEANO_FLAGS", "").split(","):
        key, equals, value = item.partition("=")
        if equals:
            flags[key.strip()] = value.strip()
    return flags


def _default_flags(user_flags: dict[str, str]) -> dict[str, str]:
    # Theano compiles with -g; writing debug information takes half of a small module's time.
    flags = {"floatX": "float32", "openmp": "True", "device": "cpu", "gcc.cxxflags": "-g0"}
    # Without an explicit blas.ldflags Theano asks numpy.distutils.__config__.blas_opt_info, which
    # numpy 1.22 and later no longer has.
    if "blas.ldflags" not in user_flags:
        library = blas.load()
        flags["blas.ldflags"] = library.link_flags
        flags["gcc.cxxflags"] = f"-g0 {library.compiler_flags}".strip()
        if user_flags.get("gcc.cxxflags"):
            # The user's flags replace ours, so the renamed BLAS symbols have to travel with them.
            merged = f"{library.compiler_flags} {user_flags['gcc.cxxflags']}"
            _replace_environment_flag("gcc.cxxflags", merged)
    if not user_flags.get("blas.ldflags", flags.get("blas.ldflags")):
        # Theano then multiplies by numpy's Python interface, of which only one thread may make use.
        if user_flags.get("openmp", "False").lower() in ("true", "1", "yes", "on"):
            raise SetupError(
                "openmp=True needs a BLAS: pip install scipy-openblas32, or name one with "
                "THEANO_FLAGS=blas.ldflags=-l..."
            )
        flags["openmp"] = "False"
        # One warning is enough, and ours has a remedy.
        logging.getLogger("theano.tensor.blas").setLevel(logging.ERROR)
    if "base_compiledir" not in user_flags and not _writable(Path.home() / ".theano"):
        flags["base_compiledir"] = str(Path(tempfile.gettempdir()) / f"theano-{os.getuid()}")
    # A key that the user set in .theanorc is left to that file.
    return {k: v for k, v in flags.items() if k not in user_flags}


def _restore_environment(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def _replace_environment_flag(name: str, value: str) -> None:
    kept = [
        item
        for item in os.environ.get("THEANO_FLAGS", "").split(",")
        if item and item.partition("=")[0].strip() != name
    ]
    os.environ["THEANO_FLAGS"] = ",".join([*kept, f"{name}={value}"])


def _writable(folder: Path) -> bool:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return os.access(folder, os.W_OK | os.X_OK)


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
