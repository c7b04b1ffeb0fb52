/* memory.h - where a GPU's bytes go, and how many tokens the KV pool holds.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Pure closed forms: setting in, bytes out; no state, no I/O.  What differs from
 * release to release arrives as a struct kvc_mem_facts (resolved from the spans in
 * profiles/engines/), never as a comparison of versions.  All figures are for one
 * GPU (one rank) unless the name says otherwise; the rank with the fewest blocks
 * decides, as in vLLM.
 *
 * Sources of the formulas are named in src/model/README.md.
 */
#ifndef KVCAP_MEMORY_H
#define KVCAP_MEMORY_H

#include <kvcap/arena.h>
#include <kvcap/domain.h>
#include <kvcap/weights.h>

/* ---- facts of a release ---------------------------------------------------- */

enum kvc_budget {
  KVC_BUDGET_V0_FREE_DELTA,    /* total*util - (free at init - free after profile) */
  KVC_BUDGET_V0_INCL_OTHERS,   /* 0.6.4: other processes' memory counts against us */
  KVC_BUDGET_PROFILED_GROWTH,  /* requested - weights - torch peak - non-torch growth */
  KVC_BUDGET_ALL_IN_USE,       /* V1 before 0.9.1: minus everything in use on the GPU */
  KVC_BUDGET_CONSUMED_HEADROOM /* requested - consumed - transient peak - graphs */
};
enum kvc_hybrid_manager { KVC_HYBRID_NONE, KVC_HYBRID_FULL_PLUS_ONE, KVC_HYBRID_GENERAL };
enum kvc_group_rule { KVC_GROUP_MIN, KVC_GROUP_MAX_1_25, KVC_GROUP_MAX_1_5 };
enum kvc_printed_tokens {
  KVC_PRINT_V0_BLOCKS,
  KVC_PRINT_V1_BLOCKS,
  KVC_PRINT_TOKENS,      /* blocks * block_size */
  KVC_PRINT_OVER_GROUPS, /* blocks // groups * block_size * dcp */
  KVC_PRINT_CONCURRENCY  /* int(concurrency * max_model_len) */
};
enum kvc_concurrency_rule {
  KVC_CONC_TOKENS_OVER_LEN,
  KVC_CONC_PAGE_WEIGHTED,
  KVC_CONC_GROUP_BLOCKS
};
enum kvc_error_text {
  KVC_TEXT_V0,
  KVC_TEXT_V1_GB,
  KVC_TEXT_V1_GIB,
  KVC_TEXT_V1_ESTIMATE,
  KVC_TEXT_V1_DOCS,
  KVC_TEXT_V1_FIXED
};
enum kvc_weights_text {
  KVC_WTEXT_LOADING_GB,
  KVC_WTEXT_MODEL_GB,
  KVC_WTEXT_GIB,
  KVC_WTEXT_GIB_MEMORY,
  KVC_WTEXT_GIB_MEMORY_SHORT
};
enum kvc_graph_sizes {
  KVC_GRAPH_NONE,
  KVC_GRAPH_V0_256,
  KVC_GRAPH_V0_STEP8,
  KVC_GRAPH_V1_512_STEP8,
  KVC_GRAPH_TWICE_STEP8,
  KVC_GRAPH_TWICE_STEP16
};

/* A named constant that vLLM has no formula for, with its spread. */
struct kvc_const {
  double value, spread; /* one standard deviation, same unit */
  const char *cite, *note;
};

/* What a log of such a server showed, in place of the constants; 0 = not measured. */
struct kvc_measured {
  double non_torch_bytes, activation_peak_bytes, graph_bytes;
  double weights_difference_bytes; /* loaded less counted */
  double rest_bytes;               /* further loss of the budget; may be negative */
  bool weights, rest;              /* the two above apply, be they 0 */
};

struct kvc_mem_facts {
  enum kvc_engine_kind engine;
  enum kvc_budget budget;
  bool requested_ceil;
  bool startup_free_check;
  bool cudagraph_subtracted;
  enum kvc_hybrid_manager hybrid;
  enum kvc_group_rule group_rule;
  bool null_block;
  enum kvc_printed_tokens printed;
  bool printed_one_line;
  enum kvc_concurrency_rule concurrency;
  enum kvc_error_text error_text;
  enum kvc_weights_text weights_text;
  bool available_line, available_2_decimals;
  enum kvc_graph_sizes graph_sizes;
  bool graph_full_and_piecewise;
  int64_t graph_cap_tok;
  int swa_inflight_batches;
  bool mla;              /* false: MLA models are served as expanded MHA */
  bool mixed_page_align; /* hybrid attention+mamba block size alignment exists */
  bool auto_fit;
  bool moe_workspace_persistent;
  bool encoder_held;     /* the encoder's tensors stay alive beside the decoder's run */
  bool sampler_profiled; /* false: logits of every profiled token, no sampler */
  /* Fitted constants. */
  struct kvc_const sampler_bytes_per_logit;
  struct kvc_const activation_base_bytes;
  struct kvc_const non_torch_tp1_bytes, non_torch_tp_bytes, non_torch_pp_bytes;
  struct kvc_const graph_per_capture_bytes, graph_base_bytes;
  struct kvc_const graph_latent_bytes, graph_sparse_bytes; /* more for such attention */
  struct kvc_const allocator_slack_frac; /* reserve counted beside the allocated peak */
  struct kvc_measured measured;
};

/* ---- a setting with every default filled in -------------------------------- */

