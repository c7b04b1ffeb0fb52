/* prop_sim.c - laws of the simulator over random loads and engines.
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
#include <string.h>
#include "tests/support/sim_kit.h"
#include "tests/support/sim_plain.h"

static int64_t between(struct kvc_rng *rng, int64_t low, int64_t high)
{
  return low + (int64_t)kvc_rng_below(rng, (uint64_t)(high - low + 1));
}

/* Time depends on all that a step says, so that a wrong sum shows. */
static double full_clock(void *ctx, const struct kvc_step *s)
{
  (void)ctx;
  double t = 0.002 + 1e-4 * s->decodes + 1e-7 * s->decode_context_tok +
             1e-6 * s->decode_longest_tok + 1e-5 * s->running;
  for (size_t i = 0; i < s->n_prefills; i++)
    t += 2e-5 * s->prefills[i].new_tok + 3e-8 * s->prefills[i].context_tok +
         (s->prefills[i].last ? 1e-4 : 0);
  return t;
}

struct lot {
  struct kvc_arena arena;
  struct kvc_sim_config config;
  struct kvc_traffic traffic;
  struct kvc_sim_result result;
};

static void draw_engine(struct kvc_rng *rng, struct kvc_sim_config *c)
{
  struct kvc_sim_engine *e = &c->engine;
  *c = (struct kvc_sim_config){.step_time = full_clock, .keep_requests = true};
  e->block_size_tok = (int)between(rng, 1, 20);
  e->max_model_len_tok = 200;
  e->lookahead_tok = (int)between(rng, 0, 3);
  e->max_batched_tok = between(rng, 5, 300);
  e->chunked_prefill = kvc_rng_below(rng, 3) > 0;
  if (!e->chunked_prefill && e->max_batched_tok < 200) e->max_batched_tok = 200;
  e->max_num_seqs = between(rng, 1, 40);
  e->long_prefill_threshold_tok = kvc_rng_below(rng, 3) > 0 ? 0 : between(rng, 1, 60);
  e->policy.reserve_full_isl = kvc_rng_below(rng, 2) > 0;
  e->policy.watermark_if_busy = true;
  e->policy.watermark_frac = kvc_rng_below(rng, 2) > 0 ? 0.05 : 0;
  e->blocks = between(rng, 1, 5) * (210 / e->block_size_tok + 2);
}

static void draw_lot(struct lot *l, uint64_t seed, size_t n)
{
  struct kvc_rng rng;
  struct kvc_err err = {0};
  kvc_rng_init(&rng, seed, "lots");
  kvc_arena_init(&l->arena, 1 << 26);
  draw_engine(&rng, &l->config);
  const struct kvc_traffic_spec spec = {.arrivals = KVC_ARRIVE_RATE,
                                        .rate_per_s = (double)between(&rng, 1, 60),
                                        .burstiness = 0.5,
                                        .requests = n,
                                        .prompt = {.kind = KVC_LEN_UNIFORM,
                                                   .min = 1,
                                                   .max = (int32_t)between(&rng, 2, 100)},
                                        .output = {.kind = KVC_LEN_UNIFORM,
                                                   .min = 1,
                                                   .max = (int32_t)between(&rng, 2, 90)}};
  assert_int_equal(kvc_traffic_make(&l->arena, &spec, seed, &l->traffic, &err), KVC_E_OK);
}

static void run(struct lot *l)
{
  struct kvc_err err = {0};
  const kvc_code rc = kvc_sim_run(&l->arena, &l->config, &l->traffic, &l->result, &err);
  assert_string_equal(err.msg, "");
  assert_int_equal(rc, KVC_E_OK);
}

/* Half of the lots: urgency, blocks ahead, two steps in flight, clients that wait for
 * their answers. */
static void vary(struct lot *l, uint64_t seed, struct kvc_request *items, size_t n)
{
  struct kvc_rng rng;
  kvc_rng_init(&rng, seed, "variants");
  if (kvc_rng_below(&rng, 2) == 0) return;
  l->config.max_steps = 1000000;
  l->config.engine.priority = kvc_rng_below(&rng, 2) > 0;
  l->config.engine.policy.prealloc_tok =
      kvc_rng_below(&rng, 2) > 0 ? (int)between(&rng, 1, 64) : 0;
  l->config.engine.async_scheduling = kvc_rng_below(&rng, 2) > 0;
  l->traffic.ends_by_stop = kvc_rng_below(&rng, 2) > 0;
  if (kvc_rng_below(&rng, 3) == 0) {
    l->traffic.clients = (int)between(&rng, 1, 40);
    l->traffic.paced = kvc_rng_below(&rng, 2) > 0;
  }
  memcpy(items, l->traffic.items, n * sizeof *items);
  for (size_t i = 0; i < n; i++) items[i].priority = (int32_t)between(&rng, 0, 3);
  l->traffic.items = items;
}

