/* predict.c - one measured point sized, priced and simulated.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "predict_room.h"
#include <kvcap/num.h>
#include <kvcap/speed.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Client, HTTP, tokenizer: what no step contains.  Fitted on the calibrate rows of 1,062
 * measured points, whose hosts and clients differ: a presumption, not a fact. */
static const double CLIENT_S = 0.012, CLIENT_TOK_S = 4e-6;

double kvc_client_s(double prompt_tok)
{
  return CLIENT_S + CLIENT_TOK_S * prompt_tok;
}

static bool says(const struct kvc_point *p, const char *what)
{
  return strstr(p->flags, what) != NULL;
}

/* A number behind a flag in the free text of the row; 0 when there is none. */
static double flag(const struct kvc_point *p, const char *name)
{
  const char *at = strstr(p->flags, name);
  double v;
  size_t used;
  if (at == NULL) return 0;
  at += strlen(name);
  at += strspn(at, " =");
  return kvc_num_scan(at, strlen(at), &v, &used) && isfinite(v) ? v : 0;
}

static void deploy(const struct kvc_point *p, struct kvc_deploy *d)
{
  char version[48];
  (void)snprintf(version, sizeof version, "%.*s", (int)strspn(p->version, "0123456789."),
                 p->version);
  if (version[0] != '\0' &&
      kvc_version_parse(version, "version", &d->version, NULL) == KVC_E_OK)
    d->version_given = true;
  d->tp = p->tp;
  d->pp = p->pp;
  d->dp = p->dp;
  d->expert_parallel = p->ep > 1 || says(p, "enable-expert-parallel");
  d->max_num_seqs = (int64_t)p->max_num_seqs;
  d->max_num_batched_tok = (int64_t)p->max_num_batched_tok;
  d->max_model_len_tok = (int64_t)flag(p, "max-model-len");
  if (strncmp(p->kv_dtype, "fp8", 3) == 0) d->kv_cache_dtype = "fp8";
  if (says(p, "enforce-eager")) d->enforce_eager = 1;
  const double share = fmax(flag(p, "util"), flag(p, "gpu-memory-utilization"));
  if (share > 0.1 && share <= 1) d->gpu_memory_utilization = share;
  d->max_cudagraph_size = (int64_t)flag(p, "max-cudagraph-capture-size");
  if (d->max_model_len_tok == 0 && p->input_tok > 0 && p->output_tok > 0)
    d->max_model_len_tok = (int64_t)(2 * (p->input_tok + p->output_tok) + 2048);
}

static kvc_code size_of(struct kvc_arena *arena, struct kvc_db *db,
                        const struct kvc_point *p, struct kvc_size *out,
                        struct kvc_err *err)
{
  struct kvc_size_request req;
  struct kvc_err why = {0};
  kvc_size_request_init(&req);
  req.brief = true;
  const char *slash = p->model[0] == '/' ? strrchr(p->model, '/') : NULL;
  req.model_name = slash != NULL ? slash + 1 : p->model;
  req.gpu_name = p->gpu;
  deploy(p, &req.deploy);
  kvc_code rc = kvc_size_run(arena, db, &req, out, &why);
  if (rc != KVC_E_OK && rc != KVC_E_UNKNOWN && req.deploy.max_model_len_tok > 0) {
    req.deploy.max_model_len_tok = 0; /* guessed too long for the model */
    rc = kvc_size_run(arena, db, &req, out, &why);
  }
  if (rc != KVC_E_OK) {
    if (err != NULL) *err = why;
    return rc;
  }
  const bool fp8 = strncmp(p->quantization, "fp8", 3) == 0;
  const bool fp4 = strcmp(p->quantization, "fp4") == 0;
  if (fp8 && out->model.quant.kind == KVC_QUANT_NONE) {
    req.deploy.quantization = "fp8";
    return kvc_size_run(arena, db, &req, out, err);
  }
  if (fp4 && out->model.quant.kind != KVC_QUANT_NVFP4 &&
      out->model.quant.kind != KVC_QUANT_MXFP4) {
    req.model_name = kvc_arena_printf(arena, "%s-NVFP4", req.model_name);
    if (req.model_name == NULL) return kvc_arena_full(arena, p->id, err);
    return kvc_size_run(arena, db, &req, out, err);
  }
  return KVC_E_OK;
}

