// Arm with the 8-bit matrix product of ARMv8.6 (Graviton 3, Neoverse V1 and N2, Apple M2 and later): one instruction
// multiplies two rows by two tokens, eight columns each, twice the products of a dot product. One token, and the last
// of an odd number, take the dot product.

#if defined(__aarch64__)

#include <arm_neon.h>

#include "vectors.h"

#pragma clang attribute push(__attribute__((target("dotprod,i8mm"))), apply_to = function)

#define INLINE static inline __attribute__((always_inline))
#include "neon.inc.h"

// With more tokens the sums of pairs and of tokens no longer fit 32 registers together.
enum { TILE = 4 };

#define FK_TOKEN_PAIRS

// Eight columns of two rows in each register.
typedef struct { int8x16_t rows[4]; } fk_pair_codes;
// Rows 2i and 2i + 1 in register i: row, first token; row, second token; next row, first; next row, second.
typedef struct { int32x4_t rows[4]; } fk_pair_sum;

INLINE int8x16_t fk_zip_low(int8x16_t a, int8x16_t b) {
  return vreinterpretq_s8_s32(vzip1q_s32(vreinterpretq_s32_s8(a), vreinterpretq_s32_s8(b)));
}
INLINE int8x16_t fk_zip_high(int8x16_t a, int8x16_t b) {
  return vreinterpretq_s8_s32(vzip2q_s32(vreinterpretq_s32_s8(a), vreinterpretq_s32_s8(b)));
}

INLINE fk_pair_codes fk_pair(u8x32 first, u8x32 second) {
  fk_bytes a = fk_split(first), b = fk_split(second);
  return (fk_pair_codes){
    {fk_zip_low(a.low, b.low), fk_zip_high(a.low, b.low), fk_zip_low(a.high, b.high), fk_zip_high(a.high, b.high)}};
}

INLINE fk_pair_sum fk_pair_zero(void) {
  int32x4_t zero = vdupq_n_s32(0);
  return (fk_pair_sum){{zero, zero, zero, zero}};
}

INLINE fk_pair_sum fk_pair_next(fk_pair_sum sum, fk_pair_codes codes, const int8_t *a, const int8_t *b) {
  int8x16_t tokens = vcombine_s8(vld1_s8(a), vld1_s8(b));
  for (int i = 0; i < 4; i++) sum.rows[i] = vmmlaq_s32(sum.rows[i], codes.rows[i], tokens);
  return sum;
}

INLINE i32x8 fk_pair_total(fk_pair_sum sum, const int token) {
  int32x4_t total[2];
  for (int i = 0; i < 2; i++) {
    int32x4_t a = sum.rows[2 * i], b = sum.rows[2 * i + 1];
    total[i] = token == 0 ? vuzp1q_s32(a, b) : vuzp2q_s32(a, b);
  }
  i32x8 value;
  __builtin_memcpy(&value, total, 32);
  return value;
}

#define FK_NAME "neon-i8mm"
#define FK_TABLE fk_kernels_neon_i8mm
#include "kernels.inc.h"

#pragma clang attribute pop

#endif
