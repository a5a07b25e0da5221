// From floats to two values: elementwise steps (a batch norm, say), then a comparison with one
// half.
//
// Every step is a float32 operation of its own, rounded as such, in the order in which the graph
// has them: the comparison sees the same number as the graph's own code.
#ifndef PRODUCT_SIGNS_H
#define PRODUCT_SIGNS_H

#include "product/convolution.h"

namespace binary {

enum Operation { ADD, SUBTRACT, SUBTRACT_FROM, MULTIPLY, DIVIDE };

// value = value (operation) operand[channel * channel_stride + lane * lane_stride].
struct Step {
    Operation operation;
    const float* operand;
    ptrdiff_t channel_stride, lane_stride;
};

// A value is high where it is >= 0.5 after the steps, or > 0.5 with `above`; NaN apart.
struct Signs {
    const Step* steps;
    size_t count;
    bool above;

    // The steps on the lanes of one channel from number `first` on.
    void run(size_t channel, size_t first, float* __restrict__ values, size_t lanes) const {
        for (size_t number = 0; number < count; ++number) {
            const Step& step = steps[number];
            const float* operand = step.operand + (ptrdiff_t)channel * step.channel_stride +
                                   (ptrdiff_t)first * step.lane_stride;
            switch (step.operation) {
                case ADD:
                    apply(values, lanes, step, operand, [](float v, float o) { return v + o; });
                    break;
                case SUBTRACT:
                    apply(values, lanes, step, operand, [](float v, float o) { return v - o; });
                    break;
                case SUBTRACT_FROM:
                    apply(values, lanes, step, operand, [](float v, float o) { return o - v; });
                    break;
                case MULTIPLY:
                    apply(values, lanes, step, operand, [](float v, float o) { return v * o; });
                    break;
                case DIVIDE:
                    apply(values, lanes, step, operand, [](float v, float o) { return v / o; });
                    break;
            }
        }
    }

    template <typename Function>
    static void apply(float* __restrict__ values, size_t lanes, const Step& step,
                      const float* operand, Function function) {
        if (step.lane_stride == 0) {
            const float value = *operand;
            for (size_t lane = 0; lane < lanes; ++lane)
                values[lane] = function(values[lane], value);
        } else {
            for (size_t lane = 0; lane < lanes; ++lane)
                values[lane] = function(values[lane], operand[(ptrdiff_t)lane * step.lane_stride]);
        }
    }
};

// What the values become: `low`, `high`, or `nan` where they are NaN.
struct Outcomes {
    float low, high, nan;
};

// The comparison and the outcomes are known before the loop, which is vector code only then.
template <bool ABOVE>
inline void choose_lanes(const Outcomes outcomes, const float* values, size_t lanes,
                         float* __restrict__ out) {
    const float low = outcomes.low, high = outcomes.high, nan = outcomes.nan;
    for (size_t lane = 0; lane < lanes; ++lane) {
        const float value = values[lane];
        const float known = (ABOVE ? value > 0.5f : value >= 0.5f) ? high : low;
        out[lane] = value != value ? nan : known;
    }
}

inline void choose(const Signs& signs, const Outcomes& outcomes, const float* values, size_t lanes,
                   float* __restrict__ out) {
    (signs.above ? choose_lanes<true> : choose_lanes<false>)(outcomes, values, lanes, out);
}

// Adds one channel's bits to a plane of words; a bit is set where the value is high (`ones_high`:
// codes 0/1) or where it is low (the sign bit of -a/+a). True where a NaN was among the values.
inline bool set_bits(const Signs& signs, bool ones_high, int channel, const float* values,
                     size_t lanes, uint32_t* __restrict__ words) {
    uint32_t any_nan = 0;
    for (size_t lane = 0; lane < lanes; ++lane) {
        const float value = values[lane];
        const uint32_t high = signs.above ? value > 0.5f : value >= 0.5f;
        words[lane] |= (ones_high ? high : high ^ 1u) << channel;
        any_nan |= value != value;
    }
    return any_nan != 0;
}

// Where up to 32 channels of one image go: to packed planes (see `Images`), or to floats.
struct SignsOut {
    uint32_t* planes;
    bool ones_high;
    float* floats;
    Outcomes outcomes;

    // One channel of image `number`, whose `values` are used up; channels come in order.
    void store(const Signs& signs, float* values, size_t number, size_t channels, size_t channel,
               size_t pixels) const {
        signs.run(channel, 0, values, pixels);
        if (!planes) {
            choose(signs, outcomes, values, pixels,
                   floats + (number * channels + channel) * pixels);
            return;
        }
        uint32_t* image = planes + number * (words_of(channels) + 1) * pixels;
        uint32_t* words = image + channel / 32 * pixels;
        if (channel % 32 == 0) memset(words, 0, pixels * sizeof *words);
        if (!set_bits(signs, ones_high, (int)(channel % 32), values, pixels, words)) return;
        uint32_t* marks = image + words_of(channels) * pixels;
        for (size_t pixel = 0; pixel < pixels; ++pixel)
            if (values[pixel] != values[pixel]) {
#pragma omp atomic write
                marks[pixel] = 1;
            }
    }

