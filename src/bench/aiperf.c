/* aiperf.c - AIPerf and genai-perf: aggregates, single requests, checkpoints.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Every figure carries its unit.  Their inter-token latency is per request, over the
 * tokens after the first: what vLLM calls time per output token; it stands in both.
 */
#include "bench_room.h"
#include <math.h>
#include <string.h>

static double to_ms(const struct bench *b, const struct bench_node *figure)
{
  static const struct {
    const char *unit;
    double ms;
  } units[] = {{"ms", 1},         {"s", 1000},  {"sec", 1000},
               {"seconds", 1000}, {"ns", 1e-6}, {"us", 1e-3}};
  const struct bench_node *unit = bench_get(b, figure, "unit");
  if (unit == NULL || unit->kind != BENCH_STR) return 1;
  for (size_t i = 0; i < sizeof units / sizeof *units; i++)
    if (bench_same(b->text + unit->as.str.at, unit->as.str.len, units[i].unit))
      return units[i].ms;
  return 1;
}

static double avg(const struct bench *b, const struct bench_node *obj, const char *key)
{
  const struct bench_node *figure = bench_get(b, obj, key);
  return figure != NULL && figure->kind == BENCH_OBJ ? bench_get_num(b, figure, "avg")
                                                     : bench_num(b, figure);
}

static void stat(const struct bench *b, const struct bench_node *obj, const char *key,
                 struct kvc_stat *out)
{
  const struct bench_node *figure = bench_get(b, obj, key);
  if (figure == NULL || figure->kind != BENCH_OBJ) return;
  const bool length = bench_has(key, strlen(key), "length");
  bench_stat_read(b, figure, length ? 1 : to_ms(b, figure), out);
}

static void about(struct bench *b, const struct bench_node *obj, struct kvc_bench *r)
{
  static const char *const models[] = {"input_config.endpoint.model_names",
                                       "input_config.model_names", "input_config.model"};
  for (size_t i = 0; i < sizeof models / sizeof *models && r->model == NULL; i++) {
    const struct bench_node *m = bench_path(b, obj, models[i]);
    if (m != NULL && m->kind == BENCH_LIST) m = bench_first(m);
    r->model = bench_str(b, m);
  }
  r->backend = bench_get_str(b, obj, "input_config.endpoint.type");
  r->date = bench_get_str(b, obj, "start_time");
  r->dataset = bench_get_str(b, obj, "input_config.input.public_dataset");
  r->max_concurrency = bench_get_num(b, obj, "input_config.loadgen.concurrency");
  if (isnan(r->max_concurrency))
    r->max_concurrency =
        bench_get_num(b, obj, "input_config.perf_analyzer.stimulus.concurrency");
  r->request_rate = bench_get_num(b, obj, "input_config.loadgen.request_rate");
}

static void failures(const struct bench *b, const struct bench_node *obj,
                     struct kvc_bench *r)
{
  double n = 0;
  const struct bench_node *list = bench_get(b, obj, "error_summary");
  r->failed = avg(b, obj, "error_request_count");
  if (!isnan(r->failed) || list == NULL || list->kind != BENCH_LIST) return;
  for (const struct bench_node *m = bench_first(list); m != NULL; m = bench_next(list, m))
    n += bench_get_num(b, m, "count");
  r->failed = n;
}

void bench_read_aiperf(struct bench *b, const struct bench_node *obj)
{
  const struct bench_node *figures = bench_get(b, obj, "records");
  if (figures == NULL || figures->kind != BENCH_OBJ) figures = obj;
  const bool aiperf = bench_get(b, obj, "aiperf_version") != NULL ||
                      bench_get(b, figures, "benchmark_duration") != NULL ||
                      bench_get(b, obj, "error_summary") != NULL;
  struct kvc_bench *r = bench_record(b, aiperf ? "aiperf" : "genai-perf");
  if (r == NULL) return;
  about(b, obj, r);
  failures(b, obj, r);
  r->completed = avg(b, figures, "request_count");
  r->duration_s = avg(b, figures, "benchmark_duration");
  r->request_throughput = avg(b, figures, "request_throughput");
  r->output_throughput = avg(b, figures, "output_token_throughput");
  r->input_throughput = avg(b, figures, "input_token_throughput");
  r->total_throughput = avg(b, figures, "total_token_throughput");
  r->request_goodput = avg(b, figures, "goodput");
  r->total_input_tok = avg(b, figures, "total_isl");
  r->total_output_tok = avg(b, figures, "total_osl");
  if (isnan(r->total_output_tok))
    r->total_output_tok = avg(b, figures, "total_output_tokens");
  stat(b, figures, "time_to_first_token", &r->ttft_ms);
  stat(b, figures, "inter_token_latency", &r->tpot_ms);
  stat(b, figures, "inter_token_latency", &r->itl_ms);
  stat(b, figures, "request_latency", &r->e2el_ms);
  stat(b, figures, "input_sequence_length", &r->input_tok);
  stat(b, figures, "output_sequence_length", &r->output_tok);
  if (isnan(r->total_input_tok)) r->total_input_tok = r->input_tok.mean * r->completed;
  if (isnan(r->total_output_tok)) r->total_output_tok = r->output_tok.mean * r->completed;
  bench_extra(b, r, "aiperf_version", bench_get_str(b, obj, "aiperf_version"));
}

