// Primitives of tiles of sixteen rows (integer_tiles.inc.h, kernels.inc.h) in registers of 64 bytes with VNNI. The
// first eight rows stand in the lower half; those `step` bytes behind them in the upper one.

INLINE u8x64 load_bytes_16(const void *from, size_t step) {
  const __m256i *low = from;
  const __m256i *high = (const void *)((const char *)from + step);
  return (u8x64)_mm512_inserti64x4(_mm512_castsi256_si512(_mm256_loadu_si256(low)), _mm256_loadu_si256(high), 1);
}
// Eight bytes of either half.
INLINE __m128i load_eights(const void *from, size_t step) {
  const __m128i *high = (const void *)((const char *)from + step);
  return _mm_unpacklo_epi64(_mm_loadl_epi64(from), _mm_loadl_epi64(high));
}
INLINE i32x16 load_unsigned_16(const uint8_t *from, size_t step) {
  return (i32x16)_mm512_cvtepu8_epi32(load_eights(from, step));
}
INLINE i32x16 load_signed_16(const int8_t *from, size_t step) {
  return (i32x16)_mm512_cvtepi8_epi32(load_eights(from, step));
}
INLINE f32x16 load_half_16(const fk_half *from, size_t step) {
  const __m128i *low = (const void *)from, *high = (const void *)((const char *)from + step);
  return (f32x16)_mm512_cvtph_ps(_mm256_loadu2_m128i(high, low));
}

INLINE f32x16 load_f16_16(const uint8_t *from, size_t step) {
  return load_half_16((const fk_half *)(const void *)from, step);
}
INLINE f32x16 load_f32_16(const uint8_t *from, size_t step) { return (f32x16)load_bytes_16(from, step); }
INLINE f32x16 load_bf16_16(const uint8_t *from, size_t step) {
  const __m128i *low = (const void *)from, *high = (const void *)(from + step);
  return (f32x16)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu2_m128i(high, low)), 16);
}

INLINE f32x16 splat_16(float value) { return (f32x16)_mm512_set1_ps(value); }
INLINE i32x16 splat_int_16(int32_t value) { return (i32x16)_mm512_set1_epi32(value); }
INLINE f32x16 to_float_16(i32x16 value) { return (f32x16)_mm512_cvtepi32_ps((__m512i)value); }
INLINE void store_16(float *to, f32x16 value) { _mm512_storeu_ps(to, (__m512)value); }
INLINE f32x16 fma_16(f32x16 a, f32x16 b, f32x16 c) {
  return (f32x16)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}

INLINE i32x16 zero_16(void) { return (i32x16)_mm512_setzero_si512(); }
INLINE i32x16 total_16(i32x16 sum) { return sum; }
INLINE i32x16 next_16(i32x16 sum, u8x64 codes, const int8_t *a) {
  int32_t four;
  __builtin_memcpy(&four, a, 4);
  return (i32x16)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)codes, _mm512_set1_epi32(four));
}
INLINE i32x16 next_signed_16(i32x16 sum, u8x64 values, const int8_t *a) { return next_16(sum, values, a); }
INLINE i32x16 times_sums_16(i32x16 sums, i32x16 pairs, const int16_t *with) {
  int32_t both;
  __builtin_memcpy(&both, with, 4);
  return (i32x16)_mm512_dpwssd_epi32((__m512i)sums, (__m512i)pairs, _mm512_set1_epi32(both));
}
INLINE u8x64 from_signed_16(u8x64 values) { return values ^ 0x80; }
INLINE u8x64 look_up_16(u8x64 codes) {
  const __m128i book = _mm_loadu_si128((const __m128i *)(const void *)fk_codebook);
  const __m512i table = _mm512_broadcast_i32x4(_mm_xor_si128(book, _mm_set1_epi8((char)0x80)));
  return (u8x64)_mm512_shuffle_epi8(table, (__m512i)codes);
}
