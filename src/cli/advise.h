/* advise.h - the arguments of `kvcap advise` and `kvcap launch`.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_CLI_ADVISE_H
#define KVC_CLI_ADVISE_H

#include "size.h"
#include <kvcap/advice.h>
#include <stdio.h>

struct advise_args {
  struct size_args size; /* first: cli_parse counts on it */
  struct kvc_demand demand;
  const char *workload, *lengths, *goal, *form;
  int gpus;
  unsigned allow;
};

/* Reads and settles everything; *help is set when only help was asked for. */
kvc_code advise_read(struct cli *cli, const struct cli_parser *parser, int argc,
                     char *const *argv, struct advise_args *args,
                     struct kvc_err *err) KVC_MUST_USE;
kvc_code advise_run(struct advise_args *args, struct kvc_advice *out,
                    struct kvc_err *err) KVC_MUST_USE;

/* lengths.c: prompt and output tokens of many requests; 'path' names them in messages. */
kvc_code advise_lengths_read(FILE *f, const char *path, struct kvc_demand *out,
                             struct kvc_err *err) KVC_MUST_USE;
kvc_code advise_lengths(const char *path, struct kvc_demand *out,
                        struct kvc_err *err) KVC_MUST_USE;

#endif
