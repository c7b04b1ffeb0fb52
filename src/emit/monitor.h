/* monitor.h - the writers of what watches a service; private to src/emit/.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef EMIT_MONITOR_H
#define EMIT_MONITOR_H

#include <kvcap/monitor.h>

/* By this a file is known as kvcap's own: the first line, or the first tag. */
#define EMIT_MADE_BY "made by kvcap monitor"

void emit_prometheus_config(const struct kvc_monitor *m, struct kvc_buf *out);
void emit_prometheus_rules(const struct kvc_monitor *m, struct kvc_buf *out);
void emit_prometheus_tests(const struct kvc_monitor *m, struct kvc_buf *out);
/* KVC_E_LIMIT when the machine has no memory for it. */
kvc_code emit_grafana(const struct kvc_monitor *m, struct kvc_buf *out,
                      struct kvc_err *err) KVC_MUST_USE;

#endif
