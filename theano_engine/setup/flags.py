"""Theano's flags: what the user has set, what of it cannot be used here, and defaults for the rest.

Many a home folder holds a `.theanorc` of 2017, for a graphics card and libraries that are there no
more. What of it concerns those alone is left aside, and a line on stderr says so; what asks for
something that nothing here can do is an error of one line.
"""

from __future__ import annotations

import configparser
import logging
import os
import shlex
from dataclasses import dataclass

from theano_engine.setup import blas, cache_folder, compiler, numpy_headers
from theano_engine.setup.errors import SetupError
from theano_engine.setup.notices import notice

_ENVIRONMENT = "THEANO_FLAGS"

# Theano's own GPU back ends: only device=cpu is left of them. What Theano refuses of these flags is
# replaced by the value here.
_GPU_FLAGS = {
    "device": "cpu",
    "init_gpu_device": "",
    "force_device": "False",
    "contexts": "",
    "gpuarray.sync": "",
    "dnn.conv.workmem": "",
    "dnn.conv.workmem_bwd": "",
    "dnn.conv.algo_bwd": "",
}
# Flags that Theano 1.0.5 knows no more, and would warn about.
_GONE = ("lib.cnmem", "nvcc.", "gpuarray.", "dnn.", "cuda.", "enable_initial_driver_test")


@dataclass(frozen=True)
class Flag:
    """The value of a flag and where the user set it: in THEANO_FLAGS, or in which file."""

    value: str
    source: str


def for_theano() -> str:
    """The value of THEANO_FLAGS with which to import Theano.

    Takes the number of threads, the BLAS and the compile cache in hand where the user has not.
    Raises SetupError for what cannot be used and has no harmless replacement.
    """
    user = _read_user_flags()
    aside: list[str] = []
    replaced = _without_gpu(user, aside)
    _check_float(user)
    compiler.check(user["cxx"].value if "cxx" in user else None)
    if "cxx" in user and (told := compiler.told_of_unknown(user["cxx"].value)):
        aside.append(told)
    chosen = {
        **{"floatX": "float32", "openmp": "True", "device": "cpu"},
        **{name: flag.value for name, flag in user.items() if flag.source == _ENVIRONMENT},
    }
    for name, flag in user.items():
        # A flag of a file is left to that file, whose other contents Theano reads as well.
        if flag.source != _ENVIRONMENT:
            chosen.pop(name, None)
    chosen.update(replaced)
    chosen.update(_blas_flags(user, aside))
    for name in ("base_compiledir", "compiledir"):
        if name in user:
            chosen[name] = str(cache_folder.choose(user[name].value))
    if "base_compiledir" not in user and "compiledir" not in user:
        chosen["base_compiledir"] = str(cache_folder.choose(None))
    for name in [name for name in chosen if name.startswith(_GONE) and name not in replaced]:
        del chosen[name]
    if aside:
        notice("Theano's configuration: " + "; ".join(aside))
    return ",".join(f"{name}={shlex.quote(value)}" for name, value in chosen.items())


def find(name: str) -> tuple[str, str]:
    """The value that the user gave the flag `name`, and where: THEANO_FLAGS or a file's path."""
    flag = _read_user_flags().get(name, Flag("", "Theano's default"))
    return flag.value, flag.source


