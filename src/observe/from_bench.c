/* from_bench.c - results of benchmarks become figures.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "observe_room.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Throughput within this share of the best counts as the best. */
static const double KNEE_SHARE = 0.9;

/* How hard a run loads the server: requests in flight, by Little's law where the client
 * sets no limit. */
static double load_of(const struct kvc_bench *b)
{
  if (b->max_concurrency > 0) return b->max_concurrency;
  if (isinf(b->request_rate)) return b->num_prompts > 0 ? b->num_prompts : b->completed;
  if (b->request_throughput > 0 && b->e2el_ms.mean > 0)
    return b->request_throughput * b->e2el_ms.mean / 1e3;
  return b->request_rate;
}

static int by_load(const void *a, const void *b)
{
  const double x = load_of(*(const struct kvc_bench *const *)a);
  const double y = load_of(*(const struct kvc_bench *const *)b);
  return (x > y) - (x < y);
}

static const struct kvc_bench *hardest(const struct kvc_bench *records, size_t n)
{
  const struct kvc_bench *best = &records[n - 1];
  for (size_t i = n; i > 0; i--)
    if (load_of(&records[i - 1]) > load_of(best)) best = &records[i - 1];
  return best;
}

/* The least load that gives nearly the best throughput, of three loads or more. */
static void knee(struct kvc_arena *arena, const struct kvc_bench *records, size_t n,
                 struct kvc_live *live)
{
  const struct kvc_bench **sorted = kvc_arena_alloc(arena, n, sizeof *sorted);
  size_t m = 0, loads = 0;
  double best = 0, last = NAN;
  if (sorted == NULL) return;
  for (size_t i = 0; i < n; i++)
    if (load_of(&records[i]) > 0 && records[i].output_throughput > 0)
      sorted[m++] = &records[i];
  qsort(sorted, m, sizeof *sorted, by_load);
  for (size_t i = 0; i < m; i++) {
    if (!(load_of(sorted[i]) <= last)) loads++;
    last = load_of(sorted[i]);
    best = sorted[i]->output_throughput > best ? sorted[i]->output_throughput : best;
  }
  for (size_t i = 0; loads >= 3 && i + 1 < m; i++)
    if (sorted[i]->output_throughput >= KNEE_SHARE * best) {
      kvc_live_set(live, KVC_L_bench_knee_concurrency, load_of(sorted[i]),
                   "benchmark series");
      return;
    }
}

static bool same_run(const struct kvc_bench *a, const struct kvc_bench *b)
{
  const bool rate = a->request_rate == b->request_rate ||
                    (isnan(a->request_rate) && isnan(b->request_rate));
  const bool limit = a->max_concurrency == b->max_concurrency ||
                     (isnan(a->max_concurrency) && isnan(b->max_concurrency));
  const bool model = a->model == b->model || (a->model != NULL && b->model != NULL &&
                                              strcmp(a->model, b->model) == 0);
  return rate && limit && model && a->num_prompts == b->num_prompts &&
         a->n_extras == b->n_extras;
}

/* Neighbours in the order given that were run alike. */
static void spread(const struct kvc_bench *records, size_t n, struct kvc_live *live)
{
  double most = NAN;
  for (size_t i = 1; i < n; i++) {
    const double a = records[i - 1].request_throughput;
    const double b = records[i].request_throughput;
    if (!same_run(&records[i - 1], &records[i]) || !(a > 0) || !(b > 0)) continue;
    const double apart = fabs(a - b) / ((a + b) / 2);
    if (!(apart <= most)) most = apart;
  }
  kvc_live_set(live, KVC_L_bench_spread_frac, most, "benchmark runs");
}

struct spread_keys {
  enum kvc_live_key mean, p50, p90, p95, p99;
};

static void stat(struct kvc_live *live, const struct kvc_stat *s, double scale,
                 const struct spread_keys *k, const char *from)
{
  kvc_live_set(live, k->mean, s->mean * scale, from);
  kvc_live_set(live, k->p50, s->median * scale, from);
  kvc_live_set(live, k->p90, s->p90 * scale, from);
  kvc_live_set(live, k->p95, s->p95 * scale, from);
  kvc_live_set(live, k->p99, s->p99 * scale, from);
}

