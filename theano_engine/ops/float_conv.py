"""Convolutions of any floats by matrix products, with their bias."""

from __future__ import annotations

import theano.scalar as scalar
from theano.gof import Apply, ParamsType
from theano.tensor import TensorType, as_tensor_variable
from theano.tensor.nnet.abstract_conv import get_conv_output_shape

from theano_engine.ops.blas_kernel import BlasKernelOp
from theano_engine.ops.gradient_conv import ARRAY4_CODE, CONVOLVED_CODE, UNFIT_CODE
from theano_engine.ops.padding import FULL, HALF, pads_of


class FloatConv2d(BlasKernelOp):
    """The 2-D convolution of images and filters, and a bias added to each filter's outputs.

    Inputs: images (batch, channels, rows, columns) and filters (filters, channels, rows, columns),
    float32, any strides, and where there is one a bias (filters,) float32. Output: (batch, filters,
    output rows, output columns) float32, bit for bit what Theano's `CorrMM` and an addition give.
    Raises ValueError where the shapes do not fit.

    border_mode : "valid", "half", "full", or the rows and columns of padding, (before, behind) each
    or one for both. subsample : (rows, columns). filter_flip : convolution; else cross-correlation.
    """

    __props__ = ("border_mode", "subsample", "filter_flip")
    kernel = "product/float_convolution.h"
    params_type = ParamsType(
        **dict.fromkeys(
            ("pad_top", "pad_bottom", "pad_left", "pad_right", "row_stride", "column_stride"),
            scalar.int64,
        ),
        flip=scalar.int64,
    )

    def __init__(self, border_mode, subsample, filter_flip):
        self.border_mode = pads_of(border_mode)
        self.subsample = tuple(int(n) for n in subsample)
        self.filter_flip = bool(filter_flip)

    def get_params(self, node):
        (top, bottom), (left, right) = self.border_mode
        return self.params_type.get_params(
            pad_top=top,
            pad_bottom=bottom,
            pad_left=left,
            pad_right=right,
            row_stride=self.subsample[0],
            column_stride=self.subsample[1],
            flip=int(self.filter_flip),
        )

    def make_node(self, images, filters, *bias):
        images, filters = as_tensor_variable(images), as_tensor_variable(filters)
        biases = [as_tensor_variable(variable) for variable in bias]
        for variables, axes in (([images, filters], 4), (biases, 1)):
            if any(v.ndim != axes or v.dtype != "float32" for v in variables):
                raise TypeError(f"FloatConv2d: {variables} have to be float32 of {axes} axes")
        broadcastable = (images.broadcastable[0], filters.broadcastable[0], False, False)
        return Apply(self, [images, filters, *biases], [TensorType("float32", broadcastable)()])

    def infer_shape(self, node, shapes):
        marks = {HALF: "half", FULL: "full"}
        mode = marks.get(self.border_mode[0][0], self.border_mode)
        return [get_conv_output_shape(*shapes[:2], mode, self.subsample)]

    def c_support_code(self):
        return super().c_support_code() + ARRAY4_CODE

    def c_code(self, node, name, inputs, outputs, sub):
        images, filters, *bias = inputs
        return C_CODE % {
            "images": images,
            "filters": filters,
            "out": outputs[0],
            "begin": C_BIAS % {"bias": bias[0], **sub} if bias else "",
            "bias": "bias.data()" if bias else "NULL",
            "pad_rows": "pad_top",
            "pad_columns": "pad_left",
            **sub,
        }


C_BIAS = """
    const Contiguous bias(%(bias)s);
    if (!bias.array) { %(fail)s }
    if (PyArray_DIM(bias.array, 0) != (npy_intp)g.filters) {
        PyErr_Format(PyExc_ValueError, "a bias of %%zd values does not go with %%zd filters",
                     (Py_ssize_t)PyArray_DIM(bias.array, 0), (Py_ssize_t)g.filters);
        %(fail)s
    }
"""

C_CODE = f"""
{{
    {CONVOLVED_CODE}
    g.row_stride = %(params)s->row_stride; g.column_stride = %(params)s->column_stride;
    const ptrdiff_t below = padding(%(params)s->pad_bottom, g.filter_rows);
    const ptrdiff_t right = padding(%(params)s->pad_right, g.filter_columns);
    const ptrdiff_t rows = g.rows + g.pad_rows + below - g.filter_rows;
    const ptrdiff_t columns = g.columns + g.pad_columns + right - g.filter_columns;
    g.out_rows = floor_div(rows, g.row_stride) + 1;
    g.out_columns = floor_div(columns, g.column_stride) + 1;
    if (filter_sizes[1] != sizes[1] || rows < 0 || columns < 0 || !g.filter_rows
        || !g.filter_columns) {{
        {UNFIT_CODE}
        %(fail)s
    }}
    %(begin)s
    npy_intp shape[4] = {{g.batch, g.filters, g.out_rows, g.out_columns}};
    if (!fresh_output(&%(out)s, 4, shape)) {{ %(fail)s }}
    const Array4 images = array4(%(images)s), filters = array4(%(filters)s);
    float *target = (float *)PyArray_DATA(%(out)s);
    const OneBlasThread held;
    bool complete;
    Py_BEGIN_ALLOW_THREADS
    complete = convolve(g, images, filters, %(bias)s, sgemm_, kernel_threads(), target);
    Py_END_ALLOW_THREADS
    if (!complete) {{ PyErr_NoMemory(); %(fail)s }}
}}
"""
