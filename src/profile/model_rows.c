/* model_rows.c - the keys of a model profile.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "model_rows.h"

static const char *const mixer_words[] = {
    "none",   "full",   "sliding", "chunked", "mla",       "cross",  "encoder",
    "mamba1", "mamba2", "gdn",     "kda",     "shortconv", "linear", NULL};
static const char *const ffn_words[] = {"none", "dense", "moe", NULL};
static const char *const qk_norm_words[] = {"none", "head", "full", NULL};
const char *const quant_words[] = {"none",  "fp8", "int8", "int", "mxfp4",
                                   "nvfp4", "bnb", "gguf", NULL};
const char *const part_words[] = {
    "attention_in", "attention_out", "dense", "experts", "shared",
    "ssm",          "lm_head",       "embed", "rest",    NULL};

/* clang-format off */
#define M(field) offsetof(struct kvc_model, field)
#define TEXT(k, h)   {.key = #k, .type = FIELD_TEXT, .offset = M(k), .help = h}
#define INT(k, h)    {.key = #k, .type = FIELD_INT, .offset = M(k), .help = h}
#define INT64(k, h)  {.key = #k, .type = FIELD_INT64, .offset = M(k), .help = h}
#define NUM(k, h)    {.key = #k, .type = FIELD_DOUBLE, .offset = M(k), .help = h}
#define BOOL(k, h)   {.key = #k, .type = FIELD_BOOL, .offset = M(k), .help = h}

const struct field model_head_rows[] = {
    {.key = "name", .type = FIELD_TEXT, .offset = M(name), .required = true,
     .help = "canonical name: the repository on the Hugging Face hub"},
    {.key = "aliases", .type = FIELD_TEXTS, .offset = M(aliases), .count = M(n_aliases),
     .help = "other repositories of the same shape and format"},
    TEXT(architecture, "class in config.json"),
    {.key = "cite", .type = FIELD_TEXT, .offset = M(cite), .required = true,
     .help = "key in citations/"},
    TEXT(notes, "anything that will surprise a user"),
    {.key = "dtype", .type = FIELD_TEXT, .offset = M(dtype), .required = true,
     .help = "dtype of the checkpoint: bfloat16, float16 or float32"},
    {.key = "hidden", .type = FIELD_INT64, .offset = M(hidden), .min = 1, .max = 1e7,
     .required = true, .help = "hidden size"},
    {.key = "vocab", .type = FIELD_INT64, .offset = M(vocab), .max = 1e8,
     .required = true, .help = "vocabulary entries"},
    INT64(vocab_padded, "lm_head rows when they differ from vocab"),
    INT64(max_position_tok, "longest context of the config"),
    BOOL(tie_embeddings, "lm_head shares the embedding"),
    BOOL(pooling, "embedding or reward model: no sampler, no lm_head"),
    INT64(learned_positions, "rows of a position table"),
    INT64(embed_width, "width of the embedding when it is not hidden"),
    INT64(extra_embed_params, "parameters of further tables"),
    {.key = NULL},
};

const struct field model_rest_rows[] = {
    INT(norms_per_layer, "hidden-size norms in one layer"),
    INT(norm_width_factor, "2: norms have weight and bias; 1: weight only; 0: none"),
    BOOL(final_norm, "a norm before lm_head"),
    BOOL(embed_norm, "a norm after the embedding"),
    BOOL(qkv_bias, "query, key and value projections have biases"),
    BOOL(o_bias, "the output projection has a bias"),
    BOOL(mlp_bias, "feed-forward projections have biases"),
    BOOL(lm_head_bias, "lm_head has a bias"),
    BOOL(mlp_gated, "gate, up and down; otherwise up and down"),
    BOOL(attn_gate, "the query projection is doubled for an output gate"),
    BOOL(sinks, "one learned attention sink per head"),
    {.key = "qk_norm", .type = FIELD_ENUM, .offset = M(qk_norm), .words = qk_norm_words,
     .help = "norms on queries and keys: none, head or full"},
    INT(extra_layer_params, "small tensors of every layer that no other key covers"),
    INT(mtp_layers, "multi-token-prediction modules shipped with the model"),
    INT64(mtp_extra_params, "their fusing projection and norms"),
    INT64(mtp_own_params, "their copies of embedding and head on disk"),
    NUM(rope_cache_elems, "elements of the cos/sin table kept in the model's dtype"),
    NUM(published_params, "parameters as published"),
    NUM(published_bytes, "bytes of the safetensors files as published"),
    {.key = NULL},
};

#undef M
#undef INT
#undef INT64
#undef BOOL
#undef TEXT
#undef NUM

