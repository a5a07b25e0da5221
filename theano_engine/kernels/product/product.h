// Products of packed filters with packed columns of pixels: the kernels under convolution and dot.
//
// For every filter f and pixel p
//     out[f, p] = scale * (filter_base[f] + pixel_base[p] - 2 * count[f, p])
// where count sums, over taps and words, the ones of `filter xor column` (both operands +1/-1) or
// of `filter and column` (one of them 0/1). All of it is integer until the last step, so the result
// is that of float arithmetic wherever the float sums are exact.
#ifndef PRODUCT_PRODUCT_H
#define PRODUCT_PRODUCT_H

#include "bits/packing.h"

namespace binary {

enum Combine { XOR, AND };

// Pixels are handled in tiles of 64; columns have room for a whole last tile.
const size_t TILE = 64;

inline size_t tiles_of(size_t pixels) { return (pixels + TILE - 1) / TILE; }

struct Product {
    size_t taps, words, pixels;
    // Tap t of pixel p and word w: columns[w * word_stride + tap_offset[t] + p]. The paths that
    // look up read nibbles instead, one a byte, plane by plane of `word_stride` bytes, 8 planes a
    // word; 0x80 there is a tap outside the image.
    const uint32_t* columns;
    const uint8_t* nibbles;
    ptrdiff_t word_stride;
    const ptrdiff_t* tap_offset;
    // Bit i of valid[t * 4 * tiles + v]: tap t of pixel 16 * v + i lies inside the image. Null
    // where all of them do, or where a column of zeros adds nothing to the count anyway.
    const uint16_t* valid;
    // Word w of tap t of filter f: filters[f * filter_stride + w * taps + t]. The paths that look
    // up read filter_nibbles[8 * (f * filter_stride + t * words + w) + i], nibble i times 16.
    const uint32_t* filters;
    const uint8_t* filter_nibbles;
    ptrdiff_t filter_stride;
    const int32_t* filter_base;  // null: 0
    const int32_t* pixel_base;   // null: 0; room for a whole last tile
    float scale;
    float* out;
    ptrdiff_t out_stride;
};

// Filters [first, last) times tile `tile`: what every path implements.
typedef void (*MultiplyTile)(const Product&, Combine, size_t first, size_t last, size_t tile);

inline void store_sums(const Product& product, size_t filter, size_t tile, const int32_t* counts) {
    size_t start = tile * TILE;
    size_t lanes = product.pixels - start < TILE ? product.pixels - start : TILE;
    float* out = product.out + (ptrdiff_t)filter * product.out_stride + start;
    int32_t base = product.filter_base ? product.filter_base[filter] : 0;
    for (size_t lane = 0; lane < lanes; ++lane) {
        int32_t pixel = product.pixel_base ? product.pixel_base[start + lane] : 0;
        out[lane] = product.scale * (float)(base + pixel - 2 * counts[lane]);
    }
}

}  // namespace binary

#endif
