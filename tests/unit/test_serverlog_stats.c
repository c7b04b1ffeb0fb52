/* test_serverlog_stats.c - the periodic lines of every age, whole and broken.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "serverlog_kit.h"

static void v0_lines_have_pending_and_swapped(void **state)
{
  (void)state;
  struct read *k = read_log(
      "INFO 03-19 07:00:05 metrics.py:351] Avg prompt throughput: 118.4 tokens/s, Avg "
      "generation throughput: 27.5 tokens/s, Running: 12 reqs, Swapped: 2 reqs, Pending: "
      "31 reqs, GPU KV cache usage: 97.5%, CPU KV cache usage: 1.2%.\n"
      "INFO 03-19 07:00:05 metrics.py:367] Prefix cache hit rate: GPU: 12.34%, CPU: "
      "0.00%\n"
      "INFO 03-19 07:00:10 metrics.py:351] Avg prompt throughput: 0.0 tokens/s, Avg "
      "generation throughput: 30.0 tokens/s, Running: 13 reqs, Swapped: 0 reqs, Pending: "
      "29 reqs, GPU KV cache usage: 99.0%, CPU KV cache usage: 0.0%\n");
  assert_int_equal(k->log.n_samples, 2);
  assert_int_equal(k->log.sample_lines, 2);
  assert_int_equal(k->log.generation, KVC_ENGINE_V0);
  const struct kvc_log_sample *s = k->log.samples;
  assert_int_equal(s[0].line, 1);
  assert_int_equal(s[0].engine, -1);
  IS(s[0].time_s, 0);
  IS(s[0].prompt_tps, 118.4);
  IS(s[0].generation_tps, 27.5);
  IS(s[0].running, 12);
  IS(s[0].swapped, 2);
  IS(s[0].waiting, 31);
  IS(s[0].kv_usage_frac, 0.975);
  IS(s[0].cpu_kv_usage_frac, 0.012);
  IS(s[0].prefix_hit_frac, 0.1234);
  IS(s[0].cpu_prefix_hit_frac, 0);
  SAYS_NOT(s[0].deferred);
  IS(s[1].time_s, 5);
  SAYS_NOT(s[1].prefix_hit_frac);
  read_free(k);
}

static void hit_rates_before_the_first_line_belong_to_it(void **state)
{
  (void)state;
  struct read *k = read_log(
      "INFO 03-19 07:00:05 metrics.py:367] Prefix cache hit rate: GPU: 50.00%, CPU: "
      "25.00%\n"
      "INFO 03-19 07:00:10 metrics.py:351] Avg prompt throughput: 1.0 tokens/s, Avg "
      "generation throughput: 3.0 tokens/s, Running: 1 reqs, Swapped: 0 reqs, Pending: 0 "
      "reqs, GPU KV cache usage: 9.0%, CPU KV cache usage: 0.0%.\n");
  assert_int_equal(k->log.n_samples, 1);
  IS(k->log.samples[0].prefix_hit_frac, 0.5);
  IS(k->log.samples[0].cpu_prefix_hit_frac, 0.25);
  read_free(k);
}

static void v1_lines_of_all_releases_are_read(void **state)
{
  (void)state;
  struct read *k = read_log(
      /* 0.7.1: no comma behind the waiting ones */
      "INFO 02-03 10:00:00 loggers.py:72] Avg prompt throughput: 5.0 tokens/s, Avg "
      "generation throughput: 6.5 tokens/s, Running: 3 reqs, Waiting: 4 reqs GPU KV "
      "cache "
      "usage: 7.5%.\n"
      "INFO 03-03 10:00:00 [loggers.py:80] Avg prompt throughput: 5.0 tokens/s, Avg "
      "generation throughput: 6.5 tokens/s, Running: 3 reqs, Waiting: 4 reqs, GPU KV "
      "cache "
      "usage: 7.5%, Prefix cache hit rate: 12.5%\n"
      "INFO 04-03 10:00:00 [loggers.py:87] Engine 003: Avg prompt throughput: 5.0 "
      "tokens/s, "
      "Avg generation throughput: 6.5 tokens/s, Running: 3 reqs, Waiting: 4 reqs, GPU KV "
      "cache usage: 7.5%, Prefix cache hit rate: 12.5%\n"
      "(APIServer pid=7) INFO 05-03 10:00:00 [loggers.py:248] 4 Engines Aggregated: Avg "
      "prompt throughput: 5.0 tokens/s, Avg generation throughput: 6.5 tokens/s, "
      "Running: 3 "
      "reqs, Waiting: 4 reqs, Deferred: 9 reqs, Preemptions: 2, GPU KV cache usage: "
      "7.5%, "
      "Prefix cache hit rate: 12.5%, Corrupted: 1 reqs, External prefix cache hit rate: "
      "33.0%, MM cache hit rate: 44.0%\n"
      "(EngineCore_DP1 pid=9) INFO 06-03 10:00:00 [loggers.py:80] Avg prompt throughput: "
      "5.0 tokens/s, Avg generation throughput: 6.5 tokens/s, Running: 3 reqs, Waiting: "
      "4 "
      "reqs, GPU KV cache usage: nan%, Prefix cache hit rate: 12.5%\n");
  assert_int_equal(k->log.n_samples, 5);
  assert_int_equal(k->log.generation, KVC_ENGINE_V1);
  static const int engines[] = {-1, -1, 3, -1, 1};
  for (size_t i = 0; i < 5; i++) {
    const struct kvc_log_sample *s = &k->log.samples[i];
    assert_int_equal(s->engine, engines[i]);
    IS(s->prompt_tps, 5);
    IS(s->generation_tps, 6.5);
    IS(s->running, 3);
    IS(s->waiting, 4);
    IS(s->kv_usage_frac, i == 4 ? (double)NAN : 0.075);
    IS(s->prefix_hit_frac, i == 0 ? (double)NAN : 0.125);
    SAYS_NOT(s->swapped);
  }
  const struct kvc_log_sample *s = &k->log.samples[3];
  IS(s->deferred, 9);
  IS(s->preemptions, 2);
  IS(s->external_hit_frac, 0.33);
  IS(s->mm_hit_frac, 0.44);
  read_free(k);
}

