// The gradient of a convolution's filters, its images having two values.
//
// The lanes of a register are input channels; a table sums GROUP images at one output pixel.
#ifndef SIGN_SUMS_FILTER_GRADIENT_H
#define SIGN_SUMS_FILTER_GRADIENT_H

#include "sign_sums/geometry.h"

namespace gradient_conv {

struct FilterGradientPlan {
    Geometry g;
    ptrdiff_t table;                   // floats of one table
    ptrdiff_t vectors, groups, words;  // of LANES channels; of GROUP, WORD_BITS images
    ptrdiff_t block_words;             // words whose tables are held at once
    ptrdiff_t block_rows;              // output rows whose tables are held at once

    FilterGradientPlan(const Geometry& geometry, float low, float high)
        : g(geometry), table(table_floats(low, high)) {
        vectors = ceil_div(g.channels, LANES);
        groups = ceil_div(g.batch, GROUP);
        words = ceil_div(groups, WORD_GROUPS);
        block_words = least(2, greatest(words, 1));
        ptrdiff_t row_bytes = g.out_columns * block_groups() * TILE * table * 4;
        block_rows = greatest(1, least(g.out_rows, CACHE_BYTES / greatest(row_bytes, 1)));
    }
    ptrdiff_t block_groups() const { return least(groups, block_words * WORD_GROUPS); }
    ptrdiff_t taps() const { return g.filter_rows * g.filter_columns; }
    size_t index_bytes() const { return g.rows * g.columns * words * vectors * LANES * 4; }
    size_t plane_bytes() const { return LANES * g.rows * g.columns * 4; }
    size_t table_bytes() const {
        return block_rows * g.out_columns * block_groups() * TILE * table * 4;
    }
    size_t sum_bytes() const { return taps() * TILE * vectors * LANES * 4; }
};

// indices[pixel][word][channel]: bit b of word w is set where image WORD_BITS w + b exceeds
// `middle`.
TARGET_SIGN_SUMS static void pack_images(const FilterGradientPlan& plan, const Array4& images,
                                         float middle, ptrdiff_t word, ptrdiff_t vector,
                                         uint32_t* planes, uint32_t* indices) {
    const Geometry& g = plan.g;
    const ptrdiff_t pixels = g.rows * g.columns;
    const ptrdiff_t first = word * WORD_BITS;
    const ptrdiff_t count = least(g.batch - first, WORD_BITS);
    const ptrdiff_t channels = least(LANES, g.channels - vector * LANES);
    const bool rows_adjoin = images.stride[3] == 1 && images.stride[2] == g.columns;
    memset(planes, 0, plan.plane_bytes());
    for (ptrdiff_t c = 0; c < channels; c++) {
        uint32_t* plane = planes + c * pixels;
        for (ptrdiff_t b = 0; b < count; b++) {
            const float* source = images.at(first + b, vector * LANES + c, 0, 0);
            if (rows_adjoin) {
                set_bits(source, pixels, middle, 1u << b, plane);
                continue;
            }
            for (ptrdiff_t y = 0; y < g.rows; y++)
                for (ptrdiff_t x = 0; x < g.columns; x++)
                    plane[y * g.columns + x] |=
                        (uint32_t)(source[y * images.stride[2] + x * images.stride[3]] > middle)
                        << b;
        }
    }
    uint32_t* target = indices + (word * plan.vectors + vector) * LANES;
    const ptrdiff_t distance = plan.words * plan.vectors * LANES;
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++) {
        for (int c = 0; c < LANES; c++) target[pixel * distance + c] = planes[c * pixels + pixel];
        prepare_words(target + pixel * distance, LANES);
    }
}

// tables[row][column][group][filter] of rows [first, last) and of one block of images.
TARGET_SIGN_SUMS static void fill_tables(const FilterGradientPlan& plan, const Patterns& patterns,
                                         const Array4& top, ptrdiff_t filter, ptrdiff_t first_group,
                                         ptrdiff_t groups, ptrdiff_t first, ptrdiff_t last,
                                         float* tables) {
    const Geometry& g = plan.g;
    const ptrdiff_t pixel_floats = groups * TILE * plan.table;
    static const float zero = 0;
    for (ptrdiff_t group = 0; group < groups; group++)
        for (ptrdiff_t t = 0; t < TILE; t++)
            for (ptrdiff_t y = first; y < last; y++) {
                const float* source[GROUP];
                ptrdiff_t step[GROUP];
                for (int b = 0; b < GROUP; b++) {
                    ptrdiff_t image = (first_group + group) * GROUP + b;
                    bool inside = image < g.batch && filter + t < g.filters;
                    source[b] = inside ? top.at(image, filter + t, y, 0) : &zero;
                    step[b] = inside ? top.stride[3] : 0;
                }
                float* target = tables + (y - first) * g.out_columns * pixel_floats +
                                (group * TILE + t) * plan.table;
                for (ptrdiff_t x = 0; x < g.out_columns; x++) {
                    float values[GROUP];
                    for (int b = 0; b < GROUP; b++) values[b] = source[b][x * step[b]];
                    store_table(patterns, values, target + x * pixel_floats);
                }
            }
}

