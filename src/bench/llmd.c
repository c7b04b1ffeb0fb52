/* llmd.c - benchmark reports of llm-d, 0.1 and 0.2, as YAML or JSON.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "bench_room.h"
#include <math.h>
#include <string.h>

bool bench_llmd_is(const struct bench *b, const struct bench_node *obj)
{
  const struct bench_node *aggregate =
      bench_path(b, obj, "results.request_performance.aggregate");
  if (aggregate == NULL && bench_get(b, obj, "scenario") != NULL)
    aggregate = bench_get(b, obj, "metrics");
  return bench_path(b, aggregate, "latency.time_to_first_token") != NULL ||
         bench_path(b, aggregate, "latency.request_latency") != NULL;
}

/* A distribution that names its unit ("s", "ms", "s/token"). */
static void with_units(const struct bench *b, const struct bench_node *obj,
                       struct kvc_stat *out)
{
  const struct bench_node *u = bench_get(b, obj, "units");
  double scale = 1000;
  if (u != NULL && u->kind == BENCH_STR) {
    const char *text = b->text + u->as.str.at;
    if (u->as.str.len >= 2 && memcmp(text, "ms", 2) == 0) scale = 1;
    if (u->as.str.len >= 2 && memcmp(text, "us", 2) == 0) scale = 1e-3;
  }
  bench_stat_read(b, obj, scale, out);
}

/* A rate is a number (0.1) or a distribution (0.2). */
static double rate(const struct bench *b, const struct bench_node *rates,
                   const char *newer, const char *older)
{
  const struct bench_node *m = bench_get(b, rates, newer);
  if (m == NULL) m = bench_get(b, rates, older);
  return m != NULL && m->kind == BENCH_OBJ ? bench_get_num(b, m, "mean")
                                           : bench_num(b, m);
}

static double period(const struct bench *b, const struct bench_node *m)
{
  double v = bench_num(b, m);
  size_t used;
  if (!isnan(v) || m == NULL || m->kind != BENCH_STR || m->as.str.len < 4) return v;
  const char *text = b->text + m->as.str.at;
  if (memcmp(text, "PT", 2) != 0) return v;
  /* ISO 8601: PT1H2M3.5S */
  double sum = 0;
  for (size_t at = 2; at < m->as.str.len; at += used + 1) {
    if (!kvc_num_scan(text + at, m->as.str.len - at, &v, &used) ||
        at + used >= m->as.str.len)
      return (double)NAN;
    const char unit = text[at + used];
    sum += v * (unit == 'H' ? 3600 : unit == 'M' ? 60 : 1);
  }
  return sum;
}

static void llmd_stack(struct bench *b, const struct bench_node *obj, struct kvc_bench *r)
{
  const struct bench_node *stack = bench_path(b, obj, "scenario.stack");
  const struct bench_node *host = bench_path(b, obj, "scenario.host.accelerator");
  const struct bench_node *one =
      host != NULL && host->kind == BENCH_LIST ? bench_first(host) : NULL;
  r->model = bench_get_str(b, obj, "scenario.model.name");
  for (const struct bench_node *m = stack != NULL ? bench_first(stack) : NULL; m != NULL;
       m = bench_next(stack, m)) {
    const struct bench_node *s = bench_get(b, m, "standardized");
    if (bench_path(b, s, "model.name") == NULL) continue;
    if (r->model == NULL) r->model = bench_get_str(b, s, "model.name");
    if (one == NULL) one = bench_get(b, s, "accelerator");
  }
  r->tensor_parallel = bench_get_num(b, one, "parallelism.tp");
  r->pipeline_parallel = bench_get_num(b, one, "parallelism.pp");
  r->data_parallel = bench_get_num(b, one, "parallelism.dp");
  bench_extra(b, r, "accelerator", bench_get_str(b, one, "model"));
}

/* llm-d's report, 0.1 and 0.2. */
void bench_read_llmd(struct bench *b, const struct bench_node *obj)
{
  struct kvc_bench *r = bench_record(b, "llm-d");
  const struct bench_node *m =
      bench_path(b, obj, "results.request_performance.aggregate");
  const struct bench_node *load = bench_path(b, obj, "scenario.load.standardized");
  if (r == NULL) return;
  if (m == NULL) m = bench_get(b, obj, "metrics");
  const struct bench_node *requests = bench_get(b, m, "requests");
  const struct bench_node *latency = bench_get(b, m, "latency");
  const struct bench_node *rates = bench_get(b, m, "throughput");
  llmd_stack(b, obj, r);
  r->backend = bench_get_str(b, load, "tool");
  if (r->backend == NULL) r->backend = bench_get_str(b, obj, "scenario.load.name");
  r->label = bench_get_str(b, obj, "run.description");
  r->date = bench_get_str(b, obj, "run.time.start");
  r->duration_s = period(b, bench_path(b, obj, "run.time.duration"));
  if (isnan(r->duration_s)) r->duration_s = period(b, bench_path(b, m, "time.duration"));
  r->request_rate = bench_get_num(b, load, "rate_qps");
  r->max_concurrency = bench_get_num(b, load, "concurrency");
  if (isinf(r->max_concurrency)) r->max_concurrency = (double)NAN;
  r->num_prompts = bench_get_num(b, requests, "total");
  r->failed = bench_get_num(b, requests, "failures");
  r->completed = r->num_prompts - (isnan(r->failed) ? 0 : r->failed);
  bench_stat_read(b, bench_get(b, requests, "input_length"), 1, &r->input_tok);
  bench_stat_read(b, bench_get(b, requests, "output_length"), 1, &r->output_tok);
  with_units(b, bench_get(b, latency, "time_to_first_token"), &r->ttft_ms);
  with_units(b, bench_get(b, latency, "time_per_output_token"), &r->tpot_ms);
  with_units(b, bench_get(b, latency, "inter_token_latency"), &r->itl_ms);
  with_units(b, bench_get(b, latency, "request_latency"), &r->e2el_ms);
  r->request_throughput = rate(b, rates, "request_rate", "requests_per_sec");
  r->input_throughput = rate(b, rates, "input_token_rate", "input_tokens_per_sec");
  r->output_throughput = rate(b, rates, "output_token_rate", "output_tokens_per_sec");
  r->total_throughput = rate(b, rates, "total_token_rate", "total_tokens_per_sec");
}
