// Runs the kernels of gradients, batch norm, pooling and Adam over odd shapes, in arrays of exactly
// their size, and compares them with plain loops. Built with sanitizers, which end the program at
// the first read or write out of bounds.
#include <math.h>
#include <stdint.h>
#include <stdio.h>

#include <vector>

#include "adam_step.h"
#include "batch_norm.h"
#include "plain_convolution.h"
#include "product/filter_gradient.h"
#include "product/float_convolution.h"
#include "sign_sums/dense_gradient.h"
#include "sign_sums/filter_gradient.h"
#include "sign_sums/input_gradient.h"
#include "sign_sums/mixed_convolution.h"
#include "pool.h"

static Floats whole_numbers(size_t size, int span) {
    Floats values(size);
    for (float& value : values) value = (float)((int)(next_random() % (2 * span + 1)) - span);
    return values;
}

static bool same(const char* what, const Floats& found, const Floats& expected, float tolerance) {
    for (size_t i = 0; i < expected.size(); i++)
        if (!(fabsf(found[i] - expected[i]) <= tolerance)) {
            printf("%s: element %zu is %g, not %g\n", what, i, found[i], expected[i]);
            return false;
        }
    return true;
}

// Fortran's sgemm, each matrix transposed ('T') or plain.
static void gemm(char* form, char* other, const int* rows, const int* columns, const int* depth,
                 const float*, const float* a, const int* a_distance, const float* b,
                 const int* b_distance, const float* kept, float* c, const int* c_distance) {
    const bool transposed = *form == 'T', turned = *other == 'T';
    for (int n = 0; n < *columns; n++)
        for (int m = 0; m < *rows; m++) {
            float* target = c + n * *c_distance + m;
            float sum = *kept == 0 ? 0 : *target;
            for (int k = 0; k < *depth; k++)
                sum += a[transposed ? m * *a_distance + k : k * *a_distance + m] *
                       b[turned ? k * *b_distance + n : n * *b_distance + k];
            *target = sum;
        }
}

static bool float_convolution(const gradient_conv::Geometry& g, int threads) {
    const Floats images = whole_numbers(g.batch * g.channels * g.rows * g.columns, 9);
    const Floats filters =
        whole_numbers(g.filters * g.channels * g.filter_rows * g.filter_columns, 9);
    const Floats backward(filters.rbegin(), filters.rend()), bias = whole_numbers(g.filters, 9);
    Floats plain(g.batch * g.filters * g.out_rows * g.out_columns), with_bias, found;
    each_term(g, [&](ptrdiff_t image, ptrdiff_t filter, ptrdiff_t output) {
        plain[output] += images[image] * filters[filter];
    });
    with_bias = plain;
    for (size_t k = 0; k < plain.size(); k++)
        with_bias[k] += bias[k / (g.out_rows * g.out_columns) % g.filters];
    const gradient_conv::Array4 x = array4(images, g.channels, g.rows, g.columns);
    const gradient_conv::Array4 w =
        reversed4(backward, g.channels, g.filter_rows, g.filter_columns);
    found.assign(plain.size(), -1.0f);
    if (!gradient_conv::convolve(g, x, w, NULL, gemm, threads, found.data()) ||
        !same("float convolution", found, plain, 0))
        return false;
    return gradient_conv::convolve(g, x, w, bias.data(), gemm, threads, found.data()) &&
           same("float convolution and bias", found, with_bias, 0);
}

