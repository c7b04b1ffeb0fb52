/* validate.h - inside `kvcap validate`.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_CLI_VALIDATE_H
#define KVC_CLI_VALIDATE_H

#include "cli.h"
#include <kvcap/levels.h>
#include <kvcap/validate.h>

struct validate_args {
  struct cli_common common;
  const char *quality, *split, *kind, *predictions;
  bool fit;
  int jobs;
};

struct validate {
  struct cli *cli;
  const char *file;
  const char *dirs[CLI_MAX_DIRS + 1];
  size_t n_dirs;
  struct kvc_validation_row *rows;
  size_t *turn; /* rows of one number are done by one process */
  size_t n, skipped;
  /* With --fit: rows to fit, of every series. */
  bool fit;
  const struct kvc_point **calibrate;
  size_t n_calibrate;
};

/* What was fitted to a series; the last one is kept. */
struct validate_fit {
  const char *series;
  bool have;
  struct kvc_points_fit fit;
  struct kvc_err err;
};

/* validate_fit.c: leaves rows of series that have something to fit, and numbers them by
 * series. */
kvc_code validate_series(struct validate *v, struct kvc_err *err) KVC_MUST_USE;
/* The constants of the row's series, fitted when it is another than before. */
kvc_code validate_tune(struct validate *v, size_t row, struct validate_fit *last,
                       struct kvc_err *err) KVC_MUST_USE;

#endif
