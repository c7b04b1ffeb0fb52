/* metrics.h - the catalogue of what vLLM exports on /metrics, by release.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * profiles/engines/<engine>/metrics.yaml maps every name of every release to one
 * canonical metric.  The canonical key is the newest name without "vllm:" and without
 * "_total"; units are SI, fractions are 0..1.
 *
 * Ownership: lives in the arena of the database that opened it.
 */
#ifndef KVCAP_METRICS_H
#define KVCAP_METRICS_H

#include <kvcap/domain.h>
#include <kvcap/profile.h>

struct kvc_metrics; /* opaque */

enum kvc_metric_type {
  KVC_METRIC_UNTYPED,
  KVC_METRIC_COUNTER,
  KVC_METRIC_GAUGE,
  KVC_METRIC_HISTOGRAM,
  KVC_METRIC_INFO /* value 1, the labels are the content */
};

/* One exported name in a span of releases. */
struct kvc_metric_name {
  const char
      *name; /* without _total, _bucket, _sum, _count: "vllm:kv_cache_usage_perc" */
  enum kvc_metric_type type;
  enum kvc_engine_kind engine; /* KVC_ENGINE_AUTO: both generations */
  struct kvc_version since, until;
  bool has_until;
  const char *unit; /* where it differs from the metric's: "blocks"; else NULL */
  const char *note; /* "hidden unless --show-hidden-metrics-for-version"; NULL */
  const char *cite;
  size_t metric;    /* index of its metric in the catalogue */
  bool always;      /* every server of these releases prints it */
  const char *says; /* words of its HELP text that only these releases print; NULL */
};

struct kvc_metric {
  const char *key;     /* "kv_cache_usage_perc" */
  const char *unit;    /* s, tokens, requests, 1 (fraction), blocks, bytes, ... */
  const char *help;    /* what it means, one line */
  const char *group;   /* latency, throughput, scheduling, kv, features, process */
  const char *healthy; /* a health range or alarm as a person reads it; NULL */
  const char *sample;  /* a line as a server prints it */
  double sample_value; /* what that line says */
  enum kvc_metric_type type;
  const struct kvc_metric_name *names; /* oldest first */
  size_t n_names;
};

kvc_code kvc_db_metrics(struct kvc_db *db, const char *engine, struct kvc_metrics **out,
                        struct kvc_err *err) KVC_MUST_USE;

size_t kvc_metrics_count(const struct kvc_metrics *metrics);
const struct kvc_metric *kvc_metrics_at(const struct kvc_metrics *metrics, size_t i);
/* By canonical key; or by any exported name with or without "vllm:" and "_total"; NULL.
 */
const struct kvc_metric *kvc_metrics_find(const struct kvc_metrics *metrics,
                                          const char *name);
/* The row of an exported family name[0..len) (suffixes of samples set aside by the
 * caller, "_total" and "ray_vllm:" or "vllm_" for "vllm:" by this function); the newest
 * one where several spans carry the name; NULL when no release exports it. */
const struct kvc_metric_name *kvc_metrics_exported(const struct kvc_metrics *metrics,
                                                   const char *name, size_t len);
const struct kvc_metric *kvc_metrics_of(const struct kvc_metrics *metrics,
                                        const struct kvc_metric_name *name);
/* The name that release v of generation 'engine' exports, of several the newest that
 * every server prints; NULL when it has none. */
const struct kvc_metric_name *kvc_metrics_name(const struct kvc_metric *metric,
                                               const struct kvc_version *v,
                                               enum kvc_engine_kind engine);

/* Which releases export all of these families (rows of this catalogue) and, of the names
 * that every server prints, lack none that is absent here: first..last of the releases of
 * 'engine'; false when the names fit no release together. */
struct kvc_metrics_era {
  struct kvc_version first, last;
  enum kvc_engine_kind generation; /* KVC_ENGINE_AUTO: cannot be told */
};
bool kvc_metrics_era(const struct kvc_metrics *metrics, const struct kvc_engine *engine,
                     const struct kvc_metric_name *const *present, size_t n,
                     struct kvc_metrics_era *out);

/* A family as a page shows it: more than its name tells the releases apart. */
struct kvc_metrics_sight {
  const struct kvc_metric_name *name;
  const char *help;          /* its HELP text; NULL */
  const char *const *labels; /* label names of one of its series, without le */
  size_t n_labels;
  const double *bounds; /* of a histogram, ascending, without +Inf */
  size_t n_bounds;
  bool whole;   /* the +Inf bucket was there: no bound is missing */
  bool partial; /* labels may be missing: their absence says nothing */
};
/* As kvc_metrics_era, with the clues of labels, bucket bounds and HELP texts (rows of
 * the catalogue).  The names must fit; a clue that contradicts what is known already is
 * set aside, because pages pass through relabelling and simulators. */
bool kvc_metrics_era_seen(const struct kvc_metrics *metrics,
                          const struct kvc_engine *engine,
                          const struct kvc_metrics_sight *sights, size_t n,
                          struct kvc_metrics_era *out);
/* Whether the row holds for a release between first and last of the era. */
bool kvc_metrics_name_fits(const struct kvc_metric_name *name,
                           const struct kvc_metrics_era *era);
/* The spans of one name: i-th row of the same name, oldest first; NULL past the last. */
const struct kvc_metric_name *kvc_metrics_spans(const struct kvc_metrics *metrics,
                                                const struct kvc_metric_name *name,
                                                size_t i);

#endif