struct kvc_setting {
  struct kvc_version version;
  enum kvc_engine_kind engine; /* V0 or V1 */
  int tp, pp, dp, dcp, pcp;
  bool expert_parallel;
  double gpu_memory_utilization;
  double total_bytes;           /* as torch reports it */
  double kv_cache_memory_bytes; /* 0 = from the budget */
  int64_t max_model_len_tok;
  bool max_model_len_auto; /* asked for auto-fit */
  int64_t max_num_seqs, max_num_batched_tok;
  int64_t block_size_tok;
  int64_t num_gpu_blocks_override;    /* 0 = none */
  const char *dtype, *kv_cache_dtype; /* resolved: "bfloat16", "fp8", "fp8_ds_mla" … */
  double weight_elem_bytes;           /* of unquantised weights */
  bool enforce_eager, chunked_prefill, prefix_caching, hybrid_manager_off;
  const char *mamba_cache_mode; /* "none", "align", "all" */
  bool mamba_state_fp32;
  double cpu_offload_bytes, swap_space_bytes;
  int64_t max_cudagraph_tok; /* 0 = default of the release */
  bool lora;
  int max_loras, max_lora_rank;
  int spec_tokens;
  bool spec_mtp;
  const struct kvc_model *draft; /* draft model, NULL = none */
  int mm_items;                  /* 0: towers are neither loaded nor profiled */
  bool mm_profile;               /* the encoder is profiled */
  double other_processes_bytes;
};

/* ---- KV layout -------------------------------------------------------------- */

enum { KVC_MAX_GROUPS = 64, KVC_MAX_SPECS = 8 };

enum kvc_spec_kind {
  KVC_SPEC_FULL,
  KVC_SPEC_SLIDING,
  KVC_SPEC_CHUNKED,
  KVC_SPEC_MLA,
  KVC_SPEC_STATE
};

/* Layers that share one page shape. */
struct kvc_kv_spec {
  enum kvc_spec_kind kind;
  size_t layers;          /* on this rank */
  double bytes_per_token; /* one layer, one token; 0 for states */
  double page_bytes;      /* one layer, one block, after alignment */
  int64_t block_size_tok;
  int64_t window_tok;
  const char *what; /* "full attention", "sliding window 1024" */
};

struct kvc_kv_layout {
  struct kvc_kv_spec specs[KVC_MAX_SPECS];
  size_t n_specs;
  size_t n_groups, group_layers; /* groups and layers per group (with padding) */
  size_t groups_of[KVC_MAX_SPECS];
  size_t padding_layers;
  int64_t block_size_tok;         /* the scheduler's, times dcp */
  double block_bytes;             /* one pool block on one rank */
  double bytes_per_token;         /* of a token as this release prints tokens */
  double attention_bytes_per_tok; /* sum over layers that keep every token */
  double state_bytes_per_request; /* recurrent states */
  bool uniform;                   /* one group: tokens are plain */
  bool promoted;                  /* window layers charged as full attention */
  bool approximate;               /* the release's packing is not fully known */
  double mamba_padding_frac;
};

/* ---- result ------------------------------------------------------------------ */

struct kvc_range {
  double value, low, high; /* about 90 % of comparable measured servers lie inside */
};

struct kvc_activation {
  double sampler_bytes, forward_bytes, moe_bytes, encoder_bytes, base_bytes, total_bytes;
  const char *dominant; /* "sampler", "forward pass", "vision encoder" */
};

struct kvc_memory {
  double total_bytes, requested_bytes;
  struct kvc_weights weights; /* of the deciding rank */
  double weights_bytes;       /* weights + LoRA + draft - offload */
  double lora_bytes, draft_bytes, offload_bytes;
  struct kvc_activation activation;
  double activation_peak_bytes, non_torch_bytes, cudagraph_bytes;
  int64_t graph_captures;   /* batch sizes captured */
  double graph_fixed_bytes; /* what does not grow with them */
  bool cudagraph_in_budget;
  double other_processes_bytes;
  struct kvc_range available_kv_bytes;
  double outside_bytes; /* total - requested: not used by vLLM's budget */
  int stage;            /* pipeline stage that decides */
  struct kvc_kv_layout layout;
  int64_t num_gpu_blocks;
  struct kvc_range tokens; /* as printed by this version */
  double max_concurrency;  /* requests at max_model_len, as printed */
  double pool_tok;         /* tokens of full context the pool holds (blocks x size) */
  double need_bytes_one_request;  /* KV of one request at max_model_len */
  int64_t max_model_len_fits_tok; /* largest max_model_len that starts; 0 = none */
  int64_t num_cpu_blocks;         /* V0 */
  bool fits;
  char error[512]; /* vLLM's message when it does not start */
};

/* ---- functions ---------------------------------------------------------------- */

/* KV pages and groups of a model under a setting. */
kvc_code kvc_kv_layout_build(const struct kvc_model *model, const struct kvc_setting *set,
                             const struct kvc_mem_facts *facts, int stage,
                             struct kvc_kv_layout *out, struct kvc_err *err) KVC_MUST_USE;

/* Pool blocks that one request of 'len_tok' tokens holds at its end. */
double kvc_kv_blocks_per_request(const struct kvc_kv_layout *layout,
                                 const struct kvc_setting *set,
                                 const struct kvc_mem_facts *facts, double len_tok);

/* The whole account.  KVC_E_CONFLICT / KVC_E_UNSUPPORTED when the setting cannot be
 * (TP that does not divide the heads, more pipeline stages than layers …); a
 * deployment that is understood but does not start is no error: fits is false. */
kvc_code kvc_memory_model(const struct kvc_model *model, const struct kvc_setting *set,
                          const struct kvc_mem_facts *facts, struct kvc_memory *out,
                          struct kvc_err *err) KVC_MUST_USE;

/* The activation peak of the profile run on one rank. */
void kvc_activation_peak(const struct kvc_model *model, const struct kvc_setting *set,
                         const struct kvc_mem_facts *facts, int stage,
                         struct kvc_activation *out);

#endif
