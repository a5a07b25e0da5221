// Convolutions of any floats by matrix products over images that are laid out in columns, and a
// bias added to what lies in the cache.
//
// The product of an image is that of Theano's CorrMM: its sums have the same order.
#ifndef PRODUCT_FLOAT_CONVOLUTION_H
#define PRODUCT_FLOAT_CONVOLUTION_H

#include "product/columns.h"

namespace gradient_conv {

// target[channel][tap] of a filter, taps in the order of the image's.
static void order_filter(const Geometry& g, const Array4& filters, ptrdiff_t filter,
                         float* target) {
    const ptrdiff_t row = filters.stride[2], column = filters.stride[3];
    for (ptrdiff_t c = 0; c < g.channels; c++) {
        const float* source = filters.at(filter, c, 0, 0);
        for (ptrdiff_t i = 0; i < g.filter_rows; i++)
            for (ptrdiff_t j = 0; j < g.filter_columns; j++)
                *target++ = g.flip ? source[(g.filter_rows - 1 - i) * row +
                                            (g.filter_columns - 1 - j) * column]
                                   : source[i * row + j * column];
    }
}

// `out` (batch, filters, out_rows, out_columns), C-contiguous, of `images` and `filters`; `bias`
// (filters,) or NULL. `gemm` is called by several threads at once. Returns false where memory ran
// out.
static bool convolve(const Geometry& g, const Array4& images, const Array4& filters,
                     const float* bias, Gemm gemm, int threads, float* out) {
    const ColumnPlan plan(g);
    const ptrdiff_t size = g.filters * plan.pixels;
    const int pixels = (int)plan.pixels, count = (int)g.filters;
    const int depth = (int)(g.channels * plan.taps);
    if (!g.batch || !size) return true;
    const Scratch ordered(g.filters * depth * sizeof(float), Scratch::UNSET);
    if (!ordered.get<float>()) return false;
    bool complete = true;
#pragma omp parallel num_threads((int)least(threads, g.batch))
    {
        const Scratch plane(plan.plane_bytes()), columns(plan.column_bytes(g.channels));
        const bool there = plane.get<float>() && columns.get<float>();
        const float zero = 0, one = 1;
        char plain = 'N';
#pragma omp for schedule(static)
        for (ptrdiff_t f = 0; f < g.filters; f++)
            order_filter(g, filters, f, ordered.get<float>() + f * depth);
#pragma omp for schedule(dynamic)
        for (ptrdiff_t image = 0; image < g.batch; image++) {
            if (!there) continue;
            float* target = out + image * size;
            if (depth) {
                lay_out(plan, images, image, 0, g.channels, plane.get<float>(),
                        columns.get<float>());
                gemm(&plain, &plain, &pixels, &count, &depth, &one, columns.get<float>(), &pixels,
                     ordered.get<float>(), &depth, &zero, target, &pixels);
            } else {
                memset(target, 0, size * sizeof(float));
            }
            for (ptrdiff_t f = 0; bias && f < g.filters; f++)
                for (ptrdiff_t k = 0; k < plan.pixels; k++) target[f * plan.pixels + k] += bias[f];
        }
        if (!there) {
#pragma omp atomic write
            complete = false;
        }
    }
    return complete;
}

}  // namespace gradient_conv

#endif