/* ---- the load
 * -------------------------------------------------------------------------- */

enum { QUANTILES = 64 };

/* Lengths of conversations: 2.6 u^1.6 of their mean, which ends at 2.6 times of it as
 * the data sets do that are cut at a context. */
static kvc_code natural(struct kvc_arena *arena, double mean, struct kvc_length *out,
                        struct kvc_err *err)
{
  int32_t *values = kvc_arena_alloc(arena, QUANTILES, sizeof *values);
  if (values == NULL) return kvc_arena_full(arena, "the load", err);
  for (int i = 0; i < QUANTILES; i++)
    values[i] = (int32_t)fmax(1, round(mean * 2.6 * pow((i + 0.5) / QUANTILES, 1.6)));
  *out = (struct kvc_length){
      .kind = KVC_LEN_EMPIRICAL, .mean = mean, .values = values, .n_values = QUANTILES};
  return KVC_E_OK;
}

static struct kvc_length length_of(double mean, double ratio)
{
  if (ratio > 0)
    return (struct kvc_length){.kind = KVC_LEN_UNIFORM,
                               .mean = mean,
                               .min = (int32_t)fmax(1, floor(mean * (1 - ratio))),
                               .max = (int32_t)ceil(mean * (1 + ratio))};
  return (struct kvc_length){.kind = KVC_LEN_FIXED, .mean = fmax(1, round(mean))};
}

static bool is_natural(const struct kvc_point *p)
{
  return strcmp(p->kind, "serving-steady") == 0 ||
         strncmp(p->dataset, "sharegpt", 8) == 0 ||
         strncmp(p->dataset, "ShareGPT", 8) == 0 || strncmp(p->dataset, "Open", 4) == 0;
}

static struct kvc_traffic_spec load_of(const struct kvc_point *p,
                                       const struct kvc_size *size)
{
  const double dp = size->setting.dp, seats = (double)size->setting.max_num_seqs;
  const bool steady = strcmp(p->kind, "serving-steady") == 0;
  double clients = p->concurrency / dp;
  double n = p->prompts / dp;
  if (clients < 1) clients = 1;
  if (steady) clients = fmin(clients, 2 * seats);
  if (isnan(n)) n = isfinite(clients) ? 6 * clients : 300;
  if (steady) n = fmin(n, 4 * seats);
  n = fmin(fmax(n, 1), 4096);
  const double prompt = isnan(p->input_tok) ? 300 : p->input_tok;
  const double output = isnan(p->output_tok) ? 128 : p->output_tok;
  /* Random lengths of the InferenceX harness lie within a ninth of their mean. */
  const double ratio = strncmp(p->id, "IX", 2) == 0 ? 0.11 : 0;
  struct kvc_traffic_spec spec = {.rate_per_s =
                                      isfinite(p->rate_per_s) ? p->rate_per_s / dp : 0,
                                  .requests = (size_t)n,
                                  .prompt = length_of(prompt, ratio),
                                  .output = length_of(output, ratio),
                                  .ends_by_stop = true};
  spec.arrivals = isfinite(clients)         ? KVC_ARRIVE_CLOSED
                  : isfinite(p->rate_per_s) ? KVC_ARRIVE_RATE
                                            : KVC_ARRIVE_AT_ONCE;
  if (spec.arrivals == KVC_ARRIVE_CLOSED) spec.clients = (int)fmin(clients, n);
  return spec;
}

kvc_code predict_chain(struct kvc_arena *arena, size_t clients,
                       struct kvc_traffic *traffic, struct kvc_err *err)
{
  struct kvc_request *items = kvc_arena_alloc(arena, traffic->n + 1, sizeof *items);
  if (items == NULL) return kvc_arena_full(arena, "the load", err);
  memcpy(items, traffic->items, traffic->n * sizeof *items);
  for (size_t i = clients; i < traffic->n; i++) {
    items[i].after = (uint32_t)(i - clients + 1);
    items[i].arrival_ns = 0;
  }
  traffic->items = items;
  return KVC_E_OK;
}

