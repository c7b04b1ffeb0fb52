/* kv_packed.c - the pool of models that compress their KV cache (DeepSeek-V4).
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Layers compress every 4th or 128th token and keep a short window beside it.  Each
 * ratio is a group whose block spans 256 tokens of all its layers, the windows are
 * groups of 64-token blocks, and every group's block takes the largest group's slab.
 * Source: vLLM's v1/core/kv_cache_utils.py (0.20 on).
 *
 * Known lie: servers print up to 12 % fewer requests than this at long contexts;
 * the caches of the compressors are not counted.
 */
#include "kv_packed.h"

enum { BLOCK_TOK = 256, WINDOW_BLOCK_TOK = 64, ROW_BYTES = 584 };

bool kv_packed_applies(const struct kvc_model *model)
{
  for (size_t i = 0; i < model->n_layers; i++)
    if (model->layers[i].kv_compress > 1) return true;
  return false;
}

static void packed_add(struct kvc_kv_layout *out, int ratio)
{
  const double rows = (double)BLOCK_TOK / ratio;
  const double token = (double)ROW_BYTES / ratio;
  size_t i = 0;
  while (i < out->n_specs && out->specs[i].bytes_per_token != token) i++;
  if (i == out->n_specs) {
    if (out->n_specs == KVC_MAX_SPECS - 1) return; /* two ratios exist */
    out->specs[out->n_specs++] = (struct kvc_kv_spec){.kind = KVC_SPEC_MLA,
                                                      .bytes_per_token = token,
                                                      .page_bytes = rows * ROW_BYTES,
                                                      .block_size_tok = BLOCK_TOK,
                                                      .what = "compressed latent"};
    out->groups_of[i] = 1;
  }
  out->specs[i].layers++;
}

void kv_packed_layout(const struct kvc_model *model, const struct kvc_setting *set,
                      int stage, struct kvc_kv_layout *out)
{
  size_t first, last, most = 1;
  kvc_pp_layers(model->n_layers, set->pp, stage, &first, &last);
  for (size_t i = first; i < last; i++)
    if (model->layers[i].kv_compress > 1) packed_add(out, model->layers[i].kv_compress);
  for (size_t i = 0; i < out->n_specs; i++) {
    const double slab = out->specs[i].page_bytes * (double)out->specs[i].layers;
    if (slab > out->block_bytes) {
      out->block_bytes = slab;
      most = out->specs[i].layers;
    }
    out->attention_bytes_per_tok +=
        out->specs[i].bytes_per_token * (double)out->specs[i].layers;
  }
  out->specs[out->n_specs] =
      (struct kvc_kv_spec){.kind = KVC_SPEC_SLIDING,
                           .layers = last - first,
                           .bytes_per_token = ROW_BYTES,
                           .page_bytes = (double)WINDOW_BLOCK_TOK * ROW_BYTES,
                           .block_size_tok = WINDOW_BLOCK_TOK,
                           .window_tok = model->layers[0].window_tok,
                           .what = "sliding window"};
  out->groups_of[out->n_specs] = (last - first + most - 1) / most;
  out->n_specs++;
  for (size_t i = 0; i < out->n_specs; i++) out->n_groups += out->groups_of[i];
  out->group_layers = most;
  out->block_size_tok = BLOCK_TOK;
  out->bytes_per_token = out->block_bytes / BLOCK_TOK;
  out->approximate = true;
}
