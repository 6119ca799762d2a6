// Attention over one block of 64 positions, for the query heads that share its keys and values. Part of kernels.inc.h.
//
// Keys lie so that a vector holds eight positions and scores need no sum over lanes. While keys are read, values are
// fetched, and while values are read, the keys of the next block: a block is 8 to 16 KB in one piece, too short for the
// processor to notice in time that it is read front to back.

// Query heads that share one reading of keys and values: what sixteen registers admit.
enum { HEADS_TILE = 3 };

// Scores of one head and block to softmax weights in place; slots outside [begin, end) weigh nothing. Updates the
// running maximum and sum, and returns the factor by which earlier output shrinks.
INLINE float soften(float scores[FK_KV_BLOCK], size_t begin, size_t end, float *maximum, float *sum) {
  for (size_t i = 0; i < begin; i++) scores[i] = -INFINITY;
  for (size_t i = end; i < FK_KV_BLOCK; i++) scores[i] = -INFINITY;
  f32x8 best = load8(scores);
  for (size_t i = 8; i < FK_KV_BLOCK; i += 8) best = max8(best, load8(scores + i));
  float largest = max_lanes(best);
  largest = largest > *maximum ? largest : *maximum;
  if (largest == -INFINITY) largest = 0;  // nothing but not-a-number: the output is not a number either
  f32x8 total = splat(0);
  for (size_t i = 0; i < FK_KV_BLOCK; i += 8) {
    f32x8 weight = exp8(load8(scores + i) - splat(largest));
    store8(scores + i, weight);
    total += weight;
  }
  float correction = exp1(*maximum - largest);
  *sum = *sum * correction + sum_lanes(total);
  *maximum = largest;
  return correction;
}

// ---------------------------------------------------------------------------------------------------------------------
// Scores

// scores [count, 64] = queries [count, dimensions] times keys [dimensions, 64], for the positions of [begin, end) at
// least. Fetches `ahead`, as many bytes as the keys have.
#define DEFINE_SCORES(NAME, TYPE, LOAD)                                                                                \
  INLINE void scores_##NAME(const float *queries, const int count, size_t dimensions, const TYPE *keys, size_t begin,  \
                            size_t end, const void *ahead, float scores[][FK_KV_BLOCK]) {                              \
    const char *fetched = (const char *)ahead;                                                                         \
    for (size_t part = begin / 32; part < (end + 31) / 32; part++) {                                                   \
      f32x8 sums[HEADS_TILE][4] = {{{0}}};                                                                             \
      for (size_t d = 0; d < dimensions; d++) {                                                                        \
        __builtin_prefetch(fetched + (part * dimensions + d) * 32 * sizeof(TYPE));                                     \
        _Pragma("clang loop unroll(full)") for (size_t j = 0; j < 4; j++) {                                            \
          f32x8 key = LOAD(keys + d * FK_KV_BLOCK + part * 32 + j * 8);                                                \
          FOR_TOKENS sums[t][j] = fk_fma(key, splat(queries[(size_t)t * dimensions + d]), sums[t][j]);                 \
        }                                                                                                              \
      }                                                                                                                \
      FOR_TOKENS for (size_t j = 0; j < 4; j++) store8(scores[t] + part * 32 + j * 8, sums[t][j]);                     \
    }                                                                                                                  \
  }

DEFINE_SCORES(f16, fk_half, fk_load_half8)
DEFINE_SCORES(f32, float, load8)

// Keys as a matrix of 64 rows, whose product with 8-bit queries is exact within 32 dimensions.
INLINE void scores_q8(const fk_activations *queries, const int count, size_t dimensions, const uint8_t *keys,
                      size_t begin, size_t end, const void *ahead, float scores[][FK_KV_BLOCK]) {
  const size_t bytes = dimensions / FK_BLOCK * sizeof(fk_block_s8);
  for (size_t g = begin / 8; g < (end + 7) / 8; g++) {
    for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch((const char *)ahead + g * bytes + i);
    tile_s8(keys + g * bytes, dimensions, queries, dimensions / FK_BLOCK, count, scores[0] + g * 8, FK_KV_BLOCK);
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Output

INLINE f32x8 load_codes8(const int8_t *from) { return to_float(load_signed8(from)); }

// output [count, 32 or 8 of dimensions] = output * corrections + weights times values, for `vectors` vectors of
// dimensions from d on. Fetches 64 bytes of `fetched` a position.
#define DEFINE_OUTPUT(NAME, TYPE, LOAD)                                                                                \
  INLINE void output_##NAME(float weights[][FK_KV_BLOCK], const float *corrections, const int count,                   \
                            size_t dimensions, const TYPE *values, size_t begin, size_t end, size_t d,                 \
                            const size_t vectors, const char *fetched, float *output) {                                \
    f32x8 totals[HEADS_TILE][4];                                                                                       \
    FOR_TOKENS for (size_t j = 0; j < vectors; j++) {                                                                  \
      totals[t][j] = load8(output + (size_t)t * dimensions + d + j * 8) * splat(corrections[t]);                       \
    }                                                                                                                  \
    for (size_t p = begin; p < end; p++) {                                                                             \
      __builtin_prefetch(fetched + p * 64);                                                                            \
      _Pragma("clang loop unroll(full)") for (size_t j = 0; j < vectors; j++) {                                        \
        f32x8 value = LOAD(values + p * dimensions + d + j * 8);                                                       \
        FOR_TOKENS totals[t][j] = fk_fma(value, splat(weights[t][p]), totals[t][j]);                                   \
      }                                                                                                                \
    }                                                                                                                  \
    FOR_TOKENS for (size_t j = 0; j < vectors; j++) {                                                                  \
      store8(output + (size_t)t * dimensions + d + j * 8, totals[t][j]);                                               \
    }                                                                                                                  \
  }

DEFINE_OUTPUT(f16, fk_half, fk_load_half8)
DEFINE_OUTPUT(f32, float, load8)
DEFINE_OUTPUT(q8, int8_t, load_codes8)

// ---------------------------------------------------------------------------------------------------------------------
// Blocks

// All heads of a block, `count` of them.
#define DEFINE_ATTEND_TILE(NAME, TYPE)                                                                                 \
  INLINE void attend_tile_##NAME(const float *queries, const int count, size_t dimensions, const TYPE *keys,           \
                                 const TYPE *values, size_t begin, size_t end, const void *next, float *maximum,       \
                                 float *sum, float *output) {                                                          \
    float weights[HEADS_TILE][FK_KV_BLOCK] __attribute__((aligned(32)));                                               \
    float corrections[HEADS_TILE];                                                                                     \
    scores_##NAME(queries, count, dimensions, keys, begin, end, values, weights);                                      \
    FOR_TOKENS corrections[t] = soften(weights[t], begin, end, maximum + t, sum + t);                                  \
    const char *fetched = (const char *)next;                                                                          \
    size_t d = 0;                                                                                                      \
    for (; d + 32 <= dimensions; d += 32, fetched += FK_KV_BLOCK * 32 * sizeof(TYPE)) {                                \
      output_##NAME(weights, corrections, count, dimensions, values, begin, end, d, 4, fetched, output);               \
    }                                                                                                                  \
    for (; d < dimensions; d += 8) {                                                                                   \
      output_##NAME(weights, corrections, count, dimensions, values, begin, end, d, 1, fetched, output);               \
    }                                                                                                                  \
  }

