/* search.c - the search opened, its stages, its results handed back.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "search_room.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CHEAP_PILOTS = 16, QUICK_PILOTS = 6 };

static kvc_code check(const struct kvc_search_request *r, struct kvc_err *err)
{
  const struct kvc_workload *w = &r->demand.load;
  if (r->n_models == 0)
    return kvc_fail(err, KVC_E_USAGE, "--model",
                    "is needed, for example kvcap plan Qwen/Qwen3-8B --workload chat "
                    "--rate 10 --slo ttft_p95=500ms");
  if (r->n_pairs == 0 && (!(w->prompt_tok >= 1) || !(w->output_tok >= 1)))
    return kvc_fail(err, KVC_E_USAGE, NULL,
                    "the load is missing: --input-len and --output-len, --workload, "
                    "--lengths or --trace; for example --workload chat --rate 10");
  if (!(r->rate_per_s > 0) || !(r->rate_per_s <= 1e6))
    return kvc_fail(err, KVC_E_USAGE, "--rate",
                    "is needed: requests a second at the peak, between 0 and 1,000,000");
  if (!(r->headroom_frac >= 0) || !(r->headroom_frac < 0.95))
    return kvc_fail(err, KVC_E_RANGE, "--headroom",
                    "%g is not a share from 0 to below 0.95", r->headroom_frac);
  return KVC_E_OK;
}

/* What is known of a model, whatever the GPU makes of it. */
static kvc_code know_models(struct kvc_search *s, struct kvc_err *err)
{
  for (size_t i = 0; i < s->req.n_models; i++) {
    struct kvc_err why = {0};
    struct kvc_size *size = kvc_arena_alloc(s->arena, 1, sizeof *size);
    struct kvc_search_unit u = {.shape = {.model = (int)i, .tp = 1, .pp = 1, .dp = 1}};
    if (size == NULL) return kvc_arena_full(s->arena, "a model", err);
    const kvc_code rc = search_size(s->arena, s, &u, size, &why);
    if (rc != KVC_E_OK && size->model.n_layers == 0) {
      if (err != NULL) *err = why;
      return rc;
    }
    s->models[i] = size->model;
    s->version = size->version.version;
    if (size->model.pooling)
      return kvc_fail(err, KVC_E_UNSUPPORTED, size->model.name,
                      "is a pooling model: it makes no tokens one after another, and "
                      "its speed is not simulated");
  }
  return KVC_E_OK;
}

/* Room for the longest request that is drawn, in thousands as advise rounds it. */
int64_t search_length_for(const struct kvc_search *s, int model)
{
  const struct kvc_deploy *d = &s->req.models[model].deploy;
  int64_t need = s->load.longest_tok + 1;
  const int64_t own = s->models[model].max_position_tok;
  if (d->max_model_len_tok != 0) return d->max_model_len_tok;
  if (s->req.demand.context_tok > need) need = s->req.demand.context_tok;
  need = (need + 1023) / 1024 * 1024;
  return own > 0 && need >= own ? 0 : need;
}

static kvc_code screen(struct kvc_search *s, struct kvc_err *err)
{
  for (size_t i = 0; i < s->n_units; i++) {
    s->units[i].max_model_len_tok = search_length_for(s, s->units[i].shape.model);
    KVC_TRY(search_unit_screen(s, &s->units[i], err));
  }
  return KVC_E_OK;
}

kvc_code kvc_search_open(struct kvc_arena *arena, struct kvc_db *db,
                         const struct kvc_search_request *request,
                         struct kvc_search **out, struct kvc_err *err)
{
  KVC_TRY(check(request, err));
  struct kvc_search *s = kvc_arena_alloc(arena, 1, sizeof *s);
  if (s == NULL) return kvc_arena_full(arena, "the search", err);
  s->arena = arena;
  s->db = db;
  s->req = *request;
  KVC_TRY(kvc_db_engine(db, "vllm", &s->engine, err));
  KVC_TRY(search_cards(s, err));
  for (size_t i = 0; i < s->n_cards; i++) s->req.hardware[i] = s->cards[i].as;
  s->req.n_hardware = s->n_cards; /* shapes index it */
  KVC_TRY(search_load_draw(arena, &s->req, 1, 1, &s->load, err));
  /* The sizing counts requests of this kind. */
  s->req.demand.load.prompt_tok = s->load.prompt_mean_tok;
  s->req.demand.load.output_tok = s->load.output_mean_tok;
  KVC_TRY(know_models(s, err));
  KVC_TRY(search_space(s, err));
  KVC_TRY(screen(s, err));
  s->todo = kvc_arena_alloc(arena, 2 * s->n_units, sizeof *s->todo);
  if (s->todo == NULL) return kvc_arena_full(arena, "the search", err);
  *out = s;
  return KVC_E_OK;
}

