/* test_hf_quant.c - quantization_config, side files and names.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/hf.h>
#include <kvcap/weights.h>
#include <stdio.h>
#include <string.h>
#include "tests/support/close.h"

static struct kvc_arena arena;

static int setup(void **state)
{
  (void)state;
  kvc_arena_init(&arena, 8u << 20);
  return 0;
}

static int teardown(void **state)
{
  (void)state;
  kvc_arena_clear(&arena);
  return 0;
}

/* A mixture of three layers (the first dense) with the given quantisation. */
static struct kvc_model parse(const char *quant)
{
  char text[2048];
  struct kvc_model m;
  struct kvc_err err;
  (void)snprintf(
      text, sizeof text,
      "{\"architectures\":[\"Glm4MoeForCausalLM\"],\"model_type\":\"glm4_moe\","
      "\"hidden_size\":256,\"intermediate_size\":512,\"num_hidden_layers\":3,"
      "\"num_attention_heads\":4,\"num_key_value_heads\":2,\"head_dim\":64,"
      "\"vocab_size\":1000,\"n_routed_experts\":8,\"n_shared_experts\":1,"
      "\"num_experts_per_tok\":2,\"moe_intermediate_size\":128,"
      "\"first_k_dense_replace\":1,\"num_nextn_predict_layers\":1%s%s}",
      quant[0] != '\0' ? ",\"quantization_config\":" : "", quant);
  if (kvc_hf_model_parse(&arena, text, strlen(text), "config.json", &m, &err) != KVC_E_OK)
    fail_msg("%s", err.msg);
  return m;
}

static enum kvc_quant_kind part(const struct kvc_model *m, size_t layer, enum kvc_part p)
{
  const unsigned char stored = m->layers[layer].part_quant[p];
  return stored != 0 ? (enum kvc_quant_kind)(stored - 1) : m->quant.kind;
}

static void awq_has_zero_points_and_gptq_an_order(void **state)
{
  (void)state;
  struct kvc_model m = parse("{\"quant_method\":\"awq\",\"bits\":4,\"group_size\":64,"
                             "\"zero_point\":true}");
  assert_int_equal(m.quant.kind, KVC_QUANT_INT);
  assert_int_equal(m.quant.group_size, 64);
  assert_close(m.quant.zero_bits, 4, 0);
  assert_true(m.quant.skip_lm_head);
  m = parse("{\"quant_method\":\"gptq\",\"bits\":8,\"group_size\":-1,\"desc_act\":true}");
  assert_close(m.quant.bits, 8, 0);
  assert_int_equal(m.quant.group_size, -1);
  assert_true(m.quant.act_order);
}

static void fp8_reads_its_blocks_and_skipped_modules(void **state)
{
  (void)state;
  const struct kvc_model m =
      parse("{\"quant_method\":\"fp8\",\"weight_block_size\":[128,128],"
            "\"modules_to_not_convert\":[\"lm_head\",\"model.layers.1.self_attn.o_proj\","
            "\"model.layers.2.mlp.shared_experts\"]}");
  assert_int_equal(m.quant.kind, KVC_QUANT_FP8);
  assert_int_equal(m.quant.block_rows, 128);
  assert_int_equal(part(&m, 1, KVC_PART_ATTN_OUT), KVC_QUANT_NONE);
  assert_int_equal(part(&m, 1, KVC_PART_ATTN_IN), KVC_QUANT_FP8);
  assert_int_equal(part(&m, 2, KVC_PART_SHARED), KVC_QUANT_NONE);
  assert_int_equal(part(&m, 1, KVC_PART_SHARED), KVC_QUANT_FP8);
}

static void expressions_name_parts_of_all_layers(void **state)
{ /* as Kimi-K2.5: only the routed experts are quantised */
  (void)state;
  const struct kvc_model m =
      parse("{\"quant_method\":\"compressed-tensors\",\"format\":\"pack-quantized\","
            "\"config_groups\":{\"group_0\":{\"targets\":[\"Linear\"],\"weights\":"
            "{\"num_bits\":4,\"type\":\"int\",\"strategy\":\"group\",\"group_size\":32,"
            "\"symmetric\":true}}},\"ignore\":[\"lm_head\",\"re:.*self_attn.*\","
            "\"re:.*shared_experts.*\",\"re:.*mlp\\\\.(gate|up|gate_up|down)_proj.*\"]}");
  assert_int_equal(m.quant.kind, KVC_QUANT_INT);
  assert_int_equal(m.quant.group_size, 32);
  assert_close(m.quant.zero_bits, 0, 0);
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(part(&m, i, KVC_PART_ATTN_IN), KVC_QUANT_NONE);
    assert_int_equal(part(&m, i, KVC_PART_DENSE), KVC_QUANT_NONE);
    assert_int_equal(part(&m, i, KVC_PART_SHARED), KVC_QUANT_NONE);
    assert_int_equal(part(&m, i, KVC_PART_EXPERTS), KVC_QUANT_INT);
  }
  assert_true(m.quant.skip_attention);
}

