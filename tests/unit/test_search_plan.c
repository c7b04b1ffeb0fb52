/* test_search_plan.c - money, replicas and answers of a plan, worked by hand.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
/* clang-format off: cmocka.h wants these before it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <math.h>
#include <string.h>
#include "src/search/search_room.h"
#include "tests/support/close.h"

struct world {
  struct kvc_arena arena;
  struct kvc_db *db;
  struct kvc_search_request req;
  struct kvc_search *s;
  struct kvc_plan plan;
};

/* 500 + 100 tokens at 30 a second on H100s of 2 USD, TP 1 alone. */
static struct world *open_world(struct world *w)
{
  struct kvc_err err = {0};
  kvc_arena_init(&w->arena, (size_t)1 << 30);
  assert_int_equal(kvc_db_open(&w->arena, NULL, 0, &w->db, &err), KVC_E_OK);
  kvc_search_request_init(&w->req);
  w->req.n_models = w->req.n_hardware = 1;
  w->req.models[0].model_name = "Qwen/Qwen3-8B";
  w->req.hardware[0].gpu = "H100";
  w->req.hardware[0].usd_per_gpu_hour = 2;
  w->req.tps[0] = w->req.pps[0] = 1;
  w->req.demand.load.prompt_tok = 500;
  w->req.demand.load.output_tok = 100;
  w->req.rate_per_s = 30;
  w->req.seed = 1;
  return w;
}

static void limit(struct world *w, const char *text)
{
  struct kvc_err err = {0};
  assert_int_equal(kvc_slo_read(text, "--slo", &w->req.slo, &err), KVC_E_OK);
}

static void search(struct world *w, bool backwards)
{
  struct kvc_err err = {0};
  assert_int_equal(kvc_search_open(&w->arena, w->db, &w->req, &w->s, &err), KVC_E_OK);
  for (int stage = 0; stage < 2; stage++) {
    const size_t *todo;
    const size_t n = kvc_search_todo(w->s, stage, &todo);
    struct kvc_search_unit *done = kvc_arena_alloc(&w->arena, n + 1, sizeof *done);
    for (size_t k = 0; k < n; k++) {
      const size_t i = backwards ? n - 1 - k : k;
      assert_int_equal(kvc_search_unit(w->s, todo[i], &done[i], &err), KVC_E_OK);
    }
    for (size_t i = 0; i < n; i++) kvc_search_put(w->s, todo[i], &done[i]);
  }
  const kvc_code rc = kvc_search_finish(w->s, &w->plan, &err);
  assert_string_equal(err.msg, "");
  assert_int_equal(rc, KVC_E_OK);
}

static void nodes_are_paid_whole_and_gpus_one_by_one(void **state)
{
  (void)state;
  struct search_card c = {.per_node = 8, .usd_per_gpu_hour = 3};
  assert_close(search_cost(&c, 2, 5), 30, 1e-12);
  c.as.whole_nodes = true;
  assert_close(search_cost(&c, 2, 5), 48, 1e-12);   /* 4 fit into one node */
  assert_close(search_cost(&c, 3, 5), 72, 1e-12);   /* 2 fit: 3 nodes */
  assert_close(search_cost(&c, 16, 3), 144, 1e-12); /* 2 nodes each */
}

static void replicas_leave_the_head_room_that_was_asked_for(void **state)
{
  (void)state;
  struct kvc_search_request r = {.headroom_frac = 0};
  assert_int_equal(search_replicas(&r, 10, 10), 1);
  assert_int_equal(search_replicas(&r, 10.1, 10), 2);
  r.headroom_frac = 0.2;
  assert_int_equal(search_replicas(&r, 8, 10), 1);
  assert_int_equal(search_replicas(&r, 10, 10), 2);
  assert_int_equal(search_replicas(&r, 1, 0), 0);
}

