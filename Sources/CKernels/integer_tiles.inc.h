// Tiles of packed integer codes times 8-bit activations, for one width of registers. Part of kernels.inc.h, which
// explains the primitives; integer_kernels.inc.h includes this once for each width and defines before:
//
//   ROWS(name)                     name with the number of rows behind it; ROWS(load_bytes) and so on are defined
//   ROWS_FLOATS, ROWS_INTS         vectors with a lane for each row
//   ROWS_BYTES                     codes of those rows by 4 columns
//   ROWS_SUM                       dot products under way
//   ROWS_GROUPS                    groups of eight rows
//
// `step` is a group's bytes: sixteen rows stand that far apart.
//
// A tile is some rows by a few tokens, over all columns. For each vector of codes (the rows by four columns) every
// token multiplies and adds once, so that codes are unpacked once for all tokens of the tile and each token is a chain
// of its own, which hides the latency of the multiplier.

// ---------------------------------------------------------------------------------------------------------------------
// Unpacking: vector k holds columns 4k..4k+3 of a block. k is a constant wherever these are used.

INLINE ROWS_BYTES ROWS(codes4)(const fk_codes4 *from, size_t step, const int k) {
  ROWS_BYTES both = ROWS(load_bytes)(from->nibbles[k & 3], step);
  return k < 4 ? both & 15 : both >> 4;
}

INLINE ROWS_BYTES ROWS(codes5)(const fk_codes5 *from, size_t step, const int k) {
  ROWS_BYTES high = ROWS(load_bytes)(from->high, step);
  return ROWS(codes4)(&from->low, step, k) | ((k < 4 ? high << (4 - k) : high >> (k - 4)) & 16);
}

INLINE ROWS_BYTES ROWS(codes6)(const fk_codes6 *from, size_t step, const int k) {
  ROWS_BYTES high = ROWS(load_bytes)(from->high[k >> 2], step);
  const int j = k & 3;
  return ROWS(codes4)(&from->low, step, k) | ((j < 2 ? high << (4 - 2 * j) : high >> (2 * j - 4)) & 48);
}

INLINE ROWS_BYTES ROWS(codes8)(const fk_codes8 *from, size_t step, const int k) {
  return ROWS(from_signed)(ROWS(load_bytes)(from->vectors[k], step));
}

INLINE ROWS_BYTES ROWS(codes_book)(const fk_codes4 *from, size_t step, const int k) {
  return ROWS(look_up)(ROWS(codes4)(from, step, k));
}

// ---------------------------------------------------------------------------------------------------------------------
// Dot products of a block, or of half a block where scales belong to 16 columns

#define FOR_TOKENS _Pragma("clang loop unroll(full)") for (int t = 0; t < count; t++)

// Order of the vectors of codes: each byte of a nibble layout is unpacked to both of its vectors at once.
#define FOR_CODES(K, FIRST, LAST) _Pragma("clang loop unroll(full)") for (int K = FIRST; K < LAST; K++)

// dot[t] = codes first..last of a block times the activations of token t at AT. Sums of ISA-dependent width are widened
// after every LIMIT results.
#define DOT_TOKENS(BEGIN, FIRST, LAST, CODES, FROM, NEXT, LIMIT)                                                       \
  {                                                                                                                    \
    ROWS_SUM part[TILE];                                                                                               \
    FOR_CODES(k, FIRST, LAST) {                                                                                        \
      const int column = 4 * k;                                                                                        \
      ROWS_BYTES q = ROWS(CODES)(FROM, step, k);                                                                       \
      const bool first = (k - FIRST) % LIMIT == 0, last = (k - FIRST) % LIMIT == LIMIT - 1 || k == LAST - 1;           \
      _Pragma("clang loop unroll(full)") for (int t = BEGIN; t < count; t++) {                                         \
        const int8_t *a = x[(size_t)t * stride + b].codes + column;                                                    \
        part[t] = ROWS(NEXT)(first ? ROWS(zero)() : part[t], q, a);                                                    \
        if (LIMIT >= 4) FK_IN_ORDER(part[t]);                                                                          \
        if (last) dot[t] = k - FIRST < LIMIT ? ROWS(total)(part[t]) : dot[t] + ROWS(total)(part[t]);                   \
      }                                                                                                                \
    }                                                                                                                  \
  }

