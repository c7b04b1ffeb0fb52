/* test_bench_tables.c - results as CSV, framed tables and YAML; what is none of them.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "bench_kit.h"

static void stacked_tables_of_aiperf_are_read(void **state)
{
  const struct kvc_bench *r = kit_read(
      *state, "Metric,avg,min,max,sum,p1,p50,p90,p99,std\r\n"
              "Input Sequence Length (tokens),300.00,1,2,3,4,290,310,320,5\r\n"
              "Inter Token Latency (ms),30.00,15.36,328.01,,17,26,40,84,20.5\r\n"
              "Request Latency (ms),\"33,789.22\",446.92,310343.64,,,24795.58,,,\r\n"
              "Time to First Token (ms),12672.24,133.35,38965.98,,526,11401,,,\r\n"
              "\r\nMetric,Value\r\n"
              "Benchmark Duration (sec),929.85\r\n"
              "Request Count,323.00\r\n"
              "Output Token Throughput (tokens/sec),251.63\r\n"
              "Request Throughput (requests/sec),0.34\r\n"
              "Total Output Sequence Length (tokens),236529.00\r\n");
  assert_string_equal(r->format, "aiperf");
  assert_close(r->itl_ms.mean, 30, 0);
  assert_close(r->itl_ms.p90, 40, 0);
  assert_close(r->itl_ms.std, 20.5, 0);
  assert_close(r->e2el_ms.mean, 33789.22, 0);
  assert_close(r->e2el_ms.median, 24795.58, 0);
  assert_true(isnan(r->e2el_ms.p99)); /* an empty cell */
  assert_close(r->input_tok.median, 290, 0);
  assert_close(r->duration_s, 929.85, 0);
  assert_close(r->completed, 323, 0);
  assert_close(r->output_throughput, 251.63, 0);
  assert_close(r->request_throughput, 0.34, 0);
  assert_close(r->total_output_tok, 236529, 0);
  assert_close(r->total_input_tok, 300 * 323, 0);
  r = kit_read(*state,
               "Metric,avg,min,max,p99,p95,p90,p75,p50,p25\n"
               "Time To First Token (ms),16.26,12.39,17.25,17.09,16.68,16.56,16,15,14\n"
               "\nMetric,Value\nOutput Token Throughput (per sec),460.42\n"
               "Request Throughput (per sec),4.44\n");
  assert_string_equal(r->format, "genai-perf");
  assert_close(r->ttft_ms.p25, 14, 0);
  assert_close(r->output_throughput, 460.42, 0);
  assert_close(r->request_throughput, 4.44, 0);
}

static void tables_of_genai_perf_analyze_are_read(void **state)
{
  static const char rows[] = "r3,32,200,175,184.43,30.90,3406.24,1134.92,10.12\n"
                             "r0,16,200,100,230.99,30.38,3346.72,1135.38,10.09\n"
                             "\nConfig Name,GPU,p99 GPU Power Usage (W)\nr3,gpu0,80.43\n";
  struct bench_kit *k = *state;
  char text[1024];
  (void)snprintf(
      text, sizeof text,
      "Config Name,Concurrency,ISL,Num Prompts,p99 Time To First Token (ms),"
      "p99 Inter Token Latency (ms),p99 Request Latency (ms),Avg. Output Token "
      "Throughput (tokens/sec),Request Throughput (requests/sec)\n%s",
      rows);
  const struct kvc_bench *r = kit_read(k, text);
  assert_int_equal(k->set.n_records, 2);
  assert_string_equal(r->format, "genai-perf");
  assert_string_equal(r->label, "r3");
  assert_close(r->max_concurrency, 32, 0);
  assert_close(r->num_prompts, 175, 0);
  assert_close(r->ttft_ms.p99, 184.43, 0);
  assert_close(r->tpot_ms.p99, 30.9, 0);
  assert_close(r->e2el_ms.p99, 3406.24, 0);
  assert_close(r->output_throughput, 1134.92, 0);
  assert_close(r->request_throughput, 10.12, 0);
  assert_close(r[1].max_concurrency, 16, 0);
  /* A header that lacks the name of the second column. */
  (void)snprintf(
      text, sizeof text,
      "Config Name,ISL,Num Prompts,p99 Time To First Token (ms),p99 Inter Token "
      "Latency (ms),p99 Request Latency (ms),Avg. Output Token Throughput "
      "(tokens/sec),Request Throughput (requests/sec)\n%s",
      rows);
  r = kit_read(k, text);
  assert_close(r->ttft_ms.p99, 184.43, 0);
  assert_close(r->request_throughput, 10.12, 0);
  assert_true(kit_notes(k, "9 cells under 8 names"));
}

