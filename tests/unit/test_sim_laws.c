/* test_sim_laws.c - limits from queueing theory, and orders that must hold.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
/* clang-format off: cmocka.h wants these before it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <kvcap/rng.h>
#include <math.h>
#include "tests/support/sim_kit.h"

struct world {
  struct kvc_arena arena;
  struct sim_clock clock;
  struct kvc_sim_config config;
  struct kvc_traffic traffic;
  struct kvc_sim_result result;
};

static void open_world(struct world *w)
{
  *w = (struct world){.clock = {.fixed_s = 1}};
  kvc_arena_init(&w->arena, (size_t)1 << 30);
  w->config = sim_config(&w->clock);
}

/* rate 0: all at once. */
static void load(struct world *w, double rate, size_t n, int32_t prompt, int32_t output)
{
  struct kvc_err err = {0};
  const struct kvc_traffic_spec spec = {
      .arrivals = rate > 0 ? KVC_ARRIVE_RATE : KVC_ARRIVE_AT_ONCE,
      .rate_per_s = rate,
      .requests = n,
      .prompt = {.kind = KVC_LEN_FIXED, .mean = prompt},
      .output = {.kind = KVC_LEN_UNIFORM, .min = 1, .max = output}};
  assert_int_equal(kvc_traffic_make(&w->arena, &spec, 17, &w->traffic, &err), KVC_E_OK);
}

static void run(struct world *w)
{
  struct kvc_err err = {0};
  const kvc_code rc = kvc_sim_run(&w->arena, &w->config, &w->traffic, &w->result, &err);
  assert_string_equal(err.msg, "");
  assert_int_equal(rc, KVC_E_OK);
}

static void assert_within(double value, double expected, double half)
{
  if (!(fabs(value - expected) <= half))
    fail_msg("%g is not %g +- %g", value, expected, half);
}

static void one_slot_of_constant_service_waits_as_m_d_1(void **state)
{
  (void)state;
  struct world w;
  open_world(&w);
  w.config.engine.max_num_seqs = 1;
  w.config.warmup_frac = 0.02;
  load(&w, 0.7, 200000, 1, 1);
  run(&w);
  /* Pollaczek-Khinchine: rho / (2 (1 - rho)) services. */
  assert_true(w.result.queue_s.ci95 < 0.05);
  assert_within(w.result.queue_s.mean, 0.7 / 0.6, 1.5 * w.result.queue_s.ci95);
  assert_within(w.result.gpu_busy_frac, 0.7, 0.01);
  kvc_arena_clear(&w.arena);
}

static double exponential_step(void *ctx, const struct kvc_step *step)
{
  (void)step;
  return kvc_rng_exp(ctx);
}

static void one_slot_of_exponential_service_waits_as_m_m_1(void **state)
{
  (void)state;
  struct world w;
  struct kvc_rng rng;
  kvc_rng_init(&rng, 3, "service");
  open_world(&w);
  w.config.engine.max_num_seqs = 1;
  w.config.step_time = exponential_step;
  w.config.clock = &rng;
  load(&w, 0.6, 200000, 1, 1);
  run(&w);
  assert_true(w.result.queue_s.ci95 < 0.1);
  assert_within(w.result.queue_s.mean, 0.6 / 0.4, 1.5 * w.result.queue_s.ci95);
  assert_within(w.result.e2e_s.p50, log(2) / 0.4, 0.05); /* sojourn is exponential */
  kvc_arena_clear(&w.arena);
}

static double erlang_c(int c, double a)
{
  double term = 1, sum = 0;
  for (int k = 0; k < c; k++) {
    sum += term;
    term *= a / (k + 1);
  }
  term *= c / (c - a);
  return term / (sum + term);
}

static void several_slots_of_exponential_lengths_wait_as_m_m_c(void **state)
{
  (void)state;
  enum { N = 60000, C = 4, STEPS = 300 };
  struct world w;
  struct kvc_rng rng;
  kvc_rng_init(&rng, 9, "lengths");
  open_world(&w);
  w.clock.fixed_s = 1.0 / STEPS;
  w.config.engine.max_num_seqs = C;
  w.config.engine.max_model_len_tok = 50000;
  w.config.engine.blocks = 1000000;
  load(&w, 3.2, N, 1, 1);
  struct kvc_request *items = kvc_arena_alloc(&w.arena, N, sizeof *items);
  for (size_t i = 0; i < N; i++) {
    items[i] = w.traffic.items[i];
    items[i].output_tok = 1 + (int32_t)(kvc_rng_exp(&rng) * STEPS);
  }
  w.traffic.items = items;
  run(&w);
  /* One half step of waiting for a boundary; services are half a step longer too. */
  const double wait = erlang_c(C, 3.2) / (C - 3.2);
  assert_true(w.result.queue_s.ci95 < 0.1);
  assert_within(w.result.queue_s.mean, wait, 1.5 * w.result.queue_s.ci95 + 3.0 / STEPS);
  kvc_arena_clear(&w.arena);
}