def _read_user_flags() -> dict[str, Flag]:
    """What the user has set in THEANO_FLAGS or in .theanorc files, by Theano's own flag names."""
    flags: dict[str, Flag] = {}
    # What Theano itself lets a file refer to as %(USER)s and so on.
    words = {name: os.environ.get(name, "") for name in ("LSCRATCH", "TMPDIR", "TEMP", "TMP")}
    user = os.environ.get("USER", os.path.basename(os.path.expanduser("~")))
    parser = configparser.ConfigParser({"USER": user, "PID": str(os.getpid()), **words})
    for name in os.environ.get("THEANORC", "~/.theanorc").split(os.pathsep):
        path = os.path.expanduser(name)
        try:
            read = parser.read(path)
        except (configparser.Error, UnicodeDecodeError) as error:
            reason = " ".join(str(error).split())
            raise SetupError(
                f"{path}: Theano cannot read its configuration ({reason}): mend the file, move it "
                "away, or name another with THEANORC=/path"
            ) from error
        for section in parser.sections() if read else []:
            for key in set(parser[section]) - set(parser.defaults()):
                full_name = key if section == "global" else f"{section}.{key}"
                try:
                    value = parser.get(section, key)
                except configparser.InterpolationError:
                    value = parser.get(section, key, raw=True)
                # Files tell no upper case from lower case.
                full_name = "floatX" if full_name == "floatx" else full_name
                if full_name not in flags or flags[full_name].value != value:
                    flags[full_name] = Flag(value, path)
    given = shlex.shlex(os.environ.get(_ENVIRONMENT, ""), posix=True)
    given.whitespace, given.whitespace_split = ",", True
    try:
        for item in given:
            key, equals, value = item.strip().partition("=")
            if equals:
                flags[key] = Flag(value, _ENVIRONMENT)
    except ValueError as error:
        raise SetupError(f"{_ENVIRONMENT}={os.environ[_ENVIRONMENT]}: {error}") from error
    return flags


def _without_gpu(user: dict[str, Flag], aside: list[str]) -> dict[str, str]:
    """The flags of a GPU back end that Theano would stumble over, each with a harmless value."""
    replaced = {
        name: harmless
        for name, harmless in _GPU_FLAGS.items()
        if name in user and user[name].value != harmless
    }
    if "device" in replaced or "init_gpu_device" in replaced:
        name = "device" if "device" in replaced else "init_gpu_device"
        aside.append(
            f"{name}={user[name].value} ({user[name].source}): Theano's graphs run on the CPU here,"
            " and the experiments on a GPU with --device cuda"
        )
    return replaced


def _check_float(user: dict[str, Flag]) -> None:
    flag = user.get("floatX")
    if flag is not None and flag.value not in ("float32", "float64", "32", "64"):
        raise SetupError(
            f"floatX={flag.value} ({flag.source}): the layers compute in float32 or float64"
        )


def _blas_flags(user: dict[str, Flag], aside: list[str]) -> dict[str, str]:
    """The flags that name a BLAS: the user's where it can be linked with, else the installation's.

    Without explicit blas.ldflags Theano asks numpy.distutils for one, which later numpys lack.
    """
    # What no module compiles without, and the user's own flags or none for debugging: writing its
    # information takes half of a small module's time.
    own = user["gcc.cxxflags"].value if "gcc.cxxflags" in user else "-g0"
    needed = numpy_headers.compiler_flags()
    flags = {"gcc.cxxflags": " ".join([*needed, own]).strip()}
    given = user.get("blas.ldflags")
    if given is not None and not given.value:
        aside.append(
            f"blas.ldflags= ({given.source}): without a BLAS all runs on one core, and many times "
            "slower; take it out to have the installation's own"
        )
    elif given is not None:
        cxx = user["cxx"].value if "cxx" in user else "g++"
        missing = compiler.cannot_link(cxx, given.value)
        if missing is None:
            return flags
        aside.append(
            f"blas.ldflags={given.value} ({given.source}): {missing}; the installation's own BLAS "
            "is taken"
        )
        given = None
    if given is None:
        library = blas.load()
        renamed = library.compiler_flags.split()
        flags["gcc.cxxflags"] = " ".join([*needed, *renamed, own]).strip()
        flags["blas.ldflags"] = library.link_flags
        if library.link_flags:
            return flags
    # Theano then multiplies by numpy's Python interface, of which only one thread may make use.
    openmp = user.get("openmp")
    if openmp is not None and openmp.value in ("True", "true", "1"):
        if given is None:
            raise SetupError(
                "openmp=True needs a BLAS: pip install scipy-openblas32, or name one with "
                "THEANO_FLAGS=blas.ldflags=-l..."
            )
        aside.append(f"openmp={openmp.value} ({openmp.source}): it needs a BLAS")
    # One warning is enough, and ours has a remedy.
    logging.getLogger("theano.tensor.blas").setLevel(logging.ERROR)
    return {**flags, "openmp": "False"}