static bool convolution(const gradient_conv::Geometry& g, float low, float high, int threads) {
    const Floats images = two_valued(g.batch * g.channels * g.rows * g.columns, low, high);
    const Floats filters =
        two_valued(g.filters * g.channels * g.filter_rows * g.filter_columns, low, high);
    const Floats top = whole_numbers(g.batch * g.filters * g.out_rows * g.out_columns, 9);
    const Floats backward(top.rbegin(), top.rend());
    Floats images_gradient(images.size()), filters_gradient(filters.size());
    each_term(g, [&](ptrdiff_t image, ptrdiff_t filter, ptrdiff_t output) {
        images_gradient[image] += top[output] * filters[filter];
        filters_gradient[filter] += top[output] * images[image];
    });
    Floats found_images(images.size(), -1.0f), found_filters(filters.size(), -1.0f);
    const gradient_conv::Array4 w = array4(filters, g.channels, g.filter_rows, g.filter_columns);
    const gradient_conv::Array4 x = array4(images, g.channels, g.rows, g.columns);
    const gradient_conv::Array4 t = array4(top, g.filters, g.out_rows, g.out_columns);
    const gradient_conv::Array4 r = reversed4(backward, g.filters, g.out_rows, g.out_columns);
    if (!gradient_conv::filter_products(g, x, top.data(), gemm, threads, found_filters.data()) ||
        !same("filter products", found_filters, filters_gradient, 0))
        return false;
    return gradient_conv::input_gradient(g, w, t, low, high, threads, found_images.data()) &&
           same("image gradient", found_images, images_gradient, 0) &&
           gradient_conv::filter_gradient(g, x, r, low, high, threads, found_filters.data()) &&
           same("filter gradient", found_filters, filters_gradient, 0);
}

static bool dense_layer(const gradient_dense::DenseShape& layer, float low, int threads) {
    const Floats input = two_valued(layer.batch * layer.inputs, low, 1);
    const Floats weights = two_valued(layer.inputs * layer.units, low, 1);
    const Floats top = whole_numbers(layer.batch * layer.units, 9);
    Floats input_gradient(input.size()), weight_gradient(weights.size());
    for (ptrdiff_t n = 0; n < layer.batch; n++)
        for (ptrdiff_t i = 0; i < layer.inputs; i++)
            for (ptrdiff_t u = 0; u < layer.units; u++) {
                const ptrdiff_t weight = i * layer.units + u;
                input_gradient[n * layer.inputs + i] += top[n * layer.units + u] * weights[weight];
                weight_gradient[weight] += top[n * layer.units + u] * input[n * layer.inputs + i];
            }
    Floats of_input(input.size(), -1.0f), of_weights(weights.size(), -1.0f);
    gradient_dense::input_product(layer, weights.data(), top.data(), gemm, of_input.data());
    gradient_dense::weight_product(layer, input.data(), top.data(), gemm, of_weights.data());
    if (!same("input product", of_input, input_gradient, 0) ||
        !same("weight product", of_weights, weight_gradient, 0))
        return false;
    of_input.assign(input.size(), -1.0f);
    of_weights.assign(weights.size(), -1.0f);
    return gradient_dense::dense_input_gradient(layer, weights.data(), top.data(), low, 1, threads,
                                                of_input.data()) &&
           same("dense input gradient", of_input, input_gradient, 0) &&
           gradient_dense::dense_weight_gradient(layer, input.data(), top.data(), low, 1, threads,
                                                 of_weights.data()) &&
           same("dense weight gradient", of_weights, weight_gradient, 0);
}

static bool dense_layers(int threads) {
    for (int round = 0; round < 40; round++) {
        gradient_dense::DenseShape layer;
        layer.batch = next_random() % (round % 4 ? 12 : 140);
        layer.inputs = next_random() % (round % 3 ? 40 : 300);
        layer.units = next_random() % (round % 5 ? 40 : 300);
        if (!dense_layer(layer, round % 2 ? 0.0f : -1.0f, threads)) return false;
    }
    return true;
}

static bool mixed_convolution(const gradient_conv::Geometry& g, bool two_valued_images,
                              int threads) {
    const size_t image_size = g.batch * g.channels * g.rows * g.columns;
    const size_t filter_size = g.filters * g.channels * g.filter_rows * g.filter_columns;
    const Floats images =
        two_valued_images ? two_valued(image_size, -1, 1) : whole_numbers(image_size, 9);
    const Floats filters =
        two_valued_images ? whole_numbers(filter_size, 9) : two_valued(filter_size, -1, 1);
    Floats expected(g.batch * g.filters * g.out_rows * g.out_columns);
    Floats found(expected.size(), -1.0f);
    const gradient_conv::Array4 x = array4(images, g.channels, g.rows, g.columns);
    const gradient_conv::Array4 w = array4(filters, g.channels, g.filter_rows, g.filter_columns);
    each_term(g, [&](ptrdiff_t image, ptrdiff_t filter, ptrdiff_t output) {
        expected[output] += images[image] * filters[filter];
    });
    const bool done =
        two_valued_images
            ? gradient_conv::convolve_two_valued_images(g, x, w, -1, 1, threads, found.data())
            : gradient_conv::convolve_two_valued_filters(g, x, w, -1, 1, threads, found.data());
    return done && same("mixed convolution", found, expected, 0);
}

