/* server.c - one replica: its flags, its sizing, its clock, and a run of it.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "search_room.h"
#include <kvcap/levels.h>
#include <math.h>
#include <string.h>

enum { RUN_BYTES = 1 << 29 };

void search_deploy(const struct kvc_search *s, const struct kvc_search_unit *u,
                   struct kvc_size_request *out)
{
  const struct kvc_search_shape *p = &u->shape;
  *out = s->req.models[p->model];
  struct kvc_deploy *d = &out->deploy;
  out->gpu_name = s->cards[p->hardware].as.gpu;
  out->load = s->req.demand.load;
  out->brief = true;
  out->explain = false;
  d->tp = p->tp;
  d->pp = p->pp;
  d->dp = p->dp;
  d->expert_parallel = p->expert_parallel;
  if (p->fp8_weights) d->quantization = "fp8";
  if (p->fp8_kv) d->kv_cache_dtype = "fp8";
  if (!p->speculation) {
    d->spec_method = d->spec_model = NULL;
    d->spec_tokens = 0;
  }
  if (u->max_model_len_tok > 0) d->max_model_len_tok = u->max_model_len_tok;
  if (u->max_num_seqs > 0) d->max_num_seqs = u->max_num_seqs;
  if (u->max_num_batched_tok > 0) d->max_num_batched_tok = u->max_num_batched_tok;
}

kvc_code search_size(struct kvc_arena *arena, const struct kvc_search *s,
                     const struct kvc_search_unit *u, struct kvc_size *out,
                     struct kvc_err *err)
{
  struct kvc_size_request req;
  search_deploy(s, u, &req);
  return kvc_size_run(arena, s->db, &req, out, err);
}

static kvc_code set_clock(struct kvc_arena *arena, const struct kvc_search *s, bool exact,
                          struct search_server *server, struct kvc_err *err)
{
  struct kvc_sim_config *c = &server->config;
  const double k = server->size->setting.spec_tokens;
  c->step_time = kvc_latency_step;
  c->clock = server->latency;
  if (k > 0) {
    server->spec = kvc_arena_alloc(arena, 1, sizeof *server->spec);
    if (server->spec == NULL) return kvc_arena_full(arena, "a clock", err);
    *server->spec = kvc_spec_clock_of(server->latency, k, s->req.acceptance_frac);
    c->step_time = kvc_spec_step;
    c->clock = server->spec;
  }
  if (exact) return KVC_E_OK;
  c->clock = search_clock_make(arena, c->step_time, c->clock);
  c->step_time = search_clock_step;
  return c->clock != NULL ? KVC_E_OK : kvc_arena_full(arena, "a clock", err);
}

kvc_code search_server_open(struct kvc_arena *arena, const struct kvc_search *s,
                            const struct kvc_search_unit *u, struct kvc_size *size,
                            bool exact, struct search_server *out, struct kvc_err *err)
{
  char why[256]; /* of another shape: the report says which options are calibrated */
  struct kvc_tune tune;
  *out = (struct search_server){.size = size, .card = &s->cards[u->shape.hardware]};
  out->calibration = s->req.models[u->shape.model].calibration;
  if (!kvc_calibration_tune(out->calibration, size, &tune, why, sizeof why))
    out->calibration = NULL;
  KVC_TRY(kvc_speed_open(arena, s->db, size, NULL,
                         out->calibration != NULL ? &tune : NULL, &out->latency, err));
  out->config = (struct kvc_sim_config){
      .slo = kvc_slo_each(&s->req.slo), .keep_requests = true, .warmup_frac = 0.1};
  KVC_TRY(set_clock(arena, s, exact, out, err));
  KVC_TRY(kvc_sim_engine_of(s->engine, size, &out->config.engine, err));
  const int dp = size->setting.dp > 1 ? size->setting.dp : 1;
  out->config.replicas = dp;
  out->config.lock_step = dp > 1 && size->model.moe.experts > 0;
  out->config.router = KVC_ROUTE_LEAST_LOADED;
  const double tok = s->load.prompt_mean_tok + s->load.output_mean_tok / 2;
  const double pool = fmax(1, size->memory.pool_tok / tok);
  out->seats = dp * fmin((double)size->setting.max_num_seqs, pool);
  return KVC_E_OK;
}

size_t search_requests(const struct search_server *server)
{
  return (size_t)fmin(fmax(6 * server->seats, SEARCH_LEAST), SEARCH_MOST);
}

/* ---- one run ---- */

static struct kvc_quantiles quantiles(const struct kvc_sim_dist *d)
{
  return (struct kvc_quantiles){d->mean, d->p50, d->p90, d->p95, d->p99};
}

/* Seconds by which the wait for a seat grows a second, from the middle third of the
 * arrivals to the last: what arrives beyond what is served, as a part of it.  Nothing in
 * the mean when the queue is steady, however long. */