static void half_a_number_is_no_number(void **state)
{
  (void)state;
  struct read *k = read_log(
      "INFO 04-03 10:00:00 [loggers.py:87] Engine 000: Avg prompt throughput: 5.0 "
      "tokens/s, "
      "Avg generation throughput: 6.5 tokens/s, Running: 3 reqs, Waiting: 4 reqs, GPU KV "
      "cache usage: 7.5%, Prefix cache hit rate: 1");
  IS(k->log.samples[0].kv_usage_frac, 0.075);
  SAYS_NOT(k->log.samples[0].prefix_hit_frac);
  read_free(k);
  k = read_log(
      "INFO 07-24 09:55:55 metrics.py:334] Avg prompt throughput: 8.5 tokens/s, Avg "
      "generation throughput:");
  assert_int_equal(k->log.n_samples, 1);
  IS(k->log.samples[0].prompt_tps, 8.5);
  SAYS_NOT(k->log.samples[0].generation_tps);
  read_free(k);
  k = read_log("INFO 07-24 09:55:55 metrics.py:334] Avg prompt throughput: 8.");
  assert_int_equal(k->log.n_samples, 0);
  assert_int_equal(k->log.sample_lines, 0);
  read_free(k);
}

static void two_lines_in_one_are_two(void **state)
{
  (void)state;
  struct read *k = read_log(
      "INFO 04-03 10:00:00 [loggers.py:87] Engine 000: Avg prompt throughput: 5.0 "
      "tokens/s, "
      "Avg generation throughput: 6.5 tokens/s, Running: 3 reqs, Waiting: 4 reqs, GPU KV "
      "cache usage: 7.5%, Prefix cache hit rate: 12.5%INFO 04-03 10:00:10 "
      "[loggers.py:87] "
      "Engine 001: Avg prompt throughput: 50.0 tokens/s, Avg generation throughput: 60.5 "
      "tokens/s, Running: 30 reqs, Waiting: 40 reqs, GPU KV cache usage: 70.5%, Prefix "
      "cache "
      "hit rate: 22.5%\n");
  assert_int_equal(k->log.n_samples, 2);
  assert_int_equal(k->log.samples[1].engine, 1);
  IS(k->log.samples[0].running, 3);
  IS(k->log.samples[0].prefix_hit_frac, 0.125);
  IS(k->log.samples[1].running, 30);
  IS(k->log.samples[1].time_s, 10);
  read_free(k);
}

