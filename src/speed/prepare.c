/* prepare.c - a deployment turned into priced operations.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "prepared.h"
#include <math.h>
#include <string.h>

/* Coefficients of last resort: means of what was measured, rounded. */
static const struct kvc_curve plain[] = {
    {.op = KVC_CURVE_GEMM,
     .fixed_s = 3e-6,
     .memory_frac = 0.80,
     .flops_frac = 0.70,
     .half = 32,
     .sharpness = 4},
    {.op = KVC_CURVE_MOE,
     .fixed_s = 15e-6,
     .memory_frac = 0.75,
     .flops_frac = 0.45,
     .half = 48,
     .sharpness = 4},
    {.op = KVC_CURVE_PREFILL,
     .fixed_s = 5e-6,
     .memory_frac = 0.6,
     .flops_frac = 0.60,
     .half = 800,
     .sharpness = 4},
    {.op = KVC_CURVE_DECODE,
     .fixed_s = 10e-6,
     .memory_frac = 0.85,
     .ramp_bytes = 64e6,
     .flops_frac = 0.3,
     .sharpness = 4},
    {.op = KVC_CURVE_MLA_PREFILL,
     .fixed_s = 10e-6,
     .memory_frac = 0.6,
     .flops_frac = 0.50,
     .half = 800,
     .sharpness = 4},
    {.op = KVC_CURVE_MLA_DECODE,
     .fixed_s = 15e-6,
     .memory_frac = 0.6,
     .flops_frac = 0.35,
     .sharpness = 4},
};

/* The curve of a format, or of the nearest one that was measured. */
static struct kvc_curve curve_for(const struct kvc_kernels *k, enum kvc_curve_op op,
                                  enum kvc_fmt fmt)
{
  /* nearest in bytes and arithmetic */
  static const enum kvc_fmt near[KVC_FMT_COUNT_][3] = {
      [KVC_FMT_BF16] = {KVC_FMT_BF16},
      [KVC_FMT_FP8] = {KVC_FMT_FP8_BLOCK, KVC_FMT_BF16},
      [KVC_FMT_FP8_BLOCK] = {KVC_FMT_FP8, KVC_FMT_BF16},
      [KVC_FMT_INT8] = {KVC_FMT_FP8, KVC_FMT_BF16},
      [KVC_FMT_INT4] = {KVC_FMT_MXFP4, KVC_FMT_BF16},
      [KVC_FMT_MXFP4] = {KVC_FMT_INT4, KVC_FMT_BF16},
      [KVC_FMT_NVFP4] = {KVC_FMT_FP8, KVC_FMT_BF16}};
  const struct kvc_curve *c = k == NULL ? NULL : kvc_kernels_curve(k, op, fmt, 0);
  for (size_t i = 0; c == NULL && k != NULL && i < 3; i++)
    c = kvc_kernels_curve(k, op, near[fmt][i], 0);
  if (c != NULL) return *c;
  for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
    if (plain[i].op == op) return plain[i];
  return plain[0];
}

static enum kvc_fmt kv_fmt(const struct kvc_setting *set)
{
  const char *d = set->kv_cache_dtype;
  return d != NULL && strncmp(d, "fp8", 3) == 0 ? KVC_FMT_FP8 : KVC_FMT_BF16;
}

/* What the tables of experts show and servers do not.  A long start, most of all of 4-bit
 * weights, whose ramp and half-full tiles shrink too: launches of an isolated kernel that
 * a captured graph hides.  On GPUs with 4-bit arithmetic, MXFP4 weights without it.  The
 * shares are fitted on served levels of gpt-oss (H100, H200, B200; 185 of them calibrate
 * rows), Kimi-K2.5 and MiniMax-M2.5.
 * GPUs without FP8 arithmetic have no table of MXFP4; their kernel, Marlin, was made for
 * them and reaches a share of what a matrix does: fitted on 27 levels of gpt-oss-20b and
 * -120b on A100. */
static struct kvc_curve experts_curve(const struct kvc_latency_input *in,
                                      enum kvc_fmt fmt)
{
  static const double START = 0.5, MX_START = 0.4, MX_RAMP = 0.25, MX_HALF = 0.5;
  static const double MARLIN = 0.65;
  const bool four = fmt == KVC_FMT_MXFP4 && in->gpu->fp4_flops.value > 0;
  struct kvc_curve c = curve_for(in->kernels, KVC_CURVE_MOE, four ? KVC_FMT_NVFP4 : fmt);
  if (fmt != KVC_FMT_MXFP4) {
    c.fixed_s *= fmt == KVC_FMT_FP8_BLOCK ? 1 : START;
    return c;
  }
  c.fixed_s *= MX_START;
  c.ramp_bytes *= MX_RAMP;
  c.half *= MX_HALF;
  if (!(in->gpu->fp8_flops.value > 0)) {
    const struct kvc_curve g = curve_for(in->kernels, KVC_CURVE_GEMM, KVC_FMT_BF16);
    c.flops_frac = MARLIN * g.flops_frac;
    c.half = g.half;
  }
  return c;
}

