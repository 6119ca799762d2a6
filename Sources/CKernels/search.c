// Scales, minima and codes that minimise a block's weighted square error.
//
// One scale (and minimum) at a time is a problem of least squares once the codes are known, and the codes are roundings
// once the scale is known. The error has many valleys, so a grid of starts is tried, each is sent down its valley by
// turns of both, and the best kept. A K-quant's scales and minima are integers times a common factor: there each
// sub-block chooses its pair of integers by the error that the codes have after it, and the factors follow by least
// squares over the whole super-block.
//
// Sums run over vectors of eight in a fixed order, without fused operations: the same bytes on every machine.

#include <math.h>
#include <string.h>

#include "layouts.h"
#include "quantize.h"
#include "vectors.h"

// Vectors of 32 bytes are passed in two registers or in memory here; nothing outside this file sees them.
#pragma clang diagnostic ignored "-Wpsabi"

#define INLINE static inline __attribute__((always_inline))

// ---------------------------------------------------------------------------------------------------------------------
// Part of a block with one scale: 16 or 32 numbers

typedef struct {
  int vectors;  // of eight: 2 or 4
  f32x8 x[4], w[4];
  float sum_w, sum_wx, sum_wxx;
} part;

INLINE float total(f32x8 v) { return ((v[0] + v[4]) + (v[1] + v[5])) + ((v[2] + v[6]) + (v[3] + v[7])); }

INLINE f32x8 all(float value) { return (f32x8){value, value, value, value, value, value, value, value}; }

// To the nearest integer, ties to even, for magnitudes below 2^22. What is beyond is clamped by the caller anyway.
INLINE f32x8 nearest(f32x8 v) { return (v + 0x1.8p23f) - 0x1.8p23f; }

INLINE f32x8 within(f32x8 v, float least, float most) {
  return __builtin_elementwise_max(__builtin_elementwise_min(v, all(most)), all(least));
}

static part load_part(const float *x, const float *weights, int count) {
  part p = {.vectors = count / 8};
  f32x8 w = all(0), wx = all(0), wxx = all(0);
  for (int k = 0; k < p.vectors; k++) {
    memcpy(&p.x[k], x + 8 * k, 32);
    memcpy(&p.w[k], weights + 8 * k, 32);
    w += p.w[k];
    wx += p.w[k] * p.x[k];
    wxx += p.w[k] * p.x[k] * p.x[k];
  }
  p.sum_w = total(w);
  p.sum_wx = total(wx);
  p.sum_wxx = total(wxx);
  return p;
}

// Sums over the levels that codes stand for (integers, or places in the codebook).
typedef struct { float q, qq, qx; } moments;

// The place in the codebook that is nearest: as many steps up as there are middles below.
INLINE f32x8 in_codebook(f32x8 v) {
  f32x8 out = all((float)fk_codebook[0]);
  for (int code = 1; code < 16; code++) {
    int below = fk_codebook[code - 1], above = fk_codebook[code];
    out += __builtin_convertvector(-(v > all(0.5f * (float)(below + above))), f32x8) * all((float)(above - below));
  }
  return out;
}

// What levels are allowed: least...most in steps of one, or the codebook.
typedef struct { float least, most; bool codebook; } levels;

INLINE f32x8 choose(levels l, f32x8 v) { return l.codebook ? in_codebook(v) : within(nearest(v), l.least, l.most); }

// The moments of the levels nearest to (x + minimum) / step.
INLINE moments weigh(const part *p, levels l, float inverse, float minimum) {
  f32x8 q = all(0), qq = all(0), qx = all(0);
  f32x8 scaled_minimum = all(minimum * inverse), factor = all(inverse);
  for (int k = 0; k < p->vectors; k++) {
    f32x8 level = choose(l, p->x[k] * factor + scaled_minimum);
    f32x8 weighted = p->w[k] * level;
    q += weighted;
    qq += weighted * level;
    qx += weighted * p->x[k];
  }
  return (moments){total(q), total(qq), total(qx)};
}

