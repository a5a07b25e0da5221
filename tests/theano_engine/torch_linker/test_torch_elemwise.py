"""Elementwise handlers: every scalar Op, dtypes, rounding, broadcasting, constants."""

from __future__ import annotations

import numpy as np
import pytest
from support.torch_comparison import assert_same, normal

from theano_engine import T, theano
from theano_engine.ops.rounding import round3

pytestmark = pytest.mark.slow

HALVES = np.array(
    [-2.5, -1.5, -0.5, -0.49999997, -0.0, 0.0, 0.49999997, 0.5, 1.5, 2.5, 3e9, np.inf], "float32"
)


def test_functions_of_any_real_number(mode):
    x = T.matrix("x")
    functions = [
        *(T.exp, T.exp2, T.expm1, T.sin, T.cos, T.tan, T.sinh, T.cosh, T.tanh, T.arctan),
        *(T.arcsinh, T.erf, T.erfc, T.sgn, T.abs_, T.sqr, T.floor, T.ceil, T.neg, T.trunc),
        *(T.deg2rad, T.rad2deg, T.nnet.sigmoid, T.nnet.softplus),
    ]
    assert_same(mode, [x], [f(x) for f in functions], [normal(3, 4)], [x], rtol=1e-5)


def test_functions_of_part_of_the_line(mode):
    x, y = T.matrix("x"), T.matrix("y")
    between = [T.arcsin, T.arccos, T.arctanh]
    above_one = [T.log, T.log2, T.log10, T.log1p, T.sqrt, T.inv, T.arccosh, T.gammaln, T.psi]
    above_one.append(T.gamma)
    outputs = [f(x) for f in between] + [f(y) for f in above_one]
    values = [np.tanh(normal(3, 4)) * 0.9, 1.1 + abs(normal(3, 4))]
    wrt_x = [f(x) for f in between]
    assert_same(mode, [x, y], outputs, values)
    assert_same(mode, [x], wrt_x, values[:1], [x])
    assert_same(mode, [y], [f(y) for f in above_one[:-2]], values[1:], [y], rtol=1e-4)


def test_operations_on_two_numbers(mode):
    x, y = T.matrix("x"), T.matrix("y")
    outputs = [
        *(x + y, x - y, x * y, x / y, x // y, x % y, abs(x) ** y, T.maximum(x, y)),
        *(T.minimum(x, y), T.arctan2(x, y), T.clip(x, -0.5, y), T.fill(x, y[0, 0])),
    ]
    differentiable = [o for i, o in enumerate(outputs) if i not in (4, 5)]
    values = [normal(3, 4), normal(3, 4, seed=2)]
    assert_same(mode, [x, y], outputs, values)
    assert_same(mode, [x, y], differentiable, values, [x, y], rtol=1e-4, atol=1e-5)


def test_comparisons_and_choices(mode):
    x, y = T.matrix("x"), T.matrix("y")
    chosen = [T.switch(x > y, x, y), T.switch(x > 0, 1.0, -1.0), T.switch(T.eq(x, y), 2, y)]
    tests = [x < y, x <= y, x > y, x >= y, T.eq(x, y), T.neq(x, y), T.isnan(x), T.isinf(y)]
    logic = [T.and_(x > 0, y > 0), T.or_(x > 0, y > 0), T.xor(x > 0, y > 0), T.invert(x > 0)]
    values = [np.round(normal(4, 5)), np.round(normal(4, 5, seed=2))]
    values[0][0, 0], values[1][1, 1] = np.nan, np.inf
    assert_same(mode, [x, y], [*chosen, *tests, *logic], values)


def test_integers_and_booleans_are_cast_before_arithmetic(mode):
    a, b, u = T.lvector("a"), T.ivector("b"), T.vector("u", dtype="uint8")
    flags = a > 0
    outputs = [
        *(a + b, a - b, a * b, a / b, a // b, a % b, a & b, a | b, a ^ b, ~a, abs(a), T.sgn(a)),
        *(flags + flags, flags * 1.5, flags + a, flags & (b > 0), T.sqr(b), T.neg(a)),
        *(u + u, u * np.float32(2 / 255) - np.float32(1), T.cast(u, "int16"), T.sqrt(b * b)),
        *(T.cast(a, "float32"), T.cast(flags, "float64"), T.cast(a, "bool"), T.maximum(a, b)),
    ]
    values = [
        np.array([-7, -1, 0, 3, 7]),
        np.array([2, -2, 3, -2, 2], "int32"),
        np.array([0, 1, 127, 128, 255], "uint8"),
    ]
    assert_same(mode, [a, b, u], outputs, values)


def test_both_ways_of_rounding(mode):
    x = T.vector("x")
    outputs = [round3(x), T.round(x, "half_to_even"), T.round(x, "half_away_from_zero")]
    assert_same(mode, [x], outputs, [HALVES])
    assert_same(mode, [x], [round3(x)], [normal(7)], [x])


def test_hard_sigmoid_and_binary_weights_at_zero(mode):
    x = T.vector("x")
    probability = T.clip((x + 1.0) / 2.0, 0, 1)
    weights = T.cast(T.switch(T.round(probability, "half_to_even"), 1.0, -1.0), "float32")
    assert_same(mode, [x], [2.0 * round3(probability) - 1.0, weights], [HALVES])


def test_broadcasting_and_constants(mode):
    x, row, column, s = T.tensor4("x"), T.row("row"), T.col("column"), T.scalar("s")
    per_channel = T.vector("per_channel")
    table = T.constant(normal(3, 1, 4, seed=5))
    outputs = [
        *(row + column, row * s, s + 1, s**2, x * per_channel.dimshuffle("x", 0, "x", "x")),
        *(x + table, 0.1 * x, x / np.float32(3), T.switch(s > 0, x, 2 * x)),
    ]
    values = [normal(2, 3, 2, 4), normal(1, 4), normal(3, 1), np.float32(0.3), normal(3)]
    variables = [x, row, column, s, per_channel]
    assert_same(mode, variables, outputs, values, variables)


def test_a_fused_elementwise_op(mode):
    x, y = T.matrix("x"), T.matrix("y")
    a, b = theano.scalar.float32("a"), theano.scalar.float32("b")
    composite = theano.scalar.Composite([a, b], [(a + b) * a - 2])
    fused = theano.tensor.elemwise.Elemwise(composite)
    assert_same(mode, [x, y], [fused(x, y)], [normal(3, 4), normal(3, 4, seed=2)])
