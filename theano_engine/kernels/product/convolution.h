// Convolution of two-valued images with two-valued filters, to floats; of real images as well.
//
// Each image is packed, its rows are laid out once per horizontal shift and stride phase (so that
// each tap of each output pixel is one fixed offset away from the pixel's number), and multiplied
// with all filters. Zero padding counts nothing: such taps are masked or looked up as 0.
#ifndef PRODUCT_CONVOLUTION_H
#define PRODUCT_CONVOLUTION_H

#include "common/padding.h"
#include "product/layout.h"
#include "product/real_product.h"

namespace binary {

// All filters, packed once for all images.
struct PackedFilters {
    size_t words, stride;
    Buffer<uint32_t> bits;
    Buffer<uint8_t> nibbles;  // for the AVX2 path alone
    Buffer<bool> nan;

    PackedFilters(size_t filters, size_t channels, size_t taps)
        : words(words_of(channels)),
          stride(words * taps),
          bits(filters * stride),
          nibbles(reads_nibbles() ? 8 * filters * stride : 0),
          nan(filters) {}

    bool allocated() const { return bits.data && nibbles.data && nan.data; }

    // Filter number `filter`: `channels` planes of `taps` floats.
    void pack(size_t filter, const float* values, size_t channels, size_t taps, Coding coding) {
        uint32_t* packed = bits.data + filter * stride;
        nan.data[filter] =
            taps == 1 ? pack_row(values, channels, coding, packed)
                      : pack_planes(values, channels, (ptrdiff_t)taps, taps, coding, packed, taps);
        if (reads_nibbles()) split_filter(packed, words, taps, nibbles.data + 8 * filter * stride);
    }

    // Filter 0 of the product becomes number `first` of these.
    void use_in(Product* product, size_t first = 0) const {
        product->filters = bits.data + first * stride;
        product->filter_nibbles = nibbles.data + (nibbles.data ? 8 * first * stride : 0);
        product->filter_stride = (ptrdiff_t)stride;
    }
};

// One batch of images, as floats, or packed by an earlier layer: then each image has a plane of
// `rows * columns` words per 32 channels, and a last plane that is not 0 where a NaN was.
struct Images {
    const float* floats;
    const uint32_t* packed;
};

// What one thread needs for one image.
struct ImageColumns {
    const Geometry& geometry;
    const Layout& layout;
    size_t words, word_pitch;
    bool nan;  // there are NaNs, in `nan_plane`
    Buffer<uint32_t> packed;
    Buffer<uint32_t> nan_plane;
    Buffer<uint8_t> packed_nibbles;
    Buffer<uint32_t> columns;
    Buffer<uint8_t> nibbles;
    Buffer<int32_t> ones;
    Buffer<int32_t> ones_columns;
    Buffer<int32_t> ones_inside;
    size_t real_pitch;
    Buffer<float> reals;  // for real images, in place of all that holds bits

    ImageColumns(const Geometry& g, const Layout& l, Coding coding)
        : geometry(g),
          layout(l),
          words(coding == REAL ? 0 : words_of(g.channels)),
          word_pitch(plane_pitch(l.plane, reads_nibbles() ? 1 : 4)),
          nan(false),
          packed(words * g.pixels()),
          nan_plane(g.pixels()),
          packed_nibbles(reads_nibbles() ? 8 * words * g.pixels() : 0),
          columns(reads_nibbles() ? 0 : words * word_pitch),
          nibbles(reads_nibbles() ? 8 * words * word_pitch : 0),
          ones(coding == UNIT ? g.pixels() : 0),
          ones_columns(coding == UNIT ? l.plane + TILE : 0),
          ones_inside(coding == UNIT ? TILE * tiles_of(g.out_pixels()) : 0),
          real_pitch(plane_pitch(l.plane, 4)),
          reals(coding == REAL ? g.channels * real_pitch : 0) {
        // The room behind a plane is read with its last tile; its lanes are never stored.
        if (columns.data && !reads_nibbles())
            memset(columns.data, 0, words * word_pitch * sizeof *columns.data);
        if (nibbles.data && reads_nibbles()) memset(nibbles.data, 0, 8 * words * word_pitch);
        if (ones_columns.data && coding == UNIT)
            memset(ones_columns.data, 0, (l.plane + TILE) * sizeof *ones_columns.data);
        if (reals.data && coding == REAL)
            memset(reals.data, 0, g.channels * real_pitch * sizeof *reals.data);
    }

    bool allocated() const {
        return packed.data && nan_plane.data && packed_nibbles.data && columns.data &&
               nibbles.data && ones.data && ones_columns.data && ones_inside.data && reals.data;
    }

