"""The linker itself: where values live, what a call returns, what it says when it cannot."""

from __future__ import annotations

import copy
import subprocess
import sys

import numpy as np
import pytest
from support.project import PROJECT
from support.torch_comparison import REFERENCE, normal, torch

from theano_engine import T, theano
from theano_engine.torch_linker import torch_mode
from theano_engine.torch_linker.backend import DeviceError
from theano_engine.torch_linker.dispatch import MissingHandlerError
from theano_engine.torch_linker.storage import DeviceArray

pytestmark = pytest.mark.slow


def shared(value, name="W"):
    return theano.shared(np.asarray(value, "float32"), name=name)


def test_values_of_shared_variables_are_arrays_to_the_caller(mode):
    W = shared([[1, 2], [3, 4]])
    double = theano.function([], 2 * W, mode=mode)
    value = W.get_value()
    assert type(value) is np.ndarray and value.dtype == np.float32
    value[:] = 0
    np.testing.assert_array_equal(W.get_value(), [[1, 2], [3, 4]])
    np.testing.assert_array_equal(double(), [[2, 4], [6, 8]])
    W.set_value(np.ones((2, 2), "float32"))
    np.testing.assert_array_equal(double(), [[2, 2], [2, 2]])
    assert np.asarray(W.get_value(borrow=True)).shape == (2, 2)
    with pytest.raises(TypeError):
        W.set_value(np.ones(2, "float32"))


def test_two_functions_share_one_value(mode):
    W, step = shared([1, 2]), T.scalar("step")
    grow = theano.function([step], W.sum(), updates=[(W, W + step)], mode=mode)
    read = theano.function([], W * 1, mode=mode)
    assert float(grow(1)) == 3
    before = read()
    assert float(grow(2)) == 5
    np.testing.assert_array_equal(read(), [4, 5])
    np.testing.assert_array_equal(before, [2, 3])
    np.testing.assert_array_equal(W.get_value(), [4, 5])


def test_a_shared_variable_stays_the_same_tensor(mode):
    W = shared(normal(3, 4))
    update = theano.function([], [], updates=[(W, 2 * W)], mode=mode)
    tensor = W.container.storage[0]
    assert isinstance(tensor, torch.Tensor)
    update()
    W.set_value(normal(3, 4))
    update()
    assert W.container.storage[0] is tensor


def test_a_copy_of_a_shared_variable_is_another(mode):
    W = shared([1, 2])
    theano.function([], [], updates=[(W, 2 * W)], mode=mode)
    other = copy.deepcopy(W)
    theano.function([], [], updates=[(other, 3 * other)], mode=mode)()
    np.testing.assert_array_equal(W.get_value(), [1, 2])
    np.testing.assert_array_equal(other.get_value(), [3, 6])


def test_a_shared_variable_may_change_its_shape(mode):
    W, x = shared([1, 2]), T.vector("x")
    extend = theano.function([x], W.sum(), updates=[(W, T.concatenate([W, x]))], mode=mode)
    assert [float(extend(np.float32([n]))) for n in range(3)] == [3, 3, 4]
    np.testing.assert_array_equal(W.get_value(), [1, 2, 0, 1, 2])
    W.set_value(np.zeros(7, "float32"))
    assert float(extend(np.float32([5]))) == 0


def test_updates_all_start_from_the_old_values(mode):
    a, b, c = shared([1, 1], "a"), shared([2, 2], "b"), shared([3, 3], "c")
    rotate = theano.function([], [a, b.T], updates=[(a, b), (b, c), (c, a)], mode=mode)
    for expected in ([2, 3, 1], [3, 1, 2], [1, 2, 3]):
        old_a, old_b = rotate()
        assert [v.get_value()[0] for v in (a, b, c)] == expected
    # What a call returned stays as it was.
    np.testing.assert_array_equal(old_a, [3, 3])
    np.testing.assert_array_equal(old_b, [1, 1])


def test_results_belong_to_the_caller(mode):
    x, W = T.vector("x"), shared([1, 2])
    same = theano.function([x], [x, W, T.constant(np.float32([7, 7])), x.shape], mode=mode)
    value = np.float32([5, 6])
    for _ in range(3):
        results = [np.array(result) for result in same(value)]
        assert [list(result) for result in results] == [[5, 6], [1, 2], [7, 7], [2]]
        for result in same(value):
            np.asarray(result)[...] = 0
        assert list(value) == [5, 6]


def test_last_batches_of_any_size(mode):
    images = theano.shared(np.arange(40, dtype="uint8").reshape(10, 4), name="images")
    W, rows = shared(np.ones(4)), T.lvector("rows")
    batch = T.cast(images[rows], "float32")
    train = theano.function([rows], [batch.mean(), W[0]], updates=[(W, W + 1)], mode=mode)
    for step, size in enumerate((4, 4, 2, 4, 1, 2, 0)):
        mean, weight = train(np.arange(size))
        assert float(weight) == step + 1
        if size:
            assert float(mean) == np.arange(4 * size).mean()