static void more_blocks_never_mean_more_preemptions(void **state)
{
  (void)state;
  int64_t before = INT64_MAX;
  for (int64_t blocks = 60; blocks <= 480; blocks += 60) {
    struct world w;
    open_world(&w);
    w.clock.fixed_s = 0.01;
    w.config.engine.blocks = blocks;
    load(&w, 10, 2000, 100, 200);
    run(&w);
    assert_true(w.result.preemptions <= before);
    before = w.result.preemptions;
    if (blocks == 60) assert_true(before > 100);
    kvc_arena_clear(&w.arena);
  }
  assert_int_equal(before, 0);
}

static void a_faster_clock_ends_no_request_later(void **state)
{
  (void)state;
  struct world w[2];
  for (int i = 0; i < 2; i++) {
    open_world(&w[i]);
    w[i].clock.fixed_s = i == 0 ? 0.012 : 0.010;
    load(&w[i], 0, 2000, 50, 100); /* or one might just miss the start of a step */
    run(&w[i]);
  }
  for (size_t i = 0; i < 2000; i++)
    assert_true(w[1].result.requests[i].finish_ns <= w[0].result.requests[i].finish_ns);
  for (int i = 0; i < 2; i++) kvc_arena_clear(&w[i].arena);
}

static void all_times_scale_with_the_clock_and_the_arrivals(void **state)
{
  (void)state;
  enum { N = 1000, K = 7 };
  struct world w[2];
  for (int i = 0; i < 2; i++) {
    open_world(&w[i]);
    w[i].clock.fixed_s = i == 0 ? 0.01 : 0.01 * K;
    w[i].config.engine.blocks = 100;
    load(&w[i], 10, N, 100, 100);
    if (i == 1) {
      struct kvc_request *items = kvc_arena_alloc(&w[i].arena, N, sizeof *items);
      for (size_t r = 0; r < N; r++) {
        items[r] = w[i].traffic.items[r];
        items[r].arrival_ns *= K;
      }
      w[i].traffic.items = items;
    }
    run(&w[i]);
  }
  assert_true(w[0].result.preemptions > 0);
  assert_int_equal(w[0].result.preemptions, w[1].result.preemptions);
  for (size_t r = 0; r < N; r++) {
    assert_int_equal(w[1].result.requests[r].first_token_ns,
                     K * w[0].result.requests[r].first_token_ns);
    assert_int_equal(w[1].result.requests[r].finish_ns,
                     K * w[0].result.requests[r].finish_ns);
  }
  for (int i = 0; i < 2; i++) kvc_arena_clear(&w[i].arena);
}

static void a_closed_loop_obeys_littles_law(void **state)
{
  (void)state;
  struct world w;
  struct kvc_err err = {0};
  open_world(&w);
  w.clock.fixed_s = 0.01;
  const struct kvc_traffic_spec spec = {
      .arrivals = KVC_ARRIVE_CLOSED,
      .clients = 16,
      .requests = 20000,
      .prompt = {.kind = KVC_LEN_FIXED, .mean = 64},
      .output = {.kind = KVC_LEN_UNIFORM, .min = 1, .max = 100}};
  assert_int_equal(kvc_traffic_make(&w.arena, &spec, 1, &w.traffic, &err), KVC_E_OK);
  run(&w);
  assert_within(w.result.requests_per_s * w.result.e2e_s.mean, 16, 0.05);
  /* The next request is there when the step after the answer has been planned, so each
   * waits one step beside the 50.5 of its own. */
  assert_within(w.result.queue_s.mean, 0.01, 1e-4);
  assert_within(w.result.running_mean, 16 * 50.5 / 51.5, 0.03);
  kvc_arena_clear(&w.arena);
}

