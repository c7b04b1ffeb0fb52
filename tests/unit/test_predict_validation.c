/* test_predict_validation.c - errors of predictions, and rows that contradict.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/validate.h>
#include <math.h>
#include <string.h>
#include "tests/support/close.h"

enum { N = 5 };
static struct kvc_arena arena;
static struct kvc_point points[N];
static struct kvc_validation_row rows[N];
static const struct kvc_validation_row *all[N];

/* Rows that are predicted 10 ms, of one deployment at 8, 16, 32 ... clients. */
static void set_up(const double *measured_ms)
{
  for (size_t i = 0; i < N; i++) {
    static const char *const ids[N] = {"a", "b", "c", "d", "e"};
    points[i] = (struct kvc_point){.id = ids[i],
                                   .gpu = "H100",
                                   .model = "m",
                                   .version = "0.19.0",
                                   .quantization = "",
                                   .kv_dtype = "",
                                   .tp = 1,
                                   .pp = 1,
                                   .dp = 1,
                                   .concurrency = (double)(8 << i),
                                   .rate_per_s = INFINITY,
                                   .max_num_seqs = NAN};
    rows[i] = (struct kvc_validation_row){.point = &points[i], .done = true};
    for (size_t k = 0; k < KVC_POINT_FIGURES_; k++) points[i].measured[k] = NAN;
    points[i].measured[KVC_POINT_MEAN_TPOT] = measured_ms[i];
    rows[i].prediction.value[KVC_POINT_MEAN_TPOT] = 10;
    rows[i].prediction.low[KVC_POINT_MEAN_TPOT] = 8;
    rows[i].prediction.high[KVC_POINT_MEAN_TPOT] = 15;
    all[i] = &rows[i];
  }
}

static void errors_are_of_the_measured_figure(void **state)
{
  static const double measured[N] = {10, 12.5, 8, 25, NAN};
  struct kvc_validation_summary s;
  double work[2 * N];
  (void)state;
  set_up(measured);
  assert_close(kvc_validation_error(&rows[1], KVC_POINT_MEAN_TPOT), -0.2, 1e-12);
  assert_close(kvc_validation_error(&rows[2], KVC_POINT_MEAN_TPOT), 0.25, 1e-12);
  assert_true(isnan(kvc_validation_error(&rows[4], KVC_POINT_MEAN_TPOT)));
  assert_true(kvc_validation_summarise(all, N, KVC_POINT_MEAN_TPOT, work, &s));
  /* errors 0, -0.2, 0.25, -0.6 */
  assert_int_equal(s.n, 4);
  assert_int_equal(s.within, 2);
  assert_int_equal(s.twice, 1);
  assert_int_equal(s.inside, 3);
  assert_close(s.median, 0.225, 1e-12);
  assert_close(s.bias, -0.1, 1e-12);
  assert_false(kvc_validation_summarise(all, N, KVC_POINT_MEAN_TTFT, work, &s));
}

static void what_the_model_has_no_say_over_is_outside(void **state)
{
  static const double measured[N] = {10, 15.5, 10, 10, 10};
  (void)state;
  set_up(measured);
  rows[2].prediction.extrapolated = true;
  rows[3].why = "does not start";
  assert_false(kvc_validation_outside(&rows[0]));
  assert_true(kvc_validation_outside(&rows[1])); /* beyond its interval */
  assert_true(kvc_validation_outside(&rows[2]));
  assert_true(kvc_validation_outside(&rows[3]));
  /* inside the interval and yet off by more than two */
  points[4].measured[KVC_POINT_MEAN_TPOT] = 21;
  rows[4].prediction.high[KVC_POINT_MEAN_TPOT] = 30;
  assert_true(kvc_validation_outside(&rows[4]));
}

static void neighbours_that_no_model_has_both_right_are_named(void **state)
{
  static const double measured[N] = {10, 11, 30, 12, 12};
  struct kvc_validation v = {.rows = rows, .n = N};
  (void)state;
  set_up(measured);
  points[4].tp = 2; /* another deployment */
  points[4].measured[KVC_POINT_MEAN_TPOT] = 50;
  assert_int_equal(kvc_validation_odds(&arena, &v, NULL), KVC_E_OK);
  assert_null(rows[0].odds);
  assert_string_equal(rows[1].odds, "c");
  assert_string_equal(rows[2].odds, "b"); /* the first of two */
  assert_string_equal(rows[3].odds, "c");
  assert_null(rows[4].odds);
}

static void a_row_of_csv_is_quoted_where_it_must(void **state)
{
  static const double measured[N] = {10, 12.5, 8, 25, NAN};
  struct kvc_validation v = {.rows = rows, .n = 1};
  struct kvc_buf csv;
  (void)state;
  set_up(measured);
  points[0].id = "a, \"b\"";
  rows[0].reason = "kernels measured";
  kvc_buf_init(&csv, 1 << 16);
  kvc_validation_csv(&v, &csv);
  assert_non_null(strstr(csv.text, "\n\"a, \"\"b\"\"\",H100,m,0.19.0,false,,kernels "
                                   "measured,"));
  assert_non_null(strstr(csv.text, ",10,8,15,10,"));
  kvc_buf_clear(&csv);
}

static void intervals_hold_one_and_widen_with_ignorance(void **state)
{
  (void)state;
  for (size_t k = 0; k < KVC_POINT_FIGURES_; k++) {
    double low[3], high[3];
    kvc_predict_interval(KVC_SPEED_MEASURED, false, k, &low[0], &high[0]);
    kvc_predict_interval(KVC_SPEED_SHEET, false, k, &low[1], &high[1]);
    kvc_predict_interval(KVC_SPEED_MEASURED, true, k, &low[2], &high[2]);
    assert_true(low[0] > 0 && low[0] < 1 && high[0] > 1);
    assert_true(low[1] <= low[0] && high[1] >= high[0]);
    assert_close(log(low[2]), 1.5 * log(low[0]), 1e-12);
    assert_close(log(high[2]), 1.5 * log(high[0]), 1e-12);
  }
}

static int make(void **state)
{
  (void)state;
  kvc_arena_init(&arena, 1 << 20);
  return 0;
}

static int clear(void **state)
{
  (void)state;
  kvc_arena_clear(&arena);
  return 0;
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(errors_are_of_the_measured_figure),
      cmocka_unit_test(what_the_model_has_no_say_over_is_outside),
      cmocka_unit_test(neighbours_that_no_model_has_both_right_are_named),
      cmocka_unit_test(a_row_of_csv_is_quoted_where_it_must),
      cmocka_unit_test(intervals_hold_one_and_widen_with_ignorance)};
  return cmocka_run_group_tests(tests, make, clear);
}
