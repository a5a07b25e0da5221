// Packing floats to bits by the best instructions that are allowed.
#ifndef BITS_PACKING_H
#define BITS_PACKING_H

#include "bits/packing_avx2.h"
#include "bits/packing_avx512_popcount.h"
#include "bits/packing_neon.h"
#include "bits/packing_portable.h"

namespace binary {

inline bool pack_planes(const float* planes, size_t channels, ptrdiff_t channel_stride,
                        size_t pixels, Coding coding, uint32_t* words, size_t pitch) {
#if HAS_AVX512_POPCOUNT
    return pack_planes_avx512(planes, channels, channel_stride, pixels, coding, words, pitch);
#elif HAS_AVX2
    return pack_planes_avx2(planes, channels, channel_stride, pixels, coding, words, pitch);
#elif HAS_NEON
    return pack_planes_neon(planes, channels, channel_stride, pixels, coding, words, pitch);
#else
    return pack_planes_portable(planes, channels, channel_stride, pixels, coding, words, pitch);
#endif
}

inline bool pack_row(const float* row, size_t channels, Coding coding, uint32_t* words) {
#if HAS_AVX512_POPCOUNT
    return pack_row_avx512(row, channels, coding, words);
#elif HAS_AVX2
    return pack_row_avx2(row, channels, coding, words);
#elif HAS_NEON
    return pack_row_neon(row, channels, coding, words);
#else
    return pack_row_portable(row, channels, coding, words);
#endif
}

}  // namespace binary

#endif
