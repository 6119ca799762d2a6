// Quantisation: rows of floats to the blocks of a GGUF file. Plain C over portable vectors, the same instructions on
// every machine, so that a file does not depend on who made it. No allocation; safe from any number of threads.
//
// A block goes through `fk_code_block`: scales and codes side by side, whatever the type. Rounding fills one in,
// `fk_write_block` stores it in the file's order. A type is named by its packed layout (see CKernels.h).

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "CKernels.h"

enum { FK_CODE_GROUP = 16 };  // columns that share a step, at least; every type has whole groups

// One block of up to 256 columns on its way into a file. Column i decodes to
//   step[i / 16] * (code[i] - zero) - minimum[i / 16], or step[i / 16] * codebook[code[i]],
// where zero is the type's. For F32, F16 and BF16 a block is one number and not represented here.
typedef struct {
  float step[16];
  float minimum[16];     // subtracted; what Q4_1 and Q5_1 store is its negative
  uint16_t d, d_minimum; // F16: the scale of the block, and that of its minima
  int16_t scales[16];    // K-quants: integer scales of 16 columns (Q6_K) or of 32 (Q4_K and Q5_K, the first eight)
  uint8_t minima[8];
  uint8_t codes[256];
} fk_code_block;

// What a layout's codes are: `levels` of them, of which `zero` decodes to 0 (less the minimum).
typedef struct {
  int block;      // columns: 32 or 256
  int levels;     // codes 0 ..< levels
  int zero;
  int group;      // columns with one scale: 16 or 32
  bool has_minimum, has_codebook;
  int scale_limit;  // largest integer scale, 0 where a block has one scale
} fk_code_kind;

typedef enum {
  FK_ROUND_NEAREST,  // scales from the extremes of a block, codes to nearest
  FK_ROUND_SEARCH,   // scales, minima and codes that minimise the weighted square error
} fk_rounding;

// The kind of codes of a layout that rows can be encoded to, or NULL: float layouts, and layouts of decoding only.
const fk_code_kind *fk_code_kind_of(fk_layout layout);

// The largest magnitude that every element of a row may have in that layout; beyond it a scale leaves F16.
float fk_largest_encodable(fk_layout layout);

// The place of the first element that is not a number, or whose magnitude is above `limit`; count if there is none.
size_t fk_first_beyond(const float *x, size_t count, float limit);

// Encodes rows [rows, columns] to the file's blocks.
// - columns: a multiple of the type's block.
// - importance [columns], or NULL: the weight of each column's square error; not negative. NEAREST ignores it.
// - x: finite and no larger than fk_largest_encodable.
void fk_encode_rows(fk_layout layout, fk_rounding rounding, const float *x, size_t rows, size_t columns,
                    const float *importance, uint8_t *destination);

// Scales and codes of one block, from its extremes.
void fk_round_block(fk_layout layout, const float *x, fk_code_block *block);

// Scales and codes of one block that minimise the sum of weights [block] * (x - decoded)^2, as far as a search finds
// them; never worse than fk_round_block.
void fk_search_block(fk_layout layout, const float *x, const float *weights, fk_code_block *block);

// For a super-block whose factors stay: new integers and codes of one part of it, from its x and weights [kind.group].
void fk_search_group(fk_layout layout, const float *x, const float *weights, int part, fk_code_block *block);

// Stores a block in the file's order of bytes.
void fk_write_block(fk_layout layout, const fk_code_block *block, uint8_t *destination);

// What the codes of a block decode to [block].
void fk_decode_block(fk_layout layout, const fk_code_block *block, float *destination);

// The weighted square error of a block.
float fk_block_error(fk_layout layout, const fk_code_block *block, const float *x, const float *weights);
