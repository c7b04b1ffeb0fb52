/* percentile.c - percentiles as the benchmark tools compute them.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <kvcap/bench.h>
#include <math.h>

double kvc_percentile(double *values, size_t n, double p)
{
  if (n == 0 || !(p >= 0 && p <= 100)) return NAN;
  gsl_sort(values, 1, n);
  return gsl_stats_quantile_from_sorted_data(values, 1, n, p / 100);
}