    // Packs image number `number`, where it is not packed already, and lays it out.
    void fill(const Images& images, size_t number, Coding coding) {
        const size_t pixels = geometry.pixels();
        if (coding == REAL) {
            const float* image = images.floats + number * geometry.channels * pixels;
            for (size_t channel = 0; channel < geometry.channels; ++channel)
                layout.lay_out(image + channel * pixels, 0.0f, reals.data + channel * real_pitch);
        } else if (images.packed) {
            const uint32_t* image = images.packed + number * (words + 1) * pixels;
            const uint32_t* marks = image + words * pixels;
            uint32_t any = 0;
            for (size_t pixel = 0; pixel < pixels; ++pixel) any |= marks[pixel];
            nan = any != 0;
            if (nan) memcpy(nan_plane.data, marks, pixels * sizeof *marks);
            lay_out(image, coding);
        } else {
            const float* image = images.floats + number * geometry.channels * pixels;
            nan = pack_planes(image, geometry.channels, (ptrdiff_t)pixels, pixels, coding,
                              packed.data, pixels);
            if (nan) mark_nan(image);
            lay_out(packed.data, coding);
        }
    }

    void lay_out(const uint32_t* image, Coding coding) {
        const size_t pixels = geometry.pixels();
        if (coding == UNIT) count_ones(image);
#if HAS_AVX2
        if (reads_nibbles()) {
            split_nibbles(image, words, pixels, pixels, packed_nibbles.data, pixels);
            for (size_t plane = 0; plane < 8 * words; ++plane)
                layout.lay_out(packed_nibbles.data + plane * pixels, (uint8_t)0x80,
                               nibbles.data + plane * word_pitch);
            return;
        }
#endif
        for (size_t word = 0; word < words; ++word)
            layout.lay_out(image + word * pixels, (uint32_t)0, columns.data + word * word_pitch);
    }

    void mark_nan(const float* image) {
        for (size_t pixel = 0; pixel < geometry.pixels(); ++pixel) {
            nan_plane.data[pixel] = 0;
            for (size_t channel = 0; channel < geometry.channels; ++channel)
                nan_plane.data[pixel] |= std::isnan(image[channel * geometry.pixels() + pixel]);
        }
    }

    // ones_inside[p]: how many ones the taps of output pixel p see.
    void count_ones(const uint32_t* image) {
        memset(ones.data, 0, geometry.pixels() * sizeof *ones.data);
        for (size_t word = 0; word < words; ++word)
            for (size_t pixel = 0; pixel < geometry.pixels(); ++pixel)
                ones.data[pixel] += __builtin_popcount(image[word * geometry.pixels() + pixel]);
        layout.lay_out(ones.data, 0, ones_columns.data);
        size_t pixels = geometry.out_pixels();
        memset(ones_inside.data, 0, TILE * tiles_of(pixels) * sizeof *ones_inside.data);
        for (size_t tap = 0; tap < geometry.taps(); ++tap) {
            const int32_t* column = ones_columns.data + layout.tap_offset.data[tap];
            for (size_t pixel = 0; pixel < pixels; ++pixel)
                ones_inside.data[pixel] += column[pixel];
        }
    }

    void use_in(Product* product) const {
        product->columns = columns.data;
        product->nibbles = nibbles.data;
        product->word_stride = (ptrdiff_t)word_pitch;
    }
};

inline void fill_nan(float* out, size_t count, ptrdiff_t stride) {
    for (size_t i = 0; i < count; ++i) out[(ptrdiff_t)i * stride] = NAN;
}

// What all threads share: the geometry's tables and the packed filters.
struct Convolution {
    const Geometry& geometry;
    const Coding coding;
    const float scale;
    const Layout layout;
    PackedFilters packed;
    const float* filters;    // as they came, for real images
    Buffer<int32_t> inside;  // channels times taps inside the image, per output pixel

    Convolution(const Geometry& g, Coding c, const float* f, float s)
        : geometry(g),
          coding(c),
          scale(s),
          layout(g),
          packed(c == REAL ? 0 : g.filters, g.channels, g.taps()),
          filters(f),
          inside(TILE * tiles_of(g.out_pixels())) {
        for (size_t pixel = 0; allocated() && pixel < TILE * tiles_of(g.out_pixels()); ++pixel)
            inside.data[pixel] = layout.inside.data[pixel] * (int32_t)g.channels;
    }

    bool allocated() const { return layout.allocated() && packed.allocated() && inside.data; }

    void pack(size_t filter) {
        if (coding == REAL) return;
        const size_t size = geometry.channels * geometry.taps();
        packed.pack(filter, filters + filter * size, geometry.channels, geometry.taps(), SIGN);
    }

