/* test_bench_serve.c - vllm bench serve of every age, and what the details say.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "bench_kit.h"

static void a_result_of_2025_is_read_key_by_key(void **state)
{
  const struct kvc_bench *r = kit_read(
      *state,
      "{\"date\": \"20250401-101500\", \"backend\": \"vllm\", \"model_id\": \"org/m\", "
      "\"tokenizer_id\": \"org/t\", \"best_of\": 1, \"num_prompts\": 50, "
      "\"request_rate\": "
      "\"inf\", \"burstiness\": 1.0, \"max_concurrency\": null, \"duration\": 20.0, "
      "\"completed\": 40, \"total_input_tokens\": 4000, \"total_output_tokens\": 800, "
      "\"request_throughput\": 2.0, \"request_goodput:\": 1.5, \"output_throughput\": "
      "40.0, "
      "\"total_token_throughput\": 240.0, \"mean_ttft_ms\": 11, \"median_ttft_ms\": 10, "
      "\"std_ttft_ms\": 2, \"p99_ttft_ms\": 20, \"mean_tpot_ms\": 5, \"median_tpot_ms\": "
      "4, "
      "\"std_tpot_ms\": 1, \"p99_tpot_ms\": 9, \"mean_itl_ms\": 6, \"median_itl_ms\": "
      "5.5, "
      "\"std_itl_ms\": 1.5, \"p99_itl_ms\": 12}");
  assert_string_equal(r->format, "vllm-serve");
  assert_string_equal(r->model, "org/m");
  assert_string_equal(r->backend, "vllm");
  assert_string_equal(r->date, "20250401-101500");
  assert_true(isinf(r->request_rate));
  assert_close(r->burstiness, 1, 0);
  assert_true(isnan(r->max_concurrency));
  assert_close(r->num_prompts, 50, 0);
  assert_close(r->completed, 40, 0);
  assert_close(r->failed, 10, 0); /* asked for, not completed */
  assert_close(r->duration_s, 20, 0);
  assert_close(r->request_goodput, 1.5, 0);
  assert_close(r->total_throughput, 240, 0);
  assert_close(r->input_throughput, 200, 0); /* total less output */
  assert_close(r->input_tok.mean, 100, 0);
  assert_close(r->output_tok.mean, 20, 0);
  assert_close(r->ttft_ms.mean, 11, 0);
  assert_close(r->ttft_ms.median, 10, 0);
  assert_close(r->ttft_ms.std, 2, 0);
  assert_close(r->ttft_ms.p99, 20, 0);
  assert_close(r->tpot_ms.p99, 9, 0);
  assert_close(r->itl_ms.median, 5.5, 0);
  assert_true(isnan(r->e2el_ms.mean));
  assert_true(isnan(r->ttft_ms.p90));
  assert_string_equal(kit_extra(r, "tokenizer_id"), "org/t");
  assert_int_equal(r->n_unknown, 0);
}

