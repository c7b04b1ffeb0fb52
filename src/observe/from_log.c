/* from_log.c - a server's log becomes figures.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "observe_room.h"
#include <math.h>
#include <string.h>

enum { WAITING_MANY = 10, FULL_SHARE_PCT = 80 };
static const double KV_HIGH = 0.9;
/* Between lines without a stamp: the intervals that the releases print at. */
static const double V0_LINE_S = 5, V1_LINE_S = 10;

/* The last part of a path. */
static const char *file_name(const char *path)
{
  const char *slash = strrchr(path, '/');
  return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

struct lines {
  struct kvc_stretch waiting, swapped, kv_high;
  double running_sum, waiting_sum, kv_sum, prompt_sum, made_sum;
  double running_max, running_min, waiting_max, waiting_min, deferred_max, swapped_max;
  double kv_max, kv_min, cpu_max, made_max, preemptions;
  double first_s, last_s, hit, cpu_hit, external_hit, mm_hit, waiting_first, waiting_last;
  size_t n, n_kv, n_waiting;
  int engines;
  bool preempted;
};

static void up(double *max, double v)
{
  if (!isnan(v) && !(v <= *max)) *max = v;
}
static void down(double *min, double v)
{
  if (!isnan(v) && !(v >= *min)) *min = v;
}
static void keep(double *last, double v)
{
  if (!isnan(v)) *last = v;
}

static void take(struct lines *l, const struct kvc_log_sample *s, double time_s)
{
  l->n++;
  if (isnan(l->first_s)) l->first_s = time_s;
  keep(&l->last_s, time_s);
  l->running_sum += isnan(s->running) ? 0 : s->running;
  l->prompt_sum += isnan(s->prompt_tps) ? 0 : s->prompt_tps;
  l->made_sum += isnan(s->generation_tps) ? 0 : s->generation_tps;
  up(&l->made_max, s->generation_tps);
  up(&l->running_max, s->running);
  down(&l->running_min, s->running);
  up(&l->deferred_max, s->deferred);
  up(&l->swapped_max, s->swapped);
  up(&l->cpu_max, s->cpu_kv_usage_frac);
  if (!isnan(s->waiting)) {
    if (l->n_waiting++ == 0) l->waiting_first = s->waiting;
    l->waiting_last = s->waiting;
    l->waiting_sum += s->waiting;
    up(&l->waiting_max, s->waiting);
    down(&l->waiting_min, s->waiting);
  }
  if (!isnan(s->kv_usage_frac)) {
    l->n_kv++;
    l->kv_sum += s->kv_usage_frac;
    up(&l->kv_max, s->kv_usage_frac);
    down(&l->kv_min, s->kv_usage_frac);
  }
  if (!isnan(s->preemptions)) {
    l->preempted = true;
    l->preemptions += s->preemptions;
  }
  keep(&l->hit, s->prefix_hit_frac);
  keep(&l->external_hit, s->external_hit_frac);
  keep(&l->mm_hit, s->mm_hit_frac);
  kvc_stretch_look(&l->waiting, time_s, s->waiting > WAITING_MANY);
  kvc_stretch_look(&l->swapped, time_s, s->swapped > 0);
  kvc_stretch_look(&l->kv_high, time_s, s->kv_usage_frac > KV_HIGH);
  if (s->engine >= l->engines) l->engines = s->engine + 1;
}

/* Generation throughput that falls although as many requests run: 1 - worst after the
 * best over the best, of means over three lines. */
static double drop(struct kvc_arena *arena, const struct kvc_serverlog *log,
                   double running_max)
{
  const double busy = running_max * FULL_SHARE_PCT / 100;
  double *made = kvc_arena_alloc(arena, log->n_samples + 1, sizeof *made);
  double best = 0, worst = NAN;
  size_t n = 0;
  if (made == NULL || !(running_max >= 4)) return NAN;
  for (size_t i = 0; i < log->n_samples; i++)
    if (log->samples[i].running >= busy && !isnan(log->samples[i].generation_tps))
      made[n++] = log->samples[i].generation_tps;
  for (size_t i = 0; i + 2 < n; i++) {
    const double now = (made[i] + made[i + 1] + made[i + 2]) / 3;
    if (now > best) {
      best = now;
      worst = NAN;
    }
    down(&worst, now);
  }
  return best > 0 && !isnan(worst) ? 1 - worst / best : (double)NAN;
}

static void periodic(struct kvc_arena *arena, const struct kvc_serverlog *log,
                     const struct kvc_log_start *start, struct kvc_live *live,
                     struct kvc_observe_notes *notes)
{
  const double nan = NAN;
  struct lines l = {.running_max = nan,
                    .running_min = nan,
                    .waiting_max = nan,
                    .waiting_min = nan,
                    .deferred_max = nan,
                    .swapped_max = nan,
                    .kv_max = nan,
                    .kv_min = nan,
                    .cpu_max = nan,
                    .made_max = nan,
                    .first_s = nan,
                    .last_s = nan,
                    .hit = nan,
                    .external_hit = nan,
                    .mm_hit = nan};
  const char *from = kvc_arena_printf(arena, "log %s", file_name(log->where));
  const bool v0 = start != NULL && start->generation == KVC_ENGINE_V0;
  double counted_s = 0;
  bool stamped = true;
  if (from == NULL || log->n_samples == 0) return;
  for (size_t i = 0; i < log->n_samples; i++) {
    const struct kvc_log_sample *s = &log->samples[i];
    counted_s += (v0 ? V0_LINE_S : V1_LINE_S) * (s->merged > 1 ? s->merged : 1);
    stamped = stamped && isfinite(s->time_s);
    take(&l, s, stamped ? s->time_s : counted_s);
  }
  if (!stamped)
    kvc_observe_note(
        arena, notes,
        "%s has no time stamps: a line is taken for the %.0f s that the engine "
        "prints at",
        log->where, v0 ? V0_LINE_S : V1_LINE_S);
  const double n = (double)l.n;
  kvc_live_set(live, KVC_L_looks, (double)log->sample_lines, from);
  kvc_live_set(live, KVC_L_interval_s, l.last_s - l.first_s, from);
  kvc_live_set(live, KVC_L_engines, l.engines > 0 ? l.engines : 1, from);
  kvc_live_set(live, KVC_L_running_mean, l.running_sum / n, from);
  kvc_live_set(live, KVC_L_running_max, l.running_max, from);
  kvc_live_set(live, KVC_L_running_min, l.running_min, from);
  if (l.n_waiting > 0) {
    kvc_live_set(live, KVC_L_waiting_mean, l.waiting_sum / (double)l.n_waiting, from);
    if (l.last_s > l.first_s)
      kvc_live_set(live, KVC_L_waiting_growth_per_s,
                   (l.waiting_last - l.waiting_first) / (l.last_s - l.first_s), from);
    kvc_live_set(live, KVC_L_waiting_long_s, l.waiting.best_s, from);
  }
  kvc_live_set(live, KVC_L_waiting_max, l.waiting_max, from);
  kvc_live_set(live, KVC_L_waiting_min, l.waiting_min, from);
  kvc_live_set(live, KVC_L_deferred_max, l.deferred_max, from);
  kvc_live_set(live, KVC_L_swapped_max, l.swapped_max, from);
  if (!isnan(l.swapped_max))
    kvc_live_set(live, KVC_L_swapped_long_s, l.swapped.best_s, from);
  if (l.n_kv > 0) {
    kvc_live_set(live, KVC_L_kv_usage_mean_frac, l.kv_sum / (double)l.n_kv, from);
    kvc_live_set(live, KVC_L_kv_high_long_s, l.kv_high.best_s, from);
  }
  kvc_live_set(live, KVC_L_kv_usage_max_frac, l.kv_max, from);
  kvc_live_set(live, KVC_L_kv_usage_min_frac, l.kv_min, from);
  kvc_live_set(live, KVC_L_cpu_kv_usage_max_frac, l.cpu_max, from);
  kvc_live_set(live, KVC_L_prompt_tps, l.prompt_sum / n, from);
  kvc_live_set(live, KVC_L_generation_tps, l.made_sum / n, from);
  kvc_live_set(live, KVC_L_generation_tps_max, l.made_max, from);
  kvc_live_set(live, KVC_L_generation_drop_frac, drop(arena, log, l.running_max), from);
  kvc_live_set(live, KVC_L_prefix_hit_frac, l.hit, from);
  kvc_live_set(live, KVC_L_external_hit_frac, l.external_hit, from);
  kvc_live_set(live, KVC_L_mm_hit_frac, l.mm_hit, from);
  if (l.preempted) kvc_live_set(live, KVC_L_preemptions, l.preemptions, from);
}

static void events(const struct kvc_serverlog *log, const char *from,
                   struct kvc_live *live)
{
  static const struct {
    enum kvc_log_kind kind;
    enum kvc_live_key key;
  } rows[] = {
      {KVC_LOG_PREEMPTION, KVC_L_log_preemptions},
      {KVC_LOG_OOM, KVC_L_log_oom},
      {KVC_LOG_NO_KV, KVC_L_log_no_kv},
      {KVC_LOG_KV_TOO_SMALL, KVC_L_log_kv_too_small},
      {KVC_LOG_FREE_MEMORY, KVC_L_log_memory_in_use},
      {KVC_LOG_ENGINE_DEAD, KVC_L_log_engine_dead},
      {KVC_LOG_IGNORED_PROMPT, KVC_L_log_prompt_refused},
      {KVC_LOG_EAGER, KVC_L_log_eager},
      {KVC_LOG_NO_CUSTOM_ALLREDUCE, KVC_L_log_no_custom_allreduce},
      {KVC_LOG_KV_SCALES, KVC_L_log_kv_scales},
      {KVC_LOG_SLOW_TOKENIZER, KVC_L_log_slow_tokenizer},
      {KVC_LOG_DEFAULT_MOE, KVC_L_log_untuned_moe},
  };
  for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
    double n = 0;
    for (size_t i = 0; i < log->n_events; i++) {
      const struct kvc_log_event *e = &log->events[i];
      if (e->kind != rows[r].kind) continue;
      n += (double)e->count;
      if (e->kind == KVC_LOG_PREEMPTION && e->value > n) n = e->value;
      if (e->kind == KVC_LOG_KV_TOO_SMALL)
        kvc_live_set(live, KVC_L_log_fit_len_tok, e->value, from);
    }
    kvc_live_set(live, rows[r].key, n, from);
  }
  kvc_live_set(live, KVC_L_log_starts, (double)(log->n_starts + log->skipped_starts),
               from);
}

