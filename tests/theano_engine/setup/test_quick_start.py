"""What is left until somebody asks for it is there when somebody does."""

from __future__ import annotations

import copy
import graphlib
import importlib
import inspect
import pickle
import random

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


def random_graph(chance):
    """A graph of twelve sums, and orderings of its nodes, of which some contradict its edges."""
    variables = [T.fscalar() for _ in range(3)]
    for _ in range(12):
        variables.append(T.add(*chance.sample(variables, 2)))
    graph = theano.gof.FunctionGraph(variables[:3], variables[3:], clone=False)
    nodes = [variable.owner for variable in variables[3:]]
    orderings = {
        nodes[index]: chance.sample(nodes[:index] if chance.random() < 0.8 else nodes, 1)
        for index in chance.sample(range(1, 12), 5)
    }
    return graph, orderings


def can_be_sorted(graph, orderings):
    befores = {
        node: {*orderings.get(node, ()), *(each.owner for each in node.inputs if each.owner)}
        for node in graph.apply_nodes
    }
    try:
        graphlib.TopologicalSorter(befores).prepare()
    except graphlib.CycleError:
        return False
    return True


def test_cycles_are_found():
    contains_cycle = importlib.import_module("theano.gof.destroyhandler")._contains_cycle
    chance = random.Random(1)
    seen = []
    for _ in range(200):
        graph, orderings = random_graph(chance)
        seen.append(can_be_sorted(graph, orderings))
        assert contains_cycle(graph, orderings) is not seen[-1]
        assert not contains_cycle(graph, {})
    assert 20 < sum(seen) < 180


def test_sorting_from_a_set_of_known_variables():
    io_toposort = importlib.import_module("theano.gof.graph").io_toposort
    chance = random.Random(2)
    for _ in range(50):
        graph, _ = random_graph(chance)
        known = {*graph.inputs, *chance.sample(graph.outputs, 4)}
        before = set(known)
        order = io_toposort(known, graph.outputs)
        assert known == before
        assert order == io_toposort(list(known), graph.outputs)
        assert {output for node in order for output in node.outputs} == {*graph.outputs} - known
        for node in order:
            known.update(node.outputs)
            assert known.issuperset(node.inputs)


def test_c_code_is_read_once(monkeypatch):
    first = T.DimShuffle((False,), ["x", 0])
    monkeypatch.setattr("theano.gof.op._open_u", lambda name: pytest.fail(f"read {name} anew"))
    second = T.DimShuffle((False, False), [1, 0])
    assert second.func_codes and second.code_sections == first.code_sections
    second.code_sections["support_code"] = "something of its own"
    assert T.DimShuffle((False,), ["x", 0]).code_sections == first.code_sections


def test_a_variable_tells_the_line_that_it_was_made_in():
    made = T.exp(T.fvector())  # this very line
    again = [T.exp(made) for _ in range(2)]
    ((*_, (file, _, function, line)),) = made.tag.trace
    assert (file, function) == (__file__, "test_a_variable_tells_the_line_that_it_was_made_in")
    assert line == "made = T.exp(T.fvector())  # this very line"
    assert all(each.tag.trace[0][-1][-1].startswith("again = [T.exp(made)") for each in again)


def test_a_variable_that_was_made_in_no_file():
    names = {"T": T}
    # A name that no text goes by: Python 3.13 calls that of its option -c <string>.
    exec(compile("made = T.exp(T.fvector())", "<nowhere>", "exec"), names)
    assert names["made"].tag.trace[0][-1][0::3] == ("<nowhere>", None)


def test_operations_are_equal_where_their_properties_are():
    class Made(theano.Op):
        __props__ = ("first", "second")

        def __init__(self, first, second):
            self.first, self.second = first, second

    nan = float("nan")
    for kind in (Made, lambda *pair: T.AdvancedIncSubtensor1(*map(bool, pair))):
        one = kind(1, 0)
        assert one == one and one == kind(1, 0) and hash(one) == hash(kind(1, 0))
        assert one != kind(0, 0) and one != kind(1, 1)
        assert one != (1, 0) and one != Made
    # As tuples are, by what they hold before its value.
    assert Made(nan, 1) == Made(nan, 1) and Made(nan, 1) != Made(float("nan"), 1)
    assert T.DimShuffle((False,), [0]) != T.DimShuffle((False,), ["x", 0])
    assert T.DimShuffle((False,), [0]) == T.DimShuffle((False,), [0])


class Told(theano.scalar.ScalarOp):
    """An operation whose equals need not answer alike, as careless ones are."""

    nin = nout = 1

    def __init__(self, dtype):
        self.dtype = dtype

    def output_types(self, types):
        if types[0].dtype == "int8":
            raise TypeError("not of int8")
        return [theano.scalar.get_scalar_type(self.dtype)]


def test_scalars_are_asked_for_each_operation_and_dtype(monkeypatch):
    monkeypatch.setattr("theano_engine.setup.quick_start.MOST_SCALARS", 3)
    for _ in range(2):
        for dtype in ("float32", "float64", "int16"):
            told = T.Elemwise(Told(dtype))
            assert told(T.fmatrix()).dtype == told(T.fvector()).dtype == dtype
            with pytest.raises(TypeError, match="not of int8"):
                told(T.bvector())
    for dtype in ("int8", "int16", "float32", "float64"):
        added = T.vector(dtype=dtype) + T.vector(dtype="int8")
        assert added.dtype == np.result_type(dtype, "int8")


def test_scalars_are_not_asked_twice(monkeypatch):
    assert (T.fvector() + T.fvector()).dtype == "float32"
    monkeypatch.setattr(type(theano.scalar.add), "make_node", lambda *_: pytest.fail("asked"))
    assert (T.fmatrix() + T.fvector()).dtype == "float32"
