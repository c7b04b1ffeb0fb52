/* interval.c - how far a measured server may lie from a prediction.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Not theory: the 5th and 95th percentile of measured / predicted, by figure and by where
 * the coefficients come from, over the points marked for fitting, rounded outwards by
 * some hundredths because other servers differ more.  They are wide because hosts,
 * clients and unstated settings differ; a calibration on one server narrows them.
 */
#include <kvcap/predict.h>
#include <math.h>

enum spread { SPREAD_TPOT, SPREAD_TPOT_RANK, SPREAD_TTFT, SPREAD_TTFT_RANK, SPREAD_RATE };

static const struct {
  double low, high;
} widths[2][5] = {
    /* kernels of this GPU were measured */
    {[SPREAD_TPOT] = {0.82, 1.75},
     [SPREAD_TPOT_RANK] = {0.75, 2.10},
     [SPREAD_TTFT] = {0.66, 2.30},
     [SPREAD_TTFT_RANK] = {0.60, 2.85},
     [SPREAD_RATE] = {0.57, 1.32}},
    /* means of other GPUs; never narrower than the above */
    {[SPREAD_TPOT] = {0.75, 1.75},
     [SPREAD_TPOT_RANK] = {0.66, 2.20},
     [SPREAD_TTFT] = {0.55, 3.50},
     [SPREAD_TTFT_RANK] = {0.45, 4.40},
     [SPREAD_RATE] = {0.50, 1.35}}};

static enum spread spread_of(size_t figure)
{
  switch (figure) {
  case KVC_POINT_MEAN_TTFT: return SPREAD_TTFT;
  case KVC_POINT_MEDIAN_TTFT:
  case KVC_POINT_P99_TTFT: return SPREAD_TTFT_RANK;
  case KVC_POINT_MEAN_TPOT:
  case KVC_POINT_MEAN_ITL: return SPREAD_TPOT;
  case KVC_POINT_MEDIAN_TPOT:
  case KVC_POINT_P99_TPOT: return SPREAD_TPOT_RANK;
  default: return SPREAD_RATE;
  }
}

void kvc_predict_interval(enum kvc_speed_source source, bool extrapolated, size_t figure,
                          double *low_frac, double *high_frac)
{
  const size_t row = source == KVC_SPEED_MEASURED ? 0 : 1;
  const enum spread spread = spread_of(figure);
  const double power = extrapolated ? 1.5 : 1;
  *low_frac = pow(widths[row][spread].low, power);
  *high_frac = pow(widths[row][spread].high, power);
}
