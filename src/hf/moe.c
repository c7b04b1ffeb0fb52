/* moe.c - builders of mixture-of-experts classes.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "hf_room.h"
#include <string.h>

#define KEY_EXPERTS "num_experts|num_local_experts|n_routed_experts|moe_num_experts"
#define KEY_TOPK                                                                         \
  "num_experts_per_tok|num_experts_per_token|experts_per_token|moe_k|moe_topk|"          \
  "moe_top_k|num_experts_per_topk"
#define KEY_WIDTH                                                                        \
  "moe_intermediate_size|expert_ffn_hidden_size|expert_dim|intermediate_size"
#define KEY_SHARED                                                                       \
  "n_shared_experts|num_shared_experts|moe_num_shared_experts|num_shared_expert"
#define KEY_SHARED_WIDTH                                                                 \
  "shared_expert_intermediate_size|moe_shared_expert_intermediate_size|"                 \
  "shared_intermediate_size|share_expert_dim"

/* A number, or the first of a list with one entry a layer (Hunyuan). */
static int64_t first_of(struct hf *h, const char *keys, int64_t def, int64_t min,
                        int64_t max)
{
  const cJSON *item = hf_get(h, keys);
  if (cJSON_IsArray(item)) return hf_list_int(h, item, 0, def, min, max);
  return hf_opt(h, keys, def, min, max);
}

/* Whether "3,4,5" lists the number. */
static bool text_lists(const char *text, size_t number)
{
  size_t n = 0;
  for (;; text++) {
    if (*text >= '0' && *text <= '9') {
      n = n < 100000 ? n * 10 + (size_t)(*text - '0') : n;
      continue;
    }
    if (n == number) return true;
    if (*text == '\0') return false;
    n = 0;
  }
}

/* Whether layer i has experts, by any of the spellings. */
static bool has_experts(struct hf *h, size_t i)
{
  const char *listed = hf_text(h, "moe_layers_enum");
  if (listed != NULL) return text_lists(listed, i);
  const cJSON *types = hf_get(h, "mlp_layer_types");
  const cJSON *type = cJSON_GetArrayItem(types, (int)i);
  if (cJSON_IsString(type)) return strcmp(type->valuestring, "dense") != 0;
  const int64_t at = (int64_t)i;
  if (at < hf_opt(h, "first_k_dense_replace|moe_layer_start_index|num_dense_layers", 0, 0,
                  KVC_MAX_LAYERS))
    return false;
  if (at > hf_opt(h, "moe_layer_end_index", KVC_MAX_LAYERS, -1, KVC_MAX_LAYERS) &&
      hf_opt(h, "moe_layer_end_index", 0, -1, KVC_MAX_LAYERS) >= 0)
    return false;
  const cJSON *freq = hf_get(h, "moe_layer_freq");
  if (cJSON_IsArray(freq)) return hf_list_int(h, freq, (int)i, 1, 0, 1) != 0;
  const int64_t step = hf_opt(h, "moe_layer_freq|decoder_sparse_step|moe_layer_interval",
                              1, 1, KVC_MAX_LAYERS);
  if (hf_list_has(hf_get(h, "mlp_only_layers"), at)) return false;
  if (hf_get(h, "decoder_sparse_step|moe_layer_interval") != NULL)
    return (at + 1) % step == 0;
  return at % step == 0;
}

void hf_moe(struct hf *h)
{
  struct kvc_model *m = h->m;
  struct kvc_moe *moe = &m->moe;
  moe->experts = (int)first_of(h, KEY_EXPERTS, 0, 0, HF_MAX_EXPERTS);
  if (h->rc != KVC_E_OK || moe->experts == 0) return; /* the dense member of a family */
  moe->experts_per_tok = (int)first_of(h, KEY_TOPK, 0, 1, HF_MAX_EXPERTS);
  if (moe->experts_per_tok == 0)
    hf_fail(h, KVC_E_PARSE, "the config lacks \"num_experts_per_tok\", which %.80s needs",
            h->cls);
  if (moe->experts_per_tok > moe->experts)
    hf_fail(h, KVC_E_RANGE, "a token cannot use %d of %d experts", moe->experts_per_tok,
            moe->experts);
  const int64_t width = first_of(h, KEY_WIDTH, 0, 1, HF_MAX_WIDTH);
  moe->shared_experts = (int)first_of(h, KEY_SHARED, 0, 0, 1024);
  moe->shared_width =
      hf_opt(h, KEY_SHARED_WIDTH, moe->shared_experts * width, 0, HF_MAX_WIDTH);
  if (moe->shared_width > 0 && moe->shared_experts == 0) moe->shared_experts = 1;
  moe->shared_gate = (h->arch->style & HF_SHARED_GATE) != 0 && moe->shared_width > 0;
  moe->router_bias = (h->arch->style & HF_ROUTER_BIAS) != 0;
  const int64_t dense = hf_opt(h, "dense_intermediate_size", 0, 0, HF_MAX_WIDTH);
  for (size_t i = 0; i < m->n_layers && h->rc == KVC_E_OK; i++) {
    if (has_experts(h, i))
      hf_ffn(&m->layers[i], KVC_FFN_MOE, width);
    else if (dense > 0)
      m->layers[i].ffn_width = dense;
  }
}

