/* test_hf_models.c - config.json to model: published counts, hand-worked small ones.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <kvcap/file.h>
#include <kvcap/weights.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/support/close.h"
#include "tests/support/hf_case.h"

static struct kvc_arena arena;

static int setup(void **state)
{
  (void)state;
  kvc_arena_init(&arena, 64u << 20);
  return 0;
}

static int teardown(void **state)
{
  (void)state;
  kvc_arena_clear(&arena);
  return 0;
}

static struct kvc_model parse(const char *config)
{
  struct kvc_model m;
  struct kvc_err err;
  if (kvc_hf_model_parse(&arena, config, strlen(config), "config.json", &m, &err) !=
      KVC_E_OK)
    fail_msg("%s: %s", err.where, err.msg);
  return m;
}

static struct kvc_params count(const char *config)
{
  const struct kvc_model m = parse(config);
  struct kvc_params p;
  kvc_params_count(&m, &p);
  return p;
}

static void parameter_counts_equal_the_published_ones(void **state)
{
  (void)state;
  struct hf_case *cases;
  size_t n;
  struct kvc_err err;
  assert_int_equal(hf_cases_read(&arena, &cases, &n, &err), KVC_E_OK);
  assert_true(n > 60);
  for (size_t i = 0; i < n; i++) {
    const struct kvc_params p = count(cases[i].config);
    const double got = p.total + (cases[i].with_mtp ? p.mtp : 0);
    if (!close_to(got, cases[i].params, cases[i].rtol + 1e-12))
      fail_msg("%s: got %.0f, published %.0f", cases[i].name, got, cases[i].params);
  }
}

static void a_small_llama_by_hand(void **state)
{ /* H 8, 2 layers, 4 heads and 2 KV heads of 2, FFN 16, vocabulary 10.
   * layer: q 8*8, k and v 4*8 each, o 8*8 = 192; MLP 3*8*16 = 384; norms 16 -> 592
   * 2*592 + embedding 80 + head 80 + final norm 8 = 1352 */
  (void)state;
  static const char text[] =
      "{\"architectures\":[\"LlamaForCausalLM\"],\"hidden_size\":8,"
      "\"intermediate_size\":16,\"num_hidden_layers\":2,\"num_attention_heads\":4,"
      "\"num_key_value_heads\":2,\"vocab_size\":10,\"max_position_embeddings\":64}";
  const struct kvc_params p = count(text);
  assert_close(p.total, 1352, 0);
  assert_close(p.embed, 80, 0);
  assert_close(p.lm_head, 80, 0);
  assert_close(p.attention, 384, 0);
  assert_close(p.ffn, 768, 0);
  const struct kvc_model m = parse(text);
  assert_int_equal(m.layers[1].head_dim, 2);
  assert_int_equal(m.max_position_tok, 64);
  assert_string_equal(m.dtype, "bfloat16");
}

static void a_small_mixture_by_hand(void **state)
{ /* Qwen2-MoE, H 8, 1 layer, 2 heads of 4, 4 experts of 6 (2 used), shared of 12.
   * attention 4*64 + qkv bias 24 = 280; router 32; experts 4*3*8*6 = 576; shared
   * 3*8*12 = 288 and its gate 8; norms 16; embedding and head 160; final norm 8.
   * total 1368; used per token: two of four experts, 288 fewer */
  (void)state;
  const struct kvc_params p =
      count("{\"architectures\":[\"Qwen2MoeForCausalLM\"],\"hidden_size\":8,"
            "\"num_hidden_layers\":1,\"num_attention_heads\":2,\"vocab_size\":10,"
            "\"num_experts\":4,\"num_experts_per_tok\":2,\"moe_intermediate_size\":6,"
            "\"shared_expert_intermediate_size\":12,\"intermediate_size\":99}");
  assert_close(p.total, 1368, 0);
  assert_close(p.experts, 576, 0);
  assert_close(p.active, 1368 - 288, 0);
}

static void a_small_latent_attention_by_hand(void **state)
{ /* DeepSeek-V2 without q_lora: H 8, 2 heads, kv_lora 4, nope 3, rope 2, v 3.
   * q 2*(3+2)*8 = 80; kv_a (4+2)*8 = 48; its norm 4; kv_b 2*(3+3)*4 = 48;
   * o 2*3*8 = 48 -> 228; MLP 3*8*16 = 384; norms 16; 160 + 8 outside: 796 */
  (void)state;
  static const char text[] =
      "{\"architectures\":[\"DeepseekV2ForCausalLM\"],\"hidden_size\":8,"
      "\"intermediate_size\":16,\"num_hidden_layers\":1,\"num_attention_heads\":2,"
      "\"vocab_size\":10,\"kv_lora_rank\":4,\"qk_nope_head_dim\":3,"
      "\"qk_rope_head_dim\":2,\"v_head_dim\":3}";
  assert_close(count(text).total, 796, 0);
  assert_int_equal(parse(text).layers[0].mixer, KVC_MIX_MLA);
}

