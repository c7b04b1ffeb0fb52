/* test_prom_text.c - the exposition formats: values, labels, types, histograms.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "prom_kit.h"

static void a_gauge_and_a_counter_are_read(void **state)
{
  (void)state;
  kit_read("# HELP vllm:num_requests_running Number of requests in model execution "
           "batches.\n"
           "# TYPE vllm:num_requests_running gauge\n"
           "vllm:num_requests_running{engine=\"0\",model_name=\"a/b\"} 3.0\n"
           "# TYPE vllm:prompt_tokens_total counter\n"
           "vllm:prompt_tokens_total{engine=\"0\",model_name=\"a/b\"} 1.7e+09\n");
  assert_int_equal(kit_page.n_series, 2);
  const struct kvc_series *s = kit_series("vllm:num_requests_running", 0);
  kit_is(s->value, 3);
  kit_is(s->sum, NAN);
  kit_is(s->time_s, NAN);
  assert_int_equal(s->type, KVC_METRIC_GAUGE);
  assert_string_equal(s->metric->key, "num_requests_running");
  assert_string_equal(s->engine, "0");
  assert_string_equal(s->model, "a/b");
  s = kit_series("vllm:prompt_tokens", 0); /* without _total */
  kit_is(s->value, 1.7e9);
  assert_int_equal(s->type, KVC_METRIC_COUNTER);
  kit_is(kvc_page_sum(&kit_page, "prompt_tokens_total"), 1.7e9);
  kit_is(kvc_page_sum(&kit_page, "generation_tokens"), NAN);
  assert_int_equal(kit_page.n_problems, 0);
  assert_false(kit_page.cut);
  assert_string_equal(kit_page.where, "page");
}

static void numbers_are_read_in_all_their_spellings(void **state)
{
  (void)state;
  kit_read("a{x=\"1\"} NaN\na{x=\"2\"} +Inf\na{x=\"3\"} -Inf\na{x=\"4\"} 03.0\n"
           "a{x=\"5\"} 1.0322907136e+011\na{x=\"6\"} -0.5\na{x=\"7\"} .5\na{x=\"8\"} 7\n"
           "a{x=\"9\"} 1E3\na{x=\"10\"} +4\n");
  static const double want[] = {NAN,  INFINITY, -INFINITY, 3,    103229071360.0,
                                -0.5, 0.5,      7,         1000, 4};
  assert_int_equal(kit_page.n_series, 10);
  for (size_t i = 0; i < 10; i++) kit_is(kit_series("a", i)->value, want[i]);
}

static void labels_are_taken_out_of_their_escapes(void **state)
{
  (void)state;
  kit_read("m{a=\"x\\\"y\\\\z\\nw\",b=\"c,d}e{f\",c=\"\",d=\"a\\b\"} 1\n"
           "m { a = \"1\" , b = \"2\" , } 2\n"
           "m{} 3\n");
  const struct kvc_series *s = kit_series("m", 0);
  assert_int_equal(s->n_labels, 4);
  assert_string_equal(kvc_series_label(s, "a"), "x\"y\\z\nw");
  assert_string_equal(kvc_series_label(s, "b"), "c,d}e{f");
  assert_string_equal(kvc_series_label(s, "c"), "");
  assert_string_equal(kvc_series_label(s, "d"), "a\\b");
  assert_null(kvc_series_label(s, "e"));
  assert_null(s->engine);
  s = kit_series("m", 1);
  kit_is(s->value, 2);
  assert_string_equal(kvc_series_label(s, "b"), "2");
  kit_is(kit_series("m", 2)->value, 3);
}

static void timestamps_are_milliseconds_or_seconds(void **state)
{
  (void)state;
  kit_read("a 1 1738217335123\nb 2 1738217335.5\nc 3 # {trace=\"x\"} 0.5 1738217335\n");
  kit_is(kit_series("a", 0)->time_s, 1738217335.123);
  kit_is(kit_series("b", 0)->time_s, 1738217335.5);
  kit_is(kit_series("c", 0)->time_s, NAN); /* that was the exemplar's */
  kit_is(kit_series("c", 0)->value, 3);
}

