/* measured.h - the table of measured servers, and kvcap's answer to each.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_TESTS_MEASURED_H
#define KVC_TESTS_MEASURED_H

#include <kvcap/size.h>

enum { MEASURED_COLUMNS = 29 };

enum measured_column {
  COL_ID,
  COL_GRADE,
  COL_MODEL,
  COL_GPU,
  COL_TOTAL,
  COL_TP,
  COL_PP,
  COL_DP,
  COL_DTYPE,
  COL_QUANT,
  COL_KV_DTYPE,
  COL_UTIL,
  COL_LEN,
  COL_SEQS,
  COL_BATCHED,
  COL_EAGER,
  COL_VERSION,
  COL_ENGINE,
  COL_BLOCK,
  COL_WEIGHTS,
  COL_NON_TORCH,
  COL_ACTIVATION,
  COL_GRAPHS,
  COL_AVAILABLE,
  COL_TOKENS,
  COL_BLOCKS,
  COL_CONCURRENCY,
  COL_EXTRA,
  COL_SOURCE
};

struct measured {
  const char *col[MEASURED_COLUMNS];
};

/* Reads the table; rows live in the arena. */
kvc_code measured_read(struct kvc_arena *arena, const char *path, struct measured **rows,
                       size_t *count, struct kvc_err *err) KVC_MUST_USE;

/* A column as a number, NaN when empty. */
double measured_num(const struct measured *row, enum measured_column col);

/* Sizes one record as a user would: what the record does not say is left to kvcap. */
kvc_code measured_run(struct kvc_arena *arena, struct kvc_db *db,
                      const struct measured *row, struct kvc_size *out,
                      struct kvc_err *err) KVC_MUST_USE;

/* Tokens that the record states (tokens, or blocks x block size, or, for layouts of
 * several groups, NaN). */
double measured_tokens(const struct measured *row, const struct kvc_size *size);

/* |predicted - measured| of the KV figure: tokens, or the concurrency of hybrids, as
 * a fraction of the larger of the measured pool and a pool of 8 GiB.  NaN when the
 * record has nothing to compare. */
double measured_error(const struct measured *row, const struct kvc_size *size);

#endif