static void prefix_routing_finds_more_than_taking_turns(void **state)
{
  (void)state;
  int64_t cached[3];
  for (int router = 0; router < 3; router++) {
    struct world w;
    struct kvc_err err = {0};
    open_world(&w);
    w.clock.fixed_s = 0.01;
    w.config.replicas = 4;
    w.config.router = (enum kvc_sim_router)router;
    w.config.engine.prefix_caching = true;
    w.config.engine.blocks = 300;
    const struct kvc_traffic_spec spec = {.arrivals = KVC_ARRIVE_RATE,
                                          .rate_per_s = 20,
                                          .requests = 4000,
                                          .prompt = {.kind = KVC_LEN_FIXED, .mean = 30},
                                          .output = {.kind = KVC_LEN_FIXED, .mean = 20},
                                          .prefix_tok = 512,
                                          .prefixes = 16};
    assert_int_equal(kvc_traffic_make(&w.arena, &spec, 1, &w.traffic, &err), KVC_E_OK);
    run(&w);
    cached[router] = w.result.cached_tok;
    kvc_arena_clear(&w.arena);
  }
  /* 16 prefixes of 32 blocks do not fit into 300, the quarter of them does. */
  const int64_t all = INT64_C(4000) * 512;
  assert_true(cached[KVC_ROUTE_ROUND_ROBIN] * 10 < all * 6);
  assert_true(cached[KVC_ROUTE_PREFIX] * 10 > all * 8);
}

static void ranks_in_lock_step_take_the_time_of_the_longest(void **state)
{
  (void)state;
  struct world w;
  struct kvc_err err = {0};
  open_world(&w);
  w.clock.token_s = 0.01;
  w.config.replicas = 2;
  w.config.lock_step = true;
  const struct kvc_request q[] = {{.prompt_tok = 100, .output_tok = 2},
                                  {.prompt_tok = 10, .output_tok = 2}};
  w.traffic = (struct kvc_traffic){.items = q, .n = 2};
  assert_int_equal(kvc_sim_run(&w.arena, &w.config, &w.traffic, &w.result, &err),
                   KVC_E_OK);
  assert_int_equal(w.result.requests[1].replica, 1);
  assert_int_equal(w.result.requests[1].first_token_ns, 2000000000);
  assert_int_equal(w.result.requests[1].finish_ns, 3010000000);
  kvc_arena_clear(&w.arena);
}

/* Half the time at 700 W, half at 70: 385 W each; 770 W x 10 s over 100 tokens. */
static void energy_is_board_power_while_busy_and_a_tenth_at_rest(void **state)
{
  (void)state;
  const struct kvc_sim_result r = {
      .gpu_busy_frac = 0.5, .duration_s = 10, .output_tok = 100};
  const struct kvc_sim_energy e = kvc_sim_energy_of(&r, 700, 2);
  assert_true(fabs(e.mean_watts - 770) < 1e-9);
  assert_true(fabs(e.joules_per_output_token - 77) < 1e-9);
  assert_true(isnan(kvc_sim_energy_of(&r, NAN, 2).mean_watts));
}

static void a_prompt_is_computed_on_one_side_and_answered_on_the_other(void **state)
{
  (void)state;
  struct world w;
  struct kvc_err err = {0};
  open_world(&w);
  w.config.replicas = 2;
  w.config.prefill_replicas = 1;
  w.config.transfer_latency_s = 0.25;
  w.config.kv_bytes_per_tok = 1e6;
  w.config.transfer_bps = 4e8; /* 100 tokens: 0.25 s */
  const struct kvc_request q[] = {{.prompt_tok = 100, .output_tok = 3}};
  w.traffic = (struct kvc_traffic){.items = q, .n = 1};
  assert_int_equal(kvc_sim_run(&w.arena, &w.config, &w.traffic, &w.result, &err),
                   KVC_E_OK);
  /* The prompt to 1 s, there at 1.5 s, its last token again and two more: to 4.5 s. */
  assert_int_equal(w.clock.n, 4);
  assert_int_equal(w.clock.seen[0].prefill_tok, 100);
  assert_int_equal(w.clock.seen[1].prefill_tok, 1);
  assert_int_equal(w.result.requests[0].first_token_ns, 2500000000);
  assert_int_equal(w.result.requests[0].finish_ns, 4500000000);
  assert_int_equal(w.result.balance.finished, 1);
  assert_int_equal(w.result.itl_s.n, 2);
  kvc_arena_clear(&w.arena);
}

/* Two prompts end in one step, at 1 s.  Each is 0.25 s on its way and the second waits
 * for the first, so they are there at 1.25 s and 1.5 s; the third ends at 2 s and finds
 * nobody.  A step lasts 1 s: 1.25 to 2.25 s for the first, then 2.25 to 3.25 s for the
 * others' first tokens. */
