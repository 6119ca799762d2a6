// Every kernel, written once over clang's vector types. A file for one instruction set defines the primitives below,
// includes this one, and gets its table `FK_TABLE`:
//
//   FK_NAME                        text, the instruction set's name
//   fk_fma(a, b, c)                a * b + c on f32x8
//   fk_load_half8 / fk_store_half8 eight halves as f32x8
//   fk_dot32_u4, _u5, _s8          codes of 8 rows by 32 columns times 32 activations, exact, as i32x8; the suffix is
//                                  the range of the codes: how far 16-bit sums may be trusted depends on it
//   fk_dot16_u6                    the same for 16 columns and codes of six bits
//
// Order of float operations: per output element, blocks of columns ascend, and each block adds its terms one by one
// with fused multiply and add, whatever the number of tokens. That is what makes a token's logits independent of the
// batch it shares.

#include <float.h>
#include <math.h>
#include <string.h>

#include "layouts.h"

enum { TILE = 4 };  // tokens that share one unpacking of the weights

INLINE f32x8 load8(const float *from) {
  f32x8 value;
  memcpy(&value, from, 32);
  return value;
}
INLINE void store8(float *to, f32x8 value) { memcpy(to, &value, 32); }
INLINE f32x8 splat(float value) { return (f32x8){value, value, value, value, value, value, value, value}; }
INLINE i32x8 splat_int(int32_t value) { return (i32x8){value, value, value, value, value, value, value, value}; }
INLINE f32x8 to_float(i32x8 value) { return __builtin_convertvector(value, f32x8); }
INLINE f32x8 select8(i32x8 mask, f32x8 yes, f32x8 no) {
  return (f32x8)(((i32x8)yes & mask) | ((i32x8)no & ~mask));
}
INLINE f32x8 max8(f32x8 a, f32x8 b) { return select8(a > b, a, b); }

// Sums and maxima over lanes, as one fixed tree.
INLINE float sum_lanes(f32x8 v) { return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7])); }
INLINE float max_lanes(f32x8 v) {
  float best = v[0];
  for (int i = 1; i < 8; i++) best = v[i] > best ? v[i] : best;
  return best;
}

// ---------------------------------------------------------------------------------------------------------------------
// Unpacking: codes of a block of 32 columns as eight vectors

INLINE u8x32 load_bytes(const void *from) {
  u8x32 value;
  memcpy(&value, from, 32);
  return value;
}

INLINE void unpack4(const fk_codes4 *from, u8x32 q[8]) {
  for (int p = 0; p < 4; p++) {
    u8x32 both = load_bytes(from->nibbles[p]);
    q[p] = both & 15;
    q[p + 4] = both >> 4;
  }
}

INLINE void unpack5(const fk_codes5 *from, u8x32 q[8]) {
  unpack4(&from->low, q);
  u8x32 high = load_bytes(from->high);
  for (int k = 0; k < 8; k++) q[k] |= (k < 4 ? high << (4 - k) : high >> (k - 4)) & 16;
}

INLINE void unpack6(const fk_codes6 *from, u8x32 q[8]) {
  unpack4(&from->low, q);
  for (int half = 0; half < 2; half++) {
    u8x32 high = load_bytes(from->high[half]);
    for (int k = 0; k < 4; k++) q[4 * half + k] |= (k < 2 ? high << (4 - 2 * k) : high >> (2 * k - 4)) & 48;
  }
}

INLINE void unpack8(const fk_codes8 *from, u8x32 q[8]) {
  for (int k = 0; k < 8; k++) q[k] = load_bytes(from->vectors[k]);
}

INLINE void unpack_codebook(const fk_codes4 *from, u8x32 q[8]) {
  unpack4(from, q);
  for (int k = 0; k < 8; k++) q[k] = fk_look_up(q[k]);
}

INLINE i32x8 load_bytes8(const uint8_t *from) {
  u8x8 value;
  memcpy(&value, from, 8);
  return __builtin_convertvector(value, i32x8);
}
INLINE i32x8 load_signed8(const int8_t *from) {
  s8x8 value;
  memcpy(&value, from, 8);
  return __builtin_convertvector(value, i32x8);
}

