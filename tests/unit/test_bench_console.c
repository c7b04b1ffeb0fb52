/* test_bench_console.c - what the tools print, in any surrounding text.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "bench_kit.h"

#define BLOCK(p)                                                                         \
  p "============ Serving Benchmark Result ============\n" p                             \
    "Successful requests:                     200       \n" p                            \
    "Benchmark duration (s):                  100.00    \n" p                            \
    "Total input tokens:                      40000     \n" p                            \
    "Total generated tokens:                  20000     \n" p                            \
    "Request throughput (req/s):              2.00      \n" p                            \
    "Output token throughput (tok/s):         200.00    \n" p                            \
    "Total Token throughput (tok/s):          600.00    \n" p                            \
    "---------------Time to First Token----------------\n" p                             \
    "Mean TTFT (ms):                          50.50     \n" p                            \
    "Median TTFT (ms):                        45.00     \n" p                            \
    "P99 TTFT (ms):                           90.00     \n" p                            \
    "-----Time per Output Token (excl. 1st token)------\n" p                             \
    "Mean TPOT (ms):                          9.10      \n" p                            \
    "==================================================\n"

static void check_block(const struct kvc_bench *r)
{
  assert_string_equal(r->format, "vllm-console");
  assert_close(r->completed, 200, 0);
  assert_close(r->duration_s, 100, 0);
  assert_close(r->total_input_tok, 40000, 0);
  assert_close(r->total_output_tok, 20000, 0);
  assert_close(r->request_throughput, 2, 0);
  assert_close(r->output_throughput, 200, 0);
  assert_close(r->total_throughput, 600, 0);
  assert_close(r->ttft_ms.mean, 50.5, 0);
  assert_close(r->ttft_ms.median, 45, 0);
  assert_close(r->ttft_ms.p99, 90, 0);
  assert_close(r->tpot_ms.mean, 9.1, 0);
  assert_true(isnan(r->itl_ms.mean));
}

static void a_block_is_found_behind_any_prefix(void **state)
{
  struct bench_kit *k = *state;
  check_block(kit_read(k, BLOCK("")));
  check_block(kit_read(k, "#!/bin/sh\n# how it went\n" BLOCK("# ")));
  check_block(kit_read(k, BLOCK("bench-1  | ")));
  check_block(kit_read(k, BLOCK("2025-11-02T10:00:00.123456789Z stdout F ")));
  check_block(kit_read(k, "notes: |\n" BLOCK("    ")));
  check_block(kit_read(k, "# Results\n\n```bash\n" BLOCK("> ") "```\n"));
  check_block(kit_read(k, BLOCK("\x1b[32m")));
  check_block(kit_read(k, BLOCK("\x1b[0m\x1b[1;36m(APIServer pid=1)\x1b[0m ")));
  check_block(kit_read(k, "{\"not\": \"a result\"}\n" BLOCK("")));
}

static void progress_bars_and_crlf_are_in_nobodys_way(void **state)
{
  struct bench_kit *k = *state;
  check_block(kit_read(k, "  0%|   | 0/200 [00:00<?]\r 50%|##  | 100/200\r100%|####|\r"
                          "\n" BLOCK("")));
  char crlf[4096];
  size_t n = 0;
  for (const char *p = BLOCK(""); *p != '\0'; p++) {
    if (*p == '\n') crlf[n++] = '\r';
    crlf[n++] = *p;
  }
  assert_int_equal(kit_try(k, crlf, n), KVC_E_OK);
  check_block(&k->set.records[0]);
}

static void what_stands_before_a_block_belongs_to_it(void **state)
{
  struct bench_kit *k = *state;
  const struct kvc_bench *r = kit_read(
      k, "Namespace(backend='vllm', base_url=None, dataset_name='random', dataset_path="
         "None, model='org/m', served_model_name='x', num_prompts=250, request_rate=inf, "
         "burstiness=1.0, max_concurrency=32)\n"
         "Traffic request rate: 8.5\nBurstiness factor: 0.5 (Gamma distribution)\n" BLOCK(
             "") "Namespace(backend='sglang', model=\"org/n\", max_concurrency=None, "
                 "request_rate=4.0)\nTraffic request rate: inf\n" BLOCK("") BLOCK(""));
  assert_int_equal(k->set.n_records, 3);
  assert_string_equal(r->model, "org/m");
  assert_string_equal(r->backend, "vllm");
  assert_string_equal(r->dataset, "random");
  assert_close(r->num_prompts, 250, 0);
  assert_close(r->failed, 50, 0);
  assert_close(r->max_concurrency, 32, 0);
  assert_close(r->request_rate, 8.5, 0); /* said last, by the run itself */
  assert_close(r->burstiness, 0.5, 0);
  r = &k->set.records[1];
  assert_string_equal(r->model, "org/n");
  assert_string_equal(r->backend, "sglang");
  assert_true(isinf(r->request_rate));
  assert_true(isnan(r->max_concurrency));
  assert_null(r->dataset);
  assert_null(k->set.records[2].model); /* not of the one before it */
}

