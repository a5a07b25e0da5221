"""Convolution of two-valued images with two-valued filters by bit operations."""

from __future__ import annotations

import numpy as np
from theano.gof import Apply, ParamsType
from theano.scalar import bool as bool_t
from theano.scalar import float32 as float32_t
from theano.scalar import int64 as int64_t
from theano.tensor import TensorType, as_tensor_variable
from theano.tensor.nnet.abstract_conv import get_conv_output_shape

from theano_engine.ops.kernel_op import KernelOp
from theano_engine.ops.padding import FULL, HALF, pads_of, resolved


class BinaryConv2d(KernelOp):
    """The 2-D convolution of images of two values with filters of two values, exact.

    Inputs: images (batch, channels, rows, columns) and filters (filters, channels, rows, columns),
    float32, and, where there is one, a bias (filters,) float32. Output: (batch, filters, output
    rows, output columns) float32, bit for bit the zero-padded convolution of
    `theano.tensor.nnet.conv2d`, plus the bias, wherever float sums of the products are exact: the
    magnitudes have to be powers of two.

    images : -a or +a each; with `unit_images` 0 or 1. filters : -h or +h each. `scale` : a * h.
    border_mode : "valid", "half", "full", or the rows and columns of padding on each side.
    subsample : strides. filter_flip : convolution; else cross-correlation.

    With `real_images` the images are any floats, and so may the filters be: each output is the
    float sum of its products in the order channels, image rows, image columns. That suits images of
    few channels.

    A NaN reaches every output that sees it, as it does in float arithmetic; of other values only
    the sign is read (with `unit_images`: whether it is 1), so the caller has to know that there
    are none. Source: XNOR and population count as in BinaryNet (arXiv 1602.02830, section 3.2).
    """

    __props__ = (
        *("pad_rows", "pad_columns", "stride_rows", "stride_columns"),
        *("filter_flip", "unit_images", "real_images", "scale"),
    )
    kernel = "product/convolution.h"
    params_type = ParamsType(
        pad_rows=int64_t,
        pad_columns=int64_t,
        stride_rows=int64_t,
        stride_columns=int64_t,
        filter_flip=bool_t,
        unit_images=bool_t,
        real_images=bool_t,
        scale=float32_t,
    )

    def __init__(
        self,
        border_mode="valid",
        subsample=(1, 1),
        filter_flip=True,
        unit_images=False,
        scale=1.0,
        real_images=False,
    ):
        (self.pad_rows, below), (self.pad_columns, right) = pads_of(border_mode)
        if (self.pad_rows, self.pad_columns) != (below, right):
            raise ValueError(f"BinaryConv2d pads both sides alike, not by {border_mode}")
        self.stride_rows, self.stride_columns = (int(stride) for stride in subsample)
        self.filter_flip = bool(filter_flip)
        self.unit_images = bool(unit_images)
        self.real_images = bool(real_images)
        self.scale = float(scale)

    def make_node(self, images, filters, bias=None):
        images, filters = as_tensor_variable(images), as_tensor_variable(filters)
        inputs = {"images": (images, 4), "filters": (filters, 4)}
        if bias is not None:
            inputs["bias"] = (as_tensor_variable(bias), 1)
        for name, (variable, ndim) in inputs.items():
            if variable.ndim != ndim or variable.dtype != "float32":
                raise TypeError(
                    f"BinaryConv2d: {name} must be {ndim}-D float32, not {variable.type}"
                )
        broadcastable = (images.broadcastable[0], filters.broadcastable[0], False, False)
        variables = [variable for variable, _ in inputs.values()]
        return Apply(self, variables, [TensorType("float32", broadcastable)()])

    def infer_shape(self, node, shapes):
        images, filters = shapes[:2]
        pads = (self.pad_rows, self.pad_columns)
        border_mode = {(HALF, HALF): "half", (FULL, FULL): "full"}.get(pads, pads)
        subsample = (self.stride_rows, self.stride_columns)
        return [get_conv_output_shape(images, filters, border_mode, subsample)]

    def padding(self, filter_rows, filter_columns):
        """Rows and columns of padding on each side, for filters of that size."""
        sizes = ((self.pad_rows, filter_rows), (self.pad_columns, filter_columns))
        return tuple(resolved(pad, size) for pad, size in sizes)

    def perform(self, node, inputs, outputs, params):
        images, filters, *bias = inputs
        if images.shape[1] != filters.shape[1]:
            raise ValueError(
                f"images of {images.shape[1]} channels do not go with filters of {filters.shape[1]}"
            )
        rows, columns = filters.shape[2:]
        pad_rows, pad_columns = self.padding(rows, columns)
        padded = np.pad(images, ((0, 0), (0, 0), (pad_rows, pad_rows), (pad_columns, pad_columns)))
        if padded.shape[2] < rows or padded.shape[3] < columns:
            raise ValueError(
                f"filters of {rows} x {columns} do not fit into images of {images.shape[2]} x "
                f"{images.shape[3]} with padding of {pad_rows} x {pad_columns}"
            )
        if self.filter_flip:
            filters = filters[:, :, ::-1, ::-1]
        last_row, last_column = padded.shape[2] - rows, padded.shape[3] - columns
        total = 0
        for row in range(rows):
            for column in range(columns):
                seen = padded[
                    :,
                    :,
                    row : row + last_row + 1 : self.stride_rows,
                    column : column + last_column + 1 : self.stride_columns,
                ]
                total = total + np.einsum("ncyx,fc->nfyx", seen, filters[:, :, row, column])
        result = np.ascontiguousarray(total, np.float32)
        for values in bias:
            result += values[:, np.newaxis, np.newaxis]
        outputs[0][0] = result

    def c_code(self, node, name, inputs, outputs, sub):
        bias = {"begin": "", "values": "NULL"}
        if len(inputs) == 3:
            bias = {"begin": C_BIAS % {"bias": inputs[2], **sub}, "values": "bias.data()"}
        return C_CODE % {
            "images": inputs[0],
            "filters": inputs[1],
            "out": outputs[0],
            **bias,
            "geometry": CONV_GEOMETRY % {**sub, "planes": "filter_sizes[1]"},
            **sub,
        }


