// Products of packed filters with packed columns of pixels: the kernels under convolution and dot.
//
// For every filter f and pixel p
//     out[f, p] = scale * (filter_base[f] + pixel_base[p] - 2 * count[f, p])
// where count sums, over taps and words, the ones of `filter xor column` (both operands +1/-1) or of
// `filter and column` (one of them 0/1). All of it is integer until the last step, so the result is
// that of float arithmetic wherever the float sums are exact.
#ifndef BINARY_PRODUCT_H
#define BINARY_PRODUCT_H

#include "binary_bits.h"

namespace binary {

enum Combine { XOR, AND };

// Pixels are handled in tiles of 64; columns have room for a whole last tile.
const size_t TILE = 64;

inline size_t tiles_of(size_t pixels) { return (pixels + TILE - 1) / TILE; }

struct Product {
    size_t taps, words, pixels;
    // Tap t of pixel p and word w: columns[w * word_stride + tap_offset[t] + p]. The AVX2 path reads
    // nibbles instead, one a byte, plane by plane of `word_stride` bytes, 8 planes a word; 0x80
    // there is a tap outside the image.
    const uint32_t* columns;
    const uint8_t* nibbles;
    ptrdiff_t word_stride;
    const ptrdiff_t* tap_offset;
    // Bit i of valid[t * 4 * tiles + v]: tap t of pixel 16 * v + i lies inside the image. Null where
    // all of them do, or where a column of zeros adds nothing to the count anyway.
    const uint16_t* valid;
    // Word w of tap t of filter f: filters[f * filter_stride + w * taps + t]. The AVX2 path reads
    // filter_nibbles[8 * (f * filter_stride + t * words + w) + i], nibble i times 16.
    const uint32_t* filters;
    const uint8_t* filter_nibbles;
    ptrdiff_t filter_stride;
    const int32_t* filter_base;  // null: 0
    const int32_t* pixel_base;   // null: 0; room for a whole last tile
    float scale;
    float* out;
    ptrdiff_t out_stride;
};

// Filters [first, last) times tile `tile`: what every path implements.
typedef void (*MultiplyTile)(const Product&, Combine, size_t first, size_t last, size_t tile);

inline void store_sums(const Product& product, size_t filter, size_t tile, const int32_t* counts) {
    size_t start = tile * TILE;
    size_t lanes = product.pixels - start < TILE ? product.pixels - start : TILE;
    float* out = product.out + (ptrdiff_t)filter * product.out_stride + start;
    int32_t base = product.filter_base ? product.filter_base[filter] : 0;
    for (size_t lane = 0; lane < lanes; ++lane) {
        int32_t pixel = product.pixel_base ? product.pixel_base[start + lane] : 0;
        out[lane] = product.scale * (float)(base + pixel - 2 * counts[lane]);
    }
}

inline void multiply_tile_portable(const Product& product, Combine combine, size_t first,
                                   size_t last, size_t tile) {
    size_t vectors = 4 * tiles_of(product.pixels);
    for (size_t filter = first; filter < last; ++filter) {
        int32_t counts[TILE] = {0};
        for (size_t tap = 0; tap < product.taps; ++tap) {
            uint32_t inside[TILE];
            for (size_t lane = 0; lane < TILE; ++lane) {
                size_t vector = tap * vectors + 4 * tile + lane / 16;
                bool in = !product.valid || (product.valid[vector] >> (lane % 16) & 1);
                inside[lane] = in ? 0xffffffffu : 0;
            }
            const uint32_t* column = product.columns + product.tap_offset[tap] + tile * TILE;
            const uint32_t* weights =
                product.filters + (ptrdiff_t)filter * product.filter_stride + tap;
            for (size_t word = 0; word < product.words; ++word) {
                uint32_t weight = weights[word * product.taps];
                for (size_t lane = 0; lane < TILE; ++lane) {
                    uint32_t both = combine == XOR ? (weight ^ column[lane]) & inside[lane]
                                                   : weight & column[lane];
                    counts[lane] += __builtin_popcount(both);
                }
                column += product.word_stride;
            }
        }
        store_sums(product, filter, tile, counts);
    }
}

#if BINARY_X86

// N filters times M vectors of 16 pixels, all counts in registers.
template <int N, int M, Combine combine>
BINARY_AVX512 inline void multiply_block_avx512(const Product& product, size_t filter,
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
                    __m512i ones =
                        combine == XOR
                            ? _mm512_maskz_popcnt_epi32(inside[m], _mm512_xor_si512(x[m], w))
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
BINARY_AVX512 inline void multiply_filters_avx512(const Product& product, size_t first, size_t last,
                                                  size_t tile) {
    size_t filter = first;
    for (; filter + 4 <= last; filter += 4)
        multiply_block_avx512<4, M, combine>(product, filter, tile);
    for (; filter < last; ++filter) multiply_block_avx512<1, M, combine>(product, filter, tile);
}

BINARY_AVX512 inline void multiply_tile_avx512(const Product& product, Combine combine,
                                               size_t first, size_t last, size_t tile) {
    // A narrow last tile (ten output units, say) needn't pay for four vectors.
    const bool narrow = product.pixels - tile * TILE <= 16;
    if (combine == XOR && narrow) multiply_filters_avx512<1, XOR>(product, first, last, tile);
    if (combine == XOR && !narrow) multiply_filters_avx512<4, XOR>(product, first, last, tile);
    if (combine == AND && narrow) multiply_filters_avx512<1, AND>(product, first, last, tile);
    if (combine == AND && !narrow) multiply_filters_avx512<4, AND>(product, first, last, tile);
}

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
BINARY_AVX2 inline void widen_avx2(__m256i* bytes, int32_t* counts) {
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
BINARY_AVX2 inline void multiply_block_avx2(const Product& product, Combine combine, size_t filter,
                                            size_t tile) {
    const int most_steps = 255 / 4 / 8;  // words until a byte may overflow
    const uint8_t(*tables)[16] = nibble_tables().ones[combine];
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

BINARY_AVX2 inline void multiply_tile_avx2(const Product& product, Combine combine, size_t first,
                                           size_t last, size_t tile) {
    size_t filter = first;
    for (; filter + 4 <= last; filter += 4)
        multiply_block_avx2<4>(product, combine, filter, tile);
    for (; filter < last; ++filter) multiply_block_avx2<1>(product, combine, filter, tile);
}

// words[word * pitch + pixel] to nibbles[(8 * word + i) * nibble_pitch + pixel].
BINARY_AVX2 inline void split_nibbles(const uint32_t* words, size_t n_words, size_t pixels,
                                      size_t pitch, uint8_t* nibbles, size_t nibble_pitch) {
    for (size_t word = 0; word < n_words; ++word)
        for (int i = 0; i < 8; ++i) {
            const uint32_t* row = words + word * pitch;
            uint8_t* out = nibbles + (8 * word + i) * nibble_pitch;
            for (size_t pixel = 0; pixel < pixels; ++pixel)
                out[pixel] = (uint8_t)(row[pixel] >> (4 * i) & 15);
        }
}

#endif

// The filters' words of each tap, in nibbles times 16, as the AVX2 path wants them.
inline void split_filter(const uint32_t* filter, size_t words, size_t taps, uint8_t* nibbles) {
    for (size_t tap = 0; tap < taps; ++tap)
        for (size_t word = 0; word < words; ++word)
            for (int i = 0; i < 8; ++i)
                *nibbles++ = (uint8_t)((filter[word * taps + tap] >> (4 * i) & 15) << 4);
}

inline MultiplyTile multiply_tile_of(Path path) {
#if BINARY_X86
    if (path == AVX512) return multiply_tile_avx512;
    if (path == AVX2) return multiply_tile_avx2;
#else
    (void)path;
#endif
    return multiply_tile_portable;
}

}  // namespace binary

#endif
