/* The two gradients of a 2-D convolution whose other operand has two values, on AVX-512.
 *
 * Shapes: images (batch, channels, rows, columns), filters (filters, channels, filter_rows,
 * filter_columns), outputs (batch, filters, out_rows, out_columns), all float32, any strides. The
 * convolution is out[y, x] = sum in[y * stride + i - pad, x * stride + j - pad] * filter[i, j], with
 * the filter reversed along both axes where `flip` is set; outside the image it reads 0.
 *
 * Every sum is taken in an order that depends on shapes alone, not on the number of threads.
 */
#ifndef GRADIENT_CONV_H
#define GRADIENT_CONV_H

#include <stdlib.h>
#include <string.h>

#include "gradient_sign_sums.h"

namespace gradient_conv {

using namespace sign_sums;

struct Geometry {
    ptrdiff_t batch, channels, rows, columns;
    ptrdiff_t filters, filter_rows, filter_columns;
    ptrdiff_t out_rows, out_columns;
    ptrdiff_t row_stride, column_stride, pad_rows, pad_columns;
    bool flip;
};

/* A float32 array of four axes; strides in elements, of either sign. */
struct Array4 {
    const float *data;
    ptrdiff_t stride[4];

    const float *at(ptrdiff_t a, ptrdiff_t b, ptrdiff_t c, ptrdiff_t d) const {
        return data + a * stride[0] + b * stride[1] + c * stride[2] + d * stride[3];
    }
};

static inline ptrdiff_t ceil_div(ptrdiff_t a, ptrdiff_t b) {
    return a >= 0 ? (a + b - 1) / b : -((-a) / b);
}
static inline ptrdiff_t floor_div(ptrdiff_t a, ptrdiff_t b) { return -ceil_div(-a, b); }
static inline ptrdiff_t round_up(ptrdiff_t a, ptrdiff_t b) { return ceil_div(a, b) * b; }
static inline ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static inline ptrdiff_t greatest(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }

/* Aligned memory that starts as zeros; `get` is NULL where there was none. */
class Scratch {
  public:
    explicit Scratch(size_t bytes) : memory_(NULL) {
        if (posix_memalign(&memory_, 64, bytes ? bytes : 64) != 0) memory_ = NULL;
        if (memory_) memset(memory_, 0, bytes);
    }
    ~Scratch() { free(memory_); }
    template <typename T>
    T *get() const { return static_cast<T *>(memory_); }

  private:
    void *memory_;
    Scratch(const Scratch &);
    Scratch &operator=(const Scratch &);
};

/* Sets `bit` in target[x] where source[x] exceeds `middle`. */
SIGN_SUMS_TARGET static inline void set_bits(const float *source, ptrdiff_t count, float middle,
                                             uint32_t bit, uint32_t *target) {
    const __m512 threshold = _mm512_set1_ps(middle);
    const __m512i mark = _mm512_set1_epi32((int)bit);
    for (ptrdiff_t x = 0; x < count; x += LANES) {
        __mmask16 inside = count - x >= LANES ? 0xffff : (__mmask16)((1u << (count - x)) - 1);
        __mmask16 set = _mm512_mask_cmp_ps_mask(
            inside, _mm512_maskz_loadu_ps(inside, source + x), threshold, _CMP_GT_OQ);
        __m512i word = _mm512_maskz_loadu_epi32(inside, target + x);
        _mm512_mask_storeu_epi32(target + x, inside, _mm512_mask_or_epi32(word, set, word, mark));
    }
}

/* ---- gradient of the images: lanes are input channels, tables sum four filters of one pixel ---- */

struct InputGradientPlan {
    Geometry g;
    ptrdiff_t vectors, groups, words; /* of 16 channels; of 4 and of 32 filters */
    ptrdiff_t left, width;            /* zero columns before the first output pixel; all columns */
    ptrdiff_t ring;                   /* rows of tables kept */
    ptrdiff_t column_steps;           /* input columns of one residue, rounded up to TILE */