    void clear_marks(size_t number, size_t channels, size_t pixels) const {
        if (!planes) return;
        const size_t words = words_of(channels);
        memset(planes + (number * (words + 1) + words) * pixels, 0, pixels * sizeof *planes);
    }
};

// Maxima of windows that do not overlap; what fills no window is left out. A window's values are
// compared in the order in which Theano does, which matters where one is NaN.
template <size_t fixed_rows, size_t fixed_columns>
inline void pool_plane(const float* __restrict__ plane, size_t rows, size_t columns,
                       size_t window_rows, size_t window_columns, float* __restrict__ out) {
    if (fixed_rows) window_rows = fixed_rows;
    if (fixed_columns) window_columns = fixed_columns;
    const size_t out_rows = rows / window_rows, out_columns = columns / window_columns;
    for (size_t y = 0; y < out_rows; ++y)
        for (size_t x = 0; x < out_columns; ++x) {
            const float* window = plane + y * window_rows * columns + x * window_columns;
            float most = *window;
            for (size_t i = 0; i < window_rows; ++i)
                for (size_t j = 0; j < window_columns; ++j) {
                    const float value = window[i * columns + j];
                    most = value > most ? value : most;
                }
            out[y * out_columns + x] = most;
        }
}

struct Pooling {
    size_t rows, columns;  // of a window; 1 by 1 is no pooling

    // The pooled plane: in `room`, or where there is nothing to pool `plane` itself.
    float* apply(float* plane, const Geometry& g, float* room) const {
        if (rows == 1 && columns == 1) return plane;
        // With a window known in advance the compiler makes vector code.
        const bool square = rows == 2 && columns == 2;
        (square ? pool_plane<2, 2> : pool_plane<0, 0>)(plane, g.out_rows(), g.out_columns(), rows,
                                                       columns, room);
        return room;
    }
    size_t pixels(const Geometry& g) const {
        return g.out_rows() / rows * (g.out_columns() / columns);
    }
};

// convolve, pool, signs: one pass over each image, 32 filters at a time, none of it in memory but
// the outcome.
inline Status convolve_signs(int threads, const Geometry& g, Coding coding, const Images& images,
                             const float* filters, float scale, const Pooling& pooling,
                             const Signs& signs, const SignsOut& out) {
    if (!g.images || !g.filters || !pooling.pixels(g)) return DONE;
    Convolution convolution(g, coding, filters, scale);
    if (!convolution.allocated()) return NO_MEMORY;
    const Shares shares(g, threads, 32);
    bool no_memory = false;
#pragma omp parallel num_threads(threads) reduction(|| : no_memory)
    {
#pragma omp for schedule(static) nowait
        for (ptrdiff_t number = 0; number < (ptrdiff_t)g.images; ++number)
            out.clear_marks((size_t)number, g.filters, pooling.pixels(g));
#pragma omp for schedule(static)
        for (ptrdiff_t filter = 0; filter < (ptrdiff_t)g.filters; ++filter)
            convolution.pack((size_t)filter);
        ImageColumns columns(g, convolution.layout, coding);
        Buffer<float> values(32 * g.out_pixels());
        Buffer<float> room(g.out_pixels());
        no_memory = !columns.allocated() || !values.data || !room.data;
#pragma omp for schedule(dynamic, 1)
        for (ptrdiff_t unit = 0; unit < (ptrdiff_t)(g.images * shares.per_image); ++unit) {
            const size_t number = (size_t)unit / shares.per_image;
            const size_t end = shares.last((size_t)unit, g.filters);
            if (no_memory || shares.first((size_t)unit) >= end) continue;
            columns.fill(images, number, coding);
            for (size_t first = shares.first((size_t)unit); first < end; first += 32) {
                const size_t last = first + 32 < end ? first + 32 : end;
                convolution.multiply(columns, first, last, values.data);
                for (size_t filter = first; filter < last; ++filter) {
                    float* plane = values.data + (filter - first) * g.out_pixels();
                    float* pooled = pooling.apply(plane, g, room.data);
                    out.store(signs, pooled, number, g.filters, filter, pooling.pixels(g));
                }
            }
        }
    }
    return no_memory ? NO_MEMORY : DONE;
}

// The packed signs of floats x (images, channels, pixels), C-contiguous.
inline Status pack_signs(int threads, size_t images, size_t channels, size_t pixels, const float* x,
                         const Signs& signs, const SignsOut& out) {
    if (!images || !channels || !pixels) return DONE;
    const size_t words = words_of(channels);
    bool no_memory = false;
#pragma omp parallel num_threads(threads) reduction(|| : no_memory)
    {
#pragma omp for schedule(static)
        for (ptrdiff_t number = 0; number < (ptrdiff_t)images; ++number)
            out.clear_marks((size_t)number, channels, pixels);
        Buffer<float> values(pixels);
        no_memory = !values.data;
#pragma omp for schedule(static)
        for (ptrdiff_t unit = 0; unit < (ptrdiff_t)(images * words); ++unit) {
            if (no_memory) continue;
            const size_t number = (size_t)unit / words, first = (size_t)unit % words * 32;
            for (size_t channel = first; channel < first + 32 && channel < channels; ++channel) {
                memcpy(values.data, x + (number * channels + channel) * pixels, pixels * sizeof *x);
                out.store(signs, values.data, number, channels, channel, pixels);
            }
        }
    }
    return no_memory ? NO_MEMORY : DONE;
}

// The two values of floats x (images, channels, lanes), C-contiguous.
inline void choose_signs(int threads, size_t images, size_t channels, size_t lanes, const float* x,
                         const Signs& signs, const Outcomes& outcomes, float* out) {
    const size_t chunk = 2048;
    const size_t chunks = (lanes + chunk - 1) / chunk;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (ptrdiff_t unit = 0; unit < (ptrdiff_t)(images * channels * chunks); ++unit) {
        float values[chunk];
        const size_t row = (size_t)unit / chunks, first = (size_t)unit % chunks * chunk;
        const size_t count = lanes - first < chunk ? lanes - first : chunk;
        memcpy(values, x + row * lanes + first, count * sizeof *x);
        signs.run(row % channels, first, values, count);
        choose(signs, outcomes, values, count, out + row * lanes + first);
    }
}

}  // namespace binary

#endif
