/* doc_record.c - what a file says as a document.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <kvcap/num.h>
#include <kvcap/record.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct num_row {
  const char *key;
  size_t offset;
  enum kvc_unit unit;
};

static void add_nums(struct kvc_doc *doc, struct kvc_node *map,
                     const struct num_row *rows, size_t n, const void *base)
{
  for (size_t i = 0; i < n; i++) {
    double value;
    memcpy(&value, (const char *)base + rows[i].offset, sizeof value);
    if (!isnan(value)) kvc_node_num(doc, map, rows[i].key, value, rows[i].unit);
  }
}
#define ADD_NUMS(doc, map, rows, base)                                                   \
  add_nums((doc), (map), (rows), sizeof(rows) / sizeof *(rows), (base))

static void add_texts(struct kvc_doc *doc, const char *key, const char *const *texts,
                      size_t n)
{
  struct kvc_node *list = kvc_node_add(doc, doc->root, key, KVC_NODE_LIST);
  for (size_t i = 0; i < n; i++) kvc_node_text(doc, list, NULL, texts[i]);
}

/* ---- a metrics page ------------------------------------------------------------------
 */

static const char *type_name(enum kvc_metric_type type)
{
  static const char *const names[] = {"untyped", "counter", "gauge", "histogram", "info"};
  return names[type];
}

static void add_histogram(struct kvc_doc *doc, struct kvc_node *map,
                          const struct kvc_series *s)
{
  static const struct {
    const char *key;
    double q;
  } quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}};
  kvc_node_num(doc, map, "count", s->count, KVC_U_NONE);
  kvc_node_num(doc, map, "sum", s->sum, KVC_U_NONE);
  kvc_node_num(doc, map, "mean", s->count > 0 ? s->sum / s->count : (double)NAN,
               KVC_U_NONE);
  for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++)
    kvc_node_num(doc, map, quantiles[i].key,
                 kvc_hist_quantile(s->buckets, s->n_buckets, quantiles[i].q), KVC_U_NONE);
}

/* One canonical metric: its value summed over the series, a histogram merged. */
static void add_metric(struct kvc_doc *doc, struct kvc_node *metrics,
                       const struct kvc_page *page, const struct kvc_series *first,
                       const struct kvc_series **all, size_t n)
{
  enum { MAX_BUCKETS = 128 };
  struct kvc_bucket buckets[MAX_BUCKETS];
  struct kvc_node *one = kvc_node_add(doc, metrics, first->metric->key, KVC_NODE_MAP);
  struct kvc_series sum = *first;
  (void)page;
  kvc_node_text(doc, one, "name", first->family);
  kvc_node_text(doc, one, "type", type_name(first->type));
  kvc_node_text(doc, one, "unit",
                first->exported->unit != NULL ? first->exported->unit
                                              : first->metric->unit);
  sum.buckets = buckets;
  if (first->n_buckets > MAX_BUCKETS) sum.n_buckets = 0;
  for (size_t b = 0; b < sum.n_buckets; b++) buckets[b] = first->buckets[b];
  size_t used = 1;
  for (size_t i = 1; i < n; i++) {
    const struct kvc_series *s = all[i];
    if (strcmp(s->family, first->family) != 0) continue;
    used++;
    if (!isnan(s->value)) sum.value = isnan(sum.value) ? s->value : sum.value + s->value;
    if (!isnan(s->sum)) sum.sum = isnan(sum.sum) ? s->sum : sum.sum + s->sum;
    if (!isnan(s->count)) sum.count = isnan(sum.count) ? s->count : sum.count + s->count;
    for (size_t b = 0; b < sum.n_buckets; b++)
      buckets[b].count +=
          b < s->n_buckets && s->buckets[b].le == buckets[b].le ? s->buckets[b].count : 0;
  }
  if (first->type == KVC_METRIC_HISTOGRAM || sum.n_buckets > 0 || !isnan(sum.count))
    add_histogram(doc, one, &sum);
  else
    kvc_node_num(doc, one, "value",
                 strcmp(first->metric->unit, "1") == 0 ? sum.value / (double)used
                                                       : sum.value,
                 KVC_U_NONE);
  kvc_node_num(doc, one, "series", (double)used, KVC_U_NONE);
  if (first->type != KVC_METRIC_INFO) return;
  struct kvc_node *labels = kvc_node_add(doc, one, "labels", KVC_NODE_MAP);
  for (size_t i = 0; i < first->n_labels; i++)
    kvc_node_text(doc, labels, first->labels[i].name, first->labels[i].value);
}

