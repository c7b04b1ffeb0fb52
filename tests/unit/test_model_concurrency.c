/* test_model_concurrency.c - the documented rule and its distribution.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <kvcap/concurrency.h>
#include <math.h>
#include "tests/support/close.h"

static struct kvc_concurrency run(double pool, double block, double state_tok,
                                  struct kvc_workload load)
{
  struct kvc_concurrency c = {0};
  struct kvc_err err;
  assert_int_equal(kvc_concurrency_compute(pool, block, state_tok, &load, &c, &err),
                   KVC_E_OK);
  return c;
}

static struct kvc_workload chat(int64_t round_to)
{
  return (struct kvc_workload){.prompt_tok = 500,
                               .output_tok = 300,
                               .buffer_frac = 0.30,
                               .exceed_prob = 0.01,
                               .round_to = round_to};
}

static void the_handbook_example_gives_137_and_about_100(void **state)
{ /* 110000 / 800 = 137.5 -> 137 whole requests; 137 * 0.7 = 95.9 -> 100 by tens */
  (void)state;
  const struct kvc_concurrency c = run(110000, 16, 0, chat(10));
  assert_close(c.theoretical, 137, 0);
  assert_close(c.buffered, 95.9, 1e-12);
  assert_int_equal(c.recommended_max_num_seqs, 100);
  assert_int_equal(run(110000, 16, 0, chat(8)).recommended_max_num_seqs, 96);
  assert_int_equal(run(110000, 16, 0, chat(1)).recommended_max_num_seqs, 95);
}

static void rounding_never_passes_what_the_pool_holds(void **state)
{
  (void)state;
  for (double pool = 100; pool < 20000; pool += 97) {
    const struct kvc_concurrency c = run(pool, 16, 0, chat(8));
    assert_true((double)c.recommended_max_num_seqs <= fmax(c.theoretical, 0));
    if (c.theoretical >= 1) assert_true(c.recommended_max_num_seqs >= 1);
  }
}

static void mean_occupancy_of_fixed_lengths_is_prompt_and_half_the_output(void **state)
{ /* 500 + 300/2 + 16/2 = 658; var = 300^2/12 + 16^2/12 = 7521.33 */
  (void)state;
  const struct kvc_concurrency c = run(110000, 16, 0, chat(8));
  assert_close(c.occupancy.mean_tok, 658, 1e-12);
  assert_close(c.occupancy.sd_tok, sqrt(7500 + 256.0 / 12), 1e-12);
}

/* Drawn, not derived: requests met at a random moment, lengths lognormal. */
static void exceed_probability_matches_a_drawn_pool(void **state)
{
  (void)state;
  enum { N = 60, DRAWS = 4000 };
  const double m = 300, cv = 1.0, prompt = 500, block = 16;
  struct kvc_workload load = chat(1);
  load.output_cv = cv;
  const struct kvc_concurrency c = run(60000, block, 0, load);
  gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
  gsl_rng_set(rng, 7);
  const double sigma2 = log(1 + cv * cv), mu = log(m) - sigma2 / 2;
  double sum = 0, sum2 = 0;
  int above = 0;
  const double pool = 45600;
  for (int d = 0; d < DRAWS; d++) {
    double used = 0;
    for (int i = 0; i < N; i++) {
      /* length-biased lognormal: the same sigma, mu shifted by sigma^2 */
      const double out = gsl_ran_lognormal(rng, mu + sigma2, sqrt(sigma2));
      used += ceil((prompt + out * gsl_rng_uniform(rng)) / block) * block;
    }
    sum += used;
    sum2 += used * used;
    if (used > pool) above++;
  }
  gsl_rng_free(rng);
  const double mean = sum / DRAWS, sd = sqrt(sum2 / DRAWS - mean * mean);
  assert_close(c.occupancy.mean_tok * N, mean, 0.01);
  assert_close(c.occupancy.sd_tok * sqrt(N), sd, 0.10);
  const double p = kvc_concurrency_exceed(pool, &c.occupancy, 0, N);
  assert_true(fabs(p - (double)above / DRAWS) < 0.03);
}

static void the_safe_number_is_the_largest_within_epsilon(void **state)
{
  (void)state;
  struct kvc_workload load = chat(8);
  load.output_cv = 1.5;
  load.prompt_cv = 0.8;
  const double pool = 200000;
  const struct kvc_concurrency c = run(pool, 16, 0, load);
  const double n = (double)c.safe_max_num_seqs;
  assert_true(kvc_concurrency_exceed(pool, &c.occupancy, 0, n) <= 0.01);
  assert_true(kvc_concurrency_exceed(pool, &c.occupancy, 0, n + 1) > 0.01);
}

static void a_shared_prefix_is_held_once(void **state)
{ /* (110000 - 400) / (800 - 400) = 274 */
  (void)state;
  struct kvc_workload load = chat(8);
  load.shared_prefix_tok = 400;
  assert_close(run(110000, 16, 0, load).theoretical, 274, 0);
}

static void impossible_workloads_are_refused_by_name(void **state)
{
  (void)state;
  struct kvc_concurrency c;
  struct kvc_err err;
  struct kvc_workload load = chat(8);
  load.prompt_tok = NAN;
  assert_int_equal(kvc_concurrency_compute(1e5, 16, 0, &load, &c, &err), KVC_E_RANGE);
  assert_string_equal(err.where, "--prompt-tokens");
  load = chat(8);
  load.shared_prefix_tok = 501;
  assert_int_equal(kvc_concurrency_compute(1e5, 16, 0, &load, &c, &err), KVC_E_RANGE);
  load = chat(8);
  load.output_tok = -1;
  assert_int_equal(kvc_concurrency_compute(1e5, 16, 0, &load, &c, &err), KVC_E_RANGE);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_handbook_example_gives_137_and_about_100),
      cmocka_unit_test(rounding_never_passes_what_the_pool_holds),
      cmocka_unit_test(mean_occupancy_of_fixed_lengths_is_prompt_and_half_the_output),
      cmocka_unit_test(exceed_probability_matches_a_drawn_pool),
      cmocka_unit_test(the_safe_number_is_the_largest_within_epsilon),
      cmocka_unit_test(a_shared_prefix_is_held_once),
      cmocka_unit_test(impossible_workloads_are_refused_by_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
