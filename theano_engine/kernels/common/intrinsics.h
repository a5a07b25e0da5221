// The compiler's intrinsics, for the files that need them alone: the header ends with pragmas that
// GCC 12, where a precompiled header is in use, takes for leave to contract products and sums
// again.
#ifndef COMMON_INTRINSICS_H
#define COMMON_INTRINSICS_H

#include "common/instruction_set.h"

#if HAS_AVX2
#include <immintrin.h>
#endif
#if HAS_NEON
#include <arm_neon.h>
#endif

#endif
