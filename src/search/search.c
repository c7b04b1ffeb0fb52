/* search.c - the search opened, its stages, its results handed back.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "search_room.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_PILOTS = 16 };

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

/* The cheapest candidate of each card at its bound: the likeliest to be good. */
static size_t pilots(struct kvc_search *s)
{
  size_t n = 0;
  for (size_t h = 0; h < s->n_cards; h++) {
    size_t best = s->n_units;
    for (size_t i = 0; i < s->n_units; i++) {
      const struct kvc_search_unit *u = &s->units[i];
      if (u->fate != KVC_FATE_FOUND || (size_t)u->shape.hardware != h) continue;
      if (best == s->n_units || u->bound_usd_per_hour < s->units[best].bound_usd_per_hour)
        best = i;
    }
    if (best < s->n_units) s->todo[n++] = best;
  }
  for (size_t i = 1; i < n; i++) /* at most as many as there are cards */
    for (size_t k = i; k > 0 && s->units[s->todo[k]].bound_usd_per_hour <
                                    s->units[s->todo[k - 1]].bound_usd_per_hour;
         k--) {
      const size_t t = s->todo[k];
      s->todo[k] = s->todo[k - 1];
      s->todo[k - 1] = t;
    }
  if (n > MAX_PILOTS) n = MAX_PILOTS;
  for (size_t i = 0; i < n; i++) s->units[s->todo[i]].pilot = true;
  s->n_pilots = n;
  return n;
}

/* Worse than the pilot in cost and in latency even at its bound; for money and time
 * nobody would take it. */
static const struct kvc_search_unit *dominator(const struct kvc_search *s,
                                               const struct kvc_search_unit *u)
{
  for (size_t i = 0; i < s->n_pilots; i++) {
    const struct kvc_search_unit *p = &s->units[s->todo[i]];
    if (p->fate == KVC_FATE_FOUND && p->usd_per_hour < u->bound_usd_per_hour &&
        p->load.e2e_s.p95 < u->bound_e2e_s)
      return p;
  }
  return NULL;
}

static size_t others(struct kvc_search *s, size_t *out)
{
  size_t n = 0;
  for (size_t i = 0; i < s->n_units; i++) {
    struct kvc_search_unit *u = &s->units[i];
    if (u->pilot || u->fate != KVC_FATE_FOUND) continue;
    const struct kvc_search_unit *p =
        s->req.objective == KVC_OBJECTIVE_ENERGY ? NULL : dominator(s, u);
    if (p == NULL) {
      out[n++] = i;
      continue;
    }
    const char *words = kvc_search_words(s, p);
    u->fate = KVC_FATE_DOMINATED;
    (void)snprintf(u->why, sizeof u->why,
                   "at best %.2f USD an hour and e2e p95 %.3g s; %.60s has %.2f and %.3g",
                   u->bound_usd_per_hour, u->bound_e2e_s, words != NULL ? words : "",
                   p->usd_per_hour, p->load.e2e_s.p95);
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
