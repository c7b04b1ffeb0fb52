/* guidellm.c - GuideLLM reports of every schema.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A report lists benchmarks, one per rate or concurrency; each has distributions by the
 * fate of the requests.  request_latency is in seconds, what ends in _ms is not.
 */
#include "bench_room.h"
#include <math.h>
#include <string.h>

/* The distribution of the requests that ended well. */
static const struct bench_node *good(const struct bench *b, const struct bench_node *run,
                                     const char *name)
{
  const struct bench_node *m = bench_get(b, bench_get(b, run, "metrics"), name);
  const struct bench_node *s = bench_get(b, m, "successful");
  return s != NULL ? s : m;
}

static bool is_run(const struct bench *b, const struct bench_node *run)
{
  return good(b, run, "time_to_first_token_ms") != NULL ||
         good(b, run, "request_latency") != NULL ||
         good(b, run, "requests_per_second") != NULL;
}

bool bench_guidellm_is(const struct bench *b, const struct bench_node *obj)
{
  const struct bench_node *runs = bench_open(b, obj, "benchmarks");
  if (runs == NULL || runs->kind != BENCH_LIST) return false;
  const struct bench_node *first = bench_first(runs);
  return first != NULL && first->kind == BENCH_OBJ && is_run(b, first);
}

static double first_num(const struct bench *b, const struct bench_node *obj,
                        const char *const *paths)
{
  for (; *paths != NULL; paths++) {
    const double v = bench_get_num(b, obj, *paths);
    if (!isnan(v)) return v;
  }
  return (double)NAN;
}

static const char *first_str(struct bench *b, const struct bench_node *obj,
                             const char *const *paths)
{
  for (; *paths != NULL; paths++) {
    const char *v = bench_get_str(b, obj, *paths);
    if (v != NULL && v[0] != '\0') return v;
  }
  return NULL;
}

static void counts(const struct bench *b, const struct bench_node *run,
                   struct kvc_bench *r)
{
  static const char *const completed[] = {"request_totals.successful",
                                          "metrics.request_totals.successful",
                                          "scheduler_metrics.requests_made.successful",
                                          "run_stats.requests_made.successful", NULL};
  static const char *const failed[] = {
      "request_totals.errored", "metrics.request_totals.errored",
      "scheduler_metrics.requests_made.errored", "run_stats.requests_made.errored", NULL};
  static const char *const all[] = {
      "request_totals.total", "metrics.request_totals.total",
      "scheduler_metrics.requests_made.total", "run_stats.requests_made.total", NULL};
  r->completed = first_num(b, run, completed);
  r->failed = first_num(b, run, failed);
  r->num_prompts = first_num(b, run, all);
  r->duration_s = bench_get_num(b, run, "duration");
  if (isnan(r->duration_s))
    r->duration_s =
        bench_get_num(b, run, "end_time") - bench_get_num(b, run, "start_time");
  if (isnan(r->duration_s))
    r->duration_s = bench_get_num(b, run, "scheduler_metrics.measure_end_time") -
                    bench_get_num(b, run, "scheduler_metrics.measure_start_time");
}

/* What was offered: a rate, a number of streams, or everything at once. */
static void load(struct bench *b, const struct bench_node *run, struct kvc_bench *r)
{
  static const char *const kinds[] = {"args.strategy.type_",  "config.strategy.type_",
                                      "config.strategy.kind", "config.profile.kind",
                                      "strategy.type_",       NULL};
  static const char *const rates[] = {"args.strategy.rate", "config.strategy.rate",
                                      "config.rate", NULL};
  static const char *const streams[] = {
      "args.strategy.streams", "config.strategy.streams",
      "config.strategy.max_concurrency", "args.strategy.max_concurrency", NULL};
  const char *kind = first_str(b, run, kinds);
  r->request_rate = first_num(b, run, rates);
  r->max_concurrency = first_num(b, run, streams);
  if (kind == NULL) return;
  r->label = kind;
  if (strcmp(kind, "synchronous") == 0) r->max_concurrency = 1;
  if (strcmp(kind, "throughput") == 0 || strcmp(kind, "concurrent") == 0 ||
      strcmp(kind, "synchronous") == 0)
    r->request_rate = INFINITY;
}

