"""No kernel's result depends on the number of threads, nor does a run where OpenBLAS keeps its."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from support.kernel_settings import INSTRUCTION_SETS
from support.project import PROJECT, run_script
from support.runs import SHORT, assert_same_run

pytestmark = pytest.mark.exhaustive

PROGRAM = PROJECT / "tests" / "support" / "kernel_bits.py"
# A network and an instruction set: kernels that it has among others.
NETWORKS = {
    "binary": ({}, INSTRUCTION_SETS[-1], {"BatchNormTrainKernel", "BinaryConv2d", "BinaryDot"}),
    "portable": ({}, "portable", {"BatchNormTrainGradKernel", "ChannelSum", "BinaryConv2d"}),
    "rectifiers": ({"activations": "relu"}, INSTRUCTION_SETS[-1], {"AdjoiningMaxPoolGrad"}),
    "floats": ({"activations": "relu", "weights": "float"}, INSTRUCTION_SETS[-1], set()),
}


def kernel_bits(architecture, instruction_set, *threads):
    """The hashes of what each kernel computed in one process, on each number of `threads`."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(threads[0]),
        # What the kernels are given must not differ by OpenBLAS's sums.
        "OPENBLAS_NUM_THREADS": "1",
        "ENGINE_INSTRUCTION_SET": instruction_set,
    }
    done = subprocess.run(
        [sys.executable, PROGRAM, json.dumps(architecture), *map(str, threads)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("network", ["binary", "rectifiers", "portable", "floats"])
def test_no_kernel_depends_on_the_number_of_threads(network):
    architecture, instruction_set, among = NETWORKS[network]
    # Where there is one thread, modules are compiled without OpenMP.
    (one,) = kernel_bits(architecture, instruction_set, 1)
    assert set(one) >= {"ConvFilterGradient", *among}
    for threads, several in zip((2, 3, 5), kernel_bits(architecture, instruction_set, 2, 3, 5)):
        assert several == one, threads


def test_a_run_is_the_same_on_any_number_of_threads(tmp_path):
    runs = []
    for threads in ("1", "3"):
        done = run_script(
            "cifar10_random_labels.py",
            *SHORT,
            "--no-figures",
            *("--results-dir", threads),
            cwd=tmp_path,
            OMP_NUM_THREADS=threads,
            OPENBLAS_NUM_THREADS="1",
        )
        assert done.returncode == 0, done.stderr
        runs.append(tmp_path / threads / "cifar10_random_labels" / "run")
    assert_same_run(*runs)