// The error of x ~ step * level - minimum, from its moments.
INLINE float error_of(const part *p, moments m, float step, float minimum) {
  float square = step * step * m.qq - 2 * step * (minimum * m.q + m.qx);
  return square + minimum * (minimum * p->sum_w + 2 * p->sum_wx) + p->sum_wxx;
}

typedef struct { float step, minimum, error; } fit;

// The best step and minimum for given levels. `bound`: the minimum may not be negative (K-quants).
INLINE fit solve(const part *p, moments m, bool bound) {
  float determinant = p->sum_w * m.qq - m.q * m.q;
  fit f = {0, -p->sum_wx / p->sum_w, 0};
  if (determinant > 1e-6f * p->sum_w * m.qq) {
    f.step = (p->sum_w * m.qx - m.q * p->sum_wx) / determinant;
    f.minimum = (m.q * m.qx - m.qq * p->sum_wx) / determinant;
  }
  if (bound && f.minimum < 0) {
    f.minimum = 0;
    f.step = m.qq > 0 ? m.qx / m.qq : 0;
  }
  f.error = error_of(p, m, f.step, f.minimum);
  return f;
}

// ---------------------------------------------------------------------------------------------------------------------
// Grids of starts

// The best step for x ~ step * level, either sign.
static fit search_symmetric(const part *p, levels l, float reach) {
  float largest = 0;
  for (int k = 0; k < p->vectors; k++) {
    for (int i = 0; i < 8; i++) largest = fmaxf(largest, fabsf(p->x[k][i]));
  }
  fit best = {0, 0, p->sum_wxx};
  if (largest < 0x1p-120f) return best;
  // Steps at which the largest number meets levels from a third below the outermost to a third beyond it.
  enum { STARTS = 48 };
  for (int start = 0; start < 2 * STARTS; start++) {
    float level = reach * (0.7f + 0.6f * (float)(start / 2) / STARTS);
    float inverse = (start & 1 ? -level : level) / largest;
    for (int turn = 0; turn < 3; turn++) {
      moments m = weigh(p, l, inverse, 0);
      if (!(m.qq > 0)) break;
      float step = m.qx / m.qq, error = p->sum_wxx - m.qx * step;
      if (!(error < best.error)) break;
      best = (fit){step, 0, error};
      inverse = 1 / step;
    }
  }
  return best;
}

// The best step and minimum for x ~ step * level - minimum, levels 0...most.
static fit search_affine(const part *p, levels l, bool bound) {
  float least = p->x[0][0], most = least;
  for (int k = 0; k < p->vectors; k++) {
    for (int i = 0; i < 8; i++) {
      least = fminf(least, p->x[k][i]);
      most = fmaxf(most, p->x[k][i]);
    }
  }
  if (bound && least > 0) least = 0;
  float spread = most - least;
  fit best = {0, bound ? fmaxf(0, -p->sum_wx / p->sum_w) : -p->sum_wx / p->sum_w, 0};
  best.error = error_of(p, (moments){0, 0, 0}, 0, best.minimum);
  if (spread < 0x1p-120f) return best;
  // Both ends move inwards up to an eighth, and outwards a little.
  enum { STARTS = 8 };
  for (int start = 0; start < STARTS * STARTS; start++) {
    float low = least + spread * (-0.02f + 0.02f * (float)(start % STARTS));
    float high = most - spread * (-0.02f + 0.02f * (float)(start / STARTS));
    if (bound && low > 0) low = 0;
    float inverse = l.most / (high - low), minimum = -low;
    for (int turn = 0; turn < 3; turn++) {
      fit f = solve(p, weigh(p, l, inverse, minimum), bound);
      if (!(f.error < best.error) || !(f.step > 0)) break;
      best = f;
      inverse = 1 / f.step;
      minimum = f.minimum;
    }
  }
  return best;
}

