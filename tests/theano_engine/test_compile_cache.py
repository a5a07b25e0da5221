"""The folder of compiled modules: kept, shared by processes, and left whole by those that die."""

from __future__ import annotations

import glob
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from support.project import PROJECT

pytestmark = pytest.mark.exhaustive

COMPILED = """
from theano_engine import T, theano
from theano.gof.cc import CLinker
compile_module, compiled = CLinker.compile_cmodule, []
CLinker.compile_cmodule = lambda linker, *more: (
    compiled.append(linker.node_order[0].op) or compile_module(linker, *more)
)
"""
DOT = f"{COMPILED}theano.function([x := T.matrix()], T.dot(x, x)); print(compiled)"
# Views of all kinds share their C code, and so write to one entry of the cache.
VIEWS = f"""{COMPILED}
import itertools, random, sys
sys.stdin.read()
patterns = list(itertools.permutations(range(3))) + [(0, "x", 1, 2), (0, 1, "x", 2), (0, 1, 2, "x")]
random.shuffle(patterns)
x = T.tensor3()
for pattern in patterns:
    theano.function([x], x.dimshuffle(pattern))
theano.function([x], T.tanh(x).sum())
print(len(compiled))
"""
FAILS = """
from theano_engine import T, theano
class Broken(theano.Op):
    __props__ = ()
    def make_node(self, x): return theano.Apply(self, [x], [x.type()])
    def c_code(self, *arguments): return "not C++"
    def c_code_cache_version(self): return (1,)
x = T.vector()
try:
    theano.function([x], Broken()(x))
except Exception:
    pass
print("failed", flush=True)
input()
"""


def start(program, cache, stdin=subprocess.DEVNULL):
    return subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=PROJECT,
        env={**os.environ, "THEANO_FLAGS": f"base_compiledir={cache}"},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def printed(process):
    """What the process prints until its end, which must be a good one, without a warning."""
    output, errors = process.communicate(timeout=3600)
    assert (process.returncode, errors) == (0, "")
    return output.strip()


def test_nothing_is_compiled_a_second_time(tmp_path):
    """Theano takes Ops without properties for ones whose code has no version."""
    assert "Dot22" in printed(start(DOT, tmp_path))
    assert printed(start(DOT, tmp_path)) == "[]"


def holder(cache):
    """The process that compiles at this moment, or None."""
    for lock in cache.glob("*/lock_file"):
        return int(lock.read_text() or 0)
    return None


@pytest.mark.parametrize("killed", [False, True])
def test_processes_with_one_compile_cache(killed, tmp_path):
    cache = tmp_path / "not there yet"
    # All wait for the same end of input, to start together.
    reader, writer = os.pipe()
    processes = {process.pid: process for process in (start(VIEWS, cache, reader) for _ in "abc")}
    os.close(reader)
    os.close(writer)
    if killed:
        while not (
            glob.glob(str(cache / "*/tmp*/key.pkl")) and (pid := holder(cache)) in processes
        ):
            time.sleep(0.001)
        with processes.pop(pid) as victim:
            victim.kill()
        assert victim.returncode == -signal.SIGKILL
    compiled = [int(printed(process)) for process in processes.values()]
    # Views, copies, the hyperbolic tangent, the sum: each once, whoever does it.
    assert sum(compiled) <= 4 if killed else sum(compiled) == 4
    assert printed(start(VIEWS, cache, subprocess.DEVNULL)) == "0"


def test_a_process_that_failed_to_compile_lets_others_in(tmp_path):
    failed = start(FAILS, tmp_path, subprocess.PIPE)
    # Theano prints the code that the compiler refused.
    assert "failed\n" in iter(failed.stdout.readline, "")
    assert "Dot22" in printed(start(DOT, tmp_path))
    failed.communicate("\n")
    assert failed.returncode == 0


