/* prop_search_laws.c - what pruning rests on, on random models, GPUs and loads.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <gsl/gsl_rng.h>
#include <math.h>
#include <string.h>
#include "src/search/search_room.h"

enum { RATES = 4 };
#ifdef __SANITIZE_ADDRESS__
enum { CANDIDATES = 20 }; /* several times slower */
#else
enum { CANDIDATES = 60 };
#endif

static const char *const models[] = {
    "Qwen/Qwen3-8B", "Qwen/Qwen3-30B-A3B", "meta-llama/Llama-3.1-8B-Instruct",
    "google/gemma-3-27b-it", "mistralai/Mistral-7B-Instruct-v0.3"};
static const char *const gpus[] = {"H100", "A100-80G", "L40S", "L4", "B200", "MI300X"};
static const char *const releases[] = {"0.8.5", "0.11.0", "0.19.0"};

#define PICK(rng, list) list[gsl_rng_uniform_int(rng, sizeof list / sizeof *list)]

struct world {
  struct kvc_arena arena;
  struct kvc_db *db;
  struct kvc_search_request req;
  struct kvc_search *s;
};

static void open_world(struct world *w)
{
  struct kvc_err err = {0};
  kvc_arena_init(&w->arena, (size_t)1 << 30);
  assert_int_equal(kvc_db_open(&w->arena, NULL, 0, &w->db, &err), KVC_E_OK);
  kvc_search_request_init(&w->req);
  w->req.n_models = w->req.n_hardware = 1;
}

static kvc_code open_search(struct world *w)
{
  struct kvc_err err = {0};
  const kvc_code rc = kvc_search_open(&w->arena, w->db, &w->req, &w->s, &err);
  if (rc != KVC_E_OK && rc != KVC_E_INFEASIBLE) assert_string_equal(err.msg, "");
  return rc;
}

static void draw(gsl_rng *rng, struct world *w)
{
  struct kvc_deploy *d = &w->req.models[0].deploy;
  struct kvc_workload *load = &w->req.demand.load;
  struct kvc_err err = {0};
  open_world(w);
  w->req.models[0].model_name = PICK(rng, models);
  w->req.hardware[0].gpu = PICK(rng, gpus);
  assert_int_equal(kvc_version_parse(PICK(rng, releases), "", &d->version, &err),
                   KVC_E_OK);
  d->version_given = true;
  d->tp = 1 << gsl_rng_uniform_int(rng, 3);
  d->pp = 1;
  if (gsl_rng_uniform_int(rng, 3) == 0) d->max_num_seqs = 16;
  if (gsl_rng_uniform_int(rng, 3) == 0) d->max_num_batched_tok = 1024;
  load->prompt_tok = floor(50 * pow(100, gsl_rng_uniform(rng)));
  load->output_tok = floor(4 * pow(100, gsl_rng_uniform(rng)));
  load->prompt_cv = gsl_rng_uniform_int(rng, 2) > 0 ? 0.8 : 0;
  load->output_cv = gsl_rng_uniform_int(rng, 2) > 0 ? 0.8 : 0;
  load->shared_prefix_frac = gsl_rng_uniform_int(rng, 2) > 0 ? 0.4 : 0;
  w->req.rate_per_s = 1;
  w->req.seed = gsl_rng_get(rng);
}

/* A unit's server, its load and its bound; false when it does not start. */
static bool prepare(struct world *w, struct search_server *server,
                    struct search_bound *bound)
{
  struct kvc_err err = {0};
  const struct kvc_search_unit *u = &w->s->units[0];
  struct kvc_size *size = kvc_arena_alloc(&w->arena, 1, sizeof *size);
  if (u->fate != KVC_FATE_FOUND) return false;
  assert_int_equal(search_size(&w->arena, w->s, u, size, &err), KVC_E_OK);
  assert_int_equal(search_server_open(&w->arena, w->s, u, size, true, server, &err),
                   KVC_E_OK);
  assert_int_equal(search_bound(&w->arena, server, &w->s->load, bound, &err), KVC_E_OK);
  return true;
}

