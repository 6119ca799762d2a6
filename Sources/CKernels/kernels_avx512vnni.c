// AVX-512 VNNI (Ice Lake, Zen 4 and later).

#if defined(__x86_64__)

#include <immintrin.h>

#include "vectors.h"

#define FK_TARGET "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni"
#pragma clang attribute push(__attribute__((target(FK_TARGET))), apply_to = function)

#define INLINE static inline __attribute__((always_inline))
#include "avx2_common.inc.h"

#define FK_DPBUSD _mm256_dpbusd_epi32
#include "vnni.inc.h"

enum { TILE = 8, FLOAT_TILE = 6, HEADS_TILE = 6, FK_WIDE = 16, DECODES_HALVES = 0 };

#define FK_SIXTEEN_ROWS 4
#include "rows_avx512.inc.h"
#define FK_WIDE_FILE "wide_avx512.inc.h"
#define FK_NAME "avx512vnni"
#define FK_TABLE fk_kernels_avx512vnni
#include "kernels.inc.h"

#pragma clang attribute pop

#endif
