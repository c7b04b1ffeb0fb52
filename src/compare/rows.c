/* rows.c - the figures that plan and log share.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "compare_room.h"

static const double sigmas = 1.645; /* 90 % two-sided, as the plan states its ranges */

struct planned {
  double value, low, high;
};

static struct planned exact(double value)
{
  return (struct planned){value, value, value};
}

static struct planned about(double value, double sd)
{
  return (struct planned){value, value - sigmas * sd, value + sigmas * sd};
}

static struct planned ranged(struct kvc_range r)
{
  return (struct planned){r.value, r.low, r.high};
}

/* The same share of its value as the tokens have. */
static struct planned scaled(double value, struct kvc_range r)
{
  if (!(r.value > 0)) return exact(value);
  return (struct planned){value, value * r.low / r.value, value * r.high / r.value};
}

static double activation_sd(const struct kvc_memory *m, const struct kvc_mem_facts *f)
{
  if (f->measured.activation_peak_bytes > 0) return compare_rounding_bytes;
  const struct kvc_const *s = &f->sampler_bytes_per_logit;
  const double sampler =
      s->value > 0 ? m->activation.sampler_bytes * s->spread / s->value : 0;
  const double encoder = 0.5 * m->activation.encoder_bytes;
  const double moe = 0.25 * m->activation.moe_bytes;
  const double base = f->activation_base_bytes.spread;
  return sqrt(sampler * sampler + encoder * encoder + moe * moe + base * base);
}

static double non_torch_sd(const struct kvc_setting *set, const struct kvc_mem_facts *f)
{
  if (f->measured.non_torch_bytes > 0) return compare_rounding_bytes;
  return (set->tp > 1   ? &f->non_torch_tp_bytes
          : set->pp > 1 ? &f->non_torch_pp_bytes
                        : &f->non_torch_tp1_bytes)
      ->spread;
}

static void add(struct comparing *c, enum kvc_compare_kind kind, struct planned planned,
                double printed)
{
  static const struct {
    const char *what;
    enum kvc_compare_unit unit;
    double rounding;
  } kinds[KVC_CMP_KINDS_] = {
      [KVC_CMP_UTILIZATION] = {"gpu_memory_utilization", KVC_CMP_FRACTION, 0.0051},
      [KVC_CMP_TOTAL] = {"GPU memory", KVC_CMP_BYTES, 0},
      [KVC_CMP_FREE] = {"free at the start", KVC_CMP_BYTES, 0},
      [KVC_CMP_MAX_LEN] = {"max_model_len", KVC_CMP_COUNT, 0.5},
      [KVC_CMP_BATCHED] = {"max_num_batched_tokens", KVC_CMP_COUNT, 0.5},
      [KVC_CMP_WEIGHTS] = {"weights", KVC_CMP_BYTES, 0},
      [KVC_CMP_ACTIVATION] = {"activation peak", KVC_CMP_BYTES, 0},
      [KVC_CMP_NON_TORCH] = {"non-torch", KVC_CMP_BYTES, 0},
      [KVC_CMP_GRAPHS] = {"CUDA graphs", KVC_CMP_BYTES, 0},
      [KVC_CMP_AVAILABLE] = {"available KV cache", KVC_CMP_BYTES, 0},
      [KVC_CMP_BLOCKS] = {"KV cache blocks", KVC_CMP_COUNT, 1.5},
      [KVC_CMP_PER_TOKEN] = {"KV bytes of a token", KVC_CMP_BYTES, 0},
      [KVC_CMP_TOKENS] = {"KV cache tokens", KVC_CMP_COUNT, 1.5},
      [KVC_CMP_CONCURRENCY] = {"maximum concurrency", KVC_CMP_RATIO, 0.0051},
  };
  if (!isfinite(printed) || !isfinite(planned.value)) return;
  double slack = kinds[kind].rounding > 0 ? kinds[kind].rounding : compare_rounding_bytes;
  if (kind == KVC_CMP_PER_TOKEN) slack = 0.01 * planned.value; /* a quotient of two */
  const double difference = printed - planned.value;
  c->out->rows[c->out->n_rows++] = (struct kvc_compare_row){
      .kind = kind,
      .unit = kinds[kind].unit,
      .what = kinds[kind].what,
      .planned = planned.value,
      .printed = printed,
      .difference = difference,
      .relative_frac = planned.value > 0 ? difference / planned.value : (double)NAN,
      .low = planned.low,
      .high = planned.high,
      .within = printed >= planned.low - slack && printed <= planned.high + slack};
}

void compare_rows(struct comparing *c)
{
  const struct kvc_size *plan = c->in->plan;
  const struct kvc_memory *m = &plan->memory;
  const struct kvc_mem_facts *f = &plan->facts;
  const struct kvc_log_memory *log = &c->in->start->memory;
  const struct kvc_range kv = m->tokens;
  add(c, KVC_CMP_UTILIZATION, exact(plan->setting.gpu_memory_utilization),
      log->gpu_memory_utilization);
  add(c, KVC_CMP_TOTAL, exact(m->total_bytes), log->gpu_total_bytes);
  /* A start takes its own context first: up to 1 GiB less is no surprise. */
  const double free = m->total_bytes - m->other_processes_bytes;
  add(c, KVC_CMP_FREE, (struct planned){free, free - KVC_GIB, free}, log->gpu_free_bytes);
  add(c, KVC_CMP_MAX_LEN, exact((double)plan->setting.max_model_len_tok),
      log->max_model_len_tok);
  add(c, KVC_CMP_BATCHED, exact((double)plan->setting.max_num_batched_tok),
      log->max_num_batched_tok);
  add(c, KVC_CMP_WEIGHTS, about(m->weights_bytes, 0.005 * m->weights_bytes),
      log->weights_bytes);
  add(c, KVC_CMP_ACTIVATION, about(m->activation_peak_bytes, activation_sd(m, f)),
      log->activation_peak_bytes);
  add(c, KVC_CMP_NON_TORCH, about(m->non_torch_bytes, non_torch_sd(&plan->setting, f)),
      log->non_torch_bytes);
  add(c, KVC_CMP_GRAPHS, about(m->cudagraph_bytes, 0.5 * m->cudagraph_bytes),
      log->graph_bytes);
  add(c, KVC_CMP_AVAILABLE, ranged(m->available_kv_bytes), log->available_kv_bytes);
  add(c, KVC_CMP_BLOCKS, scaled((double)m->num_gpu_blocks, kv), log->gpu_blocks);
  if (log->kv_tokens > 0)
    add(c, KVC_CMP_PER_TOKEN, exact(m->layout.bytes_per_token),
        log->available_kv_bytes / log->kv_tokens);
  add(c, KVC_CMP_TOKENS, ranged(kv), log->kv_tokens);
  add(c, KVC_CMP_CONCURRENCY, scaled(m->max_concurrency, kv), log->max_concurrency);
}