static void money_follows_from_replicas_price_and_tokens(void **state)
{
  (void)state;
  struct world w;
  limit(open_world(&w), "ttft_p95=400ms,tpot_p95=20ms");
  search(&w, false);
  assert_int_equal(w.plan.n_options, 1);
  const struct kvc_search_option *o = &w.plan.options[0];
  const double n = (double)o->unit->replicas;
  assert_true(n >= 1);
  assert_close(o->usd_per_hour, 2 * n, 1e-12);
  assert_close(o->usd_per_year, 2 * n * 8766, 1e-12);
  /* 30 x 100 tokens a second */
  assert_close(o->usd_per_million_tok, 2 * n / (3000 * 3600) * 1e6, 1e-9);
  assert_close(o->headroom_frac, 1 - 30 / (n * o->unit->max_rate_per_s), 1e-9);
  assert_true(o->unit->load.ttft_s.p95 <= 0.4 && o->unit->load.tpot_s.p95 <= 0.02);
  assert_true(o->ttft_s.low.p95 < o->unit->load.ttft_s.p95);
  assert_true(o->ttft_s.high.p95 > o->unit->load.ttft_s.p95);
  assert_non_null(strstr(o->command, "vllm serve Qwen/Qwen3-8B"));
  kvc_arena_clear(&w.arena);
}

static void the_largest_rate_holds_and_a_tenth_more_does_not(void **state)
{
  (void)state;
  struct world w;
  struct kvc_err err = {0};
  limit(open_world(&w), "tpot_p95=15ms");
  search(&w, false);
  struct kvc_search_unit u = *w.plan.options[0].unit;
  struct kvc_size *size = kvc_arena_alloc(&w.arena, 1, sizeof *size);
  struct search_server server;
  assert_int_equal(search_size(&w.arena, w.s, &u, size, &err), KVC_E_OK);
  assert_int_equal(search_server_open(&w.arena, w.s, &u, size, true, &server, &err),
                   KVC_E_OK);
  const double factors[] = {0.97, 1.1};
  for (int i = 0; i < 2; i++) {
    struct kvc_search_point p;
    const struct search_run run = {.load = &w.s->load,
                                   .rate_per_s = factors[i] * u.max_rate_per_s,
                                   .requests = SEARCH_VERIFY};
    assert_int_equal(search_simulate(w.s, &server, &run, &p, &err), KVC_E_OK);
    assert_true(i == 0 ? p.ratio <= 1 : p.ratio > 1);
  }
  assert_string_equal(u.binding, "tpot_p95");
  kvc_arena_clear(&w.arena);
}

/* Sixteen seats are soon taken: TPOT stays good while the queue outside grows. */
static void a_queue_that_grows_is_no_rate_that_holds(void **state)
{
  (void)state;
  struct world w;
  struct kvc_err err = {0};
  struct kvc_traffic t;
  struct kvc_sim_result r;
  struct search_server server;
  limit(open_world(&w), "tpot_p95=100ms");
  w.req.models[0].deploy.max_num_seqs = 16;
  w.req.demand.load.output_cv = 1;
  search(&w, false);
  const struct kvc_search_unit *u = w.plan.options[0].unit;
  assert_string_equal(u->binding, "throughput");
  struct kvc_size *size = kvc_arena_alloc(&w.arena, 1, sizeof *size);
  assert_int_equal(search_size(&w.arena, w.s, u, size, &err), KVC_E_OK);
  assert_int_equal(search_server_open(&w.arena, w.s, u, size, true, &server, &err),
                   KVC_E_OK);
  /* What it serves when it never waits for work. */
  server.config.warmup_frac = 0;
  assert_int_equal(search_load_at(&w.arena, &w.s->load, 1e6, SEARCH_VERIFY, &t, &err),
                   KVC_E_OK);
  assert_int_equal(kvc_sim_run(&w.arena, &server.config, &t, &r, &err), KVC_E_OK);
  /* The search draws 1,500 of them, whose mean is good to 3 %, and takes 2 % of growth
   * for none. */
  assert_true(u->max_rate_per_s < 1.08 * r.requests_per_s);
  assert_true(u->max_rate_per_s > 0.85 * r.requests_per_s);
  kvc_arena_clear(&w.arena);
}

static void a_tighter_limit_never_takes_fewer_replicas(void **state)
{
  (void)state;
  static const char *const limits[] = {"tpot_p95=40ms", "tpot_p95=20ms", "tpot_p95=12ms",
                                       "tpot_p95=9ms"};
  int64_t before = 0;
  for (size_t i = 0; i < 4; i++) {
    struct world w;
    limit(open_world(&w), limits[i]);
    w.req.rate_per_s = 200;
    search(&w, false);
    assert_int_equal(w.plan.n_options, 1);
    assert_true(w.plan.options[0].unit->replicas >= before);
    before = w.plan.options[0].unit->replicas;
    kvc_arena_clear(&w.arena);
  }
  assert_true(before > 4);
}