/* The newest name of a metric speaks for it where a page has two. */
static const struct kvc_series *newest(const struct kvc_series *const *all, size_t n)
{
  const struct kvc_series *best = all[0];
  for (size_t i = 1; i < n; i++)
    if (kvc_version_cmp(&all[i]->exported->since, &best->exported->since) > 0)
      best = all[i];
  return best;
}

static void add_metrics(struct kvc_doc *doc, const struct kvc_page *page)
{
  struct kvc_node *metrics = kvc_node_add(doc, doc->root, "metrics", KVC_NODE_MAP);
  const struct kvc_series **all =
      kvc_arena_alloc(doc->arena, page->n_series + 1, sizeof *all);
  bool *done = kvc_arena_alloc(doc->arena, page->n_series + 1, sizeof *done);
  if (all == NULL || done == NULL) {
    doc->full = true;
    return;
  }
  for (size_t i = 0; i < page->n_series; i++) {
    size_t n = 0;
    if (done[i] || page->series[i].metric == NULL) continue;
    for (size_t k = i; k < page->n_series; k++) {
      if (page->series[k].metric != page->series[i].metric) continue;
      done[k] = true;
      all[n++] = &page->series[k];
    }
    const struct kvc_series *first = newest(all, n);
    for (size_t k = 0; k < n; k++)
      if (all[k] == first) {
        all[k] = all[0];
        all[0] = first;
      }
    add_metric(doc, metrics, page, first, all, n);
  }
}

static void add_page_series(struct kvc_doc *doc, const struct kvc_page *page)
{
  struct kvc_node *list = kvc_node_add(doc, doc->root, "series", KVC_NODE_LIST);
  for (size_t i = 0; i < page->n_series && i < KVC_RECORD_MAX_SERIES; i++) {
    const struct kvc_series *s = &page->series[i];
    struct kvc_node *one = kvc_node_add(doc, list, NULL, KVC_NODE_MAP);
    kvc_node_text(doc, one, "name", s->family);
    kvc_node_text(doc, one, "metric", s->metric != NULL ? s->metric->key : NULL);
    kvc_node_text(doc, one, "type", type_name(s->type));
    struct kvc_node *labels = kvc_node_add(doc, one, "labels", KVC_NODE_MAP);
    for (size_t k = 0; k < s->n_labels; k++)
      kvc_node_text(doc, labels, s->labels[k].name, s->labels[k].value);
    if (s->n_buckets > 0 || !isnan(s->count))
      add_histogram(doc, one, s);
    else
      kvc_node_num(doc, one, "value", s->value, KVC_U_NONE);
    if (s->n_buckets == 0) continue;
    struct kvc_node *buckets = kvc_node_add(doc, one, "buckets", KVC_NODE_LIST);
    for (size_t k = 0; k < s->n_buckets; k++) {
      struct kvc_node *bucket = kvc_node_add(doc, buckets, NULL, KVC_NODE_MAP);
      if (isinf(s->buckets[k].le))
        kvc_node_text(doc, bucket, "le", "+Inf");
      else
        kvc_node_num(doc, bucket, "le", s->buckets[k].le, KVC_U_NONE);
      kvc_node_num(doc, bucket, "count", s->buckets[k].count, KVC_U_NONE);
    }
  }
}

static void add_page(struct kvc_doc *doc, const struct kvc_page *page)
{
  add_metrics(doc, page);
  add_page_series(doc, page);
  add_texts(doc, "unknown", page->unknown, page->n_unknown);
  add_texts(doc, "names", page->names, page->n_names);
  struct kvc_node *list = kvc_node_add(doc, doc->root, "problems", KVC_NODE_LIST);
  for (size_t i = 0; i < page->n_problems; i++) {
    struct kvc_node *one = kvc_node_add(doc, list, NULL, KVC_NODE_MAP);
    kvc_node_num(doc, one, "line", page->problems[i].line, KVC_U_NONE);
    kvc_node_text(doc, one, "text", page->problems[i].text);
  }
}

/* ---- a log ---------------------------------------------------------------------------
 */