static void the_command_before_a_block_belongs_to_it(void **state)
{
  struct bench_kit *k = *state;
  const struct kvc_bench *r = kit_read(
      k, "```bash\nvllm serve org/other --model org/wrong\n```\n```bash\npython3 "
         "benchmark_serving.py \\\n    --backend openai \\\n    --model 'org/m' \\\n"
         "    --request-rate 1.5 --max-concurrency=$C \\\n    --num-prompts 210\n```\n"
         "--model org/late\n" BLOCK("") "vllm bench serve --model org/n\n" BLOCK(""));
  assert_string_equal(r->model, "org/m");
  assert_string_equal(r->backend, "openai");
  assert_close(r->request_rate, 1.5, 0);
  assert_close(r->num_prompts, 210, 0);
  assert_close(r->failed, 10, 0);
  assert_true(isnan(r->max_concurrency));
  assert_string_equal(k->set.records[1].model, "org/n");
  assert_true(isnan(k->set.records[1].request_rate));
}

static void newer_rows_are_read(void **state)
{
  const struct kvc_bench *r =
      kit_read(*state, "============ Serving Benchmark Result ============\n"
                       "Successful requests:                     1,024     \n"
                       "Failed requests:                         3         \n"
                       "Maximum request concurrency:             128       \n"
                       "Request rate configured (RPS):           400.00    \n"
                       "Benchmark duration (s):                  10.46     \n"
                       "Request goodput (req/s):                 90.50     \n"
                       "Peak output token throughput (tok/s):    13235.00  \n"
                       "Output token throughput (tok/s):         12528.32  \n"
                       "Peak concurrent requests:                256.00    \n"
                       "Total token throughput (tok/s):          25056.64  \n"
                       "------------------Probe Requests------------------\n"
                       "Median E2EL (ms):                        7.00      \n"
                       "----------------End-to-end Latency----------------\n"
                       "Mean E2EL (ms):                          1268.03   \n"
                       "P99.9 E2EL (ms):                         1321.38   \n"
                       "---------------Speculative Decoding---------------\n"
                       "Acceptance rate (%):                     44.45     \n"
                       "Acceptance length:                       2.33      \n"
                       "  Position 0:                            66.01     \n"
                       "==================================================\n"
                       "Mean TTFT (ms):                          1.00      \n");
  assert_close(r->completed, 1024, 0);
  assert_close(r->failed, 3, 0);
  assert_close(r->num_prompts, 1027, 0);
  assert_close(r->max_concurrency, 128, 0);
  assert_close(r->request_rate, 400, 0);
  assert_close(r->request_goodput, 90.5, 0);
  assert_close(r->output_throughput, 12528.32, 0);
  assert_close(r->peak_output_tps, 13235, 0);
  assert_close(r->peak_concurrent, 256, 0);
  assert_close(r->total_throughput, 25056.64, 0);
  assert_close(r->e2el_ms.mean, 1268.03, 0);
  assert_close(r->e2el_ms.p999, 1321.38, 0);
  assert_true(isnan(r->e2el_ms.median)); /* the probe's */
  assert_close(r->spec_accept_frac, 0.4445, 1e-12);
  assert_close(r->spec_accept_length, 2.33, 0);
  assert_true(isnan(r->ttft_ms.mean)); /* behind the end of the block */
}

static void sglangs_block_is_told_apart(void **state)
{
  const struct kvc_bench *r =
      kit_read(*state, "============ Serving Benchmark Result ============\n"
                       "Backend:                                 sglang    \n"
                       "Traffic request rate:                    2.0       \n"
                       "Max reqeust concurrency:                 not set   \n"
                       "Successful requests:                     996       \n"
                       "Total generated tokens:                  218257    \n"
                       "Total generated tokens (retokenized):    103837    \n"
                       "Input token throughput (tok/s):          1295.95   \n"
                       "Total throughput (tok/s):                2121.89   \n"
                       "Concurrency:                             7.91      \n"
                       "Mean E2E Latency (ms):                   2098.07   \n"
                       "Median TPOT (ms):                        -0.00     \n"
                       "Max ITL (ms):                            5.00      \n"
                       "==================================================\n");
  assert_string_equal(r->format, "sglang-console");
  assert_string_equal(r->backend, "sglang");
  assert_close(r->request_rate, 2, 0);
  assert_true(isnan(r->max_concurrency));
  assert_close(r->total_output_tok, 218257, 0);
  assert_close(r->total_throughput, 2121.89, 0);
  assert_close(r->input_throughput, 1295.95, 0);
  assert_close(r->e2el_ms.mean, 2098.07, 0);
  assert_close(r->tpot_ms.median, 0, 0);
  assert_close(r->itl_ms.max, 5, 0);
}

