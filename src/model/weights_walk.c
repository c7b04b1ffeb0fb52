/* weights_walk.c - visits the embedding, layers, head and towers of a model.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "weights_tensor.h"
#include <math.h>

double wt_split(double x, int ranks)
{
  return ranks > 1 ? ceil(x / ranks) : x;
}

static double round_up(double x, double step)
{
  return ceil(x / step) * step;
}

void wt_matrix(const struct wt_walk *walk, const struct kvc_layer *layer,
               enum wt_bucket bucket, enum kvc_part part, double out, double in,
               double bias)
{
  if (out <= 0 || in <= 0) return;
  const struct wt_tensor t = {.bucket = bucket,
                              .part = part,
                              .layer = layer,
                              .n = 1,
                              .out = out,
                              .in = in,
                              .bias = bias,
                              .active = 1};
  walk->visit(walk->arg, &t);
}

void wt_plain(const struct wt_walk *walk, enum wt_bucket bucket, double count)
{
  if (!(count > 0 || count < 0)) return; /* a class may lack what its others have */
  const struct wt_tensor t = {.bucket = bucket,
                              .part = KVC_PART_REST,
                              .n = 1,
                              .out = 1,
                              .in = count,
                              .active = 1};
  walk->visit(walk->arg, &t);
}

void wt_walk_layer(const struct wt_walk *walk, const struct kvc_layer *layer)
{
  const struct kvc_model *m = walk->model;
  const double norm = (double)m->hidden * m->norm_width_factor;
  for (int i = 0; i < m->norms_per_layer; i++) wt_plain(walk, WT_NORM, norm);
  wt_walk_attention(walk, layer);
  wt_walk_ssm(walk, layer);
  wt_walk_ffn(walk, layer);
  wt_plain(walk, WT_OTHER, (double)layer->extra_params + (double)m->extra_layer_params);
}

/* vLLM pads embedding and lm_head rows to a multiple of 64 and divides them by tp. */
static double vocab_rows(const struct wt_walk *walk, int64_t rows)
{
  if (!walk->rank) return (double)rows;
  return wt_split(round_up((double)rows, 64), walk->tp);
}

void wt_walk_embedding(const struct wt_walk *walk)
{
  const struct kvc_model *m = walk->model;
  const double width = (double)(m->embed_width > 0 ? m->embed_width : m->hidden);
  wt_matrix(walk, NULL, WT_EMBED, KVC_PART_EMBED, vocab_rows(walk, m->vocab), width, 0);
  wt_plain(walk, WT_EMBED, (double)m->learned_positions * (double)m->hidden);
  wt_plain(walk, WT_EMBED, wt_split((double)m->extra_embed_params, walk->tp));
  if (m->embed_width > 0) /* project_in and project_out of OPT-350m */
    wt_plain(walk, WT_EMBED, 2 * width * (double)m->hidden);
  if (m->embed_norm) wt_plain(walk, WT_NORM, (double)m->hidden * m->norm_width_factor);
}

static void rope_table(const struct wt_walk *walk)
{
  if (!walk->rank || !(walk->model->rope_cache_elems > 0)) return;
  const struct wt_tensor t = {.bucket = WT_OTHER,
                              .part = KVC_PART_REST,
                              .n = 1,
                              .out = 1,
                              .in = walk->model->rope_cache_elems,
                              .active = 1,
                              .runtime = true};
  walk->visit(walk->arg, &t);
}

void wt_walk_head(const struct wt_walk *walk)
{
  const struct kvc_model *m = walk->model;
  if (m->final_norm) wt_plain(walk, WT_NORM, (double)m->hidden * m->norm_width_factor);
  rope_table(walk);
  if (m->pooling || m->tie_embeddings) return;
  const double rows = vocab_rows(walk, m->vocab_padded > 0 ? m->vocab_padded : m->vocab);
  const double width = (double)(m->embed_width > 0 ? m->embed_width : m->hidden);
  wt_matrix(walk, NULL, WT_LM_HEAD, KVC_PART_LM_HEAD, rows, width,
            m->lm_head_bias ? rows : 0);
}

/* Linear layers of a tower are split like the decoder's. */
void wt_walk_towers(const struct wt_walk *walk)
{
  for (size_t i = 0; i < walk->model->n_towers; i++)
    wt_plain(walk, WT_TOWER,
             walk->rank ? walk->model->towers[i].params / walk->tp
                        : walk->model->towers[i].params);
}

void wt_walk_mtp(const struct wt_walk *walk)
{
  const struct kvc_model *m = walk->model;
  for (int i = 0; i < m->mtp_layers; i++) {
    for (size_t k = 0; k < m->n_mtp; k++) wt_walk_layer(walk, &m->mtp[k]);
    wt_plain(walk, WT_OTHER, (double)m->mtp_extra_params);
    if (!walk->rank) wt_plain(walk, WT_EMBED, (double)m->mtp_own_params);
  }
}
