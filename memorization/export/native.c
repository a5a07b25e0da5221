/*
 * Scores of a packed network, by whole vectors of units; compiled by native.py for the processor at
 * hand, with GCC or Clang, -ffp-contract=off and -fopenmp.
 *
 * Units come in blocks of 16, the last filled up. Activations are bits in words of 64,
 * [row][column] [word], around which a convolution's input has a border of zero bits. What a border
 * adds to a sum where bits are -1/+1 is taken off again, since padding is 0.
 */
#include <stdint.h>
#include <string.h>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

#define BLOCK 16
#define BLOCKS_OF_A_WORD 4
/* Pixels computed together, which share the loads of weights: those of a pool, or of a row. */
#define TOGETHER 4

typedef uint64_t Words __attribute__((vector_size(64)));
typedef int64_t Sums __attribute__((vector_size(64)));
typedef float Floats __attribute__((vector_size(64)));

/*
 * weights: [block][pixel of the window][word][unit of the block] uint64. threshold: [block][unit]
 * int64, beyond every sum for units that fill a block up. flipped: [block] uint16. outside:
 * [block][pixel of the window][unit] int64, what a pixel of zero bits adds. rows, columns: of the
 * input, without border. `affine` is NULL but in the last layer.
 */
typedef struct {
    const uint64_t* weights;
    const int64_t* threshold;
    const uint16_t* flipped;
    const int64_t* outside;
    const float* affine;
    int64_t blocks, words, inputs, rows, columns, convolutional, pools, next_border;
} BitLayer;

/*
 * weights: [block][term][unit] float, -1 and +1. offsets: [term], from a sum's first pixel on in an
 * image with its border. affine: bias, mean, scale, beta, [block][4][unit].
 */
typedef struct {
    const float* weights;
    const int64_t* offsets;
    const float* affine;
    int64_t blocks, terms, channels, rows, columns, convolutional, pools, next_border;
} FirstLayer;

/* low: -1 or 0. layers: `count` of them, behind the first; the last gives the scores. */
typedef struct {
    FirstLayer first;
    const BitLayer* layers;
    int64_t count, low, outputs;
} Network;

static inline Words ones(Words x) {
#ifdef __AVX512VPOPCNTDQ__
    return (Words)_mm512_popcnt_epi64((__m512i)x);
#else
    const Words pairs = (Words){0} + UINT64_C(0x5555555555555555);
    const Words fours = (Words){0} + UINT64_C(0x3333333333333333);
    const Words bytes = (Words){0} + UINT64_C(0x0f0f0f0f0f0f0f0f);
    x -= (x >> 1) & pairs;
    x = (x & fours) + ((x >> 2) & fours);
    x = (x + (x >> 4)) & bytes;
    x += x >> 8;
    x += x >> 16;
    return (x + (x >> 32)) & 0x7f;
#endif
}

/* Bit i is whether lane i is set; lanes are 0 or -1. */
static inline uint32_t bits_of_sums(Sums lanes) {
#ifdef __AVX512DQ__
    return _mm512_movepi64_mask((__m512i)lanes);
#else
    uint32_t bits = 0;
    for (int i = 0; i < 8; ++i) bits |= (uint32_t)(lanes[i] & 1) << i;
    return bits;
#endif
}

static inline uint32_t high_bits(Floats value) {
#ifdef __AVX512F__
    const __m512 one = _mm512_set1_ps(1.0f);
    return _mm512_cmp_ps_mask(_mm512_add_ps((__m512)value, one), one, _CMP_GE_OQ);
#else
    uint32_t bits = 0;
    for (int i = 0; i < BLOCK; ++i) bits |= (uint32_t)(value[i] + 1.0f >= 1.0f) << i;
    return bits;
#endif
}

static inline Floats larger(Floats a, Floats b) {
    for (int i = 0; i < BLOCK; ++i) a[i] = b[i] > a[i] ? b[i] : a[i];
    return a;
}

/* parameters: bias, mean, scale, beta, of a block each. */
static inline Floats normalise(Floats sum, const float* parameters) {
    Floats part[4];
    memcpy(part, parameters, sizeof part);
    return ((sum + part[0]) - part[1]) * part[2] + part[3];
}

/* The sums of a block at `count` pixels of an image; a constant wherever this is inlined. */
static inline __attribute__((always_inline)) void first_sums(const FirstLayer* layer, int64_t block,
                                                             const float* const* pixels, int count,
                                                             Floats* sums) {
    const float* weights = layer->weights + block * layer->terms * BLOCK;
    for (int p = 0; p < count; ++p) sums[p] = (Floats){0};
    for (int64_t term = 0; term < layer->terms; ++term) {
        Floats weight;
        memcpy(&weight, weights + term * BLOCK, sizeof weight);
        /* The product is exact, so that it does not matter whether it is rounded. */
        for (int p = 0; p < count; ++p) sums[p] += pixels[p][layer->offsets[term]] * weight;
    }
}

