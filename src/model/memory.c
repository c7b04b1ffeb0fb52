/* memory.c - the account of one GPU, and the figures vLLM would print.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 *   requested = total * utilisation              (rounded up from 0.14)
 *   available = requested - weights - activation peak - non-torch [- CUDA graphs]
 *   blocks    = floor(available / bytes per block), the fewest over all ranks
 *
 * Source: vLLM's v1/worker/gpu_worker.py and worker/worker.py,
 * v1/core/kv_cache_utils.py.
 */
#include "budget.h"
#include "fits.h"
#include <assert.h>
#include <math.h>
#include <string.h>

/* Half-width of the stated range in standard deviations: 90 % two-sided. */
static const double range_sigmas = 1.645;

static double requested_bytes(const struct kvc_setting *set,
                              const struct kvc_mem_facts *facts)
{
  const double r = set->total_bytes * set->gpu_memory_utilization;
  return facts->requested_ceil ? ceil(r) : floor(r);
}

/* Draft weights: a model of its own, unsharded beyond tp. */
static double draft_bytes(const struct kvc_setting *set, const struct kvc_deploy *shard)
{
  if (set->draft == NULL) return 0;
  struct kvc_weights w;
  struct kvc_deploy d = *shard;
  d.pp = 1;
  kvc_weights_rank(set->draft, &d, 0, set->weight_elem_bytes, &w);
  return w.total_bytes;
}

static void rank_weights(const struct kvc_model *model, const struct kvc_setting *set,
                         int stage, struct kvc_memory *m)
{
  const struct kvc_deploy shard = {
      .tp = set->tp,
      .pp = set->pp,
      .dp = set->dp,
      .expert_parallel = set->expert_parallel,
      .spec_method = set->spec_mtp ? "mtp" : NULL,
      .mm_items = set->mm_items,
  };
  size_t first, last;
  kvc_pp_layers(model->n_layers, set->pp, stage, &first, &last);
  kvc_weights_rank(model, &shard, stage, set->weight_elem_bytes, &m->weights);
  m->lora_bytes = budget_lora_bytes(model, set, first, last);
  m->draft_bytes = stage == set->pp - 1 ? draft_bytes(set, &shard) : 0;
  const double loaded = m->weights.total_bytes + m->lora_bytes + m->draft_bytes;
  m->offload_bytes = fmin(set->cpu_offload_bytes, m->weights.total_bytes);
  m->weights_bytes = loaded - m->offload_bytes;
}

/* Two starts of one server differ by about this much in each part. */
static const double measured_spread_bytes = 16.0 * 1024 * 1024;

/* Puts in what a log showed in place of what is fitted. */
static void put_measured(const struct kvc_measured *shown, struct kvc_memory *m,
                         double *non_torch_spread)
{
  if (shown->weights) m->weights_bytes += shown->weights_difference_bytes;
  if (shown->activation_peak_bytes > 0)
    m->activation_peak_bytes = shown->activation_peak_bytes;
  if (shown->graph_bytes > 0) m->cudagraph_bytes = shown->graph_bytes;
  if (shown->non_torch_bytes > 0) {
    m->non_torch_bytes = shown->non_torch_bytes;
    *non_torch_spread = measured_spread_bytes;
  }
}

/* Of the activation peak. */
static double activation_spread(const struct kvc_memory *m,
                                const struct kvc_mem_facts *facts)
{
  if (facts->measured.activation_peak_bytes > 0) return measured_spread_bytes;
  const double sampler = facts->sampler_bytes_per_logit.value > 0
                             ? m->activation.sampler_bytes *
                                   facts->sampler_bytes_per_logit.spread /
                                   facts->sampler_bytes_per_logit.value
                             : 0;
  const double base = facts->activation_base_bytes.spread;
  const double encoder = 0.5 * m->activation.encoder_bytes;
  const double moe = 0.25 * m->activation.moe_bytes;
  return sqrt(sampler * sampler + base * base + encoder * encoder + moe * moe);
}

/* Spread of the KV figure: the constants are independent, weights within 0.5 %. */
static double spread_of(const struct kvc_memory *m, const struct kvc_mem_facts *facts,
                        double non_torch_spread)
{
  const double weights = facts->measured.weights ? 0 : 0.005 * m->weights_bytes;
  const double activation = activation_spread(m, facts);
  double graphs = m->cudagraph_in_budget ? 0.5 * m->cudagraph_bytes : 0;
  if (facts->measured.graph_bytes > 0) graphs = fmin(graphs, measured_spread_bytes);
  return sqrt(weights * weights + activation * activation + graphs * graphs +
              non_torch_spread * non_torch_spread);
}

