/* kinds.c - which reader a JSON value is for, told by its keys.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "bench_room.h"
#include <string.h>

/* Whether all of these keys (ended by NULL) are there. */
static bool has_all(const struct bench *b, const struct bench_node *obj,
                    const char *const *keys)
{
  for (; *keys != NULL; keys++)
    if (bench_open(b, obj, *keys) == NULL) return false;
  return true;
}

static void read_flat(struct bench *b, const struct bench_node *obj)
{
  (void)bench_flat(b, obj);
}

/* {"request_latency": {"unit": "ms", "avg": ...}}: AIPerf and genai-perf. */
static bool is_aiperf(const struct bench *b, const struct bench_node *obj)
{
  static const char *const keys[] = {"request_latency", "time_to_first_token",
                                     "request_throughput", "inter_token_latency"};
  const struct bench_node *records = bench_get(b, obj, "records");
  if (records != NULL && records->kind == BENCH_OBJ) obj = records;
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    const struct bench_node *m = bench_get(b, obj, keys[i]);
    if (m != NULL && m->kind == BENCH_OBJ && bench_get(b, m, "unit") != NULL &&
        bench_get(b, m, "avg") != NULL)
      return true;
  }
  return false;
}

/* {"metadata": {...}, "metrics": {"request_latency": {"value": ...}}}: one request. */
static bool is_aiperf_request(const struct bench *b, const struct bench_node *obj)
{
  return bench_path(b, obj, "metadata.request_start_ns") != NULL &&
         bench_get(b, obj, "metrics") != NULL;
}

static bool is_checkpoint(const struct bench *b, const struct bench_node *obj)
{
  const struct bench_node *runs = bench_path(b, obj, "Results.run_configs");
  const struct bench_node *run = runs != NULL ? bench_first(runs) : NULL;
  return bench_path(b, run, "measurement._model_config_measurements") != NULL;
}

/* Results inside of results: bench_reader_of looks a few levels down. */
enum { MAX_WRAPS = 4, MAX_LOOKED = 4096 };

static bench_reader read_inside;

static bool holds_result(const struct bench *b, const struct bench_node *node, int depth,
                         size_t *budget)
{
  if (depth == 0 || (node->kind != BENCH_OBJ && node->kind != BENCH_LIST)) return false;
  for (const struct bench_node *m = bench_first(node); m != NULL && *budget > 0;
       m = bench_next(node, m)) {
    --*budget;
    if (m->kind != BENCH_OBJ && m->kind != BENCH_LIST) continue;
    bench_reader *inner = bench_reader_of(b, m);
    if (inner != NULL && inner != read_inside) return true;
    if (holds_result(b, m, depth - 1, budget)) return true;
  }
  return false;
}

static void read_each(struct bench *b, const struct bench_node *node, int depth)
{
  if (depth == 0) return;
  for (const struct bench_node *m = bench_first(node); m != NULL && b->rc == KVC_E_OK;
       m = bench_next(node, m)) {
    if (m->kind != BENCH_OBJ && m->kind != BENCH_LIST) continue;
    bench_reader *inner = bench_reader_of(b, m);
    const size_t before = b->out->n_records;
    /* A half element says less than it seems to. */
    if (inner != NULL && inner != read_inside) {
      if (m->cut && node->kind == BENCH_LIST && node->span > 1 + m->span) continue;
      inner(b, m);
    } else {
      read_each(b, m, depth - 1);
    }
    if (!m->keyed || b->only_look) continue;
    for (size_t i = before; i < b->out->n_records; i++)
      if (b->out->records[i].label == NULL) b->out->records[i].label = bench_key(b, m);
  }
}

static void read_inside(struct bench *b, const struct bench_node *node)
{
  read_each(b, node, MAX_WRAPS);
}

static bench_reader *reader_of_object(const struct bench *b, const struct bench_node *obj)
{
  static const struct {
    const char *const keys[4];
    bench_reader *read;
  } kinds[] = {
      {{"avg_latency", "latencies", "percentiles"}, bench_read_latency},
      {{"elapsed_time", "requests_per_second", "tokens_per_second"},
       bench_read_throughput},
      {{"avg_cold_startup_time", NULL}, bench_read_startup},
      {{"load_summary", "successes", NULL}, bench_read_inference_perf},
      {{"metrics", "dimensions", "summary_stats"}, bench_read_gaie},
      {{"request_metrics", "num_requests_total", NULL}, bench_read_agentic},
      {{"metrics", "framework", "conc"}, bench_read_together},
      {{"hw", "tput_per_gpu", NULL}, bench_read_per_gpu},
  };
  if (bench_guidellm_is(b, obj)) return bench_read_guidellm;
  if (is_aiperf_request(b, obj)) return bench_read_aiperf_requests;
  if (is_checkpoint(b, obj)) return bench_read_checkpoint;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (has_all(b, obj, kinds[i].keys)) return kinds[i].read;
  if (bench_llmd_is(b, obj)) return bench_read_llmd;
  if (is_aiperf(b, obj)) return bench_read_aiperf;
  if (bench_flat_is(b, obj)) return read_flat;
  return NULL;
}

bench_reader *bench_reader_of(const struct bench *b, const struct bench_node *node)
{
  if (node->kind == BENCH_LIST)
    return bench_pytorch_is(b, node) ? bench_read_pytorch : NULL;
  return node->kind == BENCH_OBJ ? reader_of_object(b, node) : NULL;
}

bench_reader *bench_reader_deep(const struct bench *b, const struct bench_node *node)
{
  bench_reader *read = bench_reader_of(b, node);
  if (read != NULL) return read;
  size_t budget = MAX_LOOKED;
  return holds_result(b, node, MAX_WRAPS, &budget) ? read_inside : NULL;
}
