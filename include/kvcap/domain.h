/* domain.h - the nouns: GPU, model, engine setting.  Plain structs, SI units.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Ownership: every pointer inside is borrowed from the arena the object was read
 * into and dies with it.  Numbers carry their unit in the name; a quantity that
 * may be unknown says how (0, NaN or a 'have' flag) beside its field.
 */
#ifndef KVCAP_DOMAIN_H
#define KVCAP_DOMAIN_H

#include <kvcap/version.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- where a figure comes from ------------------------------------------- */

enum kvc_source {
  KVC_SRC_NONE,     /* unset */
  KVC_SRC_SPEC,     /* vendor's data sheet */
  KVC_SRC_DOC,      /* documentation */
  KVC_SRC_CODE,     /* read in the engine's source */
  KVC_SRC_MEASURED, /* printed by a real machine */
  KVC_SRC_FITTED,   /* a coefficient fitted on measurements */
  KVC_SRC_DERIVED,  /* computed from other figures */
  KVC_SRC_ASSUMED,  /* presumed; the output says so */
  KVC_SRC_USER      /* given on the command line or in the user's file */
};

struct kvc_cite {
  const char *key, *title, *publisher, *date, *where;
};

/* ---- GPU ------------------------------------------------------------------ */

enum { KVC_MAX_PRICES = 12, KVC_MAX_NAMES = 64 };

enum kvc_vendor {
  KVC_VENDOR_NVIDIA,
  KVC_VENDOR_AMD,
  KVC_VENDOR_INTEL,
  KVC_VENDOR_GOOGLE
};

struct kvc_price {
  double usd_per_hour;
  const char *where, *date, *cite;
};

/* A figure with its source; value is NaN when the profile does not say. */
struct kvc_figure {
  double value;
  enum kvc_source source;
  const char *cite, *note;
};

struct kvc_gpu {
  const char *name;
  enum kvc_vendor vendor;
  const char *architecture, *form_factor;
  const char *compute_capability; /* "9.0", "gfx942", NULL */
  const char *aliases[KVC_MAX_NAMES];
  size_t n_aliases;
  const char *family[KVC_MAX_NAMES]; /* bare family names that mean this card */
  size_t n_family;
  struct kvc_figure memory_bytes;        /* nominal */
  struct kvc_figure memory_driver_bytes; /* as the driver's tool shows it */
  struct kvc_figure memory_usable_bytes; /* as torch reports it: the 'total' of vLLM */
  struct kvc_figure memory_bps;
  struct kvc_figure fp32_flops, fp16_flops, bf16_flops, fp8_flops, int8_ops, fp4_flops;
  const char *link;
  struct kvc_figure link_bps; /* both directions, per GPU */
  int link_domain;            /* GPUs in one scale-up domain, 0 = unknown */
  struct kvc_figure pcie_bps; /* both directions */
  struct kvc_figure tdp_watt;
  bool unified_memory; /* CPU and GPU share it */
  int devices_per_board;
  struct kvc_price prices[KVC_MAX_PRICES];
  size_t n_prices;
  const char *instances[KVC_MAX_NAMES];
  size_t n_instances;
  const char *notes;
};

/* ---- model ---------------------------------------------------------------- */

/* What mixes tokens in a layer.  The first four hold a KV cache per token, the
 * recurrent ones a state per request. */
enum kvc_mixer {
  KVC_MIX_NONE,    /* feed-forward only (Nemotron-H "-" layers) */
  KVC_MIX_FULL,    /* attention over the whole context */
  KVC_MIX_SLIDING, /* attention over the last window_tok tokens */
  KVC_MIX_CHUNKED, /* attention within chunks of window_tok tokens (Llama 4) */
  KVC_MIX_MLA,     /* multi-head latent attention */
  KVC_MIX_CROSS,   /* cross-attention to an encoder (Llama 3.2 Vision, Whisper) */
  KVC_MIX_ENCODER, /* bidirectional, no KV cache (BERT, embedding) */
  KVC_MIX_MAMBA1,
  KVC_MIX_MAMBA2,
  KVC_MIX_GDN,       /* gated delta net */
  KVC_MIX_KDA,       /* Kimi delta attention */
  KVC_MIX_SHORTCONV, /* LFM2 */
  KVC_MIX_LINEAR,    /* lightning attention (MiniMax-01) */
  KVC_MIX_COUNT_
};