static void a_line_cut_by_another_writer_keeps_what_can_be_read(void **state)
{
  (void)state;
  struct read *k =
      read_log("INFO 04-03 10:00:00 [loggers.py:87] Engine 000: Avg prompt throughput: "
               "5.0 tokens/s, "
               "Avg generation through(APIServer pid=1) INFO:     1.2.3.4:99 - \"POST "
               "/v1/completions HTTP/1.1\" 200 OK\n"
               "put: 6.5 tokens/s, Running: 3 reqs, Waiting: 4 reqs, GPU KV cache usage: "
               "7.5%, Prefix "
               "cache hit rate: 12.5%\n");
  assert_int_equal(k->log.n_samples, 1);
  assert_int_equal(k->log.sample_lines, 1);
  assert_int_equal(k->log.requests, 1);
  IS(k->log.samples[0].prompt_tps, 5);
  SAYS_NOT(k->log.samples[0].generation_tps);
  IS(k->log.samples[0].running, 3);
  IS(k->log.samples[0].kv_usage_frac, 0.075);
  IS(k->log.samples[0].prefix_hit_frac, 0.125);
  read_free(k);
}

static void a_line_begun_in_another_does_not_lend_it_values(void **state)
{
  (void)state;
  struct read *k = read_log(
      "INFO 04-03 10:00:00 [loggers.py:87] Engine 000: Avg prompt throughput: 5.0 "
      "tokens/s, "
      "Avg gen(APIServer pid=2) INFO 04-03 10:00:01 [loggers.py:87] Engine 001: Avg "
      "prompt "
      "throughput: 50.0 tokens/s, Avg generation throughput: 60.5 tokens/s, Running: 30 "
      "reqs, "
      "Waiting: 40 reqs, GPU KV cache usage: 70.5%, Prefix cache hit rate: 22.5%\n"
      "eration throughput: 6.5 tokens/s, Running: 3 reqs, Waiting: 4 reqs, GPU KV cache "
      "usage: 7.5%, Prefix cache hit rate: 12.5%\n");
  assert_int_equal(k->log.n_samples, 2);
  IS(k->log.samples[0].prompt_tps, 5);
  SAYS_NOT(k->log.samples[0].generation_tps);
  SAYS_NOT(k->log.samples[0].running);
  IS(k->log.samples[1].running, 30);
  IS(k->log.samples[1].kv_usage_frac, 0.705);
  read_free(k);
}

static void a_line_broken_by_a_terminal_is_joined(void **state)
{
  (void)state;
  struct read *k = read_log(
      "INFO 04-03 10:00:00 [loggers.py:87] Engine 000: Avg prompt throughput: 5.0 "
      "tokens/s, "
      "Avg generation throughput: 6.5 tokens/s, Running: 1\n"
      "23 reqs, Waiting: 4 reqs, GPU KV cache usage: 7.5%, Prefix cache hit rate: 12.5%\n"
      "INFO 04-03 10:00:10 [loggers.py:87] Engine 000: Avg prompt throughput: 5.0 "
      "tokens/s, "
      "Avg generation throughput: 6.5 tokens/s, Running: 7\n"
      "INFO 04-03 10:00:20 [x.py:1] 23 reqs, Waiting: 99 reqs\n");
  assert_int_equal(k->log.n_samples, 2);
  IS(k->log.samples[0].running, 123);
  IS(k->log.samples[0].waiting, 4);
  IS(k->log.samples[0].kv_usage_frac, 0.075);
  SAYS_NOT(k->log.samples[1].running);
  SAYS_NOT(k->log.samples[1].waiting);
  read_free(k);
}

