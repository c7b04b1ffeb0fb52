/* test_observe_pages.c - what pages of metrics say between them.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "observe_kit.h"
#include "tests/support/close.h"

struct fixture {
  struct kvc_arena arena;
  struct kit_page kit[6];
  struct kvc_page pages[6];
  struct kvc_live live;
  struct kvc_observe_notes notes;
};

static struct fixture *fresh(struct fixture *f)
{
  memset(f, 0, sizeof *f);
  kvc_arena_init(&f->arena, 4 << 20);
  kvc_live_init(&f->live);
  return f;
}

static void observe(struct fixture *f, size_t n, double interval_s)
{
  struct kvc_err err;
  const struct kvc_looks looks = {.pages = f->pages, .n = n, .interval_s = interval_s};
  assert_int_equal(kvc_observe_pages(&f->arena, &looks, &f->live, &f->notes, &err),
                   KVC_E_OK);
}

static struct fixture fixture;

static void rates_are_increases_over_the_time_between(void **state)
{
  (void)state;
  struct fixture *f = fresh(&fixture);
  /* 600 tokens in 300 s = 2 a second; 30 requests in 300 s = 0.1 a second */
  kit_add(&f->kit[0], "generation_tokens", NULL, 1000);
  kit_add(&f->kit[1], "generation_tokens", NULL, 1600);
  kit_add(&f->kit[0], "request_success", NULL, 10);
  kit_add(&f->kit[1], "request_success", NULL, 40);
  kit_add(&f->kit[0], "num_preemptions", NULL, 5);
  kit_add(&f->kit[1], "num_preemptions", NULL, 8);
  f->pages[0] = kit_page(&f->kit[0], 1000);
  f->pages[1] = kit_page(&f->kit[1], 1300);
  observe(f, 2, NAN);
  assert_close(f->live.v[KVC_L_interval_s], 300, 1e-12);
  assert_close(f->live.v[KVC_L_generation_tps], 2, 1e-12);
  assert_close(f->live.v[KVC_L_request_per_s], 0.1, 1e-12);
  assert_close(f->live.v[KVC_L_preemptions], 3, 1e-12);
  assert_close(f->live.v[KVC_L_preemption_per_request], 0.1, 1e-12);
  assert_close(f->live.v[KVC_L_output_mean_tok], 20, 1e-12);
  assert_string_equal(f->live.from[KVC_L_generation_tps], "metrics generation_tokens");
  kvc_arena_clear(&f->arena);
}

static void pages_are_put_in_the_order_of_their_times(void **state)
{
  (void)state;
  struct fixture *f = fresh(&fixture);
  kit_add(&f->kit[0], "generation_tokens", NULL, 1600);
  kit_add(&f->kit[1], "generation_tokens", NULL, 1000);
  f->pages[0] = kit_page(&f->kit[0], 1300);
  f->pages[1] = kit_page(&f->kit[1], 1000);
  observe(f, 2, NAN);
  assert_close(f->live.v[KVC_L_generation_tps], 2, 1e-12);
  assert_close(f->live.v[KVC_L_counter_reset] + 1, 1, 1e-12);
  kvc_arena_clear(&f->arena);
}

static void a_counter_that_went_back_counts_from_zero(void **state)
{
  (void)state;
  struct fixture *f = fresh(&fixture);
  kit_add(&f->kit[0], "generation_tokens", NULL, 1000);
  kit_add(&f->kit[1], "generation_tokens", NULL, 50);
  kit_add(&f->kit[2], "generation_tokens", NULL, 80);
  for (size_t i = 0; i < 3; i++)
    f->pages[i] = kit_page(&f->kit[i], 1000 + 10 * (double)i);
  observe(f, 3, NAN);
  /* 50 after the restart, 30 more: 80 in 20 s */
  assert_close(f->live.v[KVC_L_generation_tps], 4, 1e-12);
  assert_close(f->live.v[KVC_L_counter_reset], 1, 1e-12);
  kvc_arena_clear(&f->arena);
}

