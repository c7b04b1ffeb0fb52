/* others.c - results of smaller families, each a few named figures.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "bench_room.h"
#include <math.h>
#include <string.h>

/* vllm bench latency: seconds of whole batches. */
void bench_read_latency(struct bench *b, const struct bench_node *obj)
{
  struct kvc_bench *r = bench_record(b, "vllm-latency");
  const struct bench_node *list = bench_get(b, obj, "latencies");
  struct bench_detail d = {.n = bench_count(list)};
  if (r == NULL) return;
  r->e2el_ms.mean = 1000 * bench_get_num(b, obj, "avg_latency");
  bench_stat_read(b, bench_get(b, obj, "percentiles"), 1000, &r->e2el_ms);
  for (const struct bench_node *m = bench_first(obj); m != NULL; m = bench_next(obj, m))
    if (m->kind == BENCH_STR || m->kind == BENCH_NUM) bench_flat_extra(b, r, m);
  if (list == NULL || d.n == 0 || (d.e2e_s = bench_nans(b, d.n)) == NULL) return;
  size_t i = 0;
  for (const struct bench_node *m = bench_first(list); m != NULL; m = bench_next(list, m))
    d.e2e_s[i++] = bench_num(b, m);
  bench_detail_apply(b, r, &d);
  r->completed = (double)d.n;
}

/* vllm bench throughput: everything at once. */
void bench_read_throughput(struct bench *b, const struct bench_node *obj)
{
  struct kvc_bench *r = bench_record(b, "vllm-throughput");
  if (r == NULL) return;
  r->duration_s = bench_get_num(b, obj, "elapsed_time");
  r->completed = bench_get_num(b, obj, "num_requests");
  r->request_throughput = bench_get_num(b, obj, "requests_per_second");
  r->total_throughput = bench_get_num(b, obj, "tokens_per_second");
  r->request_rate = INFINITY;
  for (const struct bench_node *m = bench_first(obj); m != NULL; m = bench_next(obj, m))
    if (!bench_key_is(b, m, "elapsed_time") && !bench_key_is(b, m, "num_requests") &&
        !bench_key_is(b, m, "requests_per_second") &&
        !bench_key_is(b, m, "tokens_per_second"))
      bench_flat_extra(b, r, m);
}

/* vllm bench startup: how long until it serves; no requests. */
void bench_read_startup(struct bench *b, const struct bench_node *obj)
{
  struct kvc_bench *r = bench_record(b, "vllm-startup");
  if (r == NULL) return;
  for (const struct bench_node *m = bench_first(obj); m != NULL; m = bench_next(obj, m))
    bench_flat_extra(b, r, m);
}

/* inference-perf: a stage; everything in seconds. */
void bench_read_inference_perf(struct bench *b, const struct bench_node *obj)
{
  struct kvc_bench *r = bench_record(b, "inference-perf");
  const struct bench_node *ok = bench_get(b, obj, "successes");
  const struct bench_node *latency = bench_get(b, ok, "latency");
  const struct bench_node *rates = bench_get(b, ok, "throughput");
  if (r == NULL) return;
  r->num_prompts = bench_get_num(b, obj, "load_summary.count");
  r->request_rate = bench_get_num(b, obj, "load_summary.requested_rate");
  r->max_concurrency = bench_get_num(b, obj, "load_summary.concurrency");
  r->completed = bench_get_num(b, ok, "count");
  r->failed = bench_get_num(b, obj, "failures.count");
  bench_stat_read(b, bench_get(b, latency, "request_latency"), 1000, &r->e2el_ms);
  bench_stat_read(b, bench_get(b, latency, "time_to_first_token"), 1000, &r->ttft_ms);
  bench_stat_read(b, bench_get(b, latency, "time_per_output_token"), 1000, &r->tpot_ms);
  bench_stat_read(b, bench_get(b, latency, "inter_token_latency"), 1000, &r->itl_ms);
  bench_stat_read(b, bench_get(b, ok, "prompt_len"), 1, &r->input_tok);
  bench_stat_read(b, bench_get(b, ok, "output_len"), 1, &r->output_tok);
  r->request_throughput = bench_get_num(b, rates, "requests_per_sec");
  r->input_throughput = bench_get_num(b, rates, "input_tokens_per_sec");
  r->output_throughput = bench_get_num(b, rates, "output_tokens_per_sec");
  r->total_throughput = bench_get_num(b, rates, "total_tokens_per_sec");
  r->total_input_tok = r->input_tok.mean * r->completed;
  r->total_output_tok = r->output_tok.mean * r->completed;
  bench_extra(b, r, "send_duration", bench_get_str(b, obj, "load_summary.send_duration"));
  bench_extra(b, r, "achieved_rate", bench_get_str(b, obj, "load_summary.achieved_rate"));
}

