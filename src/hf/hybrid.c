/* hybrid.c - builders of classes with recurrent layers.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "hf_room.h"
#include <string.h>

/* A layer without keys and values. */
static void recurrent(struct kvc_layer *l, enum kvc_mixer mixer)
{
  l->mixer = mixer;
  l->heads = l->kv_heads = l->head_dim = l->v_head_dim = l->window_tok = 0;
}

static void mtp_layer(struct hf *h, int64_t count)
{
  struct kvc_model *m = h->m;
  /* The MTP module's layer is one with full attention. */
  for (size_t i = m->n_layers; i-- > 0;) {
    if (m->layers[i].mixer != KVC_MIX_FULL && m->layers[i].mixer != KVC_MIX_MLA) continue;
    hf_mtp(h, count, &m->layers[i]);
    return;
  }
}

/* Qwen3-Next and Qwen3.5 to 3.8: gated delta nets, every fourth layer full attention
 * whose output passes a gate. */
void hfb_qwen3_next(struct hf *h)
{
  struct kvc_model *m = h->m;
  hf_decoder(h);
  hf_moe(h);
  struct kvc_ssm *s = &m->ssm;
  s->k_heads = (int)hf_need(h, "linear_num_key_heads", 1, HF_MAX_HEADS);
  s->v_heads = (int)hf_need(h, "linear_num_value_heads", 1, HF_MAX_HEADS);
  s->k_dim = (int)hf_need(h, "linear_key_head_dim", 1, HF_MAX_DIM);
  s->v_dim = (int)hf_need(h, "linear_value_head_dim", 1, HF_MAX_DIM);
  s->conv = (int)hf_opt(h, "linear_conv_kernel_dim", 4, 1, 1024);
  const char *state = hf_text(h, "mamba_ssm_dtype");
  s->state_fp32 = state != NULL && strcmp(state, "float32") == 0;
  m->attn_gate = hf_flag(h, "attn_output_gate", true);
  const int64_t every = hf_opt(h, "full_attention_interval", 4, 1, KVC_MAX_LAYERS);
  const bool listed = hf_get(h, "layer_types") != NULL;
  for (size_t i = 0; i < m->n_layers; i++) {
    const bool full =
        listed ? hf_layer_is(h, i, "full_attention") : ((int64_t)i + 1) % every == 0;
    if (!full) recurrent(&m->layers[i], KVC_MIX_GDN);
  }
  const bool next = h->type != NULL && strcmp(h->type, "qwen3_next") == 0;
  mtp_layer(h, hf_opt(h, "mtp_num_hidden_layers|num_nextn_predict_layers", next ? 1 : 0,
                      0, 64));
}

/* Kimi-Linear and Kimi-K3: layers are numbered from 1 in "linear_attn_config". */
void hfb_kimi_linear(struct hf *h)
{
  struct kvc_model *m = h->m;
  hf_decoder(h);
  hf_moe(h);
  hf_mla(h);
  m->moe.router_bias = true;
  m->moe.latent_width = hf_opt(h, "routed_expert_hidden_size", 0, 0, HF_MAX_WIDTH);
  const cJSON *linear = hf_object(h, "linear_attn_config");
  struct kvc_ssm *s = &m->ssm;
  s->k_heads = s->v_heads = (int)hf_int_in(h, linear, "num_heads", 0, 0, HF_MAX_HEADS);
  s->k_dim = s->v_dim = (int)hf_int_in(h, linear, "head_dim", 0, 0, HF_MAX_DIM);
  s->conv = (int)hf_int_in(h, linear, "short_conv_kernel_size", 4, 1, 1024);
  s->full_rank_gate = hf_flag_in(h, linear, "use_full_rank_gate", false);
  s->state_fp32 = true;
  if (h->rc == KVC_E_OK && (s->v_heads == 0 || s->v_dim == 0))
    hf_fail(
        h, KVC_E_PARSE,
        "\"linear_attn_config\" lacks \"num_heads\" or \"head_dim\", which %.80s needs",
        h->cls);
  const cJSON *kda = hf_in(linear, "kda_layers");
  for (size_t i = 0; i < m->n_layers; i++) {
    if (!hf_list_has(kda, (int64_t)i + 1)) continue;
    recurrent(&m->layers[i], KVC_MIX_KDA);
    m->layers[i].indexer = false;
  }
  mtp_layer(h, hf_opt(h, "num_nextn_predict_layers", 0, 0, 64));
}

