// Lines of sixteen words, of which tiles have sixteen.
#ifndef TILES_LINE_H
#define TILES_LINE_H

#include <stdint.h>
#include <string.h>

#include "common/convolution.h"
#include "common/instruction_set.h"
#include "common/transpose.h"

#if HAS_AMX
#define TARGET_TILES TARGET_AMX
#elif HAS_AVX512
#define TARGET_TILES TARGET_AVX512
#else
#define TARGET_TILES
#endif

namespace tiles {

using gradient_conv::Array4;
using gradient_conv::ceil_div;
using gradient_conv::Geometry;
using gradient_conv::greatest;
using gradient_conv::least;
using gradient_conv::prefetch;
using gradient_conv::Scratch;

using transposing::SIDE;

// Sixteen floats, or sixteen pairs of bfloat16 of which the first is the word's lower half.
struct Line {
    uint32_t word[SIDE];
} __attribute__((aligned(64)));

static inline uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// target[k distance].word[row] = source[row].word[k].
TARGET_TILES static inline void transpose(const Line* source, Line* target, ptrdiff_t distance) {
    transposing::transpose(source->word, SIDE, target->word, distance * SIDE);
}

// Of two floats with empty lower halves.
static inline uint32_t pair_of(uint32_t first, uint32_t second) { return first >> 16 | second; }

// The first `count` of floats that lie `step` apart, and zeros up to sixteen. Those `ahead` of
// them are wanted soon.
static inline void load_floats(const float* source, ptrdiff_t step, ptrdiff_t count,
                               ptrdiff_t ahead, float* target) {
    prefetch(source, ahead);
    if (step == 1 && count >= SIDE) {
        memcpy(target, source, SIDE * sizeof(float));
        return;
    }
    for (ptrdiff_t k = 0; k < SIDE; k++) target[k] = k < count ? source[k * step] : 0;
}

}  // namespace tiles

#endif
