"""One judge of instruction sets: what it lets a kernel use, and a cap that does not exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from support.kernel_settings import INSTRUCTION_SETS, kernels_with
from support.project import PROJECT, check_one_line, run_script

from theano_engine import T, kernels, processor, theano
from theano_engine.ops.adam_step import AdamStep
from theano_engine.ops.batch_norm import BatchNormTrainGradKernel, BatchNormTrainKernel, ChannelSum
from theano_engine.ops.pool import AdjoiningMaxPool, AdjoiningMaxPoolGrad

AS_GIVEN = theano.Mode(linker="cvm", optimizer=None)
# Those with a form for every processor, by what includes the rest.
HEADERS = ["adam_step.h", "batch_norm.h", "pool.h", "product/dot.h", "product/signs.h"]


def random(*shape):
    return np.random.default_rng(len(shape)).integers(-4, 5, shape).astype(np.float32)


def batch_norm(x, y, gradient):
    scale = T.constant(np.linspace(0.5, 2, 6, dtype=np.float32))
    outputs = BatchNormTrainKernel(1e-4, "tanh")(x, scale, scale / 4)
    plain = BatchNormTrainKernel(1e-4)(x, scale, scale / 4)
    through = BatchNormTrainGradKernel(masked=True)(x, scale, scale / 4, *outputs[1:], gradient)
    return [*outputs, *plain, *through]


def pooling(x, y, gradient):
    largest = AdjoiningMaxPool(2, 2)(x)
    return [largest, AdjoiningMaxPoolGrad(2, 2)(x, largest, largest)]


def adam(x, y, gradient):
    constants = {"first_decay": 0.9, "first_weight": 0.1, "second_decay": 0.999}
    op = AdamStep(second_weight=0.001, epsilon=1e-8, low=-1, high=1, **constants)
    return op(x / 8, gradient, y, y * y, T.constant(np.float32(-0.01)))


def channel_sum(x, y, gradient):
    return [ChannelSum()(x)]


@pytest.mark.slow
@pytest.mark.parametrize("family", [batch_norm, pooling, adam, channel_sum])
def test_each_family_computes_the_same_under_every_cap(family):
    arrays = [random(5, 6, 8, 8) for _ in range(3)]
    inputs = [T.tensor4() for _ in arrays]
    found = {}
    for cap in INSTRUCTION_SETS:
        with kernels_with(cap, 2):
            found[cap] = theano.function(
                inputs, family(*inputs), mode=AS_GIVEN, on_unused_input="ignore"
            )(*arrays)
    for cap, results in found.items():
        for result, expected in zip(results, found["portable"]):
            np.testing.assert_allclose(result, expected, rtol=1e-6, atol=1e-7, err_msg=cap)
            assert np.isfinite(result).all()


@pytest.mark.slow
@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("level, registers", [("portable", "[yz]mm"), ("avx2", "zmm")])
def test_the_cap_reaches_the_instructions(header, level, registers, tmp_path):
    """Compiled for a processor that has them all, as Theano compiles for its own."""
    number = processor.LEVELS.index(level)
    text = kernels.capped_source(header, number, contracts=True)
    source = tmp_path / "kernel.cpp"
    # Whatever is not called would be left out.
    source.write_text(re.sub(r"^(TARGET_\w+ )?inline ", r"\1static ", text, flags=re.MULTILINE))
    command = ["g++", "-O3", "-march=icelake-server", "-fopenmp", "-fkeep-static-functions"]
    command += ["-S", str(source), "-o", "-"]
    assembly = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "xmm" in assembly
    assert not re.search(f"%{registers}", assembly)


def test_levels_are_numbered_as_in_the_kernels():
    text = (PROJECT / "theano_engine/kernels/common/instruction_set.h").read_text()
    found = re.findall(r"#define HAS_(\w+) \(KERNEL_INSTRUCTION_SET >= (\d)\)", text)
    chains = (processor.ARCHITECTURES[name] for name in ("aarch64", "x86_64"))
    assert [(name.upper(), str(n)) for of in chains for n, name in enumerate(of) if n] == found


@pytest.mark.parametrize("flags, level", [("avx2 fma", "avx2"), ("avx2", "portable")])
def test_a_level_needs_all_its_flags(monkeypatch, flags, level):
    monkeypatch.setattr(processor, "flags", lambda: frozenset(flags.split()))
    assert processor.level() == level


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variable", "named", "allowed"),
    [
        (processor.VARIABLE, "foo", "portable, avx2, avx512"),
        (processor.VARIABLE, "AVX2", "portable, avx2, avx512"),
        (processor.VARIABLE, "avx512 ", "portable, avx2, avx512"),
        (processor.PARTS_VARIABLE, "4", "1, 2, 3"),
        (processor.PARTS_VARIABLE, "two", "1, 2, 3"),
    ],
)
def test_what_does_not_exist_is_named_before_anything_is_built(variable, named, allowed, tmp_path):
    environment = {variable: named}
    environment["THEANO_FLAGS"] = f"base_compiledir={tmp_path / 'compiled'}"
    arguments = ("--synthetic", "--width", "0.0625", "--epochs", "1", "--train-size", "60")
    done = run_script("svhn_random_labels.py", *arguments, cwd=tmp_path, **environment)
    check_one_line(done, f"{variable}={named}")
    assert allowed in done.stderr
    assert not (tmp_path / "compiled").exists()


@pytest.mark.slow
def test_a_program_that_imports_theano_learns_it_at_once():
    environment = {**os.environ, processor.VARIABLE: "foo"}
    command = [sys.executable, "-c", "from theano_engine import theano"]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1].startswith("theano_engine.processor.InstructionSetError: ")
