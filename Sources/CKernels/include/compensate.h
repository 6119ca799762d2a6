// Quantisation with error compensation: the codes of a row are chosen so that the row's outputs change least, not its
// weights. With H the second moments of the inputs (the mean of x x^T), a row w stored as q changes its outputs by
// (w - q) H (w - q)^T in the mean square.
//
// H = U D U^T with U unit upper triangular makes that a sum over columns, D[k] * (e[k] + sum over j < k of e[j] U[j,k])^2:
// column after column is rounded to nearest after the errors made so far have been added, weighted by U. That is the
// known scheme of second-order rounding (OPTQ, also called GPTQ; LDLQ). Scales come from the weighted search with D as
// the weights. Afterwards codes, scales and minima go through coordinate descent on the whole error, down to where no
// single change helps.

#pragma once

#include "quantize.h"

typedef struct {
  fk_layout layout;
  size_t columns;
  const float *moments;   // H [columns, columns], symmetric, damped so that it is positive definite
  const float *feedback;  // U transposed, in the order of visits: feedback[p * columns + j] for j < p
  const float *pivots;    // D, in the order of visits
  const float *cross;     // C [columns, columns], or NULL: see fk_compensate_rows; damped like H
  const uint32_t *order;  // the column of each visit; groups of columns with one scale, and blocks, stay together
  int sweeps;             // turns of coordinate descent; 0 for none
} fk_compensation;

// Fills `order` [columns]: blocks by falling moments, in each block the groups, in each group the columns.
void fk_visit_order(fk_layout layout, const float *moments, size_t columns, uint32_t *order);

// Factors the moments in the given order. work: columns * (columns + 1) / 2 doubles. False where they are not positive
// definite.
bool fk_factor_moments(const float *moments, size_t columns, const uint32_t *order, double *work, float *feedback,
                       float *pivots);

// Bytes of scratch memory that one call of fk_compensate_rows needs, aligned to 32.
size_t fk_compensation_scratch(fk_layout layout, size_t columns);

// Encodes rows [rows, columns] to the file's blocks. The layout is one of codes (fk_code_kind_of).
//
// With C, the mean of x z^T, the inputs of the original model are x, but those of the quantised one z, and H is the mean
// of z z^T: then w z is not what w x was. The row whose outputs on z are nearest is w C H^-1, and it is rounded instead.
void fk_compensate_rows(const fk_compensation *c, const float *x, size_t rows, void *scratch, uint8_t *destination);
