/* test_prom_saved.c - pages as people save them: quoted, cut, doubled, listed.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "prom_kit.h"

static void mail_quotes_and_eaten_hashes_are_set_aside(void **state)
{
  (void)state;
  kit_read("> HELP python_gc_collections_total Number of times\n"
           "> TYPE python_gc_collections_total counter\n"
           "> python_gc_collections_total{generation=\"0\"} 956.0\n"
           "> > TYPE process_virtual_memory_bytes gauge\n"
           "> > process_virtual_memory_bytes 1.0322907136e+011\n");
  assert_int_equal(kit_page.n_series, 2);
  assert_int_equal(kit_series("python_gc_collections", 0)->type, KVC_METRIC_COUNTER);
  kit_is(kit_series("process_virtual_memory_bytes", 0)->value, 103229071360.0);
  assert_int_equal(kit_page.n_problems, 0);
}

static void indentation_crlf_and_a_bom_do_not_matter(void **state)
{
  (void)state;
  kit_read("\xEF\xBB\xBF    # TYPE vllm:num_requests_waiting gauge\r\n"
           "    vllm:num_requests_waiting{model_name=\"m\"} 1.0\r\n"
           "\tvllm:num_requests_running{model_name=\"m\"}\t2.0 \r\n");
  assert_int_equal(kit_page.n_series, 2);
  kit_is(kit_series("vllm:num_requests_waiting", 0)->value, 1);
  kit_is(kit_series("vllm:num_requests_running", 0)->value, 2);
  assert_int_equal(kit_page.n_problems, 0);
}

/* "curl ... > page.txt" in a Windows shell. */
#define WHOLE_PAGE                                                                       \
  "# TYPE vllm:num_requests_waiting gauge\r\nvllm:num_requests_waiting 4\r\n"

static void pages_in_utf16_are_read(void **state)
{
  (void)state;
  static const char page[] = WHOLE_PAGE;
  for (int big = 0; big < 2; big++) {
    char wide[2 * sizeof page];
    size_t n = 0;
    wide[n++] = big ? '\xFE' : '\xFF';
    wide[n++] = big ? '\xFF' : '\xFE';
    for (size_t i = 0; i < sizeof page - 1; i++) {
      wide[n++] = big ? '\0' : page[i];
      wide[n++] = big ? page[i] : '\0';
    }
    assert_true(kvc_prom_looks(wide, n));
    kit_read_len(wide, n);
    kit_is(kvc_page_sum(&kit_page, "num_requests_waiting"), 4);
    kit_read_len(wide, n - 1); /* half a character */
  }
  static const char model[] =
      "\xFF\xFEx\0{\0a\0=\0\"\0\xE9\0\x3D\xD8\xAC\x20\"\0}\0 \0001\0";
  kit_read_len(model, sizeof model - 1);
  assert_string_equal(kvc_series_label(kit_series("x", 0), "a"), "\xC3\xA9?\xE2\x82\xAC");
}

static void a_progress_meter_in_the_first_comment_is_noise(void **state)
{
  (void)state;
  kit_read("  % Total    % Received % Xferd  Average Speed   Time    Time\n"
           "                                 Dload  Upload   Total   Spent\n"
           "\n"
           "  0     0    0     0    0     0      0 --:--:-- --:--:--     0# HELP "
           "vllm:num_requests_swapped Number of requests swapped to CPU.\n"
           "# TYPE vllm:num_requests_swapped gauge\n"
           "vllm:num_requests_swapped 0\n");
  assert_int_equal(kit_page.n_series, 1);
  assert_int_equal(kit_told_line("no sample"), 1);
  kit_read("  0     0\r100  5000  100  5000\rvllm:num_requests_waiting 3\n");
  kit_is(kit_series("vllm:num_requests_waiting", 0)->value, 3);
}

static void what_a_log_driver_puts_before_is_set_aside(void **state)
{
  (void)state;
  kit_read("vllm-1  | # TYPE vllm:num_requests_waiting gauge\n"
           "vllm-1  | vllm:num_requests_waiting{model_name=\"m\"} 7.0\n"
           "2026-01-02T03:04:05.123Z process_max_fds 65535.0\n"
           "vllm-1  | http_requests_total{method=\"POST\"} 24.0\n");
  assert_int_equal(kit_page.n_series, 3);
  assert_int_equal(kit_page.n_problems, 0);
  kit_is(kit_series("vllm:num_requests_waiting", 0)->value, 7);
}

