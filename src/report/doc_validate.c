/* doc_validate.c - predicted beside measured as a document.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "text.h"
#include <kvcap/validate.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[KVC_VALIDATED] = {"TPOT", "TTFT", "output throughput"};

static void add_summary(struct kvc_doc *doc, struct kvc_node *one,
                        const struct kvc_validation_summary *s)
{
  const double n = (double)s->n;
  kvc_node_num(doc, one, "points", n, KVC_U_NONE);
  kvc_node_num(doc, one, "median_abs_error_frac", s->median, KVC_U_NONE);
  kvc_node_num(doc, one, "p90_abs_error_frac", s->p90, KVC_U_NONE);
  kvc_node_num(doc, one, "median_error_frac", s->bias, KVC_U_NONE);
  kvc_node_num(doc, one, "within_20_percent_frac", (double)s->within / n, KVC_U_NONE);
  kvc_node_num(doc, one, "worse_than_twice_frac", (double)s->twice / n, KVC_U_NONE);
  kvc_node_num(doc, one, "interval_coverage_frac", (double)s->inside / n, KVC_U_NONE);
}

static void heading(struct kvc_doc *doc, const char *text)
{
  (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, text, NULL);
}

static void line(struct kvc_doc *doc, const char *text)
{
  (void)kvc_block_add(doc, KVC_BLOCK_CELLS, NULL, text, NULL);
}

static void add_all_line(struct kvc_doc *doc, const char *name,
                         const struct kvc_validation_summary *s)
{
  const double n = (double)s->n;
  line(doc,
       TEXT(doc, "%-18s %6.0f %6.1f %% %6.1f %% %+6.1f %% %6.0f %% %6.1f %% %5.0f %%",
            name, n, 100 * s->median, 100 * s->p90, 100 * s->bias,
            100 * (double)s->within / n, 100 * (double)s->twice / n,
            100 * (double)s->inside / n));
}

/* ---- groups -------------------------------------------------------------------------
 */

static const char *gpu_of(const struct kvc_validation_row *r)
{
  return r->point->gpu;
}
static const char *class_of(const struct kvc_validation_row *r)
{
  return r->why != NULL ? "not predicted"
                        : kvc_model_class_name(r->prediction.model_class);
}
static const char *model_of(const struct kvc_validation_row *r)
{
  return r->point->model;
}
static const char *kind_of(const struct kvc_validation_row *r)
{
  return r->point->kind[0] != '\0' ? r->point->kind : "not stated";
}
static const char *batch_of(const struct kvc_validation_row *r)
{
  const double c = r->point->concurrency;
  return isnan(c)   ? "not stated"
         : isinf(c) ? "open loop"
         : c <= 4   ? "1 to 4"
         : c <= 16  ? "5 to 16"
         : c <= 64  ? "17 to 64"
                    : "65 and more";
}
static const char *version_of(const struct kvc_validation_row *r)
{
  return r->point->version[0] != '\0' ? r->point->version : "not stated";
}

typedef const char *group_of(const struct kvc_validation_row *);

static const struct {
  const char *key, *heading;
  group_of *of;
  bool printed;
} groupings[] = {{"by_gpu", "By GPU", gpu_of, true},
                 {"by_model_class", "By kind of model", class_of, true},
                 {"by_kind", "By kind of run", kind_of, true},
                 {"by_concurrency", "By clients", batch_of, true},
                 {"by_version", "By release", version_of, true},
                 {"by_model", "By model", model_of, false}};

struct labelled {
  const char *group;
  const struct kvc_validation_row *row;
  size_t at;
};

static int by_group(const void *a, const void *b)
{
  const struct labelled *x = a, *y = b;
  const int c = strcmp(x->group, y->group);
  return c != 0 ? c : x->at < y->at ? -1 : x->at > y->at;
}

static void print_group(struct kvc_doc *doc, const char *group,
                        const struct kvc_validation_summary *s, size_t rows)
{
  char cells[KVC_VALIDATED][16];
  for (size_t k = 0; k < KVC_VALIDATED; k++)
    if (s[k].n > 0)
      (void)snprintf(cells[k], sizeof cells[k], "%.1f %%", 100 * s[k].median);
    else
      (void)snprintf(cells[k], sizeof cells[k], "-");
  line(doc, TEXT(doc, "%-36.36s %6zu %9s %9s %11s", group, rows, cells[0], cells[1],
                 cells[2]));
}

