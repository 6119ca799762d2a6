// The compute kernels of Farthing: packed weights times quantised activations, and the float operations of a
// transformer layer. No allocation, no threads, no input or output; a kernel never fails. Read this header first: it
// is the whole interface.
//
// Every kernel is written once, in kernels.inc.h, over a handful of primitives (an 8-bit dot product, a fused multiply
// and add, a half-precision load). Each instruction set is one small file that defines the primitives and includes it.
// fk_kernels_named() hands out the table of one instruction set; fk_kernels_best() the fastest this machine runs.
//
// Vocabulary: `rows` are outputs of a matrix, `columns` its inputs, `tokens` the vectors it is applied to.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sampling.h"

// ---------------------------------------------------------------------------------------------------------------------
// Packed weights
//
// A matrix [rows, columns] is packed as groups of eight rows, in order of the rows; the last group is padded with zero
// rows. Within a group, blocks of columns follow each other, each with its scales in front of its codes, so that one
// linear read streams a group. Codes of a block of 32 columns stand in eight vectors of 32 bytes: vector k holds, for
// row r in bytes 4r..4r+3, the columns 4k..4k+3. Eight integer dot products therefore end in eight lanes.
// Packing is lossless: unpacking gives the same floats as decoding the file's blocks.

enum {
  FK_GROUP_ROWS = 8,
  FK_BLOCK = 32,       // columns that share one activation scale
  FK_SUPER_BLOCK = 256 // columns of a K-quant block
};

// Names say how codes are stored and what turns them into weights: Z a zero point, M a minimum, K a K-quant's scales
// within a super-block, S16 and M16 scales for every 16 columns.
typedef enum {
  FK_LAYOUT_F32,    // F32
  FK_LAYOUT_F16,    // F16
  FK_LAYOUT_BF16,   // BF16
  FK_LAYOUT_S8,     // Q8_0: w = d * q
  FK_LAYOUT_U4Z,    // Q4_0: w = d * (q - 8)
  FK_LAYOUT_U4M,    // Q4_1: w = d * q + m
  FK_LAYOUT_U4K,    // Q4_K: w = (D * s) * q - (Dmin * n)
  FK_LAYOUT_U5Z,    // Q5_0: w = d * (q - 16)
  FK_LAYOUT_U5M,    // Q5_1: w = d * q + m
  FK_LAYOUT_U5K,    // Q5_K: w = (D * s) * q - (Dmin * n)
  FK_LAYOUT_U6S16,  // Q6_K: w = (D * s) * (q - 32), s for 16 columns
  FK_LAYOUT_U4M16,  // Q2_K: w = (D * s) * q - (Dmin * n), s and n for 16 columns
  FK_LAYOUT_U4S16,  // Q3_K: w = (D * s) * (q - 4), s for 16 columns
  FK_LAYOUT_C4,     // IQ4_NL: w = d * codebook[q]
  FK_LAYOUT_C4K,    // IQ4_XS: w = (D * s) * codebook[q]
  FK_LAYOUT_COUNT
} fk_layout;

// Columns of one block of the layout: the columns of a matrix are a multiple of it. 1 for float layouts.
size_t fk_layout_columns(fk_layout layout);

// Bytes of one block of the layout for a group of eight rows.
size_t fk_layout_group_bytes(fk_layout layout);

// Bytes of one block of one row as GGUF files store it.
size_t fk_layout_file_bytes(fk_layout layout);

// Packs up to eight rows of a file into one group. rows in 1...8; `source` holds them one after another.
// destination: columns / fk_layout_columns * fk_layout_group_bytes bytes, overwritten.
void fk_pack_group(fk_layout layout, const uint8_t *source, size_t rows, size_t columns, uint8_t *destination);

// Decodes one row (0...7) of a group to columns floats, exactly as decoding the file's row would.
void fk_unpack_row(fk_layout layout, const uint8_t *group, size_t row, size_t columns, float *destination);

// Decodes one row as the file stores it to columns floats.
void fk_decode_row(fk_layout layout, const uint8_t *source, size_t columns, float *destination);

// ---------------------------------------------------------------------------------------------------------------------
// Activations

// 32 activations of one token: x[i] = scale * codes[i], codes within [-127, 127] (an invariant: the 16-bit sums of the
// AVX2 kernels rest on it).
typedef struct {
  float scale;
  float scaled_sum;   // scale * sum, for layouts with minima
  int16_t sums[2];    // sums of codes[0..15] and codes[16..31]
  int32_t sum;        // sums[0] + sums[1]
  int8_t codes[FK_BLOCK];
} fk_activations;

