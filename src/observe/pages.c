/* pages.c - metrics pages become figures of a server.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "observe_room.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void kvc_observe_note(struct kvc_arena *arena, struct kvc_observe_notes *notes,
                      const char *fmt, ...)
{
  va_list args;
  if (notes == NULL || notes->n == KVC_OBSERVE_MAX_NOTES) return;
  va_start(args, fmt);
  const char *text = kvc_arena_vprintf(arena, fmt, args);
  va_end(args);
  if (text != NULL) notes->text[notes->n++] = text;
}

/* The age of the server at a page, NaN when it cannot be told. */
static double age(const struct observe_window *w, size_t page)
{
  const double start = kvc_page_sum(&w->looks->pages[page], "process_start_time_seconds");
  return start > 0 && w->time_s[page] > start ? w->time_s[page] - start : (double)NAN;
}

static double own_time(const struct kvc_page *page)
{
  if (isfinite(page->scraped_s)) return page->scraped_s;
  double last = NAN;
  for (size_t i = 0; i < page->n_series; i++)
    if (isfinite(page->series[i].time_s) && !(page->series[i].time_s <= last))
      last = page->series[i].time_s;
  return last;
}

static void settle_times(struct observe_window *w)
{
  const size_t n = w->looks->n;
  for (size_t i = 0; i < n; i++) w->time_s[i] = own_time(&w->looks->pages[i]);
  if (isfinite(w->looks->interval_s) && n > 1) {
    for (size_t i = 0; i < n; i++)
      w->time_s[i] = w->looks->interval_s * (double)i / (double)(n - 1);
  }
  w->elapsed_s = n > 1 ? w->time_s[n - 1] - w->time_s[0] : age(w, 0);
  if (!(w->elapsed_s > 0)) w->elapsed_s = NAN;
}

/* ---- one model of several ------------------------------------------------------------
 */

struct tally {
  const char *model;
  double requests;
};

/* The model with most requests on the last page; says so when there are others. */
static const char *busiest(const struct observe_window *w,
                           struct kvc_observe_notes *notes)
{
  enum { MAX_MODELS = 64 };
  struct tally models[MAX_MODELS];
  size_t n = 0, best = 0;
  const struct kvc_page *p = &w->looks->pages[w->looks->n - 1];
  for (size_t i = 0; i < p->n_series; i++) {
    const struct kvc_series *s = &p->series[i];
    if (s->model == NULL || s->metric == NULL) continue;
    size_t k = 0;
    while (k < n && strcmp(models[k].model, s->model) != 0) k++;
    if (k == MAX_MODELS) continue;
    if (k == n) models[n++] = (struct tally){s->model, 0};
    if (strcmp(s->metric->key, "generation_tokens") == 0 && s->value > 0)
      models[k].requests += s->value;
  }
  for (size_t k = 1; k < n; k++)
    if (models[k].requests > models[best].requests) best = k;
  if (n > 1)
    kvc_observe_note(w->arena, notes,
                     "the page has %zu models; these figures are of %s, the busiest "
                     "(--model-name picks another)",
                     n, models[best].model);
  return n > 0 ? models[best].model : NULL;
}

static kvc_code pick_model(struct observe_window *w, struct kvc_observe_notes *notes,
                           struct kvc_err *err)
{
  const struct kvc_page *p = &w->looks->pages[w->looks->n - 1];
  if (w->looks->model == NULL) {
    w->model = busiest(w, notes);
    return KVC_E_OK;
  }
  const char *some = NULL;
  for (size_t i = 0; i < p->n_series; i++) {
    if (p->series[i].model == NULL) continue;
    some = p->series[i].model;
    if (strcmp(some, w->looks->model) == 0) {
      w->model = w->looks->model;
      return KVC_E_OK;
    }
  }
  return kvc_fail(err, KVC_E_UNKNOWN, p->where,
                  "no series is of the model \"%.80s\"%s%.80s", w->looks->model,
                  some != NULL ? "; the page has " : "", some != NULL ? some : "");
}

/* ---- latency and lengths --------------------------------------------------------------
 */

struct spread_row {
  const char *key;
  enum kvc_live_key mean, p50, p90, p95, p99;
  bool latency; /* saturation matters */
};

#define SPREAD(name, unit)                                                               \
  KVC_L_##name##_mean_##unit, KVC_L_##name##_p50_##unit, KVC_L_##name##_p90_##unit,      \
      KVC_L_##name##_p95_##unit, KVC_L_##name##_p99_##unit
/* clang-format off */
static const struct spread_row spreads[] = {
  {"time_to_first_token_seconds", SPREAD(ttft, s), true},
  {"inter_token_latency_seconds", SPREAD(itl, s), true},
  {"request_time_per_output_token_seconds", SPREAD(tpot, s), true},
  {"request_queue_time_seconds", SPREAD(queue, s), true},
  {"request_prefill_time_seconds", SPREAD(prefill, s), true},
  {"request_decode_time_seconds", SPREAD(decode, s), true},
  {"e2e_request_latency_seconds", SPREAD(e2e, s), true},
  {"request_prompt_tokens", SPREAD(prompt, tok), false},
  {"request_generation_tokens", SPREAD(output, tok), false},
  {"request_params_max_tokens", KVC_L_none, KVC_L_max_tokens_p50_tok, KVC_L_none,
   KVC_L_max_tokens_p95_tok, KVC_L_none, false},
  {"request_params_n", KVC_L_n_mean, KVC_L_none, KVC_L_none, KVC_L_none, KVC_L_none, false},
  {"iteration_tokens", KVC_L_step_mean_tok, KVC_L_none, KVC_L_none, KVC_L_step_p95_tok,
   KVC_L_none, false},
  {"kv_block_idle_before_evict_seconds", KVC_L_block_evict_idle_s, KVC_L_none, KVC_L_none,
   KVC_L_none, KVC_L_none, false},
};
/* clang-format on */