/* A group after the other: rows sorted by their group's name. */
static void add_grouping(struct kvc_doc *doc, const struct kvc_validation *v, size_t g,
                         struct labelled *all, const struct kvc_validation_row **rows,
                         double *work)
{
  struct kvc_node *list = kvc_node_add(doc, doc->root, groupings[g].key, KVC_NODE_LIST);
  size_t n = 0;
  for (size_t i = 0; i < v->n; i++)
    if (v->rows[i].counted)
      all[n++] = (struct labelled){groupings[g].of(&v->rows[i]), &v->rows[i], i};
  qsort(all, n, sizeof *all, by_group);
  if (groupings[g].printed) {
    heading(doc, groupings[g].heading);
    line(doc, TEXT(doc, "%-36s %6s %9s %9s %11s", "median error", "points", "TPOT",
                   "TTFT", "throughput"));
  }
  for (size_t i = 0, end; i < n; i = end) {
    struct kvc_validation_summary s[KVC_VALIDATED];
    for (end = i; end < n && strcmp(all[end].group, all[i].group) == 0; end++)
      rows[end - i] = all[end].row;
    for (size_t k = 0; k < KVC_VALIDATED; k++) {
      const size_t figure = kvc_validated(k);
      if (!kvc_validation_summarise(rows, end - i, figure, work, &s[k])) continue;
      struct kvc_node *one = kvc_node_add(doc, list, NULL, KVC_NODE_MAP);
      kvc_node_text(doc, one, "group", all[i].group);
      kvc_node_text(doc, one, "figure", kvc_point_figure(figure));
      add_summary(doc, one, &s[k]);
    }
    if (groupings[g].printed) print_group(doc, all[i].group, s, end - i);
  }
}

/* ---- points -------------------------------------------------------------------------
 */

static void add_points(struct kvc_doc *doc, const struct kvc_validation *v)
{
  struct kvc_node *list = kvc_node_add(doc, doc->root, "points", KVC_NODE_LIST);
  for (size_t i = 0; i < v->n; i++) {
    const struct kvc_validation_row *r = &v->rows[i];
    const struct kvc_prediction *p = &r->prediction;
    const bool known = r->why == NULL && r->done;
    struct kvc_node *one = kvc_node_add(doc, list, NULL, KVC_NODE_MAP);
    kvc_node_text(doc, one, "id", r->point->id);
    kvc_node_text(doc, one, "why_not", r->why);
    struct kvc_node *maps[] = {kvc_node_add(doc, one, "predicted", KVC_NODE_MAP),
                               kvc_node_add(doc, one, "measured", KVC_NODE_MAP),
                               kvc_node_add(doc, one, "low", KVC_NODE_MAP),
                               kvc_node_add(doc, one, "high", KVC_NODE_MAP)};
    for (size_t k = 0; k < KVC_POINT_FIGURES_; k++) {
      const char *key = kvc_point_figure(k);
      const double none = (double)NAN;
      kvc_node_num(doc, maps[0], key, known ? p->value[k] : none, KVC_U_NONE);
      kvc_node_num(doc, maps[1], key, r->point->measured[k], KVC_U_NONE);
      kvc_node_num(doc, maps[2], key, known ? p->low[k] : none, KVC_U_NONE);
      kvc_node_num(doc, maps[3], key, known ? p->high[k] : none, KVC_U_NONE);
    }
    kvc_node_text(doc, one, "reason", r->reason);
    kvc_node_num(doc, one, "bound_frac", known ? p->bound_frac : (double)NAN, KVC_U_NONE);
    kvc_node_bool(doc, one, "outside", kvc_validation_outside(r));
    kvc_node_text(doc, one, "contradicts", r->odds);
  }
}

