// Matrix products of packed integer codes and 8-bit activations. Part of kernels.inc.h, which explains the primitives.

#define FOR_TOKENS _Pragma("clang loop unroll(full)") for (int t = 0; t < count; t++)

// ---------------------------------------------------------------------------------------------------------------------
// Tiles of eight rows

INLINE u8x32 load_bytes_8(const void *from, size_t step) {
  (void)step;
  u8x32 value;
  memcpy(&value, from, 32);
  return value;
}
INLINE i32x8 load_unsigned_8(const uint8_t *from, size_t step) {
  (void)step;
  u8x8 value;
  memcpy(&value, from, 8);
  return __builtin_convertvector(value, i32x8);
}
INLINE i32x8 load_signed_8(const int8_t *from, size_t step) {
  (void)step;
  s8x8 value;
  memcpy(&value, from, 8);
  return __builtin_convertvector(value, i32x8);
}
INLINE f32x8 load_half_8(const fk_half *from, size_t step) {
  (void)step;
  return fk_load_half8(from);
}

// sums + for each row the products of its pair of 16-bit numbers, the first in the lower half, and two numbers.
#ifndef FK_TIMES_SUMS
INLINE i32x8 fk_times_sums(i32x8 sums, i32x8 pairs, const int16_t *with) {
  return sums + (pairs << 16 >> 16) * splat_int(with[0]) + (pairs >> 16) * splat_int(with[1]);
}
#endif

#define times_sums_8 fk_times_sums
#define splat_8 splat
#define splat_int_8 splat_int
#define to_float_8 to_float
#define store_8 store8
#define fma_8 fk_fma
#define zero_8 fk_zero
#define total_8 fk_total
#define next_8 fk_next
#define next_signed_8 fk_next_signed
#define from_signed_8 fk_from_signed
#define look_up_8 fk_look_up

#define ROWS(NAME) NAME##_8
#define ROWS_FLOATS f32x8
#define ROWS_INTS i32x8
#define ROWS_BYTES u8x32
#define ROWS_SUM fk_sum
#define ROWS_GROUPS 1
#include "integer_tiles.inc.h"
#undef ROWS
#undef ROWS_FLOATS
#undef ROWS_INTS
#undef ROWS_BYTES
#undef ROWS_SUM
#undef ROWS_GROUPS

// ---------------------------------------------------------------------------------------------------------------------
// Tiles of sixteen rows, where registers hold as many

#ifdef FK_SIXTEEN_ROWS
#define ROWS(NAME) NAME##_16
#define ROWS_FLOATS f32x16
#define ROWS_INTS i32x16
#define ROWS_BYTES u8x64
#define ROWS_SUM i32x16
#define ROWS_GROUPS 2
#include "integer_tiles.inc.h"
#undef ROWS
#undef ROWS_FLOATS
#undef ROWS_INTS
#undef ROWS_BYTES
#undef ROWS_SUM
#undef ROWS_GROUPS
// Tiles of fewer tokens wait for memory, which comes faster from one place.
#define TILE_OF(NAME, COUNT)                                                                                           \
  if (pair && (COUNT) >= FK_SIXTEEN_ROWS) {                                                                            \
    tile_##NAME##_16(group, bytes, columns, x, stride, COUNT, FROM_MEMORY, to, y_stride);                              \
  } else {                                                                                                             \
    EIGHT_ROWS(NAME, COUNT, 0)                                                                                         \
    if (pair) { EIGHT_ROWS(NAME, COUNT, 1) }                                                                           \
  }
#else
#define TILE_OF(NAME, COUNT) EIGHT_ROWS(NAME, COUNT, 0)
#endif

// Only the first tile of tokens finds weights that are not in the cache.
#define FROM_MEMORY (x == (const fk_activations *)activations)

// Fewest tokens for eight rows to fetch weights: fewer are so quick over a block that the processor does it better.
enum { FETCHING_TOKENS = 8 };

#define EIGHT_ROWS(NAME, COUNT, SECOND)                                                                                \
  tile_##NAME##_8(group + (SECOND) * bytes, bytes, columns, x, stride, COUNT,                                          \
                  (COUNT) >= FETCHING_TOKENS && FROM_MEMORY, to + (SECOND) * FK_GROUP_ROWS, y_stride);

// ---------------------------------------------------------------------------------------------------------------------
// Matrices

// Blocks of activations that stay in the first-level cache while all groups of a call pass by: 16 KB.
enum { PANEL_BLOCKS = 16384 / sizeof(fk_activations) };

#define DEFINE_MATMUL(NAME, LAYOUT)                                                                                    \
  DEFINE_WALK(NAME, fk_activations, fk_activation_stride(columns), PANEL_BLOCKS, TILE, 4,                              \
              columns / fk_layout_columns(LAYOUT) * fk_layout_group_bytes(LAYOUT), TILE_OF)

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
