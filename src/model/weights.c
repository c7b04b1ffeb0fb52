/* weights.c - bytes of weights on one rank, as vLLM's "Model loading took" prints.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * vLLM reports torch.cuda.max_memory_allocated after loading, so sizes are those
 * of the CUDA caching allocator: 512-byte steps, and for allocations of 10 MiB and
 * more whole 2 MiB steps where the rest of the last step is 1 MiB or less (it is
 * too small to be split off).  Qwen2.5-7B is 14.19 GiB of tensors and 14.25 GiB so.
 */
#include "weights_tensor.h"
#include <kvcap/weights.h>
#include <math.h>
#include <string.h>

static double allocated(double bytes)
{
  const double mib = 1048576.0;
  const double small = ceil(bytes / 512) * 512;
  if (bytes < 10 * mib) return small;
  const double whole = ceil(bytes / (2 * mib)) * 2 * mib;
  return whole - small <= mib ? whole : small;
}

struct rank {
  const struct kvc_model *model;
  double elem_bytes;
  double bucket[WT_COUNT_];
};

static void add_rank(void *arg, const struct wt_tensor *t)
{
  struct rank *r = arg;
  const struct wt_size size = wt_bytes(r->model, t, r->elem_bytes, false);
  r->bucket[t->bucket] += allocated(size.payload) + allocated(size.scales) +
                          allocated(size.zeros) + allocated(size.bias);
}

/* Whether speculative decoding runs the model's own MTP layers: "mtp" and its older
 * per-model names ("deepseek_mtp", "qwen3_next_mtp"). */
static bool uses_mtp(const struct kvc_deploy *deploy)
{
  const char *m = deploy->spec_method;
  if (m == NULL) return false;
  const size_t len = strlen(m);
  return strcmp(m, "mtp") == 0 || (len > 4 && strcmp(m + len - 4, "_mtp") == 0);
}

void kvc_pp_layers(size_t n_layers, int pp, int stage, size_t *first, size_t *last)
{
  const size_t ranks = pp > 0 ? (size_t)pp : 1;
  const size_t rank = stage > 0 ? (size_t)stage : 0;
  const size_t per = n_layers / ranks, rest = n_layers % ranks;
  /* The remainder goes to the stages before the last one, from the back, so that
   * neither the embedding's nor the head's stage is burdened first. */
  size_t at = 0, count = 0;
  for (size_t i = 0; i <= rank && i < ranks; i++) {
    at += count;
    count = per;
    if (rest > 0 && i + 1 < ranks && i + 1 + rest >= ranks) count++;
  }
  *first = at;
  *last = rank + 1 == ranks ? n_layers : at + count;
}

static double sum(const double *bucket)
{
  double total = 0;
  for (size_t i = 0; i < WT_COUNT_; i++) total += bucket[i];
  return total;
}

void kvc_weights_rank(const struct kvc_model *model, const struct kvc_deploy *deploy,
                      int stage, double elem_bytes, struct kvc_weights *out)
{
  const int tp = deploy->tp > 0 ? deploy->tp : 1;
  const int pp = deploy->pp > 0 ? deploy->pp : 1;
  const int dp = deploy->dp > 0 ? deploy->dp : 1;
  struct rank r = {.model = model, .elem_bytes = elem_bytes};
  struct wt_walk walk = {.model = model,
                         .tp = tp,
                         .expert_ranks = tp * dp,
                         .whole_experts = deploy->expert_parallel,
                         .rank = true,
                         .visit = add_rank,
                         .arg = &r};
  size_t first, last;
  kvc_pp_layers(model->n_layers, pp, stage, &first, &last);
  const bool is_last = stage + 1 >= pp;
  if (stage == 0) wt_walk_embedding(&walk);
  if (stage == 0 && deploy->mm_items != 0) wt_walk_towers(&walk);
  for (size_t i = first; i < last; i++) wt_walk_layer(&walk, &model->layers[i]);
  if (is_last) wt_walk_head(&walk);
  /* A tied head on another stage than the embedding is a second copy. */
  if (is_last && pp > 1 && model->tie_embeddings && !model->pooling) {
    struct kvc_model head = *model;
    head.tie_embeddings = false;
    head.final_norm = false;
    head.rope_cache_elems = 0;
    walk.model = &head;
    wt_walk_head(&walk);
    walk.model = model;
  }
  struct rank mtp = {.model = model, .elem_bytes = elem_bytes};
  if (is_last && uses_mtp(deploy)) {
    walk.arg = &mtp;
    wt_walk_mtp(&walk);
  }
  const double *b = r.bucket;
  *out = (struct kvc_weights){.embed_bytes = b[WT_EMBED],
                              .lm_head_bytes = b[WT_LM_HEAD],
                              .attention_bytes = b[WT_ATTENTION],
                              .dense_ffn_bytes = b[WT_DENSE],
                              .expert_bytes = b[WT_EXPERT],
                              .router_bytes = b[WT_ROUTER],
                              .ssm_bytes = b[WT_SSM],
                              .norm_bytes = b[WT_NORM],
                              .tower_bytes = b[WT_TOWER],
                              .mtp_bytes = sum(mtp.bucket),
                              .other_bytes = b[WT_OTHER],
                              .total_bytes = sum(b) + sum(mtp.bucket)};
}