static void add_ends(struct kvc_doc *doc, const struct kvc_validation *v)
{
  size_t odds = 0, outside = 0, counted = 0;
  for (size_t i = 0; i < v->n; i++) {
    if (!v->rows[i].counted) continue;
    counted++;
    odds += v->rows[i].odds != NULL;
    outside += kvc_validation_outside(&v->rows[i]);
  }
  kvc_node_num(doc, doc->root, "rows_outside", (double)outside, KVC_U_NONE);
  kvc_node_num(doc, doc->root, "rows_that_contradict", (double)odds, KVC_U_NONE);
  heading(doc, "How to read this");
  (void)kvc_block_add(
      doc, KVC_BLOCK_PARA, NULL,
      "TPOT is (end to end - TTFT) / (output tokens - 1). 'inside' counts measured "
      "figures "
      "within the 90 % interval. Bias is the median of predicted / measured - 1.",
      NULL);
  (void)kvc_block_add(
      doc, KVC_BLOCK_PARA, NULL,
      TEXT(doc,
           "Counted are %zu of %zu rows: grade A of serving where a table has grades and "
           "kinds. %zu of them are outside what the model knows: not predicted, "
           "extrapolated, "
           "beyond "
           "their interval or off by 2x. %zu contradict another of the same "
           "deployment and load; --format json or --predictions FILE names them.",
           counted, v->n, outside, odds),
      NULL);
  size_t shown = 0;
  for (size_t i = 0; i < v->n && shown < 5; i++)
    if (v->rows[i].why != NULL) {
      if (shown++ == 0) heading(doc, "Not predicted");
      (void)kvc_block_add(doc, KVC_BLOCK_PARA, v->rows[i].point->id, v->rows[i].why,
                          NULL);
    }
}

kvc_code kvc_doc_validation(struct kvc_doc *doc, const struct kvc_validation *v,
                            struct kvc_err *err)
{
  size_t refused = 0;
  double *work = kvc_arena_alloc(doc->arena, 2 * v->n + 1, sizeof *work);
  struct labelled *all = kvc_arena_alloc(doc->arena, v->n + 1, sizeof *all);
  const struct kvc_validation_row **rows =
      kvc_arena_alloc(doc->arena, v->n + 1, sizeof(*rows));
  if (work == NULL || all == NULL || rows == NULL)
    return kvc_arena_full(doc->arena, "the report", err);
  size_t counted = 0;
  for (size_t i = 0; i < v->n; i++) {
    refused += v->rows[i].why != NULL;
    if (v->rows[i].counted) rows[counted++] = &v->rows[i];
  }
  kvc_node_num(doc, doc->root, "schema", v->schema, KVC_U_NONE);
  kvc_node_text(doc, doc->root, "where", v->where);
  kvc_node_num(doc, doc->root, "rows", (double)v->n, KVC_U_NONE);
  kvc_node_num(doc, doc->root, "rows_counted", (double)counted, KVC_U_NONE);
  kvc_node_num(doc, doc->root, "rows_left_out", (double)v->skipped, KVC_U_NONE);
  kvc_node_num(doc, doc->root, "rows_without_prediction", (double)refused, KVC_U_NONE);
  kvc_node_num(doc, doc->root, "wall_s", v->wall_s, KVC_U_NONE);
  (void)kvc_block_add(doc, KVC_BLOCK_VERDICT, NULL,
                      TEXT(doc, "%zu points of %s predicted in %.1f s, %zu could not be",
                           v->n - refused, v->where, v->wall_s, refused),
                      NULL);
  struct kvc_node *map = kvc_node_add(doc, doc->root, "all", KVC_NODE_MAP);
  heading(doc, "Error");
  line(doc, TEXT(doc, "%-18s %6s %8s %8s %8s %8s %8s %7s", "", "points", "median", "p90",
                 "bias", "<= 20 %", "> 2x", "inside"));
  for (size_t k = 0; k < KVC_VALIDATED; k++) {
    struct kvc_validation_summary s;
    if (!kvc_validation_summarise(rows, counted, kvc_validated(k), work, &s)) continue;
    add_summary(doc,
                kvc_node_add(doc, map, kvc_point_figure(kvc_validated(k)), KVC_NODE_MAP),
                &s);
    add_all_line(doc, names[k], &s);
  }
  for (size_t g = 0; g < sizeof groupings / sizeof *groupings; g++)
    add_grouping(doc, v, g, all, rows, work);
  add_points(doc, v);
  add_ends(doc, v);
  return doc->full ? kvc_arena_full(doc->arena, "the report", err) : KVC_E_OK;
}