#define KEYS(name, unit)                                                                 \
  {                                                                                      \
    KVC_L_##name##_mean_##unit, KVC_L_##name##_p50_##unit, KVC_L_##name##_p90_##unit,    \
        KVC_L_##name##_p95_##unit, KVC_L_##name##_p99_##unit                             \
  }

static void latencies(const struct kvc_bench *b, const char *from, struct kvc_live *live)
{
  static const struct spread_keys ttft = KEYS(ttft, s), tpot = KEYS(tpot, s),
                                  itl = KEYS(itl, s), e2e = KEYS(e2e, s),
                                  prompt = KEYS(prompt, tok), output = KEYS(output, tok);
  stat(live, &b->ttft_ms, 1e-3, &ttft, from);
  stat(live, &b->tpot_ms, 1e-3, &tpot, from);
  stat(live, &b->itl_ms, 1e-3, &itl, from);
  stat(live, &b->e2el_ms, 1e-3, &e2e, from);
  stat(live, &b->input_tok, 1, &prompt, from);
  stat(live, &b->output_tok, 1, &output, from);
  if (b->completed > 0) {
    kvc_live_set(live, KVC_L_prompt_mean_tok, b->total_input_tok / b->completed, from);
    kvc_live_set(live, KVC_L_output_mean_tok, b->total_output_tok / b->completed, from);
  }
}

void kvc_observe_bench(struct kvc_arena *arena, const struct kvc_bench *records, size_t n,
                       struct kvc_live *live, struct kvc_observe_notes *notes)
{
  if (n == 0) return;
  const struct kvc_bench *b = hardest(records, n);
  const char *from = kvc_arena_printf(arena, "benchmark %s", b->format);
  if (from == NULL) return;
  const double tried = b->completed + (b->failed > 0 ? b->failed : 0);
  const double offered = b->request_rate;
  if (n > 1)
    kvc_observe_note(
        arena, notes,
        "of %zu benchmark runs the one with the highest load (%.0f requests in "
        "flight) speaks for the server",
        n, load_of(b));
  latencies(b, from, live);
  kvc_live_set(live, KVC_L_request_per_s, b->request_throughput, from);
  kvc_live_set(live, KVC_L_generation_tps, b->output_throughput, from);
  kvc_live_set(live, KVC_L_prompt_tps,
               b->duration_s > 0 ? b->total_input_tok / b->duration_s : (double)NAN,
               from);
  kvc_live_set(live, KVC_L_interval_s, b->duration_s, from);
  /* Little's law over the decoding part of a request. */
  kvc_live_set(live, KVC_L_running_mean, b->output_throughput * b->tpot_ms.mean / 1e3,
               from);
  kvc_live_set(live, KVC_L_bench_completed, b->completed, from);
  if (tried > 0 && !isnan(b->failed))
    kvc_live_set(live, KVC_L_bench_failed_frac, b->failed / tried, from);
  else if (b->num_prompts > 0 && b->completed <= b->num_prompts)
    kvc_live_set(live, KVC_L_bench_failed_frac, 1 - b->completed / b->num_prompts, from);
  kvc_live_set(live, KVC_L_bench_concurrency,
               b->max_concurrency > 0 ? b->max_concurrency
               : isinf(offered)       ? (double)INFINITY
                                      : (double)NAN,
               from);
  kvc_live_set(live, KVC_L_bench_rate_per_s, offered, from);
  kvc_live_set(live, KVC_L_bench_done_per_s, b->request_throughput, from);
  if (b->e2el_ms.mean > 0)
    kvc_live_set(live, KVC_L_bench_ttft_share_frac, b->ttft_ms.mean / b->e2el_ms.mean,
                 from);
  if (b->request_throughput > 0)
    kvc_live_set(live, KVC_L_bench_goodput_frac,
                 b->request_goodput / b->request_throughput, from);
  kvc_live_set(live, KVC_L_spec_accept_frac, b->spec_accept_frac, from);
  kvc_live_set(live, KVC_L_spec_accept_len_tok, b->spec_accept_length, from);
  knee(arena, records, n, live);
  spread(records, n, live);
}
