/* test_model_memory.c - pages, groups, activation, budget, with worked numbers.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include "tests/support/close.h"
#include "tests/support/toy.h"

static struct kvc_kv_layout layout(const struct kvc_model *m,
                                   const struct kvc_setting *set,
                                   const struct kvc_mem_facts *facts)
{
  struct kvc_kv_layout l;
  struct kvc_err err;
  assert_int_equal(kvc_kv_layout_build(m, set, facts, 0, &l, &err), KVC_E_OK);
  return l;
}

static struct kvc_memory memory(const struct kvc_model *m, const struct kvc_setting *set,
                                const struct kvc_mem_facts *facts)
{
  struct kvc_memory out;
  struct kvc_err err;
  assert_int_equal(kvc_memory_model(m, set, facts, &out, &err), KVC_E_OK);
  return out;
}

static void a_grouped_query_token_costs_128_kib_on_llama_8b(void **state)
{ /* 32 layers * 8 heads * (128 + 128) * 2 B = 131072 B; block of 16: 2 MiB */
  (void)state;
  struct kvc_layer layers[32];
  const struct kvc_model m = toy_llama(layers);
  const struct kvc_mem_facts f = toy_facts();
  struct kvc_setting set = toy_setting();
  assert_close(layout(&m, &set, &f).bytes_per_token, 131072, 0);
  assert_close(layout(&m, &set, &f).block_bytes, 2097152, 0);
  set.kv_cache_dtype = "fp8";
  assert_close(layout(&m, &set, &f).bytes_per_token, 65536, 0);
  set.kv_cache_dtype = "float32";
  assert_close(layout(&m, &set, &f).bytes_per_token, 262144, 0);
  set.kv_cache_dtype = "nvfp4"; /* 32 * 8 * 256 * 9/16 */
  assert_close(layout(&m, &set, &f).bytes_per_token, 36864, 0);
  /* TurboQuant at 128: 128 + 64 + 4, 64 + 2 + 64 + 4, 48 + 2 + 64 + 4, 48 + 2 + 48 + 4 */
  static const struct {
    const char *name;
    double slot;
  } packed[] = {{"turboquant_k8v4", 196},
                {"turboquant_4bit_nc", 134},
                {"turboquant_k3v4_nc", 118},
                {"turboquant_3bit_nc", 102}};
  for (size_t i = 0; i < 4; i++) {
    set.kv_cache_dtype = packed[i].name;
    assert_close(layout(&m, &set, &f).bytes_per_token, 32 * 8 * packed[i].slot, 0);
  }
  set.kv_cache_dtype = "int8_per_token_head"; /* 32 * 8 * (256 + 8) */
  assert_close(layout(&m, &set, &f).bytes_per_token, 67584, 0);
}

static void kv_heads_are_replicated_once_tp_exceeds_them(void **state)
{
  (void)state;
  struct kvc_layer layers[32];
  const struct kvc_model m = toy_llama(layers);
  const struct kvc_mem_facts f = toy_facts();
  struct kvc_setting set = toy_setting();
  set.tp = 8;
  assert_close(layout(&m, &set, &f).bytes_per_token, 16384, 0);
  set.tp = 16;
  assert_close(layout(&m, &set, &f).bytes_per_token, 16384, 0);
}

static void a_latent_token_is_replicated_on_every_rank(void **state)
{ /* DeepSeek-V2-Lite: 27 layers * (512 + 64) * 2 B = 31104 B, at any TP */
  (void)state;
  struct kvc_layer layers[27];
  for (size_t i = 0; i < 27; i++)
    layers[i] = (struct kvc_layer){.mixer = KVC_MIX_MLA,
                                   .heads = 16,
                                   .kv_heads = 16,
                                   .head_dim = 192,
                                   .v_head_dim = 128,
                                   .kv_compress = 1};
  struct kvc_model m = {.name = "toy/mla",
                        .layers = layers,
                        .n_layers = 27,
                        .mla = {.kv_lora_rank = 512, .qk_rope_head_dim = 64}};
  struct kvc_mem_facts f = toy_facts();
  struct kvc_setting set = toy_setting();
  assert_close(layout(&m, &set, &f).bytes_per_token, 31104, 0);
  set.tp = 4;
  assert_close(layout(&m, &set, &f).bytes_per_token, 31104, 0);
  f.mla = false; /* expanded: 27 * 4 heads * 2 * 256 * 2 B */
  assert_close(layout(&m, &set, &f).bytes_per_token, 110592, 0);
}

