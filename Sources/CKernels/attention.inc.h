// Attention over one block of 64 positions, for query heads that share its keys and values. Part of kernels.inc.h.
//
// Keys lie so that a vector holds neighbouring positions and scores need no sum over lanes. For one row, keys and
// values are read as they are stored, front to back where registers hold 64 sums a head. For several rows they are
// decoded to floats once for all, and halves also for one row where registers are too few to decode between the sums.
// Either way the terms of a query head are added in the same order.
//
// While keys are read, values are fetched, and while values are read, the keys of the next block: a block is 8 to 16 KB
// in one piece, too short for the processor to notice that it is read front to back. They are fetched into the second
// cache: the first keeps track of too few lines under way, and those that multiply would wait behind them.

enum {
  QUERY_TILE = 24,  // query heads that share decoded keys: scores and outputs of so many stay in the first cache
  PART = 32,        // positions, or dimensions, under way at once
  VECTORS = PART / FK_WIDE,
  ROW_PART = FK_WIDE == 16 ? 64 : 32,  // the same where one row reads what is stored
  ROW_VECTORS = ROW_PART / FK_WIDE,
  MOST_VECTORS = ROW_VECTORS,
};
#define FOR_SOME_VECTORS _Pragma("clang loop unroll(full)") for (int j = 0; j < vectors; j++)
#define FOR_VECTORS _Pragma("clang loop unroll(full)") for (size_t j = 0; j < VECTORS; j++)

DEFINE_EXP(wide_exp_clipped, fk_wide, fk_wide_bits, wide_splat, wide_fma)

// e^x for x <= 0, which needs no clipping: what is wrong below -87.3 is 0 in the end.
INLINE fk_wide wide_exp(fk_wide x) { return wide_exp_clipped(x, x); }

// Scores of one head and block to softmax weights in place; slots outside [begin, end) weigh nothing. Updates the
// running maximum and sum, and returns the factor by which earlier output shrinks.
INLINE float soften(float scores[FK_KV_BLOCK], size_t begin, size_t end, float *maximum, float *sum) {
  for (size_t i = 0; i < begin; i++) scores[i] = -INFINITY;
  for (size_t i = end; i < FK_KV_BLOCK; i++) scores[i] = -INFINITY;
  f32x8 best = load8(scores);
  for (size_t i = 8; i < FK_KV_BLOCK; i += 8) best = fk_max(best, load8(scores + i));
  float largest = max_lanes(best);
  largest = largest > *maximum ? largest : *maximum;
  if (largest == -INFINITY) largest = 0;  // nothing but not-a-number: the output is not a number either
  fk_wide total = wide_splat(0);
  for (size_t i = 0; i < FK_KV_BLOCK; i += FK_WIDE) {
    fk_wide weight = wide_exp(wide_load(scores + i) - wide_splat(largest));
    wide_store(scores + i, weight);
    total += weight;
  }
  float correction = wide_exp(wide_splat(*maximum - largest))[0];
  *sum = *sum * correction + wide_sum_lanes(total);
  *maximum = largest;
  return correction;
}

// ---------------------------------------------------------------------------------------------------------------------
// Tiles of at most HEADS_TILE query heads

// scores [count, vectors * FK_WIDE] = queries [count, dimensions] times keys, whose rows are `stride` elements apart.
// Fetches as much of `ahead` as it reads of a stored block.
#define DEFINE_SCORES(NAME, TYPE, LOAD)                                                                                \
  INLINE void scores_##NAME(const float *queries, const int count, size_t dimensions, const int vectors,               \
                            const TYPE *keys, size_t stride, const char *ahead, float scores[][FK_KV_BLOCK]) {         \
    fk_wide sums[HEADS_TILE][MOST_VECTORS];                                                                            \
    const size_t bytes = (size_t)vectors * FK_WIDE * sizeof(TYPE);                                                     \
    FOR_TOKENS FOR_SOME_VECTORS sums[t][j] = wide_splat(0);                                                            \
    for (size_t d = 0; d < dimensions; d++, keys += stride) {                                                          \
      if (ahead) fetch(ahead + d * bytes, bytes);                                                                      \
      FOR_SOME_VECTORS {                                                                                               \
        fk_wide key = LOAD(keys + j * FK_WIDE);                                                                        \
        FOR_TOKENS sums[t][j] = wide_fma(key, wide_splat(queries[(size_t)t * dimensions + d]), sums[t][j]);            \
      }                                                                                                                \
    }                                                                                                                  \
    FOR_TOKENS FOR_SOME_VECTORS wide_store(scores[t] + j * FK_WIDE, sums[t][j]);                                       \
  }