/* Times of a run are whole nanoseconds. */
static void assert_above(double value, double bound)
{
  if (!(value >= bound * (1 - 1e-7) - 1e-9))
    fail_msg("%.9g is below its bound %.9g", value, bound);
}

static void no_run_is_better_than_the_bound_of_its_candidate(void **state)
{
  (void)state;
  gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
  size_t checked = 0;
  for (int i = 0; i < CANDIDATES; i++) {
    struct world w;
    struct search_server server;
    struct search_bound bound;
    draw(rng, &w);
    if (open_search(&w) == KVC_E_OK && prepare(&w, &server, &bound)) {
      for (int k = 0; k < RATES; k++) {
        struct kvc_search_point p;
        struct kvc_err err = {0};
        const struct search_run run = {.load = &w.s->load,
                                       .rate_per_s = bound.rate_per_s * pow(0.1, k),
                                       .requests = search_requests(&server)};
        assert_int_equal(search_simulate(w.s, &server, &run, &p, &err), KVC_E_OK);
        assert_above(p.tpot_s.p50, bound.tpot_s);
        assert_above(p.ttft_s.p50, bound.ttft_s[KVC_SLO_P50]);
        assert_above(p.ttft_s.p95, bound.ttft_s[KVC_SLO_P95]);
        assert_above(p.e2e_s.p50, bound.e2e_s[KVC_SLO_P50]);
        assert_above(p.e2e_s.p95, bound.e2e_s[KVC_SLO_P95]);
        checked++;
      }
    }
    kvc_arena_clear(&w.arena);
  }
  gsl_rng_free(rng);
  assert_true(checked > CANDIDATES);
}

/* All at once and as many seats as there may be: the server is never idle, so what it
 * serves a second is the most it can. */
static void no_server_serves_more_than_its_bound(void **state)
{
  (void)state;
  gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
  size_t checked = 0;
  gsl_rng_set(rng, 7);
  for (int i = 0; i < CANDIDATES; i++) {
    struct world w;
    struct search_server server;
    struct search_bound bound;
    draw(rng, &w);
    if (open_search(&w) == KVC_E_OK && prepare(&w, &server, &bound)) {
      struct kvc_err err = {0};
      struct kvc_traffic t;
      struct kvc_sim_result r;
      const size_t n = search_requests(&server);
      assert_int_equal(search_load_at(&w.arena, &w.s->load, 1e6, n, &t, &err), KVC_E_OK);
      server.config.warmup_frac = 0;
      assert_int_equal(kvc_sim_run(&w.arena, &server.config, &t, &r, &err), KVC_E_OK);
      assert_int_equal(r.balance.rejected, 0);
      assert_above(bound.rate_per_s, r.requests_per_s);
      checked++;
    }
    kvc_arena_clear(&w.arena);
  }
  gsl_rng_free(rng);
  assert_true(checked > CANDIDATES / 5);
}

/* Searched with every stage, and with every unit searched whatever the bounds said. */
static void run_all(struct world *w, bool prune)
{
  struct kvc_err err = {0};
  assert_int_equal(kvc_search_open(&w->arena, w->db, &w->req, &w->s, &err), KVC_E_OK);
  if (!prune) {
    for (size_t i = 0; i < w->s->n_units; i++)
      if (w->s->units[i].fate == KVC_FATE_FOUND)
        assert_int_equal(search_unit_run(w->s, &w->s->units[i], &err), KVC_E_OK);
    return;
  }
  for (int stage = 0; stage < 2; stage++) {
    const size_t *todo;
    const size_t n = kvc_search_todo(w->s, stage, &todo);
    for (size_t i = 0; i < n; i++) {
      struct kvc_search_unit u;
      assert_int_equal(kvc_search_unit(w->s, todo[i], &u, &err), KVC_E_OK);
      kvc_search_put(w->s, todo[i], &u);
    }
  }
}

