"""Small questions that rewrites ask of a graph in canonical form."""

from __future__ import annotations

import numpy as np
from theano.gof import Constant
from theano.tensor.elemwise import DimShuffle, Elemwise


def operands(variable, operation) -> tuple:
    """The inputs of the elementwise `operation` (a class of scalar Ops) that computes `variable`.

    () where something else computes it.
    """
    node = variable.owner
    if node is None or not isinstance(node.op, Elemwise):
        return ()
    return tuple(node.inputs) if isinstance(node.op.scalar_op, operation) else ()


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
