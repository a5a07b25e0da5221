"""Caches of data made by several processes, and on a disk without room."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from support.data_files import write_cifar10
from support.project import PROJECT

import datasets

pytestmark = pytest.mark.slow

LOAD = "import datasets, sys; print(datasets.load_cifar10(sys.argv[1]).fingerprint())"


def python(program, *arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(PROJECT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process):
    output, errors = process.communicate(timeout=3600)
    assert (process.returncode, errors) == (0, "")
    return output


def test_two_processes_building_one_cache(tmp_path):
    folder = tmp_path / "a folder with späces" / "cifar-10-batches-py"
    write_cifar10(folder, rows=(100,) * 6)
    user = tmp_path / "user"
    # Both wait for the same end of input, to start together.
    program = "import sys; sys.stdin.read(); " + LOAD
    reader, writer = os.pipe()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, folder.parent],
            env={**os.environ, "PYTHONPATH": str(PROJECT), "BINARYNET_CACHE": str(user)},
            stdin=reader,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    os.close(reader)
    os.close(writer)
    first, second = map(finished, processes)
    expected = datasets.load_cifar10(str(folder.parent)).fingerprint()
    assert first == second == expected + "\n"
    assert len(os.listdir(user)) == 1


def test_no_space_left(tmp_path):
    folder = tmp_path / "data"
    write_cifar10(folder, rows=(100,) * 6)
    # Files of this process end after a megabyte, as they do on a disk that is full.
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)); "
    user = tmp_path / "user"
    output = finished(python(limited + LOAD, folder, BINARYNET_CACHE=str(user)))
    assert os.listdir(user) == []
    assert finished(python(LOAD, folder, BINARYNET_CACHE=str(user))) == output
    assert len(os.listdir(user)) == 1