static void targeted_groups_leave_the_rest_alone(void **state)
{
  (void)state;
  const struct kvc_model m =
      parse("{\"quant_method\":\"compressed-tensors\",\"config_groups\":{"
            "\"a\":{\"targets\":[\"re:.*self_attn\\\\.(q|k|v|o)_proj$\"],\"weights\":"
            "{\"num_bits\":8,\"type\":\"float\",\"strategy\":\"channel\"}},"
            "\"b\":{\"targets\":[\"re:.*mlp\\\\.experts\\\\.\\\\d+\\\\.gate_proj$\"],"
            "\"format\":\"nvfp4-pack-quantized\",\"weights\":{\"num_bits\":4,"
            "\"type\":\"float\",\"strategy\":\"tensor_group\",\"group_size\":16}}}}");
  assert_int_equal(m.quant.kind, KVC_QUANT_NVFP4);
  assert_int_equal(part(&m, 1, KVC_PART_ATTN_IN), KVC_QUANT_FP8);
  assert_int_equal(part(&m, 1, KVC_PART_ATTN_OUT), KVC_QUANT_FP8);
  assert_int_equal(part(&m, 1, KVC_PART_EXPERTS), KVC_QUANT_NVFP4);
  assert_int_equal(part(&m, 0, KVC_PART_DENSE), KVC_QUANT_NONE);
  assert_int_equal(part(&m, 1, KVC_PART_SHARED), KVC_QUANT_NONE);
}

static void modelopt_lists_mixed_layers_one_by_one(void **state)
{
  (void)state;
  const struct kvc_model m =
      parse("{\"quant_method\":\"modelopt\",\"quant_algo\":\"MIXED_PRECISION\","
            "\"kv_cache_quant_algo\":\"FP8\",\"quantized_layers\":{"
            "\"lm_head\":{\"quant_algo\":\"NVFP4\"},"
            "\"model.layers.0.mlp.gate_proj\":{\"quant_algo\":\"FP8\"},"
            "\"model.layers.1.mlp.experts.0.down_proj\":{\"quant_algo\":\"NVFP4\"}}}");
  assert_false(m.quant.skip_lm_head);
  assert_string_equal(m.quant.kv_cache_dtype, "fp8");
  assert_int_equal(part(&m, 0, KVC_PART_DENSE), KVC_QUANT_FP8);
  assert_int_equal(part(&m, 1, KVC_PART_EXPERTS), KVC_QUANT_NVFP4);
  assert_int_equal(part(&m, 2, KVC_PART_EXPERTS), KVC_QUANT_NONE);
  assert_int_equal(part(&m, 0, KVC_PART_ATTN_IN), KVC_QUANT_NONE);
}

static void a_side_file_describes_what_config_json_does_not(void **state)
{ /* ModelOpt: layers beyond the last are the MTP module's */
  (void)state;
  static const char side[] =
      "{\"producer\":{\"name\":\"modelopt\"},\"quantization\":{\"quant_algo\":\"NVFP4\","
      "\"kv_cache_quant_algo\":\"FP8\",\"group_size\":16,\"exclude_modules\":["
      "\"lm_head\",\"model.layers.1.self_attn*\",\"model.layers.3*\"]}}";
  struct kvc_model m = parse("");
  const struct kvc_layer *before = m.layers;
  struct kvc_err err;
  assert_int_equal(
      kvc_hf_quant_parse(&arena, side, strlen(side), "hf_quant_config.json", &m, &err),
      KVC_E_OK);
  assert_int_equal(m.quant.kind, KVC_QUANT_NVFP4);
  assert_int_equal(part(&m, 1, KVC_PART_ATTN_IN), KVC_QUANT_NONE);
  assert_int_equal(part(&m, 2, KVC_PART_ATTN_IN), KVC_QUANT_NVFP4);
  assert_int_equal(m.mtp[0].part_quant[KVC_PART_EXPERTS], 1 + KVC_QUANT_NONE);
  assert_int_equal(before[1].part_quant[KVC_PART_ATTN_IN], 0); /* a copy was changed */
  assert_int_equal(kvc_hf_quant_parse(&arena, "{}", 2, "x.json", &m, &err), KVC_E_PARSE);
}

