// Rounding to nearest, and the bytes of a file's blocks. The formats are facts of GGUF; pack.c reads what this writes.

#include "quantize.h"

#include <math.h>
#include <string.h>

#include "layouts.h"

// ---------------------------------------------------------------------------------------------------------------------
// Kinds

const fk_code_kind *fk_code_kind_of(fk_layout layout) {
  static const fk_code_kind s8 = {32, 255, 127, 32, false, false, 0};
  static const fk_code_kind u4z = {32, 16, 8, 32, false, false, 0}, u4m = {32, 16, 0, 32, true, false, 0};
  static const fk_code_kind u5z = {32, 32, 16, 32, false, false, 0}, u5m = {32, 32, 0, 32, true, false, 0};
  static const fk_code_kind u4k = {256, 16, 0, 32, true, false, 63}, u5k = {256, 32, 0, 32, true, false, 63};
  static const fk_code_kind u6s16 = {256, 64, 32, 16, false, false, 127};
  static const fk_code_kind c4 = {32, 16, 0, 32, false, true, 0};
  switch (layout) {
  case FK_LAYOUT_S8: return &s8;
  case FK_LAYOUT_U4Z: return &u4z;
  case FK_LAYOUT_U4M: return &u4m;
  case FK_LAYOUT_U5Z: return &u5z;
  case FK_LAYOUT_U5M: return &u5m;
  case FK_LAYOUT_U4K: return &u4k;
  case FK_LAYOUT_U5K: return &u5k;
  case FK_LAYOUT_U6S16: return &u6s16;
  case FK_LAYOUT_C4: return &c4;
  default: return NULL;
  }
}

float fk_largest_encodable(fk_layout layout) {
  const float half = 65504.0f;
  switch (layout) {
  case FK_LAYOUT_F32: return 0x1.fffffep127f;
  case FK_LAYOUT_BF16: return 0x1.fep127f;
  case FK_LAYOUT_S8:
  case FK_LAYOUT_C4: return half * 127;
  case FK_LAYOUT_U4Z: return half * 8;
  case FK_LAYOUT_U5Z: return half * 16;
  case FK_LAYOUT_U4K:
  case FK_LAYOUT_U5K: return half * 63;
  case FK_LAYOUT_U6S16: return half * 32 * 127;
  default: return half;
  }
}

size_t fk_first_beyond(const float *x, size_t count, float limit) {
  for (size_t i = 0; i < count; i++) {
    if (!(fabsf(x[i]) <= limit)) return i;
  }
  return count;
}

// ---------------------------------------------------------------------------------------------------------------------
// Rounding to nearest

// 1 / d, or 0 where d has no inverse that is a number: such a block is zero in F16 anyway.
static inline float inverse(float d) {
  float value = d == 0 ? 0 : 1 / d;
  return isfinite(value) ? value : 0;
}

static inline uint8_t clamp_code(float value, int levels) {
  int code = (int)value;  // towards zero; values are within some hundreds
  return (uint8_t)(code < 0 ? 0 : code >= levels ? levels - 1 : code);
}

static float extreme(const float *x, size_t count) {
  float largest = 0;
  for (size_t i = 0; i < count; i++) {
    if (fabsf(x[i]) > fabsf(largest)) largest = x[i];
  }
  return largest;
}

static void range(const float *x, size_t count, float *least, float *most) {
  *least = *most = x[0];
  for (size_t i = 1; i < count; i++) {
    if (x[i] < *least) *least = x[i];
    if (x[i] > *most) *most = x[i];
  }
}

static void fill_steps(fk_code_block *block, int first, int count, float step, float minimum) {
  for (int g = first; g < first + count; g++) {
    block->step[g] = step;
    block->minimum[g] = minimum;
  }
}

// The code whose place in the codebook is nearest; ties go to the lower.
static uint8_t nearest_in_codebook(float value) {
  int code = 0;
  while (code < 15 && value > 0.5f * (float)(fk_codebook[code] + fk_codebook[code + 1])) code++;
  return (uint8_t)code;
}

static void round_symmetric(const fk_code_kind *kind, const float *x, fk_code_block *block) {
  float d, most = extreme(x, 32);
  if (kind->levels == 255) {
    d = fabsf(most) / 127;
    float id = inverse(d);
    for (int i = 0; i < 32; i++) block->codes[i] = clamp_code(roundf(x[i] * id) + 127, 255);
  } else if (kind->has_codebook) {
    d = most / (float)fk_codebook[0];
    float id = inverse(d);
    for (int i = 0; i < 32; i++) block->codes[i] = nearest_in_codebook(x[i] * id);
  } else {
    d = most / (float)-kind->zero;
    float id = inverse(d), half = (float)kind->zero + 0.5f;
    for (int i = 0; i < 32; i++) block->codes[i] = clamp_code(x[i] * id + half, kind->levels);
  }
  block->d = fk_f32_to_f16(d);
  fill_steps(block, 0, 2, fk_f16_to_f32(block->d), 0);
}