static void sparse_attention_keeps_656_bytes_and_an_indexer_row(void **state)
{ /* GLM-5.1: 78 * (656 + 132) = 61464 B per token, as its servers print */
  (void)state;
  struct kvc_layer layers[78];
  for (size_t i = 0; i < 78; i++)
    layers[i] = (struct kvc_layer){.mixer = KVC_MIX_MLA,
                                   .indexer = true,
                                   .heads = 64,
                                   .kv_heads = 64,
                                   .kv_compress = 1};
  const struct kvc_model m = {.name = "toy/dsa",
                              .layers = layers,
                              .n_layers = 78,
                              .mla = {.kv_lora_rank = 512,
                                      .qk_rope_head_dim = 64,
                                      .index_head_dim = 128,
                                      .index_topk = 2048}};
  const struct kvc_mem_facts f = toy_facts();
  struct kvc_setting set = toy_setting();
  set.kv_cache_dtype = "fp8_ds_mla";
  set.block_size_tok = 64;
  assert_close(layout(&m, &set, &f).bytes_per_token, 61464, 0);
}

/* full layers first, then window layers */
static struct kvc_model windowed(struct kvc_layer *layers, size_t full, size_t sliding)
{
  for (size_t i = 0; i < full + sliding; i++)
    layers[i] = (struct kvc_layer){.mixer = i < full ? KVC_MIX_FULL : KVC_MIX_SLIDING,
                                   .heads = 32,
                                   .kv_heads = 16,
                                   .head_dim = 128,
                                   .v_head_dim = 128,
                                   .kv_compress = 1,
                                   .window_tok = i < full ? 0 : 1024};
  return (struct kvc_model){.name = "toy/windows",
                            .layers = layers,
                            .n_layers = full + sliding,
                            .hidden = 5376,
                            .vocab = 1000,
                            .max_position_tok = 131072};
}

static void gemma_3_27b_packs_into_seven_groups_of_ten(void **state)
{ /* 10 full + 52 sliding, smaller bucket 10: 1 + 6 groups, 8 padding layers */
  (void)state;
  struct kvc_layer layers[62];
  const struct kvc_model m = windowed(layers, 10, 52);
  const struct kvc_mem_facts f = toy_facts();
  const struct kvc_setting set = toy_setting();
  const struct kvc_kv_layout l = layout(&m, &set, &f);
  assert_int_equal(l.n_groups, 7);
  assert_int_equal(l.group_layers, 10);
  assert_int_equal(l.padding_layers, 8);
  /* page 16 * 16 heads * 256 * 2 B = 131072; block of 10 layers */
  assert_close(l.block_bytes, 1310720, 0);
  /* one request of 8192: full ceil(8192/16) = 512; sliding min(1023 + 8192, 8192)
   * -> 512 + 1 each: 512 + 6 * 513 */
  assert_close(kvc_kv_blocks_per_request(&l, &set, &f, 8192), 3590, 0);
}

static void group_size_follows_the_rule_of_the_release(void **state)
{ /* 10 full + 12 sliding: 12 < 1.25 * 10 -> size 12 from 0.12, else 10 */
  (void)state;
  struct kvc_layer layers[22];
  const struct kvc_model m = windowed(layers, 10, 12);
  struct kvc_mem_facts f = toy_facts();
  const struct kvc_setting set = toy_setting();
  f.group_rule = KVC_GROUP_MIN;
  assert_int_equal(layout(&m, &set, &f).n_groups, 3);
  assert_int_equal(layout(&m, &set, &f).group_layers, 10);
  f.group_rule = KVC_GROUP_MAX_1_25;
  assert_int_equal(layout(&m, &set, &f).n_groups, 2);
  assert_int_equal(layout(&m, &set, &f).group_layers, 12);
}

