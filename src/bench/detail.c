/* detail.c - statistics of single requests, and what they say about the stated ones.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * As vllm bench serve computes them: percentiles by linear interpolation, the deviation
 * over n, time per output token only for requests of two tokens and more.
 */
#include "bench_room.h"
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>

double *bench_nans(struct bench *b, size_t n)
{
  double *made = bench_alloc(b, n > 0 ? n : 1, sizeof *made);
  for (size_t i = 0; made != NULL && i < n; i++) made[i] = (double)NAN;
  return made;
}

void bench_stat_of(double *values, size_t n, double scale, struct kvc_stat *out)
{
  if (n == 0) return;
  gsl_sort(values, 1, n);
  const double mean = gsl_stats_mean(values, 1, n);
  const struct {
    double *slot, p;
  } at[] = {{&out->min, 0},    {&out->p25, 0.25},   {&out->median, 0.5},
            {&out->p75, 0.75}, {&out->p90, 0.9},    {&out->p95, 0.95},
            {&out->p99, 0.99}, {&out->p999, 0.999}, {&out->max, 1}};
  for (size_t i = 0; i < sizeof at / sizeof *at; i++)
    *at[i].slot = scale * gsl_stats_quantile_from_sorted_data(values, 1, n, at[i].p);
  out->mean = scale * mean;
  out->std = scale * gsl_stats_sd_with_fixed_mean(values, 1, n, mean);
  out->n = n;
}

struct merge {
  struct bench *b;
  struct kvc_bench *r;
  const char *name;
  double slack; /* differences below it are rounding */
  bool check;
};

static void merge_one(const struct merge *m, const char *which, double *stated,
                      double computed)
{
  if (isnan(computed)) return;
  if (isnan(*stated)) {
    *stated = computed;
    return;
  }
  const double off = fabs(*stated - computed);
  struct kvc_bench *r = m->r;
  if (!m->check || !(off > 0.01 * fabs(computed)) || !(off > m->slack) ||
      r->n_checks == KVC_BENCH_MAX_CHECKS)
    return;
  const char *key = kvc_arena_printf(m->b->arena, "%s.%s", m->name, which);
  if (key == NULL) return;
  r->checks[r->n_checks++] = (struct kvc_bench_check){key, *stated, computed};
}

static void merge(const struct merge *m, struct kvc_stat *stated, struct kvc_stat *c)
{
  if (c->n == 0) return;
  merge_one(m, "mean", &stated->mean, c->mean);
  merge_one(m, "median", &stated->median, c->median);
  merge_one(m, "std", &stated->std, c->std);
  merge_one(m, "min", &stated->min, c->min);
  merge_one(m, "max", &stated->max, c->max);
  merge_one(m, "p25", &stated->p25, c->p25);
  merge_one(m, "p75", &stated->p75, c->p75);
  merge_one(m, "p90", &stated->p90, c->p90);
  merge_one(m, "p95", &stated->p95, c->p95);
  merge_one(m, "p99", &stated->p99, c->p99);
  merge_one(m, "p999", &stated->p999, c->p999);
  stated->n = c->n;
}

static bool ok(const struct bench_detail *d, size_t i)
{
  return d->failed == NULL || !d->failed[i];
}

/* Statistics of one value per request; 'scratch' has room for all. */
static void merge_list(struct merge *m, const struct bench_detail *d,
                       const double *values, double *scratch, struct kvc_stat *stated)
{
  struct kvc_stat computed = {.n = 0};
  size_t n = 0, all = 0;
  if (values == NULL) return;
  for (size_t i = 0; i < d->n; i++) {
    if (!ok(d, i)) continue;
    all++;
    if (isfinite(values[i])) scratch[n++] = values[i];
  }
  if (n == 0) return;
  m->check = n == all;
  if (n < all)
    bench_note(m->b, "%s is missing for %zu of %zu requests.", m->name, all - n, all);
  /* A few of many would say more about which are missing than about the run. */
  if (n * 10 < all * 9) return;
  bench_stat_of(scratch, n, m->slack < 0.5 ? 1000 : 1, &computed);
  merge(m, stated, &computed);
}