/* Share of a kernel's speed that is left when it runs for seconds: tables are of short
 * bursts.  Live prefill of A100 and A40 reaches 0.57 to 0.70 of the peak where their
 * matrices alone reach 0.84; that of H100 and B200 is within a tenth of the tables. */
static double sustained(const struct kvc_gpu *gpu)
{
  return gpu->architecture != NULL && strcmp(gpu->architecture, "Ampere") == 0 ? 0.8 : 1;
}

/* Formats whose experts got kernels of their own late: FP8 where the GPU computes in it
 * (it is else unpacked by older kernels), and on Blackwell all but MXFP4. */
static bool untuned(const struct kvc_gpu *gpu, enum kvc_fmt fmt)
{
  const bool fp8 = fmt == KVC_FMT_FP8 || fmt == KVC_FMT_FP8_BLOCK;
  if (gpu->architecture != NULL && strncmp(gpu->architecture, "Blackwell", 9) == 0)
    return fmt != KVC_FMT_MXFP4;
  return fp8 && gpu->fp8_flops.value > 0;
}

static void curves_of(const struct kvc_latency_input *in, struct speed_op *o, double bw)
{
  const enum kvc_fmt kv = kv_fmt(in->setting);
  const double half = kvc_gpu_peak(in->gpu, KVC_FMT_BF16);
  o->peak_flops = kvc_gpu_peak(in->gpu, o->op.fmt);
  struct kvc_curve a, b;
  switch (o->op.kind) {
  case KVC_OP_EXPERTS:
    a = b = experts_curve(in, o->op.fmt);
    o->late = untuned(in->gpu, o->op.fmt);
    break;
  case KVC_OP_ATTENTION:
    a = curve_for(in->kernels, KVC_CURVE_DECODE, kv);
    b = curve_for(in->kernels, KVC_CURVE_PREFILL, kv);
    o->peak_flops = half;
    break;
  case KVC_OP_LATENT:
    a = curve_for(in->kernels, KVC_CURVE_MLA_DECODE, kv);
    b = curve_for(in->kernels, KVC_CURVE_MLA_PREFILL, kv);
    o->peak_flops = half;
    break;
  case KVC_OP_STATE:
    a = b = curve_for(in->kernels, KVC_CURVE_DECODE, KVC_FMT_BF16);
    a.flops_frac = b.flops_frac = 0.1;
    o->peak_flops = half;
    break;
  default: a = b = curve_for(in->kernels, KVC_CURVE_GEMM, o->op.fmt); break;
  }
  a.flops_frac *= sustained(in->gpu);
  b.flops_frac *= sustained(in->gpu);
  o->curve = kvc_curve_priced(&a, bw, o->peak_flops);
  o->chunk = kvc_curve_priced(&b, bw, o->peak_flops);
}

/* All-reduce over host memory where cards cannot reach each other: 45 us a doubling
 * and 6 GB/s, from servers of A40 and RTX 4090. */
static struct kvc_priced through_host(double tp)
{
  return (struct kvc_priced){
      .fixed_s = 45e-6 * log2(tp), .s_per_byte = 1 / 6e9, .sharpness = 4};
}

static const struct kvc_curve *link_curve(const struct kvc_kernels *k,
                                          enum kvc_curve_op op, double tp)
{
  if (k == NULL) return NULL;
  int ranks = 2;
  while (ranks < 8 && ranks < tp) ranks *= 2;
  const struct kvc_curve *c = kvc_kernels_curve(k, op, KVC_FMT_BF16, ranks);
  if (c == NULL && ranks == 8) c = kvc_kernels_curve(k, op, KVC_FMT_BF16, 4);
  return c;
}