static void mtp_of_last(struct hf *h, const char *keys, int64_t def)
{
  struct kvc_model *m = h->m;
  if (m->n_layers == 0) return;
  hf_mtp(h, hf_opt(h, keys, def, 0, 64), &m->layers[m->n_layers - 1]);
}

/* Mixtral, Qwen MoE, OLMoE, Granite MoE, ERNIE, Ling, dots.1, MiniMax-M2 … */
void hfb_moe(struct hf *h)
{
  hf_decoder(h);
  hf_sliding(h);
  hf_moe(h);
  if (hf_flag(h, "use_qk_norm", false) && h->m->qk_norm == KVC_QKNORM_NONE)
    h->m->qk_norm = KVC_QKNORM_HEAD;
  mtp_of_last(h, "num_nextn_predict_layers", 0);
}

/* gpt-oss: biases everywhere, sinks, a 128-token window in every other layer. */
void hfb_gpt_oss(struct hf *h)
{
  struct kvc_model *m = h->m;
  hf_decoder(h);
  m->qkv_bias = m->o_bias = hf_flag(h, "attention_bias", true);
  m->sinks = true;
  hf_moe(h);
  m->moe.expert_bias = true;
  if (hf_get(h, "layer_types") != NULL) {
    hf_sliding(h);
    return;
  }
  const int64_t window = hf_opt(h, "sliding_window", 128, 1, INT32_MAX);
  for (size_t i = 0; i < m->n_layers; i += 2) {
    m->layers[i].mixer = KVC_MIX_SLIDING;
    m->layers[i].window_tok = (int)window;
  }
}

/* Llama 4: chunked attention but for every fourth layer, which has no positions;
 * experts in every layer (Scout) or every other (Maverick), always one shared. */
void hfb_llama4(struct hf *h)
{
  struct kvc_model *m = h->m;
  hf_decoder(h);
  const cJSON *rope = hf_get(h, "no_rope_layers");
  const int64_t every = hf_opt(h, "no_rope_layer_interval", 4, 1, KVC_MAX_LAYERS);
  const int64_t chunk = hf_opt(h, "attention_chunk_size", 8192, 1, INT32_MAX);
  const int64_t step = hf_opt(h, "interleave_moe_layer_step", 1, 1, KVC_MAX_LAYERS);
  const int64_t width = hf_need(h, "intermediate_size", 1, HF_MAX_WIDTH);
  const int64_t dense = hf_opt(h, "intermediate_size_mlp", width, 1, HF_MAX_WIDTH);
  m->moe.experts = (int)hf_need(h, "num_local_experts", 1, HF_MAX_EXPERTS);
  m->moe.experts_per_tok = (int)hf_opt(h, "num_experts_per_tok", 1, 1, HF_MAX_EXPERTS);
  m->moe.shared_experts = 1;
  m->moe.shared_width = width;
  for (size_t i = 0; i < m->n_layers; i++) {
    struct kvc_layer *l = &m->layers[i];
    const bool full = cJSON_GetArraySize(rope) > (int)i
                          ? hf_list_int(h, rope, (int)i, 1, 0, 1) == 0
                          : ((int64_t)i + 1) % every == 0;
    l->mixer = full ? KVC_MIX_FULL : KVC_MIX_CHUNKED;
    l->window_tok = full ? 0 : (int)chunk;
    if (((int64_t)i + 1) % step == 0)
      hf_ffn(l, KVC_FFN_MOE, width);
    else
      hf_ffn(l, KVC_FFN_DENSE, dense);
  }
}

/* DeepSeek V1 (plain heads), V2, V3, V3.2 and what is shaped like them. */
void hfb_deepseek(struct hf *h)
{
  struct kvc_model *m = h->m;
  hf_decoder(h);
  hf_moe(h);
  const char *method = hf_text(h, "topk_method");
  if (method != NULL && strcmp(method, "noaux_tc") == 0) m->moe.router_bias = true;
  if (hf_get(h, "kv_lora_rank") != NULL && hf_flag(h, "use_mla", true)) hf_mla(h);
  mtp_of_last(h, "num_nextn_predict_layers", 0);
  /* GLM-5 alone stores no copies of embedding and head with its MTP layer. */
  if (h->type == NULL || strcmp(h->type, "glm_moe_dsa") != 0)
    m->mtp_own_params = 2 * m->vocab * m->hidden;
}

