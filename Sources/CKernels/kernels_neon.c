// Arm with the 8-bit dot product of ARMv8.2 (Graviton 2, Neoverse N1, Apple M1 and later).

#if defined(__aarch64__)

#include <arm_neon.h>

#include "vectors.h"

#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)

#define INLINE static inline __attribute__((always_inline))
#include "neon.inc.h"

enum { TILE = 8 };

#define FK_NAME "neon-dotprod"
#define FK_TABLE fk_kernels_neon_dotprod
#include "kernels.inc.h"

#pragma clang attribute pop

#endif
