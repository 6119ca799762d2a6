// Integer primitives over one instruction that multiplies unsigned codes by signed activations and adds groups of four
// products to 32 bits, without saturation: FK_DPBUSD(sum, codes, activations). Exact, as on every instruction set.

INLINE __m256i fk_broadcast4(const int8_t *from) {
  int32_t four;
  __builtin_memcpy(&four, from, 4);
  return _mm256_set1_epi32(four);
}

// Two chains, since one would wait for itself.
INLINE i32x8 fk_dot_unsigned(const u8x32 *q, const int8_t *a, const int vectors) {
  __m256i even = _mm256_setzero_si256(), odd = _mm256_setzero_si256();
  for (int k = 0; k < vectors; k += 2) {
    even = FK_DPBUSD(even, (__m256i)q[k], fk_broadcast4(a + 4 * k));
    odd = FK_DPBUSD(odd, (__m256i)q[k + 1], fk_broadcast4(a + 4 * k + 4));
  }
  return (i32x8)_mm256_add_epi32(even, odd);
}

INLINE i32x8 fk_dot32_u4(const u8x32 q[8], const int8_t *a) { return fk_dot_unsigned(q, a, 8); }
INLINE i32x8 fk_dot32_u5(const u8x32 q[8], const int8_t *a) { return fk_dot_unsigned(q, a, 8); }
INLINE i32x8 fk_dot16_u6(const u8x32 q[4], const int8_t *a) { return fk_dot_unsigned(q, a, 4); }

// Signed weights: |w| is unsigned and its sign moves to the activation.
INLINE i32x8 fk_dot32_s8(const u8x32 q[8], const int8_t *a) {
  __m256i even = _mm256_setzero_si256(), odd = _mm256_setzero_si256();
  for (int k = 0; k < 8; k += 2) {
    __m256i first = (__m256i)q[k], second = (__m256i)q[k + 1];
    even = FK_DPBUSD(even, _mm256_abs_epi8(first), _mm256_sign_epi8(fk_broadcast4(a + 4 * k), first));
    odd = FK_DPBUSD(odd, _mm256_abs_epi8(second), _mm256_sign_epi8(fk_broadcast4(a + 4 * k + 4), second));
  }
  return (i32x8)_mm256_add_epi32(even, odd);
}