// Blocks from one token to the next: columns / 32, and one more where tokens would else be whole pages apart and take
// each other's place in the first-level cache. What is in that one is never read.
static inline size_t fk_activation_stride(size_t columns) {
  size_t blocks = columns / FK_BLOCK;
  return blocks + (blocks % 256 == 0);
}

// ---------------------------------------------------------------------------------------------------------------------
// Attention

enum {
  FK_KV_BLOCK = 64,        // positions whose keys and values lie together
  FK_MAX_DIMENSIONS = 512  // of a head
};

// Q8_0: for 32 dimensions of one position 8-bit codes and an F16 scale. Dimensions are a multiple of 32 then.
typedef enum { FK_KV_F16, FK_KV_F32, FK_KV_Q8, FK_KV_COUNT } fk_kv_type;

// Positions begin ..< end of a block.
typedef struct { uint8_t begin, end; } fk_slots;

// Where one layer and KV head of a sequence are: keys of block b of 64 positions at memory + blocks[b] * block_bytes,
// its values value_offset bytes behind.
typedef struct {
  const char *memory;
  const int32_t *blocks;
  size_t block_bytes, value_offset;
} fk_kv_places;

// Bytes of the keys, or of the values, of one head in a block of 64 positions.
static inline size_t fk_kv_bytes(fk_kv_type type, size_t dimensions) {
  if (type == FK_KV_Q8) return FK_KV_BLOCK * (dimensions / FK_BLOCK) * (FK_BLOCK + 2);
  return FK_KV_BLOCK * dimensions * (type == FK_KV_F16 ? 2 : 4);
}

// ---------------------------------------------------------------------------------------------------------------------
// The table of one instruction set

// y = W x for `groups` groups of packed rows.
// Shapes: weights packed [groups * 8, columns]; x [tokens, columns]; y [tokens, y_stride], of which the first
// groups * 8 of each row are overwritten. x is fk_activations[columns / 32] a token, `fk_activation_stride` apart, for
// integer layouts and float[columns] a token for float layouts.
// Numerics: exact integers inside a block of 32 and, for K-quants, with their sub-scales; F32 across blocks in
// ascending order, the same for every number of tokens.
typedef void (*fk_matmul)(const uint8_t *weights, size_t groups, size_t columns, const void *x, size_t tokens, float *y,
                          size_t y_stride);

typedef struct {
  const char *name;

  fk_matmul matmul[FK_LAYOUT_COUNT];

  // x [count] F32 to fk_activations[count / 32]; count a multiple of 32. Not-a-number becomes 0.
  void (*quantize)(const float *x, size_t count, fk_activations *destination);

  // What the rounding of x to `rounded` left out, rounded itself: x is nearly rounded + rest. Shapes as above.
  void (*quantize_rest)(const float *x, size_t count, const fk_activations *rounded, fk_activations *rest);

  // y[i] = x[i] / sqrt(mean(x^2) + epsilon) * weight[i]. y may be x.
  void (*rms_norm)(const float *x, const float *weight, size_t count, float epsilon, float *y);

  // y += x
  void (*add)(const float *x, size_t count, float *y);

  // x *= factor
  void (*scale)(float factor, size_t count, float *x);

  // gate = silu(gate) * up, and gate = gelu_tanh(gate) * up
  void (*silu_multiply)(const float *up, size_t count, float *gate);
  void (*gelu_multiply)(const float *up, size_t count, float *gate);

  // Rotates pairs of one head in place by cosine and sine [dimensions / 2]: pairs (2i, 2i + 1), or (i, i + d / 2).
  void (*rope_adjacent)(const float *cosine, const float *sine, size_t dimensions, float *head);
  void (*rope_halves)(const float *cosine, const float *sine, size_t dimensions, float *head);

  // Stores one position's key and value (dimensions floats each) into a block; slot in 0..<64.
  // Keys: F16 and F32 [dimensions][64]; Q8_0 as a matrix of 64 rows in the layout FK_LAYOUT_S8. Values: F16 and F32
  // [64][dimensions]; Q8_0 scales [dimensions / 32][64], then codes [64][dimensions].
  void (*store_key[FK_KV_COUNT])(const float *key, size_t dimensions, size_t slot, void *block);
  void (*store_value[FK_KV_COUNT])(const float *value, size_t dimensions, size_t slot, void *block);

  // Folds one block of 64 positions into the running softmaxes of `rows` rows of `heads` query heads each, which share
  // its keys and values; slots [rows]: which positions a row sees, at least one.
  // maximum [rows, heads] (start at -infinity), sum [rows, heads] (start at 0), output [rows, heads, dimensions] (start
  // at 0). queries [rows, heads, dimensions], already scaled: floats, or for Q8_0 fk_activations. dimensions a multiple
  // of 8, at most FK_MAX_DIMENSIONS. `next`: keys that will be read next, to be fetched meanwhile. A row's result does not depend on
  // the rows beside it.
  void (*attend[FK_KV_COUNT])(const void *queries, size_t rows, size_t heads, size_t dimensions, const void *keys,
                              const void *values, const fk_slots *slots, const void *next, float *maximum, float *sum,
                              float *output);

  // Merges partial softmaxes (as `attend` leaves them) of `heads` heads into running ones.
  void (*merge)(const float *maximum, const float *sum, const float *output, size_t heads, size_t dimensions,
                float *into_maximum, float *into_sum, float *into_output);

  // log(sum(exp(x))) and the largest element.
  float (*log_sum_exp)(const float *x, size_t count, float *largest);

  // Ceilings, for benchmarks. Reads memory front to back, fetching ahead or leaving that to the processor, and returns
  // a sum of it.
  uint64_t (*read_memory)(const void *memory, size_t count, bool prefetches);
  // Multiplies and adds in registers only, as fast as the instructions issue; returns how many products were added.
  size_t (*multiply_integers)(size_t rounds, float *sink);
  size_t (*multiply_floats)(size_t rounds, float *sink);
} fk_kernels;

