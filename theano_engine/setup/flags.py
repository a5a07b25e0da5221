"""Theano's flags: what the user has set, and the project's defaults for the rest."""

from __future__ import annotations

import configparser
import logging
import os
import tempfile
from pathlib import Path

from theano_engine.setup import blas, numpy_headers
from theano_engine.setup.errors import SetupError


def read_user_flags() -> dict[str, str]:
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


def default_flags(user_flags: dict[str, str]) -> dict[str, str]:
    # Theano compiles with -g; writing debug information takes half of a small module's time.
    flags = {"floatX": "float32", "openmp": "True", "device": "cpu"}
    # What no module compiles without.
    needed = numpy_headers.compiler_flags()
    # Without an explicit blas.ldflags Theano asks numpy.distutils.__config__.blas_opt_info, which
    # numpy 1.22 and later no longer has.
    if "blas.ldflags" not in user_flags:
        library = blas.load()
        flags["blas.ldflags"] = library.link_flags
        needed += library.compiler_flags.split()
    flags["gcc.cxxflags"] = " ".join([*needed, "-g0"])
    if needed and user_flags.get("gcc.cxxflags"):
        # The user's flags replace ours, so those travel with them.
        _replace_environment_flag("gcc.cxxflags", " ".join([*needed, user_flags["gcc.cxxflags"]]))
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


def restore_environment(name: str, value: str | None) -> None:
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
