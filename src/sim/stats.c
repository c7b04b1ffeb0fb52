/* stats.c - distributions, means over time, and intervals of what a run saw.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Values of requests are kept and their percentiles exact (nearest rank with linear
 * interpolation).  Gaps between tokens are too many: a histogram with 256 steps to each
 * power of two, so a percentile is within 1/512 of the exact one.
 */
#include "dist.h"
#include "sim_room.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 256, POWERS = 64, MAX_POINTS = 4096 };

struct sim_stats {
  uint64_t counts[POWERS * STEPS];
  uint64_t n_gaps;
  double sum_gaps;
  int64_t min_gap, max_gap;
  double used_ns, running_ns, waiting_ns; /* integrals over time */
  double peak_used, peak_running, peak_waiting;
  int64_t first_ns, last_ns, gpu_ns, steps, wasted, preempts, swaps;
  size_t room_points, n_points;
  int64_t point_ns;
  struct kvc_sim_point *points; /* integrals until the end */
};

struct sim_stats *sim_stats_new(const struct kvc_sim_config *config)
{
  struct sim_stats *s = calloc(1, sizeof *s);
  if (s == NULL) return NULL;
  s->room_points =
      config->series_points < MAX_POINTS ? config->series_points : MAX_POINTS;
  s->room_points &= ~(size_t)1;
  s->point_ns = 1000000;
  s->min_gap = INT64_MAX;
  if (s->room_points > 0) s->points = calloc(s->room_points, sizeof *s->points);
  if (s->room_points > 0 && s->points == NULL) {
    free(s);
    return NULL;
  }
  return s;
}

void sim_stats_free(struct sim_stats *s)
{
  if (s == NULL) return;
  free(s->points);
  free(s);
}

static size_t slot_of(int64_t ns)
{
  uint64_t v = (uint64_t)ns;
  if (v < STEPS) return (size_t)v;
  int shift = 0;
  while ((v >> shift) >= 2 * STEPS) shift++;
  return (size_t)(shift + 1) * STEPS + (size_t)((v >> shift) - STEPS);
}

static double middle_of(size_t slot)
{
  if (slot < STEPS) return (double)slot;
  const double width = ldexp(1, (int)(slot / STEPS) - 1);
  return ((double)(slot % STEPS + STEPS) + 0.5) * width - 0.5;
}

void sim_stats_itl(struct sim_stats *s, int64_t gap_ns, int64_t weight)
{
  s->counts[slot_of(gap_ns)] += (uint64_t)weight;
  s->n_gaps += (uint64_t)weight;
  s->sum_gaps += (double)gap_ns * (double)weight;
  if (gap_ns < s->min_gap) s->min_gap = gap_ns;
  if (gap_ns > s->max_gap) s->max_gap = gap_ns;
}

void sim_stats_step(struct sim_stats *s, int64_t gpu_ns, int64_t wasted)
{
  s->gpu_ns += gpu_ns;
  s->wasted += wasted;
  s->steps++;
}

void sim_stats_preempt(struct sim_stats *s, bool swap)
{
  s->preempts++;
  s->swaps += swap;
}

/* Twice as long pieces, half as many. */
static void halve(struct sim_stats *s)
{
  for (size_t i = 0; i < s->room_points / 2; i++) {
    const struct kvc_sim_point *a = &s->points[2 * i], *b = a + 1;
    s->points[i] =
        (struct kvc_sim_point){0, a->kv_usage_frac + b->kv_usage_frac,
                               a->running + b->running, a->waiting + b->waiting};
  }
  memset(&s->points[s->room_points / 2], 0, s->room_points / 2 * sizeof *s->points);
  s->point_ns *= 2;
  s->n_points = (s->n_points + 1) / 2;
}

static void add_points(struct sim_stats *s, const struct kvc_sim_point *level,
                       int64_t start_ns, int64_t end_ns)
{
  if (s->room_points == 0) return;
  while ((end_ns - 1) / s->point_ns >= (int64_t)s->room_points) halve(s);
  while (start_ns < end_ns) {
    const int64_t i = start_ns / s->point_ns;
    const int64_t edge = (i + 1) * s->point_ns;
    const int64_t stop = edge < end_ns ? edge : end_ns;
    const double ns = (double)(stop - start_ns);
    struct kvc_sim_point *p = &s->points[i];
    p->kv_usage_frac += level->kv_usage_frac * ns;
    p->running += level->running * ns;
    p->waiting += level->waiting * ns;
    if ((size_t)i >= s->n_points) s->n_points = (size_t)i + 1;
    start_ns = stop;
  }
}