static void promtool_prints_an_arrow(void **state)
{
  (void)state;
  kit_read("vllm:num_requests_running{engine=\"0\"} => 12 @[1738217335.123]\n");
  kit_is(kit_series("vllm:num_requests_running", 0)->value, 12);
  kit_is(kit_series("vllm:num_requests_running", 0)->time_s, 1738217335.123);
}

static void types_without_samples_are_names(void **state)
{
  (void)state;
  kit_read("# HELP vllm:num_requests_waiting Number of requests waiting.\n"
           "# TYPE vllm:num_requests_waiting gauge\n"
           "# HELP vllm:num_preemptions_total Cumulative number of preemption.\n");
  assert_int_equal(kit_page.n_series, 0);
  assert_int_equal(kit_page.n_names, 2);
  assert_string_equal(kit_page.names[0], "vllm:num_preemptions");
  assert_string_equal(kit_page.names[1], "vllm:num_requests_waiting");
  assert_true(kit_page.has_era);
}

static void lists_of_names_are_read(void **state)
{
  (void)state;
  kit_read("vllm:kv_cache_usage_perc\n"
           "vllm:e2e_request_latency_seconds_bucket\n"
           "vllm:e2e_request_latency_seconds_created\n"
           "- vllm:prompt_tokens_total\n"
           "vllm:generation_tokens_total:COUNTER\n"
           "vllm:gpu_memory_total:GAUGE\n"
           "sglang:num_running_reqs:GAUGE\n"
           "Filtered for tokens:\n"
           "---\n"
           "vllm:num_requests_waiting");
  static const char *const want[] = {"vllm:e2e_request_latency_seconds",
                                     "vllm:generation_tokens",
                                     "vllm:gpu_memory_total",
                                     "vllm:kv_cache_usage_perc",
                                     "vllm:num_requests_waiting",
                                     "vllm:prompt_tokens"};
  assert_int_equal(kit_page.n_names, 6);
  for (size_t i = 0; i < 6; i++) assert_string_equal(kit_page.names[i], want[i]);
  assert_int_equal(kit_page.n_unknown, 1);
  assert_string_equal(kit_page.unknown[0], "vllm:gpu_memory_total");
  assert_int_equal(kit_page.n_series, 0);
  assert_false(kit_page.cut); /* a list may end with a name */
}

/* ---- cut off --------------------------------------------------------------------- */

#define WHOLE "vllm:num_requests_running{engine=\"0\",model_name=\"m\"} 3.0\n"

static void a_page_cut_within_a_line_is_told(void **state)
{
  (void)state;
  static const char *const ends[] = {
      "vllm:gpu_prefix",
      "vllm:num_requests_waiting",
      "vllm:num_requests_waiting{",
      "vllm:num_requests_waiting{engine",
      "vllm:num_requests_waiting{engine=",
      "vllm:num_requests_waiting{engine=\"0",
      "vllm:num_requests_waiting{engine=\"0\"",
      "vllm:num_requests_waiting{engine=\"0\",",
      "vllm:num_requests_waiting{engine=\"0\"}",
      "vllm:num_requests_waiting{engine=\"0\"} ",
      "vllm:num_requests_waiting{engine=\"0\"} 1e",
      "vllm:num_requests_waiting{engine=\"0\",legal format or missing URL\n",
      "# TYPE vllm:num_requests_waiting",
  };
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    char text[400];
    (void)snprintf(text, sizeof text, "%s%s", WHOLE, ends[i]);
    kit_read(text);
    if (!kit_page.cut) fail_msg("%s", ends[i]);
    assert_int_equal(kit_told_line("ends within"), 2);
    assert_int_equal(kit_page.n_series, 1);
    assert_int_equal(kit_page.n_unknown, 0);
  }
}

static void a_page_without_final_newline_is_whole(void **state)
{
  (void)state;
  kit_read(WHOLE "vllm:num_requests_waiting{engine=\"0\"} 1.0");
  assert_false(kit_page.cut);
  assert_int_equal(kit_page.n_series, 2);
  kit_read(WHOLE "# HELP vllm:num_requests_waiting Number of req");
  assert_false(kit_page.cut);
}

