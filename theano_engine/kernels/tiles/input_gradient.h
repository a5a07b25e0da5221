// The gradient of a convolution's images by products of tiles, its filters having two values.
//
// A tile of `a` has sixteen pixels, and of each a pair of filters of the outputs' gradient in every
// word; one of `b` has sixteen pairs of filters, of each sixteen channels. Needs strides of 1 and
// values that are bfloat16 numbers.
#ifndef TILES_INPUT_GRADIENT_H
#define TILES_INPUT_GRADIENT_H

#include "tiles/grid.h"
#include "tiles/parts.h"
#include "tiles/sums.h"

namespace tiles {

struct InputGradientPlan {
    Geometry g;
    Grid grid;
    int parts;
    ptrdiff_t depth, width;  // of 32 filters; of 32 channels

    InputGradientPlan(const Geometry& g, int parts)
        : g(g),
          grid(g.rows, g.columns, g, g.batch),
          parts(parts),
          depth(ceil_div(g.filters, 2 * SIDE)),
          width(ceil_div(g.channels, 2 * SIDE)) {}
    ptrdiff_t taps() const { return g.filter_rows * g.filter_columns; }
    ptrdiff_t block_lines() const { return taps() * 2 * SIDE; }  // of 32 filters, 32 channels
    ptrdiff_t filter_lines() const { return width * depth * block_lines(); }
    ptrdiff_t top_lines() const { return depth * parts * grid.lines(); }
    ptrdiff_t staged_words() const { return 2 * SIDE * taps(); }
};

// target[tap][half of the channels][pair of filters].word[channel], of 32 filters and 32 channels;
// `staged`: of the 32 channels all taps, in pairs.
TARGET_TILES static void pack_filters(const InputGradientPlan& plan, const Array4& filters,
                                      uint32_t low, uint32_t high, float middle, ptrdiff_t block,
                                      uint32_t* staged, Line* target) {
    const Geometry& g = plan.g;
    const ptrdiff_t taps = plan.taps();
    const ptrdiff_t channel = block / plan.depth * 2 * SIDE, filter = block % plan.depth * 2 * SIDE;
    const ptrdiff_t channels = least(2 * SIDE, g.channels - channel);
    const bool adjoining = filters.stride[3] == 1 && filters.stride[2] == g.filter_columns &&
                           filters.stride[1] == taps;
    for (ptrdiff_t pair = 0; pair < SIDE; pair++) {
        memset(staged, 0, plan.staged_words() * sizeof(uint32_t));
        for (int half = 0; half < 2; half++) {
            const ptrdiff_t f = filter + 2 * pair + half;
            if (f >= g.filters) continue;
            const int shift = half ? 0 : 16;
            if (adjoining) {
                const float* source = filters.at(f, channel, 0, 0);
                for (ptrdiff_t k = 0; k < channels * taps; k++)
                    staged[k] |= (source[k] > middle ? high : low) >> shift;
                continue;
            }
            for (ptrdiff_t k = 0; k < channels * taps; k++) {
                const float value = *filters.at(f, channel + k / taps, k % taps / g.filter_columns,
                                                k % taps % g.filter_columns);
                staged[k] |= (value > middle ? high : low) >> shift;
            }
        }
        for (ptrdiff_t tap = 0; tap < taps; tap++) {
            Line* line = target + (g.flip ? taps - 1 - tap : tap) * 2 * SIDE + pair;
            for (ptrdiff_t c = 0; c < 2 * SIDE; c++)
                line[c / SIDE * SIDE].word[c % SIDE] = staged[c * taps + tap];
        }
    }
}

// target[block of 32 filters][part][line of the grid].word[pair of filters] of a group of images.
TARGET_TILES static void pack_top(const InputGradientPlan& plan, const Array4& top, ptrdiff_t group,
                                  Line* target) {
    const Geometry& g = plan.g;
    const Grid& grid = plan.grid;
    // Outputs of the grid's first row and column.
    const ptrdiff_t row = g.pad_rows - g.filter_rows + 1;
    const ptrdiff_t column = g.pad_columns - g.filter_columns + 1;
    const ptrdiff_t last_row = least(g.out_rows, row + grid.rows);
    const ptrdiff_t last_column = least(g.out_columns, column + grid.columns);
    for (ptrdiff_t side = 0; side < least(grid.beside, g.batch - group * grid.beside); side++)
        for (ptrdiff_t block = 0; block < plan.depth; block++)
            for (ptrdiff_t y = greatest(0, row); y < last_row; y++)
                for (ptrdiff_t x = greatest(0, column); x < last_column; x += SIDE) {
                    Line pairs[MOST_PARTS][SIDE];
                    for (ptrdiff_t pair = 0; pair < SIDE; pair++) {
                        float values[2][SIDE];
                        Line parts[MOST_PARTS];
                        for (int half = 0; half < 2; half++) {
                            const ptrdiff_t f = (block * SIDE + pair) * 2 + half;
                            const bool there = f < g.filters;
                            const ptrdiff_t image = group * grid.beside + side;
                            load_floats(top.at(image, there ? f : 0, y, x), top.stride[3],
                                        there ? last_column - x : 0, top.stride[2], values[half]);
                        }
                        split_pairs(values[0], values[1], plan.parts, parts);
                        for (int p = 0; p < plan.parts; p++) pairs[p][pair] = parts[p];
                    }
                    for (int p = 0; p < plan.parts; p++)
                        transpose(pairs[p],
                                  target + (block * plan.parts + p) * grid.lines() +
                                      grid.line(y - row, x - column) + side,
                                  grid.beside);
                }
}

// The gradient of one tile of pixels, sixteen channels from `channel` on.
TARGET_TILES static void write_pixels(const InputGradientPlan& plan, const Line* sums,
                                      ptrdiff_t group, ptrdiff_t tile, ptrdiff_t channel,
                                      float* gradient) {
    const Geometry& g = plan.g;
    const Grid& grid = plan.grid;
    const ptrdiff_t y = tile / grid.row_tiles;
    const ptrdiff_t x = tile % grid.row_tiles * SIDE / grid.beside;
    const ptrdiff_t columns = least(SIDE / grid.beside, g.columns - x);
    const ptrdiff_t images = least(grid.beside, g.batch - group * grid.beside);
    Line turned[SIDE];
    transpose(sums, turned, 1);
    for (ptrdiff_t c = 0; c < least(SIDE, g.channels - channel); c++)
        for (ptrdiff_t side = 0; side < images; side++) {
            const ptrdiff_t plane = (group * grid.beside + side) * g.channels + channel + c;
            float* target = gradient + (plane * g.rows + y) * g.columns + x;
            if (grid.beside == 1)
                memcpy(target, turned[c].word, columns * sizeof(float));
            else
                for (ptrdiff_t k = 0; k < columns; k++)
                    target[k] = float_of(turned[c].word[k * grid.beside + side]);
        }
}

// The gradient of a group of images, 32 channels. Not inlined, so that what is packed is written.
TARGET_TILES __attribute__((noinline)) static void multiply_group(const InputGradientPlan& plan,
                                                                  const Line* top,
                                                                  const Line* filters,
                                                                  ptrdiff_t group, ptrdiff_t block,
                                                                  float* gradient) {
    const Geometry& g = plan.g;
    const Grid& grid = plan.grid;
    const ptrdiff_t part = grid.lines();
    Line result[4 * SIDE];
    for (ptrdiff_t tile = 0; tile < grid.group_tiles(); tile += 2) {
        const ptrdiff_t other = least(tile + 1, grid.group_tiles() - 1);
        const ptrdiff_t start = grid.start(tile), distance = grid.start(other) - start;
        const Line* b = filters + block * plan.depth * plan.block_lines();
        Sums sums;
        sums.clear();
        for (ptrdiff_t deep = 0; deep < plan.depth; deep++) {
            const Line* a = top + deep * plan.parts * part + start;
            for (ptrdiff_t i = g.filter_rows - 1; i >= 0; i--)
                for (ptrdiff_t j = g.filter_columns - 1; j >= 0; j--, b += 2 * SIDE)
                    sums.add(a + grid.line(i, j), distance, part, plan.parts, b, SIDE);
        }
        sums.store(result);
        for (int half = 0; half < 2; half++)
            for (int n = 0; n < 2; n++)
                if ((half == 0 || other > tile) && (block * 2 + n) * SIDE < g.channels)
                    write_pixels(plan, result + (half * 2 + n) * SIDE, group, tile + half,
                                 (block * 2 + n) * SIDE, gradient);
    }
}

// `gradient` (batch, channels, rows, columns), C-contiguous, from `filters` of the values low and
// high and the outputs' gradient `top` in so many `parts`. Returns false where memory ran out.
static bool input_gradient(const Geometry& g, const Array4& filters, const Array4& top, float low,
                           float high, int parts, int threads, float* gradient) {
    const InputGradientPlan plan(g, parts);
    const Scratch packed(plan.filter_lines() * sizeof(Line), Scratch::UNSET);
    if (!packed.get<Line>()) return false;
    // Where images are few, the channels of a group are shared out; each share packs it again.
    const ptrdiff_t wanted = threads > 1 ? ceil_div(2 * threads, greatest(plan.grid.groups, 1)) : 1;
    const ptrdiff_t shares = greatest(1, least(plan.width, wanted));
    bool complete = true;
#pragma omp parallel num_threads(threads) reduction(&& : complete)
    {
        const Scratch top_lines(plan.top_lines() * sizeof(Line));
        const Scratch staged(plan.staged_words() * sizeof(uint32_t));
        complete = top_lines.get<Line>() && staged.get<uint32_t>();
        const Configured configured;
#pragma omp for schedule(dynamic)
        for (ptrdiff_t block = 0; block < plan.width * plan.depth; block++)
            if (complete)
                pack_filters(plan, filters, bits_of(low), bits_of(high), 0.5f * (low + high), block,
                             staged.get<uint32_t>(),
                             packed.get<Line>() + block * plan.block_lines());
#pragma omp for schedule(dynamic)
        for (ptrdiff_t item = 0; item < plan.grid.groups * shares; item++) {
            if (!complete) continue;
            const ptrdiff_t group = item / shares, share = item % shares;
            pack_top(plan, top, group, top_lines.get<Line>());
            for (ptrdiff_t block = plan.width * share / shares;
                 block < plan.width * (share + 1) / shares; block++)
                multiply_group(plan, top_lines.get<Line>(), packed.get<Line>(), group, block,
                               gradient);
        }
    }
    return complete;
}

}  // namespace tiles

#endif
