/* budget.c - the smaller terms of the GPU's account: CUDA graphs, LoRA, draft.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "budget.h"
#include <math.h>

/* How many batch sizes are captured up to 'max' in steps: 1, 2, 4, then multiples
 * of 8 (and from 256 on multiples of 16 where the release thins them out). */
static int64_t captures(int64_t max, bool thin)
{
  int64_t n = 0;
  for (int64_t b = 1; b <= 4 && b <= max; b *= 2) n++;
  const int64_t fine = thin && max > 248 ? 248 : max;
  n += fine / 8;
  if (thin && max >= 256) n += (max - 256) / 16 + 1;
  return n;
}

static int64_t smaller(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

int64_t budget_graph_captures(const struct kvc_setting *set,
                              const struct kvc_mem_facts *facts)
{
  if (set->enforce_eager || facts->graph_sizes == KVC_GRAPH_NONE) return 0;
  const int64_t seqs = set->max_num_seqs;
  int64_t max = facts->graph_cap_tok > 0 ? facts->graph_cap_tok : 512;
  bool thin = false;
  switch (facts->graph_sizes) {
  case KVC_GRAPH_V0_256: max = smaller(max, smaller((seqs + 7) / 8 * 8, 256)); break;
  case KVC_GRAPH_V0_STEP8: max = smaller(max, (seqs + 7) / 8 * 8); break;
  case KVC_GRAPH_V1_512_STEP8: max = smaller(512, set->max_num_batched_tok); break;
  case KVC_GRAPH_TWICE_STEP8: max = smaller(max, seqs * 2); break;
  case KVC_GRAPH_TWICE_STEP16:
    max = smaller(max, seqs * 2 * (1 + set->spec_tokens));
    thin = true;
    break;
  default: break;
  }
  if (set->max_cudagraph_tok > 0) max = smaller(max, set->max_cudagraph_tok);
  return captures(smaller(max, set->max_num_batched_tok), thin);
}

/* graphs = base + n * per_capture, both fitted; tensor-parallel graphs record the
 * collectives too (x 1.7 measured at TP2). */
double budget_graph_bytes(const struct kvc_model *m, const struct kvc_setting *set,
                          const struct kvc_mem_facts *facts, double *fixed_bytes)
{
  const int64_t n = budget_graph_captures(set, facts);
  *fixed_bytes = 0;
  if (n == 0) return 0;
  const double tp_factor = set->tp > 1 ? 1.7 : 1.0;
  double fixed = facts->graph_base_bytes.value;
  if (m->mla.index_topk > 0)
    fixed += facts->graph_sparse_bytes.value;
  else if (m->mla.kv_lora_rank > 0)
    fixed += facts->graph_latent_bytes.value;
  *fixed_bytes = fixed;
  return fixed + (double)n * facts->graph_per_capture_bytes.value * tp_factor;
}

/* One adapter slot per wrapped linear: A [r, in] and B [out/tp, r] in 2 bytes.
 * Wrapped are q, k, v, o and the dense feed-forward projections. */
double budget_lora_bytes(const struct kvc_model *m, const struct kvc_setting *set,
                         size_t first, size_t last)
{
  if (!set->lora) return 0;
  const double r = set->max_lora_rank, h = (double)m->hidden, t = set->tp;
  double per_slot = 0;
  for (size_t i = first; i < last; i++) {
    const struct kvc_layer *l = &m->layers[i];
    const double q = (double)l->heads * l->head_dim;
    const double kv = (double)l->kv_heads * l->head_dim;
    if (l->heads > 0) {
      per_slot += r * (3 * h + (q + 2 * kv) / t); /* q, k, v */
      per_slot += r * (q / t + h);                /* o: input is sharded */
    }
    if (l->ffn == KVC_FFN_DENSE) {
      const double w = (double)l->ffn_width;
      per_slot += r * ((m->mlp_gated ? 2 : 1) * (h + w / t) + w / t + h);
    }
  }
  return per_slot * set->max_loras * 2;
}

double budget_non_torch_bytes(const struct kvc_setting *set,
                              const struct kvc_mem_facts *facts, double *spread)
{
  const struct kvc_const *c = set->tp > 1   ? &facts->non_torch_tp_bytes
                              : set->pp > 1 ? &facts->non_torch_pp_bytes
                                            : &facts->non_torch_tp1_bytes;
  *spread = c->spread;
  return c->value;
}
