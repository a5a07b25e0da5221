// Where the lines of pixels lie from which tiles are taken.
//
// A tile's sixteen lines adjoin, and so do those of the tile that belongs to a filter's next tap:
// the lines of a row's pixels follow each other, margins of zeros at both sides, and those of the
// images of a group take turns, as many as fill whole tiles with the pixels of one row.
#ifndef TILES_GRID_H
#define TILES_GRID_H

#include "tiles/line.h"

namespace tiles {

struct Grid {
    ptrdiff_t pixel_rows, pixel_columns;  // of the pixels that sums are taken for or over
    ptrdiff_t rows, columns;              // with the margins
    ptrdiff_t beside;                     // images of a group; a power of 2, 16 at most
    ptrdiff_t groups;                     // of images
    ptrdiff_t row_tiles;                  // tiles of a group's row

    Grid(ptrdiff_t pixel_rows, ptrdiff_t pixel_columns, const Geometry& g, ptrdiff_t images)
        : pixel_rows(pixel_rows), pixel_columns(pixel_columns) {
        rows = pixel_rows + g.filter_rows - 1;
        columns = pixel_columns + g.filter_columns - 1;
        beside = 1;
        for (ptrdiff_t more = 2; more <= SIDE; more *= 2)
            if (tiles_of(more, images) < tiles_of(beside, images)) beside = more;
        groups = ceil_div(images, beside);
        row_tiles = ceil_div(pixel_columns * beside, SIDE);
    }
    ptrdiff_t group_tiles() const { return pixel_rows * row_tiles; }
    ptrdiff_t line(ptrdiff_t row, ptrdiff_t column) const {
        return (row * columns + column) * beside;
    }
    // Of a group, with those that tiles and transpositions at the end reach beyond it.
    ptrdiff_t lines() const { return rows * columns * beside + SIDE * beside; }
    // The line at which a group's tile begins, the filter's tap at (0, 0) of it; at another tap it
    // lies `line` of the tap further on.
    ptrdiff_t start(ptrdiff_t tile) const {
        return line(tile / row_tiles, 0) + tile % row_tiles * SIDE;
    }

  private:
    ptrdiff_t tiles_of(ptrdiff_t side_by_side, ptrdiff_t images) const {
        return ceil_div(images, side_by_side) * ceil_div(pixel_columns * side_by_side, SIDE);
    }
};

}  // namespace tiles

#endif
