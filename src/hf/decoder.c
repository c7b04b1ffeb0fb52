/* decoder.c - what nearly all decoder classes have in common.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "hf_room.h"
#include <math.h>
#include <string.h>

/* Spellings of one fact over the classes. */
#define KEY_LAYERS "num_hidden_layers|n_layer|num_layers|n_layers"
#define KEY_HIDDEN "hidden_size|n_embd|d_model|n_embed"
#define KEY_HEADS "num_attention_heads|n_head|n_heads|num_heads"
#define KEY_KV "num_key_value_heads|num_kv_heads|multi_query_group_num|n_head_kv"
#define KEY_DIM "head_dim|kv_channels|attention_head_dim|attention_key_size"
#define KEY_FFN                                                                          \
  "intermediate_size|ffn_hidden_size|n_inner|ffn_dim|d_ff|ff_intermediate_size"

void hf_layers_alloc(struct hf *h, int64_t count)
{
  struct kvc_model *m = h->m;
  m->n_layers = 0;
  if (h->rc != KVC_E_OK) return;
  m->layers = kvc_arena_alloc(h->arena, (size_t)count, sizeof *m->layers);
  if (m->layers == NULL) {
    h->rc = kvc_arena_full(h->arena, h->where, h->err);
    return;
  }
  m->n_layers = (size_t)count;
}

void hf_ffn(struct kvc_layer *layer, enum kvc_ffn ffn, int64_t width)
{
  layer->ffn = width > 0 ? ffn : KVC_FFN_NONE;
  layer->ffn_width = width;
}

bool hf_layer_is(const struct hf *h, size_t i, const char *name)
{
  const cJSON *item = cJSON_GetArrayItem(hf_get(h, "layer_types"), (int)i);
  return cJSON_IsString(item) && strcmp(item->valuestring, name) == 0;
}

/* Key-value heads: a list where the class gives one, "multi_query" means one. */
static int kv_heads(struct hf *h, int64_t heads)
{
  if (hf_flag(h, "multi_query", false)) return 1;
  const cJSON *item = hf_get(h, KEY_KV);
  if (cJSON_IsArray(item)) return (int)hf_list_int(h, item, 0, heads, 1, HF_MAX_HEADS);
  return (int)hf_opt(h, KEY_KV, heads, 1, HF_MAX_HEADS);
}

/* ---- context length --------------------------------------------------------- */

static const cJSON *rope_scaling(const struct hf *h)
{
  const cJSON *r = hf_object(h, "rope_scaling");
  if (r == NULL) r = hf_object(h, "rope_parameters");
  const cJSON *full = hf_in(r, "full_attention");
  return cJSON_IsObject(full) ? full : r;
}

static const char *rope_type(const cJSON *r)
{
  const char *t = hf_text_in(r, "rope_type");
  if (t == NULL) t = hf_text_in(r, "type");
  return t != NULL ? t : "default";
}

static bool rope_is(const cJSON *r, const char *name)
{
  return strcmp(rope_type(r), name) == 0;
}

static double number_in(const cJSON *object, const char *key, double def)
{
  const cJSON *item = hf_in(object, key);
  return cJSON_IsNumber(item) && item->valuedouble > 0 && item->valuedouble < 1e12
             ? item->valuedouble
             : def;
}

/* vLLM's derivation: the smallest of the length keys, stretched by rope scaling
 * unless the method already counts it in. */
