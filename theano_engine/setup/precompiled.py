"""A precompiled header for the hundred small C++ files of a cold compile.

Each of Theano's generated modules includes Python's, numpy's and the C++ library's headers first,
and parsing those takes longer than compiling the rest. GCC takes a precompiled header that matches
a file's flags in place of the text, and the text where none matches, so that the compiled code is
the same either way.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from theano_engine.setup import numpy_headers, numpy_names

NAME = "theano_modules.h"

# What Theano's generator puts first into every module, in its order.
# Theano's trial compilations, of OpenMP say, know none of these headers.
_TEXT = """\
#if __has_include(<Python.h>) && __has_include(<numpy/arrayobject.h>) \\
    && __has_include("theano_mod_helper.h")
#include <Python.h>
#include <iostream>
#include "theano_mod_helper.h"
#include <math.h>
#include <numpy/arrayobject.h>
#include <numpy/arrayscalars.h>
#include <vector>
#include <algorithm>
#endif
"""

# GCC takes a precompiled header only before any other text, `-include` counted.
if numpy_names.NUMPY_2:
    _TEXT = f'#include "{numpy_headers.HEADER.name}"\n{_TEXT}'

# How Theano compiles its modules: with and without OpenMP.
_FLAGS = ["-O3", "-fno-math-errno", "-fvisibility=hidden"]
_VARIANTS = {"plain": [], "openmp": ["-fopenmp"]}


def install() -> None:
    """Let Theano's compiler find the precompiled header; makes it where it is not there yet.

    Takes a second or two once per compile cache and nothing later. Does nothing where the compiler
    is not GCC, or the header cannot be made: compiling is only slower then.
    """
    import theano
    from theano.gof.cmodule import GCC_compiler, std_include_dirs

    compiler = theano.config.cxx
    if not sys.platform.startswith("linux") or not Path(compiler).name.startswith("g++"):
        return
    base = Path(theano.config.base_compiledir)
    arguments = GCC_compiler.compile_args()
    includes = std_include_dirs()
    version = subprocess.run([compiler, "-dumpfullversion", "-dumpmachine"], capture_output=True)
    identity = "\0".join([_TEXT, compiler, repr(version.stdout), *arguments, *includes])
    folder = base / f"precompiled-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
    if not _is_whole(folder):
        # A cleaner of temporary folders takes old files, and leaves their folder.
        shutil.rmtree(folder, ignore_errors=True)
    if not folder.is_dir() and not _make(folder, compiler, arguments, includes):
        return
    # By search path rather than by name, since Theano splits its flags at spaces.
    os.environ["CPATH"] = os.pathsep.join(filter(None, [str(folder), os.environ.get("CPATH")]))
    theano.config.gcc.cxxflags = f"-include {NAME} {theano.config.gcc.cxxflags}".strip()


def _is_whole(folder: Path) -> bool:
    variants = folder / f"{NAME}.gch"
    return all(path.is_file() for path in (folder / NAME, *(variants / v for v in _VARIANTS)))


def _make(folder: Path, compiler: str, arguments: list[str], includes: list[str]) -> bool:
    """Compile the header's variants into `folder`, whole or not at all; False where that fails."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".precompiled-", dir=folder.parent))
    except OSError:
        return False
    try:
        header = aside / NAME
        header.write_text(_TEXT, encoding="utf-8")
        variants = aside / f"{NAME}.gch"
        variants.mkdir()
        running = [
            subprocess.Popen(
                [
                    *(compiler, *_FLAGS, *variant, *arguments, *(f"-I{i}" for i in includes)),
                    *("-x", "c++-header", str(header), "-o", str(variants / name)),
                ],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for name, variant in _VARIANTS.items()
        ]
        if any([process.wait() for process in running]):
            return False
        os.replace(aside, folder)
    except OSError:
        # Another process has made the folder in the meantime, or the disk is full.
        return folder.is_dir()
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return True
