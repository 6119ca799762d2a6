// Which tables there are, fastest first, and whether this machine runs them.

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

#include "CKernels.h"

extern const fk_kernels fk_kernels_baseline;
#if defined(__x86_64__)
extern const fk_kernels fk_kernels_avx2, fk_kernels_avxvnni, fk_kernels_avx512vnni;
#elif defined(__aarch64__)
extern const fk_kernels fk_kernels_neon_dotprod, fk_kernels_neon_i8mm;
#endif

// What this machine has, as a set of fk_features.
static unsigned features_here(void) {
  unsigned found = 0;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")) {
    found |= FK_HAS_AVX2;
  }
  // Leaf 7, subleaf 1, EAX bit 4.
  uint32_t a, b, c, d;
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1)) found |= FK_HAS_AVX_VNNI;
  if (__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vnni")) {
    found |= FK_HAS_AVX512_VNNI;
  }
#elif defined(__aarch64__)
  if (getauxval(AT_HWCAP) >> 20 & 1) found |= FK_HAS_DOT_PRODUCT;  // HWCAP_ASIMDDP
  if (getauxval(AT_HWCAP2) >> 13 & 1) found |= FK_HAS_I8MM;        // HWCAP2_I8MM
#endif
  return found;
}

// Fastest first. Registers of AVX-512 multiply twice the rows an instruction and there are twice as many, so that its
// table comes before that of AVX-VNNI on machines that have both (Sapphire Rapids, Zen 5). On Zen 4, which cuts its
// instructions in two, it computes prompts half as fast again as the AVX2 table. It would be wrong on a machine where
// `bench --isa avxvnni` is faster than `bench`.
static const struct {
  const fk_kernels *table;
  unsigned needs;
} tables[] = {
#if defined(__x86_64__)
  {&fk_kernels_avx512vnni, FK_HAS_AVX2 | FK_HAS_AVX512_VNNI},
  {&fk_kernels_avxvnni, FK_HAS_AVX2 | FK_HAS_AVX_VNNI},
  {&fk_kernels_avx2, FK_HAS_AVX2},
#elif defined(__aarch64__)
  {&fk_kernels_neon_i8mm, FK_HAS_DOT_PRODUCT | FK_HAS_I8MM},
  {&fk_kernels_neon_dotprod, FK_HAS_DOT_PRODUCT},
#endif
  {&fk_kernels_baseline, 0},
};

const fk_kernels *fk_kernels_for(unsigned features, size_t index) {
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
    if ((tables[i].needs & ~features) == 0 && index-- == 0) return tables[i].table;
  }
  return NULL;
}

const fk_kernels *fk_kernels_at(size_t index) { return fk_kernels_for(features_here(), index); }

const fk_kernels *fk_kernels_named(const char *name) {
  const fk_kernels *table;
  for (size_t i = 0; (table = fk_kernels_at(i)) != NULL; i++) {
    if (strcmp(table->name, name) == 0) return table;
  }
  return NULL;
}

const fk_kernels *fk_kernels_best(void) { return fk_kernels_at(0); }
