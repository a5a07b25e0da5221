// Which instruction set a kernel may use: the verdict of theano_engine/processor.py, handed over as
// KERNEL_INSTRUCTION_SET, the number of one of its levels, when the kernel is compiled. What needs
// more is not compiled.
#ifndef COMMON_INSTRUCTION_SET_H
#define COMMON_INSTRUCTION_SET_H

#ifndef KERNEL_INSTRUCTION_SET
#error "KERNEL_INSTRUCTION_SET is not defined: see theano_engine/kernels/__init__.py"
#endif

#if defined(__aarch64__)
#define HAS_NEON (KERNEL_INSTRUCTION_SET >= 1)
#else
#define HAS_NEON 0
#endif

#if defined(__x86_64__)
#define HAS_AVX2 (KERNEL_INSTRUCTION_SET >= 1)
#define HAS_AVX512 (KERNEL_INSTRUCTION_SET >= 2)
#define HAS_AVX512_POPCOUNT (KERNEL_INSTRUCTION_SET >= 3)
#define HAS_AMX (KERNEL_INSTRUCTION_SET >= 4)
#else
#define HAS_AVX2 0
#define HAS_AVX512 0
#define HAS_AVX512_POPCOUNT 0
#define HAS_AMX 0
#endif

// On functions that use more than the compiler has been told that the processor has.
#define TARGET_AVX2 __attribute__((target("avx2,fma")))
#define TARGET_AVX512 __attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")))
#define TARGET_AVX512_POPCOUNT \
    __attribute__((            \
        target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq,avx512vbmi2")))
#define TARGET_AMX \
    __attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,amx-tile,amx-bf16")))

#endif