    // Filters [first, last) of one image to `out`, (last - first) planes.
    void multiply(const ImageColumns& columns, size_t first, size_t last, float* out) const {
        const size_t pixels = geometry.out_pixels();
        if (coding == REAL) return multiply_real(columns, first, last, out);
        Product product = {};
        product.taps = geometry.taps();
        product.words = packed.words;
        product.pixels = pixels;
        product.tap_offset = layout.tap_offset.data;
        product.valid = coding == SIGN ? layout.valid.data : NULL;
        product.pixel_base = coding == SIGN ? inside.data : columns.ones_inside.data;
        product.scale = scale;
        product.out = out;
        product.out_stride = (ptrdiff_t)pixels;
        columns.use_in(&product);
        packed.use_in(&product, first);
        const MultiplyTile multiply_tile = multiply_tile_of();
        for (size_t tile = 0; tile < tiles_of(pixels); ++tile)
            multiply_tile(product, coding == SIGN ? XOR : AND, 0, last - first, tile);
        if (columns.nan) spread_nan(columns.nan_plane.data, last - first, out);
        for (size_t filter = first; filter < last; ++filter)
            if (packed.nan.data[filter]) fill_nan(out + (filter - first) * pixels, pixels, 1);
    }

    void multiply_real(const ImageColumns& columns, size_t first, size_t last, float* out) const {
        RealProduct product;
        product.channels = geometry.channels;
        product.taps = geometry.taps();
        product.pixels = geometry.out_pixels();
        product.columns = columns.reals.data;
        product.channel_stride = (ptrdiff_t)columns.real_pitch;
        product.tap_offset = layout.tap_offset.data;
        product.flip = geometry.flip;
        product.filters = filters + first * geometry.channels * geometry.taps();
        product.out = out;
        product.out_stride = (ptrdiff_t)geometry.out_pixels();
        for (size_t tile = 0; tile < tiles_of(product.pixels); ++tile)
            multiply_real_tile(product, last - first, tile);
    }

    // What float arithmetic makes of a NaN: it spreads to every output pixel that sees it.
    void spread_nan(const uint32_t* nan_plane, size_t planes, float* out) const {
        const Geometry& g = geometry;
        for (size_t y = 0; y < g.out_rows(); ++y)
            for (size_t x = 0; x < g.out_columns(); ++x)
                for (size_t tap = 0; tap < g.taps(); ++tap) {
                    size_t row = y * g.stride_rows + tap / g.filter_columns - g.pad_rows;
                    size_t column = x * g.stride_columns + tap % g.filter_columns - g.pad_columns;
                    if (row < g.rows && column < g.columns && nan_plane[row * g.columns + column])
                        fill_nan(out + y * g.out_columns() + x, planes, (ptrdiff_t)g.out_pixels());
                }
    }
};

// With fewer images than threads, each image's filters are shared out among several of them.
struct Shares {
    size_t per_image, filters;

    Shares(const Geometry& g, int threads, size_t multiple) {
        const size_t blocks = (g.filters + multiple - 1) / multiple;
        per_image = ((size_t)threads + g.images - 1) / g.images;
        if (per_image > blocks) per_image = blocks;
        filters = (blocks + per_image - 1) / per_image * multiple;
    }
    size_t first(size_t unit) const { return unit % per_image * filters; }
    size_t last(size_t unit, size_t all) const {
        const size_t end = first(unit) + filters;
        return end < all ? end : all;
    }
};

// Adds bias[f] to plane number f.
inline void add_bias(const float* bias, size_t planes, size_t pixels, float* out) {
    for (size_t f = 0; f < planes; ++f)
        for (size_t pixel = 0; pixel < pixels; ++pixel) out[f * pixels + pixel] += bias[f];
}

// out (images, filters, out_rows, out_columns) = scale * the convolution of the codes + bias
// (filters) or, where that is NULL, nothing: images of `coding` (-a/+a or 0/1; a's size is part of
// `scale`), filters -h/+h. All arrays are C-contiguous. Real images are convolved with the filters
// as they are.
inline Status convolve(int threads, const Geometry& g, Coding coding, const Images& images,
                       const float* filters, float scale, const float* bias, float* out) {
    if (!g.images || !g.filters || !g.out_pixels()) return DONE;
    Convolution convolution(g, coding, filters, scale);
    if (!convolution.allocated()) return NO_MEMORY;
    const Shares shares(g, threads, 4);
    bool no_memory = false;
#pragma omp parallel num_threads(threads) reduction(|| : no_memory)
    {
#pragma omp for schedule(static)
        for (ptrdiff_t filter = 0; filter < (ptrdiff_t)g.filters; ++filter)
            convolution.pack((size_t)filter);
        ImageColumns columns(g, convolution.layout, coding);
        no_memory = !columns.allocated();
#pragma omp for schedule(dynamic, 1)
        for (ptrdiff_t unit = 0; unit < (ptrdiff_t)(g.images * shares.per_image); ++unit) {
            const size_t number = (size_t)unit / shares.per_image;
            const size_t first = shares.first((size_t)unit);
            const size_t last = shares.last((size_t)unit, g.filters);
            if (no_memory || first >= last) continue;
            columns.fill(images, number, coding);
            float* planes = out + (number * g.filters + first) * g.out_pixels();
            convolution.multiply(columns, first, last, planes);
            // While they are in the cache.
            if (bias) add_bias(bias + first, last - first, g.out_pixels(), planes);
        }
    }
    return no_memory ? NO_MEMORY : DONE;
}

}  // namespace binary

#endif
