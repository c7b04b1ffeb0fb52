/* names.c - canonical metrics, labels and settings under the names of one release.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "monitor_room.h"
#include <math.h>
#include <string.h>

bool monitor_span_holds(const struct monitor_work *w, const struct kvc_book_span *span)
{
  return (span->engine == KVC_ENGINE_AUTO || span->engine == w->req->generation) &&
         kvc_version_in(&w->req->version, span->has_since ? &span->since : NULL,
                        span->has_until ? &span->until : NULL);
}

static bool lacks(const struct monitor_work *w, const char *metric, const char *label)
{
  const struct kvc_monitor_book *b = w->req->book;
  for (size_t i = 0; i < b->n_lacks; i++) {
    if (strcmp(b->lacks[i].metric, metric) != 0) continue;
    for (size_t k = 0; k < b->lacks[i].n_labels; k++)
      if (strcmp(b->lacks[i].labels[k], label) == 0) return true;
  }
  return false;
}

bool monitor_has_label(const struct monitor_work *w, const struct kvc_metric *metric,
                       const char *label)
{
  const struct kvc_monitor_book *b = w->req->book;
  /* Those of the process and its web server carry none of vLLM's. */
  if (strncmp(metric->names[0].name, "vllm:", 5) != 0) return false;
  if (lacks(w, metric->key, label)) return false;
  for (size_t i = 0; i < b->n_labels; i++)
    if (strcmp(b->labels[i].name, label) == 0 &&
        monitor_span_holds(w, &b->labels[i].span))
      return true;
  return false;
}

const char *monitor_family(const struct monitor_work *w, const struct kvc_metric *metric)
{
  const struct kvc_metric_name *name =
      kvc_metrics_name(metric, &w->req->version, w->req->generation);
  if (name == NULL) return NULL;
  /* Counters end in _total on the page, but for a few whose sample shows otherwise. */
  const bool total =
      name->type == KVC_METRIC_COUNTER && strstr(metric->sample, "_total") != NULL;
  return total ? kvc_arena_printf(w->arena, "%s_total", name->name) : name->name;
}

static const struct setting {
  const char *name, *option;
  size_t offset;
} settings[] = {
    {"max_num_seqs", "--max-num-seqs",
     offsetof(struct kvc_monitor_request, max_num_seqs)},
    {"max_num_batched_tokens", "--max-num-batched-tokens",
     offsetof(struct kvc_monitor_request, max_num_batched_tok)},
    {"max_model_len", "--max-model-len",
     offsetof(struct kvc_monitor_request, max_model_len_tok)},
};

static const struct setting *setting(const char *name)
{
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
    if (strcmp(settings[i].name, name) == 0) return &settings[i];
  return NULL;
}

double monitor_setting(const struct monitor_work *w, const char *name)
{
  const struct setting *s = setting(name);
  double value = NAN;
  if (s != NULL) memcpy(&value, (const char *)w->req + s->offset, sizeof value);
  return value;
}

const char *monitor_setting_option(const char *name)
{
  const struct setting *s = setting(name);
  return s != NULL ? s->option : NULL;
}