static void windows_count_in_full_without_the_hybrid_manager(void **state)
{
  (void)state;
  struct kvc_layer layers[62];
  const struct kvc_model m = windowed(layers, 10, 52);
  struct kvc_mem_facts f = toy_facts();
  struct kvc_setting set = toy_setting();
  set.hybrid_manager_off = true;
  assert_true(layout(&m, &set, &f).uniform);
  assert_true(layout(&m, &set, &f).promoted);
  assert_close(layout(&m, &set, &f).bytes_per_token, 62 * 16 * 256 * 2, 0);
  set.hybrid_manager_off = false;
  f.hybrid = KVC_HYBRID_NONE;
  assert_true(layout(&m, &set, &f).uniform);
}

static void qwen_3_5_27b_raises_its_attention_block_to_784(void **state)
{ /* state: (2*128*16 + 128*48) * 3 * 2 B + 48*128*128 * 4 B = 3207168 B;
   * token: 4 heads * 512 * 2 B = 4096 B; 16 * ceil(3207168 / 65536) = 784 */
  (void)state;
  struct kvc_layer layers[64];
  for (size_t i = 0; i < 64; i++)
    layers[i] = (struct kvc_layer){.mixer = i % 4 == 3 ? KVC_MIX_FULL : KVC_MIX_GDN,
                                   .heads = 24,
                                   .kv_heads = 4,
                                   .head_dim = 256,
                                   .v_head_dim = 256,
                                   .kv_compress = 1};
  const struct kvc_model m = {.name = "toy/gdn",
                              .layers = layers,
                              .n_layers = 64,
                              .hidden = 5120,
                              .vocab = 1000,
                              .max_position_tok = 262144,
                              .ssm = {.conv = 4,
                                      .k_heads = 16,
                                      .k_dim = 128,
                                      .v_heads = 48,
                                      .v_dim = 128,
                                      .state_fp32 = true}};
  struct kvc_mem_facts f = toy_facts();
  struct kvc_setting set = toy_setting();
  struct kvc_kv_layout l = layout(&m, &set, &f);
  assert_int_equal(l.block_size_tok, 784);
  assert_int_equal(l.n_groups, 4);
  assert_int_equal(l.group_layers, 16);
  /* 1 full group of ceil(32768/784) = 42 blocks and three states */
  assert_close(kvc_kv_blocks_per_request(&l, &set, &f, 32768), 45, 0);
  set.mamba_cache_mode = "align";
  assert_close(kvc_kv_blocks_per_request(&l, &set, &f, 32768), 48, 0);
  set.tp = 4; /* state and heads shrink together */
  set.mamba_cache_mode = "none";
  l = layout(&m, &set, &f);
  assert_int_equal(l.block_size_tok, 784);
}

static void context_parallel_ranks_share_a_requests_tokens(void **state)
{
  (void)state;
  struct kvc_layer layers[32];
  const struct kvc_model m = toy_llama(layers);
  const struct kvc_mem_facts f = toy_facts();
  struct kvc_setting set = toy_setting();
  set.tp = 16;
  const struct kvc_memory one = memory(&m, &set, &f);
  set.dcp = 2;
  const struct kvc_memory two = memory(&m, &set, &f);
  assert_int_equal(one.num_gpu_blocks, two.num_gpu_blocks);
  assert_close(two.tokens.value, 2 * one.tokens.value, 1e-12);
  assert_close(two.max_concurrency, 2 * one.max_concurrency, 1e-12);
}

static void the_sampler_peak_follows_sequences_times_vocabulary(void **state)
{ /* 1024 * 128256 * (2 + 12) B = 1838678016; hidden 8192 * 4096 * 2 B = 67108864 */
  (void)state;
  struct kvc_layer layers[32];
  const struct kvc_model m = toy_llama(layers);
  const struct kvc_mem_facts f = toy_facts();
  struct kvc_setting set = toy_setting();
  struct kvc_activation a;
  set.max_num_seqs = 1024;
  kvc_activation_peak(&m, &set, &f, 0, &a);
  assert_close(a.sampler_bytes, 1838678016.0, 0);
  assert_close(a.total_bytes, 1838678016.0 + 67108864, 0);
  assert_string_equal(a.dominant, "sampler");
  set.tp = 4; /* logits are gathered: no relief from tensor parallelism */
  kvc_activation_peak(&m, &set, &f, 0, &a);
  assert_close(a.sampler_bytes, 1838678016.0, 0);
  /* few sequences: forward pass 8192 * 2 B * (2*4096 + 3*14336) = 838860800 */
  set.tp = 1;
  set.max_num_seqs = 8;
  kvc_activation_peak(&m, &set, &f, 0, &a);
  assert_close(a.total_bytes, 838860800.0, 0);
  assert_string_equal(a.dominant, "forward pass");
}

