// The gradients of a dense layer by products of tiles, its weights or its input having two values.
//
// A tile of `a` has sixteen rows of the outputs' gradient, in pairs of what is summed over; one of
// `b` has sixteen such pairs of the operand of two values, of each sixteen inputs. The values have
// to be bfloat16 numbers. Arrays are float32, C-contiguous.
#ifndef TILES_DENSE_GRADIENT_H
#define TILES_DENSE_GRADIENT_H

#include "common/dense.h"
#include "tiles/parts.h"
#include "tiles/sums.h"

namespace tiles {

using gradient_dense::DenseShape;

// Which of two values an element has is told by the side of their mean on which it lies.
struct TwoValues {
    uint32_t low, high;
    float middle;

    TwoValues(float low, float high)
        : low(bits_of(low)), high(bits_of(high)), middle(0.5f * (low + high)) {}
    uint32_t pair(float first, float second) const {
        return pair_of(first > middle ? high : low, second > middle ? high : low);
    }
};

static const ptrdiff_t BLOCK = 2 * SIDE;  // rows, columns and summands of two tiles

// Lines of `a` for a block of rows and one of summands: target[part][row].word[pair].
static inline ptrdiff_t top_lines(int parts) { return parts * BLOCK; }

// Rows are images, summands units.
TARGET_TILES static void pack_images(const DenseShape& shape, const float* top, int parts,
                                     ptrdiff_t image, ptrdiff_t unit, Line* target) {
    const ptrdiff_t units = least(BLOCK, shape.units - unit);
    for (ptrdiff_t row = 0; row < BLOCK; row++) {
        float halves[2][SIDE] = {{0}};
        Line pairs[MOST_PARTS];
        if (image + row < shape.batch) {
            const float* source = top + (image + row) * shape.units + unit;
            for (ptrdiff_t k = 0; k < units; k++) halves[k % 2][k / 2] = source[k];
        }
        split_pairs(halves[0], halves[1], parts, pairs);
        for (int p = 0; p < parts; p++) target[p * BLOCK + row] = pairs[p];
    }
}

// Rows are units, summands images.
TARGET_TILES static void pack_units(const DenseShape& shape, const float* top, int parts,
                                    ptrdiff_t unit, ptrdiff_t image, Line* target) {
    for (ptrdiff_t row = 0; row < BLOCK; row += SIDE) {
        const ptrdiff_t units = greatest(0, least(SIDE, shape.units - unit - row));
        Line pairs[MOST_PARTS][SIDE];
        for (ptrdiff_t pair = 0; pair < SIDE; pair++) {
            float halves[2][SIDE] = {{0}};
            Line parted[MOST_PARTS];
            for (int half = 0; half < 2; half++) {
                const ptrdiff_t n = image + 2 * pair + half;
                if (n < shape.batch && units > 0)
                    memcpy(halves[half], top + n * shape.units + unit + row, units * sizeof(float));
            }
            split_pairs(halves[0], halves[1], parts, parted);
            for (int p = 0; p < parts; p++) pairs[p][pair] = parted[p];
        }
        for (int p = 0; p < parts; p++) transpose(pairs[p], target + p * BLOCK + row, 1);
    }
}

// The pairs of so many adjoining elements, BLOCK at the most; what is missing counts as zeros,
// which nothing but zeros are multiplied with.
TARGET_TILES static inline void pack_pairs(const float* source, ptrdiff_t count,
                                           const TwoValues& values, Line* target) {
    float padded[BLOCK];
    if (count < BLOCK) {
        memset(padded, 0, sizeof padded);
        if (count > 0) memcpy(padded, source, count * sizeof(float));
        source = padded;
    }
    uint32_t bits[BLOCK];
    for (ptrdiff_t k = 0; k < BLOCK; k++)
        bits[k] = source[k] > values.middle ? values.high : values.low;
    for (ptrdiff_t k = 0; k < SIDE; k++) {
        uint64_t both;
        memcpy(&both, bits + 2 * k, sizeof both);
        target->word[k] = (uint32_t)(both >> 16 & 0xffff) | (uint32_t)(both >> 32);
    }
}

// target[block of units][half of the inputs][pair of units].word[input], of a block of inputs.
TARGET_TILES static void pack_weights(const DenseShape& shape, const float* weights,
                                      const TwoValues& values, ptrdiff_t input, Line* target) {
    const ptrdiff_t depth = ceil_div(shape.units, BLOCK);
    for (ptrdiff_t c = 0; c < BLOCK; c++) {
        const float* row = weights + least(input + c, shape.inputs - 1) * shape.units;
        for (ptrdiff_t k = 0; k < depth; k++)
            pack_pairs(row + k * BLOCK, shape.units - k * BLOCK, values, target + k * BLOCK + c);
    }
    for (ptrdiff_t k = 0; k < 2 * depth; k++) {
        Line inputs[SIDE];
        memcpy(inputs, target + k * SIDE, sizeof inputs);
        transpose(inputs, target + k * SIDE, 1);
    }
}

// target[block of images][half of the inputs][pair of images].word[input], of a block of inputs.
TARGET_TILES static void pack_inputs(const DenseShape& shape, const float* input,
                                     const TwoValues& values, ptrdiff_t first, Line* target) {
    const ptrdiff_t depth = ceil_div(shape.batch, BLOCK);
    memset(target, 0, depth * BLOCK * sizeof(Line));
    for (ptrdiff_t n = 0; n < shape.batch; n += 2)
        for (ptrdiff_t half = 0; half < BLOCK; half += SIDE) {
            const ptrdiff_t at = first + half, next = least(n + 1, shape.batch - 1);
            const float* source = input + n * shape.inputs + at;
            const float* other = input + next * shape.inputs + at;
            Line* line = target + n / BLOCK * BLOCK + half + n % BLOCK / 2;
            for (ptrdiff_t c = 0; c < least(SIDE, shape.inputs - at); c++)
                line->word[c] = values.pair(source[c], other[c]);
        }
}

// result[half of the rows][half of the inputs][row].word[input]: the sums of a block of rows and
// one of inputs over `depth` blocks. Not inlined, so that what is packed is written.
TARGET_TILES __attribute__((noinline)) static void multiply_block(const Line* a, const Line* b,
                                                                  int parts, ptrdiff_t depth,
                                                                  Line* result) {
    Sums sums;
    sums.clear();
    for (ptrdiff_t deep = 0; deep < depth; deep++)
        sums.add(a + deep * top_lines(parts), SIDE, BLOCK, parts, b + deep * BLOCK, SIDE);
    sums.store(result);
}

// target[row][column] of a tile, as far as there are rows and columns.
static inline void write_tile(const Line* tile, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t step,
                              float* target) {
    for (ptrdiff_t row = 0; row < least(SIDE, rows) && columns > 0; row++)
        memcpy(target + row * step, tile[row].word, least(SIDE, columns) * sizeof(float));
}

// gradient[image][input], from tiles whose rows are images.
TARGET_TILES static void write_images(const DenseShape& shape, const Line* tile, ptrdiff_t image,
                                      ptrdiff_t input, float* gradient) {
    write_tile(tile, shape.batch - image, shape.inputs - input, shape.inputs,
               gradient + image * shape.inputs + input);
}

// gradient[input][unit], from tiles whose rows are units.
TARGET_TILES static void write_units(const DenseShape& shape, const Line* tile, ptrdiff_t unit,
                                     ptrdiff_t input, float* gradient) {
    Line turned[SIDE];
    transpose(tile, turned, 1);
    write_tile(turned, shape.inputs - input, shape.units - unit, shape.units,
               gradient + input * shape.units + unit);
}

// All products of `rows` rows of the outputs' gradient with the inputs, over so many summands.
// `pack_a` and `pack_b` are given the first row or input and the first summand of a block, `write`
// a tile and its first row and input. Returns false where memory ran out.
template <typename PackA, typename PackB, typename Write>
static bool products(ptrdiff_t rows, ptrdiff_t summands, ptrdiff_t inputs, int parts, int threads,
                     PackA pack_a, PackB pack_b, Write write) {
    const ptrdiff_t depth = ceil_div(summands, BLOCK), high = ceil_div(rows, BLOCK);
    const Scratch packed(high * depth * top_lines(parts) * sizeof(Line), Scratch::UNSET);
    Line* const a = packed.get<Line>();
    if (!a) return false;
    bool complete = true;
#pragma omp parallel num_threads(threads) reduction(&& : complete)
    {
        const Scratch own(depth * BLOCK * sizeof(Line), Scratch::UNSET);
        Line* const b = own.get<Line>();
        complete = b != NULL;
        const Configured configured;
#pragma omp for schedule(static)
        for (ptrdiff_t k = 0; k < high * depth; k++)
            pack_a(k / depth * BLOCK, k % depth * BLOCK, a + k * top_lines(parts));
#pragma omp for schedule(dynamic)
        for (ptrdiff_t input = 0; input < inputs; input += BLOCK) {
            if (!complete) continue;
            pack_b(input, b);
            for (ptrdiff_t row = 0; row < high; row++) {
                Line result[4 * SIDE];
                multiply_block(a + row * depth * top_lines(parts), b, parts, depth, result);
                for (ptrdiff_t tile = 0; tile < 4; tile++)
                    write(result + tile * SIDE, row * BLOCK + tile / 2 * SIDE,
                          input + tile % 2 * SIDE);
            }
        }
    }
    return complete;
}

// `gradient` (batch, inputs) from the `weights` (inputs, units) of the values low and high and the
// outputs' gradient `top` (batch, units) in so many `parts`. Returns false where memory ran out.
static bool dense_input_gradient(const DenseShape& shape, const float* weights, const float* top,
                                 float low, float high, int parts, int threads, float* gradient) {
    const TwoValues values(low, high);
    return products(
        shape.batch, shape.units, shape.inputs, parts, threads,
        [&](ptrdiff_t image, ptrdiff_t unit, Line* target) {
            pack_images(shape, top, parts, image, unit, target);
        },
        [&](ptrdiff_t input, Line* target) { pack_weights(shape, weights, values, input, target); },
        [&](const Line* tile, ptrdiff_t image, ptrdiff_t input) {
            write_images(shape, tile, image, input, gradient);
        });
}

// `gradient` (inputs, units) from the layer's `input` (batch, inputs) of the values low and high
// and the outputs' gradient `top` (batch, units) in so many `parts`. Returns false where memory ran
// out.
static bool dense_weight_gradient(const DenseShape& shape, const float* input, const float* top,
                                  float low, float high, int parts, int threads, float* gradient) {
    const TwoValues values(low, high);
    return products(
        shape.units, shape.batch, shape.inputs, parts, threads,
        [&](ptrdiff_t unit, ptrdiff_t image, Line* target) {
            pack_units(shape, top, parts, unit, image, target);
        },
        [&](ptrdiff_t first, Line* target) { pack_inputs(shape, input, values, first, target); },
        [&](const Line* tile, ptrdiff_t unit, ptrdiff_t first) {
            write_units(shape, tile, unit, first, gradient);
        });
}

}  // namespace tiles

#endif
