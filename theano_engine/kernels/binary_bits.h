// Signs of floats packed to bits, 32 channels a word, and the choice of the instruction set.
//
// A packed plane holds one word per pixel: bit c of word w belongs to channel 32 * w + c. Pixels lie
// next to each other, so that the lanes of a vector register are neighbouring pixels and packing
// needs no transposition. Bits of channels that do not exist are 0.
#ifndef BINARY_BITS_H
#define BINARY_BITS_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmath>
#include <new>

#if defined(__x86_64__) && defined(__GNUC__)
#define BINARY_X86 1
#include <immintrin.h>
#define BINARY_AVX2 __attribute__((target("avx2,fma")))
#define BINARY_AVX512 \
    __attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq,avx512vbmi2")))
#else
#define BINARY_X86 0
#endif

namespace binary {

enum Path { PORTABLE = 0, AVX2 = 1, AVX512 = 2 };

// How a float stands for a bit: its sign (-a or +a, bit set where negative), or its being 1 (0 or 1).
// Images may also be real: then they stand for themselves.
enum Coding { SIGN, UNIT, REAL };

// The best path that this processor has, capped by ENGINE_INSTRUCTION_SET=portable|avx2|avx512. Asked
// for at every call, because the modules that Theano compiles outlive the process that asked first.
inline Path best_path() {
    int path = PORTABLE;
#if BINARY_X86
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) path = AVX2;
    if (path == AVX2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512vpopcntdq") && __builtin_cpu_supports("avx512vbmi2"))
        path = AVX512;
    const char* cap = getenv("ENGINE_INSTRUCTION_SET");
    if (cap && !strcmp(cap, "portable")) path = PORTABLE;
    if (cap && !strcmp(cap, "avx2") && path > AVX2) path = AVX2;
#endif
    return (Path)path;
}

inline size_t words_of(size_t channels) { return (channels + 31) / 32; }

// Memory on a cache line; `data` is null where there is none left.
template <typename T>
struct Buffer {
    T* data;
    explicit Buffer(size_t count) : data(NULL) {
        void* memory = NULL;
        if (!posix_memalign(&memory, 64, (count ? count : 1) * sizeof(T))) data = (T*)memory;
    }
    ~Buffer() { free(data); }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
};

inline uint32_t bit_of(float value, Coding coding) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    // Bit 29 is the lowest exponent bit that 1.0 has set and both zeros have not.
    return coding == SIGN ? bits >> 31 : bits >> 29 & 1;
}

// Planes of `pixels` floats, `channel_stride` floats apart, to words[word * pitch + pixel].
// True where a NaN was among them.
inline bool pack_planes_portable(const float* planes, size_t channels, ptrdiff_t channel_stride,
                                 size_t pixels, Coding coding, uint32_t* words, size_t pitch) {
    bool nan = false;
    for (size_t word = 0; word < words_of(channels); ++word) {
        uint32_t* row = words + word * pitch;
        memset(row, 0, pixels * sizeof *row);
        size_t in_word = channels - 32 * word < 32 ? channels - 32 * word : 32;
        for (size_t channel = 0; channel < in_word; ++channel) {
            const float* plane = planes + (ptrdiff_t)(32 * word + channel) * channel_stride;
            for (size_t pixel = 0; pixel < pixels; ++pixel) {
                row[pixel] |= bit_of(plane[pixel], coding) << channel;
                nan |= plane[pixel] != plane[pixel];
            }
        }
    }
    return nan;
}

// `channels` floats in a row to words_of(channels) words. True where a NaN was among them.
inline bool pack_row_portable(const float* row, size_t channels, Coding coding, uint32_t* words) {
    return pack_planes_portable(row, channels, 1, 1, coding, words, 1);
}

#if BINARY_X86

// Filters are many small planes, read backwards within a word: nothing that a prefetcher foresees.
// At word `word` the planes two words on are fetched. Left as a call it would be deleted: to the
// compiler it has no effect.
__attribute__((always_inline)) inline void prefetch_planes(const float* planes, ptrdiff_t channel_stride, size_t pixels,
                            size_t word) {
    if (pixels > 64) return;
    const uintptr_t start = (uintptr_t)planes + 32 * (word + 2) * (uintptr_t)channel_stride * 4;
    for (size_t line = 0; line < 32 * pixels; line += 16)
        __builtin_prefetch((const void*)(start + 4 * line));
}

// Four channels at a time are shifted into the words of a row of pixels, the highest first: few
// streams for the prefetcher, and the words stay in the first cache.
BINARY_AVX512 inline bool pack_planes_avx512(const float* planes, size_t channels,
                                             ptrdiff_t channel_stride, size_t pixels,
                                             Coding coding, uint32_t* words, size_t pitch) {
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

BINARY_AVX512 inline bool pack_row_avx512(const float* row, size_t channels, Coding coding,
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

BINARY_AVX2 inline __m256i first_lanes_avx2(size_t count) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count < 8 ? (int)count : 8), lane);
}

BINARY_AVX2 inline bool pack_planes_avx2(const float* planes, size_t channels,
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
                    bits = _mm256_or_si256(_mm256_add_epi32(bits, bits), _mm256_srli_epi32(top, 31));
                }
                _mm256_maskstore_epi32((int*)row + pixel, lanes, bits);
            }
            first = false;
        }
    }
    return _mm256_movemask_ps(_mm256_cmp_ps(poison, poison, _CMP_UNORD_Q)) != 0;
}

BINARY_AVX2 inline bool pack_row_avx2(const float* row, size_t channels, Coding coding,
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

#endif

inline bool pack_planes(Path path, const float* planes, size_t channels, ptrdiff_t channel_stride,
                        size_t pixels, Coding coding, uint32_t* words, size_t pitch) {
#if BINARY_X86
    if (path == AVX512)
        return pack_planes_avx512(planes, channels, channel_stride, pixels, coding, words, pitch);
    if (path == AVX2)
        return pack_planes_avx2(planes, channels, channel_stride, pixels, coding, words, pitch);
#endif
    return pack_planes_portable(planes, channels, channel_stride, pixels, coding, words, pitch);
}

inline bool pack_row(Path path, const float* row, size_t channels, Coding coding, uint32_t* words) {
#if BINARY_X86
    if (path == AVX512) return pack_row_avx512(row, channels, coding, words);
    if (path == AVX2) return pack_row_avx2(row, channels, coding, words);
#endif
    return pack_row_portable(row, channels, coding, words);
}

}  // namespace binary

#endif
