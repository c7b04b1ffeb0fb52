/* dense.c - builders of dense decoder classes that need more than their flags.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "hf_room.h"
#include <string.h>

/* Llama and everything shaped like it. */
void hfb_dense(struct hf *h)
{
  hf_decoder(h);
  hf_sliding(h);
  if (h->m->n_layers > 0) /* MiMo */
    hf_mtp(h, hf_opt(h, "num_nextn_predict_layers", 0, 0, 64), &h->m->layers[0]);
}

/* Gemma 2: every other layer slides, the first one too. */
void hfb_gemma2(struct hf *h)
{
  hf_decoder(h);
  const int64_t window = hf_opt(h, "sliding_window", 4096, 1, INT32_MAX);
  for (size_t i = 0; i < h->m->n_layers; i++) {
    struct kvc_layer *l = &h->m->layers[i];
    const bool on = hf_get(h, "layer_types") != NULL
                        ? hf_layer_is(h, i, "sliding_attention")
                        : i % 2 == 0;
    if (!on) continue;
    l->mixer = KVC_MIX_SLIDING;
    l->window_tok = (int)window;
  }
}

/* Gemma 3: five sliding layers, then one full. */
void hfb_gemma3(struct hf *h)
{
  hf_decoder(h);
  hf_sliding(h);
  if (hf_get(h, "layer_types|sliding_window_pattern|_sliding_window_pattern") != NULL)
    return;
  const int64_t window = hf_opt(h, "sliding_window", 4096, 1, INT32_MAX);
  for (size_t i = 0; i < h->m->n_layers; i++) {
    struct kvc_layer *l = &h->m->layers[i];
    const bool full = (i + 1) % 6 == 0;
    l->mixer = full ? KVC_MIX_FULL : KVC_MIX_SLIDING;
    l->window_tok = full ? 0 : (int)window;
  }
}

/* The last 'num_kv_shared_layers' layers read earlier layers' keys and values. */
static void kv_sharing(struct hf *h)
{
  struct kvc_model *m = h->m;
  const int64_t shared = hf_opt(h, "num_kv_shared_layers", 0, 0, (int64_t)m->n_layers);
  for (size_t i = m->n_layers - (size_t)shared; i < m->n_layers; i++)
    m->layers[i].kv_shared = true;
}

/* Per-layer embeddings: a table of vocab x layers * width, its projection from the
 * hidden state and, in each layer, a gate, a projection back and a norm. */
static void per_layer_embeddings(struct hf *h, int64_t width)
{
  struct kvc_model *m = h->m;
  if (width <= 0) return;
  const int64_t all = (int64_t)m->n_layers * width;
  const int64_t vocab =
      hf_opt(h, "vocab_size_per_layer_input", m->vocab, 1, HF_MAX_VOCAB);
  m->extra_embed_params += vocab * all + m->hidden * all + width;
  for (size_t i = 0; i < m->n_layers; i++)
    m->layers[i].extra_params += 2 * m->hidden * width + m->hidden;
}

/* Gemma 3n: alternating updates over 4 streams, learned augmented residuals. */
void hfb_gemma3n(struct hf *h)
{
  struct kvc_model *m = h->m;
  const cJSON *widths = hf_get(h, "intermediate_size");
  hf_decoder(h);
  hf_sliding(h);
  const int64_t rank = hf_opt(h, "laurel_rank", 64, 1, HF_MAX_DIM);
  const int64_t streams = hf_opt(h, "altup_num_inputs", 4, 1, 64);
  for (size_t i = 0; i < m->n_layers; i++) {
    struct kvc_layer *l = &m->layers[i];
    if (cJSON_IsArray(widths))
      l->ffn_width = hf_list_int(h, widths, (int)i, 16384, 1, HF_MAX_WIDTH);
    l->extra_params = 2 * m->hidden * rank + m->hidden /* laurel */
                      + m->hidden * (streams + 2) + streams * streams * (streams + 1);
  }
  m->extra_embed_params = 2 * (streams - 1) * m->hidden * m->hidden;
  per_layer_embeddings(h, hf_opt(h, "hidden_size_per_layer_input", 256, 0, HF_MAX_DIM));
  kv_sharing(h);
}

