"""Integer scalars of a graph as linear forms, so that two ways to write a shape can be compared."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import theano.scalar as scalar
from theano.gof import Constant
from theano.tensor.basic import Rebroadcast, ScalarFromTensor, TensorFromScalar
from theano.tensor.elemwise import DimShuffle, Elemwise


@dataclass(frozen=True)
class LinearForm:
    """`constant + sum(factor * variable)`; equal forms are equal numbers."""

    constant: int
    factors: dict = field(default_factory=dict)

    def plus(self, other: LinearForm, times: int = 1) -> LinearForm:
        factors = Counter(self.factors)
        for variable, factor in other.factors.items():
            factors[variable] += times * factor
        nonzero = {variable: factor for variable, factor in factors.items() if factor}
        return LinearForm(self.constant + times * other.constant, nonzero)

    def __sub__(self, other: LinearForm) -> LinearForm:
        return self.plus(other, -1)

    def __eq__(self, other) -> bool:
        if isinstance(other, int):
            return not self.factors and self.constant == other
        return (self.constant, self.factors) == (other.constant, other.factors)

    __hash__ = None  # type: ignore[assignment]


def linear_form(variable) -> LinearForm | None:
    """`variable`, an integer scalar, as a linear form of variables that are not sums themselves.

    None where it is not an integer. What is computed by anything but sums, differences and casts
    between integer types is a variable of its own.
    """
    if not hasattr(variable, "owner"):
        return LinearForm(int(variable))
    if not getattr(variable, "dtype", "").startswith(("int", "uint")):
        return None
    if isinstance(variable, Constant):
        return LinearForm(int(variable.data)) if variable.data.size == 1 else None
    node = variable.owner
    if node is not None:
        form = _of_node(node)
        if form is not None:
            return form
    return LinearForm(0, {_atom(variable): 1})


def _of_node(node) -> LinearForm | None:
    if isinstance(node.op, (ScalarFromTensor, TensorFromScalar, DimShuffle, Rebroadcast)):
        return linear_form(node.inputs[0])
    scalar_op = node.op.scalar_op if isinstance(node.op, Elemwise) else node.op
    if isinstance(scalar_op, scalar.Cast):
        # To fewer bits a large number would wrap.
        return linear_form(node.inputs[0]) if node.outputs[0].dtype == "int64" else None
    if not isinstance(scalar_op, (scalar.Add, scalar.Sub)):
        return None
    total = linear_form(node.inputs[0])
    for term in node.inputs[1:]:
        form = linear_form(term)
        if total is None or form is None:
            return None
        total = total.plus(form, -1 if isinstance(scalar_op, scalar.Sub) else 1)
    return total


def _atom(variable):
    """What two occurrences of the same size share: the Op and inputs of a `Shape_i`, say."""
    node = variable.owner
    if node is not None and len(node.outputs) == 1:
        return (node.op, tuple(node.inputs))
    return variable
