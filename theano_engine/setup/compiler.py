"""The C++ compiler that Theano is given: there, and new enough."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from theano_engine.setup.errors import SetupError

# The first that knows all instructions of the kernels.
OLDEST_GCC = 8
# In whose names Theano 1.0.5 knows a compiler.
KNOWN = ("g++", "clang++", "clang-omp++", "icpc")


def check(compiler: str | None) -> None:
    """Raise `SetupError` where there is no `compiler`, or it is a g++ that is too old.

    None stands for the system's g++, which is Theano's default.
    """
    if compiler == "":
        raise SetupError(
            "cxx= (no C++ compiler): without one Theano computes neither convolutions nor the "
            "binary layers; take cxx out of THEANO_FLAGS or .theanorc, or name a compiler there"
        )
    compiler = compiler or "g++"
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


def told_of_unknown(compiler: str) -> str | None:
    """What to tell of a `compiler` that Theano does not know by its name; None where it does.

    Theano would say so once for every module that it compiles, and does not any more.
    """
    if any(name in compiler for name in KNOWN):
        return None
    logging.getLogger("theano.gof.cmodule").addFilter(_is_of_a_known_compiler)
    return (
        f"cxx={compiler} is no compiler that Theano knows by its name, so that it compiles for the "
        "plainest of processors; name g++ or clang++, or add gcc.cxxflags=-march=native"
    )


def _is_of_a_known_compiler(record: logging.LogRecord) -> bool:
    return "seems not to be the g++ compiler" not in record.getMessage()


def version(compiler: str) -> str:
    """The first line in which `compiler` names itself and its version; "unknown" without one."""
    try:
        asked = subprocess.run([compiler, "--version"], capture_output=True, text=True)
    except (OSError, ValueError):
        return "unknown"
    return next(iter(asked.stdout.splitlines()), "unknown")


def knows(flag: str) -> bool:
    """Whether Theano's compiler takes the flag `flag`; Theano has to be prepared."""
    import theano

    command = [theano.config.cxx or "g++", flag, "-E", "-x", "c++", os.devnull]
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


def cannot_link(compiler: str, link_flags: str) -> str | None:
    """Why no program that multiplies matrices works with `link_flags`; None where one does."""
    text = 'extern "C" void sgemm_(); int main(int n, char **) { if (n > 9) sgemm_(); }'
    plain = {**os.environ, "LC_ALL": "C"}
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "program"
        try:
            command = [compiler, "-x", "c++", "-", "-x", "none", "-o", str(program)]
            command += shlex.split(link_flags)
            for step, given in ((command, text), ([str(program)], None)):
                done = subprocess.run(step, input=given, capture_output=True, text=True, env=plain)
                if done.returncode:
                    told = [
                        line
                        for line in done.stderr.splitlines()
                        if "cannot" in line or "undefined" in line
                    ]
                    return (told or done.stderr.splitlines() or ["it ends at once"])[0].strip()
        except (OSError, ValueError) as error:
            return str(error)
    return None
