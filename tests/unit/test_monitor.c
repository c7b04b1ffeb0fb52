/* test_monitor.c - alerts, records and panels of every release, out of the book.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cjson/cJSON.h>
#include <cmocka.h>
#include <kvcap/monitor_plan.h>
#include <stdio.h>
#include <string.h>
#include "tests/support/monitor_kit.h"

static const char *const targets[] = {"gpu1:8000"};

static struct kvc_monitor_request request(const char *release,
                                          enum kvc_engine_kind generation)
{
  struct kvc_monitor_request req = {.book = book,
                                    .metrics = metrics,
                                    .generation = generation,
                                    .job = "chat",
                                    .targets = targets,
                                    .n_targets = 1,
                                    .interval_s = 5,
                                    .multi_turn = true,
                                    .max_num_seqs = 128,
                                    .max_num_batched_tok = 8192,
                                    .max_model_len_tok = 32768};
  struct kvc_err err;
  assert_int_equal(kvc_version_parse(release, "", &req.version, &err), KVC_E_OK);
  return req;
}

static struct kvc_monitor planned(const struct kvc_monitor_request *req)
{
  struct kvc_monitor out;
  struct kvc_err err = {.msg = ""};
  if (kvc_monitor_plan(&book_arena, req, &out, &err) != KVC_E_OK) fail_msg("%s", err.msg);
  return out;
}

static struct kvc_monitor plan(const char *release, enum kvc_engine_kind generation)
{
  const struct kvc_monitor_request req = request(release, generation);
  return planned(&req);
}

static const struct kvc_monitor_alert *alert(const struct kvc_monitor *m,
                                             const char *rule)
{
  for (size_t i = 0; i < m->n_alerts; i++)
    if (m->alerts[i].rule != NULL && strcmp(m->alerts[i].rule, rule) == 0)
      return &m->alerts[i];
  return NULL;
}

static const char *why_not(const struct kvc_monitor *m, const char *rule)
{
  for (size_t i = 0; i < m->n_left; i++)
    if (strcmp(m->left[i].what, rule) == 0) return m->left[i].because;
  return "";
}

/* All that a release is written as, in one text. */
static char *written(const struct kvc_monitor *m)
{
  struct kvc_buf out;
  struct kvc_err err;
  kvc_buf_init(&out, 8 << 20);
  for (int i = 0; i < KVC_MONITOR_FILES; i++)
    assert_int_equal(kvc_monitor_emit(m, (enum kvc_monitor_file)i, &out, &err), KVC_E_OK);
  assert_false(out.full);
  char *text = kvc_arena_strdup(&book_arena, out.text);
  kvc_buf_clear(&out);
  assert_non_null(text);
  return text;
}

/* ---- the book ------------------------------------------------------------------------
 */

static void every_rule_on_a_running_server_is_an_alert_or_says_why_not(void **state)
{
  (void)state;
  const unsigned live = KVC_NEED_LIVE | KVC_NEED_METRICS | KVC_NEED_LOG | KVC_NEED_BENCH;
  size_t rules = 0;
  for (size_t i = 0; i < kvc_rule_count(); i++) {
    const struct kvc_rule *r = kvc_rule_at(i);
    size_t n = 0;
    for (size_t k = 0; k < book->n_alerts; k++)
      n += book->alerts[k].rule != NULL && strcmp(book->alerts[k].rule, r->id) == 0;
    for (size_t k = 0; k < book->n_reasons; k++)
      n += strcmp(book->reasons[k].rule, r->id) == 0;
    const bool wanted = r->fact != KVC_L_none || (r->needs & live) != 0;
    if (n != (wanted ? 1 : 0)) fail_msg("%s stands %zu times in alerts.yaml", r->id, n);
    rules += wanted;
  }
  assert_true(rules > 60);
}

static bool same_metrics(const struct kvc_book_case *a, const struct kvc_book_case *b)
{
  if (a->n != b->n) return false;
  for (size_t i = 0; i < a->n; i++)
    if (strcmp(a->inputs[i].metric, b->inputs[i].metric) != 0) return false;
  return true;
}

