/* test_sim_traffic.c - random streams and the loads drawn from them.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/rng.h>
#include <kvcap/traffic.h>
#include <math.h>
#include <string.h>

enum { N = 100000 };

static struct kvc_arena arena;

static int setup(void **state)
{
  (void)state;
  kvc_arena_init(&arena, (size_t)1 << 28);
  return 0;
}

static int teardown(void **state)
{
  (void)state;
  kvc_arena_clear(&arena);
  return 0;
}

static struct kvc_traffic make(const struct kvc_traffic_spec *spec)
{
  struct kvc_traffic t = {0};
  struct kvc_err err = {0};
  const kvc_code rc = kvc_traffic_make(&arena, spec, 42, &t, &err);
  assert_string_equal(err.msg, "");
  assert_int_equal(rc, KVC_E_OK);
  return t;
}

static void assert_near(double value, double expected, double share)
{
  if (!(fabs(value - expected) <= share * fabs(expected)))
    fail_msg("%g is not near %g", value, expected);
}

static void log_and_exp_agree_with_the_library_to_the_last_places(void **state)
{
  (void)state;
  for (double x = 1e-300; x < 1e300; x *= 1.7) {
    const double ours = kvc_rng_log(x), theirs = log(x);
    assert_true(fabs(ours - theirs) <= 4e-15 * fabs(theirs) + 1e-15);
  }
  for (double x = -600; x < 600; x += 0.37) assert_near(kvc_rng_expf(x), exp(x), 1e-14);
  assert_true(kvc_rng_expf(-1000) == 0);
}

static void streams_of_other_names_and_seeds_differ(void **state)
{
  (void)state;
  struct kvc_rng a, b, c, d;
  kvc_rng_init(&a, 1, "arrivals");
  kvc_rng_init(&b, 1, "prompts");
  kvc_rng_init(&c, 2, "arrivals");
  kvc_rng_init(&d, 1, "arrivals");
  const uint64_t x = kvc_rng_u64(&a);
  assert_true(x != kvc_rng_u64(&b) && x != kvc_rng_u64(&c));
  assert_true(x == kvc_rng_u64(&d));
}

/* Mean and variance of the exponential, normal and gamma distributions. */
static void draws_have_their_mean_and_variance(void **state)
{
  (void)state;
  static const double shapes[] = {0.3, 1, 4.5};
  struct kvc_rng rng;
  kvc_rng_init(&rng, 7, "draws");
  double e = 0, e2 = 0, z = 0, z2 = 0;
  for (int i = 0; i < N; i++) {
    const double x = kvc_rng_exp(&rng), y = kvc_rng_normal(&rng);
    e += x, e2 += x * x, z += y, z2 += y * y;
  }
  assert_near(e / N, 1, 0.02);
  assert_near(e2 / N, 2, 0.04);
  assert_true(fabs(z / N) < 0.02);
  assert_near(z2 / N, 1, 0.02);
  for (size_t s = 0; s < 3; s++) {
    double g = 0, g2 = 0;
    for (int i = 0; i < N; i++) {
      const double x = kvc_rng_gamma(&rng, shapes[s]);
      g += x, g2 += x * x;
    }
    assert_near(g / N, shapes[s], 0.03);
    assert_near(g2 / N - g / N * g / N, shapes[s], 0.06);
  }
}

static void gaps_of_burstiness_b_have_variation_one_over_root_b(void **state)
{
  (void)state;
  static const double bursts[] = {0.25, 1, 4};
  for (size_t b = 0; b < 3; b++) {
    const struct kvc_traffic_spec spec = {.rate_per_s = 10,
                                          .burstiness = bursts[b],
                                          .requests = N,
                                          .prompt = {.mean = 1},
                                          .output = {.mean = 1}};
    const struct kvc_traffic t = make(&spec);
    double sum = 0, squares = 0;
    for (size_t i = 1; i < t.n; i++) {
      const double gap =
          (double)(t.items[i].arrival_ns - t.items[i - 1].arrival_ns) * 1e-9;
      sum += gap, squares += gap * gap;
    }
    const double mean = sum / N, variance = squares / N - mean * mean;
    assert_near(mean, 0.1, 0.03);
    assert_near(sqrt(variance) / mean, 1 / sqrt(bursts[b]), 0.04);
  }
}

static void lengths_follow_their_distribution_and_stay_within_bounds(void **state)
{
  (void)state;
  const struct kvc_traffic_spec spec = {
      .arrivals = KVC_ARRIVE_AT_ONCE,
      .requests = N,
      .prompt = {.kind = KVC_LEN_LOGNORMAL, .mean = 500, .spread = 0.8},
      .output = {.kind = KVC_LEN_UNIFORM, .min = 80, .max = 100}};
  const struct kvc_traffic t = make(&spec);
  double in = 0, in2 = 0, out = 0;
  int32_t least = INT32_MAX, most = 0;
  for (size_t i = 0; i < t.n; i++) {
    const struct kvc_request *r = &t.items[i];
    assert_int_equal(r->arrival_ns, 0);
    in += r->prompt_tok, in2 += (double)r->prompt_tok * r->prompt_tok;
    out += r->output_tok;
    if (r->output_tok < least) least = r->output_tok;
    if (r->output_tok > most) most = r->output_tok;
  }
  assert_near(in / N, 500, 0.02);
  assert_near(sqrt(in2 / N - in / N * in / N) / 500, 0.8, 0.05);
  assert_near(out / N, 90, 0.01);
  assert_true(least == 80 && most == 100);
}

