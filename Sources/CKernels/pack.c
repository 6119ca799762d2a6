// Packing file blocks into groups of eight rows, and decoding them again. Plain C: packing runs once, at load.
// The formats of the blocks are facts of GGUF; each function names its format and order of fields.

#include <string.h>

#include "layouts.h"

const int8_t fk_codebook[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

// ---------------------------------------------------------------------------------------------------------------------
// Half precision

float fk_f16_to_f32(uint16_t bits) {
  uint32_t sign = (uint32_t)(bits & 0x8000) << 16;
  uint32_t exponent = (bits >> 10) & 0x1f, fraction = bits & 0x3ff;
  uint32_t out;
  if (exponent == 0x1f) {
    out = sign | 0x7f800000 | (fraction << 13);
  } else if (exponent != 0) {
    out = sign | ((exponent + 112) << 23) | (fraction << 13);
  } else {
    float value = (float)fraction * 0x1p-24f;  // subnormal: exact
    memcpy(&out, &value, 4);
    out |= sign;
  }
  float result;
  memcpy(&result, &out, 4);
  return result;
}

uint16_t fk_f32_to_f16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  uint16_t sign = (uint16_t)((bits >> 16) & 0x8000);
  bits &= 0x7fffffff;
  if (bits > 0x7f800000) return (uint16_t)(sign | 0x7e00);   // not a number
  if (bits >= 0x477ff000) return (uint16_t)(sign | 0x7c00);  // rounds to infinity
  if (bits < 0x38800000) {                                   // subnormal: let the float adder round at 2^-24
    float magnitude;
    memcpy(&magnitude, &bits, 4);
    magnitude += 0.5f;
    uint32_t rounded;
    memcpy(&rounded, &magnitude, 4);
    return (uint16_t)(sign | (rounded - 0x3f000000));
  }
  uint32_t odd = (bits >> 13) & 1;
  bits += 0xc8000fff + odd;  // re-bias the exponent by -112, add half an ulp less one, and the tie's parity
  return (uint16_t)(sign | (bits >> 13));
}

static inline float bf16_to_f32(uint16_t bits) {
  uint32_t wide = (uint32_t)bits << 16;
  float value;
  memcpy(&value, &wide, 4);
  return value;
}

static inline fk_half load_half(const uint8_t *bytes) {
  fk_half value;
  memcpy(&value, bytes, 2);
  return value;
}

// ---------------------------------------------------------------------------------------------------------------------
// Codes of one row, out of and into the vectors of a group. On the way in, word k of eight holds columns 4k..4k+3, the
// first in its lowest byte, which is how a group wants them: four bytes are shifted and masked at a time.

static inline uint32_t load_word(const uint8_t *bytes) {
  uint32_t word;
  memcpy(&word, bytes, 4);
  return word;
}

static inline void put_word(uint8_t *vector, size_t row, uint32_t word) { memcpy(vector + 4 * row, &word, 4); }

// BITS (a mask, once for each byte) from bit SHIFT on of four bytes.
static inline uint32_t bits_of(uint32_t word, size_t shift, uint32_t bits) {
  return (word >> shift) & (bits * 0x01010101u);
}

static inline void put_codes4(fk_codes4 *to, size_t row, const uint32_t words[8]) {
  for (size_t p = 0; p < 4; p++) {
    put_word(to->nibbles[p], row, bits_of(words[p], 0, 15) | bits_of(words[p + 4], 0, 15) << 4);
  }
}

// The 16 bytes of a legacy block already hold column i beside column i + 16.
static inline void put_nibbles(fk_codes4 *to, size_t row, const uint8_t bytes[16]) {
  for (size_t p = 0; p < 4; p++) put_word(to->nibbles[p], row, load_word(bytes + 4 * p));
}

static inline void get_codes4(const fk_codes4 *from, size_t row, uint8_t codes[32]) {
  for (size_t i = 0; i < 16; i++) {
    uint8_t byte = from->nibbles[i / 4][4 * row + i % 4];
    codes[i] = byte & 15;
    codes[i + 16] = byte >> 4;
  }
}

