/* samples.c - the periodic lines kept; beyond the bound neighbours become one.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Once full, every sample takes twice as many lines as before, those of the past and
 * those to come, so that the resolution is the same over the whole log.
 */
#include "serverlog_room.h"
#include <string.h>

enum { FIRST_ROOM = 1024, GROWTH = 4 };

void slog_sample_clear(struct kvc_log_sample *sample)
{
  const double nothing = (double)NAN;
  *sample = (struct kvc_log_sample){.time_s = nothing,
                                    .engine = -1,
                                    .prompt_tps = nothing,
                                    .generation_tps = nothing,
                                    .running = nothing,
                                    .waiting = nothing,
                                    .swapped = nothing,
                                    .deferred = nothing,
                                    .preemptions = nothing,
                                    .kv_usage_frac = nothing,
                                    .cpu_kv_usage_frac = nothing,
                                    .prefix_hit_frac = nothing,
                                    .cpu_prefix_hit_frac = nothing,
                                    .external_hit_frac = nothing,
                                    .mm_hit_frac = nothing,
                                    .merged = 1};
}

static void mean(double *a, double b, const struct kvc_log_sample *x,
                 const struct kvc_log_sample *y)
{
  if (isnan(b)) return;
  *a = isnan(*a) ? b : (*a * x->merged + b * y->merged) / (x->merged + y->merged);
}

static void most(double *a, double b)
{
  if (!isnan(b)) slog_most(a, b);
}

/* Puts b, which is the later one, into a. */
static void merge(struct kvc_log_sample *a, const struct kvc_log_sample *b)
{
  mean(&a->prompt_tps, b->prompt_tps, a, b);
  mean(&a->generation_tps, b->generation_tps, a, b);
  mean(&a->prefix_hit_frac, b->prefix_hit_frac, a, b);
  mean(&a->cpu_prefix_hit_frac, b->cpu_prefix_hit_frac, a, b);
  mean(&a->external_hit_frac, b->external_hit_frac, a, b);
  mean(&a->mm_hit_frac, b->mm_hit_frac, a, b);
  most(&a->running, b->running);
  most(&a->waiting, b->waiting);
  most(&a->swapped, b->swapped);
  most(&a->deferred, b->deferred);
  most(&a->kv_usage_frac, b->kv_usage_frac);
  most(&a->cpu_kv_usage_frac, b->cpu_kv_usage_frac);
  if (!isnan(b->preemptions))
    a->preemptions = (isnan(a->preemptions) ? 0 : a->preemptions) + b->preemptions;
  if (isnan(a->time_s)) a->time_s = b->time_s;
  if (a->engine != b->engine) a->engine = -1;
  a->merged += b->merged;
}

static size_t slot_of(int engine)
{
  return (size_t)(unsigned)(engine + 1) % SLOG_ENGINES;
}

static void remember(struct slog_samples *s, size_t index)
{
  const size_t slot = slot_of(s->all[index].engine);
  s->open[slot] = index + 1;
  s->open_engine[slot] = s->all[index].engine;
}

/* The sample of the same engine that still takes lines, NULL. */
static struct kvc_log_sample *taker(struct slog_samples *s, int engine)
{
  const size_t slot = slot_of(engine);
  if (s->open[slot] == 0 || s->open_engine[slot] != engine) return NULL;
  struct kvc_log_sample *const a = &s->all[s->open[slot] - 1];
  return (size_t)a->merged < s->stride ? a : NULL;
}

static void append(struct slog_samples *s, const struct kvc_log_sample *b)
{
  struct kvc_log_sample *const a = taker(s, b->engine);
  if (a != NULL) {
    merge(a, b);
    return;
  }
  s->all[s->n] = *b;
  remember(s, s->n++);
}

/* Halves the number of samples, an engine's with its own as long as that helps. */
static void halve(struct slog_samples *s)
{
  const size_t n = s->n;
  s->stride *= 2;
  s->n = 0;
  memset(s->open, 0, sizeof s->open);
  for (size_t i = 0; i < n; i++) append(s, &s->all[i]);
  if (s->n <= n / 4 * 3) return;
  const size_t many = s->n;
  s->n = 0;
  memset(s->open, 0, sizeof s->open);
  for (size_t i = 0; i < many; i += 2) {
    struct kvc_log_sample a = s->all[i];
    if (i + 1 < many) merge(&a, &s->all[i + 1]);
    s->all[s->n++] = a;
  }
}

/* Room for one more and for the pending one behind it; false when memory ends. */
static bool make_room(struct kvc_log_reader *r)
{
  struct slog_samples *const s = &r->samples;
  if (s->n + 1 < s->room) return true;
  if (s->room >= KVC_LOG_MAX_SAMPLES) {
    halve(s);
    return true;
  }
  size_t room = s->room == 0 ? FIRST_ROOM : s->room * GROWTH;
  if (room > KVC_LOG_MAX_SAMPLES) room = KVC_LOG_MAX_SAMPLES;
  struct kvc_log_sample *const all = kvc_arena_alloc(r->arena, room, sizeof *all);
  if (all == NULL) {
    r->full = true;
    if (s->room < FIRST_ROOM) return false;
    halve(s); /* goes on with what there is */
    return true;
  }
  if (s->n > 0) memcpy(all, s->all, s->n * sizeof *all);
  s->all = all;
  s->room = room;
  if (s->stride == 0) s->stride = 1;
  return true;
}

void slog_sample_flush(struct kvc_log_reader *r)
{
  struct slog_samples *const s = &r->samples;
  if (s->has_pending && s->counted && make_room(r)) append(s, &s->pending);
  s->has_pending = s->counted = false;
}

void slog_sample_begin(struct kvc_log_reader *r, const struct kvc_log_sample *sample)
{
  slog_sample_flush(r);
  r->samples.pending = *sample;
  r->samples.has_pending = true;
}

size_t slog_sample_peek(struct kvc_log_reader *r)
{
  struct slog_samples *const s = &r->samples;
  if (!s->has_pending || !s->counted || !make_room(r)) return s->n;
  s->all[s->n] = s->pending;
  return s->n + 1;
}
