/* metrics.c - questions about the catalogue of metrics.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "metrics_room.h"
#include <stdlib.h>
#include <string.h>

size_t kvc_metrics_count(const struct kvc_metrics *metrics)
{
  return metrics->n_metrics;
}

const struct kvc_metric *kvc_metrics_at(const struct kvc_metrics *metrics, size_t i)
{
  return i < metrics->n_metrics ? &metrics->metrics[i] : NULL;
}

const struct kvc_metric *kvc_metrics_of(const struct kvc_metrics *metrics,
                                        const struct kvc_metric_name *name)
{
  return name != NULL ? &metrics->metrics[name->metric] : NULL;
}

/* Order of an index entry against prefix + name[0..len). */
static int entry_cmp(const struct name_entry *e, const char *prefix, const char *name,
                     size_t len)
{
  const size_t p = strlen(prefix);
  int c = strncmp(e->name, prefix, p);
  if (c != 0) return c;
  c = strncmp(e->name + p, name, len);
  return c != 0 ? c : e->name[p + len] != '\0';
}

static const struct kvc_metric_name *
entry_find(const struct kvc_metrics *m, const char *prefix, const char *name, size_t len)
{
  size_t lo = 0, hi = m->n_index;
  while (lo < hi) {
    const size_t mid = lo + (hi - lo) / 2;
    const int c = entry_cmp(&m->index[mid], prefix, name, len);
    if (c == 0) return m->index[mid].row;
    if (c < 0)
      lo = mid + 1;
    else
      hi = mid;
  }
  return NULL;
}

static bool starts(const char *name, size_t len, const char *prefix)
{
  const size_t p = strlen(prefix);
  return len > p && memcmp(name, prefix, p) == 0;
}

static size_t without_total(const char *name, size_t len)
{
  static const char total[] = "_total";
  const size_t t = sizeof total - 1;
  return len > t && memcmp(name + len - t, total, t) == 0 ? len - t : len;
}

const struct kvc_metric_name *kvc_metrics_exported(const struct kvc_metrics *metrics,
                                                   const char *name, size_t len)
{
  /* Ray's own exporter renames; the first column is what a page shows. */
  static const char *const renamed[][2] = {
      {"ray_vllm:", "vllm:"}, {"ray_vllm_", "vllm:"}, {"vllm_", "vllm:"}, {"", ""}};
  if (memchr(name, '\0', len) != NULL) return NULL;
  for (size_t i = 0; i < sizeof renamed / sizeof *renamed; i++) {
    const char *from = renamed[i][0];
    const size_t cut = strlen(from);
    if (cut > 0 && !starts(name, len, from)) continue;
    const char *rest = name + cut;
    const size_t n = len - cut, bare = without_total(rest, n);
    const struct kvc_metric_name *row = entry_find(metrics, renamed[i][1], rest, n);
    if (row == NULL && bare < n) row = entry_find(metrics, renamed[i][1], rest, bare);
    if (row != NULL) return row;
  }
  return NULL;
}

const struct kvc_metric *kvc_metrics_find(const struct kvc_metrics *metrics,
                                          const char *name)
{
  const size_t len = strlen(name), bare = without_total(name, len);
  for (size_t i = 0; i < metrics->n_metrics; i++) {
    const char *key = metrics->metrics[i].key;
    if (strcmp(key, name) == 0 || (strncmp(key, name, bare) == 0 && key[bare] == '\0'))
      return &metrics->metrics[i];
  }
  const struct kvc_metric_name *row = kvc_metrics_exported(metrics, name, len);
  if (row == NULL) row = entry_find(metrics, "vllm:", name, len);
  if (row == NULL) row = entry_find(metrics, "vllm:", name, bare);
  return kvc_metrics_of(metrics, row);
}

const struct kvc_metric_name *kvc_metrics_name(const struct kvc_metric *metric,
                                               const struct kvc_version *v,
                                               enum kvc_engine_kind engine)
{
  const struct kvc_metric_name *other = NULL;
  for (size_t i = metric->n_names; i-- > 0;) {
    const struct kvc_metric_name *name = &metric->names[i];
    if (!metrics_name_holds(name, v, engine)) continue;
    if (name->always) return name;
    if (other == NULL) other = name;
  }
  return other;
}

const struct kvc_metric_name *kvc_metrics_spans(const struct kvc_metrics *metrics,
                                                const struct kvc_metric_name *name,
                                                size_t i)
{
  const struct kvc_metric *m = &metrics->metrics[name->metric];
  for (size_t k = 0; k < m->n_names; k++)
    if (strcmp(m->names[k].name, name->name) == 0 && i-- == 0) return &m->names[k];
  return NULL;
}

bool kvc_metrics_name_fits(const struct kvc_metric_name *name,
                           const struct kvc_metrics_era *era)
{
  if (name->engine != KVC_ENGINE_AUTO && era->generation != KVC_ENGINE_AUTO &&
      name->engine != era->generation)
    return false;
  return kvc_version_cmp(&name->since, &era->last) <= 0 &&
         (!name->has_until || kvc_version_cmp(&name->until, &era->first) > 0);
}