static void a_histogram_is_one_series(void **state)
{
  (void)state;
  kit_read("# TYPE vllm:time_to_first_token_seconds histogram\n"
           "vllm:time_to_first_token_seconds_sum{model_name=\"m\"} 0.6\n"
           "vllm:time_to_first_token_seconds_bucket{le=\"0.1\",model_name=\"m\"} 9.0\n"
           "vllm:time_to_first_token_seconds_bucket{le=\"0.02\",model_name=\"m\"} 1.0\n"
           "vllm:time_to_first_token_seconds_bucket{model_name=\"m\",le=\"+Inf\"} 10.0\n"
           "vllm:time_to_first_token_seconds_count{model_name=\"m\"} 10.0\n");
  assert_int_equal(kit_page.n_series, 1);
  const struct kvc_series *s = kit_series("vllm:time_to_first_token_seconds", 0);
  assert_int_equal(s->type, KVC_METRIC_HISTOGRAM);
  assert_int_equal(s->n_labels, 1);
  assert_int_equal(s->n_buckets, 3);
  kit_is(s->buckets[0].le, 0.02);
  kit_is(s->buckets[0].count, 1);
  kit_is(s->buckets[1].count, 9);
  kit_is(s->buckets[2].le, INFINITY);
  kit_is(s->sum, 0.6);
  kit_is(s->count, 10);
  kit_is(s->value, NAN);
  assert_int_equal(kit_page.n_problems, 0);
}

/* Without TYPE the catalogue says which names are histograms; iteration_tokens_total is
 * one although it ends like a counter. */
static void the_catalogue_knows_histograms_without_type(void **state)
{
  (void)state;
  kit_read("vllm:iteration_tokens_total_sum{m=\"1\"} 1103.0\n"
           "vllm:iteration_tokens_total_count{m=\"1\"} 994.0\n"
           "vllm:iteration_tokens_total_created{m=\"1\"} 1.7e+09\n"
           "jobs_count 5\n"
           "jobs_created 7\n");
  assert_int_equal(kit_page.n_series, 3);
  const struct kvc_series *s = kit_series("vllm:iteration_tokens_total", 0);
  kit_is(s->sum, 1103);
  kit_is(s->count, 994);
  kit_is(s->created_s, 1.7e9);
  assert_string_equal(s->metric->key, "iteration_tokens");
  kit_is(kit_series("jobs_count", 0)->value, 5); /* nobody says what it counts */
  kit_is(kit_series("jobs_created", 0)->value, 7);
}

static void times_of_creation_are_no_values(void **state)
{
  (void)state;
  kit_read("# TYPE vllm:generation_tokens_total counter\n"
           "vllm:generation_tokens_total{model_name=\"m\"} 955.0\n"
           "# TYPE vllm:generation_tokens_created gauge\n"
           "vllm:generation_tokens_created{model_name=\"m\"} 1.762e+09\n"
           "vllm:request_success_total_created{finished_reason=\"stop\"} 1.7e+09\n");
  assert_int_equal(kit_page.n_series, 2);
  const struct kvc_series *s = kit_series("vllm:generation_tokens", 0);
  kit_is(s->value, 955);
  kit_is(s->created_s, 1.762e9);
  s = kit_series("vllm:request_success", 0);
  kit_is(s->value, NAN);
  kit_is(s->created_s, 1.7e9);
  assert_int_equal(kit_page.n_unknown, 0);
}

