// Error compensation; compensate.h says what it does.

#include "compensate.h"

#include <math.h>
#include <string.h>

#include "layouts.h"
#include "vectors.h"

#pragma clang diagnostic ignored "-Wpsabi"

// ---------------------------------------------------------------------------------------------------------------------
// Vectors of any length, in a fixed order of sums

static float dot(const float *a, const float *b, size_t count) {
  f32x8 sums[2] = {{0}, {0}};
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    f32x8 a0, a1, b0, b1;
    memcpy(&a0, a + i, 32);
    memcpy(&a1, a + i + 8, 32);
    memcpy(&b0, b + i, 32);
    memcpy(&b1, b + i + 8, 32);
    sums[0] += a0 * b0;
    sums[1] += a1 * b1;
  }
  f32x8 s = sums[0] + sums[1];
  float sum = ((s[0] + s[4]) + (s[1] + s[5])) + ((s[2] + s[6]) + (s[3] + s[7]));
  for (; i < count; i++) sum += a[i] * b[i];
  return sum;
}

// y -= factor * x
static void subtract(float factor, const float *x, size_t count, float *y) {
  for (size_t i = 0; i < count; i++) y[i] -= factor * x[i];
}

// ---------------------------------------------------------------------------------------------------------------------
// Order and factors

static float mean_moment(const float *moments, size_t columns, size_t first, size_t count) {
  float sum = 0;
  for (size_t i = first; i < first + count; i++) sum += moments[i * columns + i];
  return sum / (float)count;
}

// Sorts runs of `width` columns within first ..< first + count by falling moments; `order` holds their columns.
static void sort_runs(const float *moments, size_t columns, size_t first, size_t count, size_t width, uint32_t *order) {
  for (size_t run = 1; run < count / width; run++) {
    uint32_t moved[256];
    memcpy(moved, order + first + run * width, width * sizeof(uint32_t));
    float key = mean_moment(moments, columns, moved[0], width);
    size_t place = run;
    while (place > 0 && mean_moment(moments, columns, order[first + (place - 1) * width], width) < key) {
      memcpy(order + first + place * width, order + first + (place - 1) * width, width * sizeof(uint32_t));
      place--;
    }
    memcpy(order + first + place * width, moved, width * sizeof(uint32_t));
  }
}

void fk_visit_order(fk_layout layout, const float *moments, size_t columns, uint32_t *order) {
  const fk_code_kind *kind = fk_code_kind_of(layout);
  size_t block = (size_t)kind->block, group = (size_t)kind->group;
  for (size_t i = 0; i < columns; i++) order[i] = (uint32_t)i;
  // From the outside in: at each level the runs are still in their natural order inside.
  sort_runs(moments, columns, 0, columns, block, order);
  for (size_t b = 0; b < columns; b += block) {
    sort_runs(moments, columns, b, block, group, order);
    for (size_t g = b; g < b + block; g += group) sort_runs(moments, columns, g, group, 1, order);
  }
}

bool fk_factor_moments(const float *moments, size_t columns, const uint32_t *order, double *work, float *feedback,
                       float *pivots) {
  for (size_t p = 0; p < columns; p++) {
    double *row = work + p * (p + 1) / 2;
    for (size_t j = 0; j <= p; j++) row[j] = (double)moments[(size_t)order[p] * columns + order[j]];
  }
  // Right-looking, from the last visit to the first, on the lower triangle alone: row p begins at p (p + 1) / 2.
  for (size_t p = columns; p-- > 0;) {
    double *row = work + p * (p + 1) / 2, pivot = row[p];
    if (!(pivot > 0)) return false;
    pivots[p] = (float)pivot;
    for (size_t i = 0; i < p; i++) {
      double factor = row[i] / pivot, *other = work + i * (i + 1) / 2;
      for (size_t j = 0; j <= i; j++) other[j] -= factor * row[j];
    }
    for (size_t j = 0; j < p; j++) feedback[p * columns + j] = (float)(row[j] / pivot);
    for (size_t j = p; j < columns; j++) feedback[p * columns + j] = 0;
  }
  return true;
}

// ---------------------------------------------------------------------------------------------------------------------
// One row

enum { ROW_BUFFERS = 5 };

// Scratch of a row: errors by visit and by column, the gradient H e, and the blocks.
typedef struct {
  const fk_compensation *c;
  const fk_code_kind *kind;
  const float *x;
  float *wanted;    // [columns] the row w C H^-1
  float *visited;   // [columns] errors in the order of visits
  float *base;      // [columns] what errors of earlier blocks add
  float *error;     // [columns] x - decoded
  float *gradient;  // [columns] H error
  fk_code_block *blocks;
} row_state;

