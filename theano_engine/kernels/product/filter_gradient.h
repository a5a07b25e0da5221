// The gradient of a convolution's filters by matrix products over images that are laid out in
// columns, for operands of any values.
//
// A piece of the filters belongs to one thread, which sums over the images in their order. Pieces
// are cut by shapes alone.
#ifndef PRODUCT_FILTER_GRADIENT_H
#define PRODUCT_FILTER_GRADIENT_H

#include "product/columns.h"

namespace gradient_conv {

struct FilterProductPlan : ColumnPlan {
    ptrdiff_t channel_step, filter_step;  // channels and filters of a piece

    explicit FilterProductPlan(const Geometry& geometry) : ColumnPlan(geometry) {
        // A product of fewer rows spends its time in laying out its operands.
        const ptrdiff_t least_rows = 288, few_filters = 32;
        channel_step = least(g.channels, ceil_div(least_rows, greatest(taps, 1)));
        filter_step = channel_step < g.channels ? g.filters : least(g.filters, few_filters);
    }
    bool empty() const { return !g.batch || !pixels || !taps || !g.channels || !g.filters; }
    ptrdiff_t filter_pieces() const { return ceil_div(g.filters, filter_step); }
    ptrdiff_t pieces() const { return ceil_div(g.channels, channel_step) * filter_pieces(); }
};

// Memory of a thread: zeros to begin with.
struct Workspace {
    const Scratch plane, columns, sums;
    explicit Workspace(const FilterProductPlan& plan)
        : plane(plan.plane_bytes()),
          columns(plan.column_bytes(plan.channel_step)),
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
