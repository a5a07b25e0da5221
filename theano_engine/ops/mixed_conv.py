"""Convolutions of any floats with an operand of two values, by the table lookups of gradients."""

from __future__ import annotations

import theano.scalar as scalar
from theano.gof import Apply, ParamsType
from theano.tensor import TensorType, as_tensor_variable
from theano.tensor.nnet.abstract_conv import get_conv_output_shape

from theano_engine.ops.gradient_conv import ARRAY4_CODE, CONVOLVED_CODE, UNFIT_CODE
from theano_engine.ops.kernel_op import KernelOp
from theano_engine.ops.padding import FULL, HALF, pads_of


class MixedConv2d(KernelOp):
    """The 2-D convolution of images and filters one of which has two values, in steps of one.

    Inputs: images (batch, channels, rows, columns) and filters (filters, channels, rows, columns),
    float32, any strides. Output: (batch, filters, output rows, output columns) float32, the
    zero-padded convolution of `theano.tensor.nnet.conv2d` up to the order of the sums. Raises
    ValueError where the shapes do not fit, or the padding is not less than the filters' size.

    border_mode : "valid", "half", "full", or the rows and columns of padding on each side.
    filter_flip : convolution; else cross-correlation. two_valued : "images" or "filters"; low and
    high : its values. Which one an element has is told by the side of their mean on which it lies;
    a NaN reaches every output that sees it.
    """

    __props__ = ("border_mode", "filter_flip", "two_valued", "low", "high")
    kernel = "sign_sums/mixed_convolution.h"
    params_type = ParamsType(
        **dict.fromkeys(("pad_rows", "pad_columns", "flip"), scalar.int64),
        **dict.fromkeys(("low", "high"), scalar.float64),
    )

    def __init__(self, border_mode, filter_flip, two_valued, low, high):
        (rows, below), (columns, right) = pads_of(border_mode)
        if (rows, columns) != (below, right):
            raise ValueError(f"MixedConv2d pads both sides alike, not by {border_mode}")
        if two_valued not in ("images", "filters"):
            raise ValueError(f"two_valued is {two_valued!r}")
        self.border_mode = (rows, columns)
        self.filter_flip = bool(filter_flip)
        self.two_valued = two_valued
        self.low, self.high = float(low), float(high)

    def get_params(self, node):
        return self.params_type.get_params(
            pad_rows=self.border_mode[0],
            pad_columns=self.border_mode[1],
            flip=int(self.filter_flip),
            low=self.low,
            high=self.high,
        )

    def make_node(self, images, filters):
        images, filters = as_tensor_variable(images), as_tensor_variable(filters)
        for name, variable in (("images", images), ("filters", filters)):
            if variable.ndim != 4 or variable.dtype != "float32":
                raise TypeError(f"MixedConv2d: {name} must be 4-D float32, not {variable.type}")
        broadcastable = (images.broadcastable[0], filters.broadcastable[0], False, False)
        return Apply(self, [images, filters], [TensorType("float32", broadcastable)()])

    def infer_shape(self, node, shapes):
        marks = {(HALF, HALF): "half", (FULL, FULL): "full"}
        mode = marks.get(self.border_mode, self.border_mode)
        return [get_conv_output_shape(*shapes, mode, (1, 1))]

    def c_support_code(self):
        return super().c_support_code() + ARRAY4_CODE

    def c_code(self, node, name, inputs, outputs, sub):
        images, filters = inputs
        return C_CODE % {
            "images": images,
            "filters": filters,
            "out": outputs[0],
            "pad_rows": "pad_rows",
            "pad_columns": "pad_columns",
            "function": f"convolve_two_valued_{self.two_valued}",
            **sub,
        }


C_CODE = f"""
{{
    {CONVOLVED_CODE}
    g.row_stride = g.column_stride = 1;
    g.out_rows = g.rows + 2 * g.pad_rows - g.filter_rows + 1;
    g.out_columns = g.columns + 2 * g.pad_columns - g.filter_columns + 1;
    if (filter_sizes[1] != sizes[1] || g.out_rows < 1 || g.out_columns < 1
        || g.pad_rows >= g.filter_rows || g.pad_columns >= g.filter_columns) {{
        {UNFIT_CODE}
        %(fail)s
    }}
    npy_intp shape[4] = {{g.batch, g.filters, g.out_rows, g.out_columns}};
    if (!fresh_output(&%(out)s, 4, shape)) {{ %(fail)s }}
    const Array4 images = array4(%(images)s), filters = array4(%(filters)s);
    float *target = (float *)PyArray_DATA(%(out)s);
    const float low = %(params)s->low, high = %(params)s->high;
    bool complete;
    Py_BEGIN_ALLOW_THREADS
    complete = %(function)s(g, images, filters, low, high, kernel_threads(), target);
    Py_END_ALLOW_THREADS
    if (!complete) {{ PyErr_NoMemory(); %(fail)s }}
}}
"""
