#ifndef TILES_TRANSPOSE_PORTABLE_H
#define TILES_TRANSPOSE_PORTABLE_H

#include "tiles/line.h"

namespace tiles {

static inline void transpose(const Line* source, Line* target, ptrdiff_t distance) {
    for (int k = 0; k < SIDE; k++)
        for (int row = 0; row < SIDE; row++) target[k * distance].word[row] = source[row].word[k];
}

}  // namespace tiles

#endif
