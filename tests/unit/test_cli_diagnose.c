/* test_cli_diagnose.c - kvcap diagnose: from what a server says to what to change.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <math.h>
#include "cli_kit.h"
#include "tests/support/close.h"

static const char *at(const char *name)
{
  static char path[4][512];
  static size_t slot;
  const char *root = getenv("KVC_SOURCE_DIR");
  char *out = path[slot++ % 4];
  (void)snprintf(out, sizeof path[0], "%s/examples/05-slow-server/%s",
                 root != NULL ? root : ".", name);
  return out;
}

static const cJSON *finding(const cJSON *root, const char *id)
{
  const cJSON *f;
  cJSON_ArrayForEach(f, kit_at(root, "findings"))
  {
    if (strcmp(kit_text(f, "id"), id) == 0) return f;
  }
  return NULL;
}

#define LAUNCH                                                                           \
  "--", "vllm", "serve", "meta-llama/Llama-3.1-8B-Instruct", "--max-num-seqs", "64",     \
      "--max-model-len", "16384"
#define PAGES                                                                            \
  "diagnose", "--metrics", at("before.txt"), "--metrics", at("after.txt"), "--interval", \
      "5m", "--format", "json"

static void seats_are_too_few_while_the_pool_is_empty(void **state)
{
  (void)state;
  struct kit_run r = KIT_RUN(PAGES, "--gpu", "H100", "--vllm-version", "0.19.0", LAUNCH);
  cJSON *root = cJSON_Parse(r.out);
  if (root == NULL) fail_msg("%d: %s", r.status, r.err);
  const cJSON *f = finding(root, "QUE004");
  assert_non_null(f);
  assert_string_equal(kit_text(f, "flag"), "--max-num-seqs");
  assert_string_equal(kit_text(f, "before"), "64");
  assert_string_equal(kit_text(f, "value"), "192"); /* 64 x 0.7 / 0.229, in eights */
  assert_non_null(strstr(kit_text(f, "gain"), "requests may run at once"));
  assert_true(cJSON_IsTrue(kit_at(f, "applied")));
  /* The command keeps the rest of the launch and has the new value. */
  char want[80];
  (void)snprintf(want, sizeof want, "--max-num-seqs %s", kit_text(f, "value"));
  assert_non_null(strstr(kit_text(root, "command"), want));
  assert_non_null(strstr(kit_text(root, "command"), "--max-model-len 16384"));
  assert_true(strncmp(kit_text(root, "command_verdict"), "Starts.", 7) == 0);
  assert_true(cJSON_GetArraySize(kit_at(root, "next")) > 0);
  cJSON_Delete(root);
  kit_done(&r);
}

static void figures_carry_unit_and_source(void **state)
{
  (void)state;
  struct kit_run r = KIT_RUN(PAGES);
  cJSON *root = cJSON_Parse(r.out);
  assert_non_null(root);
  assert_close(kit_number(root, "figures.interval_s.value"), 300, 1e-12);
  assert_close(kit_number(root, "figures.running_max.value"), 64, 1e-12);
  assert_close(kit_number(root, "figures.waiting_mean.value"), 22, 1e-12);
  assert_close(kit_number(root, "figures.pool_tok.value"), 28232 * 16, 1e-12);
  assert_string_equal(kit_text(root, "figures.ttft_p95_s.unit"), "s");
  assert_string_equal(kit_text(root, "figures.ttft_p95_s.from"),
                      "metrics vllm:time_to_first_token_seconds");
  cJSON_Delete(root);
  kit_done(&r);
}

static bool says(const cJSON *list, const char *what)
{
  const cJSON *one;
  cJSON_ArrayForEach(one, list) if (strstr(one->valuestring, what) != NULL) return true;
  return false;
}