/* Small tensors of one DeepSeek-V4 layer: hyper-connections around attention and
 * MLP, and the compressors of the cache and of the indexer. */
static int64_t v4_extra(const struct hf *h, int64_t streams, int64_t ratio)
{
  const struct kvc_model *m = h->m;
  const int64_t mix = (2 + streams) * streams;
  int64_t params = 2 * (mix * streams * m->hidden + mix + 3);
  if (ratio <= 0) return params;
  const int64_t dim = m->layers[0].head_dim, overlap = ratio == 4 ? 2 : 1;
  params += 2 * m->hidden * overlap * dim + ratio * overlap * dim + dim;
  if (ratio != 4) return params;
  const int64_t index = m->mla.index_head_dim;
  return params + 4 * m->hidden * index + 8 * index + index;
}

/* DeepSeek-V4: one shared K=V head; layers keep a window and, compressed, every
 * 4th or 128th token ("compress_ratios"; 0 = the window alone). */
void hfb_deepseek_v4(struct hf *h)
{
  struct kvc_model *m = h->m;
  hf_decoder(h);
  hf_moe(h);
  struct kvc_mla *x = &m->mla;
  x->shared_kv = true;
  x->q_lora_rank = (int)hf_need(h, "q_lora_rank", 1, HF_MAX_DIM);
  x->o_lora_rank = (int)hf_need(h, "o_lora_rank", 1, HF_MAX_DIM);
  x->o_groups = (int)hf_need(h, "o_groups", 1, HF_MAX_HEADS);
  x->qk_rope_head_dim = (int)hf_need(h, "qk_rope_head_dim", 1, HF_MAX_DIM);
  x->index_heads = (int)hf_opt(h, "index_n_heads", 64, 1, HF_MAX_HEADS);
  x->index_head_dim = (int)hf_opt(h, "index_head_dim", 128, 1, HF_MAX_DIM);
  x->index_topk = (int)hf_opt(h, "index_topk", 512, 1, INT32_MAX);
  const int dim = (int)hf_need(h, "head_dim", 1, HF_MAX_DIM);
  x->v_head_dim = dim;
  x->qk_nope_head_dim = dim > x->qk_rope_head_dim ? dim - x->qk_rope_head_dim : 0;
  x->kv_lora_rank = x->qk_nope_head_dim;
  const cJSON *ratios = hf_get(h, "compress_ratios");
  const int64_t streams = hf_opt(h, "hc_mult", 4, 1, 64);
  const int64_t window = hf_opt(h, "sliding_window", 128, 1, INT32_MAX);
  for (size_t i = 0; i < m->n_layers && h->rc == KVC_E_OK; i++) {
    struct kvc_layer *l = &m->layers[i];
    const int64_t ratio = hf_list_int(h, ratios, (int)i, 0, 0, 1 << 20);
    l->mixer = KVC_MIX_MLA;
    l->kv_heads = 1;
    l->kv_compress = (int)ratio;
    l->window_tok = (int)window;
    l->indexer = ratio == 4;
    l->extra_params = v4_extra(h, streams, ratio);
  }
  m->moe.router_bias = true;
  mtp_of_last(h, "num_nextn_predict_layers", 0);
}

/* GLM-4.5 to 4.7: grouped heads, one shared expert, dense first layers. */
void hfb_glm4_moe(struct hf *h)
{
  hf_decoder(h);
  hf_moe(h);
  if (hf_flag(h, "use_qk_norm", false)) h->m->qk_norm = KVC_QKNORM_HEAD;
  mtp_of_last(h, "num_nextn_predict_layers", 0);
  h->m->mtp_own_params = 2 * h->m->vocab * h->m->hidden;
}