DEFINE_SCORES(f16, fk_half, wide_load_half)
DEFINE_SCORES(f32, float, wide_load)

// output [count, vectors * FK_WIDE of dimensions] = output * corrections + weights times values [64], whose rows are
// `stride` elements apart. Fetches as much of `ahead` as it reads, `fetched` bytes a position.
#define DEFINE_OUTPUT(NAME, TYPE, LOAD)                                                                                \
  INLINE void output_##NAME(float weights[][FK_KV_BLOCK], const float *corrections, const int count,                   \
                            size_t dimensions, const int vectors, const TYPE *values, size_t stride, fk_slots slots,   \
                            const char *ahead, const size_t fetched, float *output) {                                  \
    fk_wide totals[HEADS_TILE][MOST_VECTORS];                                                                          \
    FOR_TOKENS FOR_SOME_VECTORS {                                                                                      \
      fk_wide before = wide_load(output + (size_t)t * dimensions + j * FK_WIDE);                                       \
      totals[t][j] = before * wide_splat(corrections[t]);                                                              \
    }                                                                                                                  \
    for (size_t p = slots.begin; p < slots.end; p++) {                                                                 \
      if (ahead) fetch(ahead + p * fetched, fetched);                                                                  \
      FOR_SOME_VECTORS {                                                                                               \
        fk_wide value = LOAD(values + p * stride + j * FK_WIDE);                                                       \
        FOR_TOKENS totals[t][j] = wide_fma(value, wide_splat(weights[t][p]), totals[t][j]);                            \
      }                                                                                                                \
    }                                                                                                                  \
    FOR_TOKENS FOR_SOME_VECTORS wide_store(output + (size_t)t * dimensions + j * FK_WIDE, totals[t][j]);               \
  }

DEFINE_OUTPUT(f16, fk_half, wide_load_half)
DEFINE_OUTPUT(f32, float, wide_load)
DEFINE_OUTPUT(q8, int8_t, wide_load_codes)

// The same for one query head and what is left of dimensions that are no multiple of 32: output [rest].
INLINE void output_rest(const float *weights, float correction, size_t rest, fk_kv_type type, const void *values,
                        size_t stride, fk_slots slots, float *output) {
  for (size_t d = 0; d < rest; d += 8) {
    f32x8 total = load8(output + d) * splat(correction);
    for (size_t p = slots.begin; p < slots.end; p++) {
      f32x8 value = type == FK_KV_F16 ? fk_load_half8((const fk_half *)values + p * stride + d)
                                      : load8((const float *)values + p * stride + d);
      total = fk_fma(value, splat(weights[p]), total);
    }
    store8(output + d, total);
  }
}

// CALL with COUNT as a constant that the compiler sees: 1...HEADS_TILE.
#define CONSTANT_CASE(N, CALL)                                                                                         \
  case N: {                                                                                                            \
    if (N <= HEADS_TILE) CALL(N <= HEADS_TILE ? N : 1);                                                                \
  } break;
#define WITH_CONSTANT(COUNT, CALL)                                                                                     \
  switch (COUNT) {                                                                                                     \
    CONSTANT_CASE(1, CALL)                                                                                             \
    CONSTANT_CASE(2, CALL)                                                                                             \
    CONSTANT_CASE(3, CALL)                                                                                             \
    CONSTANT_CASE(4, CALL)                                                                                             \
    CONSTANT_CASE(5, CALL)                                                                                             \
    CONSTANT_CASE(6, CALL)                                                                                             \
  }
_Static_assert(HEADS_TILE <= 6, "WITH_CONSTANT knows so many");

