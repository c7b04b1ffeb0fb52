/* space.c - what there is to try: cards with their prices, and every shape on them.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "search_room.h"
#include <kvcap/str.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { USUAL_NODE = 8, MOST_GPUS_EACH = 32 };

void search_note(struct kvc_search *s, const char *fmt, ...)
{
  va_list args;
  va_start(args, fmt);
  const char *text = kvc_arena_vprintf(s->arena, fmt, args);
  va_end(args);
  if (text != NULL && s->n_notes < sizeof s->notes / sizeof *s->notes)
    s->notes[s->n_notes++] = text;
}

/* ---- cards ---- */

static int by_price(const void *a, const void *b)
{
  const double x = ((const struct kvc_price *)a)->usd_per_hour;
  const double y = ((const struct kvc_price *)b)->usd_per_hour;
  return (x > y) - (x < y);
}

/* The middle of the listed prices: neither the cheapest corner of a market nor the list
 * of the dearest cloud. */
static void price(struct kvc_search *s, struct search_card *c)
{
  struct kvc_price p[KVC_MAX_PRICES];
  size_t n = 0;
  c->usd_per_gpu_hour = c->as.usd_per_gpu_hour;
  c->price_from = c->as.price_from != NULL ? c->as.price_from : "as given";
  if (!isnan(c->usd_per_gpu_hour)) return;
  c->price_from = NULL;
  for (size_t i = 0; i < c->gpu.n_prices; i++)
    if (s->req.price_at == NULL ||
        kvc_str_ifind(c->gpu.prices[i].where, s->req.price_at) != NULL)
      p[n++] = c->gpu.prices[i];
  if (n == 0) return;
  qsort(p, n, sizeof *p, by_price);
  const struct kvc_price *mid = &p[(n - 1) / 2];
  c->usd_per_gpu_hour = mid->usd_per_hour;
  c->price_from =
      n == 1 ? kvc_arena_printf(s->arena, "%s, %s", mid->where, mid->date)
             : kvc_arena_printf(s->arena, "%s, %s; listed from %.2f to %.2f", mid->where,
                                mid->date, p[0].usd_per_hour, p[n - 1].usd_per_hour);
}

static kvc_code add_card(struct kvc_search *s, const struct kvc_hardware *as,
                         struct kvc_err *err)
{
  struct kvc_match match;
  if (s->n_cards == KVC_SEARCH_HARDWARE)
    return kvc_fail(err, KVC_E_LIMIT, "--gpu", "more than %d kinds of hardware",
                    KVC_SEARCH_HARDWARE);
  struct search_card *c = &s->cards[s->n_cards];
  c->as = *as;
  KVC_TRY(kvc_db_gpu(s->db, as->gpu, &c->gpu, &match, err));
  c->as.gpu = c->gpu.name;
  c->per_node = as->gpus_per_node > 0     ? as->gpus_per_node
                : c->gpu.link_domain >= 2 ? c->gpu.link_domain
                                          : USUAL_NODE;
  price(s, c);
  s->n_cards++;
  return KVC_E_OK;
}

static bool can_be_priced(const struct kvc_gpu *g)
{
  return g->n_prices > 0 && isfinite(g->memory_bps.value) &&
         (isfinite(g->bf16_flops.value) || isfinite(g->fp16_flops.value));
}

static kvc_code every_card(struct kvc_search *s, struct kvc_err *err)
{
  const char *const *names;
  size_t n, left = 0;
  KVC_TRY(kvc_db_list(s->db, KVC_KIND_GPU, &names, &n, err));
  for (size_t i = 0; i < n; i++) {
    struct kvc_gpu gpu;
    struct kvc_match match;
    KVC_TRY(kvc_db_gpu(s->db, names[i], &gpu, &match, err));
    if (!can_be_priced(&gpu)) {
      left++;
      continue;
    }
    KVC_TRY(add_card(s, &(struct kvc_hardware){.gpu = gpu.name, .usd_per_gpu_hour = NAN},
                     err));
    if (!isnan(s->cards[s->n_cards - 1].usd_per_gpu_hour)) continue;
    s->n_cards--; /* no price at the place asked for */
    left++;
  }
  if (left > 0)
    search_note(s,
                "%zu GPUs of the profiles have no price%s%s and are left out; --gpu "
                "names one all the same",
                left, s->req.price_at != NULL ? " at " : "",
                s->req.price_at != NULL ? s->req.price_at : "");
  return KVC_E_OK;
}

