"""What Theano makes of numbers: dtypes inferred, constants, filtered and computed values.

    PYTHONPATH=tests python -m support.promotion     writes tests/data/numpy1_promotion.json anew

The record is made with numpy 1.26, for whose rules of promotion Theano 1.0.5 was written.
"""

from __future__ import annotations

import itertools
import json
import sys
import warnings
from collections.abc import Callable, Iterator

import numpy as np

from support.project import PROJECT
from theano_engine import T, theano

scalar = theano.scalar

RECORD = PROJECT / "tests" / "data" / "numpy1_promotion.json"
FLOAT_TYPES = ("float32", "float64")
DTYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
)
PYTHON_NUMBERS = (
    *(False, True, 0, 1, -1, 2, 127, 128, -128, -129, 255, 256, 300, 32767, 32768, -32769, 65535),
    *(65536, 16777217, 2**31 - 1, 2**31, -(2**31) - 1, 2**32 - 1, 2**32, 2**53 + 1, 2**63 - 1),
    *(2**63, -(2**63), 2**64 - 1, 2**64, 0.0, -0.0, 1.0, 0.5, 0.1, -1.5, 2.5, 1e-3, 65520.0, 1e10),
    *(1e39, 1e-46, 1e300, float("inf"), float("nan"), 16777217.0, 1j, 0.1 + 2j),
)
LISTS = (
    *([], [1], [300], [True, False], [1, 2.5], [0.1], [2**31], [2**63], [-1, 2**63], [[1], [2]]),
    *([1, None], [1j], (1, 2), range(3)),
)
VALUES = (*PYTHON_NUMBERS, *LISTS)
# In each dtype the same for every numpy: nothing that is rounded in its last bit.
EXACT = (
    *(scalar.Add, scalar.Sub, scalar.Mul, scalar.TrueDiv, scalar.IntDiv, scalar.Mod),
    *(scalar.Maximum, scalar.Minimum, scalar.LT, scalar.LE, scalar.EQ, scalar.NEQ),
    *(scalar.AND, scalar.OR, scalar.XOR),
)
ROUNDED = (scalar.Pow, scalar.ArcTan2)
EXACT_UNARY = (
    *(scalar.Abs, scalar.Neg, scalar.Sgn, scalar.Sqr, scalar.Inv, scalar.Floor, scalar.Ceil),
    *(scalar.RoundHalfToEven, scalar.RoundHalfAwayFromZero, scalar.Invert, scalar.IsNan),
    *(scalar.Identity, scalar.Second, scalar.Switch, scalar.Clip),
)
ROUNDED_UNARY = (
    *(scalar.Exp, scalar.Exp2, scalar.Expm1, scalar.Log, scalar.Log2, scalar.Log1p, scalar.Sqrt),
    *(scalar.Sin, scalar.Cos, scalar.Tan, scalar.Tanh, scalar.Deg2Rad, scalar.Rad2Deg),
)