static void the_labels_of_a_cut_info_are_kept(void **state)
{
  (void)state;
  kit_read(WHOLE "vllm:cache_config_info{block_size=\"16\"}");
  assert_true(kit_page.cut);
  assert_string_equal(
      kvc_series_label(kit_series("vllm:cache_config_info", 0), "block_size"), "16");
}

/* ---- several pages --------------------------------------------------------------- */

#define HISTOGRAM(low, high, sum)                                                        \
  "# TYPE vllm:time_to_first_token_seconds histogram\n"                                  \
  "vllm:time_to_first_token_seconds_bucket{le=\"0.1\",engine=\"0\"} " low "\n"           \
  "vllm:time_to_first_token_seconds_bucket{le=\"+Inf\",engine=\"0\"} " high "\n"         \
  "vllm:time_to_first_token_seconds_count{engine=\"0\"} " high "\n"                      \
  "vllm:time_to_first_token_seconds_sum{engine=\"0\"} " sum "\n"

static void of_two_pages_in_one_text_the_last_counts(void **state)
{
  (void)state;
  kit_read(WHOLE HISTOGRAM("2", "5", "1.5") WHOLE HISTOGRAM("4", "9", "2.5"));
  assert_int_equal(kit_page.n_series, 2);
  const struct kvc_series *s = kit_series("vllm:time_to_first_token_seconds", 0);
  assert_int_equal(s->n_buckets, 2);
  kit_is(s->buckets[0].count, 4);
  kit_is(s->buckets[1].count, 9);
  kit_is(s->sum, 2.5);
  kit_is(kvc_page_sum(&kit_page, "num_requests_running"), 3);
  assert_int_equal(kit_told_line("more than one page"), 7);
}

static void a_cut_last_page_does_not_spoil_the_one_before(void **state)
{
  (void)state;
  kit_read(HISTOGRAM("2", "5", "1.5") "# TYPE vllm:time_to_first_token_seconds "
                                      "histogram\n"
                                      "vllm:time_to_first_token_seconds_bucket{le=\"0.1\""
                                      ",engine=\"0\"} 4\n"
                                      "vllm:time_to_first_token_seconds_bucket{le=\"+I");
  const struct kvc_series *s = kit_series("vllm:time_to_first_token_seconds", 0);
  assert_true(kit_page.cut);
  kit_is(s->buckets[0].count, 2); /* not 4 of one page and 5 of another */
  kit_is(s->buckets[1].count, 5);
  kit_is(s->sum, 1.5);
  assert_true(kit_told("the page before it counts"));
}

static void a_line_given_twice_replaces_its_value_only(void **state)
{
  (void)state;
  kit_read("x_bucket{le=\"1\"} 1\nx_bucket{le=\"2\"} 2\nx_bucket{le=\"2\"} 3\n"
           "x_bucket{le=\"+Inf\"} 4\n");
  const struct kvc_series *s = kit_series("x", 0);
  assert_int_equal(s->n_buckets, 3);
  kit_is(s->buckets[0].count, 1);
  kit_is(s->buckets[1].count, 3);
}

static void doubled_type_lines_do_no_harm(void **state)
{
  (void)state;
  kit_read("# TYPE vllm:prompt_tokens_total counter\n"
           "# TYPE vllm:prompt_tokens_total counter\n"
           "vllm:prompt_tokens_total 3\n"
           "# TYPE vllm:prompt_tokens_total gouge\n");
  kit_is(kvc_page_sum(&kit_page, "prompt_tokens"), 3);
  assert_int_equal(kit_told_line("no type of metrics, first: \"gouge\""), 4);
}

/* ---- what cannot be read --------------------------------------------------------- */