static void lazy_and_plain_schedules_agree_to_the_nanosecond(void **state)
{
  (void)state;
  enum { LOTS = 1000, N = 60 };
  int64_t preempted = 0;
  for (uint64_t seed = 0; seed < LOTS; seed++) {
    struct lot l;
    struct plain_seq plain[N];
    struct kvc_request items[N];
    draw_lot(&l, seed, N);
    vary(&l, seed, items, N);
    run(&l);
    assert_int_equal(l.result.balance.finished, N);
    plain_run(&l.config, &l.traffic, plain);
    for (size_t i = 0; i < N; i++) {
      const struct kvc_sim_request *r = &l.result.requests[i];
      if (r->first_token_ns != plain[i].first_ns || r->finish_ns != plain[i].finish_ns ||
          r->preemptions != plain[i].preempted)
        fail_msg("lot %d, request %zu: first %lld, plain %lld; end %lld, plain %lld; "
                 "preempted %d, plain %d",
                 (int)seed, i, (long long)r->first_token_ns, (long long)plain[i].first_ns,
                 (long long)r->finish_ns, (long long)plain[i].finish_ns, r->preemptions,
                 (int)plain[i].preempted);
    }
    preempted += l.result.preemptions;
    kvc_arena_clear(&l.arena);
  }
  assert_true(preempted > 1000); /* the hard road was taken */
}

/* All that the plain one leaves out. */
static void draw_features(struct kvc_rng *rng, struct kvc_sim_config *c)
{
  struct kvc_sim_engine *e = &c->engine;
  e->prefix_caching = kvc_rng_below(rng, 2) > 0;
  e->priority = kvc_rng_below(rng, 3) == 0;
  e->policy.unhashed_first = kvc_rng_below(rng, 2) > 0;
  e->policy.v0 = kvc_rng_below(rng, 3) == 0;
  if (e->policy.v0) {
    e->long_prefill_threshold_tok = 0;
    e->priority = false;
    e->preempt = kvc_rng_below(rng, 2) > 0 ? KVC_PREEMPT_SWAP : KVC_PREEMPT_RECOMPUTE;
    e->swap_blocks = between(rng, 0, 100);
    e->scheduler_delay_factor = (double)kvc_rng_below(rng, 2);
    e->scheduler_steps = (int)between(rng, 1, 8);
    e->lookahead_tok = (int)between(rng, 0, 40);
    e->policy.watermark_if_busy = false;
    c->swap_bps = 1e9;
    c->block_bytes = 1e6;
  } else {
    e->async_scheduling = kvc_rng_below(rng, 2) > 0;
    e->policy.prealloc_tok = kvc_rng_below(rng, 3) == 0 ? 64 : 0;
  }
  c->replicas = (int)between(rng, 1, 4);
  c->router = (enum kvc_sim_router)kvc_rng_below(rng, 3);
  c->lock_step = !e->async_scheduling && kvc_rng_below(rng, 3) == 0;
  if (!e->policy.v0 && !c->lock_step && c->replicas > 1)
    c->prefill_replicas = (int)between(rng, 0, c->replicas - 1);
  c->transfer_latency_s = 0.01;
  c->kv_bytes_per_tok = 1e5;
  c->transfer_bps =
      kvc_rng_below(rng, 4) == 0 ? 0 : (double)between(rng, 1000000, 50000000);
  c->series_points = kvc_rng_below(rng, 2) > 0 ? 64 : 0;
  c->max_steps = 1000000; /* a schedule that turns in circles is seen, not waited for */
}

static void check_request(const struct lot *l, size_t i)
{
  const struct kvc_sim_request *r = &l->result.requests[i];
  const struct kvc_request *q = &l->traffic.items[i];
  if (r->state != KVC_SIM_FINISHED) {
    assert_int_equal(r->state, KVC_SIM_REJECTED);
    return;
  }
  assert_true(r->scheduled_ns >= r->arrival_ns);
  assert_true(r->first_token_ns > r->scheduled_ns);
  /* A step takes 2 ms at least: nothing is faster than its steps. */
  assert_true(r->finish_ns - r->first_token_ns >=
              (int64_t)(r->output_tok - 1) * INT64_C(2000000));
  if (q->after != 0)
    assert_true(r->arrival_ns ==
                l->result.requests[q->after - 1].finish_ns + q->arrival_ns);
  assert_true(r->cached_tok < q->prompt_tok);
  /* A step on either side and the way between. */
  if (l->config.prefill_replicas > 0) {
    assert_true(r->first_token_ns - r->scheduled_ns >= INT64_C(14000000));
    assert_true(r->replica >= l->config.prefill_replicas);
  }
}

/* What was sent took as long as its bytes do, no link was busier than there is time, and
 * nothing arrives before all that left its server until then. */