enum kvc_ffn { KVC_FFN_NONE, KVC_FFN_DENSE, KVC_FFN_MOE };

/* Parts of a model that a checkpoint may store in different formats. */
enum kvc_part {
  KVC_PART_ATTN_IN,  /* query, key, value and MLA projections */
  KVC_PART_ATTN_OUT, /* output projection */
  KVC_PART_DENSE,    /* dense feed-forward */
  KVC_PART_EXPERTS,  /* routed experts */
  KVC_PART_SHARED,   /* shared experts */
  KVC_PART_SSM,      /* projections of recurrent layers */
  KVC_PART_LM_HEAD,
  KVC_PART_EMBED, /* quantised by GGUF and MLX only */
  KVC_PART_REST,  /* norms, routers, towers: never quantised */
  KVC_PART_COUNT_
};

/* One layer of the decoder, as built (so hybrids and pruned models that differ
 * from layer to layer need nothing special). */
struct kvc_layer {
  enum kvc_mixer mixer;
  enum kvc_ffn ffn;
  bool parallel_mamba; /* attention and Mamba2 side by side (Falcon-H1) */
  bool kv_shared;      /* reads an earlier layer's KV: owns no pages (Gemma 3n) */
  bool k_is_v;         /* one projection serves K and V weights (Gemma 4 global) */
  bool indexer;        /* has a sparse-attention indexer with its own cache */
  int heads, kv_heads; /* before tensor parallelism */
  int head_dim, v_head_dim;
  int window_tok;       /* sliding window or chunk; 0 = none */
  int64_t ffn_width;    /* intermediate size: dense, or of one expert */
  int kv_compress;      /* KV entries kept per this many tokens (DeepSeek-V4); 1.
                         * With window_tok > 0 the window is kept besides; 0: only it */
  int64_t extra_params; /* further small tensors of this layer, whole on every rank */
  /* Format of a part when it differs from model->quant: 0 = as the model says,
   * otherwise 1 + enum kvc_quant_kind (1 = left in the model's dtype). */
  unsigned char part_quant[KVC_PART_COUNT_];
};

enum kvc_qk_norm { KVC_QKNORM_NONE, KVC_QKNORM_HEAD, KVC_QKNORM_FULL };

struct kvc_mla {
  int q_lora_rank; /* 0 = query projected directly */
  int kv_lora_rank, qk_nope_head_dim, qk_rope_head_dim, v_head_dim;
  int index_heads, index_head_dim, index_topk; /* sparse attention; 0 = none */
  int o_lora_rank, o_groups; /* grouped low-rank output (DeepSeek-V4); 0 = plain */
  bool shared_kv;            /* one projection to a single K=V head (DeepSeek-V4) */
  bool output_gate;          /* gate as wide as the attention output (Kimi-K3) */
};

struct kvc_moe {
  int experts, experts_per_tok;
  int shared_experts;   /* count as the config says; 0 = none */
  int64_t shared_width; /* total intermediate size of the shared expert(s) */
  bool shared_gate;     /* a sigmoid gate of width 1 (Qwen MoE) */
  bool router_bias;     /* score-correction or router bias, one per expert */
  bool expert_bias;     /* biases inside the experts (gpt-oss) */
  bool gated;           /* gate and up projections; false: one up projection */
  int64_t latent_width; /* experts work in a smaller space (Nemotron 3); 0 */
  bool shared_bias;     /* biases in the shared expert */
};

struct kvc_ssm {
  int64_t inner;                      /* Mamba: d_inner */
  int state, conv;                    /* d_state, conv kernel */
  int dt_rank;                        /* Mamba1 */
  int heads, head_dim, groups;        /* Mamba2 */
  int k_heads, v_heads, k_dim, v_dim; /* gated delta net, KDA, linear attention */
  bool conv_bias, proj_bias;
  bool state_fp32;     /* the model forces float32 for the recurrent state */
  bool gated_norm;     /* Mamba2: a norm of width 'inner' before the output */
  bool inner_norms;    /* Mamba1: norms on dt, B and C (Jamba) */
  bool full_rank_gate; /* KDA: the output gate is one full matrix (Kimi-K3) */
};