#ifdef FK_TOKEN_PAIRS
// Pairs of tokens by eight columns; a last one alone. 32-bit sums hold a whole block.
#define DOT(FIRST, LAST, CODES, FROM, NEXT, LIMIT)                                                                     \
  {                                                                                                                    \
    fk_pair_sum pairs[TILE / 2];                                                                                       \
    _Pragma("clang loop unroll(full)") for (int k = FIRST; k < LAST; k += 2) {                                         \
      const int column = 4 * k;                                                                                        \
      fk_pair_codes q = fk_pair(ROWS(CODES)(FROM, step, k), ROWS(CODES)(FROM, step, k + 1));                           \
      _Pragma("clang loop unroll(full)") for (int t = 0; t + 1 < count; t += 2) {                                      \
        const int8_t *a = x[(size_t)t * stride + b].codes + column;                                                    \
        const int8_t *other = x[(size_t)(t + 1) * stride + b].codes + column;                                          \
        pairs[t / 2] = fk_pair_next(k == FIRST ? fk_pair_zero() : pairs[t / 2], q, a, other);                          \
      }                                                                                                                \
    }                                                                                                                  \
    _Pragma("clang loop unroll(full)") for (int t = 0; t + 1 < count; t += 2) {                                        \
      dot[t] = fk_pair_total(pairs[t / 2], 0), dot[t + 1] = fk_pair_total(pairs[t / 2], 1);                            \
    }                                                                                                                  \
    if (count % 2 == 1) DOT_TOKENS(count - 1, FIRST, LAST, CODES, FROM, NEXT, LIMIT)                                   \
  }
#else
#define DOT(FIRST, LAST, CODES, FROM, NEXT, LIMIT) DOT_TOKENS(0, FIRST, LAST, CODES, FROM, NEXT, LIMIT)
#endif

#define TILE_ARGUMENTS                                                                                                 \
  const uint8_t *weights, size_t step, size_t columns, const fk_activations *x, size_t stride, const int count,        \
      const bool fetches, float *y, size_t y_stride

// Fetches as much of the rows behind the tile's as the tile's take for the block at BLOCK. Several tokens take longer
// over a block than memory does, and the processor does not look ahead far enough then, least of all at sixteen rows,
// which are two streams. What is behind the last rows is mostly the next call's.
#define FETCH_BEHIND(BLOCK)                                                                                            \
  if (fetches) {                                                                                                       \
    const size_t offset = (size_t)((const uint8_t *)(BLOCK) - weights);                                                \
    fetch((const char *)weights + ROWS_GROUPS * (step + offset), ROWS_GROUPS * sizeof *(BLOCK));                       \
  }

INLINE void ROWS(store_tile)(const ROWS_FLOATS *sums, const int count, float *y, size_t y_stride) {
  FOR_TOKENS ROWS(store)(y + (size_t)t * y_stride, sums[t]);
}

// The codes of a block are off by 1 << SHIFT; -1 for not at all.
#define WITHOUT_ZERO(VALUE, SUM, SHIFT) ((SHIFT) < 0 ? (VALUE) : (VALUE) - (ROWS(splat_int)(SUM) << ((SHIFT) & 31)))

// Layouts with one scale a block: w = d * (q - zero).
#define DEFINE_TILE_ZERO(NAME, BLOCK, CODES, NEXT, LIMIT, SHIFT)                                                       \
  INLINE void ROWS(tile_##NAME)(TILE_ARGUMENTS) {                                                                      \
    ROWS_FLOATS sums[TILE] = {0};                                                                                      \
    const BLOCK *block = (const BLOCK *)(const void *)weights;                                                         \
    for (size_t b = 0; b < columns / 32; b++, block++) {                                                               \
      ROWS_INTS dot[TILE];                                                                                             \
      FETCH_BEHIND(block)                                                                                              \
      DOT(0, 8, CODES, &block->codes, NEXT, LIMIT)                                                                     \
      ROWS_FLOATS d = ROWS(load_half)(block->d, step);                                                                 \
      FOR_TOKENS {                                                                                                     \
        const fk_activations *a = x + (size_t)t * stride + b;                                                          \
        sums[t] = ROWS(fma)(ROWS(to_float)(WITHOUT_ZERO(dot[t], a->sum, SHIFT)), d * ROWS(splat)(a->scale), sums[t]);  \
      }                                                                                                                \
    }                                                                                                                  \
    ROWS(store_tile)(sums, count, y, y_stride);                                                                        \
  }

