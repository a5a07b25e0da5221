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
    static const int BLOCK = 8;  // floats that are copied at once
    Geometry g;
    ptrdiff_t taps, pixels;
    ptrdiff_t plane_rows, plane_columns;  // what the taps read of a channel
    ptrdiff_t channel_step, filter_step;  // channels and filters of a piece

    explicit FilterProductPlan(const Geometry& geometry) : g(geometry) {
        // A product of fewer rows spends its time in laying out its operands.
        const ptrdiff_t least_rows = 288, few_filters = 32;
        taps = g.filter_rows * g.filter_columns;
        pixels = g.out_rows * g.out_columns;
        plane_rows = (g.out_rows - 1) * g.row_stride + g.filter_rows;
        plane_columns = (g.out_columns - 1) * g.column_stride + g.filter_columns;
        channel_step = least(g.channels, ceil_div(least_rows, greatest(taps, 1)));
        filter_step = channel_step < g.channels ? g.filters : least(g.filters, few_filters);
    }
    bool empty() const { return !g.batch || !pixels || !taps || !g.channels || !g.filters; }
    ptrdiff_t filter_pieces() const { return ceil_div(g.filters, filter_step); }
    ptrdiff_t pieces() const { return ceil_div(g.channels, channel_step) * filter_pieces(); }
};

// One channel of an image, in a plane that is as large as what the taps read; zeros around it.
// `plane`: zeros outside what an earlier channel wrote.
static void lay_out_plane(const FilterProductPlan& plan, const Array4& images, ptrdiff_t image,
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
static void lay_out(const FilterProductPlan& plan, const Array4& images, ptrdiff_t image,
                    ptrdiff_t first, ptrdiff_t last, float* plane, float* columns) {
    typedef float Block
        __attribute__((vector_size(FilterProductPlan::BLOCK * 4), aligned(4), may_alias));
    const Geometry& g = plan.g;
    for (ptrdiff_t channel = first; channel < last; channel++) {
        lay_out_plane(plan, images, image, channel, plane);
        for (ptrdiff_t tap = 0; tap < plan.taps; tap++) {
            const float* source =
                plane + tap / g.filter_columns * plan.plane_columns + tap % g.filter_columns;
            const ptrdiff_t row_step = g.row_stride * plan.plane_columns;
            for (ptrdiff_t y = 0; y < g.out_rows; y++, source += row_step) {
                if (g.column_stride == 1)
                    for (ptrdiff_t x = 0; x < g.out_columns; x += FilterProductPlan::BLOCK)
                        *(Block*)(columns + x) = *(const Block*)(source + x);
                else
                    for (ptrdiff_t x = 0; x < g.out_columns; x++)
                        columns[x] = source[x * g.column_stride];
                columns += g.out_columns;
            }
        }
    }
}

// Memory of a thread: zeros to begin with.
struct Workspace {
    const Scratch plane, columns, sums;
    explicit Workspace(const FilterProductPlan& plan)
        : plane((plan.plane_rows * plan.plane_columns + FilterProductPlan::BLOCK) * sizeof(float)),
          columns((plan.channel_step * plan.taps * plan.pixels + FilterProductPlan::BLOCK) *
                  sizeof(float)),
          sums(plan.channel_step * plan.taps * plan.filter_step * sizeof(float)) {}
    bool complete() const {
        return plane.get<float>() && columns.get<float>() && sums.get<float>();
    }
};

static void sum_piece(const FilterProductPlan& plan, const Array4& images, const float* top,
                      Gemm gemm, ptrdiff_t piece, const Workspace& space, float* gradient) {
    const Geometry& g = plan.g;
    const ptrdiff_t channel = piece / plan.filter_pieces() * plan.channel_step;
    const ptrdiff_t filter = piece % plan.filter_pieces() * plan.filter_step;
    const ptrdiff_t last_channel = least(g.channels, channel + plan.channel_step);
    const int rows = (int)((last_channel - channel) * plan.taps);
    const int filters = (int)least(plan.filter_step, g.filters - filter);
    const int pixels = (int)plan.pixels;
    const float zero = 0, one = 1;
    char transposed = 'T', plain = 'N';
    float* sums = space.sums.get<float>();
    for (ptrdiff_t image = 0; image < g.batch; image++) {
        lay_out(plan, images, image, channel, last_channel, space.plane.get<float>(),
                space.columns.get<float>());
        // sums[row][filter]: BLAS is faster where its second operand has the more columns.
        gemm(&transposed, &plain, &filters, &rows, &pixels, &one,
             top + (image * g.filters + filter) * plan.pixels, &pixels, space.columns.get<float>(),
             &pixels, image ? &one : &zero, sums, &filters);
    }
    for (ptrdiff_t f = 0; f < filters; f++)
        for (ptrdiff_t row = 0; row < rows; row++) {
            const ptrdiff_t tap = row % plan.taps, first = row - tap;
            gradient[((filter + f) * g.channels + channel) * plan.taps + row] =
                sums[(first + (g.flip ? plan.taps - 1 - tap : tap)) * filters + f];
        }
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
        const Workspace space(plan);
#pragma omp for schedule(dynamic)
        for (ptrdiff_t piece = 0; piece < plan.pieces(); piece++)
            if (space.complete()) sum_piece(plan, images, top, gemm, piece, space, gradient);
        if (!space.complete()) {
#pragma omp atomic write
            complete = false;
        }
    }
    return complete;
}

}  // namespace gradient_conv

#endif
