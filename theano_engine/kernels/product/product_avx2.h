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
            for (int nibble = 0; nibble < 8; ++nibble) {
                __m256i x0 = _mm256_loadu_si256((const __m256i*)column);
                __m256i x1 = _mm256_loadu_si256((const __m256i*)(column + 32));
#pragma GCC unroll 4
                for (int n = 0; n < N; ++n) {
                    const uint8_t* row =
                        tables[0] + weights[n * 8 * product.filter_stride + nibble];
                    __m256i ones = _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i*)row));
                    bytes[n][0] = _mm256_add_epi8(bytes[n][0], _mm256_shuffle_epi8(ones, x0));
                    bytes[n][1] = _mm256_add_epi8(bytes[n][1], _mm256_shuffle_epi8(ones, x1));
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
        store_sums(product, filter + n, tile, counts[n]);
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
