// Every kernel, written once over clang's vector types. A file for one instruction set defines the primitives below,
// includes this one, and gets its table `FK_TABLE`:
//
//   FK_NAME                        text, the instruction set's name
//   fk_fma(a, b, c)                a * b + c on f32x8
//   fk_max(a, b)                   the larger of two f32x8, lane by lane; not a number or b where either is none
//   fk_load_half8 / fk_store_half8 eight halves as f32x8
//   fk_look_up(codes)              codes of four bits to values of the codebook, as fk_from_signed gives them
//   fk_from_signed(values)         signed weights in the form that fk_next_signed takes; where that is the value plus
//                                  2^n, FK_SIGNED_SHIFT is n, else -1
//   fk_sum                         eight dot products under way, perhaps in parts that do not hold many products:
//   fk_zero(), fk_total(sum)       none, and the eight dot products as i32x8
//   fk_multiply_add(sum, codes, b) adds codes of 8 rows by 4 columns times the signed bytes of a vector
//   FK_OPAQUE(v)                   keeps the compiler from knowing what is in v
//   FK_IN_ORDER(sum)               defined where the compiler has to be kept from adding in another order, which takes
//                                  more registers than there are
//   fk_next(sum, codes, a)         adds codes of 8 rows by 4 columns times 4 activations; exact as long as a sum takes
//                                  no more than FK_LIMIT_U4, _U5, _U6 results for codes of that many bits
//   fk_next_signed(sum, codes, a)  the same for signed weights; FK_LIMIT_S8
//   FK_TOKEN_PAIRS                 defined where one instruction multiplies codes by two tokens: fk_pair_codes,
//                                  fk_pair(codes of 4 columns, codes of the next 4), fk_pair_zero(), fk_pair_next(sum,
//                                  codes, 8 activations of one token, 8 of the other), fk_pair_total(sum, 0 or 1)
//   TILE, FLOAT_TILE               tokens that share one reading of integer and of float weights: what registers admit
//   HEADS_TILE                     query heads that share one reading of keys and values
//   DECODES_HALVES                 whether a row decodes keys and values to memory first, for want of registers
//   FK_WIDE, fk_wide               floats of the widest vectors, and their type, in wide.inc.h or FK_WIDE_FILE
//   FK_SIXTEEN_ROWS                fewest tokens for integer tiles of sixteen rows, where there are such, in
//                                  rows_avx512.inc.h; float weights have them for FLOAT_TILE tokens
//   FK_TIMES_SUMS                  defined where fk_times_sums, products of 16-bit pairs, has an instruction for it
//
// Order of float operations: per output element, blocks of columns ascend, and each block adds its terms one by one
// with fused multiply and add, whatever the number of tokens. That is what makes a token's logits independent of the
// batch it shares.

#include <float.h>
#include <math.h>
#include <string.h>

#include "layouts.h"

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

// Sums and maxima over lanes, as one fixed tree.
INLINE float sum_lanes(f32x8 v) {
  v += __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3);
  v += __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5);
  return v[0] + v[1];
}
INLINE float max_lanes(f32x8 v) {
  v = fk_max(v, __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3));
  v = fk_max(v, __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5));
  return fk_max(v, __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6))[0];
}

enum { LINE = 64 };  // bytes of a line of the caches

// Fetches `bytes`, a constant, into the second-level cache.
INLINE void fetch(const char *from, const size_t bytes) {
  _Pragma("clang loop unroll(full)") for (size_t i = 0; i < bytes; i += LINE) __builtin_prefetch(from + i, 0, 2);
}

