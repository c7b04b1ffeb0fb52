/* option.c - one option in full: its command, a longer run of just that, what it costs.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "search_room.h"
#include <math.h>
#include <string.h>

enum { VERIFY_FIRST = 3, VERIFY_REST = 4000, MORE_REPLICAS = 4 };
static const double HOURS_A_YEAR = 8766;

kvc_code search_finish_run(struct kvc_search *s, const struct search_server *server,
                           const struct search_run *run, struct kvc_search_point *out,
                           struct kvc_err *err)
{
  s->runs++;
  return search_simulate(s, server, run, out, err);
}

/* The advice takes the shape as set by hand; here the search has set it. */
static void give_reasons(struct kvc_search *s, const struct kvc_search_unit *u,
                         struct kvc_advice *advice)
{
  const struct kvc_deploy *own = &s->req.models[u->shape.model].deploy;
  const struct {
    const char *key;
    bool own;
    const char *reason;
  } rows[] = {
      {"tensor_parallel_size", own->tp > 0, "of this option: all sizes were compared"},
      {"pipeline_parallel_size", own->pp > 0, "of this option: all sizes were compared"},
      {"data_parallel_size", own->dp > 0, "of this option: all sizes were compared"},
      {"enable_expert_parallel", own->expert_parallel,
       "of this option: with and without were compared"},
      {"quantization", own->quantization != NULL,
       "of this option: allowed, and compared"},
      {"kv_cache_dtype", own->kv_cache_dtype != NULL,
       "of this option: allowed, and compared"},
      {"max_model_len", own->max_model_len_tok != 0,
       "the longest of 10,000 requests of this load, rounded up"},
      {"max_num_seqs", own->max_num_seqs > 0,
       "holds the largest rate of those simulated"},
      {"max_num_batched_tokens", own->max_num_batched_tok > 0,
       "holds the largest rate of those simulated"}};
  for (size_t i = 0; i < advice->n_flags; i++)
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
      struct kvc_advised *f = &advice->flags[i];
      if (!f->given || rows[k].own || strcmp(f->key, rows[k].key) != 0) continue;
      f->given = false;
      f->reason = rows[k].reason;
    }
}

/* The flags of the unit as one consistent set, in the spelling of the release. */
static kvc_code advise(struct kvc_search *s, const struct kvc_search_unit *u,
                       struct kvc_search_option *out, struct kvc_err *err)
{
  struct kvc_advise_request req = {.demand = s->req.demand};
  search_deploy(s, u, &req.size);
  req.size.brief = false;
  req.demand.goal = KVC_GOAL_NONE;
  req.demand.users = req.demand.rate_per_s = req.demand.latency_s = 0;
  req.demand.context_tok = u->max_model_len_tok;
  out->advice = kvc_arena_alloc(s->arena, 1, sizeof *out->advice);
  if (out->advice == NULL) return kvc_arena_full(s->arena, "an option", err);
  KVC_TRY(kvc_advise_run(s->arena, s->db, &req, out->advice, err));
  give_reasons(s, u, out->advice);
  out->command = out->advice->command;
  return KVC_E_OK;
}

/* The advised set at the load, more replicas until the longer run holds too. */
static kvc_code verify(struct kvc_search *s, const struct search_server *server,
                       struct kvc_search_unit *u, size_t place, bool *holds,
                       struct kvc_err *err)
{
  const size_t requests = place < VERIFY_FIRST ? SEARCH_VERIFY : VERIFY_REST;
  *holds = false;
  for (int more = 0; more < MORE_REPLICAS && !*holds; more++) {
    const bool apart = u->prefill_replicas > 0;
    if (more > 0 && apart) { /* a split is of just that number */
      u->prefill_replicas = 0;
      u->replicas = search_replicas(&s->req, s->req.rate_per_s, u->max_rate_per_s);
    } else if (more > 0) {
      u->replicas += u->replicas > 40 ? u->replicas / 40 : 1;
    }
    const bool split = u->prefill_replicas > 0;
    u->load_rate_per_s = s->req.rate_per_s / (double)u->replicas;
    const struct search_run run = {.load = &s->load,
                                   .rate_per_s =
                                       split ? s->req.rate_per_s : u->load_rate_per_s,
                                   .requests = requests,
                                   .replicas = split ? (int)u->replicas : 1,
                                   .prefill_replicas = u->prefill_replicas};
    KVC_TRY(search_finish_run(s, server, &run, &u->load, err));
    *holds = u->load.ratio <= 1;
    if (more > 0 && *holds) {
      const double each = u->load_rate_per_s / (1 - s->req.headroom_frac);
      u->max_rate_per_s = fmin(u->max_rate_per_s, each);
    }
  }
  return KVC_E_OK;
}

