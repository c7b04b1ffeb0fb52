/* predict.c - one measured point sized, priced and simulated.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "predict_room.h"
#include <kvcap/num.h>
#include <kvcap/predict.h>
#include <kvcap/sim_facts.h>
#include <kvcap/speed.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

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
  /* a batch-size sweep states that of all ranks: tokens per second x ITL say so */
  if (predict_is_steady(p) && p->dp > 1)
    d->max_num_seqs = (d->max_num_seqs + p->dp - 1) / p->dp;
  d->max_num_batched_tok = (int64_t)p->max_num_batched_tok;
  d->max_model_len_tok = (int64_t)flag(p, "max-model-len");
  if (strncmp(p->kv_dtype, "fp8", 3) == 0 || says(p, "kv-cache-dtype=fp8") ||
      says(p, "kv-cache-dtype fp8"))
    d->kv_cache_dtype = "fp8";
  if (says(p, "enforce-eager")) d->enforce_eager = 1;
  if (says(p, "no-enable-chunked-prefill")) d->chunked_prefill = 0;
  const double share = fmax(flag(p, "util"), flag(p, "gpu-memory-utilization"));
  if (share > 0.1 && share <= 1) d->gpu_memory_utilization = share;
  d->max_cudagraph_size = (int64_t)flag(p, "max-cudagraph-capture-size");
  if (d->max_model_len_tok == 0 && p->input_tok > 0 && p->output_tok > 0)
    d->max_model_len_tok = (int64_t)(2 * (p->input_tok + p->output_tok) + 2048);
}

/* FP8 or FP4 weights of a model that is published without: a checkpoint of ModelOpt,
 * which has scales for an FP8 cache, and releases that follow a checkpoint use them.
 * Served levels of Llama 70B queue on one H200 and one B200 as if the cache were FP8; on
 * H100, whose recipe keeps 16 bits, they do not: presumed of boards above 100 GB. */
