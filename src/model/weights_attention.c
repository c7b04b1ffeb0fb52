/* weights_attention.c - tensors of the attention and recurrent mixers.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Query heads are divided by tp; KV heads too, but never below one a rank (vLLM
 * replicates them).  The output projection is divided along its input.
 */
#include "weights_tensor.h"

/* KV heads on one rank. */
static double kv_heads(const struct kvc_layer *layer, int tp)
{
  return layer->kv_heads > tp ? wt_split(layer->kv_heads, tp) : layer->kv_heads > 0;
}

/* Norms on query and key: per head they are head_dim wide; full-width ones are
 * as wide as the projections. */
static void qk_norms(const struct wt_walk *walk, const struct kvc_layer *layer, double q,
                     double k)
{
  const int factor =
      walk->model->norm_width_factor > 0 ? walk->model->norm_width_factor : 1;
  if (walk->model->qk_norm == KVC_QKNORM_HEAD)
    wt_plain(walk, WT_NORM, 2.0 * layer->head_dim);
  else if (walk->model->qk_norm == KVC_QKNORM_FULL)
    wt_plain(walk, WT_NORM, (q + k) * factor);
}

/* Sparse-attention indexer with its own query and key heads (MiniMax-M3). */
static void plain_indexer(const struct wt_walk *walk, const struct kvc_layer *layer)
{
  const struct kvc_mla *x = &walk->model->mla;
  if (!layer->indexer || x->index_heads <= 0) return;
  const double hidden = (double)walk->model->hidden;
  const double rows = (x->index_heads + 1.0) * x->index_head_dim;
  wt_matrix(walk, layer, WT_ATTENTION, KVC_PART_ATTN_IN, rows, hidden, 0);
  wt_plain(walk, WT_NORM, 2.0 * x->index_head_dim);
}

/* Grouped-query attention.
 *   qkv: hidden -> (heads * head_dim [* 2 with an output gate]
 *                   + kv_heads * (head_dim + v_head_dim)) / tp
 *   o:   heads * v_head_dim / tp -> hidden                                    */
static void gqa(const struct wt_walk *walk, const struct kvc_layer *layer)
{
  const struct kvc_model *m = walk->model;
  const double hidden = (double)m->hidden;
  const double heads = wt_split(layer->heads, walk->tp);
  const double v_dim = layer->v_head_dim > 0 ? layer->v_head_dim : layer->head_dim;
  const double q = heads * layer->head_dim * (m->attn_gate ? 2 : 1);
  const double kv = kv_heads(layer, walk->tp);
  const double k = kv * layer->head_dim;
  /* vLLM keeps a copy of K in V's place when one projection serves both. */
  const double v = layer->k_is_v && !walk->rank ? 0 : kv * v_dim;
  const double rows = q + k + v;
  wt_matrix(walk, layer, WT_ATTENTION, KVC_PART_ATTN_IN, rows, hidden,
            m->qkv_bias ? rows : 0);
  wt_matrix(walk, layer, WT_ATTENTION, KVC_PART_ATTN_OUT, hidden, heads * v_dim,
            m->o_bias ? hidden : 0);
  qk_norms(walk, layer, heads * layer->head_dim, k);
  if (m->sinks) wt_plain(walk, WT_ATTENTION, heads);
  plain_indexer(walk, layer);
}

/* Lightning indexer of DeepSeek-V3.2: query from the low-rank query, one key. */
static void mla_indexer(const struct wt_walk *walk, const struct kvc_layer *layer)
{
  const struct kvc_mla *x = &walk->model->mla;
  if (!layer->indexer || x->index_heads <= 0) return;
  const double hidden = (double)walk->model->hidden;
  const double q_in = x->q_lora_rank > 0 ? x->q_lora_rank : hidden;
  wt_matrix(walk, layer, WT_ATTENTION, KVC_PART_ATTN_IN,
            (double)x->index_heads * x->index_head_dim, q_in, 0);
  if (!x->shared_kv) { /* DeepSeek-V4 takes its keys from a compressor instead */
    wt_matrix(walk, layer, WT_ATTENTION, KVC_PART_ATTN_IN, x->index_head_dim, hidden, 0);
    wt_plain(walk, WT_NORM, 2.0 * x->index_head_dim);
  }
  wt_plain(walk, WT_ATTENTION, x->index_heads * hidden);
}