# The command of an environment into which the project is installed.
COMMAND = f"""
import runpy, sys
sys.path.append({str(PROJECT)!r})
import theano_engine.setup.finder
theano_engine.setup.finder.install_at_start()
sys.argv[0] = {os.path.join(os.path.dirname(sys.executable), "theano-cache")!r}
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_the_command_that_looks_after_the_cache(tmp_path):
    environment = {**os.environ, "THEANO_FLAGS": f"base_compiledir={tmp_path / 'cache'}"}

    def run(program, *arguments):
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            cwd=tmp_path,
            env={**environment, "PYTHONPATH": str(PROJECT)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    sine = "from theano_engine import T; T.sin(T.ones(3)).eval()"
    run(sine)
    (folder,) = run(COMMAND).splitlines()
    assert str(tmp_path) in folder and list(os.scandir(folder))
    assert "Elemwise" in run(COMMAND, "list")
    run(COMMAND, "unlock")
    run(COMMAND, "clear")
    assert "Elemwise" not in run(COMMAND, "list")
    run(sine)
    run(COMMAND, "purge")
    assert not os.path.exists(folder)


@pytest.mark.parametrize("gone", ["precompiled-*", "precompiled-*/*", "precompiled-*/*.gch"])
def test_a_precompiled_header_that_is_taken_away_meanwhile(gone, tmp_path):
    """By a cleaner of the temporary folder, while the process goes on."""
    program = f"""
import pathlib, shutil
from theano_engine import T, theano
T.sin(T.ones(3)).eval()
for path in pathlib.Path(theano.config.base_compiledir).glob({gone!r}):
    shutil.rmtree(path) if path.is_dir() else path.unlink()
x = T.vector()
print(theano.function([x], T.cos(x) * 2)([0]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(PROJECT),
            "THEANO_FLAGS": f"base_compiledir={tmp_path / 'cache'}",
        },
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "[2.]\n"), done.stderr


@pytest.mark.parametrize("cannot", ["", "*c++-header*) exit 1 ;;"])
def test_the_header_is_whole_or_not_there(cannot, tmp_path):
    """Of a process that compiles nothing, and of one whose compiler makes no headers."""
    compiler = tmp_path / "g++-own"
    compiler.write_text(f'#!/bin/sh\ncase "$*" in\n{cannot}\nesac\nexec g++ "$@"\n')
    compiler.chmod(0o755)
    cache = tmp_path / "cache"
    environment = {
        **os.environ,
        "PYTHONPATH": str(PROJECT),
        "THEANO_FLAGS": f"base_compiledir={cache},cxx={compiler}",
    }

    def printed(program):
        command = [sys.executable, "-c", f"from theano_engine import T, theano; {program}"]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    printed("theano.config.floatX")
    made = sorted(path.parent.name for path in cache.glob("precompiled-*/*.gch/*"))
    assert len(made) == (0 if cannot else 2) and not list(cache.glob(".precompiled-*"))
    assert printed("print(T.cos(T.zeros(3)).eval())") == "[1. 1. 1.]\n"
    assert not list(cache.glob(".precompiled-*"))


def test_the_flags_of_the_processor_are_asked_for_once(tmp_path):
    """By compiler; asked for again where what was kept of them is damaged."""
    compiler, asked = tmp_path / "g++-own", tmp_path / "asked"
    compiler.write_text(f'#!/bin/sh\necho "$*" >> {asked}\nexec g++ "$@"\n')
    compiler.chmod(0o755)
    cache = tmp_path / "cache"
    program = """
from theano_engine import T, theano
from theano.gof.cmodule import GCC_compiler
from theano.gof.op import OpenMPOp
OpenMPOp(openmp=True).update_self_openmp()
print(GCC_compiler.compile_args(), T.sin(T.zeros(2)).eval())
"""

    def started(compiler):
        asked.write_text("")
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": str(PROJECT),
                "THEANO_FLAGS": f"base_compiledir={cache},cxx={compiler}",
            },
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, "")
        lines = asked.read_text().splitlines()
        about_openmp = any("test_omp_" in line for line in lines)
        assert about_openmp == any("-march=native" in line for line in lines)
        return done.stdout, about_openmp

    told, was_asked = started(compiler)
    assert was_asked and started(compiler) == (told, False)
    (kept,) = cache.glob("native-flags-*.json")
    whole = kept.read_text()
    march = json.dumps(json.loads(whole)["march"])
    for damaged in ("{", march, f'{{"march": {march}}}', whole.replace(march, "[1]")):
        kept.write_text(damaged)
        assert started(compiler) == (told, True)
        assert started(compiler) == (told, False)
    compiler.write_text(compiler.read_text() + "# another one\n")
    assert started(compiler) == (told, True)
    assert not list(cache.glob(".native-flags-*"))
