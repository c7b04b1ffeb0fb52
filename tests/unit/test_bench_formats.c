/* test_bench_formats.c - GuideLLM, AIPerf and genai-perf, inference-perf and the smaller
 * families: each field with its unit. SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "bench_kit.h"

#define OK_STAT(mean, p95)                                                               \
  "{\"successful\": {\"mean\": " mean ", \"median\": 2, \"std_dev\": 0.5, \"min\": 1, "  \
  "\"max\": 9, \"count\": 4, \"total_sum\": 400, \"percentiles\": {\"p001\": 1, "        \
  "\"p01\": 1, \"p25\": 1.5, \"p75\": 3, \"p90\": 4, \"p95\": " p95 ", \"p99\": 6, "     \
  "\"p999\": 7}}, \"total\": {\"mean\": 77}}"

static void guidellm_of_the_first_schema_is_read(void **state)
{
  const struct kvc_bench *r = kit_read(
      *state,
      "{\"benchmarks\": [{\"args\": {\"strategy\": {\"type_\": \"concurrent\", "
      "\"streams\": "
      "10}}, \"worker\": {\"backend_type\": \"openai_http\", \"backend_model\": "
      "\"org/m\"}, "
      "\"request_loader\": {\"data\": \"prompt_tokens=256\"}, \"metrics\": {"
      "\"requests_per_second\": " OK_STAT("5.5", "6") ", \"request_latency\": " OK_STAT("1.7", "5") ", \"prompt_token_count\": " OK_STAT(
          "100",
          "110") ", "
                 "\"output_token_count\": " OK_STAT(
                     "150",
                     "160") ", "
                            "\"time_to_first_token_"
                            "ms\": " OK_STAT(
                                "306",
                                "465") ", "
                                       "\"time_per_output_token_ms\":"
                                       " " OK_STAT(
                                           "9.8",
                                           "11") ", "
                                                 "\"inter_"
                                                 "token_"
                                                 "latency_"
                                                 "ms\":"
                                                 " " OK_STAT(
                                                     "9.9",
                                                     "12") ", "
                                                           "\""
                                                           "ou"
                                                           "tp"
                                                           "ut"
                                                           "_t"
                                                           "ok"
                                                           "en"
                                                           "s_"
                                                           "pe"
                                                           "r_"
                                                           "se"
                                                           "co"
                                                           "nd"
                                                           "\""
                                                           ":"
                                                           " " OK_STAT(
                                                               "828",
                                                               "900") "}, "
                                                                      "\"start_time\": "
                                                                      "100.0, "
                                                                      "\"end_time\": "
                                                                      "118.0, "
                                                                      "\"request_"
                                                                      "totals\": "
                                                                      "{\"successful\": "
                                                                      "4, \"errored\": "
                                                                      "1, "
                                                                      "\"incomplete\": "
                                                                      "2, \"total\": "
                                                                      "7}}]}");
  assert_string_equal(r->format, "guidellm");
  assert_string_equal(r->model, "org/m");
  assert_string_equal(r->backend, "openai_http");
  assert_string_equal(r->dataset, "prompt_tokens=256");
  assert_close(r->max_concurrency, 10, 0);
  assert_true(isinf(r->request_rate));
  assert_close(r->completed, 4, 0);
  assert_close(r->failed, 1, 0);
  assert_close(r->num_prompts, 7, 0);
  assert_close(r->duration_s, 18, 0);
  assert_close(r->request_throughput, 5.5, 0);
  assert_close(r->output_throughput, 828, 0);
  assert_close(r->e2el_ms.mean, 1700, 1e-12); /* seconds in the file */
  assert_close(r->e2el_ms.p95, 5000, 1e-12);
  assert_close(r->ttft_ms.mean, 306, 0); /* milliseconds in the file */
  assert_close(r->ttft_ms.median, 2, 0);
  assert_close(r->ttft_ms.std, 0.5, 0);
  assert_close(r->ttft_ms.p25, 1.5, 0);
  assert_close(r->ttft_ms.p95, 465, 0);
  assert_close(r->ttft_ms.p999, 7, 0);
  assert_close(r->tpot_ms.mean, 9.8, 0);
  assert_close(r->itl_ms.mean, 9.9, 0);
  assert_close(r->total_input_tok, 400, 0);
  assert_close(r->input_tok.mean, 100, 0);
}

