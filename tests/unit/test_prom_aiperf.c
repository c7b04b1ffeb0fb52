/* test_prom_aiperf.c - exports of AIPerf, CSV and JSON.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "prom_kit.h"

static const char csv[] =
    "# AIPerf Server Metrics Export (CSV)\r\n"
    "# aiperf_version: 0.8.0\r\n"
    "#\r\n"
    "Endpoint,Type,Metric,Unit,avg,min,max,std,p50,p99,engine,model_name,reason,"
    "Description\r\n"
    "localhost:8000,gauge,vllm:kv_cache_usage_perc,ratio,0.0706,0.0,0.1378,0.0396,0.0766,"
    "0.1365,0,org/m,,KV-cache usage.\r\n"
    "localhost:8000,gauge,vllm:num_requests_waiting_by_reason,requests,0.5,0,1,0,0,1,0,"
    "org/m,capacity,\"Waiting, by \"\"reason\"\".\"\r\n"
    "\r\n"
    "Endpoint,Type,Metric,Unit,total,rate,rate_avg,engine,finished_reason,model_name,"
    "Description\r\n"
    "localhost:8000,counter,vllm:request_success,requests,195.0,0.05,0.05,0,length,"
    "\"org,m\",Count.\r\n"
    "\r\n"
    "Endpoint,Type,Metric,Unit,count,count_rate,sum,sum_rate,avg,p50_estimate,engine,"
    "model_name,Description,buckets\r\n"
    "localhost:8000,histogram,vllm:iteration_tokens_total,tokens,12,0.1,40.0,0.2,3.3,1.0,"
    "0,org/m,Tokens.,1.0=4;8.0=10;+Inf=12\r\n"
    "localhost:8000,histogram,vllm:request_params_n,,12,0.1,12.0,0.1,1.0,1.0,0,org/m,N.,"
    "\r\n"
    "\r\n"
    "Endpoint,Metric,Key,Value,Description\r\n"
    "localhost:8000,python_info,version,3.12.13,Python platform\r\n"
    "localhost:8000,vllm:cache_config_info,block_size,16,Information\r\n"
    "localhost:8000,vllm:cache_config_info,num_gpu_blocks,1854204,Information\r\n";

static void the_tables_of_a_csv_become_series(void **state)
{
  (void)state;
  assert_true(kvc_prom_looks(csv, sizeof csv - 1));
  kit_read(csv);
  assert_int_equal(kit_page.n_series, 7);
  const struct kvc_series *s = kit_series("vllm:kv_cache_usage_perc", 0);
  kit_is(s->value, 0.0706);
  assert_int_equal(s->type, KVC_METRIC_GAUGE);
  assert_string_equal(s->engine, "0");
  assert_string_equal(s->model, "org/m");
  assert_int_equal(s->n_labels, 3);
  assert_string_equal(kvc_series_label(s, "instance"), "localhost:8000");
  s = kit_series("vllm:num_requests_waiting_by_reason", 0);
  assert_string_equal(kvc_series_label(s, "reason"), "capacity");
  s = kit_series("vllm:request_success", 0);
  kit_is(s->value, 195);
  assert_string_equal(s->model, "org,m");
  assert_string_equal(s->metric->key, "request_success");
  assert_true(kit_told("AIPerf's figures cover its own window"));
}

static void the_buckets_of_a_csv_are_kept(void **state)
{
  (void)state;
  kit_read(csv);
  const struct kvc_series *s = kit_series("vllm:iteration_tokens_total", 0);
  assert_string_equal(s->metric->key, "iteration_tokens");
  kit_is(s->sum, 40);
  kit_is(s->count, 12);
  kit_is(s->value, NAN);
  assert_int_equal(s->n_buckets, 3);
  kit_is(s->buckets[1].le, 8);
  kit_is(s->buckets[1].count, 10);
  kit_is(s->buckets[2].le, INFINITY);
  assert_true(kit_told("1 histogram has no buckets, only count and sum, first: "
                       "\"vllm:request_params_n\""));
}

static void the_info_rows_of_a_csv_are_gathered(void **state)
{
  (void)state;
  kit_read(csv);
  const struct kvc_series *s = kit_series("vllm:cache_config_info", 0);
  kit_is(s->value, 1);
  assert_string_equal(kvc_series_label(s, "block_size"), "16");
  assert_string_equal(kvc_series_label(s, "num_gpu_blocks"), "1854204");
  assert_null(kvc_series_label(s, "version"));
  assert_string_equal(kvc_series_label(kit_series("python_info", 0), "version"),
                      "3.12.13");
}

static void a_cut_csv_is_told(void **state)
{
  (void)state;
  const char *at = strstr(csv, "requests,195.0");
  assert_non_null(at);
  kit_read_len(csv, (size_t)(at - csv));
  assert_true(kit_page.cut);
  assert_int_equal(kit_page.n_series, 2);
}

static void bad_cells_of_a_csv_are_told(void **state)
{
  (void)state;
  kit_read("Endpoint,Type,Metric,count,sum,buckets\n"
           "e,histogram,a,1,2,1.0=1;x\n"
           "e,histogram,b,1,2,1.0=1;+Inf=2zz\n"
           "e,gauge,not a name,1,2,\n");
  assert_true(kit_told("2 buckets have a bound"));
  assert_true(kit_told("1 line is no sample"));
  assert_int_equal(kit_page.n_series, 2);
}

static const char json[] =
    "{\"schema_version\": \"1.0\", \"aiperf_version\": \"0.8.0\",\n"
    " \"summary\": {\"endpoint_info\": {}},\n"
    " \"metrics\": {\n"
    "  \"vllm:generation_tokens\": {\"type\": \"counter\", \"series\": [\n"
    "    {\"endpoint_url\": \"http://a/metrics\", \"labels\": {\"engine\": \"0\"},\n"
    "     \"stats\": {\"total\": 29.0, \"rate\": 8.7}, \"timeslices\": [{\"total\": "
    "29}]},\n"
    "    {\"endpoint_url\": \"http://b/metrics\", \"labels\": {\"engine\": \"0\"},\n"
    "     \"stats\": {\"total\": 1.0}}]},\n"
    "  \"vllm:num_requests_running\": {\"type\": \"gauge\", \"series\": [\n"
    "    {\"labels\": null, \"stats\": {\"avg\": 0.8, \"max\": 1.0}}]},\n"
    "  \"vllm:time_to_first_token_seconds\": {\"type\": \"histogram\", \"series\": [\n"
    "    {\"labels\": {\"engine\": \"0\", \"odd\": 7}, \"stats\": {\"count\": 3, "
    "\"sum\": "
    "1.5},\n"
    "     \"buckets\": {\"0.1\": 1, \"0.5\": 2, \"+Inf\": 3}}]},\n"
    "  \"broken\": 7, \"worse\": {\"type\": \"gauge\", \"series\": {}}}}\n";

static void the_series_of_a_json_are_read(void **state)
{
  (void)state;
  assert_true(kvc_prom_looks(json, sizeof json - 1));
  kit_read(json);
  assert_int_equal(kit_page.n_series, 4);
  kit_is(kvc_page_sum(&kit_page, "generation_tokens"), 30);
  assert_string_equal(
      kvc_series_label(kit_series("vllm:generation_tokens", 1), "instance"),
      "http://b/metrics");
  kit_is(kit_series("vllm:num_requests_running", 0)->value, 0.8);
  const struct kvc_series *s = kit_series("vllm:time_to_first_token_seconds", 0);
  assert_int_equal(s->n_buckets, 3);
  kit_is(s->count, 3);
  kit_is(s->sum, 1.5);
  assert_true(fabs(kvc_hist_quantile(s->buckets, s->n_buckets, 0.5) - 0.3) < 1e-12);
  assert_true(kit_told("2 lines are no sample"));
  assert_true(kit_told("AIPerf"));
}

static void a_json_that_breaks_off_is_refused(void **state)
{
  (void)state;
  assert_int_equal(kit_try(json, sizeof json - 40), KVC_E_PARSE);
  assert_non_null(strstr(kit_err.msg, "no whole JSON"));
  static const char empty[] = "{\"metrics\": 7, \"endpoint_url\": 8}";
  assert_int_equal(kit_try(empty, sizeof empty - 1), KVC_E_PARSE);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      KIT(the_tables_of_a_csv_become_series),   KIT(the_buckets_of_a_csv_are_kept),
      KIT(the_info_rows_of_a_csv_are_gathered), KIT(a_cut_csv_is_told),
      KIT(bad_cells_of_a_csv_are_told),         KIT(the_series_of_a_json_are_read),
      KIT(a_json_that_breaks_off_is_refused),
  };
  return cmocka_run_group_tests(tests, kit_begin, kit_end);
}
