// Sampling in plain C for any machine, and the choice of a table.

#include "CKernels.h"
#include "vectors.h"

// Vectors of 32 bytes are passed in two registers or in memory here; nothing outside this file sees them.
#pragma clang diagnostic ignored "-Wpsabi"

#define INLINE static inline __attribute__((always_inline))
#define FK_SAMPLING_NAME "baseline"
#define FK_SAMPLING_TABLE fk_sampling_baseline
#include "sampling.inc.h"

#if defined(__x86_64__)
extern const fk_sampling fk_sampling_avx2;
#endif

const fk_sampling *fk_sampling_named(const char *name) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (strcmp(name, fk_sampling_avx2.name) == 0) return __builtin_cpu_supports("avx2") ? &fk_sampling_avx2 : NULL;
#endif
  return strcmp(name, fk_sampling_baseline.name) == 0 ? &fk_sampling_baseline : NULL;
}

const fk_sampling *fk_sampling_best(void) {
  const fk_sampling *table = fk_sampling_named("avx2");
  return table != NULL ? table : &fk_sampling_baseline;
}