#define NEWER(latency, rate)                                                             \
  "{\"config\": {\"strategy\": {\"type_\": \"constant\", \"rate\": " rate "}, "          \
  "\"backend\": {\"model\": \"org/n\"}}, \"metrics\": {\"request_totals\": "             \
  "{\"successful\": 10, \"errored\": 0, \"total\": 10}, \"request_latency\": "           \
  "{\"successful\": {\"mean\": " latency ", \"p50\": " latency "}}, "                    \
  "\"time_to_first_token_ms\": {\"successful\": {\"mean\": 100, \"p50\": 90}}, "         \
  "\"inter_token_latency_ms\": {\"successful\": {\"mean\": 10}}, "                       \
  "\"output_token_count\": {\"successful\": {\"mean\": 101}}}, \"duration\": 20}"

static void newer_guidellm_is_read_and_its_latency_recognised(void **state)
{
  struct bench_kit *k = *state;
  const struct kvc_bench *r = kit_read(
      k,
      "{\"benchmarks\": [" NEWER("1.1", "2.0") "," NEWER(
          "1.1",
          "4.0") "], \"config\": "
                 "{}, \"metadata\": {\"version\": 2, \"guidellm_version\": \"0.7.0\"}}");
  assert_int_equal(k->set.n_records, 2);
  assert_string_equal(r->model, "org/n");
  assert_close(r->request_rate, 2, 0);
  assert_close(r[1].request_rate, 4, 0);
  assert_close(r->completed, 10, 0);
  assert_close(r->total_output_tok, 1010, 0);
  assert_close(r->e2el_ms.mean, 1100, 1e-12);
  assert_close(r->ttft_ms.median, 90, 0);
  assert_string_equal(kit_extra(r, "guidellm_version"), "0.7.0");
  /* Where that schema says the model once for all. */
  r = kit_read(k,
               "{\"config\": {\"spec\": {\"backend\": {\"kind\": \"openai_http\", "
               "\"model\": \"org/v2\"}}}, \"benchmarks\": [{\"config\": {\"strategy\": "
               "{\"kind\": \"concurrent\", \"streams\": 4}}, \"metrics\": "
               "{\"time_to_first_token_ms\": {\"successful\": {\"percentiles\": "
               "{\"p50\": 120.0}}}}}]}");
  assert_string_equal(r->model, "org/v2");
  assert_string_equal(r->backend, "openai_http");
  assert_close(r->max_concurrency, 4, 0);
  assert_true(isinf(r->request_rate));
  assert_close(r->ttft_ms.median, 120, 0);
  /* Somebody's copy in milliseconds: 100 + 100 * 10 ms cannot be 1100 s. */
  r = kit_read(k, "{\"benchmarks\": [" NEWER("1100", "2.0") "]}");
  assert_close(r->e2el_ms.mean, 1100, 1e-12);
  assert_true(kit_notes(k, "request_latency is in milliseconds"));
  /* Cut in the second benchmark. */
  r = kit_read(k, "{\"benchmarks\": [" NEWER("1.1", "2.0") ", {\"config\": {\"strat");
  assert_int_equal(k->set.n_records, 1);
}