/* The latency profile generator of the inference extension: milliseconds.  Its time per
 * output token is the latency over all tokens. */
void bench_read_gaie(struct bench *b, const struct bench_node *obj)
{
  struct kvc_bench *r = bench_record(b, "gaie");
  const struct bench_node *m = bench_get(b, obj, "metrics");
  const struct bench_node *list = bench_path(b, obj, "summary_stats.stats");
  const struct bench_node *s = list != NULL ? bench_first(list) : NULL;
  if (r == NULL) return;
  r->model = bench_get_str(b, obj, "dimensions.model_id");
  r->backend = bench_get_str(b, obj, "dimensions.backend");
  r->date = bench_get_str(b, obj, "dimensions.date");
  r->num_prompts = bench_get_num(b, m, "num_prompts_attempted");
  r->completed = bench_get_num(b, m, "num_prompts_succeeded");
  r->failed = r->num_prompts - r->completed;
  r->request_rate = bench_get_num(b, m, "request_rate");
  r->duration_s = bench_get_num(b, m, "benchmark_time");
  r->request_throughput = bench_get_num(b, m, "throughput_rps");
  r->output_throughput = bench_get_num(b, m, "throughput");
  r->total_output_tok = bench_get_num(b, m, "total_output_token");
  r->total_input_tok = bench_get_num(b, m, "total_input_tokens");
  bench_stat_read(b, bench_get(b, s, "request_latency"), 1, &r->e2el_ms);
  bench_stat_read(b, bench_get(b, s, "tpot"), 1, &r->tpot_ms);
  bench_stat_read(b, bench_get(b, s, "ttft"), 1, &r->ttft_ms);
  bench_stat_read(b, bench_get(b, s, "input_length"), 1, &r->input_tok);
  bench_stat_read(b, bench_get(b, s, "output_length"), 1, &r->output_tok);
}

/* A vllm bench result inside a description of what was run. */
void bench_read_together(struct bench *b, const struct bench_node *obj)
{
  struct kvc_bench *r = bench_record(b, "together");
  const struct bench_node *metrics = bench_get(b, obj, "metrics");
  if (r == NULL) return;
  for (const struct bench_node *m = bench_first(obj); m != NULL; m = bench_next(obj, m))
    if (!bench_flat_member(b, r, b->text + m->key, m->key_len, m))
      bench_flat_extra(b, r, m);
  for (const struct bench_node *m = metrics != NULL ? bench_first(metrics) : NULL;
       m != NULL; m = bench_next(metrics, m))
    if (!bench_flat_member(b, r, b->text + m->key, m->key_len, m))
      bench_flat_extra(b, r, m);
  r->backend = bench_get_str(b, obj, "framework");
  r->date = bench_get_str(b, obj, "ts");
  r->label = bench_get_str(b, obj, "profile");
  r->gpus = bench_get_num(b, obj, "gpu.n_gpus");
}

/* InferenceMAX, agents: seconds. */
void bench_read_agentic(struct bench *b, const struct bench_node *obj)
{
  struct kvc_bench *r = bench_record(b, "inferencemax-agentic");
  const struct bench_node *m = bench_get(b, obj, "request_metrics");
  const struct bench_node *latency = bench_get(b, m, "latency");
  if (r == NULL) return;
  for (const struct bench_node *k = bench_first(obj); k != NULL; k = bench_next(obj, k))
    if (!bench_flat_member(b, r, b->text + k->key, k->key_len, k))
      bench_flat_extra(b, r, k);
  r->backend = bench_get_str(b, obj, "framework");
  r->dataset = bench_get_str(b, obj, "dataset.hf_dataset_name");
  r->num_prompts = bench_get_num(b, obj, "num_requests_total");
  r->completed = bench_get_num(b, obj, "num_requests_successful");
  r->failed = bench_get_num(b, obj, "request_accounting.records_error_dropped");
  r->duration_s = bench_get_num(b, m, "throughput.duration_seconds");
  r->input_throughput = bench_get_num(b, m, "throughput.input.tokens_per_second");
  r->output_throughput = bench_get_num(b, m, "throughput.output.tokens_per_second");
  r->total_throughput = bench_get_num(b, m, "throughput.total.tokens_per_second");
  bench_stat_read(b, bench_get(b, latency, "ttft"), 1000, &r->ttft_ms);
  bench_stat_read(b, bench_get(b, latency, "e2el"), 1000, &r->e2el_ms);
  bench_stat_read(b, bench_get(b, latency, "itl"), 1000, &r->itl_ms);
  bench_stat_read(b, bench_get(b, latency, "tpot"), 1000, &r->tpot_ms);
  bench_stat_read(b, bench_path(b, m, "tokens.input"), 1, &r->input_tok);
  bench_stat_read(b, bench_path(b, m, "tokens.output_actual"), 1, &r->output_tok);
  r->total_input_tok = r->input_tok.mean * r->completed;
  r->total_output_tok = r->output_tok.mean * r->completed;
}

