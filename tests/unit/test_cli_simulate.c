/* test_cli_simulate.c - kvcap simulate and kvcap validate.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <math.h>
#include "cli_schema.h"
#include "tests/support/close.h"

#define MODEL "simulate", "Qwen/Qwen3-8B", "--gpu", "H100", "--vllm-version", "0.19.0"

static void a_run_has_the_keys_of_the_contract(void **state)
{
  static const char *const paths[] = {"ttft.mean_s",
                                      "ttft.p50_s",
                                      "ttft.p90_s",
                                      "ttft.p95_s",
                                      "ttft.p99_s",
                                      "tpot.mean_s",
                                      "tpot.p99_s",
                                      "itl.p95_s",
                                      "e2e.mean_s",
                                      "queue.p99_s",
                                      "throughput.requests_per_s",
                                      "throughput.output_tok_per_s",
                                      "throughput.total_tok_per_s",
                                      "goodput.requests_per_s",
                                      "kv.mean_usage_frac",
                                      "kv.peak_usage_frac",
                                      "preemptions",
                                      "simulated.requests",
                                      "simulated.steps",
                                      "simulated.wall_s",
                                      "simulated.requests_per_wall_s"};
  (void)state;
  struct kit_run r = KIT_RUN(MODEL, "--input-len", "512", "--output-len", "128", "--rate",
                             "8", "--num-prompts", "200", "--format", "json");
  cJSON *root = kit_json(&r);
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
    assert_true(kit_number(root, paths[i]) >= 0);
  assert_close(kit_number(root, "simulated.requests"), 200, 1e-12);
  /* An answer of 128 tokens is a first one and 127 more. */
  assert_close(kit_number(root, "e2e.mean_s"),
               kit_number(root, "ttft.mean_s") + 127 * kit_number(root, "tpot.mean_s"),
               1e-6);
  assert_true(kit_number(root, "decode_step.total_s") >=
              kit_number(root, "decode_step.bound_s"));
  cJSON_Delete(root);
  kit_done(&r);
}

/* The wall clock apart, a run is a function of its arguments. */
static void the_same_seed_gives_the_same_run(void **state)
{
  (void)state;
  double p99[3];
  const char *seeds[] = {"1", "1", "2"};
  for (size_t i = 0; i < 3; i++) {
    struct kit_run r =
        KIT_RUN(MODEL, "--input-len", "512", "--output-len", "128", "--rate", "20",
                "--num-prompts", "300", "--seed", seeds[i], "--format", "json");
    cJSON *root = kit_json(&r);
    p99[i] = kit_number(root, "ttft.p99_s");
    cJSON_Delete(root);
    kit_done(&r);
  }
  assert_true(p99[0] == p99[1]);
  assert_true(p99[0] != p99[2]);
}

static void a_sweep_finds_the_load_that_meets_the_limits(void **state)
{
  (void)state;
  struct kit_run r = KIT_RUN(MODEL, "--input-len", "512", "--output-len", "128",
                             "--num-prompts", "300", "--sweep", "rate=1,400", "--slo",
                             "ttft_p95=500ms,tpot_p95=30ms", "--format", "json");
  cJSON *root = kit_json(&r);
  assert_int_equal(cJSON_GetArraySize(kit_at(root, "sweep")), 2);
  assert_true(cJSON_IsTrue(kit_at(root, "sweep.0.goodput.slo_met")));
  assert_true(cJSON_IsFalse(kit_at(root, "sweep.1.goodput.slo_met")));
  assert_close(kit_number(root, "best_rate"), 1, 1e-12);
  cJSON_Delete(root);
  kit_done(&r);
}