// ---------------------------------------------------------------------------------------------------------------------
// Codes

INLINE float safe_inverse(float step) {
  float value = step == 0 ? 0 : 1 / step;
  return isfinite(value) ? value : 0;
}

static uint8_t code_of_level(bool codebook, int zero, float level) {
  if (!codebook) return (uint8_t)((int)level + zero);
  int code = 0;
  while (code < 15 && (float)fk_codebook[code] < level) code++;
  return (uint8_t)code;
}

// Codes for a part whose step and minimum are final.
static void put_codes(const part *p, levels l, int zero, float step, float minimum, uint8_t *codes) {
  float inverse = safe_inverse(step);
  for (int k = 0; k < p->vectors; k++) {
    f32x8 level = choose(l, (p->x[k] + all(minimum)) * all(inverse));
    for (int i = 0; i < 8; i++) codes[8 * k + i] = code_of_level(l.codebook, zero, level[i]);
  }
}

INLINE uint16_t half_of(float value) {
  return fk_f32_to_f16(value > 65504 ? 65504 : value < -65504 ? -65504 : value);
}

static levels levels_of(const fk_code_kind *kind) {
  if (kind->has_codebook) return (levels){0, 0, true};
  return (levels){(float)-kind->zero, (float)(kind->levels - 1 - kind->zero), false};
}

