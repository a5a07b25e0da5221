"""What is left until somebody asks for it is there when somebody does."""

from __future__ import annotations

import copy
import importlib
import inspect
import pickle

import numpy as np
import pytest

from theano_engine import T, theano


@pytest.fixture
def composite():
    x, y = theano.scalar.float32("x"), theano.scalar.float32("y")
    made = theano.scalar.Composite([x, y], [(x + y) * y - theano.scalar.tanh(x)])
    # Makes its C code, as compiling does.
    hash(made)
    return made


def read(composite):
    return pickle.loads(pickle.dumps(composite))


def result_of(composite, *numbers):
    node = composite(*(theano.scalar.float32() for _ in numbers)).owner
    storage = [[None]]
    composite.perform(node, [np.float32(number) for number in numbers], storage)
    return storage[0][0]


@pytest.mark.parametrize("again", [read, copy.copy, lambda made: read(copy.copy(read(made)))])
def test_a_fused_operation_that_was_read(composite, again):
    made = again(composite)
    assert "fgraph" not in vars(made) and "_impls" not in vars(made)
    assert made == composite and hash(made) == hash(composite)
    # Both are told without a graph, and so is what is written of it.
    assert "fgraph" not in vars(made)
    assert result_of(made, 0.5, 2.0) == pytest.approx(5 - np.tanh(0.5), rel=1e-6)
    assert str(made) == str(composite)
    assert read(made) == composite
    assert not hasattr(made, "something else")


def test_its_c_code_is_the_same(composite):
    x, y = T.fvector(), T.fvector()

    def function(scalar):
        return theano.function([x, y], T.Elemwise(scalar)(x, y))

    numbers = np.linspace(-2, 2, 7, dtype=np.float32), np.ones(7, np.float32)
    np.testing.assert_array_equal(
        function(read(composite))(*numbers), function(composite)(*numbers)
    )


@pytest.fixture
def refusing():
    """A graph that holds no value twice destroyed."""
    inplace = importlib.import_module("theano.tensor.inplace")
    x = T.fvector()
    graph = theano.gof.FunctionGraph([x], [T.exp(x), T.sin(x)], clone=False)
    graph.attach_feature(theano.gof.toolbox.ReplaceValidate())
    graph.attach_feature(theano.gof.DestroyHandler())
    pairs = [
        (graph.outputs[0], inplace.exp_inplace(x)),
        (graph.outputs[1], inplace.sin_inplace(x)),
    ]
    return graph, pairs


def test_a_refused_replacement_looks_for_nobodys_text(refusing, monkeypatch):
    graph, pairs = refusing
    monkeypatch.setattr(inspect, "getsourcefile", lambda _: pytest.fail("looked for a text"))
    with pytest.raises(theano.gof.InconsistencyError):
        graph.replace_all_validate(pairs)
    assert [output.owner.op.destroy_map for output in graph.outputs] == [{}, {}]


def test_who_asked_for_words_of_it_has_them(refusing, capsys):
    graph, pairs = refusing
    for old, new in pairs:
        graph.replace(old, new)

    def a_rewrite():
        verbose, r = True, "the node"  # noqa: F841
        graph.validate()

    with pytest.raises(theano.gof.InconsistencyError):
        a_rewrite()
    assert "validate failed on node the node.\n Reason: a_rewrite, " in capsys.readouterr().out
