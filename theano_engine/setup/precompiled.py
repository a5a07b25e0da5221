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

from theano_engine.setup import numpy_headers

_HEADER = numpy_headers.HEADER.with_name("theano_modules.h")
NAME = _HEADER.name

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
    text = _HEADER.read_text(encoding="utf-8")
    identity = "\0".join([text, compiler, repr(version.stdout), *arguments, *includes])
    folder = base / f"precompiled-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
    if not _is_whole(folder):
        # A cleaner of temporary folders takes old files, and leaves their folder.
        shutil.rmtree(folder, ignore_errors=True)
    if not folder.is_dir() and not _make(folder, compiler, arguments, includes):
        return
    # By search path rather than by name, since Theano splits its flags at spaces. Where a cleaner
    # takes the folder while this process goes on, the compiler finds the text behind it.
    found_in = [str(folder), str(_HEADER.parent), os.environ.get("CPATH")]
    os.environ["CPATH"] = os.pathsep.join(filter(None, found_in))
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
        shutil.copyfile(_HEADER, header)
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
