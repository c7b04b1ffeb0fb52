/* bound.c - what a candidate cannot be better than, without simulating it.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A step is never shorter than the clock says of a part of it, T, nor than its lower
 * bound L (struct kvc_step_cost: op by op the larger of bytes / peak bandwidth and flops
 * / peak rate); both only grow with what a step holds (tests/property).  Therefore, of
 * every run that the simulator can come up with:
 *
 *   TPOT >= T(one decode behind the shortest prompt) / tokens a step makes
 *   TTFT of a request >= client + T(its own new prompt tokens alone), cut to one step
 *   end to end >= that + (output - 1) x TPOT's bound
 *
 * request by request, so quantile by quantile; and of the rate that one replica serves
 *
 *   seconds a request >= (output - 1) x L(B decodes) / B          B: --max-num-seqs
 *   seconds a request >= new prompt tokens x L(full prompt step) / its tokens
 *
 * with means over the load: an op's bytes and flops are linear in what the step holds and
 * a maximum of linear functions is convex, so the mean step is the cheapest mix.  Where
 * attention looks at a window the cost is concave in the context, and the shortest one is
 * taken.  The two are never added: decodes and prompts may share a step's reading of the
 * weights.  Data-parallel ranks work side by side: their number multiplies the rate.
 *
 * The flags that are tried later never take more than LARGEST_BATCH requests or
 * LARGEST_STEP tokens, for which the bound is taken.
 */
#include "search_room.h"
#include <math.h>
#include <stdlib.h>

enum { LARGEST_BATCH = 1024, LARGEST_STEP = 16384, MAX_CHUNKS = 4096 };