size_t fk_compensation_scratch(fk_layout layout, size_t columns) {
  size_t floats = (ROW_BUFFERS * columns * sizeof(float) + 31) / 32 * 32;
  return floats + columns / (size_t)fk_code_kind_of(layout)->block * sizeof(fk_code_block);
}

static inline float level_of(const fk_code_kind *kind, int code) {
  return kind->has_codebook ? (float)fk_codebook[code] : (float)(code - kind->zero);
}

static inline int nearest_code(const fk_code_kind *kind, float value, float step, float minimum) {
  if (step == 0) return kind->zero;
  float scaled = (value + minimum) / step;
  if (kind->has_codebook) {
    int code = 0;
    while (code < 15 && scaled > 0.5f * (float)(fk_codebook[code] + fk_codebook[code + 1])) code++;
    return code;
  }
  scaled += (float)kind->zero;
  float most = (float)(kind->levels - 1);
  scaled = scaled > 0 ? scaled : 0;
  return (int)((scaled < most ? scaled : most) + 0.5f);
}

static inline float decoded(const fk_code_kind *kind, const fk_code_block *block, size_t at) {
  size_t g = at / FK_CODE_GROUP;
  return block->step[g] * level_of(kind, block->codes[at]) - block->minimum[g];
}

// Rounds the columns of one group after the errors before them: visits first ..< first + group of a block that begins
// at visit `start`.
static void round_group(row_state *s, size_t start, size_t first, fk_code_block *block) {
  const fk_compensation *c = s->c;
  for (size_t p = first; p < first + (size_t)s->kind->group; p++) {
    size_t column = c->order[p], at = column % (size_t)s->kind->block, g = at / FK_CODE_GROUP;
    float target = s->x[column] + s->base[p] + dot(c->feedback + p * c->columns + start, s->visited + start, p - start);
    block->codes[at] = (uint8_t)nearest_code(s->kind, target, block->step[g], block->minimum[g]);
    s->visited[p] = s->x[column] - decoded(s->kind, block, at);
  }
}