static void aiperf_figures_carry_their_units(void **state)
{
  const struct kvc_bench *r = kit_read(
      *state,
      "{\"aiperf_version\": \"0.8.0\", \"input_config\": {\"endpoint\": "
      "{\"model_names\": "
      "[\"org/m\"], \"type\": \"chat\"}, \"loadgen\": {\"concurrency\": 16}}, "
      "\"request_throughput\": {\"unit\": \"requests/sec\", \"avg\": 2.0}, "
      "\"request_latency\": {\"unit\": \"ms\", \"avg\": 500, \"p1\": 1, \"p50\": 450, "
      "\"p99\": 900, \"std\": 10}, \"request_count\": {\"unit\": \"requests\", \"avg\": "
      "20}, "
      "\"time_to_first_token\": {\"unit\": \"s\", \"avg\": 0.1, \"p90\": 0.2}, "
      "\"inter_token_latency\": {\"unit\": \"us\", \"avg\": 4000}, "
      "\"output_token_throughput\": {\"unit\": \"tokens/sec\", \"avg\": 200}, "
      "\"output_sequence_length\": {\"unit\": \"tokens\", \"avg\": 100}, "
      "\"input_sequence_length\": {\"unit\": \"tokens\", \"avg\": 300}, "
      "\"benchmark_duration\": {\"unit\": \"sec\", \"avg\": 10}, "
      "\"error_summary\": [{\"error_details\": {\"code\": 499}, \"count\": 3}, "
      "{\"count\": 2}]}");
  assert_string_equal(r->format, "aiperf");
  assert_string_equal(r->model, "org/m");
  assert_close(r->max_concurrency, 16, 0);
  assert_close(r->completed, 20, 0);
  assert_close(r->failed, 5, 0);
  assert_close(r->duration_s, 10, 0);
  assert_close(r->e2el_ms.mean, 500, 0);
  assert_close(r->e2el_ms.p99, 900, 0);
  assert_close(r->ttft_ms.mean, 100, 1e-12);
  assert_close(r->ttft_ms.p90, 200, 1e-12);
  assert_close(r->tpot_ms.mean, 4, 1e-12);
  assert_close(r->itl_ms.mean, 4, 1e-12);
  assert_close(r->total_input_tok, 6000, 0);
  assert_close(r->total_output_tok, 2000, 0);
  r = kit_read(*state,
               "{\"request_latency\": {\"unit\": \"ms\", \"avg\": 5, \"p99\": 6}, "
               "\"input_config\": {\"model\": [\"gpt2\"], \"perf_analyzer\": "
               "{\"stimulus\": {\"concurrency\": 8}}}}");
  assert_string_equal(r->format, "genai-perf");
  assert_string_equal(r->model, "gpt2");
  assert_close(r->max_concurrency, 8, 0);
}

#define REQUEST(start, ttft, latency, n)                                                 \
  "{\"metadata\": {\"request_start_ns\": " start "}, \"metrics\": "                      \
  "{\"time_to_first_token\": {\"value\": " ttft ", \"unit\": \"ms\"}, "                  \
  "\"request_latency\": {\"value\": " latency ", \"unit\": \"ms\"}, "                    \
  "\"input_sequence_length\": {\"value\": 50, \"unit\": \"tokens\"}, "                   \
  "\"output_sequence_length\": {\"value\": " n ", \"unit\": \"tokens\"}}, "              \
  "\"error\": null}\n"

static void aiperf_requests_become_one_record(void **state)
{
  struct bench_kit *k = *state;
  const struct kvc_bench *r =
      kit_read(k, REQUEST("1000000000", "100", "300", "5")
                      REQUEST("2000000000", "200", "500",
                              "4") "{\"metadata\": {\"request_start_ns\": 2500000000}, "
                                   "\"metrics\": {}, \"error\": "
                                   "{\"code\": 499}}\n");
  assert_int_equal(k->set.n_records, 1);
  assert_string_equal(r->format, "aiperf");
  assert_close(r->completed, 2, 0);
  assert_close(r->failed, 1, 0);
  assert_int_equal(r->n_detail, 3);
  assert_close(r->ttft_ms.mean, 150, 1e-12);
  assert_close(r->tpot_ms.mean, 75, 1e-12); /* 200/4 and 300/3 */
  assert_close(r->duration_s, 1.5, 1e-9);   /* 1.0 to 2.5 */
  assert_close(r->total_output_tok, 9, 0);
  assert_close(r->output_throughput, 6, 1e-9);
}