static void the_order_of_units_changes_nothing(void **state)
{
  (void)state;
  struct world a, b;
  struct world *const both[] = {&a, &b};
  for (int i = 0; i < 2; i++) {
    struct world *w = both[i];
    limit(open_world(w), "ttft_p95=400ms,tpot_p95=20ms");
    w->req.hardware[1].gpu = "L40S";
    w->req.hardware[2].gpu = "A100-80G";
    w->req.n_hardware = 3;
    w->req.tps[1] = 2;
    w->req.tps[2] = 4;
    search(w, i > 0);
  }
  assert_int_equal(a.plan.n_options, b.plan.n_options);
  assert_true(a.plan.n_options > 3);
  for (size_t i = 0; i < a.plan.n_options; i++)
    assert_memory_equal(a.plan.options[i].unit, b.plan.options[i].unit,
                        sizeof *a.plan.options[i].unit);
  assert_int_equal(a.plan.n_front, b.plan.n_front);
  assert_int_equal(a.plan.simulated, b.plan.simulated);
  for (size_t i = 1; i < a.plan.n_options; i++)
    assert_true(a.plan.options[i - 1].usd_per_hour <= a.plan.options[i].usd_per_hour);
  kvc_arena_clear(&a.arena);
  kvc_arena_clear(&b.arena);
}

static void frontiers_have_nothing_that_another_point_beats(void **state)
{
  (void)state;
  struct world w;
  limit(open_world(&w), "tpot_p95=30ms");
  w.req.tps[1] = 2;
  w.req.tps[2] = 4;
  search(&w, false);
  size_t n[2] = {0, 0};
  for (size_t i = 0; i < w.plan.n_front; i++) {
    const struct kvc_search_front *f = &w.plan.front[i];
    n[f->frontier]++;
    for (size_t k = 0; k < w.plan.n_front; k++) {
      const struct kvc_search_front *g = &w.plan.front[k];
      if (g->frontier != f->frontier || g == f) continue;
      if (f->frontier == KVC_FRONTIER_COST_LATENCY)
        assert_false(g->usd_per_hour <= f->usd_per_hour && g->e2e_p95_s < f->e2e_p95_s);
      else
        assert_false(g->tok_per_s_per_gpu >= f->tok_per_s_per_gpu &&
                     g->tok_per_s_per_user > f->tok_per_s_per_user);
    }
  }
  assert_true(n[0] > 1 && n[1] > 1);
  kvc_arena_clear(&w.arena);
}

static void what_does_not_start_or_is_too_dear_says_so(void **state)
{
  (void)state;
  struct world w;
  open_world(&w)->req.models[0].model_name = "meta-llama/Llama-3.1-70B-Instruct";
  search(&w, false);
  assert_int_equal(w.plan.n_options, 0);
  assert_int_equal(w.plan.n_rejected, 1);
  assert_int_equal(w.plan.rejected[0].fate, KVC_FATE_MEMORY);
  assert_non_null(strstr(w.plan.verdict, "Nothing of 1 candidates"));
  kvc_arena_clear(&w.arena);

  open_world(&w)->req.budget_usd_per_hour = 1.5;
  search(&w, false);
  assert_int_equal(w.plan.n_options, 0);
  assert_int_equal(w.plan.rejected[0].fate, KVC_FATE_LIMIT);
  assert_non_null(strstr(w.plan.rejected[0].why, "budget is 1.50"));
  assert_int_equal(w.plan.simulated, 0); /* settled by its bound */
  kvc_arena_clear(&w.arena);

  limit(open_world(&w), "tpot_p50=1ms");
  search(&w, false);
  assert_int_equal(w.plan.rejected[0].fate, KVC_FATE_BOUND);
  assert_non_null(strstr(w.plan.rejected[0].why, "tpot_p50"));
  kvc_arena_clear(&w.arena);
}

