/* plan.c - everything that watches one service of one release.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "monitor_room.h"
#include <stdio.h>
#include <string.h>

void monitor_leave(struct monitor_work *w, const char *what, const char *title,
                   const char *because)
{
  w->left[w->out->n_left++] = (struct kvc_monitor_left){what, title, because};
}

/* As many as can be left out. */
static size_t most_left(const struct kvc_monitor_book *b)
{
  size_t n = b->n_alerts + b->n_reasons;
  for (size_t i = 0; i < b->n_rows; i++) n += b->rows[i].n_panels;
  return n;
}

/* What every server prints, and whether it says which engine. */
static kvc_code find_probe(struct monitor_work *w)
{
  static const char key[] = "num_requests_running";
  const struct kvc_metric *metric = kvc_metrics_find(w->req->metrics, key);
  w->out->probe = metric != NULL ? monitor_family(w, metric) : NULL;
  if (w->out->probe == NULL)
    return kvc_fail(w->err, KVC_E_UNSUPPORTED, "--vllm-version",
                    "vLLM %s (%s) has no metrics to watch", w->out->version,
                    w->out->generation);
  w->out->has_engine = monitor_has_label(w, metric, "engine");
  return KVC_E_OK;
}

kvc_code kvc_monitor_plan(struct kvc_arena *arena, const struct kvc_monitor_request *req,
                          struct kvc_monitor *out, struct kvc_err *err)
{
  struct kvc_monitor made = {.job = req->job,
                             .generation = req->generation == KVC_ENGINE_V0 ? "V0" : "V1",
                             .note = req->note,
                             .targets = req->targets,
                             .n_targets = req->n_targets};
  struct monitor_work w = {.arena = arena, .req = req, .out = &made, .err = err};
  char version[KVC_VERSION_TEXT];
  kvc_version_format(&req->version, version);
  made.version = kvc_arena_strdup(arena, version);
  made.interval = kvc_arena_printf(arena, "%ds", req->interval_s);
  made.left = w.left = kvc_arena_alloc(arena, most_left(req->book) + 1, sizeof *w.left);
  if (made.version == NULL || made.interval == NULL || w.left == NULL)
    return kvc_arena_full(arena, "the rules", err);
  KVC_TRY(find_probe(&w));
  KVC_TRY(monitor_records(&w));
  KVC_TRY(monitor_alerts(&w));
  KVC_TRY(monitor_panels(&w));
  *out = made;
  return KVC_E_OK;
}
