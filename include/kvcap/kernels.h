/* kernels.h - how fast the kernels of one GPU are: a few coefficients an operation.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One formula serves every operation (src/speed/README.md argues for it):
 *
 *   seconds = fixed + (tm^p + tc^p)^(1/p)
 *   tm = bytes * (1 + ramp / (bytes + ramp)) / (memory_frac * peak bytes/s)
 *   tc = flops * (1 + half / x)              / (flops_frac  * peak flops/s)
 *
 * x is what fills the machine: tokens (gemm), tokens an expert (moe), effective
 * length (attention).  As both fractions are at most 1 and the rest only adds, a
 * prediction cannot beat the data sheet.  Links use tm alone with the peak of the
 * link.  Coefficients live in profiles/kernels/<gpu>.yaml.
 */
#ifndef KVCAP_KERNELS_H
#define KVCAP_KERNELS_H

#include <kvcap/domain.h>

/* What a matrix is stored and multiplied in. */
enum kvc_fmt {
  KVC_FMT_BF16,
  KVC_FMT_FP8,       /* scales per tensor or channel */
  KVC_FMT_FP8_BLOCK, /* scales per block of 128 x 128 */
  KVC_FMT_INT8,
  KVC_FMT_INT4, /* weight only, 16-bit arithmetic: AWQ, GPTQ, W4A16 */
  KVC_FMT_MXFP4,
  KVC_FMT_NVFP4,
  KVC_FMT_COUNT_
};

enum kvc_curve_op {
  KVC_CURVE_GEMM,
  KVC_CURVE_MOE,
  KVC_CURVE_PREFILL, /* attention of new tokens */
  KVC_CURVE_DECODE,  /* attention of one token a sequence */
  KVC_CURVE_MLA_PREFILL,
  KVC_CURVE_MLA_DECODE,
  KVC_CURVE_ALL_REDUCE, /* the server's own, under CUDA graphs */
  KVC_CURVE_NCCL,       /* all-reduce of the collective library */
  KVC_CURVE_COUNT_
};

struct kvc_curve {
  enum kvc_curve_op op;
  enum kvc_fmt fmt; /* of the weights, or of the KV cache */
  int ranks;        /* links only */
  double fixed_s, memory_frac, ramp_bytes, flops_frac, half, sharpness;
  double peak_bytes_s, peak_flops_s; /* what the fractions are of; 0 = data sheet */
  int64_t rows;                      /* measurements behind it; 0 = presumed */
  double median_err, p90_err;        /* of those, relative */
  double left_out_err; /* median error where the shape was left out of the fit */
};

enum { KVC_MAX_CURVES = 64 };

struct kvc_kernels {
  const char *name; /* of the GPU */
  const char *aliases[KVC_MAX_NAMES];
  size_t n_aliases;
  const char *architecture; /* for cards without a profile */
  const char *cite, *notes;
  struct kvc_curve curves[KVC_MAX_CURVES];
  size_t n_curves;
};

/* The curve of an operation, or NULL. */
const struct kvc_curve *kvc_kernels_curve(const struct kvc_kernels *kernels,
                                          enum kvc_curve_op op, enum kvc_fmt fmt,
                                          int ranks);

/* A curve with its peaks filled in: the divisions done once. */
struct kvc_priced {
  double fixed_s, s_per_byte, ramp_bytes, s_per_flop, half, sharpness;
};

/* 'peak_bytes_s' and 'peak_flops_s' apply where the curve has none of its own. */
struct kvc_priced kvc_curve_priced(const struct kvc_curve *curve, double peak_bytes_s,
                                   double peak_flops_s);
/* Seconds by the formula above. */
double kvc_priced_time(const struct kvc_priced *c, double bytes, double flops, double x);

/* Peak rate of the arithmetic that a format is multiplied in on this GPU; 0 unknown. */
double kvc_gpu_peak(const struct kvc_gpu *gpu, enum kvc_fmt fmt);
/* Peak bytes/s of its link in one direction: NVLink and the like, else PCIe. */
double kvc_gpu_link(const struct kvc_gpu *gpu, bool *fast);
/* Of 'all' experts those on a rank that 'tokens' routed tokens touch. */
double kvc_experts_touched(double on_rank, double all, double per_tok, double tokens);

/* "gemm", "bf16": as profiles spell them (src/profile). */
const char *kvc_curve_op_word(enum kvc_curve_op op);
const char *kvc_fmt_word(enum kvc_fmt fmt);

/* Curve by curve the mean over 'n' GPUs (geometric for fractions). */
void kvc_kernels_mean(const struct kvc_kernels *const *kernels, size_t n,
                      struct kvc_kernels *out);

#endif
