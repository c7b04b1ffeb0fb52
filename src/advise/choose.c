/* choose.c - the values of the set, to a fixed point with the memory model.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "advise_room.h"
#include <math.h>
#include <string.h>

enum { MAX_ROUNDS = 8 };

/* ---- context ---- */

/* 99th percentile of prompt + output: from the percentiles where they are known, else
 * of the lognormal with the sum's mean and variance. */
static double p99_of(const struct kvc_demand *d)
{
  const struct kvc_workload *w = &d->load;
  if (d->prompt_p99_tok > 0 && d->output_p99_tok > 0)
    return d->prompt_p99_tok + d->output_p99_tok;
  const double mean = w->prompt_tok + w->output_tok;
  const double sd = hypot(w->prompt_cv * w->prompt_tok, w->output_cv * w->output_tok);
  if (!(mean > 0)) return 0;
  const double s2 = log1p(sd * sd / (mean * mean));
  return mean * exp(-s2 / 2 + 2.3263478740408408 * sqrt(s2));
}

static void choose_length(struct advising *a)
{
  const struct kvc_demand *demand = &a->req->demand;
  const double own = (double)a->plain->setting.max_model_len_tok;
  a->p99_tok = p99_of(demand);
  const double need = demand->context_tok > 0 ? (double)demand->context_tok : a->p99_tok;
  if (!(need > 0) || a->d.max_model_len_tok != 0) return;
  const double rounded = ceil(need / 1024) * 1024;
  a->out->needed_tok = need;
  if (rounded >= own || a->plain->model.pooling) return;
  a->d.max_model_len_tok = (int64_t)rounded;
}

/* ---- step budget ---- */

static void choose_caching(struct advising *a)
{
  const struct kvc_demand *demand = &a->req->demand;
  const bool repeats = demand->turns > 1 || demand->load.shared_prefix_frac > 0.1 ||
                       demand->load.shared_prefix_tok > 256;
  const struct kvc_size *s = a->plain;
  if (a->d.prefix_caching >= 0 || s->setting.prefix_caching || !repeats ||
      s->model.pooling || advise_has_state(&s->model) || s->model.n_towers > 0 ||
      !advise_has(a, "enable_prefix_caching"))
    return;
  /* V0 keeps no windows beside it. */
  for (size_t i = 0; i < s->model.n_layers; i++)
    if (s->model.layers[i].mixer != KVC_MIX_FULL &&
        s->model.layers[i].mixer != KVC_MIX_MLA)
      return;
  a->d.prefix_caching = 1;
}

static void choose_chunking(struct advising *a)
{
  const struct kvc_size *s = a->plain;
  const struct kvc_deploy *d = &a->d;
  if (d->chunked_prefill >= 0 || a->now->setting.chunked_prefill || s->model.pooling ||
      s->setting.engine != KVC_ENGINE_V0 || d->spec_method != NULL || d->enable_lora ||
      s->model.n_towers > 0 || advise_has_state(&s->model) ||
      a->req->demand.goal != KVC_GOAL_LATENCY || a->req->demand.load.prompt_tok < 512 ||
      s->gpu.vendor != KVC_VENDOR_NVIDIA)
    return;
  for (size_t i = 0; i < s->model.n_layers; i++)
    if (s->model.layers[i].mixer != KVC_MIX_FULL) return;
  struct kvc_deploy t = a->d;
  struct kvc_err ignored;
  t.chunked_prefill = 1;
  if (advise_try(a, &t, a->other, &ignored) != KVC_E_OK || !a->other->memory.fits) return;
  a->d = t;
  *a->now = *a->other;
}

static double largest_item(const struct kvc_model *m)
{
  double most = 0;
  for (size_t i = 0; i < m->n_towers; i++)
    if ((double)m->towers[i].max_item_tok > most)
      most = (double)m->towers[i].max_item_tok;
  return most;
}

/* The documentation: about 2048 for short gaps between tokens, above 8192 for
 * throughput, most of all for small models on large GPUs. */
