/* plan_ask.c - arguments of `kvcap plan` become a question, and the search is opened.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "plan.h"
#include "simulate.h"
#include <math.h>
#include <string.h>

enum { MAX_TRACE_BYTES = 1 << 30 };

/* ---- lengths ------------------------------------------------------------------------
 */

/* Mean and deviation over mean of one side of the pairs. */
static void moments(const int32_t (*pairs)[2], size_t n, size_t side, double *mean,
                    double *cv)
{
  double sum = 0, squares = 0;
  for (size_t i = 0; i < n; i++) sum += pairs[i][side];
  *mean = sum / (double)n;
  for (size_t i = 0; i < n; i++) {
    const double d = pairs[i][side] - *mean;
    squares += d * d;
  }
  *cv = *mean > 0 ? sqrt(squares / (double)n) / *mean : 0;
}

static kvc_code use_pairs(struct plan_question *q, const int32_t (*pairs)[2], size_t n,
                          const char *flag, struct kvc_err *err)
{
  struct kvc_workload *load = &q->args->advise.size.req.load;
  if (load->prompt_tok > 0 || load->output_tok > 0)
    return kvc_fail(err, KVC_E_CONFLICT, flag,
                    "and --input-len, --output-len both say what the requests are: give "
                    "one of them");
  moments(pairs, n, 0, &load->prompt_tok, &load->prompt_cv);
  moments(pairs, n, 1, &load->output_tok, &load->output_cv);
  q->args->req.pairs = pairs;
  q->args->req.n_pairs = n;
  return KVC_E_OK;
}

static kvc_code use_lengths(struct plan_question *q, struct kvc_err *err)
{
  struct kvc_arena *arena = &q->cli->arena;
  struct simulate s = {.cli = q->cli, .room = q->room};
  s.args = kvc_arena_alloc(arena, 1, sizeof *s.args);
  if (s.args == NULL) return kvc_arena_full(arena, NULL, err);
  s.args->lengths = q->args->advise.lengths;
  const kvc_code rc = simulate_lengths(&s, err);
  q->room = s.room;
  KVC_TRY(rc);
  q->args->advise.lengths = NULL; /* told: what follows is of means */
  return use_pairs(q, s.pairs, s.n_pairs, "--lengths", err);
}

static kvc_code use_trace(struct plan_question *q, struct kvc_err *err)
{
  const char *path = q->args->trace;
  struct kvc_arena file;
  struct kvc_traffic t = {.n = 0};
  char *text;
  size_t len;
  kvc_arena_init(&file, (size_t)3 << 30);
  kvc_code rc = kvc_file_read_into(&file, path, MAX_TRACE_BYTES, &text, &len, err);
  if (rc == KVC_E_OK) rc = kvc_trace_read(&q->room, text, len, path, NULL, &t, err);
  kvc_arena_clear(&file);
  KVC_TRY(rc);
  if (t.n == 0) return kvc_fail(err, KVC_E_PARSE, path, "holds no request to serve");
  int32_t(*pairs)[2] = kvc_arena_alloc(&q->room, t.n, sizeof *pairs);
  if (pairs == NULL) return kvc_arena_full(&q->room, path, err);
  for (size_t i = 0; i < t.n; i++) {
    pairs[i][0] = t.items[i].prompt_tok;
    pairs[i][1] = t.items[i].output_tok;
  }
  const double last_s = (double)t.items[t.n - 1].arrival_ns / 1e9;
  if (!(q->args->req.rate_per_s > 0) && last_s > 0 && t.n > 1)
    q->args->req.rate_per_s = (double)(t.n - 1) / last_s;
  return use_pairs(q, (const int32_t(*)[2])pairs, t.n, "--trace", err);
}

static kvc_code settle_load(struct plan_question *q, struct kvc_err *err)
{
  struct plan_args *args = q->args;
  if (args->trace != NULL && args->advise.lengths != NULL)
    return kvc_fail(err, KVC_E_CONFLICT, "--lengths",
                    "and --trace both say what the requests are: give one of them");
  if (args->trace != NULL) KVC_TRY(use_trace(q, err));
  if (args->advise.lengths != NULL) KVC_TRY(use_lengths(q, err));
  KVC_TRY(advise_demand(&args->advise, err));
  args->req.demand = args->advise.demand;
  if (args->req.rate_per_s > 0) return KVC_E_OK;
  if (args->trace != NULL)
    return kvc_fail(err, KVC_E_USAGE, args->trace,
                    "has no times to take a rate from: add --rate, the requests a second "
                    "at the peak");
  return kvc_fail(err, KVC_E_USAGE, NULL,
                  "--rate is missing: the requests a second that must hold at the peak, "
                  "such as --rate 20");
}

