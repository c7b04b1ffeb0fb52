/* test_monitor_book.c - alerts.yaml and dashboard.yaml are read strictly, resolved
 * strictly. SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/monitor_plan.h>
#include <string.h>

static struct kvc_arena arena;
static struct kvc_engine *engine;
static struct kvc_metrics *metrics;

static int open_facts(void **state)
{
  struct kvc_db *db;
  struct kvc_err err;
  (void)state;
  kvc_arena_init(&arena, 256 << 20);
  return kvc_db_open(&arena, NULL, 0, &db, &err) != KVC_E_OK ||
         kvc_db_engine(db, "vllm", &engine, &err) != KVC_E_OK ||
         kvc_db_metrics(db, "vllm", &metrics, &err) != KVC_E_OK;
}

static int close_facts(void **state)
{
  (void)state;
  kvc_arena_clear(&arena);
  return 0;
}

#define HEAD                                                                             \
  "labels: [{name: model_name, since: 0.4.0}, {name: engine, since: 0.8.3, engine: "     \
  "V1}]\n"                                                                               \
  "lacks: []\n"                                                                          \
  "records:\n"                                                                           \
  "  - {live: waiting_mean, expr: 'sum by (<server>) (<num_requests_waiting>)'}\n"
#define CASES(how)                                                                       \
  "    fire: [{metric: num_requests_waiting, " how "}]\n"                                \
  "    quiet: [{metric: num_requests_waiting, at: limit}]\n"
#define ALERT(expr, how)                                                                 \
  HEAD "alerts:\n  - rule: QUE001\n    for: 2m\n    expr: '" expr                        \
       "'\n" CASES(how) "not_alerts: []\n"
#define NO_ROWS "rows: []\n"
#define PANEL(rest)                                                                      \
  "rows:\n  - title: One\n    panels:\n      - {title: P, unit: s, " rest "}\n"

/* Reads and plans for 0.11.0; the message of whatever fails. */
static kvc_code plan(const char *alerts, const char *dashboard, struct kvc_monitor *out,
                     struct kvc_err *err)
{
  static struct kvc_monitor_book book;
  static const char *const targets[] = {"h:1"};
  const struct kvc_monitor_request req = {.book = &book,
                                          .metrics = metrics,
                                          .version = {.release = {0, 11, 0}},
                                          .generation = KVC_ENGINE_V1,
                                          .job = "j",
                                          .targets = targets,
                                          .n_targets = 1,
                                          .interval_s = 5};
  KVC_TRY(kvc_monitor_book_read(&arena, engine, alerts, dashboard, &book, err));
  return kvc_monitor_plan(&arena, &req, out, err);
}

static void a_small_book_gives_one_alert_of_the_release(void **state)
{
  struct kvc_monitor m;
  struct kvc_err err;
  (void)state;
  assert_int_equal(plan(ALERT("<live waiting_mean> > <limit>", "at: 2 limit + 1 - 0.5"),
                        NO_ROWS, &m, &err),
                   KVC_E_OK);
  assert_int_equal(m.n_records, 1);
  assert_string_equal(m.records[0].name, "vllm_server:waiting_mean");
  assert_string_equal(
      m.records[0].expr,
      "sum by (job, instance, model_name) (vllm:num_requests_waiting{job=\"j\"})");
  assert_int_equal(m.n_alerts, 1);
  assert_string_equal(m.alerts[0].name, "VllmManyWaiting");
  assert_string_equal(m.alerts[0].severity, "warning");
  /* QUE001 is 10 requests: 2 x 10 + 1 - 0.5, from minute 0 to beyond minute 10 + 2 */
  assert_string_equal(m.alerts[0].fire.series[0].series,
                      "vllm:num_requests_waiting{job=\"j\",instance=\"server:8000\","
                      "model_name=\"model\",engine=\"0\"}");
  assert_string_equal(m.alerts[0].fire.series[0].values, "20.5+0x13");
  assert_string_equal(m.alerts[0].quiet.series[0].values, "10+0x13");
  assert_int_equal(m.alerts[0].check_min, 12);
}

static void a_histogram_is_a_hundredth_wide_around_what_it_sees(void **state)
{
  static const char *const want[][2] = {
      {"le=\"1.98\"", "0+0x13"},  {"le=\"2.02\"", "0+45x13"}, {"le=\"3.96\"", "0+45x13"},
      {"le=\"4.04\"", "0+57x13"}, {"le=\"+Inf\"", "0+60x13"}, {"_sum", "0+30138x13"},
      {"_count", "0+60x13"},
  };
  struct kvc_monitor m;
  struct kvc_err err;
  (void)state;
  /* A minute sees 60: three quarters at 2, a fifth at 4, the rest beyond, counted as
   * 10,000 each: 45 x 2 + 12 x 4 + 3 x 10000 = 30138. */
  assert_int_equal(
      plan(HEAD "alerts:\n  - rule: QUE001\n    for: 2m\n    expr: '<up> == 0'\n"
                "    fire: [{metric: time_to_first_token_seconds, "
                "seen: [15 at 2, 4 at 4, 1 at inf]}]\n"
                "    quiet: [{metric: time_to_first_token_seconds, seen: limit}]\n"
                "not_alerts: []\n",
           NO_ROWS, &m, &err),
      KVC_E_OK);
  assert_int_equal(m.alerts[0].fire.n, 7);
  for (size_t i = 0; i < 7; i++) {
    assert_non_null(strstr(m.alerts[0].fire.series[i].series, want[i][0]));
    assert_string_equal(m.alerts[0].fire.series[i].values, want[i][1]);
  }
}

