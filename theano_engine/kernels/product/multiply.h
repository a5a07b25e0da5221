// Products of bits by the best instructions that are allowed, and how their operands lie.
#ifndef PRODUCT_MULTIPLY_H
#define PRODUCT_MULTIPLY_H

#include "product/product_avx2.h"
#include "product/product_avx512.h"
#include "product/product_avx512_popcount.h"
#include "product/product_neon.h"
#include "product/product_portable.h"

namespace binary {

// The filters' words of each tap, in nibbles times 16, as the paths want them that look up.
inline void split_filter(const uint32_t* filter, size_t words, size_t taps, uint8_t* nibbles) {
    for (size_t tap = 0; tap < taps; ++tap)
        for (size_t word = 0; word < words; ++word)
            for (int i = 0; i < 8; ++i)
                *nibbles++ = (uint8_t)((filter[word * taps + tap] >> (4 * i) & 15) << 4);
}

inline MultiplyTile multiply_tile_of() {
#if HAS_AVX512_POPCOUNT
    return multiply_tile_avx512;
#elif HAS_AVX512
    return multiply_tile_avx512_lookup;
#elif HAS_AVX2
    return multiply_tile_avx2;
#elif HAS_NEON
    return multiply_tile_neon;
#else
    return multiply_tile_portable;
#endif
}

}  // namespace binary

#endif
