/* doc_validate.c - predicted beside measured as a document.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <kvcap/validate.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *checked(struct kvc_doc *doc, const char *text)
{
  if (text == NULL) doc->full = true;
  return text != NULL ? text : "";
}
#define TEXT(doc, ...) checked((doc), kvc_arena_printf((doc)->arena, __VA_ARGS__))

/* Figures that the summary is of. */
static const struct {
  size_t figure;
  const char *name;
  bool time; /* an interval applies as it stands; a rate gets its inverse */
} summed[] = {{KVC_POINT_MEAN_TPOT, "TPOT", true},
              {KVC_POINT_MEAN_TTFT, "TTFT", true},
              {KVC_POINT_OUTPUT_TOK_S, "output throughput", false}};
enum { N_SUMMED = 3 };

/* predicted / measured - 1; NaN when either is unknown. */
static double error_of(const struct kvc_validation_row *row, size_t figure)
{
  const double measured = row->point->measured[figure];
  if (row->why != NULL || !row->done || !(measured > 0)) return NAN;
  return row->prediction.value[figure] / measured - 1;
}

static bool covered(const struct kvc_validation_row *row, size_t k)
{
  const double e = 1 / (1 + error_of(row, summed[k].figure)); /* measured / predicted */
  const double low = row->prediction.low_frac, high = row->prediction.high_frac;
  return summed[k].time ? e >= low && e <= high : e >= 1 / high && e <= 1 / low;
}

struct summary {
  size_t n, within, twice, inside;
  double median, p90, bias;
};

