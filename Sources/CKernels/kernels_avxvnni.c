// AVX2 with AVX-VNNI (Alder Lake, Sapphire Rapids, Zen 5 and later).

#if defined(__x86_64__)

#include <immintrin.h>

#include "vectors.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,avxvnni"))), apply_to = function)

#define INLINE static inline __attribute__((always_inline))
#include "avx2_common.inc.h"

#define FK_DPBUSD _mm256_dpbusd_avx_epi32
#include "vnni.inc.h"

enum { TILE = 8, FLOAT_TILE = 3, HEADS_TILE = 3, FK_WIDE = 8, DECODES_HALVES = 1 };

#define FK_NAME "avxvnni"
#define FK_TABLE fk_kernels_avxvnni
#include "kernels.inc.h"

#pragma clang attribute pop

#endif
