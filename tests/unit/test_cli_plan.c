/* test_cli_plan.c - kvcap plan: words and plan file become one question.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <math.h>
#include "cli_kit.h"
#include "src/cli/plan.h"
#include "tests/support/close.h"
#include "tests/support/json_schema.h"

enum { ARENA = 256 << 20 };

/* The arguments that words come to; the arena is the caller's. */
static kvc_code ask(struct cli *cli, const char *const *words, struct plan_args **out,
                    struct kvc_err *err)
{
  char *argv[KIT_MAX_ARGS];
  int argc = 0;
  memset(cli, 0, sizeof *cli);
  kvc_arena_init(&cli->arena, ARENA);
  for (; words[argc] != NULL; argc++) {
    assert_true(argc < KIT_MAX_ARGS);
    argv[argc] = kvc_arena_strdup(&cli->arena, words[argc]);
  }
  *out = kvc_arena_alloc(&cli->arena, 1, sizeof **out);
  assert_non_null(*out);
  return plan_read(cli, argc, argv, *out, err);
}
#define ASK(cli, out, err, ...)                                                          \
  ask(cli, (const char *const[]){__VA_ARGS__, NULL}, out, err)

static void every_option_reaches_the_question(void **state)
{
  (void)state;
  struct cli cli;
  struct plan_args *a;
  struct kvc_err err = {0};
  const kvc_code rc =
      ASK(&cli, &a, &err, "org/a", "--model", "org/b", "org/a", "--slo", "ttft_p95=500ms",
          "--slo", "tpot_p99=30ms", "--gpu", "H100,A100-80G", "--gpu", "L40S",
          "--instance", "big:box:H100:8:40", "--price", "L40S=0.9", "--stock", "H100=16",
          "--gpus-per-node", "L40S=4", "--budget", "40", "--power", "12kW", "--tp",
          "1,2,4", "-pp", "2", "--growth-at", "0=5", "--growth-at", "6.5=40", "--why-not",
          "H100:tp4", "--kv-transfer-gb-per-s", "25", "--shard", "3/16");
  if (rc != KVC_E_OK) fail_msg("%s: %s", err.where, err.msg);
  const struct kvc_search_request *r = &a->req;
  assert_int_equal(a->n_models, 2);           /* the same one twice is one */
  assert_string_equal(a->models[0], "org/b"); /* options come before words */
  assert_int_equal(r->slo.n, 2);
  assert_close(r->slo.bars[1].limit_s, 0.03, 1e-12);
  assert_int_equal(r->n_hardware, 4);
  assert_string_equal(r->hardware[1].gpu, "A100-80G");
  assert_true(isnan(r->hardware[1].usd_per_gpu_hour));
  assert_string_equal(r->hardware[3].instance, "big:box");
  assert_string_equal(r->hardware[3].gpu, "H100");
  assert_int_equal(r->hardware[3].gpus_per_node, 8);
  assert_true(r->hardware[3].whole_nodes);
  assert_close(r->hardware[3].usd_per_gpu_hour, 5, 1e-12);
  assert_int_equal(a->n_named, 3);
  assert_true(a->named[1].what == PLAN_STOCK);
  assert_close(a->named[1].value, 16, 1e-12);
  assert_close(r->budget_usd_per_hour, 40, 1e-12);
  assert_close(r->power_watts, 12000, 1e-12);
  assert_int_equal(r->tps[2], 4);
  assert_int_equal(r->tps[3], 0);
  assert_int_equal(r->pps[0], 2);
  assert_int_equal(r->n_growth, 2);
  assert_close(r->growth[1].month, 6.5, 1e-12);
  assert_int_equal(r->n_why_not, 1);
  assert_int_equal(a->shard, 3);
  assert_int_equal(a->shards, 16);
  kvc_arena_clear(&cli.arena);
}

static const char plan_text[] = "model: org/a\n"
                                "rate_per_s: 20\n"
                                "trace: load.csv\n"
                                "slo: {ttft_p95: 500ms}\n"
                                "hardware:\n"
                                "  - {gpu: H100, usd_per_gpu_hour: 2}\n"
                                "tp: [1, 2]\n"
                                "budget_usd_per_hour: 40\n"
                                "objective: latency\n"
                                "serve: {max-model-len: 8192, block-size: 16}\n";

