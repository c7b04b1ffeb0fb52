/* fit.h - inside `kvcap fit`.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_CLI_FIT_H
#define KVC_CLI_FIT_H

#include "size.h"
#include <kvcap/fitted.h>

struct fit_args {
  struct size_args size; /* first: cli_parse counts on it */
  const char *cite, *notes;
  const char *files[CLI_MAX_WORDS];
  size_t n_files;
};

extern const struct cli_option fit_options[];

/* What the help of the command says below its options. */
void fit_help(struct kvc_buf *out);

/* fit_bench.c, fit_kernels.c: the two kinds. */
kvc_code fit_bench(struct cli *cli, struct fit_args *args,
                   struct kvc_err *err) KVC_MUST_USE;
kvc_code fit_kernels(struct cli *cli, struct fit_args *args,
                     struct kvc_err *err) KVC_MUST_USE;

#endif