/* Gemma 4's experts stand beside the dense MLP, which runs for every token. */
static void gemma4_moe(struct hf *h)
{
  struct kvc_model *m = h->m;
  if (!hf_flag(h, "enable_moe_block", false)) return;
  m->moe.experts = (int)hf_need(h, "num_experts", 1, HF_MAX_EXPERTS);
  m->moe.experts_per_tok =
      (int)hf_need(h, "top_k_experts|num_experts_per_tok", 1, HF_MAX_EXPERTS);
  const int64_t width = hf_need(h, "moe_intermediate_size", 1, HF_MAX_WIDTH);
  m->moe.gated = true;
  m->moe.shared_experts = 1;
  m->moe.router_bias = true; /* a scale per expert */
  h->mlp_is_shared = true;
  for (size_t i = 0; i < m->n_layers; i++) {
    struct kvc_layer *l = &m->layers[i];
    m->moe.shared_width = l->ffn_width;
    hf_ffn(l, KVC_FFN_MOE, width);
    l->extra_params += 4 * m->hidden; /* three more norms and the router's scale */
  }
}

/* Gemma 4: full layers have their own head size and key-value heads, and may use
 * one projection for both keys and values. */
void hfb_gemma4(struct hf *h)
{
  struct kvc_model *m = h->m;
  hf_decoder(h);
  hf_sliding(h);
  const bool same = hf_flag(h, "attention_k_eq_v", false);
  const int64_t dim = hf_opt(h, "global_head_dim", 512, 1, HF_MAX_DIM);
  const bool wide = hf_flag(h, "use_double_wide_mlp", false);
  kv_sharing(h);
  for (size_t i = 0; i < m->n_layers; i++) {
    struct kvc_layer *l = &m->layers[i];
    l->extra_params += 1;
    if (wide && l->kv_shared) l->ffn_width *= 2;
    if (l->mixer != KVC_MIX_FULL) continue;
    l->head_dim = l->v_head_dim = (int)dim;
    if (!same) continue;
    l->kv_heads =
        (int)hf_opt(h, "num_global_key_value_heads", l->kv_heads, 1, HF_MAX_HEADS);
    l->k_is_v = true;
  }
  per_layer_embeddings(h, hf_opt(h, "hidden_size_per_layer_input", 0, 0, HF_MAX_DIM));
  gemma4_moe(h);
}

/* Phi-1, 1.5 and 2 (also under its early name MixFormer). */
void hfb_phi(struct hf *h)
{
  hf_decoder(h);
}

/* Qwen 1: "intermediate_size" counts gate and up together. */
void hfb_qwen1(struct hf *h)
{
  hf_decoder(h);
  for (size_t i = 0; i < h->m->n_layers; i++) h->m->layers[i].ffn_width /= 2;
}

void hfb_chatglm(struct hf *h)
{
  struct kvc_model *m = h->m;
  hf_decoder(h);
  const bool grouped = hf_flag(h, "multi_query_attention", false);
  const bool biased = hf_flag(h, "add_bias_linear", false);
  m->o_bias = m->mlp_bias = biased;
  m->qkv_bias = m->qkv_bias || biased;
  for (size_t i = 0; i < m->n_layers; i++)
    if (!grouped) m->layers[i].kv_heads = m->layers[i].heads;
}

/* Command R: one norm, attention and MLP side by side; a norm on every head in the
 * larger ones.  Command R7B and A slide in three layers of four. */
void hfb_cohere(struct hf *h)
{
  hf_decoder(h);
  if (hf_flag(h, "use_qk_norm", false)) h->m->qk_norm = KVC_QKNORM_FULL;
  if (h->type != NULL && strcmp(h->type, "cohere2") == 0) hf_sliding(h);
}

void hfb_stablelm(struct hf *h)
{
  hf_decoder(h);
  if (hf_flag(h, "use_parallel_residual", false)) h->m->norms_per_layer = 1;
  if (!hf_flag(h, "qk_layernorm", false)) return;
  for (size_t i = 0; i < h->m->n_layers; i++) {
    struct kvc_layer *l = &h->m->layers[i];
    l->extra_params = (int64_t)(l->heads + l->kv_heads) * l->head_dim;
  }
}

