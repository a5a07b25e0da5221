"""How much memory a run takes, and that what it frees stays with it."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.project import PROJECT, run_script
from support.runs import finished_epochs

# malloc and free themselves: numpy asks the kernel for huge pages, which hide the count.
FAULTS_OF_THE_SECOND_USE = """
from theano_engine import theano
import ctypes, resource

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
size = 24 << 20


def use():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    memory = libc.malloc(size)
    ctypes.memset(memory, 1, size)
    libc.free(memory)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


use()
print(use() * resource.getpagesize() / size)
"""


def share_touched_anew(**environment) -> float:
    done = subprocess.run(
        [sys.executable, "-c", FAULTS_OF_THE_SECOND_USE],
        cwd=PROJECT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(not os.confstr("CS_GNU_LIBC_VERSION"), reason="a setting of glibc's malloc")
def test_memory_that_was_freed_is_used_again():
    assert share_touched_anew() < 0.1


@pytest.mark.slow
@pytest.mark.skipif(not os.confstr("CS_GNU_LIBC_VERSION"), reason="a setting of glibc's malloc")
@pytest.mark.parametrize(
    "environment",
    [
        {"MALLOC_MMAP_THRESHOLD_": "1000000"},
        {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=1000000"},
    ],
)
def test_what_the_user_told_malloc_stands(environment):
    assert share_touched_anew(**environment) > 0.9


@pytest.mark.exhaustive
def test_a_full_svhn(tmp_path):
    """73,257 and 26,032 images in their real format, 305 MB of them."""
    dense = ("--", "--network", "mlp", "--hidden", "64")
    done = run_script("benchmarks/full_svhn.py", str(tmp_path), *dense, cwd=tmp_path)
    # pytest keeps the last folders.
    shutil.rmtree(tmp_path / "svhn")
    assert done.returncode == 0, done.stderr
    megabytes = json.loads(done.stdout.splitlines()[-1])
    print(megabytes)
    for peak in (megabytes["from the files"], megabytes["from the cache"]):
        assert 305 < peak - megabytes["importing Theano"] < 1500


EPOCHS = int(os.environ.get("EPOCHS", "60"))


@pytest.mark.exhaustive
def test_memory_does_not_grow_with_the_epochs(tmp_path):
    """EPOCHS=200 python -m pytest tests/scripts/test_memory.py for a longer run."""
    script = "cifar10_random_labels"
    arguments = (
        "--synthetic",
        "--width",
        "0.0625",
        "--train-size",
        "60",
        "--quiet",
        "--name",
        "run",
    )
    run = subprocess.Popen(
        [sys.executable, PROJECT / f"{script}.py", *arguments, "--epochs", str(EPOCHS)],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
    )
    megabytes = {}
    while run.poll() is None:
        epoch = finished_epochs(tmp_path / "results" / script / "run")
        if epoch not in megabytes:
            with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                pages = int(Path(f"/proc/{run.pid}/statm").read_text().split()[1])
                megabytes[epoch] = pages * resource.getpagesize() / 1e6
        time.sleep(0.01)
    assert run.returncode == 0
    after_twenty = min(epoch for epoch in megabytes if epoch >= 20)
    last = max(epoch for epoch in megabytes if epoch < EPOCHS)
    print(megabytes[after_twenty], megabytes[last])
    assert last > EPOCHS * 0.8
    assert megabytes[last] - megabytes[after_twenty] < 10