/* DBRX keeps its sizes in attn_config and ffn_config. */
void hfb_dbrx(struct hf *h)
{
  struct kvc_model *m = h->m;
  hf_decoder(h);
  const cJSON *attn = hf_object(h, "attn_config"), *ffn = hf_object(h, "ffn_config");
  const int64_t width = hf_int_in(h, ffn, "ffn_hidden_size", 0, 0, HF_MAX_WIDTH);
  m->moe.experts = (int)hf_int_in(h, ffn, "moe_num_experts", 0, 0, HF_MAX_EXPERTS);
  m->moe.experts_per_tok = (int)hf_int_in(h, ffn, "moe_top_k", 1, 1, HF_MAX_EXPERTS);
  if (width == 0 || m->moe.experts == 0)
    hf_fail(h, KVC_E_PARSE,
            "\"ffn_config\" lacks \"ffn_hidden_size\" or "
            "\"moe_num_experts\", which %.80s needs",
            h->cls);
  m->norm_width_factor = 1;
  for (size_t i = 0; i < m->n_layers; i++) {
    struct kvc_layer *l = &m->layers[i];
    l->kv_heads = (int)hf_int_in(h, attn, "kv_n_heads", l->heads, 1, l->heads);
    hf_ffn(l, KVC_FFN_MOE, width);
  }
}

/* Hunyuan: with "cla", every second layer reads the keys of the one before. */
void hfb_hunyuan(struct hf *h)
{
  struct kvc_model *m = h->m;
  hf_decoder(h);
  hf_moe(h);
  m->moe.shared_gate = false;
  if (!hf_flag(h, "use_mixed_mlp_moe", true)) m->moe.shared_width = 0;
  if (hf_flag(h, "use_qk_norm", false)) m->qk_norm = KVC_QKNORM_HEAD;
  const int64_t factor = hf_opt(h, "cla_share_factor", 1, 1, KVC_MAX_LAYERS);
  if (!hf_flag(h, "use_cla", false)) return;
  for (size_t i = 0; i < m->n_layers; i++)
    m->layers[i].kv_shared = (int64_t)i % factor != 0;
}

/* MiniMax-M3: as M2, with an indexer of its own in the sparse layers. */
void hfb_minimax_m3(struct hf *h)
{
  struct kvc_model *m = h->m;
  hf_decoder(h);
  hf_moe(h);
  m->qk_norm = hf_flag(h, "use_qk_norm", true) ? KVC_QKNORM_HEAD : KVC_QKNORM_NONE;
  m->attn_gate = hf_flag(h, "attention_output_gate", false);
  const cJSON *sparse = hf_object(h, "sparse_attention_config");
  if (hf_flag_in(h, sparse, "use_sparse_attention", false)) {
    m->mla.index_heads =
        (int)hf_int_in(h, sparse, "sparse_num_index_heads", 4, 1, HF_MAX_HEADS);
    m->mla.index_head_dim =
        (int)hf_int_in(h, sparse, "sparse_index_dim", 128, 1, HF_MAX_DIM);
    const int64_t blocks = hf_int_in(h, sparse, "sparse_topk_blocks", 16, 1, 1 << 20);
    const int64_t size = hf_int_in(h, sparse, "sparse_block_size", 128, 1, 1 << 20);
    m->mla.index_topk = (int)(blocks * size < INT32_MAX ? blocks * size : INT32_MAX);
    const cJSON *on = hf_in(sparse, "sparse_attention_freq");
    for (size_t i = 0; i < m->n_layers; i++)
      m->layers[i].indexer = hf_list_int(h, on, (int)i, 1, 0, 1) != 0;
  }
  mtp_of_last(h, "num_nextn_predict_layers", 0);
}

/* Laguna: sliding layers may have more query heads; a gate on each head's output. */
void hfb_laguna(struct hf *h)
{
  struct kvc_model *m = h->m;
  hf_decoder(h);
  hf_sliding(h);
  hf_moe(h);
  const cJSON *heads = hf_get(h, "num_attention_heads_per_layer");
  const cJSON *gating = hf_get(h, "gating"); /* true, "per-head", "per-element" */
  const bool wide =
      cJSON_IsString(gating) && strcmp(gating->valuestring, "per-element") == 0;
  const bool gate = cJSON_IsString(gating) || cJSON_IsTrue(gating);
  for (size_t i = 0; i < m->n_layers && h->rc == KVC_E_OK; i++) {
    struct kvc_layer *l = &m->layers[i];
    l->heads = (int)hf_list_int(h, heads, (int)i, l->heads, 1, HF_MAX_HEADS);
    if (gate && !wide) l->extra_params = m->hidden * l->heads;
  }
  m->attn_gate = wide;
}

/* Step 3.5 and 3.7: sliding layers in between, a few dense ones first; the sliding
 * layers of the published 3.5 have more heads ("attention_other_setting"). */
