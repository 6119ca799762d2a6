// Plain C for any machine: the fallback, and the reference that every other table is compared with.

#include "vectors.h"

// Vectors of 32 bytes are passed in two registers or in memory here; nothing outside this file sees them.
#pragma clang diagnostic ignored "-Wpsabi"

#define INLINE static inline __attribute__((always_inline))
#include "layouts.h"

// The product is rounded before the sum: a machine without fused multiply and add would take a library call for it.
INLINE f32x8 fk_fma(f32x8 a, f32x8 b, f32x8 c) { return a * b + c; }

INLINE f32x8 fk_max(f32x8 a, f32x8 b) {
  for (int i = 0; i < 8; i++) a[i] = a[i] > b[i] ? a[i] : b[i];
  return a;
}

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

typedef i32x8 fk_sum;
enum {
  FK_LIMIT_U4 = 8,
  FK_LIMIT_U5 = 8,
  FK_LIMIT_U6 = 8,
  FK_LIMIT_S8 = 8,
  FK_SIGNED_SHIFT = -1,
  TILE = 4,
  FLOAT_TILE = 3,
  HEADS_TILE = 3,
  FK_WIDE = 8,
  DECODES_HALVES = 0,
};

INLINE fk_sum fk_zero(void) { return (fk_sum){0}; }
INLINE i32x8 fk_total(fk_sum sum) { return sum; }

INLINE fk_sum fk_multiply_add(fk_sum sum, u8x32 codes, u8x32 b) {
  for (int i = 0; i < 32; i++) sum[i / 4] += (int32_t)codes[i] * (int8_t)b[i];
  return sum;
}
INLINE fk_sum fk_next(fk_sum sum, u8x32 codes, const int8_t *a) {
  for (int i = 0; i < 32; i++) sum[i / 4] += (int32_t)codes[i] * a[i % 4];
  return sum;
}

INLINE u8x32 fk_from_signed(u8x32 values) { return values; }
INLINE fk_sum fk_next_signed(fk_sum sum, u8x32 values, const int8_t *a) {
  for (int i = 0; i < 32; i++) sum[i / 4] += (int32_t)(int8_t)values[i] * a[i % 4];
  return sum;
}

#define FK_OPAQUE(v) __asm__ volatile("" : "+m"(v))
#define FK_NAME "baseline"
#define FK_TABLE fk_kernels_baseline
#include "kernels.inc.h"
