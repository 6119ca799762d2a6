// Integer primitives over one instruction that multiplies unsigned codes by signed activations and adds groups of four
// products to 32 bits, without saturation: FK_DPBUSD(sum, codes, activations). Exact, as on every instruction set.

typedef i32x8 fk_sum;
enum {
  FK_LIMIT_U4 = 8,
  FK_LIMIT_U5 = 8,
  FK_LIMIT_U6 = 8,
  FK_LIMIT_S8 = 8,
  FK_SIGNED_SHIFT = 7,  // signed weights become unsigned by adding 128
};

INLINE __m256i fk_broadcast4(const int8_t *from) {
  int32_t four;
  __builtin_memcpy(&four, from, 4);
  return _mm256_set1_epi32(four);
}

INLINE fk_sum fk_zero(void) { return (fk_sum)_mm256_setzero_si256(); }
INLINE i32x8 fk_total(fk_sum sum) { return sum; }

INLINE fk_sum fk_multiply_add(fk_sum sum, u8x32 codes, u8x32 b) {
  return (fk_sum)FK_DPBUSD((__m256i)sum, (__m256i)codes, (__m256i)b);
}
INLINE fk_sum fk_next(fk_sum sum, u8x32 codes, const int8_t *a) {
  return fk_multiply_add(sum, codes, (u8x32)fk_broadcast4(a));
}

INLINE u8x32 fk_from_signed(u8x32 values) { return values ^ 0x80; }
INLINE fk_sum fk_next_signed(fk_sum sum, u8x32 values, const int8_t *a) { return fk_next(sum, values, a); }

INLINE u8x32 fk_look_up(u8x32 codes) {
  const __m128i book = _mm_loadu_si128((const __m128i *)(const void *)fk_codebook);
  const __m256i table = _mm256_broadcastsi128_si256(_mm_xor_si128(book, _mm_set1_epi8((char)0x80)));
  return (u8x32)_mm256_shuffle_epi8(table, (__m256i)codes);
}