/* However many processes share it; the wall clock apart. */
static void a_sweep_is_the_same_on_any_number_of_cores(void **state)
{
  static const char *const jobs[] = {"1", "2", "7"};
  (void)state;
  char *texts[3];
  for (size_t i = 0; i < 3; i++) {
    struct kit_run r =
        KIT_RUN(MODEL, "--input-len", "512", "--output-len", "128", "--num-prompts",
                "100", "--sweep", "rate=1..20", "--jobs", jobs[i], "--format", "json");
    cJSON *root = kit_json(&r);
    cJSON *one, *list = cJSON_GetObjectItem(root, "sweep");
    assert_int_equal(cJSON_GetArraySize(list), 12);
    cJSON_DeleteItemFromObject(root, "simulated");
    cJSON_ArrayForEach(one, list) cJSON_DeleteItemFromObject(one, "simulated");
    texts[i] = cJSON_Print(root);
    cJSON_Delete(root);
    kit_done(&r);
  }
  assert_string_equal(texts[0], texts[1]);
  assert_string_equal(texts[0], texts[2]);
  for (size_t i = 0; i < 3; i++) cJSON_free(texts[i]);
}

static void a_closed_loop_holds_its_clients(void **state)
{
  (void)state;
  struct kit_run r =
      KIT_RUN(MODEL, "--input-len", "100", "--output-len", "50", "--concurrency", "7",
              "--num-prompts", "70", "--format", "json");
  cJSON *root = kit_json(&r);
  assert_close(kit_number(root, "batch.peak_running"), 7, 1e-12);
  assert_string_equal(kit_text(root, "request_rate"), "inf");
  cJSON_Delete(root);
  kit_done(&r);
}

static void requests_are_written_one_a_line(void **state)
{
  (void)state;
  const char *path = kit_file("requests.csv", "", 0);
  struct kit_run r = KIT_RUN(MODEL, "--input-len", "100", "--output-len", "5", "--rate",
                             "5", "--num-prompts", "20", "--requests", path);
  assert_int_equal(r.status, 0);
  kit_done(&r);
  FILE *f = fopen(path, "rb");
  assert_non_null(f);
  char line[256];
  int n = 0;
  while (fgets(line, sizeof line, f) != NULL) n++;
  (void)fclose(f);
  assert_int_equal(n, 21);
}

static void a_trace_is_replayed(void **state)
{
  static const char trace[] = "arrival_s,prompt_tok,output_tok\n0,100,10\n0.5,200,20\n";
  (void)state;
  struct kit_run r =
      KIT_RUN(MODEL, "--trace", kit_file("trace.csv", trace, sizeof trace - 1),
              "--format", "json");
  cJSON *root = kit_json(&r);
  assert_close(kit_number(root, "simulated.requests"), 2, 1e-12);
  cJSON_Delete(root);
  kit_done(&r);
}

static double figure_of(const char *const *words, const char *path)
{
  struct kit_run r = kit_run(words);
  cJSON *root = kit_json(&r);
  const double v = kit_number(root, path);
  cJSON_Delete(root);
  kit_done(&r);
  return v;
}
#define FIGURE(path, ...)                                                                \
  figure_of((const char *const[]){MODEL, "--format", "json", __VA_ARGS__, NULL}, path)
#define SHORT "--input-len", "300", "--output-len", "60", "--num-prompts", "200"

static void notes_say(const struct kit_run *r, const char *what)
{
  cJSON *root = kit_json(r);
  const cJSON *one, *notes = kit_at(root, "notes");
  bool found = false;
  cJSON_ArrayForEach(one, notes) found = found || strstr(one->valuestring, what) != NULL;
  if (!found) fail_msg("no note of \"%s\": %s", what, r->out);
  cJSON_Delete(root);
}

static void more_servers_answer_sooner(void **state)
{
  (void)state;
  const double one = FIGURE("e2e.mean_s", SHORT, "--rate", "40");
  const double four = FIGURE("e2e.mean_s", SHORT, "--rate", "40", "--replicas", "4");
  assert_true(four < one);
}

/* Ranks of a dense model are servers behind the least-loaded router. */
static void ranks_of_a_dense_model_are_servers(void **state)
{
  (void)state;
  const double ranks = FIGURE("ttft.mean_s", SHORT, "--rate", "40", "-dp", "2");
  const double servers = FIGURE("ttft.mean_s", SHORT, "--rate", "40", "--replicas", "2",
                                "--router", "least-loaded");
  assert_true(ranks == servers);
}

