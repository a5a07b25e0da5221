"""Handlers that index, reshape, reduce, sort and multiply."""

from __future__ import annotations

import numpy as np
import pytest
from support.torch_comparison import assert_same, normal

from theano_engine import T

pytestmark = pytest.mark.slow


def test_views_and_copies(mode):
    x, m = T.tensor4("x"), T.matrix("m")
    outputs = [
        *(x.dimshuffle(1, 0, 3, 2), x.dimshuffle("x", 0, 1, 2, "x", 3), m.T, x.flatten(2)),
        *(x.reshape((x.shape[0] * 3, -1)), x.reshape((x.shape[0], 24)), T.flatten(m)),
        *(T.concatenate([m, 2 * m], axis=1), T.stack([m, m]), T.tile(m, (2, 1))),
        *(T.extra_ops.repeat(m, 3, axis=1), T.alloc(m, 2, 3, 4), T.zeros_like(m) + 1),
        *(T.diag(m), T.eye(3, 4), T.tri(3, 4), T.arange(x.shape[1]), x.shape[2] + 0),
        *(m.dimshuffle(0, "x", 1).dimshuffle(0, 2), T.unbroadcast(m, 0), T.addbroadcast(m[:1], 0)),
    ]
    differentiable = [o for o in outputs if o.dtype == "float32"][:13]
    assert_same(mode, [x, m], outputs, [normal(2, 3, 4, 2), normal(3, 4)])
    assert_same(mode, [x, m], differentiable, [normal(2, 3, 4, 2), normal(3, 4)], [x, m])


def test_splitting(mode):
    x = T.matrix("x")
    parts = T.split(x, [1, 2, 1], 3, axis=1)
    assert_same(mode, [x], parts, [normal(3, 4)], [x])


def test_slices_forwards_and_backwards(mode):
    x = T.tensor3("x")
    outputs = [
        *(x[1], x[-1], x[:, 1:3], x[:, ::-1], x[::-1, :, ::-2], x[:, 3:0:-2], x[..., None]),
        *(x[0, 1, 2], x[:, 10:], x[:, 10::-1], x[2:0], x[:, ::2, 1:-1], x[x.shape[0] - 1, :, 1]),
    ]
    assert_same(mode, [x], outputs, [normal(3, 5, 4)], [x])


def test_setting_and_incrementing_slices(mode):
    x, y, s = T.matrix("x"), T.matrix("y"), T.scalar("s")
    outputs = [
        *(T.set_subtensor(x[1:3], y), T.inc_subtensor(x[1:3], y), T.inc_subtensor(x[2], s)),
        *(T.set_subtensor(x[::-1][:2], y), T.inc_subtensor(x[3:1:-1], y)),
        T.set_subtensor(x[:, -1], 7),
    ]
    values = [normal(4, 3), normal(2, 3, seed=2), np.float32(0.5)]
    assert_same(mode, [x, y, s], outputs, values, [x, y, s])


def test_indexing_by_vectors(mode):
    x, rows, columns, y = T.matrix("x"), T.lvector("rows"), T.ivector("columns"), T.matrix("y")
    outputs = [
        *(x[rows], x[rows, columns], x[:, columns], T.inc_subtensor(x[rows], y)),
        T.inc_subtensor(x[rows, columns], y[:, 0]),
        T.set_subtensor(x[rows[:2]], y[:2]),
        T.set_subtensor(x[rows[:2], columns[:2]], y[:2, 0]),
    ]
    values = [normal(5, 4), np.array([0, 3, 3, -1]), np.array([1, 1, 1, 2], "int32")]
    values.append(normal(4, 4, seed=3))
    assert_same(mode, [x, rows, columns, y], outputs, values, [x, y])


def test_a_minibatch_by_number(mode):
    x, number = T.matrix("x"), T.lscalar("number")
    batch = x[number * 2 : (number + 1) * 2]
    for value in (0, 1, 2):
        assert_same(mode, [x, number], [batch, batch.sum()], [normal(5, 3), value])


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 2), (0, 1, 2), -1])
def test_reductions(mode, axis):
    x = T.tensor3("x")
    real = [T.sum(x, axis), T.mean(x, axis), T.var(x, axis), T.std(x, axis), T.prod(x, axis)]
    extrema = [T.max(x, axis), T.min(x, axis), T.all(x > -1, axis), T.any(x > 1, axis)]
    assert_same(mode, [x], real + extrema, [normal(3, 4, 2)], [x], rtol=1e-4, atol=1e-5)


def test_sums_are_accumulated_as_the_op_says(mode):
    ones, small, flags = T.vector("ones"), T.vector("small", dtype="int8"), T.vector("flags")
    many = np.full(2**20, 0.1, "float32")
    outputs = [T.sum(ones), T.mean(ones), T.sum(small), T.sum(flags > 0), T.mean(flags > 0)]
    values = [many, np.full(100, 100, "int8"), normal(1000)]
    assert_same(mode, [ones, small, flags], outputs, values, rtol=1e-7)


def test_running_sums(mode):
    x = T.matrix("x")
    outputs = [T.cumsum(x, 0), T.cumsum(x), T.cumprod(x, 1), T.prod(x, 1, no_zeros_in_input=True)]
    assert_same(mode, [x], outputs, [normal(3, 4)], [x])


def test_the_first_of_equal_maxima(mode):
    x = T.tensor3("x")
    outputs = [T.argmax(x, axis=a) for a in (None, 0, 1, 2)] + [T.argmin(x, axis=2)]
    outputs += T.max_and_argmax(x, axis=1)
    assert_same(mode, [x], outputs, [np.round(normal(5, 6, 7))])
    maxima, _ = T.max_and_argmax(x, axis=(1, 2))
    assert_same(mode, [x], [maxima], [np.round(normal(5, 6, 7))], [x])


def test_sorting(mode):
    x = T.matrix("x")
    outputs = [T.sort(x, 0), T.sort(x), T.argsort(x, 1), T.sort(x, None)]
    assert_same(mode, [x], outputs, [normal(4, 5)])


def test_products_of_matrices_and_vectors(mode):
    a, b, v, w = T.matrix("a"), T.matrix("b"), T.vector("v"), T.vector("w")
    s, t = T.tensor3("s"), T.tensor3("t")
    outputs = [T.dot(a, b), T.dot(a, v), T.dot(w, a), T.dot(v, v), T.outer(v, w)]
    outputs += [T.batched_dot(s, t), T.tensordot(s, t, [[0, 2], [0, 1]])]
    values = [normal(3, 4), normal(4, 5), normal(4), normal(3), normal(2, 3, 4), normal(2, 4, 5)]
    variables = [a, b, v, w, s, t]
    assert_same(mode, variables, outputs, values, variables, rtol=1e-4, atol=1e-5)


def test_inverses(mode):
    a = T.matrix("a", dtype="float64")
    value = normal(4, 4, dtype="float64") + 4 * np.eye(4)
    outputs = [T.nlinalg.matrix_inverse(a), T.nlinalg.det(a)]
    assert_same(mode, [a], outputs, [value], [a])


def test_softmax_and_crossentropy(mode):
    x, bias, labels = T.matrix("x"), T.vector("bias"), T.lvector("labels")
    probabilities = T.nnet.softmax(x + bias)
    outputs = [
        *(probabilities, T.nnet.logsoftmax(x), T.nnet.softmax(x)),
        T.nnet.categorical_crossentropy(probabilities, labels),
    ]
    values = [normal(3, 5), normal(5), np.array([0, 4, 2])]
    assert_same(mode, [x, bias, labels], outputs, values, [x, bias], rtol=1e-4)
