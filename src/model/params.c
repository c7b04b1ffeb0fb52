/* params.c - parameters of a model, and bytes of its checkpoint.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "weights_tensor.h"
#include <kvcap/weights.h>
#include <string.h>

struct count {
  double all, active;
  double bucket[WT_COUNT_];
};

static void count_tensor(void *arg, const struct wt_tensor *t)
{
  struct count *c = arg;
  const double params = t->n * t->out * t->in + t->bias;
  c->bucket[t->bucket] += params;
  c->all += params;
  c->active += params * t->active;
}

static void walk_decoder(const struct wt_walk *walk)
{
  wt_walk_embedding(walk);
  for (size_t i = 0; i < walk->model->n_layers; i++)
    wt_walk_layer(walk, &walk->model->layers[i]);
  wt_walk_head(walk);
  wt_walk_towers(walk);
}

void kvc_params_count(const struct kvc_model *model, struct kvc_params *out)
{
  struct count c = {0}, mtp = {0};
  struct wt_walk walk = {
      .model = model, .tp = 1, .expert_ranks = 1, .visit = count_tensor, .arg = &c};
  walk_decoder(&walk);
  walk.arg = &mtp;
  wt_walk_mtp(&walk);
  const double *b = c.bucket;
  *out = (struct kvc_params){
      .total = c.all,
      .active = c.active,
      .embed = b[WT_EMBED],
      .lm_head = b[WT_LM_HEAD],
      .attention = b[WT_ATTENTION] + b[WT_SSM],
      .ffn = b[WT_DENSE] + b[WT_EXPERT] + b[WT_ROUTER],
      .experts = b[WT_EXPERT],
      .towers = b[WT_TOWER],
      .mtp = mtp.all,
  };
}

struct disk {
  const struct kvc_model *model;
  double elem_bytes, bytes;
};

static void add_disk(void *arg, const struct wt_tensor *t)
{
  struct disk *d = arg;
  const struct wt_size size = wt_bytes(d->model, t, d->elem_bytes, true);
  d->bytes += size.payload + size.scales + size.zeros + size.bias;
}

double kvc_checkpoint_bytes(const struct kvc_model *model)
{
  const bool wide = model->dtype != NULL && strcmp(model->dtype, "float32") == 0;
  struct disk d = {.model = model, .elem_bytes = wide ? 4 : 2};
  const struct wt_walk walk = {
      .model = model, .tp = 1, .expert_ranks = 1, .visit = add_disk, .arg = &d};
  walk_decoder(&walk);
  wt_walk_mtp(&walk);
  return d.bytes;
}
