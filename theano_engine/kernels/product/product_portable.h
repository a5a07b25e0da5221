// Products of bits by counting ones, on any processor.
#ifndef PRODUCT_PRODUCT_PORTABLE_H
#define PRODUCT_PRODUCT_PORTABLE_H

#include "product/product.h"

namespace binary {

inline void multiply_tile_portable(const Product& product, Combine combine, size_t first,
                                   size_t last, size_t tile) {
    size_t vectors = 4 * tiles_of(product.pixels);
    for (size_t filter = first; filter < last; ++filter) {
        int32_t counts[TILE] = {0};
        for (size_t tap = 0; tap < product.taps; ++tap) {
            uint32_t inside[TILE];
            for (size_t lane = 0; lane < TILE; ++lane) {
                size_t vector = tap * vectors + 4 * tile + lane / 16;
                bool in = !product.valid || (product.valid[vector] >> (lane % 16) & 1);
                inside[lane] = in ? 0xffffffffu : 0;
            }
            const uint32_t* column = product.columns + product.tap_offset[tap] + tile * TILE;
            const uint32_t* weights =
                product.filters + (ptrdiff_t)filter * product.filter_stride + tap;
            for (size_t word = 0; word < product.words; ++word) {
                uint32_t weight = weights[word * product.taps];
                for (size_t lane = 0; lane < TILE; ++lane) {
                    uint32_t both = combine == XOR ? (weight ^ column[lane]) & inside[lane]
                                                   : weight & column[lane];
                    counts[lane] += __builtin_popcount(both);
                }
                column += product.word_stride;
            }
        }
        store_sums(product, filter, tile, counts);
    }
}

}  // namespace binary

#endif
