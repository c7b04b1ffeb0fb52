/* metrics_room.h - the catalogue of metrics as its file reads; private to src/profile/.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef PROFILE_METRICS_ROOM_H
#define PROFILE_METRICS_ROOM_H

#include "engine_room.h"
#include <kvcap/metrics.h>

/* A label that tells releases apart. */
struct label_row {
  const char *name;
  struct span span;
  enum kvc_engine_kind kind;
  bool always; /* every server of the span prints it */
};

/* A list of bucket bounds. */
struct bounds_row {
  const double *bounds;
  size_t n;
  struct span span;
  enum kvc_engine_kind kind;
};

/* What one metric shows besides its name. */
struct metric_clues {
  struct label_row *labels;
  size_t n_labels;
  struct bounds_row *bounds;
  size_t n_bounds;
};

/* A name and the newest row that carries it. */
struct name_entry {
  const char *name;
  const struct kvc_metric_name *row;
};

struct kvc_metrics {
  struct kvc_metric *metrics;
  struct metric_clues *clues; /* beside metrics */
  size_t n_metrics;
  struct name_entry *index; /* sorted by name */
  size_t n_index;
};

kvc_code metrics_from_node(const struct reader *r, const struct node *root,
                           const struct kvc_engine *engine,
                           struct kvc_metrics **out) KVC_MUST_USE;

/* Whether a row of this span and generation holds for release v of generation 'kind'. */
static inline bool metrics_row_fits(const struct span *span, enum kvc_engine_kind row,
                                    const struct kvc_version *v,
                                    enum kvc_engine_kind kind)
{
  return (row == KVC_ENGINE_AUTO || kind == KVC_ENGINE_AUTO || row == kind) &&
         span_has(span, v);
}

static inline bool metrics_name_holds(const struct kvc_metric_name *name,
                                      const struct kvc_version *v,
                                      enum kvc_engine_kind kind)
{
  const struct span span = {name->since, name->until, !name->has_until};
  return metrics_row_fits(&span, name->engine, v, kind);
}

#endif