static int by_value(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* As the simulator takes quantiles: none is above the one here by more than rounding. */
void search_quantiles(double *v, size_t n, double out[KVC_SLO_QUANTILES_])
{
  static const double at[KVC_SLO_QUANTILES_] = {0, 0.5, 0.9, 0.95, 0.99};
  double sum = 0;
  qsort(v, n, sizeof *v, by_value);
  for (size_t i = 0; i < n; i++) sum += v[i];
  out[0] = sum / (double)n;
  for (size_t k = 1; k < KVC_SLO_QUANTILES_; k++)
    out[k] = v[(size_t)floor(at[k] * (double)(n - 1))];
}

static bool sees_windows(const struct kvc_model *m)
{
  for (size_t i = 0; i < m->n_layers; i++)
    if (m->layers[i].window_tok > 0) return true;
  return m->mla.index_topk > 0;
}

static double bound_of(const struct search_server *server, const struct kvc_step *step)
{
  struct kvc_step_cost cost;
  kvc_latency_price(server->latency, step, &cost);
  return cost.bound_s;
}

/* The first piece of it; later ones take longer for the same tokens. */
static double prompt_time(const struct search_server *server, double tok)
{
  const double most = (double)server->config.engine.max_batched_tok;
  const struct kvc_chunk chunk = {.new_tok = fmin(tok, most), .last = true};
  const struct kvc_step step = {.prefills = &chunk, .n_prefills = 1, .running = 1};
  return kvc_latency_step(server->latency, &step);
}

/* A token of a prompt in the fullest step, cut into so many prompts that their attention
 * is that of the shortest. */
static kvc_code full_step(struct kvc_arena *arena, const struct search_server *server,
                          double least_tok, double *per_tok_s, struct kvc_err *err)
{
  const double n = fmin(fmax(ceil(LARGEST_STEP / fmax(least_tok, 1)), 1), MAX_CHUNKS);
  struct kvc_chunk *chunks = kvc_arena_alloc(arena, (size_t)n, sizeof *chunks);
  if (chunks == NULL) return kvc_arena_full(arena, "a bound", err);
  for (size_t i = 0; i < (size_t)n; i++) chunks[i].new_tok = LARGEST_STEP / n;
  const struct kvc_step step = {
      .prefills = chunks, .n_prefills = (size_t)n, .running = 1};
  *per_tok_s = bound_of(server, &step) / LARGEST_STEP;
  return KVC_E_OK;
}

static double tok_made(const struct search_server *server)
{
  return server->spec != NULL ? server->spec->made : 1;
}

static double decode_time(const struct search_server *server, double context_tok)
{
  struct kvc_step step = kvc_decode_step(1, context_tok);
  if (server->spec != NULL) step.decode_tok *= 1 + server->spec->drafted;
  return kvc_latency_step(server->latency, &step) / tok_made(server);
}

static double decode_bound(const struct search_server *server, double batch,
                           double context_tok)
{
  struct kvc_step step = kvc_decode_step(batch, context_tok);
  if (server->spec != NULL) step.decode_tok *= 1 + server->spec->drafted;
  return bound_of(server, &step) / tok_made(server);
}

/* Sums over the requests of a run. */
struct sums {
  double n, fresh_tok, least_tok, decodes, context_tok;
};

static kvc_code rate_bound(struct kvc_arena *arena, const struct search_server *server,
                           const struct search_load *load, const struct sums *t,
                           double *out, struct kvc_err *err)
{
  const struct kvc_setting *set = &server->size->setting;
  const double context = sees_windows(&server->size->model) || !(t->decodes > 0)
                             ? load->prompt_min_tok
                             : t->context_tok / t->decodes;
  const double batch = fmax((double)set->max_num_seqs, LARGEST_BATCH);
  const double decodes = t->decodes / t->n * decode_bound(server, batch, context) / batch;
  double per_tok_s = 0;
  KVC_TRY(full_step(arena, server, t->least_tok, &per_tok_s, err));
  const double s = fmax(decodes, t->fresh_tok / t->n * per_tok_s);
  *out = s > 0 ? (set->dp > 1 ? set->dp : 1) / s : (double)INFINITY;
  return KVC_E_OK;
}

kvc_code search_bound(struct kvc_arena *arena, const struct search_server *server,
                      const struct search_load *load, struct search_bound *out,
                      struct kvc_err *err)
{
  const bool caches = server->config.engine.prefix_caching;
  const double client_s = kvc_client_s(load->prompt_mean_tok);
  const size_t all = search_requests(server);
  const size_t n = all < load->n ? all : load->n;
  const size_t warm = (size_t)(server->config.warmup_frac * (double)n);
  double *ttft = kvc_arena_alloc(arena, n, sizeof *ttft);
  double *e2e = kvc_arena_alloc(arena, n, sizeof *e2e);
  struct sums t = {.n = (double)n, .least_tok = INFINITY};
  if (ttft == NULL || e2e == NULL) return kvc_arena_full(arena, "a bound", err);
  out->tpot_s = decode_time(server, load->prompt_min_tok);
  for (size_t i = 0; i < n; i++) {
    const struct kvc_request *r = &load->items[i];
    const double fresh = fmax(r->prompt_tok - (caches ? r->prefix_tok : 0), 1);
    const double rest = r->output_tok - 1;
    t.fresh_tok += fresh;
    t.least_tok = fmin(t.least_tok, fresh);
    t.decodes += rest;
    t.context_tok += rest * (r->prompt_tok + 0.5 * r->output_tok);
    ttft[i] = client_s + prompt_time(server, fresh);
    e2e[i] = ttft[i] + rest * out->tpot_s;
  }
  search_quantiles(ttft + warm, n - warm, out->ttft_s);
  search_quantiles(e2e + warm, n - warm, out->e2e_s);
  return rate_bound(arena, server, load, &t, &out->rate_per_s, err);
}

const struct kvc_slo_bar *search_bound_misses(const struct kvc_slo *slo,
                                              const struct search_bound *bound,
                                              double *value_s)
{
  for (size_t i = 0; i < slo->n; i++) {
    const struct kvc_slo_bar *b = &slo->bars[i];
    if (b->each && slo->goodput_frac > 0) continue; /* some requests may miss it */
    const double v = b->figure == KVC_SLO_TTFT  ? bound->ttft_s[b->quantile]
                     : b->figure == KVC_SLO_E2E ? bound->e2e_s[b->quantile]
                     : b->figure == KVC_SLO_TPOT || b->figure == KVC_SLO_ITL
                         ? bound->tpot_s
                         : 0;
    if (!(v > b->limit_s)) continue;
    *value_s = v;
    return b;
  }
  return NULL;
}