static void openmetrics_names_families_without_total(void **state)
{
  (void)state;
  kit_read("# TYPE vllm:prompt_tokens counter\n"
           "# UNIT vllm:prompt_tokens tokens\n"
           "vllm:prompt_tokens_total{engine=\"0\"} 5 1738217335.25 # {id=\"a\"} 1\n"
           "vllm:prompt_tokens_created{engine=\"0\"} 1738210000.5\n"
           "# TYPE vllm:cache_config info\n"
           "vllm:cache_config_info{block_size=\"16\"} 1\n"
           "# TYPE vllm:e2e_request_latency_seconds histogram\n"
           "vllm:e2e_request_latency_seconds_bucket{le=\"+Inf\"} 2 # {id=\"b\"} 0.7 1.5\n"
           "# EOF\n");
  const struct kvc_series *s = kit_series("vllm:prompt_tokens", 0);
  kit_is(s->value, 5);
  kit_is(s->time_s, 1738217335.25);
  kit_is(s->created_s, 1738210000.5);
  assert_int_equal(s->type, KVC_METRIC_COUNTER);
  s = kit_series("vllm:cache_config_info", 0);
  assert_int_equal(s->type, KVC_METRIC_INFO);
  assert_string_equal(kvc_series_label(s, "block_size"), "16");
  kit_is(kit_series("vllm:e2e_request_latency_seconds", 0)->buckets[0].count, 2);
  assert_int_equal(kit_page.n_names, 0);
  assert_false(kit_page.cut);
}

static void a_summary_keeps_count_and_sum(void **state)
{
  (void)state;
  kit_read("# TYPE http_request_size_bytes summary\n"
           "http_request_size_bytes_count{handler=\"/v1/completions\"} 24.0\n"
           "http_request_size_bytes_sum{handler=\"/v1/completions\"} 5000.0\n"
           "# TYPE other summary\n"
           "other{quantile=\"0.5\"} 3\n"
           "other_sum 9\n");
  const struct kvc_series *s = kit_series("http_request_size_bytes", 0);
  kit_is(s->count, 24);
  kit_is(s->sum, 5000);
  assert_int_equal(s->n_buckets, 0);
  kit_is(kit_series("other", 0)->sum, 9);
  assert_int_equal(kit_told_line("quantile"), 5);
}

static void an_info_metric_is_told_by_the_catalogue(void **state)
{
  (void)state;
  kit_read("# TYPE vllm:cache_config_info gauge\n"
           "vllm:cache_config_info{block_size=\"16\",num_gpu_blocks=\"None\"} 1.0\n"
           "vllm:cache_config_info{engine=\"1\",block_size=\"32\"}\n");
  assert_int_equal(kit_series("vllm:cache_config_info", 0)->type, KVC_METRIC_INFO);
  const struct kvc_series *s = kit_series("vllm:cache_config_info", 1);
  assert_string_equal(kvc_series_label(s, "block_size"), "32");
  kit_is(s->value, NAN);
  assert_int_equal(kit_told_line("labels and no value"), 3);
}

static void engines_models_and_pods_are_series_of_their_own(void **state)
{
  (void)state;
  kit_read("vllm:num_requests_running{engine=\"0\",model_name=\"m\",pod=\"a\"} 3\n"
           "vllm:num_requests_running{engine=\"1\",model_name=\"m\",pod=\"a\"} 2\n"
           "vllm:num_requests_running{engine=\"0\",model_name=\"m\",pod=\"b\"} 1\n"
           "vllm:num_requests_running{model_name=\"n\",engine=\"0\",pod=\"a\"} 10\n");
  assert_int_equal(kit_page.n_series, 4);
  kit_is(kvc_page_sum(&kit_page, "num_requests_running"), 16);
  assert_string_equal(kvc_page_series(&kit_page, "num_requests_running", 1)->engine, "1");
  assert_string_equal(kvc_page_series(&kit_page, "num_requests_running", 3)->model, "n");
  assert_null(kvc_page_series(&kit_page, "num_requests_running", 4));
}

/* Some releases print a metric under two names: it may not count twice. */
static void the_newest_of_two_names_counts(void **state)
{
  (void)state;
  kit_read("vllm:gpu_prefix_cache_hits_total{engine=\"0\"} 50\n"
           "vllm:prefix_cache_hits_total{engine=\"0\"} 50\n"
           "vllm:gpu_cache_usage_perc{engine=\"0\"} 0.5\n");
  kit_is(kvc_page_sum(&kit_page, "prefix_cache_hits"), 50);
  assert_string_equal(kvc_page_series(&kit_page, "prefix_cache_hits", 0)->family,
                      "vllm:prefix_cache_hits");
  assert_null(kvc_page_series(&kit_page, "prefix_cache_hits", 1));
  kit_is(kvc_page_sum(&kit_page, "kv_cache_usage_perc"), 0.5);
}

