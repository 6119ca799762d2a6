// Holds one table of kernels against the plain one on a machine that cannot run the test suite itself, such as an emulated
// Arm: every layout at its extremes, results that must not depend on the batch, quantisation, attention. Where a
// second table is named, whose float operations are the same, products must be its bit for bit. Exit status 0 where all
// agree. Usage: kernels NAME [TWIN]

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CKernels.h"

enum { COLUMNS = 512, GROUPS = 3, ROWS = GROUPS * 8, MOST = 17, DIMENSIONS = 64, HEADS = 8 };

static int faults = 0;
static const fk_kernels *twin = NULL;

static void fault(const char *what, int which, size_t tokens) {
  if (faults++ < 20) printf("%s %d, %zu tokens\n", what, which, tokens);
}

static float noise(float range) { return ((float)(rand() % 2001) - 1000) / 1000 * range; }

// Codes at random, all at their greatest, or all at their least; scales and minima about 0.06.
static uint8_t *weights(fk_layout layout, int pattern) {
  size_t block = fk_layout_group_bytes(layout);
  size_t bytes = COLUMNS / fk_layout_columns(layout) * block * GROUPS;
  uint8_t *made = malloc(bytes);
  for (size_t i = 0; i < bytes; i++) made[i] = pattern == 0 ? (uint8_t)(rand() >> 7) : pattern == 1 ? 0xff : 0x80;
  if (layout <= FK_LAYOUT_BF16) {
    for (size_t i = 0; i < bytes; i++) made[i] = (uint8_t)(rand() >> 7) & 0x3f;
    return made;
  }
  const bool minima = layout == FK_LAYOUT_U4M || layout == FK_LAYOUT_U4K || layout == FK_LAYOUT_U5M ||
                      layout == FK_LAYOUT_U5K || layout == FK_LAYOUT_U4M16;
  for (size_t i = 0; i < bytes; i += block) {
    for (size_t half = 0; half < (minima ? 16 : 8); half++) {
      uint16_t value = (uint16_t)(0x2c00 + half);
      memcpy(made + i + 2 * half, &value, 2);
    }
  }
  return made;
}

static void check_matmul(const fk_kernels *kernels, const fk_kernels *plain, fk_layout layout, int pattern) {
  static float x[MOST * COLUMNS], found[MOST * ROWS], expected[MOST * ROWS], alone[ROWS];
  static fk_activations blocks[MOST * COLUMNS / FK_BLOCK];
  uint8_t *matrix = weights(layout, pattern);
  const bool is_float = layout <= FK_LAYOUT_BF16;
  for (size_t i = 0; i < MOST * COLUMNS; i++) x[i] = pattern == 0 ? noise(2) : i & 64 ? 1 : -0.5f;
  plain->quantize(x, MOST * COLUMNS, blocks);
  for (size_t tokens = 1; tokens <= MOST; tokens++) {
    const void *input = is_float ? (const void *)x : blocks;
    kernels->matmul[layout](matrix, GROUPS, COLUMNS, input, tokens, found, ROWS);
    plain->matmul[layout](matrix, GROUPS, COLUMNS, input, tokens, expected, ROWS);
    if (twin) {
      static float same[MOST * ROWS];
      twin->matmul[layout](matrix, GROUPS, COLUMNS, input, tokens, same, ROWS);
      if (memcmp(same, found, tokens * ROWS * sizeof *same)) fault("another result than its twin's, layout", layout, tokens);
    }
    float largest = 1;
    for (size_t i = 0; i < tokens * ROWS; i++) largest = fmaxf(largest, fabsf(expected[i]));
    for (size_t i = 0; i < tokens * ROWS; i++) {
      if (!(fabsf(found[i] - expected[i]) <= 5e-5f * largest)) fault("layout", layout, tokens);
    }
    for (size_t t = 0; t < tokens; t++) {
      const void *one = is_float ? (const void *)(x + t * COLUMNS) : blocks + t * COLUMNS / FK_BLOCK;
      kernels->matmul[layout](matrix, GROUPS, COLUMNS, one, 1, alone, ROWS);
      if (memcmp(alone, found + t * ROWS, sizeof alone)) fault("dependence on the batch, layout", layout, tokens);
    }
  }
  free(matrix);
}

static void check_attention(const fk_kernels *kernels, const fk_kernels *plain, fk_kv_type type) {
  size_t bytes = fk_kv_bytes(type, DIMENSIONS);
  uint8_t *keys[2] = {calloc(1, bytes), calloc(1, bytes)}, *values[2] = {calloc(1, bytes), calloc(1, bytes)};
  float row[DIMENSIONS], queries[HEADS * DIMENSIONS];
  fk_activations blocks[HEADS * DIMENSIONS / FK_BLOCK];
  for (size_t i = 0; i < HEADS * DIMENSIONS; i++) queries[i] = noise(0.25f);
  plain->quantize(queries, HEADS * DIMENSIONS, blocks);
  for (size_t slot = 0; slot < FK_KV_BLOCK; slot++) {
    for (size_t i = 0; i < DIMENSIONS; i++) row[i] = noise(2);
    fk_store(kernels, type, row, row, DIMENSIONS, slot, keys[0], values[0]);
    fk_store(plain, type, row, row, DIMENSIONS, slot, keys[1], values[1]);
  }
  if (memcmp(keys[0], keys[1], bytes) || memcmp(values[0], values[1], bytes)) fault("storing", type, 0);
  const fk_slots seen = {5, 61};
  const void *input = type == FK_KV_Q8 ? (const void *)blocks : queries;
  for (size_t heads = 1; heads <= HEADS; heads++) {
    float maximum[2][HEADS], sum[2][HEADS] = {{0}}, output[2][HEADS * DIMENSIONS] = {{0}};
    for (size_t h = 0; h < HEADS; h++) maximum[0][h] = maximum[1][h] = -INFINITY;
    for (int i = 0; i < 2; i++) {
      fk_attend(i ? plain : kernels, type, input, 1, heads, DIMENSIONS, keys[1], values[1], &seen, keys[1], maximum[i],
                sum[i], output[i]);
    }
    for (size_t i = 0; i < heads * DIMENSIONS; i++) {
      if (!(fabsf(output[0][i] - output[1][i]) < 1e-4f)) fault("attention", type, heads);
    }
  }
  for (int i = 0; i < 2; i++) free(keys[i]), free(values[i]);
}

int main(int count, char **words) {
  const fk_kernels *kernels = count >= 2 ? fk_kernels_named(words[1]) : NULL;
  twin = count == 3 ? fk_kernels_named(words[2]) : NULL;
  const fk_kernels *plain = fk_kernels_named("baseline");
  if (!kernels || (count == 3 && !twin)) {
    printf("give the name of a table that runs here\n");
    return 2;
  }
  for (int pattern = 0; pattern < 3; pattern++) {
    for (int layout = 0; layout < FK_LAYOUT_COUNT; layout++) check_matmul(kernels, plain, layout, pattern);
  }
  static float x[4096];
  static fk_activations found[4096 / FK_BLOCK], expected[4096 / FK_BLOCK];
  for (size_t i = 0; i < 4096; i++) x[i] = noise(3);
  kernels->quantize(x, 4096, found);
  plain->quantize(x, 4096, expected);
  if (memcmp(found, expected, sizeof found)) fault("quantisation", 0, 0);
  for (int type = 0; type < FK_KV_COUNT; type++) check_attention(kernels, plain, type);
  printf("%s: %d faults\n", kernels->name, faults);
  return faults > 0;
}
