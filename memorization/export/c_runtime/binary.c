#include <float.h>
#include <stddef.h>

#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD != 0
#error "floats have to be computed as floats: on 32-bit x86 compile with -msse2 -mfpmath=sse"
#endif

#define WORD_BITS 32
#define WORDS(bits) (((bits) + WORD_BITS - 1) / WORD_BITS)

/* A sum s becomes ((s + bias) - mean) * scale + beta, each operation rounded to float. */
typedef struct {
    const float *bias, *mean, *scale, *beta;
} Affine;

/*
 * A layer whose inputs are bits: pixels of `inputs` bits in `words` words, whose other bits are 0,
 * as are those of weights. A window has `window` x `window` pixels: 3 for a convolution, which is
 * padded, else 1. Weights are [unit][pixel of the window][word]. A unit is high where (sum >=
 * threshold) != flipped; behind 2 x 2 pooling, where the largest of four sums is.
 */
typedef struct {
    const uint32_t* weights;
    const int32_t* threshold;
    const uint32_t* flipped;
    int words, inputs, rows, columns, units, window, pools;
} BitLayer;

/*@DATA@*/

#if BIT_LAYERS >= 0
static int32_t count_ones(uint32_t word) {
#if defined(__GNUC__)
    return (int32_t)__builtin_popcount(word);
#else
    word -= (word >> 1) & 0x55555555u;
    word = (word & 0x33333333u) + ((word >> 2) & 0x33333333u);
    word = (word + (word >> 4)) & 0x0f0f0f0fu;
    return (int32_t)((uint32_t)(word * 0x01010101u) >> 24);
#endif
}

static int is_high(float value) {
    volatile float shifted = value + 1.0f;
    return shifted >= 1.0f;
}
#endif

/* Each step is stored, so that no compiler makes a multiply-add of two of them. */
static float normalise(const Affine* affine, int unit, float sum) {
    volatile float value = sum + affine->bias[unit];
    value = value - affine->mean[unit];
    value = value * affine->scale[unit];
    value = value + affine->beta[unit];
    return value;
}

static int bit(const uint32_t* words, size_t number) {
    return (int)(words[number / WORD_BITS] >> (number % WORD_BITS) & 1u);
}

/* The first layer's sum, in the order channels, image rows, image columns. */
static float first_sum(const uint8_t* image, int unit, int row, int column) {
#if FIRST_WINDOW == 3
    const uint32_t* weights = first_weights + (size_t)unit * WORDS(NETWORK_CHANNELS * 9);
    float sum = 0.0f;
    size_t number = 0;
    int channel, i, j;
    for (channel = 0; channel < NETWORK_CHANNELS; ++channel)
        for (i = row - 1; i <= row + 1; ++i)
            for (j = column - 1; j <= column + 1; ++j, ++number) {
                float x;
                if (i < 0 || i >= NETWORK_ROWS || j < 0 || j >= NETWORK_COLUMNS) continue;
                x = levels[image[((size_t)channel * NETWORK_ROWS + (size_t)i) * NETWORK_COLUMNS +
                                 (size_t)j]];
                sum += bit(weights, number) ? x : -x;
            }
    return sum;
#else
    const uint32_t* weights = first_weights + (size_t)unit * WORDS(NETWORK_INPUTS);
    float sum = 0.0f;
    size_t number;
    (void)row;
    (void)column;
    for (number = 0; number < NETWORK_INPUTS; ++number) {
        const float x = levels[image[number]];
        sum += bit(weights, number) ? x : -x;
    }
    return sum;
#endif
}

#if BIT_LAYERS >= 0
/* The first layer to bits, [pixel][word]. */
static void first_layer(const uint8_t* image, uint32_t* out) {
    const int rows = FIRST_WINDOW == 3 ? NETWORK_ROWS : 1;
    const int columns = FIRST_WINDOW == 3 ? NETWORK_COLUMNS : 1;
    int row, column, unit;
    for (row = 0; row < rows; ++row)
        for (column = 0; column < columns; ++column) {
            for (unit = 0; unit < FIRST_UNITS; ++unit) {
                const float sum = first_sum(image, unit, row, column);
                const uint32_t high = (uint32_t)is_high(normalise(&first_affine, unit, sum));
                if (unit % WORD_BITS == 0) out[unit / WORD_BITS] = 0;
                out[unit / WORD_BITS] |= high << (unit % WORD_BITS);
            }
            out += WORDS(FIRST_UNITS);
        }
}