/* The H100's board takes 700 W; four of them cannot draw more than four times that. */
static void energy_follows_how_busy_the_gpus_are(void **state)
{
  (void)state;
  struct kit_run r =
      KIT_RUN(MODEL, SHORT, "--rate", "4", "--replicas", "4", "--format", "json");
  cJSON *root = kit_json(&r);
  const double busy = kit_number(root, "gpu_busy_frac");
  const double watts = kit_number(root, "energy.mean_watts");
  assert_close(watts, 4 * 700 * (0.1 + 0.9 * busy), 1e-9);
  assert_close(kit_number(root, "energy.joules_per_output_token"),
               watts * kit_number(root, "simulated.duration_s") / (200 * 60), 1e-9);
  cJSON_Delete(root);
  kit_done(&r);
}

/* Qwen3-8B holds 36 layers x 2 x 8 heads x 128 x 2 bytes a token: at 0.1 GB/s the KV of
 * 300 tokens is 442 ms on its way, and one in twenty seconds meets nobody there. */
static void the_way_of_the_kv_is_in_the_first_token(void **state)
{
  (void)state;
#define SIDES(rate)                                                                      \
  SHORT, "--rate", rate, "--prefill-replicas", "1", "--decode-replicas", "1"
  const double way_s = 300 * 36 * 2 * 8 * 128 * 2.0 / 1e8;
  const double fast =
      FIGURE("ttft.p50_s", SIDES("0.05"), "--kv-transfer-gb-per-s", "100000");
  const double slow =
      FIGURE("ttft.p50_s", SIDES("0.05"), "--kv-transfer-gb-per-s", "0.1");
  assert_close(slow - fast, way_s, 0.02);
  /* Ten a second are more than it carries: it never rests. */
  assert_true(FIGURE("link_busy_frac", SIDES("10"), "--kv-transfer-gb-per-s", "0.1") >
              0.97);
  assert_true(FIGURE("link_wait_s", SIDES("10"), "--kv-transfer-gb-per-s", "0.1") >
              10 * way_s);
}

static void a_synchronous_scheduler_takes_longer(void **state)
{
  (void)state;
  assert_true(FIGURE("tpot.mean_s", SHORT, "--rate", "4", "--no-async-scheduling") >
              FIGURE("tpot.mean_s", SHORT, "--rate", "4", "--async-scheduling"));
}

/* A ramp from 1 to 9 a second over 100 s brings 500 +- 6 deviations. */
static void a_ramp_lasts_as_long_as_it_is_told(void **state)
{
  (void)state;
  const double n =
      FIGURE("simulated.requests", "--input-len", "30", "--output-len", "5", "--arrivals",
             "ramp", "--rate", "1", "--rate-end", "9", "--duration", "100");
  assert_true(n > 500 - 134 && n < 500 + 134);
}

static void a_diurnal_curve_has_the_mean_asked_for(void **state)
{
  (void)state;
  const double n = FIGURE("simulated.requests", "--input-len", "30", "--output-len", "5",
                          "--arrivals", "diurnal", "--rate", "5", "--period", "50",
                          "--peak-to-trough", "9", "--duration", "100");
  assert_true(n > 500 - 134 && n < 500 + 134);
}

/* One each tenth of a second: 100 of them by 10.05 s. */
static void even_gaps_are_even(void **state)
{
  (void)state;
  assert_close(FIGURE("simulated.requests", "--input-len", "30", "--output-len", "5",
                      "--arrivals", "even", "--rate", "10", "--duration", "10.05"),
               100, 1e-12);
}