// ---------------------------------------------------------------------------------------------------------------------
// Tiles: eight rows by `count` tokens (a constant after inlining), over all columns. x: `stride` blocks a token.

#define TILE_ARGUMENTS                                                                                                 \
  const uint8_t *weights, size_t columns, const fk_activations *x, size_t stride, const int count, float *y,           \
      size_t y_stride

#define FOR_TOKENS _Pragma("clang loop unroll(full)") for (int t = 0; t < count; t++)

INLINE void store_tile(const f32x8 *sums, const int count, float *y, size_t y_stride) {
  FOR_TOKENS store8(y + (size_t)t * y_stride, sums[t]);
}

// Layouts with one scale a block: w = d * (q - zero).
#define DEFINE_TILE_ZERO(NAME, BLOCK, UNPACK, DOT, ZERO)                                                               \
  INLINE void tile_##NAME(TILE_ARGUMENTS) {                                                                            \
    f32x8 sums[TILE] = {0};                                                                                            \
    const BLOCK *block = (const BLOCK *)(const void *)weights;                                                         \
    for (size_t b = 0; b < columns / 32; b++, block++) {                                                               \
      u8x32 q[8];                                                                                                      \
      UNPACK(&block->codes, q);                                                                                        \
      f32x8 d = fk_load_half8(block->d);                                                                               \
      FOR_TOKENS {                                                                                                     \
        const fk_activations *a = x + (size_t)t * stride + b;                                                          \
        i32x8 dot = DOT(q, a->codes);                                                                                  \
        if (ZERO) dot -= splat_int(ZERO * a->sum);                                                                     \
        sums[t] = fk_fma(to_float(dot), d * splat(a->scale), sums[t]);                                                 \
      }                                                                                                                \
    }                                                                                                                  \
    store_tile(sums, count, y, y_stride);                                                                              \
  }

// Layouts with a scale and a minimum a block: w = d * q + m.
#define DEFINE_TILE_MINIMUM(NAME, BLOCK, UNPACK, DOT)                                                                  \
  INLINE void tile_##NAME(TILE_ARGUMENTS) {                                                                            \
    f32x8 sums[TILE] = {0};                                                                                            \
    const BLOCK *block = (const BLOCK *)(const void *)weights;                                                         \
    for (size_t b = 0; b < columns / 32; b++, block++) {                                                               \
      u8x32 q[8];                                                                                                      \
      UNPACK(&block->codes, q);                                                                                        \
      f32x8 d = fk_load_half8(block->d), m = fk_load_half8(block->m);                                                  \
      FOR_TOKENS {                                                                                                     \
        const fk_activations *a = x + (size_t)t * stride + b;                                                          \
        sums[t] = fk_fma(to_float(DOT(q, a->codes)), d * splat(a->scale), sums[t]);                                    \
        sums[t] = fk_fma(m, splat(a->scaled_sum), sums[t]);                                                            \
      }                                                                                                                \
    }                                                                                                                  \
    store_tile(sums, count, y, y_stride);                                                                              \
  }

// K-quants with sub-scales and sub-minima for 32 columns: w = (D * s) * q - (Dmin * n).
#define DEFINE_TILE_SUPER(NAME, BLOCK, UNPACK, DOT)                                                                    \
  INLINE void tile_##NAME(TILE_ARGUMENTS) {                                                                            \
    f32x8 sums[TILE] = {0};                                                                                            \
    const BLOCK *super = (const BLOCK *)(const void *)weights;                                                         \
    for (size_t b = 0; b < columns / 32; super++) {                                                                    \
      f32x8 d = fk_load_half8(super->d), dmin = -fk_load_half8(super->dmin);                                           \
      for (size_t i = 0; i < 8; i++, b++) {                                                                            \
        u8x32 q[8];                                                                                                    \
        UNPACK(&super->blocks[i].codes, q);                                                                            \
        i32x8 scale = load_bytes8(super->blocks[i].scale);                                                             \
        f32x8 minimum = dmin * to_float(load_bytes8(super->blocks[i].minimum));                                        \
        FOR_TOKENS {                                                                                                   \
          const fk_activations *a = x + (size_t)t * stride + b;                                                        \
          sums[t] = fk_fma(to_float(DOT(q, a->codes) * scale), d * splat(a->scale), sums[t]);                          \
          sums[t] = fk_fma(minimum, splat(a->scaled_sum), sums[t]);                                                    \
        }                                                                                                              \
      }                                                                                                                \
    }                                                                                                                  \
    store_tile(sums, count, y, y_stride);                                                                              \
  }

