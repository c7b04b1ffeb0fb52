/* latency.h - seconds of one forward step.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * kvc_latency_prepare turns a deployment into a flat list of priced operations once;
 * pricing a step then is arithmetic.  The account, its sources and its known lies are
 * at the head of src/speed/price.c.  Pure: no I/O, no YAML, no comparison of releases;
 * what differs by release arrives as struct kvc_speed_facts.
 */
#ifndef KVCAP_LATENCY_H
#define KVCAP_LATENCY_H

#include <kvcap/kernels.h>
#include <kvcap/memory.h>
#include <kvcap/step.h>

/* Host and launch costs of a release. */
struct kvc_speed_facts {
  double step_s;        /* host work of a step: schedule, prepare, detokenise */
  double seq_s;         /* more for every running sequence */
  double hidden_frac;   /* part of the host's work that runs beside the GPU */
  double layer_s;       /* small kernels and gaps of a layer, CUDA graphs */
  double moe_layer_s;   /* more for a layer with routed experts */
  double piece_s;       /* more for a layer outside a full graph: mixed batches */
  double eager_layer_s; /* launches of a layer without graphs */
  double sample_s;      /* sampler, one row */
  double moe_scale;     /* factor on FP8 experts, on Blackwell on all but MXFP4; 0 = 1 */
};

/* What a calibration may change; 1 and 0 leave the model alone. */
struct kvc_tune {
  double memory_scale, flops_scale, comm_scale; /* factors on those times */
  double host_scale;                            /* factor on layer and host times */
  double seq_s, step_s;                         /* added to those of the release */
};

enum kvc_speed_source {
  KVC_SPEED_MEASURED,     /* kernels of this GPU were measured */
  KVC_SPEED_ARCHITECTURE, /* means over measured GPUs of its architecture */
  KVC_SPEED_SHEET         /* data sheet with means over all measured GPUs */
};

struct kvc_latency_input {
  const struct kvc_gpu *gpu;
  const struct kvc_model *model;
  const struct kvc_setting *setting;
  const struct kvc_mem_facts *facts;
  const struct kvc_kernels *kernels; /* of this GPU, or means: kvc_kernels_mean */
  enum kvc_speed_source source;
  const struct kvc_speed_facts *speed;
  const struct kvc_tune *tune; /* NULL = none */
};

struct kvc_step_cost {
  double attention_s, gemm_s, moe_s, comm_s, logits_s, launch_s, host_s;
  double total_s;
  double bound_s; /* bytes / peak bandwidth or flops / peak rate, op by op */
  bool memory_bound;
  double bytes, flops; /* on one rank */
  const char *reason;  /* why a measurement may differ */
  enum kvc_speed_source source;
};

struct kvc_latency; /* opaque; lives in the arena */

/* KVC_E_UNSUPPORTED for a GPU without bandwidth or peak rate. */
kvc_code kvc_latency_prepare(struct kvc_arena *arena, const struct kvc_latency_input *in,
                             struct kvc_latency **out, struct kvc_err *err) KVC_MUST_USE;

/* One step of one replica (one data-parallel rank; the others are taken to do the
 * same).  With pipeline stages: from the first stage to the last. */
void kvc_latency_price(const struct kvc_latency *latency, const struct kvc_step *step,
                       struct kvc_step_cost *out);

/* The same, only the total: a kvc_step_time whose ctx is a struct kvc_latency. */
double kvc_latency_step(void *latency, const struct kvc_step *step);

/* Tokens of a decode batch after padding to a captured size. */
double kvc_latency_padded(const struct kvc_latency *latency, double tok);

#endif