static void what_is_typed_stands_over_the_file(void **state)
{
  (void)state;
  struct cli cli;
  struct plan_args *a;
  struct kvc_err err = {0};
  const char *path = kit_file("typed-plan.yaml", plan_text, sizeof plan_text - 1);
  const kvc_code rc = ASK(&cli, &a, &err, path, "--rate", "30", "--slo", "tpot_p99=30ms",
                          "--gpu", "L40S", "--tp", "4", "--model", "org/b",
                          "--max-model-len", "4096", "--workload", "chat");
  if (rc != KVC_E_OK) fail_msg("%s: %s", err.where, err.msg);
  assert_int_equal(a->n_models, 1);
  assert_string_equal(a->models[0], "org/b");
  assert_close(a->req.rate_per_s, 30, 1e-12);
  assert_int_equal(a->req.slo.n, 1);
  assert_true(a->req.slo.bars[0].figure == KVC_SLO_TPOT);
  assert_int_equal(a->req.n_hardware, 1);
  assert_string_equal(a->req.hardware[0].gpu, "L40S");
  assert_int_equal(a->req.tps[0], 4);
  assert_int_equal(a->req.tps[1], 0);
  assert_null(a->trace); /* the load is typed */
  assert_string_equal(a->advise.workload, "chat");
  assert_int_equal(a->advise.size.req.deploy.max_model_len_tok, 4096);
  /* What is not typed is the file's. */
  assert_int_equal(a->advise.size.req.deploy.block_size_tok, 16);
  assert_close(a->req.budget_usd_per_hour, 40, 1e-12);
  assert_string_equal(a->objective, "latency");
  kvc_arena_clear(&cli.arena);
}

static void a_path_in_the_file_is_of_its_folder(void **state)
{
  (void)state;
  struct cli cli;
  struct plan_args *a;
  struct kvc_err err = {0};
  const char *path = kit_file("beside-plan.yaml", plan_text, sizeof plan_text - 1);
  assert_int_equal(ASK(&cli, &a, &err, "--file", path), KVC_E_OK);
  const size_t folder = (size_t)(strrchr(path, '/') - path) + 1;
  assert_int_equal(strncmp(a->trace, path, folder), 0);
  assert_string_equal(a->trace + folder, "load.csv");
  assert_string_equal(a->req.hardware[0].price_from, path);
  kvc_arena_clear(&cli.arena);
}

static void an_option_of_the_search_is_no_flag_of_the_server(void **state)
{
  static const char *const bad[] = {"serve: {output: x}\n", "serve: {shard: 1/2}\n",
                                    "serve: {tp: 2}\n", "serve: {file: x}\n"};
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct cli cli;
    struct plan_args *a;
    struct kvc_err err = {0};
    const char *path = kit_file("serve-plan.yaml", bad[i], strlen(bad[i]));
    assert_int_equal(ASK(&cli, &a, &err, path), KVC_E_CONFLICT);
    assert_non_null(strstr(err.msg, "holds flags of the server"));
    kvc_arena_clear(&cli.arena);
  }
}

static void what_is_wrong_is_said_in_one_line(void **state)
{
  static const struct {
    const char *words[8], *says;
    int status;
  } bad[] = {
      {{"plan"}, "the model is missing", 2},
      {{"plan", "gpt2"}, "--rate is missing", 2},
      {{"plan", "gpt2", "--rate", "nan"}, "--rate", 3},
      {{"plan", "gpt2", "--rate", "1", "--budgt", "2"}, "did you mean --budget", 2},
      {{"plan", "gpt2", "--rate", "1", "--slo", "fast"}, "--slo", 3},
      {{"plan", "gpt2", "--rate", "1", "--instance", "a:H100:x:3"}, "NAME:GPU:COUNT", 3},
      {{"plan", "gpt2", "--rate", "1", "--instance", "H100:8:3"}, "NAME:GPU:COUNT", 3},
      {{"plan", "gpt2", "--rate", "1", "--price", "H100"}, "--price H100=2.5", 3},
      {{"plan", "gpt2", "--rate", "1", "--stock", "H100=1.5"}, "--stock H100=16", 3},
      {{"plan", "gpt2", "--rate", "1", "--tp", "1,,2"}, "whole numbers", 3},
      {{"plan", "gpt2", "--rate", "1", "--power", "0"}, "outside", 3},
      {{"plan", "gpt2", "--rate", "1", "--growth-at", "99=3"}, "MONTH=RATE", 3},
      {{"plan", "gpt2", "--rate", "1", "--shard", "0/4"}, "K/N", 3},
      {{"plan", "gpt2", "--rate", "1", "--shards", "4"}, "--cluster", 2},
      {{"plan", "a.yaml", "b.yaml"}, "one plan file too many", 2},
      {{"plan", "no-such.yaml"}, "no-such.yaml", 5},
      {{"plan", "gpt2", "--rate", "1", "--model-config", "-", "--shard", "1/2"},
       "standard input is gone",
       2},
      {{"merge"}, "which parts?", 2},
      {{"merge", "--profiles", "x", "a.json"}, "leave it out", 2},
      {{"merge", "no-such.json"}, "no-such.json", 5},
      {{"merge", "--fast", "a.json"}, "no such option", 2},
  };
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    const char *words[9] = {NULL};
    memcpy(words, bad[i].words, sizeof bad[i].words);
    struct kit_run r = kit_run(words);
    if (r.status != bad[i].status || strstr(r.err, bad[i].says) == NULL)
      fail_msg("%s %s: %d, %s", words[0], bad[i].says, r.status, r.err);
    assert_int_equal(r.out_len, 0);
    assert_ptr_equal(strchr(r.err, '\n'), r.err + r.err_len - 1);
    kit_done(&r);
  }
}

