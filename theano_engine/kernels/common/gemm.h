// The product of matrices that kernels are handed, which is the one that Theano links with.
#ifndef COMMON_GEMM_H
#define COMMON_GEMM_H

namespace blas {

// Fortran's sgemm.
typedef void (*Gemm)(char*, char*, const int*, const int*, const int*, const float*, const float*,
                     const int*, const float*, const int*, const float*, float*, const int*);

}  // namespace blas

#endif
