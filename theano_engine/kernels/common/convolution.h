// What the gradients of a 2-D convolution share.
//
// Shapes: images (batch, channels, rows, columns), filters (filters, channels, filter_rows,
// filter_columns), outputs (batch, filters, out_rows, out_columns), all float32, any strides. The
// convolution is out[y, x] = sum in[y * stride + i - pad, x * stride + j - pad] * filter[i, j],
// with the filter reversed along both axes where `flip` is set; outside the image it reads 0.
//
// Every sum is taken in an order that depends on shapes alone, not on the number of threads.
#ifndef COMMON_CONVOLUTION_H
#define COMMON_CONVOLUTION_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/padding.h"

namespace gradient_conv {

struct Geometry {
    ptrdiff_t batch, channels, rows, columns;
    ptrdiff_t filters, filter_rows, filter_columns;
    ptrdiff_t out_rows, out_columns;
    ptrdiff_t row_stride, column_stride, pad_rows, pad_columns;
    bool flip;
};

// A float32 array of four axes; strides in elements, of either sign.
struct Array4 {
    const float* data;
    ptrdiff_t stride[4];

    const float* at(ptrdiff_t a, ptrdiff_t b, ptrdiff_t c, ptrdiff_t d) const {
        return data + a * stride[0] + b * stride[1] + c * stride[2] + d * stride[3];
    }
};

// The float `ahead` of this one, inside of its array or not, is wanted soon: processors do not
// foresee who reads many planes by turns.
static inline void prefetch(const float* source, ptrdiff_t ahead) {
    __builtin_prefetch((const void*)((uintptr_t)source + (uintptr_t)(ahead * 4)));
}

static inline ptrdiff_t ceil_div(ptrdiff_t a, ptrdiff_t b) {
    return a >= 0 ? (a + b - 1) / b : -((-a) / b);
}
static inline ptrdiff_t floor_div(ptrdiff_t a, ptrdiff_t b) { return -ceil_div(-a, b); }
static inline ptrdiff_t round_up(ptrdiff_t a, ptrdiff_t b) { return ceil_div(a, b) * b; }
static inline ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static inline ptrdiff_t greatest(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }

// Aligned memory that starts as zeros, or UNSET; `get` is NULL where there was none.
class Scratch {
  public:
    enum Start { ZEROS, UNSET };
    explicit Scratch(size_t bytes, Start start = ZEROS) : memory_(NULL) {
        if (posix_memalign(&memory_, 64, bytes ? bytes : 64) != 0) memory_ = NULL;
        if (memory_ && start == ZEROS) memset(memory_, 0, bytes);
    }
    ~Scratch() { free(memory_); }
    template <typename T>
    T* get() const {
        return static_cast<T*>(memory_);
    }

  private:
    void* memory_;
    Scratch(const Scratch&);
    Scratch& operator=(const Scratch&);
};

}  // namespace gradient_conv

#endif
