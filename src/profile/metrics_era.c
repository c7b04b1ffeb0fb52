/* metrics_era.c - which releases print what a page shows.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The candidates are pairs of a release and a generation that exists in it.  The names on
 * the page are hard: a candidate that lacks one is out.  Everything else is a clue:
 * it narrows, but never to nothing.
 */
#include "metrics_room.h"
#include <math.h>
#include <string.h>

enum {
  MAX_RELEASES = 512,
  ENOUGH_NAMES = 10, /* names that every server prints, before absence counts */
  ENOUGH_LABELS = 8  /* labels of one series, before the absence of one counts */
};

struct mask {
  bool has[MAX_RELEASES][2];
};

struct hunt {
  const struct kvc_metrics *metrics;
  const struct kvc_engine *engine;
  const struct kvc_metrics_sight *sights;
  size_t n_sights, n_releases;
  struct mask fits;
};

static const enum kvc_engine_kind kinds[2] = {KVC_ENGINE_V0, KVC_ENGINE_V1};

static const struct kvc_version *release_at(const struct hunt *h, size_t i)
{
  return &kvc_engine_release(h->engine, i)->version;
}

static bool mask_meets(struct hunt *h, const struct mask *with, bool must)
{
  struct mask both;
  bool any = false;
  for (size_t i = 0; i < h->n_releases; i++)
    for (size_t g = 0; g < 2; g++) {
      both.has[i][g] = h->fits.has[i][g] && with->has[i][g];
      any = any || both.has[i][g];
    }
  if (any || must) memcpy(h->fits.has, both.has, h->n_releases * sizeof both.has[0]);
  return any;
}

static void mask_add(const struct hunt *h, const struct span *span,
                     enum kvc_engine_kind kind, struct mask *out)
{
  for (size_t i = 0; i < h->n_releases; i++)
    for (size_t g = 0; g < 2; g++)
      if (metrics_row_fits(span, kind, release_at(h, i), kinds[g])) out->has[i][g] = true;
}

static void mask_add_name(const struct hunt *h, const struct kvc_metric_name *name,
                          struct mask *out)
{
  const struct span span = {name->since, name->until, !name->has_until};
  mask_add(h, &span, name->engine, out);
}

/* Names of Python, of the web server and of the process say nothing of vLLM. */
static bool tells(const struct kvc_metrics_sight *s)
{
  return s->name != NULL && strncmp(s->name->name, "vllm:", 5) == 0;
}

static bool names_meet(struct hunt *h)
{
  bool any = false;
  for (size_t i = 0; i < h->n_sights; i++) {
    struct mask m = {0};
    const struct kvc_metric_name *row;
    if (!tells(&h->sights[i])) continue;
    any = true;
    for (size_t k = 0;
         (row = kvc_metrics_spans(h->metrics, h->sights[i].name, k)) != NULL; k++)
      mask_add_name(h, row, &m);
    if (!mask_meets(h, &m, true)) return false;
  }
  return any;
}

/* ---- clues ---- */

static void help_meets(struct hunt *h, const struct kvc_metrics_sight *s)
{
  struct mask m = {0};
  bool any = false;
  const struct kvc_metric_name *row;
  if (s->help == NULL) return;
  for (size_t k = 0; (row = kvc_metrics_spans(h->metrics, s->name, k)) != NULL; k++)
    if (row->says != NULL && kvc_str_ifind(s->help, row->says) != NULL) {
      mask_add_name(h, row, &m);
      any = true;
    }
  if (any) (void)mask_meets(h, &m, false);
}

static bool label_seen(const struct kvc_metrics_sight *s, const char *name)
{
  for (size_t i = 0; i < s->n_labels; i++)
    if (strcmp(s->labels[i], name) == 0) return true;
  return false;
}

static void labels_meet(struct hunt *h, const struct kvc_metrics_sight *s)
{
  const struct metric_clues *c = &h->metrics->clues[s->name->metric];
  for (size_t i = 0; i < c->n_labels; i++) {
    struct mask m = {0};
    if (!label_seen(s, c->labels[i].name)) continue;
    for (size_t k = 0; k < c->n_labels; k++)
      if (strcmp(c->labels[k].name, c->labels[i].name) == 0)
        mask_add(h, &c->labels[k].span, c->labels[k].kind, &m);
    (void)mask_meets(h, &m, false);
  }
}

static bool same_bounds(const struct kvc_metrics_sight *s, const struct bounds_row *row)
{
  if (s->n_bounds != row->n) return false;
  for (size_t i = 0; i < row->n; i++)
    if (fabs(s->bounds[i] - row->bounds[i]) > 1e-9 * fabs(row->bounds[i])) return false;
  return true;
}

/* Every bound of the page is one of the row's: what a sparse export leaves. */
static bool some_bounds(const struct kvc_metrics_sight *s, const struct bounds_row *row)
{
  size_t k = 0;
  for (size_t i = 0; i < s->n_bounds; i++) {
    while (k < row->n && row->bounds[k] < s->bounds[i] * (1 - 1e-9)) k++;
    if (k == row->n || row->bounds[k] > s->bounds[i] * (1 + 1e-9)) return false;
  }
  return true;
}