static void round_affine(const fk_code_kind *kind, const float *x, fk_code_block *block) {
  float least, most;
  range(x, 32, &least, &most);
  float d = (most - least) / (float)(kind->levels - 1), id = inverse(d);
  for (int i = 0; i < 32; i++) block->codes[i] = clamp_code((x[i] - least) * id + 0.5f, kind->levels);
  block->d = fk_f32_to_f16(d);
  block->d_minimum = fk_f32_to_f16(least);
  fill_steps(block, 0, 2, fk_f16_to_f32(block->d), -fk_f16_to_f32(block->d_minimum));
}

static inline int clamp_scale(float value, int least, int most) {
  float rounded = roundf(value);
  return rounded < (float)least ? least : rounded > (float)most ? most : (int)rounded;
}

// Q4_K and Q5_K: minima are not above zero there, since both integers are unsigned.
static void round_k(const fk_code_kind *kind, const float *x, fk_code_block *block) {
  float steps[8], minima[8], largest_step = 0, largest_minimum = 0;
  for (int b = 0; b < 8; b++) {
    float least, most;
    range(x + 32 * b, 32, &least, &most);
    if (least > 0) least = 0;
    if (most < 0) most = 0;
    steps[b] = (most - least) / (float)(kind->levels - 1);
    minima[b] = -least;
    largest_step = fmaxf(largest_step, steps[b]);
    largest_minimum = fmaxf(largest_minimum, minima[b]);
  }
  block->d = fk_f32_to_f16(largest_step / 63);
  block->d_minimum = fk_f32_to_f16(largest_minimum / 63);
  float d = fk_f16_to_f32(block->d), d_minimum = fk_f16_to_f32(block->d_minimum);
  float id = inverse(d), id_minimum = inverse(d_minimum);
  for (int b = 0; b < 8; b++) {
    block->scales[b] = (int16_t)clamp_scale(steps[b] * id, 0, 63);
    block->minima[b] = (uint8_t)clamp_scale(minima[b] * id_minimum, 0, 63);
    float step = d * (float)block->scales[b], minimum = d_minimum * (float)block->minima[b], is = inverse(step);
    fill_steps(block, 2 * b, 2, step, minimum);
    for (int i = 32 * b; i < 32 * b + 32; i++) {
      block->codes[i] = clamp_code((x[i] + minimum) * is + 0.5f, kind->levels);
    }
  }
}

static void round_q6_k(const float *x, fk_code_block *block) {
  float steps[16], largest = 0;
  for (int g = 0; g < 16; g++) {
    steps[g] = extreme(x + 16 * g, 16) / -32;
    if (fabsf(steps[g]) > fabsf(largest)) largest = steps[g];
  }
  block->d = fk_f32_to_f16(largest / -128);
  float d = fk_f16_to_f32(block->d), id = inverse(d);
  for (int g = 0; g < 16; g++) {
    block->scales[g] = (int16_t)clamp_scale(steps[g] * id, -128, 127);
    float step = d * (float)block->scales[g], is = inverse(step);
    fill_steps(block, g, 1, step, 0);
    for (int i = 16 * g; i < 16 * g + 16; i++) block->codes[i] = clamp_code(x[i] * is + 32.5f, 64);
  }
}

void fk_round_block(fk_layout layout, const float *x, fk_code_block *block) {
  const fk_code_kind *kind = fk_code_kind_of(layout);
  if (layout == FK_LAYOUT_U6S16) round_q6_k(x, block);
  else if (kind->scale_limit) round_k(kind, x, block);
  else if (kind->has_minimum) round_affine(kind, x, block);
  else round_symmetric(kind, x, block);
}

// ---------------------------------------------------------------------------------------------------------------------
// Decoding, and errors

void fk_decode_block(fk_layout layout, const fk_code_block *block, float *to) {
  const fk_code_kind *kind = fk_code_kind_of(layout);
  for (int i = 0; i < kind->block; i++) {
    int g = i / FK_CODE_GROUP;
    float code = kind->has_codebook ? (float)fk_codebook[block->codes[i]] : (float)(block->codes[i] - kind->zero);
    to[i] = block->step[g] * code - block->minimum[g];
  }
}

