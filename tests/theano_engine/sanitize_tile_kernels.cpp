// Runs the gradients by products of tiles over odd shapes, in arrays of exactly their size: floats
// of any size beside sums in double, within the bound of their number of parts, and values that are
// not finite. Ends with a digest of all bits, which every instruction set and number of threads
// has to print.
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include <vector>

#include "plain_convolution.h"
#include "tiles/dense_gradient.h"
#include "tiles/filter_gradient.h"
#include "tiles/input_gradient.h"

#ifndef ROUNDS
#define ROUNDS 10
#endif

static uint64_t digest = 14695981039346656037u;

static float uniform() { return (float)next_random() / 8388608.0f - 1; }

// Of every mantissa, and of sizes that lie far apart.
static Floats of_many_sizes(size_t size, int binary_orders) {
    Floats values(size);
    for (float& value : values) {
        const int order = (int)(next_random() % (2 * binary_orders + 1)) - binary_orders;
        value = ldexpf(uniform(), order);
    }
    return values;
}

static void digest_of(const Floats& values) {
    for (float value : values) {
        uint32_t bits = tiles::bits_of(value);
        if (value != value) bits = 0x7fc00000u;  // which NaN it is nobody promises
        digest = (digest ^ bits) * 1099511628211u;
    }
}

// The sums, the sums of their terms' sizes, and the number of terms.
struct Expected {
    std::vector<double> sum, size, terms;

    explicit Expected(size_t count) : sum(count), size(count), terms(count) {}
    void add(size_t at, double term) {
        sum[at] += term;
        size[at] += fabs(term);
        terms[at] += 1;
    }
    bool holds(const char* what, const Floats& found, int parts) const {
        // What the parts leave out of a term, and what additions of floats round.
        const double left_out[] = {0, ldexp(1, -8), ldexp(1, -16), 0};
        for (size_t i = 0; i < sum.size(); i++) {
            const double relative = left_out[parts] + (8 + sqrt(terms[i])) * ldexp(1, -23);
            const double bound = relative * size[i] + (terms[i] * parts + 1) * 4 * FLT_MIN;
            if (!(fabs(found[i] - sum[i]) <= bound)) {
                printf("%s in %d parts: element %zu is %g, not %g (%g allowed)\n", what, parts, i,
                       found[i], sum[i], bound);
                return false;
            }
        }
        return true;
    }
};

static bool convolution(const Geometry& g, float low, float high, int binary_orders, int parts,
                        int threads) {
    const Floats images = two_valued(g.batch * g.channels * g.rows * g.columns, low, high);
    const Floats filters =
        two_valued(g.filters * g.channels * g.filter_rows * g.filter_columns, low, high);
    const Floats top =
        of_many_sizes(g.batch * g.filters * g.out_rows * g.out_columns, binary_orders);
    const Floats backward(top.rbegin(), top.rend());
    const Floats filters_backward(filters.rbegin(), filters.rend());
    Expected of_images(images.size()), of_filters(filters.size());
    each_term(g, [&](ptrdiff_t image, ptrdiff_t filter, ptrdiff_t output) {
        of_images.add(image, (double)top[output] * filters[filter]);
        of_filters.add(filter, (double)top[output] * images[image]);
    });
    Floats found_images(images.size(), -1.0f), found_filters(filters.size(), -1.0f);
    const Array4 x = array4(images, g.channels, g.rows, g.columns);
    const Array4 w = reversed4(filters_backward, g.channels, g.filter_rows, g.filter_columns);
    const Array4 t = array4(top, g.filters, g.out_rows, g.out_columns);
    const Array4 r = reversed4(backward, g.filters, g.out_rows, g.out_columns);
    if (!tiles::input_gradient(g, w, t, low, high, parts, threads, found_images.data()) ||
        !tiles::filter_gradient(g, x, r, low, high, parts, threads, found_filters.data()))
        return false;
    digest_of(found_images);
    digest_of(found_filters);
    return of_images.holds("image gradient", found_images, parts) &&
           of_filters.holds("filter gradient", found_filters, parts);
}

