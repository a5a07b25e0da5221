"""The gradients of 2-D convolutions, with sums whose order depends on shapes alone.

Where one operand has two values they look up tables; the gradient of filters is there for any
images, too, by matrix products. The gradient of the convolution's output is any float.
"""

from __future__ import annotations

import theano.scalar as scalar
import theano.tensor as T
from theano.gof import Apply, ParamsType

from theano_engine.ops.blas_kernel import BlasKernelOp
from theano_engine.ops.kernel_op import KernelOp
from theano_engine.ops.padding import pads_of

# The lowest instruction set that the kernels of two-valued operands have a form for.
LEVEL = "avx2"

_GEOMETRY = dict.fromkeys(
    ("pad_top", "pad_bottom", "pad_left", "pad_right", "row_stride", "column_stride", "flip"),
    scalar.int64,
)

# What makes an Array4 of the kernels' of an array of four axes.
ARRAY4_CODE = """
static gradient_conv::Array4 array4(PyArrayObject *array) {
    gradient_conv::Array4 result;
    result.data = (const float *)PyArray_DATA(array);
    for (int axis = 0; axis < 4; axis++)
        result.stride[axis] = PyArray_STRIDE(array, axis) / (npy_intp)sizeof(float);
    return result;
}
"""

# `g` of a convolution of `images` and `filters`, but for strides, padding behind and outputs.
CONVOLVED_CODE = """
    using namespace gradient_conv;
    const npy_intp *sizes = PyArray_DIMS(%(images)s), *filter_sizes = PyArray_DIMS(%(filters)s);
    Geometry g;
    g.batch = sizes[0]; g.channels = sizes[1]; g.rows = sizes[2]; g.columns = sizes[3];
    g.filters = filter_sizes[0];
    g.filter_rows = filter_sizes[2]; g.filter_columns = filter_sizes[3];
    g.pad_rows = padding(%(params)s->%(pad_rows)s, g.filter_rows);
    g.pad_columns = padding(%(params)s->%(pad_columns)s, g.filter_columns);
    g.flip = %(params)s->flip;
"""

# What is said where the two do not fit.
UNFIT_CODE = """
        PyErr_Format(PyExc_ValueError, "images of %%zd channels, %%zd x %%zd, and filters of %%zd "
                     "channels, %%zd x %%zd, with padding of %%zd x %%zd do not fit",
                     (Py_ssize_t)sizes[1], (Py_ssize_t)sizes[2], (Py_ssize_t)sizes[3],
                     (Py_ssize_t)filter_sizes[1], (Py_ssize_t)filter_sizes[2],
                     (Py_ssize_t)filter_sizes[3], (Py_ssize_t)g.pad_rows,
                     (Py_ssize_t)g.pad_columns);
"""

_SUPPORT_CODE = f"""{ARRAY4_CODE}
static bool fits(const gradient_conv::Geometry &g, ptrdiff_t pad_below, ptrdiff_t pad_right) {{
    using gradient_conv::floor_div;
    const ptrdiff_t rows = g.rows + g.pad_rows + pad_below - g.filter_rows;
    const ptrdiff_t columns = g.columns + g.pad_columns + pad_right - g.filter_columns;
    return g.out_rows == floor_div(rows, g.row_stride) + 1
        && g.out_columns == floor_div(columns, g.column_stride) + 1;
}}
"""