float fk_block_error(fk_layout layout, const fk_code_block *block, const float *x, const float *weights) {
  float decoded[256];
  fk_decode_block(layout, block, decoded);
  float sums[8] = {0};
  int count = fk_code_kind_of(layout)->block;
  for (int i = 0; i < count; i++) {
    float difference = x[i] - decoded[i];
    sums[i % 8] += weights[i] * difference * difference;
  }
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

// ---------------------------------------------------------------------------------------------------------------------
// Bytes

static inline uint8_t *put_half(uint8_t *to, uint16_t bits) {
  to[0] = (uint8_t)bits;
  to[1] = (uint8_t)(bits >> 8);
  return to + 2;
}

// 16 bytes: column i beside column i + 16.
static void put_nibbles(const uint8_t *codes, uint8_t *to) {
  for (int i = 0; i < 16; i++) to[i] = (uint8_t)((codes[i] & 15) | (codes[i + 16] & 15) << 4);
}

static void put_five(const uint8_t *codes, uint8_t *to) {
  for (int i = 0; i < 4; i++) {
    unsigned bits = 0;
    for (int j = 0; j < 8; j++) bits |= (unsigned)(codes[8 * i + j] >> 4) << j;
    to[i] = (uint8_t)bits;
  }
  put_nibbles(codes, to + 4);
}

// Eight scales and eight minima of six bits in twelve bytes.
static void put_k_scales(const fk_code_block *block, uint8_t *to) {
  for (int j = 0; j < 4; j++) {
    unsigned s = (unsigned)block->scales[j], m = block->minima[j];
    unsigned s4 = (unsigned)block->scales[j + 4], m4 = block->minima[j + 4];
    to[j] = (uint8_t)(s | (s4 >> 4) << 6);
    to[j + 4] = (uint8_t)(m | (m4 >> 4) << 6);
    to[j + 8] = (uint8_t)((s4 & 15) | (m4 & 15) << 4);
  }
}

// Byte l of 32 holds column l of one sub-block in its low nibble and of the next in its high one.
static void put_k_nibbles(const uint8_t *codes, uint8_t *to) {
  for (int b = 0; b < 8; b += 2) {
    for (int i = 0; i < 32; i++) {
      to[16 * b + i] = (uint8_t)((codes[32 * b + i] & 15) | (codes[32 * b + 32 + i] & 15) << 4);
    }
  }
}

static void put_q6_k(const fk_code_block *block, uint8_t *to) {
  memset(to, 0, 192);
  for (int b = 0; b < 8; b++) {
    int half = b / 4, quarter = b % 4;
    for (int i = 0; i < 32; i++) {
      unsigned code = block->codes[32 * b + i];
      to[64 * half + 32 * (quarter & 1) + i] |= (uint8_t)((code & 15) << (4 * (quarter / 2)));
      to[128 + 32 * half + i] |= (uint8_t)((code >> 4) << (2 * quarter));
    }
  }
  for (int g = 0; g < 16; g++) to[192 + g] = (uint8_t)(int8_t)block->scales[g];
  put_half(to + 208, block->d);
}

void fk_write_block(fk_layout layout, const fk_code_block *block, uint8_t *to) {
  if (layout == FK_LAYOUT_U6S16) {
    put_q6_k(block, to);
    return;
  }
  to = put_half(to, block->d);
  if (fk_code_kind_of(layout)->has_minimum) to = put_half(to, block->d_minimum);
  switch (layout) {
  case FK_LAYOUT_S8:
    for (int i = 0; i < 32; i++) to[i] = (uint8_t)(block->codes[i] - 127);
    break;
  case FK_LAYOUT_U5Z:
  case FK_LAYOUT_U5M: put_five(block->codes, to); break;
  case FK_LAYOUT_U4K:
    put_k_scales(block, to);
    put_k_nibbles(block->codes, to + 12);
    break;
  case FK_LAYOUT_U5K:
    put_k_scales(block, to);
    for (int i = 0; i < 32; i++) {
      unsigned bits = 0;
      for (int b = 0; b < 8; b++) bits |= (unsigned)(block->codes[32 * b + i] >> 4) << b;
      to[12 + i] = (uint8_t)bits;
    }
    put_k_nibbles(block->codes, to + 44);
    break;
  default: put_nibbles(block->codes, to); break;
  }
}

static uint16_t bf16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)((bits >> 16) | 64);  // not a number stays one
  return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

static void encode_floats(fk_layout layout, const float *x, size_t count, uint8_t *to) {
  if (layout == FK_LAYOUT_F32) {
    memcpy(to, x, 4 * count);
    return;
  }
  for (size_t i = 0; i < count; i++) put_half(to + 2 * i, layout == FK_LAYOUT_F16 ? fk_f32_to_f16(x[i]) : bf16(x[i]));
}

// The weights of a block where nothing is known of the activations: large weights matter more than their square error
// says, since they were trained to be large; the mean keeps small ones from vanishing.
static void default_weights(const float *x, int count, float *weights) {
  float sum = 0;
  for (int i = 0; i < count; i++) sum += x[i] * x[i];
  float deviation = sqrtf(2 * sum / (float)count);
  for (int i = 0; i < count; i++) weights[i] = deviation + fabsf(x[i]);
}

void fk_encode_rows(fk_layout layout, fk_rounding rounding, const float *x, size_t rows, size_t columns,
                    const float *importance, uint8_t *to) {
  const fk_code_kind *kind = fk_code_kind_of(layout);
  if (!kind) {
    encode_floats(layout, x, rows * columns, to);
    return;
  }
  size_t bytes = fk_layout_file_bytes(layout), width = (size_t)kind->block;
  fk_code_block block;
  float weights[256];
  for (size_t row = 0; row < rows; row++) {
    for (size_t column = 0; column < columns; column += width, x += width, to += bytes) {
      if (rounding == FK_ROUND_NEAREST) {
        fk_round_block(layout, x, &block);
      } else {
        default_weights(x, kind->block, weights);
        if (importance) memcpy(weights, importance + column, width * sizeof(float));
        fk_search_block(layout, x, weights, &block);
      }
      fk_write_block(layout, &block, to);
    }
  }
}
