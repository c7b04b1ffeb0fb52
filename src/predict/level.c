/* level.c - a benchmark result as a load level, and that level simulated.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "predict_room.h"
#include <kvcap/levels.h>
#include <kvcap/speed.h>
#include <math.h>
#include <string.h>

enum { MAX_PROMPTS = 4096 };
/* Spread of lengths where a result tells none: conversations, and the InferenceX harness,
 * which draws them within a ninth of their mean. */
static const double CHAT_CV = 0.78, HARNESS_CV = 0.064;

/* ---- from a result ------------------------------------------------------------- */

static double positive(double v)
{
  return v > 0 && isfinite(v) ? v : (double)NAN;
}

static double first_of(double a, double b)
{
  return isfinite(positive(a)) ? a : positive(b);
}

static double spread_of(const struct kvc_bench *b, const struct kvc_stat *s, double mean)
{
  if (s->std >= 0 && isfinite(s->std)) return fmin(s->std / mean, 20);
  if (b->dataset != NULL && kvc_str_istarts(b->dataset, "sharegpt")) return CHAT_CV;
  return strcmp(b->format, "inferencemax") == 0 ? HARNESS_CV : 0;
}

static kvc_code lengths_of(const struct kvc_bench *b, const char *name,
                           struct kvc_level *out, struct kvc_err *err)
{
  out->input_tok = first_of(b->input_tok.mean, b->total_input_tok / b->completed);
  out->output_tok = first_of(b->output_tok.mean, b->total_output_tok / b->completed);
  const bool input = isfinite(out->input_tok), output = isfinite(out->output_tok);
  if (!input || !output)
    return kvc_fail(err, KVC_E_RANGE, name,
                    "does not tell how long %s were, without which the load cannot be "
                    "simulated: total tokens and completed requests do",
                    !input && !output ? "prompts and outputs"
                    : input           ? "the outputs"
                                      : "the prompts");
  if (!(out->output_tok >= 2) || !(out->input_tok >= 1) ||
      out->input_tok + out->output_tok > 1e7)
    return kvc_fail(err, KVC_E_RANGE, name,
                    "has %.3g tokens in and %.3g out a request; a time per output token "
                    "needs at least 2 out",
                    out->input_tok, out->output_tok);
  out->input_cv = spread_of(b, &b->input_tok, out->input_tok);
  out->output_cv = spread_of(b, &b->output_tok, out->output_tok);
  return KVC_E_OK;
}

static kvc_code load_of(const struct kvc_bench *b, const char *name,
                        struct kvc_level *out, struct kvc_err *err)
{
  out->concurrency =
      b->max_concurrency >= 1 ? fmin(b->max_concurrency, 1e6) : (double)INFINITY;
  out->rate_per_s = b->request_rate > 0 ? b->request_rate : (double)INFINITY;
  if (isinf(out->concurrency) && !(b->request_rate > 0))
    return kvc_fail(err, KVC_E_RANGE, name,
                    "tells neither the concurrency nor the request rate, without which "
                    "the load cannot be simulated");
  out->burstiness = b->burstiness > 0 && isfinite(b->burstiness) ? b->burstiness : 0;
  out->prompts = first_of(b->num_prompts, b->completed);
  if (isnan(out->prompts))
    out->prompts = isfinite(out->concurrency) ? 6 * out->concurrency : 300;
  return KVC_E_OK;
}

kvc_code kvc_level_of(struct kvc_arena *arena, const struct kvc_bench *b,
                      const char *name, struct kvc_level *out, struct kvc_err *err)
{
  *out = (struct kvc_level){.name = name};
  if (b->completed <= 0)
    return kvc_fail(err, KVC_E_RANGE, name, "is of a run in which no request completed");
  if (b->failed > 0.05 * b->completed)
    return kvc_fail(err, KVC_E_RANGE, name,
                    "is of a run in which %.0f requests failed and %.0f completed: what "
                    "it measured is not its load",
                    b->failed, b->completed);
  if (b->spec_accept_length > 1 && b->spec_accept_frac > 0)
    return kvc_fail(err, KVC_E_UNSUPPORTED, name,
                    "is of a server that speculates (%.2f tokens a step), which is not "
                    "simulated",
                    b->spec_accept_length);
  KVC_TRY(lengths_of(b, name, out, err));
  KVC_TRY(load_of(b, name, out, err));
  out->measured.tpot_s = 1e-3 * first_of(b->tpot_ms.mean, b->itl_ms.mean);
  out->measured.ttft_s = 1e-3 * positive(b->ttft_ms.mean);
  out->measured.output_tok_s = positive(b->output_throughput);
  if (isnan(out->measured.tpot_s) && isnan(out->measured.ttft_s) &&
      isnan(out->measured.output_tok_s))
    return kvc_fail(
        err, KVC_E_RANGE, name,
        "has none of what is fitted: mean TPOT, mean TTFT, output throughput");
  const bool rate = isfinite(out->rate_per_s), limit = isfinite(out->concurrency);
  const char *how = rate && limit ? kvc_arena_printf(arena, "%g/s, at most %.0f clients",
                                                     out->rate_per_s, out->concurrency)
                    : limit ? kvc_arena_printf(arena, "%.0f clients", out->concurrency)
                    : rate  ? kvc_arena_printf(arena, "%g/s", out->rate_per_s)
                            : "all at once";
  if (how != NULL)
    out->load = kvc_arena_printf(arena, "%s, %.0f x %.0f + %.0f tokens", how,
                                 out->prompts, out->input_tok, out->output_tok);
  return out->load != NULL ? KVC_E_OK : kvc_arena_full(arena, name, err);
}

