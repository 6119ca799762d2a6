// Byte layouts of packed blocks for a group of eight rows. Each is asserted against its size in files where packing
// keeps it, so that a change here cannot pass unseen.

#pragma once

#include "CKernels.h"

typedef uint16_t fk_half;

// Codes of eight rows by 32 columns. u4: byte vector p holds columns 4p..4p+3 in low nibbles and 16+4p.. in high ones.
typedef struct { uint8_t nibbles[4][32]; } fk_codes4;
// The fifth bit: bit k of byte 4r+j belongs to row r, column 4k+j.
typedef struct { fk_codes4 low; uint8_t high[32]; } fk_codes5;
// The upper two bits: bits 2(k % 4) of high[k / 4], byte 4r+j belong to row r, column 4k+j.
typedef struct { fk_codes4 low; uint8_t high[2][32]; } fk_codes6;
typedef struct { int8_t vectors[8][32]; } fk_codes8;

typedef struct { fk_half d[8]; fk_codes8 codes; } fk_block_s8;
typedef struct { fk_half d[8]; fk_codes4 codes; } fk_block_u4z;   // also C4
typedef struct { fk_half d[8], m[8]; fk_codes4 codes; } fk_block_u4m;
typedef struct { fk_half d[8]; fk_codes5 codes; } fk_block_u5z;
typedef struct { fk_half d[8], m[8]; fk_codes5 codes; } fk_block_u5m;

typedef struct {
  fk_half d[8], dmin[8];
  struct { uint8_t scale[8], minimum[8]; fk_codes4 codes; } blocks[8];
} fk_block_u4k;

typedef struct {
  fk_half d[8], dmin[8];
  struct { uint8_t scale[8], minimum[8]; fk_codes5 codes; } blocks[8];
} fk_block_u5k;

typedef struct {
  fk_half d[8];
  struct { int8_t scale[2][8]; fk_codes6 codes; } blocks[8];  // scale[h] for columns 16h..16h+15
} fk_block_u6s16;

typedef struct {
  fk_half d[8], dmin[8];
  struct { uint8_t scale_minimum[2][8]; fk_codes4 codes; } blocks[8];  // scale in the low nibble, minimum in the high
} fk_block_u4m16;

typedef struct {
  fk_half d[8];
  struct { int8_t scale[2][8]; fk_codes4 codes; } blocks[8];
} fk_block_u4s16;

typedef struct {
  fk_half d[8];
  struct { int8_t scale[8]; fk_codes4 codes; } blocks[8];
} fk_block_c4k;

_Static_assert(sizeof(fk_activations) == 48, "one block of activations");
_Static_assert(sizeof(fk_block_s8) == 8 * 34, "Q8_0 keeps its size");
_Static_assert(sizeof(fk_block_u4z) == 8 * 18, "Q4_0 and IQ4_NL keep their size");
_Static_assert(sizeof(fk_block_u4m) == 8 * 20, "Q4_1 keeps its size");
_Static_assert(sizeof(fk_block_u5z) == 8 * 22, "Q5_0 keeps its size");
_Static_assert(sizeof(fk_block_u5m) == 8 * 24, "Q5_1 keeps its size");
_Static_assert(sizeof(fk_block_u4k) == 1184, "Q4_K: 1.03 times the file");
_Static_assert(sizeof(fk_block_u5k) == 1440, "Q5_K: 1.02 times the file");
_Static_assert(sizeof(fk_block_u6s16) == 8 * 210, "Q6_K keeps its size");
_Static_assert(sizeof(fk_block_u4m16) == 1184, "Q2_K: 1.76 times the file");
_Static_assert(sizeof(fk_block_u4s16) == 1168, "Q3_K: 1.33 times the file");
_Static_assert(sizeof(fk_block_c4k) == 1104, "IQ4_XS: 1.01 times the file");

// The sixteen values of IQ4_NL and IQ4_XS (a fact of the GGUF format).
extern const int8_t fk_codebook[16];