static void newer_keys_are_read_too(void **state)
{
  const struct kvc_bench *r = kit_read(
      *state,
      "{\"endpoint_type\": \"openai\", \"label\": \"nightly\", \"num_prompts\": 9, "
      "\"request_rate\": 4.0, \"max_concurrency\": 16, \"duration\": 2.0, \"completed\": "
      "8, "
      "\"failed\": 1, \"request_throughput\": 4.0, \"request_goodput\": null, "
      "\"output_throughput\": 64.0, \"total_token_throughput\": 128.0, "
      "\"max_output_tokens_per_s\": 70.0, \"max_concurrent_requests\": 7, \"rtfx\": 0.0, "
      "\"ramp_up_strategy\": \"linear\", \"ramp_up_start_rps\": 1, \"ramp_up_end_rps\": "
      "4, "
      "\"rps_change_events\": [{\"rps\": 1, \"timestamp\": \"t\"}], "
      "\"p25_ttft_ms\": 1, \"p50_ttft_ms\": 2, \"p75_ttft_ms\": 3, \"p90_ttft_ms\": 4, "
      "\"p95_ttft_ms\": 5, \"p99_ttft_ms\": 6, \"p99.9_ttft_ms\": 7, \"p10_ttft_ms\": "
      "0.5, "
      "\"mean_e2el_ms\": 250, \"spec_decode_acceptance_rate\": 44.5, "
      "\"spec_decode_acceptance_length\": 2.33, \"spec_decode_num_drafts\": 10, "
      "\"spec_decode_per_position_acceptance_rates\": [0.66, 0.41]}");
  assert_string_equal(r->backend, "openai");
  assert_string_equal(r->label, "nightly");
  assert_close(r->request_rate, 4, 0);
  assert_close(r->max_concurrency, 16, 0);
  assert_close(r->failed, 1, 0);
  assert_true(isnan(r->request_goodput));
  assert_close(r->peak_output_tps, 70, 0);
  assert_close(r->peak_concurrent, 7, 0);
  assert_close(r->ttft_ms.p25, 1, 0);
  assert_close(r->ttft_ms.median, 2, 0);
  assert_close(r->ttft_ms.p75, 3, 0);
  assert_close(r->ttft_ms.p90, 4, 0);
  assert_close(r->ttft_ms.p95, 5, 0);
  assert_close(r->ttft_ms.p99, 6, 0);
  assert_close(r->ttft_ms.p999, 7, 0);
  assert_close(r->e2el_ms.mean, 250, 0);
  assert_close(r->spec_accept_frac, 0.445, 1e-12);
  assert_close(r->spec_accept_length, 2.33, 0);
  assert_string_equal(kit_extra(r, "ramp_up_strategy"), "linear");
  assert_string_equal(kit_extra(r, "spec_decode_per_position_acceptance_rates"),
                      "0.66, 0.41");
  assert_int_equal(r->n_unknown, 0);
}

static void metadata_and_swept_parameters_are_kept_and_named(void **state)
{
  const struct kvc_bench *r = kit_read(
      *state, "{\"zone\": \"b\", \"request_throughput\": 1, \"mean_ttft_ms\": 2, "
              "\"max_num_seqs\": 256, \"eager\": true, \"run_number\": 2, "
              "\"mean_power_w\": 300}");
  assert_string_equal(kit_extra(r, "zone"), "b");
  assert_string_equal(kit_extra(r, "max_num_seqs"), "256");
  assert_string_equal(kit_extra(r, "eager"), "true");
  assert_string_equal(kit_extra(r, "run_number"), "2");
  assert_int_equal(r->n_unknown, 4);
  assert_string_equal(r->unknown[0], "eager");
  assert_string_equal(r->unknown[1], "max_num_seqs");
  assert_string_equal(r->unknown[2], "mean_power_w");
  assert_string_equal(r->unknown[3], "zone");
}

static void a_result_of_2024_has_no_rates_but_those(void **state)
{
  const struct kvc_bench *r = kit_read(
      *state,
      "{\"backend\": \"vllm\", \"num_prompts\": 10, \"request_rate\": \"4.0\", "
      "\"duration\": 5, \"completed\": 10, \"total_input_tokens\": 100, "
      "\"total_output_tokens\": 200, \"request_throughput\": 2, "
      "\"input_throughput\": 20, \"output_throughput\": 40, \"mean_ttft_ms\": 9}");
  assert_close(r->request_rate, 4, 0);
  assert_close(r->input_throughput, 20, 0);
  assert_close(r->total_throughput, 60, 0);
}

static void a_run_that_failed_is_all_zero(void **state)
{
  const struct kvc_bench *r = kit_read(
      *state,
      "{\"num_prompts\": 640, \"duration\": 0.7, \"completed\": 0, "
      "\"total_input_tokens\": 0, \"total_output_tokens\": 0, "
      "\"request_throughput\": 0.0, \"output_throughput\": 0.0, "
      "\"mean_ttft_ms\": 0.0, \"mean_e2el_ms\": 0.0, \"ttfts\": [], \"itls\": []}");
  assert_close(r->completed, 0, 0);
  assert_close(r->failed, 640, 0);
  assert_close(r->ttft_ms.mean, 0, 0);
  assert_true(isnan(r->input_tok.mean));
}

