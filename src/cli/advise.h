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

/* Rows of the load that `plan` has too; struct advise_args comes first in what they are
 * read into. */
#define ADVISE_A(member) offsetof(struct advise_args, member)
#define ADVISE_TOK(opt, m, text)                                                         \
  {                                                                                      \
    .name = opt, .arg = "N", .type = CLI_LENGTH, .offset = ADVISE_A(demand.m), .min = 1, \
    .max = 1e9, .advice = "write tokens such as 500", .help = text                       \
  }
/* clang-format off */
#define ADVISE_LOAD_ROWS \
  {.name = "--workload", .arg = "NAME|FILE", .type = CLI_TEXT, .offset = ADVISE_A(workload), .complete = "workloads", \
  .help = "chat, rag, code-completion, agent, summarisation, reasoning, offline-batch, or a file of yours ending in .yaml"}, \
  ADVISE_TOK("--prompt-p50", prompt_p50_tok, "percentile of the prompt; two of them give mean and spread"), \
  ADVISE_TOK("--prompt-p95", prompt_p95_tok, "the same, 95th"), \
  ADVISE_TOK("--prompt-p99", prompt_p99_tok, "the same, 99th"), \
  ADVISE_TOK("--output-p50", output_p50_tok, "percentile of the output"), \
  ADVISE_TOK("--output-p95", output_p95_tok, "the same, 95th"), \
  ADVISE_TOK("--output-p99", output_p99_tok, "the same, 99th")
/* clang-format on */

cli_call advise_allow; /* "fp8-kv,fp8-weights" */

/* The load out of workload, percentiles and means: args->demand, and that of the size. */
kvc_code advise_demand(struct advise_args *args, struct kvc_err *err) KVC_MUST_USE;

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