static int64_t context_length(struct hf *h)
{
  static const char *const keys[] = {
      "max_position_embeddings", "n_positions",    "max_seq_len", "seq_length",
      "max_sequence_length",     "max_seq_length", "seq_len",     "model_max_length"};
  int64_t best = 0;
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    const int64_t v = hf_opt(h, keys[i], 0, 0, HF_MAX_TOKENS);
    if (v > 0 && (best == 0 || v < best)) best = v;
  }
  const cJSON *r = rope_scaling(h);
  if (r == NULL || (h->type != NULL && strncmp(h->type, "gemma3", 6) == 0)) return best;
  const double factor = number_in(r, "factor", 1);
  if (rope_is(r, "yarn") || rope_is(r, "deepseek_yarn")) {
    const double original =
        number_in(r, "original_max_position_embeddings", (double)best);
    return (int64_t)(original * factor);
  }
  if (rope_is(r, "linear") || rope_is(r, "dynamic"))
    return (int64_t)((double)best * factor);
  return best;
}

/* Rows of vLLM's cos/sin table. */
static double rope_rows(struct hf *h, const cJSON *r)
{
  const double plain = (double)hf_opt(
      h, "max_position_embeddings|n_positions|max_seq_len|seq_length",
      h->m->max_position_tok > 0 ? h->m->max_position_tok : 2048, 1, HF_MAX_TOKENS);
  if (r == NULL) return plain;
  const double factor = number_in(r, "factor", 1);
  const double original = number_in(r, "original_max_position_embeddings",
                                    (double)hf_opt(h, "original_max_position_embeddings",
                                                   (int64_t)plain, 1, HF_MAX_TOKENS));
  if (rope_is(r, "yarn") || rope_is(r, "deepseek_yarn")) return original * factor;
  if (rope_is(r, "linear") || rope_is(r, "dynamic")) return plain * factor;
  if (rope_is(r, "longrope") || rope_is(r, "su")) return original + plain;
  if (hf_in(r, "mrope_section") != NULL) return plain * 4;
  return plain;
}

void hf_rope(struct hf *h)
{
  struct kvc_model *m = h->m;
  if (h->rc != KVC_E_OK || m->learned_positions > 0 || m->n_layers == 0) return;
  if (hf_flag(h, "alibi", false)) return;
  const cJSON *r = rope_scaling(h);
  int dim = 0;
  bool local = false;
  for (size_t i = 0; i < m->n_layers; i++) {
    const struct kvc_layer *l = &m->layers[i];
    if (l->mixer == KVC_MIX_MLA)
      dim = m->mla.qk_rope_head_dim;
    else if (l->head_dim > dim)
      dim = l->head_dim;
    local = local || l->mixer == KVC_MIX_SLIDING;
  }
  const double partial =
      hf_real(h, "partial_rotary_factor|rotary_pct|rope_pct|rope_ratio",
              number_in(r, "partial_rotary_factor", 1), 0, 1e6);
  if (m->mla.kv_lora_rank == 0 && partial > 0 && partial < 1) dim = (int)(dim * partial);
  m->rope_cache_elems = rope_rows(h, r) * dim;
  /* Gemma 3 and its like keep a second table for their sliding layers. */
  if (local && (hf_get(h, "rope_local_base_freq") != NULL ||
                (h->type != NULL && strncmp(h->type, "gemma3", 6) == 0)))
    m->rope_cache_elems += (double)m->max_position_tok * dim;
}

/* ---- sliding windows ---------------------------------------------------------- */

static void set_sliding(struct kvc_layer *layer, int64_t window)
{
  if (layer->mixer != KVC_MIX_FULL || window <= 0) return;
  layer->mixer = KVC_MIX_SLIDING;
  layer->window_tok = (int)window;
}