static void a_ramp_and_a_day_put_requests_where_the_rate_is(void **state)
{
  (void)state;
  struct kvc_traffic_spec spec = {.arrivals = KVC_ARRIVE_RAMP,
                                  .rate_per_s = 10,
                                  .rate_end_per_s = 30,
                                  .duration_s = 1000,
                                  .requests = N,
                                  .prompt = {.mean = 1},
                                  .output = {.mean = 1}};
  struct kvc_traffic t = make(&spec);
  assert_near((double)t.n, 20000, 0.03);
  size_t first = 0;
  while (t.items[first].arrival_ns < INT64_C(500000000000)) first++;
  assert_near((double)first, 500 * 15, 0.05); /* from 10 to 20 */
  spec.arrivals = KVC_ARRIVE_DIURNAL;
  spec.period_s = 1000;
  spec.swing_frac = 1;
  t = make(&spec);
  assert_near((double)t.n, 10000, 0.03);
  first = 0;
  while (t.items[first].arrival_ns < INT64_C(500000000000)) first++;
  /* Half a period of 1 + sin: 1/2 + 1/pi of all. */
  assert_near((double)first / (double)t.n, 0.5 + 1 / 3.14159265358979, 0.02);
}

static void turns_repeat_what_came_before_them(void **state)
{
  (void)state;
  const struct kvc_traffic_spec spec = {.rate_per_s = 1,
                                        .requests = 5,
                                        .prompt = {.mean = 10},
                                        .output = {.mean = 7},
                                        .prefix_tok = 100,
                                        .turns = 3,
                                        .think_s = 2};
  const struct kvc_traffic t = make(&spec);
  static const int32_t prompts[] = {110, 127, 144, 110, 127};
  static const uint32_t after[] = {0, 1, 2, 0, 4};
  for (size_t i = 0; i < 5; i++) {
    assert_int_equal(t.items[i].prompt_tok, prompts[i]);
    assert_int_equal(t.items[i].after, after[i]);
    assert_int_equal(t.items[i].session, i < 3 ? 1 : 2);
  }
}

static void a_longer_prompt_moves_no_arrival(void **state)
{
  (void)state;
  struct kvc_traffic_spec spec = {
      .rate_per_s = 5, .requests = 100, .prompt = {.mean = 10}, .output = {.mean = 7}};
  const struct kvc_traffic a = make(&spec);
  spec.prompt = (struct kvc_length){.kind = KVC_LEN_NORMAL, .mean = 90, .spread = 9};
  const struct kvc_traffic b = make(&spec);
  for (size_t i = 0; i < 100; i++)
    assert_int_equal(a.items[i].arrival_ns, b.items[i].arrival_ns);
}

static void impossible_loads_are_refused(void **state)
{
  (void)state;
  static const struct kvc_traffic_spec specs[] = {
      {.rate_per_s = 0, .requests = 1, .prompt = {.mean = 1}, .output = {.mean = 1}},
      {.rate_per_s = NAN, .requests = 1, .prompt = {.mean = 1}, .output = {.mean = 1}},
      {.rate_per_s = 1, .requests = 0, .prompt = {.mean = 1}, .output = {.mean = 1}},
      {.rate_per_s = 1, .requests = 1, .prompt = {.mean = 0}, .output = {.mean = 1}},
      {.arrivals = KVC_ARRIVE_CLOSED,
       .requests = 1,
       .prompt = {.mean = 1},
       .output = {.mean = 1}},
      {.rate_per_s = 1,
       .requests = 1,
       .prompt = {.kind = KVC_LEN_UNIFORM, .min = 5, .max = 4},
       .output = {.mean = 1}},
      {.rate_per_s = 1,
       .requests = 1,
       .prompt = {.kind = KVC_LEN_EMPIRICAL},
       .output = {.mean = 1}},
  };
  for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
    struct kvc_traffic t;
    struct kvc_err err = {0};
    assert_true(kvc_traffic_make(&arena, &specs[i], 1, &t, &err) != KVC_E_OK);
    assert_true(strlen(err.msg) > 0);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(log_and_exp_agree_with_the_library_to_the_last_places),
      cmocka_unit_test(streams_of_other_names_and_seeds_differ),
      cmocka_unit_test(draws_have_their_mean_and_variance),
      cmocka_unit_test(gaps_of_burstiness_b_have_variation_one_over_root_b),
      cmocka_unit_test(lengths_follow_their_distribution_and_stay_within_bounds),
      cmocka_unit_test(a_ramp_and_a_day_put_requests_where_the_rate_is),
      cmocka_unit_test(turns_repeat_what_came_before_them),
      cmocka_unit_test(a_longer_prompt_moves_no_arrival),
      cmocka_unit_test(impossible_loads_are_refused),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