void observe_latency(struct observe_window *w, struct kvc_live *live)
{
  struct observe_hist h;
  for (size_t i = 0; i < sizeof spreads / sizeof *spreads; i++) {
    const struct spread_row *r = &spreads[i];
    if (!observe_histogram(w, r->key, &h)) continue;
    const char *from = observe_from(w, r->key);
    kvc_live_set(live, r->mean, h.sum / h.count, from);
    kvc_live_set(live, r->p50, kvc_hist_quantile(h.buckets, h.n, 0.50), from);
    kvc_live_set(live, r->p90, kvc_hist_quantile(h.buckets, h.n, 0.90), from);
    kvc_live_set(live, r->p95, kvc_hist_quantile(h.buckets, h.n, 0.95), from);
    kvc_live_set(live, r->p99, kvc_hist_quantile(h.buckets, h.n, 0.99), from);
    const double beyond = kvc_hist_saturated(h.buckets, h.n);
    if (!r->latency || isnan(beyond) || beyond <= live->v[KVC_L_saturated_frac]) continue;
    live->v[KVC_L_saturated_frac] = beyond;
    live->from[KVC_L_saturated_frac] = from;
    live->saturated = from + strlen("metrics ");
  }
}

static int by_time(const void *a, const void *b)
{
  const double x = own_time(a), y = own_time(b);
  return (x > y) - (x < y);
}

/* The same process, and fewer tokens in the second page: it is the older one. */
static bool went_back(const struct kvc_page *a, const struct kvc_page *b)
{
  static const char start[] = "process_start_time_seconds";
  return kvc_page_sum(a, start) == kvc_page_sum(b, start) &&
         kvc_page_sum(a, "generation_tokens") > kvc_page_sum(b, "generation_tokens");
}

/* Oldest first where the pages say when they were taken; a copy, since looks are const.
 */
static kvc_code in_order(struct kvc_arena *arena, struct kvc_looks *looks,
                         struct kvc_err *err)
{
  struct kvc_page *pages = kvc_arena_alloc(arena, looks->n, sizeof *pages);
  if (pages == NULL) return kvc_arena_full(arena, "the pages", err);
  memcpy(pages, looks->pages, looks->n * sizeof *pages);
  bool timed = true;
  for (size_t i = 0; i < looks->n; i++) timed = timed && isfinite(own_time(&pages[i]));
  if (timed)
    qsort(pages, looks->n, sizeof *pages, by_time);
  else if (looks->n == 2 && went_back(&pages[0], &pages[1])) {
    const struct kvc_page first = pages[0];
    pages[0] = pages[1];
    pages[1] = first;
  }
  looks->pages = pages;
  return KVC_E_OK;
}

kvc_code kvc_observe_pages(struct kvc_arena *arena, const struct kvc_looks *looks,
                           struct kvc_live *live, struct kvc_observe_notes *notes,
                           struct kvc_err *err)
{
  struct kvc_looks sorted = *looks;
  if (looks->n == 0) return KVC_E_OK;
  KVC_TRY(in_order(arena, &sorted, err));
  struct observe_window w = {.arena = arena, .looks = &sorted};
  w.time_s = kvc_arena_alloc(arena, sorted.n, sizeof *w.time_s);
  if (w.time_s == NULL) return kvc_arena_full(arena, "the pages", err);
  settle_times(&w);
  KVC_TRY(pick_model(&w, notes, err));
  kvc_live_set(live, KVC_L_looks, (double)sorted.n, "metrics");
  if (sorted.n > 1) kvc_live_set(live, KVC_L_interval_s, w.elapsed_s, "metrics");
  kvc_live_set(live, KVC_L_uptime_s, age(&w, sorted.n - 1),
               "metrics process_start_time_seconds");
  observe_latency(&w, live);
  observe_rates(&w, live);
  observe_gauges(&w, live);
  observe_features(&w, live);
  if (sorted.n > 1)
    kvc_live_set(live, KVC_L_counter_reset, (double)(w.resets > 0), "metrics");
  if (sorted.n == 1)
    kvc_observe_note(
        arena, notes,
        "one page: latencies and counts are of everything since the server "
        "started, gauges of one moment; a second page shows what happens now");
  if (sorted.n > 1 && isnan(w.elapsed_s))
    kvc_observe_note(arena, notes,
                     "nothing says how far apart the pages are, so there are no rates; "
                     "--interval 5m tells");
  if (w.resets > 0)
    kvc_observe_note(arena, notes,
                     "counters went back: the server restarted between the pages");
  return KVC_E_OK;
}