static double others_counted(const struct kvc_setting *set,
                             const struct kvc_mem_facts *facts)
{
  const bool counted = facts->budget == KVC_BUDGET_V0_INCL_OTHERS ||
                       facts->budget == KVC_BUDGET_ALL_IN_USE;
  return counted ? set->other_processes_bytes : 0;
}

static void rank_account(const struct kvc_model *model, const struct kvc_setting *set,
                         const struct kvc_mem_facts *facts, int stage,
                         struct kvc_memory *m)
{
  double nt_spread = 0;
  m->total_bytes = set->total_bytes;
  m->requested_bytes = requested_bytes(set, facts);
  m->stage = stage;
  rank_weights(model, set, stage, m);
  kvc_activation_peak(model, set, facts, stage, &m->activation);
  m->activation_peak_bytes =
      m->activation.total_bytes * (1 + facts->allocator_slack_frac.value);
  m->non_torch_bytes = budget_non_torch_bytes(set, facts, &nt_spread);
  m->graph_captures = budget_graph_captures(set, facts);
  m->cudagraph_bytes = budget_graph_bytes(model, set, facts, &m->graph_fixed_bytes);
  m->cudagraph_in_budget = facts->cudagraph_subtracted;
  put_measured(&facts->measured, m, &nt_spread);
  m->other_processes_bytes = set->other_processes_bytes;
  double kv = m->requested_bytes - m->weights_bytes - m->activation_peak_bytes -
              m->non_torch_bytes - others_counted(set, facts);
  if (m->cudagraph_in_budget) kv -= m->cudagraph_bytes;
  if (facts->measured.rest) kv -= facts->measured.rest_bytes;
  double half = range_sigmas * spread_of(m, facts, nt_spread);
  if (set->kv_cache_memory_bytes > 0) { /* stated: nothing is estimated */
    kv = set->kv_cache_memory_bytes;
    half = 0;
    m->requested_bytes =
        fmin(kv + m->weights_bytes + m->activation_peak_bytes + m->non_torch_bytes,
             m->total_bytes);
  }
  m->available_kv_bytes = (struct kvc_range){kv, kv - half, kv + half};
  m->outside_bytes = m->total_bytes - m->requested_bytes;
}

/* Tokens as this release prints them, from blocks. */
static double printed_tokens(const struct kvc_kv_layout *l, const struct kvc_setting *set,
                             const struct kvc_mem_facts *facts, double blocks,
                             double concurrency)
{
  const double ranks = (double)set->dcp * set->pcp;
  const double block = (double)l->block_size_tok;
  switch (facts->printed) {
  case KVC_PRINT_OVER_GROUPS: return floor(blocks / (double)l->n_groups) * block * ranks;
  case KVC_PRINT_CONCURRENCY: return floor(concurrency * (double)set->max_model_len_tok);
  default:
    return l->uniform ? blocks * block * ranks
                      : floor(blocks / (double)l->n_groups) * block * ranks;
  }
}

static double printed_concurrency(const struct kvc_kv_layout *l,
                                  const struct kvc_setting *set,
                                  const struct kvc_mem_facts *facts, double blocks,
                                  double tokens)
{
  if (facts->concurrency == KVC_CONC_TOKENS_OVER_LEN)
    return tokens / (double)set->max_model_len_tok;
  const double need =
      kvc_kv_blocks_per_request(l, set, facts, (double)set->max_model_len_tok);
  return need > 0 ? blocks / need : 0;
}

/* The figures for a number of blocks; printed tokens and concurrency may each be
 * defined by the other, so the plain count comes first. */
static void figures(struct kvc_memory *m, const struct kvc_setting *set,
                    const struct kvc_mem_facts *facts, double blocks, double *tokens,
                    double *concurrency)
{
  const struct kvc_kv_layout *l = &m->layout;
  const double plain = blocks * (double)l->block_size_tok / (double)l->n_groups *
                       (double)set->dcp * set->pcp;
  *concurrency = printed_concurrency(l, set, facts, blocks, plain);
  *tokens = printed_tokens(l, set, facts, blocks, *concurrency);
}

static double blocks_of(const struct kvc_memory *m, double bytes)
{
  return bytes > 0 && m->layout.block_bytes > 0 ? floor(bytes / m->layout.block_bytes)
                                                : 0;
}