static void quantiles_are_those_of_the_interval(void **state)
{
  (void)state;
  static const struct kvc_bucket before[] = {
      {0.1, 100}, {0.5, 100}, {1, 100}, {INFINITY, 100}};
  /* in between: 10 up to 0.1 s, 80 up to 0.5 s, 10 up to 1 s */
  static const struct kvc_bucket after[] = {
      {0.1, 110}, {0.5, 190}, {1, 200}, {INFINITY, 200}};
  struct fixture *f = fresh(&fixture);
  kit_hist(&f->kit[0], "time_to_first_token_seconds", before, 4, 5);
  kit_hist(&f->kit[1], "time_to_first_token_seconds", after, 4, 45);
  f->pages[0] = kit_page(&f->kit[0], 0);
  f->pages[1] = kit_page(&f->kit[1], 60);
  observe(f, 2, NAN);
  /* rank 50 is 40 of 80 into (0.1, 0.5]: 0.3; rank 95 is 5 of 10 into (0.5, 1]: 0.75 */
  assert_close(f->live.v[KVC_L_ttft_p50_s], 0.3, 1e-12);
  assert_close(f->live.v[KVC_L_ttft_p95_s], 0.75, 1e-12);
  assert_close(f->live.v[KVC_L_ttft_mean_s], 0.4, 1e-12);
  kvc_arena_clear(&f->arena);
}

static void a_full_last_bucket_is_told(void **state)
{
  (void)state;
  static const struct kvc_bucket page[] = {{0.1, 10}, {0.5, 75}, {INFINITY, 100}};
  struct fixture *f = fresh(&fixture);
  kit_hist(&f->kit[0], "time_to_first_token_seconds", page, 3, 500);
  f->pages[0] = kit_page(&f->kit[0], NAN);
  observe(f, 1, NAN);
  assert_close(f->live.v[KVC_L_saturated_frac], 0.25, 1e-12);
  assert_string_equal(f->live.saturated, "time_to_first_token_seconds");
  assert_close(f->live.v[KVC_L_ttft_p95_s], 0.5, 1e-12); /* the highest finite bound */
  kvc_arena_clear(&f->arena);
}

static void of_two_names_of_a_metric_the_newer_one_counts(void **state)
{
  (void)state;
  struct fixture *f = fresh(&fixture);
  struct kvc_series *old = kit_add(&f->kit[0], "kv_cache_usage_perc", NULL, 0.4);
  struct kvc_series *new = kit_add(&f->kit[0], "kv_cache_usage_perc", NULL, 0.5);
  f->kit[0].names[0].since = (struct kvc_version){{0, 5, 0}, 0, false};
  f->kit[0].names[1].since = (struct kvc_version){{0, 9, 2}, 0, false};
  old->family = "vllm:gpu_cache_usage_perc";
  new->family = "vllm:kv_cache_usage_perc";
  f->pages[0] = kit_page(&f->kit[0], NAN);
  observe(f, 1, NAN);
  assert_close(f->live.v[KVC_L_kv_usage_mean_frac], 0.5, 1e-12);
  assert_string_equal(f->live.from[KVC_L_kv_usage_mean_frac],
                      "metrics vllm:kv_cache_usage_perc");
  kvc_arena_clear(&f->arena);
}

static void engines_are_told_apart(void **state)
{
  (void)state;
  struct fixture *f = fresh(&fixture);
  kit_add(&f->kit[0], "num_requests_running", "0", 60);
  kit_add(&f->kit[0], "num_requests_running", "1", 10);
  kit_add(&f->kit[0], "kv_cache_usage_perc", "0", 0.9);
  kit_add(&f->kit[0], "kv_cache_usage_perc", "1", 0.1);
  f->pages[0] = kit_page(&f->kit[0], NAN);
  observe(f, 1, NAN);
  assert_close(f->live.v[KVC_L_engines], 2, 1e-12);
  assert_close(f->live.v[KVC_L_running_mean], 35, 1e-12); /* of an engine */
  assert_close(f->live.v[KVC_L_running_max], 60, 1e-12);
  assert_close(f->live.v[KVC_L_engine_load_ratio], 6, 1e-12);
  assert_string_equal(f->live.engine_busiest, "0");
  assert_close(f->live.v[KVC_L_engine_kv_spread_frac], 0.8, 1e-12);
  kvc_arena_clear(&f->arena);
}

static void stretches_are_timed_over_a_series_of_looks(void **state)
{
  (void)state;
  static const double waiting[] = {0, 12, 15, 20, 3, 11};
  struct fixture *f = fresh(&fixture);
  for (size_t i = 0; i < 6; i++) {
    kit_add(&f->kit[i], "num_requests_waiting", NULL, waiting[i]);
    f->pages[i] = kit_page(&f->kit[i], 30 * (double)i);
  }
  observe(f, 6, NAN);
  assert_close(f->live.v[KVC_L_waiting_long_s], 60, 1e-12); /* from 30 s to 90 s */
  assert_close(f->live.v[KVC_L_waiting_max], 20, 1e-12);
  assert_close(f->live.v[KVC_L_waiting_mean], 61.0 / 6, 1e-12);
  kvc_arena_clear(&f->arena);
}

