"""Ops with a kernel that calls BLAS."""

from __future__ import annotations

import theano
from theano.tensor import blas, blas_headers

from theano_engine.ops.kernel_op import KernelOp


class BlasKernelOp(KernelOp):
    """A `KernelOp` whose kernel is given `sgemm_` of the BLAS that Theano links with.

    Threads of the kernel's own call it: while a `OneBlasThread` lives, OpenBLAS and MKL have one.
    """

    def c_support_code(self):
        link_flags = theano.config.blas.ldflags
        set_threads, get_threads, declarations = "", "1", ""
        if "openblas" in link_flags:
            set_threads, get_threads = "openblas_set_num_threads", "openblas_get_num_threads()"
            declarations = blas_headers.openblas_threads_text()
        elif "mkl" in link_flags:
            set_threads, get_threads = "mkl_set_num_threads", "mkl_get_max_threads()"
            declarations = blas_headers.mkl_threads_text()
        return f"""
        {blas_headers.blas_header_text()}
        {declarations}
        {super().c_support_code()}
        struct OneBlasThread {{
            int before;
            OneBlasThread() : before({get_threads}) {{ {set_threads}(1); }}
            ~OneBlasThread() {{ {set_threads}(before); }}
        }};
        """

    def c_libraries(self):
        return blas.ldflags()

    def c_compile_args(self):
        # Once each: Theano's own CorrMM adds to the list that `ldflags` remembers, at every call.
        flags = [*blas.ldflags(libs=False, flags=True), *super().c_compile_args()]
        return list(dict.fromkeys(flags))

    def c_lib_dirs(self):
        return blas.ldflags(libs=False, libs_dir=True)

    def c_header_dirs(self):
        return blas.ldflags(libs=False, include_dir=True)