/* DeepSeek-V4: one shared K=V head of head_dim, grouped low-rank output.
 *   wq_a, wkv: replicated;  wq_b: heads/tp;  wo_a: heads/tp * head_dim * o_lora;
 *   wo_b: o_groups * o_lora / tp -> hidden.                                   */
static void mla_shared(const struct wt_walk *walk, const struct kvc_layer *layer)
{
  const struct kvc_mla *x = &walk->model->mla;
  const double hidden = (double)walk->model->hidden;
  const double heads = wt_split(layer->heads, walk->tp);
  wt_matrix(walk, layer, WT_ATTENTION, KVC_PART_ATTN_IN,
            (double)x->q_lora_rank + layer->head_dim, hidden, 0);
  wt_plain(walk, WT_NORM, (double)x->q_lora_rank + layer->head_dim);
  wt_matrix(walk, layer, WT_ATTENTION, KVC_PART_ATTN_IN, heads * layer->head_dim,
            x->q_lora_rank, 0);
  wt_matrix(walk, layer, WT_ATTENTION, KVC_PART_ATTN_OUT, x->o_lora_rank,
            heads * layer->head_dim, 0);
  wt_matrix(walk, layer, WT_ATTENTION, KVC_PART_ATTN_OUT, hidden,
            wt_split((double)x->o_groups * x->o_lora_rank, walk->tp), 0);
  wt_plain(walk, WT_ATTENTION, heads);
  mla_indexer(walk, layer);
}

/* Copies of kv_b in the model's dtype that vLLM makes for decoding (W_UK, W_UV). */
static void mla_absorbed(const struct wt_walk *walk, const struct kvc_layer *layer,
                         double rows, double rank)
{
  if (!walk->rank) return;
  const struct wt_tensor t = {.bucket = WT_ATTENTION,
                              .part = KVC_PART_REST,
                              .layer = layer,
                              .n = 1,
                              .out = rows,
                              .in = rank,
                              .active = 1,
                              .runtime = true};
  walk->visit(walk->arg, &t);
}

/* Multi-head latent attention.
 *   q_a: hidden -> q_lora, kv_a: hidden -> kv_lora + rope (both replicated)
 *   q_b: q_lora -> heads/tp * (nope + rope)   (from hidden without q_lora)
 *   kv_b: kv_lora -> heads/tp * (nope + v);   o: heads/tp * v -> hidden        */
static void mla(const struct wt_walk *walk, const struct kvc_layer *layer)
{
  const struct kvc_mla *x = &walk->model->mla;
  if (x->shared_kv) {
    mla_shared(walk, layer);
    return;
  }
  const double hidden = (double)walk->model->hidden;
  const double heads = wt_split(layer->heads, walk->tp);
  const double q_dim = (double)x->qk_nope_head_dim + x->qk_rope_head_dim;
  const double kv_rows = heads * (x->qk_nope_head_dim + (double)x->v_head_dim);
  const double bias = walk->model->qkv_bias ? 1 : 0;
  const double kv_a = (double)x->kv_lora_rank + x->qk_rope_head_dim;
  wt_matrix(walk, layer, WT_ATTENTION, KVC_PART_ATTN_IN, x->q_lora_rank + kv_a, hidden,
            bias * (x->q_lora_rank + kv_a));
  wt_plain(walk, WT_NORM, (double)x->q_lora_rank + x->kv_lora_rank);
  wt_matrix(walk, layer, WT_ATTENTION, KVC_PART_ATTN_IN, heads * q_dim,
            x->q_lora_rank > 0 ? x->q_lora_rank : hidden, 0);
  wt_matrix(walk, layer, WT_ATTENTION, KVC_PART_ATTN_IN, kv_rows, x->kv_lora_rank, 0);
  wt_matrix(walk, layer, WT_ATTENTION, KVC_PART_ATTN_OUT, hidden, heads * x->v_head_dim,
            walk->model->o_bias ? hidden : 0);
  if (x->output_gate)
    wt_matrix(walk, layer, WT_ATTENTION, KVC_PART_ATTN_IN, heads * x->v_head_dim, hidden,
              0);
  if (layer->mixer == KVC_MIX_MLA) mla_absorbed(walk, layer, kv_rows, x->kv_lora_rank);
  mla_indexer(walk, layer);
}

