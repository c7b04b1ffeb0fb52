/* from_size.c - what the memory model and the data sheet add: settings and rooflines.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "observe_room.h"
#include <kvcap/num.h>
#include <math.h>
#include <string.h>

/* Experts that a batch reads of one layer, in expectation, when every token chooses k of
 * E alike. */
static double experts_read(double experts, double k, double batch)
{
  return experts * (1 - pow(1 - k / experts, batch));
}

/* Share of the weights that a step of 'batch' tokens reads. */
static double weights_read_frac(const struct kvc_size *size, double batch)
{
  const struct kvc_params *p = &size->params;
  const struct kvc_moe *moe = &size->model.moe;
  if (!(p->total > 0) || moe->experts <= moe->experts_per_tok ||
      moe->experts_per_tok <= 0 || !(p->experts > 0))
    return 1;
  const double read =
      experts_read(moe->experts, moe->experts_per_tok, batch) / moe->experts;
  return (p->total - p->experts * (1 - read)) / p->total;
}

static double peak_flops(const struct kvc_size *size)
{
  const struct kvc_gpu *g = &size->gpu;
  const double bits = size->params.total > 0
                          ? size->checkpoint_bytes * 8 / size->params.total
                          : (double)NAN;
  /* Weights of eight bits may be multiplied at that width; fewer are widened first. */
  if (bits > 6 && bits < 10 && g->fp8_flops.value > 0) return g->fp8_flops.value;
  return g->bf16_flops.value > 0 ? g->bf16_flops.value : g->fp16_flops.value;
}

/* Share of the pool that a step reads: as seen, else what so many requests hold. */
static double usage(const struct kvc_size *size, const struct kvc_live *live)
{
  const double seen = live->v[KVC_L_kv_usage_mean_frac];
  const double held = live->v[KVC_L_running_mean] * size->concurrency.occupancy.mean_tok;
  if (!isnan(seen)) return seen;
  if (!size->concurrency.have || !(held > 0) || !(size->memory.pool_tok > 0)) return 0;
  return held < size->memory.pool_tok ? held / size->memory.pool_tok : 1;
}

static void floors(struct kvc_arena *arena, const struct kvc_size *size,
                   struct kvc_live *live)
{
  const struct kvc_setting *s = &size->setting;
  const struct kvc_memory *m = &size->memory;
  const double bps = size->gpu.memory_bps.value, flops = peak_flops(size);
  const double ranks = (double)s->tp * s->pp;
  const double running = live->v[KVC_L_running_mean];
  const double batch = running > 1 ? running : 1;
  const char *from = kvc_arena_printf(arena, "data sheet of %s", size->gpu.name);
  if (from == NULL) return;
  if (bps > 0 && m->weights_bytes > 0) {
    const double weights =
        m->weights_bytes * weights_read_frac(size, batch); /* of one rank */
    const double kv = m->available_kv_bytes.value * usage(size, live);
    const double floor_s = (weights + (kv > 0 ? kv : 0)) / bps * s->pp;
    const double step = isnan(live->v[KVC_L_itl_mean_s]) ? live->v[KVC_L_tpot_mean_s]
                                                         : live->v[KVC_L_itl_mean_s];
    kvc_live_set(live, KVC_L_decode_floor_s, floor_s, from);
    /* Accepted guesses make several tokens of one step. */
    const double per_step = live->v[KVC_L_spec_accept_len_tok];
    kvc_live_set(live, KVC_L_decode_over_floor,
                 step * (per_step > 1 ? per_step : 1) / floor_s, "computed");
  }
  if (!(flops > 0) || !(size->params.active > 0)) return;
  const double hit = live->v[KVC_L_prefix_hit_frac];
  const double computed = hit > 0 && hit < 1 ? 1 - hit : 1;
  const double per_token_s = 2 * size->params.active / (flops * ranks);
  const double floor_s = per_token_s * live->v[KVC_L_prompt_mean_tok] * computed;
  kvc_live_set(live, KVC_L_prefill_floor_s, floor_s, from);
  kvc_live_set(live, KVC_L_prefill_over_floor, live->v[KVC_L_prefill_mean_s] / floor_s,
               "computed");
  kvc_live_set(live, KVC_L_prefill_share_frac,
               live->v[KVC_L_prompt_tps] * computed * per_token_s / s->dp, "computed");
}

void kvc_observe_size(struct kvc_arena *arena, const struct kvc_size *size,
                      struct kvc_live *live)
{
  const struct kvc_setting *s = &size->setting;
  const struct kvc_memory *m = &size->memory;
  kvc_live_set(live, KVC_L_max_num_seqs, (double)s->max_num_seqs, "setting");
  kvc_live_set(live, KVC_L_max_num_batched_tok, (double)s->max_num_batched_tok,
               "setting");
  kvc_live_set(live, KVC_L_max_model_len_tok, (double)s->max_model_len_tok, "setting");
  kvc_live_set(live, KVC_L_server_utilization, s->gpu_memory_utilization, "setting");
  kvc_live_set(live, KVC_L_server_prefix_caching, s->prefix_caching, "setting");
  kvc_live_set(live, KVC_L_gpus, (double)s->tp * s->pp, "setting");
  kvc_live_set(live, KVC_L_model_params_b, size->params.total / 1e9, "model profile");
  if (m->fits)
    kvc_live_set(live, KVC_L_pool_planned_tok, m->tokens.value, "memory model");
  if (m->fits && isnan(live->v[KVC_L_pool_tok]))
    kvc_live_set(live, KVC_L_pool_tok, m->tokens.value, "memory model");
  if (size->concurrency.have)
    kvc_live_set(live, KVC_L_pool_held_requests, size->concurrency.steady_state,
                 "memory model");
  if (m->fits) floors(arena, size, live);
}
