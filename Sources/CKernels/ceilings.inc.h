// What this machine can do at best, in the instructions of one table: the ceilings that measured speeds are held
// against. Part of kernels.inc.h.

// Reads memory once, front to back, and returns the sum of its bytes' 64-bit lanes so that nothing is optimised away.
static uint64_t read_memory(const void *memory, size_t count, bool prefetches) {
  typedef uint64_t u64x4 __attribute__((vector_size(32)));
  const char *from = (const char *)memory;
  u64x4 sums[8] = {{0}};
  size_t i = 0;
  for (; i + 256 <= count; i += 256) {
    for (size_t j = 0; prefetches && j < 256; j += 64) __builtin_prefetch(from + i + 2048 + j);
    for (size_t j = 0; j < 8; j++) {
      u64x4 value;
      memcpy(&value, from + i + 32 * j, 32);
      sums[j] += value;
    }
  }
  uint64_t total = 0;
  for (size_t j = 0; j < 8; j++) total += sums[j][0] + sums[j][1] + sums[j][2] + sums[j][3];
  for (; i < count; i++) total += (uint8_t)from[i];
  return total;
}

enum { CEILING_CHAINS = 10 };  // enough to hide the latency of a multiplier, and few enough for sixteen registers

static size_t multiply_integers(size_t rounds, float *sink) {
  fk_sum sums[CEILING_CHAINS];
  for (int i = 0; i < CEILING_CHAINS; i++) sums[i] = fk_zero();
  u8x32 codes = {1}, activations = {1};
  for (size_t round = 0; round < rounds; round++) {
    _Pragma("clang loop unroll(full)") for (int i = 0; i < CEILING_CHAINS; i++) {
      FK_OPAQUE(codes);
      sums[i] = fk_multiply_add(sums[i], codes, activations);
    }
  }
  i32x8 total = {0};
  for (int i = 0; i < CEILING_CHAINS; i++) total += fk_total(sums[i]);
  *sink = (float)sum_int_lanes(total);
  return rounds * CEILING_CHAINS * 32;
}

static size_t multiply_floats(size_t rounds, float *sink) {
  f32x8 sums[CEILING_CHAINS] = {{0}};
  f32x8 a = splat(1), b = splat(0.5f);
  for (size_t round = 0; round < rounds; round++) {
    _Pragma("clang loop unroll(full)") for (int i = 0; i < CEILING_CHAINS; i++) {
      FK_OPAQUE(a);
      sums[i] = fk_fma(a, b, sums[i]);
    }
  }
  f32x8 total = {0};
  for (int i = 0; i < CEILING_CHAINS; i++) total += sums[i];
  *sink = sum_lanes(total);
  return rounds * CEILING_CHAINS * 8;
}
