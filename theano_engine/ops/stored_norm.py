"""Bias and batch normalisation with stored averages, every operation rounded by itself."""

from __future__ import annotations

from theano.gof import Apply
from theano.tensor import as_tensor_variable

from theano_engine.ops.kernel_op import KernelOp


class StoredNorm(KernelOp):
    """`((x + bias) - mean) * (gamma * inv_std) + beta`, each operation rounded to float32.

    Inputs: x (batch, channels, ...) and five vectors (channels,): bias, mean, gamma, inv_std, beta;
    all float32. Output: like x. No rewrite changes the order of its operations, and no compiler
    contracts them, unlike those of the elementwise graph.
    """

    __props__ = ()
    kernel = "stored_norm.h"

    def make_node(self, x, *vectors):
        inputs = [as_tensor_variable(v) for v in (x, *vectors)]
        if inputs[0].ndim < 2 or [v.ndim for v in inputs[1:]] != [1] * 5:
            raise TypeError("StoredNorm takes (batch, channels, ...) and five vectors")
        if any(v.dtype != "float32" for v in inputs):
            raise TypeError("StoredNorm takes float32")
        return Apply(self, inputs, [inputs[0].type()])

    def infer_shape(self, node, shapes):
        return shapes[:1]

    def c_code(self, node, name, inputs, outputs, sub):
        x, *vectors = inputs
        held = "".join(f"Contiguous vector_{i}({v});\n" for i, v in enumerate(vectors))
        arrays = ", ".join(f"vector_{i}.array" for i in range(len(vectors)))
        return C_CODE % {"x": x, "held": held, "arrays": arrays, "out": outputs[0], **sub}


C_CODE = """
{
    Contiguous x(%(x)s);
    %(held)s
    PyArrayObject* vectors[] = {%(arrays)s};
    const float* parameters[5];
    if (!x.array) { %(fail)s }
    const npy_intp channels = PyArray_DIM(x.array, 1);
    for (int i = 0; i < 5; ++i) {
        if (!vectors[i]) { %(fail)s }
        if (PyArray_DIM(vectors[i], 0) != channels) {
            PyErr_Format(PyExc_ValueError, "a vector of %%zd for %%zd channels",
                         (Py_ssize_t)PyArray_DIM(vectors[i], 0), (Py_ssize_t)channels);
            %(fail)s
        }
        parameters[i] = (const float*)PyArray_DATA(vectors[i]);
    }
    if (!fresh_output(&%(out)s, PyArray_NDIM(x.array), PyArray_DIMS(x.array))) { %(fail)s }
    const ptrdiff_t planes = PyArray_DIM(x.array, 0) * channels;
    const ptrdiff_t pixels = planes ? PyArray_SIZE(x.array) / planes : 0;
    float* out = (float*)PyArray_DATA(%(out)s);
    Py_BEGIN_ALLOW_THREADS
    stored_norm::normalise(planes, channels, pixels, x.data(), parameters, kernel_threads(), out);
    Py_END_ALLOW_THREADS
}
"""
