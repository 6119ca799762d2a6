// AVX2 with FMA and F16C (Haswell, Zen and later).

#if defined(__x86_64__)

#include <immintrin.h>

#include "vectors.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#define INLINE static inline __attribute__((always_inline))
#include "avx2_float.inc.h"

INLINE __m256i fk_broadcast4(const int8_t *from) {
  int32_t four;
  __builtin_memcpy(&four, from, 4);
  return _mm256_set1_epi32(four);
}

// Products of unsigned codes and signed activations, pairs of columns added in 16 bits. Saturation must never happen:
// `vectors` results are added before widening, and 2 * vectors * code * 127 stays below 32,768.
INLINE __m256i fk_pairs(const u8x32 *q, const int8_t *a, const int vectors) {
  __m256i sum = _mm256_maddubs_epi16((__m256i)q[0], fk_broadcast4(a));
  for (int k = 1; k < vectors; k++) {
    sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16((__m256i)q[k], fk_broadcast4(a + 4 * k)));
  }
  return sum;
}

INLINE i32x8 fk_widen(__m256i pairs) { return (i32x8)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)); }

// Eight results: 2 * 8 * 15 * 127 = 30,480.
INLINE i32x8 fk_dot32_u4(const u8x32 q[8], const int8_t *a) { return fk_widen(fk_pairs(q, a, 8)); }

// Four results: 2 * 4 * 31 * 127 = 31,496.
INLINE i32x8 fk_dot32_u5(const u8x32 q[8], const int8_t *a) {
  return fk_widen(fk_pairs(q, a, 4)) + fk_widen(fk_pairs(q + 4, a + 16, 4));
}

// Two results: 2 * 2 * 63 * 127 = 32,004.
INLINE i32x8 fk_dot16_u6(const u8x32 q[4], const int8_t *a) {
  return fk_widen(fk_pairs(q, a, 2)) + fk_widen(fk_pairs(q + 2, a + 8, 2));
}

// Signed weights: |w| is unsigned and its sign moves to the activation. One result: 2 * 128 * 127 = 32,512.
INLINE i32x8 fk_dot32_s8(const u8x32 q[8], const int8_t *a) {
  i32x8 sum = {0};
  for (int k = 0; k < 8; k++) {
    __m256i w = (__m256i)q[k];
    __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(fk_broadcast4(a + 4 * k), w));
    sum += fk_widen(pairs);
  }
  return sum;
}

#define FK_NAME "avx2"
#define FK_TABLE fk_kernels_avx2
#include "kernels.inc.h"

#pragma clang attribute pop

#endif
