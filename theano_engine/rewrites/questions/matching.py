"""Small questions about elementwise operations and constants."""

from __future__ import annotations

import numpy as np
from theano.gof import Constant
from theano.tensor.elemwise import DimShuffle, Elemwise


def scalar_op(variable):
    """The scalar Op whose elementwise application computes `variable`; None where none does."""
    node = variable.owner
    return node.op.scalar_op if node is not None and isinstance(node.op, Elemwise) else None


def operands(variable, operation) -> tuple:
    """The inputs of the elementwise `operation` (a class of scalar Ops) that computes `variable`.

    () where something else computes it.
    """
    return tuple(variable.owner.inputs) if isinstance(scalar_op(variable), operation) else ()


def clients(variable) -> list:
    """Whoever reads `variable`, as (node or "output", place); [] outside a function's graph."""
    return getattr(variable, "clients", [])


def number(variable) -> float | None:
    """The one real value of a constant, whatever its shape; None where there is no such value."""
    while variable.owner is not None and isinstance(variable.owner.op, DimShuffle):
        variable = variable.owner.inputs[0]
    if not isinstance(variable, Constant):
        return None
    values = np.unique(variable.data)
    return float(values[0]) if len(values) == 1 and values.dtype.kind != "c" else None


def with_number(variable, operation, value):
    """x where `variable` is `operation(x, value)` of a constant, either way round; else None."""
    found = operands(variable, operation)
    if len(found) == 2:
        for x, other in (found, found[::-1]):
            if number(other) == value:
                return x
    return None