static void check_links(const struct lot *l)
{
  const struct kvc_sim_config *c = &l->config;
  const struct kvc_sim_result *r = &l->result;
  double bytes = 0, last_s = 0, first_s = INFINITY;
  for (size_t i = 0; i < l->traffic.n; i++) {
    const struct kvc_sim_request *q = &r->requests[i];
    if (q->state != KVC_SIM_FINISHED) continue;
    bytes += c->kv_bytes_per_tok * l->traffic.items[i].prompt_tok;
    last_s = fmax(last_s, (double)q->first_token_ns / 1e9);
    first_s = fmin(first_s, (double)q->scheduled_ns / 1e9);
  }
  if (c->prefill_replicas == 0 || c->transfer_bps == 0) {
    assert_true(r->link_sent_s == 0 && r->link_wait_s == 0);
    return;
  }
  const double sent_s = bytes / c->transfer_bps;
  assert_true(fabs(r->link_sent_s - sent_s) <=
              1e-9 * (double)l->traffic.n + 1e-12 * sent_s);
  assert_true(r->link_busiest_s * c->prefill_replicas >= r->link_sent_s * (1 - 1e-12));
  if (r->link_sent_s > 0) assert_true(r->link_busiest_s < last_s - first_s);
  assert_true(r->link_wait_s >= 0);
}

static void every_load_is_served_balanced_and_causal(void **state)
{
  (void)state;
  for (uint64_t seed = 0; seed < 2000; seed++) {
    struct lot l;
    struct kvc_rng rng;
    struct kvc_err err = {0};
    draw_lot(&l, seed, 1);
    kvc_rng_init(&rng, seed, "features");
    draw_features(&rng, &l.config);
    const struct kvc_traffic_spec spec = {
        .arrivals = (enum kvc_arrivals)kvc_rng_below(&rng, 5),
        .rate_per_s = 20,
        .rate_end_per_s = 60,
        .period_s = 5,
        .swing_frac = 0.8,
        .clients = (int)between(&rng, 1, 30),
        .requests = 80,
        .prompt = {.kind = KVC_LEN_LOGNORMAL, .mean = 20, .spread = 1, .max = 120},
        .output = {.kind = KVC_LEN_NORMAL, .mean = 20, .spread = 10},
        .prefix_tok = (int32_t)between(&rng, 0, 40),
        .prefixes = 3,
        .turns = (int)between(&rng, 0, 3),
        .think_s = 0.1,
        .ends_by_stop = kvc_rng_below(&rng, 2) > 0};
    assert_int_equal(kvc_traffic_make(&l.arena, &spec, seed, &l.traffic, &err), KVC_E_OK);
    run(&l);
    assert_int_equal(l.result.balance.arrived, 80);
    assert_int_equal(l.result.balance.blocks_used, 0);
    for (size_t i = 0; i < 80; i++) check_request(&l, i);
    check_links(&l);
    if (l.result.balance.rejected == 0 && l.result.swaps == 0) {
      int64_t gaps = 0;
      for (size_t i = 0; i < 80; i++) gaps += l.result.requests[i].output_tok - 1;
      assert_int_equal(l.result.itl_s.n, gaps);
    }
    kvc_arena_clear(&l.arena);
  }
}

static uint64_t digest(const struct lot *l)
{
  uint64_t h = 0;
  for (size_t i = 0; i < l->traffic.n; i++) {
    const struct kvc_sim_request *r = &l->result.requests[i];
    h = kvc_rng_mix(h ^ (uint64_t)r->arrival_ns);
    h = kvc_rng_mix(h ^ (uint64_t)r->scheduled_ns);
    h = kvc_rng_mix(h ^ (uint64_t)r->first_token_ns);
    h = kvc_rng_mix(h ^ (uint64_t)r->finish_ns);
  }
  return h;
}

static void the_same_seed_gives_the_same_times_with_every_compiler(void **state)
{
  (void)state;
  uint64_t h = 0;
  for (int again = 0; again < 2; again++) {
    struct lot l;
    struct kvc_err err = {0};
    draw_lot(&l, 11, 1);
    const struct kvc_traffic_spec spec = {
        .arrivals = KVC_ARRIVE_RATE,
        .rate_per_s = 30,
        .burstiness = 0.7,
        .requests = 5000,
        .prompt = {.kind = KVC_LEN_LOGNORMAL, .mean = 60, .spread = 1, .max = 150},
        .output = {.kind = KVC_LEN_NORMAL, .mean = 30, .spread = 10},
        .prefix_tok = 16,
        .turns = 2,
        .think_s = 1};
    l.config.engine.prefix_caching = true;
    assert_int_equal(kvc_traffic_make(&l.arena, &spec, 5, &l.traffic, &err), KVC_E_OK);
    run(&l);
    if (again == 0) h = digest(&l);
    assert_true(h == digest(&l));
    kvc_arena_clear(&l.arena);
  }
  assert_true(h == UINT64_C(0x8bf2d0e71337bdfa));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lazy_and_plain_schedules_agree_to_the_nanosecond),
      cmocka_unit_test(every_load_is_served_balanced_and_causal),
      cmocka_unit_test(the_same_seed_gives_the_same_times_with_every_compiler),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