static void what_keeps_an_alert_quiet_is_values_and_not_absence(void **state)
{
  (void)state;
  for (size_t i = 0; i < book->n_alerts; i++)
    if (!same_metrics(&book->alerts[i].fire, &book->alerts[i].quiet))
      fail_msg("the cases at line %d differ in their metrics", book->alerts[i].line);
}

static void every_record_is_a_figure_once(void **state)
{
  (void)state;
  for (size_t i = 0; i < book->n_records; i++) {
    assert_int_not_equal(kvc_live_find(book->records[i].live), KVC_L_none);
    for (size_t k = 0; k < i; k++)
      assert_string_not_equal(book->records[i].live, book->records[k].live);
  }
}

/* ---- every release -------------------------------------------------------------------
 */

/* Every name of vLLM in the texts is one that this release and generation exports. */
static void check_names(const char *text, const struct kvc_monitor_request *req)
{
  static const char *const parts[] = {"_bucket", "_sum", "_count"};
  for (const char *p = text; (p = strstr(p, "vllm:")) != NULL;) {
    const size_t len = strspn(p, "abcdefghijklmnopqrstuvwxyz0123456789_:");
    const struct kvc_metric_name *name = kvc_metrics_exported(metrics, p, len);
    for (size_t i = 0; i < 3 && name == NULL; i++) {
      const size_t cut = strlen(parts[i]);
      if (len > cut && memcmp(p + len - cut, parts[i], cut) == 0)
        name = kvc_metrics_exported(metrics, p, len - cut);
    }
    if (name == NULL) fail_msg("%.*s is no metric", (int)len, p);
    const struct kvc_metric_name *here =
        kvc_metrics_name(kvc_metrics_of(metrics, name), &req->version, req->generation);
    if (here == NULL || strncmp(p, here->name, strlen(here->name)) != 0)
      fail_msg("%.*s is not of this release", (int)len, p);
    p += len;
  }
}

static void check_texts(const char *release, enum kvc_engine_kind generation)
{
  const struct kvc_monitor_request req = request(release, generation);
  const struct kvc_monitor m = planned(&req);
  const char *text = written(&m);
  assert_true(m.n_alerts > 12 && m.n_records > 20 && m.n_rows >= 4);
  for (char first = 'a'; first <= 'z'; first++) {
    const char open[3] = {'<', first, '\0'};
    if (strstr(text, open) != NULL)
      fail_msg("a placeholder is left: %.40s", strstr(text, open));
  }
  check_names(text, &req);
  for (size_t i = 0; i < m.n_alerts; i++)
    if (m.alerts[i].fire.n == 0 || m.alerts[i].quiet.n != m.alerts[i].fire.n)
      fail_msg("%s has no two tests of the same metrics", m.alerts[i].name);
}

static void every_release_is_written_in_its_own_names(void **state)
{
  (void)state;
  size_t n = 0;
  for (size_t i = 0; i < kvc_engine_release_count(engine); i++) {
    const struct kvc_version *v = &kvc_engine_release(engine, i)->version;
    static const enum kvc_engine_kind kinds[] = {KVC_ENGINE_V0, KVC_ENGINE_V1};
    char text[KVC_VERSION_TEXT];
    kvc_version_format(v, text);
    for (size_t k = 0; k < 2; k++) {
      const struct kvc_metric *probe = kvc_metrics_find(metrics, "num_requests_running");
      if (kvc_engine_generation(engine, v, kinds[k]) == NULL ||
          kvc_metrics_name(probe, v, kinds[k]) == NULL)
        continue;
      check_texts(text, kinds[k]);
      n++;
    }
  }
  assert_true(n > 40);
}

