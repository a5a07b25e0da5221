"""Adam in one pass, and rounding and clipping without branches: Theano's own graph is the judge."""

from __future__ import annotations

from collections import OrderedDict

import binary_net

# isort: split
import lasagne
import numpy as np
import pytest
import theano
import theano.tensor as T

SPECIAL = [-np.inf, -2, -1, -0.5, -1e-8, -0.0, 0.0, 1e-8, 0.5, 1, 1.0000001, 7, np.inf, np.nan]


def _ops(function):
    return {type(node.op).__name__ for node in function.maker.fgraph.apply_nodes}


def _scalar_ops(function):
    names = set()
    for node in function.maker.fgraph.apply_nodes:
        operation = getattr(node.op, "scalar_op", None)
        if isinstance(operation, theano.scalar.Composite):
            names |= {type(inner.op).__name__ for inner in operation.fgraph.apply_nodes}
        elif operation is not None:
            names.add(type(operation).__name__)
    return names


def _mode(*exclude):
    return theano.compile.get_default_mode().excluding(*exclude)


class Training:
    """A parameter (5, 7) under Adam, scaled and clipped as `clipping_scaling` does."""

    def __init__(self, *exclude, clipped=True, scale=12.5):
        random = np.random.default_rng(1)
        self.W = theano.shared(random.uniform(-1, 1, (5, 7)).astype("float32"))
        gradient, rate = T.matrix("gradient"), T.scalar("rate")
        updates = OrderedDict(lasagne.updates.adam([gradient], [self.W], learning_rate=rate))
        if clipped:
            moved = self.W + np.float32(scale) * (updates[self.W] - self.W)
            updates[self.W] = T.clip(moved, -1.0, 1.0)
        self.moments = [v for v in updates if v is not self.W]
        self.step = theano.function([gradient, rate], [], updates=updates, mode=_mode(*exclude))

    def run(self, steps=4, layout=np.ascontiguousarray):
        random = np.random.default_rng(2)
        for number in range(steps):
            gradient = random.standard_normal((5, 7)).astype("float32")
            self.step(layout(gradient), np.float32(0.01 / (number + 1)))
        return [v.get_value() for v in (self.W, *self.moments)]


@pytest.mark.parametrize("scale", [12.5, 1.0])
def test_adam_step_is_the_plain_graphs(scale):
    ours, plain = Training(scale=scale), Training("binary", scale=scale)
    assert "AdamStep" in _ops(ours.step)
    assert "AdamStep" not in _ops(plain.step)
    for mine, other in zip(ours.run(), plain.run()):
        np.testing.assert_allclose(mine, other, rtol=2e-6, atol=1e-7)


def test_adam_step_works_in_place_or_not_on_any_layout():
    inplace, copying = Training(), Training("adam_step_inplace")
    for training, expected in ((inplace, True), (copying, False)):
        ops = [n.op for n in training.step.maker.fgraph.apply_nodes]
        assert [op.inplace for op in ops if type(op).__name__ == "AdamStep"] == [expected]
    expected = copying.run()
    for training, layout in ((inplace, np.ascontiguousarray), (Training(), np.asfortranarray)):
        for mine, other in zip(training.run(layout=layout), expected):
            np.testing.assert_array_equal(mine, other)


def test_adam_step_on_parameters_of_any_layout(omp_threads):
    expected = Training().run()
    for threads in (1, 3):
        omp_threads(threads)
        training = Training()
        training.W.set_value(np.asfortranarray(training.W.get_value()))
        for mine, other in zip(training.run(), expected):
            np.testing.assert_array_equal(mine, other)


def test_adam_step_refuses_a_gradient_of_another_shape():
    with pytest.raises(ValueError, match="differ in shape"):
        Training().step(np.zeros((5, 6), "float32"), 0.1)


def test_unbounded_parameters_and_other_rules_stay_theanos():
    assert "AdamStep" not in _ops(Training(clipped=False).step)
    W, gradient = theano.shared(np.zeros((5, 7), "float32")), T.matrix()
    updates = lasagne.updates.rmsprop([gradient], [W])
    updates[W] = T.clip(updates[W], -1.0, 1.0)
    assert "AdamStep" not in _ops(theano.function([gradient], [], updates=updates))


def _on_special_values(expression, *exclude):
    x = T.vector("x")
    function = theano.function([x], expression(x), mode=_mode(*exclude))
    values = np.array(SPECIAL, "float32")
    neighbours = [np.nextafter(values, np.float32(side)) for side in (-np.inf, np.inf)]
    return function(np.concatenate([values, *neighbours])), _scalar_ops(function)


BRANCH_FREE = {
    "round_switch_to_comparison": (
        lambda x: binary_net.binarization(x, np.float32(0.25)),
        "RoundHalfToEven",
    ),
    "round_to_comparison": (binary_net.binary_tanh_unit, "Round3"),
    "clip_to_minimum_and_maximum": (lambda x: T.clip(x * 3, -0.7, 1), "Clip"),
}


@pytest.mark.parametrize("name", sorted(BRANCH_FREE))
def test_branch_free_values_are_the_same(name):
    expression, slow = BRANCH_FREE[name]
    ours, ours_ops = _on_special_values(expression)
    theirs, their_ops = _on_special_values(expression, name)
    assert slow in their_ops
    assert slow not in ours_ops
    np.testing.assert_array_equal(ours, theirs)


def test_clipping_between_variables_or_reversed_bounds_stays():
    x, bound = T.vector(), T.scalar()
    assert "Clip" in _scalar_ops(theano.function([x, bound], T.clip(x, -1, bound)))
    assert "Clip" in _scalar_ops(theano.function([x], T.clip(x, 1, -1)))
