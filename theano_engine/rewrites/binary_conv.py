"""Convolutions and matrix products of two-valued operands become `BinaryConv2d` and `BinaryDot`.

Three rewrites, each to be left out with `mode.excluding(name)`; together they carry the tag
`binary`. They run after canonicalisation (1) and stabilisation (1.5), which leave constants folded
and shapes known, and before `BlasOpt` (1.7) and `conv_gemm` (48.6) lower the float Ops.

`local_padding_into_conv` (1.60)
    A convolution of an image that was copied into zeros, as Lasagne 0.1 pads, pads by itself.
    Needed for the next one, since -1, 0 and +1 are three values; float convolutions gain as well.
`local_binary_conv` (1.61)
    AbstractConv2d of two-valued images and filters -> BinaryConv2d.
`local_binary_dot` (1.61)
    Dot of two-valued matrices -> BinaryDot.

Operands may be -a/+a (or images and left-hand sides 0/1) by -h/+h, a and h powers of two: then all
float sums are exact, and the integer result is the same. Other values, other dtypes, dilated or
grouped filters and asymmetric padding stay float.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from theano.compile.mode import optdb
from theano.gof import local_optimizer
from theano.tensor.basic import (
    Alloc,
    Dot,
    NotScalarConstantError,
    get_scalar_constant_value,
)
from theano.tensor.nnet.abstract_conv import AbstractConv2d
from theano.tensor.opt import copy_stack_trace, in2out
from theano.tensor.subtensor import IncSubtensor, get_idx_list

from theano_engine.ops.binary_conv import BinaryConv2d
from theano_engine.ops.binary_dot import BinaryDot
from theano_engine.rewrites.binary_values import value_set
from theano_engine.rewrites.linear_forms import linear_form

# Far from where float32 would overflow or lose bits of a product of two magnitudes and a count.
_SMALLEST_EXPONENT, _GREATEST_EXPONENT = -32, 32


@dataclass(frozen=True)
class Coding:
    """How an operand's values stand for bits: 0/1 (`unit`), or -magnitude/+magnitude."""

    unit: bool
    magnitude: float


def coding_of(variable) -> Coding | None:
    """`variable`'s coding where it is float32 and has one."""
    if variable.dtype != "float32":
        return None
    values = value_set(variable)
    if not values:
        return None
    if values <= {0.0, 1.0} and 0.0 in values:
        return Coding(unit=True, magnitude=1.0)
    magnitudes = {abs(value) for value in values}
    if len(magnitudes) != 1 or magnitudes == {0.0}:
        return None
    (magnitude,) = magnitudes
    mantissa, exponent = math.frexp(magnitude)
    if mantissa != 0.5 or not _SMALLEST_EXPONENT < exponent < _GREATEST_EXPONENT:
        return None
    return Coding(unit=False, magnitude=magnitude)


def _codings(node):
    """The codings of a node's two inputs; None where bit operations do not serve them."""
    # Weights first: they are told by a few nodes, images may be far from anything binary.
    second = coding_of(node.inputs[1])
    if second is None or second.unit:
        return None
    first = coding_of(node.inputs[0])
    return None if first is None else (first, second)


@local_optimizer([AbstractConv2d])
def local_binary_conv(node):
    """AbstractConv2d of two-valued images and filters -> BinaryConv2d."""
    op = node.op
    if not isinstance(op, AbstractConv2d) or not has_plain_geometry(op):
        return None
    codings = _codings(node)
    if codings is None:
        return None
    images, filters = codings
    binary = BinaryConv2d(
        op.border_mode,
        op.subsample,
        op.filter_flip,
        unit_images=images.unit,
        scale=images.magnitude * filters.magnitude,
    )
    return _replaced(node, binary)


def has_plain_geometry(op) -> bool:
    """Whether BinaryConv2d has the padding, strides and grouping of an AbstractConv2d."""
    symmetric = isinstance(op.border_mode, str) or all(
        isinstance(pad, (int, np.integer)) for pad in op.border_mode
    )
    dilated = any(step != 1 for step in op.filter_dilation)
    return symmetric and not dilated and op.num_groups == 1 and not op.unshared