/* {"x_avg": ["x_avg", {"_value": 1}]}, times in nanoseconds. */
static void checkpoint_metrics(struct bench *b, const struct bench_node *metrics,
                               struct kvc_bench *r)
{
  struct bench_figure figure;
  for (const struct bench_node *m = bench_first(metrics); m != NULL;
       m = bench_next(metrics, m)) {
    const struct bench_node *name = m->kind == BENCH_LIST ? bench_first(m) : NULL;
    const struct bench_node *value = name != NULL ? bench_next(m, name) : NULL;
    const double v = bench_get_num(b, value, "_value");
    if (isnan(v)) continue;
    if (bench_key_is(b, m, "request_throughput_avg")) r->request_throughput = v;
    if (bench_key_is(b, m, "output_token_throughput_avg")) r->output_throughput = v;
    if (bench_key_is(b, m, "request_count_avg")) r->completed = v;
    if (!bench_figure(r, b->text + m->key, m->key_len, &figure)) continue;
    if (figure.slot != NULL) *figure.slot = v * (figure.scale == 1 ? 1 : 1e-6);
  }
}

static void checkpoint_load(struct bench *b, const struct bench_node *args,
                            struct kvc_bench *r)
{
  for (const struct bench_node *m = args != NULL ? bench_first(args) : NULL; m != NULL;
       m = bench_next(args, m)) {
    const struct bench_node *next = bench_next(args, m);
    const char *flag = bench_str(b, m);
    if (flag == NULL || next == NULL) continue;
    if (strcmp(flag, "--concurrency-range") == 0) r->max_concurrency = bench_num(b, next);
    if (strcmp(flag, "--request-rate-range") == 0) r->request_rate = bench_num(b, next);
  }
}

void bench_read_checkpoint(struct bench *b, const struct bench_node *obj)
{
  const struct bench_node *runs = bench_path(b, obj, "Results.run_configs");
  for (const struct bench_node *m = bench_first(runs); m != NULL && b->rc == KVC_E_OK;
       m = bench_next(runs, m)) {
    const struct bench_node *models =
        bench_path(b, m, "measurement._model_config_measurements");
    const struct bench_node *one = models != NULL ? bench_first(models) : NULL;
    const struct bench_node *metrics = bench_get(b, one, "_perf_metrics");
    if (m->cut || metrics == NULL) continue;
    struct kvc_bench *r = bench_record(b, "genai-perf");
    if (r == NULL) return;
    r->label = bench_get_str(b, m, "name");
    r->model = bench_key(b, one);
    r->dataset = bench_get_str(b, m, "genai_perf_config.input.dataset");
    r->num_prompts = bench_get_num(b, m, "genai_perf_config.input.num_prompts");
    checkpoint_load(b, bench_path(b, m, "perf_analyzer_config._cli_args"), r);
    checkpoint_metrics(b, metrics, r);
    r->tpot_ms = r->itl_ms;
  }
}

/* One request of profile_export.jsonl: its place in the lists of the record. */
struct request {
  double ttft_s, e2e_s, input_tok, output_tok, start_s;
  bool failed;
};

static double seconds(const struct bench *b, const struct bench_node *metrics,
                      const char *key)
{
  const struct bench_node *figure = bench_get(b, metrics, key);
  return bench_get_num(b, figure, "value") * to_ms(b, figure) / 1000;
}

static struct request read_request(const struct bench *b, const struct bench_node *obj)
{
  const struct bench_node *metrics = bench_get(b, obj, "metrics");
  const struct bench_node *error = bench_get(b, obj, "error");
  return (struct request){
      .ttft_s = seconds(b, metrics, "time_to_first_token"),
      .e2e_s = seconds(b, metrics, "request_latency"),
      .input_tok = bench_get_num(b, metrics, "input_sequence_length.value"),
      .output_tok = bench_get_num(b, metrics, "output_sequence_length.value"),
      .start_s = bench_get_num(b, obj, "metadata.request_start_ns") / 1e9,
      .failed = error != NULL && error->kind != BENCH_NULL};
}

/* The requests of a file are one run, so the documents after the first join its record:
 * its lists grow in the arena and are only turned into statistics at the end. */
void bench_read_aiperf_requests(struct bench *b, const struct bench_node *obj)
{
  const struct request q = read_request(b, obj);
  struct bench_requests *all = &b->requests;
  if (all->n == 0 && bench_record(b, "aiperf") == NULL) return;
  if (all->n == all->room) {
    const size_t room = all->room == 0 ? 64 : all->room * 2;
    double *values = bench_alloc(b, room, BENCH_REQUEST_FIELDS * sizeof *values);
    if (values == NULL) return;
    if (all->n > 0)
      memcpy(values, all->values, all->n * BENCH_REQUEST_FIELDS * sizeof *values);
    all->values = values;
    all->room = room;
  }
  double *at = all->values + all->n * BENCH_REQUEST_FIELDS;
  at[0] = q.ttft_s;
  at[1] = q.e2e_s;
  at[2] = q.input_tok;
  at[3] = q.output_tok;
  at[4] = q.start_s;
  at[5] = q.failed;
  all->n++;
}

void bench_requests_close(struct bench *b)
{
  struct bench_requests *all = &b->requests;
  struct bench_detail d = {.n = all->n};
  if (all->n == 0 || b->rc != KVC_E_OK || b->out->n_records == 0) return;
  double **const lists[] = {&d.ttft_s, &d.e2e_s, &d.input_tok, &d.output_tok, &d.start_s};
  for (size_t k = 0; k < sizeof lists / sizeof *lists; k++)
    *lists[k] = bench_nans(b, d.n);
  d.failed = bench_alloc(b, d.n, sizeof *d.failed);
  if (b->rc != KVC_E_OK) return;
  for (size_t i = 0; i < d.n; i++) {
    const double *at = all->values + i * BENCH_REQUEST_FIELDS;
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) (*lists[k])[i] = at[k];
    d.failed[i] = at[5] != 0;
  }
  struct kvc_bench *r = &b->out->records[0];
  bench_detail_apply(b, r, &d);
  bench_detail_totals(r, &d);
}
