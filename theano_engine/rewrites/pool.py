"""Max-pooling over adjoining windows with Ops that use all threads and vector instructions.

Float32 images of four axes, windows of a fixed size that is also the stride, no padding, incomplete
windows ignored; other pooling stays Theano's.
"""

from __future__ import annotations

from theano.tensor.signal.pool import MaxPoolGrad, Pool

from theano_engine.ops.pool import AdjoiningMaxPool, AdjoiningMaxPoolGrad
from theano_engine.rewrites.questions.convolution import adjoining_window
from theano_engine.rewrites.replacing import replaces


def _covered(variables) -> bool:
    return all(x.ndim == 4 and x.dtype == "float32" for x in variables)


@replaces(Pool)
def max_pool(node):
    """Pool -> AdjoiningMaxPool."""
    images, *geometry = node.inputs
    window = adjoining_window(node.op, *geometry)
    return AdjoiningMaxPool(*window)(images) if window and _covered([images]) else None


@replaces(MaxPoolGrad)
def max_pool_gradient(node):
    """MaxPoolGrad -> AdjoiningMaxPoolGrad."""
    images, geometry = node.inputs[:3], node.inputs[3:]
    window = adjoining_window(node.op, *geometry)
    return AdjoiningMaxPoolGrad(*window)(*images) if window and _covered(images) else None
