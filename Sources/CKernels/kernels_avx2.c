// AVX2 with FMA and F16C (Haswell, Zen and later).

#if defined(__x86_64__)

#include <immintrin.h>

#include "vectors.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#define INLINE static inline __attribute__((always_inline))
#include "avx2_common.inc.h"

INLINE __m256i fk_broadcast4(const int8_t *from) {
  int32_t four;
  __builtin_memcpy(&four, from, 4);
  return _mm256_set1_epi32(four);
}

// Pairs of columns added in 16 bits. Saturation must never happen: with n results added before widening,
// 2 * n * code * 127 stays below 32,768.
typedef __m256i fk_sum;
enum {
  FK_LIMIT_U4 = 8,  // 2 * 8 * 15 * 127 = 30,480
  FK_LIMIT_U5 = 4,  // 2 * 4 * 31 * 127 = 31,496
  FK_LIMIT_U6 = 2,  // 2 * 2 * 63 * 127 = 32,004
  FK_LIMIT_S8 = 1,  // 2 * 128 * 127 = 32,512
  FK_SIGNED_SHIFT = -1,
  TILE = 8,
  FLOAT_TILE = 3,
  HEADS_TILE = 3,
  FK_WIDE = 8,
  DECODES_HALVES = 1,
};

INLINE fk_sum fk_zero(void) { return _mm256_setzero_si256(); }
INLINE i32x8 fk_total(fk_sum sum) { return (i32x8)_mm256_madd_epi16(sum, _mm256_set1_epi16(1)); }

INLINE fk_sum fk_multiply_add(fk_sum sum, u8x32 codes, u8x32 b) {
  return _mm256_add_epi16(sum, _mm256_maddubs_epi16((__m256i)codes, (__m256i)b));
}
INLINE fk_sum fk_next(fk_sum sum, u8x32 codes, const int8_t *a) {
  return fk_multiply_add(sum, codes, (u8x32)fk_broadcast4(a));
}

// Signed weights: |w| is unsigned and its sign moves to the activation.
INLINE u8x32 fk_from_signed(u8x32 values) { return values; }
INLINE fk_sum fk_next_signed(fk_sum sum, u8x32 values, const int8_t *a) {
  __m256i w = (__m256i)values;
  __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(fk_broadcast4(a), w));
  return _mm256_add_epi16(sum, pairs);
}

INLINE u8x32 fk_look_up(u8x32 codes) {
  const __m256i table = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)fk_codebook));
  return (u8x32)_mm256_shuffle_epi8(table, (__m256i)codes);
}

#define FK_IN_ORDER FK_OPAQUE
#define FK_NAME "avx2"
#define FK_TABLE fk_kernels_avx2
#include "kernels.inc.h"

#pragma clang attribute pop

#endif
