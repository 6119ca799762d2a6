// The allocator's entry points, in front of glibc's own. The program's symbols come before those of shared libraries, so
// Swift's runtime calls these too. A sanitizer brings an allocator of its own, which must stay the only one, and calls
// the hooks here instead.

#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>

#include "CountingSupport.h"

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

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)

// Declared here because Debian's compiler headers, where they are, need not be installed.
void __sanitizer_malloc_hook(const volatile void *memory, size_t size);
void __sanitizer_free_hook(const volatile void *memory);

__attribute__((no_sanitize("address", "thread"))) void __sanitizer_malloc_hook(
    const volatile void *memory, size_t size) {
  (void)memory;
  (void)size;
  note();
}

__attribute__((no_sanitize("address", "thread"))) void __sanitizer_free_hook(const volatile void *memory) {
  (void)memory;
}

#else

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

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

#endif
