"""A graph's modules compiled side by side: the same ones, and several compilers at once."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from support.project import PROJECT, check_one_line

pytestmark = pytest.mark.exhaustive

# Each operation is a module of its own.
GRAPH = """
from theano_engine import T, theano
x = T.matrix("x")
mode = theano.compile.mode.get_mode("FAST_RUN").excluding("fusion", "inplace")
f = theano.function([x], [T.exp(x), T.sin(x), x.sum(), T.dot(x, x)], mode=mode)
print([float(abs(y).sum()) for y in f([[1, 2], [3, 4]])])
"""
# A compiler that compiles no module before a second one is being compiled, or a minute has passed.
COMPILER = """#!/bin/sh
case "$*" in
    *theano-modules-*)
        touch "$BEGUN/$$"
        n=0
        until [ "$(ls "$BEGUN" | wc -l)" -ge 2 ]; do
            n=$((n + 1)); [ $n -lt 600 ] || { touch "$BEGUN/alone"; break; }; sleep 0.1
        done
esac
exec g++ "$@"
"""


def compiled(folder, compilers, **more):
    """What the graph prints, and the sources of the modules in the compile cache in `folder`."""
    flags = ",".join(filter(None, [f"base_compiledir={folder}", more.pop("flags", "")]))
    environment = {**os.environ, "THEANO_FLAGS": flags, "ENGINE_COMPILERS": compilers, **more}
    command = [sys.executable, "-c", GRAPH]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout, {path.read_text() for path in folder.glob("compiledir_*/tmp*/mod.cpp")}


def test_the_same_modules_are_compiled_side_by_side(tmp_path):
    one_by_one = compiled(tmp_path / "one", "1")
    side_by_side = compiled(tmp_path / "three", "3")
    assert side_by_side == one_by_one
    assert len(one_by_one[1]) >= 4
    assert compiled(tmp_path / "three", "3") == one_by_one


def test_compilers_run_at_the_same_time(tmp_path):
    compiler = tmp_path / "g++-waiting"
    compiler.write_text(COMPILER)
    compiler.chmod(0o755)
    begun = tmp_path / "begun"
    begun.mkdir()
    compiled(tmp_path / "cache", "2", flags=f"cxx={compiler}", BEGUN=str(begun))
    assert not (begun / "alone").exists()
    assert len(list(begun.iterdir())) >= 4


@pytest.mark.parametrize("number", ["0", "two", "-1"])
def test_a_wrong_number_of_compilers_is_a_line(number):
    environment = {**os.environ, "ENGINE_COMPILERS": number}
    command = [sys.executable, "cifar10_random_labels.py", "--synthetic", "--epochs", "0"]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)
    check_one_line(done, f"ENGINE_COMPILERS={number}")
