// Packing floats to bits, on any processor.
#ifndef BITS_PACKING_PORTABLE_H
#define BITS_PACKING_PORTABLE_H

#include "bits/coding.h"

namespace binary {

// Planes of `pixels` floats, `channel_stride` floats apart, to words[word * pitch + pixel].
// True where a NaN was among them.
inline bool pack_planes_portable(const float* planes, size_t channels, ptrdiff_t channel_stride,
                                 size_t pixels, Coding coding, uint32_t* words, size_t pitch) {
    bool nan = false;
    for (size_t word = 0; word < words_of(channels); ++word) {
        uint32_t* row = words + word * pitch;
        memset(row, 0, pixels * sizeof *row);
        size_t in_word = channels - 32 * word < 32 ? channels - 32 * word : 32;
        for (size_t channel = 0; channel < in_word; ++channel) {
            const float* plane = planes + (ptrdiff_t)(32 * word + channel) * channel_stride;
            for (size_t pixel = 0; pixel < pixels; ++pixel) {
                row[pixel] |= bit_of(plane[pixel], coding) << channel;
                nan |= plane[pixel] != plane[pixel];
            }
        }
    }
    return nan;
}

// `channels` floats in a row to words_of(channels) words. True where a NaN was among them.
inline bool pack_row_portable(const float* row, size_t channels, Coding coding, uint32_t* words) {
    return pack_planes_portable(row, channels, 1, 1, coding, words, 1);
}

}  // namespace binary

#endif
