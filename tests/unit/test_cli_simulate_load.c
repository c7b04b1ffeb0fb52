/* test_cli_simulate_load.c - kvcap simulate: loads, and what a run says of them.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "cli_kit.h"
#include "tests/support/close.h"

#define MODEL "simulate", "Qwen/Qwen3-8B", "--gpu", "H100", "--vllm-version", "0.19.0"

/* vllm bench serve --request-rate 1 --max-concurrency 16: a semaphore that never closes.
 */
static void a_limit_beside_a_rate_leaves_the_rate(void **state)
{
  (void)state;
  struct kit_run r =
      KIT_RUN(MODEL, "--input-len", "512", "--output-len", "64", "--num-prompts", "200",
              "--rate", "1", "--concurrency", "16", "--format", "json");
  cJSON *root = kit_json(&r);
  const double served = kit_number(root, "throughput.requests_per_s");
  assert_true(served > 0.8 && served < 1.2);
  cJSON_Delete(root);
  kit_done(&r);
  /* ... and one that always is: two at a time, whatever arrives */
  r = KIT_RUN(MODEL, "--input-len", "512", "--output-len", "64", "--num-prompts", "200",
              "--rate", "1000", "--concurrency", "2", "--format", "json");
  root = kit_json(&r);
  assert_true(kit_number(root, "batch.peak_running") <= 2);
  assert_true(kit_number(root, "queue.mean_s") < 0.1);
  cJSON_Delete(root);
  kit_done(&r);
}

/* All at once, the first to arrive wait least: without them the mean is longer. */
static void a_warm_up_is_left_out_of_the_times(void **state)
{
  (void)state;
  double mean[2];
  for (int i = 0; i < 2; i++) {
    struct kit_run r =
        KIT_RUN(MODEL, "--input-len", "2048", "--output-len", "8", "--num-prompts", "100",
                "--warmup", i == 0 ? "0" : "0.5", "--format", "json");
    cJSON *root = kit_json(&r);
    mean[i] = kit_number(root, "ttft.mean_s");
    cJSON_Delete(root);
    kit_done(&r);
  }
  assert_true(mean[1] > 1.2 * mean[0]);
}

static void a_sweep_over_clients_names_how_many(void **state)
{
  (void)state;
  struct kit_run r =
      KIT_RUN(MODEL, "--input-len", "512", "--output-len", "64", "--num-prompts", "64",
              "--sweep", "concurrency=1,8", "--slo", "ttft_p95=60s", "--format", "json");
  cJSON *root = kit_json(&r);
  assert_string_equal(kit_text(root, "verdict"),
                      "Up to 8 clients at once meet the limits.");
  assert_close(kit_number(root, "best_concurrency"), 8, 1e-12);
  cJSON_Delete(root);
  kit_done(&r);
}

/* One H100 does not serve 400 prompts of 4,000 tokens a second. */
static void more_than_can_be_served_is_called_overload(void **state)
{
  (void)state;
  struct kit_run r =
      KIT_RUN(MODEL, "--input-len", "4000", "--output-len", "50", "--num-prompts", "2000",
              "--rate", "400", "--format", "json");
  cJSON *root = kit_json(&r);
  assert_true(cJSON_IsTrue(kit_at(root, "overloaded")));
  assert_non_null(strstr(kit_text(root, "verdict"), "the queue grows"));
  cJSON_Delete(root);
  kit_done(&r);
  r = KIT_RUN(MODEL, "--input-len", "4000", "--output-len", "50", "--num-prompts", "100",
              "--rate", "1", "--format", "json");
  root = kit_json(&r);
  assert_true(cJSON_IsFalse(kit_at(root, "overloaded")));
  cJSON_Delete(root);
  kit_done(&r);
}

static double mean_tpot(const char *rate)
{
  static const char spec[] =
      "{\"method\": \"ngram\", \"num_speculative_tokens\": 3, \"prompt_lookup_max\": 4}";
  struct kit_run r =
      rate == NULL
          ? KIT_RUN(MODEL, "--input-len", "512", "--output-len", "128", "--num-prompts",
                    "8", "--concurrency", "1", "--format", "json")
          : KIT_RUN(MODEL, "--input-len", "512", "--output-len", "128", "--num-prompts",
                    "8", "--concurrency", "1", "--format", "json", "--speculative-config",
                    spec, "--acceptance-rate", rate);
  cJSON *root = kit_json(&r);
  const double tpot = kit_number(root, "tpot.mean_s");
  cJSON_Delete(root);
  kit_done(&r);
  return tpot;
}

/* A batch of one reads the weights whatever it verifies: three accepted drafts make four
 * tokens of a step, and none makes one that costs a little more. */
static void accepted_drafts_are_tokens_for_nothing(void **state)
{
  (void)state;
  const double plain = mean_tpot(NULL), none = mean_tpot("0"), half = mean_tpot("0.5"),
               all = mean_tpot("1");
  assert_true(none >= plain && none < 1.3 * plain);
  assert_close(half, none / 2.5, 1e-3);
  assert_close(all, none / 4, 1e-3);
}

static void an_acceptance_without_drafts_is_refused(void **state)
{
  (void)state;
  struct kit_run r = KIT_RUN(MODEL, "--input-len", "512", "--output-len", "128",
                             "--acceptance-rate", "0.5");
  assert_int_equal(r.status, 3);
  assert_non_null(strstr(r.err, "--speculative-config"));
  kit_done(&r);
}

static void told(const char *const *words, int status, const char *says)
{
  struct kit_run r = kit_run(words);
  if (r.status != status || strstr(status == 0 ? r.out : r.err, says) == NULL)
    fail_msg("%d: no \"%s\" in %s%s", r.status, says, r.out, r.err);
  kit_done(&r);
}
#define TOLD(status, says, ...)                                                          \
  told((const char *const[]){MODEL, "--format", "json", __VA_ARGS__, NULL}, status, says)

