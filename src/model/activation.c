/* activation.c - the peak of torch memory during the profile run.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Two things are alive at different moments, so the larger one counts:
 *   sampler: logits of max_num_seqs rows over the whole vocabulary, in the model's
 *            dtype and as float32 copies;
 *   forward: one layer's intermediates for max_num_batched_tokens tokens.
 * The MoE scratch adds to both where the release keeps it as a persistent
 * workspace, and to the forward pass alone where it does not.
 *
 * Known lies: the decoder of an encoder-decoder model is charged as plain layers;
 * kernels' own workspaces are in the base constant; the encoder's peak is a rough count
 * of its tensors; DeepSeek-V4-like hyper-connections are charged as ordinary layers.
 */
#include "kv_page.h"
#include <math.h>
#include <stddef.h>

static double larger(double a, double b)
{
  return a > b ? a : b;
}

/* Rows of the dummy sampler run: S = min(max_num_seqs, max_num_batched_tokens). */
static double sampler_rows(const struct kvc_setting *set)
{
  const int64_t s = set->max_num_seqs < set->max_num_batched_tok
                        ? set->max_num_seqs
                        : set->max_num_batched_tok;
  return (double)s;
}

/* peak = S * V * (e + copies) with V the full vocabulary: logits are gathered on
 * every tensor-parallel rank, so it does not fall with TP. */
static double sampler_bytes(const struct kvc_model *m, const struct kvc_setting *set,
                            const struct kvc_mem_facts *facts)
{
  if (m->pooling) return 0;
  if (!facts->sampler_profiled) /* logits of all tokens of the step, in its dtype */
    return (double)set->max_num_batched_tok * (double)m->vocab * set->weight_elem_bytes;
  const double rows =
      sampler_rows(set) * (set->spec_tokens > 0 ? 1 + set->spec_tokens : 1);
  const double per = set->weight_elem_bytes + facts->sampler_bytes_per_logit.value;
  return rows * (double)m->vocab * per;
}

/* Widest dense layer: residual and input, then the larger of the fused qkv with its
 * output and gate, up and their product. */
static double forward_bytes(const struct kvc_model *m, const struct kvc_setting *set,
                            size_t first, size_t last)
{
  const double t = (double)set->max_num_batched_tok;
  double widest = 0;
  for (size_t i = first; i < last; i++) {
    const struct kvc_layer *l = &m->layers[i];
    double wide = 0;
    if (l->heads > 0) {
      const double q = (double)l->heads / set->tp * l->head_dim;
      const double kv = 2.0 * kv_heads_on_rank(l->kv_heads, set->tp) * l->head_dim;
      wide = 2 * q + kv;
    }
    if (l->ffn == KVC_FFN_DENSE)
      wide = larger(wide, (m->mlp_gated ? 3.0 : 2.0) * (double)l->ffn_width / set->tp);
    if (l->ffn == KVC_FFN_MOE && m->moe.shared_width > 0)
      wide = larger(wide, 3.0 * (double)m->moe.shared_width / set->tp);
    widest = larger(widest, wide);
  }
  return t * set->weight_elem_bytes * (2.0 * (double)m->hidden + widest);
}

/* Two scratch tensors of the fused-experts kernel:
 *   T * topk * (max(2*I, H) + max(I, H)) * e, I per rank.
 * MXFP4 experts run in kernels without them. */
static double moe_bytes(const struct kvc_model *m, const struct kvc_setting *set,
                        size_t first, size_t last)
{
  if (m->moe.experts == 0 || m->quant.kind == KVC_QUANT_MXFP4) return 0;
  double width = 0;
  for (size_t i = first; i < last; i++)
    if (m->layers[i].ffn == KVC_FFN_MOE)
      width = larger(width, (double)m->layers[i].ffn_width);
  if (width == 0) return 0;
  if (!set->expert_parallel) width /= set->tp;
  const double hidden =
      m->moe.latent_width > 0 ? (double)m->moe.latent_width : (double)m->hidden;
  const double rows = (double)set->max_num_batched_tok * m->moe.experts_per_tok;
  return rows * set->weight_elem_bytes *
         (larger((m->moe.gated ? 2 : 1) * width, hidden) + larger(width, hidden));
}

