#include <pthread.h>
#include <stdatomic.h>

#include "CountingSupport.h"

static _Atomic uint64_t weight_bytes;

// A function of C has no place for the layout, so there is one for each.
#define COUNTED(layout)                                                                                           \
  static void matmul_##layout(const uint8_t *weights, size_t groups, size_t columns, const void *x, size_t tokens, \
                              float *y, size_t y_stride) {                                                        \
    uint64_t bytes = groups * (columns / fk_layout_columns(layout)) * fk_layout_group_bytes(layout);              \
    atomic_fetch_add_explicit(&weight_bytes, bytes, memory_order_relaxed);                                        \
    fk_kernels_best()->matmul[layout](weights, groups, columns, x, tokens, y, y_stride);                          \
  }

COUNTED(0) COUNTED(1) COUNTED(2) COUNTED(3) COUNTED(4) COUNTED(5) COUNTED(6) COUNTED(7)
COUNTED(8) COUNTED(9) COUNTED(10) COUNTED(11) COUNTED(12) COUNTED(13) COUNTED(14) COUNTED(15)
COUNTED(16) COUNTED(17) COUNTED(18) COUNTED(19)

static const fk_matmul counted[] = {
    matmul_0,  matmul_1,  matmul_2,  matmul_3,  matmul_4,  matmul_5,  matmul_6,  matmul_7,  matmul_8,  matmul_9,
    matmul_10, matmul_11, matmul_12, matmul_13, matmul_14, matmul_15, matmul_16, matmul_17, matmul_18, matmul_19};
_Static_assert(sizeof counted / sizeof *counted >= FK_LAYOUT_COUNT, "one function for each layout");

static fk_kernels table;

static void make_table(void) {
  table = *fk_kernels_best();
  for (int layout = 0; layout < FK_LAYOUT_COUNT; layout++) table.matmul[layout] = counted[layout];
}

const fk_kernels *cs_counting_kernels(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, make_table);
  return &table;
}

uint64_t cs_weight_bytes_read(void) { return atomic_load(&weight_bytes); }
