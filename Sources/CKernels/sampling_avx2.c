// Sampling on AVX2 (Haswell, Zen and later).

#if defined(__x86_64__)

#include <immintrin.h>

#include "vectors.h"

#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)

#define INLINE static inline __attribute__((always_inline))
#define FK_SAMPLING_NAME "avx2"
#define FK_SAMPLING_TABLE fk_sampling_avx2
#include "sampling.inc.h"

#pragma clang attribute pop

#endif