/* For each of the found, whether another is cheaper and sooner. */
static bool is_beaten(const struct kvc_search *s, const struct kvc_search_unit *u)
{
  for (size_t i = 0; i < s->n_units; i++) {
    const struct kvc_search_unit *v = &s->units[i];
    if (v->fate == KVC_FATE_FOUND && v->usd_per_hour < u->usd_per_hour &&
        v->load.e2e_s.p95 < u->load.e2e_s.p95)
      return true;
  }
  return false;
}

static void pruning_loses_nothing_that_is_not_beaten(void **state)
{
  (void)state;
  static const char *const cards[] = {"H100", "A100-80G", "L40S", "B200", "A10"};
  static const char *const limits[] = {"ttft_p95=800ms,tpot_p95=40ms", "e2e_p95=12s",
                                       "tpot_p99=25ms"};
  for (size_t k = 0; k < sizeof limits / sizeof *limits; k++) {
    struct world all, few;
    struct kvc_err err = {0};
    struct world *const both[] = {&all, &few};
    for (int i = 0; i < 2; i++) {
      struct world *w = both[i];
      open_world(w);
      w->req.models[0].model_name = models[k];
      for (size_t c = 0; c < sizeof cards / sizeof *cards; c++)
        w->req.hardware[c].gpu = cards[c];
      w->req.n_hardware = sizeof cards / sizeof *cards;
      w->req.demand.load = (struct kvc_workload){
          .prompt_tok = 600, .output_tok = 150, .prompt_cv = 0.7, .output_cv = 0.7};
      w->req.rate_per_s = 12;
      assert_int_equal(kvc_slo_read(limits[k], "--slo", &w->req.slo, &err), KVC_E_OK);
      run_all(w, i > 0);
    }
    size_t unbeaten = 0, pruned = 0;
    for (size_t i = 0; i < all.s->n_units; i++) {
      const struct kvc_search_unit *u = &all.s->units[i], *v = &few.s->units[i];
      pruned += v->fate == KVC_FATE_DOMINATED;
      if (u->fate != KVC_FATE_FOUND || is_beaten(all.s, u)) continue;
      unbeaten++;
      if (v->fate != KVC_FATE_FOUND)
        fail_msg("%s was lost: %s", kvc_search_words(all.s, u), v->why);
      /* What is found does not depend on how it was come by, but for where the search
       * for the largest rate began. */
      assert_true(fabs(log(v->usd_per_hour / u->usd_per_hour)) < 0.35);
    }
    assert_true(unbeaten > 1);
    if (k == 0) assert_true(pruned > 0);
    kvc_arena_clear(&all.arena);
    kvc_arena_clear(&few.arena);
  }
}

static void the_remembered_clock_is_within_half_a_per_cent(void **state)
{
  (void)state;
  gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
  for (int i = 0; i < CANDIDATES; i++) {
    struct world w;
    struct search_server server;
    struct search_bound bound;
    draw(rng, &w);
    if (open_search(&w) == KVC_E_OK && prepare(&w, &server, &bound)) {
      struct search_clock *clock =
          search_clock_make(&w.arena, kvc_latency_step, server.latency);
      assert_non_null(clock);
      for (int k = 0; k < 200; k++) {
        const struct kvc_step step =
            kvc_decode_step(1 + (double)gsl_rng_uniform_int(rng, 256),
                            20 + (double)gsl_rng_uniform_int(rng, 4000));
        const double exact = kvc_latency_step(server.latency, &step);
        assert_true(fabs(search_clock_step(clock, &step) / exact - 1) < 0.005);
        assert_true(search_clock_step(clock, &step) == search_clock_step(clock, &step));
      }
    }
    kvc_arena_clear(&w.arena);
  }
  gsl_rng_free(rng);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_run_is_better_than_the_bound_of_its_candidate),
      cmocka_unit_test(no_server_serves_more_than_its_bound),
      cmocka_unit_test(pruning_loses_nothing_that_is_not_beaten),
      cmocka_unit_test(the_remembered_clock_is_within_half_a_per_cent),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