void hfb_step3(struct hf *h)
{
  struct kvc_model *m = h->m;
  hf_decoder(h);
  hf_sliding(h);
  hf_moe(h);
  const cJSON *other = hf_object(h, "attention_other_setting");
  const int64_t groups = hf_opt(h, "num_attention_groups", 0, 0, HF_MAX_HEADS);
  for (size_t i = 0; i < m->n_layers; i++) {
    struct kvc_layer *l = &m->layers[i];
    if (groups > 0) l->kv_heads = (int)groups;
    l->extra_params = m->hidden * l->heads; /* head-wise output gate */
    if (l->mixer != KVC_MIX_SLIDING || other == NULL) continue;
    l->heads = (int)hf_int_in(h, other, "num_attention_heads", l->heads, 1, HF_MAX_HEADS);
    l->kv_heads =
        (int)hf_int_in(h, other, "num_attention_groups", l->kv_heads, 1, HF_MAX_HEADS);
    l->extra_params = m->hidden * l->heads;
  }
  m->qk_norm = KVC_QKNORM_HEAD;
  if (m->n_layers == 0) return;
  /* MTP layers are dense and bring their own head. */
  struct kvc_layer mtp = m->layers[m->n_layers - 1];
  hf_ffn(&mtp, KVC_FFN_DENSE, hf_need(h, "intermediate_size", 1, HF_MAX_WIDTH));
  hf_mtp(h, hf_opt(h, "num_nextn_predict_layers", 0, 0, 64), &mtp);
  m->mtp_own_params = m->vocab * m->hidden;
}

/* Trinity (AFMoE): a gate as wide as the attention output. */
void hfb_afmoe(struct hf *h)
{
  hf_decoder(h);
  hf_sliding(h);
  hf_moe(h);
  h->m->attn_gate = true;
}

/* MiMo-V2-Flash: sliding layers (1 in "hybrid_layer_pattern") have heads and sinks of
 * their own; values are narrower than keys. */
void hfb_mimo_v2(struct hf *h)
{
  struct kvc_model *m = h->m;
  hf_decoder(h);
  hf_moe(h);
  const cJSON *pattern = hf_get(h, "hybrid_layer_pattern");
  const int64_t window =
      hf_opt(h, "sliding_window|sliding_window_size", 128, 1, INT32_MAX);
  const bool sinks = hf_flag(h, "add_swa_attention_sink_bias", true);
  for (size_t i = 0; i < m->n_layers && h->rc == KVC_E_OK; i++) {
    struct kvc_layer *l = &m->layers[i];
    l->v_head_dim = (int)hf_opt(h, "v_head_dim", l->head_dim, 1, HF_MAX_DIM);
    if (hf_list_int(h, pattern, (int)i, 0, 0, 1) == 0) continue;
    l->mixer = KVC_MIX_SLIDING;
    l->window_tok = (int)window;
    l->heads = (int)hf_opt(h, "swa_num_attention_heads", l->heads, 1, HF_MAX_HEADS);
    l->kv_heads = (int)hf_opt(h, "swa_num_key_value_heads", l->kv_heads, 1, HF_MAX_HEADS);
    l->head_dim = (int)hf_opt(h, "swa_head_dim", l->head_dim, 1, HF_MAX_DIM);
    l->v_head_dim = (int)hf_opt(h, "swa_v_head_dim", l->v_head_dim, 1, HF_MAX_DIM);
    if (sinks) l->extra_params = l->heads;
  }
  mtp_of_last(h, "num_nextn_predict_layers", 0);
}

/* LongCat-Flash: a layer is two attentions, each with a dense MLP, and one mixture of
 * experts beside them; it stands here as three layers.  Some experts compute nothing
 * and cost only their row of the router. */
void hfb_longcat(struct hf *h)
{
  struct kvc_model *m = h->m;
  hf_decoder(h);
  const size_t outer = m->n_layers;
  if (h->rc != KVC_E_OK || outer * 3 > KVC_MAX_LAYERS) {
    hf_fail(h, KVC_E_RANGE, "%zu layers of three parts are too many", outer);
    return;
  }
  const struct kvc_layer plain = m->layers[0];
  hf_layers_alloc(h, (int64_t)outer * 3);
  for (size_t i = 0; i < m->n_layers; i++) m->layers[i] = plain;
  hf_mla(h);
  hf_moe(h);
  const int64_t idle = hf_opt(h, "zero_expert_num", 0, 0, HF_MAX_EXPERTS);
  for (size_t i = 0; i < m->n_layers; i++) {
    struct kvc_layer *l = &m->layers[i];
    if (i % 3 != 1) {
      hf_ffn(l, KVC_FFN_DENSE, plain.ffn_width);
      continue;
    }
    l->mixer = KVC_MIX_NONE;
    l->heads = l->kv_heads = l->head_dim = l->v_head_dim = 0;
    l->indexer = false;
    l->extra_params = idle * (m->hidden + 1) - 2 * m->hidden; /* it has no norms */
  }
}