static bool convolutions(int threads) {
    for (int round = 0; round < ROUNDS; round++) {
        Geometry g;
        g.batch = next_random() % 7 ? next_random() % 6 : 30 + next_random() % 10;
        g.channels = 1 + next_random() % 40;
        g.rows = 1 + next_random() % 8;
        g.columns = next_random() % 5 ? 1 + next_random() % 10 : 16 + next_random() % 18;
        g.filters = 1 + next_random() % 40;
        g.filter_rows = 1 + next_random() % 4;
        g.filter_columns = 1 + next_random() % 4;
        g.row_stride = g.column_stride = 1;
        g.pad_rows = next_random() % 5;
        g.pad_columns = next_random() % 5;
        g.flip = next_random() % 2;
        g.out_rows = g.rows + 2 * g.pad_rows - g.filter_rows + 1;
        g.out_columns = g.columns + 2 * g.pad_columns - g.filter_columns + 1;
        if (g.out_rows < 1 || g.out_columns < 1) continue;
        // Up to sizes of which parts and sums are below the smallest normal number.
        const int orders = round % 3 == 2 ? 120 : 10;
        if (!convolution(g, round % 2 ? 0.0f : -1.0f, 1.0f, orders, 1 + round % 3, threads))
            return false;
    }
    return true;
}

struct Dense {
    tiles::DenseShape shape;
    Floats weights, input, of_input, of_weights;

    Dense(ptrdiff_t batch, ptrdiff_t inputs, ptrdiff_t units, float low)
        : weights(two_valued(inputs * units, low, 1)),
          input(two_valued(batch * inputs, low, 1)),
          of_input(input.size(), -1.0f),
          of_weights(weights.size(), -1.0f) {
        shape.batch = batch, shape.inputs = inputs, shape.units = units;
    }
    bool compute(const Floats& top, float low, int parts, int threads) {
        const bool complete = tiles::dense_input_gradient(shape, weights.data(), top.data(), low, 1,
                                                          parts, threads, of_input.data()) &&
                              tiles::dense_weight_gradient(shape, input.data(), top.data(), low, 1,
                                                           parts, threads, of_weights.data());
        digest_of(of_input);
        digest_of(of_weights);
        return complete;
    }
    template <typename Term>
    void each_term(Term term) const {
        for (ptrdiff_t n = 0; n < shape.batch; n++)
            for (ptrdiff_t c = 0; c < shape.inputs; c++)
                for (ptrdiff_t u = 0; u < shape.units; u++)
                    term(n * shape.inputs + c, c * shape.units + u, n * shape.units + u);
    }
};

static bool dense_layers(int threads) {
    for (int round = 0; round < ROUNDS; round++) {
        const float low = round % 2 ? 0.0f : -1.0f;
        const int orders = round % 3 == 2 ? 120 : 10, parts = 1 + round % 3;
        Dense layer(next_random() % 70, next_random() % 70, next_random() % 70, low);
        const Floats top = of_many_sizes(layer.shape.batch * layer.shape.units, orders);
        Expected of_input(layer.input.size()), of_weights(layer.weights.size());
        layer.each_term([&](ptrdiff_t input, ptrdiff_t weight, ptrdiff_t output) {
            of_input.add(input, (double)top[output] * layer.weights[weight]);
            of_weights.add(weight, (double)top[output] * layer.input[input]);
        });
        if (!layer.compute(top, low, parts, threads) ||
            !of_input.holds("dense input gradient", layer.of_input, parts) ||
            !of_weights.holds("dense weight gradient", layer.of_weights, parts))
            return false;
    }
    return true;
}