// Heads of the next tile where `left` are left: as even as can be, 2 and 2 rather than 3 and 1.
INLINE size_t next_tile(size_t left) {
  const size_t tiles = (left + HEADS_TILE - 1) / HEADS_TILE;
  return (left + tiles - 1) / tiles;
}

// ---------------------------------------------------------------------------------------------------------------------
// One row: its heads, which see the same slots, read keys and values as they are stored

// Output of `vectors` vectors of dimensions from d on, as long as there are so many.
#define OUTPUT_OF_ROW(NAME, TYPE, VECTORS_AT_ONCE)                                                                     \
  for (; d + (VECTORS_AT_ONCE) * FK_WIDE <= dimensions; d += (VECTORS_AT_ONCE) * FK_WIDE) {                            \
    output_##NAME(weights, corrections, count, dimensions, VECTORS_AT_ONCE, values + d, dimensions, slots,             \
                  (const char *)next + FK_KV_BLOCK * d * sizeof(TYPE), (VECTORS_AT_ONCE) * FK_WIDE * sizeof(TYPE),     \
                  output + d);                                                                                         \
  }

#define DEFINE_ATTEND_ROW(NAME, TYPE, KV_TYPE)                                                                         \
  INLINE void attend_tile_##NAME(const float *queries, const int count, size_t dimensions, const TYPE *keys,           \
                                 const TYPE *values, fk_slots slots, const void *next, float *maximum, float *sum,     \
                                 float *output) {                                                                      \
    float weights[HEADS_TILE][FK_KV_BLOCK] __attribute__((aligned(64)));                                               \
    float corrections[HEADS_TILE];                                                                                     \
    for (size_t p = slots.begin / ROW_PART * ROW_PART; p < slots.end; p += ROW_PART) {                                 \
      scores_##NAME(queries, count, dimensions, ROW_VECTORS, keys + p, FK_KV_BLOCK,                                    \
                    (const char *)(values + p * dimensions), (float(*)[FK_KV_BLOCK])(weights[0] + p));                 \
    }                                                                                                                  \
    FOR_TOKENS corrections[t] = soften(weights[t], slots.begin, slots.end, maximum + t, sum + t);                      \
    size_t d = 0;                                                                                                      \
    OUTPUT_OF_ROW(NAME, TYPE, ROW_VECTORS)                                                                             \
    if (ROW_VECTORS > VECTORS) { OUTPUT_OF_ROW(NAME, TYPE, VECTORS) }                                                  \
    if (d < dimensions) {                                                                                              \
      FOR_TOKENS {                                                                                                     \
        output_rest(weights[t], corrections[t], dimensions - d, KV_TYPE, values + d, dimensions, slots,                \
                    output + (size_t)t * dimensions + d);                                                              \
      }                                                                                                                \
    }                                                                                                                  \
  }

DEFINE_ATTEND_ROW(f16, fk_half, FK_KV_F16)
DEFINE_ATTEND_ROW(f32, float, FK_KV_F32)

