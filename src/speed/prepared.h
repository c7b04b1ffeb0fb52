/* prepared.h - a deployment made ready for pricing; private to src/speed/.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef SPEED_PREPARED_H
#define SPEED_PREPARED_H

#include <kvcap/latency.h>
#include <kvcap/ops.h>

struct speed_op {
  struct kvc_op op;
  struct kvc_priced curve, chunk; /* decode or plain; prefill of attention */
  double peak_flops;
  bool late; /* experts whose kernels early releases had not tuned */
};

struct kvc_latency {
  struct speed_op ops[KVC_MAX_OPS];
  size_t n;
  struct kvc_ops shape; /* the sums; its list is not used */
  double bandwidth;     /* peak bytes/s */
  double elem_s_per_byte;
  struct kvc_priced reduce, nccl; /* of this number of ranks */
  bool have_reduce, have_nccl;
  double reduce_max_bytes;
  double hop_s, hop_s_per_byte; /* between pipeline stages */
  double tp, pp, dp;
  bool whole_experts;
  struct kvc_speed_facts speed;
  struct kvc_tune tune;
  bool eager;
  double graph_cap_tok;
  double graph_step;
  double spec_tok;
  double draft_s; /* of one drafted token */
  double lora_frac;
  enum kvc_speed_source source;
};

#endif
