// Packing floats to bits with NEON.
#ifndef BITS_PACKING_NEON_H
#define BITS_PACKING_NEON_H

#include "bits/packing_portable.h"

#if HAS_NEON

namespace binary {

// The bit of each of four floats, in the highest place.
inline uint32x4_t top_bits_neon(float32x4_t x, Coding coding) {
    const uint32x4_t bits = vreinterpretq_u32_f32(x);
    return coding == UNIT ? vshlq_n_u32(bits, 2) : bits;
}

inline bool pack_planes_neon(const float* planes, size_t channels, ptrdiff_t channel_stride,
                             size_t pixels, Coding coding, uint32_t* words, size_t pitch) {
    const size_t whole = pixels / 4 * 4;
    uint32x4_t numbers = vdupq_n_u32(0xffffffffu);
    for (size_t word = 0; word < words_of(channels); ++word) {
        uint32_t* row = words + word * pitch;
        const size_t last = channels - 32 * word < 32 ? channels : 32 * word + 32;
        prefetch_planes(planes, channel_stride, pixels, word);
        for (size_t pixel = 0; pixel < whole; pixel += 4) {
            uint32x4_t bits = vdupq_n_u32(0);
            for (size_t channel = last; channel-- > 32 * word;) {
                const float* plane = planes + (ptrdiff_t)channel * channel_stride;
                const float32x4_t x = vld1q_f32(plane + pixel);
                numbers = vandq_u32(numbers, vceqq_f32(x, x));
                bits = vorrq_u32(vshlq_n_u32(bits, 1), vshrq_n_u32(top_bits_neon(x, coding), 31));
            }
            vst1q_u32(row + pixel, bits);
        }
    }
    const bool nan = vminvq_u32(numbers) == 0;
    return pack_planes_portable(planes + whole, channels, channel_stride, pixels - whole, coding,
                                words + whole, pitch) ||
           nan;
}

inline bool pack_row_neon(const float* row, size_t channels, Coding coding, uint32_t* words) {
    const int32_t places[4] = {0, 1, 2, 3};
    const int32x4_t place = vld1q_s32(places);
    uint32x4_t numbers = vdupq_n_u32(0xffffffffu);
    for (size_t word = 0; word < channels / 32; ++word) {
        uint32_t bits = 0;
        for (size_t part = 0; part < 32; part += 4) {
            const float32x4_t x = vld1q_f32(row + 32 * word + part);
            numbers = vandq_u32(numbers, vceqq_f32(x, x));
            const uint32x4_t found = vshrq_n_u32(top_bits_neon(x, coding), 31);
            bits |= vaddvq_u32(vshlq_u32(found, place)) << part;
        }
        words[word] = bits;
    }
    const bool nan = vminvq_u32(numbers) == 0;
    const size_t rest = channels / 32 * 32;
    return pack_row_portable(row + rest, channels - rest, coding, words + rest / 32) || nan;
}

}  // namespace binary

#endif

#endif
