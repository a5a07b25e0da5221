// Products of bits by counting ones in NEON registers.
#ifndef PRODUCT_PRODUCT_NEON_H
#define PRODUCT_PRODUCT_NEON_H

#include "product/product.h"

#if HAS_NEON

namespace binary {

// Bytes that count up to 255, four a pixel, are added to four pixels' `counts` and cleared.
inline void widen_neon(uint8x16_t* bytes, int32_t* counts) {
    const uint32x4_t wide = vpaddlq_u16(vpaddlq_u8(*bytes));
    vst1q_s32(counts, vaddq_s32(vld1q_s32(counts), vreinterpretq_s32_u32(wide)));
    *bytes = vdupq_n_u8(0);
}

// All bits of those of four pixels, from `first` on, of which `valid` has a bit.
inline uint32x4_t inside_neon(uint16_t valid, int first) {
    const uint32_t bits[4] = {1, 2, 4, 8};
    return vtstq_u32(vdupq_n_u32((uint32_t)valid >> first), vld1q_u32(bits));
}

// N filters times the 16 pixels from `start` on; the counts of filter n from counts[n * TILE] on.
template <int N>
inline void count_ones_neon(const Product& product, Combine combine, size_t filter, size_t start,
                            int32_t* counts) {
    const int most_steps = 255 / 8;  // words until a byte may overflow
    const size_t vectors = 4 * tiles_of(product.pixels);
    uint8x16_t bytes[N][4];
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n)
#pragma GCC unroll 4
        for (int v = 0; v < 4; ++v) bytes[n][v] = vdupq_n_u8(0);
    const uint32_t* weights = product.filters + (ptrdiff_t)filter * product.filter_stride;
    int steps = 0;
    for (size_t tap = 0; tap < product.taps; ++tap) {
        // Outside the image both coincide, whatever the filter has.
        const bool masked = combine == XOR && product.valid;
        const uint16_t valid = masked ? product.valid[tap * vectors + start / 16] : 0xffff;
        uint32x4_t inside[4];
#pragma GCC unroll 4
        for (int v = 0; v < 4; ++v) inside[v] = inside_neon(valid, 4 * v);
        const uint32_t* column = product.columns + product.tap_offset[tap] + start;
        for (size_t word = 0; word < product.words; ++word) {
            uint32x4_t pixels[4];
#pragma GCC unroll 4
            for (int v = 0; v < 4; ++v) pixels[v] = vld1q_u32(column + 4 * v);
#pragma GCC unroll 4
            for (int n = 0; n < N; ++n) {
                const uint32x4_t weight =
                    vdupq_n_u32(weights[n * product.filter_stride + word * product.taps + tap]);
#pragma GCC unroll 4
                for (int v = 0; v < 4; ++v) {
                    const uint32x4_t both = combine == XOR
                                                ? vandq_u32(veorq_u32(weight, pixels[v]), inside[v])
                                                : vandq_u32(weight, pixels[v]);
                    bytes[n][v] = vaddq_u8(bytes[n][v], vcntq_u8(vreinterpretq_u8_u32(both)));
                }
            }
            column += product.word_stride;
            if (++steps == most_steps) {
                steps = 0;
                for (int n = 0; n < N; ++n)
                    for (int v = 0; v < 4; ++v) widen_neon(&bytes[n][v], counts + n * TILE + 4 * v);
            }
        }
    }
    for (int n = 0; n < N; ++n)
        for (int v = 0; v < 4; ++v) widen_neon(&bytes[n][v], counts + n * TILE + 4 * v);
}

template <int N>
inline void multiply_block_neon(const Product& product, Combine combine, size_t filter,
                                size_t tile) {
    int32_t counts[N * TILE] = {0};
    for (size_t part = 0; part < TILE; part += 16)
        count_ones_neon<N>(product, combine, filter, tile * TILE + part, counts + part);
    for (int n = 0; n < N; ++n) store_sums(product, filter + n, tile, counts + n * TILE);
}

inline void multiply_tile_neon(const Product& product, Combine combine, size_t first, size_t last,
                               size_t tile) {
    size_t filter = first;
    for (; filter + 4 <= last; filter += 4) multiply_block_neon<4>(product, combine, filter, tile);
    for (; filter < last; ++filter) multiply_block_neon<1>(product, combine, filter, tile);
}

}  // namespace binary

#endif

#endif
