// Bias and batch normalisation with stored averages, in an order of operations of its own (compile
// with -ffp-contract=off).
//
// Arrays are float32 and C-contiguous: x and out (batch, channels, pixels), parameters (channels,).
#ifndef STORED_NORM_H
#define STORED_NORM_H

#include <stddef.h>

namespace stored_norm {

// parameters: bias, mean, gamma, inv_std, beta.
static void normalise(ptrdiff_t planes, ptrdiff_t channels, ptrdiff_t pixels, const float* x,
                      const float* const* parameters, int threads, float* out) {
    (void)threads;  // where OpenMP is not compiled in
#pragma omp parallel for schedule(static) num_threads(threads)
    for (ptrdiff_t plane = 0; plane < planes; plane++) {
        const ptrdiff_t c = plane % channels;
        const float bias = parameters[0][c], mean = parameters[1][c], beta = parameters[4][c];
        const float scale = parameters[2][c] * parameters[3][c];
        const float* source = x + plane * pixels;
        float* target = out + plane * pixels;
#pragma omp simd
        for (ptrdiff_t i = 0; i < pixels; i++)
            target[i] = ((source[i] + bias) - mean) * scale + beta;
    }
}

}  // namespace stored_norm

#endif