static void a_checkpoint_of_genai_perf_is_in_nanoseconds(void **state)
{
  const struct kvc_bench *r = kit_read(
      *state,
      "{\"Results\": {\"run_configs\": [{\"name\": \"run_0\", \"genai_perf_config\": "
      "{\"input\": {\"num_prompts\": 100, \"dataset\": \"openorca\"}}, "
      "\"perf_analyzer_config\": {\"_cli_args\": [\"-m\", \"gpt2\", "
      "\"--concurrency-range\", "
      "\"32\"]}, \"measurement\": {\"_model_config_measurements\": {\"gpt2\": "
      "{\"_perf_metrics\": {\"request_throughput_avg\": [\"request_throughput_avg\", "
      "{\"_value\": 10.5}], \"request_latency_p99\": [\"x\", {\"_value\": "
      "3406000000.0}], "
      "\"time_to_first_token_avg\": [\"x\", {\"_value\": 142000000.0}], "
      "\"inter_token_latency_p25\": [\"x\", {\"_value\": 25000000}], "
      "\"output_token_throughput_per_request_avg\": [\"x\", {\"_value\": 3}], "
      "\"output_sequence_length_avg\": [\"x\", {\"_value\": 112.0}]}}}}}]}}");
  assert_string_equal(r->format, "genai-perf");
  assert_string_equal(r->label, "run_0");
  assert_string_equal(r->model, "gpt2");
  assert_close(r->max_concurrency, 32, 0);
  assert_close(r->request_throughput, 10.5, 0);
  assert_close(r->e2el_ms.p99, 3406, 1e-12);
  assert_close(r->ttft_ms.mean, 142, 1e-12);
  assert_close(r->tpot_ms.p25, 25, 1e-12);
  assert_close(r->output_tok.mean, 112, 0);
  assert_true(isnan(r->output_throughput));
}

static void a_stage_of_inference_perf_is_in_seconds(void **state)
{
  const struct kvc_bench *r = kit_read(
      *state, "{\"load_summary\": {\"count\": 60, \"send_duration\": 59.1, "
              "\"requested_rate\": 1.0, "
              "\"achieved_rate\": 1.015}, \"successes\": {\"count\": 58, \"latency\": "
              "{\"request_latency\": {\"mean\": 0.7, \"median\": 0.6, \"p0.1\": 0.1, "
              "\"p90\": 0.8, "
              "\"p99.9\": 0.9}, \"normalized_time_per_output_token\": {\"mean\": 1.0}, "
              "\"time_per_output_token\": {\"mean\": 0.0058}, \"time_to_first_token\": "
              "{\"mean\": "
              "0.037}, \"inter_token_latency\": {\"mean\": 0.006}}, \"throughput\": "
              "{\"input_tokens_per_sec\": 202, \"output_tokens_per_sec\": 62, "
              "\"total_tokens_per_sec\":"
              " 264, \"requests_per_sec\": 1.0}, \"prompt_len\": {\"mean\": 200}, "
              "\"output_len\": "
              "{\"mean\": 62}}, \"failures\": {\"count\": 2}}");
  assert_string_equal(r->format, "inference-perf");
  assert_close(r->request_rate, 1, 0);
  assert_close(r->num_prompts, 60, 0);
  assert_close(r->completed, 58, 0);
  assert_close(r->failed, 2, 0);
  assert_close(r->e2el_ms.mean, 700, 1e-12);
  assert_close(r->e2el_ms.p999, 900, 1e-12);
  assert_close(r->tpot_ms.mean, 5.8, 1e-12);
  assert_close(r->ttft_ms.mean, 37, 1e-12);
  assert_close(r->itl_ms.mean, 6, 1e-12);
  assert_close(r->total_output_tok, 62 * 58, 0);
  assert_close(r->duration_s, 58, 1e-12);
}

