/* doc_bench.c - results of benchmarks in a document.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <kvcap/record.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

struct row {
  const char *key;
  size_t offset;
};
#define B(member) offsetof(struct kvc_bench, member)
#define D(member) offsetof(struct kvc_stat, member)
/* clang-format off */
static const struct row texts[] = {
  {"format", B(format)}, {"model", B(model)}, {"backend", B(backend)}, {"label", B(label)},
  {"date", B(date)}, {"dataset", B(dataset)}};
static const struct row numbers[] = {
  {"duration_s", B(duration_s)}, {"completed", B(completed)}, {"failed", B(failed)},
  {"num_prompts", B(num_prompts)}, {"burstiness", B(burstiness)},
  {"max_concurrency", B(max_concurrency)}, {"total_input_tokens", B(total_input_tok)},
  {"total_output_tokens", B(total_output_tok)},
  {"request_throughput", B(request_throughput)},
  {"output_throughput", B(output_throughput)}, {"total_throughput", B(total_throughput)},
  {"input_throughput", B(input_throughput)}, {"request_goodput", B(request_goodput)},
  {"peak_output_throughput", B(peak_output_tps)},
  {"peak_concurrent_requests", B(peak_concurrent)},
  {"spec_acceptance_frac", B(spec_accept_frac)},
  {"spec_acceptance_length", B(spec_accept_length)},
  {"tensor_parallel_size", B(tensor_parallel)},
  {"pipeline_parallel_size", B(pipeline_parallel)},
  {"data_parallel_size", B(data_parallel)}, {"gpus", B(gpus)}};
static const struct row stats[] = {
  {"ttft_ms", B(ttft_ms)}, {"tpot_ms", B(tpot_ms)}, {"itl_ms", B(itl_ms)},
  {"e2el_ms", B(e2el_ms)}, {"input_tokens", B(input_tok)}, {"output_tokens", B(output_tok)}};
static const struct row moments[] = {
  {"mean", D(mean)}, {"median", D(median)}, {"std", D(std)}, {"min", D(min)},
  {"max", D(max)}, {"p25", D(p25)}, {"p75", D(p75)}, {"p90", D(p90)}, {"p95", D(p95)},
  {"p99", D(p99)}, {"p99_9", D(p999)}};
/* clang-format on */

static double number_at(const void *base, size_t offset)
{
  double value;
  memcpy(&value, (const char *)base + offset, sizeof value);
  return value;
}

static void add_stats(struct kvc_doc *doc, struct kvc_node *map,
                      const struct kvc_bench *b)
{
  for (size_t i = 0; i < sizeof stats / sizeof *stats; i++) {
    const void *stat = (const char *)b + stats[i].offset;
    struct kvc_node *one = NULL;
    for (size_t k = 0; k < sizeof moments / sizeof *moments; k++) {
      const double value = number_at(stat, moments[k].offset);
      if (isnan(value)) continue;
      if (one == NULL) one = kvc_node_add(doc, map, stats[i].key, KVC_NODE_MAP);
      kvc_node_num(doc, one, moments[k].key, value, KVC_U_NONE);
    }
  }
}

static void add_lists(struct kvc_doc *doc, struct kvc_node *map,
                      const struct kvc_bench *b)
{
  struct kvc_node *list = kvc_node_add(doc, map, "checks", KVC_NODE_LIST);
  for (size_t i = 0; i < b->n_checks; i++) {
    struct kvc_node *one = kvc_node_add(doc, list, NULL, KVC_NODE_MAP);
    kvc_node_text(doc, one, "figure", b->checks[i].key);
    kvc_node_num(doc, one, "stated", b->checks[i].stated, KVC_U_NONE);
    kvc_node_num(doc, one, "recomputed", b->checks[i].recomputed, KVC_U_NONE);
  }
  struct kvc_node *extras = kvc_node_add(doc, map, "extras", KVC_NODE_MAP);
  for (size_t i = 0; i < b->n_extras; i++)
    kvc_node_text(doc, extras, b->extras[i].key, b->extras[i].value);
  struct kvc_node *unknown = kvc_node_add(doc, map, "unknown", KVC_NODE_LIST);
  for (size_t i = 0; i < b->n_unknown; i++)
    kvc_node_text(doc, unknown, NULL, b->unknown[i]);
}

static void fill(struct kvc_doc *doc, struct kvc_node *map, const struct kvc_bench *b)
{
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    const char *text;
    memcpy(&text, (const char *)b + texts[i].offset, sizeof text);
    if (text != NULL) kvc_node_text(doc, map, texts[i].key, text);
  }
  if (isinf(b->request_rate))
    kvc_node_text(doc, map, "request_rate", "inf");
  else if (!isnan(b->request_rate))
    kvc_node_num(doc, map, "request_rate", b->request_rate, KVC_U_NONE);
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    const double value = number_at(b, numbers[i].offset);
    if (!isnan(value)) kvc_node_num(doc, map, numbers[i].key, value, KVC_U_NONE);
  }
  add_stats(doc, map, b);
  kvc_node_num(doc, map, "detailed_requests", (double)b->n_detail, KVC_U_NONE);
  add_lists(doc, map, b);
}

void kvc_doc_record_bench(struct kvc_doc *doc, const struct kvc_bench_set *set)
{
  if (set->n_records == 0) return;
  fill(doc, kvc_node_add(doc, doc->root, "benchmark", KVC_NODE_MAP), &set->records[0]);
  struct kvc_node *list = kvc_node_add(doc, doc->root, "benchmarks", KVC_NODE_LIST);
  for (size_t i = 0; i < set->n_records && i < KVC_RECORD_MAX_SERIES; i++)
    fill(doc, kvc_node_add(doc, list, NULL, KVC_NODE_MAP), &set->records[i]);
  struct kvc_node *notes = kvc_node_add(doc, doc->root, "notes", KVC_NODE_LIST);
  for (size_t i = 0; i < set->n_notes; i++)
    kvc_node_text(doc, notes, NULL, set->notes[i]);
  if (kvc_node_at(doc->root, "unknown") != NULL) return;
  struct kvc_node *unknown = kvc_node_add(doc, doc->root, "unknown", KVC_NODE_LIST);
  for (size_t i = 0; i < set->records[0].n_unknown; i++)
    kvc_node_text(doc, unknown, NULL, set->records[0].unknown[i]);
}