/* MiniMax-Text-01 and M1: 0 = lightning attention, 1 = full. */
void hfb_minimax_text(struct hf *h)
{
  struct kvc_model *m = h->m;
  hf_decoder(h);
  hf_moe(h);
  const cJSON *types = hf_get(h, "attn_type_list");
  struct kvc_ssm *s = &m->ssm;
  for (size_t i = 0; i < m->n_layers; i++) {
    struct kvc_layer *l = &m->layers[i];
    s->v_heads = s->k_heads = l->heads > 0 ? l->heads : s->v_heads;
    s->v_dim = s->k_dim = l->head_dim > 0 ? l->head_dim : s->v_dim;
    const bool full = types != NULL ? hf_list_int(h, types, (int)i, 1, 0, 2) == 1
                                    : hf_layer_is(h, i, "full_attention");
    if (!full) recurrent(l, KVC_MIX_LINEAR);
  }
  s->state_fp32 = true;
}

/* ---- Mamba 1 ------------------------------------------------------------------- */

static void mamba1_sizes(struct hf *h, const char *state, const char *conv,
                         const char *expand, const char *rank)
{
  struct kvc_ssm *s = &h->m->ssm;
  s->inner = hf_opt(h, expand, 2, 1, 64) * h->m->hidden;
  s->state = (int)hf_need(h, state, 1, HF_MAX_DIM);
  s->conv = (int)hf_opt(h, conv, 4, 1, 1024);
  const cJSON *r = hf_get(h, rank); /* may be "auto" */
  s->dt_rank = cJSON_IsNumber(r) ? (int)hf_need(h, rank, 1, HF_MAX_DIM)
                                 : (int)((h->m->hidden + 15) / 16);
}

void hfb_jamba(struct hf *h)
{
  struct kvc_model *m = h->m;
  hf_decoder(h);
  mamba1_sizes(h, "mamba_d_state", "mamba_d_conv", "mamba_expand", "mamba_dt_rank");
  m->ssm.conv_bias = hf_flag(h, "mamba_conv_bias", true);
  m->ssm.proj_bias = hf_flag(h, "mamba_proj_bias", false);
  m->ssm.inner_norms = true;
  const int64_t attn = hf_opt(h, "attn_layer_period", 8, 1, KVC_MAX_LAYERS);
  const int64_t attn_at = hf_opt(h, "attn_layer_offset", 4, 0, KVC_MAX_LAYERS);
  const int64_t moe = hf_opt(h, "expert_layer_period", 2, 1, KVC_MAX_LAYERS);
  const int64_t moe_at = hf_opt(h, "expert_layer_offset", 1, 0, KVC_MAX_LAYERS);
  const int64_t width = hf_need(h, "intermediate_size", 1, HF_MAX_WIDTH);
  m->moe.experts = (int)hf_opt(h, "num_experts", 16, 1, HF_MAX_EXPERTS);
  m->moe.experts_per_tok = (int)hf_opt(h, "num_experts_per_tok", 2, 1, HF_MAX_EXPERTS);
  for (size_t i = 0; i < m->n_layers; i++) {
    struct kvc_layer *l = &m->layers[i];
    if ((int64_t)i % attn != attn_at) recurrent(l, KVC_MIX_MAMBA1);
    if (m->moe.experts > 1 && (int64_t)i % moe == moe_at) hf_ffn(l, KVC_FFN_MOE, width);
  }
}

/* What a model without attention shares with hf_decoder. */
static void bare(struct hf *h, enum kvc_mixer mixer)
{
  struct kvc_model *m = h->m;
  const int64_t layers = hf_need(h, "num_hidden_layers|n_layer", 1, KVC_MAX_LAYERS);
  m->hidden = hf_need(h, "hidden_size|d_model", 1, HF_MAX_HIDDEN);
  m->vocab = hf_need(h, "vocab_size", 1, HF_MAX_VOCAB);
  m->max_position_tok = hf_opt(h, "max_position_embeddings", 1 << 20, 1, HF_MAX_TOKENS);
  m->tie_embeddings = hf_flag(h, "tie_word_embeddings", (h->arch->style & HF_TIED) != 0);
  m->norms_per_layer = 1;
  m->norm_width_factor = 1;
  m->final_norm = true;
  hf_layers_alloc(h, layers);
  for (size_t i = 0; i < m->n_layers; i++) {
    m->layers[i].mixer = mixer;
    m->layers[i].kv_compress = 1;
  }
}

void hfb_mamba(struct hf *h)
{
  struct kvc_model *m = h->m;
  bare(h, KVC_MIX_MAMBA1);
  mamba1_sizes(h, "state_size|d_state", "conv_kernel|d_conv", "expand", "time_step_rank");
  m->ssm.inner = hf_opt(h, "intermediate_size|d_inner", m->ssm.inner, 1, HF_MAX_WIDTH);
  m->ssm.conv_bias = hf_flag(h, "use_conv_bias", true);
  m->ssm.proj_bias = hf_flag(h, "use_bias", false);
}

