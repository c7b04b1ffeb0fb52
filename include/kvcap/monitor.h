/* monitor.h - what watches one service of one release: records, alerts, tests, panels.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * kvc_monitor_plan (monitor_plan.h) makes it out of the book and the catalogue of
 * metrics; src/emit writes it as Prometheus and Grafana read it.
 *
 * Ownership: everything lives in the arena of the plan; emit borrows.
 */
#ifndef KVCAP_MONITOR_H
#define KVCAP_MONITOR_H

#include <kvcap/err.h>
#include <kvcap/str.h>
#include <stdbool.h>
#include <stddef.h>

struct kvc_monitor_record {
  const char *name, *expr, *text;
  const char *histogram; /* label of one of several of the name; NULL */
};

struct kvc_monitor_series {
  const char *series, *values; /* as promtool writes them */
};

struct kvc_monitor_case {
  const struct kvc_monitor_series *series;
  size_t n;
};

struct kvc_monitor_alert {
  const char *name;                  /* "VllmTtftSlow" */
  const char *rule;                  /* "LAT001"; NULL: of no rule */
  const char *severity;              /* critical, warning, info */
  const char *expr, *hold;           /* hold: "5m" */
  const char *summary, *description; /* templates of Prometheus */
  struct kvc_monitor_case fire, quiet;
  int hold_min, check_min; /* when the tests look, minutes from their start */
};

enum kvc_monitor_style { KVC_MONITOR_LINES, KVC_MONITOR_STACKED, KVC_MONITOR_TABLE };

struct kvc_monitor_target {
  const char *expr, *legend; /* legend may be NULL */
  bool bars;
};

struct kvc_monitor_panel {
  const char *title, *about; /* about may be NULL */
  const char *unit;          /* Grafana's id of it */
  enum kvc_monitor_style style;
  bool has_limit, below; /* a threshold; below: what is under it is bad */
  double limit;
  const struct kvc_monitor_target *targets;
  size_t n_targets;
};

struct kvc_monitor_row {
  const char *title;
  bool folded;
  const struct kvc_monitor_panel *panels;
  size_t n_panels;
};

/* What is not there, and why. */
struct kvc_monitor_left {
  const char *what, *title, *because; /* "LAT009", the rule's title */
};

struct kvc_monitor {
  const char *job, *version;  /* "vllm", "0.11.0" */
  const char *generation;     /* "V1" */
  const char *note;           /* how the release was understood; NULL: as given */
  const char *const *targets; /* "host:8000" */
  size_t n_targets;
  const char *interval; /* "5s" */
  const char *probe;    /* a metric that every server prints: lists jobs and models */
  bool has_engine;      /* series carry the label engine */
  const struct kvc_monitor_record *records;
  const struct kvc_monitor_alert *alerts;
  const struct kvc_monitor_row *rows;
  const struct kvc_monitor_left *left;
  size_t n_records, n_alerts, n_rows, n_left;
};

/* ---- as files (src/emit) -------------------------------------------------------------
 */

enum kvc_monitor_file {
  KVC_MONITOR_CONFIG,
  KVC_MONITOR_RULES,
  KVC_MONITOR_TESTS,
  KVC_MONITOR_DASHBOARD,
  KVC_MONITOR_FILES
};

/* "config", "prometheus.yml"; what it is. */
struct kvc_monitor_file_row {
  const char *word, *name, *text;
};
const struct kvc_monitor_file_row *kvc_monitor_file(enum kvc_monitor_file file);

/* Writes one of the files; what belongs to kvcap says so in its first line (YAML) or in
 * its tags (the dashboard). */
kvc_code kvc_monitor_emit(const struct kvc_monitor *monitor, enum kvc_monitor_file file,
                          struct kvc_buf *out, struct kvc_err *err) KVC_MUST_USE;
/* Whether a text is such a file. */
bool kvc_monitor_is_ours(const char *text, size_t len);

#endif