void wt_walk_attention(const struct wt_walk *walk, const struct kvc_layer *layer)
{
  switch (layer->mixer) {
  case KVC_MIX_FULL:
  case KVC_MIX_SLIDING:
  case KVC_MIX_CHUNKED:
  case KVC_MIX_CROSS:
  case KVC_MIX_ENCODER:
    /* MiniCPM3 has MLA weights, but vLLM caches its heads expanded. */
    if (walk->model->mla.kv_lora_rank > 0)
      mla(walk, layer);
    else
      gqa(walk, layer);
    break;
  case KVC_MIX_MLA: mla(walk, layer); break;
  default: break;
  }
}

/* Mamba 1.
 *   in: hidden -> 2 inner; conv: inner * k; x: inner -> dt_rank + 2 state;
 *   dt: dt_rank -> inner; A: inner * state; D: inner; out: inner -> hidden     */
static void mamba1(const struct wt_walk *walk, const struct kvc_layer *layer)
{
  const struct kvc_ssm *s = &walk->model->ssm;
  const double hidden = (double)walk->model->hidden;
  const double inner = wt_split((double)s->inner, walk->tp);
  const double dbc = s->dt_rank + 2.0 * s->state;
  wt_matrix(walk, layer, WT_SSM, KVC_PART_SSM, 2 * inner, hidden,
            s->proj_bias ? 2 * inner : 0);
  wt_plain(walk, WT_SSM, inner * (s->conv + (s->conv_bias ? 1 : 0)));
  wt_matrix(walk, layer, WT_SSM, KVC_PART_SSM, dbc, inner, 0);
  wt_plain(walk, WT_SSM, inner * (s->dt_rank + 1.0) + inner * (s->state + 1.0));
  wt_matrix(walk, layer, WT_SSM, KVC_PART_SSM, hidden, inner, s->proj_bias ? hidden : 0);
  if (s->inner_norms) wt_plain(walk, WT_NORM, dbc);
}

/* Mamba 2.
 *   in: hidden -> 2 inner + 2 groups state + heads; conv over inner + 2 groups
 *   state; A, D, dt_bias: heads; norm: inner; out: inner -> hidden             */
static void mamba2(const struct wt_walk *walk, const struct kvc_layer *layer)
{
  const struct kvc_ssm *s = &walk->model->ssm;
  const double hidden = (double)walk->model->hidden;
  const double inner = wt_split((double)s->inner, walk->tp);
  const double heads = wt_split(s->heads, walk->tp);
  const double bc = 2 * wt_split(s->groups, walk->tp) * s->state;
  const double rows = 2 * inner + bc + heads;
  wt_matrix(walk, layer, WT_SSM, KVC_PART_SSM, rows, hidden, s->proj_bias ? rows : 0);
  wt_plain(walk, WT_SSM, (inner + bc) * (s->conv + (s->conv_bias ? 1 : 0)));
  wt_plain(walk, WT_SSM, 3 * heads);
  if (s->gated_norm) wt_plain(walk, WT_NORM, inner);
  wt_matrix(walk, layer, WT_SSM, KVC_PART_SSM, hidden, inner, s->proj_bias ? hidden : 0);
}

/* Gated delta net: K = k_heads k_dim, V = v_heads v_dim.
 *   qkvz: hidden -> 2K + 2V; ba: hidden -> 2 v_heads; conv over 2K + V;
 *   A, dt_bias: v_heads; norm: v_dim; out: V -> hidden                         */