/* Prompts of a run, least, greatest and mean, from its CSV. */
static void prompts_of(const char *const *words, double out[3])
{
  const char *path = kit_file("prompts.csv", "", 0);
  const char *all[KIT_MAX_ARGS] = {MODEL,    "--output-len", "5",
                                   "--rate", "50",           "--num-prompts",
                                   "1000",   "--requests",   path};
  size_t n = 0;
  while (all[n] != NULL) n++;
  for (size_t i = 0; words[i] != NULL; i++) all[n++] = words[i];
  struct kit_run r = kit_run(all);
  assert_int_equal(r.status, 0);
  kit_done(&r);
  FILE *f = fopen(path, "rb");
  char line[256];
  assert_non_null(f);
  assert_non_null(fgets(line, sizeof line, f));
  int count = 0;
  double sum = 0;
  for (; fgets(line, sizeof line, f) != NULL; count++) {
    double tok;
    assert_int_equal(sscanf(line, "%*d,%*f,%lf", &tok), 1);
    if (count == 0 || tok < out[0]) out[0] = tok;
    if (count == 0 || tok > out[1]) out[1] = tok;
    sum += tok;
  }
  (void)fclose(f);
  assert_int_equal(count, 1000);
  out[2] = sum / count;
}
#define PROMPTS(out, ...) prompts_of((const char *const[]){__VA_ARGS__, NULL}, out)

/* A mean of 300 with a deviation of 60; means of 1,000 lie within 6 x 60 / sqrt 1000. */
static void lengths_have_the_shape_asked_for(void **state)
{
  (void)state;
  double p[3];
  PROMPTS(p, "--input-len", "300", "--length-dist", "uniform", "--prompt-cv", "0.2");
  assert_true(p[0] >= 196 && p[0] < 200 && p[1] > 400 && p[1] <= 404);
  assert_true(fabs(p[2] - 300) < 11.4);
  PROMPTS(p, "--input-len", "300", "--length-dist", "normal", "--prompt-cv", "0.2");
  assert_true(p[0] < 190 && p[1] > 410 && fabs(p[2] - 300) < 11.4);
  PROMPTS(p, "--input-len", "300", "--length-dist", "lognormal", "--prompt-cv", "0.2");
  assert_true(p[0] > 100 && p[1] > 430 && fabs(p[2] - 300) < 11.4);
  PROMPTS(p, "--input-len", "300", "--length-dist", "fixed", "--prompt-cv", "0.2");
  assert_true(p[0] == 300 && p[1] == 300);
}

static const char timed[] = "arrival_s,prompt_tok,output_tok,priority\n"
                            "0,400,90,0\n0.1,0,7,0\n0.2,400,40,9\n0.3,400,40,1\n";

static void times_of_a_trace_are_scaled_either_way(void **state)
{
  (void)state;
  const char *path = kit_file("timed.csv", timed, sizeof timed - 1);
  const double half =
      FIGURE("simulated.duration_s", "--trace", path, "--time-scale", "0.5");
  assert_true(half ==
              FIGURE("simulated.duration_s", "--trace", path, "--rate-scale", "2"));
  /* Three requests within 0.3 s: 20/3 a second; asked for 1 they take 2 s more or less.
   */
  const double slow = FIGURE("simulated.duration_s", "--trace", path, "--rate", "1");
  assert_true(slow > 2 && slow < 3);
  /* At 1 a second they come at 0, 1.3 and 2 s. */
  const double n =
      FIGURE("simulated.requests", "--trace", path, "--rate", "1", "--duration", "1.5");
  assert_close(n, 2, 1e-12);
}

static void rows_with_nothing_to_serve_are_told_of(void **state)
{
  (void)state;
  struct kit_run r =
      KIT_RUN(MODEL, "--trace", kit_file("timed.csv", timed, sizeof timed - 1),
              "--format", "json");
  notes_say(&r, "1 rows of");
  kit_done(&r);
}

static void a_trace_without_times_gives_its_lengths(void **state)
{
  static const char pairs[] = "[[100, 10], [200, 20]]";
  (void)state;
  const char *path = kit_file("pairs.json", pairs, sizeof pairs - 1);
  struct kit_run r = KIT_RUN(MODEL, "--trace", path, "--rate", "5", "--num-prompts", "50",
                             "--format", "json");
  notes_say(&r, "no times");
  /* In the order of the file: 25 of either. */
  cJSON *root = kit_json(&r);
  assert_close(kit_number(root, "simulated.requests"), 50, 1e-12);
  assert_non_null(strstr(kit_text(root, "load"), "(150 + 15 tokens), 5 a second"));
  assert_close(kit_number(root, "throughput.total_tok_per_s") /
                   kit_number(root, "throughput.output_tok_per_s"),
               165.0 / 15, 1e-9);
  cJSON_Delete(root);
  kit_done(&r);
}