#define SMALL                                                                            \
  "plan", "gpt2", "--input-len", "64", "--output-len", "16", "--rate", "20", "--gpu",    \
      "T4,L4", "--tp", "1", "--pp", "1", "--vllm-version", "0.19.0", "--slo",            \
      "ttft_p95=1s", "--format", "json", "--no-wall-time"

static void a_price_said_by_name_is_the_price(void **state)
{
  (void)state;
  struct kit_run r = KIT_RUN(SMALL, "--price", "L4=0.01", "--price", "T4=7");
  cJSON *root = cJSON_Parse(r.out);
  if (root == NULL) fail_msg("%d: %s", r.status, r.err);
  assert_int_equal(r.status, 0);
  assert_string_equal(kit_text(root, "options.0.gpu"), "L4");
  assert_close(kit_number(root, "options.1.replicas"), 1, 1e-12);
  assert_close(kit_number(root, "options.0.replicas"), 1, 1e-12);
  cJSON_Delete(root);
  kit_done(&r);
}

/* Five requests in two seconds: four gaps of half a second. */
static void a_trace_gives_its_lengths_and_its_mean_rate(void **state)
{
  static const char text[] = "arrival_s,prompt_tok,output_tok\n"
                             "0,100,10\n0.25,200,20\n1,300,30\n1.5,100,10\n2,50,5\n";
  (void)state;
  const char *path = kit_file("plan-trace.csv", text, sizeof text - 1);
  struct kit_run r = KIT_RUN("plan", "gpt2", "--trace", path, "--gpu", "L4", "--tp", "1",
                             "--pp", "1", "--vllm-version", "0.19.0", "--format", "json");
  cJSON *root = cJSON_Parse(r.out);
  if (root == NULL) fail_msg("%d: %s", r.status, r.err);
  assert_close(kit_number(root, "question.rate_per_s"), 2, 1e-9);
  assert_close(kit_number(root, "question.trace_pairs"), 5, 1e-12);
  /* Means of some thousand pairs drawn from the five. */
  assert_close(kit_number(root, "question.prompt_tok"), 150, 0.05);
  assert_close(kit_number(root, "question.output_tok"), 15, 0.05);
  cJSON_Delete(root);
  kit_done(&r);
}

static void jobs_do_not_change_a_byte(void **state)
{
  (void)state;
  struct kit_run one = KIT_RUN(SMALL, "--jobs", "1"),
                 four = KIT_RUN(SMALL, "--jobs", "4");
  assert_int_equal(one.status, 0);
  assert_string_equal(one.out, four.out);
  kit_done(&one);
  kit_done(&four);
}

static void nothing_within_the_budget_is_status_4_and_a_document(void **state)
{
  (void)state;
  struct kit_run r = KIT_RUN(SMALL, "--budget", "0.0001");
  cJSON *root = cJSON_Parse(r.out);
  assert_int_equal(r.status, 4);
  assert_non_null(root);
  assert_int_equal(cJSON_GetArraySize(kit_at(root, "options")), 0);
  cJSON_Delete(root);
  kit_done(&r);
}

static void the_schema_of_the_plan_file_is_what_is_printed(void **state)
{
  (void)state;
  struct kit_run r = KIT_RUN("schema", "plan-file");
  assert_int_equal(r.status, 0);
  if (strcmp(read_schema_of("plan-file"), r.out) != 0)
    fail_msg(
        "run: kvcap schema plan-file --output profiles/schema/plan-file.schema.json");
  kit_done(&r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_option_reaches_the_question),
      cmocka_unit_test(what_is_typed_stands_over_the_file),
      cmocka_unit_test(a_path_in_the_file_is_of_its_folder),
      cmocka_unit_test(an_option_of_the_search_is_no_flag_of_the_server),
      cmocka_unit_test(what_is_wrong_is_said_in_one_line),
      cmocka_unit_test(a_price_said_by_name_is_the_price),
      cmocka_unit_test(a_trace_gives_its_lengths_and_its_mean_rate),
      cmocka_unit_test(jobs_do_not_change_a_byte),
      cmocka_unit_test(nothing_within_the_budget_is_status_4_and_a_document),
      cmocka_unit_test(the_schema_of_the_plan_file_is_what_is_printed)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