/* ---- stages ---- */

static double cost_bound(const struct kvc_search_unit *u)
{
  return isnan(u->bound_usd_per_hour) ? 1e12 : u->bound_usd_per_hour;
}

static double time_bound(const struct kvc_search_unit *u)
{
  return u->bound_e2e_s;
}

/* The best candidate of each card by a bound; the best 'most' of those are added. */
static void add_pilots(struct kvc_search *s, size_t most,
                       double (*bound)(const struct kvc_search_unit *))
{
  size_t best[KVC_SEARCH_HARDWARE], n = 0;
  for (size_t h = 0; h < s->n_cards; h++) best[h] = s->n_units;
  for (size_t i = 0; i < s->n_units; i++) {
    const struct kvc_search_unit *u = &s->units[i];
    size_t *b = &best[u->shape.hardware];
    if (u->fate == KVC_FATE_FOUND && !u->pilot &&
        (*b == s->n_units || bound(u) < bound(&s->units[*b])))
      *b = i;
  }
  for (; n < most; n++) {
    size_t first = s->n_units, card = 0;
    for (size_t h = 0; h < s->n_cards; h++)
      if (best[h] < s->n_units &&
          (first == s->n_units || bound(&s->units[best[h]]) < bound(&s->units[first]))) {
        first = best[h];
        card = h;
      }
    if (first == s->n_units) return;
    best[card] = s->n_units;
    s->units[first].pilot = true;
    s->todo[s->n_pilots++] = first;
  }
}

/* Candidates that look best by their bounds: cheap ones, and quick ones. */
static size_t pilots(struct kvc_search *s)
{
  if (s->n_pilots > 0) return s->n_pilots;
  add_pilots(s, CHEAP_PILOTS, cost_bound);
  add_pilots(s, QUICK_PILOTS, time_bound);
  return s->n_pilots;
}

bool search_dominated(const struct kvc_search *s, double usd, double e2e_s,
                      struct kvc_search_unit *u)
{
  if (s->req.objective == KVC_OBJECTIVE_ENERGY) return false;
  for (size_t i = 0; i < s->n_pilots; i++) {
    const struct kvc_search_unit *p = &s->units[s->todo[i]];
    const struct search_card *card = &s->cards[p->shape.hardware];
    if (p->fate != KVC_FATE_FOUND || p->prefill_replicas > 0) continue;
    for (int k = 0; k < p->n_points; k++) {
      const struct kvc_search_point *at = &p->points[k];
      const int64_t n = search_replicas(&s->req, s->req.rate_per_s, at->rate_per_s);
      const double its_usd = search_cost(card, search_gpus(&p->shape), n);
      if (at->ratio > 1 || n == 0 || !(its_usd < usd) || !(at->e2e_s.p95 < e2e_s))
        continue;
      u->fate = KVC_FATE_DOMINATED;
      (void)snprintf(u->why, sizeof u->why,
                     "at best %.2f USD an hour and e2e p95 %.3g s; %lld of %dx %.60s "
                     "have %.2f and %.3g",
                     usd, e2e_s, (long long)n, search_gpus(&p->shape), card->gpu.name,
                     its_usd, at->e2e_s.p95);
      return true;
    }
  }
  return false;
}

static size_t others(struct kvc_search *s, size_t *out)
{
  size_t n = 0;
  for (size_t i = 0; i < s->n_units; i++) {
    struct kvc_search_unit *u = &s->units[i];
    if (u->pilot || u->fate != KVC_FATE_FOUND) continue;
    if (!search_dominated(s, u->bound_usd_per_hour, u->bound_e2e_s, u)) out[n++] = i;
  }
  return n;
}

size_t kvc_search_todo(struct kvc_search *s, int stage, const size_t **indices)
{
  *indices = s->todo;
  if (stage == 0) return pilots(s);
  if (stage != 1) return 0;
  *indices = s->todo + s->n_units;
  return others(s, s->todo + s->n_units);
}

void kvc_search_put(struct kvc_search *s, size_t index,
                    const struct kvc_search_unit *unit)
{
  const bool pilot = s->units[index].pilot;
  s->units[index] = *unit;
  s->units[index].pilot = pilot;
}

size_t kvc_search_units(const struct kvc_search *s)
{
  return s->n_units;
}

const struct kvc_search_unit *kvc_search_at(const struct kvc_search *s, size_t index)
{
  return &s->units[index];
}
