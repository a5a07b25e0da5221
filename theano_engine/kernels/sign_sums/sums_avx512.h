// Sums of signs on AVX-512: two registers of 512 bits hold a whole table, and one `vpermt2ps`
// fetches the sums of sixteen indices at once. That is one lookup and one addition for 5 x 16
// multiply-adds.
#ifndef SIGN_SUMS_SUMS_AVX512_H
#define SIGN_SUMS_SUMS_AVX512_H

#include "common/intrinsics.h"
#include <stddef.h>
#include <stdint.h>

#define TARGET_SIGN_SUMS __attribute__((target("avx512f")))

namespace sign_sums {

const int LANES = 16;                      // floats of a register
const int GROUP = 5;                       // floats that one table sums
const int WORD_GROUPS = 6;                 // indices of a 32-bit lane
const int TILE = 4;                        // tables that a step looks up in
const int MOST_VECTORS = 4;                // index vectors that it looks up with
const ptrdiff_t CACHE_BYTES = 512 * 1024;  // of tables that are used again and again

struct Patterns {
    __m512 weight[GROUP - 1];  // of all floats but the last, the same in both halves of a table
    __m512 low, high;          // the last one's
};

// Floats of one table.
static inline int table_floats(float, float) { return 2 * LANES; }

TARGET_SIGN_SUMS static inline Patterns make_patterns(float low, float high) {
    Patterns patterns;
    patterns.low = _mm512_set1_ps(low);
    patterns.high = _mm512_set1_ps(high);
    for (int b = 0; b < GROUP - 1; b++) {
        __mmask16 set = 0;
        for (int e = 0; e < LANES; e++) set |= (__mmask16)(((e >> b) & 1) << e);
        patterns.weight[b] = _mm512_mask_blend_ps(set, patterns.low, patterns.high);
    }
    return patterns;
}

TARGET_SIGN_SUMS static inline void store_table(const Patterns& patterns, const float* a,
                                                float* table) {
    __m512 sum = _mm512_mul_ps(_mm512_set1_ps(a[0]), patterns.weight[0]);
#pragma GCC unroll 4
    for (int b = 1; b < GROUP - 1; b++)
        sum = _mm512_fmadd_ps(_mm512_set1_ps(a[b]), patterns.weight[b], sum);
    const __m512 last = _mm512_set1_ps(a[GROUP - 1]);
    _mm512_store_ps(table, _mm512_fmadd_ps(last, patterns.low, sum));
    _mm512_store_ps(table + LANES, _mm512_fmadd_ps(last, patterns.high, sum));
}

// The running sums of TILE tables' owners (pixels or filters) times VECTORS x 16 lanes.
template <int VECTORS>
struct Sums {
    __m512 value[VECTORS][TILE];
    __m512 one;

    TARGET_SIGN_SUMS inline void clear(int) {
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++)
#pragma GCC unroll 4
            for (int t = 0; t < TILE; t++) value[v][t] = _mm512_setzero_ps();
        one = _mm512_set1_ps(1.0f);
        // Hidden from the compiler, which would turn a multiplication by one into an addition.
        asm volatile("" : "+v"(one));
    }

    // The sums of owner t in the lanes of vector v, to 64-byte aligned memory.
    TARGET_SIGN_SUMS inline void store(int v, int t, float* target) const {
        _mm512_store_ps(target, value[v][t]);
    }
    TARGET_SIGN_SUMS inline void add_to(int v, int t, float* target) const {
        _mm512_store_ps(target, _mm512_add_ps(_mm512_load_ps(target), value[v][t]));
    }

    // Adds the sums of `groups` (at most WORD_GROUPS) indices. `indices`: VECTORS x 16 words,
    // `table`: the first group's table of owner 0; other owners and groups lie at the given
    // distances.
    TARGET_SIGN_SUMS inline void add(const uint32_t* indices, const float* table,
                                     ptrdiff_t owner_distance, ptrdiff_t group_distance,
                                     int groups) {
        __m512i index[VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++) index[v] = _mm512_loadu_si512(indices + v * LANES);
        // Unrolled further, the compiler runs out of registers for the sums.
#pragma GCC unroll 1
        for (int g = 0; g < groups; g++, table += group_distance) {
#pragma GCC unroll 4
            for (int t = 0; t < TILE; t++) {
                __m512 low = _mm512_load_ps(table + t * owner_distance);
                __m512 high = _mm512_load_ps(table + t * owner_distance + LANES);
                // Kept in registers: each lookup would read the second half from memory again.
                asm volatile("" : "+v"(low), "+v"(high));
#pragma GCC unroll 4
                for (int v = 0; v < VECTORS; v++) {
                    const __m512 sum = _mm512_permutex2var_ps(low, index[v], high);
                    // Lookups, additions and multiply-adds compete for the same ports: a quarter
                    // of the additions as multiply-adds by one spread them the most evenly.
                    if ((v + t) % 4)
                        value[v][t] = _mm512_add_ps(value[v][t], sum);
                    else
                        value[v][t] = _mm512_fmadd_ps(sum, one, value[v][t]);
                }
            }
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++) index[v] = _mm512_srli_epi32(index[v], GROUP);
        }
    }
};

// Makes packed words ready for lookups.
static inline void prepare_words(uint32_t*, ptrdiff_t) {}

// Bit k is set where source[k] exceeds `middle`, of `count` (at most 32).
TARGET_SIGN_SUMS static inline uint32_t word_of(const float* source, ptrdiff_t count,
                                                float middle) {
    const __m512 threshold = _mm512_set1_ps(middle);
    uint32_t word = 0;
#pragma GCC unroll 2
    for (ptrdiff_t k = 0; k < 2 * LANES; k += LANES) {
        const ptrdiff_t left = count - k;
        const __mmask16 inside =
            left >= LANES ? 0xffff : (__mmask16)((1u << (left > 0 ? left : 0)) - 1);
        const __m512 values = _mm512_maskz_loadu_ps(inside, source + k);
        word |= (uint32_t)_mm512_mask_cmp_ps_mask(inside, values, threshold, _CMP_GT_OQ) << k;
    }
    return word;
}

// Sets `bit` in target[x] where source[x] exceeds `middle`.
TARGET_SIGN_SUMS static inline void set_bits(const float* source, ptrdiff_t count, float middle,
                                             uint32_t bit, uint32_t* target) {
    const __m512 threshold = _mm512_set1_ps(middle);
    const __m512i mark = _mm512_set1_epi32((int)bit);
    for (ptrdiff_t x = 0; x < count; x += LANES) {
        __mmask16 inside = count - x >= LANES ? 0xffff : (__mmask16)((1u << (count - x)) - 1);
        __mmask16 set = _mm512_mask_cmp_ps_mask(inside, _mm512_maskz_loadu_ps(inside, source + x),
                                                threshold, _CMP_GT_OQ);
        __m512i word = _mm512_maskz_loadu_epi32(inside, target + x);
        _mm512_mask_storeu_epi32(target + x, inside, _mm512_mask_or_epi32(word, set, word, mark));
    }
}

}  // namespace sign_sums

#endif