static void links(const struct kvc_latency_input *in, struct kvc_latency *l)
{
  const struct kvc_gpu *g = in->gpu;
  bool fast;
  const double link = kvc_gpu_link(g, &fast);
  const bool own = in->source == KVC_SPEED_MEASURED || fast;
  const struct kvc_curve *r =
      own ? link_curve(in->kernels, KVC_CURVE_ALL_REDUCE, l->tp) : NULL;
  const struct kvc_curve *n = own ? link_curve(in->kernels, KVC_CURVE_NCCL, l->tp) : NULL;
  l->have_nccl = true;
  if (r != NULL) {
    l->have_reduce = true;
    l->reduce = kvc_curve_priced(r, link, 0);
  }
  if (n != NULL)
    l->nccl = kvc_curve_priced(n, link, 0);
  else if (fast)
    l->nccl = (struct kvc_priced){
        .fixed_s = 12e-6 + 2e-6 * l->tp, .s_per_byte = 1 / (0.75 * link), .sharpness = 4};
  else
    l->nccl = through_host(fmax(l->tp, 2));
  l->hop_s = 20e-6;
  l->hop_s_per_byte = 1 / (0.5 * link);
}

static double weights_of(const struct kvc_ops *ops)
{
  double bytes = ops->plain_bytes;
  for (size_t i = 0; i < ops->n; i++) {
    const struct kvc_op *o = &ops->ops[i];
    const double taken = o->kind == KVC_OP_EXPERTS ? fmin(o->per_tok, o->experts) : 1;
    bytes += o->count * taken * o->weight_bytes;
  }
  return bytes;
}

/* Bytes read to draft one token: a draft model's weights, or one layer and the head for
 * the model's own prediction layers; n-gram lookup reads nothing. */
static kvc_code draft_bytes(const struct kvc_latency_input *in, struct kvc_ops *ops,
                            double *out, struct kvc_err *err)
{
  const struct kvc_setting *set = in->setting;
  *out = 0;
  if (set->spec_tokens <= 0) return KVC_E_OK;
  if (set->draft != NULL) {
    struct kvc_setting alone = *set;
    alone.pp = 1;
    KVC_TRY(kvc_ops_list(set->draft, &alone, in->facts, 0, ops, err));
    *out = weights_of(ops);
  } else if (set->spec_mtp) {
    double head = 0;
    for (size_t i = 0; i < ops->n; i++)
      if (ops->ops[i].kind == KVC_OP_HEAD) head += ops->ops[i].weight_bytes;
    *out = (weights_of(ops) - head) / fmax(ops->layers, 1) + head;
  }
  return KVC_E_OK;
}

kvc_code kvc_latency_prepare(struct kvc_arena *arena, const struct kvc_latency_input *in,
                             struct kvc_latency **out, struct kvc_err *err)
{
  const struct kvc_setting *set = in->setting;
  const double bw = in->gpu->memory_bps.value;
  if (!(bw > 0) || !(kvc_gpu_peak(in->gpu, KVC_FMT_BF16) > 0))
    return kvc_fail(err, KVC_E_UNSUPPORTED, in->gpu->name,
                    "the profile of this GPU lacks memory_bandwidth or bf16_dense, so no "
                    "time can be predicted");
  struct kvc_latency *l = kvc_arena_alloc(arena, 1, sizeof *l);
  struct kvc_ops *ops = kvc_arena_alloc(arena, 1, sizeof *ops);
  if (l == NULL || ops == NULL) return kvc_arena_full(arena, in->gpu->name, err);
  KVC_TRY(kvc_ops_list(in->model, set, in->facts, set->pp - 1, ops, err));
  *l = (struct kvc_latency){.shape = *ops,
                            .bandwidth = bw,
                            .elem_s_per_byte = 1 / (0.75 * bw),
                            .tp = set->tp,
                            .pp = set->pp,
                            .dp = set->dp,
                            .whole_experts = set->expert_parallel,
                            .speed = *in->speed,
                            .eager = set->enforce_eager,
                            .graph_cap_tok = set->max_cudagraph_tok > 0
                                                 ? (double)set->max_cudagraph_tok
                                                 : (double)in->facts->graph_cap_tok,
                            .spec_tok = set->spec_tokens,
                            .lora_frac = set->lora ? 0.10 : 0,
                            .source = in->source,
                            .tune = {1, 1, 1, 1, 0, 0}};
  if (!(l->graph_cap_tok > 0)) l->graph_cap_tok = 256;
  l->graph_step = in->facts->graph_sizes == KVC_GRAPH_TWICE_STEP16 ? 16 : 8;
  if (in->tune != NULL) l->tune = *in->tune;
  for (size_t i = 0; i < ops->n; i++) {
    l->ops[i].op = ops->ops[i];
    curves_of(in, &l->ops[i], bw);
  }
  l->n = ops->n;
  links(in, l);
  double drafted;
  KVC_TRY(draft_bytes(in, ops, &drafted, err)); /* reuses 'ops' */
  l->draft_s = drafted / (0.8 * bw);
  *out = l;
  return KVC_E_OK;
}
