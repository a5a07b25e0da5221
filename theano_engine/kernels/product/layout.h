// A convolution's geometry, and where the shifted rows of a plane lie that its taps are read from.
#ifndef PRODUCT_LAYOUT_H
#define PRODUCT_LAYOUT_H

#include "product/multiply.h"

namespace binary {

enum Status { DONE, NO_MEMORY };

struct Geometry {
    size_t images, channels, rows, columns;
    size_t filters, filter_rows, filter_columns;
    size_t pad_rows, pad_columns, stride_rows, stride_columns;
    bool flip;  // true convolution; else cross-correlation

    size_t taps() const { return filter_rows * filter_columns; }
    size_t pixels() const { return rows * columns; }
    size_t out_rows() const {
        size_t span = rows + 2 * pad_rows;
        return span < filter_rows ? 0 : (span - filter_rows) / stride_rows + 1;
    }
    size_t out_columns() const {
        size_t span = columns + 2 * pad_columns;
        return span < filter_columns ? 0 : (span - filter_columns) / stride_columns + 1;
    }
    size_t out_pixels() const { return out_rows() * out_columns(); }
};

// An odd number of cache lines, so that neighbouring planes don't compete for the same cache sets.
inline size_t plane_pitch(size_t elements, size_t element_size) {
    size_t per_line = 64 / element_size;
    size_t lines = (elements + TILE + per_line - 1) / per_line;
    return (lines | 1) * per_line;
}

// Where the shifted rows of one plane lie, and which taps of which output pixels are in the image.
struct Layout {
    const Geometry& geometry;
    Buffer<ptrdiff_t> tap_offset;  // by the filter's own tap number
    Buffer<uint16_t> valid;
    Buffer<int32_t> inside;  // per output pixel, how many taps lie in the image
    size_t plane;            // elements of one plane

    explicit Layout(const Geometry& g)
        : geometry(g),
          tap_offset(g.taps()),
          valid(g.taps() * 4 * tiles_of(g.out_pixels())),
          inside(TILE * tiles_of(g.out_pixels())),
          plane(0) {
        if (!allocated()) return;
        for (size_t column = 0; column < g.filter_columns; ++column)
            for (size_t phase = 0; phase < phases(); ++phase) {
                for (size_t row = phase; row < g.filter_rows; row += g.stride_rows)
                    tap_offset.data[tap_number(row, column)] =
                        (ptrdiff_t)(plane + row / g.stride_rows * g.out_columns());
                plane += plane_rows(phase) * g.out_columns();
            }
        mark_valid();
    }

    bool allocated() const { return tap_offset.data && valid.data && inside.data; }

    size_t phases() const {
        return geometry.stride_rows < geometry.filter_rows ? geometry.stride_rows
                                                           : geometry.filter_rows;
    }
    size_t plane_rows(size_t phase) const {
        return geometry.out_rows() + (geometry.filter_rows - 1 - phase) / geometry.stride_rows;
    }
    size_t tap_number(size_t row, size_t column) const {
        if (!geometry.flip) return row * geometry.filter_columns + column;
        return (geometry.filter_rows - 1 - row) * geometry.filter_columns +
               (geometry.filter_columns - 1 - column);
    }

    void mark_valid() {
        const Geometry& g = geometry;
        size_t vectors = 4 * tiles_of(g.out_pixels());
        memset(valid.data, 0, g.taps() * vectors * sizeof *valid.data);
        memset(inside.data, 0, TILE * tiles_of(g.out_pixels()) * sizeof *inside.data);
        for (size_t row = 0; row < g.filter_rows; ++row)
            for (size_t column = 0; column < g.filter_columns; ++column) {
                uint16_t* marks = valid.data + tap_number(row, column) * vectors;
                for (size_t y = 0; y < g.out_rows(); ++y)
                    for (size_t x = 0; x < g.out_columns(); ++x) {
                        // Unsigned: what lies above or left of the image wraps to a large number.
                        bool in = y * g.stride_rows + row - g.pad_rows < g.rows &&
                                  x * g.stride_columns + column - g.pad_columns < g.columns;
                        size_t pixel = y * g.out_columns() + x;
                        marks[pixel / 16] |= (uint16_t)(in << (pixel % 16));
                        inside.data[pixel] += in;
                    }
            }
    }

    // The shifted rows of one plane of an image, `outside` standing where there is no image.
    template <typename T>
    void lay_out(const T* image, T outside, T* out) const {
        const Geometry& g = geometry;
        size_t width = g.out_columns(), step = g.stride_columns;
        for (size_t column = 0; column < g.filter_columns; ++column) {
            size_t first = column < g.pad_columns ? (g.pad_columns - column + step - 1) / step : 0;
            size_t span = g.columns + g.pad_columns;
            size_t last = span > column ? (span - column + step - 1) / step : 0;
            if (last > width) last = width;
            if (first > last) first = last;
            for (size_t phase = 0; phase < phases(); ++phase)
                for (size_t j = 0; j < plane_rows(phase); ++j, out += width) {
                    size_t row = j * g.stride_rows + phase - g.pad_rows;
                    if (row >= g.rows) {
                        for (size_t x = 0; x < width; ++x) out[x] = outside;
                        continue;
                    }
                    const T* source = image + row * g.columns;
                    for (size_t x = 0; x < first; ++x) out[x] = outside;
                    if (step == 1 && last > first)
                        memcpy(out + first, source + (first + column - g.pad_columns),
                               (last - first) * sizeof(T));
                    else
                        for (size_t x = first; x < last; ++x)
                            out[x] = source[x * step + column - g.pad_columns];
                    for (size_t x = last; x < width; ++x) out[x] = outside;
                }
        }
    }
};

}  // namespace binary

#endif
