/* test_cli_read.c - kvcap read: one vocabulary for pages, logs and results.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <dirent.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli_kit.h"
#include "tests/support/close.h"

static const char page[] =
    "# TYPE vllm:num_requests_running gauge\n"
    "vllm:num_requests_running{engine=\"0\",model_name=\"a/b\"} 3.0\n"
    "vllm:num_requests_running{engine=\"1\",model_name=\"a/b\"} 4.0\n"
    "# TYPE vllm:gpu_cache_usage_perc gauge\n"
    "vllm:gpu_cache_usage_perc{engine=\"0\",model_name=\"a/b\"} 0.25\n"
    "# TYPE vllm:time_to_first_token_seconds histogram\n"
    "vllm:time_to_first_token_seconds_bucket{le=\"0.1\"} 10.0\n"
    "vllm:time_to_first_token_seconds_bucket{le=\"0.5\"} 90.0\n"
    "vllm:time_to_first_token_seconds_bucket{le=\"+Inf\"} 100.0\n"
    "vllm:time_to_first_token_seconds_count 100.0\n"
    "vllm:time_to_first_token_seconds_sum 40.0\n"
    "vllm:made_up_by_nobody 1.0\n";

static const char server_log[] =
    "INFO 04-02 09:00:01 [utils.py:299] vLLM API server version 0.19.0\n"
    "INFO 04-02 09:00:01 [utils.py:233] non-default args: {'model_tag': 'a/b', "
    "'max_model_len': 8192, 'enable_prefix_caching': False}\n"
    "INFO 04-02 09:00:40 [gpu_model_runner.py:4820] Model loading took 14.99 GiB memory "
    "and 14.4 seconds\n"
    "INFO 04-02 09:01:10 [gpu_worker.py:436] Available KV cache memory: 55.0 GiB\n"
    "INFO 04-02 09:01:10 [kv_cache_utils.py:1319] GPU KV cache size: 451,712 tokens\n"
    "INFO 04-02 09:01:10 [kv_cache_utils.py:1324] Maximum concurrency for 8,192 tokens "
    "per request: 55.14x\n"
    "INFO 04-02 09:02:00 [loggers.py:259] Engine 000: Avg prompt throughput: 100.0 "
    "tokens/s, Avg generation throughput: 50.0 tokens/s, Running: 2 reqs, Waiting: 1 "
    "reqs, GPU KV cache usage: 12.5%, Prefix cache hit rate: 0.0%\n";

static const char result[] =
    "{\"date\": \"20260401-101010\", \"backend\": \"openai\", \"model_id\": \"a/b\", "
    "\"num_prompts\": 100, \"request_rate\": \"inf\", \"max_concurrency\": 8, "
    "\"duration\": 50.0, \"completed\": 100, \"total_input_tokens\": 51200, "
    "\"total_output_tokens\": 12800, \"request_throughput\": 2.0, "
    "\"output_throughput\": 256.0, \"total_token_throughput\": 1280.0, "
    "\"mean_ttft_ms\": 80.5, \"median_ttft_ms\": 70.25, \"p99_ttft_ms\": 200.0, "
    "\"mean_tpot_ms\": 12.0, \"median_tpot_ms\": 11.5, \"p99_tpot_ms\": 20.0, "
    "\"mean_itl_ms\": 12.1, \"median_itl_ms\": 11.0, \"p99_itl_ms\": 30.0}\n";

static cJSON *read_text(const char *name, const char *text, struct kit_run *r)
{
  *r = KIT_RUN("read", kit_file(name, text, strlen(text)));
  if (r->status != 0) fail_msg("%s", r->err);
  cJSON *root = cJSON_Parse(r->out);
  assert_non_null(root);
  return root;
}

static void a_page_has_canonical_metrics(void **state)
{
  (void)state;
  struct kit_run r;
  cJSON *root = read_text("read-page", page, &r);
  assert_string_equal(kit_text(root, "kind"), "metrics");
  assert_close(kit_number(root, "metrics.num_requests_running.value"), 7, 1e-12);
  assert_close(kit_number(root, "metrics.kv_cache_usage_perc.value"), 0.25, 1e-12);
  assert_string_equal(kit_text(root, "metrics.kv_cache_usage_perc.name"),
                      "vllm:gpu_cache_usage_perc");
  assert_close(kit_number(root, "metrics.time_to_first_token_seconds.p50"), 0.3, 1e-12);
  assert_close(kit_number(root, "metrics.time_to_first_token_seconds.mean"), 0.4, 1e-12);
  assert_string_equal(kit_text(root, "unknown.0"), "vllm:made_up_by_nobody");
  cJSON_Delete(root);
  kit_done(&r);
}

static void a_log_has_memory_args_and_series(void **state)
{
  (void)state;
  struct kit_run r;
  cJSON *root = read_text("read-log", server_log, &r);
  assert_string_equal(kit_text(root, "kind"), "log");
  assert_string_equal(kit_text(root, "vllm_version"), "0.19.0");
  assert_close(kit_number(root, "memory.kv_tokens"), 451712, 1e-12);
  assert_close(kit_number(root, "memory.weights_bytes"), 14.99 * 1073741824, 1e-12);
  assert_close(kit_number(root, "memory.available_kv_bytes"), 55.0 * 1073741824, 1e-12);
  assert_close(kit_number(root, "memory.max_concurrency"), 55.14, 1e-12);
  assert_string_equal(kit_text(root, "args.model"), "a/b");
  assert_close(kit_number(root, "args.max_model_len"), 8192, 1e-12);
  assert_true(cJSON_IsFalse(kit_at(root, "args.enable_prefix_caching")));
  assert_close(kit_number(root, "series.0.generation_tokens_per_s"), 50, 1e-12);
  assert_close(kit_number(root, "series.0.kv_usage_frac"), 0.125, 1e-12);
  assert_close(kit_number(root, "series.0.waiting"), 1, 1e-12);
  cJSON_Delete(root);
  kit_done(&r);
}

static void a_result_has_its_figures(void **state)
{
  (void)state;
  struct kit_run r;
  cJSON *root = read_text("read-result", result, &r);
  assert_string_equal(kit_text(root, "kind"), "benchmark");
  assert_close(kit_number(root, "benchmark.duration_s"), 50, 1e-12);
  assert_close(kit_number(root, "benchmark.completed"), 100, 1e-12);
  assert_close(kit_number(root, "benchmark.request_throughput"), 2, 1e-12);
  assert_close(kit_number(root, "benchmark.ttft_ms.mean"), 80.5, 1e-12);
  assert_close(kit_number(root, "benchmark.ttft_ms.median"), 70.25, 1e-12);
  assert_close(kit_number(root, "benchmark.tpot_ms.p99"), 20, 1e-12);
  assert_close(kit_number(root, "benchmark.itl_ms.mean"), 12.1, 1e-12);
  assert_string_equal(kit_text(root, "benchmark.request_rate"), "inf");
  cJSON_Delete(root);
  kit_done(&r);
}

static void a_folder_of_results_is_one_set(void **state)
{
  (void)state;
  char dir[600];
  (void)snprintf(dir, sizeof dir, "%s/read-sweep",
                 getenv("KVC_BUILD_DIR") != NULL ? getenv("KVC_BUILD_DIR") : ".");
  (void)mkdir(dir, 0755);
  (void)kit_file("read-sweep/run=0.json", result, strlen(result));
  (void)kit_file("read-sweep/run=1.json", result, strlen(result));
  (void)kit_file("read-sweep/summary.json", result, strlen(result));
  (void)kit_file("read-sweep/notes.json", "{\"a\": 1}", 8);
  struct kit_run r = KIT_RUN("read", dir);
  assert_int_equal(r.status, 0);
  cJSON *root = cJSON_Parse(r.out);
  assert_int_equal(cJSON_GetArraySize(kit_at(root, "benchmarks")), 2);
  assert_non_null(strstr(kit_text(root, "notes.0"), "1 file"));
  cJSON_Delete(root);
  kit_done(&r);
}

static void what_is_none_of_them_is_refused_with_one_sentence(void **state)
{
  static const struct {
    const char *text, *says;
    int status;
  } cases[] = {
      {"", "is empty", 3},
      {"hello, world\n", "is neither a metrics page", 3},
      {"{\"a\": 1}", "neither", 3},
      {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
       "deeper", 5},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct kit_run r =
        KIT_RUN("read", kit_file("read-odd", cases[i].text, strlen(cases[i].text)));
    if (r.status != cases[i].status || strstr(r.err, cases[i].says) == NULL)
      fail_msg("%zu: %d %s", i, r.status, r.err);
    assert_int_equal(r.out_len, 0);
    kit_done(&r);
  }
  struct kit_run r = KIT_RUN("read", "/nowhere/at/all");
  assert_int_equal(r.status, 5);
  assert_non_null(strstr(r.err, "/nowhere/at/all"));
  kit_done(&r);
}

/* ---- real files
 * ------------------------------------------------------------------------ */

