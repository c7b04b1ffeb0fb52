/* fit.h - coefficients from measurements: kernels of a GPU, constants of a server.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Robust non-linear least squares on the logarithm of times (Huber weights, refitted
 * until they settle), so an error of 10 % counts the same in a microsecond and in a
 * second.  Pure: text and numbers in, coefficients and residuals out.
 */
#ifndef KVCAP_FIT_H
#define KVCAP_FIT_H

#include <kvcap/arena.h>
#include <kvcap/kernels.h>

/* ---- kernels ---------------------------------------------------------------- */

/* A table of kernel times: comma-separated, a header, one measurement a line, times in
 * milliseconds in the column 'latency'.  Which operation it is shows in its columns
 * (those in brackets may be absent: bf16, head_dim 128, no window):
 *
 *   m, n, k [gemm_dtype]                                          matrices
 *   num_tokens, hidden_size, inter_size, topk, num_experts,
 *     moe_tp_size, moe_ep_size [moe_dtype, distribution]          routed experts
 *   batch_size, isl, num_heads, num_key_value_heads
 *     [head_dim, kv_cache_dtype, window_size]                     prefill attention
 *   the same with 'step' (cached tokens)                          decode attention
 *   num_gpus, message_size [backend]                              server's all-reduce
 *   num_gpus, message_size, op_name, nccl_dtype                   collective library
 *   num_heads, batch_size, isl or step, tp_size                   latent attention
 *
 * Message sizes count elements of two bytes.  Other columns are ignored. */
struct kvc_kernel_table {
  const char *name; /* for messages */
  const char *text;
  size_t len;
};

/* Curves for every operation and format the tables have enough rows of (24).  Left
 * out: shapes that fit into the L2 cache, dispatch constants of block-scaled FP8, and
 * experts that run at under a third of the bandwidth at best (untuned kernels).
 * KVC_E_PARSE for a table without the columns of any operation. */
kvc_code kvc_fit_kernels(struct kvc_arena *arena, const struct kvc_gpu *gpu,
                         const struct kvc_kernel_table *tables, size_t n,
                         struct kvc_kernels *out, struct kvc_err *err) KVC_MUST_USE;

/* ---- a server ---------------------------------------------------------------- */

enum {
  KVC_FIT_MEMORY, /* factor on times bound by memory */
  KVC_FIT_FLOPS,  /* factor on times bound by arithmetic */
  KVC_FIT_COMM,   /* factor on communication */
  KVC_FIT_HOST,   /* factor on launch and host times */
  KVC_FIT_SEQ,    /* seconds more a running sequence */
  KVC_FIT_STEP,   /* seconds more a step */
  KVC_FIT_COUNT_
};

/* How far a coefficient may lie from 1 or 0 before anything was measured (factors: as a
 * logarithm); a fitted standard error as large means that the points said nothing. */
double kvc_fit_prior_sd(size_t i);

/* One measured load level; NaN where a figure was not measured. */
struct kvc_serving {
  double tpot_s, ttft_s, output_tok_s;
};

/* Predicts every point with the coefficients 'x'; false to give up. */
typedef bool kvc_serving_predict(void *ctx, const double x[KVC_FIT_COUNT_],
                                 struct kvc_serving *out, size_t n);

struct kvc_serving_fit {
  double x[KVC_FIT_COUNT_], sd[KVC_FIT_COUNT_];
  double covariance[KVC_FIT_COUNT_ * KVC_FIT_COUNT_];
  double median_err[3], before_err[3]; /* TPOT, TTFT, throughput; after and before */
  size_t points, iterations;
};

/* Fits with priors: factors are 1 within a spread, additions 0 within one, so a few
 * points move only what they speak about.  'residuals' (3 n, log predicted/measured,
 * NaN where nothing was measured) may be NULL. */
kvc_code kvc_fit_serving(const struct kvc_serving *points, size_t n,
                         kvc_serving_predict *predict, void *ctx,
                         struct kvc_serving_fit *out, double *residuals,
                         struct kvc_err *err) KVC_MUST_USE;

#endif