class _ConvGradient(KernelOp):
    """What the gradients share: the convolution's options, shapes, and the code around a kernel.

    `border_mode`: "valid", "half", "full", (rows, columns) or ((top, bottom), (left, right)).
    `subsample`: (rows, columns). `filter_flip`: True for a convolution, False for a correlation.
    """

    __props__: tuple[str, ...] = ("border_mode", "subsample", "filter_flip")
    params_type = ParamsType(**_GEOMETRY)

    def __init__(self, border_mode, subsample, filter_flip):
        self.border_mode = border_mode if isinstance(border_mode, str) else pads_of(border_mode)
        self.subsample = tuple(int(n) for n in subsample)
        self.filter_flip = bool(filter_flip)

    def get_params(self, node):
        return self.params_type.get_params(**self._params())

    def _params(self):
        pads = pads_of(self.border_mode)
        return {
            "pad_top": pads[0][0],
            "pad_bottom": pads[0][1],
            "pad_left": pads[1][0],
            "pad_right": pads[1][1],
            "row_stride": self.subsample[0],
            "column_stride": self.subsample[1],
            "flip": int(self.filter_flip),
        }

    def make_node(self, operand, top, rows, columns):
        operand, top = T.as_tensor_variable(operand), T.as_tensor_variable(top)
        for variable in (operand, top):
            if variable.ndim != 4 or variable.dtype != "float32":
                raise TypeError(
                    f"{type(self).__name__} takes float32 of 4 axes, got {variable.type}"
                )
        sizes = [T.cast(T.as_tensor_variable(size), "int64") for size in (rows, columns)]
        output = T.TensorType("float32", self._broadcastable(operand, top))
        return Apply(self, [operand, top, *sizes], [output()])

    def _code(self, inputs, output, sub, geometry, output_shape):
        """C code around the kernel's call; `geometry` tells the sizes that are not the inputs'."""
        operand, top, *sizes = inputs
        rows, columns = (f"(*(npy_int64*)PyArray_DATA({size}))" for size in sizes)
        params, fail = sub["params"], sub["fail"]
        return f"""
        {{
            using namespace gradient_conv;
            const Array4 operand = array4({operand}), top = array4({top});
            const npy_intp *operand_shape = PyArray_DIMS({operand});
            const npy_intp *top_shape = PyArray_DIMS({top});
            const npy_int64 given_rows = {rows}, given_columns = {columns};
            Geometry g;
            g.batch = top_shape[0]; g.filters = top_shape[1];
            g.out_rows = top_shape[2]; g.out_columns = top_shape[3];
            g.channels = operand_shape[1];
            {geometry}
            g.row_stride = {params}->row_stride; g.column_stride = {params}->column_stride;
            g.pad_rows = padding({params}->pad_top, g.filter_rows);
            g.pad_columns = padding({params}->pad_left, g.filter_columns);
            g.flip = {params}->flip;
            const ptrdiff_t pad_below = padding({params}->pad_bottom, g.filter_rows);
            const ptrdiff_t pad_right = padding({params}->pad_right, g.filter_columns);
            if (given_rows < 0 || given_columns < 0 || !fits(g, pad_below, pad_right)
                || operand_shape[0] != {self._matching}) {{
                PyErr_Format(PyExc_ValueError, "{type(self).__name__}: operand (%lld, %lld, %lld, "
                             "%lld), output gradient (%lld, %lld, %lld, %lld) and size "
                             "(%lld, %lld) do not fit",
                             (long long)operand_shape[0], (long long)operand_shape[1],
                             (long long)operand_shape[2], (long long)operand_shape[3],
                             (long long)top_shape[0], (long long)top_shape[1],
                             (long long)top_shape[2], (long long)top_shape[3],
                             (long long)given_rows, (long long)given_columns);
                {fail}
            }}
            npy_intp shape[4] = {{{output_shape}}};
            if (!fresh_output(&{output}, 4, shape)) {{ {fail} }}
            float *target = (float *)PyArray_DATA({output});
            bool complete;
            Py_BEGIN_ALLOW_THREADS
            complete = {self._call(params)};
            Py_END_ALLOW_THREADS
            if (!complete) {{ PyErr_NoMemory(); {fail} }}
        }}
        """

    def c_support_code(self):
        return super().c_support_code() + _SUPPORT_CODE


