// Products of float filters with float columns of pixels, for images of few channels (a first
// layer), where a matrix product spends its time in laying them out.
//
// Every sum is taken in the order channels, image rows, image columns, as a matrix product over
// laid out images does, each product and each sum rounded to float32 by itself.
#ifndef PRODUCT_REAL_PRODUCT_H
#define PRODUCT_REAL_PRODUCT_H

#include "product/multiply.h"

namespace binary {

typedef float Lanes __attribute__((vector_size(64), aligned(4), may_alias));

struct RealProduct {
    size_t channels, taps, pixels;
    // Tap t of pixel p and channel c: columns[c * channel_stride + tap_offset[t] + p].
    const float* columns;
    ptrdiff_t channel_stride;
    const ptrdiff_t* tap_offset;
    bool flip;  // the filter's last tap is the image's first
    // Tap t of channel c of filter f: filters[(f * channels + c) * taps + t].
    const float* filters;
    float* out;
    ptrdiff_t out_stride;
};

// N filters times four vectors of 16 pixels.
template <int N>
inline void multiply_real_block(const RealProduct& product, size_t filter, size_t tile) {
    Lanes sums[N][4];
    for (int n = 0; n < N; ++n)
        for (int m = 0; m < 4; ++m) sums[n][m] = Lanes{};
    const size_t steps = product.channels * product.taps;
    const float* weights = product.filters + filter * steps;
    const float* channel_columns = product.columns + tile * TILE;
    for (size_t channel = 0; channel < product.channels; ++channel) {
        for (size_t step = 0; step < product.taps; ++step) {
            const size_t tap = product.flip ? product.taps - 1 - step : step;
            const float* column = channel_columns + product.tap_offset[tap];
            Lanes x[4];
            for (int m = 0; m < 4; ++m) x[m] = *(const Lanes*)(column + 16 * m);
            for (int n = 0; n < N; ++n) {
                const float weight = weights[(size_t)n * steps + tap];
                for (int m = 0; m < 4; ++m) sums[n][m] += x[m] * weight;
            }
        }
        channel_columns += product.channel_stride;
        weights += product.taps;
    }
    const size_t start = tile * TILE;
    const size_t lanes = product.pixels - start < TILE ? product.pixels - start : TILE;
    for (int n = 0; n < N; ++n)
        memcpy(product.out + (ptrdiff_t)(filter + (size_t)n) * product.out_stride + start, sums[n],
               lanes * sizeof(float));
}

inline void multiply_real_tile(const RealProduct& product, size_t filters, size_t tile) {
    size_t filter = 0;
    for (; filter + 4 <= filters; filter += 4) multiply_real_block<4>(product, filter, tile);
    for (; filter < filters; ++filter) multiply_real_block<1>(product, filter, tile);
}

}  // namespace binary

#endif