void hf_sliding(struct hf *h)
{
  struct kvc_model *m = h->m;
  const int64_t window =
      hf_opt(h, "sliding_window|sliding_window_size", 0, -1, INT32_MAX);
  if (h->rc != KVC_E_OK || window <= 0) return;
  if ((h->arch->style & HF_SWITCH_SWA) && !hf_flag(h, "use_sliding_window", false))
    return;
  const cJSON *types = hf_get(h, "layer_types");
  static const char pattern_keys[] = "sliding_window_pattern|_sliding_window_pattern";
  const char *letters = hf_text(h, pattern_keys); /* "LLLG" (EXAONE 4) */
  const int64_t pattern =
      letters != NULL ? 0 : hf_opt(h, pattern_keys, 0, 0, KVC_MAX_LAYERS);
  const int64_t from = hf_opt(h, "max_window_layers", 0, 0, INT32_MAX);
  const bool late = (h->arch->style & HF_SWITCH_SWA) != 0;
  for (size_t i = 0; i < m->n_layers; i++) {
    bool on;
    if (cJSON_IsArray(types))
      on = hf_layer_is(h, i, "sliding_attention");
    else if (letters != NULL && *letters != '\0')
      on = letters[i % strlen(letters)] == 'L';
    else if (pattern > 0)
      on = ((int64_t)i + 1) % pattern != 0;
    else
      on = !late || (int64_t)i >= from;
    if (on) set_sliding(&m->layers[i], window);
  }
}

/* ---- MLA and MTP --------------------------------------------------------------- */

void hf_mla(struct hf *h)
{
  struct kvc_mla *x = &h->m->mla;
  x->q_lora_rank = (int)hf_opt(h, "q_lora_rank", 0, 0, HF_MAX_DIM);
  x->kv_lora_rank = (int)hf_need(h, "kv_lora_rank", 1, HF_MAX_DIM);
  x->qk_nope_head_dim = (int)hf_need(h, "qk_nope_head_dim", 1, HF_MAX_DIM);
  x->qk_rope_head_dim = (int)hf_need(h, "qk_rope_head_dim", 0, HF_MAX_DIM);
  x->v_head_dim = (int)hf_need(h, "v_head_dim", 1, HF_MAX_DIM);
  x->index_heads = (int)hf_opt(h, "index_n_heads", 0, 0, HF_MAX_HEADS);
  x->index_head_dim = (int)hf_opt(h, "index_head_dim", 0, 0, HF_MAX_DIM);
  x->index_topk = (int)hf_opt(h, "index_topk", 0, 0, INT32_MAX);
  x->output_gate = hf_flag(h, "mla_use_output_gate", false);
  for (size_t i = 0; i < h->m->n_layers; i++) {
    struct kvc_layer *l = &h->m->layers[i];
    l->mixer = KVC_MIX_MLA;
    l->head_dim = x->qk_nope_head_dim + x->qk_rope_head_dim;
    l->v_head_dim = x->v_head_dim;
    l->kv_heads = 1;
    l->indexer = x->index_heads > 0 && x->index_head_dim > 0;
  }
}

void hf_mtp(struct hf *h, int64_t count, const struct kvc_layer *like)
{
  struct kvc_model *m = h->m;
  if (h->rc != KVC_E_OK || count <= 0) return;
  m->mtp = kvc_arena_alloc(h->arena, 1, sizeof *m->mtp);
  if (m->mtp == NULL) {
    h->rc = kvc_arena_full(h->arena, h->where, h->err);
    return;
  }
  m->mtp[0] = *like;
  m->n_mtp = 1;
  m->mtp_layers = (int)count;
  /* Two norms, the projection of [embedding, hidden] to hidden, a final norm. */
  m->mtp_extra_params = 2 * m->hidden * m->hidden + 3 * m->hidden;
}

/* ---- the common part ------------------------------------------------------------ */