static void choose_budget(struct advising *a)
{
  const struct kvc_setting *set = &a->now->setting;
  const enum kvc_goal goal = a->req->demand.goal;
  struct kvc_err ignored;
  if (a->d.max_num_batched_tok > 0 || !set->chunked_prefill || a->plain->model.pooling ||
      goal == KVC_GOAL_NONE)
    return;
  double want = goal == KVC_GOAL_LATENCY ? 2048 : 16384;
  if (goal == KVC_GOAL_THROUGHPUT && a->plain->setting.total_bytes < 40e9) want = 8192;
  const double now = (double)set->max_num_batched_tok;
  if (goal == KVC_GOAL_LATENCY ? now <= want : now >= want) return;
  if (want < largest_item(&a->plain->model)) return;
  if (a->d.max_num_seqs > (int64_t)want) return;
  struct kvc_deploy t = a->d;
  t.max_num_batched_tok = (int64_t)want;
  if (advise_try(a, &t, a->other, &ignored) != KVC_E_OK || !a->other->memory.fits) return;
  /* More tokens a step must not cost the pool dearly. */
  if (goal == KVC_GOAL_THROUGHPUT &&
      a->other->memory.max_concurrency < 0.9 * a->now->memory.max_concurrency)
    return;
  a->d = t;
  *a->now = *a->other;
}

/* ---- requests at once ---- */

/* What the pool holds safely under the present peak, and what is asked for. */
static int64_t seqs_for(const struct advising *a, const struct kvc_size *s)
{
  const struct kvc_concurrency *c = &s->concurrency;
  const struct kvc_demand *demand = &a->req->demand;
  const int64_t round_to = demand->load.round_to > 0 ? demand->load.round_to : 8;
  double n = c->buffered;
  if (c->safe_max_num_seqs > 0 && (double)c->safe_max_num_seqs < n)
    n = (double)c->safe_max_num_seqs;
  const double users = demand->users;
  double most = (double)a->plain->setting.max_num_seqs;
  if (demand->goal == KVC_GOAL_THROUGHPUT && most < 1024) most = 1024;
  if (users > most) most = users;
  if (n > most) n = most;
  const struct kvc_kv_layout *l = &s->memory.layout;
  if (advise_has_state(&s->model) && l->n_groups > 0) { /* a block of each group */
    const double states = floor((double)s->memory.num_gpu_blocks / (double)l->n_groups);
    if (n > states) n = states;
  }
  int64_t seqs = (int64_t)floor(n);
  if (users > 0 && users < (double)seqs) { /* up, so that everybody runs */
    const int64_t up = ((int64_t)ceil(users) + round_to - 1) / round_to * round_to;
    return up < seqs ? up : seqs;
  }
  if (seqs > round_to) seqs -= seqs % round_to;
  return seqs > 1 ? seqs : 1;
}

static bool resize(struct advising *a, int64_t seqs)
{
  struct kvc_err ignored;
  struct kvc_deploy t = a->d;
  t.max_num_seqs = seqs;
  if (t.max_num_batched_tok > 0 && t.max_num_batched_tok < seqs)
    t.max_num_batched_tok = 0; /* the default is larger */
  if (advise_try(a, &t, a->other, &ignored) != KVC_E_OK || !a->other->memory.fits)
    return false;
  if (a->other->setting.max_num_seqs != seqs) return false; /* capped by the budget */
  a->d = t;
  *a->now = *a->other;
  return true;
}

/* More requests mean a higher peak and a smaller pool, so f(n), what the pool allows
 * under n, falls with n; the set is consistent when n <= f(n). */
static void choose_seqs(struct advising *a)
{
  if (a->req->size.deploy.max_num_seqs > 0 || !a->now->concurrency.have ||
      a->now->memory.layout.n_specs == 0 || a->plain->model.pooling)
    return;
  for (int round = 0; round < MAX_ROUNDS; round++) {
    const int64_t want = seqs_for(a, a->now);
    if (want == a->now->setting.max_num_seqs || !resize(a, want)) break;
    a->out->rounds++;
  }
  const int64_t last = seqs_for(a, a->now);
  if (last < a->now->setting.max_num_seqs && resize(a, last)) a->out->rounds++;
}

