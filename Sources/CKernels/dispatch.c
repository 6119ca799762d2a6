// Which tables there are, fastest first, and whether this machine runs them.

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

#include "CKernels.h"

extern const fk_kernels fk_kernels_baseline;

static bool always(void) { return true; }

#if defined(__x86_64__)
extern const fk_kernels fk_kernels_avx2, fk_kernels_avxvnni, fk_kernels_avx512vnni;

static bool has_avx2(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}

static bool has_avx512vnni(void) {
  return has_avx2() && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni");
}

static bool has_avxvnni(void) {
  // Leaf 7, subleaf 1, EAX bit 4; its registers are those of AVX2.
  uint32_t a, b, c, d;
  return has_avx2() && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
}
#endif

#if defined(__aarch64__)
extern const fk_kernels fk_kernels_neon_dotprod;

// HWCAP_ASIMDDP: bit 20 of AT_HWCAP.
static bool has_dotprod(void) { return getauxval(AT_HWCAP) >> 20 & 1; }
#endif

static const struct {
  const fk_kernels *table;
  bool (*runs_here)(void);
} tables[] = {
#if defined(__x86_64__)
  {&fk_kernels_avxvnni, has_avxvnni},
  {&fk_kernels_avx512vnni, has_avx512vnni},
  {&fk_kernels_avx2, has_avx2},
#elif defined(__aarch64__)
  {&fk_kernels_neon_dotprod, has_dotprod},
#endif
  {&fk_kernels_baseline, always},
};

const fk_kernels *fk_kernels_named(const char *name) {
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
    if (strcmp(tables[i].table->name, name) == 0) return tables[i].runs_here() ? tables[i].table : NULL;
  }
  return NULL;
}

const fk_kernels *fk_kernels_at(size_t index) {
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
    if (tables[i].runs_here() && index-- == 0) return tables[i].table;
  }
  return NULL;
}

const fk_kernels *fk_kernels_best(void) { return fk_kernels_at(0); }
