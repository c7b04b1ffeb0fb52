/* monitor.c - which files watch a service, and who writes them.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "monitor.h"
#include <string.h>

static const struct kvc_monitor_file_row files[KVC_MONITOR_FILES] = {
    {"config", "prometheus.yml", "what Prometheus scrapes, and how often"},
    {"rules", "rules.yml", "recording rules and alerts"},
    {"tests", "rules-test.yml", "the tests of the alerts: promtool test rules"},
    {"dashboard", "dashboard.json", "the Grafana dashboard"},
};

const struct kvc_monitor_file_row *kvc_monitor_file(enum kvc_monitor_file file)
{
  return (unsigned)file < KVC_MONITOR_FILES ? &files[file] : NULL;
}

kvc_code kvc_monitor_emit(const struct kvc_monitor *monitor, enum kvc_monitor_file file,
                          struct kvc_buf *out, struct kvc_err *err)
{
  switch (file) {
  case KVC_MONITOR_CONFIG: emit_prometheus_config(monitor, out); break;
  case KVC_MONITOR_RULES: emit_prometheus_rules(monitor, out); break;
  case KVC_MONITOR_TESTS: emit_prometheus_tests(monitor, out); break;
  case KVC_MONITOR_DASHBOARD: return emit_grafana(monitor, out, err);
  case KVC_MONITOR_FILES: break;
  }
  return KVC_E_OK;
}

bool kvc_monitor_is_ours(const char *text, size_t len)
{
  enum { HEAD = 200 };
  const size_t n = strlen(EMIT_MADE_BY), end = len < HEAD ? len : HEAD;
  for (size_t i = 0; i + n <= end; i++)
    if (memcmp(text + i, EMIT_MADE_BY, n) == 0) return true;
  return false;
}
