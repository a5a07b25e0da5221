// The padding of convolutions: a number, or a mark that the filters' size decides about (HALF and
// FULL of theano_engine/ops/padding.py).
#ifndef COMMON_PADDING_H
#define COMMON_PADDING_H

#include <stddef.h>

static inline ptrdiff_t padding(ptrdiff_t given, ptrdiff_t filter_size) {
    return given >= 0 ? given : given == -1 ? filter_size / 2 : filter_size - 1;
}

#endif