static bool brings_fp8_cache(struct kvc_db *db, const struct kvc_point *p,
                             const struct kvc_size *size)
{
  struct kvc_engine *engine;
  const struct kvc_setting *set = &size->setting;
  if (p->kv_dtype[0] != '\0' || strlen(p->quantization) != 3) return false;
  if (!(size->gpu.memory_bytes.value > 100e9)) return false;
  if (kvc_db_engine(db, "vllm", &engine, NULL) != KVC_E_OK) return false;
  const struct kvc_fact *f =
      kvc_engine_fact(engine, "kv_auto_from_checkpoint", &set->version, set->engine);
  return f != NULL && strcmp(f->value, "true") == 0;
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
  if ((fp8 || fp4) && out->model.quant.kind == KVC_QUANT_NONE &&
      req.deploy.kv_cache_dtype == NULL && brings_fp8_cache(db, p, out))
    req.deploy.kv_cache_dtype = "fp8";
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

/* ---- the engine
 * ------------------------------------------------------------------------- */

static bool async_by_default(const struct kvc_engine *engine,
                             const struct kvc_setting *set)
{
  const struct kvc_fact *f =
      kvc_engine_fact(engine, "speed_async_default", &set->version, set->engine);
  return f != NULL && strcmp(f->value, "true") == 0;
}

kvc_code kvc_sim_engine_of(const struct kvc_engine *engine, const struct kvc_size *size,
                           struct kvc_sim_engine *out, struct kvc_err *err)
{
  const struct kvc_setting *set = &size->setting;
  const double block = set->block_size_tok > 0 ? (double)set->block_size_tok : 16;
  *out = (struct kvc_sim_engine){.blocks = (int64_t)floor(size->memory.pool_tok / block),
                                 .block_size_tok = (int)block,
                                 .max_batched_tok = set->max_num_batched_tok,
                                 .max_num_seqs = set->max_num_seqs,
                                 .max_model_len_tok = set->max_model_len_tok,
                                 .chunked_prefill = set->chunked_prefill,
                                 .prefix_caching = set->prefix_caching,
                                 .async_scheduling = async_by_default(engine, set),
                                 .preempt = KVC_PREEMPT_RECOMPUTE};
  KVC_TRY(kvc_sim_policy_read(engine, &set->version, set->engine, &out->policy, err));
  if (out->blocks < 1) out->blocks = 1 << 20; /* a model without a KV cache */
  return KVC_E_OK;
}

/* ---- figures
 * ------------------------------------------------------------------------------ */

static void figures(const struct kvc_sim_result *r, double dp, struct kvc_prediction *out)
{
  double *v = out->value;
  v[KVC_POINT_MEAN_TTFT] = 1e3 * r->ttft_s.mean;
  v[KVC_POINT_MEDIAN_TTFT] = 1e3 * r->ttft_s.p50;
  v[KVC_POINT_P99_TTFT] = 1e3 * r->ttft_s.p99;
  v[KVC_POINT_MEAN_TPOT] = 1e3 * r->tpot_s.mean;
  v[KVC_POINT_MEDIAN_TPOT] = 1e3 * r->tpot_s.p50;
  v[KVC_POINT_P99_TPOT] = 1e3 * r->tpot_s.p99;
  v[KVC_POINT_MEAN_ITL] = 1e3 * r->itl_s.mean;
  v[KVC_POINT_OUTPUT_TOK_S] = dp * r->output_tok_per_s;
  v[KVC_POINT_REQ_PER_S] = dp * r->requests_per_s;
}

static enum kvc_model_class class_of(const struct kvc_model *m)
{
  return m->ssm.state > 0 || m->ssm.k_heads > 0 ? KVC_CLASS_STATE
         : m->mla.kv_lora_rank > 0              ? KVC_CLASS_MLA
         : m->moe.experts > 0                   ? KVC_CLASS_MOE
                                                : KVC_CLASS_DENSE;
}

const char *kvc_model_class_name(enum kvc_model_class model_class)
{
  static const char *const names[] = {"dense", "experts", "latent attention",
                                      "recurrent"};
  return names[model_class];
}

struct kvc_step kvc_decode_step(double batch, double context_tok)
{
  return (struct kvc_step){.decodes = batch,
                           .decode_tok = batch,
                           .decode_context_tok = batch * context_tok,
                           .decode_longest_tok = context_tok,
                           .running = batch};
}

static void interval(struct kvc_latency *latency, const struct kvc_sim_result *r,
                     const struct kvc_traffic_spec *spec, const struct kvc_setting *set,
                     struct kvc_prediction *out)
{
  struct kvc_step_cost cost;
  const double batch = fmax(1, round(r->running_mean));
  const double context = spec->prompt.mean + spec->output.mean / 2;
  const struct kvc_step step = kvc_decode_step(batch, context);
  kvc_latency_price(latency, &step, &cost);
  out->source = cost.source;
  out->reason = cost.reason;
  out->bound_frac = cost.bound_s / cost.total_s;
  out->extrapolated = set->dp > 1;
  if (out->extrapolated) out->reason = KVC_LOCK_STEP_REASON;
  for (size_t k = 0; k < KVC_POINT_FIGURES_; k++) {
    double low, high;
    kvc_predict_interval(out->source, out->extrapolated, k, &low, &high);
    out->low[k] = low * out->value[k];
    out->high[k] = high * out->value[k];
  }
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
  if (says(point, "NCCL_P2P_DISABLE=1")) size->gpu.link_bps.value = 0;
  const int async = says(point, "async scheduling off") ? 0
                    : says(point, "async-scheduling") || says(point, "async_scheduling")
                        ? 1
                        : -1;
  KVC_TRY(kvc_speed_facts(db, &size->setting, async, &facts, err));
  KVC_TRY(kvc_speed_open(arena, db, size, &facts, tune, &latency, err));
  struct kvc_traffic_spec spec;
  KVC_TRY(predict_load(arena, point, size, &spec, &traffic, err));
  const bool steady = predict_is_steady(point);
  struct kvc_sim_config config = {
      .step_time = kvc_latency_step, .clock = latency, .keep_requests = steady};
  KVC_TRY(kvc_sim_engine_of(engine, size, &config.engine, err));
  if (async >= 0) config.engine.async_scheduling = async > 0;
  KVC_TRY(kvc_sim_run(arena, &config, &traffic, &result, err));
  out->model_class = class_of(&size->model);
  kvc_client_add(&result, kvc_client_s(spec.prompt.mean));
  kvc_client_burst(&result, &traffic, size->setting.dp);
  figures(&result, size->setting.dp, out);
  if (steady) KVC_TRY(predict_steady(&result, traffic.n, size->setting.dp, out, err));
  interval(latency, &result, &spec, &size->setting, out);
  return KVC_E_OK;
}