#define L(field) offsetof(struct kvc_layer, field)
const struct field layer_rows[] = {
    {.key = "mixer", .type = FIELD_ENUM, .offset = L(mixer), .words = mixer_words,
     .required = true, .help = "what mixes tokens"},
    {.key = "ffn", .type = FIELD_ENUM, .offset = L(ffn), .words = ffn_words,
     .help = "none, dense or moe"},
    {.key = "heads", .type = FIELD_INT, .offset = L(heads), .max = 1e5, .help = "query heads"},
    {.key = "kv_heads", .type = FIELD_INT, .offset = L(kv_heads), .max = 1e5,
     .help = "key-value heads"},
    {.key = "head_dim", .type = FIELD_INT, .offset = L(head_dim), .max = 1e5,
     .help = "width of a query and key head"},
    {.key = "v_head_dim", .type = FIELD_INT, .offset = L(v_head_dim), .max = 1e5,
     .help = "width of a value head"},
    {.key = "window_tok", .type = FIELD_INT, .offset = L(window_tok),
     .help = "sliding window or chunk"},
    {.key = "ffn_width", .type = FIELD_INT64, .offset = L(ffn_width), .max = 1e8,
     .help = "intermediate size; of one expert where ffn is moe"},
    {.key = "kv_compress", .type = FIELD_INT, .offset = L(kv_compress), .required = true,
     .help = "tokens per KV entry: 1 keeps all, 0 keeps the window only"},
    {.key = "parallel_mamba", .type = FIELD_BOOL, .offset = L(parallel_mamba),
     .help = "attention and Mamba2 side by side"},
    {.key = "kv_shared", .type = FIELD_BOOL, .offset = L(kv_shared),
     .help = "reads an earlier layer's KV cache and owns none"},
    {.key = "k_is_v", .type = FIELD_BOOL, .offset = L(k_is_v),
     .help = "one projection serves keys and values"},
    {.key = "indexer", .type = FIELD_BOOL, .offset = L(indexer),
     .help = "sparse-attention indexer with a cache of its own"},
    {.key = "extra_params", .type = FIELD_INT64, .offset = L(extra_params),
     .help = "small tensors of this layer"},
    {.key = "formats", .type = FIELD_CUSTOM, .help = "parts in another format than the model"},
    {.key = NULL},
};
#undef L

#define A(field) offsetof(struct kvc_mla, field)
#define INT(k, h)  {.key = #k, .type = FIELD_INT, .offset = A(k), .help = h}
#define BOOL(k, h) {.key = #k, .type = FIELD_BOOL, .offset = A(k), .help = h}
const struct field mla_rows[] = {
    INT(q_lora_rank, "rank of the query compression, 0 = none"),
    INT(kv_lora_rank, "rank of the latent"),
    INT(qk_nope_head_dim, "part of a head without rotation"),
    INT(qk_rope_head_dim, "rotary part of a head"),
    INT(v_head_dim, "width of a value head"),
    INT(index_heads, "heads of the sparse-attention indexer"),
    INT(index_head_dim, "their width"),
    INT(index_topk, "tokens that sparse attention keeps"),
    INT(o_lora_rank, "rank of a grouped low-rank output projection"),
    INT(o_groups, "its groups"),
    BOOL(shared_kv, "one projection to a single K=V head"),
    BOOL(output_gate, "a gate as wide as the attention output"),
    {.key = NULL},
};
#undef A
#undef INT
#undef BOOL

#define E(field) offsetof(struct kvc_moe, field)
#define INT(k, h)  {.key = #k, .type = FIELD_INT, .offset = E(k), .help = h}
#define INT64(k, h) {.key = #k, .type = FIELD_INT64, .offset = E(k), .help = h}
#define BOOL(k, h) {.key = #k, .type = FIELD_BOOL, .offset = E(k), .help = h}
const struct field moe_rows[] = {
    INT(experts, "routed experts"),
    INT(experts_per_tok, "experts a token visits"),
    INT(shared_experts, "experts every token visits"),
    INT64(shared_width, "their intermediate size together"),
    BOOL(shared_gate, "a sigmoid gate on the shared expert"),
    BOOL(router_bias, "a bias or score correction per expert"),
    BOOL(expert_bias, "biases inside the experts"),
    BOOL(gated, "experts have gate and up projections"),
    INT64(latent_width, "experts work in a space of this width"),
    BOOL(shared_bias, "biases in the shared expert"),
    {.key = NULL},
};
#undef E
#undef INT
#undef INT64
#undef BOOL