/* Nemotron-NAS: each block says what became of its attention and its MLP. */
static void decilm_block(struct hf *h, const cJSON *block, struct kvc_layer *l)
{
  const int64_t hidden = h->m->hidden;
  const cJSON *attn = hf_in(block, "attention"), *ffn = hf_in(block, "ffn");
  l->extra_params = 0;
  if (hf_flag_in(h, attn, "no_op", false)) {
    l->mixer = KVC_MIX_NONE;
  } else if (hf_flag_in(h, attn, "replace_with_linear", false)) {
    l->mixer = KVC_MIX_NONE;
    l->extra_params += hidden * hidden;
  } else {
    const int64_t group = hf_int_in(h, attn, "n_heads_in_group", 1, 1, l->heads);
    l->kv_heads = (int)(l->heads / group);
  }
  if (hf_flag_in(h, ffn, "no_op", false)) {
    hf_ffn(l, KVC_FFN_NONE, 0);
  } else if (hf_flag_in(h, ffn, "replace_with_linear", false)) {
    hf_ffn(l, KVC_FFN_NONE, 0);
    l->extra_params += hidden * hidden;
  } else {
    const cJSON *mult = hf_in(ffn, "ffn_mult");
    const double by = cJSON_IsNumber(mult) ? mult->valuedouble : 0;
    int64_t width = hf_int_in(h, ffn, "intermediate_size", 0, 0, HF_MAX_WIDTH);
    if (width == 0 && by > 0 && by < 64) {
      width = (int64_t)(2.0 * by * (double)hidden / 3.0);
      width = (width + 255) / 256 * 256;
    }
    if (width == 0)
      hf_fail(h, KVC_E_PARSE,
              "a block of \"block_configs\" has neither \"ffn_mult\" nor "
              "\"intermediate_size\"");
    hf_ffn(l, KVC_FFN_DENSE, width);
  }
}

void hfb_decilm(struct hf *h)
{
  hf_decoder(h);
  const cJSON *blocks = hf_get(h, "block_configs");
  const cJSON *kv = hf_get(h, "num_key_value_heads_per_layer");
  for (size_t i = 0; i < h->m->n_layers && h->rc == KVC_E_OK; i++) {
    struct kvc_layer *l = &h->m->layers[i];
    const cJSON *block = cJSON_GetArrayItem(blocks, (int)i);
    if (block != NULL)
      decilm_block(h, block, l);
    else if (kv != NULL)
      l->kv_heads = (int)hf_list_int(h, kv, (int)i, l->kv_heads, 1, HF_MAX_HEADS);
    else
      hf_fail(h, KVC_E_PARSE, "\"block_configs\" has no entry for layer %zu", i);
  }
}

/* EXAONE 4: three sliding layers, one full; the small model is full throughout. */
void hfb_exaone4(struct hf *h)
{
  hf_decoder(h);
  hf_sliding(h);
}

/* MiniCPM3 has MLA weights, but vLLM caches every head expanded (K padded to V). */
void hfb_minicpm3(struct hf *h)
{
  struct kvc_model *m = h->m;
  hf_decoder(h);
  struct kvc_mla *x = &m->mla;
  x->q_lora_rank = (int)hf_need(h, "q_lora_rank", 1, HF_MAX_DIM);
  x->kv_lora_rank = (int)hf_need(h, "kv_lora_rank", 1, HF_MAX_DIM);
  x->qk_nope_head_dim = (int)hf_need(h, "qk_nope_head_dim", 1, HF_MAX_DIM);
  x->qk_rope_head_dim = (int)hf_need(h, "qk_rope_head_dim", 1, HF_MAX_DIM);
  for (size_t i = 0; i < m->n_layers; i++) {
    struct kvc_layer *l = &m->layers[i];
    x->v_head_dim = (int)hf_opt(h, "v_head_dim", m->hidden / l->heads, 1, HF_MAX_DIM);
    l->kv_heads = l->heads;
    l->head_dim = l->v_head_dim = x->qk_nope_head_dim + x->qk_rope_head_dim;
  }
}

/* EAGLE drafts for Llama-shaped targets.  EAGLE-1 fuses embedding and hidden state
 * (2 H -> H) and uses the target's head.  EAGLE-3 fuses three levels (3 H -> H), its
 * layer reads the embedding too, so query, key and value are twice as deep, and it has
 * a head of its own for "draft_vocab_size" tokens.  The embedding is the target's; one
 * table of the draft's vocabulary stands for what is not shared. */
void hfb_eagle(struct hf *h)
{
  struct kvc_model *m = h->m;
  hf_decoder(h);
  const bool third = strstr(h->cls, "3") != NULL;
  const int64_t target = hf_opt(h, "target_hidden_size", m->hidden, 1, HF_MAX_HIDDEN);
  m->vocab = hf_opt(h, "draft_vocab_size", m->vocab, 1, HF_MAX_VOCAB);
  m->tie_embeddings = true;
  m->extra_embed_params = (third ? 3 : 2) * target * m->hidden;
  for (size_t i = 0; i < m->n_layers && third; i++) {
    struct kvc_layer *l = &m->layers[i];
    l->extra_params =
        m->hidden * (int64_t)(l->heads + 2 * l->kv_heads) * l->head_dim + m->hidden;
  }
}
