/* test_profile_plan_file.c - a question to `kvcap plan` is read strictly.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/plan_file.h>
#include <string.h>
#include "tests/support/close.h"

static kvc_code read(struct kvc_arena *arena, const char *text, struct kvc_plan_file *out,
                     struct kvc_err *err)
{
  return kvc_plan_file_read(arena, text, strlen(text), "plan.yaml", out, err);
}

static void a_question_is_taken_as_written(void **state)
{
  static const char text[] = "model: org/a\n"
                             "models: [org/b, org/c]\n"
                             "vllm_version: 0.19.0\n"
                             "workload: chat\n"
                             "rate_per_s: 20\n"
                             "burstiness: 0.5\n"
                             "slo: {ttft_p95: 500ms, goodput: 0.95}\n"
                             "growth:\n"
                             "  - {month: 3, rate_per_s: 30}\n"
                             "  - {month: 6, rate_per_s: 45}\n"
                             "horizon_months: 24\n"
                             "budget_usd_per_hour: 40.5\n"
                             "max_gpus: 32\n"
                             "tp: [1, 2, 4]\n"
                             "pp: 2\n"
                             "allow_quality: [fp8-kv]\n"
                             "why_not: [H100:tp4]\n"
                             "seed: 7\n";
  (void)state;
  struct kvc_arena arena;
  struct kvc_plan_file f;
  struct kvc_err err;
  kvc_arena_init(&arena, 1 << 20);
  assert_int_equal(read(&arena, text, &f, &err), KVC_E_OK);
  assert_int_equal(f.n_models, 3);
  assert_string_equal(f.models[0], "org/a");
  assert_string_equal(f.models[2], "org/c");
  assert_string_equal(f.vllm_version, "0.19.0");
  assert_close(f.rate_per_s, 20, 1e-12);
  assert_close(f.burstiness, 0.5, 1e-12);
  assert_string_equal(f.slo, "ttft_p95=500ms,goodput=0.95");
  assert_int_equal(f.n_growth, 2);
  assert_close(f.growth[1].month, 6, 1e-12);
  assert_close(f.growth[1].rate_per_s, 45, 1e-12);
  assert_int_equal(f.horizon_months, 24);
  assert_close(f.budget_usd_per_hour, 40.5, 1e-12);
  assert_int_equal(f.max_gpus, 32);
  assert_int_equal(f.tp[2], 4);
  assert_int_equal(f.tp[3], 0);
  assert_int_equal(f.pp[0], 2);
  assert_int_equal(f.dp[0], 0);
  assert_int_equal(f.n_allow_quality, 1);
  assert_string_equal(f.why_not[0], "H100:tp4");
  assert_int_equal(f.seed, 7);
  /* What is not written is not given. */
  assert_true(isnan(f.growth_percent_per_month) && isnan(f.headroom_frac) &&
              isnan(f.acceptance_rate));
  assert_int_equal(f.n_hardware, 0);
  assert_null(f.trace);
  kvc_arena_clear(&arena);
}

static void a_nodes_price_is_shared_by_its_gpus(void **state)
{
  static const char text[] =
      "hardware:\n"
      "  - {gpu: H100, instance: p5, region: us-east-1, gpus_per_node: 8, "
      "usd_per_node_hour: 40}\n"
      "  - {gpu: L40S, usd_per_gpu_hour: 0.9, stock_gpus: 16, price_from: a quote}\n"
      "  - {gpu: A100-80G}\n";
  (void)state;
  struct kvc_arena arena;
  struct kvc_plan_file f;
  struct kvc_err err;
  kvc_arena_init(&arena, 1 << 20);
  assert_int_equal(read(&arena, text, &f, &err), KVC_E_OK);
  assert_int_equal(f.n_hardware, 3);
  assert_close(f.hardware[0].usd_per_gpu_hour, 5, 1e-12);
  assert_true(f.hardware[0].whole_nodes);
  assert_string_equal(f.hardware[0].region, "us-east-1");
  assert_int_equal(f.hardware[0].line, 2);
  assert_false(f.hardware[1].whole_nodes);
  assert_int_equal(f.hardware[1].stock_gpus, 16);
  assert_string_equal(f.hardware[1].price_from, "a quote");
  assert_true(isnan(f.hardware[2].usd_per_gpu_hour));
  kvc_arena_clear(&arena);
}

