"""The binary kernels under the address and undefined-behaviour sanitizers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.project import PROJECT

SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


@pytest.mark.parametrize("openmp", [[], ["-fopenmp"]], ids=["one thread", "two threads"])
def test_kernels_stay_within_bounds(tmp_path, openmp):
    source = Path(__file__).with_name("sanitize_binary_kernels.cpp")
    program = tmp_path / "sanitized"
    command = ["g++", "-std=c++11", "-O1", "-g1", *SANITIZERS, *openmp]
    kernels = PROJECT / "theano_engine" / "kernels"
    subprocess.run([*command, f"-I{kernels}", str(source), "-o", str(program)], check=True)
    finished = subprocess.run([str(program)], capture_output=True, text=True, timeout=300)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "agree" in finished.stdout