static void bad_lines_cost_themselves_only(void **state)
{
  (void)state;
  kit_read(WHOLE "vllm:num_requests_waiting{engine=0} 1\n"
                 "vllm:num_requests_waiting{engine=\"0\" model=\"m\"} 1\n"
                 "vllm:num_requests_waiting{engine=\"0\"} many\n"
                 "vllm:num_requests_waiting{engine=\"0\"} 1.0.0\n"
                 "vllm:time_to_first_token_seconds_bucket{le=\"low\"} 1\n"
                 "vllm:time_to_first_token_seconds_bucket{le=\"NaN\"} 1\n"
                 "!!!\n" WHOLE);
  assert_int_equal(kit_told_line("labels of 2 lines cannot be read"), 2);
  assert_int_equal(kit_told_line("value of 2 lines is not a number"), 4);
  assert_int_equal(kit_told_line("2 buckets have a bound"), 6);
  assert_int_equal(kit_told_line("1 line is no sample"), 8);
  assert_int_equal(kit_page.n_series, 1);
}

static void histograms_that_contradict_themselves_are_told(void **state)
{
  (void)state;
  kit_read("x_bucket{le=\"1\"} 5\nx_bucket{le=\"2\"} 3\n"
           "# TYPE y histogram\n"
           "y_bucket{le=\"1\"} 1\ny_bucket{le=\"+Inf\"} 2\ny_count 3\n");
  assert_true(kit_told("fall although they are cumulative, first: \"x\""));
  assert_true(kit_told("no +Inf bucket, so no quantile can be told, first: \"x\""));
  assert_true(kit_told("last bucket of 1 histogram is not the count, first: \"y\""));
}

static void holes_of_nul_bytes_are_told(void **state)
{
  (void)state;
  static const char text[] = "vllm:num_requests_running 1\n\0\0\0\0vllm:num_requests_"
                             "waiting 2\nvllm:num_preemp\0\0\n\0\0";
  kit_read_len(text, sizeof text - 1);
  kit_is(kit_series("vllm:num_requests_waiting", 0)->value, 2);
  assert_int_equal(kit_page.n_series, 2);
  assert_int_equal(kit_told_line("NUL"), 2);
}

static void what_is_no_page_is_refused(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "",
      "\n\n",
      "hello\n",
      "<html><body>404</body></html>\n",
      "{\"error\": \"no\"}",
      "max_num_seqs: 256\nblock_size: 16\nport: 8000\n",
      "Oct 03 10:11:12 host a[7]: x\nOct 03 10:11:13 host b\nOct 03 10:11:14 c\n",
      "INFO 11-22 07:09:01 metrics.py:345] Avg prompt throughput: 0.0 tokens/s\n"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    assert_int_equal(kit_try(texts[i], strlen(texts[i])), KVC_E_PARSE);
    assert_non_null(strstr(kit_err.msg, "no metrics"));
    assert_false(kvc_prom_looks(texts[i], strlen(texts[i])));
  }
}

