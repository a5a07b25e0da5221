// The gradient of a convolution's filters by matrix products over images that are laid out in
// columns, for operands of any values.
//
// A piece of the filters belongs to one thread, which sums over the images in their order. Pieces
// are cut by shapes alone.
#ifndef PRODUCT_FILTER_GRADIENT_H
#define PRODUCT_FILTER_GRADIENT_H

#include "common/convolution.h"

namespace gradient_conv {

// Fortran's sgemm.
typedef void (*Gemm)(char*, char*, const int*, const int*, const int*, const float*, const float*,
                     const int*, const float*, const int*, const float*, float*, const int*);

struct FilterProductPlan {
    Geometry g;
    ptrdiff_t taps, pixels;
    ptrdiff_t channel_step, filter_step;  // channels and filters of a piece

    explicit FilterProductPlan(const Geometry& geometry) : g(geometry) {
        // A product of fewer rows spends its time in laying out its operands.
        const ptrdiff_t least_rows = 288, few_filters = 32;
        taps = g.filter_rows * g.filter_columns;
        pixels = g.out_rows * g.out_columns;
        channel_step = least(g.channels, ceil_div(least_rows, greatest(taps, 1)));
        filter_step = channel_step < g.channels ? g.filters : least(g.filters, few_filters);
    }
    bool empty() const { return !g.batch || !pixels || !taps || !g.channels || !g.filters; }
    ptrdiff_t filter_pieces() const { return ceil_div(g.filters, filter_step); }
    ptrdiff_t pieces() const { return ceil_div(g.channels, channel_step) * filter_pieces(); }
    size_t column_bytes() const { return channel_step * taps * pixels * sizeof(float); }
};

// What one tap reads of one output row: zeros where it lies outside the image.
static inline void lay_out_row(const Geometry& g, const Array4& images, ptrdiff_t image,
                               ptrdiff_t channel, ptrdiff_t row, ptrdiff_t tap_column,
                               float* target) {
    const ptrdiff_t offset = tap_column - g.pad_columns;
    const ptrdiff_t last = floor_div(g.columns - 1 - offset, g.column_stride) + 1;
    const ptrdiff_t right = row < 0 || row >= g.rows ? 0 : greatest(0, least(g.out_columns, last));
    const ptrdiff_t left = least(right, greatest(0, ceil_div(-offset, g.column_stride)));
    ptrdiff_t x = 0;
    for (; x < left; x++) target[x] = 0;
    if (left < right) {
        const ptrdiff_t step = g.column_stride * images.stride[3];
        const float* source = images.at(image, channel, row, left * g.column_stride + offset);
        if (step == 1)
            memcpy(target + left, source, (right - left) * sizeof(float));
        else
            for (ptrdiff_t i = 0; i < right - left; i++) target[left + i] = source[i * step];
    }
    for (x = right; x < g.out_columns; x++) target[x] = 0;
}

// columns[channel][tap][pixel] of the channels [first, last) of one image.
static void lay_out(const FilterProductPlan& plan, const Array4& images, ptrdiff_t image,
                    ptrdiff_t first, ptrdiff_t last, float* columns) {
    const Geometry& g = plan.g;
    for (ptrdiff_t channel = first; channel < last; channel++)
        for (ptrdiff_t i = 0; i < g.filter_rows; i++)
            for (ptrdiff_t j = 0; j < g.filter_columns; j++)
                for (ptrdiff_t y = 0; y < g.out_rows; y++, columns += g.out_columns)
                    lay_out_row(g, images, image, channel, y * g.row_stride + i - g.pad_rows, j,
                                columns);
}

static inline void reverse(float* values, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count / 2; i++) {
        const float value = values[i];
        values[i] = values[count - 1 - i];
        values[count - 1 - i] = value;
    }
}

static void sum_piece(const FilterProductPlan& plan, const Array4& images, const float* top,
                      Gemm gemm, ptrdiff_t piece, float* columns, float* gradient) {
    const Geometry& g = plan.g;
    const ptrdiff_t channel = piece / plan.filter_pieces() * plan.channel_step;
    const ptrdiff_t filter = piece % plan.filter_pieces() * plan.filter_step;
    const ptrdiff_t last_channel = least(g.channels, channel + plan.channel_step);
    const int rows = (int)((last_channel - channel) * plan.taps);
    const int filters = (int)least(plan.filter_step, g.filters - filter);
    const int pixels = (int)plan.pixels, distance = (int)(g.channels * plan.taps);
    const float zero = 0, one = 1;
    char transposed = 'T', plain = 'N';
    float* target = gradient + filter * distance + channel * plan.taps;
    for (ptrdiff_t image = 0; image < g.batch; image++) {
        lay_out(plan, images, image, channel, last_channel, columns);
        gemm(&transposed, &plain, &rows, &filters, &pixels, &one, columns, &pixels,
             top + (image * g.filters + filter) * plan.pixels, &pixels, image ? &one : &zero,
             target, &distance);
    }
    if (g.flip)
        for (ptrdiff_t f = 0; f < filters; f++)
            for (ptrdiff_t first = 0; first < rows; first += plan.taps)
                reverse(target + f * distance + first, plan.taps);
}

// `gradient` (filters, channels, filter_rows, filter_columns) from `images` and the outputs'
// gradient `top`, both but the images C-contiguous. `gemm` is called by several threads at once.
// Returns false where memory ran out.
static bool filter_products(const Geometry& g, const Array4& images, const float* top, Gemm gemm,
                            int threads, float* gradient) {
    const FilterProductPlan plan(g);
    if (plan.empty()) {
        memset(gradient, 0, g.filters * g.channels * plan.taps * sizeof(float));
        return true;
    }
    bool complete = true;
#pragma omp parallel num_threads((int)least(threads, plan.pieces()))
    {
        const Scratch columns(plan.column_bytes());
#pragma omp for schedule(dynamic)
        for (ptrdiff_t piece = 0; piece < plan.pieces(); piece++)
            if (columns.get<float>())
                sum_piece(plan, images, top, gemm, piece, columns.get<float>(), gradient);
        if (!columns.get<float>()) {
#pragma omp atomic write
            complete = false;
        }
    }
    return complete;
}

}  // namespace gradient_conv

#endif