// K-quants with a signed sub-scale for 16 columns: w = (D * s) * (q - zero).
#define DEFINE_TILE_SIGNED16(NAME, BLOCK, UNPACK, ZERO)                                                                \
  INLINE void tile_##NAME(TILE_ARGUMENTS) {                                                                            \
    f32x8 sums[TILE] = {0};                                                                                            \
    const BLOCK *super = (const BLOCK *)(const void *)weights;                                                         \
    for (size_t b = 0; b < columns / 32; super++) {                                                                    \
      f32x8 d = fk_load_half8(super->d);                                                                               \
      for (size_t i = 0; i < 8; i++, b++) {                                                                            \
        u8x32 q[8];                                                                                                    \
        UNPACK(&super->blocks[i].codes, q);                                                                            \
        i32x8 first = load_signed8(super->blocks[i].scale[0]), second = load_signed8(super->blocks[i].scale[1]);       \
        FOR_TOKENS {                                                                                                   \
          const fk_activations *a = x + (size_t)t * stride + b;                                                        \
          i32x8 dot = (fk_dot16_u6(q, a->codes) - splat_int(ZERO * a->sums[0])) * first +                              \
                      (fk_dot16_u6(q + 4, a->codes + 16) - splat_int(ZERO * a->sums[1])) * second;                     \
          sums[t] = fk_fma(to_float(dot), d * splat(a->scale), sums[t]);                                               \
        }                                                                                                              \
      }                                                                                                                \
    }                                                                                                                  \
    store_tile(sums, count, y, y_stride);                                                                              \
  }

DEFINE_TILE_ZERO(s8, fk_block_s8, unpack8, fk_dot32_s8, 0)
DEFINE_TILE_ZERO(u4z, fk_block_u4z, unpack4, fk_dot32_u4, 8)
DEFINE_TILE_ZERO(u5z, fk_block_u5z, unpack5, fk_dot32_u5, 16)
DEFINE_TILE_ZERO(c4, fk_block_u4z, unpack_codebook, fk_dot32_s8, 0)
DEFINE_TILE_MINIMUM(u4m, fk_block_u4m, unpack4, fk_dot32_u4)
DEFINE_TILE_MINIMUM(u5m, fk_block_u5m, unpack5, fk_dot32_u5)
DEFINE_TILE_SUPER(u4k, fk_block_u4k, unpack4, fk_dot32_u4)
DEFINE_TILE_SUPER(u5k, fk_block_u5k, unpack5, fk_dot32_u5)
DEFINE_TILE_SIGNED16(u6s16, fk_block_u6s16, unpack6, 32)
DEFINE_TILE_SIGNED16(u4s16, fk_block_u4s16, unpack4, 4)

// Q2_K: scale and minimum for 16 columns, four bits each.
INLINE void tile_u4m16(TILE_ARGUMENTS) {
  f32x8 sums[TILE] = {0};
  const fk_block_u4m16 *super = (const fk_block_u4m16 *)(const void *)weights;
  for (size_t b = 0; b < columns / 32; super++) {
    f32x8 d = fk_load_half8(super->d), dmin = -fk_load_half8(super->dmin);
    for (size_t i = 0; i < 8; i++, b++) {
      u8x32 q[8];
      unpack4(&super->blocks[i].codes, q);
      i32x8 first = load_bytes8(super->blocks[i].scale_minimum[0]);
      i32x8 second = load_bytes8(super->blocks[i].scale_minimum[1]);
      FOR_TOKENS {
        const fk_activations *a = x + (size_t)t * stride + b;
        i32x8 dot = fk_dot16_u6(q, a->codes) * (first & 15) + fk_dot16_u6(q + 4, a->codes + 16) * (second & 15);
        i32x8 minimum = splat_int(a->sums[0]) * (first >> 4) + splat_int(a->sums[1]) * (second >> 4);
        f32x8 scale = splat(a->scale);
        sums[t] = fk_fma(to_float(dot), d * scale, sums[t]);
        sums[t] = fk_fma(to_float(minimum), dmin * scale, sums[t]);
      }
    }
  }
  store_tile(sums, count, y, y_stride);
}

