// transpose(source, source_distance, target, target_distance): sixteen rows of sixteen 32-bit words
// become columns, target[k target_distance + row] = source[row source_distance + k]. transpose_any
// is told how many rows of how many words.
#ifndef COMMON_TRANSPOSE_H
#define COMMON_TRANSPOSE_H

#include <stddef.h>

#include "common/intrinsics.h"

namespace transposing {

const int SIDE = 16;

#if HAS_AVX512

template <typename Word>
__attribute__((target("avx512f"))) static inline void transpose(const Word* source,
                                                                ptrdiff_t source_distance,
                                                                Word* target,
                                                                ptrdiff_t target_distance) {
    // row[4 q + m], quarter L: word 4 L + m of the rows 4 q to 4 q + 3.
    __m512i row[SIDE];
#pragma GCC unroll 4
    for (int q = 0; q < SIDE; q += 4) {
        const Word* first = source + q * source_distance;
        const __m512i a = _mm512_loadu_si512(first);
        const __m512i b = _mm512_loadu_si512(first + source_distance);
        const __m512i c = _mm512_loadu_si512(first + 2 * source_distance);
        const __m512i d = _mm512_loadu_si512(first + 3 * source_distance);
        const __m512i low = _mm512_unpacklo_epi32(a, b), high = _mm512_unpackhi_epi32(a, b);
        const __m512i low2 = _mm512_unpacklo_epi32(c, d), high2 = _mm512_unpackhi_epi32(c, d);
        row[q] = _mm512_unpacklo_epi64(low, low2);
        row[q + 1] = _mm512_unpackhi_epi64(low, low2);
        row[q + 2] = _mm512_unpacklo_epi64(high, high2);
        row[q + 3] = _mm512_unpackhi_epi64(high, high2);
    }
#pragma GCC unroll 4
    for (int m = 0; m < 4; m++) {
        const __m512i even = _mm512_shuffle_i32x4(row[m], row[4 + m], 0x88);
        const __m512i odd = _mm512_shuffle_i32x4(row[m], row[4 + m], 0xdd);
        const __m512i even2 = _mm512_shuffle_i32x4(row[8 + m], row[12 + m], 0x88);
        const __m512i odd2 = _mm512_shuffle_i32x4(row[8 + m], row[12 + m], 0xdd);
        Word* first = target + m * target_distance;
        _mm512_storeu_si512(first, _mm512_shuffle_i32x4(even, even2, 0x88));
        _mm512_storeu_si512(first + 4 * target_distance, _mm512_shuffle_i32x4(odd, odd2, 0x88));
        _mm512_storeu_si512(first + 8 * target_distance, _mm512_shuffle_i32x4(even, even2, 0xdd));
        _mm512_storeu_si512(first + 12 * target_distance, _mm512_shuffle_i32x4(odd, odd2, 0xdd));
    }
}

#else

template <typename Word>
static inline void transpose(const Word* source, ptrdiff_t source_distance, Word* target,
                             ptrdiff_t target_distance) {
    for (int k = 0; k < SIDE; k++)
        for (int row = 0; row < SIDE; row++)
            target[k * target_distance + row] = source[row * source_distance + k];
}

#endif

template <typename Word>
static void transpose_any(const Word* source, ptrdiff_t source_distance, ptrdiff_t rows,
                          ptrdiff_t columns, Word* target, ptrdiff_t target_distance) {
    for (ptrdiff_t k = 0; k < columns; k += SIDE)
        for (ptrdiff_t row = 0; row < rows; row += SIDE) {
            const Word* from = source + row * source_distance + k;
            Word* to = target + k * target_distance + row;
            if (row + SIDE <= rows && k + SIDE <= columns) {
                transpose(from, source_distance, to, target_distance);
                continue;
            }
            for (ptrdiff_t m = 0; m < SIDE && k + m < columns; m++)
                for (ptrdiff_t n = 0; n < SIDE && row + n < rows; n++)
                    to[m * target_distance + n] = from[n * source_distance + m];
        }
}

}  // namespace transposing

#endif