static void exports_of_ray_are_read(void **state)
{
  (void)state;
  kit_read("# TYPE ray_vllm:num_requests_running gauge\n"
           "ray_vllm:num_requests_running{Component=\"core\",model_name=\"m\"} 4.0\n"
           "# TYPE vllm_prompt_tokens_total counter\n"
           "vllm_prompt_tokens_total{model_name=\"m\"} 7.0\n"
           "ray_vllm_time_to_first_token_seconds_bucket{le=\"+Inf\"} 2\n"
           "# TYPE ray_vllm_generation_tokens counter\n"
           "ray_vllm_generation_tokens{ReplicaId=\"a\"} 9.0\n"
           "# TYPE ray_vllm_generation_tokens_total counter\n"
           "ray_vllm_generation_tokens_total{ReplicaId=\"a\"} 9.0\n"
           "ray_vllm:not_a_metric 1\n");
  kit_is(kvc_page_sum(&kit_page, "generation_tokens"), 9); /* both forms are one */
  assert_int_equal(kit_page.n_problems, 0);
  assert_string_equal(kit_series("ray_vllm:num_requests_running", 0)->metric->key,
                      "num_requests_running");
  kit_is(kvc_page_sum(&kit_page, "prompt_tokens"), 7);
  assert_int_equal(
      kvc_page_series(&kit_page, "time_to_first_token_seconds", 0)->n_buckets, 1);
  assert_int_equal(kit_page.n_unknown, 1);
  assert_string_equal(kit_page.unknown[0], "ray_vllm:not_a_metric");
}

static void every_sample_of_the_catalogue_says_its_value(void **state)
{
  (void)state;
  for (size_t i = 0; i < kvc_metrics_count(kit_metrics); i++) {
    const struct kvc_metric *m = kvc_metrics_at(kit_metrics, i);
    kit_read(m->sample);
    assert_int_equal(kit_page.n_series, 1);
    assert_ptr_equal(kit_page.series[0].metric, m);
    assert_int_equal(kit_page.series[0].type, m->type);
    kit_is(m->type == KVC_METRIC_HISTOGRAM ? kit_page.series[0].count
                                           : kit_page.series[0].value,
           m->sample_value);
    kvc_arena_clear(&kit_arena);
    kvc_arena_init(&kit_arena, (size_t)64 << 20);
  }
}

static void labels_out_of_order_are_the_same_series(void **state)
{
  (void)state;
  kit_read("x_bucket{a=\"1\",b=\"2\",le=\"1\"} 3\n"
           "x_bucket{le=\"+Inf\",b=\"2\",a=\"1\"} 4\n"
           "x_bucket{a=\"2\",b=\"1\",le=\"1\"} 5\n");
  assert_int_equal(kit_page.n_series, 2);
  assert_int_equal(kit_series("x", 0)->n_buckets, 2);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      KIT(a_gauge_and_a_counter_are_read),
      KIT(numbers_are_read_in_all_their_spellings),
      KIT(labels_are_taken_out_of_their_escapes),
      KIT(timestamps_are_milliseconds_or_seconds),
      KIT(a_histogram_is_one_series),
      KIT(the_catalogue_knows_histograms_without_type),
      KIT(times_of_creation_are_no_values),
      KIT(openmetrics_names_families_without_total),
      KIT(a_summary_keeps_count_and_sum),
      KIT(an_info_metric_is_told_by_the_catalogue),
      KIT(engines_models_and_pods_are_series_of_their_own),
      KIT(the_newest_of_two_names_counts),
      KIT(exports_of_ray_are_read),
      KIT(every_sample_of_the_catalogue_says_its_value),
      KIT(labels_out_of_order_are_the_same_series),
  };
  return cmocka_run_group_tests(tests, kit_begin, kit_end);
}
