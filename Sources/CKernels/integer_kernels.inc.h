// Matrix products of packed integer codes and 8-bit activations. Part of kernels.inc.h, which explains the primitives.
//
// A tile is one group of eight rows by a few tokens, over all columns. For each vector of codes (eight rows by four
// columns) every token multiplies and adds once, so that codes are unpacked once for all tokens of the tile and each
// token is a chain of its own, which hides the latency of the multiplier.

INLINE u8x32 load_bytes(const void *from) {
  u8x32 value;
  memcpy(&value, from, 32);
  return value;
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
// Unpacking: vector k holds columns 4k..4k+3 of a block. k is a constant wherever these are used.

INLINE u8x32 codes4(const fk_codes4 *from, const int k) {
  u8x32 both = load_bytes(from->nibbles[k & 3]);
  return k < 4 ? both & 15 : both >> 4;
}

INLINE u8x32 codes5(const fk_codes5 *from, const int k) {
  u8x32 high = load_bytes(from->high);
  return codes4(&from->low, k) | ((k < 4 ? high << (4 - k) : high >> (k - 4)) & 16);
}

INLINE u8x32 codes6(const fk_codes6 *from, const int k) {
  u8x32 high = load_bytes(from->high[k >> 2]);
  const int j = k & 3;
  return codes4(&from->low, k) | ((j < 2 ? high << (4 - 2 * j) : high >> (2 * j - 4)) & 48);
}

INLINE u8x32 codes8(const fk_codes8 *from, const int k) { return fk_from_signed(load_bytes(from->vectors[k])); }

INLINE u8x32 codes_book(const fk_codes4 *from, const int k) { return fk_look_up(codes4(from, k)); }

// ---------------------------------------------------------------------------------------------------------------------
// Dot products of a block, or of half a block where scales belong to 16 columns

#define FOR_TOKENS _Pragma("clang loop unroll(full)") for (int t = 0; t < count; t++)

// Order of the vectors of codes: each byte of a nibble layout is unpacked to both of its vectors at once.
#define FOR_CODES(K, FIRST, LAST) _Pragma("clang loop unroll(full)") for (int K = FIRST; K < LAST; K++)

// dot[t] = codes first..last of a block times the activations of token t at AT. Sums of ISA-dependent width are widened
// after every LIMIT results.
#define DOT(FIRST, LAST, CODES, FROM, NEXT, LIMIT)                                                                     \
  {                                                                                                                    \
    fk_sum part[TILE];                                                                                                 \
    FOR_CODES(k, FIRST, LAST) {                                                                                        \
      const int column = 4 * k;                                                                                        \
      u8x32 q = CODES(FROM, k);                                                                                        \
      const bool first = (k - FIRST) % LIMIT == 0, last = (k - FIRST) % LIMIT == LIMIT - 1 || k == LAST - 1;           \
      FOR_TOKENS {                                                                                                     \
        const int8_t *a = x[(size_t)t * stride + b].codes + column;                                                    \
        part[t] = NEXT(first ? fk_zero() : part[t], q, a);                                                             \
        if (last) dot[t] = k - FIRST < LIMIT ? fk_total(part[t]) : dot[t] + fk_total(part[t]);                         \
      }                                                                                                                \
    }                                                                                                                  \
  }

#define TILE_ARGUMENTS                                                                                                 \
  const uint8_t *weights, size_t columns, const fk_activations *x, size_t stride, const int count, float *y,           \
      size_t y_stride

INLINE void store_tile(const f32x8 *sums, const int count, float *y, size_t y_stride) {
  FOR_TOKENS store8(y + (size_t)t * y_stride, sums[t]);
}

// The codes of a block are off by 1 << SHIFT; -1 for not at all.
#define WITHOUT_ZERO(VALUE, SUM, SHIFT) ((SHIFT) < 0 ? (VALUE) : (VALUE) - (splat_int(SUM) << ((SHIFT) & 31)))

// Layouts with one scale a block: w = d * (q - zero).
#define DEFINE_TILE_ZERO(NAME, BLOCK, CODES, NEXT, LIMIT, SHIFT)                                                       \
  INLINE void tile_##NAME(TILE_ARGUMENTS) {                                                                            \
    f32x8 sums[TILE] = {0};                                                                                            \
    const BLOCK *block = (const BLOCK *)(const void *)weights;                                                         \
    for (size_t b = 0; b < columns / 32; b++, block++) {                                                               \
      i32x8 dot[TILE];                                                                                                 \
      DOT(0, 8, CODES, &block->codes, NEXT, LIMIT)                                                                     \
      f32x8 d = fk_load_half8(block->d);                                                                               \
      FOR_TOKENS {                                                                                                     \
        const fk_activations *a = x + (size_t)t * stride + b;                                                          \
        sums[t] = fk_fma(to_float(WITHOUT_ZERO(dot[t], a->sum, SHIFT)), d * splat(a->scale), sums[t]);                 \
      }                                                                                                                \
    }                                                                                                                  \
    store_tile(sums, count, y, y_stride);                                                                              \
  }

