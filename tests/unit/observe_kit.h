/* observe_kit.h - pages of metrics made by hand.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef OBSERVE_KIT_H
#define OBSERVE_KIT_H

#include <kvcap/observe.h>
#include <math.h>
#include <string.h>

enum { KIT_MAX = 40 };

/* A page under construction; metrics and names live in it. */
struct kit_page {
  struct kvc_series series[KIT_MAX];
  struct kvc_metric metrics[KIT_MAX];
  struct kvc_metric_name names[KIT_MAX];
  struct kvc_label labels[KIT_MAX][3];
  size_t n;
};

static inline struct kvc_series *kit_add(struct kit_page *p, const char *key,
                                         const char *engine, double value)
{
  struct kvc_series *s = &p->series[p->n];
  p->metrics[p->n] = (struct kvc_metric){.key = key, .unit = "1"};
  p->names[p->n] = (struct kvc_metric_name){.name = key};
  *s = (struct kvc_series){.metric = &p->metrics[p->n],
                           .exported = &p->names[p->n],
                           .family = key,
                           .engine = engine,
                           .value = value,
                           .created_s = (double)NAN,
                           .sum = (double)NAN,
                           .count = (double)NAN,
                           .time_s = (double)NAN};
  if (engine != NULL) {
    p->labels[p->n][0] = (struct kvc_label){"engine", engine};
    s->labels = p->labels[p->n];
    s->n_labels = 1;
  }
  p->n++;
  return s;
}

static inline struct kvc_series *kit_hist(struct kit_page *p, const char *key,
                                          const struct kvc_bucket *buckets, size_t n,
                                          double sum)
{
  struct kvc_series *s = kit_add(p, key, NULL, (double)NAN);
  s->type = KVC_METRIC_HISTOGRAM;
  s->buckets = buckets;
  s->n_buckets = n;
  s->sum = sum;
  s->count = buckets[n - 1].count;
  return s;
}

static inline struct kvc_page kit_page(struct kit_page *p, double scraped_s)
{
  return (struct kvc_page){
      .where = "page", .series = p->series, .n_series = p->n, .scraped_s = scraped_s};
}

#endif
