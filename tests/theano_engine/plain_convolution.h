// What the drivers of the gradients' kernels share: arrays of exactly their size, and a convolution
// in plain loops.
#ifndef PLAIN_CONVOLUTION_H
#define PLAIN_CONVOLUTION_H

#include <stdint.h>

#include <vector>

#include "common/convolution.h"

typedef std::vector<float> Floats;
using gradient_conv::Array4;
using gradient_conv::Geometry;

static const uint32_t SEED = 2463534242u;
static uint32_t state = SEED;

static uint32_t next_random() { return (state = state * 1664525u + 1013904223u) >> 8; }

static Floats two_valued(size_t size, float low, float high) {
    Floats values(size);
    for (float& value : values) value = next_random() & 1 ? high : low;
    return values;
}

static Array4 array4(const Floats& values, ptrdiff_t b, ptrdiff_t c, ptrdiff_t d) {
    const Array4 array = {values.data(), {b * c * d, c * d, d, 1}};
    return array;
}

// The same elements, stored from last to first.
static Array4 reversed4(const Floats& backward, ptrdiff_t b, ptrdiff_t c, ptrdiff_t d) {
    if (backward.empty()) return array4(backward, b, c, d);
    const Array4 array = {&backward.back(), {-b * c * d, -c * d, -d, -1}};
    return array;
}

// Calls term(image, filter, output) with the three elements' numbers for every product of the
// convolution.
template <typename Term>
static void each_term(const Geometry& g, Term term) {
    for (ptrdiff_t n = 0; n < g.batch; n++)
        for (ptrdiff_t k = 0; k < g.filters; k++)
            for (ptrdiff_t y = 0; y < g.out_rows; y++)
                for (ptrdiff_t x = 0; x < g.out_columns; x++)
                    for (ptrdiff_t c = 0; c < g.channels; c++)
                        for (ptrdiff_t i = 0; i < g.filter_rows; i++)
                            for (ptrdiff_t j = 0; j < g.filter_columns; j++) {
                                const ptrdiff_t row = y * g.row_stride + i - g.pad_rows;
                                const ptrdiff_t column = x * g.column_stride + j - g.pad_columns;
                                if (row < 0 || row >= g.rows || column < 0 || column >= g.columns)
                                    continue;
                                const ptrdiff_t fi = g.flip ? g.filter_rows - 1 - i : i;
                                const ptrdiff_t fj = g.flip ? g.filter_columns - 1 - j : j;
                                term(
                                    ((n * g.channels + c) * g.rows + row) * g.columns + column,
                                    ((k * g.channels + c) * g.filter_rows + fi) * g.filter_columns +
                                        fj,
                                    ((n * g.filters + k) * g.out_rows + y) * g.out_columns + x);
                            }
}

#endif