/* Seconds per token after the first, NaN for requests of one token. */
static double *per_token(struct bench *b, struct bench_detail *d, bool **skip)
{
  double *tpot = bench_nans(b, d->n);
  *skip = bench_alloc(b, d->n + 1, sizeof **skip);
  if (tpot == NULL || *skip == NULL) return NULL;
  for (size_t i = 0; i < d->n; i++) {
    (*skip)[i] = !ok(d, i) || !(d->output_tok[i] > 1);
    if (!(*skip)[i]) tpot[i] = (d->e2e_s[i] - d->ttft_s[i]) / (d->output_tok[i] - 1);
  }
  return tpot;
}

static void keep_lists(struct kvc_bench *r, const struct bench_detail *d)
{
  r->n_detail = d->n;
  r->detail_ttft_s = d->ttft_s;
  r->detail_e2e_s = d->e2e_s;
  r->detail_input_tok = d->input_tok;
  r->detail_output_tok = d->output_tok;
  r->detail_start_s = d->start_s;
}

static void note_chunks(struct bench *b, const struct bench_detail *d)
{
  double tokens = 0;
  for (size_t i = 0; d->output_tok != NULL && i < d->n; i++)
    if (ok(d, i) && d->output_tok[i] > 1) tokens += d->output_tok[i] - 1;
  if ((double)d->n_gaps < 0.9 * tokens)
    bench_note(b,
               "There are %zu gaps for %.0f tokens: a chunk held several tokens, so ITL "
               "is the time between chunks.",
               d->n_gaps, tokens);
}

void bench_detail_apply(struct bench *b, struct kvc_bench *r, struct bench_detail *d)
{
  struct merge m = {.b = b, .r = r, .slack = 0.05};
  double *scratch = bench_nans(b, d->n);
  if (scratch == NULL) return;
  keep_lists(r, d);
  m.name = "ttft_ms";
  merge_list(&m, d, d->ttft_s, scratch, &r->ttft_ms);
  m.name = "e2el_ms";
  merge_list(&m, d, d->e2e_s, scratch, &r->e2el_ms);
  if (d->ttft_s != NULL && d->e2e_s != NULL && d->output_tok != NULL) {
    struct bench_detail tokens = *d;
    double *tpot = per_token(b, d, &tokens.failed);
    m.name = "tpot_ms";
    if (tpot != NULL) merge_list(&m, &tokens, tpot, scratch, &r->tpot_ms);
  }
  if (d->gaps_s != NULL && d->n_gaps > 0) {
    struct kvc_stat computed = {.n = 0};
    note_chunks(b, d);
    bench_stat_of(d->gaps_s, d->n_gaps, 1000, &computed);
    m.name = "itl_ms";
    m.check = true;
    merge(&m, &r->itl_ms, &computed);
  }
  m.slack = 0.5; /* tokens, not ms */
  m.name = "input_tok";
  merge_list(&m, d, d->input_tok, scratch, &r->input_tok);
  m.name = "output_tok";
  merge_list(&m, d, d->output_tok, scratch, &r->output_tok);
}

static void total(double *slot, const struct bench_detail *d, const double *values)
{
  double sum = 0;
  size_t n = 0;
  if (values == NULL || !isnan(*slot)) return;
  for (size_t i = 0; i < d->n; i++) {
    if (!ok(d, i) || !isfinite(values[i])) continue;
    sum += values[i];
    n++;
  }
  if (n > 0) *slot = sum;
}

void bench_detail_totals(struct kvc_bench *r, const struct bench_detail *d)
{
  double done = 0, first = INFINITY, last = -INFINITY;
  for (size_t i = 0; i < d->n; i++) {
    if (!ok(d, i)) continue;
    done++;
    if (d->start_s == NULL || d->e2e_s == NULL) continue;
    if (d->start_s[i] < first) first = d->start_s[i];
    if (d->start_s[i] + d->e2e_s[i] > last) last = d->start_s[i] + d->e2e_s[i];
  }
  if (isnan(r->completed)) r->completed = done;
  if (isnan(r->failed)) r->failed = (double)d->n - done;
  if (isnan(r->duration_s) && last > first && isfinite(last - first))
    r->duration_s = last - first;
  total(&r->total_input_tok, d, d->input_tok);
  total(&r->total_output_tok, d, d->output_tok);
}
