// Convolutions of any floats with an operand of two values: each is one of the two gradients, its
// arrays having changed places.
//
// out[y, x] = sum in[y + i - pad, x + j - pad] * filter[i, j], steps of one. A NaN of the operand
// of two values reaches every output that sees it, as in float arithmetic.
#ifndef SIGN_SUMS_MIXED_CONVOLUTION_H
#define SIGN_SUMS_MIXED_CONVOLUTION_H

#include <cmath>

#include "sign_sums/filter_gradient.h"
#include "sign_sums/input_gradient.h"

namespace gradient_conv {

static inline Array4 exchanged(const Array4& array) {
    Array4 result = {array.data,
                     {array.stride[1], array.stride[0], array.stride[2], array.stride[3]}};
    return result;
}

// The same array with its last two axes, of these sizes, from last to first.
static inline Array4 turned(const Array4& array, ptrdiff_t rows, ptrdiff_t columns) {
    if (!rows || !columns) return array;
    Array4 result = {array.at(0, 0, rows - 1, columns - 1),
                     {array.stride[0], array.stride[1], -array.stride[2], -array.stride[3]}};
    return result;
}

// Whether array[number], (channels, rows, columns), holds a NaN.
static bool holds_nan(const Array4& array, ptrdiff_t number, ptrdiff_t channels, ptrdiff_t rows,
                      ptrdiff_t columns) {
    bool found = false;
    for (ptrdiff_t c = 0; c < channels; c++)
        for (ptrdiff_t y = 0; y < rows; y++)
            for (ptrdiff_t x = 0; x < columns; x++) found |= std::isnan(*array.at(number, c, y, x));
    return found;
}

// Image `number` of `out` gets a NaN in all filters wherever a NaN of that image is seen.
static void spread_nan_of_image(const Geometry& g, const Array4& images, ptrdiff_t number,
                                float* out) {
    float* target = out + number * g.filters * g.out_rows * g.out_columns;
    for (ptrdiff_t c = 0; c < g.channels; c++)
        for (ptrdiff_t row = 0; row < g.rows; row++)
            for (ptrdiff_t column = 0; column < g.columns; column++) {
                if (!std::isnan(*images.at(number, c, row, column))) continue;
                for (ptrdiff_t i = 0; i < g.filter_rows; i++)
                    for (ptrdiff_t j = 0; j < g.filter_columns; j++) {
                        const ptrdiff_t y = row + g.pad_rows - i, x = column + g.pad_columns - j;
                        if (y < 0 || y >= g.out_rows || x < 0 || x >= g.out_columns) continue;
                        for (ptrdiff_t f = 0; f < g.filters; f++)
                            target[(f * g.out_rows + y) * g.out_columns + x] = NAN;
                    }
            }
}

// A filter's NaN reaches its whole plane: padding is zeros, and zero times NaN is NaN.
static void spread_nan_of_filters(const Geometry& g, const Array4& filters, float* out) {
    const ptrdiff_t pixels = g.out_rows * g.out_columns;
    for (ptrdiff_t f = 0; f < g.filters; f++) {
        if (!holds_nan(filters, f, g.channels, g.filter_rows, g.filter_columns)) continue;
        for (ptrdiff_t n = 0; n < g.batch; n++)
            for (ptrdiff_t p = 0; p < pixels; p++) out[(n * g.filters + f) * pixels + p] = NAN;
    }
}

// `out` (batch, filters, out_rows, out_columns), C-contiguous, from `filters` of the values low and
// high. Padding is less than the filters' size. Returns false where memory ran out.
//
// It is the gradient of images (batch, filters, out_rows, out_columns) under filters (channels,
// filters, ...) turned round, whose outputs' gradient are these images.
static bool convolve_two_valued_filters(const Geometry& g, const Array4& images,
                                        const Array4& filters, float low, float high, int threads,
                                        float* out) {
    Geometry of_gradient = g;
    of_gradient.filters = g.channels;
    of_gradient.channels = g.filters;
    of_gradient.rows = g.out_rows;
    of_gradient.columns = g.out_columns;
    of_gradient.out_rows = g.rows;
    of_gradient.out_columns = g.columns;
    of_gradient.pad_rows = g.filter_rows - 1 - g.pad_rows;
    of_gradient.pad_columns = g.filter_columns - 1 - g.pad_columns;
    of_gradient.flip = !g.flip;
    if (!input_gradient(of_gradient, exchanged(filters), images, low, high, threads, out))
        return false;
    spread_nan_of_filters(g, filters, out);
    return true;
}

// `out` (batch, filters, out_rows, out_columns), C-contiguous, from `images` of the values low and
// high. Returns false where memory ran out.
//
// It is the gradient of filters (filters, batch, out_rows, out_columns) over images (channels,
// batch, ...), whose outputs' gradient are these filters, some images at a time.
static bool convolve_two_valued_images(const Geometry& g, const Array4& images,
                                       const Array4& filters, float low, float high, int threads,
                                       float* out) {
    const ptrdiff_t chunk = TILE * LANES, pixels = g.out_rows * g.out_columns;
    const Scratch exchanged_out(g.filters * least(chunk, g.batch) * pixels * sizeof(float));
    float* gradient = exchanged_out.get<float>();
    if (!gradient) return false;
    Geometry of_gradient = g;
    of_gradient.batch = g.channels;
    of_gradient.filter_rows = g.out_rows;
    of_gradient.filter_columns = g.out_columns;
    of_gradient.out_rows = g.filter_rows;
    of_gradient.out_columns = g.filter_columns;
    of_gradient.flip = false;
    const Array4 straight = g.flip ? turned(filters, g.filter_rows, g.filter_columns) : filters;
    for (ptrdiff_t first = 0; first < g.batch; first += chunk) {
        Array4 some = exchanged(images);
        some.data = images.at(first, 0, 0, 0);
        of_gradient.channels = least(chunk, g.batch - first);
        const ptrdiff_t count = of_gradient.channels;
        if (!filter_gradient(of_gradient, some, exchanged(straight), low, high, threads, gradient))
            return false;
#pragma omp parallel for schedule(static) num_threads(threads)
        for (ptrdiff_t n = 0; n < count; n++) {
            for (ptrdiff_t f = 0; f < g.filters; f++)
                memcpy(out + ((first + n) * g.filters + f) * pixels,
                       gradient + (f * count + n) * pixels, pixels * sizeof(float));
            if (holds_nan(images, first + n, g.channels, g.rows, g.columns))
                spread_nan_of_image(g, images, first + n, out);
        }
    }
    spread_nan_of_filters(g, filters, out);
    return true;
}

}  // namespace gradient_conv

#endif