#define M(member) offsetof(struct kvc_log_memory, member)
#define S(member) offsetof(struct kvc_log_sample, member)
/* clang-format off */
static const struct num_row memory_rows[] = {
  {"weights_bytes", M(weights_bytes), KVC_U_BYTES}, {"load_s", M(load_s), KVC_U_NONE},
  {"activation_peak_bytes", M(activation_peak_bytes), KVC_U_BYTES},
  {"non_torch_bytes", M(non_torch_bytes), KVC_U_BYTES},
  {"cudagraph_bytes", M(graph_bytes), KVC_U_BYTES},
  {"cudagraph_estimate_bytes", M(graph_estimate_bytes), KVC_U_BYTES},
  {"cudagraph_capture_s", M(graph_s), KVC_U_NONE},
  {"available_kv_bytes", M(available_kv_bytes), KVC_U_BYTES},
  {"kv_tokens", M(kv_tokens), KVC_U_COUNT}, {"gpu_blocks", M(gpu_blocks), KVC_U_COUNT},
  {"cpu_blocks", M(cpu_blocks), KVC_U_COUNT},
  {"max_concurrency", M(max_concurrency), KVC_U_RATIO},
  {"max_concurrency_tokens", M(concurrency_len_tok), KVC_U_COUNT},
  {"gpu_total_bytes", M(gpu_total_bytes), KVC_U_BYTES},
  {"gpu_free_bytes", M(gpu_free_bytes), KVC_U_BYTES},
  {"requested_bytes", M(requested_bytes), KVC_U_BYTES},
  {"gpu_memory_utilization", M(gpu_memory_utilization), KVC_U_NONE},
  {"profile_s", M(profile_s), KVC_U_NONE}, {"init_s", M(init_s), KVC_U_NONE},
  {"compile_s", M(compile_s), KVC_U_NONE},
  {"max_model_len", M(max_model_len_tok), KVC_U_COUNT},
  {"max_num_batched_tokens", M(max_num_batched_tok), KVC_U_COUNT},
  {"num_gpu_blocks_override", M(override_blocks), KVC_U_COUNT}};
static const struct num_row sample_rows[] = {
  {"time_s", S(time_s), KVC_U_NONE}, {"prompt_tokens_per_s", S(prompt_tps), KVC_U_NONE},
  {"generation_tokens_per_s", S(generation_tps), KVC_U_NONE},
  {"running", S(running), KVC_U_NONE}, {"waiting", S(waiting), KVC_U_NONE},
  {"swapped", S(swapped), KVC_U_NONE}, {"deferred", S(deferred), KVC_U_NONE},
  {"preemptions", S(preemptions), KVC_U_NONE},
  {"kv_usage_frac", S(kv_usage_frac), KVC_U_NONE},
  {"cpu_kv_usage_frac", S(cpu_kv_usage_frac), KVC_U_NONE},
  {"prefix_hit_frac", S(prefix_hit_frac), KVC_U_NONE},
  {"cpu_prefix_hit_frac", S(cpu_prefix_hit_frac), KVC_U_NONE},
  {"external_hit_frac", S(external_hit_frac), KVC_U_NONE},
  {"mm_hit_frac", S(mm_hit_frac), KVC_U_NONE}};
/* clang-format on */

static void add_args(struct kvc_doc *doc, const struct kvc_launch *launch)
{
  struct kvc_node *args = kvc_node_add(doc, doc->root, "args", KVC_NODE_MAP);
  if (launch == NULL) return;
  if (launch->model != NULL) kvc_node_text(doc, args, "model", launch->model);
  for (size_t i = 0; i < launch->n_args; i++) {
    const struct kvc_launch_arg *a = &launch->args[i];
    const char *name = a->key;
    if (name == NULL) { /* not in the catalogue: as the server names it */
      char *own = kvc_arena_strdup(doc->arena, a->name + strspn(a->name, "-"));
      for (char *p = own; p != NULL && *p != '\0'; p++)
        if (*p == '-') *p = '_';
      name = own;
    }
    if (name == NULL) {
      doc->full = true;
      return;
    }
    if (strcmp(name, "model") == 0 && launch->model != NULL) continue;
    double number;
    if (a->value == NULL)
      kvc_node_bool(doc, args, name, !a->negated);
    else if ((a->flag == NULL || strcmp(a->flag->type, "string") != 0) &&
             kvc_num_parse(a->value, name, &number, NULL) == KVC_E_OK)
      kvc_node_num(doc, args, name, number, KVC_U_NONE);
    else
      kvc_node_text(doc, args, name, a->value);
  }
}

static void add_events(struct kvc_doc *doc, const struct kvc_serverlog *log)
{
  struct kvc_node *list = kvc_node_add(doc, doc->root, "events", KVC_NODE_LIST);
  for (size_t i = 0; i < log->n_events; i++) {
    const struct kvc_log_event *e = &log->events[i];
    struct kvc_node *one = kvc_node_add(doc, list, NULL, KVC_NODE_MAP);
    kvc_node_text(doc, one, "kind", kvc_log_kind_name(e->kind));
    kvc_node_num(doc, one, "line", e->line, KVC_U_NONE);
    kvc_node_num(doc, one, "count", (double)e->count, KVC_U_NONE);
    if (!isnan(e->value)) kvc_node_num(doc, one, "value", e->value, KVC_U_NONE);
    kvc_node_text(doc, one, "text", e->text);
  }
}

