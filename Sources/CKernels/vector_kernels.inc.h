// Float kernels of a layer: quantisation of activations, norms, activation functions, rope. Part of
// kernels.inc.h, which explains the primitives.

// NAME(x, clipped): e^clipped to about one unit in the last place, or 0 where x < -87.3 (the smallest normal result);
// clipped is x kept within -87.3...88.3. Range reduction by multiples of ln 2 in two parts, then the Taylor series to
// the seventh power on |r| <= 0.347, where its remainder is below 6e-9. Adding 1.5 * 2^23 rounds to an integer, in the
// low bits; adding that as an exponent to the bits of a number near 1 is exact within those bounds.
#define DEFINE_EXP(NAME, FLOATS, BITS, SPLAT, FMA)                                                                     \
  INLINE FLOATS NAME(FLOATS x, FLOATS clipped) {                                                                       \
    const FLOATS magic = SPLAT(12582912.0f);                                                                           \
    FLOATS shifted = FMA(clipped, SPLAT(1.44269504f), magic);                                                          \
    FLOATS n = shifted - magic;                                                                                        \
    FLOATS r = FMA(n, SPLAT(-0.693359375f), clipped);                                                                  \
    r = FMA(n, SPLAT(2.12194440e-4f), r);                                                                              \
    FLOATS p = SPLAT(1.0f / 5040);                                                                                     \
    p = FMA(p, r, SPLAT(1.0f / 720));                                                                                  \
    p = FMA(p, r, SPLAT(1.0f / 120));                                                                                  \
    p = FMA(p, r, SPLAT(1.0f / 24));                                                                                   \
    p = FMA(p, r, SPLAT(1.0f / 6));                                                                                    \
    p = FMA(p, r, SPLAT(0.5f));                                                                                        \
    p = FMA(p, r, SPLAT(1.0f));                                                                                        \
    p = FMA(p, r, SPLAT(1.0f));                                                                                        \
    BITS tiny = x < SPLAT(-87.3f);                                                                                     \
    return (FLOATS)(((BITS)p + ((BITS)shifted << 23)) & ~tiny);                                                        \
  }

DEFINE_EXP(exp8_clipped, f32x8, i32x8, splat, fk_fma)

// e^x; largest finite above 88.3.
INLINE f32x8 exp8(f32x8 x) {
  return exp8_clipped(x, -fk_max(splat(-88.3f), -fk_max(splat(-87.3f), x)));
}

INLINE float exp1(float x) { return exp8(splat(x))[0]; }

// BODY for every eighth index i, then TAIL for each of the rest.
#define FOR_EIGHTS(COUNT, BODY, TAIL)                                                                                  \
  {                                                                                                                    \
    size_t i = 0;                                                                                                      \
    for (; i + 8 <= (COUNT); i += 8) BODY;                                                                             \
    for (; i < (COUNT); i++) TAIL;                                                                                     \
  }

INLINE int32_t sum_int_lanes(i32x8 v) {
  v += __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3);
  v += __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5);
  return v[0] + v[1];
}

static void quantize(const float *x, size_t count, fk_activations *to) {
  for (size_t b = 0; b < count / FK_BLOCK; b++, x += FK_BLOCK, to++) {
    f32x8 v[4];
    f32x8 largest = splat(0);
    for (int i = 0; i < 4; i++) {
      v[i] = load8(x + 8 * i);
      v[i] = (f32x8)((i32x8)v[i] & (v[i] == v[i]));
      largest = fk_max(largest, (f32x8)((i32x8)v[i] & 0x7fffffff));
    }
    float peak = max_lanes(largest);
    if (peak > FLT_MAX) {
      peak = FLT_MAX;
      for (int i = 0; i < 4; i++) {
        v[i] = select8(v[i] > splat(FLT_MAX), splat(FLT_MAX), v[i]);
        v[i] = select8(v[i] < splat(-FLT_MAX), splat(-FLT_MAX), v[i]);
      }
    }
    // Below this the reciprocal would overflow; such a block is zero for every purpose.
    float inverse = peak > 1e-35f ? 127.0f / peak : 0;
    // Adding 1.5 * 2^23 rounds to an integer, which then stands in the low bits.
    const f32x8 magic = splat(12582912.0f);
    i32x8 codes[4];
    for (int i = 0; i < 4; i++) {
      codes[i] = (i32x8)(v[i] * splat(inverse) + magic) - (i32x8)magic;
      s8x8 narrow = __builtin_convertvector(codes[i], s8x8);
      memcpy(to->codes + 8 * i, &narrow, 8);
    }
    to->sums[0] = (int16_t)sum_int_lanes(codes[0] + codes[1]);
    to->sums[1] = (int16_t)sum_int_lanes(codes[2] + codes[3]);
    to->sum = to->sums[0] + to->sums[1];
    to->scale = inverse == 0 ? 0 : peak / 127.0f;
    to->scaled_sum = to->scale * (float)to->sum;
  }
}