/* ---- Mamba 2 ------------------------------------------------------------------- */

static void mamba2_sizes(struct hf *h)
{
  struct kvc_ssm *s = &h->m->ssm;
  s->heads = (int)hf_need(h, "mamba_n_heads|mamba_num_heads|num_heads", 1, HF_MAX_HEADS);
  const int64_t expand = hf_opt(h, "mamba_expand|expand", 2, 1, 64);
  const int64_t dim = expand * h->m->hidden / s->heads;
  const cJSON *d = hf_get(h, "mamba_d_head|mamba_head_dim|head_dim");
  const bool stated = cJSON_IsNumber(d); /* may be "auto" */
  s->head_dim =
      (int)(stated ? hf_need(h, "mamba_d_head|mamba_head_dim|head_dim", 1, HF_MAX_DIM)
                   : dim);
  s->inner = hf_opt(h, "mamba_d_ssm", (int64_t)s->heads * s->head_dim, 1, HF_MAX_WIDTH);
  s->groups = (int)hf_opt(h, "mamba_n_groups|n_groups", 1, 1, HF_MAX_HEADS);
  s->state = (int)hf_need(h, "mamba_d_state|ssm_state_size|state_size", 1, HF_MAX_DIM);
  s->conv = (int)hf_opt(h, "mamba_d_conv|conv_kernel", 4, 1, 1024);
  s->conv_bias = hf_flag(h, "mamba_conv_bias|use_conv_bias", true);
  s->proj_bias = hf_flag(h, "mamba_proj_bias|use_bias", false);
  s->gated_norm = true;
  const char *state = hf_text(h, "mamba_ssm_cache_dtype");
  s->state_fp32 = state != NULL && strcmp(state, "float32") == 0;
}

void hfb_mamba2(struct hf *h)
{
  bare(h, KVC_MIX_MAMBA2);
  mamba2_sizes(h);
}

void hfb_bamba(struct hf *h)
{
  struct kvc_model *m = h->m;
  hf_decoder(h);
  mamba2_sizes(h);
  const cJSON *attn = hf_get(h, "attn_layer_indices");
  for (size_t i = 0; i < m->n_layers; i++)
    if (!hf_list_has(attn, (int64_t)i)) recurrent(&m->layers[i], KVC_MIX_MAMBA2);
}

/* Falcon-H1: attention and Mamba 2 side by side in every layer. */
void hfb_falcon_h1(struct hf *h)
{
  struct kvc_model *m = h->m;
  hf_decoder(h);
  mamba2_sizes(h);
  m->ssm.gated_norm = hf_flag(h, "mamba_rms_norm", false);
  for (size_t i = 0; i < m->n_layers; i++) m->layers[i].parallel_mamba = true;
}

/* Granite 4: "mamba" and "attention" layers; the feed-forward is a shared expert
 * beside routed ones, or alone in the dense members. */
void hfb_granite_hybrid(struct hf *h)
{
  struct kvc_model *m = h->m;
  hf_decoder(h);
  const cJSON *types = hf_get(h, "layer_types|layers_block_type");
  bool mamba = false;
  for (size_t i = 0; i < m->n_layers; i++) {
    const cJSON *type = cJSON_GetArrayItem(types, (int)i);
    if (!cJSON_IsString(type) || strcmp(type->valuestring, "mamba") != 0) continue;
    recurrent(&m->layers[i], KVC_MIX_MAMBA2);
    mamba = true;
  }
  if (mamba) mamba2_sizes(h);
  const int64_t shared = hf_opt(h, "shared_intermediate_size", 0, 0, HF_MAX_WIDTH);
  if (hf_opt(h, "num_local_experts", 0, 0, HF_MAX_EXPERTS) > 0) {
    hf_moe(h);
    return;
  }
  for (size_t i = 0; i < m->n_layers; i++)
    if (shared > 0) hf_ffn(&m->layers[i], KVC_FFN_DENSE, shared);
}

/* Nemotron-H: one letter a layer - M Mamba 2, * attention, - MLP, E experts. */
static void nemotron_layer(struct hf *h, char letter, struct kvc_layer *l)
{
  const int64_t dense = hf_opt(h, "intermediate_size", 0, 0, HF_MAX_WIDTH);
  if (letter != '*') recurrent(l, letter == 'M' ? KVC_MIX_MAMBA2 : KVC_MIX_NONE);
  if (letter == 'E')
    hf_ffn(l, KVC_FFN_MOE, hf_opt(h, "moe_intermediate_size", dense, 1, HF_MAX_WIDTH));
  else
    hf_ffn(l, KVC_FFN_DENSE, letter == '-' ? dense : 0);
}

