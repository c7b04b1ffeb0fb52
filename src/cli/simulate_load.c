/* simulate_load.c - the load of a simulation out of its options.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "simulate.h"
#include <math.h>

static struct kvc_length length_of(double mean, double cv, double ratio)
{
  if (cv > 0)
    return (struct kvc_length){.kind = KVC_LEN_LOGNORMAL, .mean = mean, .spread = cv};
  if (ratio > 0)
    return (struct kvc_length){.kind = KVC_LEN_UNIFORM,
                               .mean = mean,
                               .min = (int32_t)fmax(1, floor(mean * (1 - ratio))),
                               .max = (int32_t)ceil(mean * (1 + ratio))};
  return (struct kvc_length){.kind = KVC_LEN_FIXED, .mean = mean};
}

kvc_code simulate_settle_load(struct simulate *s, struct kvc_err *err)
{
  struct simulate_args *a = s->args;
  const struct kvc_workload *given = &a->size.req.load;
  if (a->workload != NULL) {
    KVC_TRY(size_catalogue(&a->size, err));
    KVC_TRY(kvc_db_workload(a->size.db, a->workload, &s->demand, err));
  }
  struct kvc_workload *load = &s->demand.load;
  if (given->prompt_tok > 0) load->prompt_tok = given->prompt_tok;
  if (given->output_tok > 0) load->output_tok = given->output_tok;
  if (given->prompt_cv > 0) load->prompt_cv = given->prompt_cv;
  if (given->output_cv > 0) load->output_cv = given->output_cv;
  if (a->input_tok > 0) load->prompt_tok = (double)a->input_tok;
  if (a->output_tok > 0) load->output_tok = (double)a->output_tok;
  if (a->trace == NULL && (!(load->prompt_tok > 0) || !(load->output_tok > 0)))
    return kvc_fail(err, KVC_E_USAGE, NULL,
                    "the load is missing: --input-len and --output-len, --workload or "
                    "--trace; for example --input-len 512 --output-len 128 --rate 4");
  if (a->prompts == 0) a->prompts = 1000;
  if (!(a->rate_per_s > 0)) a->rate_per_s = INFINITY;
  /* The sizing counts requests of this kind too. */
  a->size.req.load.prompt_tok = load->prompt_tok;
  a->size.req.load.output_tok = load->output_tok;
  return simulate_slo(a, err);
}

kvc_code simulate_traffic(struct simulate *s, struct kvc_arena *arena, double rate,
                          int clients, struct kvc_traffic *out, struct kvc_err *err)
{
  const struct simulate_args *a = s->args;
  const struct kvc_workload *w = &s->demand.load;
  double prefix = a->prefix_tok, prompt = w->prompt_tok;
  if (!(prefix > 0) && w->shared_prefix_frac > 0) {
    prefix = floor(w->shared_prefix_frac * prompt);
    prompt -= prefix;
  }
  struct kvc_traffic_spec spec = {
      .rate_per_s = isinf(rate) ? 0 : rate,
      .burstiness = a->burstiness,
      .clients = clients,
      .requests = (size_t)a->prompts,
      .duration_s = a->duration_s,
      .prompt = length_of(prompt, w->prompt_cv, a->range_ratio),
      .output = length_of(w->output_tok, w->output_cv, a->range_ratio),
      .prefix_tok = (int32_t)prefix,
      .turns = a->turns,
      .think_s = a->think_s,
      .ends_by_stop = true};
  spec.arrivals = clients > 0   ? KVC_ARRIVE_CLOSED
                  : isinf(rate) ? KVC_ARRIVE_AT_ONCE
                                : KVC_ARRIVE_RATE;
  if (a->trace == NULL)
    return kvc_traffic_make(arena, &spec, (uint64_t)a->seed, out, err);
  enum { TRACE_MAX = 512 << 20 };
  const struct kvc_trace_options how = {.rate_scale = a->rate_scale,
                                        .max_requests =
                                            a->prompts != 1000 ? (size_t)a->prompts : 0,
                                        .duration_s = a->duration_s};
  char *text;
  size_t len;
  KVC_TRY(kvc_file_read_into(arena, a->trace, TRACE_MAX, &text, &len, err));
  KVC_TRY(kvc_trace_read(arena, text, len, a->trace, &how, out, err));
  if (clients > 0) out->clients = clients;
  return KVC_E_OK;
}