// Scores are a product of the keys, as a matrix of 64 rows, with 8-bit queries: exact within 32 dimensions.
INLINE void attend_tile_q8(const fk_activations *queries, const int count, size_t dimensions, const uint8_t *keys,
                           const uint8_t *values, fk_slots slots, const void *next, float *maximum, float *sum,
                           float *output) {
  float weights[HEADS_TILE][FK_KV_BLOCK] __attribute__((aligned(64)));
  float scaled[HEADS_TILE][FK_KV_BLOCK] __attribute__((aligned(64)));
  float corrections[HEADS_TILE];
  const size_t bytes = dimensions / FK_BLOCK * sizeof(fk_block_s8);
  for (size_t g = slots.begin / 8; g < (slots.end + 7u) / 8; g++) {
    for (size_t i = 0; i < bytes; i += LINE) fetch((const char *)values + g * bytes + i, LINE);
    tile_s8_8(
      keys + g * bytes, 0, dimensions, queries, dimensions / FK_BLOCK, count, false, weights[0] + g * 8, FK_KV_BLOCK);
  }
  FOR_TOKENS corrections[t] = soften(weights[t], slots.begin, slots.end, maximum + t, sum + t);
  const fk_half *scales = (const fk_half *)(const void *)values;
  const int8_t *codes = (const int8_t *)(values + dimensions / FK_BLOCK * FK_KV_BLOCK * sizeof(fk_half));
  const char *ahead = (const char *)next;
  for (size_t d = 0; d < dimensions; d += PART, scales += FK_KV_BLOCK, ahead += FK_KV_BLOCK * 34) {
    for (size_t p = slots.begin / 8u * 8; p < slots.end; p += 8) {
      f32x8 scale = fk_load_half8(scales + p);
      FOR_TOKENS store8(scaled[t] + p, load8(weights[t] + p) * scale);
    }
    output_q8(scaled, corrections, count, dimensions, VECTORS, codes + d, dimensions, slots, ahead, LINE, output + d);
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Several rows

typedef struct {
  fk_kv_type type;
  size_t dimensions;
  const uint8_t *keys, *values, *next;
} kv_block;

// Scores of `count` query heads for the slots of [begin, end) at least.
INLINE void scores_of_rows(kv_block block, const void *queries, size_t first, size_t count, fk_slots seen,
                           float weights[][FK_KV_BLOCK]) {
  const size_t dimensions = block.dimensions;
  if (block.type == FK_KV_Q8) {
    const size_t blocks = dimensions / FK_BLOCK, group = seen.begin / 8u;
    matmul_s8(block.keys + group * blocks * sizeof(fk_block_s8), (seen.end + 7u) / 8 - group, dimensions,
              (const fk_activations *)queries + first * blocks, count, weights[0] + group * 8, FK_KV_BLOCK);
    return;
  }
  float decoded[FK_MAX_DIMENSIONS * PART] __attribute__((aligned(64)));
  const float *x = (const float *)queries + first * dimensions;
  for (size_t p = seen.begin / PART * PART; p < seen.end; p += PART) {
    const float *keys = (const float *)(const void *)block.keys + p;
    if (block.type == FK_KV_F16) {
      for (size_t d = 0; d < dimensions; d++) {
        fetch((const char *)block.values + (p * dimensions + d * PART) * sizeof(fk_half), LINE);
        const fk_half *from = (const fk_half *)(const void *)block.keys + d * FK_KV_BLOCK + p;
        FOR_VECTORS wide_store(decoded + d * PART + j * FK_WIDE, wide_load_half(from + j * FK_WIDE));
      }
      keys = decoded;
    }
    const size_t stride = block.type == FK_KV_F16 ? PART : FK_KV_BLOCK;
    for (size_t i = 0, tile; i < count; i += tile) {
      tile = next_tile(count - i);
#define CALL(N)                                                                 \
  scores_f32(x + i * dimensions, N, dimensions, VECTORS, keys, stride, NULL, \
             (float(*)[FK_KV_BLOCK])(weights[i] + p))
      WITH_CONSTANT(tile, CALL)
#undef CALL
    }
  }
}

// Values of 32 dimensions from d on as floats. A Q8_0 cache's scales go to the weights.
// Returns how many floats there are from position to position.
INLINE size_t decode_values(kv_block block, size_t d, fk_slots seen, float *decoded, const float **values) {
  const size_t dimensions = block.dimensions;
  if (block.type == FK_KV_F32) {
    *values = (const float *)(const void *)block.values + d;
    return dimensions;
  }
  const fk_half *halves = (const fk_half *)(const void *)block.values + d;
  const int8_t *codes = (const int8_t *)(block.values + dimensions / FK_BLOCK * FK_KV_BLOCK * sizeof(fk_half)) + d;
  const char *ahead = (const char *)block.next + d * FK_KV_BLOCK * (block.type == FK_KV_F16 ? 2 : 1);
  for (size_t p = seen.begin; p < seen.end; p++) {
    fetch(ahead + p * LINE, LINE);
    FOR_VECTORS {
      const size_t from = p * dimensions + j * FK_WIDE;
      fk_wide value = block.type == FK_KV_F16 ? wide_load_half(halves + from) : wide_load_codes(codes + from);
      wide_store(decoded + p * PART + j * FK_WIDE, value);
    }
  }
  *values = decoded;
  return PART;
}

// Query heads from `first` on, at most QUERY_TILE of them, of rows of `heads` heads.
INLINE void attend_rows_tile(kv_block block, const void *queries, size_t first, size_t count, size_t heads,
                             const fk_slots *slots, float *maximum, float *sum, float *output) {
  float weights[QUERY_TILE][FK_KV_BLOCK] __attribute__((aligned(64)));
  float scaled[QUERY_TILE][FK_KV_BLOCK] __attribute__((aligned(64)));
  float decoded[FK_KV_BLOCK * PART] __attribute__((aligned(64)));
  float corrections[QUERY_TILE];
  const size_t dimensions = block.dimensions;
  fk_slots seen = slots[first / heads];
  for (size_t i = 0; i < count; i++) {
    fk_slots own = slots[(first + i) / heads];
    seen.begin = own.begin < seen.begin ? own.begin : seen.begin;
    seen.end = own.end > seen.end ? own.end : seen.end;
  }
  scores_of_rows(block, queries, first, count, seen, weights);
  for (size_t i = 0; i < count; i++) {
    fk_slots own = slots[(first + i) / heads];
    corrections[i] = soften(weights[i], own.begin, own.end, maximum + first + i, sum + first + i);
  }
  output += first * dimensions;
  size_t d = 0;
  for (; d + PART <= dimensions; d += PART) {
    const float *values;
    const size_t stride = decode_values(block, d, seen, decoded, &values);
    float(*factors)[FK_KV_BLOCK] = weights;
    if (block.type == FK_KV_Q8) {
      const fk_half *scales = (const fk_half *)(const void *)block.values + d / FK_BLOCK * FK_KV_BLOCK;
      for (size_t p = seen.begin / 8u * 8; p < seen.end; p += 8) {
        f32x8 scale = fk_load_half8(scales + p);
        for (size_t i = 0; i < count; i++) store8(scaled[i] + p, load8(weights[i] + p) * scale);
      }
      factors = scaled;
    }
    for (size_t i = 0, tile; i < count; i += tile) {
      const fk_slots own = slots[(first + i) / heads];
      size_t same = 1;
      while (i + same < count && slots[(first + i + same) / heads].begin == own.begin &&
             slots[(first + i + same) / heads].end == own.end) {
        same++;
      }
      tile = next_tile(same);
#define CALL(N)                                                                                      \
  output_f32(factors + i, corrections + i, N, dimensions, VECTORS, values, stride, own, NULL, LINE, \
             output + i * dimensions + d)
      WITH_CONSTANT(tile, CALL)
#undef CALL
    }
  }
  if (d < dimensions) {
    const size_t size = block.type == FK_KV_F16 ? sizeof(fk_half) : sizeof(float);
    for (size_t i = 0; i < count; i++) {
      output_rest(weights[i], corrections[i], dimensions - d, block.type, block.values + d * size, dimensions,
                  slots[(first + i) / heads], output + i * dimensions + d);
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Blocks

// QUERY: elements of a head's query.
#define DEFINE_ATTEND(NAME, QUERY_TYPE, QUERY, TYPE, KV_TYPE)                                                          \
  static void attend_##NAME(const void *queries, size_t rows, size_t heads, size_t dimensions, const void *keys,       \
                            const void *values, const fk_slots *slots, const void *next, float *maximum, float *sum,   \
                            float *output) {                                                                           \
    if (rows > 1 || (KV_TYPE == FK_KV_F16 && DECODES_HALVES)) {                                                        \
      const kv_block block = {KV_TYPE, dimensions, keys, values, next};                                                \
      for (size_t i = 0; i < rows * heads; i += QUERY_TILE) {                                                          \
        const size_t left = rows * heads - i, count = left < QUERY_TILE ? left : QUERY_TILE;                           \
        attend_rows_tile(block, queries, i, count, heads, slots, maximum, sum, output);                                \
      }                                                                                                                \
      return;                                                                                                          \
    }                                                                                                                  \
    const QUERY_TYPE *q = (const QUERY_TYPE *)queries;                                                                 \
    for (size_t i = 0, tile; i < heads; i += tile) {                                                                   \
      tile = next_tile(heads - i);                                                                                     \
      WITH_CONSTANT(tile, CALL_##NAME)                                                                                 \
    }                                                                                                                  \
  }

#define CALL_TILE(NAME, N, QUERY, TYPE)                                                                                \
  attend_tile_##NAME(q + i * (QUERY), N, dimensions, (const TYPE *)keys, (const TYPE *)values, *slots, next,           \
                     maximum + i, sum + i, output + i * dimensions)
#define CALL_f16(N) CALL_TILE(f16, N, dimensions, fk_half)
#define CALL_f32(N) CALL_TILE(f32, N, dimensions, float)
#define CALL_q8(N) CALL_TILE(q8, N, dimensions / FK_BLOCK, uint8_t)

DEFINE_ATTEND(f16, float, dimensions, fk_half, FK_KV_F16)
DEFINE_ATTEND(f32, float, dimensions, float, FK_KV_F32)
DEFINE_ATTEND(q8, fk_activations, dimensions / FK_BLOCK, uint8_t, FK_KV_Q8)

static void merge(const float *maximum, const float *sum, const float *output, size_t heads, size_t dimensions,
                  float *into_maximum, float *into_sum, float *into_output) {
  for (size_t h = 0; h < heads; h++, output += dimensions, into_output += dimensions) {
    float largest = maximum[h] > into_maximum[h] ? maximum[h] : into_maximum[h];
    float theirs = wide_exp(wide_splat(maximum[h] - largest))[0];
    float ours = wide_exp(wide_splat(into_maximum[h] - largest))[0];
    into_maximum[h] = largest;
    into_sum[h] = fk_fma(splat(sum[h]), splat(theirs), splat(into_sum[h] * ours))[0];
    for (size_t d = 0; d < dimensions; d += 8) {
      store8(into_output + d, fk_fma(load8(output + d), splat(theirs), load8(into_output + d) * splat(ours)));
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Storing

static void store_key_f16(const float *key, size_t dimensions, size_t slot, void *block) {
  fk_half *to = (fk_half *)block + slot;
  for (size_t d = 0; d < dimensions; d += 8) {
    fk_half halves[8];
    fk_store_half8(halves, load8(key + d));
    for (size_t i = 0; i < 8; i++) to[(d + i) * FK_KV_BLOCK] = halves[i];
  }
}

static void store_key_f32(const float *key, size_t dimensions, size_t slot, void *block) {
  float *to = (float *)block + slot;
  for (size_t d = 0; d < dimensions; d++) to[d * FK_KV_BLOCK] = key[d];
}

static void store_value_f16(const float *value, size_t dimensions, size_t slot, void *block) {
  fk_half *to = (fk_half *)block + slot * dimensions;
  for (size_t d = 0; d < dimensions; d += 8) fk_store_half8(to + d, load8(value + d));
}

static void store_value_f32(const float *value, size_t dimensions, size_t slot, void *block) {
  memcpy((float *)block + slot * dimensions, value, dimensions * sizeof(float));
}

static void store_key_q8(const float *key, size_t dimensions, size_t slot, void *block) {
  fk_block_s8 *to = (fk_block_s8 *)block + slot / 8 * (dimensions / FK_BLOCK);
  const size_t row = slot % 8;
  for (size_t d = 0; d < dimensions; d += FK_BLOCK, to++) {
    fk_activations coded;
    quantize(key + d, FK_BLOCK, &coded);
    to->d[row] = fk_f32_to_f16(coded.scale);
    for (size_t k = 0; k < 8; k++) memcpy(&to->codes.vectors[k][4 * row], coded.codes + 4 * k, 4);
  }
}

static void store_value_q8(const float *value, size_t dimensions, size_t slot, void *block) {
  fk_half *scales = (fk_half *)block + slot;
  int8_t *codes = (int8_t *)((fk_half *)block + dimensions / FK_BLOCK * FK_KV_BLOCK) + slot * dimensions;
  for (size_t d = 0; d < dimensions; d += FK_BLOCK, scales += FK_KV_BLOCK) {
    fk_activations coded;
    quantize(value + d, FK_BLOCK, &coded);
    *scales = fk_f32_to_f16(coded.scale);
    memcpy(codes + d, coded.codes, FK_BLOCK);
  }
}