static void quantize_rest(const float *x, size_t count, const fk_activations *rounded, fk_activations *rest) {
  for (size_t b = 0; b < count / FK_BLOCK; b++, x += FK_BLOCK, rounded++, rest++) {
    float left[FK_BLOCK];
    for (int i = 0; i < FK_BLOCK; i += 8) {
      s8x8 codes;
      memcpy(&codes, rounded->codes + i, 8);
      store8(left + i, load8(x + i) - splat(rounded->scale) * __builtin_convertvector(codes, f32x8));
    }
    quantize(left, FK_BLOCK, rest);
  }
}

static void rms_norm(const float *x, const float *weight, size_t count, float epsilon, float *y) {
  f32x8 sums[4] = {{0}, {0}, {0}, {0}};
  size_t i = 0;
  for (; i + 32 <= count; i += 32) {
    for (int j = 0; j < 4; j++) {
      f32x8 v = load8(x + i + 8 * j);
      sums[j] = fk_fma(v, v, sums[j]);
    }
  }
  float total = sum_lanes((sums[0] + sums[1]) + (sums[2] + sums[3]));
  for (; i < count; i++) total += x[i] * x[i];
  float factor = 1.0f / sqrtf(total / (float)count + epsilon);
  FOR_EIGHTS(count, store8(y + i, load8(x + i) * splat(factor) * load8(weight + i)), y[i] = x[i] * factor * weight[i])
}

static void add(const float *x, size_t count, float *y) {
  FOR_EIGHTS(count, store8(y + i, load8(y + i) + load8(x + i)), y[i] += x[i])
}

static void scale(float factor, size_t count, float *x) {
  FOR_EIGHTS(count, store8(x + i, load8(x + i) * splat(factor)), x[i] *= factor)
}

INLINE f32x8 silu8(f32x8 x) { return x / (splat(1) + exp8(-x)); }

// x * (1 + tanh(u)) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3), and (1 + tanh(u)) / 2 = 1 / (1 + e^(-2u)).
INLINE f32x8 gelu8(f32x8 x) {
  f32x8 u = splat(0.7978845608f) * x * fk_fma(x * x, splat(0.044715f), splat(1));
  return x / (splat(1) + exp8(splat(-2) * u));
}

static void silu_multiply(const float *up, size_t count, float *gate) {
  FOR_EIGHTS(
    count, store8(gate + i, silu8(load8(gate + i)) * load8(up + i)), gate[i] = silu8(splat(gate[i]))[0] * up[i])
}

static void gelu_multiply(const float *up, size_t count, float *gate) {
  FOR_EIGHTS(
    count, store8(gate + i, gelu8(load8(gate + i)) * load8(up + i)), gate[i] = gelu8(splat(gate[i]))[0] * up[i])
}

static void rope_adjacent(const float *cosine, const float *sine, size_t dimensions, float *head) {
  for (size_t i = 0; i < dimensions / 2; i++) {
    float a = head[2 * i], b = head[2 * i + 1];
    head[2 * i] = a * cosine[i] - b * sine[i];
    head[2 * i + 1] = a * sine[i] + b * cosine[i];
  }
}

static void rope_halves(const float *cosine, const float *sine, size_t dimensions, float *head) {
  size_t half = dimensions / 2;
  for (size_t i = 0; i < half; i++) {
    float a = head[i], b = head[i + half];
    head[i] = a * cosine[i] - b * sine[i];
    head[i + half] = a * sine[i] + b * cosine[i];
  }
}

// Sums in parts of 1,024 floats, and the parts in double precision, so that a vocabulary of 262,144 loses nothing.
static float log_sum_exp(const float *x, size_t count, float *largest) {
  float best = -INFINITY;
  for (size_t i = 0; i < count; i++) best = x[i] > best ? x[i] : best;
  *largest = best;
  double total = 0;
  for (size_t start = 0; start < count; start += 1024) {
    size_t end = count - start < 1024 ? count : start + 1024;
    f32x8 part = splat(0);
    size_t i = start;
    for (; i + 8 <= end; i += 8) part += exp8(load8(x + i) - splat(best));
    float rest = 0;
    for (; i < end; i++) rest += exp1(x[i] - best);
    total += (double)(sum_lanes(part) + rest);
  }
  return best + (float)log(total);
}
