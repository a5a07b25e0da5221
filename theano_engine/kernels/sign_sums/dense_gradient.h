// The gradients of a dense layer, its weights or its input having two values.
//
// The lanes of a register are the layer's inputs. For the gradient of the input a table sums GROUP
// units of one image, for that of the weights GROUP images of one unit.
#ifndef SIGN_SUMS_DENSE_GRADIENT_H
#define SIGN_SUMS_DENSE_GRADIENT_H

#include "common/dense.h"
#include "common/transpose.h"
#include "sign_sums/geometry.h"

namespace gradient_dense {

using namespace gradient_conv;

const ptrdiff_t BLOCK = MOST_VECTORS * LANES;  // inputs that are summed for at once
const ptrdiff_t IMAGE_TILES = 16;              // of TILE images, whose tables are held at once
const ptrdiff_t UNITS = 64;                    // whose tables are held at once

// How so many summands are grouped.
struct SumPlan {
    ptrdiff_t summands, table, groups, words;

    SumPlan(ptrdiff_t count, float low, float high)
        : summands(count),
          table(table_floats(low, high)),
          groups(ceil_div(count, GROUP)),
          words(ceil_div(count, WORD_BITS)) {}
    ptrdiff_t tile_floats() const { return groups * TILE * table; }
    ptrdiff_t block_words() const { return words * BLOCK; }
};

// tables[group][owner] of TILE owners; `value(owner, summand)` is told where there are so many.
template <typename Value>
TARGET_SIGN_SUMS static void fill_tile(const SumPlan& plan, const Patterns& patterns,
                                       ptrdiff_t owners, Value value, float* tables) {
    for (ptrdiff_t first = 0; first < plan.summands; first += GROUP)
        for (ptrdiff_t t = 0; t < TILE; t++, tables += plan.table) {
            float values[GROUP];
            for (int b = 0; b < GROUP; b++)
                values[b] = t < owners && first + b < plan.summands ? value(t, first + b) : 0.0f;
            store_table(patterns, values, tables);
        }
}

// target[owner][input]: the sums of TILE owners and of a block of inputs.
TARGET_SIGN_SUMS __attribute__((noinline)) static void sum_tile(const SumPlan& plan,
                                                                const uint32_t* indices,
                                                                const float* tables,
                                                                float* target) {
    Sums<MOST_VECTORS> sums;
    sums.clear((int)plan.table);
    for (ptrdiff_t word = 0; word < plan.words; word++)
        sums.add(indices + word * BLOCK, tables + word * WORD_GROUPS * TILE * plan.table,
                 plan.table, TILE * plan.table,
                 (int)least(WORD_GROUPS, plan.groups - word * WORD_GROUPS));
#pragma GCC unroll 4
    for (int v = 0; v < MOST_VECTORS; v++)
#pragma GCC unroll 4
        for (int t = 0; t < TILE; t++) sums.store(v, t, target + t * BLOCK + v * LANES);
}

// indices[word][input] of a block: bit b of word w is set where the weight of unit WORD_BITS w + b
// exceeds `middle`.
TARGET_SIGN_SUMS static void pack_weights(const DenseShape& shape, const SumPlan& plan,
                                          const float* weights, float middle, ptrdiff_t block,
                                          uint32_t* indices) {
    memset(indices, 0, plan.block_words() * sizeof *indices);
    for (ptrdiff_t input = 0; input < least(BLOCK, shape.inputs - block); input++) {
        const float* row = weights + (block + input) * shape.units;
        for (ptrdiff_t word = 0; word < plan.words; word++)
            indices[word * BLOCK + input] = word_of(
                row + word * WORD_BITS, least(WORD_BITS, shape.units - word * WORD_BITS), middle);
    }
    prepare_words(indices, plan.block_words());
}

// The same of images WORD_BITS w + b of the layer's input.
TARGET_SIGN_SUMS static void pack_inputs(const DenseShape& shape, const SumPlan& plan,
                                         const float* input, float middle, ptrdiff_t block,
                                         uint32_t* indices) {
    memset(indices, 0, plan.block_words() * sizeof *indices);
    for (ptrdiff_t image = 0; image < shape.batch; image++)
        set_bits(input + image * shape.inputs + block, least(BLOCK, shape.inputs - block), middle,
                 1u << image % WORD_BITS, indices + image / WORD_BITS * BLOCK);
    prepare_words(indices, plan.block_words());
}

// `gradient` (batch, inputs) from the `weights` of the values low and high and the outputs'
// gradient `top`. Returns false where memory ran out.
static bool dense_input_gradient(const DenseShape& shape, const float* weights, const float* top,
                                 float low, float high, int threads, float* gradient) {
    const SumPlan plan(shape.units, low, high);
    const ptrdiff_t blocks = ceil_div(shape.inputs, BLOCK), tiles = ceil_div(shape.batch, TILE);
    const Scratch indices(blocks * plan.block_words() * sizeof(uint32_t), Scratch::UNSET);
    const Scratch tables(least(tiles, IMAGE_TILES) * plan.tile_floats() * sizeof(float),
                         Scratch::UNSET);
    if (!indices.get<uint32_t>() || !tables.get<float>()) return false;
    bool complete = true;
#pragma omp parallel num_threads(threads) reduction(&& : complete)
    {
        const Scratch sums(TILE * BLOCK * sizeof(float), Scratch::UNSET);
        const Patterns patterns = make_patterns(low, high);
        complete = sums.get<float>() != NULL;
#pragma omp for schedule(static)
        for (ptrdiff_t block = 0; block < blocks; block++)
            pack_weights(shape, plan, weights, 0.5f * (low + high), block * BLOCK,
                         indices.get<uint32_t>() + block * plan.block_words());
        for (ptrdiff_t first = 0; first < tiles; first += IMAGE_TILES) {
            const ptrdiff_t held = least(IMAGE_TILES, tiles - first);
#pragma omp for schedule(static)
            for (ptrdiff_t k = 0; k < held; k++) {
                const float* rows = top + (first + k) * TILE * shape.units;
                fill_tile(
                    plan, patterns, shape.batch - (first + k) * TILE,
                    [&](ptrdiff_t image, ptrdiff_t unit) {
                        return rows[image * shape.units + unit];
                    },
                    tables.get<float>() + k * plan.tile_floats());
            }
#pragma omp for schedule(static)
            for (ptrdiff_t part = 0; part < held * blocks; part++) {
                if (!complete) continue;
                const ptrdiff_t k = part / blocks, block = part % blocks;
                const ptrdiff_t image = (first + k) * TILE, input = block * BLOCK;
                sum_tile(plan, indices.get<uint32_t>() + block * plan.block_words(),
                         tables.get<float>() + k * plan.tile_floats(), sums.get<float>());
                for (ptrdiff_t t = 0; t < least(TILE, shape.batch - image); t++)
                    memcpy(gradient + (image + t) * shape.inputs + input,
                           sums.get<float>() + t * BLOCK,
                           least(BLOCK, shape.inputs - input) * sizeof(float));
            }
        }
    }
    return complete;
}

// The gradient of so many units' weights, from `unit` on.
TARGET_SIGN_SUMS static void weight_columns(const DenseShape& shape, const SumPlan& plan,
                                            const Patterns& patterns, const uint32_t* indices,
                                            const float* top, ptrdiff_t unit, ptrdiff_t units,
                                            float* tables, float* sums, float* gradient) {
    for (ptrdiff_t k = 0; k < units; k += TILE) {
        const float* columns = top + unit + k;
        fill_tile(
            plan, patterns, units - k,
            [&](ptrdiff_t t, ptrdiff_t image) { return columns[image * shape.units + t]; },
            tables + k / TILE * plan.tile_floats());
    }
    for (ptrdiff_t input = 0; input < shape.inputs; input += BLOCK) {
        for (ptrdiff_t k = 0; k < units; k += TILE)
            sum_tile(plan, indices + input / BLOCK * plan.block_words(),
                     tables + k / TILE * plan.tile_floats(), sums + k * BLOCK);
        transposing::transpose_any(sums, BLOCK, units, least(BLOCK, shape.inputs - input),
                                   gradient + input * shape.units + unit, shape.units);
    }
}

// `gradient` (inputs, units) from the layer's `input` of the values low and high and the outputs'
// gradient `top`. Returns false where memory ran out.
static bool dense_weight_gradient(const DenseShape& shape, const float* input, const float* top,
                                  float low, float high, int threads, float* gradient) {
    const SumPlan plan(shape.batch, low, high);
    const ptrdiff_t blocks = ceil_div(shape.inputs, BLOCK);
    const Scratch indices(blocks * plan.block_words() * sizeof(uint32_t), Scratch::UNSET);
    if (!indices.get<uint32_t>()) return false;
    bool complete = true;
#pragma omp parallel num_threads(threads) reduction(&& : complete)
    {
        const Scratch tables(UNITS / TILE * plan.tile_floats() * sizeof(float), Scratch::UNSET);
        const Scratch sums(UNITS * BLOCK * sizeof(float), Scratch::UNSET);
        const Patterns patterns = make_patterns(low, high);
        complete = tables.get<float>() && sums.get<float>();
#pragma omp for schedule(static)
        for (ptrdiff_t block = 0; block < blocks; block++)
            pack_inputs(shape, plan, input, 0.5f * (low + high), block * BLOCK,
                        indices.get<uint32_t>() + block * plan.block_words());
#pragma omp for schedule(dynamic)
        for (ptrdiff_t unit = 0; unit < shape.units; unit += UNITS)
            if (complete)
                weight_columns(shape, plan, patterns, indices.get<uint32_t>(), top, unit,
                               least(UNITS, shape.units - unit), tables.get<float>(),
                               sums.get<float>(), gradient);
    }
    return complete;
}

}  // namespace gradient_dense

#endif
