// The allocator's entry points, in front of glibc's own. The program's symbols come before those of shared libraries, so
// Swift's runtime calls these too.

#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>

#include "CountingSupport.h"

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static _Thread_local int is_counting;
static _Thread_local uint64_t count;

static inline void note(void) {
  if (is_counting) count++;
}

void cs_start_counting_allocations(void) {
  count = 0;
  is_counting = 1;
}

uint64_t cs_stop_counting_allocations(void) {
  is_counting = 0;
  return count;
}

void *malloc(size_t size) {
  note();
  return __libc_malloc(size);
}

void *calloc(size_t members, size_t size) {
  note();
  return __libc_calloc(members, size);
}

void *realloc(void *memory, size_t size) {
  note();
  return __libc_realloc(memory, size);
}

void *memalign(size_t alignment, size_t size) {
  note();
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  note();
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
  note();
  void *found = __libc_memalign(alignment, size);
  if (found == NULL) return ENOMEM;
  *memory = found;
  return 0;
}