static int by_value(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Of the rows whose group equals 'group'; NULL: all. */
static bool summarise(struct kvc_doc *doc, const struct kvc_validation *v, size_t k,
                      const char *(*group_of)(const struct kvc_point *),
                      const char *group, struct summary *out)
{
  double *abs_errors = kvc_arena_alloc(doc->arena, v->n + 1, sizeof *abs_errors);
  double *errors = kvc_arena_alloc(doc->arena, v->n + 1, sizeof *errors);
  *out = (struct summary){0};
  if (abs_errors == NULL || errors == NULL) {
    doc->full = true;
    return false;
  }
  for (size_t i = 0; i < v->n; i++) {
    const double e = error_of(&v->rows[i], summed[k].figure);
    if (isnan(e)) continue;
    if (group != NULL && strcmp(group_of(v->rows[i].point), group) != 0) continue;
    errors[out->n] = e;
    abs_errors[out->n++] = fabs(e);
    out->within += fabs(e) <= 0.2;
    out->twice += e > 1 || e < -0.5;
    out->inside += covered(&v->rows[i], k);
  }
  if (out->n == 0) return false;
  qsort(errors, out->n, sizeof *errors, by_value);
  qsort(abs_errors, out->n, sizeof *abs_errors, by_value);
  out->median = abs_errors[out->n / 2];
  out->p90 = abs_errors[(size_t)(0.9 * (double)(out->n - 1))];
  out->bias = errors[out->n / 2];
  return true;
}

static void add_summary(struct kvc_doc *doc, struct kvc_node *map, const char *key,
                        const struct summary *s)
{
  struct kvc_node *one = kvc_node_add(doc, map, key, KVC_NODE_MAP);
  const double n = (double)s->n;
  kvc_node_num(doc, one, "points", n, KVC_U_NONE);
  kvc_node_num(doc, one, "median_abs_error_frac", s->median, KVC_U_NONE);
  kvc_node_num(doc, one, "p90_abs_error_frac", s->p90, KVC_U_NONE);
  kvc_node_num(doc, one, "median_error_frac", s->bias, KVC_U_NONE);
  kvc_node_num(doc, one, "within_20_percent_frac", (double)s->within / n, KVC_U_NONE);
  kvc_node_num(doc, one, "worse_than_twice_frac", (double)s->twice / n, KVC_U_NONE);
  kvc_node_num(doc, one, "interval_coverage_frac", (double)s->inside / n, KVC_U_NONE);
}

static void add_line(struct kvc_doc *doc, const char *label, const struct summary *s)
{
  const double n = (double)s->n;
  (void)kvc_block_add(
      doc, KVC_BLOCK_ROW, label,
      TEXT(doc, "%5.1f %% median, %5.1f %% p90, bias %+.0f %%", 100 * s->median,
           100 * s->p90, 100 * s->bias),
      TEXT(doc, "%.0f points, %.0f %% within 20 %%, %.1f %% beyond 2x, %.0f %% inside", n,
           100 * (double)s->within / n, 100 * (double)s->twice / n,
           100 * (double)s->inside / n));
}

/* ---- groups ---------------------------------------------------------------------------
 */

static const char *gpu_of(const struct kvc_point *p)
{
  return p->gpu;
}
static const char *model_of(const struct kvc_point *p)
{
  return p->model;
}
static const char *version_of(const struct kvc_point *p)
{
  return p->version[0] != '\0' ? p->version : "not stated";
}
static const char *kind_of(const struct kvc_point *p)
{
  return p->kind[0] != '\0' ? p->kind : "not stated";
}
static const char *batch_of(const struct kvc_point *p)
{
  const double c = p->concurrency;
  return isinf(c)  ? "open loop"
         : c <= 4  ? "1 to 4"
         : c <= 16 ? "5 to 16"
         : c <= 64 ? "17 to 64"
                   : "65 and more";
}

static const struct {
  const char *key, *heading;
  const char *(*of)(const struct kvc_point *);
} groupings[] = {{"by_gpu", "By GPU", gpu_of},
                 {"by_model", "By model", model_of},
                 {"by_kind", "By kind", kind_of},
                 {"by_concurrency", "By concurrency", batch_of},
                 {"by_version", "By version", version_of}};

static void add_grouping(struct kvc_doc *doc, const struct kvc_validation *v, size_t g)
{
  bool *done = kvc_arena_alloc(doc->arena, v->n + 1, sizeof *done);
  struct kvc_node *map = kvc_node_add(doc, doc->root, groupings[g].key, KVC_NODE_MAP);
  if (done == NULL) {
    doc->full = true;
    return;
  }
  if (g == 0)
    (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, groupings[g].heading, NULL);
  for (size_t i = 0; i < v->n; i++) {
    const char *group = groupings[g].of(v->rows[i].point);
    if (done[i]) continue;
    for (size_t k = i; k < v->n; k++)
      if (strcmp(groupings[g].of(v->rows[k].point), group) == 0) done[k] = true;
    struct kvc_node *one = kvc_node_add(doc, map, group, KVC_NODE_MAP);
    for (size_t k = 0; k < N_SUMMED; k++) {
      struct summary s;
      if (!summarise(doc, v, k, groupings[g].of, group, &s)) continue;
      add_summary(doc, one, kvc_point_figure(summed[k].figure), &s);
      if (g == 0) add_line(doc, TEXT(doc, "%s %s", group, summed[k].name), &s);
    }
  }
}

/* ---- points
 * ---------------------------------------------------------------------------- */

static void add_points(struct kvc_doc *doc, const struct kvc_validation *v)
{
  struct kvc_node *list = kvc_node_add(doc, doc->root, "points", KVC_NODE_LIST);
  for (size_t i = 0; i < v->n; i++) {
    const struct kvc_validation_row *r = &v->rows[i];
    struct kvc_node *one = kvc_node_add(doc, list, NULL, KVC_NODE_MAP);
    kvc_node_text(doc, one, "id", r->point->id);
    kvc_node_text(doc, one, "why_not", r->why);
    struct kvc_node *predicted = kvc_node_add(doc, one, "predicted", KVC_NODE_MAP);
    struct kvc_node *measured = kvc_node_add(doc, one, "measured", KVC_NODE_MAP);
    for (size_t k = 0; k < KVC_POINT_FIGURES_; k++) {
      kvc_node_num(doc, predicted, kvc_point_figure(k),
                   r->why == NULL ? r->prediction.value[k] : (double)NAN, KVC_U_NONE);
      kvc_node_num(doc, measured, kvc_point_figure(k), r->point->measured[k], KVC_U_NONE);
    }
    kvc_node_num(doc, one, "low", r->why == NULL ? r->prediction.low_frac : (double)NAN,
                 KVC_U_NONE);
    kvc_node_num(doc, one, "high", r->why == NULL ? r->prediction.high_frac : (double)NAN,
                 KVC_U_NONE);
    kvc_node_text(doc, one, "reason", r->reason);
    bool outside = r->why != NULL;
    for (size_t k = 0; k < N_SUMMED; k++)
      outside = outside || (!isnan(error_of(r, summed[k].figure)) && !covered(r, k));
    kvc_node_bool(doc, one, "outside", outside);
  }
}

kvc_code kvc_doc_validation(struct kvc_doc *doc, const struct kvc_validation *v,
                            struct kvc_err *err)
{
  size_t refused = 0;
  for (size_t i = 0; i < v->n; i++) refused += v->rows[i].why != NULL;
  kvc_node_num(doc, doc->root, "schema", v->schema, KVC_U_NONE);
  kvc_node_text(doc, doc->root, "where", v->where);
  kvc_node_num(doc, doc->root, "rows", (double)v->n, KVC_U_NONE);
  kvc_node_num(doc, doc->root, "rows_left_out", (double)v->skipped, KVC_U_NONE);
  kvc_node_num(doc, doc->root, "rows_without_prediction", (double)refused, KVC_U_NONE);
  kvc_node_num(doc, doc->root, "wall_s", v->wall_s, KVC_U_NONE);
  (void)kvc_block_add(doc, KVC_BLOCK_VERDICT, NULL,
                      TEXT(doc, "%zu points of %s predicted in %.1f s, %zu could not be",
                           v->n - refused, v->where, v->wall_s, refused),
                      NULL);
  struct kvc_node *all = kvc_node_add(doc, doc->root, "all", KVC_NODE_MAP);
  for (size_t k = 0; k < N_SUMMED; k++) {
    struct summary s;
    if (!summarise(doc, v, k, NULL, NULL, &s)) continue;
    add_summary(doc, all, kvc_point_figure(summed[k].figure), &s);
    add_line(doc, summed[k].name, &s);
  }
  for (size_t g = 0; g < sizeof groupings / sizeof *groupings; g++)
    add_grouping(doc, v, g);
  add_points(doc, v);
  return doc->full ? kvc_arena_full(doc->arena, "the report", err) : KVC_E_OK;
}
