// Images laid out in columns, a row for each tap of each channel, for products with BLAS.
#ifndef PRODUCT_COLUMNS_H
#define PRODUCT_COLUMNS_H

#include "common/convolution.h"
#include "common/gemm.h"

namespace gradient_conv {

using blas::Gemm;

struct ColumnPlan {
    static const int BLOCK = 8;  // floats that are copied at once
    Geometry g;
    ptrdiff_t taps, pixels;
    ptrdiff_t plane_rows, plane_columns;  // what the taps read of a channel

    explicit ColumnPlan(const Geometry& geometry) : g(geometry) {
        taps = g.filter_rows * g.filter_columns;
        pixels = g.out_rows * g.out_columns;
        plane_rows = (g.out_rows - 1) * g.row_stride + g.filter_rows;
        plane_columns = (g.out_columns - 1) * g.column_stride + g.filter_columns;
    }
    size_t plane_bytes() const { return (plane_rows * plane_columns + BLOCK) * sizeof(float); }
    size_t column_bytes(ptrdiff_t channels) const {
        return (channels * taps * pixels + BLOCK) * sizeof(float);
    }
};

// One channel of an image, in a plane that is as large as what the taps read; zeros around it.
// `plane`: zeros outside what an earlier channel wrote.
static void lay_out_plane(const ColumnPlan& plan, const Array4& images, ptrdiff_t image,
                          ptrdiff_t channel, float* plane) {
    const Geometry& g = plan.g;
    const ptrdiff_t first_row = greatest(0, -g.pad_rows);
    const ptrdiff_t last_row = least(g.rows, plan.plane_rows - g.pad_rows);
    const ptrdiff_t first = greatest(0, -g.pad_columns);
    const ptrdiff_t last = least(g.columns, plan.plane_columns - g.pad_columns);
    const ptrdiff_t step = images.stride[3];
    for (ptrdiff_t y = first_row; y < last_row && first < last; y++) {
        const float* source = images.at(image, channel, y, first);
        float* target = plane + (y + g.pad_rows) * plan.plane_columns + first + g.pad_columns;
        if (step == 1)
            memcpy(target, source, (last - first) * sizeof(float));
        else
            for (ptrdiff_t x = 0; x < last - first; x++) target[x] = source[x * step];
    }
}

// columns[channel][tap][pixel] of the channels [first, last) of one image. Rows are copied in
// blocks, and what one writes beyond its row the next overwrites.
static void lay_out(const ColumnPlan& plan, const Array4& images, ptrdiff_t image, ptrdiff_t first,
                    ptrdiff_t last, float* plane, float* columns) {
    typedef float Block __attribute__((vector_size(ColumnPlan::BLOCK * 4), aligned(4), may_alias));
    const Geometry& g = plan.g;
    for (ptrdiff_t channel = first; channel < last; channel++) {
        lay_out_plane(plan, images, image, channel, plane);
        for (ptrdiff_t tap = 0; tap < plan.taps; tap++) {
            const float* source =
                plane + tap / g.filter_columns * plan.plane_columns + tap % g.filter_columns;
            const ptrdiff_t row_step = g.row_stride * plan.plane_columns;
            for (ptrdiff_t y = 0; y < g.out_rows; y++, source += row_step) {
                if (g.column_stride == 1)
                    for (ptrdiff_t x = 0; x < g.out_columns; x += ColumnPlan::BLOCK)
                        *(Block*)(columns + x) = *(const Block*)(source + x);
                else
                    for (ptrdiff_t x = 0; x < g.out_columns; x++)
                        columns[x] = source[x * g.column_stride];
                columns += g.out_columns;
            }
        }
    }
}

}  // namespace gradient_conv

#endif
