/* metrics_read.c - metrics.yaml: what each release exports, read strictly.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "metrics_room.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Rows are compared with each other, so their number is bounded. */
enum { MAX_METRICS = 4000, MAX_ROWS = 256 };

static const char *const types[] = {"untyped",   "counter", "gauge",
                                    "histogram", "info",    NULL};
static const char *const groups[] = {"latency",  "throughput", "scheduling", "kv",
                                     "features", "process",    NULL};

struct metric_text {
  struct kvc_metric shown;
  const char *cite;
  int group;
};
#define M(field) offsetof(struct metric_text, shown.field)
#define T(field) offsetof(struct metric_text, field)
static const struct field metric_rows[] = {
    {.key = "key", .type = FIELD_TEXT, .offset = M(key), .required = true},
    {.key = "type",
     .type = FIELD_ENUM,
     .offset = M(type),
     .required = true,
     .words = types},
    {.key = "unit", .type = FIELD_TEXT, .offset = M(unit), .required = true},
    {.key = "group",
     .type = FIELD_ENUM,
     .offset = T(group),
     .required = true,
     .words = groups},
    {.key = "help", .type = FIELD_TEXT, .offset = M(help), .required = true},
    {.key = "healthy", .type = FIELD_TEXT, .offset = M(healthy)},
    {.key = "sample", .type = FIELD_TEXT, .offset = M(sample), .required = true},
    {.key = "value",
     .type = FIELD_DOUBLE,
     .offset = M(sample_value),
     .min = -1e18,
     .max = 1e18,
     .required = true},
    {.key = "names", .type = FIELD_CUSTOM, .required = true},
    {.key = "labels", .type = FIELD_CUSTOM},
    {.key = "buckets", .type = FIELD_CUSTOM},
    {.key = "cite", .type = FIELD_TEXT, .offset = T(cite), .required = true},
    {.key = NULL},
};

struct name_text {
  const char *name, *unit, *note, *says, *cite, *trust;
  enum kvc_metric_type type;
  bool always;
};
#define N(field) offsetof(struct name_text, field)
static const struct field name_rows[] = {
    {.key = "name", .type = FIELD_TEXT, .offset = N(name), .required = true},
    {.key = "since", .type = FIELD_CUSTOM, .required = true},
    {.key = "until", .type = FIELD_CUSTOM},
    {.key = "engine", .type = FIELD_CUSTOM},
    {.key = "type", .type = FIELD_ENUM, .offset = N(type), .words = types},
    {.key = "unit", .type = FIELD_TEXT, .offset = N(unit)},
    {.key = "always", .type = FIELD_BOOL, .offset = N(always)},
    {.key = "says", .type = FIELD_TEXT, .offset = N(says)},
    {.key = "note", .type = FIELD_TEXT, .offset = N(note)},
    {.key = "trust", .type = FIELD_TEXT, .offset = N(trust)},
    {.key = "cite", .type = FIELD_TEXT, .offset = N(cite)},
    {.key = NULL},
};
static const struct field label_rows[] = {
    {.key = "name", .type = FIELD_TEXT, .offset = N(name), .required = true},
    {.key = "since", .type = FIELD_CUSTOM, .required = true},
    {.key = "until", .type = FIELD_CUSTOM},
    {.key = "engine", .type = FIELD_CUSTOM},
    {.key = "always", .type = FIELD_BOOL, .offset = N(always)},
    {.key = NULL},
};
static const struct field bucket_rows[] = {
    {.key = "le", .type = FIELD_CUSTOM, .required = true},
    {.key = "since", .type = FIELD_CUSTOM, .required = true},
    {.key = "until", .type = FIELD_CUSTOM},
    {.key = "engine", .type = FIELD_CUSTOM},
    {.key = NULL},
};

/* Rows of one name must be in order and must not overlap where both hold. */
static bool spans_clash(const struct span *a, enum kvc_engine_kind a_kind,
                        const struct span *b, enum kvc_engine_kind b_kind)
{
  if (a_kind != KVC_ENGINE_AUTO && b_kind != KVC_ENGINE_AUTO && a_kind != b_kind)
    return false;
  return a->open || kvc_version_cmp(&a->until, &b->since) > 0;
}

static kvc_code list_or_none(const struct reader *r, const struct node *metric,
                             const char *key, const struct node **out)
{
  *out = profile_node_get(metric, key);
  if (*out == NULL) return KVC_E_OK;
  if ((*out)->type != NODE_SEQ)
    return reader_fail(r, *out, KVC_E_PARSE, "\"%s\" must be a list", key);
  if ((*out)->count > MAX_ROWS)
    return reader_fail(r, *out, KVC_E_LIMIT, "\"%s\" has more than %d entries", key,
                       MAX_ROWS);
  return KVC_E_OK;
}

/* ---- names ---- */