# `coding` and `geometry` from the params, `images` and `filters`; the images must have as many
# planes as `planes` says.
CONV_GEOMETRY = """
    const binary::Coding coding = %(params)s->real_images   ? binary::REAL
                                  : %(params)s->unit_images ? binary::UNIT
                                                            : binary::SIGN;
    binary::Geometry geometry;
    {
        const npy_intp* image_sizes = PyArray_DIMS(images.array);
        const npy_intp* filter_sizes = PyArray_DIMS(filters.array);
        if (image_sizes[1] != (npy_intp)(%(planes)s)) {
            PyErr_Format(PyExc_ValueError, "images of %%zd channels do not go with filters of %%zd",
                         (Py_ssize_t)image_sizes[1], (Py_ssize_t)filter_sizes[1]);
            %(fail)s
        }
        npy_int64 pads[2] = {%(params)s->pad_rows, %(params)s->pad_columns};
        for (int i = 0; i < 2; ++i) pads[i] = padding(pads[i], filter_sizes[2 + i]);
        geometry.images = image_sizes[0];
        geometry.channels = filter_sizes[1];
        geometry.rows = image_sizes[2];
        geometry.columns = image_sizes[3];
        geometry.filters = filter_sizes[0];
        geometry.filter_rows = filter_sizes[2];
        geometry.filter_columns = filter_sizes[3];
        geometry.pad_rows = pads[0];
        geometry.pad_columns = pads[1];
        geometry.stride_rows = %(params)s->stride_rows;
        geometry.stride_columns = %(params)s->stride_columns;
        geometry.flip = %(params)s->filter_flip;
        if (!geometry.out_pixels()) {
            PyErr_Format(PyExc_ValueError,
                         "filters of %%zd x %%zd do not fit into images of %%zd x %%zd "
                         "with padding of %%zd x %%zd",
                         (Py_ssize_t)filter_sizes[2], (Py_ssize_t)filter_sizes[3],
                         (Py_ssize_t)image_sizes[2], (Py_ssize_t)image_sizes[3],
                         (Py_ssize_t)pads[0], (Py_ssize_t)pads[1]);
            %(fail)s
        }
    }
"""

C_BIAS = """
    Contiguous bias(%(bias)s);
    if (!bias.array) { %(fail)s }
    if (PyArray_DIM(bias.array, 0) != (npy_intp)geometry.filters) {
        PyErr_Format(PyExc_ValueError, "a bias of %%zd values does not go with %%zd filters",
                     (Py_ssize_t)PyArray_DIM(bias.array, 0), (Py_ssize_t)geometry.filters);
        %(fail)s
    }
"""

C_CODE = """
{
    Contiguous images(%(images)s), filters(%(filters)s);
    if (!images.array || !filters.array) { %(fail)s }
    %(geometry)s
    %(begin)s
    npy_intp shape[4] = {(npy_intp)geometry.images, (npy_intp)geometry.filters,
                         (npy_intp)geometry.out_rows(), (npy_intp)geometry.out_columns()};
    if (!fresh_output(&%(out)s, 4, shape)) { %(fail)s }
    const binary::Images source = {images.data(), NULL};
    binary::Status status;
    Py_BEGIN_ALLOW_THREADS
    status = binary::convolve(kernel_threads(), geometry, coding, source,
                              filters.data(), %(params)s->scale, %(values)s,
                              (float*)PyArray_DATA(%(out)s));
    Py_END_ALLOW_THREADS
    if (status == binary::NO_MEMORY) { PyErr_NoMemory(); %(fail)s }
}
"""
