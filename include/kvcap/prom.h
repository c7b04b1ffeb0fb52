/* prom.h - one page of metrics: the Prometheus text format, read into series.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reads exposition 0.0.4 and OpenMetrics: escapes in labels, NaN and infinities,
 * timestamps, exemplars, _created, repeated TYPE lines, several engines and models in
 * one page.  Pages as people save them are read too: quoted ("> "), indented, CRLF, with
 * a progress meter in between, cut off at the end; what a line costs is told in
 * 'problems', never guessed.  Exports of other tools that hold the same metrics (lists of
 * names, AIPerf's CSV and JSON) are told apart by their content.
 *
 * Ownership: everything lives in the arena; the text is borrowed for the call only.
 */
#ifndef KVCAP_PROM_H
#define KVCAP_PROM_H

#include <kvcap/metrics.h>

enum {
  KVC_PROM_MAX_BYTES = 64 << 20,
  KVC_PROM_MAX_LINE = 1 << 20,
  KVC_PROM_MAX_LABELS = 128, /* of one sample */
  KVC_PROM_MAX_SERIES = 1 << 16,
  KVC_PROM_MAX_PROBLEMS = 64
};

struct kvc_label {
  const char *name, *value; /* escapes undone; valid UTF-8 is not promised */
};

struct kvc_bucket {
  double le, count; /* cumulative, ascending le, the last one +Inf when it was there */
};

/* One series of a family: a value, or a histogram. */
struct kvc_series {
  const struct kvc_metric *metric; /* NULL: no release of vLLM exports the name */
  const struct kvc_metric_name *exported;
  const char *family;        /* as exported, without _bucket, _sum, _count and _total */
  enum kvc_metric_type type; /* as TYPE says, else as the catalogue does */
  const struct kvc_label *labels; /* without le, in the order given */
  size_t n_labels;
  const char *engine, *model; /* labels "engine" and "model_name"; NULL = none */
  double value;               /* counter, gauge, info; NaN when absent */
  double created_s;           /* from _created; NaN */
  const struct kvc_bucket *buckets;
  size_t n_buckets;
  double sum, count; /* of a histogram or summary (type histogram, no buckets); NaN */
  double time_s;     /* timestamp of the sample; NaN */
};

struct kvc_prom_problem {
  int line;
  const char *text; /* one sentence */
};

struct kvc_page {
  const char *where;
  struct kvc_series *series; /* in the order of their first line */
  size_t n_series;
  const char *const *unknown; /* families under vllm: that no release exports, sorted */
  size_t n_unknown;
  const char *const *names; /* names that stand without a value, sorted */
  size_t n_names;
  bool has_era;
  struct kvc_metrics_era era; /* releases that fit the names */
  struct kvc_prom_problem *problems;
  size_t n_problems;
  double scraped_s; /* UNIX time, when the caller knows it; NaN */
  bool cut;         /* ends within a line */
};

struct kvc_prom_source {
  const char *text; /* may hold NULs */
  size_t len;
  const char *where;
  const struct kvc_metrics *metrics;
  const struct kvc_engine *engine; /* releases, for the era */
};

/* Whether the text looks like such a page (looks at the first 64 KiB). */
bool kvc_prom_looks(const char *text, size_t len);

/* KVC_E_PARSE when not one sample, TYPE line or name of vLLM is in it; KVC_E_LIMIT names
 * the bound that it passes and the line. */
kvc_code kvc_prom_read(struct kvc_arena *arena, const struct kvc_prom_source *source,
                       struct kvc_page *out, struct kvc_err *err) KVC_MUST_USE;

/* The label's value, NULL when the series lacks it. */
const char *kvc_series_label(const struct kvc_series *series, const char *name);
/* The i-th series of a canonical metric; NULL past the last.  Where a page has the metric
 * under its old and its new name, as servers do for some releases, only the new one. */
const struct kvc_series *kvc_page_series(const struct kvc_page *page, const char *key,
                                         size_t i);
/* Sum of the values of a counter or gauge over the same series; NaN when there is none.
 */
double kvc_page_sum(const struct kvc_page *page, const char *key);

/* Quantile q in [0,1] of a histogram by the interpolation that Prometheus's
 * histogram_quantile uses (promql/quantile.go, bucketQuantile): linear within the bucket,
 * lower bound 0 for the first one with le > 0, the highest finite bound when it falls in
 * the last; NaN when there is no +Inf bucket, fewer than two buckets, nothing was
 * observed, or q is 0 and the first bucket empty.  Buckets that do not rise are made to,
 * as Prometheus does. */
double kvc_hist_quantile(const struct kvc_bucket *buckets, size_t n, double q);
/* Share of observations above the last finite bound; NaN when nothing was observed. */
double kvc_hist_saturated(const struct kvc_bucket *buckets, size_t n);

#endif