static void about(struct bench *b, const struct bench_node *report,
                  const struct bench_node *run, struct kvc_bench *r)
{
  static const char *const models[] = {"worker.backend_model", "config.backend.model",
                                       "config.model", NULL};
  static const char *const backends[] = {"worker.backend_type", "config.backend.type_",
                                         "config.backend.kind", NULL};
  static const char *const data[] = {"request_loader.data", "config.requests.data", NULL};
  static const char *const top_models[] = {"args.model", "config.spec.backend.model",
                                           "config.model", "config.backend.model", NULL};
  r->model = first_str(b, run, models);
  if (r->model == NULL) r->model = first_str(b, report, top_models);
  r->backend = first_str(b, run, backends);
  static const char *const top_backends[] = {"args.backend", "config.spec.backend.kind",
                                             NULL};
  if (r->backend == NULL) r->backend = first_str(b, report, top_backends);
  r->dataset = first_str(b, run, data);
  bench_extra(b, r, "guidellm_version",
              bench_get_str(b, report, "metadata.guidellm_version"));
}

/* Seconds in all schemas so far; other writers of this shape give ms.  The parts of a
 * request say which it is. */
static double latency_scale(const struct bench *b, const struct bench_node *run,
                            const struct kvc_bench *r)
{
  const double latency = bench_get_num(b, good(b, run, "request_latency"), "mean");
  const double gaps = r->output_tok.mean > 1 ? r->output_tok.mean - 1 : 0;
  const double parts = r->ttft_ms.mean + gaps * r->itl_ms.mean;
  if (!(latency > 0) || !(parts > 0) || gaps == 0) return 1000;
  return fabs(log(latency / parts)) < fabs(log(1000 * latency / parts)) ? 1 : 1000;
}

static void tokens(const struct bench *b, const struct bench_node *run,
                   struct kvc_bench *r)
{
  const struct bench_node *in = good(b, run, "prompt_token_count");
  const struct bench_node *out = good(b, run, "output_token_count");
  bench_stat_read(b, in, 1, &r->input_tok);
  bench_stat_read(b, out, 1, &r->output_tok);
  r->total_input_tok = bench_get_num(b, in, "total_sum");
  r->total_output_tok = bench_get_num(b, out, "total_sum");
  if (isnan(r->total_input_tok)) r->total_input_tok = r->input_tok.mean * r->completed;
  if (isnan(r->total_output_tok)) r->total_output_tok = r->output_tok.mean * r->completed;
}

static void read_run(struct bench *b, const struct bench_node *report,
                     const struct bench_node *run)
{
  struct kvc_bench *r = bench_record(b, "guidellm");
  if (r == NULL) return;
  about(b, report, run, r);
  counts(b, run, r);
  load(b, run, r);
  tokens(b, run, r);
  bench_stat_read(b, good(b, run, "time_to_first_token_ms"), 1, &r->ttft_ms);
  bench_stat_read(b, good(b, run, "time_per_output_token_ms"), 1, &r->tpot_ms);
  bench_stat_read(b, good(b, run, "inter_token_latency_ms"), 1, &r->itl_ms);
  const double scale = latency_scale(b, run, r);
  if (scale < 1000)
    bench_note(b, "request_latency is in milliseconds here, as its parts show.");
  bench_stat_read(b, good(b, run, "request_latency"), scale, &r->e2el_ms);
  r->request_throughput = bench_get_num(b, good(b, run, "requests_per_second"), "mean");
  r->output_throughput =
      bench_get_num(b, good(b, run, "output_tokens_per_second"), "mean");
  r->input_throughput =
      bench_get_num(b, good(b, run, "prompt_tokens_per_second"), "mean");
  bench_extra(b, r, "mean_concurrency",
              bench_str(b, bench_get(b, good(b, run, "request_concurrency"), "mean")));
}

void bench_read_guidellm(struct bench *b, const struct bench_node *report)
{
  const struct bench_node *runs = bench_open(b, report, "benchmarks");
  bool tpot = false;
  for (const struct bench_node *m = bench_first(runs); m != NULL && b->rc == KVC_E_OK;
       m = bench_next(runs, m))
    if (m->kind == BENCH_OBJ && is_run(b, m)) { /* its metrics are whole */
      read_run(b, report, m);
      tpot = tpot || good(b, m, "time_per_output_token_ms") != NULL;
    }
  if (tpot)
    bench_note(b, "GuideLLM's time per output token counts the first token too; its "
                  "inter-token latency is what vLLM calls time per output token.");
}