static void gdn(const struct wt_walk *walk, const struct kvc_layer *layer)
{
  const struct kvc_ssm *s = &walk->model->ssm;
  const double hidden = (double)walk->model->hidden;
  const double k = wt_split((double)s->k_heads * s->k_dim, walk->tp);
  const double v = wt_split((double)s->v_heads * s->v_dim, walk->tp);
  const double heads = wt_split(s->v_heads, walk->tp);
  wt_matrix(walk, layer, WT_SSM, KVC_PART_SSM, 2 * k + 2 * v, hidden, 0);
  wt_plain(walk, WT_SSM, 2 * heads * hidden);
  wt_plain(walk, WT_SSM, (2 * k + v) * s->conv + 2 * heads + s->v_dim);
  wt_matrix(walk, layer, WT_SSM, KVC_PART_SSM, hidden, v, 0);
}

/* Kimi delta attention: P = heads * head_dim for queries, keys and values.
 *   q, k, v: hidden -> P; conv: 3P * k; f: hidden -> dim -> P; b: hidden -> heads;
 *   g: hidden -> dim -> P (or hidden -> P); A: heads; dt_bias: P; out: P -> hidden */
static void kda(const struct wt_walk *walk, const struct kvc_layer *layer)
{
  const struct kvc_ssm *s = &walk->model->ssm;
  const double hidden = (double)walk->model->hidden;
  const double heads = wt_split(s->v_heads, walk->tp);
  const double p = heads * s->v_dim;
  wt_matrix(walk, layer, WT_SSM, KVC_PART_SSM, 3 * p, hidden, 0);
  wt_plain(walk, WT_SSM, 3 * p * s->conv + heads + p + s->v_dim);
  wt_plain(walk, WT_SSM, hidden * s->v_dim + s->v_dim * p + heads * hidden);
  if (s->full_rank_gate)
    wt_matrix(walk, layer, WT_SSM, KVC_PART_SSM, p, hidden, 0);
  else
    wt_plain(walk, WT_SSM, hidden * s->v_dim + s->v_dim * p);
  wt_matrix(walk, layer, WT_SSM, KVC_PART_SSM, hidden, p, 0);
}

/* LFM2's gated short convolution: hidden -> 3 inner, conv, inner -> hidden. */
static void shortconv(const struct wt_walk *walk, const struct kvc_layer *layer)
{
  const struct kvc_ssm *s = &walk->model->ssm;
  const double hidden = (double)walk->model->hidden;
  const double inner = wt_split((double)s->inner, walk->tp);
  wt_matrix(walk, layer, WT_SSM, KVC_PART_SSM, 3 * inner, hidden,
            s->conv_bias ? 3 * inner : 0);
  wt_plain(walk, WT_SSM, inner * (s->conv + (s->conv_bias ? 1 : 0)));
  wt_matrix(walk, layer, WT_SSM, KVC_PART_SSM, hidden, inner, s->conv_bias ? hidden : 0);
}

/* Lightning attention (MiniMax-01): qkv and a gate of the same width, a norm. */
static void linear_attention(const struct wt_walk *walk, const struct kvc_layer *layer)
{
  const struct kvc_ssm *s = &walk->model->ssm;
  const double hidden = (double)walk->model->hidden;
  const double p = wt_split((double)s->v_heads * s->v_dim, walk->tp);
  wt_matrix(walk, layer, WT_SSM, KVC_PART_SSM, 3 * p, hidden, 0);
  wt_matrix(walk, layer, WT_SSM, KVC_PART_SSM, p, hidden, 0);
  wt_plain(walk, WT_NORM, p);
  wt_matrix(walk, layer, WT_SSM, KVC_PART_SSM, hidden, p, 0);
}

void wt_walk_ssm(const struct wt_walk *walk, const struct kvc_layer *layer)
{
  if (layer->parallel_mamba) mamba2(walk, layer);
  switch (layer->mixer) {
  case KVC_MIX_MAMBA1: mamba1(walk, layer); break;
  case KVC_MIX_MAMBA2: mamba2(walk, layer); break;
  case KVC_MIX_GDN: gdn(walk, layer); break;
  case KVC_MIX_KDA: kda(walk, layer); break;
  case KVC_MIX_SHORTCONV: shortconv(walk, layer); break;
  case KVC_MIX_LINEAR: linear_attention(walk, layer); break;
  default: break;
  }
}
