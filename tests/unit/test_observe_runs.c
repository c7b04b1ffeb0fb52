/* test_observe_runs.c - what logs and benchmarks say of a server.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/observe.h>
#include <math.h>
#include <string.h>
#include "tests/support/close.h"

static struct kvc_arena arena;
static struct kvc_live live;
static struct kvc_observe_notes notes;

static int set_up(void **state)
{
  (void)state;
  kvc_arena_init(&arena, 4 << 20);
  kvc_live_init(&live);
  memset(&notes, 0, sizeof notes);
  return 0;
}

static int tear_down(void **state)
{
  (void)state;
  kvc_arena_clear(&arena);
  return 0;
}

static struct kvc_log_sample sample(double time_s, double running, double waiting,
                                    double kv, double tps)
{
  return (struct kvc_log_sample){.time_s = time_s,
                                 .engine = -1,
                                 .prompt_tps = 0,
                                 .generation_tps = tps,
                                 .running = running,
                                 .waiting = waiting,
                                 .swapped = NAN,
                                 .deferred = NAN,
                                 .preemptions = NAN,
                                 .kv_usage_frac = kv,
                                 .cpu_kv_usage_frac = NAN,
                                 .prefix_hit_frac = NAN,
                                 .cpu_prefix_hit_frac = NAN,
                                 .external_hit_frac = NAN,
                                 .mm_hit_frac = NAN,
                                 .merged = 1};
}

static struct kvc_serverlog log_of(struct kvc_log_sample *samples, size_t n)
{
  return (struct kvc_serverlog){
      .where = "server.log", .samples = samples, .n_samples = n, .sample_lines = n};
}

static void stretches_and_means_of_a_log(void **state)
{
  (void)state;
  struct kvc_log_sample s[] = {sample(0, 4, 0, 0.2, 100), sample(10, 8, 20, 0.95, 100),
                               sample(20, 8, 30, 0.97, 100), sample(30, 8, 40, 0.99, 100),
                               sample(40, 8, 2, 0.50, 100)};
  const struct kvc_serverlog log = log_of(s, 5);
  kvc_observe_log(&arena, &log, &live, &notes);
  assert_close(live.v[KVC_L_waiting_long_s], 20, 1e-12);
  assert_close(live.v[KVC_L_kv_high_long_s], 20, 1e-12);
  assert_close(live.v[KVC_L_running_mean], 7.2, 1e-12);
  assert_close(live.v[KVC_L_waiting_growth_per_s], 2.0 / 40, 1e-12);
  assert_close(live.v[KVC_L_kv_usage_max_frac], 0.99, 1e-12);
  assert_close(live.v[KVC_L_interval_s], 40, 1e-12);
  assert_string_equal(live.from[KVC_L_kv_usage_max_frac], "log server.log");
}

static void throughput_that_falls_with_a_full_batch_is_seen(void **state)
{
  (void)state;
  struct kvc_log_sample s[] = {sample(0, 20, 0, 0.2, 900),   sample(10, 20, 0, 0.2, 1000),
                               sample(20, 20, 0, 0.2, 1100), sample(30, 20, 0, 0.2, 400),
                               sample(40, 2, 0, 0.2, 10), /* few run: says nothing */
                               sample(50, 20, 0, 0.2, 400),  sample(60, 20, 0, 0.2, 400)};
  const struct kvc_serverlog log = log_of(s, 7);
  kvc_observe_log(&arena, &log, &live, &notes);
  /* means of three: 1000 at the best, 400 at the worst after it */
  assert_close(live.v[KVC_L_generation_drop_frac], 0.6, 1e-12);
}

static void lines_without_stamps_count_as_their_interval(void **state)
{
  (void)state;
  struct kvc_log_sample s[] = {sample(NAN, 4, 20, 0.2, 100), sample(NAN, 4, 20, 0.2, 100),
                               sample(NAN, 4, 20, 0.2, 100)};
  const struct kvc_serverlog log = log_of(s, 3);
  kvc_observe_log(&arena, &log, &live, &notes);
  assert_close(live.v[KVC_L_waiting_long_s], 20, 1e-12); /* two intervals of 10 s */
  assert_int_equal(notes.n, 1);
}

