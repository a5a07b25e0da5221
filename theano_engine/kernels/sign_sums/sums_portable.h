// Sums of signs without vector instructions: what the other files compute, in its plainest form.
#ifndef SIGN_SUMS_SUMS_PORTABLE_H
#define SIGN_SUMS_SUMS_PORTABLE_H

#include <stddef.h>
#include <stdint.h>

#define TARGET_SIGN_SUMS

namespace sign_sums {

const int LANES = 8;                       // floats that are summed side by side
const int GROUP = 4;                       // floats that one table sums
const int WORD_GROUPS = 8;                 // indices of a 32-bit lane
const int TILE = 4;                        // tables that a step looks up in
const int MOST_VECTORS = 2;                // times LANES indices that it looks up with
const ptrdiff_t CACHE_BYTES = 256 * 1024;  // of tables that are used again and again

struct Patterns {
    float low, high;
};

static inline Patterns make_patterns(float low, float high) {
    const Patterns patterns = {low, high};
    return patterns;
}

// Floats of one table.
static inline int table_floats(float, float) { return 16; }

static inline void store_table(const Patterns& patterns, const float* a, float* table) {
    for (int e = 0; e < 16; e++)
        table[e] = a[0] * (e & 1 ? patterns.high : patterns.low) +
                   a[1] * (e & 2 ? patterns.high : patterns.low) +
                   a[2] * (e & 4 ? patterns.high : patterns.low) +
                   a[3] * (e & 8 ? patterns.high : patterns.low);
}

// The running sums of TILE tables' owners (pixels or filters) times VECTORS x LANES.
template <int VECTORS>
struct Sums {
    float value[VECTORS][TILE][LANES];

    inline void clear(int) {
        for (int v = 0; v < VECTORS; v++)
            for (int t = 0; t < TILE; t++)
                for (int lane = 0; lane < LANES; lane++) value[v][t][lane] = 0;
    }
    inline void store(int v, int t, float* target) const {
        for (int lane = 0; lane < LANES; lane++) target[lane] = value[v][t][lane];
    }
    inline void add_to(int v, int t, float* target) const {
        for (int lane = 0; lane < LANES; lane++) target[lane] += value[v][t][lane];
    }

    // Adds the sums of `groups` (at most WORD_GROUPS) indices. `indices`: VECTORS x LANES words,
    // `table`: the first group's table of owner 0; other owners and groups lie at the given
    // distances.
    inline void add(const uint32_t* indices, const float* table, ptrdiff_t owner_distance,
                    ptrdiff_t group_distance, int groups) {
        for (int g = 0; g < groups; g++, table += group_distance)
            for (int v = 0; v < VECTORS; v++)
                for (int t = 0; t < TILE; t++)
                    for (int lane = 0; lane < LANES; lane++)
                        value[v][t][lane] += table[t * owner_distance +
                                                   (indices[v * LANES + lane] >> GROUP * g & 15)];
    }
};

// Makes packed words ready for lookups.
static inline void prepare_words(uint32_t*, ptrdiff_t) {}

// Bit k is set where source[k] exceeds `middle`, of `count` (at most 32).
static inline uint32_t word_of(const float* source, ptrdiff_t count, float middle) {
    uint32_t word = 0;
    for (ptrdiff_t k = 0; k < count; k++) word |= (uint32_t)(source[k] > middle) << k;
    return word;
}

// Sets `bit` in target[x] where source[x] exceeds `middle`.
static inline void set_bits(const float* source, ptrdiff_t count, float middle, uint32_t bit,
                            uint32_t* target) {
    for (ptrdiff_t x = 0; x < count; x++)
        if (source[x] > middle) target[x] |= bit;
}

}  // namespace sign_sums

#endif