static void stamps_of_every_kind_give_seconds(void **state)
{
  static const struct {
    const char *prefix[2];
    double s;
  } cases[] = {
      {{"INFO 05-12 08:04:49 metrics.py:1] ", "INFO 05-12 08:05:49 metrics.py:1] "}, 60},
      {{"INFO 2026-05-12 08:04:49 [a.py:1] ", "INFO 2026-05-13 08:04:50 [a.py:1] "},
       86401},
      {{"2026-01-20 07:24:11,577 INFO vllm.x: ", "2026-01-20 07:24:12,077 INFO vllm.x: "},
       0.5},
      {{"2026-05-12T08:04:49.250000000Z ", "2026-05-12T10:04:50.500000000+02:00 "}, 1.25},
      {{"[2025-03-10T15:07:20Z] ", "  | [2025-03-10T15:07:23Z] "}, 3},
      {{"Oct  9 10:11:12 host vllm[1]: ", "Oct 10 10:11:12 host vllm[1]: "}, 86400},
      {{"INFO 12-31 23:59:58 [a.py:1] ", "INFO 01-01 00:00:03 [a.py:1] "}, 5},
      {{"INFO 02-29 00:00:00 [a.py:1] ", "INFO 03-01 00:00:00 [a.py:1] "}, 86400},
      {{"INFO 02-28 00:00:00 [a.py:1] ", "INFO 03-01 00:00:00 [a.py:1] "}, 86400},
      /* two zones in one line: the server's own */
      {{"[2024-07-08 15:17:34] INFO 07-08 07:17:34 m.py:1] ",
        "INFO 07-08 07:17:40 m.py:1] "},
       6},
      {{"2026-05-12T08:04:49Z 2026-05-12 10:04:49,000 INFO a: ",
        "2026-05-12T08:04:59Z 2026-05-12 10:04:58,500 INFO a: "},
       9.5},
      {{"no stamp ", "nor here "}, (double)NAN},
      {{"99-99 10:00:00 ", "1999-01-01 25:00:00 "}, (double)NAN},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[1024];
    static const char line[] = "Avg prompt throughput: 1.0 tokens/s, Avg generation "
                               "throughput: 2.0 tokens/s, Running: 1 reqs";
    (void)snprintf(text, sizeof text, "%s%s\n%s%s\n", cases[i].prefix[0], line,
                   cases[i].prefix[1], line);
    struct read *k = read_log(text);
    assert_int_equal(k->log.n_samples, 2);
    if (!isnan(cases[i].s)) IS(k->log.samples[0].time_s, 0);
    is_about(k->log.samples[1].time_s, cases[i].s, cases[i].prefix[0], __LINE__);
    read_free(k);
  }
}

static void time_starts_with_the_first_stamp_of_the_log(void **state)
{
  (void)state;
  struct read *k =
      read_log("some shell output\n"
               "2026-05-12T06:00:00Z entrypoint\n"
               "2026-05-12T06:00:30Z INFO 05-12 08:00:30 [a.py:1] hello\n"
               "2026-05-12T06:01:00Z INFO 05-12 08:01:00 [a.py:1] Avg prompt "
               "throughput: 1.0 tokens/s, Running: 1 reqs\n");
  IS(k->log.samples[0].time_s, 60);
  read_free(k);
}

static void speculative_lines_of_v1_add_up(void **state)
{
  (void)state;
  struct read *k = read_log(
      "INFO 04-03 10:00:00 [metrics.py:86] SpecDecoding metrics: Mean acceptance length: "
      "3.00, Accepted throughput: 10.00 tokens/s, Drafted throughput: 15.00 tokens/s, "
      "Accepted: 100 tokens, Drafted: 150 tokens, Per-position acceptance rate: 0.900, "
      "0.700, 0.400, Avg Draft acceptance rate: 66.7%\n"
      "INFO 04-03 10:00:10 [metrics.py:86] SpecDecoding metrics: Draft acceptance rate: "
      "20.0%, Mean acceptance length: 1.60, Accepted: 30 tokens, Drafted: 150 tokens, "
      "Per-position acceptance rate: 0.300, 0.200, 0.100\n");
  const struct kvc_log_spec *s = &k->log.spec;
  assert_int_equal(s->lines, 2);
  IS(s->accepted_tok, 130);
  IS(s->drafted_tok, 300);
  IS(s->accept_frac, 130.0 / 300);
  /* 50 drafts of 3.00 and 50 of 1.60 */
  IS(s->accept_length, 2.3);
  assert_int_equal(s->n_positions, 3);
  IS(s->per_position[2], 0.1);
  SAYS_NOT(s->emitted_tok);
  read_free(k);
}

