#define _GNU_SOURCE
#include "processors.h"

#include <sched.h>

int fk_processor(void) { return sched_getcpu(); }

int fk_get_affinity(size_t bytes, uint64_t *mask) { return sched_getaffinity(0, bytes, (cpu_set_t *)(void *)mask); }

int fk_set_affinity(size_t bytes, const uint64_t *mask) {
  return sched_setaffinity(0, bytes, (const cpu_set_t *)(const void *)mask);
}
