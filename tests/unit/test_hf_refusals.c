/* test_hf_refusals.c - what is not a usable config ends with one telling sentence.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/hf.h>
#include <string.h>

#define REST                                                                             \
  "\"intermediate_size\":16,\"num_attention_heads\":2,\"vocab_size\":10,"                \
  "\"max_position_embeddings\":64"

static const struct {
  const char *text;
  kvc_code code;
  const char *says;
} cases[] = {
    {"", KVC_E_PARSE, "empty"},
    {"{", KVC_E_PARSE, "cut short"},
    {"{\"a\":\"b", KVC_E_PARSE, "no end"},
    {"[1,2]", KVC_E_PARSE, "JSON object"},
    {"{} x", KVC_E_PARSE, "follows after the end"},
    {"{\"a\":tru}", KVC_E_PARSE, "not valid JSON"},
    {"{\"a\":1]", KVC_E_PARSE, "no opening"},
    {"\xEF\xBB\xBF{}", KVC_E_PARSE, "byte order mark"},
    {"{\"a\":\"\xC3(\"}", KVC_E_PARSE, "UTF-8"},
    {"{\"a\":1,\"b\":{\"c\":1,\"c\":2}}", KVC_E_PARSE, "\"c\" is given twice"},
    {"{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
     KVC_E_LIMIT, "32 levels"},
    {"{}", KVC_E_PARSE, "\"architectures\""},
    {"{\"bits\":4,\"group_size\":128}", KVC_E_UNSUPPORTED, "quantisation, not a model"},
    {"{\"architectures\":[\"LamaForCausalLM\"]}", KVC_E_UNSUPPORTED,
     "nearest known class is LlamaForCausalLM"},
    {"{\"architectures\":[\"LlamaForCausalLM\"],\"num_hidden_layers\":2," REST "}",
     KVC_E_PARSE, "lacks \"hidden_size\", which LlamaForCausalLM needs"},
    {"{\"architectures\":[\"LlamaForCausalLM\"],\"hidden_size\":NaN," REST "}",
     KVC_E_PARSE, "\"num_hidden_layers\""},
    {"{\"architectures\":[\"LlamaForCausalLM\"],\"num_hidden_layers\":2,"
     "\"hidden_size\":NaN," REST "}",
     KVC_E_PARSE, "\"hidden_size\" must be a number"},
    {"{\"architectures\":[\"LlamaForCausalLM\"],\"num_hidden_layers\":2000,"
     "\"hidden_size\":8," REST "}",
     KVC_E_RANGE, "not a whole number in [1, 1024]"},
    {"{\"architectures\":[\"LlamaForCausalLM\"],\"num_hidden_layers\":-1,"
     "\"hidden_size\":8," REST "}",
     KVC_E_RANGE, "num_hidden_layers"},
    {"{\"architectures\":[\"LlamaForCausalLM\"],\"num_hidden_layers\":2.5,"
     "\"hidden_size\":8," REST "}",
     KVC_E_RANGE, "2.5"},
    {"{\"architectures\":[\"LlamaForCausalLM\"],\"num_hidden_layers\":2,"
     "\"hidden_size\":1e30," REST "}",
     KVC_E_RANGE, "1e+30"},
    {"{\"architectures\":[\"MixtralForCausalLM\"],\"num_hidden_layers\":2,"
     "\"hidden_size\":8,\"num_key_value_heads\":2,\"num_local_experts\":4,"
     "\"num_experts_per_tok\":9," REST "}",
     KVC_E_RANGE, "cannot use 9 of 4 experts"},
    {"{\"architectures\":[\"LlamaForCausalLM\"],\"num_hidden_layers\":2,"
     "\"hidden_size\":8,\"quantization_config\":{\"quant_method\":\"magic\"}," REST "}",
     KVC_E_UNSUPPORTED, "\"magic\" is not modelled"},
    {"{\"architectures\":[\"LlavaForConditionalGeneration\"],"
     "\"text_config\":{\"model_type\":\"marvin\"}}",
     KVC_E_UNSUPPORTED, "language model inside LlavaForConditionalGeneration"},
};

static void bad_configs_are_refused_with_a_reason(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct kvc_arena arena;
    struct kvc_model m = {.vocab = 12345};
    struct kvc_err err = {.msg = ""};
    kvc_arena_init(&arena, 1 << 20);
    const kvc_code rc = kvc_hf_model_parse(&arena, cases[i].text, strlen(cases[i].text),
                                           "config.json", &m, &err);
    if (rc != cases[i].code || strstr(err.msg, cases[i].says) == NULL)
      fail_msg("case %zu: %s: \"%s\"", i, kvc_err_name(rc), err.msg);
    assert_string_equal(err.where, "config.json");
    assert_int_equal(m.vocab, 12345); /* the output is untouched */
    kvc_arena_clear(&arena);
  }
}

static void a_short_arena_ends_in_a_limit(void **state)
{
  (void)state;
  static const char text[] =
      "{\"architectures\":[\"DeepseekV3ForCausalLM\"],\"hidden_size\":8,"
      "\"num_hidden_layers\":2,\"kv_lora_rank\":4,\"qk_nope_head_dim\":2,"
      "\"qk_rope_head_dim\":2,\"v_head_dim\":2,\"n_routed_experts\":4,"
      "\"num_experts_per_tok\":2,\"moe_intermediate_size\":4,"
      "\"num_nextn_predict_layers\":1," REST "}";
  bool done = false;
  for (size_t cap = 0; !done && cap < 1 << 16; cap += 64) {
    struct kvc_arena arena;
    struct kvc_model m;
    struct kvc_err err;
    kvc_arena_init(&arena, cap);
    kvc_code rc = kvc_hf_model_parse(&arena, text, strlen(text), "c", &m, &err);
    if (rc == KVC_E_OK) rc = kvc_hf_quant_apply(&arena, "fp8", &m, &err);
    if (rc != KVC_E_OK) assert_int_equal(rc, KVC_E_LIMIT);
    done = rc == KVC_E_OK;
    kvc_arena_clear(&arena);
  }
  assert_true(done);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bad_configs_are_refused_with_a_reason),
      cmocka_unit_test(a_short_arena_ends_in_a_limit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
