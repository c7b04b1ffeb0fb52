/* test_sim_slo.c - limits are read as they are typed, and judged.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/slo.h>
#include <string.h>
#include "tests/support/close.h"

static struct kvc_slo slo_of(const char *text)
{
  struct kvc_slo slo = {.n = 0};
  struct kvc_err err = {0};
  if (kvc_slo_read(text, "--slo", &slo, &err) != KVC_E_OK)
    fail_msg("%s: %s", text, err.msg);
  return slo;
}

static void a_limit_is_a_figure_a_quantile_and_a_time(void **state)
{
  static const struct {
    const char *text, *name;
    double limit_s;
    bool each;
  } cases[] = {{"ttft_p95=500ms", "ttft_p95", 0.5, false},
               {"tpot_p99=30", "tpot_p99", 0.03, false},
               {"itl_mean:0.04s", "itl_mean", 0.04, false},
               {"e2e_p50=10s", "e2e_p50", 10, false},
               {"queue_p90=1e2ms", "queue_p90", 0.1, false},
               {"queue=2s", "queue_p99", 2, true}};
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char name[KVC_SLO_NAME];
    const struct kvc_slo slo = slo_of(cases[i].text);
    assert_int_equal(slo.n, 1);
    kvc_slo_name(&slo.bars[0], name);
    assert_string_equal(name, cases[i].name);
    assert_close(slo.bars[0].limit_s, cases[i].limit_s, 1e-12);
    assert_int_equal(slo.bars[0].each, cases[i].each);
    assert_true(slo.goodput_frac >= 0 && slo.goodput_frac <= 0);
  }
}

static void limits_are_parted_by_commas_or_spaces_and_add_up(void **state)
{
  struct kvc_slo slo = slo_of(" ttft=500ms, tpot=30ms,,goodput=95% ");
  (void)state;
  assert_int_equal(slo.n, 2);
  assert_close(slo.goodput_frac, 0.95, 1e-12);
  assert_int_equal(kvc_slo_read("e2e_p95=9s", "--slo", &slo, NULL), KVC_E_OK);
  assert_int_equal(slo.n, 3);
  assert_int_equal(slo.bars[2].figure, KVC_SLO_E2E);
  assert_int_equal(slo.bars[2].quantile, KVC_SLO_P95);
  assert_int_equal(slo_of("").n, 0);
}

static void what_is_no_limit_is_named_and_changes_nothing(void **state)
{
  static const struct {
    const char *text, *says;
    kvc_code code;
  } cases[] = {{"ttft_p96=5ms", "\"ttft_p96=5ms\" is no limit", KVC_E_PARSE},
               {"tpot_p95=30ms,ttft", "\"ttft\" is no limit", KVC_E_PARSE},
               {"ttft_=5", "is no limit", KVC_E_PARSE},
               {"ttft_p9=5", "is no limit", KVC_E_PARSE},
               {"ttft_p95=0", "is no limit", KVC_E_PARSE},
               {"ttft_p95=1e-400", "is no limit", KVC_E_PARSE},
               {"ttft_p95=-5ms", "is no limit", KVC_E_PARSE},
               {"ttft_p95=nan", "is no limit", KVC_E_PARSE},
               {"ttft_p95=inf", "is no limit", KVC_E_PARSE},
               {"ttft_p95=5m", "is no limit", KVC_E_PARSE},
               {"ttft_p95=5 s", "is no limit", KVC_E_PARSE},
               {"=5", "is no limit", KVC_E_PARSE},
               {"ttft=5,goodput=1.5", "is no share", KVC_E_PARSE},
               {"ttft=5,goodput=0", "is no share", KVC_E_PARSE},
               {"ttft=5,goodput=", "is no share", KVC_E_PARSE},
               {"goodput=0.9", "goodput is the share", KVC_E_CONFLICT},
               {"ttft_p95=5,goodput=0.9", "goodput is the share", KVC_E_CONFLICT},
               {"itl=5,queue=5,goodput=0.9", "goodput is the share", KVC_E_CONFLICT},
               {"e2e=1,e2e=2,e2e=3,e2e=4,e2e=5,e2e=6,e2e=7,e2e=8,e2e=9", "more than 8",
                KVC_E_LIMIT}};
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct kvc_slo slo = slo_of("e2e_p50=1s");
    const struct kvc_slo before = slo;
    struct kvc_err err = {0};
    const kvc_code code = kvc_slo_read(cases[i].text, "slo of plan.yaml", &slo, &err);
    if (code != cases[i].code || strstr(err.msg, cases[i].says) == NULL)
      fail_msg("%s: %d %s", cases[i].text, (int)code, err.msg);
    assert_string_equal(err.where, "slo of plan.yaml");
    assert_memory_equal(&slo, &before, sizeof slo);
  }
}

static void limits_of_every_request_go_to_the_simulator(void **state)
{
  const struct kvc_slo slo =
      slo_of("ttft=500ms,ttft=400ms,tpot_p95=30ms,e2e=10s,itl=50ms,goodput=0.9");
  const struct kvc_sim_slo each = kvc_slo_each(&slo);
  (void)state;
  assert_close(each.ttft_s, 0.4, 1e-12); /* the stricter one */
  assert_close(each.tpot_s, 0, 1e-12);   /* has a quantile */
  assert_close(each.e2e_s, 10, 1e-12);
  assert_true(kvc_slo_in_goodput(&slo, &slo.bars[0]));
  assert_false(kvc_slo_in_goodput(&slo, &slo.bars[2]));
  assert_false(kvc_slo_in_goodput(&slo, &slo.bars[4])); /* nobody follows its itl */
}

