// The kernels of include/sampling.h, written once over clang's vector types. A file for one instruction set defines
// FK_SAMPLING_NAME, FK_SAMPLING_TABLE and INLINE and includes this one.
//
// There is no fused multiply and add in here, so that every instruction set gives the same bits: which token a seed
// chooses for given logits must not depend on the machine.

#include <float.h>
#include <math.h>
#include <string.h>

#include "CKernels.h"

INLINE f32x8 sampling_load(const float *from) {
  f32x8 value;
  memcpy(&value, from, 32);
  return value;
}
INLINE void sampling_store(float *to, f32x8 value) { memcpy(to, &value, 32); }
INLINE f32x8 sampling_splat(float value) { return (f32x8){value, value, value, value, value, value, value, value}; }
INLINE f32x8 sampling_select(i32x8 mask, f32x8 yes, f32x8 no) {
  return (f32x8)(((i32x8)yes & mask) | ((i32x8)no & ~mask));
}

// Infinity as the largest finite number; not-a-number stays.
INLINE f32x8 clip(f32x8 x) { return sampling_select(x > sampling_splat(FLT_MAX), sampling_splat(FLT_MAX), x); }

// The first 1...7 floats, and minus infinity in the other lanes.
INLINE f32x8 load_part(const float *from, size_t count) {
  float lanes[8];
  for (size_t i = 0; i < 8; i++) lanes[i] = i < count ? from[i] : -INFINITY;
  return sampling_load(lanes);
}

// `best`, or x where x is larger. A comparison with not-a-number is false, which leaves `best`.
INLINE f32x8 larger(f32x8 x, f32x8 best) { return sampling_select(x > best, x, best); }

static void block_maxima(const float *logits, size_t count, float *maxima) {
  for (size_t start = 0; start < count; start += FK_LOGIT_BLOCK) {
    f32x8 best[4];
    for (int j = 0; j < 4; j++) best[j] = sampling_splat(-INFINITY);
    const float *x = logits + start;
    if (count - start >= FK_LOGIT_BLOCK) {
      for (size_t i = 0; i < FK_LOGIT_BLOCK; i += 32) {
        for (size_t j = 0; j < 4; j++) best[j] = larger(sampling_load(x + i + 8 * j), best[j]);
      }
    } else {
      size_t rest = count - start, i = 0;
      for (; i + 8 <= rest; i += 8) best[0] = larger(sampling_load(x + i), best[0]);
      if (i < rest) best[0] = larger(load_part(x + i, rest - i), best[0]);
    }
    f32x8 all = clip(larger(larger(best[0], best[1]), larger(best[2], best[3])));
    float largest = all[0];
    for (int i = 1; i < 8; i++) largest = all[i] > largest ? all[i] : largest;
    *maxima++ = largest;
  }
}

static size_t gather(const float *logits, size_t count, const float *maxima, float threshold, int32_t *ids,
                     float *values) {
  size_t found = 0;
  for (size_t start = 0; start < count; start += FK_LOGIT_BLOCK, maxima++) {
    if (!(*maxima >= threshold)) continue;
    size_t end = count - start < FK_LOGIT_BLOCK ? count : start + FK_LOGIT_BLOCK;
    for (size_t i = start; i < end; i += 8) {
      f32x8 x = end - i < 8 ? load_part(logits + i, end - i) : sampling_load(logits + i);
      i32x8 passes = x >= sampling_splat(threshold);
      if (__builtin_reduce_or(passes) == 0) continue;
      x = clip(x);
      if (__builtin_reduce_and(passes) != 0) {
        sampling_store(values + found, x);
        for (size_t lane = 0; lane < 8; lane++) ids[found + lane] = (int32_t)(i + lane);
        found += 8;
        continue;
      }
      // At most eight candidates are written past `found`, and never past place i + 7 < count: found <= i.
      for (size_t lane = 0; lane < 8 && i + lane < end; lane++) {
        ids[found] = (int32_t)(i + lane);
        values[found] = x[lane];
        found += (size_t)(passes[lane] & 1);
      }
    }
  }
  return found;
}

// e^y for y <= 0; plus infinity counts as 0, the exponent of an infinite logit. Range reduction by multiples of ln 2 in
// two parts (Cody and Waite; the first product is exact), then the Taylor series to the seventh power on |r| <= 0.347,
// where its remainder is below 6e-9.
INLINE f32x8 power_of_e(f32x8 y) {
  const f32x8 magic = sampling_splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
  i32x8 normal = y >= sampling_splat(-87.3f);       // false for not-a-number
  y = sampling_select(y > sampling_splat(0), sampling_splat(0), y);
  f32x8 shifted = y * sampling_splat(1.44269504f) + magic;
  f32x8 n = shifted - magic;
  f32x8 r = (y - n * sampling_splat(0.693359375f)) + n * sampling_splat(2.12194440e-4f);
  f32x8 p = sampling_splat(1.0f / 5040) * r + sampling_splat(1.0f / 720);
  p = p * r + sampling_splat(1.0f / 120);
  p = p * r + sampling_splat(1.0f / 24);
  p = p * r + sampling_splat(1.0f / 6);
  p = p * r + sampling_splat(0.5f);
  p = p * r + sampling_splat(1.0f);
  p = p * r + sampling_splat(1.0f);
  // The low bits of `shifted` are n: added to the exponent of p, which lies in 0.7...1.42, they multiply it by 2^n.
  return (f32x8)(((u32x8)p + ((u32x8)shifted << 23)) & (u32x8)normal);
}

INLINE void weigh_blocks(const float *x, size_t count, float largest, float inverse_temperature, float *weights,
                         const bool store, float *sums) {
  const f32x8 top = sampling_splat(largest), factor = sampling_splat(inverse_temperature);
  for (size_t start = 0; start < count; start += FK_LOGIT_BLOCK) {
    size_t end = count - start < FK_LOGIT_BLOCK ? count : start + FK_LOGIT_BLOCK;
    f32x8 sum = sampling_splat(0);
    size_t i = start;
    for (; i + 8 <= end; i += 8) {
      f32x8 w = power_of_e((sampling_load(x + i) - top) * factor);
      sum += w;
      if (store) sampling_store(weights + i, w);
    }
    if (i < end) {
      f32x8 w = power_of_e((load_part(x + i, end - i) - top) * factor);
      sum += w;
      for (size_t lane = 0; store && i + lane < end; lane++) weights[i + lane] = w[lane];
    }
    *sums++ = ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
  }
}

static void weigh(const float *x, size_t count, float largest, float inverse_temperature, float *weights,
                  float *sums) {
  if (weights == NULL) {
    weigh_blocks(x, count, largest, inverse_temperature, weights, false, sums);
  } else {
    weigh_blocks(x, count, largest, inverse_temperature, weights, true, sums);
  }
}

const fk_sampling FK_SAMPLING_TABLE = {
  .name = FK_SAMPLING_NAME,
  .block_maxima = block_maxima,
  .gather = gather,
  .weigh = weigh,
};