/* 64 run and 22 wait: with seats for all nobody waits, and steps are fuller. */
static void more_seats_shorten_the_wait_and_lengthen_the_step(void **state)
{
  (void)state;
  struct kit_run r = KIT_RUN(PAGES, "--gpu", "H100", "--vllm-version", "0.19.0", LAUNCH);
  cJSON *root = cJSON_Parse(r.out);
  if (root == NULL) fail_msg("%d: %s", r.status, r.err);
  const cJSON *f = finding(root, "QUE004");
  assert_non_null(f);
  const double ttft = kit_number(f, "ttft_before_s"),
               tpot = kit_number(f, "tpot_before_s");
  const double made = kit_number(f, "output_tok_per_s_before");
  assert_true(kit_number(f, "ttft_after_s") < 0.3 * ttft);
  assert_true(kit_number(f, "tpot_after_s") > tpot);
  assert_true(kit_number(f, "output_tok_per_s_after") > made);
  /* 86 clients, each with an answer of 299 tokens: Little's law. */
  assert_close(made, 86 * 299 / (ttft + 298 * tpot), 0.05);
  assert_non_null(strstr(kit_text(f, "times"), "86 requests at once of 1,491 + 299"));
  assert_true(cJSON_IsNull(kit_at(f, "times_unknown")));
  assert_true(says(kit_at(root, "notes"), "nine of ten measured servers"));
  assert_true(says(kit_at(root, "notes"), "simulated and measured"));
  cJSON_Delete(root);
  kit_done(&r);
}

/* A page of the example with 40 requests running and none waiting. */
static const char *without_queue(const char *name, const char *as)
{
  static const struct {
    const char *metric, *value;
  } gauges[] = {{"\nvllm:num_requests_waiting{", " 0 "},
                {"\nvllm:num_requests_running{", "40 "}};
  char text[65536];
  FILE *f = fopen(at(name), "rb");
  assert_non_null(f);
  const size_t len = fread(text, 1, sizeof text - 1, f);
  (void)fclose(f);
  text[len] = '\0';
  for (size_t i = 0; i < 2; i++) {
    char *line = strstr(text, gauges[i].metric);
    assert_non_null(line);
    char *value = strchr(line, '}');
    assert_non_null(value);
    const size_t room = strcspn(value + 2, "\n");
    memset(value + 2, ' ', room);
    memcpy(value + 2, gauges[i].value, room < 3 ? room : 3);
  }
  return kit_file(as, text, len);
}

/* 4,800 answers: in ten minutes 8 a second, which the simulated server keeps up with; in
 * five 16, which it does not, though no queue is seen: then it is asked of those that
 * run. */
static void a_rate_is_simulated_unless_the_model_is_too_slow_for_it(void **state)
{
  static const struct {
    const char *interval, *says;
  } cases[] = {{"10m", "means of 8 requests/s"}, {"5m", "means of 40 requests at once"}};
  (void)state;
  for (size_t i = 0; i < 2; i++) {
    struct kit_run r =
        KIT_RUN("diagnose", "--metrics", without_queue("before.txt", "early.txt"),
                "--metrics", without_queue("after.txt", "late.txt"), "--interval",
                cases[i].interval, "--format", "json", "--gpu", "H100", "--vllm-version",
                "0.19.0", LAUNCH, "--enforce-eager");
    cJSON *root = cJSON_Parse(r.out);
    if (root == NULL) fail_msg("%d: %s", r.status, r.err);
    const cJSON *f = finding(root, "HST002");
    assert_non_null(f);
    if (!cJSON_IsString(kit_at(f, "times")) ||
        strstr(kit_text(f, "times"), cases[i].says) == NULL)
      fail_msg("no \"%s\": %s", cases[i].says, cJSON_PrintUnformatted(f));
    cJSON_Delete(root);
    kit_done(&r);
  }
}

/* What a change does to times cannot be told of a load that nobody knows. */
static void times_are_not_computed_of_what_is_unknown(void **state)
{
  (void)state;
  struct kit_run r = KIT_RUN("diagnose", "--log", at("server.log"), "--format", "json",
                             "--gpu", "H100", LAUNCH, "--no-enable-prefix-caching");
  cJSON *root = cJSON_Parse(r.out);
  if (root == NULL) fail_msg("%d: %s", r.status, r.err);
  const cJSON *seats = finding(root, "QUE004"), *cache = finding(root, "KVU007");
  assert_non_null(seats);
  assert_non_null(cache);
  assert_non_null(strstr(kit_text(seats, "times_unknown"), "how long prompts"));
  assert_non_null(strstr(kit_text(cache, "times_unknown"), "how much of the prompts"));
  assert_true(cJSON_IsNull(kit_at(seats, "times")));
  assert_true(cJSON_IsNull(kit_at(seats, "ttft_after_s")));
  assert_true(cJSON_IsNull(kit_at(root, "command_times")));
  cJSON_Delete(root);
  kit_done(&r);
  /* told the lengths, and as many run as the log says */
  r = KIT_RUN("diagnose", "--log", at("server.log"), "--format", "json", "--gpu", "H100",
              "--prompt-tokens", "500", "--output-tokens", "100", LAUNCH);
  root = cJSON_Parse(r.out);
  if (root == NULL) fail_msg("%d: %s", r.status, r.err);
  seats = finding(root, "QUE004");
  assert_non_null(strstr(kit_text(seats, "times"), "of 500 + 100 tokens"));
  cJSON_Delete(root);
  kit_done(&r);
}

