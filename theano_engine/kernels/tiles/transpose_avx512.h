#ifndef TILES_TRANSPOSE_AVX512_H
#define TILES_TRANSPOSE_AVX512_H

#include "common/intrinsics.h"
#include "tiles/line.h"

namespace tiles {

TARGET_TILES static inline void transpose(const Line* source, Line* target, ptrdiff_t distance) {
    // row[4 q + m], quarter L: word 4 L + m of the rows 4 q to 4 q + 3.
    __m512i row[SIDE];
#pragma GCC unroll 4
    for (int q = 0; q < SIDE; q += 4) {
        const __m512i a = _mm512_loadu_si512(source + q), b = _mm512_loadu_si512(source + q + 1);
        const __m512i c = _mm512_loadu_si512(source + q + 2);
        const __m512i d = _mm512_loadu_si512(source + q + 3);
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
        _mm512_storeu_si512(target + m * distance, _mm512_shuffle_i32x4(even, even2, 0x88));
        _mm512_storeu_si512(target + (4 + m) * distance, _mm512_shuffle_i32x4(odd, odd2, 0x88));
        _mm512_storeu_si512(target + (8 + m) * distance, _mm512_shuffle_i32x4(even, even2, 0xdd));
        _mm512_storeu_si512(target + (12 + m) * distance, _mm512_shuffle_i32x4(odd, odd2, 0xdd));
    }
}

}  // namespace tiles

#endif