static void prompts_leave_a_server_one_after_another(void **state)
{
  (void)state;
  struct world w;
  struct kvc_err err = {0};
  open_world(&w);
  w.config.replicas = 2;
  w.config.prefill_replicas = 1;
  w.config.kv_bytes_per_tok = 1e6;
  w.config.transfer_bps = 4e8;
  const struct kvc_request q[] = {{.prompt_tok = 100, .output_tok = 1},
                                  {.prompt_tok = 100, .output_tok = 1},
                                  {.arrival_ns = 1, .prompt_tok = 50, .output_tok = 1}};
  w.traffic = (struct kvc_traffic){.items = q, .n = 3};
  assert_int_equal(kvc_sim_run(&w.arena, &w.config, &w.traffic, &w.result, &err),
                   KVC_E_OK);
  assert_int_equal(w.result.requests[0].first_token_ns, 2250000000);
  assert_int_equal(w.result.requests[1].first_token_ns, 3250000000);
  assert_int_equal(w.result.requests[2].first_token_ns, 3250000000);
  assert_true(fabs(w.result.link_sent_s - 0.625) < 1e-9);
  assert_true(fabs(w.result.link_busiest_s - 0.625) < 1e-9);
  assert_true(fabs(w.result.link_wait_s - 0.25 / 3) < 1e-9);
  kvc_arena_clear(&w.arena);
}

/* With nobody else there the way of the KV is added to the first token, and no more. */
static void a_longer_transfer_delays_the_first_token_by_itself(void **state)
{
  (void)state;
  int64_t first[2], end[2];
  for (int i = 0; i < 2; i++) {
    struct world w;
    struct kvc_err err = {0};
    open_world(&w);
    w.config.replicas = 3;
    w.config.prefill_replicas = 2;
    w.config.kv_bytes_per_tok = 1e6;
    w.config.transfer_bps = i == 0 ? 4e8 : 1e8; /* 100 tokens: 0.25 s, 1 s */
    const struct kvc_request q[] = {{.prompt_tok = 100, .output_tok = 3}};
    w.traffic = (struct kvc_traffic){.items = q, .n = 1};
    assert_int_equal(kvc_sim_run(&w.arena, &w.config, &w.traffic, &w.result, &err),
                     KVC_E_OK);
    first[i] = w.result.requests[0].first_token_ns;
    end[i] = w.result.requests[0].finish_ns;
    kvc_arena_clear(&w.arena);
  }
  assert_int_equal(first[1] - first[0], 750000000);
  assert_int_equal(end[1] - end[0], 750000000);
}

static void sides_that_cannot_be_are_refused(void **state)
{
  (void)state;
  for (int i = 0; i < 3; i++) {
    struct world w;
    struct kvc_err err = {0};
    open_world(&w);
    w.config.replicas = 2;
    w.config.prefill_replicas = i == 0 ? 2 : 1;
    w.config.lock_step = i == 1;
    w.config.transfer_latency_s = i == 2 ? -1 : 0;
    const struct kvc_request q[] = {{.prompt_tok = 100, .output_tok = 3}};
    w.traffic = (struct kvc_traffic){.items = q, .n = 1};
    assert_int_equal(kvc_sim_run(&w.arena, &w.config, &w.traffic, &w.result, &err),
                     i == 1 ? KVC_E_UNSUPPORTED : KVC_E_RANGE);
    kvc_arena_clear(&w.arena);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_slot_of_constant_service_waits_as_m_d_1),
      cmocka_unit_test(one_slot_of_exponential_service_waits_as_m_m_1),
      cmocka_unit_test(several_slots_of_exponential_lengths_wait_as_m_m_c),
      cmocka_unit_test(more_blocks_never_mean_more_preemptions),
      cmocka_unit_test(a_faster_clock_ends_no_request_later),
      cmocka_unit_test(all_times_scale_with_the_clock_and_the_arrivals),
      cmocka_unit_test(a_closed_loop_obeys_littles_law),
      cmocka_unit_test(prefix_routing_finds_more_than_taking_turns),
      cmocka_unit_test(energy_is_board_power_while_busy_and_a_tenth_at_rest),
      cmocka_unit_test(a_longer_transfer_delays_the_first_token_by_itself),
      cmocka_unit_test(prompts_leave_a_server_one_after_another),
      cmocka_unit_test(sides_that_cannot_be_are_refused),
      cmocka_unit_test(a_prompt_is_computed_on_one_side_and_answered_on_the_other),
      cmocka_unit_test(ranks_in_lock_step_take_the_time_of_the_longest),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
