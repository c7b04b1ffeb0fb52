/* workload.c - a workload profile read.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "db.h"
#include "workload_rows.h"
#include <string.h>

static const char *const goal_words[] = {"none", "latency", "throughput", NULL};

/* clang-format off */
#define W(field) offsetof(struct kvc_demand, field)
#define TOK(k, field, h) {.key = k, .type = FIELD_DOUBLE, .offset = W(field), .min = 1, .max = 1e9, .help = h}
const struct field workload_rows[] = {
    {.key = "name", .type = FIELD_TEXT, .offset = W(name), .required = true, .help = "canonical name"},
    {.key = "aliases", .type = FIELD_TEXTS, .offset = W(aliases), .count = W(n_aliases), .help = "other names of it"},
    {.key = "what", .type = FIELD_TEXT, .offset = W(what), .help = "one line"},
    {.key = "prompt_mean_tok", .type = FIELD_DOUBLE, .offset = W(load.prompt_tok), .min = 1, .max = 1e9, .required = true,
     .help = "mean prompt, as the server sees it: with history and documents"},
    {.key = "prompt_cv", .type = FIELD_DOUBLE, .offset = W(load.prompt_cv), .min = 0, .max = 20, .help = "standard deviation / mean"},
    TOK("prompt_p50_tok", prompt_p50_tok, "median prompt"),
    TOK("prompt_p95_tok", prompt_p95_tok, "95th percentile"),
    TOK("prompt_p99_tok", prompt_p99_tok, "99th percentile"),
    {.key = "output_mean_tok", .type = FIELD_DOUBLE, .offset = W(load.output_tok), .min = 1, .max = 1e9, .required = true,
     .help = "mean output"},
    {.key = "output_cv", .type = FIELD_DOUBLE, .offset = W(load.output_cv), .min = 0, .max = 20, .help = "standard deviation / mean"},
    TOK("output_p50_tok", output_p50_tok, "median output"),
    TOK("output_p95_tok", output_p95_tok, "95th percentile"),
    TOK("output_p99_tok", output_p99_tok, "99th percentile"),
    {.key = "shared_prefix_frac", .type = FIELD_DOUBLE, .offset = W(load.shared_prefix_frac), .min = 0, .max = 1,
     .help = "part of the mean prompt that requests share"},
    {.key = "turns", .type = FIELD_DOUBLE, .offset = W(turns), .min = 0, .max = 1e6, .help = "requests of one conversation"},
    {.key = "rate_per_s", .type = FIELD_DOUBLE, .offset = W(rate_per_s), .min = 0, .max = 1e6, .help = "requests a second"},
    {.key = "users", .type = FIELD_DOUBLE, .offset = W(users), .min = 0, .max = 1e7, .help = "requests at once"},
    {.key = "latency_s", .type = FIELD_DOUBLE, .offset = W(latency_s), .min = 0, .max = 1e6, .help = "acceptable mean seconds of one request"},
    {.key = "context_tok", .type = FIELD_INT64, .offset = W(context_tok), .min = 0, .max = 1e9, .help = "longest request that must be served"},
    {.key = "goal", .type = FIELD_ENUM, .offset = W(goal), .words = goal_words, .help = "none, latency or throughput: what comes first"},
    {.key = "cite", .type = FIELD_TEXT, .offset = W(cite), .help = "key in citations/"},
    {.key = "notes", .type = FIELD_TEXT, .offset = W(notes), .help = "how the figures were made, which are presumed"},
    {.key = NULL},
};
/* clang-format on */

kvc_code workload_from_node(const struct reader *r, const struct node *root,
                            struct kvc_demand *out)
{
  struct kvc_demand d = {
      .load = {.buffer_frac = 0.30, .exceed_prob = 0.01, .round_to = 8}};
  KVC_TRY(fields_read(r, root, workload_rows, &d));
  *out = d;
  return KVC_E_OK;
}

kvc_code kvc_workload_read(struct kvc_arena *arena, const char *text, size_t len,
                           const char *file, struct kvc_demand *out, struct kvc_err *err)
{
  struct node *root;
  const struct reader r = {arena, file, err};
  KVC_TRY(profile_parse(arena, text, len, file, &root, err));
  return workload_from_node(&r, root, out);
}

struct first {
  bool any;
  size_t file;
};

static bool take(void *ctx, const struct db_name *name)
{
  struct first *f = ctx;
  f->any = true;
  f->file = name->file;
  return false;
}

kvc_code kvc_db_workload(struct kvc_db *db, const char *name, struct kvc_demand *out,
                         struct kvc_err *err)
{
  char norm[256];
  struct first f = {0};
  struct node *root;
  kvc_name_normalize(name, norm, sizeof norm);
  db_names(db, KVC_KIND_WORKLOAD, norm, false, take, &f);
  if (!f.any)
    return db_unknown(
        db, KVC_KIND_WORKLOAD, "--workload", name,
        "`kvcap profiles list workloads` shows all; a file of yours is read "
        "when its name ends in .yaml",
        err);
  KVC_TRY(db_root(db, &db->files[f.file], &root, err));
  const struct reader r = {db->arena, db->files[f.file].path, err};
  return workload_from_node(&r, root, out);
}
