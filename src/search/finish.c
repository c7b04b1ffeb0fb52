/* finish.c - ranked, verified, told.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "search_room.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- ranked ---- */

struct rank {
  double first, second; /* the less the better */
  size_t index;
};

static double known(double v, double else_)
{
  return isfinite(v) ? v : else_;
}

static struct rank rank_of(const struct kvc_search *s, size_t index)
{
  static const double UNPRICED = 1e12;
  const struct kvc_search_unit *u = &s->units[index];
  const struct search_card *card = &s->cards[u->shape.hardware];
  const int gpus = search_gpus(&u->shape);
  const double usd = known(u->usd_per_hour, UNPRICED + (double)(u->replicas * gpus));
  struct rank r = {.second = u->load.e2e_s.p95, .index = index};
  switch (s->req.objective) {
  case KVC_OBJECTIVE_COST: r.first = usd; break;
  case KVC_OBJECTIVE_COST_PER_TOKEN:
    r.first = known(gpus * card->usd_per_gpu_hour, UNPRICED + gpus) / u->max_rate_per_s;
    break;
  case KVC_OBJECTIVE_ENERGY:
    r.first = known(u->joules_per_output_token, UNPRICED);
    r.second = usd;
    break;
  case KVC_OBJECTIVE_LATENCY:
    r.first = u->load.e2e_s.p95;
    r.second = usd;
    break;
  }
  return r;
}

static int by_rank(const void *a, const void *b)
{
  const struct rank *p = a, *q = b;
  if (p->first != q->first) return p->first < q->first ? -1 : 1;
  if (p->second != q->second) return p->second < q->second ? -1 : 1;
  return (p->index > q->index) - (p->index < q->index);
}

static kvc_code rank_all(struct kvc_search *s, struct rank **out, size_t *n,
                         struct kvc_err *err)
{
  *out = kvc_arena_alloc(s->arena, s->n_units, sizeof **out);
  if (*out == NULL) return kvc_arena_full(s->arena, "the ranking", err);
  *n = 0;
  for (size_t i = 0; i < s->n_units; i++)
    if (s->units[i].fate == KVC_FATE_FOUND && s->units[i].replicas > 0)
      (*out)[(*n)++] = rank_of(s, i);
  qsort(*out, *n, sizeof **out, by_rank);
  return KVC_E_OK;
}

/* Verified one after another; a longer run may take more replicas, so the order is made
 * again. */
static kvc_code options(struct kvc_search *s, struct kvc_plan *out, struct kvc_err *err)
{
  struct rank *ranks, kept[KVC_SEARCH_OPTIONS];
  struct kvc_search_option *found;
  size_t n = 0;
  KVC_TRY(rank_all(s, &ranks, &n, err));
  found = kvc_arena_alloc(s->arena, KVC_SEARCH_OPTIONS, sizeof *found);
  if (found == NULL) return kvc_arena_full(s->arena, "the options", err);
  for (size_t i = 0; i < n && out->n_options < KVC_SEARCH_OPTIONS; i++) {
    struct kvc_search_unit *u = &s->units[ranks[i].index];
    bool holds;
    KVC_TRY(search_option(s, u, out->n_options, &found[out->n_options], &holds, err));
    if (!holds) {
      u->fate = KVC_FATE_SLO;
      (void)snprintf(u->why, sizeof u->why,
                     "a longer run of the advised flags misses a limit (%.2f times it)",
                     u->load.ratio);
      continue;
    }
    kept[out->n_options] = rank_of(s, ranks[i].index);
    kept[out->n_options].index = out->n_options;
    out->n_options++;
  }
  qsort(kept, out->n_options, sizeof *kept, by_rank);
  for (size_t i = 0; i < out->n_options; i++) out->options[i] = found[kept[i].index];
  return KVC_E_OK;
}

/* ---- told ---- */

struct near {
  double ratio;
  size_t index;
};

/* The least figure over its limit of those simulated; the others behind. */
static double nearness(const struct kvc_search_unit *u)
{
  double ratio = 1e9;
  for (int k = 0; k < u->n_points; k++) ratio = fmin(ratio, u->points[k].ratio);
  return ratio;
}

static int by_nearness(const void *a, const void *b)
{
  const struct near *p = a, *q = b;
  if (p->ratio != q->ratio) return p->ratio < q->ratio ? -1 : 1;
  return (p->index > q->index) - (p->index < q->index);
}