static void speculative_counts_of_v0_go_on(void **state)
{
  (void)state;
  struct read *k = read_log(
      "INFO 11-02 10:00:00 metrics.py:373] Speculative metrics: Draft acceptance rate: "
      "0.500, "
      "System efficiency: 0.400, Number of speculative tokens: 4, Number of accepted "
      "tokens: "
      "50, Number of draft tokens tokens: 100, Number of emitted tokens tokens: 60.\n"
      "INFO 11-02 10:00:05 metrics.py:373] Speculative metrics: Draft acceptance rate: "
      "0.600, "
      "System efficiency: 0.450, Number of speculative tokens: 4, Number of accepted "
      "tokens: "
      "120, Number of draft tokens: 200, Number of emitted tokens: 150.\n"
      /* the server was started anew */
      "INFO 11-02 11:00:00 metrics.py:373] Speculative metrics: Draft acceptance rate: "
      "0.300, "
      "System efficiency: 0.300, Number of speculative tokens: 4, Number of accepted "
      "tokens: "
      "30, Number of draft tokens: 100, Number of emitted tokens: 40.\n");
  const struct kvc_log_spec *s = &k->log.spec;
  IS(s->accepted_tok, 150);
  IS(s->drafted_tok, 300);
  IS(s->emitted_tok, 190);
  IS(s->accept_frac, 0.5);
  IS(s->efficiency, 0.3);
  SAYS_NOT(s->accept_length);
  read_free(k);
}

static void requests_and_their_failures_are_counted(void **state)
{
  (void)state;
  struct read *k = read_log(
      "INFO 04-03 10:00:00 [loggers.py:87] Avg prompt throughput: 5.0 tokens/s\n"
      "INFO:     127.0.0.1:51042 - \"POST /v1/completions HTTP/1.1\" 200 OK\n"
      "INFO:     127.0.0.1:51042 - \"POST /v1/completions HTTP/1.0\" 400 Bad Request\n"
      "(APIServer pid=1) INFO:     [::1]:51042 - \"POST /v1/chat/completions?a=b "
      "HTTP/1.1\" "
      "500 Internal Server Error\n"
      "{\"log\":\"INFO:     1.2.3.4:5 - \\\"POST /v1/completions HTTP/1.1\\\" 200 "
      "OK\\n\","
      "\"stream\":\"stdout\",\"time\":\"2026-05-12T08:04:49.25Z\"}\n"
      "INFO:     127.0.0.1:51042 - \"GET /metrics HTTP/1.1\" 503 Service Unavailable\n"
      "INFO:     127.0.0.1:51042 - \"POST /v1/completions HTTP/1.1\" 20");
  assert_int_equal(k->log.requests, 4);
  assert_int_equal(k->log.failed_requests, 1);
  read_free(k);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(v0_lines_have_pending_and_swapped),
      cmocka_unit_test(hit_rates_before_the_first_line_belong_to_it),
      cmocka_unit_test(v1_lines_of_all_releases_are_read),
      cmocka_unit_test(half_a_number_is_no_number),
      cmocka_unit_test(two_lines_in_one_are_two),
      cmocka_unit_test(a_line_cut_by_another_writer_keeps_what_can_be_read),
      cmocka_unit_test(a_line_begun_in_another_does_not_lend_it_values),
      cmocka_unit_test(a_line_broken_by_a_terminal_is_joined),
      cmocka_unit_test(stamps_of_every_kind_give_seconds),
      cmocka_unit_test(time_starts_with_the_first_stamp_of_the_log),
      cmocka_unit_test(speculative_lines_of_v1_add_up),
      cmocka_unit_test(speculative_counts_of_v0_go_on),
      cmocka_unit_test(requests_and_their_failures_are_counted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
