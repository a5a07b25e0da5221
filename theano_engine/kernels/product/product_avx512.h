// Products of bits by looking nibbles up in AVX-512 registers, where those cannot count bits.
#ifndef PRODUCT_PRODUCT_AVX512_H
#define PRODUCT_PRODUCT_AVX512_H

#include "product/product_avx2.h"

#if HAS_AVX512 && !HAS_AVX512_POPCOUNT

namespace binary {

// Bytes that count up to 255 are added to the `counts` of a tile and cleared.
TARGET_AVX512 inline void widen_avx512(__m512i* bytes, int32_t* counts) {
    alignas(64) uint8_t lanes[TILE];
    _mm512_store_si512(lanes, *bytes);
    for (size_t lane = 0; lane < TILE; lane += 16) {
        // The form without a mask has GCC 12 warn of a register that it leaves undefined by design.
        __m512i wide =
            _mm512_maskz_cvtepu8_epi32(0xffff, _mm_load_si128((const __m128i*)(lanes + lane)));
        __m512i sum = _mm512_loadu_si512(counts + lane);
        _mm512_storeu_si512(counts + lane, _mm512_add_epi32(sum, wide));
    }
    *bytes = _mm512_setzero_si512();
}

// `store_sums`, sixteen pixels at a time.
TARGET_AVX512 inline void store_sums_avx512(const Product& product, size_t filter, size_t tile,
                                            const int32_t* counts) {
    const __m512 scale = _mm512_set1_ps(product.scale);
    const int base = product.filter_base ? product.filter_base[filter] : 0;
    float* out = product.out + (ptrdiff_t)filter * product.out_stride;
    for (size_t lane = 0; lane < TILE; lane += 16) {
        const size_t pixel = tile * TILE + lane;
        if (pixel >= product.pixels) break;
        const size_t left = product.pixels - pixel;
        const __mmask16 lanes = left >= 16 ? 0xffff : (__mmask16)((1u << left) - 1);
        __m512i sum = _mm512_set1_epi32(base);
        if (product.pixel_base)
            sum = _mm512_add_epi32(sum, _mm512_loadu_si512(product.pixel_base + pixel));
        sum = _mm512_sub_epi32(sum, _mm512_slli_epi32(_mm512_load_si512(counts + lane), 1));
        _mm512_mask_storeu_ps(out + pixel, lanes, _mm512_mul_ps(_mm512_cvtepi32_ps(sum), scale));
    }
}

// N filters times the tile's 64 pixels.
template <int N>
TARGET_AVX512 inline void multiply_block_avx512_lookup(const Product& product, Combine combine,
                                                       size_t filter, size_t tile) {
    const int most_steps = 255 / 4 / 8;  // words until a byte may overflow
    const uint8_t (*tables)[16] = nibble_tables().ones[combine];
    alignas(64) int32_t counts[N][TILE];
    memset(counts, 0, sizeof counts);
    __m512i bytes[N];
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) bytes[n] = _mm512_setzero_si512();
    const uint8_t* weights = product.filter_nibbles + 8 * (ptrdiff_t)filter * product.filter_stride;
    int steps = 0;
    for (size_t tap = 0; tap < product.taps; ++tap) {
        const uint8_t* column = product.nibbles + product.tap_offset[tap] + tile * TILE;
        for (size_t word = 0; word < product.words; ++word) {
#pragma GCC unroll 8
            for (int nibble = 0; nibble < 8; ++nibble) {
                __m512i x = _mm512_loadu_si512(column);
#pragma GCC unroll 8
                for (int n = 0; n < N; ++n) {
                    size_t row = weights[n * 8 * product.filter_stride + nibble];
                    KEEP_IN_ORDER("r", row);
                    __m512i ones =
                        _mm512_broadcast_i32x4(_mm_load_si128((const __m128i*)(tables[0] + row)));
                    bytes[n] = _mm512_add_epi8(bytes[n], _mm512_shuffle_epi8(ones, x));
                    KEEP_IN_ORDER("v", bytes[n]);
                }
                column += product.word_stride;
            }
            weights += 8;
            if (++steps == most_steps) {
                steps = 0;
#pragma GCC unroll 8
                for (int n = 0; n < N; ++n) widen_avx512(&bytes[n], counts[n]);
            }
        }
    }
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) {
        widen_avx512(&bytes[n], counts[n]);
        store_sums_avx512(product, filter + n, tile, counts[n]);
    }
}

TARGET_AVX512 inline void multiply_tile_avx512_lookup(const Product& product, Combine combine,
                                                      size_t first, size_t last, size_t tile) {
    size_t filter = first;
    for (; filter + 8 <= last; filter += 8)
        multiply_block_avx512_lookup<8>(product, combine, filter, tile);
    for (; filter < last; ++filter) multiply_block_avx512_lookup<1>(product, combine, filter, tile);
}

}  // namespace binary

#endif

#endif