static void add_starts(struct kvc_doc *doc, const struct kvc_serverlog *log)
{
  struct kvc_node *list = kvc_node_add(doc, doc->root, "starts", KVC_NODE_LIST);
  for (size_t i = 0; i < log->n_starts; i++) {
    const struct kvc_log_start *s = &log->starts[i];
    struct kvc_node *one = kvc_node_add(doc, list, NULL, KVC_NODE_MAP);
    kvc_node_num(doc, one, "line", s->line, KVC_U_NONE);
    kvc_node_text(doc, one, "vllm_version", s->version);
    kvc_node_text(doc, one, "engine",
                  s->generation == KVC_ENGINE_V0   ? "V0"
                  : s->generation == KVC_ENGINE_V1 ? "V1"
                                                   : NULL);
    kvc_node_text(doc, one, "model", s->model);
    kvc_node_bool(doc, one, "ready", s->ready);
    struct kvc_node *memory = kvc_node_add(doc, one, "memory", KVC_NODE_MAP);
    ADD_NUMS(doc, memory, memory_rows, &s->memory);
  }
}

static void add_spec(struct kvc_doc *doc, const struct kvc_log_spec *spec)
{
  if (spec->lines == 0) return;
  struct kvc_node *map = kvc_node_add(doc, doc->root, "speculation", KVC_NODE_MAP);
  kvc_node_num(doc, map, "accepted_tokens", spec->accepted_tok, KVC_U_NONE);
  kvc_node_num(doc, map, "drafted_tokens", spec->drafted_tok, KVC_U_NONE);
  kvc_node_num(doc, map, "acceptance_frac", spec->accept_frac, KVC_U_NONE);
  kvc_node_num(doc, map, "acceptance_length", spec->accept_length, KVC_U_NONE);
  kvc_node_num(doc, map, "system_efficiency", spec->efficiency, KVC_U_NONE);
}

static void add_log(struct kvc_doc *doc, const struct kvc_record *record)
{
  const struct kvc_serverlog *log = record->log;
  const struct kvc_log_start *start = kvc_log_last(log);
  struct kvc_node *memory = kvc_node_add(doc, doc->root, "memory", KVC_NODE_MAP);
  if (start != NULL) ADD_NUMS(doc, memory, memory_rows, &start->memory);
  add_args(doc, record->launch);
  if (record->page == NULL) {
    struct kvc_node *list = kvc_node_add(doc, doc->root, "series", KVC_NODE_LIST);
    for (size_t i = 0; i < log->n_samples && i < KVC_RECORD_MAX_SERIES; i++) {
      const struct kvc_log_sample *s = &log->samples[i];
      struct kvc_node *one = kvc_node_add(doc, list, NULL, KVC_NODE_MAP);
      kvc_node_num(doc, one, "line", s->line, KVC_U_NONE);
      if (s->engine >= 0) kvc_node_num(doc, one, "engine", s->engine, KVC_U_NONE);
      if (s->merged > 1) kvc_node_num(doc, one, "merged", s->merged, KVC_U_NONE);
      ADD_NUMS(doc, one, sample_rows, s);
    }
  }
  kvc_node_num(doc, doc->root, "statistics_lines", (double)log->sample_lines, KVC_U_NONE);
  kvc_node_num(doc, doc->root, "lines", (double)log->lines, KVC_U_NONE);
  kvc_node_num(doc, doc->root, "requests", (double)log->requests, KVC_U_NONE);
  add_spec(doc, &log->spec);
  add_events(doc, log);
  add_starts(doc, log);
}

kvc_code kvc_doc_record(struct kvc_doc *doc, const struct kvc_record *record,
                        struct kvc_err *err)
{
  struct kvc_node *root = doc->root;
  kvc_node_num(doc, root, "schema", 1, KVC_U_NONE);
  kvc_node_text(doc, root, "kind", record->kind);
  kvc_node_text(doc, root, "where", record->where);
  kvc_node_text(doc, root, "vllm_version", record->version);
  kvc_node_text(doc, root, "vllm_version_from", record->version_from);
  if (record->version_first != NULL) {
    struct kvc_node *range = kvc_node_add(doc, root, "vllm_versions", KVC_NODE_MAP);
    kvc_node_text(doc, range, "first", record->version_first);
    kvc_node_text(doc, range, "last", record->version_last);
  }
  if (record->page != NULL) add_page(doc, record->page);
  if (record->log != NULL) add_log(doc, record);
  if (record->bench != NULL) kvc_doc_record_bench(doc, record->bench);
  return doc->full ? kvc_arena_full(doc->arena, "the record", err) : KVC_E_OK;
}
