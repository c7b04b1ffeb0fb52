/* rows.h - kernel measurements in terms of the curves; private to src/fit/.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef FIT_ROWS_H
#define FIT_ROWS_H

#include <kvcap/fit.h>

struct fit_row {
  enum kvc_curve_op op;
  enum kvc_fmt fmt;
  int ranks;
  double bytes, flops, x, seconds;
  uint64_t shape; /* rows of one shape are left out together */
};

struct fit_rows {
  struct fit_row *rows;
  size_t n, room;
};

/* Adds the usable rows of a table. */
kvc_code fit_rows_read(struct kvc_arena *arena, const struct kvc_kernel_table *table,
                       struct fit_rows *out, struct kvc_err *err) KVC_MUST_USE;

#endif