static void a_small_delta_net_by_hand(void **state)
{ /* Qwen3.5, H 8, one delta layer and one full: k 1x2, v 2x2, kernel 4; 2 heads and
   * 1 KV head of 4; MLP 16.
   * delta: qkvz (2+2+4+4)*8 = 96; ba 2*2*8 = 32; conv (2+2+4)*4 = 32; A, dt 4;
   *        norm 2; out 32 -> 198
   * full: q doubled 16*8 = 128; k, v 2*4*8 = 64; o 64; head norms 8 -> 264
   * 2 * (384 + 16) = 800; 160 + 8 outside: 1430 */
  (void)state;
  static const char text[] =
      "{\"architectures\":[\"Qwen3_5ForCausalLM\"],\"model_type\":\"qwen3_5_text\","
      "\"hidden_size\":8,\"intermediate_size\":16,\"num_hidden_layers\":2,"
      "\"num_attention_heads\":2,\"num_key_value_heads\":1,\"head_dim\":4,"
      "\"vocab_size\":10,\"layer_types\":[\"linear_attention\",\"full_attention\"],"
      "\"linear_num_key_heads\":1,\"linear_num_value_heads\":2,"
      "\"linear_key_head_dim\":2,\"linear_value_head_dim\":2}";
  assert_close(count(text).total, 1430, 0);
  const struct kvc_model m = parse(text);
  assert_int_equal(m.layers[0].mixer, KVC_MIX_GDN);
  assert_int_equal(m.layers[0].kv_heads, 0);
  assert_int_equal(m.layers[1].mixer, KVC_MIX_FULL);
}

static void a_small_nemotron_by_hand(void **state)
{ /* "M*-": H 8. Mamba 2: 2 heads of 4, 1 group, state 3, kernel 4:
   *   in (8+8+2*3+2)*8 = 192; conv (8+6)*(4+1) = 70; A, D, dt 6; norm 8; out 64
   * attention: 2 heads and 1 KV head of 4: q 64, k, v 64, o 64 = 192
   * MLP 2*8*16 = 256; 3 norms of 8; 160 + 8 outside: 340 + 192 + 256 + 24 + 168 = 980 */
  (void)state;
  const struct kvc_params p =
      count("{\"architectures\":[\"NemotronHForCausalLM\"],\"hidden_size\":8,"
            "\"intermediate_size\":16,\"num_hidden_layers\":3,"
            "\"num_attention_heads\":2,\"num_key_value_heads\":1,\"head_dim\":4,"
            "\"hybrid_override_pattern\":\"M*-\",\"mamba_num_heads\":2,"
            "\"mamba_head_dim\":4,\"n_groups\":1,\"ssm_state_size\":3,"
            "\"vocab_size\":10,\"time_step_limit\":[0.0,Infinity]}");
  assert_close(p.total, 980, 0);
}

static void gemma_3_takes_its_classes_defaults(void **state)
{ /* the 4B's text_config states six keys; the rest is the class's */
  (void)state;
  const struct kvc_model m =
      parse("{\"architectures\":[\"Gemma3ForConditionalGeneration\"],"
            "\"model_type\":\"gemma3\",\"text_config\":{\"hidden_size\":2560,"
            "\"intermediate_size\":10240,\"model_type\":\"gemma3_text\","
            "\"num_hidden_layers\":34,\"rope_scaling\":{\"factor\":8.0,"
            "\"rope_type\":\"linear\"},\"sliding_window\":1024}}");
  assert_int_equal(m.layers[0].heads, 8);
  assert_int_equal(m.layers[0].kv_heads, 4);
  assert_int_equal(m.layers[0].head_dim, 256);
  assert_int_equal(m.vocab, 262208);
  assert_int_equal(m.max_position_tok, 131072); /* the factor is counted in already */
  assert_true(m.tie_embeddings);
  assert_int_equal(m.layers[0].mixer, KVC_MIX_SLIDING);
  assert_int_equal(m.layers[0].window_tok, 1024);
  assert_int_equal(m.layers[5].mixer, KVC_MIX_FULL);
}

/* MistralConfig says 8 where a config says nothing; LlamaConfig says "as many". */
static void key_value_heads_left_out_are_the_class_s(void **state)
{
  (void)state;
  static const char rest[] =
      "\"hidden_size\":4096,\"num_hidden_layers\":1,\"num_attention_heads\":32,"
      "\"intermediate_size\":14336,\"vocab_size\":32000}";
  static const struct {
    const char *cls;
    int heads;
  } rows[] = {{"MistralForCausalLM", 8},
              {"MixtralForCausalLM", 8},
              {"Qwen2ForCausalLM", 32},
              {"LlamaForCausalLM", 32}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char config[512];
    (void)snprintf(config, sizeof config,
                   "{\"architectures\":[\"%s\"],\"num_local_experts\":8,"
                   "\"num_experts_per_tok\":2,%s",
                   rows[i].cls, rest);
    assert_int_equal(parse(config).layers[0].kv_heads, rows[i].heads);
  }
}