static void a_pooling_run_has_no_tokens_out(void **state)
{
  const struct kvc_bench *r = kit_read(
      *state, "{\"duration\": 4.0, \"completed\": 8, \"total_input_tokens\": 400, "
              "\"request_throughput\": 2.0, \"total_token_throughput\": 100.0, "
              "\"input_lens\": [50, 50], \"errors\": [\"\", \"\"], "
              "\"mean_e2el_ms\": 30.0, \"p99_e2el_ms\": 31.0}");
  assert_string_equal(r->format, "vllm-serve");
  assert_close(r->total_throughput, 100, 0);
  assert_close(r->e2el_ms.p99, 31, 0);
  assert_true(isnan(r->output_throughput));
  assert_int_equal(r->n_detail, 2);
}

/* Three requests; the second has one token, so no gaps and no time per token:
 * ttft 100, 200, 300 ms; e2e 200, 200, 400; tpot (200-100)/2 = 50, (400-300)/1 = 100;
 * itl 50, 50, 100. */
#define DETAIL                                                                           \
  "\"input_lens\": [10, 20, 30], \"output_lens\": [3, 1, 2], "                           \
  "\"ttfts\": [0.1, 0.2, 0.3], \"itls\": [[0.05, 0.05], [], [0.1]], "                    \
  "\"generated_texts\": [\"NaN\", \"\", \"]\"], \"start_times\": [1.0, 1.5, 2.0]"

static void details_give_what_is_not_stated(void **state)
{
  const struct kvc_bench *r =
      kit_read(*state, "{\"request_throughput\": 1, \"mean_ttft_ms\": 200, " DETAIL "}");
  assert_int_equal(r->n_detail, 3);
  assert_close(r->ttft_ms.mean, 200, 1e-12);
  assert_close(r->ttft_ms.median, 200, 1e-12);
  assert_close(r->ttft_ms.std, 100 * sqrt(2.0 / 3), 1e-12);
  assert_close(r->ttft_ms.p90, 280, 1e-12); /* 0.8 of the way from 200 to 300 */
  assert_close(r->ttft_ms.p99, 298, 1e-12);
  assert_close(r->ttft_ms.p25, 150, 1e-12);
  assert_close(r->ttft_ms.min, 100, 1e-12);
  assert_close(r->ttft_ms.max, 300, 1e-12);
  assert_int_equal(r->ttft_ms.n, 3);
  assert_close(r->tpot_ms.mean, 75, 1e-12);
  assert_int_equal(r->tpot_ms.n, 2);
  assert_close(r->itl_ms.mean, 200.0 / 3, 1e-12);
  assert_int_equal(r->itl_ms.n, 3);
  assert_close(r->e2el_ms.mean, 800.0 / 3, 1e-12);
  assert_close(r->e2el_ms.max, 400, 1e-12);
  assert_close(r->output_tok.mean, 2, 1e-12);
  assert_close(r->input_tok.max, 30, 1e-12);
  assert_close(r->detail_start_s[1], 1.5, 0);
  assert_close(r->detail_e2e_s[2], 0.4, 1e-12);
  assert_int_equal(r->n_checks, 0);
  assert_int_equal(r->n_unknown, 0);
}

static void stated_figures_that_the_details_deny_are_named(void **state)
{
  const struct kvc_bench *r = kit_read(
      *state,
      "{\"request_throughput\": 1, \"mean_ttft_ms\": 210, \"median_ttft_ms\": 201, "
      "\"p99_itl_ms\": 99, \"mean_tpot_ms\": 80, " DETAIL "}");
  assert_int_equal(r->n_checks, 2); /* 201 is within 1 % of 200, and 99 of 99 */
  assert_string_equal(r->checks[0].key, "ttft_ms.mean");
  assert_close(r->checks[0].stated, 210, 0);
  assert_close(r->checks[0].recomputed, 200, 1e-12);
  assert_string_equal(r->checks[1].key, "tpot_ms.mean");
  assert_close(r->ttft_ms.mean, 210, 0); /* what is stated leads */
}