static void metrics_count_before_a_log(void **state)
{
  (void)state;
  struct kvc_log_sample s[] = {sample(0, 4, 0, 0.2, 100)};
  const struct kvc_serverlog log = log_of(s, 1);
  kvc_live_set(&live, KVC_L_running_mean, 7, "metrics");
  kvc_observe_log(&arena, &log, &live, &notes);
  assert_close(live.v[KVC_L_running_mean], 7, 1e-12);
}

/* ---- benchmarks ---- */

static struct kvc_bench run(double concurrency, double tps)
{
  struct kvc_bench b;
  memset(&b, 0, sizeof b);
  const struct kvc_stat none = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, 0};
  b.format = "vllm-serve";
  b.duration_s = 100;
  b.completed = 200;
  b.failed = NAN;
  b.num_prompts = 200;
  b.request_rate = INFINITY;
  b.max_concurrency = concurrency;
  b.total_input_tok = 200 * 512;
  b.total_output_tok = 200 * 128;
  b.request_throughput = 2;
  b.output_throughput = tps;
  b.request_goodput = NAN;
  b.spec_accept_frac = b.spec_accept_length = NAN;
  b.ttft_ms = b.tpot_ms = b.itl_ms = b.e2el_ms = b.input_tok = b.output_tok = none;
  return b;
}

static void the_hardest_run_speaks_for_the_server(void **state)
{
  (void)state;
  struct kvc_bench b[] = {run(1, 100), run(64, 2000), run(8, 700)};
  b[1].ttft_ms.mean = 250;
  b[1].ttft_ms.p99 = 900;
  b[0].ttft_ms.mean = 20;
  kvc_observe_bench(&arena, b, 3, &live, &notes);
  assert_close(live.v[KVC_L_ttft_mean_s], 0.25, 1e-12);
  assert_close(live.v[KVC_L_ttft_p99_s], 0.9, 1e-12);
  assert_close(live.v[KVC_L_bench_concurrency], 64, 1e-12);
  assert_close(live.v[KVC_L_prompt_mean_tok], 512, 1e-12);
  assert_true(isinf(live.v[KVC_L_bench_rate_per_s]));
}

static void the_knee_is_the_least_load_with_nearly_the_best_throughput(void **state)
{
  (void)state;
  struct kvc_bench b[] = {run(128, 2050), run(1, 100), run(32, 1900), run(64, 2000)};
  kvc_observe_bench(&arena, b, 4, &live, &notes);
  assert_close(live.v[KVC_L_bench_knee_concurrency], 32, 1e-12);
}

static void two_loads_tell_no_knee(void **state)
{
  (void)state;
  struct kvc_bench b[] = {run(1, 100), run(32, 1900)};
  kvc_observe_bench(&arena, b, 2, &live, &notes);
  assert_true(isnan(live.v[KVC_L_bench_knee_concurrency]));
}

static void repeated_runs_tell_their_spread(void **state)
{
  (void)state;
  struct kvc_bench b[] = {run(32, 1900), run(32, 1900)};
  b[1].request_throughput = 2.2; /* 0.2 apart around 2.1 */
  kvc_observe_bench(&arena, b, 2, &live, &notes);
  assert_close(live.v[KVC_L_bench_spread_frac], 0.2 / 2.1, 1e-12);
}

static void no_limit_of_the_client_is_no_number(void **state)
{
  (void)state;
  struct kvc_bench b[] = {run(NAN, 100)};
  b[0].request_rate = 4;
  b[0].failed = 50;
  kvc_observe_bench(&arena, b, 1, &live, &notes);
  assert_true(isnan(live.v[KVC_L_bench_concurrency]));
  assert_close(live.v[KVC_L_bench_failed_frac], 0.2, 1e-12);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      T(stretches_and_means_of_a_log),
      T(throughput_that_falls_with_a_full_batch_is_seen),
      T(lines_without_stamps_count_as_their_interval),
      T(metrics_count_before_a_log),
      T(the_hardest_run_speaks_for_the_server),
      T(the_knee_is_the_least_load_with_nearly_the_best_throughput),
      T(two_loads_tell_no_knee),
      T(repeated_runs_tell_their_spread),
      T(no_limit_of_the_client_is_no_number),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
