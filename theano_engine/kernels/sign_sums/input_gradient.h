// The gradient of a convolution's images, its filters having two values.
//
// The lanes of a register are input channels; a table sums GROUP filters at one output pixel.
#ifndef SIGN_SUMS_INPUT_GRADIENT_H
#define SIGN_SUMS_INPUT_GRADIENT_H

#include "common/transpose.h"
#include "sign_sums/geometry.h"

namespace gradient_conv {

const ptrdiff_t ROWS_AHEAD = 2;    // of outputs, that are fetched while a row is tabulated
const ptrdiff_t MEMORY_LINE = 16;  // floats that are fetched at once

struct InputGradientPlan {
    Geometry g;
    ptrdiff_t table;                   // floats of one table
    ptrdiff_t vectors, groups, words;  // of LANES channels; of GROUP, WORD_BITS filters
    ptrdiff_t left, width;             // zero columns before the first output pixel; all columns
    ptrdiff_t ring;                    // rows of tables kept
    ptrdiff_t column_steps;            // input columns of one residue, rounded up to TILE

    InputGradientPlan(const Geometry& geometry, float low, float high)
        : g(geometry), table(table_floats(low, high)) {
        vectors = ceil_div(g.channels, LANES);
        groups = ceil_div(g.filters, GROUP);
        words = ceil_div(groups, WORD_GROUPS);
        column_steps = round_up(ceil_div(g.columns, g.column_stride), TILE);
        left = greatest(0, -floor_div(g.pad_columns - g.filter_columns + 1, g.column_stride));
        ptrdiff_t furthest =
            column_steps + floor_div(g.column_stride - 1 + g.pad_columns, g.column_stride);
        width = left + greatest(g.out_columns, furthest);
        ring = ceil_div(g.filter_rows, g.row_stride);
    }
    ptrdiff_t tap_words() const { return words * vectors * LANES; }
    size_t index_bytes() const { return g.filter_rows * g.filter_columns * tap_words() * 4; }
    size_t bits_bytes() const { return g.channels * g.filter_rows * g.filter_columns * 4; }
    ptrdiff_t pixel_floats() const { return groups * table; }
    size_t table_bytes() const { return ring * width * pixel_floats() * 4; }
    size_t row_bytes() const {
        return column_steps * g.column_stride * vectors * LANES * sizeof(float);
    }
    ptrdiff_t first_output_row(ptrdiff_t row) const {
        return greatest(0, ceil_div(row + g.pad_rows - g.filter_rows + 1, g.row_stride));
    }
    ptrdiff_t last_output_row(ptrdiff_t row) const {
        return least(g.out_rows - 1, floor_div(row + g.pad_rows, g.row_stride));
    }
};

// indices[tap][word][channel]: bit b of word w is set where filter WORD_BITS w + b exceeds
// `middle`.
TARGET_SIGN_SUMS static void pack_filters(const InputGradientPlan& plan, const Array4& filters,
                                          float middle, ptrdiff_t word, uint32_t* bits,
                                          uint32_t* indices) {
    const Geometry& g = plan.g;
    const ptrdiff_t taps = g.filter_rows * g.filter_columns;
    const ptrdiff_t first = word * WORD_BITS;
    const ptrdiff_t count = least(g.filters - first, WORD_BITS);
    const bool adjoining = filters.stride[3] == 1 && filters.stride[2] == g.filter_columns &&
                           filters.stride[1] == taps;
    memset(bits, 0, plan.bits_bytes());
    for (ptrdiff_t b = 0; b < count; b++) {
        if (adjoining) {
            set_bits(filters.at(first + b, 0, 0, 0), g.channels * taps, middle, 1u << b, bits);
            continue;
        }
        for (ptrdiff_t c = 0; c < g.channels; c++)
            for (ptrdiff_t tap = 0; tap < taps; tap++)
                bits[c * taps + tap] |= (uint32_t)(*filters.at(first + b, c, tap / g.filter_columns,
                                                               tap % g.filter_columns) > middle)
                                        << b;
    }
    for (ptrdiff_t tap = 0; tap < taps; tap++) {
        uint32_t* target = indices + (g.flip ? taps - 1 - tap : tap) * plan.tap_words() +
                           word * plan.vectors * LANES;
        for (ptrdiff_t c = 0; c < g.channels; c++) target[c] = bits[c * taps + tap];
        prepare_words(target, g.channels);
    }
}

TARGET_SIGN_SUMS static void fill_table_row(const InputGradientPlan& plan, const Patterns& patterns,
                                            const Array4& top, ptrdiff_t image, ptrdiff_t out_row,
                                            float* tables) {
    const Geometry& g = plan.g;
    float* row = tables + ((out_row % plan.ring) * plan.width + plan.left) * plan.pixel_floats();
    static const float zero = 0;
    for (ptrdiff_t group = 0; group < plan.groups; group++) {
        const float* source[GROUP];
        ptrdiff_t step[GROUP];
        for (int b = 0; b < GROUP; b++) {
            ptrdiff_t filter = group * GROUP + b;
            bool inside = filter < g.filters;
            source[b] = inside ? top.at(image, filter, out_row, 0) : &zero;
            step[b] = inside ? top.stride[3] : 0;
            for (ptrdiff_t x = 0; inside && x < g.out_columns; x += MEMORY_LINE)
                prefetch(source[b], ROWS_AHEAD * top.stride[2] + x * step[b]);
        }
        for (ptrdiff_t x = 0; x < g.out_columns; x++) {
            float values[GROUP];
            for (int b = 0; b < GROUP; b++) values[b] = source[b][x * step[b]];
            store_table(patterns, values, row + x * plan.pixel_floats() + group * plan.table);
        }
    }
}

// Not inlined, so that the sums have the registers for themselves.
//
// TILE neighbouring pixels (of one residue) of one input row, VECTORS x LANES channels.
template <int VECTORS>
TARGET_SIGN_SUMS __attribute__((noinline)) static void input_tile(
    const InputGradientPlan& plan, const uint32_t* indices, const float* tables, ptrdiff_t row,
    ptrdiff_t residue, ptrdiff_t step, ptrdiff_t vector, float* target) {
    const Geometry& g = plan.g;
    Sums<VECTORS> sums;
    sums.clear((int)plan.table);
    for (ptrdiff_t out_row = plan.first_output_row(row); out_row <= plan.last_output_row(row);
         out_row++) {
        ptrdiff_t i = row + g.pad_rows - out_row * g.row_stride;
        const float* table_row = tables + (out_row % plan.ring) * plan.width * plan.pixel_floats();
        ptrdiff_t first = (residue + g.pad_columns) % g.column_stride;
        for (ptrdiff_t j = first; j < g.filter_columns; j += g.column_stride) {
            ptrdiff_t x = step + floor_div(residue + g.pad_columns - j, g.column_stride);
            if (x >= g.out_columns || x + TILE <= 0) continue;
            const float* table = table_row + (plan.left + x) * plan.pixel_floats();
            const uint32_t* words = indices + (i * g.filter_columns + j) * plan.tap_words();
            for (ptrdiff_t w = 0; w < plan.words; w++)
                sums.add(words + (w * plan.vectors + vector) * LANES,
                         table + w * WORD_GROUPS * plan.table, plan.pixel_floats(), plan.table,
                         (int)least(WORD_GROUPS, plan.groups - w * WORD_GROUPS));
        }
    }
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; v++)
#pragma GCC unroll 4
        for (int t = 0; t < TILE; t++)
            sums.store(v, t,
                       target + t * g.column_stride * plan.vectors * LANES + (vector + v) * LANES);
}

