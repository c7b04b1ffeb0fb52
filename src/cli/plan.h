/* plan.h - the arguments of `kvcap plan`, and what `kvcap merge` shares with it.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_CLI_PLAN_H
#define KVC_CLI_PLAN_H

#include "advise.h"
#include <kvcap/search.h>

enum { PLAN_MAX_NAMED = 3 * KVC_SEARCH_HARDWARE, PLAN_MAX_SHARDS = 4096 };

/* "--stock H100=16": what is said of a GPU by its name. */
enum plan_said { PLAN_PRICE, PLAN_STOCK, PLAN_NODE };
struct plan_named {
  enum plan_said what;
  const char *gpu;
  double value;
};

struct plan_args {
  struct advise_args advise; /* first: cli_parse counts on it */
  struct kvc_search_request req;
  const char *models[KVC_SEARCH_MODELS];
  size_t n_models;
  const char *file, *trace, *objective;
  double growth_percent; /* NaN not given */
  int64_t seed;          /* -1 not given */
  double kv_transfer_gb_per_s;
  struct plan_named named[PLAN_MAX_NAMED];
  size_t n_named;
  bool all_gpus;
  /* Lists that the plan file gave: the first word of the command line replaces them. */
  struct {
    bool models, hardware, slo, growth, percent, tps, pps, dps, why_not;
  } filed;
  int jobs, shard, shards, n_shards; /* shard K of 'shards'; n_shards of --shards */
  const char *cluster;
  bool no_wall_time;
};

/* A question ready to be searched. */
struct plan_question {
  struct cli *cli;
  struct plan_args *args;
  struct kvc_arena room; /* lengths of a trace, as large as its file */
  struct kvc_search *search;
  struct kvc_plan *plan;
};

/* plan_read.c: words to arguments, over those of the plan file when one is named. */
kvc_code plan_read(struct cli *cli, int argc, char *const *argv, struct plan_args *args,
                   struct kvc_err *err) KVC_MUST_USE;
bool plan_is_yaml(const char *word);

/* plan_options.c: one more model that would do. */
kvc_code plan_add_model(struct plan_args *args, const char *name,
                        struct kvc_err *err) KVC_MUST_USE;
/* Whether 'word' is an option that says where or how the answer is made, not what is
 * asked; *values is how many words follow that belong to it. */
bool plan_is_aside(const char *word, int *values);

/* plan_fill.c: a plan file into arguments that hold nothing yet; a load that 'typed'
 * already has stands over that of the file. */
struct kvc_plan_file;
kvc_code plan_fill(struct plan_args *args, const struct plan_args *typed,
                   const struct kvc_plan_file *file, struct kvc_err *err) KVC_MUST_USE;

/* plan_ask.c: arguments to a request, and the search opened; q->cli and q->args are set.
 * plan_close frees what the question took. */
kvc_code plan_ask(struct plan_question *q, struct kvc_err *err) KVC_MUST_USE;
void plan_close(struct plan_question *q);
/* plan_hardware.c: prices, stock and nodes said by name. */
kvc_code plan_hardware(struct plan_args *args, struct kvc_err *err) KVC_MUST_USE;

/* plan_jobs.c: the units of a stage, every n-th from the k-th on ... */
struct plan_part {
  const size_t *units;
  size_t n;
};
kvc_code plan_todo(struct plan_question *q, int stage, int k, int n,
                   struct plan_part *out, struct kvc_err *err) KVC_MUST_USE;
/* ... searched by so many processes as asked for and handed back; the first failure by
 * place is returned. */
kvc_code plan_jobs(struct plan_question *q, const struct plan_part *part,
                   struct kvc_err *err) KVC_MUST_USE;

/* plan_schema.c: the JSON Schema of a plan file. */
kvc_code plan_file_schema(struct kvc_doc *doc, struct kvc_err *err) KVC_MUST_USE;

/* cmd_plan.c: ranks and prints. */
kvc_code plan_finish(struct plan_question *q, const struct cli_common *common,
                     double wall_s, struct kvc_err *err) KVC_MUST_USE;

#endif
