// Plain C for any machine: the fallback, and the reference that every other table is compared with.

#include "vectors.h"

// Vectors of 32 bytes are passed in two registers or in memory here; nothing outside this file sees them.
#pragma clang diagnostic ignored "-Wpsabi"

#define INLINE static inline __attribute__((always_inline))
#include "layouts.h"

// The product is rounded before the sum: a machine without fused multiply and add would take a library call for it.
INLINE f32x8 fk_fma(f32x8 a, f32x8 b, f32x8 c) { return a * b + c; }

INLINE f32x8 fk_load_half8(const fk_half *from) {
  f32x8 value;
  for (int i = 0; i < 8; i++) value[i] = fk_f16_to_f32(from[i]);
  return value;
}

INLINE void fk_store_half8(fk_half *to, f32x8 value) {
  for (int i = 0; i < 8; i++) to[i] = fk_f32_to_f16(value[i]);
}

INLINE u8x32 fk_look_up(u8x32 codes) {
  u8x32 value;
  for (int i = 0; i < 32; i++) value[i] = (uint8_t)fk_codebook[codes[i]];
  return value;
}

INLINE i32x8 dot_unsigned(const u8x32 *q, const int8_t *a, int vectors) {
  i32x8 sum = {0};
  for (int k = 0; k < vectors; k++) {
    for (int i = 0; i < 32; i++) sum[i / 4] += (int32_t)q[k][i] * a[4 * k + i % 4];
  }
  return sum;
}

INLINE i32x8 fk_dot32_u4(const u8x32 q[8], const int8_t *a) { return dot_unsigned(q, a, 8); }
INLINE i32x8 fk_dot32_u5(const u8x32 q[8], const int8_t *a) { return dot_unsigned(q, a, 8); }
INLINE i32x8 fk_dot16_u6(const u8x32 q[4], const int8_t *a) { return dot_unsigned(q, a, 4); }
INLINE i32x8 fk_dot32_s8(const u8x32 q[8], const int8_t *a) {
  i32x8 sum = {0};
  for (int k = 0; k < 8; k++) {
    for (int i = 0; i < 32; i++) sum[i / 4] += (int32_t)(int8_t)q[k][i] * a[4 * k + i % 4];
  }
  return sum;
}

#define FK_NAME "baseline"
#define FK_TABLE fk_kernels_baseline
#include "kernels.inc.h"
