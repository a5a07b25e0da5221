// Training-time batch normalisation and its gradient, optionally through a binary activation.
//
// Arrays are float32, C-contiguous (batch, channels, rows, columns, ...); statistics are over all
// axes but the second. A channel is read from memory once and stays in cache for the passes over
// it.
//
// Elements are rounded in the order in which Theano's own compiled graph rounds them, sums are
// taken in double precision as there. That matters: the gradient of a bias under batch norm is zero
// but for the systematic part of these roundings, and Adam turns it into steps of full size. It
// also lets the gradient find the same normalised values again that the forward pass had (compile
// with -ffp-contract=off).
#ifndef BATCH_NORM_H
#define BATCH_NORM_H

#include <math.h>
#include <stddef.h>

#include "common/instruction_set.h"

namespace batch_norm {

// What follows normalisation: nothing, 2 * round(clip((y + 1) / 2, 0, 1)) - 1, or without the
// outer scaling.
enum Activation { NONE = 0, BINARY_TANH = 1, BINARY_SIGMOID = 2 };

struct Shape {
    ptrdiff_t batch, channels, pixels;
    int averaged;    // axes that statistics are taken over: the batch and those of the pixels
    float sizes[8];  // their sizes, first axis first

    ptrdiff_t distance() const { return channels * pixels; }
    float divided(double sum) const {
        float result = (float)sum;
        for (int axis = 0; axis < averaged; axis++) result /= sizes[axis];
        return result;
    }
    float divided_from_last(double sum) const {
        float result = (float)sum;
        for (int axis = averaged; axis-- > 0;) result /= sizes[axis];
        return result;
    }
};

// a * b + c as Theano's graph has it, where the compiler contracts if there is an instruction.
static inline float multiply_add(float a, float b, float c) {
#if KERNEL_CONTRACTS
    return __builtin_fmaf(a, b, c);
#else
    return a * b + c;
#endif
}

// (y + 1) / 2 of the normalised value y, `difference` being x less the mean.
static inline float probability(float difference, float scale, float shift) {
    return 0.5f * (multiply_add(difference, scale, 1.0f) + shift);
}

template <int ACTIVATION>
static inline float output(float difference, float scale, float shift) {
    if (ACTIVATION == NONE) return multiply_add(difference, scale, shift);
    const float p = probability(difference, scale, shift);
    // Neither comparison holds for NaN, which passes through.
    return p >= 0.5f ? 1.0f : p < 0.5f ? (ACTIVATION == BINARY_TANH ? -1.0f : 0.0f) : p;
}

// The gradient that reaches y: `factor * gradient` where the activation's clipping let y through.
template <int ACTIVATION>
static inline float through(float difference, float scale, float shift, float gradient,
                            float factor) {
    if (ACTIVATION == NONE) return gradient;
    const float p = probability(difference, scale, shift);
    // A product, as in Theano's graph: a selection would keep the loops from being vectorised.
    return (float)((p >= 0.0f) & (p <= 1.0f)) * gradient * factor;
}

template <int ACTIVATION>
static void forward_channel(const Shape& shape, const float* x, float gamma, float beta,
                            float epsilon, float* y, float* mean, float* inv_std) {
    double total = 0;
    for (ptrdiff_t n = 0; n < shape.batch; n++) {
        const float* plane = x + n * shape.distance();
#pragma omp simd reduction(+ : total)
        for (ptrdiff_t i = 0; i < shape.pixels; i++) total += plane[i];
    }
    const float centre = shape.divided(total);
    double squares = 0;
    for (ptrdiff_t n = 0; n < shape.batch; n++) {
        const float* plane = x + n * shape.distance();
#pragma omp simd reduction(+ : squares)
        for (ptrdiff_t i = 0; i < shape.pixels; i++) {
            const float difference = plane[i] - centre;
            squares += difference * difference;
        }
    }
    const float inverse = 1.0f / sqrtf(epsilon + shape.divided(squares));
    const float scale = gamma * inverse;
    for (ptrdiff_t n = 0; n < shape.batch; n++) {
        const float* source = x + n * shape.distance();
        float* target = y + n * shape.distance();
#pragma omp simd
        for (ptrdiff_t i = 0; i < shape.pixels; i++)
            target[i] = output<ACTIVATION>(source[i] - centre, scale, beta);
    }
    *mean = centre;
    *inv_std = inverse;
}

template <int ACTIVATION>
static void backward_channel(const Shape& shape, const float* x, const float* gradient, float gamma,
                             float beta, float mean, float inv_std, float factor, float* x_gradient,
                             float* gamma_gradient, float* beta_gradient) {
    const float scale = gamma * inv_std;
    double total = 0, scaled = 0, projected = 0;
    for (ptrdiff_t n = 0; n < shape.batch; n++) {
        const float* source = x + n * shape.distance();
        const float* incoming = gradient + n * shape.distance();
#pragma omp simd reduction(+ : total, scaled, projected)
        for (ptrdiff_t i = 0; i < shape.pixels; i++) {
            const float difference = source[i] - mean;
            const float g = through<ACTIVATION>(difference, scale, beta, incoming[i], factor);
            total += g;
            scaled += g * scale;
            projected += g * difference;
        }
    }
    const float std = 1.0f / inv_std;
    float cube = std * std * std;
    for (int axis = shape.averaged; axis-- > 0;) cube *= shape.sizes[axis];
    const float slope = (float)projected * gamma;
    double slopes = 0;
    for (ptrdiff_t n = 0; n < shape.batch; n++) {
        const float* source = x + n * shape.distance();
#pragma omp simd reduction(+ : slopes)
        for (ptrdiff_t i = 0; i < shape.pixels; i++) slopes += slope * (source[i] - mean) / cube;
    }
    const float through_mean = shape.divided_from_last(-scaled);
    const float through_variance = shape.divided_from_last(slopes);
    for (ptrdiff_t n = 0; n < shape.batch; n++) {
        const float* source = x + n * shape.distance();
        const float* incoming = gradient + n * shape.distance();
        float* target = x_gradient + n * shape.distance();
#pragma omp simd
        for (ptrdiff_t i = 0; i < shape.pixels; i++) {
            const float difference = source[i] - mean;
            const float g = through<ACTIVATION>(difference, scale, beta, incoming[i], factor);
            target[i] = multiply_add(g, scale, through_mean) + -slope * difference / cube +
                        through_variance;
        }
    }
    *gamma_gradient = (float)projected * inv_std;
    *beta_gradient = (float)total;
}

// Dense layers, pixels 1: neighbours in memory are channels, of which a block is summed side by
// side, each in the order of its images as above.
static const ptrdiff_t DENSE_BLOCK = 16;

template <int ACTIVATION>
static void forward_dense(const Shape& shape, ptrdiff_t count, const float* x, const float* gamma,
                          const float* beta, float epsilon, float* y, float* mean, float* inv_std) {
    double totals[DENSE_BLOCK] = {0}, squares[DENSE_BLOCK] = {0};
    float scale[DENSE_BLOCK];
    for (ptrdiff_t n = 0; n < shape.batch; n++) {
        const float* row = x + n * shape.channels;
#pragma omp simd
        for (ptrdiff_t c = 0; c < count; c++) totals[c] += row[c];
    }
    for (ptrdiff_t c = 0; c < count; c++) mean[c] = shape.divided(totals[c]);
    for (ptrdiff_t n = 0; n < shape.batch; n++) {
        const float* row = x + n * shape.channels;
#pragma omp simd
        for (ptrdiff_t c = 0; c < count; c++) {
            const float difference = row[c] - mean[c];
            squares[c] += difference * difference;
        }
    }
    for (ptrdiff_t c = 0; c < count; c++) {
        inv_std[c] = 1.0f / sqrtf(epsilon + shape.divided(squares[c]));
        scale[c] = gamma[c] * inv_std[c];
    }
    for (ptrdiff_t n = 0; n < shape.batch; n++) {
        const float* row = x + n * shape.channels;
        float* target = y + n * shape.channels;
#pragma omp simd
        for (ptrdiff_t c = 0; c < count; c++)
            target[c] = output<ACTIVATION>(row[c] - mean[c], scale[c], beta[c]);
    }
}

template <int ACTIVATION>
static void backward_dense(const Shape& shape, ptrdiff_t count, const float* x,
                           const float* gradient, const float* gamma, const float* beta,
                           const float* mean, const float* inv_std, float factor, float* x_gradient,
                           float* gamma_gradient, float* beta_gradient) {
    double totals[DENSE_BLOCK] = {0}, scaled[DENSE_BLOCK] = {0}, projected[DENSE_BLOCK] = {0};
    double slopes[DENSE_BLOCK] = {0};
    float scale[DENSE_BLOCK], cube[DENSE_BLOCK], slope[DENSE_BLOCK];
    float through_mean[DENSE_BLOCK], through_variance[DENSE_BLOCK];
    for (ptrdiff_t c = 0; c < count; c++) scale[c] = gamma[c] * inv_std[c];
    for (ptrdiff_t n = 0; n < shape.batch; n++) {
        const float* row = x + n * shape.channels;
        const float* incoming = gradient + n * shape.channels;
#pragma omp simd
        for (ptrdiff_t c = 0; c < count; c++) {
            const float difference = row[c] - mean[c];
            const float g = through<ACTIVATION>(difference, scale[c], beta[c], incoming[c], factor);
            totals[c] += g;
            scaled[c] += g * scale[c];
            projected[c] += g * difference;
        }
    }
    for (ptrdiff_t c = 0; c < count; c++) {
        const float std = 1.0f / inv_std[c];
        cube[c] = std * std * std * shape.sizes[0];
        slope[c] = (float)projected[c] * gamma[c];
    }
    for (ptrdiff_t n = 0; n < shape.batch; n++) {
        const float* row = x + n * shape.channels;
#pragma omp simd
        for (ptrdiff_t c = 0; c < count; c++) slopes[c] += slope[c] * (row[c] - mean[c]) / cube[c];
    }
    for (ptrdiff_t c = 0; c < count; c++) {
        through_mean[c] = shape.divided_from_last(-scaled[c]);
        through_variance[c] = shape.divided_from_last(slopes[c]);
        gamma_gradient[c] = (float)projected[c] * inv_std[c];
        beta_gradient[c] = (float)totals[c];
    }
    for (ptrdiff_t n = 0; n < shape.batch; n++) {
        const float* row = x + n * shape.channels;
        const float* incoming = gradient + n * shape.channels;
        float* target = x_gradient + n * shape.channels;
#pragma omp simd
        for (ptrdiff_t c = 0; c < count; c++) {
            const float difference = row[c] - mean[c];
            const float g = through<ACTIVATION>(difference, scale[c], beta[c], incoming[c], factor);
            target[c] = multiply_add(g, scale[c], through_mean[c]) +
                        -slope[c] * difference / cube[c] + through_variance[c];
        }
    }
}

static inline bool is_dense(const Shape& shape) { return shape.pixels == 1 && shape.averaged == 1; }

static inline ptrdiff_t block_size(const Shape& shape, ptrdiff_t first) {
    return shape.channels - first < DENSE_BLOCK ? shape.channels - first : DENSE_BLOCK;
}

static void forward(const Shape& shape, int activation, const float* x, const float* gamma,
                    const float* beta, float epsilon, int threads, float* y, float* mean,
                    float* inv_std) {
    if (is_dense(shape)) {
#pragma omp parallel for schedule(static) num_threads(threads)
        for (ptrdiff_t c = 0; c < shape.channels; c += DENSE_BLOCK) {
            auto* const of_block = activation == BINARY_TANH      ? forward_dense<BINARY_TANH>
                                   : activation == BINARY_SIGMOID ? forward_dense<BINARY_SIGMOID>
                                                                  : forward_dense<NONE>;
            of_block(shape, block_size(shape, c), x + c, gamma + c, beta + c, epsilon, y + c,
                     mean + c, inv_std + c);
        }
        return;
    }
#pragma omp parallel for schedule(dynamic, 4) num_threads(threads)
    for (ptrdiff_t c = 0; c < shape.channels; c++) {
        const ptrdiff_t first = c * shape.pixels;
        switch (activation) {
            case BINARY_TANH:
                forward_channel<BINARY_TANH>(shape, x + first, gamma[c], beta[c], epsilon,
                                             y + first, mean + c, inv_std + c);
                break;
            case BINARY_SIGMOID:
                forward_channel<BINARY_SIGMOID>(shape, x + first, gamma[c], beta[c], epsilon,
                                                y + first, mean + c, inv_std + c);
                break;
            default:
                forward_channel<NONE>(shape, x + first, gamma[c], beta[c], epsilon, y + first,
                                      mean + c, inv_std + c);
        }
    }
}

static void backward(const Shape& shape, int activation, const float* x, const float* gradient,
                     const float* gamma, const float* beta, const float* mean, const float* inv_std,
                     float factor, int threads, float* x_gradient, float* gamma_gradient,
                     float* beta_gradient) {
    if (is_dense(shape)) {
#pragma omp parallel for schedule(static) num_threads(threads)
        for (ptrdiff_t c = 0; c < shape.channels; c += DENSE_BLOCK) {
            auto* const of_block =
                activation == NONE ? backward_dense<NONE> : backward_dense<BINARY_TANH>;
            of_block(shape, block_size(shape, c), x + c, gradient + c, gamma + c, beta + c,
                     mean + c, inv_std + c, factor, x_gradient + c, gamma_gradient + c,
                     beta_gradient + c);
        }
        return;
    }
#pragma omp parallel for schedule(dynamic, 4) num_threads(threads)
    for (ptrdiff_t c = 0; c < shape.channels; c++) {
        const ptrdiff_t first = c * shape.pixels;
        if (activation == NONE)
            backward_channel<NONE>(shape, x + first, gradient + first, gamma[c], beta[c], mean[c],
                                   inv_std[c], factor, x_gradient + first, gamma_gradient + c,
                                   beta_gradient + c);
        else
            backward_channel<BINARY_TANH>(shape, x + first, gradient + first, gamma[c], beta[c],
                                          mean[c], inv_std[c], factor, x_gradient + first,
                                          gamma_gradient + c, beta_gradient + c);
    }
}

// Sum over all axes but the second.
static void channel_sums(const Shape& shape, const float* x, int threads, float* sums) {
#pragma omp parallel for schedule(dynamic, 4) num_threads(threads)
    for (ptrdiff_t c = 0; c < shape.channels; c++) {
        double total = 0;
        for (ptrdiff_t n = 0; n < shape.batch; n++) {
            const float* plane = x + n * shape.distance() + c * shape.pixels;
#pragma omp simd reduction(+ : total)
            for (ptrdiff_t i = 0; i < shape.pixels; i++) total += plane[i];
        }
        sums[c] = (float)total;
    }
}

}  // namespace batch_norm

#endif
