"""Elementwise Ops, by their scalar Op.

Theano has decided every dtype already: operands are cast to the dtype that the operation is made in
before it, and the result to the node's own afterwards. That also turns booleans into numbers, with
which PyTorch would not calculate.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import theano.scalar as ts
import torch
from theano.gof import Constant
from theano.scalar.basic_scipy import Erf, Erfc, Gamma, GammaLn, Psi
from theano.tensor.elemwise import Elemwise
from theano.tensor.nnet.sigm import ScalarSigmoid, ScalarSoftplus, UltraFastScalarSigmoid

from theano_engine.ops.rounding import Round3
from theano_engine.torch_linker.dispatch.registry import MissingHandlerError, handles
from theano_engine.torch_linker.storage import torch_dtype

Builder = Callable[[Any, list[str], str], Callable]

_SCALARS: dict[type, Builder] = {}


@handles(Elemwise, literals=True, view=True)
def elemwise(op, node):
    return build_scalar(
        op.scalar_op, [x.type.dtype for x in node.inputs], node.outputs[0].type.dtype
    )


def build_scalar(scalar_op, input_dtypes: list[str], output_dtype: str) -> Callable:
    """The function of tensors and Python numbers that applies `scalar_op` elementwise."""
    for op_type in type(scalar_op).__mro__:
        if op_type in _SCALARS:
            return _SCALARS[op_type](scalar_op, input_dtypes, output_dtype)
    name = type(scalar_op).__name__
    raise MissingHandlerError(
        f"no PyTorch handler for the scalar Op {name} ({type(scalar_op).__module__}) of an "
        "Elemwise: add one to theano_engine/torch_linker/dispatch/elemwise.py, under "
        f"@scalar_handles({name})"
    )


def scalar_handles(*op_types: type) -> Callable:
    """Register a builder `(scalar_op, input dtypes, output dtype) -> function` for scalar Ops."""

    def register(build: Builder) -> Builder:
        for op_type in op_types:
            _SCALARS[op_type] = build
        return build

    return register


def _cast(x, dtype: torch.dtype):
    if isinstance(x, torch.Tensor):
        return x.to(dtype)
    if dtype.is_floating_point:
        return float(x)
    return bool(x) if dtype == torch.bool else int(x)


def _tensor(x, dtype: torch.dtype, like: torch.Tensor) -> torch.Tensor:
    return x if isinstance(x, torch.Tensor) else torch.full((), x, dtype=dtype, device=like.device)


def _tensors(xs, dtype: torch.dtype) -> list[torch.Tensor]:
    """All of `xs` cast, Python numbers as tensors on the device of the others."""
    like = next(x for x in xs if isinstance(x, torch.Tensor))
    return [_tensor(_cast(x, dtype), dtype, like) for x in xs]


def _in_output_dtype(*op_types: type):
    """For operations on operands of the result's dtype: `function` takes them as they come."""

    def register(function):
        def build(scalar_op, input_dtypes, output_dtype):
            dtype = torch_dtype(output_dtype)

            def apply(*xs):
                return function(*(_cast(x, dtype) for x in xs))

            return apply

        scalar_handles(*op_types)(build)
        return function

    return register


def _comparison(op_type: type, function) -> None:
    def build(scalar_op, input_dtypes, output_dtype):
        dtype = torch_dtype(ts.upcast(*input_dtypes))
        output = torch_dtype(output_dtype)

        def compare(x, y):
            return function(_cast(x, dtype), _cast(y, dtype)).to(output)

        return compare

    scalar_handles(op_type)(build)


_comparison(ts.LT, lambda x, y: x < y)
_comparison(ts.GT, lambda x, y: x > y)
_comparison(ts.LE, lambda x, y: x <= y)
_comparison(ts.GE, lambda x, y: x >= y)
_comparison(ts.EQ, lambda x, y: x == y)
_comparison(ts.NEQ, lambda x, y: x != y)