static void set_groups(fk_code_block *block, int first, int count, float step, float minimum) {
  for (int g = first; g < first + count; g++) {
    block->step[g] = step;
    block->minimum[g] = minimum;
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Blocks of 32 with a scale in F16

static void search_plain(const fk_code_kind *kind, const float *x, const float *weights, fk_code_block *block) {
  part p = load_part(x, weights, 32);
  levels l = levels_of(kind);
  fit f = kind->has_minimum ? search_affine(&p, l, false) : search_symmetric(&p, l, kind->has_codebook ? 127 : (float)-l.least);
  float best = INFINITY;
  // Rounding to F16 moves the scale; codes are chosen for what is stored. Some more turns of both may still gain.
  for (int turn = 0; turn < 4; turn++) {
    uint16_t d = half_of(f.step), d_minimum = half_of(-f.minimum);
    float step = fk_f16_to_f32(d), minimum = kind->has_minimum ? -fk_f16_to_f32(d_minimum) : 0;
    moments m = weigh(&p, l, safe_inverse(step), minimum);
    float error = error_of(&p, m, step, minimum);
    if (!(error < best)) break;
    best = error;
    block->d = d;
    block->d_minimum = d_minimum;
    set_groups(block, 0, 2, step, minimum);
    if (kind->has_minimum) f = solve(&p, m, false);
    else if (m.qq > 0) f.step = m.qx / m.qq;
  }
  put_codes(&p, l, kind->zero, block->step[0], block->minimum[0], block->codes);
}

// ---------------------------------------------------------------------------------------------------------------------
// Super-blocks of 256

typedef struct {
  int parts;
  part p[16];
  fit ideal[16];
} super_block;

// Integers and factors of one attempt.
typedef struct {
  float d, d_minimum;
  int scale[16], minimum[16];
  moments m[16];
  float error;
} attempt;

INLINE int limited(float value, int least, int most) {
  float rounded = nearest(all(within(all(value), (float)least, (float)most)[0]))[0];
  return (int)rounded;
}

// The best pair of integers of one part under the factors of the attempt, among the neighbours of the ideal.
static float choose_pair(const super_block *s, int i, levels l, attempt *a, int limit, bool has_minimum) {
  const part *p = &s->p[i];
  float id = safe_inverse(a->d), id_minimum = safe_inverse(a->d_minimum), best = INFINITY;
  int scale = limited(s->ideal[i].step * id, has_minimum ? 0 : -limit - 1, limit);
  for (int ds = -1; ds <= 1; ds++) {
    int candidate = scale + ds;
    if (candidate > limit || candidate < (has_minimum ? 0 : -limit - 1)) continue;
    float step = a->d * (float)candidate, inverse = safe_inverse(step);
    int least = 0, most = 0;
    if (has_minimum) {
      // The best minimum for this step: once round by the codes that the ideal one gives.
      moments m = weigh(p, l, inverse, s->ideal[i].minimum);
      int middle = limited((step * m.q - p->sum_wx) / p->sum_w * id_minimum, 0, 63);
      least = middle > 0 ? middle - 1 : 0;
      most = middle < 63 ? middle + 1 : 63;
    }
    for (int minimum = least; minimum <= most; minimum++) {
      float offset = a->d_minimum * (float)minimum;
      moments m = weigh(p, l, inverse, offset);
      float error = error_of(p, m, step, offset);
      if (error < best) {
        best = error;
        a->scale[i] = candidate;
        a->minimum[i] = minimum;
        a->m[i] = m;
      }
    }
  }
  return best;
}

// The factors that are best for the integers and codes of an attempt: x ~ d * (scale * level) - d_minimum * minimum.
static void solve_factors(const super_block *s, attempt *a, bool has_minimum) {
  double qq = 0, qn = 0, nn = 0, qx = 0, nx = 0;
  for (int i = 0; i < s->parts; i++) {
    double scale = a->scale[i], minimum = a->minimum[i];
    qq += scale * scale * (double)a->m[i].qq;
    qn += scale * minimum * (double)a->m[i].q;
    nn += minimum * minimum * (double)s->p[i].sum_w;
    qx += scale * (double)a->m[i].qx;
    nx += minimum * (double)s->p[i].sum_wx;
  }
  double determinant = qq * nn - qn * qn;
  if (has_minimum && determinant > 1e-9 * qq * nn) {
    double d = (qx * nn - nx * qn) / determinant, d_minimum = (qx * qn - nx * qq) / determinant;
    if (d > 0 && d_minimum >= 0) {
      a->d = (float)d;
      a->d_minimum = (float)d_minimum;
      return;
    }
  }
  if (qq > 0) a->d = (float)((qx + (double)a->d_minimum * qn) / qq);
}

// Turns of integers and factors from one start, down to where nothing improves. Factors are those of F16.
static void descend(const super_block *s, levels l, attempt *a, int limit, bool has_minimum) {
  attempt now = *a;
  a->error = INFINITY;
  for (int turn = 0; turn < 5; turn++) {
    now.d = fk_f16_to_f32(half_of(now.d));
    now.d_minimum = fk_f16_to_f32(half_of(now.d_minimum));
    now.error = 0;
    for (int i = 0; i < s->parts; i++) now.error += choose_pair(s, i, l, &now, limit, has_minimum);
    if (!(now.error < a->error)) break;
    *a = now;
    solve_factors(s, &now, has_minimum);
  }
}

// Integers and codes of part i of the attempt become part `part` of the block.
static void put_part(const fk_code_kind *kind, const super_block *s, const attempt *a, int i, int part,
                     fk_code_block *block) {
  int groups = kind->group / FK_CODE_GROUP;
  block->scales[part] = (int16_t)a->scale[i];
  if (kind->has_minimum) block->minima[part] = (uint8_t)a->minimum[i];
  float step = a->d * (float)a->scale[i], minimum = a->d_minimum * (float)a->minimum[i];
  set_groups(block, groups * part, groups, step, minimum);
  put_codes(&s->p[i], levels_of(kind), kind->zero, step, minimum, block->codes + kind->group * part);
}

static void search_super(const fk_code_kind *kind, const float *x, const float *weights, fk_code_block *block) {
  levels l = levels_of(kind);
  bool has_minimum = kind->has_minimum;
  super_block s = {.parts = 256 / kind->group};
  float extreme_step = 0, largest_minimum = 0;
  for (int i = 0; i < s.parts; i++) {
    s.p[i] = load_part(x + kind->group * i, weights + kind->group * i, kind->group);
    s.ideal[i] = has_minimum ? search_affine(&s.p[i], l, true) : search_symmetric(&s.p[i], l, -l.least);
    if (fabsf(s.ideal[i].step) > fabsf(extreme_step)) extreme_step = s.ideal[i].step;
    largest_minimum = fmaxf(largest_minimum, s.ideal[i].minimum);
  }
  attempt best = {.error = INFINITY};
  // The largest ideal meets the largest integer, or one somewhat below or beyond it.
  static const float ends[5] = {1.0f, 0.97f, 0.93f, 1.04f, 0.88f};
  int starts = has_minimum ? 9 : 3;
  for (int start = 0; start < starts; start++) {
    attempt a = {.d = extreme_step / ((has_minimum ? 63 : -128) * ends[has_minimum ? start / 3 : start]),
                 .d_minimum = has_minimum ? largest_minimum / (63 * ends[start % 3]) : 0};
    descend(&s, l, &a, kind->scale_limit, has_minimum);
    if (a.error < best.error) best = a;
  }
  block->d = half_of(best.d);
  block->d_minimum = half_of(best.d_minimum);
  for (int i = 0; i < s.parts; i++) put_part(kind, &s, &best, i, i, block);
}

// ---------------------------------------------------------------------------------------------------------------------

// Weights whose sums neither overflow nor vanish, and of which none is nothing: scaled to a mean of 1, at least 1e-4.
static void condition(const float *weights, int count, float *to) {
  double sum = 0;
  for (int i = 0; i < count; i++) sum += (double)weights[i];
  float mean = (float)(sum / count);
  for (int i = 0; i < count; i++) {
    float value = mean > 0 ? weights[i] / mean : 1;
    to[i] = value > 1e-4f ? value : 1e-4f;
  }
}

void fk_search_block(fk_layout layout, const float *x, const float *weights, fk_code_block *block) {
  const fk_code_kind *kind = fk_code_kind_of(layout);
  float conditioned[256], largest = 0;
  condition(weights, kind->block, conditioned);
  fk_round_block(layout, x, block);
  for (int i = 0; i < kind->block; i++) largest = fmaxf(largest, fabsf(x[i]));
  // Squares of the numbers must be ordinary floats. Beyond (F16 has no scale for them, or nearly) rounding is enough.
  if (largest < 0x1p-40f || largest > 0x1p40f) return;
  fk_code_block found = *block;
  if (kind->block == 32) search_plain(kind, x, conditioned, &found);
  else search_super(kind, x, conditioned, &found);
  if (fk_block_error(layout, &found, x, conditioned) < fk_block_error(layout, block, x, conditioned)) *block = found;
}

void fk_search_group(fk_layout layout, const float *x, const float *weights, int part, fk_code_block *block) {
  const fk_code_kind *kind = fk_code_kind_of(layout);
  levels l = levels_of(kind);
  float conditioned[32];
  condition(weights, kind->group, conditioned);
  super_block s = {.parts = 1};
  s.p[0] = load_part(x, conditioned, kind->group);
  if (!(s.p[0].sum_wxx > 0x1p-80f && s.p[0].sum_wxx < 0x1p80f)) return;
  s.ideal[0] = kind->has_minimum ? search_affine(&s.p[0], l, true) : search_symmetric(&s.p[0], l, -l.least);
  attempt a = {.d = fk_f16_to_f32(block->d), .d_minimum = kind->has_minimum ? fk_f16_to_f32(block->d_minimum) : 0};
  // The best fit of this part alone may be none under the block's factors: then the part stays as it is.
  int group = part * kind->group / FK_CODE_GROUP;
  float step = block->step[group], minimum = block->minimum[group];
  float now = error_of(&s.p[0], weigh(&s.p[0], l, safe_inverse(step), minimum), step, minimum);
  if (choose_pair(&s, 0, l, &a, kind->scale_limit, kind->has_minimum) < now) put_part(kind, &s, &a, 0, part, block);
}