/* TTFT p95 0.4 s, TPOT p99 24 ms, e2e mean 5 s, ITL p99 60 ms; of 10 a second 9.2 are
 * good. */
static struct kvc_sim_result run(void)
{
  return (struct kvc_sim_result){
      .ttft_s = {.n = 100, .mean = 0.1, .p50 = 0.05, .p90 = 0.3, .p95 = 0.4, .p99 = 0.9},
      .tpot_s = {.n = 100, .mean = 0.02, .p99 = 0.024},
      .itl_s = {.n = 100, .mean = 0.02, .p99 = 0.06},
      .e2e_s = {.n = 100, .mean = 5, .p99 = 9},
      .queue_s = {.n = 100, .p50 = 0.01},
      .requests_per_s = 10,
      .goodput_per_s = 9.2};
}

static void the_worst_figure_over_its_limit_is_the_ratio(void **state)
{
  static const struct {
    const char *text;
    double ratio;
    size_t worst;
  } cases[] = {
      {"ttft_p95=500ms,tpot_p99=30ms", 0.8, 0},      /* 0.4 / 0.5 = 24 / 30: the first */
      {"ttft_p95=500ms,tpot_p99=20ms", 1.2, 1},      /* 24 / 20 */
      {"ttft_mean=1s,ttft_p50=100ms", 0.5, 1},       /* 0.05 / 0.1 */
      {"ttft_p90=1s,queue_p50=10ms", 1, 1},          /* exactly met */
      {"ttft=1s", 0.9, 0},                           /* without a share: the 99th */
      {"ttft=1ms,goodput=0.9", 0.8, 1},              /* (1 - 0.92) / (1 - 0.9) */
      {"ttft=1ms,e2e_mean=4s,goodput=0.9", 1.25, 1}, /* 5 / 4 */
      {"ttft=1ms,itl=30ms,goodput=0.9", 2, 1},       /* itl keeps its 99th */
      {"ttft=1ms,goodput=0.96", 2, 1},               /* 0.08 / 0.04 */
      {"", 0, 0}};
  (void)state;
  const struct kvc_sim_result result = run();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    size_t worst;
    const struct kvc_slo slo = slo_of(cases[i].text);
    assert_close(kvc_slo_ratio(&slo, &result, &worst), cases[i].ratio, 1e-9);
    assert_int_equal(worst, cases[i].worst);
  }
}

static void who_is_turned_away_is_not_served_in_time(void **state)
{
  size_t worst;
  (void)state;
  struct kvc_sim_result result = run();
  result.balance.finished = 90;
  result.balance.rejected = 10;
  /* 0.92 x 0.9 = 0.828 are good: (1 - 0.828) / 0.1. */
  struct kvc_slo slo = slo_of("ttft=1s,goodput=0.9");
  assert_close(kvc_slo_ratio(&slo, &result, &worst), 1.72, 1e-9);
  assert_int_equal(worst, slo.n);
  result.requests_per_s = 0; /* nothing ended */
  assert_close(kvc_slo_ratio(&slo, &result, &worst), 10, 1e-9);
}

static void all_of_the_requests_is_a_share_too(void **state)
{
  size_t worst;
  (void)state;
  struct kvc_sim_result result = run();
  const struct kvc_slo slo = slo_of("ttft=1s,goodput=1");
  assert_true(isinf(kvc_slo_ratio(&slo, &result, &worst)));
  result.goodput_per_s = result.requests_per_s;
  assert_close(kvc_slo_ratio(&slo, &result, &worst), 0, 1e-12);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_limit_is_a_figure_a_quantile_and_a_time),
      cmocka_unit_test(limits_are_parted_by_commas_or_spaces_and_add_up),
      cmocka_unit_test(what_is_no_limit_is_named_and_changes_nothing),
      cmocka_unit_test(limits_of_every_request_go_to_the_simulator),
      cmocka_unit_test(the_worst_figure_over_its_limit_is_the_ratio),
      cmocka_unit_test(who_is_turned_away_is_not_served_in_time),
      cmocka_unit_test(all_of_the_requests_is_a_share_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