static void stock_power_and_gpus_limit_too(void **state)
{
  (void)state;
  struct world w;
  limit(open_world(&w), "tpot_p95=12ms");
  w.req.rate_per_s = 300;
  search(&w, false);
  const int64_t n = w.plan.options[0].unit->replicas;
  assert_true(n > 3);
  kvc_arena_clear(&w.arena);
  for (int i = 0; i < 6; i++) {
    limit(open_world(&w), "tpot_p95=12ms");
    w.req.rate_per_s = 300;
    const int64_t room = i % 2 == 0 ? n : n - 1;
    if (i / 2 == 0) w.req.max_gpus = room;
    if (i / 2 == 1) w.req.hardware[0].stock_gpus = room;
    if (i / 2 == 2) w.req.power_watts = 700 * (double)room;
    search(&w, false);
    assert_int_equal(w.plan.n_options, i % 2 == 0 ? 1 : 0);
    kvc_arena_clear(&w.arena);
  }
}

static void quality_is_only_spent_when_allowed_and_is_marked(void **state)
{
  (void)state;
  struct world w;
  open_world(&w);
  search(&w, false);
  assert_int_equal(w.plan.candidates, 1);
  kvc_arena_clear(&w.arena);

  open_world(&w)->req.allow = KVC_ALLOW_FP8_KV | KVC_ALLOW_FP8_WEIGHTS;
  search(&w, false);
  assert_int_equal(w.plan.candidates, 4);
  size_t marked = 0;
  for (size_t i = 0; i < w.plan.n_options; i++) {
    const struct kvc_search_option *o = &w.plan.options[i];
    const struct kvc_search_shape *p = &o->unit->shape;
    assert_int_equal(o->quality, p->fp8_kv || p->fp8_weights);
    assert_int_equal(p->fp8_weights, strcmp(o->quantization, "fp8") == 0);
    assert_int_equal(p->fp8_kv, strcmp(o->kv_cache_dtype, "fp8") == 0);
    marked += o->quality;
  }
  assert_int_equal(marked, 3);
  kvc_arena_clear(&w.arena);
}

static void days_and_months_follow_the_load(void **state)
{
  (void)state;
  struct world w;
  limit(open_world(&w), "tpot_p95=12ms");
  w.req.rate_per_s = 200;
  w.req.peak_to_trough = 4;
  w.req.growth_per_month = 0.1;
  w.req.horizon_months = 6;
  search(&w, false);
  const struct kvc_search_option *o = &w.plan.options[0];
  const double each = o->unit->max_rate_per_s;
  /* The peak at 15, the trough twelve hours away. */
  assert_int_equal(o->day[15], o->unit->replicas);
  assert_int_equal(o->day[3], (int64_t)ceil(50 / each));
  double day = 0;
  for (int h = 0; h < 24; h++) {
    assert_true(o->day[h] >= o->day[3] && o->day[h] <= o->day[15]);
    day += 2 * (double)o->day[h];
  }
  assert_close(o->usd_per_day_scaled, day, 1e-9);
  assert_int_equal(o->n_months, 7);
  for (size_t m = 0; m < 7; m++) {
    const double rate = 200 * pow(1.1, (double)m);
    assert_close(o->months[m].rate_per_s, rate, 1e-9);
    assert_int_equal(o->months[m].replicas, (int64_t)ceil(rate / each - 1e-9));
  }
  kvc_arena_clear(&w.arena);

  open_world(&w)->req.growth[0] = (struct kvc_growth_step){2, 60};
  w.req.growth[1] = (struct kvc_growth_step){4, 90};
  w.req.n_growth = 2;
  w.req.horizon_months = 5;
  search(&w, false);
  const double want[] = {30, 30, 60, 60, 90, 90};
  for (size_t m = 0; m < 6; m++)
    assert_close(w.plan.options[0].months[m].rate_per_s, want[m], 1e-12);
  kvc_arena_clear(&w.arena);
}