/* ---- the engine
 * ------------------------------------------------------------------------- */

static double fact_of(const struct kvc_engine *engine, const struct kvc_setting *set,
                      const char *key)
{
  const struct kvc_fact *f = kvc_engine_fact(engine, key, &set->version, set->engine);
  double v;
  if (f == NULL) return 0;
  if (strcmp(f->value, "true") == 0) return 1;
  return kvc_num_parse(f->value, key, &v, NULL) == KVC_E_OK ? v : 0;
}

void kvc_sim_engine_of(const struct kvc_engine *engine, const struct kvc_size *size,
                       struct kvc_sim_engine *out)
{
  const struct kvc_setting *set = &size->setting;
  const double block = set->block_size_tok > 0 ? (double)set->block_size_tok : 16;
  const bool v0 = set->engine == KVC_ENGINE_V0;
  *out = (struct kvc_sim_engine){
      .policy = {.v0 = v0,
                 .reserve_full_isl = fact_of(engine, set, "sim_reserve_full_isl") > 0,
                 .watermark_frac = fact_of(engine, set, "sim_watermark_frac"),
                 .watermark_if_busy = !v0,
                 .prealloc_tok = (int)fact_of(engine, set, "sim_prealloc_tok")},
      .blocks = (int64_t)floor(size->memory.pool_tok / block),
      .block_size_tok = (int)block,
      .max_batched_tok = set->max_num_batched_tok,
      .max_num_seqs = set->max_num_seqs,
      .max_model_len_tok = set->max_model_len_tok,
      .chunked_prefill = set->chunked_prefill,
      .prefix_caching = set->prefix_caching,
      .async_scheduling = fact_of(engine, set, "speed_async_default") > 0,
      .preempt = KVC_PREEMPT_RECOMPUTE};
  if (v0 && !(out->policy.watermark_frac > 0)) out->policy.watermark_frac = 0.01;
  if (out->blocks < 1) out->blocks = 1 << 20; /* a model without a KV cache */
}

/* ---- figures
 * ------------------------------------------------------------------------------ */

static void figures(const struct kvc_sim_result *r, double dp, double prompt_tok,
                    struct kvc_prediction *out)
{
  const double client_s = kvc_client_s(prompt_tok);
  double *v = out->value;
  v[KVC_POINT_MEAN_TTFT] = 1e3 * (r->ttft_s.mean + client_s);
  v[KVC_POINT_MEDIAN_TTFT] = 1e3 * (r->ttft_s.p50 + client_s);
  v[KVC_POINT_P99_TTFT] = 1e3 * (r->ttft_s.p99 + client_s);
  v[KVC_POINT_MEAN_TPOT] = 1e3 * r->tpot_s.mean;
  v[KVC_POINT_MEDIAN_TPOT] = 1e3 * r->tpot_s.p50;
  v[KVC_POINT_P99_TPOT] = 1e3 * r->tpot_s.p99;
  v[KVC_POINT_MEAN_ITL] = 1e3 * r->itl_s.mean;
  v[KVC_POINT_OUTPUT_TOK_S] = dp * r->output_tok_per_s;
  v[KVC_POINT_REQ_PER_S] = dp * r->requests_per_s;
}

/* With ramp and drain cut off: what is in service over how long it stays (Little). */
static void steady(const struct kvc_sim_result *r, double dp, struct kvc_prediction *out)
{
  const double service_s = r->e2e_s.mean - r->queue_s.mean;
  if (!(service_s > 0) || r->e2e_s.n == 0) return;
  const double per_s = dp * r->running_peak / service_s;
  out->value[KVC_POINT_REQ_PER_S] = per_s;
  out->value[KVC_POINT_OUTPUT_TOK_S] = per_s * (double)r->output_tok / (double)r->e2e_s.n;
}