/* 100 s at 1 a second; a prompt of 300 and an answer of 30. */
static void windows_take_lengths_from_elsewhere(void **state)
{
  static const char text[] = "0,1,2,Gamma,0.25,4\n100,0,0,,0,0\n";
  static const char lengths[] =
      "{\"0\": {\"input_tokens\": \"{300: 1.0}\", \"output_tokens\": \"{30: 1.0}\"}}";
  (void)state;
  const char *path = kit_file("windows.csv", text, sizeof text - 1);
  const char *dataset = kit_file("dataset.json", lengths, sizeof lengths - 1);
  TOLD(2, "says when requests come and not how long", "--trace", path);
  TOLD(3, "it is a --trace", "--lengths", path);
  TOLD(3, "both say what the requests are", "--trace", dataset, "--lengths", dataset);
  TOLD(0, "300 + 30 tokens), as recorded", "--trace", path, "--lengths", dataset);
  TOLD(0, "histograms of one window", "--trace", path, "--lengths", dataset);
  TOLD(0, "20 + 5 tokens), as recorded", "--trace", path, "--input-len", "20",
       "--output-len", "5");
  struct kit_run r = KIT_RUN(MODEL, "--format", "json", "--trace", path, "--lengths",
                             dataset, "--rate-scale", "2");
  cJSON *root = kit_json(&r);
  assert_close(kit_number(root, "simulated.requests"), 100, 1e-12);
  assert_true(kit_number(root, "simulated.duration_s") < 51);
  assert_close(kit_number(root, "throughput.total_tok_per_s") /
                   kit_number(root, "throughput.output_tok_per_s"),
               11, 1e-9);
  cJSON_Delete(root);
  kit_done(&r);
}

static void the_lengths_beside_a_trace_are_found(void **state)
{
  static const char text[] = "0,1,2,Gamma,0.25,4\n100,0,0,,0,0\n";
  static const char lengths[] =
      "{\"0\": {\"input_tokens\": \"{70: 1.0}\", \"output_tokens\": \"{7: 1.0}\"}}";
  (void)state;
  const char *path = kit_file("chunk-7-trace.csv", text, sizeof text - 1);
  (void)kit_file("chunk-7-dataset.json", lengths, sizeof lengths - 1);
  TOLD(0, "70 + 7 tokens), as recorded", "--trace", path);
  TOLD(0, "chunk-7-dataset.json: lengths drawn", "--trace", path);
  TOLD(0, "20 + 5 tokens), as recorded", "--trace", path, "--input-len", "20",
       "--output-len", "5");
}

static void totals_are_divided_as_told(void **state)
{
  static const char text[] = "[[999, 0.0], [1000, 1.0]]";
  (void)state;
  const char *path = kit_file("cdf.json", text, sizeof text - 1);
  TOLD(0, "(800 + 200 tokens)", "--lengths", path, "--num-prompts", "20");
  TOLD(0, "presumed", "--lengths", path, "--num-prompts", "20");
  TOLD(0, "(900 + 100 tokens)", "--lengths", path, "--num-prompts", "20",
       "--output-share", "0.1");
}

/* The third column of a table of lengths is a count only where its heading is not of a
 * recorded load; advise and simulate read the same. */
static void a_heading_tells_what_the_columns_are(void **state)
{
  static const struct {
    const char *text, *advised, *simulated;
  } cases[] = {
      {"num_prefill_tokens,num_decode_tokens,num_total_tokens,pd_ratio\n100,10,110,10\n"
       "200,30,230,6.7\n",
       "requests of 150 + 20", "(150 + 20 tokens)"},
      {"prompt,output,count\n100,10,3\n500,30,1\n", "requests of 200 + 15",
       "(200 + 15 tokens)"},
      {"[[100, 10], [200, 30]]", "requests of 150 + 20", "(150 + 20 tokens)"}};
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *path = kit_file("table.txt", cases[i].text, strlen(cases[i].text));
    told((const char *const[]){"advise", "Qwen/Qwen3-8B", "--gpu", "H100",
                               "--vllm-version", "0.19.0", "--lengths", path, NULL},
         0, cases[i].advised);
    TOLD(0, cases[i].simulated, "--lengths", path, "--num-prompts", "20");
  }
}

static void conversations_too_short_are_told_of(void **state)
{
  static const char text[] =
      "[{\"conversations\": [{\"value\": \"sixteen letters!\"}, {\"value\": \"sixteen "
      "letters!\"}]}, {\"conversations\": [{\"value\": \"Hi\"}, {\"value\": \"Hi\"}]}]";
  (void)state;
  const char *path = kit_file("talk.json", text, sizeof text - 1);
  TOLD(0, "1 conversations of", "--lengths", path, "--num-prompts", "20");
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_limit_beside_a_rate_leaves_the_rate),
      cmocka_unit_test(a_warm_up_is_left_out_of_the_times),
      cmocka_unit_test(a_sweep_over_clients_names_how_many),
      cmocka_unit_test(more_than_can_be_served_is_called_overload),
      cmocka_unit_test(accepted_drafts_are_tokens_for_nothing),
      cmocka_unit_test(windows_take_lengths_from_elsewhere),
      cmocka_unit_test(the_lengths_beside_a_trace_are_found),
      cmocka_unit_test(totals_are_divided_as_told),
      cmocka_unit_test(a_heading_tells_what_the_columns_are),
      cmocka_unit_test(conversations_too_short_are_told_of),
      cmocka_unit_test(an_acceptance_without_drafts_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
