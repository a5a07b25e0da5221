// What this machine can do at most, in registers or in memory: prints one JSON object.
// g++ -O3 -march=native -fopenmp ceilings.cpp -o ceilings && ./ceilings

#include <immintrin.h>
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <vector>

// The best of several runs: a ceiling is what the machine reaches when nothing disturbs it.
static double seconds(const std::function<void()>& work) {
    double best = 1e30;
    for (int run = 0; run < 7; ++run) {
        auto start = std::chrono::steady_clock::now();
        work();
        std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
        best = std::min(best, taken.count());
    }
    return best;
}

static volatile double sink;

constexpr int kRepeats = 20'000'000;

// XNOR and population count of packed +1/-1 operands: multiply-adds a second, all threads.
static double popcount_rate() {
    double lanes = 0;
    double time = seconds([&] {
#pragma omp parallel
        {
            uint64_t total = 0;
#if defined(__AVX512VPOPCNTDQ__)
            __m512i sums[8], operands[8];
            for (int k = 0; k < 8; ++k) {
                sums[k] = _mm512_setzero_si512();
                operands[k] = _mm512_set1_epi64(0x123456789abcdefLL * (k + 1));
            }
            __m512i other = _mm512_set1_epi64(omp_get_thread_num() + 77);
            for (int i = 0; i < kRepeats / 8; ++i) {
                asm volatile("" : "+v"(other));
                for (int k = 0; k < 8; ++k)
                    sums[k] = _mm512_add_epi64(
                        sums[k], _mm512_popcnt_epi64(_mm512_xor_si512(operands[k], other)));
            }
            for (auto& sum : sums) total += _mm512_reduce_add_epi64(sum);
            const double bits = 512;
#else
            uint64_t operands[4] = {1, 2, 3, 4}, other = omp_get_thread_num() + 77;
            for (int i = 0; i < kRepeats / 4; ++i) {
                asm volatile("" : "+r"(other));
                for (auto operand : operands) total += __builtin_popcountll(operand ^ other);
            }
            const double bits = 64;
#endif
#pragma omp critical
            {
                sink = total;
                lanes = bits;
            }
        }
    });
    return lanes * kRepeats * omp_get_max_threads() / time;
}

// Fused multiply-adds of floats a second, all threads.
static double multiply_add_rate() {
    double lanes = 0;
    double time = seconds([&] {
#pragma omp parallel
        {
#if defined(__AVX512F__)
            __m512 sums[8];
            for (int k = 0; k < 8; ++k) sums[k] = _mm512_set1_ps(k);
            __m512 factor = _mm512_set1_ps(0.999f), term = _mm512_set1_ps(0.001f);
            for (int i = 0; i < kRepeats / 8; ++i) {
                asm volatile("" : "+v"(factor));
                for (auto& sum : sums) sum = _mm512_fmadd_ps(sum, factor, term);
            }
            double total = 0;
            for (auto& sum : sums) total += _mm512_reduce_add_ps(sum);
            const double width = 16;
#else
            float sums[32] = {}, factor = 0.999f;
            for (int i = 0; i < kRepeats / 8; ++i)
                for (auto& sum : sums) sum = sum * factor + 0.001f;
            double total = sums[omp_get_thread_num()];
            const double width = 4;
#endif
#pragma omp critical
            {
                sink = total;
                lanes = width;
            }
        }
    });
    return lanes * kRepeats * omp_get_max_threads() / time;
}

// Table lookups with an addition each, as multiply-adds a second: one replaces 5 x 16 of them.
static double lookup_rate() {
#if defined(__AVX512F__)
    double time = seconds([&] {
#pragma omp parallel
        {
            __m512 sums[16];
            for (int k = 0; k < 16; ++k) sums[k] = _mm512_set1_ps(k);
            __m512 low = _mm512_set1_ps(0.001f), high = _mm512_set1_ps(0.002f);
            __m512 one = _mm512_set1_ps(1.0f);
            __m512i index = _mm512_set1_epi32(omp_get_thread_num() + 5);
            asm volatile("" : "+v"(one));
            for (int i = 0; i < kRepeats / 16; ++i) {
                asm volatile("" : "+v"(index), "+v"(high));
                for (int k = 0; k < 16; ++k) {
                    // Otherwise the compiler looks up once for all sixteen.
                    asm volatile("" : "+v"(low));
                    __m512 entry = _mm512_permutex2var_ps(low, index, high);
                    // Multiply-adds and additions go to different units.
                    sums[k] = k % 4 ? _mm512_add_ps(entry, sums[k])
                                    : _mm512_fmadd_ps(entry, one, sums[k]);
                }
            }
            double total = 0;
            for (auto& sum : sums) total += _mm512_reduce_add_ps(sum);
#pragma omp critical
            sink = total;
        }
    });
    return 80.0 * kRepeats * omp_get_max_threads() / time;
#else
    return 0;
#endif
}

// Bytes a second that a sum of two long arrays moves, write-allocation not counted.
static double memory_rate() {
    const size_t n = 32 << 20;
    std::vector<float> a(n, 1), b(n, 2), c(n, 3);
    double time = seconds([&] {
#pragma omp parallel for simd
        for (size_t i = 0; i < n; ++i) a[i] = b[i] + 0.5f * c[i];
    });
    sink = a[n / 2];
    return 3.0 * n * sizeof(float) / time;
}

int main() {
    std::printf(
        "{\"popcount_gmac\": %.1f, \"multiply_add_gmac\": %.1f, \"lookup_gmac\": %.1f, "
        "\"memory_gb\": %.2f, \"threads\": %d}\n",
        popcount_rate() / 1e9, multiply_add_rate() / 1e9, lookup_rate() / 1e9, memory_rate() / 1e9,
        omp_get_max_threads());
}