    explicit InputGradientPlan(const Geometry &geometry) : g(geometry) {
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
    size_t nibble_bytes() const { return g.filter_rows * g.filter_columns * tap_words() * 4; }
    size_t bits_bytes() const { return g.channels * g.filter_rows * g.filter_columns * 4; }
    ptrdiff_t pixel_floats() const { return groups * LANES; }
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

/* nibbles[tap][word][channel]: bit b of word w is set where filter 32 w + b exceeds `middle`. */
SIGN_SUMS_TARGET static void pack_filters(const InputGradientPlan &plan, const Array4 &filters,
                                          float middle, ptrdiff_t word, uint32_t *bits,
                                          uint32_t *nibbles) {
    const Geometry &g = plan.g;
    const ptrdiff_t taps = g.filter_rows * g.filter_columns;
    const ptrdiff_t first = word * WORD_GROUPS * GROUP;
    const ptrdiff_t count = least(g.filters - first, WORD_GROUPS * GROUP);
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
        uint32_t *target = nibbles + (g.flip ? taps - 1 - tap : tap) * plan.tap_words() +
                           word * plan.vectors * LANES;
        for (ptrdiff_t c = 0; c < g.channels; c++) target[c] = bits[c * taps + tap];
    }
}

SIGN_SUMS_TARGET static void fill_table_row(const InputGradientPlan &plan, const Patterns &patterns,
                                            const Array4 &top, ptrdiff_t image, ptrdiff_t out_row,
                                            float *tables) {
    const Geometry &g = plan.g;
    float *row = tables + ((out_row % plan.ring) * plan.width + plan.left) * plan.pixel_floats();
    static const float zero = 0;
    for (ptrdiff_t group = 0; group < plan.groups; group++) {
        const float *source[GROUP];
        ptrdiff_t step[GROUP];
        for (int b = 0; b < GROUP; b++) {
            ptrdiff_t filter = group * GROUP + b;
            bool inside = filter < g.filters;
            source[b] = inside ? top.at(image, filter, out_row, 0) : &zero;
            step[b] = inside ? top.stride[3] : 0;
        }
        for (ptrdiff_t x = 0; x < g.out_columns; x++)
            store_table(patterns, source[0][x * step[0]], source[1][x * step[1]],
                        source[2][x * step[2]], source[3][x * step[3]],
                        row + x * plan.pixel_floats() + group * LANES);
    }
}

/* Not inlined, here and below: the sums then have the registers for themselves.
 *
 * TILE neighbouring pixels (of one residue) of one input row, VECTORS x 16 channels. */
template <int VECTORS>
SIGN_SUMS_TARGET __attribute__((noinline)) static void input_tile(const InputGradientPlan &plan, const uint32_t *nibbles,
                                        const float *tables, ptrdiff_t row, ptrdiff_t residue,
                                        ptrdiff_t step, ptrdiff_t vector, float *target) {
    const Geometry &g = plan.g;
    Sums<VECTORS> sums;
    sums.clear();
    for (ptrdiff_t out_row = plan.first_output_row(row); out_row <= plan.last_output_row(row);
         out_row++) {
        ptrdiff_t i = row + g.pad_rows - out_row * g.row_stride;
        const float *table_row = tables + (out_row % plan.ring) * plan.width * plan.pixel_floats();
        ptrdiff_t first = (residue + g.pad_columns) % g.column_stride;
        for (ptrdiff_t j = first; j < g.filter_columns; j += g.column_stride) {
            ptrdiff_t x = step + floor_div(residue + g.pad_columns - j, g.column_stride);
            if (x >= g.out_columns || x + TILE <= 0) continue;
            const float *table = table_row + (plan.left + x) * plan.pixel_floats();
            const uint32_t *words = nibbles + (i * g.filter_columns + j) * plan.tap_words();
            for (ptrdiff_t w = 0; w < plan.words; w++)
                sums.add(words + (w * plan.vectors + vector) * LANES,
                         table + w * WORD_GROUPS * LANES, plan.pixel_floats(), LANES,
                         (int)least(WORD_GROUPS, plan.groups - w * WORD_GROUPS));
        }
    }
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; v++)
#pragma GCC unroll 4
        for (int t = 0; t < TILE; t++)
            _mm512_store_ps(target + t * g.column_stride * plan.vectors * LANES +
                                (vector + v) * LANES,
                            sums.value[v][t]);
}

static void input_row(const InputGradientPlan &plan, const uint32_t *nibbles, const float *tables,
                      ptrdiff_t row, float *buffer) {
    const Geometry &g = plan.g;
    for (ptrdiff_t vector = 0; vector < plan.vectors; vector += TILE)
        for (ptrdiff_t residue = 0; residue < g.column_stride; residue++)
            for (ptrdiff_t step = 0; step < plan.column_steps; step += TILE) {
                float *target =
                    buffer + (residue + step * g.column_stride) * plan.vectors * LANES;
                switch (least(TILE, plan.vectors - vector)) {
                case 4: input_tile<4>(plan, nibbles, tables, row, residue, step, vector, target); break;
                case 3: input_tile<3>(plan, nibbles, tables, row, residue, step, vector, target); break;
                case 2: input_tile<2>(plan, nibbles, tables, row, residue, step, vector, target); break;
                default: input_tile<1>(plan, nibbles, tables, row, residue, step, vector, target);
                }
            }
}

/* Rows [first, last) of one image's gradient; `target` is that image's, C-contiguous. */
SIGN_SUMS_TARGET static void input_rows(const InputGradientPlan &plan, const uint32_t *nibbles,
                                        const Array4 &top, float low, float high, ptrdiff_t image,
                                        ptrdiff_t first, ptrdiff_t last, float *tables,
                                        float *buffer, float *target) {
    const Geometry &g = plan.g;
    const Patterns patterns = make_patterns(low, high);
    ptrdiff_t next = 0;
    for (ptrdiff_t row = first; row < last; row++) {
        next = greatest(next, plan.first_output_row(row));
        for (; next <= plan.last_output_row(row); next++)
            fill_table_row(plan, patterns, top, image, next, tables);
        input_row(plan, nibbles, tables, row, buffer);
        for (ptrdiff_t c = 0; c < g.channels; c++)
            for (ptrdiff_t x = 0; x < g.columns; x++)
                target[(c * g.rows + row) * g.columns + x] = buffer[x * plan.vectors * LANES + c];
    }
}

/* `gradient` (batch, channels, rows, columns), C-contiguous, from `filters` of the values low and
 * high and the outputs' gradient `top`. Returns false where memory ran out. */
static bool input_gradient(const Geometry &g, const Array4 &filters, const Array4 &top, float low,
                           float high, int threads, float *gradient) {
    const InputGradientPlan plan(g);
    const Scratch nibbles(plan.nibble_bytes());
    if (!nibbles.get<uint32_t>()) return false;
    /* Several pieces for each thread; a piece computes the tables of its margin rows again. */
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
                             nibbles.get<uint32_t>());
#pragma omp for schedule(dynamic)
        for (ptrdiff_t piece = 0; piece < g.batch * pieces; piece++) {
            if (!usable) continue;
            ptrdiff_t image = piece / pieces, first = piece % pieces * height;
            input_rows(plan, nibbles.get<uint32_t>(), top, low, high, image, first,
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

/* ---- gradient of the filters: lanes are input channels, tables sum four images at one pixel ---- */

struct FilterGradientPlan {
    Geometry g;
    ptrdiff_t vectors, groups, words; /* of 16 channels; of 4 and of 32 images */
    ptrdiff_t block_words;            /* words whose tables are held at once */
    ptrdiff_t block_rows;             /* output rows whose tables are held at once */

    explicit FilterGradientPlan(const Geometry &geometry) : g(geometry) {
        const ptrdiff_t cache_bytes = 256 * 1024;
        vectors = ceil_div(g.channels, LANES);
        groups = ceil_div(g.batch, GROUP);
        words = ceil_div(groups, WORD_GROUPS);
        block_words = least(2, greatest(words, 1));
        ptrdiff_t row_bytes = g.out_columns * block_groups() * TILE * LANES * 4;
        block_rows = greatest(1, least(g.out_rows, cache_bytes / greatest(row_bytes, 1)));
    }
    ptrdiff_t block_groups() const { return least(groups, block_words * WORD_GROUPS); }
    ptrdiff_t taps() const { return g.filter_rows * g.filter_columns; }
    size_t nibble_bytes() const { return g.rows * g.columns * words * vectors * LANES * 4; }
    size_t plane_bytes() const { return LANES * g.rows * g.columns * 4; }
    size_t table_bytes() const {
        return block_rows * g.out_columns * block_groups() * TILE * LANES * 4;
    }
    size_t sum_bytes() const { return taps() * TILE * vectors * LANES * 4; }
};

/* nibbles[pixel][word][channel]: bit b of word w is set where image 32 w + b exceeds `middle`. */
SIGN_SUMS_TARGET static void pack_images(const FilterGradientPlan &plan, const Array4 &images,
                                         float middle, ptrdiff_t word, ptrdiff_t vector,
                                         uint32_t *planes, uint32_t *nibbles) {
    const Geometry &g = plan.g;
    const ptrdiff_t pixels = g.rows * g.columns;
    const ptrdiff_t first = word * WORD_GROUPS * GROUP;
    const ptrdiff_t count = least(g.batch - first, WORD_GROUPS * GROUP);
    const ptrdiff_t channels = least(LANES, g.channels - vector * LANES);
    const bool rows_adjoin = images.stride[3] == 1 && images.stride[2] == g.columns;
    memset(planes, 0, plan.plane_bytes());
    for (ptrdiff_t c = 0; c < channels; c++) {
        uint32_t *plane = planes + c * pixels;
        for (ptrdiff_t b = 0; b < count; b++) {
            const float *source = images.at(first + b, vector * LANES + c, 0, 0);
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
    uint32_t *target = nibbles + (word * plan.vectors + vector) * LANES;
    const ptrdiff_t distance = plan.words * plan.vectors * LANES;
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++)
        for (int c = 0; c < LANES; c++)
            target[pixel * distance + c] = planes[c * pixels + pixel];
}

/* tables[row][column][group][filter] of rows [first, last) and of one block of images. */
SIGN_SUMS_TARGET static void fill_tables(const FilterGradientPlan &plan, const Patterns &patterns,
                                         const Array4 &top, ptrdiff_t filter, ptrdiff_t first_group,
                                         ptrdiff_t groups, ptrdiff_t first, ptrdiff_t last,
                                         float *tables) {
    const Geometry &g = plan.g;
    const ptrdiff_t pixel_floats = groups * TILE * LANES;
    static const float zero = 0;
    for (ptrdiff_t group = 0; group < groups; group++)
        for (ptrdiff_t t = 0; t < TILE; t++)
            for (ptrdiff_t y = first; y < last; y++) {
                const float *source[GROUP];
                ptrdiff_t step[GROUP];
                for (int b = 0; b < GROUP; b++) {
                    ptrdiff_t image = (first_group + group) * GROUP + b;
                    bool inside = image < g.batch && filter + t < g.filters;
                    source[b] = inside ? top.at(image, filter + t, y, 0) : &zero;
                    step[b] = inside ? top.stride[3] : 0;
                }
                float *target = tables + (y - first) * g.out_columns * pixel_floats +
                                (group * TILE + t) * LANES;
                for (ptrdiff_t x = 0; x < g.out_columns; x++)
                    store_table(patterns, source[0][x * step[0]], source[1][x * step[1]],
                                source[2][x * step[2]], source[3][x * step[3]],
                                target + x * pixel_floats);
            }
}

/* Adds to the sums of TILE filters, one tap and VECTORS x 16 channels. */
template <int VECTORS>
SIGN_SUMS_TARGET __attribute__((noinline)) static void filter_tile(const FilterGradientPlan &plan, const uint32_t *nibbles,
                                         const float *tables, ptrdiff_t first_word,
                                         ptrdiff_t groups, ptrdiff_t first, ptrdiff_t last,
                                         ptrdiff_t i, ptrdiff_t j, ptrdiff_t vector,
                                         float *totals) {
    const Geometry &g = plan.g;
    const ptrdiff_t left = greatest(0, ceil_div(g.pad_columns - j, g.column_stride));
    const ptrdiff_t right =
        least(g.out_columns, floor_div(g.columns - 1 + g.pad_columns - j, g.column_stride) + 1);
    Sums<VECTORS> sums;
    sums.clear();
    for (ptrdiff_t y = first; y < last; y++) {
        const ptrdiff_t row = y * g.row_stride + i - g.pad_rows;
        if (row < 0 || row >= g.rows) continue;
        for (ptrdiff_t x = left; x < right; x++) {
            const ptrdiff_t column = x * g.column_stride + j - g.pad_columns;
            const uint32_t *pixel =
                nibbles + ((row * g.columns + column) * plan.words + first_word) * plan.vectors * LANES;
            const float *table =
                tables + ((y - first) * g.out_columns + x) * groups * TILE * LANES;
            for (ptrdiff_t group = 0; group < groups; group += WORD_GROUPS)
                sums.add(pixel + (group / WORD_GROUPS * plan.vectors + vector) * LANES,
                         table + group * TILE * LANES, LANES, TILE * LANES,
                         (int)least(WORD_GROUPS, groups - group));
        }
    }
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; v++)
#pragma GCC unroll 4
        for (int t = 0; t < TILE; t++) {
            float *total = totals + (t * plan.vectors + vector + v) * LANES;
            _mm512_store_ps(total, _mm512_add_ps(_mm512_load_ps(total), sums.value[v][t]));
        }
}

/* The gradient of TILE filters from `filter` on. */
SIGN_SUMS_TARGET static void filter_block(const FilterGradientPlan &plan, const uint32_t *nibbles,
                                          const Array4 &top, float low, float high,
                                          ptrdiff_t filter, float *tables, float *totals,
                                          float *gradient) {
    const Geometry &g = plan.g;
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
                    for (ptrdiff_t v = 0; v < plan.vectors; v += TILE) {
                        float *tap = totals + (i * g.filter_columns + j) * tap_floats;
                        switch (least(TILE, plan.vectors - v)) {
                        case 4: filter_tile<4>(plan, nibbles, tables, word, groups, y, last, i, j, v, tap); break;
                        case 3: filter_tile<3>(plan, nibbles, tables, word, groups, y, last, i, j, v, tap); break;
                        case 2: filter_tile<2>(plan, nibbles, tables, word, groups, y, last, i, j, v, tap); break;
                        default: filter_tile<1>(plan, nibbles, tables, word, groups, y, last, i, j, v, tap);
                        }
                    }
        }
    for (ptrdiff_t t = 0; t < least(TILE, g.filters - filter); t++)
        for (ptrdiff_t c = 0; c < g.channels; c++) {
            float *target = gradient + ((filter + t) * g.channels + c) * plan.taps();
            for (ptrdiff_t tap = 0; tap < plan.taps(); tap++)
                target[g.flip ? plan.taps() - 1 - tap : tap] =
                    totals[tap * tap_floats + t * plan.vectors * LANES + c];
        }
}

/* `gradient` (filters, channels, filter_rows, filter_columns), C-contiguous, from `images` of the
 * values low and high and the outputs' gradient `top`. Returns false where memory ran out. */
static bool filter_gradient(const Geometry &g, const Array4 &images, const Array4 &top, float low,
                            float high, int threads, float *gradient) {
    const FilterGradientPlan plan(g);
    const Scratch nibbles(plan.nibble_bytes());
    if (!nibbles.get<uint32_t>()) return false;
    bool complete = true;
#pragma omp parallel num_threads(threads)
    {
        const Scratch planes(plan.plane_bytes()), tables(plan.table_bytes());
        const Scratch totals(plan.sum_bytes());
        const bool usable =
            planes.get<uint32_t>() && tables.get<float>() && totals.get<float>();
#pragma omp for schedule(dynamic)
        for (ptrdiff_t part = 0; part < plan.words * plan.vectors; part++)
            if (usable)
                pack_images(plan, images, 0.5f * (low + high), part / plan.vectors,
                            part % plan.vectors, planes.get<uint32_t>(), nibbles.get<uint32_t>());
#pragma omp for schedule(dynamic)
        for (ptrdiff_t filter = 0; filter < g.filters; filter += TILE)
            if (usable)
                filter_block(plan, nibbles.get<uint32_t>(), top, low, high, filter,
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