@_in_output_dtype(ts.Add)
def _add(*xs):
    return reduce(lambda x, y: x | y if _is_bool(x) and _is_bool(y) else x + y, xs)


@_in_output_dtype(ts.Mul)
def _multiply(*xs):
    return reduce(lambda x, y: x & y if _is_bool(x) and _is_bool(y) else x * y, xs)


def _is_bool(x) -> bool:
    return x.dtype == torch.bool if isinstance(x, torch.Tensor) else isinstance(x, bool)


_in_output_dtype(ts.Sub)(lambda x, y: x - y)
_in_output_dtype(ts.TrueDiv)(lambda x, y: x / y)
_in_output_dtype(ts.Neg)(lambda x: -x)
_in_output_dtype(ts.Sqr)(lambda x: x * x)
_in_output_dtype(ts.AND)(lambda *xs: reduce(lambda x, y: x & y, xs))
_in_output_dtype(ts.OR)(lambda *xs: reduce(lambda x, y: x | y, xs))
_in_output_dtype(ts.XOR)(lambda *xs: reduce(lambda x, y: x ^ y, xs))
_in_output_dtype(ts.Invert)(lambda x: ~x)
_in_output_dtype(ts.Inv)(lambda x: 1 / x)
_in_output_dtype(ts.Cast, ts.Identity)(lambda x: x)
_in_output_dtype(ts.Exp2)(torch.exp2)
_in_output_dtype(ts.Log10)(torch.log10)
_in_output_dtype(ts.Deg2Rad)(torch.deg2rad)
_in_output_dtype(ts.Rad2Deg)(torch.rad2deg)
_in_output_dtype(ts.Trunc)(torch.trunc)
_in_output_dtype(Erf)(torch.erf)
_in_output_dtype(Erfc)(torch.erfc)
_in_output_dtype(GammaLn)(torch.lgamma)
_in_output_dtype(Gamma)(lambda x: torch.exp(torch.lgamma(x)))
_in_output_dtype(Psi)(torch.digamma)
_in_output_dtype(ScalarSigmoid)(torch.sigmoid)
_in_output_dtype(ts.Abs)(torch.abs)
_in_output_dtype(ts.Sgn)(torch.sign)
_in_output_dtype(ts.RoundHalfToEven)(torch.round)
for _theano, _torch in {
    ts.Exp: torch.exp,
    ts.Expm1: torch.expm1,
    ts.Log: torch.log,
    ts.Log2: torch.log2,
    ts.Log1p: torch.log1p,
    ts.Sqrt: torch.sqrt,
    ts.Floor: torch.floor,
    ts.Ceil: torch.ceil,
    ts.Sin: torch.sin,
    ts.Cos: torch.cos,
    ts.Tan: torch.tan,
    ts.ArcSin: torch.asin,
    ts.ArcCos: torch.acos,
    ts.ArcTan: torch.atan,
    ts.Sinh: torch.sinh,
    ts.Cosh: torch.cosh,
    ts.Tanh: torch.tanh,
    ts.ArcSinh: torch.asinh,
    ts.ArcCosh: torch.acosh,
    ts.ArcTanh: torch.atanh,
}.items():
    _in_output_dtype(_theano)(_torch)


@_in_output_dtype(Round3, ts.RoundHalfAwayFromZero)
def _round_half_away_from_zero(x):
    # The fraction is exact, where |x| + 0.5 would round up the number just below 0.5.
    whole = torch.trunc(x)
    return torch.where((x - whole).abs() >= 0.5, whole + torch.sign(x), whole)


@_in_output_dtype(UltraFastScalarSigmoid)
def _ultra_fast_sigmoid(x):
    half = 0.5 * x
    positive = half.abs()
    curve = torch.where(
        positive < 1.7,
        1.5 * positive / (1 + positive),
        torch.where(
            positive < 3,
            0.935409070603099 + 0.0458812946797165 * (positive - 1.7),
            0.99505475368673,
        ),
    )
    return 0.5 * (torch.where(half >= 0, curve, -curve) + 1)


