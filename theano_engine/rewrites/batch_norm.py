"""Batch normalisation in two passes over memory, with the binary activation around it.

`theano_engine.ops.batch_norm.batch_normalization_train` leaves abstract Ops in a graph:
`batch_norm_kernel` gives float32 ones a kernel, `batch_norm_inline` opens what is left. With
`batch_norm_kernel` excluded the compiled graph is thus the one that never heard of these Ops.
"""

from __future__ import annotations

import math

import theano.scalar as scalar
from theano.tensor.elemwise import Elemwise, Sum

from theano_engine.ops.batch_norm import (
    BatchNormTrain,
    BatchNormTrainGrad,
    BatchNormTrainGradKernel,
    BatchNormTrainKernel,
    ChannelSum,
    plain_graph,
)
from theano_engine.ops.binary_signs import NAN
from theano_engine.rewrites.questions.binarization import binarization_of
from theano_engine.rewrites.questions.matching import clients, number, operands, with_number
from theano_engine.rewrites.replacing import replaces

# A kernel holds the sizes of so many axes.
_MOST_AXES = 8


def _covered(variables) -> bool:
    return all(x.dtype == "float32" and x.ndim <= _MOST_AXES for x in variables)


@replaces(BatchNormTrain, BatchNormTrainGrad)
def batch_norm_kernel(node):
    """Float32 batch norm and its gradient -> their kernels."""
    if not _covered(node.inputs):
        return None
    if isinstance(node.op, BatchNormTrain):
        return BatchNormTrainKernel(node.op.epsilon).make_node(*node.inputs).outputs
    return BatchNormTrainGradKernel().make_node(*node.inputs).outputs


@replaces(BatchNormTrain, BatchNormTrainGrad)
def batch_norm_inline(node):
    """What has no kernel -> plain Theano, gradients as Theano derives them."""
    if isinstance(node.op, BatchNormTrain):
        x, gamma, beta = node.inputs
        return plain_graph(x, gamma, beta, node.op.epsilon)
    return node.op.plain(node.inputs)


def _hard_sigmoid_argument(variable):
    """y where `variable` is `(y + 1) / 2` in canonical form."""
    doubled = with_number(variable, scalar.Mul, 0.5)
    return doubled and with_number(doubled, scalar.Add, 1.0)


def _clipping_mask_argument(variable):
    """y where `variable` is the mask `0 <= (y + 1) / 2 <= 1`."""
    bounds = {}
    for comparison in operands(variable, scalar.AND):
        for operation in (scalar.GE, scalar.LE):
            found = operands(comparison, operation)
            if found:
                bounds[operation] = found
    if set(bounds) != {scalar.GE, scalar.LE}:
        return None
    (lower, least), (upper, most) = bounds[scalar.GE], bounds[scalar.LE]
    if lower is not upper or number(least) != 0 or number(most) != 1:
        return None
    return _hard_sigmoid_argument(lower)


@replaces(BatchNormTrainGradKernel)
def batch_norm_mask(node):
    """The gradient of a binary activation's clipping -> within the gradient of batch norm."""
    if node.op.masked:
        return None
    *shared, gradient = node.inputs
    factors = list(operands(gradient, scalar.Mul))
    for mask in factors:
        y = _clipping_mask_argument(mask)
        if y is None or y.owner is None or not isinstance(y.owner.op, BatchNormTrainKernel):
            continue
        if y is not y.owner.outputs[0] or y.owner.inputs != shared[:3]:
            continue
        if y.owner.outputs[1:] != shared[3:]:
            continue
        rest = [x for x in factors if x is not mask]
        constant = math.prod(value for value in map(number, rest) if value is not None)
        rest = [x for x in rest if number(x) is None]
        if len(rest) == 1 and rest[0].type == node.inputs[0].type:
            op = BatchNormTrainGradKernel(masked=True, factor=constant)
            return op(*shared, rest[0], return_list=True)
    return None


def _binary_activation(variable):
    """(y, "tanh" or "sigmoid") where `variable` is that binary activation of y."""
    found = binarization_of(variable)
    if found is None or found.above or found.nan != NAN:
        return None, None
    kind = {(-1.0, 1.0): "tanh", (0.0, 1.0): "sigmoid"}.get((found.low, found.high))
    return (None, None) if kind is None else (_hard_sigmoid_argument(found.x), kind)


@replaces(Elemwise)
def batch_norm_activation(node):
    """A binary activation of batch norm -> within it, if nothing else needs the normalised."""
    y, kind = _binary_activation(node.outputs[0])
    if y is None or y.owner is None or not isinstance(y.owner.op, BatchNormTrainKernel):
        return None
    batch_norm = y.owner
    if batch_norm.op.activation is not None or y is not batch_norm.outputs[0]:
        return None
    # y and all that lies between it and this node must have no other use.
    step = y
    while step is not node.outputs[0]:
        readers = clients(step)
        if len(readers) != 1 or readers[0][0] == "output":
            return None
        step = readers[0][0].outputs[0]
    new = BatchNormTrainKernel(batch_norm.op.epsilon, kind).make_node(*batch_norm.inputs).outputs
    return dict(zip([node.outputs[0], *batch_norm.outputs[1:]], new))


@replaces(Sum)
def channel_sum(node):
    """Sums over all axes but the second, such as the gradient of a bias -> on all threads."""
    (x,) = node.inputs
    if x.ndim < 3:
        return None
    axes = node.op.axis
    if axes is None or sorted(axes) != [0, *range(2, x.ndim)]:
        return None
    if not _covered([x, node.outputs[0]]):
        return None
    return ChannelSum()(x)