static void yarn_stretches_the_original_length(void **state)
{
  (void)state;
  const struct kvc_model m =
      parse("{\"architectures\":[\"Qwen2ForCausalLM\"],\"hidden_size\":8,"
            "\"num_hidden_layers\":1,\"num_attention_heads\":2,\"num_key_value_heads\":2,"
            "\"vocab_size\":10,\"max_position_embeddings\":32768,\"rope_scaling\":{"
            "\"type\":\"yarn\","
            "\"factor\":4.0,\"original_max_position_embeddings\":32768}}");
  assert_int_equal(m.max_position_tok, 131072);
}

static void a_sequence_classifier_pools_and_has_no_head(void **state)
{
  (void)state;
  static const char text[] =
      "{\"architectures\":[\"LlamaForSequenceClassification\"],\"hidden_size\":8,"
      "\"intermediate_size\":16,\"num_hidden_layers\":1,\"num_attention_heads\":2,"
      "\"vocab_size\":10,\"max_position_embeddings\":64}";
  assert_true(parse(text).pooling);
  assert_close(count(text).lm_head, 0, 0);
}

static void deepseek_v4_keeps_windows_and_compressed_rows(void **state)
{
  (void)state;
  const struct kvc_model m =
      parse("{\"architectures\":[\"DeepseekV4ForCausalLM\"],\"hidden_size\":64,"
            "\"num_hidden_layers\":3,\"num_attention_heads\":4,"
            "\"num_key_value_heads\":1,\"head_dim\":32,\"vocab_size\":10,"
            "\"moe_intermediate_size\":16,\"n_routed_experts\":4,"
            "\"n_shared_experts\":1,\"num_experts_per_tok\":2,\"q_lora_rank\":8,"
            "\"o_lora_rank\":8,\"o_groups\":2,\"qk_rope_head_dim\":8,"
            "\"sliding_window\":128,\"compress_ratios\":[0,4,128]}");
  assert_int_equal(m.layers[0].kv_compress, 0);
  assert_int_equal(m.layers[1].kv_compress, 4);
  assert_true(m.layers[1].indexer);
  assert_false(m.layers[2].indexer);
  assert_int_equal(m.layers[2].window_tok, 128);
}

/* Every file of a folder gives a model or a whole sentence. */
static void corpus_files_parse_or_say_why(void **state)
{
  (void)state;
  const char *root = getenv("KVCAP_CORPUS");
  char path[1024];
  (void)snprintf(path, sizeof path, "%s/configs", root != NULL ? root : "");
  DIR *dir = root != NULL ? opendir(path) : NULL;
  if (dir == NULL) {
    print_message("KVCAP_CORPUS is not set: skipped\n");
    skip();
  }
  size_t models = 0, refused = 0;
  for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
    const size_t len = strlen(e->d_name);
    if (len < 5 || strcmp(e->d_name + len - 5, ".json") != 0) continue;
    struct kvc_arena own;
    struct kvc_err err = {.msg = ""};
    struct kvc_model m = {0};
    char *text;
    size_t bytes;
    kvc_arena_init(&own, 128u << 20);
    (void)snprintf(path, sizeof path, "%s/configs/%s", root, e->d_name);
    assert_int_equal(
        kvc_file_read_into(&own, path, KVC_HF_MAX_BYTES, &text, &bytes, &err), KVC_E_OK);
    if (kvc_hf_model_parse(&own, text, bytes, path, &m, &err) == KVC_E_OK)
      models++;
    else
      refused++;
    if (m.n_layers == 0 && err.msg[0] == '\0') fail_msg("%s: no reason", path);
    kvc_arena_clear(&own);
  }
  (void)closedir(dir);
  print_message("%zu models, %zu refused\n", models, refused);
  assert_true(models > refused);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(parameter_counts_equal_the_published_ones, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(a_small_llama_by_hand, setup, teardown),
      cmocka_unit_test_setup_teardown(a_small_mixture_by_hand, setup, teardown),
      cmocka_unit_test_setup_teardown(a_small_latent_attention_by_hand, setup, teardown),
      cmocka_unit_test_setup_teardown(a_small_delta_net_by_hand, setup, teardown),
      cmocka_unit_test_setup_teardown(a_small_nemotron_by_hand, setup, teardown),
      cmocka_unit_test_setup_teardown(gemma_3_takes_its_classes_defaults, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(key_value_heads_left_out_are_the_class_s, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(yarn_stretches_the_original_length, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(a_sequence_classifier_pools_and_has_no_head, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(deepseek_v4_keeps_windows_and_compressed_rows,
                                      setup, teardown),
      cmocka_unit_test_setup_teardown(corpus_files_parse_or_say_why, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
