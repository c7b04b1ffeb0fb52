/* test_search_words.c - names of goals and fates; a question with nothing said.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/search.h>
#include <math.h>

static void names_end_where_the_values_end(void **state)
{
  (void)state;
  assert_string_equal(kvc_objective_name(KVC_OBJECTIVE_COST), "cost");
  assert_string_equal(kvc_objective_name(KVC_OBJECTIVE_COST_PER_TOKEN), "cost-per-token");
  assert_string_equal(kvc_objective_name(KVC_OBJECTIVE_ENERGY), "energy");
  assert_string_equal(kvc_objective_name(KVC_OBJECTIVE_LATENCY), "latency");
  assert_null(kvc_objective_name((enum kvc_objective)4));
  assert_string_equal(kvc_fate_name(KVC_FATE_FOUND), "found");
  assert_string_equal(kvc_fate_name(KVC_FATE_MEMORY), "memory");
  assert_string_equal(kvc_fate_name(KVC_FATE_SLO), "slo");
  assert_null(kvc_fate_name((enum kvc_fate)7));
}

static void a_fresh_question_says_nothing(void **state)
{
  static struct kvc_search_request r;
  (void)state;
  kvc_search_request_init(&r);
  assert_int_equal(r.n_models + r.n_hardware + r.n_growth + r.n_why_not, 0);
  assert_true(isnan(r.acceptance_frac));
  for (size_t i = 0; i < KVC_SEARCH_HARDWARE; i++)
    assert_true(isnan(r.hardware[i].usd_per_gpu_hour));
  for (size_t i = 0; i < KVC_SEARCH_MODELS; i++) {
    /* As an unsaid question of kvcap size has it. */
    assert_int_equal(r.models[i].deploy.enforce_eager, -1);
    assert_true(isnan(r.models[i].deploy.gpu_memory_utilization));
    assert_int_equal(r.models[i].deploy.tp, 0);
  }
  assert_int_equal(r.allow, 0);
  assert_null(r.price_at);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_end_where_the_values_end),
      cmocka_unit_test(a_fresh_question_says_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
