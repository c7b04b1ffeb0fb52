/* gauges.c - queue, running requests and cache use at every page, engine by engine.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "observe_room.h"
#include <math.h>
#include <string.h>

/* Longest stretches count as much as the looks tell; thresholds of the operating ranges.
 */
enum { WAITING_MANY = 10 };
static const double KV_HIGH = 0.9;

void kvc_stretch_look(struct kvc_stretch *stretch, double time_s, bool holds)
{
  if (!isfinite(time_s)) return;
  if (holds && !stretch->on) stretch->since_s = time_s;
  if (holds && time_s - stretch->since_s > stretch->best_s)
    stretch->best_s = time_s - stretch->since_s;
  stretch->on = holds;
}

/* A gauge over the pages: of each page the sum and the extremes over its series. */
struct gauge {
  bool have;
  double mean, max_sum, min_sum, first, last; /* of the sums */
  double max_one, min_one;                    /* of single series */
  double spread, ratio; /* between engines: largest difference and quotient */
  const char *largest;  /* engine of max_one */
  struct kvc_stretch above;
};

static void look(struct gauge *g, const struct observe_series *s, double *sum)
{
  double low = INFINITY, high = -INFINITY;
  *sum = 0;
  for (size_t i = 0; i < s->n; i++) {
    const double v = s->at[i]->value;
    if (!isfinite(v)) continue;
    *sum += v;
    low = v < low ? v : low;
    if (v > high) high = v;
    if (v > g->max_one) {
      g->max_one = v;
      g->largest = s->at[i]->engine;
    }
    g->min_one = v < g->min_one ? v : g->min_one;
  }
  if (s->n > 1 && high - low > g->spread) g->spread = high - low;
  if (s->n > 1 && high >= 4 && high / (low > 1 ? low : 1) > g->ratio)
    g->ratio = high / (low > 1 ? low : 1);
}

/* 'limit': stretches with a value of the page above it are timed. */
static void gauge(struct observe_window *w, const char *key, double limit, bool summed,
                  struct gauge *g)
{
  struct observe_series s;
  double total = 0;
  size_t pages = 0;
  *g = (struct gauge){.max_sum = -INFINITY,
                      .min_sum = INFINITY,
                      .max_one = -INFINITY,
                      .min_one = INFINITY};
  for (size_t page = 0; page < w->looks->n; page++) {
    double sum;
    observe_pick(w, page, key, &s);
    if (s.n == 0) continue;
    look(g, &s, &sum);
    if (!summed) sum /= (double)s.n;
    if (pages == 0) g->first = sum;
    g->last = sum;
    total += sum;
    pages++;
    if (sum > g->max_sum) g->max_sum = sum;
    if (sum < g->min_sum) g->min_sum = sum;
    kvc_stretch_look(&g->above, w->time_s[page], sum > limit);
  }
  g->have = pages > 0 && isfinite(g->max_one);
  if (pages > 0) g->mean = total / (double)pages;
}

static void scheduling(struct observe_window *w, struct kvc_live *live)
{
  struct gauge g;
  struct observe_series s;
  const bool series = w->looks->n > 2; /* two looks tell nothing of the time between */
  gauge(w, "num_requests_running", 0, true, &g);
  if (g.have) {
    const char *from = observe_from(w, "num_requests_running");
    observe_pick(w, w->looks->n - 1, "num_requests_running", &s);
    kvc_live_set(live, KVC_L_engines, (double)s.n, from);
    kvc_live_set(live, KVC_L_running_mean, g.mean / (double)(s.n > 0 ? s.n : 1), from);
    kvc_live_set(live, KVC_L_running_max, g.max_one, from);
    kvc_live_set(live, KVC_L_running_min, g.min_one, from);
    if (s.n > 1 && g.ratio > 0) {
      kvc_live_set(live, KVC_L_engine_load_ratio, g.ratio, from);
      live->engine_busiest = g.largest;
    }
  }
  gauge(w, "num_requests_waiting", WAITING_MANY, true, &g);
  if (g.have) {
    const char *from = observe_from(w, "num_requests_waiting");
    kvc_live_set(live, KVC_L_waiting_mean, g.mean, from);
    kvc_live_set(live, KVC_L_waiting_max, g.max_sum, from);
    kvc_live_set(live, KVC_L_waiting_min, g.min_sum, from);
    if (w->looks->n > 1)
      kvc_live_set(live, KVC_L_waiting_growth_per_s, (g.last - g.first) / w->elapsed_s,
                   from);
    if (series) kvc_live_set(live, KVC_L_waiting_long_s, g.above.best_s, from);
  }
  gauge(w, "num_requests_swapped", 0, true, &g);
  if (g.have) {
    const char *from = observe_from(w, "num_requests_swapped");
    kvc_live_set(live, KVC_L_swapped_max, g.max_sum, from);
    if (series) kvc_live_set(live, KVC_L_swapped_long_s, g.above.best_s, from);
  }
}

static void deferred(struct observe_window *w, struct kvc_live *live)
{
  struct observe_series s;
  double most = NAN;
  for (size_t page = 0; page < w->looks->n; page++) {
    double sum = 0;
    observe_pick(w, page, "num_requests_waiting_by_reason", &s);
    if (s.n == 0) continue;
    for (size_t i = 0; i < s.n; i++) {
      const char *reason = kvc_series_label(s.at[i], "reason");
      if (reason != NULL && strcmp(reason, "deferred") == 0) sum += s.at[i]->value;
    }
    if (!(sum <= most)) most = sum;
  }
  kvc_live_set(live, KVC_L_deferred_max, most,
               observe_from(w, "num_requests_waiting_by_reason"));
}

void observe_gauges(struct observe_window *w, struct kvc_live *live)
{
  struct gauge g;
  scheduling(w, live);
  deferred(w, live);
  gauge(w, "kv_cache_usage_perc", KV_HIGH, false, &g);
  if (g.have) {
    const char *from = observe_from(w, "kv_cache_usage_perc");
    kvc_live_set(live, KVC_L_kv_usage_mean_frac, g.mean, from);
    kvc_live_set(live, KVC_L_kv_usage_max_frac, g.max_one, from);
    kvc_live_set(live, KVC_L_kv_usage_min_frac, g.min_one, from);
    if (w->looks->n > 2) kvc_live_set(live, KVC_L_kv_high_long_s, g.above.best_s, from);
    if (live->v[KVC_L_engines] > 1)
      kvc_live_set(live, KVC_L_engine_kv_spread_frac, g.spread, from);
  }
  gauge(w, "cpu_cache_usage_perc", 0, false, &g);
  if (g.have)
    kvc_live_set(live, KVC_L_cpu_kv_usage_max_frac, g.max_one,
                 observe_from(w, "cpu_cache_usage_perc"));
  gauge(w, "avg_generation_throughput_toks_per_s", 0, true, &g);
  if (g.have && g.max_sum > 0) {
    const char *from = observe_from(w, "avg_generation_throughput_toks_per_s");
    kvc_live_set(live, KVC_L_generation_tps, g.mean, from);
    kvc_live_set(live, KVC_L_generation_tps_max, g.max_sum, from);
  }
  gauge(w, "avg_prompt_throughput_toks_per_s", 0, true, &g);
  if (g.have)
    kvc_live_set(live, KVC_L_prompt_tps, g.mean,
                 observe_from(w, "avg_prompt_throughput_toks_per_s"));
}