static double growth_of(const struct kvc_traffic *t, const struct kvc_sim_result *r)
{
  const size_t third = t->n / 3;
  const double between_s = 1e-9 * (double)(t->items[t->n - 1].arrival_ns -
                                           t->items[t->n - 1 - third].arrival_ns);
  if (third == 0 || !(between_s > 0)) return 0;
  return (kvc_sim_mean_wait_s(r, t->n - third, t->n) -
          kvc_sim_mean_wait_s(r, t->n - 2 * third, t->n - third)) /
         between_s;
}

static void judge(const struct kvc_search *s, const struct kvc_traffic *t,
                  const struct kvc_sim_result *r, struct kvc_search_point *out)
{
  static const double GROWTH = 0.02; /* more is a queue that grows */
  size_t worst;
  const double ratio = kvc_slo_ratio(&s->req.slo, r, &worst);
  const double queue = growth_of(t, r) / GROWTH;
  out->ratio = fmax(ratio, queue);
  out->worst = ratio >= queue && s->req.slo.n > 0 ? (int)worst : -1;
}

static void note_energy(const struct search_server *server, const struct search_run *run,
                        const struct kvc_sim_result *r, struct kvc_search_point *out)
{
  const int copies = run->replicas > 1 ? run->replicas : 1;
  const struct kvc_sim_energy e = kvc_sim_energy_of(r, server->size->gpu.tdp_watt.value,
                                                    server->size->gpus * (size_t)copies);
  out->watts = e.mean_watts;
  out->joules_per_output_token = e.joules_per_output_token;
}

static kvc_code run_in(struct kvc_arena *arena, const struct kvc_search *s,
                       const struct search_server *server, const struct search_run *run,
                       struct kvc_search_point *out, struct kvc_err *err)
{
  struct kvc_traffic traffic;
  struct kvc_sim_result *r = kvc_arena_alloc(arena, 1, sizeof *r);
  struct kvc_sim_config config = server->config;
  const struct kvc_setting *set = &server->size->setting;
  if (r == NULL) return kvc_arena_full(arena, "a run", err);
  if (run->replicas > 1) {
    config.replicas = run->replicas;
    config.prefill_replicas = run->prefill_replicas;
    config.kv_bytes_per_tok =
        server->size->memory.layout.bytes_per_token * set->tp * set->pp;
    config.transfer_bps = s->req.kv_transfer_bps;
  }
  KVC_TRY(
      search_load_at(arena, run->load, run->rate_per_s, run->requests, &traffic, err));
  const double client_s = kvc_client_s(run->load->prompt_mean_tok);
  kvc_client_less(&config.slo, client_s);
  KVC_TRY(kvc_sim_run(arena, &config, &traffic, r, err));
  if (r->balance.finished == 0)
    return kvc_fail(err, KVC_E_INFEASIBLE, NULL, "no request of the load can be served");
  kvc_client_add(r, client_s);
  *out = (struct kvc_search_point){
      .rate_per_s = run->rate_per_s,
      .ttft_s = quantiles(&r->ttft_s),
      .tpot_s = quantiles(&r->tpot_s),
      .itl_s = quantiles(&r->itl_s),
      .e2e_s = quantiles(&r->e2e_s),
      .queue_s = quantiles(&r->queue_s),
      .output_tok_per_s = run->rate_per_s * (double)r->output_tok / (double)r->e2e_s.n,
      .goodput_frac = r->goodput_per_s / r->requests_per_s,
      .kv_mean_frac = r->kv_mean_frac,
      .kv_peak_frac = r->kv_peak_frac,
      .running_mean = r->running_mean,
      .busy_frac = r->gpu_busy_frac,
      .preemptions_per_request = (double)r->preemptions / (double)r->balance.finished};
  note_energy(server, run, r, out);
  judge(s, &traffic, r, out);
  return KVC_E_OK;
}

static kvc_code simulate_once(const struct kvc_search *s,
                              const struct search_server *server,
                              const struct search_run *run, struct kvc_search_point *out,
                              struct kvc_err *err)
{
  struct kvc_arena arena;
  kvc_arena_init(&arena, RUN_BYTES);
  const kvc_code rc = run_in(&arena, s, server, run, out, err);
  kvc_arena_clear(&arena);
  return rc;
}

/* A run that ends before the server is as full as it gets shows a load that it would not
 * hold: by Little's law there are rate x time of them in service. */
kvc_code search_simulate(const struct kvc_search *s, const struct search_server *server,
                         const struct search_run *run, struct kvc_search_point *out,
                         struct kvc_err *err)
{
  struct search_run longer = *run;
  KVC_TRY(simulate_once(s, server, run, out, err));
  const double in_service =
      run->rate_per_s * fmax(out->e2e_s.mean - out->queue_s.mean, 0);
  const double enough = fmin(6 * in_service, (double)run->load->n);
  if (out->ratio > 1 || !((double)run->requests < 0.6 * enough)) return KVC_E_OK;
  longer.requests = (size_t)enough;
  return simulate_once(s, server, &longer, out, err);
}