static void the_account_adds_up_and_blocks_are_whole(void **state)
{
  (void)state;
  struct kvc_layer layers[32];
  const struct kvc_model m = toy_llama(layers);
  struct kvc_mem_facts f = toy_facts();
  f.non_torch_tp1_bytes.value = 0.25 * 1073741824.0;
  const struct kvc_setting set = toy_setting();
  const struct kvc_memory r = memory(&m, &set, &f);
  assert_close(r.weights_bytes + r.activation_peak_bytes + r.non_torch_bytes +
                   r.available_kv_bytes.value,
               r.requested_bytes, 1e-12);
  assert_close(r.requested_bytes + r.outside_bytes, r.total_bytes, 1e-12);
  assert_close((double)r.num_gpu_blocks, floor(r.available_kv_bytes.value / 2097152), 0);
  assert_close(r.tokens.value, (double)r.num_gpu_blocks * 16, 0);
  assert_close(r.max_concurrency, r.tokens.value / 8192, 1e-12);
  assert_true(r.fits);
  f.cudagraph_subtracted = true;
  f.graph_per_capture_bytes.value = 1e7;
  const struct kvc_memory g = memory(&m, &set, &f);
  assert_close(r.available_kv_bytes.value - g.available_kv_bytes.value, g.cudagraph_bytes,
               1e-9);
  /* 2 * 256 = 512: 1 2 4, 8..248 by 8 (31), 256..512 by 16 (17) = 51 sizes */
  assert_close(g.cudagraph_bytes, 51e7, 1e-12);
}

static void a_stated_pool_is_taken_as_stated(void **state)
{
  (void)state;
  struct kvc_layer layers[32];
  const struct kvc_model m = toy_llama(layers);
  const struct kvc_mem_facts f = toy_facts();
  struct kvc_setting set = toy_setting();
  set.kv_cache_memory_bytes = 10 * 1073741824.0;
  const struct kvc_memory r = memory(&m, &set, &f);
  assert_int_equal(r.num_gpu_blocks, 5120);
  assert_close(r.tokens.low, r.tokens.high, 0);
  set.kv_cache_memory_bytes = 0;
  set.num_gpu_blocks_override = 1000;
  assert_close(memory(&m, &set, &f).tokens.value, 16000, 0);
}

static void what_does_not_start_says_so_in_the_releases_words(void **state)
{
  (void)state;
  struct kvc_layer layers[32];
  const struct kvc_model m = toy_llama(layers);
  struct kvc_mem_facts f = toy_facts();
  struct kvc_setting set = toy_setting();
  set.total_bytes = 20 * 1073741824.0;
  set.max_model_len_tok = 131072;
  struct kvc_memory r = memory(&m, &set, &f);
  assert_false(r.fits);
  assert_non_null(strstr(r.error,
                         "To serve at least one request with the models's max seq "
                         "len (131072), (16.00 GiB KV cache is needed"));
  assert_non_null(strstr(r.error, "the estimated maximum model length is "));
  /* the stated length fits and one more block does not */
  set.max_model_len_tok = r.max_model_len_fits_tok;
  assert_true(memory(&m, &set, &f).fits);
  set.max_model_len_tok += 16;
  assert_false(memory(&m, &set, &f).fits);
  f.error_text = KVC_TEXT_V0;
  r = memory(&m, &set, &f);
  assert_non_null(strstr(r.error,
                         "is larger than the maximum number of tokens that can be "
                         "stored in KV cache"));
  set.total_bytes = 16.5 * 1073741824.0;
  r = memory(&m, &set, &f);
  assert_non_null(strstr(r.error, "No available memory for the cache blocks."));
  set.total_bytes = 8 * 1073741824.0;
  r = memory(&m, &set, &f);
  assert_non_null(strstr(r.error, "torch.OutOfMemoryError"));
}