static void input_row(const InputGradientPlan& plan, const uint32_t* indices, const float* tables,
                      ptrdiff_t row, float* buffer) {
    const Geometry& g = plan.g;
    for (ptrdiff_t vector = 0; vector < plan.vectors; vector += MOST_VECTORS)
        for (ptrdiff_t residue = 0; residue < g.column_stride; residue++)
            for (ptrdiff_t step = 0; step < plan.column_steps; step += TILE) {
                float* target = buffer + (residue + step * g.column_stride) * plan.vectors * LANES;
                switch (least(MOST_VECTORS, plan.vectors - vector)) {
                    case 4:
                        input_tile<at_most(4)>(plan, indices, tables, row, residue, step, vector,
                                               target);
                        break;
                    case 3:
                        input_tile<at_most(3)>(plan, indices, tables, row, residue, step, vector,
                                               target);
                        break;
                    case 2:
                        input_tile<at_most(2)>(plan, indices, tables, row, residue, step, vector,
                                               target);
                        break;
                    default:
                        input_tile<1>(plan, indices, tables, row, residue, step, vector, target);
                }
            }
}

// Rows [first, last) of one image's gradient; `target` is that image's, C-contiguous.
TARGET_SIGN_SUMS static void input_rows(const InputGradientPlan& plan, const uint32_t* indices,
                                        const Array4& top, float low, float high, ptrdiff_t image,
                                        ptrdiff_t first, ptrdiff_t last, float* tables,
                                        float* buffer, float* target) {
    const Geometry& g = plan.g;
    const Patterns patterns = make_patterns(low, high);
    ptrdiff_t next = 0;
    for (ptrdiff_t row = first; row < last; row++) {
        next = greatest(next, plan.first_output_row(row));
        for (; next <= plan.last_output_row(row); next++)
            fill_table_row(plan, patterns, top, image, next, tables);
        input_row(plan, indices, tables, row, buffer);
        transposing::transpose_any(buffer, plan.vectors * LANES, g.columns, g.channels,
                                   target + row * g.columns, g.rows * g.columns);
    }
}

