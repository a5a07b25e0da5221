"""What stands between the installed packages and a working Theano, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from support.project import PROJECT, check_one_line, run_script

pytestmark = pytest.mark.slow

SETTINGS = "(theano.config.blas.ldflags, theano.config.gcc.cxxflags, theano.config.openmp)"
CHILD = f"from theano_engine import theano; print({SETTINGS})"
PARENT = f"""
import os, subprocess, sys
from theano_engine import theano
print({SETTINGS}, flush=True)
print(repr(os.environ.get('THEANO_FLAGS')), flush=True)
subprocess.run([sys.executable, '-c', {CHILD!r}], check=True)
"""


@pytest.mark.parametrize("flags", [None, "gcc.cxxflags=-O2", "blas.ldflags=,openmp=False"])
def test_a_child_process_starts_from_the_same_flags(flags):
    """Settings handed down would pass for the user's, and the BLAS that they name not be loaded."""
    environment = {name: value for name, value in os.environ.items() if name != "THEANO_FLAGS"}
    if flags is not None:
        environment["THEANO_FLAGS"] = flags
    done = subprocess.run(
        [sys.executable, "-c", PARENT],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=3600,
    )
    assert done.returncode == 0, done.stderr
    own, left, childs = done.stdout.splitlines()
    assert own == childs
    assert left == repr(flags)


@pytest.mark.parametrize("given, found", [(None, "4"), ("29", "29")])
def test_openblas_threads_sleep_after_a_product(given, found, tmp_path):
    """Left to themselves they spin, and take a core from the kernels that follow."""
    # OpenBLAS reads its settings when it is loaded.
    (tmp_path / "scipy_openblas32.py").write_text(
        "import os\n"
        "def get_lib_dir():\n"
        "    print(os.environ['OPENBLAS_THREAD_TIMEOUT'])\n"
        "    raise ImportError\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_THREAD_TIMEOUT"}
    if given is not None:
        environment["OPENBLAS_THREAD_TIMEOUT"] = given
    done = subprocess.run(
        [sys.executable, "-c", "from theano_engine import theano"],
        cwd=PROJECT,
        env={**environment, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{found}\n"


CONVOLUTION = """
import numpy as np
from theano_engine import T, theano
from scipy.signal import correlate
x, w = T.tensor4(), T.tensor4()
convolve = theano.function([x, w], T.nnet.conv2d(x, w, filter_flip=False))
images = np.random.default_rng(0).normal(size=(50, 3, 30, 30)).astype(np.float32)
filters = np.random.default_rng(1).normal(size=(32, 3, 3, 3)).astype(np.float32)
expected = [[correlate(i, f, "valid")[0] for f in filters] for i in images]
np.testing.assert_allclose(convolve(images, filters), expected, atol=1e-4)
"""


@pytest.mark.exhaustive
def test_without_a_blas_there_is_one_warning(tmp_path):
    """Theano's own fallback aborts where several threads use it."""
    (tmp_path / "scipy_openblas32.py").write_text("raise ImportError('not installed')\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    for flags, code in (("", 0), (",openmp=True", 1)):
        environment["THEANO_FLAGS"] = f"base_compiledir={tmp_path / 'cache'}{flags}"
        done = subprocess.run(
            [sys.executable, "-c", CONVOLUTION],
            cwd=PROJECT,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stderr
        assert done.stderr.lower().count("warning") == 1
        assert "pip install scipy-openblas32" in done.stderr
    assert "openmp=True needs a BLAS" in done.stderr


def test_a_compiler_that_is_too_old(tmp_path):
    compiler = tmp_path / "g++"
    compiler.write_text("#!/bin/sh\necho 6.3.0\n")
    compiler.chmod(0o755)
    done = run_script(
        "cifar10_random_labels.py",
        "--synthetic",
        cwd=tmp_path,
        THEANO_FLAGS=f"cxx={compiler}",
    )
    check_one_line(done, compiler, "6.3.0", "g++ 8")


NARROW_GRAPH = """
from theano_engine import T, theano
x = T.matrix()
print(theano.function([x], T.exp(x).sum())([[0, 0]]))
"""


def test_a_compiler_of_another_name_is_told_of_once(tmp_path):
    compiler = tmp_path / "cached-compiler"
    compiler.write_text('#!/bin/sh\nexec g++ "$@"\n')
    compiler.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", NARROW_GRAPH],
        cwd=PROJECT,
        env={**os.environ, "THEANO_FLAGS": f"cxx={compiler},base_compiledir={tmp_path}/cache"},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "2.0\n", done.stderr
    (line,) = done.stderr.splitlines()
    assert str(compiler) in line and "-march=native" in line
