// Where threads run. The C library declares these for GNU sources only, which Swift's module of it is not.

#pragma once

#include <stddef.h>
#include <stdint.h>

// The processor that the calling thread is on; below 0 where that is not known.
int fk_processor(void);

// Reads and sets the processors, a bit for each, on which the calling thread may run. 0 if it could.
int fk_get_affinity(size_t bytes, uint64_t *mask);
int fk_set_affinity(size_t bytes, const uint64_t *mask);