void sim_stats_span(struct sim_stats *s, const struct sim_engine *e, int64_t start_ns,
                    int64_t end_ns)
{
  const double ns = (double)(end_ns - start_ns);
  const struct kvc_sim_point level = {
      0, (double)(e->pool.total - e->pool.free) / (double)e->pool.total,
      (double)e->running.n, (double)(e->waiting.n + e->swapped.n)};
  s->used_ns += level.kv_usage_frac * ns;
  s->running_ns += level.running * ns;
  s->waiting_ns += level.waiting * ns;
  if (level.kv_usage_frac > s->peak_used) s->peak_used = level.kv_usage_frac;
  if (level.running > s->peak_running) s->peak_running = level.running;
  if (level.waiting > s->peak_waiting) s->peak_waiting = level.waiting;
  if (end_ns > s->last_ns) s->last_ns = end_ns;
  add_points(s, &level, start_ns, end_ns);
}

static double gap_at(const struct sim_stats *s, double share)
{
  const double rank = share * (double)(s->n_gaps - 1);
  double seen = 0;
  size_t i = 0;
  for (; i < POWERS * STEPS - 1; i++) {
    seen += (double)s->counts[i];
    if (seen > rank) break;
  }
  double ns = middle_of(i);
  if (ns < (double)s->min_gap) ns = (double)s->min_gap;
  if (ns > (double)s->max_gap) ns = (double)s->max_gap;
  return ns * 1e-9;
}

static struct kvc_sim_dist gaps(const struct sim_stats *s)
{
  struct kvc_sim_dist d = {.n = (size_t)s->n_gaps, .ci95 = NAN};
  if (s->n_gaps == 0) return d;
  d.mean = s->sum_gaps / (double)s->n_gaps * 1e-9;
  d.p50 = gap_at(s, 0.50);
  d.p90 = gap_at(s, 0.90);
  d.p95 = gap_at(s, 0.95);
  d.p99 = gap_at(s, 0.99);
  d.min = (double)s->min_gap * 1e-9;
  d.max = (double)s->max_gap * 1e-9;
  return d;
}

static kvc_code series(struct kvc_arena *arena, const struct sim_stats *s, int engines,
                       struct kvc_sim_result *out, struct kvc_err *err)
{
  if (s->n_points == 0) return KVC_E_OK;
  struct kvc_sim_point *p = kvc_arena_alloc(arena, s->n_points, sizeof *p);
  if (p == NULL) return kvc_arena_full(arena, "time series", err);
  for (size_t i = 0; i < s->n_points; i++) {
    const double ns = (double)s->point_ns;
    p[i] = (struct kvc_sim_point){(double)i * ns * 1e-9,
                                  s->points[i].kv_usage_frac / ns / engines,
                                  s->points[i].running / ns, s->points[i].waiting / ns};
  }
  out->series = p;
  out->n_series = s->n_points;
  return KVC_E_OK;
}

static double seconds(int64_t from_ns, int64_t to_ns)
{
  return (double)(to_ns - from_ns) * 1e-9;
}

enum { TTFT, TPOT, E2E, QUEUE, METRICS };

struct sums {
  double *values[METRICS];
  size_t n[METRICS];
  size_t finished, good;
  int64_t first_ns, last_ns;
};

static bool meets(const struct kvc_sim_slo *slo, double ttft, double tpot, double e2e)
{
  return !(slo->ttft_s > 0 && ttft > slo->ttft_s) &&
         !(slo->tpot_s > 0 && tpot > slo->tpot_s) &&
         !(slo->e2e_s > 0 && e2e > slo->e2e_s);
}