static void a_gpu_without_a_data_sheet_has_no_times(void **state)
{
  (void)state;
  struct kit_run r = KIT_RUN(PAGES, "--gpu", "custom", "--gpu-memory", "79GiB",
                             "--vllm-version", "0.19.0", LAUNCH);
  cJSON *root = cJSON_Parse(r.out);
  if (root == NULL) fail_msg("%d: %s", r.status, r.err);
  const cJSON *f = finding(root, "QUE004");
  assert_non_null(strstr(kit_text(f, "times_unknown"), "memory_bandwidth"));
  assert_non_null(strstr(kit_text(f, "gain"), "requests may run at once"));
  cJSON_Delete(root);
  kit_done(&r);
}

/* Seats and eager steps at once: the command is told as a whole. */
static void changes_together_have_times_of_their_own(void **state)
{
  (void)state;
  struct kit_run r = KIT_RUN(PAGES, "--gpu", "H100", "--vllm-version", "0.19.0", LAUNCH,
                             "--enforce-eager");
  cJSON *root = cJSON_Parse(r.out);
  if (root == NULL) fail_msg("%d: %s", r.status, r.err);
  const cJSON *f;
  size_t applied = 0;
  cJSON_ArrayForEach(f, kit_at(root, "findings"))
  {
    if (cJSON_IsTrue(kit_at(f, "applied"))) applied++;
  }
  assert_true(applied >= 2);
  assert_true(strncmp(kit_text(root, "command_times"), "All together: TTFT", 18) == 0);
  cJSON_Delete(root);
  kit_done(&r);
}

static void without_a_gpu_the_gain_is_unknown_and_says_why(void **state)
{
  (void)state;
  struct kit_run r = KIT_RUN(PAGES, LAUNCH);
  cJSON *root = cJSON_Parse(r.out);
  assert_non_null(root);
  const cJSON *f;
  size_t changes = 0;
  cJSON_ArrayForEach(f, kit_at(root, "findings"))
  {
    if (!cJSON_IsString(kit_at(f, "value"))) continue;
    changes++;
    assert_true(cJSON_IsNull(kit_at(f, "gain")));
    assert_non_null(strstr(kit_text(f, "gain_unknown"), "--gpu"));
  }
  (void)changes;
  assert_true(cJSON_IsNull(kit_at(root, "command_verdict")));
  cJSON_Delete(root);
  kit_done(&r);
}

static void what_is_absent_skips_with_a_reason(void **state)
{
  (void)state;
  struct kit_run r = KIT_RUN("diagnose", "--log", at("server.log"), "--format", "json");
  cJSON *root = cJSON_Parse(r.out);
  assert_non_null(root);
  assert_string_equal(kit_text(root, "vllm_version"), "0.19.0");
  assert_string_equal(kit_text(root, "vllm_version_from"), "the log");
  assert_true(cJSON_GetArraySize(kit_at(root, "skipped")) > 10);
  const cJSON *s;
  cJSON_ArrayForEach(s, kit_at(root, "skipped"))
  {
    assert_true(kit_text(s, "reason")[0] != '\0');
    assert_null(finding(root, kit_text(s, "id")));
  }
  cJSON_Delete(root);
  kit_done(&r);
}

static void the_exit_status_follows_fail_on(void **state)
{
  (void)state;
  struct kit_run r = KIT_RUN(PAGES, "--fail-on", "error");
  cJSON *root = cJSON_Parse(r.out);
  const bool errors = kit_number(root, "errors") > 0;
  assert_int_equal(r.status, errors ? 1 : 0);
  cJSON_Delete(root);
  kit_done(&r);
  r = KIT_RUN(PAGES, "--fail-on", "warning");
  assert_int_equal(r.status, 1);
  kit_done(&r);
}