/* ---- simulated ------------------------------------------------------------------- */

static struct kvc_length length_of(double mean, double cv)
{
  const double ratio = cv * sqrt(3);
  if (ratio > 1)
    return (struct kvc_length){.kind = KVC_LEN_LOGNORMAL, .mean = mean, .spread = cv};
  if (ratio < 0.01)
    return (struct kvc_length){.kind = KVC_LEN_FIXED, .mean = fmax(1, round(mean))};
  return (struct kvc_length){.kind = KVC_LEN_UNIFORM,
                             .mean = mean,
                             .min = (int32_t)fmax(1, round(mean * (1 - ratio))),
                             .max = (int32_t)fmax(1, round(mean * (1 + ratio)))};
}

static struct kvc_traffic_spec traffic_of(const struct kvc_level *l, double dp)
{
  const double n = fmin(fmax(round(l->prompts / dp), 1), MAX_PROMPTS);
  struct kvc_traffic_spec spec = {.requests = (size_t)n,
                                  .burstiness = l->burstiness,
                                  .prompt = length_of(l->input_tok, l->input_cv),
                                  .output = length_of(l->output_tok, l->output_cv),
                                  .ends_by_stop = true};
  spec.arrivals = isfinite(l->rate_per_s)    ? KVC_ARRIVE_RATE
                  : isfinite(l->concurrency) ? KVC_ARRIVE_CLOSED
                                             : KVC_ARRIVE_AT_ONCE;
  if (isfinite(l->rate_per_s)) spec.rate_per_s = l->rate_per_s / dp;
  if (isfinite(l->concurrency))
    spec.clients = (int)fmin(fmax(round(l->concurrency / dp), 1), n);
  return spec;
}

static kvc_code run(struct kvc_arena *arena, const struct kvc_levels *s,
                    const struct kvc_tune *tune, const struct kvc_level *l,
                    struct kvc_sim_result *out, struct kvc_err *err)
{
  struct kvc_latency *latency;
  struct kvc_traffic traffic;
  const double dp = s->size->setting.dp;
  struct kvc_traffic_spec spec = traffic_of(l, dp);
  KVC_TRY(kvc_speed_open(arena, s->db, s->size, NULL, tune, &latency, err));
  KVC_TRY(predict_traffic(arena, spec, &traffic, err));
  struct kvc_sim_config config = {.step_time = kvc_latency_step, .clock = latency};
  KVC_TRY(kvc_sim_engine_of(s->engine, s->size, &config.engine, err));
  KVC_TRY(kvc_sim_run(arena, &config, &traffic, out, err));
  kvc_client_add(out, kvc_client_s(l->input_tok));
  kvc_client_burst(out, &traffic, dp);
  return KVC_E_OK;
}

kvc_code kvc_level_predict(const struct kvc_levels *s, const struct kvc_tune *tune,
                           size_t level, struct kvc_serving *out, double *clients,
                           struct kvc_err *err)
{
  enum { MAX_BYTES = 1 << 30 };
  const struct kvc_level *l = &s->levels[level];
  struct kvc_sim_result r;
  struct kvc_arena arena;
  kvc_arena_init(&arena, MAX_BYTES);
  const kvc_code rc = run(&arena, s, tune, l, &r, err);
  kvc_arena_clear(&arena);
  KVC_TRY(rc);
  if (!(r.output_tok_per_s > 0))
    return kvc_fail(err, KVC_E_INFEASIBLE, l->name,
                    "no request of this load would be served: the longest context is "
                    "shorter than prompt and output");
  *out = (struct kvc_serving){.tpot_s = r.tpot_s.mean,
                              .ttft_s = r.ttft_s.mean,
                              .output_tok_s = s->size->setting.dp * r.output_tok_per_s};
  if (clients != NULL) *clients = s->size->setting.dp * r.running_mean;
  return KVC_E_OK;
}