static void latency_throughput_and_startup_are_read(void **state)
{
  struct bench_kit *k = *state;
  const struct kvc_bench *r = kit_read(
      k,
      "{\"avg_latency\": 7.5, \"latencies\": [7.0, 8.0], \"percentiles\": {\"10\": 7.1, "
      "\"25\": 7.25, \"50\": 7.5, \"75\": 7.75, \"90\": 7.9, \"99\": 7.99}}");
  assert_string_equal(r->format, "vllm-latency");
  assert_close(r->e2el_ms.mean, 7500, 1e-12);
  assert_close(r->e2el_ms.median, 7500, 1e-12);
  assert_close(r->e2el_ms.p99, 7990, 1e-12);
  assert_close(r->e2el_ms.max, 8000, 1e-12);
  assert_int_equal(r->n_checks, 0);
  r = kit_read(k, "{\"elapsed_time\": 50.0, \"num_requests\": 200, \"total_num_tokens\": "
                  "80000, \"requests_per_second\": 4.0, \"tokens_per_second\": 1600.0}");
  assert_string_equal(r->format, "vllm-throughput");
  assert_close(r->completed, 200, 0);
  assert_close(r->total_throughput, 1600, 0);
  assert_string_equal(kit_extra(r, "total_num_tokens"), "80000");
  r = kit_read(k,
               "{\"avg_cold_startup_time\": 61.5, \"avg_cold_compilation_time\": 20.5, "
               "\"cold_startup_times\": [61.0, 62.0]}");
  assert_string_equal(r->format, "vllm-startup");
  assert_string_equal(kit_extra(r, "avg_cold_startup_time"), "61.5");
}

static void wrapped_and_gathered_results_of_inferencemax_are_read(void **state)
{
  struct bench_kit *k = *state;
  const struct kvc_bench *r = kit_read(
      k,
      "{\"hw\": \"b200\", \"model\": \"org/m\", \"framework\": \"vllm\", \"isl\": 1024, "
      "\"osl\": 512, \"tp\": 4, \"conc\": 128, \"profile\": \"p\", \"metrics\": "
      "{\"successful_requests\": 100, \"request_throughput\": 5.0, "
      "\"output_token_throughput\": 2500.0, \"p99_ttft_ms\": 574.7}, \"gpu\": "
      "{\"n_gpus\": 8}}");
  assert_string_equal(r->format, "together");
  assert_string_equal(r->backend, "vllm");
  assert_close(r->max_concurrency, 128, 0);
  assert_close(r->completed, 100, 0);
  assert_close(r->output_throughput, 2500, 0);
  assert_close(r->output_tok.mean, 500, 0); /* not the 512 asked for */
  assert_close(r->duration_s, 20, 0);
  assert_close(r->total_output_tok, 50000, 0);
  assert_close(r->ttft_ms.p99, 574.7, 0);
  assert_close(r->gpus, 8, 0);
  assert_close(r->tensor_parallel, 4, 0);
  r = kit_read(k,
               "[{\"hw\": \"h200\", \"tp\": 8, \"conc\": 64, \"model\": \"org/m\", "
               "\"framework\": \"sglang\", \"tput_per_gpu\": 100.0, "
               "\"output_tput_per_gpu\": 50.0, \"mean_ttft\": 0.25, \"p99.9_ttft\": 0.5, "
               "\"mean_tpot\": 0.02, \"mean_intvty\": 50.0}]");
  assert_string_equal(r->format, "inferencemax");
  assert_close(r->total_throughput, 800, 0);
  assert_close(r->output_throughput, 400, 0);
  assert_close(r->ttft_ms.mean, 250, 1e-12);
  assert_close(r->ttft_ms.p999, 500, 1e-12);
  assert_close(r->tpot_ms.mean, 20, 1e-12);
  r = kit_read(
      k, "{\"tp\": 4, \"conc\": 1, \"framework\": \"vllm\", \"num_requests_total\": "
         "196, \"num_requests_successful\": 195, \"request_metrics\": {\"latency\": "
         "{\"ttft\": {\"mean\": 10.25, \"p90\": 26.0}, \"tpot\": {\"mean\": 0.013}}, "
         "\"tokens\": {\"input\": {\"mean\": 1000}, \"output_actual\": {\"mean\": "
         "10}}, \"throughput\": {\"output\": {\"tokens_per_second\": 60.1}, "
         "\"duration_seconds\": 3542.8}}}");
  assert_string_equal(r->format, "inferencemax-agentic");
  assert_close(r->ttft_ms.mean, 10250, 1e-12);
  assert_close(r->tpot_ms.mean, 13, 1e-12);
  assert_close(r->output_throughput, 60.1, 0);
  assert_close(r->total_input_tok, 195000, 0);
}