// Layouts with a scale and a minimum a block: w = d * q + m.
#define DEFINE_TILE_MINIMUM(NAME, BLOCK, CODES, NEXT, LIMIT)                                                           \
  INLINE void tile_##NAME(TILE_ARGUMENTS) {                                                                            \
    f32x8 sums[TILE] = {0};                                                                                            \
    const BLOCK *block = (const BLOCK *)(const void *)weights;                                                         \
    for (size_t b = 0; b < columns / 32; b++, block++) {                                                               \
      i32x8 dot[TILE];                                                                                                 \
      DOT(0, 8, CODES, &block->codes, NEXT, LIMIT)                                                                     \
      f32x8 d = fk_load_half8(block->d), m = fk_load_half8(block->m);                                                  \
      FOR_TOKENS {                                                                                                     \
        const fk_activations *a = x + (size_t)t * stride + b;                                                          \
        sums[t] = fk_fma(to_float(dot[t]), d * splat(a->scale), sums[t]);                                              \
        sums[t] = fk_fma(m, splat(a->scaled_sum), sums[t]);                                                            \
      }                                                                                                                \
    }                                                                                                                  \
    store_tile(sums, count, y, y_stride);                                                                              \
  }

// K-quants with sub-scales and sub-minima for 32 columns: w = (D * s) * q - (Dmin * n).
#define DEFINE_TILE_SUPER(NAME, BLOCK, CODES, NEXT, LIMIT)                                                             \
  INLINE void tile_##NAME(TILE_ARGUMENTS) {                                                                            \
    f32x8 sums[TILE] = {0};                                                                                            \
    const BLOCK *super = (const BLOCK *)(const void *)weights;                                                         \
    for (size_t b = 0; b < columns / 32; super++) {                                                                    \
      f32x8 d = fk_load_half8(super->d), dmin = -fk_load_half8(super->dmin);                                           \
      for (size_t i = 0; i < 8; i++, b++) {                                                                            \
        i32x8 dot[TILE];                                                                                               \
        DOT(0, 8, CODES, &super->blocks[i].codes, NEXT, LIMIT)                                                         \
        i32x8 scale = load_bytes8(super->blocks[i].scale);                                                             \
        f32x8 minimum = dmin * to_float(load_bytes8(super->blocks[i].minimum));                                        \
        FOR_TOKENS {                                                                                                   \
          const fk_activations *a = x + (size_t)t * stride + b;                                                        \
          sums[t] = fk_fma(to_float(dot[t] * scale), d * splat(a->scale), sums[t]);                                    \
          sums[t] = fk_fma(minimum, splat(a->scaled_sum), sums[t]);                                                    \
        }                                                                                                              \
      }                                                                                                                \
    }                                                                                                                  \
    store_tile(sums, count, y, y_stride);                                                                              \
  }

