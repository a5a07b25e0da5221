"""Elementwise steps that end in two values, alone or behind a binary convolution.

The steps are a batch norm's, say: each an operation of float32 with one operand that is a number,
or one number per channel. What they give is compared with one half, as in rounding a hard sigmoid.
The outcome is two-valued floats, or bits packed as the next binary convolution reads them:
(images, words of 32 channels and one that marks NaN, rows, columns) uint32.
"""

from __future__ import annotations

from theano.gof import Apply, Constant, ParamsType
from theano.scalar import bool as bool_t
from theano.scalar import float32 as float32_t
from theano.scalar import int64 as int64_t
from theano.tensor import TensorType, as_tensor_variable, constant

from theano_engine.ops.binary_conv import CONV_GEOMETRY, BinaryConv2d
from theano_engine.ops.kernel_op import KernelOp

# As the kernel numbers them.
OPERATIONS = {"add": 0, "subtract": 1, "subtract_from": 2, "multiply": 3, "divide": 4}

# What a NaN becomes: itself, or the value of the numbers below or above one half.
NAN, LOW, HIGH = range(3)

_SUPPORT_CODE = """
static binary::Outcomes outcomes(float low, float high, npy_int64 nan) {
    binary::Outcomes result = {low, high, nan == 0 ? NAN : nan == 1 ? low : high};
    return result;
}

static bool varies(PyArrayObject* operand) {
    return PyArray_NDIM(operand) > 1 && PyArray_DIM(operand, 1) != 1;
}

// Operand `number`: one value, or one for each of `channels` (along the lanes, if `on_lanes`).
static bool fill_step(binary::Step* step, PyArrayObject* operations, int number,
                      PyArrayObject* operand, npy_intp channels, bool on_lanes) {
    const bool one_each = varies(operand);
    for (int axis = 0; axis < PyArray_NDIM(operand); ++axis) {
        const npy_intp allowed = axis == 1 && one_each ? channels : 1;
        if (PyArray_DIM(operand, axis) != allowed) {
            PyErr_Format(PyExc_ValueError, "axis %d of operand %d has size %zd instead of %zd",
                         axis, number, (Py_ssize_t)PyArray_DIM(operand, axis),
                         (Py_ssize_t)allowed);
            return false;
        }
    }
    const ptrdiff_t stride =
        one_each ? PyArray_STRIDE(operand, 1) / (npy_intp)sizeof(float) : 0;
    step->operation = (binary::Operation)*(npy_int8*)PyArray_GETPTR1(operations, number);
    step->operand = (const float*)PyArray_DATA(operand);
    step->channel_stride = on_lanes ? 0 : stride;
    step->lane_stride = on_lanes ? stride : 0;
    return true;
}
"""


class _StepsOp(KernelOp):
    """Inputs end with the operations' numbers, (steps,) int8, and one operand for each of them.

    Operands are float32, of the number of dimensions of what they act on, and have size 1 along
    every axis but the second.
    """

    kernel = "product/signs.h"

    def c_support_code(self):
        return super().c_support_code() + _SUPPORT_CODE

    @staticmethod
    def checked_steps(ndim, operations, operands):
        """The inputs for `operations`, names or their numbers, and `operands`."""
        if isinstance(operations, (list, tuple)):
            operations = [OPERATIONS[operation] for operation in operations]
            operations = constant(operations, dtype="int8", ndim=1)
        operands = [as_tensor_variable(operand) for operand in operands]
        if isinstance(operations, Constant) and len(operations.data) != len(operands):
            raise ValueError(f"{len(operations.data)} operations but {len(operands)} operands")
        for operand in operands:
            fixed = operand.broadcastable[:1] + operand.broadcastable[2:]
            if operand.ndim != ndim or operand.dtype != "float32" or not all(fixed):
                raise TypeError(f"operands vary along axis 1 of {ndim} alone, not {operand.type}")
        return [operations, *operands]

    @staticmethod
    def steps_code(operations, operands, channels, on_lanes, fail):
        """C code that fills the array `steps`; `fail` where an operand does not fit."""
        filled = " && ".join(
            f"fill_step(&steps[{i}], {operations}, {i}, {operand}, {channels}, {on_lanes})"
            for i, operand in enumerate(operands)
        )
        return (
            f"binary::Step steps[{max(len(operands), 1)}];\n"
            f"if (!({filled or 'true'})) {{ {fail} }}\n"
        )