kvc_code search_cards(struct kvc_search *s, struct kvc_err *err)
{
  if (s->req.n_hardware == 0) KVC_TRY(every_card(s, err));
  for (size_t i = 0; i < s->req.n_hardware; i++)
    KVC_TRY(add_card(s, &s->req.hardware[i], err));
  if (s->n_cards == 0)
    return kvc_fail(err, KVC_E_UNKNOWN, "--price-at",
                    "no GPU has a price at a place called \"%.60s\"",
                    s->req.price_at != NULL ? s->req.price_at : "");
  return KVC_E_OK;
}

/* ---- shapes ---- */

static size_t sizes_of(const int given[8], int pinned, const int *usual, size_t n_usual,
                       int out[8])
{
  size_t n = 0;
  if (pinned > 0) {
    out[0] = pinned;
    return 1;
  }
  for (; n < 8 && given[n] > 0; n++) out[n] = given[n];
  if (n > 0) return n;
  for (; n < n_usual; n++) out[n] = usual[n];
  return n;
}

static bool has_fp8(const struct kvc_gpu *g)
{
  return isfinite(g->fp8_flops.value) && g->fp8_flops.value > 0;
}

static kvc_code add_unit(struct kvc_search *s, const struct kvc_search_shape *shape,
                         struct kvc_err *err)
{
  if (s->n_units == KVC_SEARCH_MAX_UNITS)
    return kvc_fail(err, KVC_E_LIMIT, NULL,
                    "more than %d candidates: name fewer GPUs, models or sizes",
                    KVC_SEARCH_MAX_UNITS);
  if (s->n_units == s->room) {
    const size_t room = s->room > 0 ? 2 * s->room : 64;
    struct kvc_search_unit *more = kvc_arena_alloc(s->arena, room, sizeof *more);
    if (more == NULL) return kvc_arena_full(s->arena, "the candidates", err);
    if (s->n_units > 0) memcpy(more, s->units, s->n_units * sizeof *more);
    s->units = more;
    s->room = room;
  }
  s->units[s->n_units++] = (struct kvc_search_unit){.shape = *shape};
  return KVC_E_OK;
}

/* Formats and speculation of one parallelism. */
static kvc_code add_formats(struct kvc_search *s, struct kvc_search_shape p,
                            struct kvc_err *err)
{
  const struct kvc_deploy *d = &s->req.models[p.model].deploy;
  const struct kvc_gpu *g = &s->cards[p.hardware].gpu;
  const bool weights = (s->req.allow & KVC_ALLOW_FP8_WEIGHTS) != 0 && has_fp8(g) &&
                       d->quantization == NULL &&
                       s->models[p.model].quant.kind == KVC_QUANT_NONE;
  const bool kv = (s->req.allow & KVC_ALLOW_FP8_KV) != 0 && has_fp8(g) &&
                  d->kv_cache_dtype == NULL && !s->models[p.model].pooling;
  const bool drafts = d->spec_method != NULL;
  for (int w = 0; w <= (weights ? 1 : 0); w++)
    for (int k = 0; k <= (kv ? 1 : 0); k++)
      for (int x = 0; x <= (drafts ? 1 : 0); x++) {
        p.fp8_weights = w > 0;
        p.fp8_kv = k > 0;
        p.speculation = x > 0;
        KVC_TRY(add_unit(s, &p, err));
      }
  return KVC_E_OK;
}

/* Experts spread over the ranks: always where ranks are data-parallel (else each would
 * hold the whole model), as a choice where they share a tensor. */