// `gradient` (batch, channels, rows, columns), C-contiguous, from `filters` of the values low and
// high and the outputs' gradient `top`. Returns false where memory ran out.
static bool input_gradient(const Geometry& g, const Array4& filters, const Array4& top, float low,
                           float high, int threads, float* gradient) {
    const InputGradientPlan plan(g, low, high);
    const Scratch indices(plan.index_bytes());
    if (!indices.get<uint32_t>()) return false;
    // Several pieces for each thread; a piece computes the tables of its margin rows again.
    const ptrdiff_t wanted = threads > 1 && g.batch ? ceil_div(4 * threads, g.batch) : 1;
    const ptrdiff_t height = ceil_div(greatest(g.rows, 1), least(wanted, greatest(g.rows, 1)));
    const ptrdiff_t pieces = ceil_div(g.rows, height);
    bool complete = true;
#pragma omp parallel num_threads(threads)
    {
        const Scratch tables(plan.table_bytes()), buffer(plan.row_bytes());
        const Scratch bits(plan.bits_bytes());
        const bool usable = tables.get<float>() && buffer.get<float>() && bits.get<uint32_t>();
#pragma omp for schedule(dynamic)
        for (ptrdiff_t word = 0; word < plan.words; word++)
            if (usable)
                pack_filters(plan, filters, 0.5f * (low + high), word, bits.get<uint32_t>(),
                             indices.get<uint32_t>());
#pragma omp for schedule(dynamic)
        for (ptrdiff_t piece = 0; piece < g.batch * pieces; piece++) {
            if (!usable) continue;
            ptrdiff_t image = piece / pieces, first = piece % pieces * height;
            input_rows(plan, indices.get<uint32_t>(), top, low, high, image, first,
                       least(g.rows, first + height), tables.get<float>(), buffer.get<float>(),
                       gradient + image * g.channels * g.rows * g.columns);
        }
        if (!usable) {
#pragma omp atomic write
            complete = false;
        }
    }
    return complete;
}

}  // namespace gradient_conv

#endif
