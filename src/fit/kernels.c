/* kernels.c - curves fitted to kernel times by robust non-linear least squares.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Unknowns are kept in range by their transformation: fixed, ramp and half are
 * exponentials, both fractions a logistic function, so a fitted curve cannot beat the
 * data sheet.  Residuals are log(predicted / measured).
 */
#include "rows.h"
#include <gsl/gsl_multifit_nlinear.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { UNKNOWNS = 5, MAX_FIT_ROWS = 4000, MIN_ROWS = 24, FOLDS = 5 };
enum { P_FIXED, P_MEMORY, P_RAMP, P_FLOPS, P_HALF };

struct problem {
  const struct fit_row **rows;
  double *weights;
  size_t n;
  double bw, peak;
  bool compute, ramp; /* whether those unknowns are free */
  double sharpness;
};

static double squash(double v)
{
  return 1 / (1 + exp(-v));
}

static struct kvc_curve curve_at(const struct problem *p, const double *x)
{
  const struct fit_row *r = p->rows[0];
  return (struct kvc_curve){.op = r->op,
                            .fmt = r->fmt,
                            .ranks = r->ranks,
                            .fixed_s = exp(x[P_FIXED]),
                            .memory_frac = squash(x[P_MEMORY]),
                            .ramp_bytes = p->ramp ? exp(x[P_RAMP]) : 0,
                            .flops_frac = p->compute ? squash(x[P_FLOPS]) : 0,
                            .half = p->compute ? exp(x[P_HALF]) : 0,
                            .sharpness = p->sharpness};
}

static double log_error(const struct kvc_priced *c, const struct fit_row *r)
{
  return log(kvc_priced_time(c, r->bytes, r->flops, r->x) / r->seconds);
}

static int residuals(const gsl_vector *x, void *arg, gsl_vector *f)
{
  const struct problem *p = arg;
  double v[UNKNOWNS];
  for (size_t i = 0; i < UNKNOWNS; i++) v[i] = gsl_vector_get(x, i);
  const struct kvc_curve c = curve_at(p, v);
  const struct kvc_priced priced = kvc_curve_priced(&c, p->bw, p->peak);
  static const double center[UNKNOWNS] = {-12, 1.4, 15, 0.8, 4};
  for (size_t i = 0; i < p->n; i++)
    gsl_vector_set(f, i, p->weights[i] * log_error(&priced, p->rows[i]));
  /* A weak pull keeps unknowns that the rows say nothing about where they began. */
  for (size_t i = 0; i < UNKNOWNS; i++)
    gsl_vector_set(f, p->n + i, 0.02 * (v[i] - center[i]));
  return GSL_SUCCESS;
}

static bool solve(struct problem *p, double *x)
{
  gsl_multifit_nlinear_parameters how = gsl_multifit_nlinear_default_parameters();
  gsl_multifit_nlinear_workspace *w = gsl_multifit_nlinear_alloc(
      gsl_multifit_nlinear_trust, &how, p->n + UNKNOWNS, UNKNOWNS);
  if (w == NULL) return false;
  gsl_multifit_nlinear_fdf fdf = {
      .f = residuals, .n = p->n + UNKNOWNS, .p = UNKNOWNS, .params = p};
  gsl_vector_view at = gsl_vector_view_array(x, UNKNOWNS);
  int info;
  const bool ok = gsl_multifit_nlinear_init(&at.vector, &fdf, w) == GSL_SUCCESS;
  if (ok) {
    (void)gsl_multifit_nlinear_driver(60, 1e-6, 1e-6, 1e-6, NULL, NULL, &info, w);
    for (size_t i = 0; i < UNKNOWNS; i++) x[i] = gsl_vector_get(w->x, i);
  }
  gsl_multifit_nlinear_free(w);
  return ok;
}

/* Huber: beyond k = 0.2 (20 %) a row pulls with constant force. */
static void reweigh(struct problem *p, const struct kvc_curve *c)
{
  const struct kvc_priced priced = kvc_curve_priced(c, p->bw, p->peak);
  for (size_t i = 0; i < p->n; i++) {
    const double e = fabs(log_error(&priced, p->rows[i]));
    p->weights[i] = e > 0.2 ? sqrt(0.2 / e) : 1;
  }
}