#ifdef FK_WIDE_FILE
#include FK_WIDE_FILE
#else
#include "wide.inc.h"
#endif
#ifndef FK_IN_ORDER
#define FK_IN_ORDER(sum) (void)(sum)
#endif
// ---------------------------------------------------------------------------------------------------------------------
// Walking a matrix: tokens go in panels that fit the first-level cache, groups of rows within a panel, tiles of tokens
// within a group. A call for few tokens is one panel, so that weights are read once.
//
//   TYPE, STRIDE, FITTING   activations, so many of them from token to token, and as fit the first-level cache
//   MOST, SOME              tokens of a tile, and of the next smaller one above two
//   BYTES                   of a group of rows
//   TILE_OF(NAME, COUNT)    computes the tile of COUNT tokens at `x` for `group`, and the next one where `pair`

#ifdef FK_SIXTEEN_ROWS
enum { GROUPS_AT_ONCE = 2 };
#else
enum { GROUPS_AT_ONCE = 1 };
#endif

#define DEFINE_WALK(NAME, TYPE, STRIDE, FITTING, MOST, SOME, BYTES, TILE_OF)                                           \
  static void matmul_##NAME(const uint8_t *weights, size_t groups, size_t columns, const void *activations,            \
                            size_t tokens, float *y, size_t y_stride) {                                                \
    const size_t stride = STRIDE, bytes = BYTES;                                                                       \
    const size_t fitting = FITTING / (stride ? stride : 1) / MOST * MOST;                                              \
    const size_t panel = fitting < 2 * MOST ? 2 * MOST : fitting;                                                      \
    const TYPE *from = (const TYPE *)activations;                                                                      \
    while (tokens > 0) {                                                                                               \
      const size_t taken = tokens < panel ? tokens : panel;                                                            \
      const uint8_t *group = weights;                                                                                  \
      for (size_t g = 0; g < groups; g += GROUPS_AT_ONCE, group += GROUPS_AT_ONCE * bytes) {                           \
        const bool pair = GROUPS_AT_ONCE == 2 && groups - g > 1;                                                       \
        (void)pair;                                                                                                    \
        const TYPE *x = from;                                                                                          \
        float *to = y + g * FK_GROUP_ROWS;                                                                             \
        size_t left = taken;                                                                                           \
        for (; left >= MOST; left -= MOST, x += MOST * stride, to += MOST * y_stride) { TILE_OF(NAME, MOST) }          \
        if (MOST > SOME && left >= SOME) {                                                                             \
          TILE_OF(NAME, SOME)                                                                                          \
          left -= SOME, x += SOME * stride, to += SOME * y_stride;                                                     \
        }                                                                                                              \
        if (SOME > 3 && left == 3) { TILE_OF(NAME, 3) }                                                                \
        if (left == 2) { TILE_OF(NAME, 2) }                                                                            \
        if (left == 1) { TILE_OF(NAME, 1) }                                                                            \
      }                                                                                                                \
      tokens -= taken, from += taken * stride, y += taken * y_stride;                                                  \
    }                                                                                                                  \
  }

#include "integer_kernels.inc.h"

// ---------------------------------------------------------------------------------------------------------------------
// Float weights: column c goes to chain c mod 4, and the chains are added as (0 + 1) + (2 + 3).

INLINE f32x8 load_f32_8(const uint8_t *from, size_t step) {
  (void)step;
  return load8((const float *)(const void *)from);
}
INLINE f32x8 load_f16_8(const uint8_t *from, size_t step) {
  return load_half_8((const fk_half *)(const void *)from, step);
}
INLINE f32x8 load_bf16_8(const uint8_t *from, size_t step) {
  (void)step;
  u16x8 value;
  memcpy(&value, from, 16);
  return (f32x8)(__builtin_convertvector(value, u32x8) << 16);
}

// Bytes of activations that stay in the first-level cache while all groups of a call pass by.
enum { FLOAT_PANEL = 16384 };