static void memory_of_others_stops_the_start_where_it_is_checked(void **state)
{
  (void)state;
  struct kvc_layer layers[32];
  const struct kvc_model m = toy_llama(layers);
  struct kvc_mem_facts f = toy_facts();
  struct kvc_setting set = toy_setting();
  set.other_processes_bytes = 20 * 1073741824.0;
  f.startup_free_check = true;
  const struct kvc_memory r = memory(&m, &set, &f);
  assert_false(r.fits);
  assert_non_null(strstr(r.error,
                         "Free memory on device cuda:0 (60.00/80.00 GiB) on startup "
                         "is less than desired GPU memory utilization (0.9, 72.00 "
                         "GiB)"));
  f.startup_free_check = false;
  f.budget = KVC_BUDGET_ALL_IN_USE;
  const struct kvc_memory old = memory(&m, &set, &f);
  set.other_processes_bytes = 0;
  assert_close(memory(&m, &set, &f).available_kv_bytes.value -
                   old.available_kv_bytes.value,
               20 * 1073741824.0, 1e-9);
}

static void impossible_parallelism_is_refused_by_flag(void **state)
{
  (void)state;
  struct kvc_layer layers[32];
  const struct kvc_model m = toy_llama(layers);
  const struct kvc_mem_facts f = toy_facts();
  struct kvc_memory out;
  struct kvc_err err;
  struct kvc_setting set = toy_setting();
  set.tp = 3;
  assert_int_equal(kvc_memory_model(&m, &set, &f, &out, &err), KVC_E_CONFLICT);
  assert_string_equal(err.where, "--tensor-parallel-size");
  set.tp = 1;
  set.pp = 33;
  assert_int_equal(kvc_memory_model(&m, &set, &f, &out, &err), KVC_E_CONFLICT);
  assert_string_equal(err.where, "--pipeline-parallel-size");
  set.pp = 1;
  set.kv_cache_dtype = "nvfp4_ds_mla";
  assert_int_equal(kvc_memory_model(&m, &set, &f, &out, &err), KVC_E_UNSUPPORTED);
  set.kv_cache_dtype = "fp7";
  assert_int_equal(kvc_memory_model(&m, &set, &f, &out, &err), KVC_E_UNKNOWN);
}

static void the_poorest_pipeline_stage_decides(void **state)
{ /* the last stage has the lm_head and the sampler */
  (void)state;
  struct kvc_layer layers[32];
  const struct kvc_model m = toy_llama(layers);
  const struct kvc_mem_facts f = toy_facts();
  struct kvc_setting set = toy_setting();
  set.pp = 2;
  set.max_num_seqs = 1024;
  const struct kvc_memory r = memory(&m, &set, &f);
  assert_int_equal(r.stage, 1);
  assert_close(r.layout.bytes_per_token, 65536, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_grouped_query_token_costs_128_kib_on_llama_8b),
      cmocka_unit_test(kv_heads_are_replicated_once_tp_exceeds_them),
      cmocka_unit_test(a_latent_token_is_replicated_on_every_rank),
      cmocka_unit_test(sparse_attention_keeps_656_bytes_and_an_indexer_row),
      cmocka_unit_test(gemma_3_27b_packs_into_seven_groups_of_ten),
      cmocka_unit_test(group_size_follows_the_rule_of_the_release),
      cmocka_unit_test(windows_count_in_full_without_the_hybrid_manager),
      cmocka_unit_test(qwen_3_5_27b_raises_its_attention_block_to_784),
      cmocka_unit_test(context_parallel_ranks_share_a_requests_tokens),
      cmocka_unit_test(the_sampler_peak_follows_sequences_times_vocabulary),
      cmocka_unit_test(the_account_adds_up_and_blocks_are_whole),
      cmocka_unit_test(a_stated_pool_is_taken_as_stated),
      cmocka_unit_test(what_does_not_start_says_so_in_the_releases_words),
      cmocka_unit_test(memory_of_others_stops_the_start_where_it_is_checked),
      cmocka_unit_test(impossible_parallelism_is_refused_by_flag),
      cmocka_unit_test(the_poorest_pipeline_stage_decides),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