static void pages_look_like_pages(void **state)
{
  (void)state;
  static const char *const texts[] = {
      WHOLE,
      "> TYPE python_info gauge\n",
      "# HELP vllm:x y\n",
      "vllm:a\nvllm:b\nvllm:c\n",
      "process_max_fds 3\na{b=\"c\"} 4\nd 5\n",
      "  0     0     0# HELP vllm:num_requests_running n\n"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    if (!kvc_prom_looks(texts[i], strlen(texts[i]))) fail_msg("%s", texts[i]);
  static const char *const others[] = {
      "groups:\n- name: vllm\n  rules:\n  - expr: vllm:num_requests_waiting > 10\n",
      "{\"panels\": [{\"expr\": \"rate(vllm:prompt_tokens_total[1m])\"}]}",
      "Loading model weights took 14.99 GB\n# GPU blocks: 2048, # CPU blocks: 512\n"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (kvc_prom_looks(others[i], strlen(others[i]))) fail_msg("%s", others[i]);
}

/* A page may end anywhere: what was whole before stays, and nothing is made up. */
static void every_beginning_of_a_page_is_read(void **state)
{
  (void)state;
  static const char page[] =
      "# HELP vllm:num_requests_running Number of requests in model execution batches.\n"
      "# TYPE vllm:num_requests_running gauge\n"
      "vllm:num_requests_running{engine=\"0\",model_name=\"a\\\"b\"} 3.0\n"
      "# TYPE vllm:prompt_tokens_total counter\n"
      "vllm:prompt_tokens_total{engine=\"0\"} 5.0\n" HISTOGRAM("2", "5", "1.5");
  size_t series = 0;
  for (size_t n = 1; n <= sizeof page - 1; n++) {
    const kvc_code rc = kit_try(page, n);
    if (rc != KVC_E_OK) { /* before the name in the first TYPE line is whole */
      assert_int_equal(rc, KVC_E_PARSE);
      assert_true(n < 130);
      continue;
    }
    assert_true(kit_page.n_series >= series && kit_page.n_series <= series + 1);
    series = kit_page.n_series;
    assert_int_equal(kit_page.n_unknown, 0);
    if (page[n - 1] == '\n' && kit_page.cut) fail_msg("%zu", n);
    if (series > 0) kit_is(kit_page.series[0].value, 3);
  }
  assert_int_equal(series, 3);
}

/* ---- eras ------------------------------------------------------------------------ */

static void assert_era(const char *first, const char *last)
{
  char a[KVC_VERSION_TEXT], b[KVC_VERSION_TEXT];
  assert_true(kit_page.has_era);
  kvc_version_format(&kit_page.era.first, a);
  kvc_version_format(&kit_page.era.last, b);
  assert_string_equal(a, first);
  assert_string_equal(b, last);
}

/* The HELP text tells blocks from tokens, and the series gets the row that holds. */
static void a_row_follows_the_era_of_the_page(void **state)
{
  (void)state;
  kit_read(
      "# HELP vllm:gpu_prefix_cache_queries_total GPU prefix cache queries, in terms "
      "of number of queried blocks.\n"
      "# TYPE vllm:gpu_prefix_cache_queries_total counter\n"
      "vllm:gpu_prefix_cache_queries_total{model_name=\"m\"} 10\n");
  assert_era("0.7.3", "0.8.5");
  assert_string_equal(kit_page.series[0].exported->unit, "blocks");
  kit_read("vllm:gpu_prefix_cache_queries_total{model_name=\"m\"} 10\n"
           "vllm:kv_cache_usage_perc{model_name=\"m\"} 0.1\n");
  assert_era("0.9.2", "0.11.2");
  assert_string_equal(kit_page.series[0].exported->unit, "tokens");
}

static void names_of_different_ages_are_told(void **state)
{
  (void)state;
  kit_read("vllm:num_requests_swapped 0\nvllm:mm_cache_hits_total 3\n");
  assert_false(kit_page.has_era);
  assert_true(kit_told("no release of vLLM"));
}

static void the_oldest_pages_are_known(void **state)
{
  (void)state;
  kit_read("# TYPE requests_total_counter counter\n"
           "requests_total_counter{method=\"POST\",path=\"/v1/completions\"} 24\n"
           "vllm:avg_prompt_throughput_toks_per_s{model_name=\"m\"} 1211.5\n");
  assert_era("0.4.0", "0.6.6");
  assert_string_equal(kit_series("requests_total_counter", 0)->metric->group, "process");
  assert_int_equal(kit_page.n_unknown, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      KIT(mail_quotes_and_eaten_hashes_are_set_aside),
      KIT(indentation_crlf_and_a_bom_do_not_matter),
      KIT(pages_in_utf16_are_read),
      KIT(a_progress_meter_in_the_first_comment_is_noise),
      KIT(what_a_log_driver_puts_before_is_set_aside),
      KIT(promtool_prints_an_arrow),
      KIT(types_without_samples_are_names),
      KIT(lists_of_names_are_read),
      KIT(a_page_cut_within_a_line_is_told),
      KIT(a_page_without_final_newline_is_whole),
      KIT(the_labels_of_a_cut_info_are_kept),
      KIT(of_two_pages_in_one_text_the_last_counts),
      KIT(a_cut_last_page_does_not_spoil_the_one_before),
      KIT(a_line_given_twice_replaces_its_value_only),
      KIT(doubled_type_lines_do_no_harm),
      KIT(bad_lines_cost_themselves_only),
      KIT(histograms_that_contradict_themselves_are_told),
      KIT(holes_of_nul_bytes_are_told),
      KIT(what_is_no_page_is_refused),
      KIT(pages_look_like_pages),
      KIT(every_beginning_of_a_page_is_read),
      KIT(a_row_follows_the_era_of_the_page),
      KIT(names_of_different_ages_are_told),
      KIT(the_oldest_pages_are_known),
  };
  return cmocka_run_group_tests(tests, kit_begin, kit_end);
}