static void a_lost_replica_is_missed_when_there_was_no_room(void **state)
{
  (void)state;
  struct world w;
  limit(open_world(&w), "tpot_p95=12ms");
  w.req.rate_per_s = 100;
  search(&w, false);
  const struct kvc_search_option *o = &w.plan.options[0];
  const double n = (double)o->unit->replicas;
  assert_true(n >= 2);
  /* Survival is a run of its own: it may hold a little beyond the largest rate. */
  if (100 / (n - 1) > 1.1 * o->unit->max_rate_per_s) assert_false(o->survives);
  assert_non_null(o->survival);
  assert_int_equal(o->n_sensitivity, 4);
  assert_true(o->sensitivity[0].max_rate_per_s < o->unit->max_rate_per_s);
  assert_int_equal(o->sensitivity[3].replicas,
                   (int64_t)ceil(200 / o->unit->max_rate_per_s - 1e-9));
  kvc_arena_clear(&w.arena);

  open_world(&w)->req.headroom_frac = 0.6;
  limit(&w, "tpot_p95=12ms");
  w.req.rate_per_s = 100;
  search(&w, false);
  assert_true(w.plan.options[0].survives);
  assert_true(w.plan.options[0].headroom_frac >= 0.55);
  kvc_arena_clear(&w.arena);
}

static void why_not_prices_what_was_not_offered(void **state)
{
  (void)state;
  struct world w;
  struct kvc_err err = {0};
  limit(open_world(&w), "tpot_p95=20ms");
  w.req.why_not[0] = "h100";
  w.req.why_not[1] = "H100:tp2";
  w.req.why_not[2] = "L4:tp2";
  w.req.n_why_not = 3;
  search(&w, false);
  assert_int_equal(w.plan.n_why_not, 3);
  assert_non_null(strstr(w.plan.why_not[0].why, "it is option 1"));
  assert_non_null(strstr(w.plan.why_not[1].why, "not among what was searched"));
  assert_true(w.plan.why_not[1].usd_per_hour >= 4);
  assert_true(w.plan.why_not[1].max_rate_per_s > w.plan.options[0].unit->max_rate_per_s);
  assert_non_null(strstr(w.plan.why_not[2].why, "--gpu"));
  kvc_arena_clear(&w.arena);

  open_world(&w)->req.why_not[0] = "h100:tq4";
  w.req.n_why_not = 1;
  assert_int_equal(kvc_search_open(&w.arena, w.db, &w.req, &w.s, &err), KVC_E_OK);
  assert_int_equal(kvc_search_finish(w.s, &w.plan, &err), KVC_E_PARSE);
  assert_non_null(strstr(err.msg, "tq4"));
  kvc_arena_clear(&w.arena);
}

static void a_question_without_load_or_rate_is_refused(void **state)
{
  (void)state;
  struct world w;
  struct kvc_err err = {0};
  open_world(&w)->req.rate_per_s = 0;
  assert_int_equal(kvc_search_open(&w.arena, w.db, &w.req, &w.s, &err), KVC_E_USAGE);
  assert_string_equal(err.where, "--rate");
  w.req.rate_per_s = 1;
  w.req.demand.load.output_tok = 0;
  assert_int_equal(kvc_search_open(&w.arena, w.db, &w.req, &w.s, &err), KVC_E_USAGE);
  w.req.demand.load.output_tok = 10;
  w.req.hardware[0].gpu = "H1000";
  assert_int_equal(kvc_search_open(&w.arena, w.db, &w.req, &w.s, &err), KVC_E_UNKNOWN);
  kvc_arena_clear(&w.arena);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nodes_are_paid_whole_and_gpus_one_by_one),
      cmocka_unit_test(replicas_leave_the_head_room_that_was_asked_for),
      cmocka_unit_test(money_follows_from_replicas_price_and_tokens),
      cmocka_unit_test(the_largest_rate_holds_and_a_tenth_more_does_not),
      cmocka_unit_test(a_queue_that_grows_is_no_rate_that_holds),
      cmocka_unit_test(a_tighter_limit_never_takes_fewer_replicas),
      cmocka_unit_test(the_order_of_units_changes_nothing),
      cmocka_unit_test(frontiers_have_nothing_that_another_point_beats),
      cmocka_unit_test(what_does_not_start_or_is_too_dear_says_so),
      cmocka_unit_test(stock_power_and_gpus_limit_too),
      cmocka_unit_test(quality_is_only_spent_when_allowed_and_is_marked),
      cmocka_unit_test(days_and_months_follow_the_load),
      cmocka_unit_test(a_lost_replica_is_missed_when_there_was_no_room),
      cmocka_unit_test(why_not_prices_what_was_not_offered),
      cmocka_unit_test(a_question_without_load_or_rate_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
