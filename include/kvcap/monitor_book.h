/* monitor_book.h - rules as alerts, shared quantities, panels: as the data files say.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * profiles/engines/<engine>/alerts.yaml and dashboard.yaml hold PromQL in terms of
 * canonical metrics; the placeholders are described at the head of alerts.yaml.  Nothing
 * here knows a release: src/monitor resolves the texts for one.
 *
 * Ownership: lives in the arena of the database that opened it.
 */
#ifndef KVCAP_MONITOR_BOOK_H
#define KVCAP_MONITOR_BOOK_H

#include <kvcap/domain.h>
#include <kvcap/profile.h>

enum kvc_book_observe {
  KVC_BOOK_AT,   /* a gauge of this value */
  KVC_BOOK_GROW, /* grows by so much a second */
  KVC_BOOK_SEEN, /* a histogram that sees these values */
  KVC_BOOK_RAW   /* as promtool writes values */
};

/* Releases and generation that a row is about. */
struct kvc_book_span {
  struct kvc_version since, until;
  bool has_since, has_until;
  enum kvc_engine_kind engine; /* KVC_ENGINE_AUTO: both */
};

struct kvc_book_label {
  const char *name;
  struct kvc_book_span span;
};

/* A metric without some of the labels that the others have. */
struct kvc_book_lack {
  const char *metric;
  const char *const *labels;
  size_t n_labels;
};

/* Alternatives: the first whose metrics exist counts. */
struct kvc_book_exprs {
  const char *const *texts;
  size_t n;
};

struct kvc_book_record {
  const char *live; /* a figure of live.def */
  struct kvc_book_exprs exprs;
  struct kvc_book_span span;
  const char *const *each; /* once for each of these metrics; NULL */
  size_t n_each;
  int line;
};

/* What one metric shows in a test. */
struct kvc_book_input {
  const char *metric;
  const char *labels, *engine; /* matchers besides those of the server; NULL */
  enum kvc_book_observe how;
  const char *const *values; /* one, several of KVC_BOOK_SEEN */
  size_t n_values;
};

struct kvc_book_case {
  const struct kvc_book_input *inputs;
  size_t n;
};

struct kvc_book_alert {
  const char *rule;                     /* id; NULL: of its own, with the texts below */
  const char *name, *title, *why, *fix; /* NULL with a rule */
  const char *severity;                 /* the same */
  const char *hold;                     /* "5m", "limit" */
  const char *from;                     /* "max_num_seqs 33": at least; NULL */
  bool multi_turn;                      /* only of loads known to be multi-turn */
  struct kvc_book_exprs exprs;
  struct kvc_book_span span;
  struct kvc_book_case fire, quiet;
  int line;
};

struct kvc_book_reason {
  const char *rule, *because;
};

struct kvc_book_target {
  const char *legend; /* NULL: as Grafana likes */
  struct kvc_book_exprs exprs;
  bool bars; /* drawn as bars, on an axis of its own */
};

struct kvc_book_panel {
  const char *title, *about, *unit, *style, *rule; /* about, style, rule may be NULL */
  const struct kvc_book_target *targets;
  size_t n_targets;
};

struct kvc_book_row {
  const char *title;
  bool folded;
  const struct kvc_book_panel *panels;
  size_t n_panels;
};

struct kvc_monitor_book {
  const struct kvc_book_label *labels;
  const struct kvc_book_lack *lacks;
  const struct kvc_book_record *records;
  const struct kvc_book_alert *alerts;
  const struct kvc_book_reason *reasons; /* rules that are no alerts, and why */
  const struct kvc_book_row *rows;
  size_t n_labels, n_lacks, n_records, n_alerts, n_reasons, n_rows;
};

kvc_code kvc_db_monitor(struct kvc_db *db, const char *engine,
                        const struct kvc_monitor_book **out,
                        struct kvc_err *err) KVC_MUST_USE;

/* Reads the two texts; the way in for the fuzzer. */
kvc_code kvc_monitor_book_read(struct kvc_arena *arena, const struct kvc_engine *engine,
                               const char *alerts, const char *dashboard,
                               struct kvc_monitor_book *out,
                               struct kvc_err *err) KVC_MUST_USE;

#endif