class BinarySigns(_StepsOp):
    """`high` where x after its steps is at least (with `above`: more than) one half, else `low`.

    Inputs: x float32 of any number of dimensions; operations; operands. Output: like x. `nan` tells
    what a NaN becomes.
    """

    __props__ = ("above", "low", "high", "nan")
    params_type = ParamsType(above=bool_t, low=float32_t, high=float32_t, nan=int64_t)

    def __init__(self, above=False, low=-1.0, high=1.0, nan=NAN):
        self.above, self.low, self.high, self.nan = bool(above), float(low), float(high), int(nan)

    @property
    def output_values(self):
        return {0: frozenset((self.low, self.high))}

    def make_node(self, x, operations, *operands):
        x = as_tensor_variable(x)
        if x.dtype != "float32" or x.ndim < 1:
            raise TypeError(f"BinarySigns: x must be float32 with axes, not {x.type}")
        return Apply(self, [x, *self.checked_steps(x.ndim, operations, operands)], [x.type()])

    def infer_shape(self, node, shapes):
        return [shapes[0]]

    def c_code(self, node, name, inputs, outputs, sub):
        x, operations, *operands = inputs
        (out,) = outputs
        params, fail = sub["params"], sub["fail"]
        any_varies = " || ".join(f"varies({operand})" for operand in operands) or "false"
        return f"""
{{
    Contiguous x({x});
    if (!x.array) {{ {fail} }}
    const int ndim = PyArray_NDIM(x.array);
    const npy_intp channels = ndim > 1 ? PyArray_DIM(x.array, 1) : 1;
    const npy_intp size = PyArray_SIZE(x.array);
    const bool vary = {any_varies};
    {self.steps_code(operations, operands, "channels", "ndim == 2", fail)}
    if (!fresh_output(&{out}, ndim, PyArray_DIMS(x.array))) {{ {fail} }}
    // A row is what has the same operands: the whole array, an image's channel; or a matrix's row.
    const size_t images = vary ? PyArray_DIM(x.array, 0) : 1;
    const size_t rows = vary && ndim > 2 ? channels : 1;
    const binary::Signs signs = {{steps, {len(operands)}, (bool){params}->above}};
    const binary::Outcomes values = outcomes({params}->low, {params}->high, {params}->nan);
    Py_BEGIN_ALLOW_THREADS
    if (size)
        binary::choose_signs(kernel_threads(), images, rows, size / (images * rows), x.data(),
                             signs, values, (float*)PyArray_DATA({out}));
    Py_END_ALLOW_THREADS
}}
"""


