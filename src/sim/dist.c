/* dist.c - exact percentiles by selection, and an interval from batch means.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Successive requests wait for one another, so the interval is not that of independent
 * values: 20 batches in order of arrival, Student's t over their means.
 */
#include "dist.h"
#include <gsl/gsl_cdf.h>
#include <math.h>

enum { BATCHES = 20, LEAST_A_BATCH = 5 };

static void swap(double *a, double *b)
{
  const double t = *a;
  *a = *b;
  *b = t;
}

/* The k-th smallest to its place within [low, high]; Hoare's selection, whose pivot is
 * the median of three, so a sorted or constant list is no trap. */
static double select_at(double *v, size_t low, size_t high, size_t k)
{
  while (high > low) {
    const size_t mid = low + (high - low) / 2;
    if (v[mid] < v[low]) swap(&v[mid], &v[low]);
    if (v[high] < v[low]) swap(&v[high], &v[low]);
    if (v[high] < v[mid]) swap(&v[high], &v[mid]);
    const double pivot = v[mid];
    size_t i = low, j = high;
    for (;;) {
      while (v[i] < pivot) i++;
      while (v[j] > pivot) j--;
      if (i >= j) break;
      swap(&v[i++], &v[j--]);
    }
    if (k <= j)
      high = j;
    else
      low = j + 1;
  }
  return v[k];
}

static double quantile(double *v, size_t n, double share)
{
  const double at = share * (double)(n - 1);
  const size_t k = (size_t)at;
  const double low = select_at(v, 0, n - 1, k);
  if (k + 1 >= n || at == (double)k) return low;
  double high = v[k + 1];
  for (size_t i = k + 2; i < n; i++)
    if (v[i] < high) high = v[i];
  return low + (at - (double)k) * (high - low);
}

static double interval(const double *v, size_t n)
{
  if (n < (size_t)BATCHES * LEAST_A_BATCH) return NAN;
  const size_t size = n / BATCHES;
  double mean[BATCHES], all = 0, ss = 0;
  for (size_t b = 0; b < BATCHES; b++) {
    double sum = 0;
    for (size_t i = 0; i < size; i++) sum += v[b * size + i];
    mean[b] = sum / (double)size;
    all += mean[b] / BATCHES;
  }
  for (size_t b = 0; b < BATCHES; b++) ss += (mean[b] - all) * (mean[b] - all);
  return gsl_cdf_tdist_Pinv(0.975, BATCHES - 1) * sqrt(ss / (BATCHES - 1) / BATCHES);
}

struct kvc_sim_dist sim_dist(double *v, size_t n)
{
  struct kvc_sim_dist d = {.n = n, .ci95 = NAN};
  if (n == 0) return d;
  d.ci95 = interval(v, n);
  d.min = d.max = v[0];
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    sum += v[i];
    if (v[i] < d.min) d.min = v[i];
    if (v[i] > d.max) d.max = v[i];
  }
  d.mean = sum / (double)n;
  d.p50 = quantile(v, n, 0.50);
  d.p90 = quantile(v, n, 0.90);
  d.p95 = quantile(v, n, 0.95);
  d.p99 = quantile(v, n, 0.99);
  return d;
}
