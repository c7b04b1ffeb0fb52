/* test_monitor_rules.c - an alert and its rule agree on the same server.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The series by which promtool tests an alert become pages of metrics, one a minute over
 * the last five; `kvcap diagnose` has to come to the same verdict on them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/monitor_plan.h>
#include <kvcap/num.h>
#include <kvcap/observe.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "tests/support/monitor_kit.h"

enum { PAGES = 6 };

/* ---- promtool's notation ------------------------------------------------------------
 */

static double number(const char **p)
{
  double v = 0;
  size_t used = 0;
  assert_true(kvc_num_scan(*p, strlen(*p), &v, &used));
  *p += used;
  return v;
}

/* "a+bxn a-bxn": a, a+b, ... a+n*b, then the next; the value of a minute. */
static double value_at(const char *values, int minute)
{
  double v = 0;
  for (const char *p = values; *p != '\0';) {
    const double start = number(&p), step = number(&p);
    assert_int_equal(*p, 'x');
    p++;
    const int more = (int)number(&p);
    if (minute <= more) return start + step * minute;
    minute -= more + 1;
    v = start + step * more;
    while (*p == ' ') p++;
  }
  fail_msg("\"%s\" ends too early", values);
  return v;
}

static void notation_is_read_as_promtool_does(void **state)
{
  (void)state;
  assert_true(value_at("1+2x3 10+0x5", 0) == 1);
  assert_true(value_at("1+2x3 10+0x5", 3) == 7);
  assert_true(value_at("1+2x3 10+0x5", 4) == 10);
  assert_true(value_at("5-1x4", 2) == 3);
}

/* ---- pages
 * ------------------------------------------------------------------------------ */

static struct kvc_page page_at(struct kvc_arena *arena, const struct kvc_monitor_case *c,
                               int minute)
{
  struct kvc_page page;
  struct kvc_buf text;
  struct kvc_err err = {.msg = ""};
  kvc_buf_init(&text, 1 << 20);
  for (size_t i = 0; i < c->n; i++)
    kvc_buf_printf(&text, "%s %.17g\n", c->series[i].series,
                   value_at(c->series[i].values, minute));
  const char *kept = kvc_arena_strdup(arena, text.text);
  kvc_buf_clear(&text);
  assert_non_null(kept);
  const struct kvc_prom_source source = {kept, strlen(kept), "page", metrics, engine};
  if (kvc_prom_read(arena, &source, &page, &err) != KVC_E_OK) fail_msg("%s", err.msg);
  page.scraped_s = 1e9 + 60.0 * minute;
  return page;
}

static enum kvc_verdict verdict(struct kvc_arena *arena, const struct kvc_rule *rule,
                                const struct kvc_monitor_case *c, int last_min,
                                const struct kvc_monitor_request *req)
{
  static struct kvc_size size;
  static struct kvc_demand demand;
  struct kvc_page pages[PAGES];
  struct kvc_live live;
  struct kvc_observe_notes notes = {.n = 0};
  struct kvc_err err;
  struct kvc_finding finding = {.rule = rule};
  for (int i = 0; i < PAGES; i++) pages[i] = page_at(arena, c, last_min - PAGES + 1 + i);
  const struct kvc_looks looks = {.pages = pages, .n = PAGES, .interval_s = (double)NAN};
  kvc_live_init(&live);
  kvc_live_set(&live, KVC_L_max_num_seqs, req->max_num_seqs, "given");
  kvc_live_set(&live, KVC_L_max_num_batched_tok, req->max_num_batched_tok, "given");
  kvc_live_set(&live, KVC_L_max_model_len_tok, req->max_model_len_tok, "given");
  live.multi_turn = true;
  assert_int_equal(kvc_observe_pages(arena, &looks, &live, &notes, &err), KVC_E_OK);
  size.setting.engine = req->generation;
  const struct kvc_rule_facts facts = {
      .engine = engine, .size = &size, .demand = &demand, .live = &live};
  if ((rule->fact != KVC_L_none && isnan(live.v[rule->fact])) ||
      (rule->with != KVC_L_none && isnan(live.v[rule->with])))
    return KVC_SKIP;
  return rule->check(&facts, rule, arena, &finding);
}

/* ---- every alert
 * ------------------------------------------------------------------------ */

/* Its rule looks at the log: metrics tell the same, but not to `diagnose`. */
static bool of_the_log(const char *rule)
{
  return strcmp(rule, "CLN003") == 0;
}

static size_t faults;

static void check_alert(const struct kvc_monitor_alert *a,
                        const struct kvc_monitor_request *req, const char *release)
{
  static const char *const words[] = {"skips", "passes", "fires"};
  const struct kvc_rule *rule = kvc_rule_find(a->rule);
  struct kvc_arena arena;
  kvc_arena_init(&arena, 32 << 20);
  assert_non_null(rule);
  const enum kvc_verdict fire = verdict(&arena, rule, &a->fire, a->check_min, req);
  const enum kvc_verdict quiet = verdict(&arena, rule, &a->quiet, a->check_min, req);
  if (fire != KVC_FIRE)
    print_error("%s, %s: the alert fires, its rule %s\n", release, a->rule, words[fire]);
  if (quiet != KVC_PASS)
    print_error("%s, %s: the alert keeps quiet, its rule %s\n", release, a->rule,
                words[quiet]);
  faults += fire != KVC_FIRE || quiet != KVC_PASS;
  kvc_arena_clear(&arena);
}

static void an_alert_fires_where_its_rule_does(void **state)
{
  static const struct {
    const char *release;
    enum kvc_engine_kind generation;
  } cases[] = {{"0.5.5", KVC_ENGINE_V0},  {"0.6.6", KVC_ENGINE_V0},
               {"0.8.5", KVC_ENGINE_V0},  {"0.8.5", KVC_ENGINE_V1},
               {"0.10.2", KVC_ENGINE_V0}, {"0.11.0", KVC_ENGINE_V1},
               {"0.20.0", KVC_ENGINE_V1}, {"0.31.0", KVC_ENGINE_V1}};
  static const char *const targets[] = {"h:1"};
  size_t n = 0;
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct kvc_arena arena;
    struct kvc_monitor m;
    struct kvc_err err;
    struct kvc_monitor_request req = {.book = book,
                                      .metrics = metrics,
                                      .generation = cases[i].generation,
                                      .job = "j",
                                      .targets = targets,
                                      .n_targets = 1,
                                      .interval_s = 5,
                                      .multi_turn = true,
                                      .max_num_seqs = 128,
                                      .max_num_batched_tok = 8192,
                                      .max_model_len_tok = 32768};
    kvc_arena_init(&arena, 32 << 20);
    assert_int_equal(kvc_version_parse(cases[i].release, "", &req.version, &err),
                     KVC_E_OK);
    assert_int_equal(kvc_monitor_plan(&arena, &req, &m, &err), KVC_E_OK);
    for (size_t k = 0; k < m.n_alerts; k++) {
      const struct kvc_monitor_alert *a = &m.alerts[k];
      if (a->rule == NULL || of_the_log(a->rule)) continue;
      check_alert(a, &req, cases[i].release);
      n++;
    }
    kvc_arena_clear(&arena);
  }
  assert_int_equal(faults, 0);
  assert_true(n > 250);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(notation_is_read_as_promtool_does),
      cmocka_unit_test(an_alert_fires_where_its_rule_does),
  };
  return cmocka_run_group_tests(tests, open_book, close_book);
}