static inline __attribute__((always_inline)) void bit_sums(const Network* network,
                                                           const BitLayer* layer, int64_t block,
                                                           const uint64_t* const* pixels, int count,
                                                           Sums (*sums)[2]) {
    const int64_t window = layer->convolutional ? 3 : 1;
    const int64_t stride = (layer->columns + 2) * layer->words;
    const int64_t length = window * layer->words;
    const uint64_t* weights = layer->weights + block * window * length * BLOCK;
    const int64_t all = layer->inputs * window * window;
    Words counted[TOGETHER][2], seen[TOGETHER];
    for (int p = 0; p < count; ++p) {
        counted[p][0] = counted[p][1] = (Words){0};
        seen[p] = (Words){0};
    }
    for (int64_t i = 0; i < window; ++i)
        for (int64_t word = i * stride; word < i * stride + length; ++word, weights += BLOCK) {
            Words weight[2];
            memcpy(weight, weights, sizeof weight);
            for (int p = 0; p < count; ++p) {
                const Words x = (Words){0} + pixels[p][word];
                if (network->low) {
                    counted[p][0] += ones(x ^ weight[0]);
                    counted[p][1] += ones(x ^ weight[1]);
                } else {
                    counted[p][0] += ones(x & weight[0]);
                    counted[p][1] += ones(x & weight[1]);
                    seen[p] += ones(x);
                }
            }
        }
    for (int p = 0; p < count; ++p)
        for (int half = 0; half < 2; ++half)
            sums[p][half] = network->low ? all - 2 * (Sums)counted[p][half]
                                         : 2 * (Sums)counted[p][half] - (Sums)seen[p];
}

/* What the border has added to the sums of a block at a pixel. */
static void take_off_border(const BitLayer* layer, int64_t block, int64_t row, int64_t column,
                            Sums* sums) {
    if (row > 0 && row < layer->rows - 1 && column > 0 && column < layer->columns - 1) return;
    for (int64_t i = 0; i < 3; ++i)
        for (int64_t j = 0; j < 3; ++j) {
            const int64_t y = row + i - 1, x = column + j - 1;
            Sums outside[2];
            if (y >= 0 && y < layer->rows && x >= 0 && x < layer->columns) continue;
            memcpy(outside, layer->outside + (block * 9 + i * 3 + j) * BLOCK, sizeof outside);
            sums[0] -= outside[0];
            sums[1] -= outside[1];
        }
}

/* Where the next pixels to compute together are; returns how many are computed. */
static int place(int pools, int64_t row, int64_t column, int64_t columns, int64_t* rows,
                 int64_t* found) {
    const int64_t left = columns - column;
    for (int p = 0; p < TOGETHER; ++p) {
        rows[p] = pools ? 2 * row + p / 2 : row;
        /* At the end of a row the last pixel, again and again. */
        found[p] = pools ? 2 * column + p % 2 : column + (p < left ? p : left - 1);
    }
    return pools || left > 1 ? TOGETHER : 1;
}

/* A row and 64 units of the first layer's bits; of a sole layer, its scores. */
static void first_item(const Network* network, const float* image, int64_t row, int64_t item,
                       uint64_t* out, float* scores) {
    const FirstLayer* layer = &network->first;
    const int64_t border = layer->convolutional;
    const int64_t columns = layer->pools ? layer->columns / 2 : layer->columns;
    const int64_t out_words = (layer->blocks + BLOCKS_OF_A_WORD - 1) / BLOCKS_OF_A_WORD;
    const int64_t step = layer->pools ? 1 : TOGETHER;
    const int64_t end = (item + 1) * BLOCKS_OF_A_WORD;
    for (int64_t column = 0; column < columns; column += step) {
        int64_t ys[TOGETHER], xs[TOGETHER];
        const float* pixels[TOGETHER];
        uint64_t found[TOGETHER] = {0};
        const int count = place((int)layer->pools, row, column, columns, ys, xs);
        for (int p = 0; p < TOGETHER; ++p)
            pixels[p] = image + ys[p] * (layer->columns + 2 * border) + xs[p];
        for (int64_t block = item * BLOCKS_OF_A_WORD; block < end && block < layer->blocks;
             ++block) {
            const float* affine = layer->affine + block * 4 * BLOCK;
            const int shift = (int)(block % BLOCKS_OF_A_WORD) * BLOCK;
            Floats sums[TOGETHER];
            if (count == 1)
                first_sums(layer, block, pixels, 1, sums);
            else
                first_sums(layer, block, pixels, TOGETHER, sums);
            if (layer->pools) sums[0] = larger(larger(sums[0], sums[1]), larger(sums[2], sums[3]));
            for (int p = 0; p < (layer->pools ? 1 : count); ++p) {
                const Floats value = normalise(sums[p], affine);
                if (scores)
                    memcpy(scores + block * BLOCK, &value, sizeof value);
                else
                    found[p] |= (uint64_t)high_bits(value) << shift;
            }
        }
        for (int64_t p = 0; !scores && p < step && column + p < columns; ++p) {
            const int64_t next = layer->next_border;
            out[((row + next) * (columns + 2 * next) + column + p + next) * out_words + item] =
                found[p];
        }
    }
}

