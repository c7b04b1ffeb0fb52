/* ops.h - what one rank computes in a step: its matrices, attention and states.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The list comes from the same walk over tensors that sizes the weights, so both
 * agree; equal operations of several layers are one entry with a count.
 */
#ifndef KVCAP_OPS_H
#define KVCAP_OPS_H

#include <kvcap/kernels.h>
#include <kvcap/memory.h>

enum kvc_op_kind {
  KVC_OP_LINEAR,
  KVC_OP_EXPERTS,   /* both matrices of the routed experts of a layer */
  KVC_OP_HEAD,      /* only rows that are sampled pass it */
  KVC_OP_ATTENTION, /* grouped-query attention */
  KVC_OP_LATENT,    /* multi-head latent attention */
  KVC_OP_STATE      /* recurrent layer */
};

struct kvc_op {
  enum kvc_op_kind kind;
  enum kvc_fmt fmt;
  double count;                    /* of such operations in the stage */
  double weight_bytes, out, in;    /* one matrix; of one expert */
  double experts, experts_all;     /* on the rank; in the model */
  double per_tok;                  /* experts that a token takes */
  double madds;                    /* multiply-adds of a token in one expert */
  double heads, qk_dim, v_dim;     /* of the rank; of one head */
  double kv_bytes_tok, window_tok; /* of the rank; 0 = all */
  double topk_tok, index_flops;    /* sparse attention: kept tokens; flops a pair */
  double latent_dim;               /* width of the latent cache entry */
  double state_bytes, state_flops_tok;
};

enum { KVC_MAX_OPS = 96 };

struct kvc_ops {
  struct kvc_op ops[KVC_MAX_OPS];
  size_t n;
  double layers;      /* in the stage */
  double plain_bytes; /* norms, routers, small tensors: read in every step */
  double reduces;     /* all-reduces of hidden-size rows */
  double moe_layers;
  double hidden, vocab;
  double row_bytes; /* element-wise traffic of one token through the stage */
};

/* Operations of pipeline stage 'stage' on one rank; the head counts to every stage's
 * rank that holds it. */
kvc_code kvc_ops_list(const struct kvc_model *model, const struct kvc_setting *set,
                      const struct kvc_mem_facts *facts, int stage, struct kvc_ops *out,
                      struct kvc_err *err) KVC_MUST_USE;

#endif
