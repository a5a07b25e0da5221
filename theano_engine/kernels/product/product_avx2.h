// Products of bits by looking nibbles up in AVX2 registers.
#ifndef PRODUCT_PRODUCT_AVX2_H
#define PRODUCT_PRODUCT_AVX2_H

#include "product/product.h"

#if HAS_AVX2

namespace binary {

// Ones in `filter nibble xor column nibble`, or in `and`, by filter nibble; a lookup in one row
// serves 32 pixels.
struct NibbleTables {
    uint8_t ones[2][16][16];
    NibbleTables() {
        for (int filter = 0; filter < 16; ++filter)
            for (int column = 0; column < 16; ++column) {
                ones[XOR][filter][column] = (uint8_t)__builtin_popcount(filter ^ column);
                ones[AND][filter][column] = (uint8_t)__builtin_popcount(filter & column);
            }
    }
};

inline const NibbleTables& nibble_tables() {
    static const NibbleTables tables __attribute__((aligned(64)));
    return tables;
}

// GCC would take a table's offset through mask registers, where there are any, whose moves wait for
// the port that looks up; and add in an order that has the sums out of registers.
#define KEEP_IN_ORDER(constraint, value) __asm__("" : "+" constraint(value))

// Bytes that count up to 255 are added to `counts` and cleared.
TARGET_AVX2 inline void widen_avx2(__m256i* bytes, int32_t* counts) {
    alignas(32) uint8_t lanes[32];
    _mm256_store_si256((__m256i*)lanes, *bytes);
    for (int lane = 0; lane < 32; lane += 8) {
        __m256i wide = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i*)(lanes + lane)));
        __m256i* sum = (__m256i*)(counts + lane);
        _mm256_storeu_si256(sum, _mm256_add_epi32(_mm256_loadu_si256(sum), wide));
    }
    *bytes = _mm256_setzero_si256();
}

// `store_sums`, eight pixels at a time.
TARGET_AVX2 inline void store_sums_avx2(const Product& product, size_t filter, size_t tile,
                                        const int32_t* counts) {
    const __m256 scale = _mm256_set1_ps(product.scale);
    const __m256i base = _mm256_set1_epi32(product.filter_base ? product.filter_base[filter] : 0);
    const __m256i numbers = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    float* out = product.out + (ptrdiff_t)filter * product.out_stride;
    for (size_t lane = 0; lane < TILE; lane += 8) {
        const size_t pixel = tile * TILE + lane;
        if (pixel >= product.pixels) break;
        const int left = product.pixels - pixel < 8 ? (int)(product.pixels - pixel) : 8;
        const __m256i lanes = _mm256_cmpgt_epi32(_mm256_set1_epi32(left), numbers);
        __m256i sum = base;
        if (product.pixel_base)
            sum = _mm256_add_epi32(
                sum, _mm256_loadu_si256((const __m256i*)(product.pixel_base + pixel)));
        const __m256i count = _mm256_load_si256((const __m256i*)(counts + lane));
        sum = _mm256_sub_epi32(sum, _mm256_slli_epi32(count, 1));
        _mm256_maskstore_ps(out + pixel, lanes, _mm256_mul_ps(_mm256_cvtepi32_ps(sum), scale));
    }
}

// N filters times the tile's two vectors of 32 pixels.
template <int N>
TARGET_AVX2 inline void multiply_block_avx2(const Product& product, Combine combine, size_t filter,
                                            size_t tile) {
    const int most_steps = 255 / 4 / 8;  // words until a byte may overflow
    const uint8_t (*tables)[16] = nibble_tables().ones[combine];
    alignas(32) int32_t counts[N][TILE];
    memset(counts, 0, sizeof counts);
    __m256i bytes[N][2];
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) bytes[n][0] = bytes[n][1] = _mm256_setzero_si256();
    const uint8_t* weights = product.filter_nibbles + 8 * (ptrdiff_t)filter * product.filter_stride;
    int steps = 0;
    for (size_t tap = 0; tap < product.taps; ++tap) {
        const uint8_t* column = product.nibbles + product.tap_offset[tap] + tile * TILE;
        for (size_t word = 0; word < product.words; ++word) {
#pragma GCC unroll 8
            for (int nibble = 0; nibble < 8; ++nibble) {
                __m256i x0 = _mm256_loadu_si256((const __m256i*)column);
                __m256i x1 = _mm256_loadu_si256((const __m256i*)(column + 32));
#pragma GCC unroll 4
                for (int n = 0; n < N; ++n) {
                    size_t row = weights[n * 8 * product.filter_stride + nibble];
                    KEEP_IN_ORDER("r", row);
                    __m256i ones = _mm256_broadcastsi128_si256(
                        _mm_load_si128((const __m128i*)(tables[0] + row)));
                    bytes[n][0] = _mm256_add_epi8(bytes[n][0], _mm256_shuffle_epi8(ones, x0));
                    bytes[n][1] = _mm256_add_epi8(bytes[n][1], _mm256_shuffle_epi8(ones, x1));
                    KEEP_IN_ORDER("x", bytes[n][0]);
                    KEEP_IN_ORDER("x", bytes[n][1]);
                }
                column += product.word_stride;
            }
            weights += 8;
            if (++steps == most_steps) {
                steps = 0;
                for (int n = 0; n < N; ++n)
                    for (int m = 0; m < 2; ++m) widen_avx2(&bytes[n][m], counts[n] + 32 * m);
            }
        }
    }
    for (int n = 0; n < N; ++n) {
        for (int m = 0; m < 2; ++m) widen_avx2(&bytes[n][m], counts[n] + 32 * m);
        store_sums_avx2(product, filter + n, tile, counts[n]);
    }
}

TARGET_AVX2 inline void multiply_tile_avx2(const Product& product, Combine combine, size_t first,
                                           size_t last, size_t tile) {
    size_t filter = first;
    for (; filter + 4 <= last; filter += 4) multiply_block_avx2<4>(product, combine, filter, tile);
    for (; filter < last; ++filter) multiply_block_avx2<1>(product, combine, filter, tile);
}

// words[word * pitch + pixel] to nibbles[(8 * word + i) * nibble_pitch + pixel].
TARGET_AVX2 inline void split_nibbles(const uint32_t* words, size_t n_words, size_t pixels,
                                      size_t pitch, uint8_t* nibbles, size_t nibble_pitch) {
    for (size_t word = 0; word < n_words; ++word)
        for (int i = 0; i < 8; ++i) {
            const uint32_t* row = words + word * pitch;
            uint8_t* out = nibbles + (8 * word + i) * nibble_pitch;
            for (size_t pixel = 0; pixel < pixels; ++pixel)
                out[pixel] = (uint8_t)(row[pixel] >> (4 * i) & 15);
        }
}

}  // namespace binary

#endif

#endif