def cases() -> Iterator[tuple[str, list[str]]]:
    """Every group's name, and its outcomes in a fixed order."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for float_type in FLOAT_TYPES:
            with theano.configparser.change_flags(floatX=float_type, compute_test_value="off"):
                for name, outcomes in _groups():
                    yield f"floatX={float_type}: {name}", outcomes


def _groups() -> Iterator[tuple[str, list[str]]]:
    for kind in DTYPES:
        yield f"constants of {kind}", [_outcome(T.constant, x, dtype=kind) for x in VALUES]
        yield f"filtered to {kind}", _filtered(kind)
        yield f"vector of {kind} and a number", _with_numbers(kind)
        yield f"vector of {kind} and others", _with_others(kind)
        yield f"functions of {kind}", _of_one(kind)
        yield f"impl of {kind}", _computed(kind)
    constants = (T.constant, scalar.constant, T.as_tensor_variable, theano.shared)
    yield "constants", [_outcome(make, value) for value in VALUES for make in constants]
    starts, stops = (0, 1.5, T.bscalar(), T.fscalar()), (300, T.lscalar(), T.wscalar())
    yield (
        "ranges",
        [
            _outcome(T.arange, *limits, shown=_dtype)
            for limits in itertools.product(starts, stops, (1, 0.5))
        ],
    )


def _numpy_values() -> Iterator[object]:
    for kind in DTYPES:
        for number in (1, 2.5, 200, 40000):
            yield np.array(number).astype(kind)[()]
        yield np.full(2, 2.5).astype(kind)


def _filtered(kind: str) -> list[str]:
    types = {0: (scalar.Scalar(kind), T.TensorType(kind, ())), 1: (T.TensorType(kind, (False,)),)}
    return [
        _outcome(one.filter, value, allow_downcast=allow)
        for value in (*PYTHON_NUMBERS, [0.1], [300], *_numpy_values())
        for one in types[np.ndim(value)]
        for allow in (None, False, True)
    ]


def _with_numbers(kind: str) -> list[str]:
    vector = T.vector(dtype=kind)
    return [
        _outcome(operation, *operands, shown=_dtype)
        for operation in (T.add, T.true_div, T.int_div, T.pow, T.maximum)
        for value in PYTHON_NUMBERS
        for operands in ((vector, value), (value, vector))
    ]


def _with_others(kind: str) -> list[str]:
    vector = T.vector(dtype=kind)
    others = [T.vector(dtype=other) for other in DTYPES]
    others += [np.ones((), other)[()] for other in DTYPES]
    operations: list[Callable] = [
        *(T.add, T.sub, T.mul, T.true_div, T.int_div, T.mod, T.pow, T.maximum, T.lt, T.arctan2),
        *(T.and_, lambda x, y: T.switch(x, x, y), lambda x, y: T.clip(x, y, y)),
        *(lambda x, y: T.stack([x, y]), T.dot, lambda x, y: T.set_subtensor(x[:1], y)),
    ]
    return [
        _outcome(operation, vector, other, shown=_dtype)
        for operation in operations
        for other in others
    ]


def _of_one(kind: str) -> list[str]:
    vector = T.vector(dtype=kind)
    operations: list[Callable] = [
        *(T.sum, T.prod, T.mean, T.var, T.max, T.argmax, T.all, T.any, T.cumsum, T.sort),
        *(T.sgn, T.sqr, T.sqrt, T.exp, T.round, T.inv, T.tanh, T.deg2rad, T.neg, T.invert),
        *(T.nnet.sigmoid, lambda x: T.grad(T.deg2rad(x).sum(), x), lambda x: x.mean(dtype=kind)),
    ]
    outcomes = [_outcome(operation, vector, shown=_dtype) for operation in operations]
    return outcomes + [_outcome(T.cast, vector, other, shown=_dtype) for other in DTYPES]


def _computed(kind: str) -> list[str]:
    """Results of the Python code of scalar Ops: what constants are folded with, and DebugMode."""
    values = [np.array(number).astype(kind)[()] for number in (0, 1, 3, 2.5, 100)]
    outcomes = []
    for operations, shown in ((EXACT_UNARY, _value), (ROUNDED_UNARY, _about)):
        for operation in operations:
            count = {"Second": 2, "Switch": 3, "Clip": 3}.get(operation.__name__, 1)
            outcomes += [
                _outcome(_run, _instance(operation), [kind] * count, [value] * count, shown=shown)
                for value in values
            ]
    others = (kind, "int8", "int64", "float32", "float64")
    for operations, shown in ((EXACT, _value), (ROUNDED, _about)):
        for operation, other in itertools.product(operations, others):
            two = np.array(2).astype(other)[()]
            outcomes += [
                _outcome(_run, _instance(operation), [kind, other], [value, two], shown=shown)
                for value in values
            ]
    values.append(np.array(-1.5).astype(kind)[()])
    casts = [scalar.Cast(scalar.Scalar(other)) for other in DTYPES]
    return outcomes + [_outcome(_run, cast, [kind], [x]) for cast in casts for x in values]


def _instance(operation: type) -> scalar.ScalarOp:
    return next(x for x in vars(scalar).values() if type(x) is operation)


def _run(operation: scalar.ScalarOp, kinds: list[str], values: list) -> object:
    """What the Op's own `perform` makes of inputs of these dtypes, stored as its output is."""
    node = operation.make_node(*(scalar.Scalar(kind).make_variable() for kind in kinds))
    storage = [[None]]
    operation.perform(node, values, storage)
    return np.asarray(storage[0][0]).astype(node.outputs[0].dtype)


def _value(result) -> str:
    if hasattr(result, "type"):
        data = result.get_value() if hasattr(result, "get_value") else getattr(result, "data", None)
        return f"{type(result.type).__name__} {_value(data)}"
    array = np.asarray(result)
    return f"{array.dtype} {array.tolist()!r}"


def _dtype(result) -> str:
    return str(result.dtype)


def _about(result) -> str:
    return f"{result.dtype} {complex(result):.2g}"


def _outcome(make: Callable, *arguments, shown: Callable = _value, **keywords) -> str:
    try:
        return shown(make(*arguments, **keywords))
    except Exception as error:
        return type(error).__name__


def main() -> None:
    if not np.__version__.startswith("1.26."):
        sys.exit(f"the record is made with numpy 1.26, not {np.__version__}")
    record = dict(cases())
    lines = (f"{json.dumps(name)}: {json.dumps(outcomes)}" for name, outcomes in record.items())
    RECORD.write_text("{" + ",\n".join(lines) + "}\n", encoding="utf-8")
    print(f"{sum(map(len, record.values()))} outcomes in {len(record)} groups")


if __name__ == "__main__":
    main()