static void old_names_stand_only_where_they_were(void **state)
{
  static const struct {
    const char *release;
    enum kvc_engine_kind generation;
    const char *has, *lacks;
  } cases[] = {
      {"0.6.6", KVC_ENGINE_V0, "vllm:gpu_cache_usage_perc", "vllm:kv_cache_usage_perc"},
      {"0.6.6", KVC_ENGINE_V0, "vllm:num_requests_swapped", "engine=~"},
      {"0.6.6", KVC_ENGINE_V0, "vllm:gpu_prefix_cache_hit_rate", "prefix_cache_queries"},
      {"0.8.5", KVC_ENGINE_V0, "vllm:cpu_cache_usage_perc", "engine=~"},
      {"0.10.2", KVC_ENGINE_V0, "vllm:gpu_cache_usage_perc", "num_requests_swapped"},
      {"0.8.2", KVC_ENGINE_V1, "vllm:gpu_prefix_cache_queries_total", "engine=~"},
      {"0.8.5", KVC_ENGINE_V1, "vllm:gpu_cache_usage_perc", "num_requests_swapped"},
      {"0.8.5", KVC_ENGINE_V1, "vllm:time_per_output_token_seconds", "inter_token"},
      {"0.8.5", KVC_ENGINE_V1, "engine=~", "gpu_prefix_cache_hit_rate"},
      /* both are printed: the newer one counts */
      {"0.10.2", KVC_ENGINE_V1, "vllm:kv_cache_usage_perc", "gpu_cache_usage_perc"},
      {"0.11.0", KVC_ENGINE_V1, "vllm:kv_cache_usage_perc", "gpu_cache_usage_perc"},
      /* hidden unless asked for */
      {"0.13.0", KVC_ENGINE_V1, "vllm:inter_token_latency", "vllm:time_per_output_token"},
      {"0.20.0", KVC_ENGINE_V1, "waiting_by_reason", "gpu_prefix_cache"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const struct kvc_monitor m = plan(cases[i].release, cases[i].generation);
    const char *text = written(&m);
    if (strstr(text, cases[i].has) == NULL)
      fail_msg("%s has no %s", cases[i].release, cases[i].has);
    if (strstr(text, cases[i].lacks) != NULL)
      fail_msg("%s has %s", cases[i].release, cases[i].lacks);
  }
}

/* ---- what the user says ---------------------------------------------------------------
 */

static void thresholds_of_the_user_are_in_alert_test_and_panel(void **state)
{
  const struct kvc_rule_tune tunes[] = {
      {.id = "ttft-slow", .has_limit = true, .limit = 0.75},
      {.id = "QUE001", .has_severity = true, .severity = 2},
      {.id = "QUE002", .has_limit = true, .limit = 180},
      {.id = "KVU001", .off = true},
  };
  (void)state;
  struct kvc_monitor_request req = request("0.11.0", KVC_ENGINE_V1);
  req.tunes = tunes;
  req.n_tunes = 4;
  const struct kvc_monitor m = planned(&req);
  const struct kvc_monitor_alert *ttft = alert(&m, "LAT001");
  assert_string_equal(ttft->expr, "vllm_server:ttft_p95_s{job=\"chat\"} > 0.75");
  /* 1.2 x 0.75 = 0.9 s is seen: between the bounds 0.891 and 0.909 */
  assert_non_null(strstr(ttft->fire.series[0].series, "le=\"0.891\""));
  assert_non_null(strstr(ttft->fire.series[1].series, "le=\"0.909\""));
  assert_string_equal(ttft->fire.series[0].values, "0+0x16");
  assert_string_equal(ttft->fire.series[1].values, "0+60x16");
  assert_string_equal(alert(&m, "QUE001")->severity, "critical");
  assert_string_equal(alert(&m, "QUE002")->hold, "180s");
  assert_null(alert(&m, "KVU001"));
  assert_string_equal(why_not(&m, "KVU001"), "switched off by the rules file");
  assert_true(m.rows[0].panels[0].has_limit && m.rows[0].panels[0].limit == 0.75);
  assert_false(m.rows[0].panels[3].has_limit);
}

static void alerts_about_settings_want_the_settings(void **state)
{
  (void)state;
  struct kvc_monitor_request req = request("0.11.0", KVC_ENGINE_V1);
  struct kvc_monitor m = planned(&req);
  assert_string_equal(alert(&m, "QUE003")->expr,
                      "vllm_server:running_mean{job=\"chat\"} / 128 >= 0.98");
  assert_non_null(strstr(alert(&m, "QUE005")->expr, "unless"));
  req.max_num_seqs = 0;
  req.multi_turn = false;
  m = planned(&req);
  assert_null(alert(&m, "QUE003"));
  assert_string_equal(why_not(&m, "QUE003"), "--max-num-seqs is not given");
  assert_null(strstr(alert(&m, "QUE005")->expr, "unless"));
  assert_non_null(strstr(why_not(&m, "KVU006"), "--multi-turn"));
  req.max_num_seqs = 32;
  m = planned(&req);
  assert_string_equal(why_not(&m, "QUE011"),
                      "it is of interest from --max-num-seqs 33 on");
}

static void reasons_name_release_and_metric(void **state)
{
  (void)state;
  const struct kvc_monitor m = plan("0.6.3", KVC_ENGINE_V0);
  assert_string_equal(why_not(&m, "LAT005"),
                      "vLLM 0.6.3 (V0) does not tell the mean time in the queue");
  assert_string_equal(why_not(&m, "LRA001"),
                      "vLLM 0.6.3 (V0) exports no lora_requests_info");
  assert_string_equal(why_not(&m, "TRF001"), "the rule is about other releases");
  assert_string_equal(why_not(&m, "HST002"), "it is said in the log only");
}

static void a_test_of_other_values_than_the_limit_is_left_out(void **state)
{
  const struct kvc_rule_tune tune = {.id = "CLN003", .has_limit = true, .limit = 0.95};
  (void)state;
  struct kvc_monitor_request req = request("0.11.0", KVC_ENGINE_V1);
  assert_true(alert(&(struct kvc_monitor){0}, "CLN003") == NULL);
  req.tunes = &tune;
  req.n_tunes = 1;
  const struct kvc_monitor m = planned(&req);
  assert_int_equal(alert(&m, "CLN003")->fire.n, 0);
  assert_non_null(strstr(alert(&m, "CLN003")->expr, "> 0.95"));
}

/* ---- the dashboard
 * ---------------------------------------------------------------------- */

static const cJSON *at(const cJSON *map, const char *key)
{
  return cJSON_GetObjectItemCaseSensitive(map, key);
}

struct seen {
  bool id[200], cell[400][24];
  size_t panels;
};

/* Ids are unique, no panel lies on another; panels of a folded row lie under it. */
static void check_panels(const cJSON *panels, struct seen *seen)
{
  const cJSON *p;
  cJSON_ArrayForEach(p, panels)
  {
    const int id = at(p, "id")->valueint;
    const cJSON *pos = at(p, "gridPos");
    assert_in_range(id, 1, 199);
    assert_false(seen->id[id]);
    seen->id[id] = true;
    seen->panels++;
    const int x = at(pos, "x")->valueint, y = at(pos, "y")->valueint;
    for (int h = 0; h < at(pos, "h")->valueint; h++)
      for (int w = 0; w < at(pos, "w")->valueint; w++) {
        assert_true(y + h < 400 && x + w < 24);
        assert_false(seen->cell[y + h][x + w]);
        seen->cell[y + h][x + w] = true;
      }
    check_panels(at(p, "panels"), seen);
  }
}

static void the_dashboard_is_what_grafana_takes(void **state)
{
  static const char *const first[] = {"Latency", "Throughput", "Queue depth",
                                      "KV pressure"};
  static const char *const names[] = {"datasource", "job", "model", "engine", "window"};
  struct kvc_buf out;
  struct kvc_err err;
  struct seen seen = {.panels = 0};
  (void)state;
  const struct kvc_monitor m = plan("0.20.0", KVC_ENGINE_V1);
  kvc_buf_init(&out, 4 << 20);
  assert_int_equal(kvc_monitor_emit(&m, KVC_MONITOR_DASHBOARD, &out, &err), KVC_E_OK);
  cJSON *root = cJSON_Parse(out.text);
  assert_non_null(root);
  const cJSON *panels = at(root, "panels"), *list = at(at(root, "templating"), "list");
  check_panels(panels, &seen);
  assert_true(seen.panels > 35);
  for (int i = 0; i < 4; i++) /* after the heading of their row */
    assert_string_equal(at(cJSON_GetArrayItem(panels, i + 1), "title")->valuestring,
                        first[i]);
  assert_int_equal(cJSON_GetArraySize(list), 5);
  for (int i = 0; i < 5; i++)
    assert_string_equal(at(cJSON_GetArrayItem(list, i), "name")->valuestring, names[i]);
  assert_true(cJSON_IsNull(at(root, "id")));
  assert_string_equal(at(root, "uid")->valuestring, "kvcap-chat");
  /* Preemptions are bars beside the line of the KV cache. */
  const cJSON *config = at(cJSON_GetArrayItem(panels, 4), "fieldConfig");
  const cJSON *bars = cJSON_GetArrayItem(at(config, "overrides"), 0);
  assert_string_equal(at(at(bars, "matcher"), "options")->valuestring, "B");
  const cJSON *steps = at(at(at(config, "defaults"), "thresholds"), "steps");
  assert_true(at(cJSON_GetArrayItem(steps, 1), "value")->valuedouble == 0.9);
  cJSON_Delete(root);
  kvc_buf_clear(&out);
}

static void files_know_whose_they_are(void **state)
{
  (void)state;
  const struct kvc_monitor m = plan("0.11.0", KVC_ENGINE_V1);
  for (int i = 0; i < KVC_MONITOR_FILES; i++) {
    struct kvc_buf out;
    struct kvc_err err;
    kvc_buf_init(&out, 4 << 20);
    assert_int_equal(kvc_monitor_emit(&m, (enum kvc_monitor_file)i, &out, &err),
                     KVC_E_OK);
    assert_true(kvc_monitor_is_ours(out.text, out.len));
    kvc_buf_clear(&out);
  }
  assert_false(kvc_monitor_is_ours("global: {}\n", 11));
  assert_false(kvc_monitor_is_ours("", 0));
}

static void a_small_arena_ends_in_one_error(void **state)
{
  (void)state;
  struct kvc_monitor_request req = request("0.11.0", KVC_ENGINE_V1);
  kvc_code rc = KVC_E_LIMIT;
  size_t tries = 0;
  for (size_t cap = 16; rc != KVC_E_OK && cap < (16 << 20);
       cap += cap / 3 + 16, tries++) {
    struct kvc_arena small;
    struct kvc_monitor out;
    struct kvc_err err;
    kvc_arena_init(&small, cap);
    rc = kvc_monitor_plan(&small, &req, &out, &err);
    assert_true(rc == KVC_E_OK || rc == KVC_E_LIMIT);
    kvc_arena_clear(&small);
  }
  assert_int_equal(rc, KVC_E_OK);
  assert_true(tries > 10);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_rule_on_a_running_server_is_an_alert_or_says_why_not),
      cmocka_unit_test(what_keeps_an_alert_quiet_is_values_and_not_absence),
      cmocka_unit_test(every_record_is_a_figure_once),
      cmocka_unit_test(every_release_is_written_in_its_own_names),
      cmocka_unit_test(old_names_stand_only_where_they_were),
      cmocka_unit_test(thresholds_of_the_user_are_in_alert_test_and_panel),
      cmocka_unit_test(alerts_about_settings_want_the_settings),
      cmocka_unit_test(reasons_name_release_and_metric),
      cmocka_unit_test(a_test_of_other_values_than_the_limit_is_left_out),
      cmocka_unit_test(the_dashboard_is_what_grafana_takes),
      cmocka_unit_test(files_know_whose_they_are),
      cmocka_unit_test(a_small_arena_ends_in_one_error),
  };
  return cmocka_run_group_tests(tests, open_book, close_book);
}