def test_random_streams_are_theanos_own(mode):
    def functions(mode):
        streams = theano.sandbox.rng_mrg.MRG_RandomStreams(42)
        draws = [
            streams.uniform((7, 5)),
            streams.binomial((3, 3), p=0.3),
            streams.normal((4,)),
            streams.uniform((3, 30000), nstreams=100),
            streams.uniform((11,), dtype="float64", nstreams=4),
        ]
        return theano.function([], draws, mode=mode), streams

    in_torch, streams = functions(mode)
    in_c, _ = functions(None)
    for _ in range(3):
        for found, expected in zip(in_torch(), in_c()):
            if expected.shape == (4,):
                np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
            else:
                np.testing.assert_array_equal(found, expected)
    states = [state.get_value() for state, *_ in streams.state_updates]
    assert all(state.dtype == np.int32 for state in states)
    first = [np.array(draw) for draw in in_torch()]
    for (state, *_), value in zip(streams.state_updates, states):
        state.set_value(value)
    for found, expected in zip(in_torch(), first):
        np.testing.assert_array_equal(found, expected)


class Unknown(theano.gof.Op):
    __props__ = ()

    def make_node(self, x):
        return theano.gof.Apply(self, [x], [x.type()])

    def perform(self, node, inputs, outputs):
        outputs[0][0] = inputs[0] + 1


def test_an_op_without_handler_is_named_when_compiling(mode):
    x = T.vector("x")
    with pytest.raises(MissingHandlerError, match=r"Unknown.*torch_linker/dispatch/\w+\.py"):
        theano.function([x], Unknown()(x), mode=mode)
    with pytest.raises(MissingHandlerError, match=r"Iv.*dispatch/elemwise\.py"):
        theano.function([x], T.iv(2, x), mode=mode)


def test_errors_of_a_call_reach_the_caller(mode):
    x, y = T.matrix("x"), T.matrix("y")
    product = theano.function([x, y], T.dot(x, y), mode=mode)
    with pytest.raises(RuntimeError):
        product(normal(2, 3), normal(4, 5))
    assert product(normal(2, 3), normal(3, 5)).shape == (2, 5)


def test_torch_compile_computes_the_same():
    def losses(mode):
        pool, W, rows = shared(normal(20, 6)), shared(normal(6, 3)), T.lvector("rows")
        hidden = T.tanh(T.dot(pool[rows], W) / rows.shape[0])
        hidden *= theano.sandbox.rng_mrg.MRG_RandomStreams(7).uniform(hidden.shape, nstreams=5)
        loss = T.mean(T.sqr(hidden - T.argmax(hidden, axis=1).dimshuffle(0, "x")))
        updates = [(W, W - T.grad(loss, W))]
        train = theano.function([rows], loss, updates=updates, mode=mode)
        return [float(train(np.arange(n))) for n in (8, 8, 5, 8)]

    compiled = losses(torch_mode("cpu", execution="compiled"))
    np.testing.assert_allclose(compiled, losses(REFERENCE), rtol=1e-5)


def test_results_are_read_late():
    result = DeviceArray(torch.tensor([[1.5, 2.5]]), "float32")
    assert (result.shape, result.dtype, result.ndim, result.size) == ((1, 2), np.float32, 2, 2)
    np.testing.assert_array_equal(np.asarray(result), [[1.5, 2.5]])
    np.testing.assert_array_equal(2 * result + 1, [[4, 6]])
    assert float(DeviceArray(torch.tensor(2.5), "float32")) == 2.5
    assert int(DeviceArray(torch.tensor(3), "int64")) == 3
    assert result[0, 1] == 2.5 and len(result) == 1 and result.mean() == 2
    assert np.concatenate([result, result]).shape == (2, 2)


def test_devices_that_are_not_there():
    with pytest.raises(DeviceError, match=r"^no device 'tpu': [^\n]+$"):
        torch_mode("tpu")
    if torch.cuda.is_available():
        with pytest.raises(DeviceError, match=r"^device cuda:99: there are \d+ [^\n]+$"):
            torch_mode("cuda:99")
    else:
        with pytest.raises(DeviceError, match=r"^device cuda: [^\n]+$"):
            torch_mode("cuda")
    with pytest.raises(ValueError, match="eager, graphs, compiled, compiled graphs"):
        torch_mode("cpu", execution="graphs")


def test_an_old_torch_is_named_with_the_remedy(tmp_path):
    metadata = tmp_path / "torch-2.1.0.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: torch\nVersion: 2.1.0\n")
    code = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(PROJECT)!r}]\n"
        "from theano_engine.torch_linker import torch_mode; torch_mode('cpu')"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert finished.returncode == 1
    assert "PyTorch 2.1.0 is too old: pip install --upgrade 'torch>=2.6'" in finished.stderr