static kvc_code add_parallel(struct kvc_search *s, struct kvc_search_shape p,
                             struct kvc_err *err)
{
  const bool experts = s->models[p.model].moe.experts > 0;
  const bool asked = s->req.models[p.model].deploy.expert_parallel;
  if (!experts || (p.tp == 1 && p.dp == 1)) return add_formats(s, p, err);
  if (p.dp == 1 && !asked) KVC_TRY(add_formats(s, p, err));
  p.expert_parallel = true;
  return add_formats(s, p, err);
}

/* The documentation: tensor parallelism within a node whose GPUs are linked, pipeline
 * stages between nodes, or where there is no link. */
static bool wants_stages(const struct kvc_search *s, const struct kvc_search_shape *p)
{
  const struct search_card *c = &s->cards[p->hardware];
  const bool linked = c->gpu.link_domain >= 2;
  const int widest = c->per_node < USUAL_NODE ? c->per_node : USUAL_NODE;
  return p->pp == 1 || s->req.pps[0] > 0 || s->req.models[p->model].deploy.pp > 0 ||
         !linked || 2 * p->tp > widest;
}

/* Ranks are worth their experts' lock-step where tensor parallelism would copy the cache:
 * latent attention, as the documentation has it for such models. */
static bool wants_ranks(const struct kvc_search *s, const struct kvc_search_shape *p)
{
  const struct search_card *c = &s->cards[p->hardware];
  const int widest = c->per_node < USUAL_NODE ? c->per_node : USUAL_NODE;
  return p->dp == 1 || s->req.dps[0] > 0 || s->req.models[p->model].deploy.dp > 0 ||
         (s->models[p->model].mla.kv_lora_rank > 0 && c->gpu.link_domain >= 2 &&
          p->pp == 1 && (p->tp == 1 || p->tp * p->dp == widest));
}

static bool is_sensible(const struct kvc_search *s, const struct kvc_search_shape *p)
{
  const struct search_card *c = &s->cards[p->hardware];
  const int gpus = search_gpus(p);
  if (!wants_stages(s, p) || !wants_ranks(s, p)) return false;
  if (p->tp > c->per_node || gpus > MOST_GPUS_EACH) return false;
  if (s->req.max_gpus > 0 && gpus > s->req.max_gpus) return false;
  return (size_t)p->pp <= (s->models[p->model].n_layers > 0 ? s->models[p->model].n_layers
                                                            : (size_t)p->pp);
}

static kvc_code add_shapes(struct kvc_search *s, int model, int hardware,
                           struct kvc_err *err)
{
  static const int powers[] = {1, 2, 4, 8}, stages[] = {1, 2, 4};
  const struct kvc_deploy *d = &s->req.models[model].deploy;
  const bool experts = s->models[model].moe.experts > 0;
  int tps[8], pps[8], dps[8];
  const size_t n_tp = sizes_of(s->req.tps, d->tp, powers, 4, tps);
  const size_t n_pp = sizes_of(s->req.pps, d->pp, stages, 3, pps);
  const size_t n_dp = sizes_of(s->req.dps, d->dp, powers, experts ? 4 : 1, dps);
  for (size_t i = 0; i < n_tp; i++)
    for (size_t j = 0; j < n_pp; j++)
      for (size_t k = 0; k < n_dp; k++) {
        const struct kvc_search_shape p = {.model = model,
                                           .hardware = hardware,
                                           .tp = tps[i],
                                           .pp = pps[j],
                                           .dp = dps[k]};
        if (is_sensible(s, &p)) KVC_TRY(add_parallel(s, p, err));
      }
  return KVC_E_OK;
}

kvc_code search_space(struct kvc_search *s, struct kvc_err *err)
{
  for (size_t m = 0; m < s->req.n_models; m++)
    for (size_t h = 0; h < s->n_cards; h++) KVC_TRY(add_shapes(s, (int)m, (int)h, err));
  if (s->n_units > 0) return KVC_E_OK;
  return kvc_fail(err, KVC_E_INFEASIBLE, NULL,
                  "no candidate is left: the sizes asked for are larger than a node or "
                  "than --max-gpus");
}