/* How the weights are stored.  bits == 0: not quantised. */
enum kvc_quant_kind {
  KVC_QUANT_NONE,
  KVC_QUANT_FP8,   /* 8-bit float: per tensor, channel or block scales */
  KVC_QUANT_INT8,  /* W8A8 / W8A16 integers */
  KVC_QUANT_INT,   /* group-wise integers: AWQ, GPTQ, W4A16, AutoRound */
  KVC_QUANT_MXFP4, /* 4-bit float, 32-element blocks with an 8-bit scale */
  KVC_QUANT_NVFP4, /* 4-bit float, 16-element blocks with an fp8 scale */
  KVC_QUANT_BNB,   /* bitsandbytes NF4 / int8 */
  KVC_QUANT_GGUF,  /* llama.cpp k-quants: mean bits per weight in 'bits' */
  KVC_QUANT_COUNT_
};

struct kvc_quant {
  enum kvc_quant_kind kind;
  const char *method; /* vLLM's name: "awq", "compressed-tensors", "fp8", "mxfp4" */
  double bits;        /* payload bits per weight */
  int group_size;     /* weights per scale; -1 per output channel, 0 per tensor */
  int block_rows, block_cols; /* fp8 block scales, e.g. 128 x 128; 0 = none */
  double scale_bytes;         /* of one scale */
  double zero_bits;           /* of one zero point (AWQ, GPTQ asymmetric); 0 = none */
  bool act_order;             /* GPTQ g_idx: one int32 per input row */
  /* Parts left in the model's dtype. */
  bool skip_lm_head, skip_embed, skip_attention, skip_dense_ffn, skip_shared_expert,
      skip_router, skip_ssm, skip_vision;
  bool experts_only; /* only routed experts are quantised (gpt-oss) */
  /* A mixed checkpoint: attention (and shared/dense) in another format. */
  enum kvc_quant_kind attention_kind; /* KVC_QUANT_NONE = same as 'kind' unless skipped */
  double attention_bits;
  const char *kv_cache_dtype; /* KV scheme the checkpoint asks for ("fp8"), or NULL */
  bool double_quant;          /* bitsandbytes: the scales are quantised on disk */
};

/* A part outside the decoder: vision or audio tower, projector. */
struct kvc_tower {
  const char *kind;     /* "vision", "audio", "encoder" */
  double params;        /* all tensors of it */
  int64_t max_item_tok; /* tokens of the largest item (image), 0 unknown */
  int hidden, layers;   /* of the tower, for the encoder's activation peak */
  int64_t ffn_width;
  int patch_merge; /* encoder tokens per language token (4 for 2x2 merging) */
};

enum { KVC_MAX_LAYERS = 1024, KVC_MAX_TOWERS = 3 };

struct kvc_model {
  const char *name; /* canonical: "meta-llama/Meta-Llama-3-8B-Instruct" */
  const char *aliases[KVC_MAX_NAMES];
  size_t n_aliases;
  const char *architecture; /* Hugging Face class: "LlamaForCausalLM" */
  const char *cite, *notes;
  const char *dtype; /* checkpoint: "bfloat16", "float16", "float32" */
  int64_t hidden, vocab;
  int64_t vocab_padded;     /* lm_head rows when they differ (0 = vocab) */
  int64_t max_position_tok; /* context length the config allows */
  bool tie_embeddings;
  bool pooling;              /* embedding/reranker: no sampler, no lm_head use */
  int64_t learned_positions; /* rows of a position table (GPT-2, OPT); 0 = rotary */
  int64_t embed_width; /* width of the embedding when it is not hidden (OPT-350m); 0 */
  int64_t extra_embed_params; /* further tables: Gemma 3n/4 per-layer embeddings */

  struct kvc_layer *layers;
  size_t n_layers;

  /* Tensors common to the layers. */
  int norms_per_layer;   /* hidden-size norm vectors in one layer */
  int norm_width_factor; /* 2 when a norm has weight and bias, 1 weight only, 0 none */
  bool final_norm;
  bool embed_norm; /* BLOOM: a norm after the embedding */
  bool qkv_bias, o_bias, mlp_bias, lm_head_bias;
  bool mlp_gated; /* gate+up+down; false: up+down */
  bool attn_gate; /* the query projection is doubled for an output gate */
  bool sinks;     /* one learned sink per head (gpt-oss) */
  enum kvc_qk_norm qk_norm;
  int extra_layer_params; /* any small rest per layer that the flags do not cover */