static inline void put_codes5(fk_codes5 *to, size_t row, const uint32_t words[8]) {
  put_codes4(&to->low, row, words);
  uint32_t high = 0;
  for (size_t k = 0; k < 8; k++) high |= bits_of(words[k], 4, 1) << k;
  put_word(to->high, row, high);
}

static inline void get_codes5(const fk_codes5 *from, size_t row, uint8_t codes[32]) {
  get_codes4(&from->low, row, codes);
  // Copied first: under the sanitizer for undefined behaviour clang 21 otherwise loads 16 bytes, past the end of `high`.
  uint8_t high[4];
  memcpy(high, from->high + 4 * row, 4);
  for (size_t i = 0; i < 32; i++) codes[i] |= (uint8_t)(((high[i % 4] >> (i / 4)) & 1) << 4);
}

static inline void put_codes6(fk_codes6 *to, size_t row, const uint32_t words[8]) {
  put_codes4(&to->low, row, words);
  for (size_t half = 0; half < 2; half++) {
    uint32_t high = 0;
    for (size_t k = 0; k < 4; k++) high |= bits_of(words[4 * half + k], 4, 3) << (2 * k);
    put_word(to->high[half], row, high);
  }
}

static inline void get_codes6(const fk_codes6 *from, size_t row, uint8_t codes[32]) {
  get_codes4(&from->low, row, codes);
  for (size_t i = 0; i < 32; i++) {
    codes[i] |= (uint8_t)(((from->high[i / 16][4 * row + i % 4] >> (2 * (i / 4 % 4))) & 3) << 4);
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// File blocks, one row at a time

// Six-bit scale and minimum j (0...7) of Q4_K and Q5_K, spread over twelve bytes.
static inline void k_scale(const uint8_t *packed, size_t j, uint8_t *scale, uint8_t *minimum) {
  if (j < 4) {
    *scale = packed[j] & 63;
    *minimum = packed[j + 4] & 63;
  } else {
    *scale = (uint8_t)((packed[j + 4] & 15) | ((packed[j - 4] >> 6) << 4));
    *minimum = (uint8_t)((packed[j + 4] >> 4) | ((packed[j] >> 6) << 4));
  }
}

// Q4_K: d, dmin, scales[12], codes[128]: byte l of 32 holds column l of one sub-block and of the next.
static void pack_q4_k(const uint8_t *source, size_t row, fk_block_u4k *to) {
  to->d[row] = load_half(source);
  to->dmin[row] = load_half(source + 2);
  for (size_t b = 0; b < 8; b++) {
    k_scale(source + 4, b, &to->blocks[b].scale[row], &to->blocks[b].minimum[row]);
    const uint8_t *bytes = source + 16 + 32 * (b / 2);
    uint32_t words[8];
    for (size_t k = 0; k < 8; k++) words[k] = bits_of(load_word(bytes + 4 * k), 4 * (b & 1), 15);
    put_codes4(&to->blocks[b].codes, row, words);
  }
}

// Q5_K: d, dmin, scales[12], high[32] (bit b of byte l belongs to sub-block b), codes[128] as in Q4_K.
static void pack_q5_k(const uint8_t *source, size_t row, fk_block_u5k *to) {
  to->d[row] = load_half(source);
  to->dmin[row] = load_half(source + 2);
  const uint8_t *high = source + 16;
  for (size_t b = 0; b < 8; b++) {
    k_scale(source + 4, b, &to->blocks[b].scale[row], &to->blocks[b].minimum[row]);
    const uint8_t *bytes = source + 48 + 32 * (b / 2);
    uint32_t words[8];
    for (size_t k = 0; k < 8; k++) {
      words[k] = bits_of(load_word(bytes + 4 * k), 4 * (b & 1), 15) | bits_of(load_word(high + 4 * k), b, 1) << 4;
    }
    put_codes5(&to->blocks[b].codes, row, words);
  }
}

// Q6_K: low[128], high[64], scales[16], d. Sub-block b of each half of 128 columns: low nibbles at 32 (b % 2) in nibble
// b / 2, upper bits at bit 2b.
static void pack_q6_k(const uint8_t *source, size_t row, fk_block_u6s16 *to) {
  to->d[row] = load_half(source + 208);
  for (size_t b = 0; b < 8; b++) {
    to->blocks[b].scale[0][row] = (int8_t)source[192 + 2 * b];
    to->blocks[b].scale[1][row] = (int8_t)source[193 + 2 * b];
    size_t half = b / 4, quarter = b % 4;
    const uint8_t *low = source + 64 * half + 32 * (quarter & 1), *high = source + 128 + 32 * half;
    uint32_t words[8];
    for (size_t k = 0; k < 8; k++) {
      words[k] = bits_of(load_word(low + 4 * k), 4 * (quarter / 2), 15);
      words[k] |= bits_of(load_word(high + 4 * k), 2 * quarter, 3) << 4;
    }
    put_codes6(&to->blocks[b].codes, row, words);
  }
}

// Q2_K: scales[16] (minimum in the high nibble), codes[64], d, dmin. Sub-block b: bits 2 (b % 4) of 32 bytes.
static void pack_q2_k(const uint8_t *source, size_t row, fk_block_u4m16 *to) {
  to->d[row] = load_half(source + 80);
  to->dmin[row] = load_half(source + 82);
  for (size_t b = 0; b < 8; b++) {
    to->blocks[b].scale_minimum[0][row] = source[2 * b];
    to->blocks[b].scale_minimum[1][row] = source[2 * b + 1];
    const uint8_t *bytes = source + 16 + 32 * (b / 4);
    uint32_t words[8];
    for (size_t k = 0; k < 8; k++) words[k] = bits_of(load_word(bytes + 4 * k), 2 * (b % 4), 3);
    put_codes4(&to->blocks[b].codes, row, words);
  }
}

// Q3_K: high[32] (bit b of byte l belongs to sub-block b), codes[64] as in Q2_K, scales[12] of six bits, d.
static void pack_q3_k(const uint8_t *source, size_t row, fk_block_u4s16 *to) {
  const uint8_t *packed = source + 96;
  to->d[row] = load_half(source + 108);
  for (size_t b = 0; b < 8; b++) {
    for (size_t h = 0; h < 2; h++) {
      size_t i = 2 * b + h;
      int low = (i < 8 ? packed[i] : packed[i - 8] >> 4) & 15;
      int high = (packed[8 + i % 4] >> (2 * (i / 4))) & 3;
      to->blocks[b].scale[h][row] = (int8_t)((low | high << 4) - 32);
    }
    const uint8_t *bytes = source + 32 + 32 * (b / 4);
    uint32_t words[8];
    for (size_t k = 0; k < 8; k++) {
      words[k] = bits_of(load_word(bytes + 4 * k), 2 * (b % 4), 3) | bits_of(load_word(source + 4 * k), b, 1) << 2;
    }
    put_codes4(&to->blocks[b].codes, row, words);
  }
}

// IQ4_XS: d, high scale bits (16 bits), low scale nibbles[4], codes[128] in blocks of 16 bytes as in IQ4_NL.
static void pack_iq4_xs(const uint8_t *source, size_t row, fk_block_c4k *to) {
  to->d[row] = load_half(source);
  unsigned high = load_half(source + 2);
  for (size_t b = 0; b < 8; b++) {
    int low = (source[4 + b / 2] >> (4 * (b & 1))) & 15;
    to->blocks[b].scale[row] = (int8_t)((low | (int)((high >> (2 * b)) & 3) << 4) - 32);
    put_nibbles(&to->blocks[b].codes, row, source + 8 + 16 * b);
  }
}

// Q5_0 and Q5_1 keep the fifth bits of columns 0...31 in one little-endian word, then 16 bytes of nibbles.
static void pack_five(const uint8_t *word_and_nibbles, size_t row, fk_codes5 *to) {
  uint32_t word = load_word(word_and_nibbles), high = 0;
  put_nibbles(&to->low, row, word_and_nibbles + 4);
  // Four bits to the lowest bits of four bytes: copies 7 bits apart bring bit j to bit 8j.
  for (size_t k = 0; k < 8; k++) high |= bits_of(((word >> 4 * k) & 15) * 0x00204081u, 0, 1) << k;
  put_word(to->high, row, high);
}

static void pack_block(fk_layout layout, const uint8_t *source, size_t row, uint8_t *to) {
  switch (layout) {
  case FK_LAYOUT_S8: {
    fk_block_s8 *block = (fk_block_s8 *)(void *)to;
    block->d[row] = load_half(source);
    for (size_t k = 0; k < 8; k++) put_word((uint8_t *)block->codes.vectors[k], row, load_word(source + 2 + 4 * k));
    break;
  }
  case FK_LAYOUT_U4Z:
  case FK_LAYOUT_C4: {
    fk_block_u4z *block = (fk_block_u4z *)(void *)to;
    block->d[row] = load_half(source);
    put_nibbles(&block->codes, row, source + 2);
    break;
  }
  case FK_LAYOUT_U4M: {
    fk_block_u4m *block = (fk_block_u4m *)(void *)to;
    block->d[row] = load_half(source);
    block->m[row] = load_half(source + 2);
    put_nibbles(&block->codes, row, source + 4);
    break;
  }
  case FK_LAYOUT_U5Z: {
    fk_block_u5z *block = (fk_block_u5z *)(void *)to;
    block->d[row] = load_half(source);
    pack_five(source + 2, row, &block->codes);
    break;
  }
  case FK_LAYOUT_U5M: {
    fk_block_u5m *block = (fk_block_u5m *)(void *)to;
    block->d[row] = load_half(source);
    block->m[row] = load_half(source + 2);
    pack_five(source + 4, row, &block->codes);
    break;
  }
  case FK_LAYOUT_U4K: pack_q4_k(source, row, (fk_block_u4k *)(void *)to); break;
  case FK_LAYOUT_U5K: pack_q5_k(source, row, (fk_block_u5k *)(void *)to); break;
  case FK_LAYOUT_U6S16: pack_q6_k(source, row, (fk_block_u6s16 *)(void *)to); break;
  case FK_LAYOUT_U4M16: pack_q2_k(source, row, (fk_block_u4m16 *)(void *)to); break;
  case FK_LAYOUT_U4S16: pack_q3_k(source, row, (fk_block_u4s16 *)(void *)to); break;
  case FK_LAYOUT_C4K: pack_iq4_xs(source, row, (fk_block_c4k *)(void *)to); break;
  case FK_LAYOUT_F32:
  case FK_LAYOUT_F16:
  case FK_LAYOUT_BF16:  // see pack_floats
  case FK_LAYOUT_COUNT: break;
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Decoding

// w = (d * scale) * (code - zero), in the order of operations of the file formats.
static inline void decode_scaled(float d, int scale, int zero, const uint8_t *codes, size_t count, float *to) {
  float factor = d * (float)scale;
  for (size_t i = 0; i < count; i++) to[i] = factor * (float)((int)codes[i] - zero);
}

// w = factor * code + addend: the product is rounded before the sum, as the file formats' definitions do.
static inline void decode_affine(float factor, float addend, const uint8_t *codes, size_t count, float *to) {
  for (size_t i = 0; i < count; i++) to[i] = factor * (float)codes[i] + addend;
}

static void unpack_super_block(fk_layout layout, const uint8_t *from, size_t row, float *to) {
  uint8_t codes[32];
  for (size_t b = 0; b < 8; b++, to += 32) {
    switch (layout) {
    case FK_LAYOUT_U4K: {
      const fk_block_u4k *block = (const fk_block_u4k *)(const void *)from;
      get_codes4(&block->blocks[b].codes, row, codes);
      decode_affine(fk_f16_to_f32(block->d[row]) * (float)block->blocks[b].scale[row],
                    -(fk_f16_to_f32(block->dmin[row]) * (float)block->blocks[b].minimum[row]), codes, 32, to);
      break;
    }
    case FK_LAYOUT_U5K: {
      const fk_block_u5k *block = (const fk_block_u5k *)(const void *)from;
      get_codes5(&block->blocks[b].codes, row, codes);
      decode_affine(fk_f16_to_f32(block->d[row]) * (float)block->blocks[b].scale[row],
                    -(fk_f16_to_f32(block->dmin[row]) * (float)block->blocks[b].minimum[row]), codes, 32, to);
      break;
    }
    case FK_LAYOUT_U6S16: {
      const fk_block_u6s16 *block = (const fk_block_u6s16 *)(const void *)from;
      get_codes6(&block->blocks[b].codes, row, codes);
      for (size_t h = 0; h < 2; h++) {
        decode_scaled(fk_f16_to_f32(block->d[row]), block->blocks[b].scale[h][row], 32, codes + 16 * h, 16, to + 16 * h);
      }
      break;
    }
    case FK_LAYOUT_U4M16: {
      const fk_block_u4m16 *block = (const fk_block_u4m16 *)(const void *)from;
      get_codes4(&block->blocks[b].codes, row, codes);
      for (size_t h = 0; h < 2; h++) {
        uint8_t both = block->blocks[b].scale_minimum[h][row];
        decode_affine(fk_f16_to_f32(block->d[row]) * (float)(both & 15),
                      -(fk_f16_to_f32(block->dmin[row]) * (float)(both >> 4)), codes + 16 * h, 16, to + 16 * h);
      }
      break;
    }
    case FK_LAYOUT_U4S16: {
      const fk_block_u4s16 *block = (const fk_block_u4s16 *)(const void *)from;
      get_codes4(&block->blocks[b].codes, row, codes);
      for (size_t h = 0; h < 2; h++) {
        decode_scaled(fk_f16_to_f32(block->d[row]), block->blocks[b].scale[h][row], 4, codes + 16 * h, 16, to + 16 * h);
      }
      break;
    }
    default: {
      const fk_block_c4k *block = (const fk_block_c4k *)(const void *)from;
      get_codes4(&block->blocks[b].codes, row, codes);
      float factor = fk_f16_to_f32(block->d[row]) * (float)block->blocks[b].scale[row];
      for (size_t i = 0; i < 32; i++) to[i] = factor * (float)fk_codebook[codes[i]];
      break;
    }
    }
  }
}

static void unpack_block(fk_layout layout, const uint8_t *from, size_t row, float *to) {
  uint8_t codes[32];
  switch (layout) {
  case FK_LAYOUT_S8: {
    const fk_block_s8 *block = (const fk_block_s8 *)(const void *)from;
    float d = fk_f16_to_f32(block->d[row]);
    for (size_t i = 0; i < 32; i++) to[i] = d * (float)block->codes.vectors[i / 4][4 * row + i % 4];
    break;
  }
  case FK_LAYOUT_U4Z:
  case FK_LAYOUT_C4: {
    const fk_block_u4z *block = (const fk_block_u4z *)(const void *)from;
    float d = fk_f16_to_f32(block->d[row]);
    get_codes4(&block->codes, row, codes);
    for (size_t i = 0; i < 32; i++) {
      to[i] = d * (float)(layout == FK_LAYOUT_C4 ? fk_codebook[codes[i]] : (int)codes[i] - 8);
    }
    break;
  }
  case FK_LAYOUT_U4M: {
    const fk_block_u4m *block = (const fk_block_u4m *)(const void *)from;
    get_codes4(&block->codes, row, codes);
    decode_affine(fk_f16_to_f32(block->d[row]), fk_f16_to_f32(block->m[row]), codes, 32, to);
    break;
  }
  case FK_LAYOUT_U5Z: {
    const fk_block_u5z *block = (const fk_block_u5z *)(const void *)from;
    get_codes5(&block->codes, row, codes);
    decode_scaled(fk_f16_to_f32(block->d[row]), 1, 16, codes, 32, to);
    break;
  }
  case FK_LAYOUT_U5M: {
    const fk_block_u5m *block = (const fk_block_u5m *)(const void *)from;
    get_codes5(&block->codes, row, codes);
    decode_affine(fk_f16_to_f32(block->d[row]), fk_f16_to_f32(block->m[row]), codes, 32, to);
    break;
  }
  case FK_LAYOUT_F32: memcpy(to, from + 4 * row, 4); break;
  case FK_LAYOUT_F16: *to = fk_f16_to_f32(load_half(from + 2 * row)); break;
  case FK_LAYOUT_BF16: *to = bf16_to_f32(load_half(from + 2 * row)); break;
  default: unpack_super_block(layout, from, row, to);
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Tables and entry points

static const struct {
  uint16_t columns, group_bytes, file_bytes;
} sizes[FK_LAYOUT_COUNT] = {
  [FK_LAYOUT_F32] = {1, 32, 4},
  [FK_LAYOUT_F16] = {1, 16, 2},
  [FK_LAYOUT_BF16] = {1, 16, 2},
  [FK_LAYOUT_S8] = {32, sizeof(fk_block_s8), 34},
  [FK_LAYOUT_U4Z] = {32, sizeof(fk_block_u4z), 18},
  [FK_LAYOUT_U4M] = {32, sizeof(fk_block_u4m), 20},
  [FK_LAYOUT_U4K] = {256, sizeof(fk_block_u4k), 144},
  [FK_LAYOUT_U5Z] = {32, sizeof(fk_block_u5z), 22},
  [FK_LAYOUT_U5M] = {32, sizeof(fk_block_u5m), 24},
  [FK_LAYOUT_U5K] = {256, sizeof(fk_block_u5k), 176},
  [FK_LAYOUT_U6S16] = {256, sizeof(fk_block_u6s16), 210},
  [FK_LAYOUT_U4M16] = {256, sizeof(fk_block_u4m16), 84},
  [FK_LAYOUT_U4S16] = {256, sizeof(fk_block_u4s16), 110},
  [FK_LAYOUT_C4] = {32, sizeof(fk_block_u4z), 18},
  [FK_LAYOUT_C4K] = {256, sizeof(fk_block_c4k), 136},
};

size_t fk_layout_columns(fk_layout layout) { return sizes[layout].columns; }
size_t fk_layout_group_bytes(fk_layout layout) { return sizes[layout].group_bytes; }
size_t fk_layout_file_bytes(fk_layout layout) { return sizes[layout].file_bytes; }

// Plain floats: rows become columns.
static inline void pack_floats(const uint8_t *source, size_t rows, size_t columns, size_t bytes, uint8_t *to) {
  for (size_t column = 0; column < columns; column++, source += bytes, to += FK_GROUP_ROWS * bytes) {
    for (size_t row = 0; row < rows; row++) memcpy(to + row * bytes, source + row * columns * bytes, bytes);
  }
}

void fk_pack_group(fk_layout layout, const uint8_t *source, size_t rows, size_t columns, uint8_t *destination) {
  size_t blocks = columns / sizes[layout].columns;
  size_t file_bytes = sizes[layout].file_bytes, group_bytes = sizes[layout].group_bytes;
  if (rows < FK_GROUP_ROWS) memset(destination, 0, blocks * group_bytes);
  if (layout == FK_LAYOUT_F32) { pack_floats(source, rows, columns, 4, destination); return; }
  if (sizes[layout].columns == 1) { pack_floats(source, rows, columns, 2, destination); return; }
  for (size_t row = 0; row < rows; row++) {
    const uint8_t *from = source + row * blocks * file_bytes;
    uint8_t *to = destination;
    for (size_t block = 0; block < blocks; block++, from += file_bytes, to += group_bytes) {
      pack_block(layout, from, row, to);
    }
  }
}

void fk_unpack_row(fk_layout layout, const uint8_t *group, size_t row, size_t columns, float *destination) {
  size_t step = sizes[layout].columns;
  for (size_t column = 0; column < columns; column += step, group += sizes[layout].group_bytes) {
    unpack_block(layout, group, row, destination + column);
  }
}

void fk_decode_row(fk_layout layout, const uint8_t *source, size_t columns, float *destination) {
  // Packing is lossless, so a row of the file decodes through a group that holds one block of it, of which this is the
  // largest.
  _Alignas(4) uint8_t group[sizeof(fk_block_u6s16)];
  size_t step = sizes[layout].columns;
  for (size_t column = 0; column < columns; column += step, source += sizes[layout].file_bytes) {
    // A float of the file is a group's first row as it is.
    if (step > 1) pack_block(layout, source, 0, group);
    unpack_block(layout, step > 1 ? group : source, 0, destination + column);
  }
}
