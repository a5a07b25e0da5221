"""When gradients are multiplied in tiles, in how many parts, and what the parts cost."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from support import oracle_network
from support.project import PROJECT

from theano_engine import T, machine, processor, theano
from theano_engine.ops.tiled_gradient import (
    TiledConvFilterGradient,
    TiledConvInputGradient,
    TiledDenseInputGradient,
    TiledDenseWeightGradient,
    covers,
)
from theano_engine.setup import compiler

KERNELS = PROJECT / "theano_engine" / "kernels"
HERE = PROJECT / "tests" / "theano_engine"

TILES = processor.TILES
TILED = (TiledConvFilterGradient, TiledConvInputGradient)
DENSE = (TiledDenseInputGradient, TiledDenseWeightGradient)
ALL_FLAGS = frozenset(
    flag for added in processor.ARCHITECTURES["x86_64"].values() for flag in added
)
on_x86 = pytest.mark.skipif(TILES not in processor.LEVELS, reason="of x86-64 alone")


def choose_tiles(monkeypatch):
    """Have graphs rewritten as for a processor with tiles; kernels are compiled for this one."""
    supports = processor.supports
    monkeypatch.setattr(processor, "supports", lambda name: name == TILES or supports(name))


@pytest.fixture
def chosen(monkeypatch):
    choose_tiles(monkeypatch)


def tiled_ops(**convolution):
    """The tiled Ops in the optimised graph of a binary convolution's two gradients."""
    x, w = T.tensor4("x"), T.tensor4("w")
    images, filters = (2 * T.ge(v, 0).astype("float32") - 1 for v in (x, w))
    output = T.nnet.conv2d(images, filters, **convolution)
    gradients = T.grad((output**2).sum(), [images, filters])
    nodes = theano.function([x, w], gradients).maker.fgraph.apply_nodes
    return [node.op for node in nodes if isinstance(node.op, TILED)]


@pytest.mark.slow
@pytest.mark.parametrize("named", [None, "2"])
def test_both_gradients_are_tiled_in_as_many_parts_as_the_user_says(named, chosen, monkeypatch):
    if named:
        monkeypatch.setenv(processor.PARTS_VARIABLE, named)
    ops = tiled_ops(border_mode=1)
    assert {type(op) for op in ops} == set(TILED)
    assert {op.parts for op in ops} == {int(named or 3)}


def dense_gradients(high=1.0):
    """The compiled gradients of a dense layer's input and weights, and its output."""
    x, w, top = T.matrices("x", "w", "top")
    layer_input, weights = (T.switch(T.ge(v, 0), high, -high).astype("float32") for v in (x, w))
    output = T.dot(layer_input, weights)
    gradients = T.grad((top * output).sum(), [layer_input, weights])
    return theano.function([x, w, top], [*gradients, output])


def ops_of(function):
    return {type(node.op) for node in function.maker.fgraph.apply_nodes}


@pytest.mark.slow
@pytest.mark.parametrize("parts, bound", [(None, 2**-21), ("2", 2**-15), ("1", 2**-7)])
def test_dense_layers_are_tiled_within_the_bound_of_their_parts(parts, bound, chosen, monkeypatch):
    if parts:
        monkeypatch.setenv(processor.PARTS_VARIABLE, parts)
    function = dense_gradients()
    assert ops_of(function) >= set(DENSE)
    generator = np.random.RandomState(0)
    # Smaller layers keep their products.
    for batch, inputs, units in ((50, 260, 256), (1, 65536, 1), (3, 65, 1010), (0, 256, 257)):
        x, w = generator.randn(batch, inputs), generator.randn(inputs, units)
        top = generator.randn(batch, units).astype(np.float32)
        of_x, of_w, _ = function(x.astype(np.float32), w.astype(np.float32), top)
        x, w = np.where(x >= 0, 1.0, -1.0), np.where(w >= 0, 1.0, -1.0)
        sizes = np.abs(top.astype(np.float64))
        assert (np.abs(of_x - top.astype(np.float64) @ w.T) <= bound * sizes @ np.abs(w).T).all()
        assert (np.abs(of_w - x.T @ top.astype(np.float64)) <= bound * np.abs(x).T @ sizes).all()


@pytest.mark.slow
def test_dense_products_that_are_no_gradients_or_not_exact_stay_matrix_products(chosen):
    x, w = T.matrices("x", "w")
    forward = theano.function([x, w], T.dot(x, 2 * T.ge(w, 0).astype("float32") - 1))
    assert not ops_of(forward) & set(DENSE)
    assert not ops_of(dense_gradients(high=1 + 2**-8)) & set(DENSE)


def test_dense_gradients_of_shapes_that_do_not_fit_are_refused():
    operand, top = T.matrices("operand", "top")
    for op, shape in zip(DENSE, ((2, 3), (3, 2))):
        function = theano.function([operand, top], op(-1, 1, 3)(operand, top))
        with pytest.raises(ValueError, match=re.escape(f"operand {shape} and output gradient")):
            function(np.ones(shape, np.float32), np.ones((4, 5), np.float32))
    with pytest.raises(ValueError, match="parts"):
        TiledDenseInputGradient(-1, 1, 4)
    with pytest.raises(ValueError, match="values"):
        TiledDenseInputGradient(-1, 1 + 2**-8, 3)
    with pytest.raises(TypeError, match="2 axes"):
        TiledDenseInputGradient(-1, 1, 3)(T.tensor3(), top)


