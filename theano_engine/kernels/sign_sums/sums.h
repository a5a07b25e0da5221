// The seam between the two gradients and the instructions that they are summed with.
//
// A product with an operand of two values (low where its bit is 0, high where it is 1) needs no
// multiplier: of GROUP floats a0, a1, ... all sums `sum_b a_b * (bit b of e ? high : low)` are
// tabulated once, and looked up by the index e of GROUP bits ("four Russians" multiplication).
// Each 32-bit lane holds WORD_GROUPS indices, shifted out from the low end.
//
// A file sums_<instruction set>.h defines, in the namespace sign_sums: LANES, GROUP, WORD_GROUPS,
// TILE, MOST_VECTORS and CACHE_BYTES, TARGET_SIGN_SUMS, Patterns, make_patterns, table_floats,
// store_table, Sums, prepare_words, word_of and set_bits. Another instruction set is another such
// file and a line here.
#ifndef SIGN_SUMS_SUMS_H
#define SIGN_SUMS_SUMS_H

#include "common/instruction_set.h"

#if HAS_AVX512
#include "sign_sums/sums_avx512.h"
#elif HAS_AVX2
#include "sign_sums/sums_avx2.h"
#else
#include "sign_sums/sums_portable.h"
#endif

#endif
