/* test_prom_quantile.c - quantiles of histograms, worked by hand.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "prom_kit.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void near(double got, double want)
{
  if (!(fabs(got - want) <= 1e-12 * fabs(want))) fail_msg("%.17g, not %.17g", got, want);
}

/* 10 up to 0.1, 30 more up to 0.5, 10 more up to 1. */
static const struct kvc_bucket plain[] = {{0.1, 10}, {0.5, 40}, {1, 50}, {INFINITY, 50}};

static void a_rank_is_interpolated_within_its_bucket(void **state)
{
  (void)state;
  /* rank 25: 15 of the 30 between 0.1 and 0.5 -> 0.1 + 0.4 * 15/30 */
  near(kvc_hist_quantile(plain, COUNT(plain), 0.5), 0.3);
  /* rank 47.5: 7.5 of the 10 between 0.5 and 1 */
  near(kvc_hist_quantile(plain, COUNT(plain), 0.95), 0.875);
  near(kvc_hist_quantile(plain, COUNT(plain), 1), 1);
}

static void the_first_bucket_starts_at_zero(void **state)
{
  (void)state;
  near(kvc_hist_quantile(plain, COUNT(plain), 0.1), 0.05); /* rank 5 of 10 */
  near(kvc_hist_quantile(plain, COUNT(plain), 0.2), 0.1);  /* its upper end */
  kit_is(kvc_hist_quantile(plain, COUNT(plain), 0), 0);
}

static void below_zero_there_is_no_lower_end(void **state)
{
  (void)state;
  const struct kvc_bucket b[] = {{-1, 5}, {0, 8}, {INFINITY, 10}};
  kit_is(kvc_hist_quantile(b, COUNT(b), 0.3), -1);
  near(kvc_hist_quantile(b, COUNT(b), 0.7), -1 + 1 * 2.0 / 3);
}

static void above_the_last_bound_the_bound_itself_is_told(void **state)
{
  (void)state;
  const struct kvc_bucket b[] = {{1, 4}, {2, 6}, {INFINITY, 10}};
  kit_is(kvc_hist_quantile(b, COUNT(b), 0.99), 2);
  near(kvc_hist_saturated(b, COUNT(b)), 0.4);
  kit_is(kvc_hist_saturated(plain, COUNT(plain)), 0);
}

static void what_cannot_be_told_is_nan(void **state)
{
  (void)state;
  const struct kvc_bucket open[] = {{1, 4}, {2, 6}};
  const struct kvc_bucket empty[] = {{1, 0}, {INFINITY, 0}};
  const struct kvc_bucket one[] = {{INFINITY, 7}};
  const struct kvc_bucket late[] = {{1, 0}, {2, 4}, {INFINITY, 4}};
  kit_is(kvc_hist_quantile(open, 2, 0.5), NAN);
  kit_is(kvc_hist_quantile(empty, 2, 0.5), NAN);
  kit_is(kvc_hist_quantile(one, 1, 0.5), NAN);
  kit_is(kvc_hist_quantile(NULL, 0, 0.5), NAN);
  kit_is(kvc_hist_quantile(plain, COUNT(plain), NAN), NAN);
  kit_is(kvc_hist_quantile(plain, COUNT(plain), 1.5), NAN);
  kit_is(kvc_hist_quantile(plain, COUNT(plain), -0.5), NAN);
  kit_is(kvc_hist_quantile(late, 3, 0), NAN); /* 0 of 0 in the first bucket */
  kit_is(kvc_hist_saturated(open, 2), NAN);
  kit_is(kvc_hist_saturated(empty, 2), NAN);
  kit_is(kvc_hist_saturated(NULL, 0), NAN);
}

/* Buckets read while the server counts can fall: they are raised to the ones before. */
static void buckets_that_fall_are_made_to_rise(void **state)
{
  (void)state;
  const struct kvc_bucket b[] = {{1, 10}, {2, 8}, {4, 20}, {INFINITY, 19}};
  near(kvc_hist_quantile(b, COUNT(b), 0.75), 3); /* rank 15: 5 of 10 between 2 and 4 */
  kit_is(kvc_hist_saturated(b, COUNT(b)), 0);
}

static void an_empty_bucket_is_passed_over(void **state)
{
  (void)state;
  const struct kvc_bucket b[] = {{1, 0}, {2, 0}, {4, 10}, {INFINITY, 10}};
  near(kvc_hist_quantile(b, COUNT(b), 0.5), 3);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_rank_is_interpolated_within_its_bucket),
      cmocka_unit_test(the_first_bucket_starts_at_zero),
      cmocka_unit_test(below_zero_there_is_no_lower_end),
      cmocka_unit_test(above_the_last_bound_the_bound_itself_is_told),
      cmocka_unit_test(what_cannot_be_told_is_nan),
      cmocka_unit_test(buckets_that_fall_are_made_to_rise),
      cmocka_unit_test(an_empty_bucket_is_passed_over),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