static double cost(const struct problem *p, const struct kvc_curve *c)
{
  const struct kvc_priced priced = kvc_curve_priced(c, p->bw, p->peak);
  double sum = 0;
  for (size_t i = 0; i < p->n; i++) sum += fmin(fabs(log_error(&priced, p->rows[i])), 1);
  return sum;
}

static bool fit_one(struct problem *p, struct kvc_curve *out)
{
  double best = INFINITY;
  for (int sharp = 2; sharp <= 4; sharp += 2) {
    double x[UNKNOWNS] = {-12, 1.4, 15, 0.8, 4};
    p->sharpness = sharp;
    if (!p->compute && sharp == 2) continue;
    for (size_t i = 0; i < p->n; i++) p->weights[i] = 1;
    for (int round = 0; round < 4; round++) {
      if (!solve(p, x)) return false;
      const struct kvc_curve c = curve_at(p, x);
      reweigh(p, &c);
    }
    const struct kvc_curve c = curve_at(p, x);
    const double now = cost(p, &c);
    if (now < best) {
      best = now;
      *out = c;
    }
  }
  return isfinite(best);
}

/* Quantiles of |predicted / measured - 1|. */
static void errors(const struct problem *p, const struct fit_row *const *rows, size_t n,
                   const struct kvc_curve *c, double *work, double *median)
{
  const struct kvc_priced priced = kvc_curve_priced(c, p->bw, p->peak);
  for (size_t i = 0; i < n; i++) work[i] = fabs(expm1(log_error(&priced, rows[i])));
  gsl_sort(work, 1, n);
  *median = gsl_stats_quantile_from_sorted_data(work, 1, n, 0.5);
}

struct group {
  const struct fit_row **rows;  /* all rows of one curve */
  const struct fit_row **taken; /* those that are fitted */
  double *weights, *work;
  size_t n;
};

static size_t take(const struct group *g, int fold, bool held, const struct fit_row **out,
                   size_t most)
{
  size_t n = 0, all = 0;
  for (size_t i = 0; i < g->n; i++)
    all += fold < 0 || ((g->rows[i]->shape >> 7) % FOLDS == (uint64_t)fold) == held;
  const size_t step = all / most + 1;
  size_t k = 0;
  for (size_t i = 0; i < g->n; i++) {
    const bool in = ((g->rows[i]->shape >> 7) % FOLDS == (uint64_t)fold) == held;
    if ((fold < 0 || in) && k++ % step == 0) out[n++] = g->rows[i];
  }
  return n;
}

static double left_out(const struct group *g, struct problem *p)
{
  double sum = 0, folds = 0;
  for (int fold = 0; fold < FOLDS; fold++) {
    struct kvc_curve c;
    double median;
    p->rows = g->taken;
    p->n = take(g, fold, false, g->taken, MAX_FIT_ROWS / 2);
    if (p->n < MIN_ROWS / 2 || !fit_one(p, &c)) continue;
    const size_t n = take(g, fold, true, g->taken, g->n);
    if (n == 0) continue;
    errors(p, g->taken, n, &c, g->work, &median);
    sum += median;
    folds += 1;
  }
  return folds > 0 ? sum / folds : 0;
}

static bool fit_group(const struct group *g, const struct kvc_gpu *gpu,
                      struct kvc_curve *out)
{
  const struct fit_row *r = g->rows[0];
  const bool link = r->op == KVC_CURVE_ALL_REDUCE || r->op == KVC_CURVE_NCCL;
  const bool matrix = r->op == KVC_CURVE_GEMM || r->op == KVC_CURVE_MOE;
  bool fast;
  struct problem p = {.rows = g->taken, .weights = g->weights};
  p.bw = link ? kvc_gpu_link(gpu, &fast) : gpu->memory_bps.value;
  p.peak = link ? 0 : kvc_gpu_peak(gpu, matrix ? r->fmt : KVC_FMT_BF16);
  p.compute = p.peak > 0 && !link;
  p.ramp = r->op != KVC_CURVE_PREFILL && r->op != KVC_CURVE_MLA_PREFILL;
  p.n = take(g, -1, false, g->taken, MAX_FIT_ROWS);
  if (!(p.bw > 0) || !fit_one(&p, out)) return false;
  errors(&p, g->rows, g->n, out, g->work, &out->median_err);
  out->p90_err = gsl_stats_quantile_from_sorted_data(g->work, 1, g->n, 0.9);
  out->rows = (int64_t)g->n;
  out->left_out_err = left_out(g, &p);
  return true;
}

