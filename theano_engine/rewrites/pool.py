"""Max-pooling over adjoining windows with Ops that use all threads and vector instructions.

`max_pool` and `max_pool_gradient` (both at 48.4, tag `binary`) take float32 images of four axes,
windows of a fixed size that is also the stride, no padding, incomplete windows ignored; other
pooling stays Theano's.
"""

from __future__ import annotations

import numpy as np
from theano.compile import optdb
from theano.gof import Constant
from theano.gof.opt import copy_stack_trace, in2out, local_optimizer
from theano.tensor.signal.pool import MaxPoolGrad, Pool

from theano_engine.ops.pool import AdjoiningMaxPool, AdjoiningMaxPoolGrad


def _window(op, images, window, stride, pad):
    """(rows, columns) of the window where the kernels cover this pooling, else None."""
    if op.mode != "max" or op.ndim != 2 or not op.ignore_border:
        return None
    if any(x.ndim != 4 or x.dtype != "float32" for x in images):
        return None
    if not all(isinstance(x, Constant) for x in (window, stride, pad)):
        return None
    if not np.array_equal(window.data, stride.data) or np.any(pad.data):
        return None
    return tuple(int(size) for size in window.data)


def _replaced(node, new):
    copy_stack_trace(node.outputs[0], new)
    return [node.outputs[0].type.filter_variable(new, allow_convert=True)]


@local_optimizer([Pool])
def max_pool(node):
    if not isinstance(node.op, Pool):
        return None
    x, *geometry = node.inputs
    window = _window(node.op, [x], *geometry)
    return None if window is None else _replaced(node, AdjoiningMaxPool(*window)(x))


@local_optimizer([MaxPoolGrad])
def max_pool_gradient(node):
    if not isinstance(node.op, MaxPoolGrad):
        return None
    images, geometry = node.inputs[:3], node.inputs[3:]
    window = _window(node.op, images, *geometry)
    return None if window is None else _replaced(node, AdjoiningMaxPoolGrad(*window)(*images))


for _rewrite in (max_pool, max_pool_gradient):
    optdb.register(
        _rewrite.__name__, in2out(_rewrite, name=_rewrite.__name__), 48.4, "fast_run", "binary"
    )
