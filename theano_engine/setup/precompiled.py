"""A precompiled header for the hundred small C++ files of a cold compile.

Each of Theano's generated modules includes Python's, numpy's and the C++ library's headers first,
and parsing those takes longer than compiling the rest. GCC takes a precompiled header that matches
a file's flags in place of the text, and the text where none matches, so that the compiled code is
the same either way.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path

from theano_engine.setup import numpy_headers

_HEADER = numpy_headers.HEADER.with_name("theano_modules.h")
NAME = _HEADER.name

# How Theano compiles its modules: with and without OpenMP.
_FLAGS = ["-O3", "-fno-math-errno", "-fvisibility=hidden"]
_VARIANTS = {"plain": [], "openmp": ["-fopenmp"]}


def install() -> None:
    """Let Theano's compiler find the precompiled header; begins it where it is not there yet.

    That takes a second or two once per compile cache, on other cores while graphs are built: the
    first module to be compiled waits for it. Does nothing where the compiler is not GCC; where the
    header cannot be made, compiling is only slower.
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
    if not folder.is_dir() and (making := _begin(folder, compiler, arguments, includes)):
        atexit.register(making.finish)
        _finish_before_compiling(making)
    # By search path rather than by name, since Theano splits its flags at spaces. Where a cleaner
    # takes the folder while this process goes on, the compiler finds the text behind it.
    found_in = [str(folder), str(_HEADER.parent), os.environ.get("CPATH")]
    os.environ["CPATH"] = os.pathsep.join(filter(None, found_in))
    theano.config.gcc.cxxflags = f"-include {NAME} {theano.config.gcc.cxxflags}".strip()


def _is_whole(folder: Path) -> bool:
    variants = folder / f"{NAME}.gch"
    return all(path.is_file() for path in (folder / NAME, *(variants / v for v in _VARIANTS)))


@dataclass
class _Making:
    """Compilers at work on the header's variants in a folder `aside`, which becomes `folder`."""

    folder: Path
    aside: Path
    compilers: list[subprocess.Popen]
    _begun_by: int = field(default_factory=os.getpid)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def finish(self) -> None:
        """Wait for the compilers, once; the folder is there as a whole then, or not at all."""
        # A forked process has other children.
        if os.getpid() != self._begun_by:
            return
        with self._lock:
            compilers, self.compilers = self.compilers, []
            if compilers:
                failed = any([compiler.wait() for compiler in compilers])
                if not failed:
                    # Another process may have made the folder meanwhile.
                    with contextlib.suppress(OSError):
                        os.replace(self.aside, self.folder)
                shutil.rmtree(self.aside, ignore_errors=True)


def _begin(
    folder: Path, compiler: str, arguments: list[str], includes: list[str]
) -> _Making | None:
    """Begin to compile the header's variants; None where there is no place for them."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".precompiled-", dir=folder.parent))
    except OSError:
        return None
    making = _Making(folder, aside, [])
    try:
        header = aside / NAME
        shutil.copyfile(_HEADER, header)
        variants = aside / f"{NAME}.gch"
        variants.mkdir()
        for name, variant in _VARIANTS.items():
            command = [
                *(compiler, *_FLAGS, *variant, *arguments, *(f"-I{i}" for i in includes)),
                *("-x", "c++-header", str(header), "-o", str(variants / name)),
            ]
            making.compilers.append(
                subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            )
    except OSError:
        for begun in making.compilers:
            begun.kill()
            begun.wait()
        shutil.rmtree(aside, ignore_errors=True)
        return None
    return making


def _finish_before_compiling(making: _Making) -> None:
    from theano.gof.cmodule import GCC_compiler

    original = GCC_compiler.compile_str

    def compile_str(*arguments, **keywords):
        making.finish()
        return original(*arguments, **keywords)

    GCC_compiler.compile_str = staticmethod(compile_str)
