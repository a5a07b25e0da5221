// Sums of signs on AVX2: a register of 256 bits holds half a table, and one `vpermps` fetches the
// sums of eight indices at once.
//
// The other half is the same with the signs changed, once the values' mean is taken out:
// `sum_b a_b * (mean +- half)`, where patterns e and ~e differ in the sign of the second part
// alone. So a word's indices are stored as the three bits to look up with and the sign to give the
// entry. The first part is the same in all lanes; it is 0 for -1/+1 and left out there.
#ifndef SIGN_SUMS_SUMS_AVX2_H
#define SIGN_SUMS_SUMS_AVX2_H

#include "common/intrinsics.h"
#include <stddef.h>
#include <stdint.h>

#define TARGET_SIGN_SUMS TARGET_AVX2

namespace sign_sums {

const int LANES = 8;                       // floats of a register
const int GROUP = 4;                       // floats that one table sums
const int WORD_GROUPS = 8;                 // indices of a 32-bit lane
const int TILE = 4;                        // tables that a step looks up in
const int MOST_VECTORS = 2;                // index vectors that it looks up with
const ptrdiff_t CACHE_BYTES = 256 * 1024;  // of tables that are used again and again

struct Patterns {
    __m256 weight[GROUP];
    float mean;
    bool has_mean;
};

// Floats of one table: its entries and, with a mean, the part that is the same in all lanes.
static inline int table_floats(float low, float high) { return low == -high ? 8 : 16; }

TARGET_SIGN_SUMS static inline Patterns make_patterns(float low, float high) {
    Patterns patterns;
    const float half = 0.5f * (high - low);
    for (int b = 0; b < GROUP; b++) {
        float weight[8];
        for (int e = 0; e < 8; e++) weight[e] = (e >> b) & 1 ? half : -half;
        patterns.weight[b] = _mm256_loadu_ps(weight);
    }
    patterns.mean = 0.5f * (low + high);
    patterns.has_mean = low != -high;
    return patterns;
}

TARGET_SIGN_SUMS static inline void store_table(const Patterns& patterns, const float* a,
                                                float* table) {
    __m256 sum = _mm256_mul_ps(_mm256_set1_ps(a[0]), patterns.weight[0]);
#pragma GCC unroll 4
    for (int b = 1; b < GROUP; b++)
        sum = _mm256_fmadd_ps(_mm256_set1_ps(a[b]), patterns.weight[b], sum);
    _mm256_store_ps(table, sum);
    if (patterns.has_mean)
        _mm256_store_ps(table + 8, _mm256_set1_ps(patterns.mean * ((a[0] + a[1]) + (a[2] + a[3]))));
}

// The running sums of TILE tables' owners (pixels or filters) times VECTORS x 8 lanes.
template <int VECTORS>
struct Sums {
    __m256 value[VECTORS][TILE];
    __m256 same[TILE];  // what all lanes have in common
    bool has_mean;

    TARGET_SIGN_SUMS inline void clear(int floats) {
        has_mean = floats > 8;
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++)
#pragma GCC unroll 4
            for (int t = 0; t < TILE; t++) value[v][t] = _mm256_setzero_ps();
        for (int t = 0; t < TILE; t++) same[t] = _mm256_setzero_ps();
    }

    // The sums of owner t in the lanes of vector v, to 32-byte aligned memory.
    TARGET_SIGN_SUMS inline void store(int v, int t, float* target) const {
        _mm256_store_ps(target, _mm256_add_ps(value[v][t], same[t]));
    }
    TARGET_SIGN_SUMS inline void add_to(int v, int t, float* target) const {
        const __m256 sum = _mm256_add_ps(value[v][t], same[t]);
        _mm256_store_ps(target, _mm256_add_ps(_mm256_load_ps(target), sum));
    }

    // Adds the sums of `groups` (at most WORD_GROUPS) indices. `indices`: VECTORS x 8 words,
    // `table`: the first group's table of owner 0; other owners and groups lie at the given
    // distances.
    TARGET_SIGN_SUMS inline void add(const uint32_t* indices, const float* table,
                                     ptrdiff_t owner_distance, ptrdiff_t group_distance,
                                     int groups) {
        if (has_mean)
            for (int g = 0; g < groups; g++)
                for (int t = 0; t < TILE; t++)
                    same[t] = _mm256_add_ps(same[t], _mm256_load_ps(table + g * group_distance +
                                                                    t * owner_distance + 8));
        __m256i index[VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++)
            index[v] = _mm256_loadu_si256((const __m256i*)(indices + v * LANES));
        const __m256i top = _mm256_set1_epi32((int)0x80000000u);
#pragma GCC unroll 1
        for (int g = 0; g < groups; g++, table += group_distance) {
            __m256 sign[VECTORS];
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++)
                sign[v] =
                    _mm256_castsi256_ps(_mm256_and_si256(_mm256_slli_epi32(index[v], 28), top));
#pragma GCC unroll 4
            for (int t = 0; t < TILE; t++) {
                const __m256 entries = _mm256_load_ps(table + t * owner_distance);
#pragma GCC unroll 4
                for (int v = 0; v < VECTORS; v++)
                    value[v][t] = _mm256_add_ps(
                        value[v][t],
                        _mm256_xor_ps(_mm256_permutevar8x32_ps(entries, index[v]), sign[v]));
            }
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; v++) index[v] = _mm256_srli_epi32(index[v], GROUP);
        }
    }
};

// Makes packed words ready for lookups: an index whose highest bit is set becomes the other three
// bits reversed, to be given the opposite sign.
static inline void prepare_words(uint32_t* words, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) words[i] ^= (words[i] >> 3 & 0x11111111u) * 7u;
}

// Bit k is set where source[k] exceeds `middle`, of `count` (at most 32).
TARGET_SIGN_SUMS static inline uint32_t word_of(const float* source, ptrdiff_t count,
                                                float middle) {
    const __m256 threshold = _mm256_set1_ps(middle);
    uint32_t word = 0;
    ptrdiff_t k = 0;
    for (; k + LANES <= count; k += LANES) {
        const __m256 set = _mm256_cmp_ps(_mm256_loadu_ps(source + k), threshold, _CMP_GT_OQ);
        word |= (uint32_t)_mm256_movemask_ps(set) << k;
    }
    for (; k < count; k++) word |= (uint32_t)(source[k] > middle) << k;
    return word;
}

// Sets `bit` in target[x] where source[x] exceeds `middle`.
TARGET_SIGN_SUMS static inline void set_bits(const float* source, ptrdiff_t count, float middle,
                                             uint32_t bit, uint32_t* target) {
    const __m256 threshold = _mm256_set1_ps(middle);
    const __m256i mark = _mm256_set1_epi32((int)bit);
    ptrdiff_t x = 0;
    for (; x + LANES <= count; x += LANES) {
        const __m256 set = _mm256_cmp_ps(_mm256_loadu_ps(source + x), threshold, _CMP_GT_OQ);
        const __m256i words = _mm256_loadu_si256((const __m256i*)(target + x));
        _mm256_storeu_si256(
            (__m256i*)(target + x),
            _mm256_or_si256(words, _mm256_and_si256(_mm256_castps_si256(set), mark)));
    }
    for (; x < count; x++)
        if (source[x] > middle) target[x] |= bit;
}

}  // namespace sign_sums

#endif
