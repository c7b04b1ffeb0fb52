/* encoder.c - builders of encoders, encoder-decoders and cross-attending decoders.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "hf_room.h"
#include <string.h>

/* BERT, RoBERTa, XLM-R: position and type tables with a norm behind them, and a
 * pooler. */
void hfb_bert(struct hf *h)
{
  struct kvc_model *m = h->m;
  hf_decoder(h);
  m->learned_positions = hf_need(h, "max_position_embeddings", 1, HF_MAX_TOKENS);
  m->extra_embed_params = hf_opt(h, "type_vocab_size", 2, 0, 1024) * m->hidden +
                          m->hidden * m->hidden + m->hidden;
  m->final_norm = false;
  if (h->type != NULL && strcmp(h->type, "bert") != 0 && m->max_position_tok > 2)
    m->max_position_tok -= 2; /* RoBERTa's positions start at 2 */
}

/* nomic-embed-text: rotary, gated, no biases. */
void hfb_nomic(struct hf *h)
{
  struct kvc_model *m = h->m;
  hf_decoder(h);
  if (hf_opt(h, "moe_every_n_layers", 0, 0, KVC_MAX_LAYERS) > 0)
    hf_fail(h, KVC_E_UNSUPPORTED, "%.80s with experts is not modelled", h->cls);
  m->qkv_bias = m->o_bias = hf_flag(h, "qkv_proj_bias", false);
  m->mlp_bias = hf_flag(h, "mlp_fc1_bias", false);
  m->extra_embed_params = hf_opt(h, "type_vocab_size", 2, 0, 1024) * m->hidden;
  m->final_norm = false;
}

/* ModernBERT: gated, norms without biases, the first layer has one norm less. */
void hfb_modernbert(struct hf *h)
{
  struct kvc_model *m = h->m;
  hf_decoder(h);
  m->norm_width_factor = hf_flag(h, "norm_bias", false) ? 2 : 1;
  if (m->n_layers > 0) m->layers[0].extra_params = -m->hidden * m->norm_width_factor;
}

/* One transformer layer's worth of a LayerNorm encoder with biases (no key bias). */
static double encoder_layer(double hidden, double width)
{
  return 4 * hidden * hidden + 3 * hidden + 2 * hidden * width + width + hidden +
         4 * hidden;
}

/* Whisper: the encoder is a tower; a decoder layer is a self-attention layer and a
 * cross-attention layer, so that each has its own cache. */
void hfb_whisper(struct hf *h)
{
  struct kvc_model *m = h->m;
  const int64_t layers = hf_need(h, "decoder_layers", 1, KVC_MAX_LAYERS / 2);
  const int64_t heads = hf_need(h, "decoder_attention_heads", 1, HF_MAX_HEADS);
  const int64_t width = hf_need(h, "decoder_ffn_dim", 1, HF_MAX_WIDTH);
  m->hidden = hf_need(h, "d_model", 1, HF_MAX_HIDDEN);
  m->vocab = hf_need(h, "vocab_size", 1, HF_MAX_VOCAB);
  m->max_position_tok = m->learned_positions =
      hf_opt(h, "max_target_positions", 448, 1, HF_MAX_TOKENS);
  m->tie_embeddings = true;
  m->norm_width_factor = 2;
  m->final_norm = true;
  m->qkv_bias = m->o_bias = m->mlp_bias = true;
  hf_layers_alloc(h, 2 * layers);
  for (size_t i = 0; i < m->n_layers; i++) {
    struct kvc_layer *l = &m->layers[i];
    l->mixer = i % 2 == 0 ? KVC_MIX_FULL : KVC_MIX_CROSS;
    l->heads = l->kv_heads = (int)heads;
    l->head_dim = l->v_head_dim = (int)(m->hidden / heads);
    l->kv_compress = 1;
    l->extra_params = 2 * m->hidden * (i % 2 == 0 ? 1 : 2);
    if (i % 2 == 1) hf_ffn(l, KVC_FFN_DENSE, width);
  }
  const double hidden = (double)m->hidden;
  const double mels = (double)hf_opt(h, "num_mel_bins", 80, 1, 4096);
  const double positions = (double)hf_opt(h, "max_source_positions", 1500, 1, 1 << 24);
  const struct kvc_tower tower = {
      .kind = "encoder",
      .hidden = (int)m->hidden,
      .layers = (int)hf_need(h, "encoder_layers", 1, KVC_MAX_LAYERS),
      .ffn_width = hf_need(h, "encoder_ffn_dim", 1, HF_MAX_WIDTH),
      .max_item_tok = (int64_t)positions,
      .patch_merge = 1,
      .params = 3 * mels * hidden + 3 * hidden * hidden + 2 * hidden +
                positions * hidden + 2 * hidden};
  struct kvc_tower full = tower;
  full.params += tower.layers * encoder_layer(hidden, (double)tower.ffn_width);
  hf_tower_add(h, &full);
}

/* Llama 3.2 Vision: some layers attend to the image only. */
void hfb_mllama(struct hf *h)
{
  struct kvc_model *m = h->m;
  hf_decoder(h);
  const cJSON *cross = hf_get(h, "cross_attention_layers");
  m->extra_embed_params = 8 * m->hidden; /* eight rows beyond the vocabulary */
  for (size_t i = 0; i < m->n_layers; i++) {
    struct kvc_layer *l = &m->layers[i];
    if (!hf_list_has(cross, (int64_t)i)) continue;
    l->mixer = KVC_MIX_CROSS;
    l->extra_params = 2 * l->head_dim + 2; /* query and key norms, two gates */
  }
}
