// Signs of floats as bits, 32 channels a word.
//
// A packed plane holds one word per pixel: bit c of word w belongs to channel 32 * w + c. Pixels
// lie next to each other, so that the lanes of a vector register are neighbouring pixels and
// packing needs no transposition. Bits of channels that do not exist are 0.
#ifndef BITS_CODING_H
#define BITS_CODING_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmath>
#include <new>

#include "common/intrinsics.h"

namespace binary {

// How a float stands for a bit: its sign (-a or +a, bit set where negative), or its being 1 (0 or
// 1). Images may also be real: then they stand for themselves.
enum Coding { SIGN, UNIT, REAL };

// Whether products are looked up by nibble, rather than counted by bits of words.
inline bool reads_nibbles() { return HAS_AVX2 && !HAS_AVX512_POPCOUNT; }

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

// Filters are many small planes, read backwards within a word: nothing that a prefetcher foresees.
// At word `word` the planes two words on are fetched. Left as a call it would be deleted: to the
// compiler it has no effect.
__attribute__((always_inline)) inline void prefetch_planes(const float* planes,
                                                           ptrdiff_t channel_stride, size_t pixels,
                                                           size_t word) {
    if (pixels > 64) return;
    const uintptr_t start = (uintptr_t)planes + 32 * (word + 2) * (uintptr_t)channel_stride * 4;
    for (size_t line = 0; line < 32 * pixels; line += 16)
        __builtin_prefetch((const void*)(start + 4 * line));
}

}  // namespace binary

#endif
