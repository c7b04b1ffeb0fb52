/* flat.c - results that are one object: vllm bench serve of every age and what grew out
 * of it (InferenceMAX, SGLang, lmdeploy, TensorRT-LLM's fork, llm-d's collections).
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "bench_room.h"
#include <math.h>
#include <stddef.h>
#include <string.h>

enum kind { NUM, TEXT, PERCENT, EXTRA, LIST, DROP };

struct key {
  const char *name;
  enum kind kind;
  size_t field;
};

static const struct key keys[] = {
#define KEY(name, kind, field) {name, kind, offsetof(struct kvc_bench, field)},
#include "flat_keys.def"
#undef KEY
};

static const struct key *find_key(const char *name, size_t len)
{
  size_t low = 0, high = sizeof keys / sizeof *keys;
  while (low < high) {
    const size_t mid = (low + high) / 2;
    const size_t n = strlen(keys[mid].name);
    int order = memcmp(name, keys[mid].name, n < len ? n : len);
    if (order == 0) order = (len > n) - (len < n);
    if (order == 0) return &keys[mid];
    if (order < 0)
      high = mid;
    else
      low = mid + 1;
  }
  return NULL;
}

static void set_text(struct bench *b, void *field, const struct bench_node *value)
{
  const char *text = bench_str(b, value);
  if (text != NULL && text[0] != '\0') memcpy(field, &text, sizeof text);
}

static void set_num(const struct bench *b, double *field, const struct bench_node *value,
                    double scale)
{
  const double v = bench_num(b, value);
  if (!isnan(v)) *field = v * scale;
}

void bench_flat_extra(struct bench *b, struct kvc_bench *r,
                      const struct bench_node *member)
{
  const char *text = bench_str(b, member);
  if (member->kind == BENCH_LIST && bench_count(member) <= 16) {
    struct kvc_buf buf;
    kvc_buf_init(&buf, BENCH_MAX_VALUE);
    for (const struct bench_node *m = bench_first(member); m != NULL;
         m = bench_next(member, m)) {
      const char *item = bench_str(b, m);
      if (item != NULL) kvc_buf_printf(&buf, buf.len > 0 ? ", %s" : "%s", item);
    }
    text = buf.len > 0 ? bench_clean(b, buf.text, buf.len) : NULL;
    kvc_buf_clear(&buf);
  }
  if (text != NULL) bench_extra(b, r, bench_key(b, member), text);
}

bool bench_flat_member(struct bench *b, struct kvc_bench *r, const char *name, size_t len,
                       const struct bench_node *value)
{
  struct bench_figure figure;
  const struct key *key = find_key(name, len);
  if (key == NULL) {
    /* Their unit is part of these names; without one it is somebody's own key. */
    if (!bench_figure(r, name, len, &figure) || !figure.has_stat || isnan(figure.scale))
      return false;
    if (figure.slot != NULL) set_num(b, figure.slot, value, figure.scale);
    return true;
  }
  char *field = (char *)r + key->field;
  double number;
  switch (key->kind) {
  case NUM:
  case PERCENT:
    memcpy(&number, field, sizeof number);
    set_num(b, &number, value, key->kind == NUM ? 1 : 0.01);
    memcpy(field, &number, sizeof number);
    break;
  case TEXT: set_text(b, field, value); break;
  case EXTRA:
    if (value->keyed) bench_flat_extra(b, r, value);
    break;
  default: break;
  }
  return true;
}

bool bench_flat_is(const struct bench *b, const struct bench_node *obj)
{
  struct kvc_bench probe;
  struct bench_figure figure;
  size_t figures = 0;
  if (obj == NULL || obj->kind != BENCH_OBJ) return false;
  for (const struct bench_node *m = bench_first(obj); m != NULL && figures < 2;
       m = bench_next(obj, m)) {
    if (m->kind != BENCH_NUM && m->kind != BENCH_STR) continue;
    if (isnan(bench_num(b, m)) && m->kind != BENCH_NUM) continue;
    const char *name = b->text + m->key;
    const struct key *key = find_key(name, m->key_len);
    if (key != NULL)
      figures += key->kind == NUM && m->key_len > 10 &&
                 bench_has(name, m->key_len, "throughput");
    else
      figures += bench_figure(&probe, name, m->key_len, &figure) && figure.has_stat &&
                 !isnan(figure.scale) && figure.stat != &probe.input_tok &&
                 figure.stat != &probe.output_tok;
  }
  return figures >= 2;
}

/* The finite numbers of a list, NaN for what is null; NULL when there is no list. */
static double *numbers(struct bench *b, const struct bench_node *obj, const char *key,
                       size_t *n)
{
  const struct bench_node *list = bench_get(b, obj, key);
  if (list == NULL || list->kind != BENCH_LIST || list->span == 1) return NULL;
  const size_t count = bench_count(list);
  if (count > BENCH_MAX_REQUESTS) {
    if (b->rc == KVC_E_OK)
      b->rc = kvc_fail(b->err, KVC_E_LIMIT, b->where,
                       "\"%s\" lists more than %d requests", key, BENCH_MAX_REQUESTS);
    return NULL;
  }
  double *made = bench_nans(b, count);
  size_t i = 0;
  if (made == NULL) return NULL;
  for (const struct bench_node *m = bench_first(list); m != NULL; m = bench_next(list, m))
    made[i++] = bench_num(b, m);
  if (*n == 0) {
    *n = count;
  } else if (count != *n) {
    bench_note(b, "\"%s\" lists %zu requests where the lists before it have %zu.", key,
               count, *n);
    if (count < *n) return NULL;
  }
  return made;
}

