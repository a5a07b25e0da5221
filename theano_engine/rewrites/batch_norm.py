"""Batch normalisation in two passes over memory, with the binary activation around it.

`theano_engine.ops.batch_norm.batch_normalization_train` leaves abstract Ops in a graph. In order:

1. `batch_norm_kernel` (0.5, before the graph gets its canonical form) gives float32 ones a kernel.
2. `batch_norm_inline` (0.6, also in `fast_compile`, not tagged `binary`) opens what is left into
   plain Theano, gradients as Theano derives them. With `batch_norm_kernel` excluded the compiled
   graph is thus the one that never heard of these Ops.
3. `batch_norm_mask` (1.4, the graph being canonical) computes the gradient of a binary activation's
   clipping within the gradient of batch norm.
4. `batch_norm_activation` (1.41) computes a binary activation within batch norm, if nothing else
   needs the normalised values.
5. `channel_sum` (1.42): sums over all axes but the second, such as the gradient of a bias, on all
   threads.
"""

from __future__ import annotations

import math

import theano.scalar as scalar
from theano.compile import optdb
from theano.gof.opt import copy_stack_trace, local_optimizer, out2in
from theano.tensor.elemwise import Elemwise, Sum

from theano_engine.ops.batch_norm import (
    BatchNormTrain,
    BatchNormTrainGrad,
    BatchNormTrainGradKernel,
    BatchNormTrainKernel,
    ChannelSum,
    plain_graph,
)
from theano_engine.ops.rounding import Round3
from theano_engine.rewrites.matching import number, operands, with_number

# A kernel holds the sizes of so many axes.
_MOST_AXES = 8


def _covered(variables) -> bool:
    return all(x.dtype == "float32" and x.ndim <= _MOST_AXES for x in variables)


@local_optimizer([BatchNormTrain, BatchNormTrainGrad])
def batch_norm_kernel(node):
    if not _covered(node.inputs):
        return None
    if isinstance(node.op, BatchNormTrain):
        return BatchNormTrainKernel(node.op.epsilon).make_node(*node.inputs).outputs
    if isinstance(node.op, BatchNormTrainGrad):
        return BatchNormTrainGradKernel().make_node(*node.inputs).outputs
    return None


@local_optimizer([BatchNormTrain, BatchNormTrainGrad])
def batch_norm_inline(node):
    if isinstance(node.op, BatchNormTrain):
        x, gamma, beta = node.inputs
        outputs = plain_graph(x, gamma, beta, node.op.epsilon)
    elif isinstance(node.op, BatchNormTrainGrad):
        outputs = node.op.plain(node.inputs)
    else:
        return None
    return [
        old.type.filter_variable(new, allow_convert=True) for old, new in zip(node.outputs, outputs)
    ]


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


@local_optimizer([BatchNormTrainGradKernel])
def batch_norm_mask(node):
    if not isinstance(node.op, BatchNormTrainGradKernel) or node.op.masked:
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


def _binary_activation_argument(variable):
    """(y, "tanh" or "sigmoid") where `variable` is that binary activation of y."""
    kind, rounded = "sigmoid", variable
    scaled = with_number(variable, scalar.Add, -1.0)
    if scaled is not None:
        kind, rounded = "tanh", with_number(scaled, scalar.Mul, 2.0)
    unrounded = operands(rounded, Round3) if rounded is not None else ()
    clipped = operands(unrounded[0], scalar.Clip) if unrounded else ()
    if not clipped or number(clipped[1]) != 0 or number(clipped[2]) != 1:
        return None, None
    return _hard_sigmoid_argument(clipped[0]), kind


@local_optimizer([Elemwise])
def batch_norm_activation(node):
    if not isinstance(node.op, Elemwise) or len(node.outputs) != 1:
        return None
    y, kind = _binary_activation_argument(node.outputs[0])
    if y is None or y.owner is None or not isinstance(y.owner.op, BatchNormTrainKernel):
        return None
    batch_norm = y.owner
    if batch_norm.op.activation is not None or y is not batch_norm.outputs[0]:
        return None
    # y and all that lies between it and this node must have no other use.
    step = y
    while step is not node.outputs[0]:
        clients = step.clients
        if len(clients) != 1 or clients[0][0] == "output":
            return None
        step = clients[0][0].outputs[0]
    new = BatchNormTrainKernel(batch_norm.op.epsilon, kind).make_node(*batch_norm.inputs).outputs
    copy_stack_trace(node.outputs[0], new[0])
    return dict(zip([node.outputs[0], *batch_norm.outputs[1:]], new))


@local_optimizer([Sum])
def channel_sum(node):
    if not isinstance(node.op, Sum) or node.inputs[0].ndim < 3:
        return None
    x = node.inputs[0]
    axes = node.op.axis
    if axes is None or sorted(axes) != [0, *range(2, x.ndim)]:
        return None
    if not _covered([x, node.outputs[0]]):
        return None
    return [node.outputs[0].type.filter_variable(ChannelSum()(x), allow_convert=True)]


def _register(rewrite, position, *tags):
    # From outputs to inputs: an activation is met before the activation-like part within it.
    optdb.register(
        rewrite.__name__, out2in(rewrite, name=rewrite.__name__), position, "fast_run", *tags
    )


_register(batch_norm_kernel, 0.5, "binary", "batch_norm")
_register(batch_norm_inline, 0.6, "fast_compile")
_register(batch_norm_mask, 1.4, "binary", "batch_norm")
_register(batch_norm_activation, 1.41, "binary", "batch_norm")
_register(channel_sum, 1.42, "binary")
