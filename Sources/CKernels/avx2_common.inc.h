// Primitives that every x86 instruction set from AVX2 up has in common.

#include "layouts.h"

INLINE f32x8 fk_fma(f32x8 a, f32x8 b, f32x8 c) { return (f32x8)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
INLINE f32x8 fk_max(f32x8 a, f32x8 b) { return (f32x8)_mm256_max_ps((__m256)a, (__m256)b); }

INLINE f32x8 fk_load_half8(const fk_half *from) {
  return (f32x8)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)from));
}

INLINE void fk_store_half8(fk_half *to, f32x8 value) {
  _mm_storeu_si128((__m128i *)(void *)to, _mm256_cvtps_ph((__m256)value, _MM_FROUND_TO_NEAREST_INT));
}

#define FK_TIMES_SUMS
INLINE i32x8 fk_times_sums(i32x8 sums, i32x8 pairs, const int16_t *with) {
  int32_t both;
  __builtin_memcpy(&both, with, 4);
  return sums + (i32x8)_mm256_madd_epi16((__m256i)pairs, _mm256_set1_epi32(both));
}

#define FK_OPAQUE(v) __asm__ volatile("" : "+x"(v))