/* Which requests failed: those with an error or, where none are listed, with nothing. */
static void mark_failed(struct bench *b, const struct bench_node *obj,
                        struct bench_detail *d)
{
  const struct bench_node *errors = bench_get(b, obj, "errors");
  d->failed = bench_alloc(b, d->n, sizeof *d->failed);
  if (d->failed == NULL) return;
  if (errors != NULL && errors->kind == BENCH_LIST && bench_count(errors) == d->n) {
    size_t i = 0;
    for (const struct bench_node *m = bench_first(errors); m != NULL;
         m = bench_next(errors, m))
      d->failed[i++] = m->kind == BENCH_STR && m->as.str.len > 0;
    return;
  }
  for (size_t i = 0; i < d->n; i++)
    d->failed[i] = (d->output_tok == NULL || d->output_tok[i] == 0) &&
                   d->ttft_s != NULL && d->ttft_s[i] == 0;
}

/* The gaps of one request: adds them to the rest, returns their sum or NaN. */
static double add_gaps(const struct bench *b, const struct bench_node *list,
                       struct bench_detail *d, size_t *nulls)
{
  double sum = 0;
  if (list->kind != BENCH_LIST) return (double)NAN;
  for (const struct bench_node *m = bench_first(list); m != NULL;
       m = bench_next(list, m)) {
    const double gap = bench_num(b, m);
    sum += gap;
    if (isfinite(gap))
      d->gaps_s[d->n_gaps++] = gap;
    else
      ++*nulls;
  }
  return sum;
}

static void read_gaps(struct bench *b, const struct bench_node *obj,
                      struct bench_detail *d)
{
  const struct bench_node *lists = bench_get(b, obj, "itls");
  if (lists == NULL || lists->kind != BENCH_LIST || d->ttft_s == NULL) return;
  d->gaps_s = bench_alloc(b, lists->span, sizeof *d->gaps_s);
  d->e2e_s = bench_nans(b, d->n);
  if (d->gaps_s == NULL || d->e2e_s == NULL) return;
  size_t i = 0, nulls = 0, known = 0;
  for (const struct bench_node *m = bench_first(lists); m != NULL && i < d->n;
       m = bench_next(lists, m), i++) {
    if (d->failed[i]) continue;
    const double sum = add_gaps(b, m, d, &nulls);
    /* No gaps and yet several tokens: they were not recorded, or came at once. */
    const bool told = m->span > 1 || d->output_tok == NULL || !(d->output_tok[i] > 1);
    if (told) d->e2e_s[i] = d->ttft_s[i] + sum;
    known += isfinite(d->e2e_s[i]) ? 1 : 0;
  }
  if (nulls > 0)
    bench_note(b, "%zu values in \"itls\" are no numbers and were left out.", nulls);
  if (known == 0) d->e2e_s = NULL;
}

static void read_detail(struct bench *b, struct kvc_bench *r,
                        const struct bench_node *obj)
{
  struct bench_detail d = {.n = 0};
  d.ttft_s = numbers(b, obj, "ttfts", &d.n);
  d.output_tok = numbers(b, obj, "output_lens", &d.n);
  d.input_tok = numbers(b, obj, "input_lens", &d.n);
  d.start_s = numbers(b, obj, "start_times", &d.n);
  if (d.n == 0) return;
  mark_failed(b, obj, &d);
  if (b->rc != KVC_E_OK) return;
  read_gaps(b, obj, &d);
  if (d.e2e_s == NULL) d.e2e_s = numbers(b, obj, "e2els", &d.n);
  if (d.e2e_s == NULL) d.e2e_s = numbers(b, obj, "latencies", &d.n);
  if (b->rc == KVC_E_OK) bench_detail_apply(b, r, &d);
}

static const char *format_of(const struct bench *b, const struct bench_node *obj,
                             const struct kvc_bench *r)
{
  if (r->backend != NULL && strcmp(r->backend, "lmdeploy") == 0 &&
      bench_get(b, obj, "dataset_name") != NULL)
    return "lmdeploy";
  if (bench_open(b, obj, "mean_e2e_latency_ms") != NULL ||
      bench_open(b, obj, "total_output_tokens_retokenized") != NULL)
    return "sglang";
  if (bench_open(b, obj, "results_ttft_s_mean") != NULL) return "llmperf";
  if (bench_open(b, obj, "benchmark_start_time_unix") != NULL) return "inferencemax";
  return "vllm-serve";
}

struct kvc_bench *bench_flat(struct bench *b, const struct bench_node *obj)
{
  struct kvc_bench *r = bench_record(b, "vllm-serve");
  if (r == NULL) return NULL;
  for (const struct bench_node *m = bench_first(obj); m != NULL && b->rc == KVC_E_OK;
       m = bench_next(obj, m)) {
    if (m->cut || bench_flat_member(b, r, b->text + m->key, m->key_len, m)) continue;
    bench_flat_extra(b, r, m);
    bench_unknown(b, r, bench_key(b, m));
  }
  r->format = format_of(b, obj, r);
  if (r->backend == NULL) r->backend = bench_get_str(b, obj, "endpoint_type");
  if (r->model == NULL) r->model = bench_get_str(b, obj, "server_info.model_path");
  if (isnan(r->tensor_parallel)) {
    r->tensor_parallel = bench_get_num(b, obj, "server_info.tp_size");
    r->pipeline_parallel = bench_get_num(b, obj, "server_info.pp_size");
    r->data_parallel = bench_get_num(b, obj, "server_info.dp_size");
  }
  read_detail(b, r, obj);
  if (isnan(r->failed) && r->num_prompts >= r->completed)
    r->failed = r->num_prompts - r->completed;
  return r;
}