// An infinity or a NaN reaches its image's gradient and its unit's, and nothing else.
static bool dense_not_finite(int parts, int threads) {
    const float odd[] = {INFINITY, -INFINITY, NAN};
    for (float value : odd) {
        Dense layer(35, 37, 39, -1);
        Floats top(35 * 39);
        top[34 * 39 + 38] = value;
        if (!layer.compute(top, -1, parts, threads)) return false;
        for (size_t i = 0; i < layer.of_input.size(); i++) {
            const float expected = i / 37 == 34 ? value * layer.weights[i % 37 * 39 + 38] : 0;
            const float found = layer.of_input[i];
            if (expected != expected ? found == found : found != expected) return false;
        }
        for (size_t i = 0; i < layer.of_weights.size(); i++) {
            const float expected = i % 39 == 38 ? value * layer.input[34 * 37 + i / 39] : 0;
            const float found = layer.of_weights[i];
            if (expected != expected ? found == found : found != expected) return false;
        }
    }
    return true;
}

// What is not finite stays so, and touches nothing else.
static bool not_finite(int parts, int threads) {
    Geometry g;
    g.batch = 3, g.channels = 5, g.rows = g.columns = 6, g.filters = 7;
    g.filter_rows = g.filter_columns = 3;
    g.out_rows = g.out_columns = 6;
    g.row_stride = g.column_stride = g.pad_rows = g.pad_columns = 1;
    g.flip = false;
    const Floats images = two_valued(3 * 5 * 6 * 6, -1, 1), filters = two_valued(7 * 5 * 9, -1, 1);
    const float largest = FLT_MAX;
    const float odd[] = {INFINITY,
                         -INFINITY,
                         NAN,
                         largest,
                         tiles::float_of(0x7f800001u),
                         tiles::float_of(0x7fffffffu)};
    for (float value : odd) {
        Floats top(3 * 7 * 6 * 6), found_images(images.size()), found_filters(filters.size());
        top[(1 * 7 + 2) * 36 + 2 * 6 + 3] = value;  // image 1, filter 2, row 2, column 3
        const Array4 t = array4(top, 7, 6, 6);
        if (!tiles::input_gradient(g, array4(filters, 5, 3, 3), t, -1, 1, parts, threads,
                                   found_images.data()) ||
            !tiles::filter_gradient(g, array4(images, 5, 6, 6), t, -1, 1, parts, threads,
                                    found_filters.data()))
            return false;
        digest_of(found_images);
        digest_of(found_filters);
        for (size_t i = 0; i < found_images.size(); i++) {
            const size_t image = i / 180, row = i / 6 % 6, column = i % 6;
            const bool reached = image == 1 && row >= 1 && row <= 3 && column >= 2 && column <= 4;
            const float expected =
                reached ? value * filters[(2 * 5 + i / 36 % 5) * 9 + (row - 1) * 3 + column - 2]
                        : 0;
            const bool cut = parts < 3 && value == largest && reached;
            const bool same = value != value && reached ? found_images[i] != found_images[i]
                              : cut ? fabsf(found_images[i] - expected) <= largest / 256
                                    : found_images[i] == expected;
            if (!same) {
                printf("not finite: image gradient %zu is %g, not %g\n", i, found_images[i],
                       expected);
                return false;
            }
        }
        for (size_t i = 0; i < found_filters.size(); i++) {
            const bool reached = i / 45 == 2;
            if (reached ? fabsf(found_filters[i]) < largest / 2 : found_filters[i] != 0) {
                printf("not finite: filter gradient %zu is %g\n", i, found_filters[i]);
                return false;
            }
        }
    }
    return true;
}

int main() {
#if HAS_AMX
    // Linux keeps the tiles of who has asked for them; where there are none, they are emulated.
    syscall(158, 0x1023, 18);
#endif
    uint64_t of_one_thread = 0;
    for (int threads = 1; threads <= 3; threads += 2) {
        state = SEED;
        digest = 14695981039346656037u;
        if (!convolutions(threads) || !dense_layers(threads)) return 1;
        for (int parts = 1; parts <= 3; parts++)
            if (!not_finite(parts, threads) || !dense_not_finite(parts, threads)) return 1;
        if (threads == 1) of_one_thread = digest;
        if (digest != of_one_thread) {
            printf("%d threads have other bits than one\n", threads);
            return 1;
        }
    }
    printf("all agree: %016llx\n", (unsigned long long)digest);
    return 0;
}