static void a_block_per_gpu_is_multiplied_out(void **state)
{
  const struct kvc_bench *r =
      kit_read(*state, "============ Serving Benchmark Result ============\n"
                       "Hardware:                                8\xC3\x97"
                       "B200\n"
                       "Model:                                   org/m\n"
                       "Tensor Parallel Size:                    8\n"
                       "Input Sequence Length:                   1024\n"
                       "Concurrency:                             4\n"
                       "Total Token Throughput/GPU (tok/s):      128.5\n"
                       "Output Token Throughput/GPU (tok/s):     64.0\n"
                       "Mean TTFT (ms):                          163.73\n"
                       "==================================================\n");
  assert_string_equal(r->model, "org/m");
  assert_close(r->gpus, 8, 0);
  assert_close(r->tensor_parallel, 8, 0);
  assert_close(r->max_concurrency, 4, 0);
  assert_close(r->total_throughput, 1028, 0);
  assert_close(r->output_throughput, 512, 0);
  assert_true(isnan(r->input_tok.mean));
  assert_string_equal(kit_extra(r, "isl"), "1024");
}

static void a_block_that_is_cut_gives_what_it_has(void **state)
{
  const struct kvc_bench *r = kit_read(
      *state, "======= Serving Benchmark Result =======\n"
              "Successful requests:   5\nBenchmark duration (s):  2.5\nTotal in");
  assert_close(r->completed, 5, 0);
  assert_close(r->request_throughput, 2, 0);
}

static void the_lines_of_throughput_and_latency_are_read(void **state)
{
  struct bench_kit *k = *state;
  const struct kvc_bench *r = kit_read(
      k, "INFO loading\nThroughput: 12.50 requests/s, 6000.25 total tokens/s, 1200.50 "
         "output tokens/s\nTotal num prompt tokens:  38400\nTotal num output tokens:  "
         "9600\n");
  assert_string_equal(r->format, "vllm-throughput");
  assert_close(r->request_throughput, 12.5, 0);
  assert_close(r->total_throughput, 6000.25, 0);
  assert_close(r->output_throughput, 1200.5, 0);
  assert_close(r->total_input_tok, 38400, 0);
  assert_close(r->total_output_tok, 9600, 0);
  r = kit_read(k, "Throughput: 3.07 requests/s, 1180.00 tokens/s\n");
  assert_close(r->total_throughput, 1180, 0);
  assert_true(isnan(r->output_throughput));
  r = kit_read(
      k, "Avg latency: 7.5 seconds\n10% percentile latency: 7.1 seconds\n"
         "50% percentile latency: 7.4 seconds\n99% percentile latency: 7.9 seconds\n");
  assert_string_equal(r->format, "vllm-latency");
  assert_close(r->e2el_ms.mean, 7500, 1e-12);
  assert_close(r->e2el_ms.median, 7400, 1e-12);
  assert_close(r->e2el_ms.p99, 7900, 1e-12);
}

static void a_heading_without_figures_is_no_result(void **state)
{
  struct bench_kit *k = *state;
  kit_refused(k, "print('=== Serving Benchmark Result ===')\n", KVC_E_UNKNOWN,
              "no bench");
  kit_refused(k,
              "INFO 01-01 metrics.py Avg prompt throughput: 10.5 tokens/s, Avg "
              "generation throughput: 3.0 tokens/s, Running: 1 reqs\n",
              KVC_E_UNKNOWN, "no benchmark result");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      KIT_TEST(a_block_is_found_behind_any_prefix),
      KIT_TEST(progress_bars_and_crlf_are_in_nobodys_way),
      KIT_TEST(what_stands_before_a_block_belongs_to_it),
      KIT_TEST(the_command_before_a_block_belongs_to_it),
      KIT_TEST(newer_rows_are_read),
      KIT_TEST(sglangs_block_is_told_apart),
      KIT_TEST(a_block_per_gpu_is_multiplied_out),
      KIT_TEST(a_block_that_is_cut_gives_what_it_has),
      KIT_TEST(the_lines_of_throughput_and_latency_are_read),
      KIT_TEST(a_heading_without_figures_is_no_result),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