/* Factors of one figure: of any server, or what a calibration of this one leaves. */
static void factors(const struct search_server *server, const struct kvc_search_unit *u,
                    bool ttft, bool rank, double *low, double *high)
{
  static const size_t figures[2][2] = {{KVC_POINT_MEAN_TPOT, KVC_POINT_P99_TPOT},
                                       {KVC_POINT_MEAN_TTFT, KVC_POINT_P99_TTFT}};
  const struct kvc_calibration *c = server->calibration;
  const bool far = u->shape.dp > 1 || server->spec != NULL || u->prefill_replicas > 0;
  double left = NAN;
  if (c != NULL) left = ttft ? c->ttft_error_frac : c->error_frac;
  kvc_predict_interval(u->source, far, figures[ttft][rank], low, high);
  if (!(left >= 0)) return;
  *low = fmax(*low, 1 / (1 + left));
  *high = fmin(*high, 1 + left);
}

static void scale(const struct search_server *server, const struct kvc_search_unit *u,
                  bool ttft, struct kvc_search_interval *out)
{
  const struct kvc_quantiles *q = ttft ? &u->load.ttft_s : &u->load.tpot_s;
  double a, b, c, d;
  factors(server, u, ttft, false, &a, &b);
  factors(server, u, ttft, true, &c, &d);
  out->low =
      (struct kvc_quantiles){a * q->mean, c * q->p50, c * q->p90, c * q->p95, c * q->p99};
  out->high =
      (struct kvc_quantiles){b * q->mean, d * q->p50, d * q->p90, d * q->p95, d * q->p99};
}

/* End to end from its parts: the end of TTFT's interval, and the rest by TPOT's. */
static struct kvc_quantiles parts(const struct kvc_search_point *p,
                                  const struct kvc_quantiles *ttft, double tpot_factor)
{
  const struct kvc_quantiles *e = &p->e2e_s, *t = &p->ttft_s;
  return (struct kvc_quantiles){
      .mean = ttft->mean + fmax(e->mean - t->mean, 0) * tpot_factor,
      .p50 = ttft->p50 + fmax(e->p50 - t->p50, 0) * tpot_factor,
      .p90 = ttft->p90 + fmax(e->p90 - t->p90, 0) * tpot_factor,
      .p95 = ttft->p95 + fmax(e->p95 - t->p95, 0) * tpot_factor,
      .p99 = ttft->p99 + fmax(e->p99 - t->p99, 0) * tpot_factor};
}

static const char *reason_of(const struct search_server *server,
                             const struct kvc_search_unit *u)
{
  struct kvc_step_cost cost;
  const struct kvc_step step = kvc_decode_step(
      fmax(1, round(u->load.running_mean)), server->size->concurrency.occupancy.mean_tok);
  if (u->shape.dp > 1) return KVC_LOCK_STEP_REASON;
  if (server->spec != NULL) return KVC_SPEC_REASON;
  if (u->prefill_replicas > 0)
    return "prefill and decode apart were compared with no server";
  if (server->calibration != NULL) return "calibrated on such a server";
  kvc_latency_price(server->latency, &step, &cost);
  return cost.reason;
}