class _FilterGradient(_ConvGradient):
    """A gradient with respect to filters, from images."""

    _matching = "g.batch"

    def _broadcastable(self, images, top):
        return (top.broadcastable[1], images.broadcastable[1], False, False)

    def infer_shape(self, node, shapes):
        images, top = shapes[:2]
        return [(top[1], images[1], node.inputs[2], node.inputs[3])]

    def c_code(self, node, name, inputs, outputs, sub):
        geometry = """
            g.rows = operand_shape[2]; g.columns = operand_shape[3];
            g.filter_rows = given_rows; g.filter_columns = given_columns;
        """
        shape = "g.filters, g.channels, g.filter_rows, g.filter_columns"
        return self._code(inputs, outputs[0], sub, geometry, shape)


class OfTwoValues(_ConvGradient):
    """A gradient whose operand has two values, `low` and `high`.

    Which one an element has is told by the side of their mean on which it lies.
    """

    __props__ = (*_ConvGradient.__props__, "low", "high")
    params_type = ParamsType(**_GEOMETRY, **dict.fromkeys(("low", "high"), scalar.float64))
    _function: str

    def __init__(self, border_mode, subsample, filter_flip, low, high):
        super().__init__(border_mode, subsample, filter_flip)
        self.low, self.high = float(low), float(high)

    def _params(self):
        return {**super()._params(), "low": self.low, "high": self.high}

    def _call(self, params):
        values = f"{params}->low, {params}->high"
        return f"{self._function}(g, operand, top, {values}, kernel_threads(), target)"


class BinaryConvInputGradient(OfTwoValues):
    """Gradient of a convolution with respect to its images, its filters having two values.

    Inputs: filters (filters, channels, filter_rows, filter_columns), the outputs' gradient (batch,
    filters, out_rows, out_columns), and the images' rows and columns. Output: (batch, channels,
    rows, columns). As `theano.tensor.nnet.abstract_conv.AbstractConv2d_gradInputs` up to the order
    of the sums. Raises ValueError where the shapes do not fit.
    """

    kernel = "sign_sums/input_gradient.h"
    _matching = "g.filters"
    _function = "input_gradient"

    def _broadcastable(self, filters, top):
        return (top.broadcastable[0], filters.broadcastable[1], False, False)

    def infer_shape(self, node, shapes):
        filters, top = shapes[:2]
        return [(top[0], filters[1], node.inputs[2], node.inputs[3])]

    def c_code(self, node, name, inputs, outputs, sub):
        geometry = """
            g.rows = given_rows; g.columns = given_columns;
            g.filter_rows = operand_shape[2]; g.filter_columns = operand_shape[3];
        """
        shape = "g.batch, g.channels, g.rows, g.columns"
        return self._code(inputs, outputs[0], sub, geometry, shape)


class BinaryConvFilterGradient(OfTwoValues, _FilterGradient):
    """Gradient of a convolution with respect to its filters, its images having two values.

    Inputs: images (batch, channels, rows, columns), the outputs' gradient (batch, filters,
    out_rows, out_columns), and the filters' rows and columns. Output: (filters, channels,
    filter_rows, filter_columns). As `AbstractConv2d_gradWeights` up to the order of the sums.
    Raises ValueError where the shapes do not fit.
    """

    kernel = "sign_sums/filter_gradient.h"
    _function = "filter_gradient"


class ConvFilterGradient(BlasKernelOp, _FilterGradient):
    """Gradient of a convolution with respect to its filters, by matrix products.

    Inputs and output are those of `BinaryConvFilterGradient`, for images of any values. Theano's
    own `CorrMM_gradWeights` has a sum for each thread.
    """

    kernel = "product/filter_gradient.h"

    def _call(self, params):
        return "filter_products(g, operand, dense_top.data(), sgemm_, kernel_threads(), target)"

    def c_code(self, node, name, inputs, outputs, sub):
        return f"""
        {{
            const Contiguous dense_top({inputs[1]});
            if (!dense_top.array) {{ {sub["fail"]} }}
            const OneBlasThread held;
            {super().c_code(node, name, inputs, outputs, sub)}
        }}
        """