/* Items that one profile run encodes.  V1 takes the largest one; V0 fills its batch:
 * an image for every sequence that has room for one. */
static double encoder_items(const struct kvc_tower *t, const struct kvc_model *m,
                            const struct kvc_setting *set)
{
  if (set->engine == KVC_ENGINE_V1) return 1;
  for (size_t i = 0; i < m->n_layers; i++) /* items are not in the text: one each */
    if (m->layers[i].mixer == KVC_MIX_CROSS) return (double)set->max_num_seqs;
  const double room = floor((double)set->max_num_batched_tok / (double)t->max_item_tok);
  return room < (double)set->max_num_seqs ? room : (double)set->max_num_seqs;
}

/* The encoder's run, and its output, which stays in the encoder cache while the
 * decoder is profiled.
 *   run = P * e * (3 h + (7 h + 2 ffn) / tp), P patches of all items
 *   cache = tokens * H * e */
static void encoder_bytes(const struct kvc_model *m, const struct kvc_setting *set,
                          double *run, double *cache)
{
  *run = *cache = 0;
  if (!set->mm_profile) return;
  for (size_t i = 0; i < m->n_towers; i++) {
    const struct kvc_tower *t = &m->towers[i];
    if (t->hidden <= 0 || t->max_item_tok <= 0) continue;
    const double tokens = (double)t->max_item_tok * encoder_items(t, m, set);
    const double patches = tokens * (t->patch_merge > 0 ? t->patch_merge : 1);
    const double width =
        3.0 * t->hidden + (7.0 * t->hidden + 2.0 * (double)t->ffn_width) / set->tp;
    *run = larger(*run, patches * set->weight_elem_bytes * width);
    const double kept = set->engine == KVC_ENGINE_V1
                            ? larger(tokens, (double)set->max_num_batched_tok)
                            : 0;
    *cache = larger(*cache, kept * (double)m->hidden * set->weight_elem_bytes);
  }
}

void kvc_activation_peak(const struct kvc_model *model, const struct kvc_setting *set,
                         const struct kvc_mem_facts *facts, int stage,
                         struct kvc_activation *out)
{
  size_t first, last;
  kvc_pp_layers(model->n_layers, set->pp, stage, &first, &last);
  const bool last_stage = stage == set->pp - 1;
  /* Hidden states of the step; a pipeline stage also holds what it receives and
   * sends (hidden and residual). */
  const double hidden = (double)set->max_num_batched_tok * (double)model->hidden *
                        set->weight_elem_bytes * (set->pp > 1 ? 3.0 : 1.0);
  const double moe = moe_bytes(model, set, first, last);
  double encoder_run = 0, encoder_cache = 0;
  if (stage == 0) encoder_bytes(model, set, &encoder_run, &encoder_cache);

  struct kvc_activation a = {0};
  a.base_bytes = facts->activation_base_bytes.value;
  a.sampler_bytes = last_stage ? sampler_bytes(model, set, facts) : 0;
  a.forward_bytes = forward_bytes(model, set, first, last);
  a.moe_bytes = moe;
  a.encoder_bytes = larger(encoder_run, encoder_cache);
  const double persistent = facts->moe_workspace_persistent ? moe : 0;
  const double transient = facts->moe_workspace_persistent ? 0 : moe;
  const double sampler = a.sampler_bytes + hidden;
  const double forward =
      larger(a.forward_bytes, transient + hidden) + (set->pp > 1 ? hidden * 2 / 3 : 0);
  const double decoder = encoder_cache + persistent + larger(sampler, forward);
  a.total_bytes = a.base_bytes + (facts->encoder_held ? decoder + encoder_run
                                                      : larger(decoder, encoder_run));
  a.dominant = encoder_run > decoder ? "vision encoder"
               : sampler >= forward  ? "sampler"
                                     : "forward pass";
  *out = a;
}
