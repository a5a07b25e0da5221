"""Max-pooling over adjoining windows, and its gradient, on all threads."""

from __future__ import annotations

import theano.scalar as scalar
import theano.tensor as T
from theano.gof import Apply, ParamsType

from theano_engine.ops.kernel_op import KernelOp

_SUPPORT_CODE = """
static pool::Shape pool_shape(PyArrayObject *x, npy_int64 window_rows, npy_int64 window_columns) {
    pool::Shape shape;
    shape.planes = PyArray_DIM(x, 0) * PyArray_DIM(x, 1);
    shape.rows = PyArray_DIM(x, 2);
    shape.columns = PyArray_DIM(x, 3);
    shape.window_rows = window_rows;
    shape.window_columns = window_columns;
    return shape;
}
"""


class _AdjoiningMaxPool(KernelOp):
    kernel = "pool.h"
    __props__ = ("window_rows", "window_columns")
    params_type = ParamsType(window_rows=scalar.int64, window_columns=scalar.int64)

    def __init__(self, window_rows, window_columns):
        self.window_rows, self.window_columns = int(window_rows), int(window_columns)
        if self.window_rows < 1 or self.window_columns < 1:
            raise ValueError(f"a pooling window of {window_rows} by {window_columns} is empty")

    def make_node(self, *inputs):
        variables = [T.as_tensor_variable(v) for v in inputs]
        if any(v.ndim != 4 or v.dtype != "float32" for v in variables):
            raise TypeError(f"{type(self).__name__} takes float32 of 4 axes")
        return Apply(self, variables, [self._output_type(variables[0])()])

    def c_support_code(self):
        return super().c_support_code() + _SUPPORT_CODE

    def _shape_code(self, x, params):
        sizes = f"{params}->window_rows, {params}->window_columns"
        return f"const pool::Shape shape = pool_shape({x}, {sizes});"


class AdjoiningMaxPool(_AdjoiningMaxPool):
    """Maxima of windows that neither overlap nor leave gaps; incomplete windows are ignored.

    Input (batch, channels, rows, columns) float32, output (batch, channels, rows // window_rows,
    columns // window_columns). As `theano.tensor.signal.pool.pool_2d` with `ignore_border`.
    """

    def _output_type(self, x):
        return T.TensorType("float32", (*x.broadcastable[:2], False, False))

    def infer_shape(self, node, shapes):
        batch, channels, rows, columns = shapes[0]
        return [(batch, channels, rows // self.window_rows, columns // self.window_columns)]

    def c_code(self, node, name, inputs, outputs, sub):
        (x,), (y,), fail = inputs, outputs, sub["fail"]
        return f"""
        {{
            {self._shape_code(x, sub["params"])}
            npy_intp sizes[4] = {{PyArray_DIM({x}, 0), PyArray_DIM({x}, 1), shape.out_rows(),
                                  shape.out_columns()}};
            Contiguous x({x});
            if (!x.array || !fresh_output(&{y}, 4, sizes)) {{ {fail} }}
            Py_BEGIN_ALLOW_THREADS
            pool::forward(shape, x.data(), kernel_threads(), (float *)PyArray_DATA({y}));
            Py_END_ALLOW_THREADS
        }}
        """


class AdjoiningMaxPoolGrad(_AdjoiningMaxPool):
    """Gradient of `AdjoiningMaxPool`: every element that equals its window's maximum receives all.

    Inputs: x (batch, channels, rows, columns), its maxima, their gradient; output of x's shape.
    As Theano's MaxPoolGrad. Raises ValueError where shapes do not fit.
    """

    def _output_type(self, x):
        return x.type

    def infer_shape(self, node, shapes):
        return [shapes[0]]

    def c_code(self, node, name, inputs, outputs, sub):
        (x, y, gradient), (x_gradient,), fail = inputs, outputs, sub["fail"]
        return f"""
        {{
            {self._shape_code(x, sub["params"])}
            if (PyArray_DIM({y}, 0) != PyArray_DIM({x}, 0)
                || PyArray_DIM({y}, 1) != PyArray_DIM({x}, 1)
                || PyArray_DIM({y}, 2) != shape.out_rows()
                || PyArray_DIM({y}, 3) != shape.out_columns()
                || !PyArray_SAMESHAPE({y}, {gradient})) {{
                PyErr_SetString(PyExc_ValueError, "max-pooling: shapes of input, maxima and their "
                                "gradient do not fit");
                {fail}
            }}
            Contiguous x({x}), y({y}), gradient({gradient});
            if (!x.array || !y.array || !gradient.array
                || !fresh_output(&{x_gradient}, 4, PyArray_DIMS({x}))) {{ {fail} }}
            Py_BEGIN_ALLOW_THREADS
            pool::backward(shape, x.data(), y.data(), gradient.data(), kernel_threads(),
                           (float *)PyArray_DATA({x_gradient}));
            Py_END_ALLOW_THREADS
        }}
        """
