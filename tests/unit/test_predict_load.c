/* test_predict_load.c - what a measured point was loaded with, and its client.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/predict.h>
#include <math.h>
#include "tests/support/close.h"
#include "tests/support/point.h"

static struct kvc_arena arena;
static struct kvc_point point;

static int begin(void **state)
{
  (void)state;
  kvc_arena_init(&arena, 256 << 20);
  point = measured_point(200, 200, INFINITY, 200);
  return 0;
}

static int end(void **state)
{
  (void)state;
  kvc_arena_clear(&arena);
  return 0;
}

static double predicted(size_t figure)
{
  struct kvc_db *db;
  struct kvc_err err;
  struct kvc_prediction out;
  assert_int_equal(kvc_db_open(&arena, NULL, 0, &db, &err), KVC_E_OK);
  assert_int_equal(kvc_point_predict(&arena, db, &point, &out, &err), KVC_E_OK);
  return out.value[figure];
}

/* Ten clients, a hundred requests: the first ten wait for nine others, 27 ms. */
static void a_burst_delays_those_that_were_sent_at_once(void **state)
{
  (void)state;
  const struct kvc_request items[100] = {{0}};
  const struct kvc_traffic t = {.items = items, .n = 100, .clients = 10};
  struct kvc_sim_result r = {.ttft_s = {.n = 100, .mean = 0.1, .p50 = 0.1, .p95 = 0.1},
                             .duration_s = 2.7,
                             .output_tok_per_s = 101};
  kvc_client_burst(&r, &t, 1);
  assert_close(r.ttft_s.mean, 0.1027, 1e-9);
  assert_close(r.ttft_s.p50, 0.1, 1e-9);
  assert_close(r.ttft_s.p95, 0.127, 1e-9);
  assert_close(r.duration_s, 2.727, 1e-9);
  assert_close(r.output_tok_per_s, 100, 1e-9);
}

static void requests_apart_are_no_burst(void **state)
{
  (void)state;
  const struct kvc_request apart[3] = {
      {.arrival_ns = 0}, {.arrival_ns = 1}, {.arrival_ns = 2}};
  const struct kvc_request at_once[3] = {{0}};
  assert_int_equal(
      kvc_client_burst_size(&(struct kvc_traffic){.items = apart, .n = 3, .paced = true}),
      1);
  assert_int_equal(kvc_client_burst_size(
                       &(struct kvc_traffic){.items = at_once, .n = 3, .paced = true}),
                   3);
  assert_close(
      kvc_client_burst_s(&(struct kvc_traffic){.items = apart, .n = 3, .paced = true}, 1),
      0, 1e-12);
}

/* The longest of 200 exponential lengths is some six times the mean and decodes alone. */
static void sharegpt_answers_end_late(void **state)
{
  (void)state;
  const double even = predicted(KVC_POINT_OUTPUT_TOK_S);
  point.dataset = "sharegpt";
  const double spread = predicted(KVC_POINT_OUTPUT_TOK_S);
  assert_true(spread < 0.6 * even && spread > 0.1 * even);
}

/* 921.6 is the mean of 0.8 to 1 times 1,024: such requests do not end together, and fewer
 * wait for each other's prompts. */
static void lengths_of_a_recipe_are_told_by_their_mean(void **state)
{
  (void)state;
  point.concurrency = 32;
  point.prompts = 320;
  point.input_tok = point.output_tok = 820;
  const double even = predicted(KVC_POINT_MEDIAN_TTFT);
  point.input_tok = point.output_tok = 921.6;
  assert_true(predicted(KVC_POINT_MEDIAN_TTFT) < 0.7 * even);
}

/* An open load of n requests lasts n / rate: 200 at 10 a second, and a short drain. */
static void an_open_load_lasts_as_long_as_its_rate_says(void **state)
{
  (void)state;
  point.rate_per_s = 10;
  point.output_tok = 10;
  const double per_s = predicted(KVC_POINT_REQ_PER_S);
  assert_true(per_s < 10.1 && per_s > 9.8);
}

/* Sixteen seats, always taken: tokens a second are 16 over the time between two tokens of
 * one, and neither ramp nor drain, during which fewer run, takes from that. */
static void steady_rates_are_of_full_seats(void **state)
{
  (void)state;
  point.kind = "serving-steady";
  point.max_num_seqs = 16;
  point.input_tok = NAN;
  point.output_tok = 400;
  const double itl_s = 1e-3 * predicted(KVC_POINT_MEAN_ITL);
  const double per_s = predicted(KVC_POINT_OUTPUT_TOK_S);
  assert_true(per_s > 0.93 * 16 / itl_s && per_s < 1.07 * 16 / itl_s);
}

static void a_cache_dtype_is_read_from_the_flags(void **state)
{
  (void)state;
  point.concurrency = 64;
  point.input_tok = 4000;
  const double plain = predicted(KVC_POINT_MEAN_TPOT);
  point.flags = "trust-remote-code; kv-cache-dtype=fp8; util 0.90";
  const double by_flag = predicted(KVC_POINT_MEAN_TPOT);
  point.flags = "";
  point.kv_dtype = "fp8";
  assert_close(by_flag, predicted(KVC_POINT_MEAN_TPOT), 1e-9);
  assert_true(by_flag < plain);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      T(a_burst_delays_those_that_were_sent_at_once),
      T(requests_apart_are_no_burst),
      T(sharegpt_answers_end_late),
      T(lengths_of_a_recipe_are_told_by_their_mean),
      T(an_open_load_lasts_as_long_as_its_rate_says),
      T(steady_rates_are_of_full_seats),
      T(a_cache_dtype_is_read_from_the_flags),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