static void nulls_in_lists_are_left_out_with_a_note(void **state)
{
  struct bench_kit *k = *state;
  const struct kvc_bench *r = kit_read(
      k, "{\"request_throughput\": 1, \"mean_e2el_ms\": 5, \"output_lens\": [3, 3, 3], "
         "\"ttfts\": [0.1, 0.2, 0.3], \"itls\": [[0.05, null], null, [0.1, 0.1]]}");
  assert_int_equal(r->itl_ms.n, 3);
  assert_close(r->itl_ms.mean, 250.0 / 3, 1e-12);
  assert_true(isnan(r->detail_e2e_s[0]) && isnan(r->detail_e2e_s[1]));
  assert_close(r->detail_e2e_s[2], 0.5, 1e-12);
  assert_true(isnan(r->e2el_ms.p90)); /* one of three says too little */
  assert_true(kit_notes(k, "1 values in \"itls\""));
  assert_true(kit_notes(k, "e2el_ms is missing for 2 of 3"));
}

static void failed_requests_do_not_count(void **state)
{
  struct bench_kit *k = *state;
  const struct kvc_bench *r = kit_read(
      k, "{\"request_throughput\": 1, \"mean_tpot_ms\": 50, \"input_lens\": [10, 99], "
         "\"output_lens\": [2, 0], \"ttfts\": [0.1, 0.0], \"itls\": [[0.05], [9.0]], "
         "\"errors\": [\"\", \"Traceback\"]}");
  assert_int_equal(r->ttft_ms.n, 1);
  assert_close(r->ttft_ms.mean, 100, 1e-12);
  assert_close(r->itl_ms.max, 50, 1e-12);
  assert_close(r->input_tok.mean, 10, 0);
  assert_int_equal(r->n_checks, 0);
  assert_int_equal(r->n_detail, 2);
  /* The same when no errors are listed. */
  r = kit_read(k,
               "{\"request_throughput\": 1, \"mean_tpot_ms\": 50, "
               "\"output_lens\": [2, 0], \"ttfts\": [0.1, 0.0], \"itls\": [[0.05], []]}");
  assert_int_equal(r->ttft_ms.n, 1);
}

static void chunks_of_several_tokens_are_noted(void **state)
{
  struct bench_kit *k = *state;
  const struct kvc_bench *r = kit_read(
      k, "{\"request_throughput\": 1, \"mean_ttft_ms\": 100, \"output_lens\": [9, 9], "
         "\"ttfts\": [0.1, 0.1], \"itls\": [[0.4, 0.4], [0.8]]}");
  assert_close(r->tpot_ms.mean, 100, 1e-12); /* 800 ms over 8 tokens */
  assert_true(kit_notes(k, "3 gaps for 16 tokens"));
}

static void lists_without_gaps_still_give_ttft(void **state)
{
  const struct kvc_bench *r = kit_read(
      *state,
      "{\"request_throughput\": 1, \"mean_ttft_ms\": 150, \"output_lens\": [9, 9], "
      "\"ttfts\": [0.1, 0.2], \"benchmark_start_time_unix\": 1.0}");
  assert_string_equal(r->format, "inferencemax");
  assert_close(r->ttft_ms.p90, 190, 1e-12);
  assert_true(isnan(r->tpot_ms.mean));
  assert_null(r->detail_e2e_s);
}

