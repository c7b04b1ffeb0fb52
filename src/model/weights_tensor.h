/* weights_tensor.h - the tensors of a model, one by one.  Private to src/model.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A walk visits every weight that one rank holds, already divided by tensor and
 * expert parallelism.  Counting parameters, sizing a checkpoint and sizing a rank
 * are three visitors of the same walk, so they cannot disagree.
 */
#ifndef MODEL_WEIGHTS_TENSOR_H
#define MODEL_WEIGHTS_TENSOR_H

#include <kvcap/domain.h>

enum wt_bucket {
  WT_EMBED,
  WT_LM_HEAD,
  WT_ATTENTION,
  WT_DENSE, /* dense and shared-expert feed-forward */
  WT_EXPERT,
  WT_ROUTER,
  WT_SSM,
  WT_NORM,
  WT_TOWER,
  WT_OTHER,
  WT_COUNT_
};

/* n matrices of out x in in one allocation, plus 'bias' further elements. */
struct wt_tensor {
  enum wt_bucket bucket;
  enum kvc_part part;
  const struct kvc_layer *layer; /* NULL outside the layers */
  double n, out, in, bias;
  double fixed_bytes; /* bytes an element, whatever the dtype; 0 = the model's */
  double active;      /* share of it that one token uses */
  bool runtime;       /* made when vLLM loads the model; not in a checkpoint */
};

typedef void wt_visit(void *arg, const struct wt_tensor *tensor);

struct wt_walk {
  const struct kvc_model *model;
  int tp;
  int expert_ranks;   /* ranks that share the routed experts */
  bool whole_experts; /* expert parallelism: each rank holds whole experts */
  bool rank;          /* as loaded by vLLM: padded, with the run-time tables */
  wt_visit *visit;
  void *arg;
};

void wt_walk_layer(const struct wt_walk *walk, const struct kvc_layer *layer);
void wt_walk_attention(const struct wt_walk *walk, const struct kvc_layer *layer);
void wt_walk_ssm(const struct wt_walk *walk, const struct kvc_layer *layer);
void wt_walk_ffn(const struct wt_walk *walk, const struct kvc_layer *layer);
void wt_walk_embedding(const struct wt_walk *walk);
void wt_walk_head(const struct wt_walk *walk);
void wt_walk_towers(const struct wt_walk *walk);
void wt_walk_mtp(const struct wt_walk *walk);

/* Emits n matrices of out x in. */
void wt_matrix(const struct wt_walk *walk, const struct kvc_layer *layer,
               enum wt_bucket bucket, enum kvc_part part, double out, double in,
               double bias);
/* Emits 'count' elements that are never quantised. */
void wt_plain(const struct wt_walk *walk, enum wt_bucket bucket, double count);

/* x / ranks, rounded up: what the largest rank holds. */
double wt_split(double x, int ranks);

/* The format that a tensor is stored in. */
enum kvc_quant_kind wt_kind(const struct kvc_model *model, const struct wt_tensor *t);

/* A stored tensor is up to four allocations. */
struct wt_size {
  double payload, scales, zeros, bias;
};

/* Bytes of a tensor whose unquantised elements take 'elem_bytes'. */
struct wt_size wt_bytes(const struct kvc_model *model, const struct wt_tensor *tensor,
                        double elem_bytes, bool on_disk);

#endif