/* Files of the collection that are something else, and are refused. */
static bool is_other(const char *name)
{
  static const char *const others[] = {"SOURCES.tsv", "planner_accuracy_report.md",
                                       "console_recipes_kimi_k2.5.yaml"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (strcmp(name, others[i]) == 0) return true;
  return false;
}

static void every_real_file_is_read_as_what_it_is(void **state)
{
  static const struct {
    const char *folder, *kind;
  } folders[] = {{"metrics", "metrics"}, {"logs", "log"}, {"bench", "benchmark"}};
  (void)state;
  const char *corpus = getenv("KVCAP_CORPUS");
  size_t n = 0;
  int bad = 0;
  if (corpus == NULL) {
    print_message("KVCAP_CORPUS is not set: no real file was read\n");
    skip();
    return;
  }
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", corpus, folders[i].folder);
    DIR *dir = opendir(path);
    if (dir == NULL) continue;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
      if (e->d_name[0] == '.' || is_other(e->d_name)) continue;
      (void)snprintf(path, sizeof path, "%s/%s/%s", corpus, folders[i].folder, e->d_name);
      struct kit_run r = KIT_RUN("read", path);
      cJSON *root = r.status == 0 ? cJSON_Parse(r.out) : NULL;
      const cJSON *kind = kit_at(root, "kind");
      const bool right =
          cJSON_IsString(kind) && (strcmp(kind->valuestring, folders[i].kind) == 0 ||
                                   kit_at(root, folders[i].kind) != NULL);
      if (!right)
        fprintf(stderr, "%s: %s%s", path,
                cJSON_IsString(kind) ? kind->valuestring : "not read: ",
                r.status == 0 ? "\n" : r.err);
      bad += !right;
      n++;
      cJSON_Delete(root);
      kit_done(&r);
    }
    (void)closedir(dir);
  }
  print_message("%zu files, %d not read as what they are\n", n, bad);
  assert_int_equal(bad, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_page_has_canonical_metrics),
      cmocka_unit_test(a_log_has_memory_args_and_series),
      cmocka_unit_test(a_result_has_its_figures),
      cmocka_unit_test(a_folder_of_results_is_one_set),
      cmocka_unit_test(what_is_none_of_them_is_refused_with_one_sentence),
      cmocka_unit_test(every_real_file_is_read_as_what_it_is),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
