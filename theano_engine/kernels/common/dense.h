// A dense layer's sizes, and its gradients by matrix products, as Theano takes them.
//
// Arrays are float32 and C-contiguous: the layer's input (batch, inputs), weights (inputs, units),
// the outputs' gradient `top` (batch, units), and the gradients like what they are of.
#ifndef COMMON_DENSE_H
#define COMMON_DENSE_H

#include <stddef.h>
#include <string.h>

#include "common/gemm.h"

namespace gradient_dense {

struct DenseShape {
    ptrdiff_t batch, inputs, units;
};

// Layers of fewer weights keep the products, and with them the bits of networks side by side, which
// are multiplied one after the other.
const ptrdiff_t LEAST_WEIGHTS = 65536;

static inline bool keeps_product(const DenseShape& shape) {
    return shape.inputs * shape.units < LEAST_WEIGHTS;
}

// gradient (rows, columns), the product of b and a, which `gemm` is told to transpose or not.
static inline void multiply(blas::Gemm gemm, const char* transposed, const char* other,
                            ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t summands, const float* a,
                            ptrdiff_t a_distance, const float* b, ptrdiff_t b_distance,
                            float* gradient) {
    if (!rows || !columns) return;
    if (!summands) {
        memset(gradient, 0, rows * columns * sizeof(float));
        return;
    }
    // Fortran's matrices are these turned, the second factor the first.
    const int m = (int)columns, n = (int)rows, k = (int)summands;
    const int lda = (int)a_distance, ldb = (int)b_distance;
    const float one = 1, zero = 0;
    char turn_a[] = {*transposed, 0}, turn_b[] = {*other, 0};
    gemm(turn_a, turn_b, &m, &n, &k, &one, a, &lda, b, &ldb, &zero, gradient, &m);
}

static inline void input_product(const DenseShape& shape, const float* weights, const float* top,
                                 blas::Gemm gemm, float* gradient) {
    multiply(gemm, "T", "N", shape.batch, shape.inputs, shape.units, weights, shape.units, top,
             shape.units, gradient);
}

static inline void weight_product(const DenseShape& shape, const float* input, const float* top,
                                  blas::Gemm gemm, float* gradient) {
    multiply(gemm, "N", "T", shape.inputs, shape.units, shape.batch, top, shape.units, input,
             shape.inputs, gradient);
}

}  // namespace gradient_dense

#endif
