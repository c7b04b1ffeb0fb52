/* serving.c - a server's constants fitted to its measured load levels.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Levenberg-Marquardt on log errors with one more residual a coefficient: its distance
 * from the prior in prior spreads.  Factors are fitted as logarithms.
 */
#include <gsl/gsl_matrix.h>
#include <gsl/gsl_multifit_nlinear.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <kvcap/fit.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Spreads of the priors: factors as logarithms, additions in seconds. */
static const double spread[KVC_FIT_COUNT_] = {0.15, 0.20, 0.35, 0.40, 20e-6, 1e-3};
/* What an error of a figure is worth: one sd of TPOT 3 %, TTFT 10 %, throughput 3 %. */
static const double noise[3] = {0.03, 0.10, 0.03};

double kvc_fit_prior_sd(size_t i)
{
  return i < KVC_FIT_COUNT_ ? spread[i] : 0;
}

struct problem {
  const struct kvc_serving *points;
  size_t n;
  kvc_serving_predict *predict;
  void *ctx;
  struct kvc_serving *work;
};

static void unpack(const gsl_vector *v, double *x)
{
  for (size_t i = 0; i < KVC_FIT_COUNT_; i++) {
    const double u = gsl_vector_get(v, i) * spread[i];
    x[i] = i <= KVC_FIT_HOST ? exp(u) : u;
  }
}

static double log_ratio(double predicted, double measured)
{
  if (!(measured > 0) || !(predicted > 0)) return NAN;
  return log(predicted / measured);
}

static double error_of(const struct problem *p, size_t i, size_t figure)
{
  const struct kvc_serving *a = &p->work[i], *b = &p->points[i];
  if (figure == 0) return log_ratio(a->tpot_s, b->tpot_s);
  if (figure == 1) return log_ratio(a->ttft_s, b->ttft_s);
  return log_ratio(a->output_tok_s, b->output_tok_s);
}

/* Beyond three sd a figure pulls with constant force. */
static double clipped(double r)
{
  return fabs(r) > 3 ? copysign(sqrt(6 * fabs(r) - 9), r) : r;
}

static int residuals(const gsl_vector *v, void *arg, gsl_vector *f)
{
  const struct problem *p = arg;
  double x[KVC_FIT_COUNT_];
  unpack(v, x);
  if (!p->predict(p->ctx, x, p->work, p->n)) return GSL_EFAILED;
  for (size_t i = 0; i < p->n; i++)
    for (size_t k = 0; k < 3; k++) {
      const double e = error_of(p, i, k);
      gsl_vector_set(f, 3 * i + k, isnan(e) ? 0 : clipped(e / noise[k]));
    }
  for (size_t i = 0; i < KVC_FIT_COUNT_; i++)
    gsl_vector_set(f, 3 * p->n + i, gsl_vector_get(v, i));
  return GSL_SUCCESS;
}

static void medians(const struct problem *p, double *buffer, double *out)
{
  for (size_t k = 0; k < 3; k++) {
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++) {
      const double e = error_of(p, i, k);
      if (!isnan(e)) buffer[n++] = fabs(expm1(e));
    }
    if (n == 0) {
      out[k] = NAN;
      continue;
    }
    gsl_sort(buffer, 1, n);
    out[k] = gsl_stats_median_from_sorted_data(buffer, 1, n);
  }
}

static void uncertainty(gsl_multifit_nlinear_workspace *w, struct kvc_serving_fit *out)
{
  gsl_matrix_view m =
      gsl_matrix_view_array(out->covariance, KVC_FIT_COUNT_, KVC_FIT_COUNT_);
  (void)gsl_multifit_nlinear_covar(gsl_multifit_nlinear_jac(w), 0, &m.matrix);
  for (size_t i = 0; i < KVC_FIT_COUNT_; i++)
    for (size_t k = 0; k < KVC_FIT_COUNT_; k++) {
      const double fi = i <= KVC_FIT_HOST ? out->x[i] : 1;
      const double fk = k <= KVC_FIT_HOST ? out->x[k] : 1;
      out->covariance[i * KVC_FIT_COUNT_ + k] *= spread[i] * spread[k] * fi * fk;
    }
  for (size_t i = 0; i < KVC_FIT_COUNT_; i++)
    out->sd[i] = sqrt(fmax(out->covariance[i * (KVC_FIT_COUNT_ + 1)], 0));
}

static kvc_code run(struct problem *p, struct kvc_serving_fit *out, double *buffer,
                    struct kvc_err *err)
{
  gsl_multifit_nlinear_parameters how = gsl_multifit_nlinear_default_parameters();
  how.h_df = 1e-3; /* predictions come from a simulation: they have small steps */
  gsl_multifit_nlinear_workspace *w = gsl_multifit_nlinear_alloc(
      gsl_multifit_nlinear_trust, &how, 3 * p->n + KVC_FIT_COUNT_, KVC_FIT_COUNT_);
  gsl_multifit_nlinear_fdf fdf = {
      .f = residuals, .n = 3 * p->n + KVC_FIT_COUNT_, .p = KVC_FIT_COUNT_, .params = p};
  double start[KVC_FIT_COUNT_] = {0};
  gsl_vector_view at = gsl_vector_view_array(start, KVC_FIT_COUNT_);
  int info;
  if (w == NULL)
    return kvc_fail(err, KVC_E_LIMIT, "calibration", "no memory for %zu points", p->n);
  if (gsl_multifit_nlinear_init(&at.vector, &fdf, w) != GSL_SUCCESS) {
    gsl_multifit_nlinear_free(w);
    return kvc_fail(err, KVC_E_RANGE, "calibration",
                    "the points could not be predicted, so nothing can be fitted");
  }
  medians(p, buffer, out->before_err);
  (void)gsl_multifit_nlinear_driver(30, 1e-4, 1e-4, 1e-4, NULL, NULL, &info, w);
  unpack(w->x, out->x);
  out->iterations = gsl_multifit_nlinear_niter(w);
  uncertainty(w, out);
  gsl_multifit_nlinear_free(w);
  if (!p->predict(p->ctx, out->x, p->work, p->n))
    return kvc_fail(err, KVC_E_RANGE, "calibration", "the fitted points fail to predict");
  medians(p, buffer, out->median_err);
  return KVC_E_OK;
}

kvc_code kvc_fit_serving(const struct kvc_serving *points, size_t n,
                         kvc_serving_predict *predict, void *ctx,
                         struct kvc_serving_fit *out, double *residual,
                         struct kvc_err *err)
{
  *out = (struct kvc_serving_fit){.points = n};
  if (n == 0 || n > 100000)
    return kvc_fail(err, KVC_E_RANGE, "calibration",
                    "needs between 1 and 100000 points, not %zu", n);
  struct problem p = {.points = points, .n = n, .predict = predict, .ctx = ctx};
  p.work = calloc(n, sizeof *p.work);
  double *buffer = calloc(n, sizeof *buffer);
  kvc_code code = KVC_E_LIMIT;
  if (p.work != NULL && buffer != NULL)
    code = run(&p, out, buffer, err);
  else
    code = kvc_fail(err, KVC_E_LIMIT, "calibration", "no memory for %zu points", n);
  if (code == KVC_E_OK && residual != NULL)
    for (size_t i = 0; i < n; i++)
      for (size_t k = 0; k < 3; k++) residual[3 * i + k] = error_of(&p, i, k);
  free(buffer);
  free(p.work);
  return code;
}