static bool convolutions(int threads) {
    for (int round = 0; round < 60; round++) {
        gradient_conv::Geometry g;
        g.batch = next_random() % 7 ? next_random() % 6 : 30 + next_random() % 40;
        g.channels = 1 + next_random() % 70;
        g.rows = 1 + next_random() % 8;
        g.columns = 1 + next_random() % (next_random() % 4 ? 8 : 40);
        g.filters = 1 + next_random() % 40;
        g.filter_rows = 1 + next_random() % 4;
        g.filter_columns = 1 + next_random() % 4;
        g.row_stride = 1 + next_random() % 3;
        g.column_stride = 1 + next_random() % 3;
        g.pad_rows = next_random() % 4;
        g.pad_columns = next_random() % 4;
        g.flip = next_random() % 2;
        const ptrdiff_t rows = g.rows + 2 * g.pad_rows - g.filter_rows;
        const ptrdiff_t columns = g.columns + 2 * g.pad_columns - g.filter_columns;
        if (rows < 0 || columns < 0) continue;
        g.out_rows = rows / g.row_stride + 1;
        g.out_columns = columns / g.column_stride + 1;
        if (!convolution(g, round % 2 ? 0.0f : -1.0f, 1.0f, threads) ||
            !float_convolution(g, threads))
            return false;
        g.row_stride = g.column_stride = 1;
        g.pad_rows %= g.filter_rows;
        g.pad_columns %= g.filter_columns;
        g.out_rows = g.rows + 2 * g.pad_rows - g.filter_rows + 1;
        g.out_columns = g.columns + 2 * g.pad_columns - g.filter_columns + 1;
        if (g.out_rows < 1 || g.out_columns < 1) continue;
        if (!mixed_convolution(g, true, threads) || !mixed_convolution(g, false, threads))
            return false;
    }
    return true;
}

static bool normalisation(ptrdiff_t batch, ptrdiff_t channels, ptrdiff_t rows, ptrdiff_t columns,
                          int activation, int threads) {
    const batch_norm::Shape shape = {batch,
                                     channels,
                                     rows * columns,
                                     rows * columns == 1 ? 1 : 3,  // of one pixel: a dense layer
                                     {(float)batch, (float)rows, (float)columns}};
    const size_t size = batch * channels * rows * columns;
    const Floats x = whole_numbers(size, 50), upstream = whole_numbers(size, 5);
    const Floats gamma(channels, 1.5f), beta(channels, 0.25f);
    Floats y(size), mean(channels), inv_std(channels), sums(channels);
    Floats x_gradient(size), gamma_gradient(channels), beta_gradient(channels);
    batch_norm::forward(shape, activation, x.data(), gamma.data(), beta.data(), 1e-4f, threads,
                        y.data(), mean.data(), inv_std.data());
    batch_norm::backward(shape, activation, x.data(), upstream.data(), gamma.data(), beta.data(),
                         mean.data(), inv_std.data(), 1.0f, threads, x_gradient.data(),
                         gamma_gradient.data(), beta_gradient.data());
    batch_norm::channel_sums(shape, x.data(), threads, sums.data());
    if (!size) return true;
    Floats expected_mean(channels), expected_y(size), expected_sums(channels);
    const ptrdiff_t pixels = shape.pixels;
    for (ptrdiff_t c = 0; c < channels; c++) {
        double total = 0, squares = 0;
        for (ptrdiff_t n = 0; n < batch; n++)
            for (ptrdiff_t i = 0; i < pixels; i++) total += x[(n * channels + c) * pixels + i];
        const double centre = total / ((double)batch * pixels);
        for (ptrdiff_t n = 0; n < batch; n++)
            for (ptrdiff_t i = 0; i < pixels; i++)
                squares += pow(x[(n * channels + c) * pixels + i] - centre, 2);
        const double scale = 1.5 / sqrt(squares / ((double)batch * pixels) + 1e-4);
        for (ptrdiff_t n = 0; n < batch; n++)
            for (ptrdiff_t i = 0; i < pixels; i++) {
                const ptrdiff_t at = (n * channels + c) * pixels + i;
                expected_y[at] = (float)((x[at] - centre) * scale + 0.25);
            }
        expected_mean[c] = (float)centre;
        expected_sums[c] = (float)total;
    }
    return same("mean", mean, expected_mean, 1e-4f) && same("sums", sums, expected_sums, 1e-2f) &&
           (activation != batch_norm::NONE || same("batch norm", y, expected_y, 1e-4f));
}

