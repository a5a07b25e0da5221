// What the two gradients of a 2-D convolution whose other operand has two values share.
#ifndef SIGN_SUMS_GEOMETRY_H
#define SIGN_SUMS_GEOMETRY_H

#include "common/convolution.h"
#include "sign_sums/sums.h"

namespace gradient_conv {

using namespace sign_sums;

static const int WORD_BITS = WORD_GROUPS * GROUP;  // of a 32-bit lane, its lowest

// A number of vectors that there is code for; what asks for more is never run.
static constexpr int at_most(int vectors) {
    return vectors < MOST_VECTORS ? vectors : MOST_VECTORS;
}

}  // namespace gradient_conv

#endif