static void lengths_are_lines_with_counts(void **state)
{
  static const char lines[] = "100,10,3\n500 30\n";
  (void)state;
  struct kit_run r =
      KIT_RUN(MODEL, "--lengths", kit_file("lengths.csv", lines, sizeof lines - 1),
              "--rate", "5", "--num-prompts", "50", "--format", "json");
  cJSON *root = kit_json(&r);
  assert_non_null(strstr(kit_text(root, "load"), "(200 + 15 tokens)"));
  cJSON_Delete(root);
  kit_done(&r);
}

static void lengths_that_are_none_are_refused_by_line(void **state)
{
  static const struct {
    const char *text, *says;
  } cases[] = {{"10,5\n7\n", "2"},
               {"10,5\n-3,5\n", "within 0"},
               {"10,5\n1,1,nan\n", "within 0"},
               {"10,5,9e9\n", "within 0"},
               {"1,1,20000000\n1,1,1\n", "more than"},
               {"10,5,1,1\n", "prompt"},
               {"0,5\n5,0\n", "no pair"},
               {"", "lengths.csv"}};
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct kit_run r =
        KIT_RUN(MODEL, "--lengths",
                kit_file("lengths.csv", cases[i].text, strlen(cases[i].text)));
    const int status = i == 4 ? 5 : 3; /* too many is a limit */
    if (r.status != status || strstr(r.err, cases[i].says) == NULL ||
        strstr(r.err, "lengths.csv") == NULL)
      fail_msg("%zu: %d %s", i, r.status, r.err);
    kit_done(&r);
  }
}

/* One at a time: the third request overtakes the second, whose number is larger. */
static void the_priority_policy_lets_the_urgent_overtake(void **state)
{
  (void)state;
  double ttft[3] = {0};
  const char *csv = kit_file("overtaken.csv", "", 0);
  struct kit_run r = KIT_RUN(
      MODEL, "--trace", kit_file("timed.csv", timed, sizeof timed - 1), "--max-num-seqs",
      "1", "--scheduling-policy", "priority", "--requests", csv);
  assert_int_equal(r.status, 0);
  kit_done(&r);
  FILE *f = fopen(csv, "rb");
  char line[256];
  assert_non_null(f);
  assert_non_null(fgets(line, sizeof line, f));
  for (size_t i = 0; i < 3; i++) {
    assert_non_null(fgets(line, sizeof line, f));
    assert_int_equal(sscanf(line, "%*d,%*f,%*d,%*d,%*f,%lf", &ttft[i]), 1);
  }
  (void)fclose(f);
  assert_true(ttft[2] + 0.3 < ttft[1] + 0.2);
}

