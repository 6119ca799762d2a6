// Registers of sixteen floats. Part of kernels.inc.h.

typedef float fk_wide __attribute__((vector_size(64)));
typedef int32_t fk_wide_bits __attribute__((vector_size(64)));

INLINE fk_wide wide_splat(float value) { return (fk_wide)_mm512_set1_ps(value); }
INLINE fk_wide wide_load(const float *from) { return (fk_wide)_mm512_loadu_ps(from); }
INLINE fk_wide wide_load_half(const fk_half *from) {
  return (fk_wide)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)from));
}
INLINE fk_wide wide_load_codes(const int8_t *from) {
  return (fk_wide)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)from)));
}
INLINE void wide_store(float *to, fk_wide value) { _mm512_storeu_ps(to, (__m512)value); }
INLINE fk_wide wide_fma(fk_wide a, fk_wide b, fk_wide c) {
  return (fk_wide)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
INLINE float wide_sum_lanes(fk_wide value) {
  __m512d lanes = (__m512d)value;
  return sum_lanes((f32x8)_mm512_castpd512_pd256(lanes) + (f32x8)_mm512_extractf64x4_pd(lanes, 1));
}
