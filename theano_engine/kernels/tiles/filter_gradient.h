// The gradient of a convolution's filters by products of tiles, its images having two values.
//
// A tile of `a` has sixteen filters, and of each, in every word, a pixel of the outputs' gradient
// in two images; one of `b` has sixteen such pixels of the images, of each sixteen channels. Needs
// strides of 1 and values that are bfloat16 numbers.
#ifndef TILES_FILTER_GRADIENT_H
#define TILES_FILTER_GRADIENT_H

#include "tiles/grid.h"
#include "tiles/parts.h"
#include "tiles/sums.h"

namespace tiles {

struct FilterGradientPlan {
    Geometry g;
    Grid grid;  // of pairs of images
    int parts;
    ptrdiff_t depth, width;  // of 32 filters; of 32 channels

    FilterGradientPlan(const Geometry& g, int parts)
        : g(g),
          grid(g.out_rows, g.out_columns, g, ceil_div(g.batch, 2)),
          parts(parts),
          depth(ceil_div(g.filters, 2 * SIDE)),
          width(ceil_div(g.channels, 2 * SIDE)) {}
    ptrdiff_t taps() const { return g.filter_rows * g.filter_columns; }
    ptrdiff_t tile_lines() const { return parts * 2 * SIDE; }  // of 32 filters
    ptrdiff_t top_lines() const { return grid.group_tiles() * tile_lines(); }
    ptrdiff_t image_lines() const { return grid.groups * width * 2 * grid.lines(); }
    ptrdiff_t sum_lines() const { return taps() * 4 * SIDE; }  // of 32 filters, 32 channels
};

// target[line of the grid].word[channel]: a group's pairs of images, sixteen channels.
TARGET_TILES static void pack_images(const FilterGradientPlan& plan, const Array4& images,
                                     uint32_t low, uint32_t high, float middle, ptrdiff_t group,
                                     ptrdiff_t channel, Line* target) {
    const Geometry& g = plan.g;
    const Grid& grid = plan.grid;
    memset(target, 0, grid.lines() * sizeof(Line));
    const ptrdiff_t last_row = least(g.rows, grid.rows - g.pad_rows);
    const ptrdiff_t last_column = least(g.columns, grid.columns - g.pad_columns);
    for (ptrdiff_t side = 0; side < grid.beside; side++)
        for (ptrdiff_t y = 0; y < last_row; y++)
            for (ptrdiff_t x = 0; x < last_column; x += SIDE) {
                const ptrdiff_t count = least(SIDE, last_column - x);
                Line pixels[SIDE];
                memset(pixels, 0, sizeof pixels);
                for (ptrdiff_t c = 0; c < least(SIDE, g.channels - channel); c++)
                    for (int half = 0; half < 2; half++) {
                        const ptrdiff_t image = (group * grid.beside + side) * 2 + half;
                        if (image >= g.batch) continue;
                        float values[SIDE];
                        load_floats(images.at(image, channel + c, y, x), images.stride[3], count,
                                    images.stride[2], values);
                        const uint32_t above = half ? high : high >> 16;
                        const uint32_t below = half ? low : low >> 16;
                        for (ptrdiff_t k = 0; k < SIDE; k++)
                            pixels[c].word[k] |= values[k] > middle ? above : below;
                        for (ptrdiff_t k = count; k < SIDE; k++) pixels[c].word[k] = 0;
                    }
                transpose(pixels, target + grid.line(y + g.pad_rows, x + g.pad_columns) + side,
                          grid.beside);
            }
}

// target[tile][part][half of the filters][filter].word[pixel] of a group, 32 filters.
TARGET_TILES static void pack_top(const FilterGradientPlan& plan, const Array4& top,
                                  ptrdiff_t group, ptrdiff_t filter, Line* target) {
    const Geometry& g = plan.g;
    const Grid& grid = plan.grid;
    for (ptrdiff_t tile = 0; tile < grid.group_tiles(); tile++, target += plan.tile_lines()) {
        const ptrdiff_t y = tile / grid.row_tiles;
        const ptrdiff_t x = tile % grid.row_tiles * SIDE / grid.beside;
        const ptrdiff_t columns = least(SIDE / grid.beside, g.out_columns - x);
        for (ptrdiff_t f = 0; f < 2 * SIDE; f++) {
            float values[2][SIDE];
            Line parts[MOST_PARTS];
            memset(values, 0, sizeof values);
            for (ptrdiff_t side = 0; side < grid.beside; side++)
                for (int half = 0; half < 2; half++) {
                    const ptrdiff_t image = (group * grid.beside + side) * 2 + half;
                    if (image >= g.batch || filter + f >= g.filters) continue;
                    const float* source = top.at(image, filter + f, y, x);
                    if (grid.beside == 1)
                        load_floats(source, top.stride[3], columns, top.stride[2], values[half]);
                    else
                        for (ptrdiff_t k = 0; k < columns; k++)
                            values[half][k * grid.beside + side] = source[k * top.stride[3]];
                }
            split_pairs(values[0], values[1], plan.parts, parts);
            for (int p = 0; p < plan.parts; p++) target[p * 2 * SIDE + f] = parts[p];
        }
    }
}

// Adds a group's products to the sums of 32 filters and 32 channels, sums[tap][half of the
// filters][half of the channels][filter].word[channel]. Not inlined, so that what is packed is
// written.
TARGET_TILES __attribute__((noinline)) static void add_group(const FilterGradientPlan& plan,
                                                             const Line* top, const Line* images,
                                                             Line* totals) {
    // The lines of `a` that all taps multiply stay in the first cache.
    const ptrdiff_t at_once = 4;
    const Geometry& g = plan.g;
    const Grid& grid = plan.grid;
    for (ptrdiff_t first = 0; first < grid.group_tiles(); first += at_once) {
        const ptrdiff_t count = least(at_once, grid.group_tiles() - first);
        const Line *a[at_once], *b[at_once];
        for (ptrdiff_t k = 0; k < count; k++) {
            a[k] = top + (first + k) * plan.tile_lines();
            b[k] = images + grid.start(first + k);
        }
        Line* total = totals;
        for (ptrdiff_t i = 0; i < g.filter_rows; i++)
            for (ptrdiff_t j = 0; j < g.filter_columns; j++, total += 4 * SIDE) {
                Sums sums;
                sums.load(total);
                for (ptrdiff_t k = 0; k < count; k++)
                    sums.add(a[k], SIDE, 2 * SIDE, plan.parts, b[k] + grid.line(i, j),
                             grid.lines());
                sums.store(total);
            }
    }
}

static void write_filters(const FilterGradientPlan& plan, const Line* totals, ptrdiff_t filter,
                          ptrdiff_t channel, float* gradient) {
    const Geometry& g = plan.g;
    const ptrdiff_t taps = plan.taps();
    for (ptrdiff_t f = 0; f < least(2 * SIDE, g.filters - filter); f++)
        for (ptrdiff_t c = 0; c < least(2 * SIDE, g.channels - channel); c++) {
            const Line* line = totals + (f / SIDE * 2 + c / SIDE) * SIDE + f % SIDE;
            float* target = gradient + ((filter + f) * g.channels + channel + c) * taps;
            for (ptrdiff_t tap = 0; tap < taps; tap++)
                target[g.flip ? taps - 1 - tap : tap] =
                    float_of(line[tap * 4 * SIDE].word[c % SIDE]);
        }
}

// `gradient` (filters, channels, filter_rows, filter_columns), C-contiguous, from `images` of the
// values low and high and the outputs' gradient `top` in so many `parts`. Returns false where
// memory ran out.
static bool filter_gradient(const Geometry& g, const Array4& images, const Array4& top, float low,
                            float high, int parts, int threads, float* gradient) {
    const FilterGradientPlan plan(g, parts);
    const Grid& grid = plan.grid;
    const Scratch packed(plan.image_lines() * sizeof(Line), Scratch::UNSET);
    if (!packed.get<Line>()) return false;
    // Where filters are few, the channels are shared out; each share packs their gradient again.
    const ptrdiff_t wanted = threads > 1 ? ceil_div(2 * threads, greatest(plan.depth, 1)) : 1;
    const ptrdiff_t shares = greatest(1, least(plan.width, wanted));
    const ptrdiff_t most = ceil_div(plan.width, shares);
    bool complete = true;
#pragma omp parallel num_threads(threads) reduction(&& : complete)
    {
        const Scratch top_lines(plan.top_lines() * sizeof(Line), Scratch::UNSET);
        const Scratch sums(most * plan.sum_lines() * sizeof(Line), Scratch::UNSET);
        complete = top_lines.get<Line>() && sums.get<Line>();
        const Configured configured;
#pragma omp for schedule(dynamic)
        for (ptrdiff_t unit = 0; unit < grid.groups * plan.width * 2; unit++)
            if (complete)
                pack_images(plan, images, bits_of(low), bits_of(high), 0.5f * (low + high),
                            unit / (plan.width * 2), unit % (plan.width * 2) * SIDE,
                            packed.get<Line>() + unit * grid.lines());
#pragma omp for schedule(dynamic)
        for (ptrdiff_t item = 0; item < plan.depth * shares; item++) {
            if (!complete) continue;
            const ptrdiff_t filter = item / shares * 2 * SIDE, share = item % shares;
            const ptrdiff_t first = plan.width * share / shares;
            const ptrdiff_t last = plan.width * (share + 1) / shares;
            memset(sums.get<Line>(), 0, (last - first) * plan.sum_lines() * sizeof(Line));
            for (ptrdiff_t group = 0; group < grid.groups; group++) {
                pack_top(plan, top, group, filter, top_lines.get<Line>());
                for (ptrdiff_t block = first; block < last; block++)
                    add_group(plan, top_lines.get<Line>(),
                              packed.get<Line>() + (group * plan.width + block) * 2 * grid.lines(),
                              sums.get<Line>() + (block - first) * plan.sum_lines());
            }
            for (ptrdiff_t block = first; block < last; block++)
                write_filters(plan, sums.get<Line>() + (block - first) * plan.sum_lines(), filter,
                              block * 2 * SIDE, gradient);
        }
    }
    return complete;
}

}  // namespace tiles

#endif
