// Products of tiles, in the form that the instruction set allows; all forms have the same bits.
//
// Sums: of two tiles of `a` by two of `b`, sums[half of a][half of b][row of a][column of b], each
// a sum over a's pairs of a row and b's pairs of a column. `add` takes a's tiles from `a` and from
// `a_distance` lines further on, those of each further part from `part_distance` lines further on,
// and b's likewise; `load` and `store` move the sums, sixty-four lines of floats.
//
// Configured: has to live in each thread that has Sums.
#ifndef TILES_SUMS_H
#define TILES_SUMS_H

#include "tiles/line.h"

#if HAS_AMX
#include "tiles/sums_amx.h"
#else
#include "tiles/sums_portable.h"
#endif

#endif