static void thresholds_are_the_users_to_set(void **state)
{
  static const char loose[] =
      "rules:\n  LAT001: {limit: 60}\n  QUE004: {severity: off}\n";
  static const char wrong[] = "rules:\n  LAT01: {limit: 60}\n";
  (void)state;
  struct kit_run r = KIT_RUN(PAGES);
  cJSON *root = cJSON_Parse(r.out);
  assert_non_null(finding(root, "LAT001"));
  cJSON_Delete(root);
  kit_done(&r);
  r = KIT_RUN(PAGES, "--rules", kit_file("rules.yaml", loose, sizeof loose - 1));
  root = cJSON_Parse(r.out);
  if (root == NULL) fail_msg("%s", r.err);
  assert_null(finding(root, "LAT001"));
  assert_null(finding(root, "QUE004"));
  cJSON_Delete(root);
  kit_done(&r);
  r = KIT_RUN(PAGES, "--rules", kit_file("rules.yaml", wrong, sizeof wrong - 1));
  assert_int_equal(r.status, 3);
  assert_non_null(strstr(r.err, "rules.yaml:2"));
  assert_non_null(strstr(r.err, "did you mean LAT001"));
  kit_done(&r);
}

static void annotations_have_one_line_a_finding(void **state)
{
  (void)state;
  struct kit_run json = KIT_RUN(PAGES);
  struct kit_run r = KIT_RUN("diagnose", at("before.txt"), at("after.txt"), "--interval",
                             "5m", "--format", "github");
  cJSON *root = cJSON_Parse(json.out);
  int lines = 0;
  for (const char *p = r.out; *p != '\0'; p++) lines += *p == '\n';
  assert_int_equal(lines, cJSON_GetArraySize(kit_at(root, "findings")));
  assert_int_equal(strncmp(r.out, "::", 2), 0);
  assert_non_null(strstr(r.out, "title=kvcap LAT001::"));
  kit_done(&r);
  r = KIT_RUN("diagnose", at("before.txt"), at("after.txt"), "--interval", "5m",
              "--format", "gitlab");
  cJSON *list = cJSON_Parse(r.out);
  assert_true(cJSON_IsArray(list));
  assert_int_equal(cJSON_GetArraySize(list),
                   cJSON_GetArraySize(kit_at(root, "findings")));
  assert_int_equal(strlen(kit_text(list, "0.fingerprint")), 16);
  cJSON_Delete(list);
  cJSON_Delete(root);
  kit_done(&r);
  kit_done(&json);
}

/* Stalls ask for shorter steps, long prompts that wait for longer ones. */
static void of_two_that_contradict_the_weightier_counts(void **state)
{
  static const char page[] = "vllm:inter_token_latency_seconds_bucket{le=\"0.025\"} 900\n"
                             "vllm:inter_token_latency_seconds_bucket{le=\"0.5\"} 910\n"
                             "vllm:inter_token_latency_seconds_bucket{le=\"1\"} 1000\n"
                             "vllm:inter_token_latency_seconds_bucket{le=\"+Inf\"} 1000\n"
                             "vllm:inter_token_latency_seconds_sum 90\n"
                             "vllm:inter_token_latency_seconds_count 1000\n"
                             "vllm:time_to_first_token_seconds_bucket{le=\"1\"} 10\n"
                             "vllm:time_to_first_token_seconds_bucket{le=\"5\"} 100\n"
                             "vllm:time_to_first_token_seconds_bucket{le=\"+Inf\"} 100\n"
                             "vllm:time_to_first_token_seconds_sum 200\n"
                             "vllm:time_to_first_token_seconds_count 100\n"
                             "vllm:request_prompt_tokens_bucket{le=\"10000\"} 0\n"
                             "vllm:request_prompt_tokens_bucket{le=\"20000\"} 100\n"
                             "vllm:request_prompt_tokens_bucket{le=\"+Inf\"} 100\n"
                             "vllm:request_prompt_tokens_sum 1500000\n"
                             "vllm:request_prompt_tokens_count 100\n";
  (void)state;
  struct kit_run r = KIT_RUN(
      "diagnose", "--metrics", kit_file("stalls", page, sizeof page - 1), "--format",
      "json", "--gpu", "H100", "--vllm-version", "0.19.0", "--", "vllm", "serve",
      "meta-llama/Llama-3.1-8B-Instruct", "--max-num-batched-tokens", "8192");
  cJSON *root = cJSON_Parse(r.out);
  if (root == NULL) fail_msg("%s", r.err);
  const cJSON *shorter = finding(root, "LAT004"), *longer = finding(root, "LAT013");
  assert_non_null(shorter);
  assert_non_null(longer);
  assert_string_equal(kit_text(shorter, "value"), "2048");
  assert_string_equal(kit_text(longer, "value"), "16384");
  assert_true(cJSON_IsTrue(kit_at(shorter, "applied")));
  assert_true(cJSON_IsFalse(kit_at(longer, "applied")));
  assert_non_null(strstr(kit_text(longer, "set_aside"), "LAT004 asks for the opposite"));
  assert_non_null(strstr(kit_text(root, "command"), "--max-num-batched-tokens 2048"));
  cJSON_Delete(root);
  kit_done(&r);
}

