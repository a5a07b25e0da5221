#include <float.h>
#include <stddef.h>

#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD != 0
#error "floats have to be computed as floats: on 32-bit x86 compile with -msse2 -mfpmath=sse"
#endif

/* A sum s becomes ((s + bias) - mean) * scale + beta, each operation rounded to float. */
typedef struct {
    const float *bias, *mean, *scale, *beta;
} Affine;

/*
 * Arrays are [channel][row][column]. A window has `window` x `window` pixels: 3 for a convolution,
 * which is padded, else 1. Weights are [unit][channel][pixel of the window]: floats, or signs, bits
 * that are 1 for +1 and 0 for -1. 2 x 2 pooling takes the largest of four sums.
 */
typedef struct {
#if BINARY_WEIGHTS
    const uint8_t* weights;
#else
    const float* weights;
#endif
    Affine affine;
    int channels, rows, columns, units, window, pools;
} Layer;

/*@DATA@*/

/* Each step is stored, so that no compiler makes a multiply-add of two of them. */
static float normalise(const Affine* affine, int unit, float sum) {
    volatile float value = sum + affine->bias[unit];
    value = value - affine->mean[unit];
    value = value * affine->scale[unit];
    value = value + affine->beta[unit];
    return value;
}

#if LAYERS > 1
static float activate(float value) {
#if ACTIVATION_BINARY
    volatile float shifted = value + 1.0f;
    return shifted >= 1.0f ? 1.0f : ACTIVATION_LOW;
#elif ACTIVATION_HARD
    if (ACTIVATION_LOW < 0.0f) return value < -1.0f ? -1.0f : value > 1.0f ? 1.0f : value;
    value = (value + 1.0f) / 2.0f;
    return value < 0.0f ? 0.0f : value > 1.0f ? 1.0f : value;
#else
    return value < 0.0f ? 0.0f : value;
#endif
}
#endif

static float product(const Layer* layer, size_t number, float x) {
#if BINARY_WEIGHTS
    return layer->weights[number / 8] >> (number % 8) & 1 ? x : -x;
#else
    return layer->weights[number] * x;
#endif
}

/* The sum at a pixel, in the order channels, image rows, image columns. */
static float sum_at(const Layer* layer, const float* in, int unit, int row, int column) {
    const int reach = layer->window / 2;
    size_t number =
        (size_t)unit * (size_t)layer->channels * (size_t)(layer->window * layer->window);
    float sum = 0.0f;
    int channel, i, j;
    for (channel = 0; channel < layer->channels; ++channel) {
        for (i = row - reach; i <= row + reach; ++i)
            for (j = column - reach; j <= column + reach; ++j, ++number) {
                if (i < 0 || i >= layer->rows || j < 0 || j >= layer->columns) continue;
                sum += product(layer, number, in[(size_t)i * (size_t)layer->columns + (size_t)j]);
            }
        in += (size_t)layer->rows * (size_t)layer->columns;
    }
    return sum;
}

static float pooled_at(const Layer* layer, const float* in, int unit, int row, int column) {
    const int size = layer->pools ? 2 : 1;
    float most = sum_at(layer, in, unit, row * size, column * size);
    int i, j;
    for (i = 0; i < size; ++i)
        for (j = 0; j < size; ++j) {
            float sum;
            if (i + j == 0) continue;
            sum = sum_at(layer, in, unit, row * size + i, column * size + j);
            if (sum > most) most = sum;
        }
    return normalise(&layer->affine, unit, most);
}

static void compute_scores(const uint8_t* image, network_workspace* workspace, float* scores) {
    float* in = workspace->one;
    const Layer* last = &layers[LAYERS - 1];
    int number, unit;
    for (number = 0; number < NETWORK_INPUTS; ++number) in[number] = levels[image[number]];
#if LAYERS > 1
    {
        float* out = workspace->other;
        for (number = 0; number < LAYERS - 1; ++number) {
            const Layer* layer = &layers[number];
            const int rows = layer->rows / (layer->pools ? 2 : 1);
            const int columns = layer->columns / (layer->pools ? 2 : 1);
            float* target = out;
            int row, column;
            for (unit = 0; unit < layer->units; ++unit)
                for (row = 0; row < rows; ++row)
                    for (column = 0; column < columns; ++column)
                        *target++ = activate(pooled_at(layer, in, unit, row, column));
            target = in;
            in = out;
            out = target;
        }
    }
#endif
    for (unit = 0; unit < NETWORK_OUTPUTS; ++unit) scores[unit] = pooled_at(last, in, unit, 0, 0);
}
