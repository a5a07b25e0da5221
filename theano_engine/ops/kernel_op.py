"""What all Ops with a kernel share: how Theano compiles and caches them."""

from __future__ import annotations

import hashlib
from functools import cache

import theano
from theano.gof import Op

from theano_engine import kernels, processor

_ARRAYS = """
/* Theano hands an Op the array of its previous call, to be reused where it fits. */
static bool fresh_output(PyArrayObject **output, int ndim, npy_intp *shape,
                         int type = NPY_FLOAT32) {
    if (*output && PyArray_NDIM(*output) == ndim && PyArray_IS_C_CONTIGUOUS(*output)
        && PyArray_CompareLists(PyArray_DIMS(*output), shape, ndim))
        return true;
    Py_XDECREF(*output);
    *output = (PyArrayObject *)PyArray_SimpleNew(ndim, shape, type);
    return *output != NULL;
}

/* A C-contiguous view or copy of an array, held for a scope. */
struct Contiguous {
    PyArrayObject *array;
    explicit Contiguous(PyArrayObject *source) : array(PyArray_GETCONTIGUOUS(source)) {}
    ~Contiguous() { Py_XDECREF(array); }
    const float *data() const { return (const float *)PyArray_DATA(array); }

  private:
    Contiguous(const Contiguous &);
    Contiguous &operator=(const Contiguous &);
};
"""


class KernelOp(Op):
    """An Op whose C code calls the functions of one kernel header.

    A subclass names its header in `kernel` and gives `__props__`, `make_node` and `c_code`. The
    kernel is called without Python's lock, between `Py_BEGIN_ALLOW_THREADS` and
    `Py_END_ALLOW_THREADS`, with `kernel_threads()` threads: that follows OMP_NUM_THREADS and
    Theano's flag `openmp`. `KERNEL_INSTRUCTION_SET` is the verdict of `processor` at the time of
    compiling, and the header is compiled without what lies above it.
    """

    kernel: str

    def grad(self, inputs, output_gradients):
        raise NotImplementedError(
            f"{type(self).__name__} has no gradient: rewrites of compiled graphs introduce it; "
            "differentiate the graph of theano.tensor Ops instead"
        )

    def c_support_code(self):
        verdict = processor.LEVELS.index(processor.level())
        threads = "omp_get_max_threads()" if theano.config.openmp else "1"
        return (
            kernels.capped_source(self.kernel, verdict, processor.contracts())
            + "#ifndef KERNEL_THREADS\n#define KERNEL_THREADS\n"
            f"static inline int kernel_threads() {{ return {threads}; }}\n"
            f"{_ARRAYS}"
            "#endif\n"
        )

    def c_headers(self):
        return ["<omp.h>"] if theano.config.openmp else []

    def c_compile_args(self):
        # Contraction to multiply-adds, free in the choice of where, would let a value that is
        # computed again in another kernel differ from its first computation.
        arguments = ["-O3", "-ffp-contract=off", "-Wno-maybe-uninitialized", "-fopenmp-simd"]
        return [*arguments, "-fopenmp"] if theano.config.openmp else arguments

    def c_code_cache_version_apply(self, node):
        names = [f"v{number}" for number in range(len(node.inputs) + len(node.outputs))]
        inputs, outputs = names[: len(node.inputs)], names[len(node.inputs) :]
        code = self.c_code(node, "node", inputs, outputs, {"fail": "fail", "params": "params"})
        digest = _begun_with(self.c_support_code()).copy()
        digest.update(f", {code!r}, {self.c_compile_args()!r})".encode())
        return (1, digest.hexdigest())


@cache
def _begun_with(support_code: str):
    """The digest of what begins with `support_code`, which many nodes share and is long."""
    return hashlib.sha256(f"({support_code!r}".encode())