/* The same of a layer behind it. */
static void bit_item(const Network* network, const BitLayer* layer, const uint64_t* in, int64_t row,
                     int64_t item, uint64_t* out, float* scores) {
    const int64_t border = layer->convolutional;
    const int64_t columns = layer->pools ? layer->columns / 2 : layer->columns;
    const int64_t out_words = (layer->blocks + BLOCKS_OF_A_WORD - 1) / BLOCKS_OF_A_WORD;
    const int64_t step = layer->pools ? 1 : TOGETHER;
    const int64_t end = (item + 1) * BLOCKS_OF_A_WORD;
    for (int64_t column = 0; column < columns; column += step) {
        int64_t ys[TOGETHER], xs[TOGETHER];
        const uint64_t* pixels[TOGETHER];
        uint64_t found[TOGETHER] = {0};
        const int count = place((int)layer->pools, row, column, columns, ys, xs);
        for (int p = 0; p < TOGETHER; ++p)
            pixels[p] = in + (ys[p] * (layer->columns + 2 * border) + xs[p]) * layer->words;
        for (int64_t block = item * BLOCKS_OF_A_WORD; block < end && block < layer->blocks;
             ++block) {
            const int shift = (int)(block % BLOCKS_OF_A_WORD) * BLOCK;
            Sums sums[TOGETHER][2], threshold[2];
            if (count == 1)
                bit_sums(network, layer, block, pixels, 1, sums);
            else
                bit_sums(network, layer, block, pixels, TOGETHER, sums);
            if (scores) {
                Floats exact;
                for (int i = 0; i < BLOCK; ++i) exact[i] = (float)sums[0][i / 8][i % 8];
                exact = normalise(exact, layer->affine + block * 4 * BLOCK);
                memcpy(scores + block * BLOCK, &exact, sizeof exact);
                continue;
            }
            memcpy(threshold, layer->threshold + block * BLOCK, sizeof threshold);
            for (int p = 0; p < count; ++p) {
                uint32_t high;
                if (layer->outside) take_off_border(layer, block, ys[p], xs[p], sums[p]);
                high = bits_of_sums(sums[p][0] >= threshold[0]) |
                       bits_of_sums(sums[p][1] >= threshold[1]) << 8;
                /* The largest of four sums reaches what any of them reaches. */
                if (layer->pools && p > 0) high |= (uint32_t)(found[0] >> shift) & 0xffff;
                found[layer->pools ? 0 : p] &= ~((uint64_t)0xffff << shift);
                found[layer->pools ? 0 : p] |= (uint64_t)high << shift;
            }
            for (int p = 0; p < (layer->pools ? 1 : count); ++p)
                found[p] ^= (uint64_t)layer->flipped[block] << shift;
        }
        for (int64_t p = 0; !scores && p < step && column + p < columns; ++p) {
            const int64_t next = layer->next_border;
            out[((row + next) * (columns + 2 * next) + column + p + next) * out_words + item] =
                found[p];
        }
    }
}

/* `scores` has whole blocks; `image` its border. The two buffers are zero wherever none writes. */
static void compute(const Network* network, const float* image, uint64_t* const* buffers,
                    int threads, float* scores) {
    const FirstLayer* first = &network->first;
    const int64_t first_words = (first->blocks + BLOCKS_OF_A_WORD - 1) / BLOCKS_OF_A_WORD;
    const int64_t first_rows = first->pools ? first->rows / 2 : first->rows;
    (void)threads;
#pragma omp parallel for num_threads(threads) if (threads > 1)
    for (int64_t item = 0; item < first_rows * first_words; ++item)
        first_item(network, image, item % first_rows, item / first_rows, buffers[0],
                   network->count ? NULL : scores);
    for (int64_t number = 0; number < network->count; ++number) {
        const BitLayer* layer = &network->layers[number];
        const int64_t words = (layer->blocks + BLOCKS_OF_A_WORD - 1) / BLOCKS_OF_A_WORD;
        const int64_t rows = layer->pools ? layer->rows / 2 : layer->rows;
#pragma omp parallel for num_threads(threads) if (threads > 1)
        for (int64_t item = 0; item < rows * words; ++item)
            bit_item(network, layer, buffers[number], item % rows, item / rows, buffers[number + 1],
                     number + 1 == network->count ? scores : NULL);
    }
}

/*
 * images: [image][number] float with borders, of `numbers` each. scratch: [thread][layer] zeroed
 * buffers for activations. scores: [image][block][unit].
 */
void packed_scores(const Network* network, int64_t count, const float* images, int64_t numbers,
                   uint64_t* const* scratch, int threads, int64_t row_of_scores, float* scores) {
    const int64_t buffers = network->count + 1;
    if (count == 1) {
        compute(network, images, scratch, threads, scores);
        return;
    }
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
    for (int thread = 0; thread < threads; ++thread)
        for (int64_t image = thread; image < count; image += threads)
            compute(network, images + image * numbers, scratch + thread * buffers, 1,
                    scores + image * row_of_scores);
}