// Scales from the targets as they are before the block, then its codes group by group.
static void round_block(row_state *s, size_t start) {
  const fk_compensation *c = s->c;
  size_t width = (size_t)s->kind->block, group = (size_t)s->kind->group;
  fk_code_block *block = s->blocks + c->order[start] / width;
  float targets[256], weights[256];
  for (size_t p = start; p < start + width; p++) {
    s->base[p] = dot(c->feedback + p * c->columns, s->visited, start);
    targets[c->order[p] % width] = s->x[c->order[p]] + s->base[p];
    weights[c->order[p] % width] = c->pivots[p];
  }
  fk_search_block(c->layout, targets, weights, block);
  for (size_t first = start; first < start + width; first += group) {
    if (first > start) {
      // The group's own scale may follow what the groups before it have added.
      size_t place = c->order[first] % width / group * group;
      for (size_t p = first; p < first + group; p++) {
        targets[c->order[p] % width] =
            s->x[c->order[p]] + s->base[p] + dot(c->feedback + p * c->columns + start, s->visited + start, first - start);
      }
      fk_search_group(c->layout, targets + place, weights + place, (int)(place / group), block);
    }
    round_group(s, start, first, block);
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Coordinate descent on (x - q) H (x - q)^T

// The error of `count` columns from `first` changes by -change[i]; the gradient follows.
static void apply(row_state *s, size_t first, size_t count, const float *change) {
  for (size_t i = 0; i < count; i++) {
    if (change[i] == 0) continue;
    s->error[first + i] -= change[i];
    subtract(change[i], s->c->moments + (first + i) * s->c->columns, s->c->columns, s->gradient);
  }
}

// a^T H b over some columns.
static float product(const row_state *s, size_t first, size_t count, const float *a, const float *b) {
  float sum = 0;
  for (size_t i = 0; i < count; i++) {
    if (a[i] != 0) sum += a[i] * dot(s->c->moments + (first + i) * s->c->columns + first, b, count);
  }
  return sum;
}

static bool move_codes(row_state *s, size_t index) {
  size_t width = (size_t)s->kind->block, columns = s->c->columns;
  fk_code_block *block = s->blocks + index;
  bool moved = false;
  for (size_t at = 0; at < width; at++) {
    size_t column = index * width + at, g = at / FK_CODE_GROUP;
    float now = decoded(s->kind, block, at);
    float wanted = now + s->gradient[column] / s->c->moments[column * columns + column];
    int code = nearest_code(s->kind, wanted, block->step[g], block->minimum[g]);
    if (code == block->codes[at]) continue;
    block->codes[at] = (uint8_t)code;
    float change = decoded(s->kind, block, at) - now;
    apply(s, column, 1, &change);
    moved = true;
  }
  return moved;
}

// How the error depends on two numbers a and b that `count` columns share, as a * along[i] - b * across[i].
typedef struct {
  float along[256], across[256];
  float aa, ab, bb, ga, gb;
} plane;

static void measure(const row_state *s, size_t first, size_t count, bool both, plane *p) {
  p->aa = product(s, first, count, p->along, p->along);
  p->ga = dot(p->along, s->gradient + first, count);
  p->ab = p->bb = p->gb = 0;
  if (!both) return;
  p->ab = -product(s, first, count, p->along, p->across);
  p->bb = product(s, first, count, p->across, p->across);
  p->gb = -dot(p->across, s->gradient + first, count);
}

// What the square error gains by moving a and b; below zero is better.
static float gain(const plane *p, float a, float b) {
  return a * (a * p->aa - 2 * p->ga) + b * (b * p->bb - 2 * p->gb) + 2 * a * b * p->ab;
}

static void best_move(const plane *p, float *a, float *b) {
  float determinant = p->aa * p->bb - p->ab * p->ab;
  *a = p->aa > 0 ? p->ga / p->aa : 0;
  *b = 0;
  if (determinant > 1e-4f * p->aa * p->bb) {
    *a = (p->ga * p->bb - p->gb * p->ab) / determinant;
    *b = (p->gb * p->aa - p->ga * p->ab) / determinant;
  }
}

static void move_along(row_state *s, size_t first, size_t count, const plane *p, float a, float b) {
  float change[256];
  for (size_t i = 0; i < count; i++) change[i] = a * p->along[i] - b * p->across[i];
  apply(s, first, count, change);
}

static inline uint16_t half_within(float value) {
  return fk_f32_to_f16(value > 65504 ? 65504 : value < -65504 ? -65504 : value);
}

// Scale and minimum of the block in F16, whatever they multiply: levels, or integer scales times levels.
static void move_factors(row_state *s, size_t index) {
  const fk_code_kind *kind = s->kind;
  size_t width = (size_t)kind->block, first = index * width;
  fk_code_block *block = s->blocks + index;
  bool super = kind->scale_limit > 0;
  plane p;
  for (size_t at = 0; at < width; at++) {
    size_t part = at / (size_t)kind->group;
    p.along[at] = level_of(kind, block->codes[at]) * (super ? (float)block->scales[part] : 1);
    p.across[at] = !kind->has_minimum ? 0 : super ? (float)block->minima[part] : 1;
  }
  measure(s, first, width, kind->has_minimum, &p);
  float a, b, d = fk_f16_to_f32(block->d);
  // Q4_1 and Q5_1 store the minimum with its sign, K-quants what is subtracted.
  float sign = super ? 1 : -1, m = kind->has_minimum ? sign * fk_f16_to_f32(block->d_minimum) : 0;
  best_move(&p, &a, &b);
  uint16_t d_bits = half_within(d + a), m_bits = half_within(sign * (m + b));
  float new_d = fk_f16_to_f32(d_bits), new_m = kind->has_minimum ? sign * fk_f16_to_f32(m_bits) : 0;
  if (new_d == 0 || (super && new_m < 0) || !(gain(&p, new_d - d, new_m - m) < 0)) return;
  block->d = d_bits;
  if (kind->has_minimum) block->d_minimum = m_bits;
  for (size_t g = 0; g < width / FK_CODE_GROUP; g++) {
    size_t part = g * FK_CODE_GROUP / (size_t)kind->group;
    block->step[g] = new_d * (super ? (float)block->scales[part] : 1);
    block->minimum[g] = !kind->has_minimum ? 0 : new_m * (super ? (float)block->minima[part] : 1);
  }
  move_along(s, first, width, &p, new_d - d, new_m - m);
}

// The integer scale and minimum of one part of a super-block.
static void move_integers(row_state *s, size_t index, size_t part) {
  const fk_code_kind *kind = s->kind;
  size_t group = (size_t)kind->group, start = part * group, first = index * (size_t)kind->block + start;
  fk_code_block *block = s->blocks + index;
  float d = fk_f16_to_f32(block->d), dm = kind->has_minimum ? fk_f16_to_f32(block->d_minimum) : 0;
  plane p;
  for (size_t i = 0; i < group; i++) {
    p.along[i] = d * level_of(kind, block->codes[start + i]);
    p.across[i] = dm;
  }
  measure(s, first, group, dm != 0, &p);
  float a, b, best = 0;
  best_move(&p, &a, &b);
  int least = kind->has_minimum ? 0 : -128, limit = kind->scale_limit, da = 0, db = 0;
  float middle_a = fminf(fmaxf(floorf(a), -300), 300), middle_b = fminf(fmaxf(floorf(b), -300), 300);
  for (int step = 0; step < 4; step++) {
    int ca = (int)middle_a + (step & 1), cb = dm != 0 ? (int)middle_b + (step >> 1) : 0;
    int scale = block->scales[part] + ca, minimum = (kind->has_minimum ? block->minima[part] : 0) + cb;
    if (scale < least || scale > limit || minimum < 0 || minimum > 63) continue;
    float change = gain(&p, (float)ca, (float)cb);
    if (change < best) {
      best = change;
      da = ca;
      db = cb;
    }
  }
  if (da == 0 && db == 0) return;
  block->scales[part] = (int16_t)(block->scales[part] + da);
  if (kind->has_minimum) block->minima[part] = (uint8_t)(block->minima[part] + db);
  for (size_t g = start / FK_CODE_GROUP; g < (start + group) / FK_CODE_GROUP; g++) {
    block->step[g] = d * (float)block->scales[part];
    block->minimum[g] = kind->has_minimum ? dm * (float)block->minima[part] : 0;
  }
  move_along(s, first, group, &p, (float)da, (float)db);
}

static void refresh(row_state *s) {
  size_t columns = s->c->columns, width = (size_t)s->kind->block;
  for (size_t i = 0; i < columns; i++) s->error[i] = s->x[i] - decoded(s->kind, s->blocks + i / width, i % width);
  for (size_t i = 0; i < columns; i++) s->gradient[i] = dot(s->c->moments + i * columns, s->error, columns);
}

static void descend(row_state *s) {
  size_t blocks = s->c->columns / (size_t)s->kind->block, parts = (size_t)(s->kind->block / s->kind->group);
  refresh(s);
  for (int sweep = 0; sweep < s->c->sweeps; sweep++) {
    bool moved = false;
    for (size_t b = 0; b < blocks; b++) {
      moved |= move_codes(s, b);
      if (s->kind->scale_limit) {
        for (size_t part = 0; part < parts; part++) move_integers(s, b, part);
      }
      move_factors(s, b);
    }
    if (!moved) break;
  }
}

// Replaces the row by w C H^-1, through H = U D U^T in the order of visits.
static void correct(row_state *s) {
  const fk_compensation *c = s->c;
  size_t columns = c->columns;
  float *sum = s->gradient, *z = s->visited;
  memset(sum, 0, columns * sizeof(float));
  for (size_t i = 0; i < columns; i++) subtract(-s->x[i], c->cross + i * columns, columns, sum);
  for (size_t p = 0; p < columns; p++) z[p] = sum[c->order[p]];
  for (size_t p = columns; p-- > 0;) subtract(z[p], c->feedback + p * columns, p, z);
  for (size_t p = 0; p < columns; p++) z[p] = z[p] / c->pivots[p] - dot(c->feedback + p * columns, z, p);
  for (size_t p = 0; p < columns; p++) s->wanted[c->order[p]] = z[p];
  s->x = s->wanted;
}

void fk_compensate_rows(const fk_compensation *c, const float *x, size_t rows, void *scratch, uint8_t *destination) {
  const fk_code_kind *kind = fk_code_kind_of(c->layout);
  size_t width = (size_t)kind->block, blocks = c->columns / width, bytes = fk_layout_file_bytes(c->layout);
  float *floats = scratch;
  row_state s = {.c = c, .kind = kind, .visited = floats, .base = floats + c->columns};
  s.error = floats + 2 * c->columns;
  s.gradient = floats + 3 * c->columns;
  s.wanted = floats + 4 * c->columns;
  s.blocks = (fk_code_block *)(void *)((uint8_t *)scratch + (ROW_BUFFERS * c->columns * sizeof(float) + 31) / 32 * 32);
  for (size_t row = 0; row < rows; row++) {
    s.x = x + row * c->columns;
    if (c->cross) correct(&s);
    for (size_t p = 0; p < c->columns; p += width) round_block(&s, p);
    if (c->sweeps > 0) descend(&s);
    for (size_t b = 0; b < blocks; b++, destination += bytes) fk_write_block(c->layout, s.blocks + b, destination);
  }
}
