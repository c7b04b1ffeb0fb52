/* weights_ffn.c - tensors of dense and mixture-of-experts feed-forward layers.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "weights_tensor.h"
#include <math.h>

/* Dense feed-forward: [gate and] up: hidden -> width / tp; down: back. */
static void dense(const struct wt_walk *walk, const struct kvc_layer *layer)
{
  const struct kvc_model *m = walk->model;
  const double hidden = (double)m->hidden;
  const double width = wt_split((double)layer->ffn_width, walk->tp);
  const double rows = (m->mlp_gated ? 2 : 1) * width;
  wt_matrix(walk, layer, WT_DENSE, KVC_PART_DENSE, rows, hidden, m->mlp_bias ? rows : 0);
  wt_matrix(walk, layer, WT_DENSE, KVC_PART_DENSE, hidden, width,
            m->mlp_bias ? hidden : 0);
}

static double round_up(double x, double step)
{
  return ceil(x / step) * step;
}

/* Experts and their width on one rank: whole experts under expert parallelism,
 * otherwise all of them with the width divided.  vLLM pads 4-bit MX experts to
 * multiples of 128 (width) and 256 (hidden) for its kernels. */
static void experts(const struct wt_walk *walk, const struct kvc_layer *layer)
{
  const struct kvc_model *m = walk->model;
  const struct kvc_moe *moe = &m->moe;
  double n = moe->experts;
  double width = (double)layer->ffn_width;
  double space = (double)(moe->latent_width > 0 ? moe->latent_width : m->hidden);
  if (walk->whole_experts)
    n = wt_split(n, walk->expert_ranks);
  else
    width = wt_split(width, walk->expert_ranks);
  if (walk->rank && m->quant.kind == KVC_QUANT_MXFP4 && m->quant.experts_only) {
    width = round_up(width, 128);
    space = round_up(space, 256);
  }
  const double active =
      moe->experts > 0 ? (double)moe->experts_per_tok / moe->experts : 1;
  const double rows = (moe->gated ? 2 : 1) * width;
  struct wt_tensor t = {.bucket = WT_EXPERT,
                        .part = KVC_PART_EXPERTS,
                        .layer = layer,
                        .n = n,
                        .out = rows,
                        .in = space,
                        .bias = moe->expert_bias ? n * rows : 0,
                        .active = active};
  walk->visit(walk->arg, &t);
  t.out = space;
  t.in = width;
  t.bias = moe->expert_bias ? n * space : 0;
  walk->visit(walk->arg, &t);
}

/* Shared experts act like a dense feed-forward of their total width. */
static void shared(const struct wt_walk *walk, const struct kvc_layer *layer)
{
  const struct kvc_model *m = walk->model;
  if (m->moe.shared_width <= 0) return;
  const double hidden = (double)m->hidden;
  const double width = wt_split((double)m->moe.shared_width, walk->tp);
  const double rows = (m->moe.gated ? 2 : 1) * width;
  const bool bias = m->moe.shared_bias;
  wt_matrix(walk, layer, WT_DENSE, KVC_PART_SHARED, rows, hidden, bias ? rows : 0);
  wt_matrix(walk, layer, WT_DENSE, KVC_PART_SHARED, hidden, width, bias ? hidden : 0);
  if (m->moe.shared_gate) wt_plain(walk, WT_ROUTER, hidden);
}

void wt_walk_ffn(const struct wt_walk *walk, const struct kvc_layer *layer)
{
  const struct kvc_model *m = walk->model;
  if (layer->ffn == KVC_FFN_DENSE) dense(walk, layer);
  if (layer->ffn != KVC_FFN_MOE) return;
  const double hidden = (double)m->hidden;
  wt_plain(walk, WT_ROUTER, m->moe.experts * (hidden + (m->moe.router_bias ? 1 : 0)));
  if (m->moe.latent_width > 0) /* into and out of the experts' smaller space */
    wt_plain(walk, WT_DENSE, 2 * hidden * (double)m->moe.latent_width);
  experts(walk, layer);
  shared(walk, layer);
}
