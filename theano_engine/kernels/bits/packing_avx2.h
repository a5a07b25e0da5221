// Packing floats to bits with AVX2.
#ifndef BITS_PACKING_AVX2_H
#define BITS_PACKING_AVX2_H

#include "bits/coding.h"

#if HAS_AVX2

namespace binary {

TARGET_AVX2 inline __m256i first_lanes_avx2(size_t count) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count < 8 ? (int)count : 8), lane);
}

TARGET_AVX2 inline bool pack_planes_avx2(const float* planes, size_t channels,
                                         ptrdiff_t channel_stride, size_t pixels, Coding coding,
                                         uint32_t* words, size_t pitch) {
    const __m256 zero = _mm256_setzero_ps();
    __m256 poison = zero;
    for (size_t word = 0; word < words_of(channels); ++word) {
        uint32_t* row = words + word * pitch;
        ptrdiff_t channel = (ptrdiff_t)(channels - 32 * word < 32 ? channels : 32 * word + 32);
        bool first = true;
        prefetch_planes(planes, channel_stride, pixels, word);
        while (channel > (ptrdiff_t)(32 * word)) {
            int together = channel - (ptrdiff_t)(32 * word) >= 4 ? 4 : 1;
            channel -= together;
            const float* plane = planes + channel * channel_stride;
            for (size_t pixel = 0; pixel < pixels; pixel += 8) {
                __m256i lanes = first_lanes_avx2(pixels - pixel);
                __m256i bits = first ? _mm256_setzero_si256()
                                     : _mm256_maskload_epi32((const int*)row + pixel, lanes);
                for (int i = together - 1; i >= 0; --i) {
                    __m256 x = _mm256_maskload_ps(plane + i * channel_stride + pixel, lanes);
                    poison = _mm256_fmadd_ps(x, zero, poison);
                    __m256i top = _mm256_castps_si256(x);
                    if (coding == UNIT) top = _mm256_slli_epi32(top, 2);
                    bits =
                        _mm256_or_si256(_mm256_add_epi32(bits, bits), _mm256_srli_epi32(top, 31));
                }
                _mm256_maskstore_epi32((int*)row + pixel, lanes, bits);
            }
            first = false;
        }
    }
    return _mm256_movemask_ps(_mm256_cmp_ps(poison, poison, _CMP_UNORD_Q)) != 0;
}

TARGET_AVX2 inline bool pack_row_avx2(const float* row, size_t channels, Coding coding,
                                      uint32_t* words) {
    const __m256 zero = _mm256_setzero_ps();
    __m256 poison = zero;
    memset(words, 0, words_of(channels) * sizeof *words);
    for (size_t channel = 0; channel < channels; channel += 8) {
        __m256 x = _mm256_maskload_ps(row + channel, first_lanes_avx2(channels - channel));
        poison = _mm256_fmadd_ps(x, zero, poison);
        __m256i top = _mm256_castps_si256(x);
        if (coding == UNIT) top = _mm256_slli_epi32(top, 2);
        uint32_t bits = (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(top));
        words[channel / 32] |= bits << (channel % 32);
    }
    return _mm256_movemask_ps(_mm256_cmp_ps(poison, poison, _CMP_UNORD_Q)) != 0;
}

}  // namespace binary

#endif

#endif
