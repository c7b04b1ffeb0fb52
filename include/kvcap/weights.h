/* weights.h - parameters and bytes of a model, tensor by tensor.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Everything is counted from the architecture; nothing is read from a checkpoint.
 * Sharding follows vLLM: column- and row-parallel linears are divided by tp,
 * KV heads are replicated once tp exceeds them, embedding and lm_head rows are
 * padded to a multiple of 64 and divided by tp, MLA down-projections, norms and
 * routers are replicated, routed experts are divided by tp*dp (whole experts each
 * under expert parallelism, otherwise by width), shared experts by tp.  Pipeline stages
 * get contiguous layers, the remainder as vLLM hands it out; the first holds the
 * embedding, the last the final norm and lm_head.
 */
#ifndef KVCAP_WEIGHTS_H
#define KVCAP_WEIGHTS_H

#include <kvcap/domain.h>

/* Where a rank's bytes are.  dense_ffn includes shared experts, tower is 0 when the
 * deployment allows no multimodal items, other holds vLLM's rotary tables. */
struct kvc_weights {
  double embed_bytes, lm_head_bytes, attention_bytes, dense_ffn_bytes, expert_bytes,
      router_bytes, ssm_bytes, norm_bytes, tower_bytes, mtp_bytes, other_bytes;
  double total_bytes;
};

struct kvc_params {
  double total;  /* every parameter, tied embedding once, towers included */
  double active; /* used for one token: experts_per_tok of the experts */
  double embed, lm_head, attention, ffn, experts, towers, mtp;
};

/* Counts parameters of the unsharded, unquantised model (MTP layers apart). */
void kvc_params_count(const struct kvc_model *model, struct kvc_params *out);

/* Bytes of the checkpoint as published (quantised form, tied embedding once). */
double kvc_checkpoint_bytes(const struct kvc_model *model);

/* Bytes on one rank: pipeline stage 'stage' of deploy->pp.  'elem_bytes' is the
 * width of unquantised weights (2 for bf16, 4 for --dtype float32). */
void kvc_weights_rank(const struct kvc_model *model, const struct kvc_deploy *deploy,
                      int stage, double elem_bytes, struct kvc_weights *out);

/* Layers [first, last) of a pipeline stage, as vLLM's get_pp_indices. */
void kvc_pp_layers(size_t n_layers, int pp, int stage, size_t *first, size_t *last);

#endif
