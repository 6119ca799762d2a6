// What tests count: calls of the allocator by one thread, and the weights that matrix kernels read.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "CKernels.h"

// Counts the calling thread's allocations from 0 on.
void cs_start_counting_allocations(void);

// Ends it, and returns how often the thread called malloc, calloc, realloc or an aligned form of them.
uint64_t cs_stop_counting_allocations(void);

// The machine's best kernels; their matrix products count what they read. One table for the process.
const fk_kernels *cs_counting_kernels(void);

// Bytes of packed weights that the counting kernels have read so far.
uint64_t cs_weight_bytes_read(void);
