// Primitives of Arm tables, over the 8-bit dot product of ARMv8.2. A vector of 32 bytes is two registers. Codes of up
// to six bits fit signed bytes, so that one signed dot product serves all layouts.

#include "layouts.h"

typedef struct { int8x16_t low, high; } fk_bytes;
typedef struct { int32x4_t low, high; } fk_sum;
enum {
  FK_LIMIT_U4 = 8,
  FK_LIMIT_U5 = 8,
  FK_LIMIT_U6 = 8,
  FK_LIMIT_S8 = 8,
  FK_SIGNED_SHIFT = -1,
  FLOAT_TILE = 3,
  HEADS_TILE = 3,
  FK_WIDE = 8,
  DECODES_HALVES = 0,
};

INLINE fk_bytes fk_split(u8x32 value) {
  fk_bytes halves;
  __builtin_memcpy(&halves, &value, 32);
  return halves;
}

INLINE fk_sum fk_zero(void) { return (fk_sum){vdupq_n_s32(0), vdupq_n_s32(0)}; }

INLINE i32x8 fk_total(fk_sum sum) {
  i32x8 total;
  __builtin_memcpy(&total, &sum, 32);
  return total;
}

INLINE fk_sum fk_multiply_add(fk_sum sum, u8x32 codes, u8x32 b) {
  fk_bytes q = fk_split(codes), with = fk_split(b);
  return (fk_sum){vdotq_s32(sum.low, q.low, with.low), vdotq_s32(sum.high, q.high, with.high)};
}

INLINE fk_sum fk_next(fk_sum sum, u8x32 codes, const int8_t *a) {
  int32_t four;
  __builtin_memcpy(&four, a, 4);
  int8x16_t spread = vreinterpretq_s8_s32(vdupq_n_s32(four));
  fk_bytes q = fk_split(codes);
  return (fk_sum){vdotq_s32(sum.low, q.low, spread), vdotq_s32(sum.high, q.high, spread)};
}

INLINE u8x32 fk_from_signed(u8x32 values) { return values; }
INLINE fk_sum fk_next_signed(fk_sum sum, u8x32 values, const int8_t *a) { return fk_next(sum, values, a); }

INLINE u8x32 fk_look_up(u8x32 codes) {
  int8x16_t table = vld1q_s8(fk_codebook);
  fk_bytes q = fk_split(codes);
  fk_bytes found = {
    vqtbl1q_s8(table, vreinterpretq_u8_s8(q.low)), vqtbl1q_s8(table, vreinterpretq_u8_s8(q.high))};
  u8x32 value;
  __builtin_memcpy(&value, &found, 32);
  return value;
}

INLINE f32x8 fk_max(f32x8 a, f32x8 b) {
  float32x4_t parts[2][2];
  __builtin_memcpy(parts[0], &a, 32);
  __builtin_memcpy(parts[1], &b, 32);
  for (int i = 0; i < 2; i++) parts[0][i] = vmaxq_f32(parts[0][i], parts[1][i]);
  __builtin_memcpy(&a, parts[0], 32);
  return a;
}

INLINE f32x8 fk_fma(f32x8 a, f32x8 b, f32x8 c) { return __builtin_elementwise_fma(a, b, c); }

INLINE f32x8 fk_load_half8(const fk_half *from) {
  float16x8_t halves = vreinterpretq_f16_u16(vld1q_u16(from));
  float32x4_t wide[2] = {vcvt_f32_f16(vget_low_f16(halves)), vcvt_high_f32_f16(halves)};
  f32x8 value;
  __builtin_memcpy(&value, wide, 32);
  return value;
}

INLINE void fk_store_half8(fk_half *to, f32x8 value) {
  float32x4_t wide[2];
  __builtin_memcpy(wide, &value, 32);
  float16x8_t halves = vcvt_high_f16_f32(vcvt_f16_f32(wide[0]), wide[1]);
  vst1q_u16(to, vreinterpretq_u16_f16(halves));
}

#define FK_OPAQUE(v) __asm__ volatile("" : "+m"(v))