// Adds to the sums of TILE filters, one tap and VECTORS x LANES channels.
template <int VECTORS>
TARGET_SIGN_SUMS __attribute__((noinline)) static void filter_tile(
    const FilterGradientPlan& plan, const uint32_t* indices, const float* tables,
    ptrdiff_t first_word, ptrdiff_t groups, ptrdiff_t first, ptrdiff_t last, ptrdiff_t i,
    ptrdiff_t j, ptrdiff_t vector, float* totals) {
    const Geometry& g = plan.g;
    const ptrdiff_t left = greatest(0, ceil_div(g.pad_columns - j, g.column_stride));
    const ptrdiff_t right =
        least(g.out_columns, floor_div(g.columns - 1 + g.pad_columns - j, g.column_stride) + 1);
    Sums<VECTORS> sums;
    sums.clear((int)plan.table);
    for (ptrdiff_t y = first; y < last; y++) {
        const ptrdiff_t row = y * g.row_stride + i - g.pad_rows;
        if (row < 0 || row >= g.rows) continue;
        for (ptrdiff_t x = left; x < right; x++) {
            const ptrdiff_t column = x * g.column_stride + j - g.pad_columns;
            const uint32_t* pixel =
                indices +
                ((row * g.columns + column) * plan.words + first_word) * plan.vectors * LANES;
            const float* table =
                tables + ((y - first) * g.out_columns + x) * groups * TILE * plan.table;
            for (ptrdiff_t group = 0; group < groups; group += WORD_GROUPS)
                sums.add(pixel + (group / WORD_GROUPS * plan.vectors + vector) * LANES,
                         table + group * TILE * plan.table, plan.table, TILE * plan.table,
                         (int)least(WORD_GROUPS, groups - group));
        }
    }
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; v++)
#pragma GCC unroll 4
        for (int t = 0; t < TILE; t++) {
            float* total = totals + (t * plan.vectors + vector + v) * LANES;
            sums.add_to(v, t, total);
        }
}

// The gradient of TILE filters from `filter` on.
TARGET_SIGN_SUMS static void filter_block(const FilterGradientPlan& plan, const uint32_t* indices,
                                          const Array4& top, float low, float high,
                                          ptrdiff_t filter, float* tables, float* totals,
                                          float* gradient) {
    const Geometry& g = plan.g;
    const Patterns patterns = make_patterns(low, high);
    const ptrdiff_t tap_floats = TILE * plan.vectors * LANES;
    memset(totals, 0, plan.sum_bytes());
    for (ptrdiff_t word = 0; word < plan.words; word += plan.block_words)
        for (ptrdiff_t y = 0; y < g.out_rows; y += plan.block_rows) {
            const ptrdiff_t last = least(g.out_rows, y + plan.block_rows);
            const ptrdiff_t first_group = word * WORD_GROUPS;
            const ptrdiff_t groups = least(plan.block_groups(), plan.groups - first_group);
            fill_tables(plan, patterns, top, filter, first_group, groups, y, last, tables);
            for (ptrdiff_t i = 0; i < g.filter_rows; i++)
                for (ptrdiff_t j = 0; j < g.filter_columns; j++)
                    for (ptrdiff_t v = 0; v < plan.vectors; v += MOST_VECTORS) {
                        float* tap = totals + (i * g.filter_columns + j) * tap_floats;
                        switch (least(MOST_VECTORS, plan.vectors - v)) {
                            case 4:
                                filter_tile<at_most(4)>(plan, indices, tables, word, groups, y,
                                                        last, i, j, v, tap);
                                break;
                            case 3:
                                filter_tile<at_most(3)>(plan, indices, tables, word, groups, y,
                                                        last, i, j, v, tap);
                                break;
                            case 2:
                                filter_tile<at_most(2)>(plan, indices, tables, word, groups, y,
                                                        last, i, j, v, tap);
                                break;
                            default:
                                filter_tile<1>(plan, indices, tables, word, groups, y, last, i, j,
                                               v, tap);
                        }
                    }
        }
    for (ptrdiff_t t = 0; t < least(TILE, g.filters - filter); t++)
        for (ptrdiff_t c = 0; c < g.channels; c++) {
            float* target = gradient + ((filter + t) * g.channels + c) * plan.taps();
            for (ptrdiff_t tap = 0; tap < plan.taps(); tap++)
                target[g.flip ? plan.taps() - 1 - tap : tap] =
                    totals[tap * tap_floats + t * plan.vectors * LANES + c];
        }
}

// `gradient` (filters, channels, filter_rows, filter_columns), C-contiguous, from `images` of the
// values low and high and the outputs' gradient `top`. Returns false where memory ran out.
static bool filter_gradient(const Geometry& g, const Array4& images, const Array4& top, float low,
                            float high, int threads, float* gradient) {
    const FilterGradientPlan plan(g, low, high);
    const Scratch indices(plan.index_bytes());
    if (!indices.get<uint32_t>()) return false;
    bool complete = true;
#pragma omp parallel num_threads(threads)
    {
        const Scratch planes(plan.plane_bytes()), tables(plan.table_bytes());
        const Scratch totals(plan.sum_bytes());
        const bool usable = planes.get<uint32_t>() && tables.get<float>() && totals.get<float>();
#pragma omp for schedule(dynamic)
        for (ptrdiff_t part = 0; part < plan.words * plan.vectors; part++)
            if (usable)
                pack_images(plan, images, 0.5f * (low + high), part / plan.vectors,
                            part % plan.vectors, planes.get<uint32_t>(), indices.get<uint32_t>());
#pragma omp for schedule(dynamic)
        for (ptrdiff_t filter = 0; filter < g.filters; filter += TILE)
            if (usable)
                filter_block(plan, indices.get<uint32_t>(), top, low, high, filter,
                             tables.get<float>(), totals.get<float>(), gradient);
        if (!usable) {
#pragma omp atomic write
            complete = false;
        }
    }
    return complete;
}

}  // namespace gradient_conv

#endif