// Eight or sixteen rows, which stand `step` bytes apart, by a few tokens.
#define DEFINE_TILE_FLOAT(NAME, BYTES, ROWS, VECTOR)                                                                   \
  INLINE void tile_##NAME##_##ROWS(const uint8_t *weights, size_t step, size_t columns, const float *x,                \
                                   const int count, float *y, size_t y_stride) {                                       \
    VECTOR chains[FLOAT_TILE][4] = {{{0}}};                                                                            \
    size_t c = 0;                                                                                                      \
    for (; c + 4 <= columns; c += 4) {                                                                                 \
      _Pragma("clang loop unroll(full)") for (size_t j = 0; j < 4; j++) {                                              \
        VECTOR w = load_##NAME##_##ROWS(weights + (c + j) * BYTES, step);                                              \
        FOR_TOKENS chains[t][j] = fma_##ROWS(w, splat_##ROWS(x[(size_t)t * columns + c + j]), chains[t][j]);           \
      }                                                                                                                \
    }                                                                                                                  \
    for (size_t j = 0; c < columns; j++, c++) {                                                                        \
      VECTOR w = load_##NAME##_##ROWS(weights + c * BYTES, step);                                                      \
      FOR_TOKENS chains[t][j] = fma_##ROWS(w, splat_##ROWS(x[(size_t)t * columns + c]), chains[t][j]);                 \
    }                                                                                                                  \
    FOR_TOKENS {                                                                                                       \
      VECTOR sum = (chains[t][0] + chains[t][1]) + (chains[t][2] + chains[t][3]);                                      \
      store_##ROWS(y + (size_t)t * y_stride, sum);                                                                     \
    }                                                                                                                  \
  }

#ifdef FK_SIXTEEN_ROWS
#define DEFINE_TILES_FLOAT(NAME, BYTES)                                                                                \
  DEFINE_TILE_FLOAT(NAME, BYTES, 8, f32x8)                                                                             \
  DEFINE_TILE_FLOAT(NAME, BYTES, 16, f32x16)
// Fewer tokens wait for memory, which comes faster from one place.
#define FLOAT_TILE_OF(NAME, COUNT)                                                                                     \
  if (pair && (COUNT) == FLOAT_TILE) {                                                                                 \
    tile_##NAME##_16(group, bytes, columns, x, COUNT, to, y_stride);                                                   \
  } else {                                                                                                             \
    tile_##NAME##_8(group, bytes, columns, x, COUNT, to, y_stride);                                                    \
    if (pair) tile_##NAME##_8(group + bytes, bytes, columns, x, COUNT, to + FK_GROUP_ROWS, y_stride);                  \
  }
#else
#define DEFINE_TILES_FLOAT(NAME, BYTES) DEFINE_TILE_FLOAT(NAME, BYTES, 8, f32x8)
#define FLOAT_TILE_OF(NAME, COUNT) tile_##NAME##_8(group, bytes, columns, x, COUNT, to, y_stride);
#endif

#define DEFINE_MATMUL_FLOAT(NAME, BYTES)                                                                               \
  DEFINE_TILES_FLOAT(NAME, BYTES)                                                                                      \
  DEFINE_WALK(NAME, float, columns, FLOAT_PANEL / sizeof(float), FLOAT_TILE, 3, columns * BYTES, FLOAT_TILE_OF)

DEFINE_MATMUL_FLOAT(f32, 32)
DEFINE_MATMUL_FLOAT(f16, 16)
DEFINE_MATMUL_FLOAT(bf16, 16)

#include "vector_kernels.inc.h"
#include "attention.inc.h"
#include "ceilings.inc.h"

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
  .quantize_rest = quantize_rest,
  .rms_norm = rms_norm,
  .add = add,
  .scale = scale,
  .silu_multiply = silu_multiply,
  .gelu_multiply = gelu_multiply,
  .rope_adjacent = rope_adjacent,
  .rope_halves = rope_halves,
  .store_key = {store_key_f16, store_key_f32, store_key_q8},
  .store_value = {store_value_f16, store_value_f32, store_value_q8},
  .attend = {attend_f16, attend_f32, attend_q8},
  .merge = merge,
  .log_sum_exp = log_sum_exp,
  .read_memory = read_memory,
  .multiply_integers = multiply_integers,
  .multiply_floats = multiply_floats,
};