static void wrong_arguments_end_with_one_sentence(void **state)
{
  static const struct {
    const char *words[8], *says;
    int status;
  } cases[] = {
      {{"diagnose"}, "nothing to look at", 2},
      {{"diagnose", "--metrics", "/nowhere"}, "/nowhere", 5},
      {{"diagnose", "--metrics", "x", "--every", "5s"}, "--for", 2},
      {{"diagnose", "--metrics", "x", "--for", "5 parsecs"}, "no duration", 3},
      {{"diagnose", "--log", "http://localhost:1/"}, "is an address", 2},
      {{"diagnose", "--metrics", "x", "--token-env", "KVC_NO_SUCH"}, "KVC_NO_SUCH", 2},
      {{"watch"}, "watch takes one address", 2},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct kit_run r = kit_run(cases[i].words);
    if (r.status != cases[i].status || strstr(r.err, cases[i].says) == NULL)
      fail_msg("%zu: %d %s", i, r.status, r.err);
    kit_done(&r);
  }
}

static void an_unknown_gpu_is_an_error_of_the_user(void **state)
{
  (void)state;
  struct kit_run r = KIT_RUN(PAGES, "--gpu", "H1000", LAUNCH);
  assert_int_equal(r.status, 3);
  assert_non_null(strstr(r.err, "H1000"));
  kit_done(&r);
}

static void watching_a_file_prints_a_line_a_look(void **state)
{
  (void)state;
  struct kit_run r =
      KIT_RUN("watch", at("after.txt"), "--every", "100ms", "--for", "300ms");
  assert_int_equal(r.status, 0);
  int lines = 0;
  for (const char *p = r.out; *p != '\0'; p++) lines += *p == '\n';
  assert_int_equal(lines, 4);
  assert_non_null(strstr(r.out, "running 64"));
  assert_null(strchr(r.out, '\033'));
  kit_done(&r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(seats_are_too_few_while_the_pool_is_empty),
      cmocka_unit_test(figures_carry_unit_and_source),
      cmocka_unit_test(more_seats_shorten_the_wait_and_lengthen_the_step),
      cmocka_unit_test(a_rate_is_simulated_unless_the_model_is_too_slow_for_it),
      cmocka_unit_test(times_are_not_computed_of_what_is_unknown),
      cmocka_unit_test(a_gpu_without_a_data_sheet_has_no_times),
      cmocka_unit_test(changes_together_have_times_of_their_own),
      cmocka_unit_test(without_a_gpu_the_gain_is_unknown_and_says_why),
      cmocka_unit_test(what_is_absent_skips_with_a_reason),
      cmocka_unit_test(the_exit_status_follows_fail_on),
      cmocka_unit_test(thresholds_are_the_users_to_set),
      cmocka_unit_test(annotations_have_one_line_a_finding),
      cmocka_unit_test(of_two_that_contradict_the_weightier_counts),
      cmocka_unit_test(wrong_arguments_end_with_one_sentence),
      cmocka_unit_test(an_unknown_gpu_is_an_error_of_the_user),
      cmocka_unit_test(watching_a_file_prints_a_line_a_look),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
