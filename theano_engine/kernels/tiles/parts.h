// Floats as sums of bfloat16: each part is what is left of the number, rounded to the nearest.
//
// Three parts are the number itself, unless one of them is below 2^-126, which tiles take for zero:
// with p parts a term is off by at most 2^-8 (p = 1), 2^-16 (2) or 0 (3) of itself, and by 2^-126.
// An infinity or a NaN is its own first part, so that no Inf - Inf arises; a number that would
// round to an infinity is cut, and so is what is left of it.
#ifndef TILES_PARTS_H
#define TILES_PARTS_H

#include "tiles/line.h"

namespace tiles {

static const int MOST_PARTS = 3;

static const uint32_t EXPONENT = 0x7f800000u, UPPER_HALF = 0xffff0000u;
// From 2^127 on a number may round to an infinity.
static const uint32_t LARGE = 0x7f000000u;

// The bits of the nearest number with an empty lower half, ties to even.
static inline uint32_t nearest(uint32_t bits) {
    return (bits + 0x7fffu + (bits >> 16 & 1)) & UPPER_HALF;
}

// The bits themselves without their lower half; a NaN stays one.
static inline uint32_t cut(uint32_t bits) {
    return (bits | ((bits & 0x7fffffffu) > EXPONENT ? 0x00400000u : 0)) & UPPER_HALF;
}

// The general form of `split`.
TARGET_TILES __attribute__((noinline)) static void split_any(const float* values, int parts,
                                                             Line* out) {
    for (int k = 0; k < SIDE; k++) {
        float rest = values[k];
        const bool finite = (bits_of(rest) & EXPONENT) != EXPONENT;
        const bool is_cut = !finite || (nearest(bits_of(rest)) & EXPONENT) == EXPONENT;
        for (int p = 0; p < parts; p++) {
            const uint32_t bits = bits_of(rest);
            const uint32_t part = is_cut ? cut(bits) : nearest(bits);
            out[p].word[k] = part;
            rest = finite ? rest - float_of(part) : 0;
        }
    }
}

// out[p].word[k]: part p of values[k], as the bits of a float whose lower half is empty.
TARGET_TILES static inline void split(const float* values, int parts, Line* out) {
    float rest[SIDE];
    uint32_t largest = 0;
    for (int k = 0; k < SIDE; k++) {
        const uint32_t size = bits_of(values[k]) & 0x7fffffffu;
        largest = size > largest ? size : largest;
        rest[k] = values[k];
    }
    if (largest >= LARGE) {
        split_any(values, parts, out);
        return;
    }
    for (int p = 0; p < parts; p++)
        for (int k = 0; k < SIDE; k++) {
            const uint32_t part = nearest(bits_of(rest[k]));
            out[p].word[k] = part;
            rest[k] -= float_of(part);
        }
}

// out[p].word[k]: part p of first[k] and of second[k].
TARGET_TILES static inline void split_pairs(const float* first, const float* second, int parts,
                                            Line* out) {
    Line upper[MOST_PARTS];
    split(first, parts, out);
    split(second, parts, upper);
    for (int p = 0; p < parts; p++)
        for (int k = 0; k < SIDE; k++) out[p].word[k] = pair_of(out[p].word[k], upper[p].word[k]);
}

}  // namespace tiles

#endif