// K-quants with a signed sub-scale for 16 columns: w = (D * s) * (q - zero).
#define DEFINE_TILE_SIGNED16(NAME, BLOCK, CODES, NEXT, LIMIT, SHIFT)                                                   \
  INLINE void tile_##NAME(TILE_ARGUMENTS) {                                                                            \
    f32x8 sums[TILE] = {0};                                                                                            \
    const BLOCK *super = (const BLOCK *)(const void *)weights;                                                         \
    for (size_t b = 0; b < columns / 32; super++) {                                                                    \
      f32x8 d = fk_load_half8(super->d);                                                                               \
      for (size_t i = 0; i < 8; i++, b++) {                                                                            \
        i32x8 dot[TILE], whole[TILE];                                                                                  \
        DOT(0, 4, CODES, &super->blocks[i].codes, NEXT, LIMIT)                                                         \
        i32x8 first = load_signed8(super->blocks[i].scale[0]), second = load_signed8(super->blocks[i].scale[1]);       \
        FOR_TOKENS whole[t] = WITHOUT_ZERO(dot[t], x[(size_t)t * stride + b].sums[0], SHIFT) * first;                  \
        DOT(4, 8, CODES, &super->blocks[i].codes, NEXT, LIMIT)                                                         \
        FOR_TOKENS {                                                                                                   \
          const fk_activations *a = x + (size_t)t * stride + b;                                                        \
          whole[t] += WITHOUT_ZERO(dot[t], a->sums[1], SHIFT) * second;                                                \
          sums[t] = fk_fma(to_float(whole[t]), d * splat(a->scale), sums[t]);                                          \
        }                                                                                                              \
      }                                                                                                                \
    }                                                                                                                  \
    store_tile(sums, count, y, y_stride);                                                                              \
  }

DEFINE_TILE_ZERO(s8, fk_block_s8, codes8, fk_next_signed, FK_LIMIT_S8, FK_SIGNED_SHIFT)
DEFINE_TILE_ZERO(u4z, fk_block_u4z, codes4, fk_next, FK_LIMIT_U4, 3)
DEFINE_TILE_ZERO(u5z, fk_block_u5z, codes5, fk_next, FK_LIMIT_U5, 4)
DEFINE_TILE_ZERO(c4, fk_block_u4z, codes_book, fk_next_signed, FK_LIMIT_S8, FK_SIGNED_SHIFT)
DEFINE_TILE_MINIMUM(u4m, fk_block_u4m, codes4, fk_next, FK_LIMIT_U4)
DEFINE_TILE_MINIMUM(u5m, fk_block_u5m, codes5, fk_next, FK_LIMIT_U5)
DEFINE_TILE_SUPER(u4k, fk_block_u4k, codes4, fk_next, FK_LIMIT_U4)
DEFINE_TILE_SUPER(u5k, fk_block_u5k, codes5, fk_next, FK_LIMIT_U5)
DEFINE_TILE_SIGNED16(u6s16, fk_block_u6s16, codes6, fk_next, FK_LIMIT_U6, 5)
DEFINE_TILE_SIGNED16(u4s16, fk_block_u4s16, codes4, fk_next, FK_LIMIT_U4, 2)