class PackSigns(_StepsOp):
    """Packed bits of 4-D x, after its steps.

    A bit is set where the number is at least (with `above`: more than) one half, or where it is
    less without `ones_high`. Inputs: x (images, channels, rows, columns) float32; operations;
    operands. Output: (images, words + 1, rows, columns) uint32.
    """

    __props__ = ("above", "ones_high")
    params_type = ParamsType(above=bool_t, ones_high=bool_t)

    def __init__(self, above=False, ones_high=False):
        self.above, self.ones_high = bool(above), bool(ones_high)

    def make_node(self, x, operations, *operands):
        x = as_tensor_variable(x)
        if x.dtype != "float32" or x.ndim != 4:
            raise TypeError(f"PackSigns: x must be 4-D float32, not {x.type}")
        output = TensorType("uint32", (x.broadcastable[0], False, *x.broadcastable[2:]))()
        return Apply(self, [x, *self.checked_steps(4, operations, operands)], [output])

    def infer_shape(self, node, shapes):
        images, channels, rows, columns = shapes[0]
        return [(images, (channels + 31) // 32 + 1, rows, columns)]

    def c_code(self, node, name, inputs, outputs, sub):
        x, operations, *operands = inputs
        (out,) = outputs
        params, fail = sub["params"], sub["fail"]
        return f"""
{{
    Contiguous x({x});
    if (!x.array) {{ {fail} }}
    const npy_intp* sizes = PyArray_DIMS(x.array);
    npy_intp shape[4] = {{sizes[0], (npy_intp)binary::words_of(sizes[1]) + 1, sizes[2], sizes[3]}};
    {self.steps_code(operations, operands, "sizes[1]", "false", fail)}
    if (!fresh_output(&{out}, 4, shape, NPY_UINT32)) {{ {fail} }}
    const binary::Signs signs = {{steps, {len(operands)}, (bool){params}->above}};
    const binary::SignsOut target = {{(uint32_t*)PyArray_DATA({out}), (bool){params}->ones_high,
                                     NULL, outcomes(0, 0, 0)}};
    binary::Status status;
    Py_BEGIN_ALLOW_THREADS
    status = binary::pack_signs(kernel_threads(), sizes[0], sizes[1], sizes[2] * sizes[3],
                                x.data(), signs, target);
    Py_END_ALLOW_THREADS
    if (status == binary::NO_MEMORY) {{ PyErr_NoMemory(); {fail} }}
}}
"""


class BinaryConvSigns(_StepsOp):
    """BinaryConv2d, max-pooling without overlap, steps and two values in one pass.

    Inputs: images, float32 as BinaryConv2d takes them or packed; filters; operations; operands.
    `convolution`: the BinaryConv2d that it stands for, whose props it has as its own. `pool`: rows
    and columns of a window. Output: `low` and `high` as BinarySigns gives them, (images, filters,
    rows, columns) float32, or with `packed` what PackSigns gives.
    """

    __props__ = (
        *BinaryConv2d.__props__,
        *("pool_rows", "pool_columns", "above"),
        *("low", "high", "nan", "packed", "ones_high"),
    )
    params_type = ParamsType(
        **dict.fromkeys(("pad_rows", "pad_columns", "stride_rows", "stride_columns"), int64_t),
        **dict.fromkeys(
            ("filter_flip", "unit_images", "real_images", "above", "packed", "ones_high"), bool_t
        ),
        **dict.fromkeys(("scale", "low", "high"), float32_t),
        **dict.fromkeys(("pool_rows", "pool_columns", "nan"), int64_t),
    )

    def __init__(
        self,
        convolution,
        pool=(1, 1),
        above=False,
        low=-1.0,
        high=1.0,
        nan=NAN,
        packed=False,
        ones_high=False,
    ):
        self.convolution = convolution
        for name in BinaryConv2d.__props__:
            setattr(self, name, getattr(convolution, name))
        self.pool_rows, self.pool_columns = (int(size) for size in pool)
        self.above, self.low, self.high, self.nan = bool(above), float(low), float(high), int(nan)
        self.packed, self.ones_high = bool(packed), bool(ones_high)

    @property
    def output_values(self):
        return {} if self.packed else {0: frozenset((self.low, self.high))}

    def make_node(self, images, filters, operations, *operands):
        images, filters = as_tensor_variable(images), as_tensor_variable(filters)
        if images.ndim != 4 or images.dtype not in ("float32", "uint32"):
            raise TypeError(f"BinaryConvSigns: images must be 4-D or packed, not {images.type}")
        if filters.ndim != 4 or filters.dtype != "float32":
            raise TypeError(f"BinaryConvSigns: filters must be 4-D float32, not {filters.type}")
        steps = self.checked_steps(4, operations, operands)
        dtype = "uint32" if self.packed else "float32"
        kept = not self.packed and filters.broadcastable[0]
        output = TensorType(dtype, (images.broadcastable[0], kept, False, False))()
        return Apply(self, [images, filters, *steps], [output])

    def infer_shape(self, node, shapes):
        ((images, filters, rows, columns),) = self.convolution.infer_shape(node, shapes[:2])
        planes = (filters + 31) // 32 + 1 if self.packed else filters
        return [(images, planes, rows // self.pool_rows, columns // self.pool_columns)]

    def c_code(self, node, name, inputs, outputs, sub):
        images, filters, operations, *operands = inputs
        (out,) = outputs
        params, fail = sub["params"], sub["fail"]
        packed = node.inputs[0].dtype == "uint32"
        planes = "binary::words_of(filter_sizes[1]) + 1" if packed else "filter_sizes[1]"
        source = "{NULL, (const uint32_t*)images.data()}" if packed else "{images.data(), NULL}"
        return f"""
{{
    Contiguous images({images}), filters({filters});
    if (!images.array || !filters.array) {{ {fail} }}
    {CONV_GEOMETRY % {**sub, "planes": planes}}
    const npy_intp n_filters = (npy_intp)geometry.filters;
    {self.steps_code(operations, operands, "n_filters", "false", fail)}
    const binary::Pooling pooling = {{(size_t){params}->pool_rows, (size_t){params}->pool_columns}};
    const bool pack = {params}->packed;
    npy_intp shape[4] = {{(npy_intp)geometry.images,
                         pack ? (npy_intp)binary::words_of(n_filters) + 1 : n_filters,
                         (npy_intp)(geometry.out_rows() / pooling.rows),
                         (npy_intp)(geometry.out_columns() / pooling.columns)}};
    if (!fresh_output(&{out}, 4, shape, pack ? NPY_UINT32 : NPY_FLOAT32)) {{ {fail} }}
    const binary::Signs signs = {{steps, {len(operands)}, (bool){params}->above}};
    const binary::Images source = {source};
    const binary::SignsOut target = {{
        pack ? (uint32_t*)PyArray_DATA({out}) : NULL, (bool){params}->ones_high,
        pack ? NULL : (float*)PyArray_DATA({out}),
        outcomes({params}->low, {params}->high, {params}->nan)}};
    binary::Status status;
    Py_BEGIN_ALLOW_THREADS
    status = binary::convolve_signs(
        kernel_threads(), geometry, coding, source, filters.data(),
        {params}->scale, pooling, signs, target);
    Py_END_ALLOW_THREADS
    if (status == binary::NO_MEMORY) {{ PyErr_NoMemory(); {fail} }}
}}
"""