static void without_times_there_are_no_rates_but_shares(void **state)
{
  (void)state;
  struct fixture *f = fresh(&fixture);
  kit_add(&f->kit[0], "prefix_cache_queries", NULL, 100);
  kit_add(&f->kit[1], "prefix_cache_queries", NULL, 300);
  kit_add(&f->kit[0], "prefix_cache_hits", NULL, 10);
  kit_add(&f->kit[1], "prefix_cache_hits", NULL, 160);
  f->pages[0] = kit_page(&f->kit[0], NAN);
  f->pages[1] = kit_page(&f->kit[1], NAN);
  observe(f, 2, NAN);
  assert_close(f->live.v[KVC_L_prefix_hit_frac], 0.75, 1e-12);
  assert_close(f->live.v[KVC_L_prefix_hit_before_frac], 0.1, 1e-12);
  assert_true(isnan(f->live.v[KVC_L_generation_tps]));
  assert_true(f->notes.n > 0);
  assert_non_null(strstr(f->notes.text[0], "--interval"));
  kvc_arena_clear(&f->arena);
}

static void a_stated_interval_makes_rates(void **state)
{
  (void)state;
  struct fixture *f = fresh(&fixture);
  kit_add(&f->kit[0], "generation_tokens", NULL, 0);
  kit_add(&f->kit[1], "generation_tokens", NULL, 600);
  f->pages[0] = kit_page(&f->kit[0], NAN);
  f->pages[1] = kit_page(&f->kit[1], NAN);
  observe(f, 2, 60);
  assert_close(f->live.v[KVC_L_generation_tps], 10, 1e-12);
  kvc_arena_clear(&f->arena);
}

static void an_unknown_model_name_is_an_error(void **state)
{
  (void)state;
  struct kvc_err err;
  struct fixture *f = fresh(&fixture);
  kit_add(&f->kit[0], "num_requests_running", NULL, 1)->model = "a/b";
  f->pages[0] = kit_page(&f->kit[0], NAN);
  const struct kvc_looks looks = {f->pages, 1, NAN, "c/d"};
  assert_int_equal(kvc_observe_pages(&f->arena, &looks, &f->live, &f->notes, &err),
                   KVC_E_UNKNOWN);
  assert_non_null(strstr(err.msg, "a/b"));
  kvc_arena_clear(&f->arena);
}

static void acceptance_follows_from_drafts(void **state)
{
  (void)state;
  struct fixture *f = fresh(&fixture);
  /* 100 drafts of 3 guesses, 150 accepted: a step gives 2.5 of 4 possible tokens */
  kit_add(&f->kit[0], "spec_decode_num_accepted_tokens", NULL, 150);
  kit_add(&f->kit[0], "spec_decode_num_draft_tokens", NULL, 300);
  kit_add(&f->kit[0], "spec_decode_num_drafts", NULL, 100);
  f->pages[0] = kit_page(&f->kit[0], NAN);
  observe(f, 1, NAN);
  assert_close(f->live.v[KVC_L_spec_accept_frac], 0.5, 1e-12);
  assert_close(f->live.v[KVC_L_spec_accept_len_tok], 2.5, 1e-12);
  assert_close(f->live.v[KVC_L_spec_efficiency_frac], 0.625, 1e-12);
  kvc_arena_clear(&f->arena);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rates_are_increases_over_the_time_between),
      cmocka_unit_test(pages_are_put_in_the_order_of_their_times),
      cmocka_unit_test(a_counter_that_went_back_counts_from_zero),
      cmocka_unit_test(quantiles_are_those_of_the_interval),
      cmocka_unit_test(a_full_last_bucket_is_told),
      cmocka_unit_test(of_two_names_of_a_metric_the_newer_one_counts),
      cmocka_unit_test(engines_are_told_apart),
      cmocka_unit_test(stretches_are_timed_over_a_series_of_looks),
      cmocka_unit_test(without_times_there_are_no_rates_but_shares),
      cmocka_unit_test(a_stated_interval_makes_rates),
      cmocka_unit_test(an_unknown_model_name_is_an_error),
      cmocka_unit_test(acceptance_follows_from_drafts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
