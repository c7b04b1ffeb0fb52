/* observe_room.h - private to src/observe/.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef OBSERVE_ROOM_H
#define OBSERVE_ROOM_H

#include <kvcap/observe.h>

enum { OBSERVE_MAX_SERIES = 512 };

/* The series of one metric on one page that are about the model, under the newest of the
 * names that the page has it by. */
struct observe_series {
  const struct kvc_series *at[OBSERVE_MAX_SERIES];
  size_t n;
};
struct observe_window {
  struct kvc_arena *arena;
  const struct kvc_looks *looks;
  const char *model; /* NULL: any */
  double *time_s;    /* of each page; NaN unknown */
  double elapsed_s;  /* first to last, or age of the server; NaN */
  size_t resets;
};
void observe_pick(const struct observe_window *w, size_t page, const char *key,
                  struct observe_series *out);
/* Where a metric's figures come from, "metrics vllm:...". */
const char *observe_from(const struct observe_window *w, const char *key);

/* Increase of a counter over the window, summed over its series; with 'label' only those
 * with this value.  NaN when no page has it. */
double observe_increase(struct observe_window *w, const char *key, const char *label,
                        const char *value);

/* A histogram's increase over the window, summed over engines. */
enum { OBSERVE_MAX_BUCKETS = 128 };
struct observe_hist {
  struct kvc_bucket buckets[OBSERVE_MAX_BUCKETS];
  size_t n;
  double sum, count;
};
bool observe_histogram(struct observe_window *w, const char *key,
                       struct observe_hist *out);

/* Parts of kvc_observe_pages. */
void observe_latency(struct observe_window *w, struct kvc_live *live);
void observe_rates(struct observe_window *w, struct kvc_live *live);
void observe_gauges(struct observe_window *w, struct kvc_live *live);
void observe_features(struct observe_window *w, struct kvc_live *live);

#endif
