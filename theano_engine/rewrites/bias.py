"""What rewrites of biases share: a sum of a convolution and a bias becomes one Op."""

from __future__ import annotations

import itertools

import theano.scalar as scalar
from theano.tensor.elemwise import DimShuffle

from theano_engine.rewrites.questions.matching import clients, operands


def bias_within(node, convolution):
    """The outcome of the Op `convolution` with the bias that `node` adds to it, or None.

    The Op takes a bias (filters,) as its third input. Where something else reads the outcome
    without its bias, it stays outside.
    """
    terms = operands(node.outputs[0], scalar.Add)
    for convolved, bias in itertools.permutations(terms, 2) if len(terms) == 2 else ():
        if convolved.owner is None or not isinstance(convolved.owner.op, convolution):
            continue
        if len(convolved.owner.inputs) == 3 or len(clients(convolved)) != 1:
            continue
        if isinstance(bias.owner and bias.owner.op, DimShuffle):
            (vector,) = bias.owner.inputs
            if bias.owner.op.new_order == ("x", 0, "x", "x") and vector.dtype == "float32":
                return convolved.owner.op(*convolved.owner.inputs, vector)
    return None