/* Products of -1/+1 or 0/1 with -1/+1, of one pixel's words. */
static int32_t product(const uint32_t* x, const uint32_t* weights, size_t words) {
    int32_t found = 0;
    size_t word;
    for (word = 0; word < words; ++word) {
#if NETWORK_LOW == 0
        found += 2 * count_ones(x[word] & weights[word]) - count_ones(x[word]);
#else
        found -= 2 * count_ones(x[word] ^ weights[word]);
#endif
    }
    return found;
}

/* A layer's sum at a pixel. */
static int32_t sum_at(const BitLayer* layer, const uint32_t* in, int unit, int row, int column) {
    const size_t words = (size_t)layer->words;
    const int reach = layer->window / 2;
    const uint32_t* weights =
        layer->weights + (size_t)unit * (size_t)(layer->window * layer->window) * words;
    /* Of a pixel whose bits all agree; where they are 0/1, `product` counts from 0. */
    const int32_t agreed = NETWORK_LOW == 0 ? 0 : (int32_t)layer->inputs;
    int32_t sum = 0;
    int i, j;
    for (i = row - reach; i <= row + reach; ++i)
        for (j = column - reach; j <= column + reach; ++j, weights += words) {
            if (i < 0 || i >= layer->rows || j < 0 || j >= layer->columns) continue;
            sum += agreed + product(in + ((size_t)i * (size_t)layer->columns + (size_t)j) * words,
                                    weights, words);
        }
    return sum;
}
#endif

#if BIT_LAYERS > 0
static int unit_is_high(const BitLayer* layer, const uint32_t* in, int unit, int row, int column) {
    const int size = layer->pools ? 2 : 1;
    int reached = 0;
    int i, j;
    for (i = 0; i < size; ++i)
        for (j = 0; j < size && !reached; ++j)
            reached = sum_at(layer, in, unit, row * size + i, column * size + j) >=
                      layer->threshold[unit];
    return reached != bit(layer->flipped, (size_t)unit);
}

static void bit_layer(const BitLayer* layer, const uint32_t* in, uint32_t* out) {
    const int size = layer->pools ? 2 : 1;
    int row, column, unit;
    for (row = 0; row < layer->rows / size; ++row)
        for (column = 0; column < layer->columns / size; ++column) {
            for (unit = 0; unit < layer->units; ++unit) {
                const uint32_t high = (uint32_t)unit_is_high(layer, in, unit, row, column);
                if (unit % WORD_BITS == 0) out[unit / WORD_BITS] = 0;
                out[unit / WORD_BITS] |= high << (unit % WORD_BITS);
            }
            out += WORDS((size_t)layer->units);
        }
}
#endif

static void compute_scores(const uint8_t* image, network_workspace* workspace, float* scores) {
    int unit;
#if BIT_LAYERS >= 0
    uint32_t *in = workspace->one, *out = workspace->other;
    first_layer(image, in);
#if BIT_LAYERS > 0
    {
        int number;
        for (number = 0; number < BIT_LAYERS; ++number) {
            uint32_t* read = in;
            bit_layer(&bit_layers[number], in, out);
            in = out;
            out = read;
        }
    }
#endif
    (void)out;
    for (unit = 0; unit < NETWORK_OUTPUTS; ++unit)
        scores[unit] = normalise(&last_affine, unit, (float)sum_at(&last_layer, in, unit, 0, 0));
#else
    (void)workspace;
    for (unit = 0; unit < NETWORK_OUTPUTS; ++unit)
        scores[unit] = normalise(&first_affine, unit, first_sum(image, unit, 0, 0));
#endif
}