static void start_up(const struct kvc_log_start *start, const char *from,
                     struct kvc_live *live)
{
  const struct kvc_log_memory *m = &start->memory;
  kvc_live_set(live, KVC_L_pool_tok, m->kv_tokens, from);
  kvc_live_set(live, KVC_L_server_utilization, m->gpu_memory_utilization, from);
  kvc_live_set(
      live, KVC_L_max_model_len_tok,
      isnan(m->max_model_len_tok) ? m->concurrency_len_tok : m->max_model_len_tok, from);
  kvc_live_set(live, KVC_L_max_num_batched_tok, m->max_num_batched_tok, from);
  if (m->gpu_total_bytes > 0 && m->gpu_free_bytes > 0) {
    const double others = m->gpu_total_bytes - m->gpu_free_bytes;
    kvc_live_set(live, KVC_L_log_others_bytes, others > 0 ? others : 0, from);
    const double unused = m->gpu_free_bytes - m->requested_bytes;
    kvc_live_set(live, KVC_L_log_unused_bytes, unused > 0 ? unused : 0, from);
  }
}

static void speculation(const struct kvc_log_spec *spec, const char *from,
                        struct kvc_live *live)
{
  if (spec->lines == 0) return;
  kvc_live_set(live, KVC_L_spec_accept_frac, spec->accept_frac, from);
  kvc_live_set(live, KVC_L_spec_accept_len_tok, spec->accept_length, from);
  kvc_live_set(live, KVC_L_spec_efficiency_frac, spec->efficiency, from);
  if (spec->n_positions > 0) {
    kvc_live_set(live, KVC_L_spec_last_position_frac,
                 spec->per_position[spec->n_positions - 1], from);
    kvc_live_set(live, KVC_L_spec_draft_len_tok, (double)spec->n_positions, from);
  }
}

void kvc_observe_log(struct kvc_arena *arena, const struct kvc_serverlog *log,
                     struct kvc_live *live, struct kvc_observe_notes *notes)
{
  const struct kvc_log_start *start = kvc_log_last(log);
  const char *from = kvc_arena_printf(arena, "log %s", file_name(log->where));
  if (from == NULL) return;
  periodic(arena, log, start, live, notes);
  events(log, from, live);
  speculation(&log->spec, from, live);
  if (start != NULL) start_up(start, from, live);
  if (log->n_starts + log->skipped_starts > 1)
    kvc_observe_note(arena, notes,
                     "%s holds %zu starts; settings are those of the last one",
                     log->where, log->n_starts + log->skipped_starts);
}
