// Runs the binary kernels over odd shapes and compares them with plain loops. Built with
// sanitizers, which end the program at the first read or write out of bounds.
#include <stdio.h>

#include <vector>

#include "product/dot.h"
#include "product/signs.h"

using namespace binary;

typedef std::vector<float> Floats;

// Exactly as long as it says, so that one element more is out of bounds.
static Floats two_valued(size_t size, float low, float high) {
    static uint32_t state = 12345;
    Floats values(size);
    for (float& value : values) {
        state = state * 1664525u + 1013904223u;
        value = state >> 31 ? high : low;
    }
    values.shrink_to_fit();
    return values;
}

static Floats plain_convolution(const Geometry& g, const Floats& images, const Floats& filters) {
    Floats out(g.images * g.filters * g.out_pixels());
    float* next = out.data();
    for (size_t n = 0; n < g.images; ++n)
        for (size_t f = 0; f < g.filters; ++f)
            for (size_t y = 0; y < g.out_rows(); ++y)
                for (size_t x = 0; x < g.out_columns(); ++x, ++next)
                    for (size_t c = 0; c < g.channels; ++c)
                        for (size_t i = 0; i < g.filter_rows; ++i)
                            for (size_t j = 0; j < g.filter_columns; ++j) {
                                long row = (long)(y * g.stride_rows + i) - (long)g.pad_rows;
                                long column =
                                    (long)(x * g.stride_columns + j) - (long)g.pad_columns;
                                if (row < 0 || column < 0 || row >= (long)g.rows ||
                                    column >= (long)g.columns)
                                    continue;
                                size_t fi = g.flip ? g.filter_rows - 1 - i : i;
                                size_t fj = g.flip ? g.filter_columns - 1 - j : j;
                                *next += images[((n * g.channels + c) * g.rows + row) * g.columns +
                                                column] *
                                         filters[((f * g.channels + c) * g.filter_rows + fi) *
                                                     g.filter_columns +
                                                 fj];
                            }
    return out;
}

static bool same(const char* what, const Floats& found, const Floats& expected) {
    for (size_t i = 0; i < expected.size(); ++i)
        if (found[i] != expected[i]) {
            printf("%s: element %zu is %g, not %g\n", what, i, found[i], expected[i]);
            return false;
        }
    return true;
}

static bool check_convolution(Coding coding, const Geometry& g) {
    const Floats images =
        two_valued(g.images * g.channels * g.pixels(), coding == UNIT ? 0 : -1, 1);
    const Floats filters = two_valued(g.filters * g.channels * g.taps(), -1, 1);
    const Floats expected = plain_convolution(g, images, filters);
    Floats found(expected.size(), -99);
    const Images source = {images.data(), NULL};
    if (convolve(2, g, coding, source, filters.data(), 1, NULL, found.data()) != DONE) return false;
    if (!same("convolution", found, expected)) return false;

    // Signs of the sums after pooling, as floats and as bits; then the bits as images.
    const Pooling pooling = {g.out_rows() > 1 ? 2u : 1u,
                             g.out_columns() > 2 ? 2u + g.channels % 2 : 1u};
    const size_t pixels = pooling.pixels(g);
    const Floats offsets = two_valued(g.filters, -1.5f, 0.5f);
    const Step step = {ADD, offsets.data(), 1, 0};
    const Signs signs = {&step, 1, false};
    Floats values(g.images * g.filters * pixels);
    const SignsOut floats = {NULL, false, values.data(), {-1, 1, NAN}};
    std::vector<uint32_t> planes(g.images * (words_of(g.filters) + 1) * pixels);
    const SignsOut bits = {planes.data(), false, NULL, {-1, 1, NAN}};
    for (const SignsOut& out : {floats, bits})
        if (convolve_signs(2, g, coding, source, filters.data(), 1, pooling, signs, out))
            return false;
    Geometry next = g;
    next.channels = g.filters;
    next.rows = g.out_rows() / pooling.rows;
    next.columns = g.out_columns() / pooling.columns;
    next.pad_rows = next.filter_rows;
    next.pad_columns = next.filter_columns;
    const Floats more = two_valued(next.filters * next.channels * next.taps(), -1, 1);
    const Floats after = plain_convolution(next, values, more);
    Floats found_after(after.size(), -99);
    const Images packed = {NULL, planes.data()};
    convolve(2, next, SIGN, packed, more.data(), 1, NULL, found_after.data());
    return same("convolution of packed signs", found_after, after);
}

