/* points_fit.c - constants of a deployment fitted to rows of a table.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "predict_room.h"
#include <kvcap/levels.h>
#include <math.h>

struct context {
  struct kvc_db *db;
  const struct kvc_point *points[KVC_POINTS_FIT_MAX];
  size_t n;
  struct kvc_err err;
  kvc_code code;
};

/* Which figure of a point is fitted: the mean where there is one, else the median. */
static size_t either(const struct kvc_point *p, size_t mean, size_t median)
{
  return p->measured[mean] > 0 ? mean : median;
}

static struct kvc_serving serving_of(const struct kvc_point *p, const double *value)
{
  const size_t tpot = either(p, KVC_POINT_MEAN_TPOT, KVC_POINT_MEDIAN_TPOT);
  const size_t ttft = either(p, KVC_POINT_MEAN_TTFT, KVC_POINT_MEDIAN_TTFT);
  return (struct kvc_serving){.tpot_s = 1e-3 * value[tpot],
                              .ttft_s = 1e-3 * value[ttft],
                              .output_tok_s = value[KVC_POINT_OUTPUT_TOK_S]};
}

static kvc_code one(struct kvc_db *db, const struct kvc_point *point,
                    const struct kvc_tune *tune, struct kvc_serving *out,
                    struct kvc_err *err)
{
  enum { MAX_BYTES = 1 << 30 };
  struct kvc_arena arena;
  struct kvc_prediction p;
  kvc_arena_init(&arena, MAX_BYTES);
  const kvc_code rc = kvc_point_predict_tuned(&arena, db, point, tune, &p, err);
  kvc_arena_clear(&arena);
  if (rc == KVC_E_OK) *out = serving_of(point, p.value);
  return rc;
}

static bool predict(void *ctx, const double x[KVC_FIT_COUNT_], struct kvc_serving *out,
                    size_t n)
{
  struct context *c = ctx;
  const struct kvc_tune tune = kvc_tune_of(x);
  for (size_t i = 0; i < n && c->code == KVC_E_OK; i++)
    c->code = one(c->db, c->points[i], &tune, &out[i], &c->err);
  return c->code == KVC_E_OK;
}

kvc_code kvc_points_fit(struct kvc_db *db, const struct kvc_point *const *points,
                        size_t n, struct kvc_points_fit *out, struct kvc_err *err)
{
  struct context c = {.db = db};
  struct kvc_serving measured[KVC_POINTS_FIT_MAX], ignored;
  double residual[3 * KVC_POINTS_FIT_MAX];
  const size_t picks = n < KVC_POINTS_FIT_MAX ? n : (size_t)KVC_POINTS_FIT_MAX;
  for (size_t i = 0; i < picks; i++) {
    const struct kvc_point *p = points[picks > 1 ? i * (n - 1) / (picks - 1) : 0];
    if (one(db, p, NULL, &ignored, &c.err) != KVC_E_OK) continue; /* it cannot tell */
    measured[c.n] = serving_of(p, p->measured);
    c.points[c.n++] = p;
  }
  if (c.n < KVC_LEVELS_MIN)
    return kvc_fail(err, KVC_E_RANGE, n > 0 ? points[0]->id : NULL,
                    "%zu row%s to fit: a fit needs at least %d that can be predicted",
                    c.n, c.n == 1 ? "" : "s", KVC_LEVELS_MIN);
  *out = (struct kvc_points_fit){.used = c.n};
  const kvc_code rc =
      kvc_fit_serving(measured, c.n, predict, &c, &out->fit, residual, err);
  if (c.code != KVC_E_OK) {
    if (err != NULL) *err = c.err;
    return c.code;
  }
  KVC_TRY(rc);
  out->tune = kvc_tune_of(out->fit.x);
  out->error_frac = predict_width(residual, c.n, false);
  out->ttft_error_frac = predict_width(residual, c.n, true);
  return KVC_E_OK;
}
