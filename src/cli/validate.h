/* validate.h - inside `kvcap validate`.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_CLI_VALIDATE_H
#define KVC_CLI_VALIDATE_H

#include "cli.h"
#include <kvcap/validate.h>

struct validate_args {
  struct cli_common common;
  const char *quality, *split, *kind, *predictions;
  int jobs;
};

struct validate {
  struct cli *cli;
  const char *file;
  const char *dirs[CLI_MAX_DIRS + 1];
  size_t n_dirs;
  struct kvc_validation_row *rows;
  size_t n, skipped;
};

#endif
