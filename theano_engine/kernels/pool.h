// Max-pooling over windows that adjoin, and its gradient.
//
// Arrays are float32, C-contiguous (planes, rows, columns); what does not fill a window at the
// lower and right border is ignored.
#ifndef POOL_H
#define POOL_H

#include <stddef.h>
#include <string.h>

namespace pool {

struct Shape {
    ptrdiff_t planes, rows, columns;  // of the input
    ptrdiff_t window_rows, window_columns;

    ptrdiff_t out_rows() const { return rows / window_rows; }
    ptrdiff_t out_columns() const { return columns / window_columns; }
};

// As Theano: a NaN that comes first stays, one that comes later is passed over.
static inline float larger(float a, float b) { return b > a ? b : a; }

// One output row; WINDOW is the window's size along both axes, or 0 where it is none of those that
// have a loop of their own.
template <int WINDOW>
static inline void forward_row(const Shape& s, const float* source, float* target) {
    const ptrdiff_t high = WINDOW ? WINDOW : s.window_rows;
    const ptrdiff_t wide = WINDOW ? WINDOW : s.window_columns;
#pragma omp simd
    for (ptrdiff_t x = 0; x < s.out_columns(); x++) {
        float best = source[x * wide];
        for (ptrdiff_t i = 0; i < high; i++)
            for (ptrdiff_t j = 0; j < wide; j++)
                best = larger(best, source[i * s.columns + x * wide + j]);
        target[x] = best;
    }
}

// Every element that equals its window's maximum receives that window's gradient.
template <int WINDOW>
static inline void backward_rows(const Shape& s, const float* source, const float* best,
                                 const float* incoming, float* target) {
    const ptrdiff_t high = WINDOW ? WINDOW : s.window_rows;
    const ptrdiff_t wide = WINDOW ? WINDOW : s.window_columns;
    for (ptrdiff_t i = 0; i < high; i++) {
        const float* row = source + i * s.columns;
        float* gradient = target + i * s.columns;
#pragma omp simd
        for (ptrdiff_t x = 0; x < s.out_columns(); x++)
            for (ptrdiff_t j = 0; j < wide; j++)
                gradient[x * wide + j] = row[x * wide + j] == best[x] ? incoming[x] : 0.0f;
        for (ptrdiff_t x = s.out_columns() * wide; x < s.columns; x++) gradient[x] = 0;
    }
}

static void forward(const Shape& s, const float* x, int threads, float* y) {
    const bool pairs = s.window_rows == 2 && s.window_columns == 2;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (ptrdiff_t plane = 0; plane < s.planes; plane++)
        for (ptrdiff_t row = 0; row < s.out_rows(); row++) {
            const float* source = x + (plane * s.rows + row * s.window_rows) * s.columns;
            float* target = y + (plane * s.out_rows() + row) * s.out_columns();
            if (pairs)
                forward_row<2>(s, source, target);
            else
                forward_row<0>(s, source, target);
        }
}

static void backward(const Shape& s, const float* x, const float* y, const float* gradient,
                     int threads, float* x_gradient) {
    const bool pairs = s.window_rows == 2 && s.window_columns == 2;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (ptrdiff_t plane = 0; plane < s.planes; plane++) {
        for (ptrdiff_t row = 0; row < s.out_rows(); row++) {
            const ptrdiff_t first = (plane * s.rows + row * s.window_rows) * s.columns;
            const ptrdiff_t out = (plane * s.out_rows() + row) * s.out_columns();
            if (pairs)
                backward_rows<2>(s, x + first, y + out, gradient + out, x_gradient + first);
            else
                backward_rows<0>(s, x + first, y + out, gradient + out, x_gradient + first);
        }
        const ptrdiff_t covered = s.out_rows() * s.window_rows;
        memset(x_gradient + (plane * s.rows + covered) * s.columns, 0,
               (s.rows - covered) * s.columns * sizeof(float));
    }
}

}  // namespace pool

#endif
