// Products of bits by counting ones in registers of 512 bits.
#ifndef PRODUCT_PRODUCT_AVX512_POPCOUNT_H
#define PRODUCT_PRODUCT_AVX512_POPCOUNT_H

#include "product/product.h"

#if HAS_AVX512_POPCOUNT

namespace binary {

// N filters times M vectors of 16 pixels, all counts in registers.
template <int N, int M, Combine combine>
TARGET_AVX512_POPCOUNT inline void multiply_block_avx512(const Product& product, size_t filter,
                                                         size_t tile) {
    __m512i counts[N][M];
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n)
#pragma GCC unroll 4
        for (int m = 0; m < M; ++m) counts[n][m] = _mm512_setzero_si512();
    const size_t vectors = 4 * tiles_of(product.pixels);
    const size_t taps = product.taps, words = product.words;
    const uint32_t* filters = product.filters + (ptrdiff_t)filter * product.filter_stride;
    for (size_t tap = 0; tap < taps; ++tap) {
        __mmask16 inside[M];
#pragma GCC unroll 4
        for (int m = 0; m < M; ++m)
            inside[m] = product.valid ? product.valid[tap * vectors + 4 * tile + m] : 0xffff;
        const uint32_t* column = product.columns + product.tap_offset[tap] + tile * TILE;
        const uint32_t* weights = filters + tap;
        for (size_t word = 0; word < words; ++word) {
            __m512i x[M];
#pragma GCC unroll 4
            for (int m = 0; m < M; ++m) {
                x[m] = _mm512_loadu_si512(column + 16 * m);
                // The compiler would rather load these again for each of the N filters, across two
                // cache lines each time.
                __asm__("" : "+v"(x[m]));
            }
#pragma GCC unroll 4
            for (int n = 0; n < N; ++n) {
                __m512i w = _mm512_set1_epi32((int)weights[n * product.filter_stride]);
#pragma GCC unroll 4
                for (int m = 0; m < M; ++m) {
                    __m512i ones = combine == XOR ? _mm512_maskz_popcnt_epi32(
                                                        inside[m], _mm512_xor_si512(x[m], w))
                                                  : _mm512_popcnt_epi32(_mm512_and_si512(x[m], w));
                    counts[n][m] = _mm512_add_epi32(counts[n][m], ones);
                }
            }
            column += product.word_stride;
            weights += taps;
        }
    }
    const size_t start = tile * TILE;
    const __m512 scale = _mm512_set1_ps(product.scale);
#pragma GCC unroll 4
    for (int m = 0; m < M; ++m) {
        const size_t pixel = start + 16 * m;
        if (pixel >= product.pixels) break;
        const size_t left = product.pixels - pixel;
        const __mmask16 lanes = left >= 16 ? 0xffff : (__mmask16)((1u << left) - 1);
        const __m512i pixel_base = product.pixel_base
                                       ? _mm512_loadu_si512(product.pixel_base + pixel)
                                       : _mm512_setzero_si512();
#pragma GCC unroll 4
        for (int n = 0; n < N; ++n) {
            const int base = product.filter_base ? product.filter_base[filter + n] : 0;
            __m512i sum = _mm512_add_epi32(pixel_base, _mm512_set1_epi32(base));
            sum = _mm512_sub_epi32(sum, _mm512_add_epi32(counts[n][m], counts[n][m]));
            float* out = product.out + (ptrdiff_t)(filter + n) * product.out_stride + pixel;
            _mm512_mask_storeu_ps(out, lanes, _mm512_mul_ps(_mm512_cvtepi32_ps(sum), scale));
        }
    }
}

template <int M, Combine combine>
TARGET_AVX512_POPCOUNT inline void multiply_filters_avx512(const Product& product, size_t first,
                                                           size_t last, size_t tile) {
    size_t filter = first;
    for (; filter + 4 <= last; filter += 4)
        multiply_block_avx512<4, M, combine>(product, filter, tile);
    for (; filter < last; ++filter) multiply_block_avx512<1, M, combine>(product, filter, tile);
}

TARGET_AVX512_POPCOUNT inline void multiply_tile_avx512(const Product& product, Combine combine,
                                                        size_t first, size_t last, size_t tile) {
    // A narrow last tile (ten output units, say) needn't pay for four vectors.
    const bool narrow = product.pixels - tile * TILE <= 16;
    if (combine == XOR && narrow) multiply_filters_avx512<1, XOR>(product, first, last, tile);
    if (combine == XOR && !narrow) multiply_filters_avx512<4, XOR>(product, first, last, tile);
    if (combine == AND && narrow) multiply_filters_avx512<1, AND>(product, first, last, tile);
    if (combine == AND && !narrow) multiply_filters_avx512<4, AND>(product, first, last, tile);
}

}  // namespace binary

#endif

#endif