static bool pooling(ptrdiff_t planes, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t window_rows,
                    ptrdiff_t window_columns, int threads) {
    const pool::Shape s = {planes, rows, columns, window_rows, window_columns};
    const Floats x = whole_numbers(planes * rows * columns, 2);
    const size_t outputs = planes * s.out_rows() * s.out_columns();
    const Floats upstream = whole_numbers(outputs, 9);
    Floats y(outputs), x_gradient(x.size(), -1.0f), best(outputs), expected(x.size());
    pool::forward(s, x.data(), threads, y.data());
    pool::backward(s, x.data(), y.data(), upstream.data(), threads, x_gradient.data());
    for (ptrdiff_t p = 0; p < planes; p++)
        for (ptrdiff_t r = 0; r < s.out_rows(); r++)
            for (ptrdiff_t c = 0; c < s.out_columns(); c++) {
                const ptrdiff_t out = (p * s.out_rows() + r) * s.out_columns() + c;
                best[out] = -1e9f;
                for (int pass = 0; pass < 2; pass++)
                    for (ptrdiff_t i = 0; i < window_rows; i++)
                        for (ptrdiff_t j = 0; j < window_columns; j++) {
                            const ptrdiff_t at =
                                (p * rows + r * window_rows + i) * columns + c * window_columns + j;
                            if (!pass && x[at] > best[out]) best[out] = x[at];
                            if (pass && x[at] == best[out]) expected[at] = upstream[out];
                        }
            }
    return same("maxima", y, best, 0) && same("pooling gradient", x_gradient, expected, 0);
}

static bool adam(size_t count, int threads) {
    const adam_step::Constants c = {0.9f, 0.1f, 0.999f, 0.001f, 1e-8f, -1, 1};
    Floats w = two_valued(count, -0.5f, 0.75f), g = whole_numbers(count, 3), m(count), v(count);
    Floats expected(count);
    for (size_t i = 0; i < count; i++)
        expected[i] = g[i] == 0 ? w[i] : w[i] - 0.01f * (g[i] > 0 ? 1 : -1) * 0.1f / sqrtf(0.001f);
    adam_step::step(count, c, -0.01f, w.data(), g.data(), m.data(), v.data(), threads, w.data(),
                    m.data(), v.data());
    return same("Adam", w, expected, 1e-5f);
}

int main() {
    for (int threads = 1; threads <= 2; threads++) {
        if (!convolutions(threads) || !dense_layers(threads)) return 1;
        for (int activation = 0; activation < 3; activation++)
            if (!normalisation(5, 7, 3, 11, activation, threads) ||
                !normalisation(2, 1, 1, 1, activation, threads) ||
                !normalisation(9, 37, 1, 1, activation, threads) ||
                !normalisation(0, 3, 4, 4, activation, threads) ||
                !normalisation(3, 33, 16, 17, activation, threads))
                return 1;
        for (ptrdiff_t window = 1; window < 4; window++)
            if (!pooling(6, 8, 8, window, window, threads) ||
                !pooling(3, 7, 9, window, 2, threads) || !pooling(2, 1, 5, window, 3, threads) ||
                !pooling(0, 4, 4, 2, window, threads))
                return 1;
        for (size_t count = 0; count < 70; count += 23)
            if (!adam(count, threads)) return 1;
    }
    printf("all agree\n");
    return 0;
}