// IQ4_XS: a signed scale for 32 columns, codes from the codebook.
INLINE void tile_c4k(TILE_ARGUMENTS) {
  f32x8 sums[TILE] = {0};
  const fk_block_c4k *super = (const fk_block_c4k *)(const void *)weights;
  for (size_t b = 0; b < columns / 32; super++) {
    f32x8 d = fk_load_half8(super->d);
    for (size_t i = 0; i < 8; i++, b++) {
      u8x32 q[8];
      unpack_codebook(&super->blocks[i].codes, q);
      i32x8 scale = load_signed8(super->blocks[i].scale);
      FOR_TOKENS {
        const fk_activations *a = x + (size_t)t * stride + b;
        sums[t] = fk_fma(to_float(fk_dot32_s8(q, a->codes) * scale), d * splat(a->scale), sums[t]);
      }
    }
  }
  store_tile(sums, count, y, y_stride);
}

// Walks groups, and for each group all tokens in tiles, so that weights are read once.
#define DEFINE_MATMUL(NAME, LAYOUT)                                                                                    \
  static void matmul_##NAME(const uint8_t *weights, size_t groups, size_t columns, const void *activations,            \
                            size_t tokens, float *y, size_t y_stride) {                                                \
    const size_t stride = columns / FK_BLOCK;                                                                          \
    const size_t bytes = columns / fk_layout_columns(LAYOUT) * fk_layout_group_bytes(LAYOUT);                          \
    for (size_t g = 0; g < groups; g++, weights += bytes, y += FK_GROUP_ROWS) {                                        \
      const fk_activations *x = (const fk_activations *)activations;                                                   \
      float *to = y;                                                                                                   \
      size_t left = tokens;                                                                                            \
      for (; left >= TILE; left -= TILE, x += TILE * stride, to += TILE * y_stride) {                                  \
        tile_##NAME(weights, columns, x, stride, TILE, to, y_stride);                                                  \
      }                                                                                                                \
      if (left == 3) tile_##NAME(weights, columns, x, stride, 3, to, y_stride);                                        \
      if (left == 2) tile_##NAME(weights, columns, x, stride, 2, to, y_stride);                                        \
      if (left == 1) tile_##NAME(weights, columns, x, stride, 1, to, y_stride);                                        \
    }                                                                                                                  \
  }

DEFINE_MATMUL(s8, FK_LAYOUT_S8)
DEFINE_MATMUL(u4z, FK_LAYOUT_U4Z)
DEFINE_MATMUL(u4m, FK_LAYOUT_U4M)
DEFINE_MATMUL(u4k, FK_LAYOUT_U4K)
DEFINE_MATMUL(u5z, FK_LAYOUT_U5Z)
DEFINE_MATMUL(u5m, FK_LAYOUT_U5M)
DEFINE_MATMUL(u5k, FK_LAYOUT_U5K)
DEFINE_MATMUL(u6s16, FK_LAYOUT_U6S16)
DEFINE_MATMUL(u4m16, FK_LAYOUT_U4M16)
DEFINE_MATMUL(u4s16, FK_LAYOUT_U4S16)
DEFINE_MATMUL(c4, FK_LAYOUT_C4)
DEFINE_MATMUL(c4k, FK_LAYOUT_C4K)

// ---------------------------------------------------------------------------------------------------------------------
// Float weights: column c goes to chain c mod 4, and the chains are added as (0 + 1) + (2 + 3).

INLINE f32x8 load_f32(const uint8_t *from) { return load8((const float *)(const void *)from); }
INLINE f32x8 load_f16(const uint8_t *from) { return fk_load_half8((const fk_half *)(const void *)from); }
INLINE f32x8 load_bf16(const uint8_t *from) {
  u16x8 value;
  memcpy(&value, from, 16);
  return (f32x8)(__builtin_convertvector(value, u32x8) << 16);
}

