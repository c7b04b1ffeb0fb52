/* prometheus.c - scrape configuration, rules and their tests, as Prometheus reads them.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "emit_room.h"
#include "monitor.h"
#include <string.h>

/* In single quotes, where a text is full of double ones. */
static void single(struct kvc_buf *out, const char *text)
{
  kvc_buf_puts(out, "'");
  for (const char *p = text; *p != '\0'; p++)
    kvc_buf_add(out, *p == '\'' ? "''" : p, *p == '\'' ? 2 : 1);
  kvc_buf_puts(out, "'");
}

static void head(const struct kvc_monitor *m, struct kvc_buf *out, const char *what)
{
  kvc_buf_printf(out, "# %s\n# %s of the service \"%s\": vLLM %s (%s)\n", EMIT_MADE_BY,
                 what, m->job, m->version, m->generation);
  if (m->note != NULL) kvc_buf_printf(out, "# %s\n", m->note);
}

void emit_prometheus_config(const struct kvc_monitor *m, struct kvc_buf *out)
{
  head(m, out, "Scraping");
  kvc_buf_printf(out,
                 "global:\n  scrape_interval: %s\n  evaluation_interval: %s\n"
                 "rule_files:\n  - rules.yml\nscrape_configs:\n  - job_name: ",
                 m->interval, m->interval);
  emit_quoted(out, m->job);
  kvc_buf_puts(out, "\n    metrics_path: /metrics\n    static_configs:\n"
                    "      - targets:\n");
  for (size_t i = 0; i < m->n_targets; i++) {
    kvc_buf_puts(out, "          - ");
    emit_quoted(out, m->targets[i]);
    kvc_buf_puts(out, "\n");
  }
}

/* ---- rules
 * ------------------------------------------------------------------------------- */

static void record(const struct kvc_monitor_record *r, struct kvc_buf *out)
{
  kvc_buf_printf(out,
                 "      # the %s\n      - record: \"%s\"\n        expr: |-\n"
                 "          %s\n",
                 r->text, r->name, r->expr);
  if (r->histogram == NULL) return;
  kvc_buf_puts(out, "        labels:\n          histogram: ");
  emit_quoted(out, r->histogram);
  kvc_buf_puts(out, "\n");
}

static void alert(const struct kvc_monitor_alert *a, struct kvc_buf *out)
{
  kvc_buf_printf(out, "      - alert: %s\n        expr: |-\n          %s\n", a->name,
                 a->expr);
  kvc_buf_printf(out, "        for: %s\n        labels:\n          severity: %s\n",
                 a->hold, a->severity);
  if (a->rule != NULL) kvc_buf_printf(out, "          rule: %s\n", a->rule);
  kvc_buf_puts(out, "        annotations:\n          summary: ");
  emit_quoted(out, a->summary);
  kvc_buf_puts(out, "\n          description: ");
  emit_quoted(out, a->description);
  kvc_buf_puts(out, "\n");
}

void emit_prometheus_rules(const struct kvc_monitor *m, struct kvc_buf *out)
{
  head(m, out, "Recording rules and alerts");
  kvc_buf_puts(out, "groups:\n  - name: kvcap-records\n    rules:\n");
  for (size_t i = 0; i < m->n_records; i++) record(&m->records[i], out);
  kvc_buf_puts(out, "  - name: kvcap-alerts\n    rules:\n");
  for (size_t i = 0; i < m->n_alerts; i++) alert(&m->alerts[i], out);
}

/* ---- tests of the rules
 * -------------------------------------------------------------------- */

static void start_test(const struct kvc_monitor_alert *a, const char *what,
                       const struct kvc_monitor_case *c, struct kvc_buf *out)
{
  kvc_buf_printf(out, "  - name: %s%s%s %s\n    interval: 1m\n    input_series:\n",
                 a->name, a->rule != NULL ? " " : "", a->rule != NULL ? a->rule : "",
                 what);
  for (size_t i = 0; i < c->n; i++) {
    kvc_buf_puts(out, "      - series: ");
    single(out, c->series[i].series);
    kvc_buf_puts(out, "\n        values: ");
    single(out, c->series[i].values);
    kvc_buf_puts(out, "\n");
  }
}

static void quiet_at(const struct kvc_monitor_alert *a, int minutes, struct kvc_buf *out)
{
  kvc_buf_printf(out,
                 "    alert_rule_test:\n      - alertname: %s\n"
                 "        eval_time: %dm\n        exp_alerts: []\n",
                 a->name, minutes);
}

/* Through the series ALERTS: what an annotation says of a value is not the point. */
static void fires_at(const struct kvc_monitor_alert *a, int minutes, struct kvc_buf *out)
{
  kvc_buf_printf(out,
                 "    promql_expr_test:\n      - expr: 'group by (alertname, severity)"
                 " (ALERTS{alertname=\"%s\",alertstate=\"firing\"})'\n"
                 "        eval_time: %dm\n        exp_samples:\n"
                 "          - labels: '{alertname=\"%s\",severity=\"%s\"}'\n"
                 "            value: 1\n",
                 a->name, minutes, a->name, a->severity);
}

void emit_prometheus_tests(const struct kvc_monitor *m, struct kvc_buf *out)
{
  head(m, out,
       "promtool test rules rules-test.yml: each alert fires and keeps quiet;"
       " tests");
  kvc_buf_puts(out, "rule_files:\n  - rules.yml\nevaluation_interval: 1m\ntests:\n");
  for (size_t i = 0; i < m->n_alerts; i++) {
    const struct kvc_monitor_alert *a = &m->alerts[i];
    if (a->fire.n == 0) continue;
    start_test(a, "fires", &a->fire, out);
    fires_at(a, a->check_min, out);
    if (a->hold_min > 1) /* not before it has lasted */
      quiet_at(a, a->hold_min - 1, out);
    start_test(a, "keeps quiet", &a->quiet, out);
    quiet_at(a, a->check_min, out);
  }
}