static void pool_figures(struct kvc_memory *m, const struct kvc_setting *set,
                         const struct kvc_mem_facts *facts)
{
  if (m->layout.n_specs == 0) return;
  double ignored;
  figures(m, set, facts, (double)m->num_gpu_blocks, &m->tokens.value,
          &m->max_concurrency);
  m->tokens.low = m->tokens.high = m->tokens.value;
  /* What a printed token costs on this GPU: for one uniform group the sum of its
   * layers' pages, for others it follows what the release prints as tokens. */
  if (m->tokens.value > 0 && m->num_gpu_blocks > 0)
    m->layout.bytes_per_token =
        (double)m->num_gpu_blocks * m->layout.block_bytes / m->tokens.value;
  if (set->num_gpu_blocks_override == 0) {
    figures(m, set, facts, blocks_of(m, m->available_kv_bytes.low), &m->tokens.low,
            &ignored);
    figures(m, set, facts, blocks_of(m, m->available_kv_bytes.high), &m->tokens.high,
            &ignored);
  }
  /* What requests share in the long run: a token of full context costs the groups
   * that keep every token, nothing in the window and state groups. */
  double per_block_groups = 0;
  for (size_t i = 0; i < m->layout.n_specs; i++) {
    const struct kvc_kv_spec *s = &m->layout.specs[i];
    if (s->kind == KVC_SPEC_FULL || s->kind == KVC_SPEC_MLA)
      per_block_groups += (double)m->layout.groups_of[i];
  }
  if (m->layout.uniform || per_block_groups == 0) per_block_groups = 1;
  const double usable = (double)m->num_gpu_blocks - (facts->null_block ? 1 : 0);
  m->pool_tok = fmax(usable, 0) * (double)m->layout.block_size_tok / per_block_groups *
                (double)set->dcp * set->pcp;
}

static kvc_code check_setting(const struct kvc_model *model,
                              const struct kvc_setting *set, struct kvc_err *err)
{
  for (size_t i = 0; i < model->n_layers; i++) {
    const int heads = model->layers[i].heads;
    if (heads > 0 && heads % set->tp != 0)
      return kvc_fail(err, KVC_E_CONFLICT, "--tensor-parallel-size",
                      "%d does not divide the %d attention heads of %s", set->tp, heads,
                      model->name);
    const int kv = model->layers[i].kv_heads;
    if (kv > 0 && model->layers[i].mixer != KVC_MIX_MLA && kv % set->tp != 0 &&
        set->tp % kv != 0)
      return kvc_fail(err, KVC_E_CONFLICT, "--tensor-parallel-size",
                      "%d neither divides nor is a multiple of the %d KV heads of %s",
                      set->tp, kv, model->name);
  }
  if ((size_t)set->pp > model->n_layers)
    return kvc_fail(err, KVC_E_CONFLICT, "--pipeline-parallel-size",
                    "%d stages are more than the %zu layers of %s", set->pp,
                    model->n_layers, model->name);
  if (set->dcp > 1 && set->tp % set->dcp != 0)
    return kvc_fail(err, KVC_E_CONFLICT, "--decode-context-parallel-size",
                    "%d does not divide --tensor-parallel-size %d", set->dcp, set->tp);
  return KVC_E_OK;
}

kvc_code kvc_memory_model(const struct kvc_model *model, const struct kvc_setting *set,
                          const struct kvc_mem_facts *facts, struct kvc_memory *out,
                          struct kvc_err *err)
{
  assert(set->tp > 0 && set->pp > 0 && set->total_bytes > 0);
  KVC_TRY(check_setting(model, set, err));
  struct kvc_memory best = {0};
  double fewest = INFINITY;
  for (int stage = 0; stage < set->pp; stage++) {
    struct kvc_memory m = {0};
    rank_account(model, set, facts, stage, &m);
    KVC_TRY(kvc_kv_layout_build(model, set, facts, stage, &m.layout, err));
    const double blocks = m.layout.block_bytes > 0
                              ? m.available_kv_bytes.value / m.layout.block_bytes
                              : m.available_kv_bytes.value;
    if (blocks < fewest) {
      fewest = blocks;
      best = m;
    }
  }
  best.num_gpu_blocks = set->num_gpu_blocks_override > 0
                            ? set->num_gpu_blocks_override
                            : (int64_t)blocks_of(&best, best.available_kv_bytes.value);
  if (best.layout.block_bytes > 0)
    best.num_cpu_blocks = (int64_t)(set->swap_space_bytes / best.layout.block_bytes);
  pool_figures(&best, set, facts);
  fits_decide(model, set, facts, &best);
  *out = best;
  return KVC_E_OK;
}