// Layouts with a scale and a minimum a block: w = d * q + m.
#define DEFINE_TILE_MINIMUM(NAME, BLOCK, CODES, NEXT, LIMIT)                                                           \
  INLINE void ROWS(tile_##NAME)(TILE_ARGUMENTS) {                                                                      \
    ROWS_FLOATS sums[TILE] = {0};                                                                                      \
    const BLOCK *block = (const BLOCK *)(const void *)weights;                                                         \
    for (size_t b = 0; b < columns / 32; b++, block++) {                                                               \
      ROWS_INTS dot[TILE];                                                                                             \
      FETCH_BEHIND(block)                                                                                              \
      DOT(0, 8, CODES, &block->codes, NEXT, LIMIT)                                                                     \
      ROWS_FLOATS d = ROWS(load_half)(block->d, step), m = ROWS(load_half)(block->m, step);                            \
      FOR_TOKENS {                                                                                                     \
        const fk_activations *a = x + (size_t)t * stride + b;                                                          \
        sums[t] = ROWS(fma)(ROWS(to_float)(dot[t]), d * ROWS(splat)(a->scale), sums[t]);                               \
        sums[t] = ROWS(fma)(m, ROWS(splat)(a->scaled_sum), sums[t]);                                                   \
      }                                                                                                                \
    }                                                                                                                  \
    ROWS(store_tile)(sums, count, y, y_stride);                                                                        \
  }

// K-quants with sub-scales and sub-minima for 32 columns: w = (D * s) * q - (Dmin * n).
#define DEFINE_TILE_SUPER(NAME, BLOCK, CODES, NEXT, LIMIT)                                                             \
  INLINE void ROWS(tile_##NAME)(TILE_ARGUMENTS) {                                                                      \
    ROWS_FLOATS sums[TILE] = {0};                                                                                      \
    const BLOCK *super = (const BLOCK *)(const void *)weights;                                                         \
    for (size_t b = 0; b < columns / 32; super++) {                                                                    \
      ROWS_FLOATS d = ROWS(load_half)(super->d, step), dmin = -ROWS(load_half)(super->dmin, step);                     \
      for (size_t i = 0; i < 8; i++, b++) {                                                                            \
        ROWS_INTS dot[TILE];                                                                                           \
        FETCH_BEHIND(&super->blocks[i])                                                                                \
        DOT(0, 8, CODES, &super->blocks[i].codes, NEXT, LIMIT)                                                         \
        ROWS_FLOATS scale = d * ROWS(to_float)(ROWS(load_unsigned)(super->blocks[i].scale, step));                     \
        ROWS_FLOATS minimum = dmin * ROWS(to_float)(ROWS(load_unsigned)(super->blocks[i].minimum, step));              \
        FOR_TOKENS {                                                                                                   \
          const fk_activations *a = x + (size_t)t * stride + b;                                                        \
          sums[t] = ROWS(fma)(ROWS(to_float)(dot[t]), scale * ROWS(splat)(a->scale), sums[t]);                         \
          sums[t] = ROWS(fma)(minimum, ROWS(splat)(a->scaled_sum), sums[t]);                                           \
        }                                                                                                              \
      }                                                                                                                \
    }                                                                                                                  \
    ROWS(store_tile)(sums, count, y, y_stride);                                                                        \
  }

// Scales of 16 columns as pairs for `times_sums`, times what codes are off by.
#define PAIRED(FIRST, SECOND, FACTOR) ((((FIRST) * (FACTOR)) & 0xFFFF) | ((SECOND) * (FACTOR)) << 16)

// K-quants with a signed sub-scale for 16 columns: w = (D * s) * (q - zero).
#define DEFINE_TILE_SIGNED16(NAME, BLOCK, CODES, NEXT, LIMIT, SHIFT)                                                   \
  INLINE void ROWS(tile_##NAME)(TILE_ARGUMENTS) {                                                                      \
    ROWS_FLOATS sums[TILE] = {0};                                                                                      \
    const BLOCK *super = (const BLOCK *)(const void *)weights;                                                         \
    for (size_t b = 0; b < columns / 32; super++) {                                                                    \
      ROWS_FLOATS d = ROWS(load_half)(super->d, step);                                                                 \
      for (size_t i = 0; i < 8; i++, b++) {                                                                            \
        ROWS_INTS dot[TILE], whole[TILE];                                                                              \
        FETCH_BEHIND(&super->blocks[i])                                                                                \
        ROWS_INTS first = ROWS(load_signed)(super->blocks[i].scale[0], step);                                          \
        ROWS_INTS second = ROWS(load_signed)(super->blocks[i].scale[1], step);                                         \
        ROWS_INTS zeros = PAIRED(first, second, -(1 << SHIFT));                                                        \
        DOT(0, 4, CODES, &super->blocks[i].codes, NEXT, LIMIT)                                                         \
        FOR_TOKENS whole[t] = ROWS(times_sums)(dot[t] * first, zeros, x[(size_t)t * stride + b].sums);                 \
        DOT(4, 8, CODES, &super->blocks[i].codes, NEXT, LIMIT)                                                         \
        FOR_TOKENS {                                                                                                   \
          const fk_activations *a = x + (size_t)t * stride + b;                                                        \
          whole[t] += dot[t] * second;                                                                                 \
          sums[t] = ROWS(fma)(ROWS(to_float)(whole[t]), d * ROWS(splat)(a->scale), sums[t]);                           \
        }                                                                                                              \
      }                                                                                                                \
    }                                                                                                                  \
    ROWS(store_tile)(sums, count, y, y_stride);                                                                        \
  }

