// Passes over a vocabulary's logits, for choosing the next token. Part of CKernels.h.
//
// Logits are cut into blocks of FK_LOGIT_BLOCK tokens; the last may be shorter. Every result is the same bit for bit on
// every instruction set: the operations are the same ones in the same order, without fused multiply and add.
// Not-a-number counts as minus infinity (a token that is never chosen), plus infinity as the largest finite number.

#pragma once

#include <stddef.h>
#include <stdint.h>

enum { FK_LOGIT_BLOCK = 128 };

typedef struct {
  const char *name;

  // maxima[b] = the largest logit of block b. A block without any number above minus infinity gives minus infinity.
  // maxima: (count + 127) / 128 floats, overwritten.
  void (*block_maxima)(const float *logits, size_t count, float *maxima);

  // The tokens with logit >= threshold, in ascending order: their places (0 for logits[0]) and logits. Looks only into
  // blocks whose maximum reaches the threshold. threshold finite. Returns how many; at most `count`, which ids and
  // values must hold.
  size_t (*gather)(const float *logits, size_t count, const float *maxima, float threshold, int32_t *ids,
                   float *values);

  // weight[i] = e^((x[i] - largest) * inverse_temperature), to about two units in the last place; 0 where the exponent
  // is below -87.3 (the result would not be a normal number). largest >= every x[i], finite; inverse_temperature
  // positive and finite. sums[b] = the sum of block b in one fixed order, overwritten. weights may be NULL (only sums
  // are wanted) or x.
  void (*weigh)(const float *x, size_t count, float largest, float inverse_temperature, float *weights, float *sums);
} fk_sampling;

// The table called `name` ("baseline", "avx2"), or NULL where this machine cannot run it or there is none.
const fk_sampling *fk_sampling_named(const char *name);

// The fastest table that this machine can run.
const fk_sampling *fk_sampling_best(void);
