// Products of tiles in AMX's registers: 0 to 3 have the sums, 4 and 5 hold b, 6 and 7 hold a.
#ifndef TILES_SUMS_AMX_H
#define TILES_SUMS_AMX_H

#include "common/intrinsics.h"
#include "tiles/line.h"

namespace tiles {

// GCC is not told of the memory that tiles and their configuration are loaded from.
static inline void written(const void* memory) { __asm__ volatile("" : : "r"(memory) : "memory"); }

// While one lives its thread's tiles are of full size; they are given back when it ends.
struct Configured {
    TARGET_TILES Configured() {
        struct {
            uint8_t palette, first_row, reserved[14];
            uint16_t row_bytes[16];
            uint8_t rows[16];
        } __attribute__((aligned(64))) shapes;
        memset(&shapes, 0, sizeof shapes);
        shapes.palette = 1;
        for (int tile = 0; tile < 8; tile++) {
            shapes.row_bytes[tile] = sizeof(Line);
            shapes.rows[tile] = SIDE;
        }
        written(&shapes);
        _tile_loadconfig(&shapes);
    }
    TARGET_TILES ~Configured() { _tile_release(); }
};

struct Sums {
    TARGET_TILES inline void clear() {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    TARGET_TILES inline void load(const Line* source) {
        written(source);
        _tile_loadd(0, source, sizeof(Line));
        _tile_loadd(1, source + SIDE, sizeof(Line));
        _tile_loadd(2, source + 2 * SIDE, sizeof(Line));
        _tile_loadd(3, source + 3 * SIDE, sizeof(Line));
    }
    TARGET_TILES inline void store(Line* target) const {
        _tile_stored(0, target, sizeof(Line));
        _tile_stored(1, target + SIDE, sizeof(Line));
        _tile_stored(2, target + 2 * SIDE, sizeof(Line));
        _tile_stored(3, target + 3 * SIDE, sizeof(Line));
    }
    TARGET_TILES inline void add(const Line* a, ptrdiff_t a_distance, ptrdiff_t part_distance,
                                 int parts, const Line* b, ptrdiff_t b_distance) {
        written(a);
        _tile_loadd(4, b, sizeof(Line));
        _tile_loadd(5, b + b_distance, sizeof(Line));
        for (int p = 0; p < parts; p++, a += part_distance) {
            _tile_loadd(6, a, sizeof(Line));
            _tile_loadd(7, a + a_distance, sizeof(Line));
            _tile_dpbf16ps(0, 6, 4);
            _tile_dpbf16ps(1, 6, 5);
            _tile_dpbf16ps(2, 7, 4);
            _tile_dpbf16ps(3, 7, 5);
        }
    }
};

}  // namespace tiles

#endif