static void what_is_wrong_is_said(void **state)
{
  static const struct {
    const char *alerts, *dashboard, *says;
    kvc_code code;
  } bad[] = {
      {"labels: []\n", NO_ROWS, "\"lacks\" is missing", KVC_E_PARSE},
      {HEAD "alerts: []\nnot_alerts: []\nmore: 1\n", NO_ROWS, "more", KVC_E_UNKNOWN},
      {HEAD "  - {live: n_mean, expr: up, each: [no_such]}\nalerts: []\nnot_alerts: []\n",
       NO_ROWS, "no metric of the catalogue", KVC_E_UNKNOWN},
      {HEAD "alerts: []\nnot_alerts: [{rule: NO1, because: x}]\n", NO_ROWS,
       "no rule is called \"NO1\"", KVC_E_UNKNOWN},
      {HEAD "alerts:\n  - name: x\n    for: 1m\n    expr: up\n" CASES(
           "at: 1") "not_alerts: []\n",
       NO_ROWS, "has name, severity, title, why and fix", KVC_E_PARSE},
      {HEAD "alerts:\n  - rule: QUE001\n    for: 1m\n    until: 0.9.0\n    expr: "
            "up\n" CASES("at: 1") "not_alerts: []\n",
       NO_ROWS, "\"until\" stands without \"since\"", KVC_E_PARSE},
      {HEAD "alerts:\n  - rule: QUE001\n    for: 5x\n    expr: up\n" CASES(
           "at: 1") "not_alerts: []\n",
       NO_ROWS, "is no time such as 5m", KVC_E_PARSE},
      {ALERT("<live waiting_mean> > <limit>", "at: 1, grow: 2"), NO_ROWS,
       "one of at, grow, seen and raw", KVC_E_PARSE},
      {ALERT("<live waiting_mean> > <limit>", "at: [1, 2]"), NO_ROWS, "one value",
       KVC_E_PARSE},
      {ALERT("<live waiting_mean> > <limit>", "at: many"), NO_ROWS, "many", KVC_E_PARSE},
      {ALERT("<live ttft_p95_s> > 1", "at: 1"), NO_ROWS, "is not recorded", KVC_E_PARSE},
      {ALERT("<no_such> > 1", "at: 1"), NO_ROWS, "is no metric", KVC_E_PARSE},
      {ALERT("<time_to_first_token_seconds> > 1", "at: 1"), NO_ROWS,
       "a histogram wants :bucket", KVC_E_PARSE},
      {ALERT("<num_requests_waiting:sum> > 1", "at: 1"), NO_ROWS, "is no metric",
       KVC_E_PARSE},
      {ALERT("<num_requests_waiting", "at: 1"), NO_ROWS, "does not end", KVC_E_PARSE},
      {HEAD "alerts: []\nnot_alerts: []\n",
       PANEL("targets: [{expr: '<live waiting_mean>'}]"), "where no record may",
       KVC_E_PARSE},
      {HEAD "alerts: []\nnot_alerts: []\n", PANEL("style: round, targets: [{expr: up}]"),
       "no style", KVC_E_UNKNOWN},
      {HEAD "alerts: []\nnot_alerts: []\n", PANEL("rule: NO1, targets: [{expr: up}]"),
       "no rule", KVC_E_UNKNOWN},
      {HEAD "alerts: []\nnot_alerts: []\n", "rows: 1\n", "must be a list", KVC_E_PARSE},
  };
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct kvc_monitor m;
    struct kvc_err err = {.msg = ""};
    const kvc_code rc = plan(bad[i].alerts, bad[i].dashboard, &m, &err);
    if (rc != bad[i].code || strstr(err.msg, bad[i].says) == NULL)
      fail_msg("case %zu: code %d, \"%s\" where \"%s\" is wanted", i, (int)rc, err.msg,
               bad[i].says);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_small_book_gives_one_alert_of_the_release),
      cmocka_unit_test(a_histogram_is_a_hundredth_wide_around_what_it_sees),
      cmocka_unit_test(what_is_wrong_is_said),
  };
  return cmocka_run_group_tests(tests, open_facts, close_facts);
}
