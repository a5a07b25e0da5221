"""Questions about convolutions and pooling: their padding, strides and windows."""

from __future__ import annotations

import numpy as np
from theano.gof import Constant
from theano.tensor.basic import Alloc, NotScalarConstantError, get_scalar_constant_value
from theano.tensor.subtensor import IncSubtensor, get_idx_list

from theano_engine.rewrites.questions.linear_forms import linear_form


def is_ungrouped(op) -> bool:
    """Whether a convolution or its gradient has one group, shared filters and no dilation."""
    return (
        op.convdim == 2
        and all(step == 1 for step in op.filter_dilation)
        and op.num_groups == 1
        and not op.unshared
    )


def has_plain_geometry(op) -> bool:
    """Whether BinaryConv2d has the padding, strides and grouping of an AbstractConv2d."""
    symmetric = isinstance(op.border_mode, str) or all(
        isinstance(pad, (int, np.integer)) for pad in op.border_mode
    )
    return symmetric and is_ungrouped(op)


def adjoining_window(op, window, stride, padding) -> tuple[int, int] | None:
    """(rows, columns) of a max-pooling without overlap, gaps or padding, else None.

    Incomplete windows are ignored. `op`: Pool or its gradient, the others its inputs.
    """
    if op.mode != "max" or op.ndim != 2 or not op.ignore_border:
        return None
    if not all(isinstance(x, Constant) for x in (window, stride, padding)):
        return None
    if not np.array_equal(window.data, stride.data) or np.any(padding.data):
        return None
    rows, columns = window.data
    return int(rows), int(columns)


def zero_padding(variable):
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