static void lmbench_rows_are_requests(void **state)
{
  const struct kvc_bench *r = kit_read(
      *state,
      "prompt_tokens,generation_tokens,ttft,generation_time,launch_time,finish_time\n"
      "100,11,0.2,1.0,1000.0,1001.2\n300,21,0.4,3.0,1002.0,1005.4\n");
  assert_string_equal(r->format, "lmbench");
  assert_close(r->completed, 2, 0);
  assert_close(r->ttft_ms.mean, 300, 1e-12);
  assert_close(r->e2el_ms.mean, 2300, 1e-12); /* 1.2 and 3.4 s */
  assert_close(r->tpot_ms.mean, 125, 1e-12);  /* 100 and 150 ms */
  assert_close(r->duration_s, 5.4, 1e-9);
  assert_close(r->total_input_tok, 400, 0);
  assert_close(r->total_output_tok, 32, 0);
  assert_close(r->input_tok.p75, 250, 1e-12);
  assert_int_equal(r->n_detail, 2);
}

static void the_dashboards_table_is_per_gpu(void **state)
{
  struct bench_kit *k = *state;
  const struct kvc_bench *r = kit_read(
      k,
      "# Licensed under a licence, see there\nModel,ISL,OSL,Hardware,Framework,TP,"
      "Concurrency,Date,Throughput/GPU (tok/s),Output Throughput/GPU (tok/s),Mean TTFT "
      "(ms),P99 TTFT (ms),Mean E2E Latency (ms),Disaggregated\n"
      "m,1024,1024,h200,vllm,8,64,2026-01-02,100,50,250.5,500,9000,false\n"
      "m,1024,1024,h200,vllm,8,64,2026-01-02,100,50,250.5,500,9000,true\n");
  assert_int_equal(k->set.n_records, 2);
  assert_string_equal(r->format, "inferencemax");
  assert_string_equal(r->backend, "vllm");
  assert_close(r->total_throughput, 800, 0);
  assert_close(r->output_throughput, 400, 0);
  assert_close(r->ttft_ms.mean, 250.5, 0);
  assert_close(r->e2el_ms.mean, 9000, 0);
  assert_string_equal(kit_extra(r, "ISL"), "1024"); /* asked for, not measured */
  assert_true(isnan(r->input_tok.mean));
  assert_true(isnan(r[1].total_throughput)); /* whose GPUs? */
  assert_string_equal(kit_extra(&r[1], "Throughput/GPU (tok/s)"), "100");
}

static void framed_tables_are_read(void **state)
{
  struct bench_kit *k = *state;
  const struct kvc_bench *r = kit_read(
      k, "+----+-------------+----------+---------+-------------------------+\n"
         "| TP | Concurrency | Duration | Tok/sec | P99_E2E_Latency (sec)   |\n"
         "+----+-------------+----------+---------+-------------------------+\n"
         "| 2  | 64          | 140.66   | 8390.32 | 16.141                  |\n"
         "| 4  | 4           | 68.91    | 1070.57 | 8.697                   |\n"
         "+----+-------------+----------+---------+-------------------------+\n");
  assert_int_equal(k->set.n_records, 2);
  assert_close(r->tensor_parallel, 2, 0);
  assert_close(r->max_concurrency, 64, 0);
  assert_close(r->duration_s, 140.66, 0);
  assert_close(r->total_throughput, 8390.32, 0);
  assert_close(r->e2el_ms.p99, 16141, 1e-12);
  assert_close(r[1].e2el_ms.p99, 8697, 1e-12);
}

static void the_summary_of_a_sweep_is_read(void **state)
{
  struct bench_kit *k = *state;
  const struct kvc_bench *r = kit_read(
      k, ",date,backend,model_id,num_prompts,request_rate,completed,request_throughput,"
         "output_throughput,total_token_throughput,mean_ttft_ms,run_number,max_num_seqs\n"
         "0,20260101-000000,openai,org/m,8,inf,8,5.5,90.5,280.0,217.5,0,4\n"
         "1,20260101-000001,openai,org/m,8,inf,8,6.5,91.5,290.0,117.5,1,8\n");
  assert_int_equal(k->set.n_records, 2);
  assert_string_equal(r->format, "vllm-serve");
  assert_string_equal(r->model, "org/m");
  assert_true(isinf(r->request_rate));
  assert_close(r->request_throughput, 5.5, 0);
  assert_close(r[1].ttft_ms.mean, 117.5, 0);
  assert_string_equal(kit_extra(&r[1], "max_num_seqs"), "8");
  assert_string_equal(kit_extra(&r[1], "run_number"), "1");
}

static const char report[] =
    "# a report\nversion: '0.2'\nrun:\n  uid: 38b1\n  time:\n    duration: PT1M5.5S\n"
    "  description: \"base: line\"\n  keywords:\n    - a\n    - b\n"
    "scenario:\n  stack:\n  - metadata:\n      label: router\n    standardized:\n"
    "      kind: generic\n  - metadata:\n      label: svc # comment\n    standardized:\n"
    "      model:\n        name: org/m\n      accelerator:\n        model: H100\n"
    "        count: 8\n        parallelism:\n          tp: 8\n    native:\n      args: "
    "|\n"
    "        tp: 4\n        results: none\n"
    "  load:\n    standardized:\n      tool: inference-perf\n      rate_qps: 10\n"
    "      concurrency: .inf\n"
    "results:\n  request_performance:\n    aggregate:\n      requests:\n        total: "
    "500\n"
    "        failures: 3\n        input_length:\n          units: count\n"
    "          mean: 2262.448\n      throughput:\n        output_token_rate:\n"
    "          units: tokens/s\n          mean: 900.5\n      latency:\n"
    "        time_to_first_token:\n          units: s\n          mean: 0.0368\n"
    "          p50: 0.036\n          p99p9: 0.057\n        time_per_output_token:\n"
    "          units: ms/token\n          mean: 36.8\n"
    "        request_latency: {units: s}\n";