static char nemotron_letter(const char *pattern, const cJSON *list, size_t i)
{
  const cJSON *item = cJSON_GetArrayItem(list, (int)i);
  if (pattern != NULL && i < strlen(pattern)) return pattern[i];
  if (!cJSON_IsString(item)) return '\0';
  if (strcmp(item->valuestring, "mamba") == 0) return 'M';
  if (strcmp(item->valuestring, "attention") == 0) return '*';
  if (strcmp(item->valuestring, "moe") == 0) return 'E';
  return strcmp(item->valuestring, "mlp") == 0 ? '-' : '\0';
}

static void nemotron_mtp(struct hf *h, const struct kvc_layer *plain)
{
  struct kvc_model *m = h->m;
  const char *pattern = hf_text(h, "mtp_hybrid_override_pattern");
  const cJSON *list = hf_get(h, "mtp_layers_block_type");
  const int64_t count = hf_opt(h, "num_nextn_predict_layers", 0, 0, 64);
  const size_t layers =
      pattern != NULL ? strlen(pattern) : (size_t)cJSON_GetArraySize(list);
  if (layers == 0 || count == 0 || layers > 64) return;
  hf_mtp(h, count, plain);
  m->mtp = kvc_arena_alloc(h->arena, layers, sizeof *m->mtp);
  m->n_mtp = 0;
  if (m->mtp == NULL) {
    if (h->rc == KVC_E_OK) h->rc = kvc_arena_full(h->arena, h->where, h->err);
    return;
  }
  for (size_t i = 0; i < layers; i++) {
    m->mtp[i] = *plain;
    nemotron_layer(h, nemotron_letter(pattern, list, i), &m->mtp[i]);
    m->n_mtp++;
  }
}

void hfb_nemotron_h(struct hf *h)
{
  struct kvc_model *m = h->m;
  hf_decoder(h);
  mamba2_sizes(h);
  hf_moe(h);
  m->moe.gated = false;
  m->moe.router_bias = m->moe.experts > 0;
  m->moe.latent_width = hf_opt(h, "moe_latent_size", 0, 0, HF_MAX_WIDTH);
  m->norms_per_layer = 1;
  if (h->rc != KVC_E_OK) return;
  const struct kvc_layer plain = m->layers[0];
  const char *pattern = hf_text(h, "hybrid_override_pattern");
  for (size_t i = 0; i < m->n_layers; i++) {
    const char letter =
        nemotron_letter(pattern, hf_get(h, "layers_block_type|layer_types"), i);
    if (letter == '\0' || strchr("M*-E", letter) == NULL) {
      hf_fail(h, KVC_E_PARSE,
              "\"hybrid_override_pattern\" says nothing understood about layer %zu", i);
      return;
    }
    nemotron_layer(h, letter, &m->layers[i]);
  }
  nemotron_mtp(h, &plain);
}

/* ---- LFM2 ------------------------------------------------------------------------ */

/* LFM2 states the width before SwiGLU's two thirds and the rounding. */
static int64_t lfm2_width(struct hf *h)
{
  const int64_t stated = hf_need(h, "block_ff_dim|intermediate_size", 1, HF_MAX_WIDTH);
  if (!hf_flag(h, "block_auto_adjust_ff_dim", true)) return stated;
  const double by = hf_real(h, "block_ffn_dim_multiplier", 1, 0.01, 64);
  const int64_t step = hf_opt(h, "block_multiple_of", 256, 1, 1 << 20);
  const int64_t thirds = 2 * stated / 3;
  const int64_t width = (int64_t)(by * (double)thirds);
  return (width + step - 1) / step * step;
}

void hfb_lfm2(struct hf *h)
{
  struct kvc_model *m = h->m;
  hf_decoder(h);
  const bool moe = hf_get(h, "num_experts") != NULL;
  if (moe) hf_moe(h);
  m->moe.router_bias = moe && hf_flag(h, "use_expert_bias", true);
  m->ssm.inner = m->hidden;
  m->ssm.conv = (int)hf_opt(h, "conv_L_cache", 3, 1, 1024);
  m->ssm.conv_bias = hf_flag(h, "conv_bias", false);
  const int64_t width = moe ? 0 : lfm2_width(h);
  const cJSON *full = hf_get(h, "full_attn_idxs");
  for (size_t i = 0; i < m->n_layers; i++) {
    struct kvc_layer *l = &m->layers[i];
    if (width > 0) l->ffn_width = width;
    const bool attn = full != NULL ? hf_list_has(full, (int64_t)i)
                                   : hf_layer_is(h, i, "full_attention");
    if (!attn) recurrent(l, KVC_MIX_SHORTCONV);
  }
}
