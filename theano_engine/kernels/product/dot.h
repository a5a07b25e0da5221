// Matrix product of two-valued operands, from floats to floats.
//
// It is the convolution's product in another dress: rows of x are the filters, rows of w are planes
// of pixels.
#ifndef PRODUCT_DOT_H
#define PRODUCT_DOT_H

#include "product/convolution.h"

namespace binary {

// out (rows, units) = scale * x . w of the codes: x (rows, depth) of `coding` (-a/+a or 0/1; a's
// size is part of `scale`), w (depth, units) of -h/+h. All arrays are C-contiguous.
inline Status multiply(int threads, size_t rows, size_t depth, size_t units, Coding coding,
                       const float* x, const float* w, float scale, float* out) {
    if (!rows || !units) return DONE;
    PackedFilters packed(rows, depth, 1);
    const size_t words = packed.words;
    const size_t pitch = plane_pitch(units, reads_nibbles() ? 1 : 4);
    Buffer<uint32_t> columns(words * pitch);
    Buffer<uint8_t> nibbles(reads_nibbles() ? 8 * words * pitch : 0);
    Buffer<int32_t> base(rows);
    if (!packed.allocated() || !columns.data || !nibbles.data || !base.data) return NO_MEMORY;
    const ptrdiff_t tap_offset = 0;
    const MultiplyTile multiply_tile = multiply_tile_of();
    Product product = {};
    product.taps = 1;
    product.words = words;
    product.pixels = units;
    product.columns = columns.data;
    product.nibbles = nibbles.data;
    product.word_stride = (ptrdiff_t)pitch;
    product.tap_offset = &tap_offset;
    product.filter_base = base.data;
    product.scale = scale;
    product.out = out;
    product.out_stride = (ptrdiff_t)units;
    packed.use_in(&product);
    const size_t block = 32;
    const size_t blocks = (rows + block - 1) / block;
    bool nan = false;
#pragma omp parallel num_threads(threads) reduction(|| : nan)
    {
#pragma omp for schedule(static)
        for (ptrdiff_t row = 0; row < (ptrdiff_t)rows; ++row) {
            packed.pack((size_t)row, x + (size_t)row * depth, depth, 1, coding);
            const uint32_t* bits = packed.bits.data + (size_t)row * words;
            base.data[row] = coding == SIGN ? (int32_t)depth : 0;
            for (size_t word = 0; coding == UNIT && word < words; ++word)
                base.data[row] += __builtin_popcount(bits[word]);
        }
#pragma omp for schedule(static)
        for (ptrdiff_t word = 0; word < (ptrdiff_t)words; ++word) {
            size_t left = depth - 32 * (size_t)word;
            uint32_t* plane = columns.data + (size_t)word * pitch;
            nan = pack_planes(w + 32 * (size_t)word * units, left < 32 ? left : 32,
                              (ptrdiff_t)units, units, SIGN, plane, pitch) ||
                  nan;
            // The room behind a plane is read with its last tile; its lanes are never stored.
            memset(plane + units, 0, (pitch - units) * sizeof *plane);
#if HAS_AVX2
            if (reads_nibbles())
                split_nibbles(plane, 1, pitch, pitch, nibbles.data + 8 * (size_t)word * pitch,
                              pitch);
#endif
        }
#pragma omp for schedule(dynamic, 1)
        for (ptrdiff_t unit = 0; unit < (ptrdiff_t)(tiles_of(units) * blocks); ++unit) {
            size_t first = (size_t)unit % blocks * block;
            size_t last = first + block < rows ? first + block : rows;
            multiply_tile(product, coding == SIGN ? XOR : AND, first, last, (size_t)unit / blocks);
        }
    }
    for (size_t row = 0; row < rows; ++row)
        if (packed.nan.data[row]) fill_nan(out + row * units, units, 1);
    for (size_t unit = 0; nan && unit < units; ++unit)
        for (size_t k = 0; k < depth; ++k)
            if (std::isnan(w[k * units + unit])) {
                fill_nan(out + unit, rows, (ptrdiff_t)units);
                break;
            }
    return DONE;
}

}  // namespace binary

#endif
