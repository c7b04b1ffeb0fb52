/* toy.h - small models and a plain setting for tests of the memory model.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_TESTS_TOY_H
#define KVC_TESTS_TOY_H

#include <kvcap/memory.h>
#include <string.h>

/* Llama-3.1-8B: 32 layers, 32 heads, 8 KV heads of 128, hidden 4096, FFN 14336. */
static inline struct kvc_model toy_llama(struct kvc_layer layers[32])
{
  for (size_t i = 0; i < 32; i++)
    layers[i] = (struct kvc_layer){.mixer = KVC_MIX_FULL,
                                   .ffn = KVC_FFN_DENSE,
                                   .heads = 32,
                                   .kv_heads = 8,
                                   .head_dim = 128,
                                   .v_head_dim = 128,
                                   .ffn_width = 14336,
                                   .kv_compress = 1};
  return (struct kvc_model){.name = "toy/llama-8b",
                            .architecture = "LlamaForCausalLM",
                            .dtype = "bfloat16",
                            .hidden = 4096,
                            .vocab = 128256,
                            .max_position_tok = 131072,
                            .layers = layers,
                            .n_layers = 32,
                            .norms_per_layer = 2,
                            .norm_width_factor = 1,
                            .final_norm = true,
                            .mlp_gated = true};
}

/* The behaviour of 0.19.0 on an H100, constants left out unless a test sets them. */
static inline struct kvc_mem_facts toy_facts(void)
{
  return (struct kvc_mem_facts){.engine = KVC_ENGINE_V1,
                                .budget = KVC_BUDGET_PROFILED_GROWTH,
                                .hybrid = KVC_HYBRID_GENERAL,
                                .group_rule = KVC_GROUP_MAX_1_5,
                                .null_block = true,
                                .printed = KVC_PRINT_OVER_GROUPS,
                                .concurrency = KVC_CONC_PAGE_WEIGHTED,
                                .error_text = KVC_TEXT_V1_DOCS,
                                .graph_sizes = KVC_GRAPH_TWICE_STEP16,
                                .graph_cap_tok = 512,
                                .swa_inflight_batches = 1,
                                .mla = true,
                                .sampler_profiled = true,
                                .mixed_page_align = true,
                                .sampler_bytes_per_logit = {.value = 12}};
}

static inline struct kvc_setting toy_setting(void)
{
  return (struct kvc_setting){.engine = KVC_ENGINE_V1,
                              .tp = 1,
                              .pp = 1,
                              .dp = 1,
                              .dcp = 1,
                              .pcp = 1,
                              .gpu_memory_utilization = 0.9,
                              .total_bytes = 80 * 1073741824.0,
                              .max_model_len_tok = 8192,
                              .max_num_seqs = 256,
                              .max_num_batched_tok = 8192,
                              .block_size_tok = 16,
                              .dtype = "bfloat16",
                              .kv_cache_dtype = "bfloat16",
                              .weight_elem_bytes = 2,
                              .chunked_prefill = true,
                              .mm_items = -1,
                              .mamba_cache_mode = "none"};
}

#endif