static void flags_of_the_server_become_words_of_a_command(void **state)
{
  (void)state;
  struct kvc_arena arena;
  struct kvc_plan_file f;
  struct kvc_err err;
  kvc_arena_init(&arena, 1 << 20);
  assert_int_equal(read(&arena,
                        "serve:\n"
                        "  max-model-len: 8192\n"
                        "  enforce_eager: true\n"
                        "  enable-lora: false\n"
                        "  quantization: 'true'\n",
                        &f, &err),
                   KVC_E_OK);
  assert_int_equal(f.n_flags, 3); /* false is no flag at all */
  assert_string_equal(f.flags[0], "--max-model-len=8192");
  assert_string_equal(f.flags[1], "--enforce_eager");
  assert_string_equal(f.flags[2], "--quantization=true"); /* quoted: a text */
  kvc_arena_clear(&arena);
}

static void what_is_wrong_is_named_with_its_place(void **state)
{
  static const struct {
    const char *text, *says;
    int line;
    kvc_code code;
  } bad[] = {
      {"model: a\nbudget_usd: 3\n", "budget_usd_per_hour", 2, KVC_E_UNKNOWN},
      {"rate_per_s: fast\n", "must be a number", 1, KVC_E_PARSE},
      {"rate_per_s: 0\n", "outside", 1, KVC_E_RANGE},
      {"rate_per_s: .inf\n", "must be a number", 1, KVC_E_PARSE},
      {"hardware: H100\n", "list of mappings", 1, KVC_E_PARSE},
      {"hardware:\n  - H100\n", "mapping", 2, KVC_E_PARSE},
      {"hardware:\n  - {gpus_per_node: 8}\n", "\"gpu\" is missing", 2, KVC_E_PARSE},
      {"hardware:\n  - {gpu: H100, usd_per_node_hour: 3}\n", "gpus_per_node", 2,
       KVC_E_PARSE},
      {"hardware:\n  - {gpu: H100, gpus_per_node: 8, usd_per_node_hour: 3, "
       "usd_per_gpu_hour: 3}\n",
       "one of them", 2, KVC_E_CONFLICT},
      {"hardware:\n  - {gpu: H100, gpus_per_nod: 8}\n", "gpus_per_node", 2,
       KVC_E_UNKNOWN},
      {"growth:\n  - {month: 6, rate_per_s: 3}\n  - {month: 2, rate_per_s: 4}\n",
       "must rise", 3, KVC_E_CONFLICT},
      {"growth_percent_per_month: 5\ngrowth:\n  - {month: 6, rate_per_s: 3}\n",
       "one of them", 3, KVC_E_CONFLICT},
      {"tp: [1, 2.5]\n", "whole number", 1, KVC_E_PARSE},
      {"tp: [1,2,3,4,5,6,7,8]\n", "more than 7", 1, KVC_E_LIMIT},
      {"slo: [a]\n", "\"slo\" must be", 1, KVC_E_PARSE},
      {"serve: {--tp: 2}\n", "without its dashes", 1, KVC_E_PARSE},
      {"serve: {\"a b\": 2}\n", "no flag", 1, KVC_E_PARSE},
      {"serve: {tp: [2]}\n", "must be a text", 1, KVC_E_PARSE},
      {"model: a\nmodel: b\n", "second time", 2, KVC_E_PARSE},
      {"model: &x a\n", "anchors", 1, KVC_E_PARSE},
      {"models: [a,b,c,d,e,f,g,h,i]\n", "more than 8 models", 1, KVC_E_LIMIT},
  };
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct kvc_arena arena;
    struct kvc_plan_file f;
    struct kvc_err err = {0};
    kvc_arena_init(&arena, 1 << 20);
    assert_int_equal(read(&arena, bad[i].text, &f, &err), bad[i].code);
    if (strstr(err.msg, bad[i].says) == NULL) fail_msg("%s: %s", bad[i].text, err.msg);
    assert_string_equal(err.where, "plan.yaml");
    if (err.line != bad[i].line) fail_msg("%s: line %d", bad[i].text, err.line);
    kvc_arena_clear(&arena);
  }
}

static void every_row_has_a_help_for_the_schema(void **state)
{
  static const size_t rows[] = {42, 9, 2};
  (void)state;
  for (int table = 0; table < 3; table++) {
    struct kvc_plan_key key;
    size_t n = 0;
    while (kvc_plan_file_key((enum kvc_plan_table)table, n, &key)) {
      assert_true(key.key[0] != '\0' && key.help != NULL && key.help[0] != '\0');
      n++;
    }
    assert_int_equal(n, rows[table]);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_question_is_taken_as_written),
      cmocka_unit_test(a_nodes_price_is_shared_by_its_gpus),
      cmocka_unit_test(flags_of_the_server_become_words_of_a_command),
      cmocka_unit_test(what_is_wrong_is_named_with_its_place),
      cmocka_unit_test(every_row_has_a_help_for_the_schema)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