static bool check_dot(Coding coding, size_t rows, size_t depth, size_t units) {
    const Floats x = two_valued(rows * depth, coding == UNIT ? 0 : -1, 1);
    const Floats w = two_valued(depth * units, -1, 1);
    Floats expected(rows * units), found(rows * units, -99);
    for (size_t i = 0; i < rows; ++i)
        for (size_t k = 0; k < depth; ++k)
            for (size_t j = 0; j < units; ++j)
                expected[i * units + j] += x[i * depth + k] * w[k * units + j];
    multiply(2, rows, depth, units, coding, x.data(), w.data(), 1, found.data());
    return same("dot", found, expected);
}

// Operands that differ, or coincide, everywhere: as many ones as a narrow count can meet.
static bool check_full_counts(Coding coding) {
    const size_t rows = 5, depth = 4100, units = 6;
    const Floats x(rows * depth, 1), w(depth * units, -1);
    Floats found(rows * units);
    multiply(2, rows, depth, units, coding, x.data(), w.data(), 1, found.data());
    return same("dot of opposites", found, Floats(rows * units, -(float)depth));
}

// A NaN is noticed wherever it is, and none where there is none.
static bool check_nan(size_t channels, size_t pixels, Coding coding) {
    Floats planes = two_valued(channels * pixels, -1, 1);
    std::vector<uint32_t> words(words_of(channels) * pixels);
    for (size_t place = 0; place <= planes.size(); ++place) {
        const float before = place ? planes[place - 1] : 0;
        if (place) planes[place - 1] = NAN;
        const bool found = pixels == 1 ? pack_row(planes.data(), channels, coding, words.data())
                                       : pack_planes(planes.data(), channels, (ptrdiff_t)pixels,
                                                     pixels, coding, words.data(), pixels);
        if (found != (place > 0)) {
            printf("NaN at %zu of %zu x %zu: %d\n", place, channels, pixels, found);
            return false;
        }
        if (place) planes[place - 1] = before;
    }
    return true;
}

int main() {
    const Geometry geometries[] = {
        {2, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, true},    {1, 33, 7, 5, 6, 3, 3, 1, 1, 1, 1, true},
        {3, 64, 8, 8, 35, 3, 3, 1, 1, 1, 1, false}, {2, 31, 9, 13, 5, 2, 4, 3, 0, 2, 3, true},
        {1, 70, 3, 17, 7, 3, 1, 0, 2, 1, 1, false}, {1, 5, 6, 6, 33, 5, 5, 4, 4, 3, 2, true},
        {2, 32, 1, 40, 4, 1, 3, 0, 0, 5, 7, true},  {0, 3, 4, 4, 2, 3, 3, 1, 1, 1, 1, true},
    };
    for (int coding = SIGN; coding <= REAL; ++coding) {
        for (const Geometry& geometry : geometries)
            if (!check_convolution((Coding)coding, geometry)) return 1;
        if (coding == REAL) continue;
        const size_t sizes[][3] = {{1, 1, 1}, {5, 33, 10}, {37, 100, 65}, {4, 64, 130}};
        for (const size_t* s : sizes)
            if (!check_dot((Coding)coding, s[0], s[1], s[2])) return 1;
        if (!check_full_counts((Coding)coding)) return 1;
        for (size_t channels : {1, 31, 33, 70})
            for (size_t pixels : {1, 3, 4, 9, 17})
                if (!check_nan(channels, pixels, (Coding)coding)) return 1;
    }
    const Floats x = two_valued(3 * 5 * 2049, -1, 1);
    Floats out(x.size());
    choose_signs(2, 3, 5, 2049, x.data(), Signs{NULL, 0, true}, Outcomes{-1, 1, NAN}, out.data());
    if (!same("signs", out, x)) return 1;
    printf("all agree\n");
    return 0;
}
