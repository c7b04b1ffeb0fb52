/* quantile.c - quantiles of a histogram, as Prometheus computes them.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <kvcap/prom.h>
#include <math.h>

/* Cumulative count of bucket i where counts that fall are raised to the ones before. */
static double rising(const struct kvc_bucket *buckets, size_t i, double floor)
{
  return buckets[i].count > floor ? buckets[i].count : floor;
}

double kvc_hist_quantile(const struct kvc_bucket *buckets, size_t n, double q)
{
  if (n < 2 || !isinf(buckets[n - 1].le) || !(q >= 0 && q <= 1)) return NAN;
  double total = 0;
  for (size_t i = 0; i < n; i++) total = rising(buckets, i, total);
  if (!(total > 0)) return NAN;
  const double rank = q * total;
  double before = 0, here = 0;
  size_t b = 0;
  for (; b + 1 < n; b++) {
    here = rising(buckets, b, before);
    if (here >= rank) break;
    before = here;
  }
  if (b == n - 1) return buckets[n - 2].le;
  if (b == 0 && buckets[0].le <= 0) return buckets[0].le;
  const double low = b == 0 ? 0 : buckets[b - 1].le, high = buckets[b].le;
  if (!(here > before)) return NAN; /* q = 0 and an empty first bucket */
  return low + (high - low) * ((rank - before) / (here - before));
}

double kvc_hist_saturated(const struct kvc_bucket *buckets, size_t n)
{
  if (n < 2 || !isinf(buckets[n - 1].le)) return NAN;
  double below = 0;
  for (size_t i = 0; i + 1 < n; i++) below = rising(buckets, i, below);
  const double total = rising(buckets, n - 1, below);
  if (!(total > 0)) return NAN;
  return (total - below) / total;
}