@local_optimizer([Dot])
def local_binary_dot(node):
    """Dot of two-valued matrices -> BinaryDot."""
    if not isinstance(node.op, Dot) or [variable.ndim for variable in node.inputs] != [2, 2]:
        return None
    codings = _codings(node)
    if codings is None:
        return None
    x, w = codings
    return _replaced(node, BinaryDot(unit_x=x.unit, scale=x.magnitude * w.magnitude))


def _replaced(node, op):
    return _in_place_of(node.outputs[0], op(*node.inputs))


def _in_place_of(old, new):
    copy_stack_trace(old, new)
    return [old.type.filter_variable(new, allow_convert=True)]


@local_optimizer([AbstractConv2d])
def local_padding_into_conv(node):
    """AbstractConv2d of an image set into zeros -> AbstractConv2d that pads by itself."""
    op = node.op
    if not isinstance(op, AbstractConv2d) or not has_plain_geometry(op):
        return None
    if op.border_mode in ("half", "full"):
        return None
    own = (0, 0) if op.border_mode == "valid" else op.border_mode
    found = _padding_of(node.inputs[0])
    if found is None:
        return None
    image, padding = found
    known_shape = op.imshp
    if known_shape is not None:
        sizes = (
            None if size is None else size - 2 * pad for size, pad in zip(known_shape[2:], padding)
        )
        known_shape = (*known_shape[:2], *sizes)
    padded = AbstractConv2d(
        imshp=known_shape,
        kshp=op.kshp,
        border_mode=tuple(int(a) + b for a, b in zip(own, padding)),
        subsample=op.subsample,
        filter_flip=op.filter_flip,
    )
    return _in_place_of(node.outputs[0], padded(image, node.inputs[1]))


def _padding_of(variable):
    """(image, (rows, columns)) where `variable` is that image with a border of zeros, else None.

    The zeros have to reach as far below and to the right of the image as above and to the left,
    and the image has to fill the slice: shapes are compared as linear forms.
    """
    node = variable.owner
    if node is None or not isinstance(node.op, IncSubtensor) or not node.op.set_instead_of_inc:
        return None
    zeros, image = node.inputs[:2]
    if image.ndim != 4 or image.dtype != zeros.dtype or any(image.broadcastable[2:]):
        return None
    outer = _shape_of_zeros(zeros)
    inner = _shape(image)
    slices = get_idx_list([zeros, *node.inputs[2:]], node.op.idx_list)
    if outer is None or inner is None or len(slices) > 4:
        return None
    padding = []
    for axis in range(4):
        index = slices[axis] if axis < len(slices) else slice(None)
        if not isinstance(index, slice) or index.step is not None:
            return None
        before = _constant(index.start, default=0)
        if before is None or before < 0 or (axis < 2 and before != 0):
            return None
        end = outer[axis] if index.stop is None else linear_form(index.stop)
        if end is None or outer[axis] is None or inner[axis] is None:
            return None
        if end - inner[axis] != before or outer[axis] - inner[axis] != 2 * before:
            return None
        padding.append(before)
    return image, tuple(padding[2:])


def _shape_of_zeros(variable):
    node = variable.owner
    if node is None or not isinstance(node.op, Alloc) or _constant(node.inputs[0]) != 0:
        return None
    return [linear_form(size) for size in node.inputs[1:]]


def _shape(variable):
    fgraph = getattr(variable, "fgraph", None)
    feature = getattr(fgraph, "shape_feature", None)
    if feature is None or feature.shape_of.get(variable) is None:
        return None
    return [linear_form(size) for size in feature.shape_of[variable]]


def _constant(variable, default=None):
    if variable is None:
        return default
    if not hasattr(variable, "owner"):
        return int(variable)
    try:
        return get_scalar_constant_value(variable).item()
    except NotScalarConstantError:
        return None


for _rewrite, _position in (
    (local_padding_into_conv, 1.60),
    (local_binary_conv, 1.61),
    (local_binary_dot, 1.61),
):
    _name = _rewrite.__name__
    optdb.register(_name, in2out(_rewrite, name=_name), _position, "fast_run", "binary")