/* InferenceMAX, gathered: per GPU, latencies in seconds without a unit in the name.
 * Its "isl" and "osl" are what was asked for, not the lengths of the requests. */
void bench_read_per_gpu(struct bench *b, const struct bench_node *obj)
{
  struct bench_figure figure;
  struct kvc_bench *r = bench_record(b, "inferencemax");
  if (r == NULL) return;
  for (const struct bench_node *m = bench_first(obj); m != NULL; m = bench_next(obj, m)) {
    const char *key = b->text + m->key;
    if (bench_flat_member(b, r, key, m->key_len, m)) continue;
    if (bench_figure(r, key, m->key_len, &figure) && figure.has_stat) {
      if (figure.slot != NULL) *figure.slot = 1000 * bench_num(b, m);
    } else {
      bench_flat_extra(b, r, m);
    }
  }
  r->backend = bench_get_str(b, obj, "framework");
  r->gpus = bench_get_num(b, obj, "num_gpus");
  if (isnan(r->gpus))
    r->gpus = bench_get_num(b, obj, "num_prefill_gpu") +
              bench_get_num(b, obj, "num_decode_gpu");
  if (isnan(r->gpus)) r->gpus = r->tensor_parallel;
  r->total_throughput = bench_get_num(b, obj, "tput_per_gpu") * r->gpus;
  r->output_throughput = bench_get_num(b, obj, "output_tput_per_gpu") * r->gpus;
  r->input_throughput = bench_get_num(b, obj, "input_tput_per_gpu") * r->gpus;
}

/* The form of the PyTorch benchmark store: a list with one figure in each element. */
bool bench_pytorch_is(const struct bench *b, const struct bench_node *list)
{
  const struct bench_node *first = bench_first(list);
  const struct bench_node *metric = first != NULL ? bench_get(b, first, "metric") : NULL;
  return bench_get(b, metric, "benchmark_values") != NULL &&
         bench_get(b, metric, "name") != NULL;
}

static void pytorch_figure(struct bench *b, struct kvc_bench *r,
                           const struct bench_node *metric)
{
  const struct bench_node *name = bench_get(b, metric, "name");
  const struct bench_node *values = bench_get(b, metric, "benchmark_values");
  const struct bench_node *value = values != NULL ? bench_first(values) : NULL;
  if (name == NULL || name->kind != BENCH_STR || value == NULL) return;
  const char *key = b->text + name->as.str.at;
  if (bench_same(key, name->as.str.len, "requests_per_second"))
    r->request_throughput = bench_num(b, value);
  else if (bench_same(key, name->as.str.len, "tokens_per_second"))
    r->total_throughput = bench_num(b, value);
  else
    (void)bench_flat_member(b, r, key, name->as.str.len, value);
}

void bench_read_pytorch(struct bench *b, const struct bench_node *list)
{
  const struct bench_node *first = bench_first(list);
  const struct bench_node *more = bench_path(b, first, "metric.extra_info");
  struct kvc_bench *r = bench_record(b, "vllm-pytorch");
  if (r == NULL) return;
  for (const struct bench_node *m = more != NULL ? bench_first(more) : NULL; m != NULL;
       m = bench_next(more, m))
    if (!bench_flat_member(b, r, b->text + m->key, m->key_len, m))
      bench_flat_extra(b, r, m);
  for (const struct bench_node *m = first; m != NULL; m = bench_next(list, m))
    if (!m->cut) pytorch_figure(b, r, bench_get(b, m, "metric"));
  r->model = bench_get_str(b, first, "model.name");
  if (isnan(r->tensor_parallel))
    r->tensor_parallel =
        bench_get_num(b, first, "benchmark.extra_info.args.tensor_parallel_size");
}