#define DEFINE_MATMUL_FLOAT(NAME, LOAD, BYTES)                                                                         \
  INLINE void tile_##NAME(const uint8_t *weights, size_t columns, const float *x, const int count, float *y,           \
                          size_t y_stride) {                                                                           \
    f32x8 chains[2][4] = {{{0}}};                                                                                      \
    size_t c = 0;                                                                                                      \
    for (; c + 4 <= columns; c += 4) {                                                                                 \
      _Pragma("clang loop unroll(full)") for (size_t j = 0; j < 4; j++) {                                              \
        f32x8 w = LOAD(weights + (c + j) * BYTES);                                                                     \
        FOR_TOKENS chains[t][j] = fk_fma(w, splat(x[(size_t)t * columns + c + j]), chains[t][j]);                      \
      }                                                                                                                \
    }                                                                                                                  \
    for (size_t j = 0; c < columns; j++, c++) {                                                                        \
      f32x8 w = LOAD(weights + c * BYTES);                                                                             \
      FOR_TOKENS chains[t][j] = fk_fma(w, splat(x[(size_t)t * columns + c]), chains[t][j]);                            \
    }                                                                                                                  \
    FOR_TOKENS {                                                                                                       \
      f32x8 sum = (chains[t][0] + chains[t][1]) + (chains[t][2] + chains[t][3]);                                       \
      store8(y + (size_t)t * y_stride, sum);                                                                           \
    }                                                                                                                  \
  }                                                                                                                    \
  static void matmul_##NAME(const uint8_t *weights, size_t groups, size_t columns, const void *activations,            \
                            size_t tokens, float *y, size_t y_stride) {                                                \
    for (size_t g = 0; g < groups; g++, weights += columns * BYTES, y += FK_GROUP_ROWS) {                              \
      const float *x = (const float *)activations;                                                                     \
      float *to = y;                                                                                                   \
      size_t left = tokens;                                                                                            \
      for (; left >= 2; left -= 2, x += 2 * columns, to += 2 * y_stride) {                                             \
        tile_##NAME(weights, columns, x, 2, to, y_stride);                                                             \
      }                                                                                                                \
      if (left == 1) tile_##NAME(weights, columns, x, 1, to, y_stride);                                                \
    }                                                                                                                  \
  }

DEFINE_MATMUL_FLOAT(f32, load_f32, 32)
DEFINE_MATMUL_FLOAT(f16, load_f16, 16)
DEFINE_MATMUL_FLOAT(bf16, load_bf16, 16)

#include "vector_kernels.inc.h"

const fk_kernels FK_TABLE = {
  .name = FK_NAME,
  .matmul =
    {
      [FK_LAYOUT_F32] = matmul_f32,
      [FK_LAYOUT_F16] = matmul_f16,
      [FK_LAYOUT_BF16] = matmul_bf16,
      [FK_LAYOUT_S8] = matmul_s8,
      [FK_LAYOUT_U4Z] = matmul_u4z,
      [FK_LAYOUT_U4M] = matmul_u4m,
      [FK_LAYOUT_U4K] = matmul_u4k,
      [FK_LAYOUT_U5Z] = matmul_u5z,
      [FK_LAYOUT_U5M] = matmul_u5m,
      [FK_LAYOUT_U5K] = matmul_u5k,
      [FK_LAYOUT_U6S16] = matmul_u6s16,
      [FK_LAYOUT_U4M16] = matmul_u4m16,
      [FK_LAYOUT_U4S16] = matmul_u4s16,
      [FK_LAYOUT_C4] = matmul_c4,
      [FK_LAYOUT_C4K] = matmul_c4k,
    },
  .quantize = quantize,
  .rms_norm = rms_norm,
  .add = add,
  .scale = scale,
  .silu_multiply = silu_multiply,
  .gelu_multiply = gelu_multiply,
  .rope_adjacent = rope_adjacent,
  .rope_halves = rope_halves,
  .store_key = {store_key_f16, store_key_f32},
  .store_value = {store_value_f16, store_value_f32},
  .attend = {attend_f16, attend_f32},
  .merge = merge,
  .log_sum_exp = log_sum_exp,
};
