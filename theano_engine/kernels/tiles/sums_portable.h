// What AMX computes, word by word: the order of its sums, and zeros for subnormal numbers.
#ifndef TILES_SUMS_PORTABLE_H
#define TILES_SUMS_PORTABLE_H

#include "tiles/line.h"

namespace tiles {

struct Configured {
    Configured() {}
};

static inline float flushed(float value) {
    return (bits_of(value) & 0x7f800000u) ? value : float_of(bits_of(value) & 0x80000000u);
}

struct Sums {
    float value[2][2][SIDE][SIDE];

    inline void clear() { memset(value, 0, sizeof value); }
    inline void load(const Line* source) { memcpy(value, source, sizeof value); }
    inline void store(Line* target) const { memcpy(target, value, sizeof value); }

    inline void add(const Line* a, ptrdiff_t a_distance, ptrdiff_t part_distance, int parts,
                    const Line* b, ptrdiff_t b_distance) {
        for (int p = 0; p < parts; p++)
            for (int half = 0; half < 2; half++)
                for (int other = 0; other < 2; other++)
                    add_tile(a + p * part_distance + half * a_distance, b + other * b_distance,
                             value[half][other]);
    }

  private:
    // The products of the pairs' first halves and those of their second halves have a sum each,
    // which are added to each other and then to what there was. Products of two bfloat16 are exact.
    static inline void add_tile(const Line* a, const Line* b, float (*sums)[SIDE]) {
        float b_first[SIDE][SIDE], b_second[SIDE][SIDE];
        for (int k = 0; k < SIDE; k++)
            for (int n = 0; n < SIDE; n++) {
                b_first[k][n] = flushed(float_of(b[k].word[n] << 16));
                b_second[k][n] = flushed(float_of(b[k].word[n] & 0xffff0000u));
            }
        for (int row = 0; row < SIDE; row++) {
            float first[SIDE] = {0}, second[SIDE] = {0};
            for (int k = 0; k < SIDE; k++) {
                const float a_first = flushed(float_of(a[row].word[k] << 16));
                const float a_second = flushed(float_of(a[row].word[k] & 0xffff0000u));
                for (int n = 0; n < SIDE; n++) {
                    first[n] = flushed(first[n] + a_first * b_first[k][n]);
                    second[n] = flushed(second[n] + a_second * b_second[k][n]);
                }
            }
            for (int n = 0; n < SIDE; n++)
                sums[row][n] = flushed(flushed(sums[row][n]) + flushed(first[n] + second[n]));
        }
    }
};

}  // namespace tiles

#endif