@pytest.mark.slow
def test_what_tiles_do_not_cover_is_looked_up(chosen):
    assert not tiled_ops(border_mode=1, subsample=(2, 1))
    assert covers((1, 1), (-1.0, 1.0)) and covers((1, 1), (0.0, 0.5))
    assert not covers((1, 1), (-1.0, 1 + 2**-8)) and not covers((1, 1), (0.0, 2.0**-40))


@pytest.fixture(scope="module")
def in_tiles(oracle):
    """Losses and validations of the recorded training with its gradients multiplied in tiles."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        choose_tiles(monkeypatch)
        recorded = oracle_network.Recorded(oracle)
    nodes = recorded.step.maker.fgraph.apply_nodes
    assert {type(node.op) for node in nodes} >= {*TILED, *DENSE}
    return recorded.train()


@pytest.mark.exhaustive
def test_the_recorded_training_is_kept_in_three_parts(oracle, in_tiles):
    losses, validations = in_tiles
    np.testing.assert_allclose(losses[:3], oracle["losses"][:3], rtol=0, atol=1e-5)
    np.testing.assert_allclose(losses, oracle["losses"], rtol=0, atol=1e-4)
    np.testing.assert_allclose(validations, oracle["vals"], rtol=0, atol=1e-4)


@on_x86
@pytest.mark.parametrize(
    "reason, broken",
    [
        (
            "the compiler does not know it",
            lambda m: m.setattr(compiler, "knows", lambda flag: False),
        ),
        ("the operating system refuses it", lambda m: None),
    ],
)
def test_a_refusal_leaves_the_level_below_and_is_told(reason, broken, monkeypatch):
    """On a processor without tiles Linux refuses them in earnest."""
    if "amx_tile" in processor.flags() and "compiler" not in reason:
        pytest.skip("this processor has tiles")
    monkeypatch.setattr(processor, "flags", lambda: ALL_FLAGS)
    broken(monkeypatch)
    processor.tiles_refused.cache_clear()
    try:
        assert processor.level() == "avx512_popcount"
        assert machine.describe()["instruction set"] == f"avx512_popcount (amx: {reason})"
        assert "gradient parts" not in machine.describe()
        monkeypatch.setenv(processor.VARIABLE, "avx512")
        assert machine.describe()["instruction set"] == "avx512"
    finally:
        processor.tiles_refused.cache_clear()


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    """A library that carries out AMX's instructions in the process that loads it."""
    if "amx_tile" in processor.flags():
        pytest.skip("this processor has tiles of its own, which the other tests run on")
    if not processor.supports("avx512"):
        pytest.skip("what is not AMX in the kernels for it is AVX-512, which this processor lacks")
    if not compiler.knows("-mamx-bf16"):
        pytest.skip("the compiler does not know AMX")
    library = tmp_path_factory.mktemp("emulator") / "tiles.so"
    flags = ["-std=c++11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    subprocess.run(
        ["g++", *flags, str(HERE / "emulated_tiles.cpp"), "-o", str(library)], check=True
    )
    return str(library)


@pytest.mark.exhaustive
@pytest.mark.parametrize("optimised", ["-O1", "-O3"])
def test_amx_has_the_bits_of_the_portable_form(optimised, emulator, tmp_path):
    told = set()
    for level, libraries in (("portable", []), (TILES, ["-Wl,--no-as-needed", emulator])):
        program = tmp_path / level
        flags = ["-std=c++11", optimised, "-ffp-contract=off", "-fopenmp", f"-I{KERNELS}", "-w"]
        flags.append(f"-DKERNEL_INSTRUCTION_SET={processor.LEVELS.index(level)}")
        source = HERE / "sanitize_tile_kernels.cpp"
        subprocess.run(["g++", *flags, str(source), *libraries, "-o", str(program)], check=True)
        done = subprocess.run([program], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        told.add(done.stdout)
    assert len(told) == 1 and "agree" in told.pop()


@pytest.mark.exhaustive
def test_training_on_amx_has_the_bits_of_the_portable_form(emulator, in_tiles):
    program = PROJECT / "tests" / "support" / "emulated_training.py"
    done = subprocess.run([sys.executable, program, emulator], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    losses, products = json.loads(done.stdout)
    assert losses == list(in_tiles[0][:3]) and products > 10_000


@on_x86
def test_leave_makes_it_the_level_and_records_the_parts(monkeypatch):
    monkeypatch.setattr(processor, "flags", lambda: ALL_FLAGS)
    monkeypatch.setattr(processor, "tiles_refused", lambda: None)
    monkeypatch.setenv(processor.PARTS_VARIABLE, "2")
    told = machine.describe()
    assert (told["instruction set"], told["gradient parts"]) == ("amx", 2)
