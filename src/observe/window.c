/* window.c - what happened between pages: increases of counters and histograms.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "observe_room.h"
#include <math.h>
#include <string.h>

static bool same_text(const char *a, const char *b)
{
  return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_labels(const struct kvc_series *a, const struct kvc_series *b)
{
  if (a->n_labels != b->n_labels) return false;
  for (size_t i = 0; i < a->n_labels; i++) {
    const char *other = same_text(a->labels[i].name, b->labels[i].name)
                            ? b->labels[i].value
                            : kvc_series_label(b, a->labels[i].name);
    if (!same_text(a->labels[i].value, other)) return false;
  }
  return true;
}

/* Positive when a's name came into use after b's. */
static int newer(const struct kvc_series *a, const struct kvc_series *b)
{
  if (a->exported == NULL || b->exported == NULL) return 0;
  return kvc_version_cmp(&a->exported->since, &b->exported->since);
}

void observe_pick(const struct observe_window *w, size_t page, const char *key,
                  struct observe_series *out)
{
  const struct kvc_page *p = &w->looks->pages[page];
  const struct kvc_series *best = NULL;
  out->n = 0;
  for (size_t i = 0; i < p->n_series; i++) {
    const struct kvc_series *s = &p->series[i];
    if (s->metric == NULL || strcmp(s->metric->key, key) != 0) continue;
    if (w->model != NULL && s->model != NULL && strcmp(s->model, w->model) != 0) continue;
    const int order = best == NULL ? 0 : newer(s, best);
    if (order < 0) continue;
    if (order > 0) out->n = 0;
    best = s;
    if (out->n < OBSERVE_MAX_SERIES) out->at[out->n++] = s;
  }
}

const char *observe_from(const struct observe_window *w, const char *key)
{
  struct observe_series found;
  observe_pick(w, w->looks->n - 1, key, &found);
  const char *text =
      found.n > 0 ? kvc_arena_printf(w->arena, "metrics %s", found.at[0]->family) : NULL;
  return text != NULL ? text : "metrics";
}

/* The same series on another page; NULL when it is not there. */
static const struct kvc_series *before(const struct observe_series *there,
                                       const struct kvc_series *s)
{
  for (size_t i = 0; i < there->n; i++)
    if (strcmp(there->at[i]->family, s->family) == 0 && same_labels(there->at[i], s))
      return there->at[i];
  return NULL;
}

double observe_increase(struct observe_window *w, const char *key, const char *label,
                        const char *value)
{
  struct observe_series here, there = {.n = 0};
  double sum = NAN;
  for (size_t page = 0; page < w->looks->n; page++) {
    observe_pick(w, page, key, &here);
    for (size_t i = 0; i < here.n; i++) {
      const struct kvc_series *s = here.at[i];
      if (label != NULL && !same_text(kvc_series_label(s, label), value)) continue;
      if (!isfinite(s->value)) continue;
      if (isnan(sum)) sum = 0;
      if (page == 0 && w->looks->n > 1) continue;
      const struct kvc_series *last = before(&there, s);
      const double from = last != NULL && isfinite(last->value) ? last->value : 0;
      if (s->value < from) w->resets++;
      sum += s->value < from ? s->value : s->value - from;
    }
    there = here;
  }
  return sum;
}

/* ---- histograms -------------------------------------------------------------------- */

static double count_at(const struct kvc_series *s, double le)
{
  for (size_t i = 0; s != NULL && i < s->n_buckets; i++)
    if (s->buckets[i].le == le) return s->buckets[i].count;
  return 0;
}

/* Bounds that every engine has; another engine's finer ones are left out. */
static void take_bounds(struct observe_hist *h, const struct kvc_series *s)
{
  if (h->n == 0) {
    for (size_t i = 0; i < s->n_buckets && h->n < OBSERVE_MAX_BUCKETS; i++)
      h->buckets[h->n++] = (struct kvc_bucket){s->buckets[i].le, 0};
    return;
  }
  size_t kept = 0;
  for (size_t i = 0; i < h->n; i++) {
    bool has = false;
    for (size_t k = 0; k < s->n_buckets; k++) has |= s->buckets[k].le == h->buckets[i].le;
    if (has) h->buckets[kept++] = h->buckets[i];
  }
  h->n = kept;
}

static void add_increase(struct observe_window *w, struct observe_hist *h,
                         const struct kvc_series *s, const struct kvc_series *last)
{
  if (last != NULL && s->count < last->count) {
    w->resets++;
    last = NULL;
  }
  take_bounds(h, s);
  for (size_t i = 0; i < h->n; i++)
    h->buckets[i].count +=
        count_at(s, h->buckets[i].le) - count_at(last, h->buckets[i].le);
  const double sum = isfinite(s->sum) ? s->sum : 0;
  const double count = isfinite(s->count) ? s->count : 0;
  h->sum += sum - (last != NULL && isfinite(last->sum) ? last->sum : 0);
  h->count += count - (last != NULL && isfinite(last->count) ? last->count : 0);
}

bool observe_histogram(struct observe_window *w, const char *key,
                       struct observe_hist *out)
{
  struct observe_series here, there = {.n = 0};
  memset(out, 0, sizeof *out);
  for (size_t page = 0; page < w->looks->n; page++) {
    observe_pick(w, page, key, &here);
    for (size_t i = 0; i < here.n && (page > 0 || w->looks->n == 1); i++)
      if (here.at[i]->n_buckets > 0 || isfinite(here.at[i]->count))
        add_increase(w, out, here.at[i], before(&there, here.at[i]));
    there = here;
  }
  return out->count > 0;
}