static kvc_code name_spelled_well(const struct reader *r, const struct node *n,
                                  const char *name)
{
  static const char *const suffixes[] = {"_bucket", "_sum", "_count", "_created"};
  const size_t len = strlen(name);
  for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
    const size_t s = strlen(suffixes[i]);
    if (len > s && strcmp(name + len - s, suffixes[i]) == 0)
      return reader_fail(r, n, KVC_E_PARSE,
                         "\"%.80s\" is a sample, not a family: leave \"%s\" out", name,
                         suffixes[i]);
  }
  for (const char *p = name; *p != '\0'; p++)
    if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:", *p) ==
        NULL)
      return reader_fail(r, n, KVC_E_PARSE, "\"%.80s\" is not a metric's name", name);
  return KVC_E_OK;
}

static kvc_code name_read(const struct reader *r, const struct node *n,
                          const struct kvc_engine *e, const struct metric_text *metric,
                          struct kvc_metric_name *out)
{
  struct name_text t = {.type = metric->shown.type};
  struct span span;
  KVC_TRY(fields_read(r, n, name_rows, &t));
  assert(t.name != NULL); /* a required row */
  KVC_TRY(name_spelled_well(r, n, t.name));
  KVC_TRY(span_read(r, n, e, &span));
  *out = (struct kvc_metric_name){
      .name = t.name,
      .type = t.type,
      .since = span.since,
      .has_until = !span.open,
      .unit = t.unit,
      .note = t.note,
      .cite = t.cite != NULL ? t.cite : metric->cite,
      .always = t.always,
      .says = t.says,
  };
  if (!span.open) out->until = span.until;
  return kind_read(r, n, &out->engine);
}

static struct span span_of(const struct kvc_metric_name *n)
{
  return (struct span){n->since, n->until, !n->has_until};
}

static kvc_code names_read(const struct reader *r, const struct node *metric,
                           const struct kvc_engine *e, const struct metric_text *text,
                           struct kvc_metric *out, size_t index)
{
  const struct node *list;
  KVC_TRY(list_or_none(r, metric, "names", &list));
  assert(list != NULL); /* a required row */
  struct kvc_metric_name *names = kvc_arena_alloc(r->arena, list->count, sizeof *names);
  if (names == NULL) return kvc_arena_full(r->arena, r->file, r->err);
  size_t count = 0;
  for (const struct node *n = list->first; n != NULL; n = n->next) {
    struct kvc_metric_name *row = &names[count];
    KVC_TRY(name_read(r, n, e, text, row));
    row->metric = index;
    const struct span here = span_of(row);
    if (count > 0 && kvc_version_cmp(&names[count - 1].since, &row->since) > 0)
      return reader_fail(r, n, KVC_E_CONFLICT, "the names are not oldest first");
    for (size_t i = 0; i < count; i++) {
      const struct span old = span_of(&names[i]);
      if (strcmp(names[i].name, row->name) == 0 &&
          spans_clash(&old, names[i].engine, &here, row->engine))
        return reader_fail(r, n, KVC_E_CONFLICT, "the spans of \"%s\" overlap",
                           row->name);
    }
    count++;
  }
  if (count == 0) return reader_fail(r, list, KVC_E_PARSE, "\"names\" must not be empty");
  out->names = names;
  out->n_names = count;
  return KVC_E_OK;
}

/* ---- labels and buckets ---- */

static kvc_code labels_read(const struct reader *r, const struct node *metric,
                            const struct kvc_engine *e, struct metric_clues *out)
{
  const struct node *list;
  KVC_TRY(list_or_none(r, metric, "labels", &list));
  if (list == NULL) return KVC_E_OK;
  out->labels = kvc_arena_alloc(r->arena, list->count, sizeof *out->labels);
  if (out->labels == NULL) return kvc_arena_full(r->arena, r->file, r->err);
  for (const struct node *n = list->first; n != NULL; n = n->next) {
    struct name_text t = {0};
    struct label_row *row = &out->labels[out->n_labels];
    KVC_TRY(fields_read(r, n, label_rows, &t));
    KVC_TRY(span_read(r, n, e, &row->span));
    KVC_TRY(kind_read(r, n, &row->kind));
    row->name = t.name;
    row->always = t.always;
    for (size_t i = 0; i < out->n_labels; i++)
      if (strcmp(out->labels[i].name, row->name) == 0 &&
          spans_clash(&out->labels[i].span, out->labels[i].kind, &row->span, row->kind))
        return reader_fail(r, n, KVC_E_CONFLICT, "the spans of \"%s\" overlap",
                           row->name);
    out->n_labels++;
  }
  return KVC_E_OK;
}

static kvc_code bounds_read(const struct reader *r, const struct node *row,
                            struct bounds_row *out)
{
  const struct node *list;
  KVC_TRY(list_or_none(r, row, "le", &list));
  assert(list != NULL); /* a required row */
  double *le = kvc_arena_alloc(r->arena, list->count, sizeof *le);
  if (le == NULL) return kvc_arena_full(r->arena, r->file, r->err);
  for (const struct node *n = list->first; n != NULL; n = n->next) {
    KVC_TRY(node_number(r, n, -1e18, 1e18, false, &le[out->n]));
    if (out->n > 0 && le[out->n] <= le[out->n - 1])
      return reader_fail(r, n, KVC_E_RANGE, "the bounds do not rise");
    out->n++;
  }
  out->bounds = le;
  return KVC_E_OK;
}

