"""What home folders and environments of 2017 still hold: no harm, or a line that names it."""

from __future__ import annotations

import os

import pytest
from support.project import check_one_line, run_code, run_script

pytestmark = pytest.mark.slow

SHOW = """
from theano_engine import theano
print(theano.config.device, theano.config.floatX, theano.config.blas.ldflags != "")
"""
# Linked with the installation's BLAS, and run on two threads.
PRODUCT = f"{SHOW}\nx = theano.tensor.ones((9, 9))\nprint(theano.tensor.dot(x, x).eval().sum())\n"


def start(program, home, **environment):
    """Runs `program` with `home` as the home folder, but with the compile cache of all tests."""
    cache = os.path.expanduser("~/.theano")
    for item in os.environ.get("THEANO_FLAGS", "").split(","):
        if item.startswith("base_compiledir="):
            cache = item.partition("=")[2]
    given = environment.pop("THEANO_FLAGS", "")
    environment["THEANO_FLAGS"] = ",".join(filter(None, [f"base_compiledir={cache}", given]))
    return run_code(program, HOME=str(home), **environment)


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "flags, named",
    [
        ("device=gpu", "--device cuda"),
        ("device=gpu0,lib.cnmem=0.9,floatX=float32,nvcc.fastmath=True", "device=gpu0"),
        ("device=cuda,force_device=True,dnn.conv.workmem=small", "device=cuda"),
        ("blas.ldflags=-L/nowhere -lnosuchblas", "-lnosuchblas"),
        ("blas.ldflags='-lm'", "sgemm_"),
        ("lib.cnmem=1", None),
        ("gpuarray.preallocate=0.9,allow_gc=True", None),
    ],
)
def test_what_concerns_absent_machines_is_left_aside(flags, named, tmp_path):
    done = start(PRODUCT, tmp_path, THEANO_FLAGS=flags)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["cpu float32 True", "729.0"]
    told = done.stderr.splitlines()
    assert len(told) == (named is not None)
    assert named is None or (named in told[0] and "THEANO_FLAGS" in told[0])


def test_a_file_of_2017(tmp_path):
    (tmp_path / ".theanorc").write_text(
        "[global]\ndevice = gpu\nfloatX = float32\nbase_compiledir = /nowhere/%(USER)s\n"
        "[lib]\ncnmem = 0.8\n[nvcc]\nfastmath = True\n[dnn.conv]\nalgo_bwd = deterministic\n"
        "[blas]\nldflags = -lnosuchblas\n"
    )
    done = start(PRODUCT, tmp_path)
    assert done.stdout.splitlines() == ["cpu float32 True", "729.0"], done.stderr
    (told,) = done.stderr.splitlines()
    for named in ("device=gpu", "-lnosuchblas", str(tmp_path / ".theanorc")):
        assert named in told


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", ["float64", "64"])
def test_a_file_may_choose_double_precision(name, tmp_path):
    (tmp_path / ".theanorc").write_text(f"[global]\nfloatX = {name}\n")
    assert start(SHOW, tmp_path).stdout.split() == ["cpu", "float64", "True"]


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "text",
    [
        b"device = cpu\n",
        b"[global\n",
        b"[global]\nfloatX\n",
        b"[global]\na=1\na=2\n",
        b"\xff\xfe\0",
    ],
)
def test_a_file_that_does_not_parse(text, tmp_path):
    (tmp_path / ".theanorc").write_bytes(text)
    check_one_line(
        run_script("svhn_random_labels.py", "--synthetic", cwd=tmp_path, HOME=str(tmp_path)),
        tmp_path / ".theanorc",
        "THEANORC",
    )


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "variable, value, named",
    [
        ("THEANO_FLAGS", "cxx=", "cxx"),
        ("THEANO_FLAGS", "cxx=/no/such/g++", "/no/such/g++"),
        ("THEANO_FLAGS", "floatX=float16", "floatX=float16"),
        ("THEANO_FLAGS", "mode=FASTEST", "mode=FASTEST"),
        ("THEANO_FLAGS", "openmp=yes", "openmp=yes"),
        ("THEANO_FLAGS", "traceback.limit=many", "traceback.limit=many"),
        ("THEANO_FLAGS", "gcc.cxxflags='-O2", "gcc.cxxflags='-O2"),
        ("THEANO_FLAGS", "base_compiledir=/proc/cache", "/proc/cache"),
        ("THEANO_FLAGS", "base_compiledir=/dev/null", "/dev/null"),
        ("THEANO_FLAGS", "compiledir=/dev/null/cache", "/dev/null/cache"),
        ("OMP_NUM_THREADS", "many", "OMP_NUM_THREADS=many"),
        ("OMP_NUM_THREADS", "0", "OMP_NUM_THREADS=0"),
        ("OMP_NUM_THREADS", "4,,2", "OMP_NUM_THREADS=4,,2"),
    ],
)
def test_what_cannot_be_used_is_named(variable, value, named, tmp_path):
    done = run_script("svhn_random_labels.py", "--synthetic", cwd=tmp_path, **{variable: value})
    check_one_line(done, named)
    assert not list(tmp_path.iterdir())


@pytest.mark.exhaustive
@pytest.mark.parametrize("threads, expected", [("3,2", 3), (" 2 , 1", 2), ("+1", 1)])
def test_numbers_of_threads_that_openmp_knows(threads, expected, tmp_path):
    program = (
        f"{PRODUCT}\nimport ctypes, os\n"
        "print(ctypes.CDLL('libgomp.so.1').omp_get_max_threads(), os.environ['OMP_NUM_THREADS'])"
    )
    done = start(program, tmp_path, OMP_NUM_THREADS=threads)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == f"{expected} {threads}"


@pytest.mark.exhaustive
def test_a_blas_that_is_switched_off(tmp_path):
    program = "from theano_engine import theano; print(theano.config.openmp)"
    done = start(program, tmp_path, THEANO_FLAGS="blas.ldflags=,openmp=True")
    assert done.stdout == "False\n"
    (told,) = done.stderr.splitlines()
    assert "many times slower" in told


@pytest.mark.exhaustive
@pytest.mark.parametrize("flag", ["mode=FAST_COMPILE", "linker=py", "optimizer=None"])
def test_a_configuration_that_computes_no_convolutions(flag, tmp_path):
    cache = os.environ.get("THEANO_FLAGS", "")
    done = run_script(
        *("svhn_random_labels.py", "--synthetic", "--width", "0.0625", "--epochs", "1", "--quiet"),
        cwd=tmp_path,
        THEANO_FLAGS=",".join(filter(None, [cache, flag])),
    )
    check_one_line(done, flag, "THEANO_FLAGS")
    assert not list(tmp_path.iterdir())