#define S(field) offsetof(struct kvc_ssm, field)
#define INT(k, h)  {.key = #k, .type = FIELD_INT, .offset = S(k), .help = h}
#define INT64(k, h) {.key = #k, .type = FIELD_INT64, .offset = S(k), .help = h}
#define BOOL(k, h) {.key = #k, .type = FIELD_BOOL, .offset = S(k), .help = h}
const struct field ssm_rows[] = {
    INT64(inner, "inner width of Mamba"),
    INT(state, "state size"),
    INT(conv, "taps of the short convolution"),
    INT(dt_rank, "rank of the time step (Mamba1)"),
    INT(heads, "heads (Mamba2)"),
    INT(head_dim, "their width"),
    INT(groups, "groups of B and C"),
    INT(k_heads, "key heads of a delta net"),
    INT(v_heads, "value heads"),
    INT(k_dim, "width of a key head"),
    INT(v_dim, "width of a value head"),
    BOOL(conv_bias, "the convolution has a bias"),
    BOOL(proj_bias, "the projections have biases"),
    BOOL(state_fp32, "the recurrent state is kept in float32"),
    BOOL(gated_norm, "a norm of the inner width before the output"),
    BOOL(inner_norms, "norms on dt, B and C"),
    BOOL(full_rank_gate, "the output gate is one full matrix"),
    {.key = NULL},
};
#undef S
#undef INT
#undef INT64
#undef BOOL

#define Q(field) offsetof(struct kvc_quant, field)
#define BOOL(k, h) {.key = #k, .type = FIELD_BOOL, .offset = Q(k), .help = h}
#define INT(k, h)  {.key = #k, .type = FIELD_INT, .offset = Q(k), .min = -1, .max = 1e9, .help = h}
#define NUM(k, h)  {.key = #k, .type = FIELD_DOUBLE, .offset = Q(k), .max = 1e6, .help = h}
const struct field quant_rows[] = {
    {.key = "kind", .type = FIELD_ENUM, .offset = Q(kind), .words = quant_words,
     .help = "fp8, int8, int, mxfp4, nvfp4, bnb or gguf"},
    {.key = "method", .type = FIELD_TEXT, .offset = Q(method), .help = "vLLM's name of it"},
    NUM(bits, "bits of one weight"),
    INT(group_size, "weights per scale; -1 one per output channel, 0 one per tensor"),
    INT(block_rows, "rows of a block of scales"),
    INT(block_cols, "its columns"),
    NUM(scale_bytes, "bytes of one scale"),
    NUM(zero_bits, "bits of one zero point"),
    BOOL(act_order, "an index per input row (GPTQ desc_act)"),
    BOOL(skip_lm_head, "lm_head stays in the model's dtype"),
    BOOL(skip_embed, "the embedding stays"),
    BOOL(skip_attention, "attention stays"),
    BOOL(skip_dense_ffn, "the dense feed-forward stays"),
    BOOL(skip_shared_expert, "shared experts stay"),
    BOOL(skip_router, "routers stay"),
    BOOL(skip_ssm, "recurrent layers stay"),
    BOOL(skip_vision, "towers stay"),
    BOOL(experts_only, "only routed experts are quantised"),
    {.key = "attention_kind", .type = FIELD_ENUM, .offset = Q(attention_kind),
     .words = quant_words, .help = "format of attention in a mixed checkpoint"},
    NUM(attention_bits, "its bits"),
    {.key = "kv_cache_dtype", .type = FIELD_TEXT, .offset = Q(kv_cache_dtype),
     .help = "KV scheme that the checkpoint asks for"},
    BOOL(double_quant, "the scales are quantised on disk"),
    {.key = NULL},
};
#undef Q
#undef INT
#undef NUM
#undef BOOL

#define T(field) offsetof(struct kvc_tower, field)
const struct field tower_rows[] = {
    {.key = "kind", .type = FIELD_TEXT, .offset = T(kind), .required = true,
     .help = "vision, audio or encoder"},
    {.key = "params", .type = FIELD_DOUBLE, .offset = T(params), .max = 1e12,
     .help = "all its parameters"},
    {.key = "max_item_tok", .type = FIELD_INT64, .offset = T(max_item_tok),
     .help = "tokens of the largest item"},
    {.key = "hidden", .type = FIELD_INT, .offset = T(hidden), .help = "its hidden size"},
    {.key = "layers", .type = FIELD_INT, .offset = T(layers), .help = "its layers"},
    {.key = "ffn_width", .type = FIELD_INT64, .offset = T(ffn_width),
     .help = "its intermediate size"},
    {.key = "patch_merge", .type = FIELD_INT, .offset = T(patch_merge),
     .help = "its positions per language token"},
    {.key = NULL},
};
#undef T
/* clang-format on */