static void gaie_and_llmperf_are_read(void **state)
{
  struct bench_kit *k = *state;
  const struct kvc_bench *r = kit_read(
      k, "{\"metrics\": {\"num_prompts_attempted\": 60, \"num_prompts_succeeded\": 59, "
         "\"request_rate\": 200.0, \"benchmark_time\": 10.0, \"throughput_rps\": 5.9, "
         "\"throughput\": 590.0, \"total_output_token\": 5900, \"total_input_tokens\": "
         "1000, "
         "\"avg_latency\": 13490.1}, \"dimensions\": {\"date\": \"20250328-043623\", "
         "\"backend\": \"vllm\", \"model_id\": \"org/m\"}, \"config\": {}, "
         "\"summary_stats\": {\"stats\": [{\"request_latency\": {\"mean\": 13490.1, "
         "\"sd\": 7.5, \"p99\": 45658.4}, \"tpot\": {\"mean\": 148.9}}]}}");
  assert_string_equal(r->format, "gaie");
  assert_string_equal(r->model, "org/m");
  assert_close(r->failed, 1, 0);
  assert_close(r->e2el_ms.mean, 13490.1, 0);
  assert_close(r->e2el_ms.std, 7.5, 0);
  assert_close(r->tpot_ms.mean, 148.9, 0);
  assert_close(r->output_throughput, 590, 0);
  r = kit_read(
      k, "{\"model\": \"org/m\", \"num_concurrent_requests\": 4, "
         "\"results_inter_token_latency_s_mean\": 0.02, "
         "\"results_ttft_s_quantiles_p99\": 0.9, \"results_ttft_s_mean\": 0.5, "
         "\"results_ttft_s_stddev\": 0.1, \"results_end_to_end_latency_s_mean\": 3.0, "
         "\"results_num_completed_requests\": 20}");
  assert_string_equal(r->format, "llmperf");
  assert_close(r->ttft_ms.mean, 500, 1e-12);
  assert_close(r->ttft_ms.p99, 900, 1e-12);
  assert_close(r->ttft_ms.std, 100, 1e-12);
  assert_close(r->itl_ms.mean, 20, 1e-12);
  assert_close(r->e2el_ms.mean, 3000, 1e-12);
  assert_close(r->completed, 20, 0);
}

static void the_pytorch_form_is_one_record(void **state)
{
  struct bench_kit *k = *state;
  const struct kvc_bench *r = kit_read(
      k, "[{\"benchmark\": {\"name\": \"vLLM benchmark\", \"extra_info\": {\"args\": "
         "{\"tensor_parallel_size\": 2}}}, \"model\": {\"name\": \"org/m\"}, \"metric\": "
         "{\"name\": \"mean_ttft_ms\", \"benchmark_values\": [12.5], \"extra_info\": "
         "{\"completed\": 8, \"duration\": 2.0, \"request_throughput\": 4.0}}}, "
         "{\"model\": {\"name\": \"org/m\"}, \"metric\": {\"name\": \"p99_itl_ms\", "
         "\"benchmark_values\": [33.0], \"extra_info\": {\"completed\": 8}}}]");
  assert_int_equal(k->set.n_records, 1);
  assert_string_equal(r->format, "vllm-pytorch");
  assert_string_equal(r->model, "org/m");
  assert_close(r->ttft_ms.mean, 12.5, 0);
  assert_close(r->itl_ms.p99, 33, 0);
  assert_close(r->completed, 8, 0);
  assert_close(r->gpus, 2, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      KIT_TEST(guidellm_of_the_first_schema_is_read),
      KIT_TEST(newer_guidellm_is_read_and_its_latency_recognised),
      KIT_TEST(aiperf_figures_carry_their_units),
      KIT_TEST(aiperf_requests_become_one_record),
      KIT_TEST(a_checkpoint_of_genai_perf_is_in_nanoseconds),
      KIT_TEST(a_stage_of_inference_perf_is_in_seconds),
      KIT_TEST(latency_throughput_and_startup_are_read),
      KIT_TEST(wrapped_and_gathered_results_of_inferencemax_are_read),
      KIT_TEST(gaie_and_llmperf_are_read),
      KIT_TEST(the_pytorch_form_is_one_record),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