// What tables need of a processor. AVX2 is with FMA and F16C; AVX-512 with its parts F, VL, BW and DQ.
enum {
  FK_HAS_AVX2 = 1,
  FK_HAS_AVX_VNNI = 2,
  FK_HAS_AVX512_VNNI = 4,
  FK_HAS_DOT_PRODUCT = 8,
  FK_HAS_I8MM = 16,
};

// The tables that a processor with these features can run, fastest first; NULL past the last, which is "baseline".
const fk_kernels *fk_kernels_for(unsigned features, size_t index);

// The table called `name` ("baseline", "avx2"), or NULL where this machine cannot run it or there is none.
const fk_kernels *fk_kernels_named(const char *name);

// Those that this machine can run, likewise.
const fk_kernels *fk_kernels_at(size_t index);

// The fastest table that this machine can run.
const fk_kernels *fk_kernels_best(void);

// ---------------------------------------------------------------------------------------------------------------------
// Small helpers that Swift cannot spell

float fk_f16_to_f32(uint16_t bits);
uint16_t fk_f32_to_f16(float value);  // to nearest, ties to even

// Members of arrays in the table, which Swift sees as tuples.
static inline fk_matmul fk_matmul_of(const fk_kernels *kernels, fk_layout layout) { return kernels->matmul[layout]; }

static inline void fk_store(const fk_kernels *kernels, fk_kv_type type, const float *key, const float *value,
                            size_t dimensions, size_t slot, void *keys, void *values) {
  kernels->store_key[type](key, dimensions, slot, keys);
  kernels->store_value[type](value, dimensions, slot, values);
}

static inline void fk_attend(const fk_kernels *kernels, fk_kv_type type, const void *queries, size_t rows, size_t heads,
                             size_t dimensions, const void *keys, const void *values, const fk_slots *slots,
                             const void *next, float *maximum, float *sum, float *output) {
  kernels->attend[type](queries, rows, heads, dimensions, keys, values, slots, next, maximum, sum, output);
}

// The softmax of one row over positions begin ..< end, from nothing: `attend` block by block. next: keys that the same
// thread will read afterwards, or NULL.
static inline void fk_attend_positions(const fk_kernels *kernels, fk_kv_type type, const void *queries, size_t heads,
                                       size_t dimensions, fk_kv_places places, size_t begin, size_t end,
                                       const void *next, float *maximum, float *sum, float *output) {
  for (size_t i = 0; i < heads; i++) maximum[i] = -__builtin_inff(), sum[i] = 0;
  for (size_t i = 0; i < heads * dimensions; i++) output[i] = 0;
  for (size_t position = begin; position < end;) {
    const size_t block = position / FK_KV_BLOCK, start = block * FK_KV_BLOCK;
    const size_t stop = start + FK_KV_BLOCK < end ? start + FK_KV_BLOCK : end;
    const fk_slots slots = {(uint8_t)(position - start), (uint8_t)(stop - start)};
    const char *keys = places.memory + (size_t)places.blocks[block] * places.block_bytes;
    // Memory that is fetched must exist: an address that does not would walk through the page tables.
    const void *following = next ? next : keys;
    if (stop < end) following = places.memory + (size_t)places.blocks[block + 1] * places.block_bytes;
    kernels->attend[type](queries, 1, heads, dimensions, keys, keys + places.value_offset, &slots, following, maximum,
                          sum, output);
    position = stop;
  }
}

// Tells the processor that this is a spin loop.
static inline void fk_spin_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

#include "quantize.h"
#include "compensate.h"
#include "processors.h"