@_in_output_dtype(ScalarSoftplus)
def _softplus(x):
    return torch.clamp(x, min=0) + torch.log1p(torch.exp(-x.abs()))


def _with_tensors(*op_types: type):
    """For PyTorch functions that take tensors only, of the result's dtype."""

    def register(function):
        def build(scalar_op, input_dtypes, output_dtype):
            dtype = torch_dtype(output_dtype)

            def apply(*xs):
                return function(*_tensors(xs, dtype))

            return apply

        scalar_handles(*op_types)(build)
        return function

    return register


_with_tensors(ts.Maximum)(lambda *xs: reduce(torch.maximum, xs))
_with_tensors(ts.Minimum)(lambda *xs: reduce(torch.minimum, xs))
_with_tensors(ts.ArcTan2)(torch.atan2)
_with_tensors(ts.Pow)(torch.pow)
_with_tensors(ts.IntDiv)(lambda x, y: torch.div(x, y, rounding_mode="floor"))
_with_tensors(ts.Mod)(torch.remainder)
_with_tensors(ts.Second)(lambda x, y: torch.broadcast_tensors(x, y)[1])


@scalar_handles(ts.Clip)
def _clip(scalar_op, input_dtypes, output_dtype):
    dtype = torch_dtype(output_dtype)

    def clip(x, low, high):
        x, low, high = (_cast(value, dtype) for value in (x, low, high))
        if isinstance(low, torch.Tensor) or isinstance(high, torch.Tensor):
            # PyTorch lets the upper bound win where the bounds cross, Theano the lower one.
            return torch.where(x < low, low, torch.where(x > high, high, x))
        return torch.clamp(x, low, high)

    return clip


@scalar_handles(ts.Switch)
def _switch(scalar_op, input_dtypes, output_dtype):
    dtype = torch_dtype(output_dtype)

    def switch(condition, x, y):
        x, y = _cast(x, dtype), _cast(y, dtype)
        if not isinstance(condition, torch.Tensor):
            x, y = _tensors((x, y), dtype)
            return torch.broadcast_tensors(x if condition else y, y if condition else x)[0]
        return torch.where(
            condition != 0, _tensor(x, dtype, condition), _tensor(y, dtype, condition)
        )

    return switch


def _predicate(op_type: type, function) -> None:
    def build(scalar_op, input_dtypes, output_dtype):
        output = torch_dtype(output_dtype)

        def test(x):
            return function(x).to(output)

        return test

    scalar_handles(op_type)(build)


_predicate(ts.IsNan, torch.isnan)
_predicate(ts.IsInf, torch.isinf)


@scalar_handles(ts.Composite)
def _composite(scalar_op, input_dtypes, output_dtype):
    inner = scalar_op.fgraph
    dtypes = [torch_dtype(dtype) for dtype in input_dtypes]
    places = {variable: i for i, variable in enumerate(inner.inputs)}
    steps = []
    for node in inner.toposort():
        if all(isinstance(x, Constant) for x in node.inputs):
            raise NotImplementedError(f"{node.op} of constants alone within {scalar_op}")
        function = build_scalar(
            node.op, [x.type.dtype for x in node.inputs], node.outputs[0].type.dtype
        )
        operands = [(places.get(x), None if x in places else x.data.item()) for x in node.inputs]
        places[node.outputs[0]] = len(places)
        steps.append((function, operands))
    result = places[inner.outputs[0]]

    def composite(*xs):
        like = next(x for x in xs if isinstance(x, torch.Tensor))
        values = [_tensor(x, dtype, like) for x, dtype in zip(xs, dtypes)]
        for function, operands in steps:
            values.append(
                function(*[constant if i is None else values[i] for i, constant in operands])
            )
        return values[result]

    return composite
