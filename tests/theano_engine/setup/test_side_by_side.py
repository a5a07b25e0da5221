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
ELEMENTWISE = """
from theano_engine import T, theano
x = T.matrix("x")
mode = theano.compile.mode.get_mode("FAST_RUN").excluding("fusion", "inplace")
names = "exp sin sqrt abs_".split()
f = theano.function([x], [getattr(T, name)(x) for name in names], mode=mode)
print([float(y.sum()) for y in f([[1, 2], [3, 4]])])
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
ONE_AT_A_TIME = """#!/bin/sh
for word; do
    case "$word" in *.cpp) grep -q "namespace module_1" "$word" && exit 1 ;; esac
done
exec g++ "$@"
"""


def compiled(folder, compilers, program=GRAPH, **more):
    """What `program` prints, and the sources of the modules in the compile cache in `folder`."""
    flags = ",".join(filter(None, [f"base_compiledir={folder}", more.pop("flags", "")]))
    environment = {**os.environ, "THEANO_FLAGS": flags, "ENGINE_COMPILERS": compilers, **more}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout, {path.read_text() for path in folder.glob("compiledir_*/tmp*/mod.cpp")}


def libraries(folder):
    """How many compiled modules the compile cache in `folder` has, and of how many libraries."""
    found = list(folder.glob("compiledir_*/tmp*/*.so"))
    return len(found), len({path.stat().st_ino for path in found})


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
    assert len(list(begun.iterdir())) >= 3


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What ELEMENTWISE prints, and its modules, where each is compiled when its turn comes."""
    cache = tmp_path_factory.mktemp("alone")
    found = compiled(cache, "1", program=ELEMENTWISE)
    assert libraries(cache) == (4, 4)
    return found


@pytest.mark.parametrize("temporary", [None, "/dev/shm"])
def test_modules_that_are_alike_share_a_library(temporary, alone, tmp_path):
    """Where the compile cache is on another disk than temporary files, as well."""
    if temporary and not os.access(temporary, os.W_OK):
        pytest.skip(f"no {temporary}")
    more = {"TMPDIR": temporary} if temporary else {}
    assert compiled(tmp_path, "2", program=ELEMENTWISE, **more) == alone
    assert libraries(tmp_path) == (4, 1)
    assert compiled(tmp_path, "2", program=ELEMENTWISE, **more) == alone


def test_what_cannot_be_compiled_together_is_compiled_alone(alone, tmp_path):
    """A compiler that says no to more than one module at a time."""
    compiler = tmp_path / "g++-of-one"
    compiler.write_text(ONE_AT_A_TIME)
    compiler.chmod(0o755)
    cache = tmp_path / "cache"
    told, sources = compiled(cache, "2", program=ELEMENTWISE, flags=f"cxx={compiler}")
    assert told.splitlines()[-1] == alone[0].strip() and sources == alone[1]
    assert libraries(cache) == (4, 4)


@pytest.mark.parametrize("number", ["0", "two", "-1"])
def test_a_wrong_number_of_compilers_is_a_line(number):
    environment = {**os.environ, "ENGINE_COMPILERS": number}
    command = [sys.executable, "cifar10_random_labels.py", "--synthetic", "--epochs", "0"]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)
    check_one_line(done, f"ENGINE_COMPILERS={number}")
