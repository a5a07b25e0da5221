"""Adam with scaling and clipping in one pass: Theano's own graph is the judge."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest

from binary_net import lasagne
from theano_engine import T, theano

pytestmark = pytest.mark.slow


def _ops(function):
    return {type(node.op).__name__ for node in function.maker.fgraph.apply_nodes}


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
