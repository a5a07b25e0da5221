// The seam between the two gradients and the instructions that they are summed with.
//
// A file sums_<instruction set>.h defines, in the namespace sign_sums: LANES, GROUP, WORD_GROUPS
// and TILE, TARGET_SIGN_SUMS, Patterns, make_patterns, store_table, Sums and set_bits. Another
// instruction set is another such file, a line here and its name in
// theano_engine/ops/gradient_conv.py.
#ifndef SIGN_SUMS_SUMS_H
#define SIGN_SUMS_SUMS_H

#include "common/instruction_set.h"

#if HAS_AVX512
#include "sign_sums/sums_avx512.h"
#else
#error "no sums of signs for this instruction set: see LEVEL in theano_engine/ops/gradient_conv.py"
#endif

#endif