static void add_request(struct sums *sums, const struct kvc_sim_request *r,
                        const struct kvc_sim_slo *slo)
{
  const double ttft = seconds(r->arrival_ns, r->first_token_ns);
  const double e2e = seconds(r->arrival_ns, r->finish_ns);
  double tpot = 0;
  sums->values[TTFT][sums->n[TTFT]++] = ttft;
  sums->values[E2E][sums->n[E2E]++] = e2e;
  sums->values[QUEUE][sums->n[QUEUE]++] = seconds(r->arrival_ns, r->scheduled_ns);
  if (r->output_tok > 1) {
    tpot = seconds(r->first_token_ns, r->finish_ns) / (r->output_tok - 1);
    sums->values[TPOT][sums->n[TPOT]++] = tpot;
  }
  sums->finished++;
  sums->good += meets(slo, ttft, tpot, e2e);
  if (r->arrival_ns < sums->first_ns) sums->first_ns = r->arrival_ns;
  if (r->finish_ns > sums->last_ns) sums->last_ns = r->finish_ns;
}

static void rates(const struct sums *sums, const struct sim_stats *s, int engines,
                  struct kvc_sim_result *out)
{
  const double all_s = (double)s->last_ns * 1e-9;
  if (s->last_ns > 0) {
    const double ns = (double)s->last_ns;
    out->kv_mean_frac = s->used_ns / ns / engines;
    out->running_mean = s->running_ns / ns;
    out->waiting_mean = s->waiting_ns / ns;
    out->gpu_busy_frac = (double)s->gpu_ns / ns / engines;
  }
  out->duration_s = all_s;
  out->kv_peak_frac = s->peak_used;
  out->running_peak = s->peak_running;
  out->waiting_peak = s->peak_waiting;
  if (sums->finished == 0 || sums->last_ns <= sums->first_ns) return;
  const double span = seconds(sums->first_ns, sums->last_ns);
  out->requests_per_s = (double)sums->finished / span;
  out->goodput_per_s = (double)sums->good / span;
  out->output_tok_per_s = (double)out->output_tok / span;
  out->total_tok_per_s = (double)(out->output_tok + out->prompt_tok) / span;
}

kvc_code sim_stats_result(struct kvc_arena *arena, struct sim_stats *s,
                          const struct kvc_sim_config *config,
                          const struct kvc_traffic *traffic,
                          const struct kvc_sim_request *records,
                          struct kvc_sim_result *out, struct kvc_err *err)
{
  const int engines = config->replicas > 1 ? config->replicas : 1;
  struct sums sums = {.first_ns = INT64_MAX};
  double *room = malloc((traffic->n * METRICS + 1) * sizeof *room);
  if (room == NULL)
    return kvc_fail(err, KVC_E_LIMIT, "requests", "No memory for their distributions.");
  for (size_t m = 0; m < METRICS; m++) sums.values[m] = room + m * traffic->n;
  const size_t cut = (size_t)(config->warmup_frac * (double)traffic->n);
  for (size_t i = cut; i < traffic->n; i++) {
    if (records[i].state != KVC_SIM_FINISHED) continue;
    add_request(&sums, &records[i], &config->slo);
    out->output_tok += records[i].output_tok;
    out->prompt_tok += traffic->items[i].prompt_tok;
    out->cached_tok += records[i].cached_tok;
  }
  out->ttft_s = sim_dist(sums.values[TTFT], sums.n[TTFT]);
  out->tpot_s = sim_dist(sums.values[TPOT], sums.n[TPOT]);
  out->e2e_s = sim_dist(sums.values[E2E], sums.n[E2E]);
  out->queue_s = sim_dist(sums.values[QUEUE], sums.n[QUEUE]);
  out->itl_s = gaps(s);
  free(room);
  rates(&sums, s, engines, out);
  out->preemptions = s->preempts;
  out->swaps = s->swaps;
  out->steps = s->steps;
  out->wasted_slots = s->wasted;
  return series(arena, s, engines, out, err);
}

double kvc_sim_mean_wait_s(const struct kvc_sim_result *r, size_t from, size_t to)
{
  double sum = 0, count = 0;
  for (size_t i = from; i < to; i++) {
    if (r->requests[i].state != KVC_SIM_FINISHED) continue;
    sum += (double)(r->requests[i].scheduled_ns - r->requests[i].arrival_ns) / 1e9;
    count++;
  }
  return count > 0 ? sum / count : 0;
}
