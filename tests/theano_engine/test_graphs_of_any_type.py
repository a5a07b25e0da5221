"""Graphs that hold more than tensors pass every rewrite; an error in one fails these tests."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest

from theano_engine import T, theano

pytestmark = pytest.mark.slow

ifelse = import_module("theano.ifelse").ifelse
typed_list = import_module("theano.typed_list")

MODES = {
    "default": theano.compile.get_default_mode(),
    "interpreted": theano.Mode("py", "fast_run"),
    "fast_compile": theano.Mode("py", "fast_compile"),
}
X = np.array([[0.25, -2.0, 3.0], [1.0, 0.0, -0.5]], np.float32)


class Describe(theano.gof.Op):
    """The length of any object, and the object."""

    __props__ = ()

    def make_node(self, thing):
        return theano.gof.Apply(self, [thing], [T.lscalar(), thing.type()])

    def perform(self, node, inputs, outputs):
        outputs[0][0], outputs[1][0] = np.asarray(len(inputs[0]), np.int64), inputs[0]


def scalars():
    x = T.matrix()
    number = theano.scalar.float32()
    return [x, number], x * T.tensor_from_scalar(number * number), [X, 3.0], X * 9


def generic():
    x, thing = T.matrix(), theano.gof.generic()
    return [x, thing], x + Describe()(thing)[0], [X, ["a", "b"]], X + 2


def random_state():
    x = T.matrix()
    drawn = T.shared_randomstreams.RandomStreams(1).uniform(x.shape)
    return [x], x * T.cast(drawn >= 0, "float32"), [X], X


def slices_and_new_axes():
    x, numbers = T.matrix(), T.ivector()
    start = T.iscalar()
    return (
        [x, numbers, start],
        x[:, None, numbers] + x[start:, None, 1:],
        [X, np.array([2, 0], np.int32), 0],
        X[:, None, [2, 0]] + X[0:, None, 1:],
    )


def list_of_matrices():
    x = T.matrix()
    matrices = typed_list.make_list([x, x + 1])
    return [x], typed_list.getitem(matrices, 1), [X], X + 1


def list_input():
    matrices = typed_list.TypedListType(T.fmatrix)()
    return [matrices], typed_list.length(matrices) * 2, [[X, X, X]], np.int64(6)


def branches():
    x, condition = T.matrix(), T.iscalar()
    return [x, condition], ifelse(condition, x, -x), [X, 0], -X


GRAPHS = [
    *(scalars, generic, random_state, slices_and_new_axes),
    *(list_of_matrices, list_input, branches),
]


@pytest.fixture(autouse=True)
def failing_rewrites_fail_the_test():
    with theano.configparser.change_flags(on_opt_error="raise"):
        yield


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("graph", GRAPHS)
def test_graph(graph, mode):
    inputs, output, values, expected = graph()
    function = theano.function(inputs, output, mode=MODES[mode])
    np.testing.assert_allclose(function(*values), expected, rtol=1e-6)
