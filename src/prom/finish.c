/* finish.c - what was read becomes a page.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "prom_room.h"
#include <math.h>
#include <stdlib.h>

static struct slice name_of(const struct family *f)
{
  return (struct slice){f->name, f->len};
}

static bool whole(const struct numbers *n)
{
  return n->n_buckets > 0 && isinf(n->buckets[n->n_buckets - 1].le);
}

/* The last page of several was cut within this histogram: the one before it is better. */
static void restore(struct prom *p, struct series *s)
{
  if (!s->had_before || !whole(&s->before) || whole(&s->now)) return;
  s->now = s->before;
  p->line = s->line;
  prom_note(p, NOTE_RESTORED, name_of(s->family));
}

static void buckets_check(struct prom *p, const struct series *s)
{
  p->line = s->line;
  if (s->now.n_buckets == 0) return;
  const double last = s->now.buckets[s->now.n_buckets - 1].count;
  if (!whole(&s->now))
    prom_note(p, NOTE_NO_INF, name_of(s->family));
  else if (last < s->now.count || last > s->now.count)
    prom_note(p, NOTE_DISAGREE, name_of(s->family));
  for (size_t i = 1; i < s->now.n_buckets; i++)
    if (s->now.buckets[i].count < s->now.buckets[i - 1].count) {
      prom_note(p, NOTE_FALLS, name_of(s->family));
      return;
    }
}

static const char *label_value(const struct series *s, const char *name)
{
  for (size_t i = 0; i < s->n_labels; i++)
    if (strcmp(s->labels[i].name, name) == 0) return s->labels[i].value;
  return NULL;
}

static void series_show(const struct prom *p, const struct series *s,
                        struct kvc_series *out)
{
  const struct family *f = s->family;
  *out = (struct kvc_series){
      .metric = kvc_metrics_of(p->source->metrics, f->row),
      .exported = f->row,
      .family = f->name,
      .type = f->type,
      .labels = s->labels,
      .n_labels = s->n_labels,
      .engine = label_value(s, "engine"),
      .model = label_value(s, "model_name"),
      .value = s->now.value,
      .created_s = s->created_s,
      .buckets = s->now.buckets,
      .n_buckets = s->now.n_buckets,
      .sum = s->now.sum,
      .count = s->now.count,
      .time_s = s->time_s,
  };
}

static kvc_code series_out(struct prom *p, struct kvc_page *out)
{
  out->series = kvc_arena_alloc(p->arena, p->series.count + 1, sizeof *out->series);
  if (out->series == NULL) return prom_full(p);
  for (struct entry *e = p->series.first; e != NULL; e = e->next) {
    struct series *s = (struct series *)(void *)e;
    restore(p, s);
    buckets_check(p, s);
    series_show(p, s, &out->series[out->n_series++]);
  }
  return KVC_E_OK;
}

/* ---- names ---- */

static int by_text(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_vllm(const struct family *f)
{
  return strncmp(f->name, "vllm:", 5) == 0 || strncmp(f->name, "ray_vllm:", 9) == 0;
}

static kvc_code names_out(struct prom *p, struct kvc_page *out)
{
  const size_t n = p->families.count;
  const char **unknown = kvc_arena_alloc(p->arena, n + 1, sizeof *unknown);
  const char **names = kvc_arena_alloc(p->arena, n + 1, sizeof *names);
  if (unknown == NULL || names == NULL) return prom_full(p);
  for (struct entry *e = p->families.first; e != NULL; e = e->next) {
    const struct family *f = (const struct family *)(const void *)e;
    if (f->row == NULL && is_vllm(f)) unknown[out->n_unknown++] = f->name;
    if (!f->sampled) names[out->n_names++] = f->name;
  }
  if (out->n_unknown > 1) qsort(unknown, out->n_unknown, sizeof *unknown, by_text);
  if (out->n_names > 1) qsort(names, out->n_names, sizeof *names, by_text);
  out->unknown = unknown;
  out->names = names;
  return KVC_E_OK;
}

/* ---- the era ---- */

static kvc_code sight_of(struct prom *p, const struct family *f,
                         struct kvc_metrics_sight *out)
{
  const struct series *s = f->shown;
  *out = (struct kvc_metrics_sight){.name = f->row, .help = f->help};
  if (s == NULL) return KVC_E_OK;
  const char **labels = kvc_arena_alloc(p->arena, s->n_labels + 1, sizeof *labels);
  double *bounds = kvc_arena_alloc(p->arena, s->now.n_buckets + 1, sizeof *bounds);
  if (labels == NULL || bounds == NULL) return prom_full(p);
  for (size_t i = 0; i < s->n_labels; i++) labels[i] = s->labels[i].name;
  for (size_t i = 0; i < s->now.n_buckets; i++)
    if (isfinite(s->now.buckets[i].le)) bounds[out->n_bounds++] = s->now.buckets[i].le;
  out->labels = labels;
  out->n_labels = s->n_labels;
  out->bounds = bounds;
  out->whole = whole(&s->now);
  out->partial = s->partial;
  return KVC_E_OK;
}

/* A name whose meaning changed gets the row of the page's releases. */
static void rows_fit(const struct prom *p, struct kvc_page *out)
{
  for (size_t i = 0; i < out->n_series; i++) {
    struct kvc_series *s = &out->series[i];
    const struct kvc_metric_name *row;
    if (s->exported == NULL || kvc_metrics_name_fits(s->exported, &out->era)) continue;
    for (size_t k = 0;
         (row = kvc_metrics_spans(p->source->metrics, s->exported, k)) != NULL; k++)
      if (kvc_metrics_name_fits(row, &out->era)) {
        s->exported = row;
        break;
      }
  }
}

static kvc_code era_out(struct prom *p, struct kvc_page *out)
{
  size_t n = 0, vllm = 0;
  struct kvc_metrics_sight *sights =
      kvc_arena_alloc(p->arena, p->families.count + 1, sizeof *sights);
  if (sights == NULL) return prom_full(p);
  for (struct entry *e = p->families.first; e != NULL; e = e->next) {
    const struct family *f = (const struct family *)(const void *)e;
    if (f->row == NULL) continue;
    KVC_TRY(sight_of(p, f, &sights[n++]));
    vllm += strncmp(f->row->name, "vllm:", 5) == 0;
  }
  out->has_era =
      p->source->engine != NULL &&
      kvc_metrics_era_seen(p->source->metrics, p->source->engine, sights, n, &out->era);
  p->line = 0;
  if (out->has_era)
    rows_fit(p, out);
  else if (vllm > 0 && p->source->engine != NULL)
    prom_note(p, NOTE_ERA, (struct slice){NULL, 0});
  return KVC_E_OK;
}

kvc_code prom_finish(struct prom *p, struct kvc_page *out)
{
  struct kvc_page page = {.where = p->source->where, .scraped_s = NAN, .cut = p->cut};
  KVC_TRY(series_out(p, &page));
  KVC_TRY(names_out(p, &page));
  KVC_TRY(era_out(p, &page));
  KVC_TRY(prom_notes_tell(p, &page));
  *out = page;
  return KVC_E_OK;
}