/* ---- memory, kernels ---- */

/* Graphs outside the budget that would not find room there. */
static void choose_utilisation(struct advising *a)
{
  struct kvc_err ignored;
  if (!isnan(a->d.gpu_memory_utilization)) return;
  for (int cents = 0; cents < 40; cents++) {
    const struct kvc_memory *m = &a->now->memory;
    if (!m->fits || m->cudagraph_in_budget || a->now->gpu.vendor == KVC_VENDOR_GOOGLE ||
        m->cudagraph_bytes <= m->outside_bytes)
      return;
    struct kvc_deploy t = a->d;
    t.gpu_memory_utilization =
        floor(a->now->setting.gpu_memory_utilization * 100 - 1 + 0.5) / 100;
    if (advise_try(a, &t, a->other, &ignored) != KVC_E_OK || !a->other->memory.fits)
      return;
    a->d = t;
    *a->now = *a->other;
  }
}

/* A share that was raised to start, where fewer requests make that needless. */
static void relax_utilisation(struct advising *a)
{
  struct kvc_err ignored;
  if (!isnan(a->req->size.deploy.gpu_memory_utilization) ||
      isnan(a->d.gpu_memory_utilization) ||
      a->d.gpu_memory_utilization < a->plain->setting.gpu_memory_utilization)
    return;
  struct kvc_deploy t = a->d;
  t.gpu_memory_utilization = (double)NAN;
  if (advise_try(a, &t, a->other, &ignored) != KVC_E_OK || !a->other->memory.fits) return;
  a->d = t;
  *a->now = *a->other;
}

static void choose_dtype(struct advising *a)
{
  const double cc = advise_capability(&a->plain->gpu);
  if (a->d.dtype == NULL && cc > 0 && cc < 8 &&
      strcmp(a->plain->setting.dtype, "bfloat16") == 0)
    a->d.dtype = "half";
}

static void choose_experts(struct advising *a)
{
  const struct kvc_setting *set = &a->now->setting;
  struct kvc_err ignored;
  if (a->d.expert_parallel || a->plain->model.moe.experts < 64 || set->tp < 8 ||
      !advise_has(a, "enable_expert_parallel") ||
      a->plain->model.moe.experts % (set->tp * set->dp) != 0)
    return;
  struct kvc_deploy t = a->d;
  t.expert_parallel = true;
  if (advise_try(a, &t, a->other, &ignored) != KVC_E_OK || !a->other->memory.fits) return;
  a->d = t;
  *a->now = *a->other;
}

/* Only what was allowed: these may cost accuracy. */
static void choose_formats(struct advising *a)
{
  const double cc = advise_capability(&a->plain->gpu);
  const bool amd = a->plain->gpu.vendor == KVC_VENDOR_AMD;
  const bool fp8_kv = strncmp(a->plain->setting.kv_cache_dtype, "fp8", 3) == 0;
  if ((a->req->allow & KVC_ALLOW_FP8_KV) != 0 && a->d.kv_cache_dtype == NULL && !fp8_kv &&
      (amd || cc >= 8.9) && !a->plain->model.pooling &&
      advise_has_value(a, "kv_cache_dtype", "fp8"))
    a->d.kv_cache_dtype = "fp8";
  if ((a->req->allow & KVC_ALLOW_FP8_WEIGHTS) != 0 && a->d.quantization == NULL &&
      a->plain->model.quant.kind == KVC_QUANT_NONE && (amd || cc >= 8) &&
      advise_has_value(a, "quantization", "fp8"))
    a->d.quantization = "fp8";
}

kvc_code advise_choose(struct advising *a, struct kvc_err *err)
{
  choose_dtype(a);
  choose_formats(a);
  choose_length(a);
  choose_caching(a);
  KVC_TRY(advise_shape(a, err));
  if (!a->now->memory.fits) return KVC_E_OK;
  relax_utilisation(a);
  choose_chunking(a);
  choose_experts(a);
  choose_budget(a);
  choose_seqs(a);
  choose_utilisation(a);
  choose_seqs(a); /* finds nothing new unless the utilisation moved */
  return KVC_E_OK;
}
