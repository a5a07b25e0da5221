"""Convolutions and matrix products of two-valued operands become `BinaryConv2d` and `BinaryDot`.

Operands may be -a/+a (or images and left-hand sides 0/1) by -h/+h, a and h powers of two: then all
float sums are exact, and the integer result is the same. Other values, other dtypes, dilated or
grouped filters and asymmetric padding stay float.
"""

from __future__ import annotations

from theano.tensor.basic import Dot
from theano.tensor.elemwise import Elemwise
from theano.tensor.nnet.abstract_conv import AbstractConv2d

from theano_engine.ops.binary_conv import BinaryConv2d
from theano_engine.ops.binary_dot import BinaryDot
from theano_engine.rewrites.bias import bias_within
from theano_engine.rewrites.questions.convolution import has_plain_geometry, zero_padding
from theano_engine.rewrites.questions.values import coding_of
from theano_engine.rewrites.replacing import replaces


@replaces(AbstractConv2d)
def local_padding_into_conv(node):
    """AbstractConv2d of an image set into zeros, as Lasagne 0.1 pads -> one that pads by itself.

    Needed for `local_binary_conv`, since -1, 0 and +1 are three values; float convolutions gain as
    well.
    """
    op = node.op
    if not has_plain_geometry(op) or op.border_mode in ("half", "full"):
        return None
    own = (0, 0) if op.border_mode == "valid" else op.border_mode
    found = zero_padding(node.inputs[0])
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
    return padded(image, node.inputs[1])


@replaces(AbstractConv2d)
def local_binary_conv(node):
    """AbstractConv2d of two-valued images and filters -> BinaryConv2d."""
    codings = _codings(node) if has_plain_geometry(node.op) else None
    if codings is None:
        return None
    images, filters = codings
    binary = BinaryConv2d(
        node.op.border_mode,
        node.op.subsample,
        node.op.filter_flip,
        unit_images=images.unit,
        scale=images.magnitude * filters.magnitude,
    )
    return binary(*node.inputs)


@replaces(Elemwise)
def binary_conv_bias(node):
    """A bias added to the outcome of BinaryConv2d -> within it, the same sum."""
    return bias_within(node, BinaryConv2d)


@replaces(Dot)
def local_binary_dot(node):
    """Dot of two-valued matrices -> BinaryDot."""
    codings = _codings(node) if [x.ndim for x in node.inputs] == [2, 2] else None
    if codings is None:
        return None
    x, w = codings
    return BinaryDot(unit_x=x.unit, scale=x.magnitude * w.magnitude)(*node.inputs)


def _codings(node):
    """The codings of a node's two inputs; None where bit operations do not serve them."""
    # Weights first: they are told by a few nodes, images may be far from anything binary.
    second = coding_of(node.inputs[1])
    if second is None or second.unit:
        return None
    first = coding_of(node.inputs[0])
    return None if first is None else (first, second)