static void read_flags(struct hf *h)
{
  const unsigned s = h->arch->style;
  struct kvc_model *m = h->m;
  m->mlp_gated = (s & HF_GATED) != 0;
  m->moe.gated = m->mlp_gated;
  m->norm_width_factor = (s & HF_NORM_FREE) ? 0 : (s & HF_LAYERNORM) ? 2 : 1;
  m->norms_per_layer = (s & HF_ONE_NORM) ? 1 : (s & HF_FOUR_NORMS) ? 4 : 2;
  m->final_norm = true;
  m->embed_norm = (s & HF_EMBED_NORM) != 0;
  const bool bias =
      hf_flag(h, "attention_bias|use_bias|bias|use_attention_bias", (s & HF_BIAS) != 0);
  m->qkv_bias =
      (s & HF_QKV_BIAS) != 0 || hf_flag(h, "qkv_bias|add_qkv_bias|use_qkv_bias", bias);
  m->o_bias =
      (s & HF_QKV_ONLY) ? false : hf_flag(h, "attention_out_bias|dense_bias", bias);
  m->mlp_bias =
      hf_flag(h, "mlp_bias|use_mlp_bias|use_bias", (s & (HF_BIAS | HF_MLP_BIAS)) != 0);
  m->lm_head_bias = (s & HF_LM_BIAS) != 0;
  m->qk_norm = (s & HF_QK_NORM)        ? KVC_QKNORM_HEAD
               : (s & HF_QK_NORM_FULL) ? KVC_QKNORM_FULL
                                       : KVC_QKNORM_NONE;
  m->pooling = (s & HF_POOLING) != 0;
}

static bool read_tie(const struct hf *h)
{
  const cJSON *tie = hf_get(h, "tie_word_embeddings");
  if (tie == NULL && h->nested) tie = hf_in(h->root, "tie_word_embeddings");
  if (tie != NULL) return cJSON_IsTrue(tie) != 0;
  return (h->arch->style & HF_TIED) != 0;
}

/* Some configs state the number of layers only by listing them. */
static int64_t layer_count(struct hf *h)
{
  const cJSON *list = hf_get(h, "layers_block_type|layer_types|block_configs");
  const int listed = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;
  if (hf_get(h, KEY_LAYERS) == NULL && listed > 0 && listed <= KVC_MAX_LAYERS)
    return listed;
  return hf_need(h, KEY_LAYERS, 1, KVC_MAX_LAYERS);
}

void hf_decoder(struct hf *h)
{
  struct kvc_model *m = h->m;
  const int64_t layers = layer_count(h);
  m->hidden = hf_need(h, KEY_HIDDEN, 1, HF_MAX_HIDDEN);
  m->vocab = hf_need(h, "vocab_size|padded_vocab_size", 1, HF_MAX_VOCAB);
  if (hf_get(h, "padded_vocab_size") != NULL)
    m->vocab = hf_need(h, "padded_vocab_size", 1, HF_MAX_VOCAB);
  const int64_t heads = hf_need(h, KEY_HEADS, 1, HF_MAX_HEADS);
  const int kv = kv_heads(h, heads);
  const int64_t dim = hf_opt(h, KEY_DIM, m->hidden / heads, 1, HF_MAX_DIM);
  const cJSON *ffn = hf_get(h, KEY_FFN); /* one a layer in Gemma 3n */
  const int64_t width = cJSON_IsArray(ffn)
                            ? hf_list_int(h, ffn, 0, 0, 0, HF_MAX_WIDTH)
                            : hf_opt(h, KEY_FFN, 4 * m->hidden, 0, HF_MAX_WIDTH);
  m->max_position_tok = context_length(h);
  m->tie_embeddings = read_tie(h);
  read_flags(h);
  if (h->rc == KVC_E_OK && (dim < 1 || kv > heads))
    hf_fail(h, KVC_E_RANGE,
            "%lld heads of %d key-value heads do not fit hidden size %lld",
            (long long)heads, kv, (long long)m->hidden);
  hf_layers_alloc(h, layers);
  for (size_t i = 0; i < m->n_layers; i++) {
    struct kvc_layer *l = &m->layers[i];
    l->mixer = (h->arch->style & HF_ENCODER) ? KVC_MIX_ENCODER : KVC_MIX_FULL;
    l->heads = (int)heads;
    l->kv_heads = kv;
    l->head_dim = (int)dim;
    l->v_head_dim = (int)dim;
    l->kv_compress = 1;
    hf_ffn(l, KVC_FFN_DENSE, width);
  }
}