static void reports_of_llm_d_are_read_from_yaml(void **state)
{
  const struct kvc_bench *r = kit_read(*state, report);
  assert_string_equal(r->format, "llm-d");
  assert_string_equal(r->model, "org/m");
  assert_string_equal(r->backend, "inference-perf");
  assert_string_equal(r->label, "base: line");
  assert_close(r->duration_s, 65.5, 0);
  assert_close(r->request_rate, 10, 0);
  assert_true(isnan(r->max_concurrency));
  assert_close(r->tensor_parallel, 8, 0);
  assert_close(r->completed, 497, 0);
  assert_close(r->input_tok.mean, 2262.448, 0);
  assert_close(r->output_throughput, 900.5, 0);
  assert_close(r->ttft_ms.mean, 36.8, 1e-12);
  assert_close(r->ttft_ms.p999, 57, 1e-12);
  assert_close(r->tpot_ms.mean, 36.8, 0);
}

static void the_older_report_of_llm_d_is_read(void **state)
{
  const struct kvc_bench *r = kit_read(
      *state,
      "version: '0.1'\nscenario:\n  model: {name: x}\n  host:\n    accelerator:\n"
      "    - model: A100\n      count: 2\n      parallelism: \n        tp: 2\n"
      "  load:\n    name: vllm-benchmark\n"
      "metrics:\n  time:\n    duration: 16.5\n  requests:\n    total: 32\n"
      "  latency:\n    time_to_first_token:\n      units: ms\n      mean: 45.5\n"
      "    request_latency:\n      units: ms\n      mean: 1234.5\n"
      "  throughput:\n    requests_per_sec: 1.5\n    output_tokens_per_sec: 300\n");
  assert_string_equal(r->format, "llm-d");
  assert_close(r->duration_s, 16.5, 0);
  assert_close(r->completed, 32, 0);
  assert_close(r->ttft_ms.mean, 45.5, 0);
  assert_close(r->e2el_ms.mean, 1234.5, 0);
  assert_close(r->request_throughput, 1.5, 0);
  assert_close(r->output_throughput, 300, 0);
  assert_close(r->tensor_parallel, 2, 0);
}

static void what_is_no_result_is_not_taken_for_one(void **state)
{
  static const char *const texts[] = {
      "# HELP vllm:time_to_first_token_seconds Histogram\n# TYPE "
      "vllm:time_to_first_token_"
      "seconds "
      "histogram\nvllm:time_to_first_token_seconds_bucket{le=\"0.1\",model_name=\"m\"}"
      " 4.0\nvllm:e2e_request_latency_seconds_count{model_name=\"m\"} 4.0\n",
      "INFO 01-02 03:04:05 metrics.py:455] Avg prompt throughput: 1.0 tokens/s, Avg "
      "generation throughput: 2.0 tokens/s, Running: 1 reqs\n",
      "{\"architectures\": [\"LlamaForCausalLM\"], \"hidden_size\": 4096, "
      "\"torch_dtype\": "
      "\"bfloat16\", \"max_position_embeddings\": 8192}",
      "{\"title\": \"vLLM\", \"panels\": [{\"title\": \"E2E Request Latency\", "
      "\"targets\": "
      "[{\"expr\": \"histogram_quantile(0.99, "
      "rate(vllm:time_to_first_token_seconds_bucket[1m]"
      "))\"}]}]}",
      "{\"traceEvents\": [{\"ph\": \"X\", \"name\": \"latency\", \"dur\": 5, \"ts\": "
      "1}]}",
      "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n",
      "[{\"id\": \"a\", \"conversations\": [{\"from\": \"human\", \"value\": "
      "\"throughput?\"}]}]",
      "{\"timestamp\": 1, \"input_length\": 10, \"output_length\": 20, \"hash_ids\": "
      "[1]}\n",
      "groups:\n- name: x\n  rules:\n  - alert: time_to_first_token: high\n",
  };
  struct bench_kit *k = *state;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    assert_int_equal(kit_try(k, texts[i], strlen(texts[i])), KVC_E_UNKNOWN);
    assert_true(strlen(k->err.msg) > 20);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      KIT_TEST(stacked_tables_of_aiperf_are_read),
      KIT_TEST(tables_of_genai_perf_analyze_are_read),
      KIT_TEST(lmbench_rows_are_requests),
      KIT_TEST(the_dashboards_table_is_per_gpu),
      KIT_TEST(framed_tables_are_read),
      KIT_TEST(the_summary_of_a_sweep_is_read),
      KIT_TEST(reports_of_llm_d_are_read_from_yaml),
      KIT_TEST(the_older_report_of_llm_d_is_read),
      KIT_TEST(what_is_no_result_is_not_taken_for_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