static kvc_code rejected(struct kvc_search *s, struct kvc_plan *out, struct kvc_err *err)
{
  size_t n = 0;
  struct near *order = kvc_arena_alloc(s->arena, s->n_units + 1, sizeof *order);
  out->rejected = kvc_arena_alloc(s->arena, s->n_units + 1, sizeof *out->rejected);
  if (out->rejected == NULL || order == NULL)
    return kvc_arena_full(s->arena, "the rejected", err);
  for (size_t i = 0; i < s->n_units; i++) {
    const struct kvc_search_unit *u = &s->units[i];
    if (u->simulated > 0) out->simulated_units++;
    out->simulated += u->simulated;
    if (u->fate == KVC_FATE_FOUND) continue;
    if (u->simulated == 0) out->pruned++;
    order[n++] = (struct near){.ratio = nearness(u), .index = i};
  }
  qsort(order, n, sizeof *order, by_nearness);
  for (size_t i = 0; i < n; i++) {
    const struct kvc_search_unit *u = &s->units[order[i].index];
    out->rejected[out->n_rejected++] = (struct kvc_search_rejected){
        .what = kvc_search_words(s, u), .why = u->why, .fate = u->fate};
  }
  out->candidates = s->n_units;
  return KVC_E_OK;
}

/* What came nearest: the least figure over its limit of those simulated, else the least
 * harsh of the others. */
static const struct kvc_search_unit *nearest(const struct kvc_search *s)
{
  const struct kvc_search_unit *best = NULL;
  double least = INFINITY;
  for (size_t i = 0; i < s->n_units; i++) {
    const struct kvc_search_unit *u = &s->units[i];
    const double bound = u->fate == KVC_FATE_LIMIT   ? 1e3
                         : u->fate == KVC_FATE_BOUND ? 1e6
                                                     : 1e9;
    const double ratio = fmin(bound, nearness(u));
    if (!(ratio < least)) continue;
    least = ratio;
    best = u;
  }
  return best;
}

static const char *verdict(struct kvc_search *s, const struct kvc_plan *out)
{
  if (out->n_options == 0) {
    const struct kvc_search_unit *u = nearest(s);
    return kvc_arena_printf(
        s->arena,
        "Nothing of %zu candidates serves %g requests a second within "
        "the limits; nearest: %s: %s",
        s->n_units, s->req.rate_per_s, u != NULL ? kvc_search_words(s, u) : "none",
        u != NULL ? u->why : "");
  }
  const struct kvc_search_option *o = &out->options[0];
  const char *price =
      isnan(o->usd_per_hour)
          ? ""
          : kvc_arena_printf(s->arena, ", %.2f USD an hour", o->usd_per_hour);
  const char *how = s->req.slo.n > 0 ? "within the limits" : "without a growing queue";
  const char *unsure =
      s->req.slo.n == 0 || o->certain
          ? ""
          : "; the limits do not hold at the high end of the predictions";
  return kvc_arena_printf(s->arena, "%lld x (%s) serve%s %g requests a second %s%s%s",
                          (long long)o->unit->replicas, kvc_search_words(s, o->unit),
                          o->unit->replicas == 1 ? "s" : "", s->req.rate_per_s, how,
                          price != NULL ? price : "", unsure);
}

static void notes(struct kvc_search *s, struct kvc_plan *out)
{
  if (s->req.slo.n == 0)
    search_note(s, "no --slo: replicas are enough for a queue that does not grow, and "
                   "latency is whatever it is then");
  if (s->req.power_watts > 0)
    search_note(s, "--power counts the board power of every GPU, not hosts and cooling");
  for (size_t i = 0; i < s->req.n_models; i++)
    if (s->req.models[i].calibration != NULL &&
        kvc_calibration_has_speed(s->req.models[i].calibration))
      search_note(s, "the calibration speaks for the model, GPU, release and parallelism "
                     "that were measured; other options are as without it");
  for (size_t i = 0; i < s->n_cards; i++)
    if (isnan(s->cards[i].usd_per_gpu_hour))
      search_note(s,
                  "%s has no price%s%s: --price %s=USD_PER_GPU_HOUR ranks it with the "
                  "others",
                  s->cards[i].gpu.name, s->req.price_at != NULL ? " at " : "",
                  s->req.price_at != NULL ? s->req.price_at : "", s->cards[i].gpu.name);
  for (size_t i = 0; i < s->n_notes && i < sizeof out->notes / sizeof *out->notes; i++)
    out->notes[out->n_notes++] = s->notes[i];
}

kvc_code kvc_search_finish(struct kvc_search *s, struct kvc_plan *out,
                           struct kvc_err *err)
{
  *out = (struct kvc_plan){.schema = 1, .request = &s->req, .wall_s = NAN};
  KVC_TRY(options(s, out, err));
  KVC_TRY(search_why_not(s, out, err));
  KVC_TRY(search_front(s, out, err));
  KVC_TRY(rejected(s, out, err));
  if (out->n_options > 0)
    kvc_version_format(&out->options[0].advice->size.setting.version, out->version);
  else
    kvc_version_format(&s->version, out->version);
  notes(s, out);
  out->simulated += s->runs;
  out->verdict = verdict(s, out);
  return out->verdict != NULL ? KVC_E_OK : kvc_arena_full(s->arena, NULL, err);
}