static void interval(struct kvc_latency *latency, const struct kvc_sim_result *r,
                     const struct kvc_traffic_spec *spec, struct kvc_prediction *out)
{
  struct kvc_step_cost cost;
  const double batch = fmax(1, round(r->running_mean));
  const double context = spec->prompt.mean + spec->output.mean / 2;
  const struct kvc_step step = {.decodes = batch,
                                .decode_tok = batch,
                                .decode_context_tok = batch * context,
                                .decode_longest_tok = context,
                                .running = batch};
  kvc_latency_price(latency, &step, &cost);
  out->low_frac = cost.low_s / cost.total_s;
  out->high_frac = cost.high_s / cost.total_s;
  out->reason = cost.reason;
  out->bound_frac = cost.bound_s / cost.total_s;
}

kvc_code kvc_point_predict(struct kvc_arena *arena, struct kvc_db *db,
                           const struct kvc_point *point, struct kvc_prediction *out,
                           struct kvc_err *err)
{
  return kvc_point_predict_tuned(arena, db, point, NULL, out, err);
}

kvc_code kvc_point_predict_tuned(struct kvc_arena *arena, struct kvc_db *db,
                                 const struct kvc_point *point,
                                 const struct kvc_tune *tune, struct kvc_prediction *out,
                                 struct kvc_err *err)
{
  struct kvc_engine *engine;
  struct kvc_latency *latency;
  struct kvc_traffic traffic;
  struct kvc_sim_result result;
  struct kvc_speed_facts facts;
  struct kvc_size *size = kvc_arena_alloc(arena, 1, sizeof *size);
  if (size == NULL) return kvc_arena_full(arena, point->id, err);
  if (point->bad != NULL)
    return kvc_fail(err, KVC_E_PARSE, point->id, "%.300s", point->bad);
  KVC_TRY(kvc_db_engine(db, "vllm", &engine, err));
  KVC_TRY(size_of(arena, db, point, size, err));
  if (!size->memory.fits)
    return kvc_fail(err, KVC_E_INFEASIBLE, point->id, "does not start: %.300s",
                    size->memory.error);
  const int async = says(point, "async scheduling off") ? 0
                    : says(point, "async-scheduling") || says(point, "async_scheduling")
                        ? 1
                        : -1;
  KVC_TRY(kvc_speed_facts(db, &size->setting, async, &facts, err));
  KVC_TRY(kvc_speed_open(arena, db, size, &facts, tune, &latency, err));
  struct kvc_traffic_spec spec = load_of(point, size);
  if (is_natural(point)) {
    KVC_TRY(natural(arena, spec.prompt.mean, &spec.prompt, err));
    KVC_TRY(natural(arena, spec.output.mean, &spec.output, err));
  }
  KVC_TRY(kvc_traffic_make(arena, &spec, 1, &traffic, err));
  struct kvc_sim_config config = {.step_time = kvc_latency_step, .clock = latency};
  kvc_sim_engine_of(engine, size, &config.engine);
  if (async >= 0) config.engine.async_scheduling = async > 0;
  KVC_TRY(kvc_sim_run(arena, &config, &traffic, &result, err));
  if (spec.arrivals == KVC_ARRIVE_CLOSED && isfinite(point->rate_per_s)) {
    /* A client with a rate and a limit: the limit rules where it gives less. */
    const bool limited =
        result.requests_per_s < 0.98 * point->rate_per_s / size->setting.dp;
    const size_t clients = (size_t)spec.clients;
    spec.arrivals = KVC_ARRIVE_RATE;
    spec.clients = 0;
    KVC_TRY(kvc_traffic_make(arena, &spec, 1, &traffic, err));
    if (limited) KVC_TRY(predict_chain(arena, clients, &traffic, err));
    KVC_TRY(kvc_sim_run(arena, &config, &traffic, &result, err));
  }
  figures(&result, size->setting.dp, spec.prompt.mean, out);
  if (strcmp(point->kind, "serving-steady") == 0) steady(&result, size->setting.dp, out);
  interval(latency, &result, &spec, out);
  return KVC_E_OK;
}