  struct kvc_mla mla;
  struct kvc_moe moe;
  struct kvc_ssm ssm;
  struct kvc_quant quant;
  struct kvc_tower towers[KVC_MAX_TOWERS];
  size_t n_towers;
  int mtp_layers;        /* multi-token-prediction layers shipped with it */
  struct kvc_layer *mtp; /* the decoder layers of one such module */
  size_t n_mtp;
  int64_t mtp_extra_params; /* its fusing projection and norms */
  int64_t mtp_own_params;   /* its copies of embedding and head on disk; vLLM shares the
                             * model's own */
  double rope_cache_elems;  /* cos/sin table that vLLM keeps in the model's dtype */
  double published_params;  /* safetensors, 0 = unknown */
  double published_bytes;
};

/* ---- deployment ----------------------------------------------------------- */

enum kvc_engine_kind { KVC_ENGINE_AUTO, KVC_ENGINE_V0, KVC_ENGINE_V1 };
enum kvc_context { KVC_CTX_SERVER, KVC_CTX_LLM };

/* What the user asked for; a field at its 'unset' value takes the default of the
 * version.  unset: 0 for counts, NaN for fractions, NULL for text, -1 for tristates. */
struct kvc_deploy {
  struct kvc_version version;
  bool version_given;
  enum kvc_engine_kind engine;
  enum kvc_context context;
  int tp, pp, dp, dcp, pcp;
  bool expert_parallel;
  double gpu_memory_utilization;
  int64_t kv_cache_memory_bytes; /* 0 = unset */
  int64_t max_model_len_tok;     /* 0 = the model's; -1 = auto-fit */
  int64_t max_num_seqs, max_num_batched_tok;
  int64_t block_size_tok;
  int64_t num_gpu_blocks_override;
  int64_t kv_pool_tok;        /* the user states the pool instead: --kv-pool-tokens */
  const char *kv_cache_dtype; /* NULL = auto */
  const char *dtype;          /* NULL = auto */
  const char *quantization;   /* NULL = from the checkpoint */
  int enforce_eager;          /* -1 unset */
  int chunked_prefill, prefix_caching;
  int disable_hybrid_manager;
  double cpu_offload_gib, swap_space_gib;
  int64_t max_cudagraph_size; /* 0 = default */
  const char *attention_backend, *mamba_cache_mode, *mamba_ssm_cache_dtype;
  /* LoRA */
  bool enable_lora;
  int max_loras, max_lora_rank;
  const char *lora_dtype;
  /* speculative decoding */
  const char *spec_method; /* "ngram", "eagle", "mtp", "draft_model" … NULL = off */
  const char *spec_model;
  int spec_tokens, spec_draft_tp;
  /* multimodal */
  int mm_items; /* -1 = default; 0 = --limit-mm-per-prompt 0 */
  bool skip_mm_profiling;
  double other_processes_bytes; /* GPU memory somebody else holds */
};

/* What requests look like. */
struct kvc_workload {
  double prompt_tok, output_tok; /* means; 0 = not given */
  double prompt_cv, output_cv;   /* standard deviation / mean */
  double shared_prefix_tok;      /* tokens of the prompt shared by all requests */
  double shared_prefix_frac;     /* the same as a part of the mean prompt */
  double buffer_frac;            /* kept free for bursts, default 0.30 */
  double exceed_prob;            /* epsilon, default 0.01 */
  int64_t round_to;              /* rounding of the recommendation, default 8 */
};

enum kvc_goal { KVC_GOAL_NONE, KVC_GOAL_LATENCY, KVC_GOAL_THROUGHPUT };

/* What is asked of a deployment: lengths, load, and what matters; 0 and NULL are
 * unknown. */
struct kvc_demand {
  struct kvc_workload load;
  double prompt_p50_tok, prompt_p95_tok, prompt_p99_tok;
  double output_p50_tok, output_p95_tok, output_p99_tok;
  double rate_per_s, users; /* requests a second; requests at once */
  double latency_s;         /* mean seconds of one request that is acceptable */
  double turns;             /* per conversation */
  int64_t context_tok;      /* context really needed */
  enum kvc_goal goal;
  const char *name, *what, *cite, *notes; /* of a workload profile */
  const char *aliases[KVC_MAX_NAMES];
  size_t n_aliases;
};

#endif
