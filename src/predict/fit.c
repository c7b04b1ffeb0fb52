/* fit.c - constants of one deployment fitted through its simulation.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "predict_room.h"
#include <kvcap/levels.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What an error is taken to be at least: three of these are far outside (TPOT, TTFT,
 * throughput). */
static const double noise[3] = {0.03, 0.10, 0.03};

static const struct {
  const char *key, *unit, *meaning;
} coefficients[KVC_FIT_COUNT_] = {
    [KVC_FIT_MEMORY] = {"memory_factor", "", "on times that memory bounds"},
    [KVC_FIT_FLOPS] = {"flops_factor", "", "on times that arithmetic bounds"},
    [KVC_FIT_COMM] = {"communication_factor", "", "on times between GPUs"},
    [KVC_FIT_HOST] = {"host_factor", "", "on launches and the host's times"},
    [KVC_FIT_SEQ] = {"sequence_s", "s", "more a running request and step"},
    [KVC_FIT_STEP] = {"step_s", "s", "more a step"}};

const char *kvc_coefficient_key(size_t i)
{
  return i < KVC_FIT_COUNT_ ? coefficients[i].key : NULL;
}

const char *kvc_coefficient_unit(size_t i)
{
  return i < KVC_FIT_COUNT_ ? coefficients[i].unit : NULL;
}

const char *kvc_coefficient_meaning(size_t i)
{
  return i < KVC_FIT_COUNT_ ? coefficients[i].meaning : NULL;
}

struct kvc_tune kvc_tune_of(const double x[KVC_FIT_COUNT_])
{
  return (struct kvc_tune){.memory_scale = x[KVC_FIT_MEMORY],
                           .flops_scale = x[KVC_FIT_FLOPS],
                           .comm_scale = x[KVC_FIT_COMM],
                           .host_scale = x[KVC_FIT_HOST],
                           .seq_s = x[KVC_FIT_SEQ],
                           .step_s = x[KVC_FIT_STEP]};
}

struct context {
  const struct kvc_levels *series;
  struct kvc_err err;
  kvc_code code;
};

static bool predict(void *ctx, const double x[KVC_FIT_COUNT_], struct kvc_serving *out,
                    size_t n)
{
  struct context *c = ctx;
  const struct kvc_tune tune = kvc_tune_of(x);
  for (size_t i = 0; i < n && c->code == KVC_E_OK; i++)
    c->code = kvc_level_predict(c->series, &tune, i, &out[i], NULL, &c->err);
  return c->code == KVC_E_OK;
}

static int by_value(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Far from the measured, and from how far the others are. */
static void mark(const double *residual, size_t n, size_t k, double *work,
                 struct kvc_level_fit *levels)
{
  size_t have = 0;
  for (size_t i = 0; i < n; i++)
    if (!isnan(residual[3 * i + k])) work[have++] = fabs(residual[3 * i + k]);
  if (have == 0) return;
  qsort(work, have, sizeof *work, by_value);
  const double median = 0.5 * (work[(have - 1) / 2] + work[have / 2]);
  const double bar = 3 * fmax(noise[k], 1.4826 * median);
  for (size_t i = 0; i < n; i++) levels[i].outside[k] = fabs(residual[3 * i + k]) > bar;
}

/* Nine of ten within, normal errors taken: the sum of squares of what is left over, less
 * the freedom that the fit used, with two observations of 5 % (TTFT: 15 %) to begin with,
 * so that a few levels that are met exactly do not promise exactness. */
double predict_width(const double *residual, size_t n, bool ttft)
{
  const double least = ttft ? 0.15 : 0.05;
  double sum = 2 * least * least, have = 0;
  for (size_t i = 0; i < n; i++) {
    const double *r = &residual[3 * i];
    const double e = ttft ? r[1] : isnan(r[0]) ? r[2] : r[0];
    if (isnan(e)) continue;
    sum += e * e;
    have += 1;
  }
  if (!(have > 0)) return NAN;
  const double spent = fmin(floor(have / 2), 3);
  return expm1(1.645 * sqrt(sum / (2 + have - spent)));
}

static kvc_code levels_of(const struct kvc_levels *s, const double *residual,
                          struct kvc_levels_fit *out, struct kvc_err *err)
{
  const struct kvc_tune tune = kvc_tune_of(out->fit.x);
  for (size_t i = 0; i < s->n; i++) {
    struct kvc_level_fit *l = &out->levels[i];
    KVC_TRY(kvc_level_predict(s, NULL, i, &l->before, NULL, err));
    KVC_TRY(kvc_level_predict(s, &tune, i, &l->after, &l->clients, err));
    for (size_t k = 0; k < 3; k++) l->error[k] = expm1(residual[3 * i + k]);
  }
  return KVC_E_OK;
}

static kvc_code enough(const struct kvc_levels *s, struct kvc_err *err)
{
  if (s->n < KVC_LEVELS_MIN || s->n > KVC_LEVELS_MAX)
    return kvc_fail(err, KVC_E_RANGE, s->n > 0 ? s->levels[0].name : NULL,
                    "%zu load level%s: a fit needs %d to %d results of one deployment "
                    "under different loads",
                    s->n, s->n == 1 ? "" : "s", KVC_LEVELS_MIN, KVC_LEVELS_MAX);
  for (size_t i = 1; i < s->n; i++)
    if (strcmp(s->levels[i].load, s->levels[0].load) != 0) return KVC_E_OK;
  return kvc_fail(err, KVC_E_RANGE, s->levels[0].name,
                  "all %zu results are of one load (%s): a fit needs two that differ",
                  s->n, s->levels[0].load);
}

kvc_code kvc_levels_fit(struct kvc_arena *arena, const struct kvc_levels *s,
                        struct kvc_levels_fit *out, struct kvc_err *err)
{
  KVC_TRY(enough(s, err));
  struct context c = {.series = s};
  struct kvc_serving *measured = kvc_arena_alloc(arena, s->n, sizeof *measured);
  double *residual = kvc_arena_alloc(arena, 3 * s->n, sizeof *residual);
  double *work = kvc_arena_alloc(arena, s->n, sizeof *work);
  *out = (struct kvc_levels_fit){.schema = 1, .series = s};
  kvc_version_format(&s->size->setting.version, out->version);
  out->levels = kvc_arena_alloc(arena, s->n, sizeof *out->levels);
  if (measured == NULL || residual == NULL || work == NULL || out->levels == NULL)
    return kvc_arena_full(arena, "the fit", err);
  for (size_t i = 0; i < s->n; i++) measured[i] = s->levels[i].measured;
  const kvc_code rc =
      kvc_fit_serving(measured, s->n, predict, &c, &out->fit, residual, err);
  if (c.code != KVC_E_OK) {
    if (err != NULL) *err = c.err;
    return c.code;
  }
  KVC_TRY(rc);
  KVC_TRY(levels_of(s, residual, out, err));
  for (size_t k = 0; k < 3; k++) mark(residual, s->n, k, work, out->levels);
  out->error_frac = predict_width(residual, s->n, false);
  out->ttft_error_frac = predict_width(residual, s->n, true);
  return KVC_E_OK;
}