// Q2_K: scale and minimum for 16 columns, four bits each.
INLINE void tile_u4m16(TILE_ARGUMENTS) {
  f32x8 sums[TILE] = {0};
  const fk_block_u4m16 *super = (const fk_block_u4m16 *)(const void *)weights;
  for (size_t b = 0; b < columns / 32; super++) {
    f32x8 d = fk_load_half8(super->d), dmin = -fk_load_half8(super->dmin);
    for (size_t i = 0; i < 8; i++, b++) {
      i32x8 dot[TILE], whole[TILE];
      i32x8 first = load_bytes8(super->blocks[i].scale_minimum[0]);
      i32x8 second = load_bytes8(super->blocks[i].scale_minimum[1]);
      DOT(0, 4, codes4, &super->blocks[i].codes, fk_next, FK_LIMIT_U4)
      FOR_TOKENS whole[t] = dot[t] * (first & 15);
      DOT(4, 8, codes4, &super->blocks[i].codes, fk_next, FK_LIMIT_U4)
      FOR_TOKENS {
        const fk_activations *a = x + (size_t)t * stride + b;
        i32x8 minimum = splat_int(a->sums[0]) * (first >> 4) + splat_int(a->sums[1]) * (second >> 4);
        f32x8 scale = splat(a->scale);
        sums[t] = fk_fma(to_float(whole[t] + dot[t] * (second & 15)), d * scale, sums[t]);
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
      i32x8 dot[TILE];
      DOT(0, 8, codes_book, &super->blocks[i].codes, fk_next_signed, FK_LIMIT_S8)
      i32x8 scale = load_signed8(super->blocks[i].scale);
      FOR_TOKENS {
        const fk_activations *a = x + (size_t)t * stride + b;
        i32x8 exact = WITHOUT_ZERO(dot[t], a->sum, FK_SIGNED_SHIFT) * scale;
        sums[t] = fk_fma(to_float(exact), d * splat(a->scale), sums[t]);
      }
    }
  }
  store_tile(sums, count, y, y_stride);
}

// ---------------------------------------------------------------------------------------------------------------------
// Walking a matrix

// Blocks of activations that stay in the first-level cache while all groups of a call pass by: 16 KB.
enum { PANEL_BLOCKS = 16384 / sizeof(fk_activations) };

// Tokens go in panels that fit the first-level cache, groups of rows within a panel, tiles of tokens within a group.
// A call for few tokens is one panel, so that weights are read once.
#define DEFINE_MATMUL(NAME, LAYOUT)                                                                                    \
  static void matmul_##NAME(const uint8_t *weights, size_t groups, size_t columns, const void *activations,            \
                            size_t tokens, float *y, size_t y_stride) {                                                \
    const size_t stride = columns / FK_BLOCK;                                                                          \
    const size_t bytes = columns / fk_layout_columns(LAYOUT) * fk_layout_group_bytes(LAYOUT);                          \
    const size_t fitting = PANEL_BLOCKS / (stride ? stride : 1) / TILE * TILE;                                         \
    const size_t panel = fitting < 2 * TILE ? 2 * TILE : fitting;                                                      \
    const fk_activations *from = (const fk_activations *)activations;                                                  \
    while (tokens > 0) {                                                                                               \
      const size_t taken = tokens < panel ? tokens : panel;                                                            \
      const uint8_t *group = weights;                                                                                  \
      for (size_t g = 0; g < groups; g++, group += bytes) {                                                            \
        const fk_activations *x = from;                                                                                \
        float *to = y + g * FK_GROUP_ROWS;                                                                             \
        size_t left = taken;                                                                                           \
        for (; left >= TILE; left -= TILE, x += TILE * stride, to += TILE * y_stride) {                                \
          tile_##NAME(group, columns, x, stride, TILE, to, y_stride);                                                  \
        }                                                                                                              \
        if (TILE > 4 && left >= 4) {                                                                                   \
          tile_##NAME(group, columns, x, stride, 4, to, y_stride);                                                     \
          left -= 4, x += 4 * stride, to += 4 * y_stride;                                                              \
        }                                                                                                              \
        if (left == 3) tile_##NAME(group, columns, x, stride, 3, to, y_stride);                                        \
        if (left == 2) tile_##NAME(group, columns, x, stride, 2, to, y_stride);                                        \
        if (left == 1) tile_##NAME(group, columns, x, stride, 1, to, y_stride);                                        \
      }                                                                                                                \
      tokens -= taken, from += taken * stride, y += taken * y_stride;                                                  \
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