static kvc_code buckets_read(const struct reader *r, const struct node *metric,
                             const struct kvc_engine *e, struct metric_clues *out)
{
  const struct node *list;
  KVC_TRY(list_or_none(r, metric, "buckets", &list));
  if (list == NULL) return KVC_E_OK;
  out->bounds = kvc_arena_alloc(r->arena, list->count, sizeof *out->bounds);
  if (out->bounds == NULL) return kvc_arena_full(r->arena, r->file, r->err);
  for (const struct node *n = list->first; n != NULL; n = n->next) {
    struct bounds_row *row = &out->bounds[out->n_bounds];
    char unused = 0; /* these rows store nothing */
    KVC_TRY(fields_read(r, n, bucket_rows, &unused));
    KVC_TRY(span_read(r, n, e, &row->span));
    KVC_TRY(kind_read(r, n, &row->kind));
    KVC_TRY(bounds_read(r, n, row));
    for (size_t i = 0; i < out->n_bounds; i++)
      if (spans_clash(&out->bounds[i].span, out->bounds[i].kind, &row->span, row->kind))
        return reader_fail(r, n, KVC_E_CONFLICT, "the spans of the buckets overlap");
    out->n_bounds++;
  }
  return KVC_E_OK;
}

/* ---- the whole file ---- */

static kvc_code metric_read(const struct reader *r, const struct node *n,
                            const struct kvc_engine *e, struct kvc_metrics *m)
{
  struct metric_text t = {0};
  struct kvc_metric *out = &m->metrics[m->n_metrics];
  KVC_TRY(fields_read(r, n, metric_rows, &t));
  t.shown.group = groups[t.group];
  *out = t.shown;
  KVC_TRY(names_read(r, n, e, &t, out, m->n_metrics));
  KVC_TRY(labels_read(r, n, e, &m->clues[m->n_metrics]));
  KVC_TRY(buckets_read(r, n, e, &m->clues[m->n_metrics]));
  for (size_t i = 0; i < m->n_metrics; i++)
    if (strcmp(m->metrics[i].key, out->key) == 0)
      return reader_fail(r, n, KVC_E_CONFLICT, "the metric \"%s\" is listed twice",
                         out->key);
  m->n_metrics++;
  return KVC_E_OK;
}

static int by_name(const void *a, const void *b)
{
  const struct name_entry *x = a, *y = b;
  const int c = strcmp(x->name, y->name);
  if (c != 0) return c;
  return x->row < y->row ? -1 : x->row > y->row;
}

/* One entry a name, its newest row; a name belongs to one metric. */
static kvc_code index_make(const struct reader *r, struct kvc_metrics *m)
{
  size_t n = 0;
  for (size_t i = 0; i < m->n_metrics; i++) n += m->metrics[i].n_names;
  struct name_entry *all = kvc_arena_alloc(r->arena, n + 1, sizeof *all);
  if (all == NULL) return kvc_arena_full(r->arena, r->file, r->err);
  n = 0;
  for (size_t i = 0; i < m->n_metrics; i++)
    for (size_t k = 0; k < m->metrics[i].n_names; k++)
      all[n++] =
          (struct name_entry){m->metrics[i].names[k].name, &m->metrics[i].names[k]};
  qsort(all, n, sizeof *all, by_name);
  for (size_t i = 0; i < n; i++) {
    struct name_entry *last = m->n_index > 0 ? &all[m->n_index - 1] : NULL;
    if (last == NULL || strcmp(last->name, all[i].name) != 0) {
      all[m->n_index++] = all[i];
    } else if (last->row->metric != all[i].row->metric) {
      return reader_fail(r, NULL, KVC_E_CONFLICT, "\"%s\" is a name of two metrics",
                         all[i].name);
    } else {
      last->row = all[i].row;
    }
  }
  m->index = all;
  return KVC_E_OK;
}

kvc_code metrics_from_node(const struct reader *r, const struct node *root,
                           const struct kvc_engine *engine, struct kvc_metrics **out)
{
  if (root->type != NODE_SEQ)
    return reader_fail(r, root, KVC_E_PARSE, "the catalogue of metrics must be a list");
  if (root->count > MAX_METRICS)
    return reader_fail(r, root, KVC_E_LIMIT, "more than %d metrics are listed",
                       MAX_METRICS);
  struct kvc_metrics *m = kvc_arena_alloc(r->arena, 1, sizeof *m);
  if (m == NULL) return kvc_arena_full(r->arena, r->file, r->err);
  m->metrics = kvc_arena_alloc(r->arena, root->count, sizeof *m->metrics);
  m->clues = kvc_arena_alloc(r->arena, root->count, sizeof *m->clues);
  if (m->metrics == NULL || m->clues == NULL)
    return kvc_arena_full(r->arena, r->file, r->err);
  for (const struct node *n = root->first; n != NULL; n = n->next)
    KVC_TRY(metric_read(r, n, engine, m));
  KVC_TRY(index_make(r, m));
  *out = m;
  return KVC_E_OK;
}