static int order(const void *a, const void *b)
{
  const struct fit_row *x = a, *y = b;
  if (x->op != y->op) return x->op < y->op ? -1 : 1;
  if (x->fmt != y->fmt) return x->fmt < y->fmt ? -1 : 1;
  if (x->ranks != y->ranks) return x->ranks < y->ranks ? -1 : 1;
  if (x->shape != y->shape) return x->shape < y->shape ? -1 : 1;
  if (x->x < y->x || x->x > y->x) return x->x < y->x ? -1 : 1;
  return (x->seconds > y->seconds) - (x->seconds < y->seconds);
}

static bool same_curve(const struct fit_row *a, const struct fit_row *b)
{
  return a->op == b->op && a->fmt == b->fmt && a->ranks == b->ranks;
}

/* Quantising the activations is a kernel of its own in these tables; servers fuse it
 * into the norm before, and captured graphs have no dispatch.  So no format starts
 * slower than the plain one. */
static void without_dispatch(struct kvc_kernels *k)
{
  const struct kvc_curve *plain = kvc_kernels_curve(k, KVC_CURVE_GEMM, KVC_FMT_BF16, 0);
  for (size_t i = 0; plain != NULL && i < k->n_curves; i++)
    if (k->curves[i].op == KVC_CURVE_GEMM)
      k->curves[i].fixed_s = fmin(k->curves[i].fixed_s, plain->fixed_s);
}

kvc_code kvc_fit_kernels(struct kvc_arena *arena, const struct kvc_gpu *gpu,
                         const struct kvc_kernel_table *tables, size_t n,
                         struct kvc_kernels *out, struct kvc_err *err)
{
  struct fit_rows all = {0};
  *out = (struct kvc_kernels){.name = gpu->name, .architecture = gpu->architecture};
  for (size_t i = 0; i < n; i++) KVC_TRY(fit_rows_read(arena, &tables[i], &all, err));
  if (all.n == 0)
    return kvc_fail(err, KVC_E_PARSE, n > 0 ? tables[0].name : "tables",
                    "no row of these tables can be used for a fit");
  qsort(all.rows, all.n, sizeof *all.rows, order);
  struct group g = {.rows = kvc_arena_alloc(arena, all.n, sizeof *g.rows),
                    .taken = kvc_arena_alloc(arena, all.n, sizeof *g.taken),
                    .weights = kvc_arena_alloc(arena, all.n, sizeof *g.weights),
                    .work = kvc_arena_alloc(arena, all.n, sizeof *g.work)};
  if (g.rows == NULL || g.taken == NULL || g.weights == NULL || g.work == NULL)
    return kvc_arena_full(arena, gpu->name, err);
  for (size_t i = 0; i < all.n && out->n_curves < KVC_MAX_CURVES; i += g.n) {
    for (g.n = 0; i + g.n < all.n && same_curve(&all.rows[i], &all.rows[i + g.n]); g.n++)
      g.rows[g.n] = &all.rows[i + g.n];
    struct kvc_curve *c = &out->curves[out->n_curves];
    if (g.n < MIN_ROWS && g.rows[0]->ranks == 0) continue;
    if (g.n < 8 || !fit_group(&g, gpu, c)) continue;
    /* Experts that never come near the bandwidth ran without tuned settings. */
    if (c->op == KVC_CURVE_MOE && c->memory_frac < 0.35) continue;
    /* Servers on GPUs with 4-bit arithmetic use it, these tables do not. */
    if (c->op == KVC_CURVE_MOE && c->fmt == KVC_FMT_MXFP4 && gpu->fp4_flops.value > 0)
      continue;
    out->n_curves++;
  }
  without_dispatch(out);
  return KVC_E_OK;
}