static void wrong_arguments_end_with_one_sentence(void **state)
{
  static const struct {
    const char *words[24], *says;
    int status;
  } cases[] = {
      {{MODEL}, "the load is missing", 2},
      {{MODEL, "--input-len", "9", "--output-len", "9", "--requests", "-"},
       "the report is on standard output",
       2},
      {{MODEL, "--input-len", "9", "--output-len", "9", "--slo"}, "--slo", 2},
      {{MODEL, "--input-len", "9", "--output-len", "9", "--slo", "ttft_p96=5ms"},
       "is no limit",
       3},
      {{MODEL, "--input-len", "9", "--output-len", "9", "--sweep", "rate=5..1"},
       "does not rise",
       3},
      {{MODEL, "--input-len", "9", "--output-len", "9", "--rate", "0"}, "is no rate", 3},
      {{MODEL, "--trace", "/nowhere"}, "/nowhere", 5},
      {{"simulate", "meta-llama/Llama-3.1-70B-Instruct", "--gpu", "L4", "--input-len",
        "9", "--output-len", "9"},
       "out of memory",
       4},
      {{MODEL, "--input-len", "9", "--output-len", "9", "--arrivals", "ramp", "--rate",
        "1"},
       "--rate-end",
       2},
      {{MODEL, "--input-len", "9", "--output-len", "9", "--arrivals", "diurnal"},
       "needs a --rate",
       2},
      {{MODEL, "--input-len", "9", "--output-len", "9", "--length-dist", "normal"},
       "needs a width",
       2},
      {{MODEL, "--input-len", "9", "--output-len", "9", "--router", "random"},
       "--router",
       3},
      {{MODEL, "--lengths", "/nowhere"}, "/nowhere", 5},
      {{MODEL, "--input-len", "9", "--output-len", "9", "--prefill-replicas", "1"},
       "belong together",
       2},
      {{MODEL, "--input-len", "9", "--output-len", "9", "--sweep", "rate=1,2",
        "--requests", "/nowhere"},
       "--requests",
       3},
      {{MODEL, "--input-len", "9999", "--output-len", "9", "--sweep", "rate=1,2",
        "--max-model-len", "99", "--jobs", "2"},
       "no request can be served",
       4},
      {{"validate"}, "takes one table", 2},
      {{"validate", "/nowhere.csv"}, "/nowhere.csv", 5},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct kit_run r = kit_run(cases[i].words);
    if (r.status != cases[i].status || strstr(r.err, cases[i].says) == NULL)
      fail_msg("%zu: %d %s", i, r.status, r.err);
    assert_int_equal(r.out_len, 0);
    kit_done(&r);
  }
}

static void documents_are_as_their_schemas_say(void **state)
{
  (void)state;
  struct kit_run r = KIT_RUN(MODEL, "--input-len", "512", "--output-len", "128", "--rate",
                             "8", "--num-prompts", "50", "--format", "json");
  expect_schema("simulate", &r);
  kit_done(&r);
  r = KIT_RUN(MODEL, "--input-len", "512", "--output-len", "128", "--sweep",
              "concurrency=1,4", "--num-prompts", "50", "--format", "json");
  expect_schema("simulate", &r);
  kit_done(&r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_run_has_the_keys_of_the_contract),
      cmocka_unit_test(the_same_seed_gives_the_same_run),
      cmocka_unit_test(a_sweep_finds_the_load_that_meets_the_limits),
      cmocka_unit_test(a_sweep_is_the_same_on_any_number_of_cores),
      cmocka_unit_test(a_closed_loop_holds_its_clients),
      cmocka_unit_test(requests_are_written_one_a_line),
      cmocka_unit_test(a_trace_is_replayed),
      cmocka_unit_test(more_servers_answer_sooner),
      cmocka_unit_test(ranks_of_a_dense_model_are_servers),
      cmocka_unit_test(energy_follows_how_busy_the_gpus_are),
      cmocka_unit_test(the_way_of_the_kv_is_in_the_first_token),
      cmocka_unit_test(a_synchronous_scheduler_takes_longer),
      cmocka_unit_test(a_ramp_lasts_as_long_as_it_is_told),
      cmocka_unit_test(a_diurnal_curve_has_the_mean_asked_for),
      cmocka_unit_test(times_of_a_trace_are_scaled_either_way),
      cmocka_unit_test(rows_with_nothing_to_serve_are_told_of),
      cmocka_unit_test(a_trace_without_times_gives_its_lengths),
      cmocka_unit_test(lengths_are_lines_with_counts),
      cmocka_unit_test(lengths_that_are_none_are_refused_by_line),
      cmocka_unit_test(even_gaps_are_even),
      cmocka_unit_test(lengths_have_the_shape_asked_for),
      cmocka_unit_test(the_priority_policy_lets_the_urgent_overtake),
      cmocka_unit_test(wrong_arguments_end_with_one_sentence),
      cmocka_unit_test(documents_are_as_their_schemas_say),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