DEFINE_TILE_ZERO(s8, fk_block_s8, codes8, next_signed, FK_LIMIT_S8, FK_SIGNED_SHIFT)
DEFINE_TILE_ZERO(u4z, fk_block_u4z, codes4, next, FK_LIMIT_U4, 3)
DEFINE_TILE_ZERO(u5z, fk_block_u5z, codes5, next, FK_LIMIT_U5, 4)
DEFINE_TILE_ZERO(c4, fk_block_u4z, codes_book, next_signed, FK_LIMIT_S8, FK_SIGNED_SHIFT)
DEFINE_TILE_MINIMUM(u4m, fk_block_u4m, codes4, next, FK_LIMIT_U4)
DEFINE_TILE_MINIMUM(u5m, fk_block_u5m, codes5, next, FK_LIMIT_U5)
DEFINE_TILE_SUPER(u4k, fk_block_u4k, codes4, next, FK_LIMIT_U4)
DEFINE_TILE_SUPER(u5k, fk_block_u5k, codes5, next, FK_LIMIT_U5)
DEFINE_TILE_SIGNED16(u6s16, fk_block_u6s16, codes6, next, FK_LIMIT_U6, 5)
DEFINE_TILE_SIGNED16(u4s16, fk_block_u4s16, codes4, next, FK_LIMIT_U4, 2)

// Q2_K: scale and minimum for 16 columns, four bits each.
INLINE void ROWS(tile_u4m16)(TILE_ARGUMENTS) {
  ROWS_FLOATS sums[TILE] = {0};
  const fk_block_u4m16 *super = (const fk_block_u4m16 *)(const void *)weights;
  for (size_t b = 0; b < columns / 32; super++) {
    ROWS_FLOATS d = ROWS(load_half)(super->d, step), dmin = -ROWS(load_half)(super->dmin, step);
    for (size_t i = 0; i < 8; i++, b++) {
      ROWS_INTS dot[TILE], whole[TILE];
      FETCH_BEHIND(&super->blocks[i])
      ROWS_INTS first = ROWS(load_unsigned)(super->blocks[i].scale_minimum[0], step);
      ROWS_INTS second = ROWS(load_unsigned)(super->blocks[i].scale_minimum[1], step);
      ROWS_INTS minima = PAIRED(first >> 4, second >> 4, 1);
      DOT(0, 4, codes4, &super->blocks[i].codes, next, FK_LIMIT_U4)
      FOR_TOKENS whole[t] = dot[t] * (first & 15);
      DOT(4, 8, codes4, &super->blocks[i].codes, next, FK_LIMIT_U4)
      FOR_TOKENS {
        const fk_activations *a = x + (size_t)t * stride + b;
        ROWS_INTS minimum = ROWS(times_sums)(ROWS(splat_int)(0), minima, a->sums);
        ROWS_FLOATS scale = ROWS(splat)(a->scale);
        sums[t] = ROWS(fma)(ROWS(to_float)(whole[t] + dot[t] * (second & 15)), d * scale, sums[t]);
        sums[t] = ROWS(fma)(ROWS(to_float)(minimum), dmin * scale, sums[t]);
      }
    }
  }
  ROWS(store_tile)(sums, count, y, y_stride);
}

// IQ4_XS: a signed scale for 32 columns, codes from the codebook.
INLINE void ROWS(tile_c4k)(TILE_ARGUMENTS) {
  ROWS_FLOATS sums[TILE] = {0};
  const fk_block_c4k *super = (const fk_block_c4k *)(const void *)weights;
  for (size_t b = 0; b < columns / 32; super++) {
    ROWS_FLOATS d = ROWS(load_half)(super->d, step);
    for (size_t i = 0; i < 8; i++, b++) {
      ROWS_INTS dot[TILE];
      FETCH_BEHIND(&super->blocks[i])
      DOT(0, 8, codes_book, &super->blocks[i].codes, next_signed, FK_LIMIT_S8)
      ROWS_FLOATS scale = d * ROWS(to_float)(ROWS(load_signed)(super->blocks[i].scale, step));
      FOR_TOKENS {
        const fk_activations *a = x + (size_t)t * stride + b;
        ROWS_INTS exact = WITHOUT_ZERO(dot[t], a->sum, FK_SIGNED_SHIFT);
        sums[t] = ROWS(fma)(ROWS(to_float)(exact), scale * ROWS(splat)(a->scale), sums[t]);
      }
    }
  }
  ROWS(store_tile)(sums, count, y, y_stride);
}