static void bounds_meet(struct hunt *h, const struct kvc_metrics_sight *s)
{
  const struct metric_clues *c = &h->metrics->clues[s->name->metric];
  struct mask same = {0}, some = {0}, covered = {0};
  bool any_same = false, any_some = false;
  if (s->n_bounds == 0 || c->n_bounds == 0) return;
  for (size_t i = 0; i < c->n_bounds; i++) {
    mask_add(h, &c->bounds[i].span, c->bounds[i].kind, &covered);
    if (s->whole && same_bounds(s, &c->bounds[i])) {
      mask_add(h, &c->bounds[i].span, c->bounds[i].kind, &same);
      any_same = true;
    }
    if (some_bounds(s, &c->bounds[i])) {
      mask_add(h, &c->bounds[i].span, c->bounds[i].kind, &some);
      any_some = true;
    }
  }
  for (size_t r = 0; r < h->n_releases; r++) /* whose bounds are not known */
    for (size_t g = 0; g < 2; g++) some.has[r][g] = some.has[r][g] || !covered.has[r][g];
  if (any_same)
    (void)mask_meets(h, &same, false);
  else if (any_some)
    (void)mask_meets(h, &some, false);
}

/* ---- what is missing ---- */

static void label_absence_meets(struct hunt *h, const struct kvc_metrics_sight *s)
{
  const struct metric_clues *c = &h->metrics->clues[s->name->metric];
  if (s->partial || s->n_labels < ENOUGH_LABELS) return;
  for (size_t i = 0; i < c->n_labels; i++) {
    struct mask lacks = {0}, m;
    if (!c->labels[i].always || label_seen(s, c->labels[i].name)) continue;
    mask_add(h, &c->labels[i].span, c->labels[i].kind, &lacks);
    for (size_t r = 0; r < h->n_releases; r++)
      for (size_t g = 0; g < 2; g++) m.has[r][g] = !lacks.has[r][g];
    (void)mask_meets(h, &m, false);
  }
}

static bool name_seen(const struct hunt *h, const struct kvc_metric_name *name)
{
  for (size_t i = 0; i < h->n_sights; i++)
    if (h->sights[i].name != NULL && h->sights[i].name->metric == name->metric &&
        strcmp(h->sights[i].name->name, name->name) == 0)
      return true;
  return false;
}

static bool always_printed(const struct hunt *h, const struct kvc_metric_name *name)
{
  const struct kvc_metric_name *row;
  for (size_t k = 0; (row = kvc_metrics_spans(h->metrics, name, k)) != NULL; k++)
    if (row->always) return true;
  return false;
}

/* A page is complete for a release when it has every name that the release always
 * prints.  When it is for some, the others are out; when it is for none, it was cut or
 * filtered, and absence says nothing. */
static void absence_meets(struct hunt *h)
{
  struct mask m;
  size_t seen = 0;
  memset(&m, 1, sizeof m);
  for (size_t i = 0; i < h->n_sights; i++)
    if (tells(&h->sights[i]) && always_printed(h, h->sights[i].name)) seen++;
  for (size_t i = 0; i < h->metrics->n_metrics; i++) {
    const struct kvc_metric *metric = &h->metrics->metrics[i];
    for (size_t k = 0; k < metric->n_names; k++) {
      const struct kvc_metric_name *name = &metric->names[k];
      if (!name->always || name_seen(h, name)) continue;
      for (size_t r = 0; r < h->n_releases; r++)
        for (size_t g = 0; g < 2; g++)
          if (metrics_name_holds(name, release_at(h, r), kinds[g])) m.has[r][g] = false;
    }
  }
  if (seen >= ENOUGH_NAMES) (void)mask_meets(h, &m, false);
}

/* ---- the range ---- */

static bool range_of(const struct hunt *h, struct kvc_metrics_era *out)
{
  bool any = false, v0 = false, v1 = false;
  for (size_t i = 0; i < h->n_releases; i++) {
    if (!h->fits.has[i][0] && !h->fits.has[i][1]) continue;
    if (!any) out->first = *release_at(h, i);
    out->last = *release_at(h, i);
    any = true;
    v0 = v0 || h->fits.has[i][0];
    v1 = v1 || h->fits.has[i][1];
  }
  out->generation = v0 && v1 ? KVC_ENGINE_AUTO : v0 ? KVC_ENGINE_V0 : KVC_ENGINE_V1;
  return any;
}

bool kvc_metrics_era_seen(const struct kvc_metrics *metrics,
                          const struct kvc_engine *engine,
                          const struct kvc_metrics_sight *sights, size_t n,
                          struct kvc_metrics_era *out)
{
  struct hunt h = {metrics, engine, sights, n, kvc_engine_release_count(engine), {{{0}}}};
  struct kvc_metrics_era era;
  if (h.n_releases > MAX_RELEASES) h.n_releases = MAX_RELEASES;
  for (size_t i = 0; i < h.n_releases; i++)
    for (size_t g = 0; g < 2; g++)
      h.fits.has[i][g] =
          kvc_engine_generation(engine, release_at(&h, i), kinds[g]) != NULL;
  if (!names_meet(&h)) return false;
  for (size_t i = 0; i < n; i++)
    if (tells(&sights[i])) {
      help_meets(&h, &sights[i]);
      labels_meet(&h, &sights[i]);
      bounds_meet(&h, &sights[i]);
    }
  for (size_t i = 0; i < n; i++)
    if (tells(&sights[i])) label_absence_meets(&h, &sights[i]);
  absence_meets(&h);
  if (!range_of(&h, &era)) return false;
  *out = era;
  return true;
}

bool kvc_metrics_era(const struct kvc_metrics *metrics, const struct kvc_engine *engine,
                     const struct kvc_metric_name *const *present, size_t n,
                     struct kvc_metrics_era *out)
{
  enum { ROOM = 1024 };
  struct kvc_metrics_sight sights[ROOM];
  size_t used = 0;
  for (size_t i = 0; i < n && used < ROOM; i++)
    if (present[i] != NULL)
      sights[used++] = (struct kvc_metrics_sight){.name = present[i]};
  return kvc_metrics_era_seen(metrics, engine, sights, used, out);
}