/* ---- the rest ------------------------------------------------------------------------
 */

static kvc_code settle_growth(struct plan_args *args, struct kvc_err *err)
{
  struct kvc_search_request *req = &args->req;
  const bool percent = !isnan(args->growth_percent);
  if (percent && req->n_growth > 0 && args->filed.growth)
    req->n_growth = 0;
  else if (percent && req->n_growth > 0 && args->filed.percent)
    args->growth_percent = (double)NAN;
  else if (percent && req->n_growth > 0)
    return kvc_fail(err, KVC_E_CONFLICT, "--growth",
                    "and --growth-at both say how the rate grows: give one of them");
  if (!isnan(args->growth_percent)) req->growth_per_month = args->growth_percent / 100;
  if (req->horizon_months > 0 && isnan(args->growth_percent) && req->n_growth == 0)
    return kvc_fail(err, KVC_E_USAGE, "--horizon",
                    "is of a growth: add --growth 10 (percent a month) or --growth-at "
                    "6=40");
  return KVC_E_OK;
}

static kvc_code settle_models(struct plan_args *args, struct kvc_err *err)
{
  struct size_args *size = &args->advise.size;
  const char *config = size->req.model_config_path;
  if (args->n_models == 0 && config == NULL)
    return kvc_fail(err, KVC_E_USAGE, NULL,
                    "the model is missing; for example: kvcap plan Qwen/Qwen3-8B "
                    "--workload chat --rate 20 --slo ttft_p95=500ms,tpot_p99=30ms");
  if (args->n_models > 1 && config != NULL)
    return kvc_fail(err, KVC_E_CONFLICT, "--model-config",
                    "describes one model, and %zu are named", args->n_models);
  args->req.n_models = args->n_models > 0 ? args->n_models : 1;
  for (size_t i = 0; i < args->req.n_models; i++) {
    size->model = args->n_models > 0 ? args->models[i] : NULL;
    size->req.model_config_path = config;
    size->req.model_config_text = NULL;
    size->req.model_config_len = 0;
    KVC_TRY(size_settle(size, err));
    args->req.models[i] = size->req;
  }
  return KVC_E_OK;
}

static void settle_objective(struct plan_args *args)
{
  args->req.objective = KVC_OBJECTIVE_COST;
  for (int i = 0; args->objective != NULL; i++) {
    const char *name = kvc_objective_name((enum kvc_objective)i);
    if (name == NULL) return;
    if (strcmp(name, args->objective) == 0) args->req.objective = (enum kvc_objective)i;
  }
}

kvc_code plan_ask(struct plan_question *q, struct kvc_err *err)
{
  struct plan_args *args = q->args;
  struct kvc_arena *arena = &q->cli->arena;
  kvc_arena_init(&q->room, (size_t)8 << 30);
  q->plan = kvc_arena_alloc(arena, 1, sizeof *q->plan);
  if (q->plan == NULL) return kvc_arena_full(arena, NULL, err);
  args->advise.size.req.brief = true;
  if (args->n_models == 0 && args->advise.size.req.model_config_path == NULL)
    return settle_models(args, err); /* the first thing to say */
  KVC_TRY(settle_load(q, err));
  KVC_TRY(settle_growth(args, err));
  KVC_TRY(settle_models(args, err));
  KVC_TRY(plan_hardware(args, err));
  settle_objective(args);
  args->req.allow = args->advise.allow;
  if (args->seed >= 0) args->req.seed = (uint64_t)args->seed;
  args->req.kv_transfer_bps = args->kv_transfer_gb_per_s * 1e9;
  return kvc_search_open(arena, args->advise.size.db, &args->req, &q->search, err);
}

void plan_close(struct plan_question *q)
{
  kvc_arena_clear(&q->room);
}
