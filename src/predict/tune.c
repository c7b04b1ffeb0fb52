/* tune.c - speed of a server kept in a calibration, and used again.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <kvcap/levels.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static bool same_text(const char *a, const char *b)
{
  return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static const char *engine_of(const struct kvc_size *size)
{
  return size->setting.engine == KVC_ENGINE_V0 ? "V0" : "V1";
}

static const char *or_none(const char *text)
{
  return text != NULL ? text : "none";
}

/* A clause in 'why' when the calibration is of another deployment. */
static bool fits(const struct kvc_calibration *c, const struct kvc_size *size, char *why,
                 size_t room)
{
  const struct kvc_setting *set = &size->setting;
  const char *method = size->model.quant.method;
  int n = 0;
  if (!kvc_name_equal(c->gpu, size->gpu.name))
    n = snprintf(why, room, "it was measured on %s, and this is %s", c->gpu,
                 size->gpu.name);
  else if (strcmp(c->engine, engine_of(size)) != 0)
    n = snprintf(why, room, "it is of the %s engine, and this is %s", c->engine,
                 engine_of(size));
  else if (!kvc_name_equal(c->model, size->model.name))
    n = snprintf(why, room, "it is of the model %s, and this is %s", c->model,
                 size->model.name);
  else if (!same_text(c->quantization, method))
    n = snprintf(why, room, "its weights are quantised by %s, and these by %s",
                 or_none(c->quantization), or_none(method));
  else if (!same_text(c->dtype, set->dtype))
    n = snprintf(why, room, "its dtype is %s, and this is %s", or_none(c->dtype),
                 or_none(set->dtype));
  else if (c->tp != set->tp || c->pp != set->pp)
    n = snprintf(why, room,
                 "it ran on %d x %d GPUs (tensor x pipeline), and this on %d x "
                 "%d",
                 c->tp, c->pp, set->tp, set->pp);
  return n == 0;
}

static double or_else(double v, double otherwise)
{
  return isfinite(v) ? v : otherwise;
}

bool kvc_calibration_tune(const struct kvc_calibration *c, const struct kvc_size *size,
                          struct kvc_tune *out, char *why, size_t room)
{
  why[0] = '\0';
  if (c == NULL || !kvc_calibration_has_speed(c)) return false;
  if (!fits(c, size, why, room)) return false;
  *out = (struct kvc_tune){.memory_scale = or_else(c->memory_factor, 1),
                           .flops_scale = or_else(c->flops_factor, 1),
                           .comm_scale = or_else(c->communication_factor, 1),
                           .host_scale = or_else(c->host_factor, 1),
                           .seq_s = or_else(c->sequence_s, 0),
                           .step_s = or_else(c->step_s, 0)};
  return true;
}

/* Four digits: more would pretend that the fit is sharper than it is. */
static double rounded(double v)
{
  if (v == 0 || !isfinite(v)) return v;
  const double unit = pow(10, floor(log10(fabs(v))) - 3);
  return round(v / unit) * unit;
}

void kvc_levels_calibration(const struct kvc_levels_fit *fit,
                            const struct kvc_calibration *base,
                            struct kvc_calibration *out)
{
  const struct kvc_size *size = fit->series->size;
  const struct kvc_setting *set = &size->setting;
  const double *x = fit->fit.x;
  char why[256];
  kvc_calibration_init(out);
  if (base != NULL && fits(base, size, why, sizeof why)) *out = *base;
  out->benchmark = fit->series->where;
  out->vllm_version = fit->version;
  out->engine = engine_of(size);
  out->gpu = size->gpu.name;
  out->model = size->model.name;
  out->quantization = size->model.quant.method;
  out->dtype = set->dtype;
  out->tp = set->tp;
  out->pp = set->pp;
  if (out->max_num_seqs == 0) out->max_num_seqs = set->max_num_seqs;
  if (out->max_num_batched_tok == 0) out->max_num_batched_tok = set->max_num_batched_tok;
  out->memory_factor = rounded(x[KVC_FIT_MEMORY]);
  out->flops_factor = rounded(x[KVC_FIT_FLOPS]);
  out->communication_factor = rounded(x[KVC_FIT_COMM]);
  out->host_factor = rounded(x[KVC_FIT_HOST]);
  out->sequence_s = rounded(x[KVC_FIT_SEQ]);
  out->step_s = rounded(x[KVC_FIT_STEP]);
  out->error_frac = rounded(fit->error_frac);
  out->ttft_error_frac = rounded(fit->ttft_error_frac);
  out->levels = (int64_t)fit->series->n;
  out->least_clients = INFINITY;
  out->most_clients = 0;
  for (size_t i = 0; i < fit->series->n; i++) {
    out->least_clients = fmin(out->least_clients, rounded(fit->levels[i].clients));
    out->most_clients = fmax(out->most_clients, rounded(fit->levels[i].clients));
  }
}