static void sglang_and_lmdeploy_are_told_apart(void **state)
{
  struct bench_kit *k = *state;
  const struct kvc_bench *r = kit_read(
      k, "{\"tag\": \"t1\", \"backend\": \"sglang\", \"dataset_name\": \"random\", "
         "\"request_rate\": Infinity, \"max_concurrency\": 32, \"server_info\": "
         "{\"model_path\": \"org/q\", \"tp_size\": 2, \"dp_size\": 1, \"pp_size\": 1}, "
         "\"duration\": 2, \"completed\": 100, \"total_throughput\": 60, "
         "\"input_throughput\": 20, \"output_throughput\": 40, "
         "\"mean_e2e_latency_ms\": 550, \"p99_e2e_latency_ms\": 1166, "
         "\"mean_ttft_ms\": 38, \"p95_itl_ms\": 23, \"concurrency\": 28.4, "
         "\"accept_length\": 2.5}");
  assert_string_equal(r->format, "sglang");
  assert_string_equal(r->label, "t1");
  assert_string_equal(r->model, "org/q");
  assert_string_equal(r->dataset, "random");
  assert_close(r->max_concurrency, 32, 0);
  assert_close(r->e2el_ms.mean, 550, 0);
  assert_close(r->e2el_ms.p99, 1166, 0);
  assert_close(r->itl_ms.p95, 23, 0);
  assert_close(r->spec_accept_length, 2.5, 0);
  assert_close(r->tensor_parallel, 2, 0);
  assert_close(r->gpus, 2, 0);
  assert_int_equal(r->n_unknown, 0);
  r = kit_read(k, "{\"backend\": \"lmdeploy\", \"dataset_name\": \"sharegpt\", "
                  "\"request_rate\": Infinity, \"mean_e2e_latency_ms\": 70109.6, "
                  "\"median_ttft_ms\": 60020.3, \"output_throughput\": 4001.7, "
                  "\"duration\": 146.4, \"completed\": 3000}");
  assert_string_equal(r->format, "lmdeploy");
  assert_close(r->request_throughput, 3000 / 146.4, 1e-12);
}

static void a_converter_may_leave_out_almost_everything(void **state)
{
  const struct kvc_bench *r =
      kit_read(*state, "{\"model_id\": \"m\", \"num_prompts\": 200, \"request_rate\": "
                       "\"inf\", \"mean_ttft_ms\": 171, \"mean_tpot_ms\": 65}");
  assert_true(isnan(r->completed) && isnan(r->duration_s) && isnan(r->failed));
  assert_close(r->tpot_ms.mean, 65, 0);
}

static void percentiles_are_those_of_numpy(void **state)
{
  (void)state;
  double v[] = {4, 1, 3, 2};
  assert_close(kvc_percentile(v, 4, 50), 2.5, 0);
  assert_close(kvc_percentile(v, 4, 90), 3.7, 1e-12);
  assert_close(kvc_percentile(v, 4, 0), 1, 0);
  assert_close(kvc_percentile(v, 4, 100), 4, 0);
  assert_true(isnan(kvc_percentile(v, 0, 50)));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      KIT_TEST(a_result_of_2025_is_read_key_by_key),
      KIT_TEST(newer_keys_are_read_too),
      KIT_TEST(metadata_and_swept_parameters_are_kept_and_named),
      KIT_TEST(a_result_of_2024_has_no_rates_but_those),
      KIT_TEST(a_run_that_failed_is_all_zero),
      KIT_TEST(a_pooling_run_has_no_tokens_out),
      KIT_TEST(details_give_what_is_not_stated),
      KIT_TEST(stated_figures_that_the_details_deny_are_named),
      KIT_TEST(nulls_in_lists_are_left_out_with_a_note),
      KIT_TEST(failed_requests_do_not_count),
      KIT_TEST(chunks_of_several_tokens_are_noted),
      KIT_TEST(lists_without_gaps_still_give_ttft),
      KIT_TEST(sglang_and_lmdeploy_are_told_apart),
      KIT_TEST(a_converter_may_leave_out_almost_everything),
      KIT_TEST(percentiles_are_those_of_numpy),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
