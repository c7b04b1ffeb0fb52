/* curve.c - the one formula for the time of an operation, and means of its coefficients.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <kvcap/kernels.h>
#include <math.h>
#include <string.h>

/* Tokens of a batch agree on experts more than chance would have them. */
static const double ROUTED = 0.65;

const struct kvc_curve *kvc_kernels_curve(const struct kvc_kernels *kernels,
                                          enum kvc_curve_op op, enum kvc_fmt fmt,
                                          int ranks)
{
  for (size_t i = 0; i < kernels->n_curves; i++) {
    const struct kvc_curve *c = &kernels->curves[i];
    if (c->op == op && c->fmt == fmt && c->ranks == ranks) return c;
  }
  return NULL;
}

/* (a^p + b^p)^(1/p), with square roots for the powers that profiles use. */
static double either(double a, double b, double p)
{
  if (!(a > 0)) return b;
  if (!(b > 0)) return a;
  const double big = fmax(a, b), r = fmin(a, b) / big;
  if (p >= 63) return big;
  if (fabs(p - 4) < 1e-9) return big * sqrt(sqrt(1 + r * r * r * r));
  if (fabs(p - 2) < 1e-9) return big * sqrt(1 + r * r);
  return big * pow(1 + pow(r, p), 1 / p);
}

double kvc_priced_time(const struct kvc_priced *c, double bytes, double flops, double x)
{
  const double ramp = c->ramp_bytes > 0 ? c->ramp_bytes / (bytes + c->ramp_bytes) : 0;
  const double tm = bytes > 0 ? bytes * (1 + ramp) * c->s_per_byte : 0;
  const double tc = flops > 0 ? flops * (1 + c->half / x) * c->s_per_flop : 0;
  return c->fixed_s + either(tm, tc, c->sharpness);
}

struct kvc_priced kvc_curve_priced(const struct kvc_curve *c, double peak_bytes_s,
                                   double peak_flops_s)
{
  const double bw = c->peak_bytes_s > 0 ? c->peak_bytes_s : peak_bytes_s;
  const double fl = c->peak_flops_s > 0 ? c->peak_flops_s : peak_flops_s;
  const bool flops = fl > 0 && c->flops_frac > 0;
  return (struct kvc_priced){.fixed_s = c->fixed_s,
                             .ramp_bytes = c->ramp_bytes,
                             .half = c->half,
                             .sharpness = c->sharpness > 0 ? c->sharpness : 4,
                             .s_per_byte = bw > 0 ? 1 / (c->memory_frac * bw) : 0,
                             .s_per_flop = flops ? 1 / (c->flops_frac * fl) : 0};
}

static double value_or(const struct kvc_figure *f, double other)
{
  return f->value > 0 ? f->value : other;
}

double kvc_gpu_peak(const struct kvc_gpu *g, enum kvc_fmt fmt)
{
  const double half = value_or(&g->bf16_flops, value_or(&g->fp16_flops, 0));
  const double byte = value_or(&g->fp8_flops, half);
  switch (fmt) {
  case KVC_FMT_FP8:
  case KVC_FMT_FP8_BLOCK: return byte;
  case KVC_FMT_INT8: return value_or(&g->int8_ops, half);
  case KVC_FMT_NVFP4: return value_or(&g->fp4_flops, half);
  case KVC_FMT_MXFP4: return g->fp4_flops.value > 0 ? byte : half;
  default: return half;
  }
}

double kvc_gpu_link(const struct kvc_gpu *g, bool *fast)
{
  *fast = g->link != NULL && strncmp(g->link, "PCIe", 4) != 0 && g->link_bps.value > 0;
  return *fast ? g->link_bps.value / 2 : value_or(&g->pcie_bps, 32e9) / 2;
}

double kvc_experts_touched(double on_rank, double all, double per_tok, double tokens)
{
  if (per_tok >= all) return on_rank;
  const double hit = on_rank * -expm1(tokens * ROUTED * log1p(-per_tok / all));
  return fmin(fmax(hit, fmin(1, tokens * per_tok * on_rank / all)), on_rank);
}

struct means {
  double fixed, memory, ramp, flops, half, sharp, err;
  double n, n_flops;
};

static void mean_of(const struct kvc_kernels *const *kernels, size_t n,
                    struct kvc_curve *out)
{
  struct means m = {0};
  for (size_t i = 0; i < n; i++) {
    const struct kvc_curve *c =
        kvc_kernels_curve(kernels[i], out->op, out->fmt, out->ranks);
    if (c == NULL) continue;
    m.n += 1;
    m.fixed += c->fixed_s;
    m.memory += log(c->memory_frac);
    m.ramp += c->ramp_bytes;
    m.half += c->half;
    m.sharp += c->sharpness;
    m.err = fmax(m.err, c->p90_err);
    if (!(c->flops_frac > 0)) continue;
    m.flops += log(c->flops_frac);
    m.n_flops += 1;
  }
  out->fixed_s = m.fixed / m.n;
  out->memory_frac = exp(m.memory / m.n);
  out->ramp_bytes = m.ramp / m.n;
  out->half = m.half / m.n;
  out->sharpness = m.sharp / m.n > 3 ? 4 : 2;
  out->flops_frac = m.n_flops > 0 ? exp(m.flops / m.n_flops) : 0;
  out->rows = 0;
  out->p90_err = m.err;
  out->peak_bytes_s = out->peak_flops_s = 0;
}

void kvc_kernels_mean(const struct kvc_kernels *const *kernels, size_t n,
                      struct kvc_kernels *out)
{
  *out = (struct kvc_kernels){.name = "mean over measured GPUs"};
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < kernels[i]->n_curves; k++) {
      const struct kvc_curve *c = &kernels[i]->curves[k];
      if (kvc_kernels_curve(out, c->op, c->fmt, c->ranks) != NULL) continue;
      if (out->n_curves == KVC_MAX_CURVES) return;
      struct kvc_curve *o = &out->curves[out->n_curves];
      *o = *c;
      mean_of(kernels, n, o);
      out->n_curves++;
    }
}
