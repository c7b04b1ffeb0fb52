/* legacy.c - builders of the GPT-2 generation: position tables, ALiBi, full biases.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "hf_room.h"
#include <string.h>

static void positions(struct hf *h, const char *keys, int64_t extra)
{
  h->m->learned_positions = hf_need(h, keys, 1, HF_MAX_TOKENS) + extra;
}

void hfb_gpt2(struct hf *h)
{
  hf_decoder(h);
  positions(h, "n_positions|n_ctx", 0);
}

void hfb_gptj(struct hf *h)
{
  hf_decoder(h);
}

/* Pythia and GPT-NeoX-20B have two norms also where attention and MLP run side by
 * side. */
void hfb_gpt_neox(struct hf *h)
{
  hf_decoder(h);
  h->m->qkv_bias = h->m->o_bias = hf_flag(h, "attention_bias", true);
}

/* SantaCoder and StarCoder 1: one key-value head. */
void hfb_bigcode(struct hf *h)
{
  hf_decoder(h);
  positions(h, "n_positions", 0);
  const bool one = hf_flag(h, "multi_query", true);
  for (size_t i = 0; i < h->m->n_layers; i++)
    h->m->layers[i].kv_heads = one ? 1 : h->m->layers[i].heads;
}

void hfb_bloom(struct hf *h)
{
  hf_decoder(h);
  if (h->m->max_position_tok == 0) h->m->max_position_tok = 2048;
}

/* Falcon: 7B has one KV head and one norm; 40B and 180B the "new decoder
 * architecture" with groups and two norms; 1B (rw) plain heads and ALiBi. */
void hfb_falcon(struct hf *h)
{
  struct kvc_model *m = h->m;
  hf_decoder(h);
  const bool grouped =
      hf_flag(h, "new_decoder_architecture", hf_get(h, "n_head_kv") != NULL);
  const bool one = hf_flag(h, "multi_query", true);
  const bool parallel = hf_flag(h, "parallel_attn", true);
  m->norms_per_layer = parallel && !grouped ? 1 : 2;
  if (hf_opt(h, "num_ln_in_parallel_attn", 2, 1, 2) == 1) m->norms_per_layer = 1;
  m->qkv_bias = m->o_bias = m->mlp_bias = hf_flag(h, "bias", false);
  for (size_t i = 0; i < m->n_layers; i++) {
    struct kvc_layer *l = &m->layers[i];
    if (grouped)
      l->kv_heads = (int)hf_opt(h, "num_kv_heads|n_head_kv", l->heads, 1, HF_MAX_HEADS);
    else
      l->kv_heads = one ? 1 : l->heads;
  }
  if (m->max_position_tok == 0) m->max_position_tok = 2048;
}

/* MPT: "attn_config" may say one or some KV heads; usually no biases at all. */
void hfb_mpt(struct hf *h)
{
  struct kvc_model *m = h->m;
  hf_decoder(h);
  const cJSON *attn = hf_object(h, "attn_config");
  const bool bias = !hf_flag(h, "no_bias", true);
  const char *kind = hf_text_in(attn, "attn_type");
  const bool one = kind != NULL && strcmp(kind, "multiquery_attention") == 0;
  const int64_t by = hf_opt(h, "expansion_ratio", 4, 1, 64);
  m->qkv_bias = m->o_bias = m->mlp_bias = bias;
  m->norm_width_factor = bias ? 2 : 1;
  if (!hf_flag_in(h, attn, "alibi", false) && hf_flag(h, "learned_pos_emb", true))
    positions(h, "max_seq_len", 0);
  for (size_t i = 0; i < m->n_layers; i++) {
    struct kvc_layer *l = &m->layers[i];
    l->kv_heads = (int)hf_int_in(h, attn, "kv_n_heads", one ? 1 : l->heads, 1, l->heads);
    if (hf_get(h, "intermediate_size|ffn_hidden_size") == NULL)
      l->ffn_width = by * m->hidden;
  }
}

/* OPT: positions start at 2; the 350M model embeds in 512 and has no final norm. */
void hfb_opt(struct hf *h)
{
  struct kvc_model *m = h->m;
  hf_decoder(h);
  positions(h, "max_position_embeddings", 2);
  const int64_t width = hf_opt(h, "word_embed_proj_dim", m->hidden, 1, HF_MAX_HIDDEN);
  if (width != m->hidden) m->embed_width = width;
  m->final_norm = hf_flag(h, "do_layer_norm_before", true);
}
