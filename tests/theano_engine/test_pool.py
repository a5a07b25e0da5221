"""Max-pooling on all threads: bit for bit what Theano's own Ops give."""

from __future__ import annotations

import numpy as np
import pytest

from theano_engine import T, theano

pytestmark = pytest.mark.slow

SHAPES = [(2, 3, 8, 8), (3, 2, 7, 9), (1, 1, 2, 2), (5, 4, 1, 6), (0, 3, 4, 4), (2, 2, 33, 5)]


def _ops(function):
    return {type(node.op).__name__ for node in function.maker.fgraph.apply_nodes}


def _function(window, exclude=(), **options):
    x, upstream = T.tensor4("x"), T.tensor4("upstream")
    options.setdefault("ignore_border", True)
    y = T.signal.pool.pool_2d(x, window, **options)
    gradient = T.grad(None, x, known_grads={y: upstream})
    mode = theano.compile.get_default_mode().excluding(*exclude)
    return theano.function([x, upstream], [y, gradient], mode=mode)


@pytest.fixture(scope="module", params=[(2, 2), (3, 2), (1, 4)], ids=str)
def pooling(request):
    window = request.param
    return window, _function(window), _function(window, exclude=["binary"])


def _operands(shape, window, few_values):
    random = np.random.default_rng(4)
    # Few different values make ties, each of which receives the whole gradient.
    x = random.integers(-2, 3, shape) if few_values else random.standard_normal(shape)
    sizes = [n // w for n, w in zip(shape[2:], window)]
    upstream = random.standard_normal((*shape[:2], *sizes))
    return x.astype("float32"), upstream.astype("float32")


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("few_values", [True, False])
def test_maxima_and_gradient_are_theanos(pooling, shape, few_values):
    window, ours, theirs = pooling
    assert {"AdjoiningMaxPool", "AdjoiningMaxPoolGrad"} == _ops(ours)
    assert {"Pool", "MaxPoolGrad"} == _ops(theirs)
    values = _operands(shape, window, few_values)
    for mine, other in zip(ours(*values), theirs(*values)):
        np.testing.assert_array_equal(mine, other)


def test_nan_and_infinity_are_treated_alike(pooling):
    window, ours, theirs = pooling
    x, upstream = _operands((4, 2, 12, 12), window, True)
    random = np.random.default_rng(9)
    for value in (np.nan, np.inf, -np.inf):
        x[random.random(x.shape) < 0.1] = value
    for mine, other in zip(ours(x, upstream), theirs(x, upstream)):
        np.testing.assert_array_equal(mine, other)


def test_any_memory_layout_and_number_of_threads(pooling, omp_threads):
    window, ours, _ = pooling
    x, upstream = _operands((3, 4, 13, 11), window, True)
    expected = ours(x, upstream)
    for threads in (1, 3):
        omp_threads(threads)
        for layout in (np.asfortranarray, lambda v: np.ascontiguousarray(v[..., ::-1])[..., ::-1]):
            for mine, other in zip(ours(layout(x), layout(upstream)), expected):
                np.testing.assert_array_equal(mine, other)


def test_shapes_that_do_not_fit_are_refused(pooling):
    window, ours, _ = pooling
    x, upstream = _operands((3, 4, 12, 12), window, True)
    with pytest.raises(ValueError, match="do not fit"):
        ours(x, upstream[:, :, 1:])


@pytest.mark.parametrize(
    "options",
    [
        {"stride": (1, 2)},
        {"pad": (1, 1)},
        {"mode": "average_inc_pad"},
        {"ignore_border": False},
    ],
    ids=str,
)
def test_other_pooling_stays_theanos(options):
    ops = _ops(_function((2, 2), **options))
    assert not {"AdjoiningMaxPool", "AdjoiningMaxPoolGrad"} & ops


@pytest.mark.parametrize(
    ("name", "op"),
    [("max_pool", "AdjoiningMaxPool"), ("max_pool_gradient", "AdjoiningMaxPoolGrad")],
)
def test_each_rewrite_can_be_excluded(name, op):
    without = _function((2, 2), exclude=[name])
    assert op not in _ops(without)
    values = _operands((2, 3, 6, 6), (2, 2), True)
    for mine, other in zip(without(*values), _function((2, 2))(*values)):
        np.testing.assert_array_equal(mine, other)