DEFINE_ATTEND_TILE(f16, fk_half)
DEFINE_ATTEND_TILE(f32, float)

INLINE void attend_tile_q8(const fk_activations *queries, const int count, size_t dimensions, const uint8_t *keys,
                           const uint8_t *values, size_t begin, size_t end, const void *next, float *maximum,
                           float *sum, float *output) {
  float weights[HEADS_TILE][FK_KV_BLOCK] __attribute__((aligned(32)));
  float scaled[HEADS_TILE][FK_KV_BLOCK] __attribute__((aligned(32)));
  float corrections[HEADS_TILE];
  scores_q8(queries, count, dimensions, keys, begin, end, values, weights);
  FOR_TOKENS corrections[t] = soften(weights[t], begin, end, maximum + t, sum + t);
  const fk_half *scales = (const fk_half *)(const void *)values;
  const int8_t *codes = (const int8_t *)(values + dimensions / FK_BLOCK * FK_KV_BLOCK * sizeof(fk_half));
  const char *fetched = (const char *)next;
  for (size_t d = 0; d < dimensions; d += 32, scales += FK_KV_BLOCK, fetched += FK_KV_BLOCK * 34) {
    for (size_t p = begin / 8 * 8; p < end; p += 8) {
      f32x8 scale = fk_load_half8(scales + p);
      FOR_TOKENS store8(scaled[t] + p, load8(weights[t] + p) * scale);
    }
    output_q8(scaled, corrections, count, dimensions, codes, begin, end, d, 4, fetched, output);
  }
}

// Heads in tiles: 3, 3, ... and 2 and 2 rather than 3 and 1. QUERY: elements of a head's query.
#define DEFINE_ATTEND(NAME, QUERY_TYPE, QUERY, TYPE)                                                                   \
  static void attend_##NAME(const void *queries, size_t heads, size_t dimensions, const void *keys,                    \
                            const void *values, size_t begin, size_t end, const void *next, float *maximum,            \
                            float *sum, float *output) {                                                               \
    const QUERY_TYPE *q = (const QUERY_TYPE *)queries;                                                                 \
    const TYPE *k = (const TYPE *)keys, *v = (const TYPE *)values;                                                     \
    while (heads > 0) {                                                                                                \
      size_t count = heads == 4 ? 2 : heads > 3 ? 3 : heads;                                                           \
      if (count == 3) attend_tile_##NAME(q, 3, dimensions, k, v, begin, end, next, maximum, sum, output);              \
      if (count == 2) attend_tile_##NAME(q, 2, dimensions, k, v, begin, end, next, maximum, sum, output);              \
      if (count == 1) attend_tile_##NAME(q, 1, dimensions, k, v, begin, end, next, maximum, sum, output);              \
      heads -= count;                                                                                                  \
      q += count * (QUERY);                                                                                            \
      maximum += count;                                                                                                \
      sum += count;                                                                                                    \
      output += count * dimensions;                                                                                    \
    }                                                                                                                  \
  }

DEFINE_ATTEND(f16, float, dimensions, fk_half)
DEFINE_ATTEND(f32, float, dimensions, float)
DEFINE_ATTEND(q8, fk_activations, dimensions / FK_BLOCK, uint8_t)

static void merge(const float *maximum, const float *sum, const float *output, size_t dimensions, float *into_maximum,
                  float *into_sum, float *into_output) {
  float largest = *maximum > *into_maximum ? *maximum : *into_maximum;
  float theirs = exp1(*maximum - largest), ours = exp1(*into_maximum - largest);
  *into_maximum = largest;
  *into_sum = fk_fma(splat(*sum), splat(theirs), splat(*into_sum * ours))[0];
  for (size_t d = 0; d < dimensions; d += 8) {
    store8(into_output + d, fk_fma(load8(output + d), splat(theirs), load8(into_output + d) * splat(ours)));
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