static void names_are_understood(void **state)
{
  (void)state;
  static const struct {
    const char *name;
    enum kvc_quant_kind kind;
    double bits;
  } rows[] = {
      {"fp8", KVC_QUANT_FP8, 8},
      {"FP8-dynamic", KVC_QUANT_FP8, 8},
      {"w8a8", KVC_QUANT_INT8, 8},
      {"quantized.w8a8", KVC_QUANT_INT8, 8},
      {"w4a16", KVC_QUANT_INT, 4},
      {"Int4-W4A16", KVC_QUANT_INT, 4},
      {"AWQ", KVC_QUANT_INT, 4},
      {"awq 4-bit", KVC_QUANT_INT, 4},
      {"awq_marlin", KVC_QUANT_INT, 4},
      {"4bit-AWQ", KVC_QUANT_INT, 4},
      {"GPTQ-Int4", KVC_QUANT_INT, 4},
      {"GPTQ-Int8", KVC_QUANT_INT, 8},
      {"auto_round", KVC_QUANT_INT, 4},
      {"NVFP4", KVC_QUANT_NVFP4, 4},
      {"modelopt_fp4", KVC_QUANT_NVFP4, 4},
      {"modelopt", KVC_QUANT_FP8, 8},
      {"NVFP4-FP8", KVC_QUANT_NVFP4, 4},
      {"MXFP4", KVC_QUANT_MXFP4, 4},
      {"bnb-4bit", KVC_QUANT_BNB, 4},
      {"bitsandbytes", KVC_QUANT_BNB, 4},
      {"GGUF Q4_K_M", KVC_QUANT_GGUF, 4.85},
      {"gguf", KVC_QUANT_GGUF, 4.85},
      {"Q8_0", KVC_QUANT_GGUF, 8.5},
      {"Int4", KVC_QUANT_INT, 4},
      {"none", KVC_QUANT_NONE, 0},
      {"bf16", KVC_QUANT_NONE, 0},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct kvc_model m = parse("");
    struct kvc_err err;
    if (kvc_hf_quant_apply(&arena, rows[i].name, &m, &err) != KVC_E_OK)
      fail_msg("%s: %s", rows[i].name, err.msg);
    if (m.quant.kind != rows[i].kind) fail_msg("%s: kind %d", rows[i].name, m.quant.kind);
    assert_close(m.quant.bits, rows[i].bits, 0);
  }
}

static void what_a_name_cannot_say_is_refused(void **state)
{
  (void)state;
  struct kvc_model m = parse("");
  struct kvc_err err;
  assert_int_equal(kvc_hf_quant_apply(&arena, "sorcery", &m, &err), KVC_E_UNKNOWN);
  assert_non_null(strstr(err.msg, "w4a16"));
  assert_int_equal(kvc_hf_quant_apply(&arena, "compressed-tensors", &m, &err),
                   KVC_E_UNKNOWN);
  assert_int_equal(m.quant.kind, KVC_QUANT_NONE);
}

static void a_described_format_outweighs_its_name(void **state)
{
  (void)state;
  struct kvc_model m =
      parse("{\"quant_method\":\"fp8\",\"weight_block_size\":[128,128]}");
  struct kvc_err err;
  assert_int_equal(kvc_hf_quant_apply(&arena, "fp8", &m, &err), KVC_E_OK);
  assert_int_equal(m.quant.block_cols, 128);
  assert_int_equal(kvc_hf_quant_apply(&arena, "awq", &m, &err), KVC_E_OK);
  assert_int_equal(m.quant.kind, KVC_QUANT_INT);
}

static void applying_a_name_leaves_shared_layers_alone(void **state)
{
  (void)state;
  struct kvc_model m = parse("{\"quant_method\":\"fp8\",\"ignored_layers\":"
                             "[\"model.layers.1.self_attn\"]}");
  struct kvc_model copy = m;
  struct kvc_err err;
  assert_int_equal(kvc_hf_quant_apply(&arena, "awq", &copy, &err), KVC_E_OK);
  assert_int_equal(part(&m, 1, KVC_PART_ATTN_IN), KVC_QUANT_NONE);
  assert_int_equal(part(&copy, 1, KVC_PART_ATTN_IN), KVC_QUANT_INT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(awq_has_zero_points_and_gptq_an_order),
      TEST(fp8_reads_its_blocks_and_skipped_modules),
      TEST(expressions_name_parts_of_all_layers),
      TEST(targeted_groups_leave_the_rest_alone),
      TEST(modelopt_lists_mixed_layers_one_by_one),
      TEST(a_side_file_describes_what_config_json_does_not),
      TEST(names_are_understood),
      TEST(what_a_name_cannot_say_is_refused),
      TEST(a_described_format_outweighs_its_name),
      TEST(applying_a_name_leaves_shared_layers_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
