"""The kernels beside plain loops under other compilers, instruction sets and processors.

What is not for this processor runs in an emulator. The programs are those of the sanitizers.
"""

from __future__ import annotations

import shutil
import subprocess

import pytest
from support.project import PROJECT

from theano_engine import processor

pytestmark = pytest.mark.exhaustive

SOURCES = sorted((PROJECT / "tests" / "theano_engine").glob("sanitize_*.cpp"))
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
# As Apple's clang compiles: without OpenMP, whose pragmas and numbers of threads mean nothing then.
ONE_THREAD = ["-Wno-unknown-pragmas", "-Wno-unused-parameter"]
# GCC finds uninitialised values in its own intrinsics.
OF_GCC = ["-fopenmp", "-Wno-uninitialized", "-Wno-maybe-uninitialized"]
COMPILERS = {"g++": OF_GCC, "clang++": ONE_THREAD}
CROSS_COMPILER, EMULATOR = "aarch64-linux-gnu-g++", "qemu-aarch64"


def run(source, folder, level, compiler, flags, emulator=()):
    """What the program prints, built for the instruction set `level`."""
    for needed in (compiler, *emulator):
        if shutil.which(needed) is None:
            pytest.skip(f"no {needed} here")
    program = folder / "program"
    command = [compiler, "-std=c++11", "-O2", "-ffp-contract=off", *WARNINGS, *flags]
    levels = processor.ARCHITECTURES["aarch64" if compiler == CROSS_COMPILER else "x86_64"]
    command += [f"-DKERNEL_INSTRUCTION_SET={[*levels].index(level)}", "-DKERNEL_CONTRACTS=0"]
    kernels = PROJECT / "theano_engine" / "kernels"
    subprocess.run([*command, f"-I{kernels}", str(source), "-o", str(program)], check=True)
    done = subprocess.run([*emulator, str(program)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("level", processor.LEVELS)
@pytest.mark.parametrize("compiler", sorted(COMPILERS))
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_kernels_agree_under_every_compiler(tmp_path, source, compiler, level):
    if not processor.supports(level):
        pytest.skip(f"this processor has no {level}")
    assert "agree" in run(source, tmp_path, level, compiler, COMPILERS[compiler])


@pytest.mark.parametrize("level", processor.ARCHITECTURES["aarch64"])
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_kernels_agree_on_aarch64(tmp_path, source, level):
    # An emulator takes its time: each level once, the one without OpenMP, the other with it.
    flags = ["-static", *(ONE_THREAD if level == "portable" else ["-fopenmp"])]
    assert "agree" in run(source, tmp_path, level, CROSS_COMPILER, flags, [EMULATOR])