static void intervals(const struct search_server *server, const struct kvc_search_unit *u,
                      struct kvc_search_option *out)
{
  double low, high;
  scale(server, u, true, &out->ttft_s);
  scale(server, u, false, &out->tpot_s);
  factors(server, u, false, false, &low, &high);
  out->e2e_s.low = parts(&u->load, &out->ttft_s.low, low);
  out->e2e_s.high = parts(&u->load, &out->ttft_s.high, high);
  out->reason = reason_of(server, u);
}

/* Limits at the high end of the intervals; a queue's end is not known that way. */
static bool is_certain(const struct kvc_search *s, const struct kvc_search_option *o)
{
  for (size_t i = 0; i < s->req.slo.n; i++) {
    const struct kvc_slo_bar *b = &s->req.slo.bars[i];
    const struct kvc_search_interval *v = b->figure == KVC_SLO_TTFT   ? &o->ttft_s
                                          : b->figure == KVC_SLO_TPOT ? &o->tpot_s
                                          : b->figure == KVC_SLO_E2E  ? &o->e2e_s
                                                                      : NULL;
    if (v == NULL || kvc_quantile(&v->high, b->quantile) > b->limit_s) return false;
  }
  return s->req.slo.n > 0;
}

static void money(const struct kvc_search *s, const struct kvc_search_unit *u,
                  struct kvc_search_option *out)
{
  const struct search_card *card = &s->cards[u->shape.hardware];
  const double tok_per_h = s->req.rate_per_s * s->load.output_mean_tok * 3600;
  out->usd_per_hour = search_cost(card, search_gpus(&u->shape), u->replicas);
  out->usd_per_year = out->usd_per_hour * HOURS_A_YEAR;
  out->usd_per_million_tok = out->usd_per_hour / tok_per_h * 1e6;
  out->usd_per_gpu_hour = card->usd_per_gpu_hour;
  out->price_from = card->price_from;
  out->gpus = (size_t)search_gpus(&u->shape) * (size_t)u->replicas;
  const double split = u->prefill_replicas > 0 ? (double)u->replicas : 1;
  out->watts = u->load.watts * (double)u->replicas / split;
  out->headroom_frac =
      u->prefill_replicas > 0
          ? (double)NAN
          : fmax(0, 1 - s->req.rate_per_s / ((double)u->replicas * u->max_rate_per_s));
}

static void names(struct kvc_search *s, const struct kvc_search_unit *u,
                  struct kvc_search_option *out)
{
  const struct kvc_size *size = &out->advice->size;
  const struct search_card *card = &s->cards[u->shape.hardware];
  out->unit = u;
  out->hardware = &card->as;
  out->model = s->models[u->shape.model].name;
  out->gpu = card->gpu.name;
  out->quantization = size->model.quant.kind == KVC_QUANT_NONE ? "none"
                      : size->model.quant.method != NULL       ? size->model.quant.method
                                                               : "quantized";
  out->kv_cache_dtype = size->setting.kv_cache_dtype;
  out->quality = u->shape.fp8_weights || u->shape.fp8_kv;
}

kvc_code search_option(struct kvc_search *s, struct kvc_search_unit *u, size_t place,
                       struct kvc_search_option *out, bool *holds, struct kvc_err *err)
{
  struct search_server server;
  char why[KVC_SEARCH_WHY];
  *out = (struct kvc_search_option){0};
  *holds = false;
  KVC_TRY(advise(s, u, out, err));
  if (!out->advice->size.memory.fits) return KVC_E_OK;
  KVC_TRY(search_server_open(s->arena, s, u, &out->advice->size, true, &server, err));
  KVC_TRY(verify(s, &server, u, place, holds, err));
  if (*holds &&
      search_over_limit(s, server.card, search_gpus(&u->shape), u->replicas, why))
    *holds = false;
  if (!*holds) return KVC_E_OK;
  names(s, u, out);
  money(s, u, out);
  u->usd_per_hour = out->usd_per_hour;
  u->joules_per_output_token = u->load.joules_per_output_token;
  intervals(&server, u, out);
  out->certain = is_certain(s, out);
  KVC_TRY(search_calendar(s, u, out, err));
  if (place >= VERIFY_FIRST) return KVC_E_OK;
  return search_what_if(s, &server, u, place == 0, out, err);
}
