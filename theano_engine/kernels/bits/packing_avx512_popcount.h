// Packing floats to bits with AVX-512 and its bit-wise shifts (VBMI2).
#ifndef BITS_PACKING_AVX512_POPCOUNT_H
#define BITS_PACKING_AVX512_POPCOUNT_H

#include "bits/coding.h"

#if HAS_AVX512_POPCOUNT

namespace binary {

// Four channels at a time are shifted into the words of a row of pixels, the highest first: few
// streams for the prefetcher, and the words stay in the first cache.
TARGET_AVX512_POPCOUNT inline bool pack_planes_avx512(const float* planes, size_t channels,
                                                      ptrdiff_t channel_stride, size_t pixels,
                                                      Coding coding, uint32_t* words,
                                                      size_t pitch) {
    const __m512 zero = _mm512_setzero_ps();
    __m512 poison = zero;  // a NaN times 0 is a NaN, and stays one
    for (size_t word = 0; word < words_of(channels); ++word) {
        uint32_t* row = words + word * pitch;
        ptrdiff_t channel = (ptrdiff_t)(channels - 32 * word < 32 ? channels : 32 * word + 32);
        bool first = true;
        prefetch_planes(planes, channel_stride, pixels, word);
        while (channel > (ptrdiff_t)(32 * word)) {
            int together = channel - (ptrdiff_t)(32 * word) >= 4 ? 4 : 1;
            channel -= together;
            const float* plane = planes + channel * channel_stride;
            // The next four channels lie before these, or at the end of the next word.
            const uintptr_t next =
                (uintptr_t)plane +
                (uintptr_t)((channel > (ptrdiff_t)(32 * word) ? -4 : 60) * channel_stride * 4);
            for (size_t pixel = 0; pixel < pixels; pixel += 16) {
                for (int i = 0; i < 4 && pixels > 64; ++i)
                    __builtin_prefetch(
                        (const void*)(next + 4 * (uintptr_t)(i * channel_stride) + 4 * pixel));
                __mmask16 lanes =
                    pixels - pixel >= 16 ? 0xffff : (__mmask16)((1u << (pixels - pixel)) - 1);
                __m512i bits =
                    first ? _mm512_setzero_si512() : _mm512_maskz_loadu_epi32(lanes, row + pixel);
                for (int i = together - 1; i >= 0; --i) {
                    __m512 x = _mm512_maskz_loadu_ps(lanes, plane + i * channel_stride + pixel);
                    poison = _mm512_fmadd_ps(x, zero, poison);
                    __m512i top = _mm512_castps_si512(x);
                    if (coding == UNIT) top = _mm512_slli_epi32(top, 2);
                    bits = _mm512_shldi_epi32(bits, top, 1);
                }
                _mm512_mask_storeu_epi32(row + pixel, lanes, bits);
            }
            first = false;
        }
    }
    return _mm512_cmp_ps_mask(poison, poison, _CMP_UNORD_Q) != 0;
}

TARGET_AVX512_POPCOUNT inline bool pack_row_avx512(const float* row, size_t channels, Coding coding,
                                                   uint32_t* words) {
    const __m512 zero = _mm512_setzero_ps();
    __m512 poison = zero;
    for (size_t channel = 0; channel < channels; channel += 32) {
        uint32_t word = 0;
        for (size_t half = 0; half < 32 && channel + half < channels; half += 16) {
            size_t left = channels - channel - half;
            __mmask16 lanes = left >= 16 ? 0xffff : (__mmask16)((1u << left) - 1);
            __m512 x = _mm512_maskz_loadu_ps(lanes, row + channel + half);
            poison = _mm512_fmadd_ps(x, zero, poison);
            __m512i top = _mm512_castps_si512(x);
            if (coding == UNIT) top = _mm512_slli_epi32(top, 2);
            word |= (uint32_t)_mm512_movepi32_mask(top) << half;
        }
        words[channel / 32] = word;
    }
    return _mm512_cmp_ps_mask(poison, poison, _CMP_UNORD_Q) != 0;
}

}  // namespace binary

#endif

#endif
