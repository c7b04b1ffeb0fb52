/* diagnose_time.c - what a change does to the times that users see.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The present load (lengths and rate, or how many requests are in service) is drawn once
 * and served twice by the simulator: by the server as it is and by the one with the
 * change.  Both see the same requests, so what differs is the change.  A queue says that
 * more come than are served; then so many clients as are in service and wait ask again
 * when an answer ends, for a rate would let the queue grow as long as the run lasts.  So
 * it is where the real server keeps up with a rate and the simulated one does not.
 */
#include "diagnose.h"
#include <kvcap/levels.h>
#include <kvcap/num.h>
#include <kvcap/predict.h>
#include <kvcap/speed.h>
#include <math.h>
#include <string.h>

enum {
  LEAST_REQUESTS = 40,
  MOST_REQUESTS = 15000,
  MOST_CLIENTS = 5000,
  DECODE_STEPS = 3000, /* of a run, about */
  MOST_STEPS = 60000
};

/* One engine's share of the load. */
struct load {
  double prompt_tok, output_tok, prompt_cv, output_cv, hit_frac;
  double rate_per_s, clients; /* NaN: the other one */
  size_t requests;
};

/* Kept from one finding to the next. */
struct diagnose_clock {
  struct load load;
  double engines; /* that share the load now */
  const char *missing, *words;
  bool tried; /* 'now' was simulated, or 'missing' says why not */
  bool noted;
  struct kvc_diagnosis_times now;
  enum kvc_speed_source source;
  const char *reason;
  bool extrapolated;
  bool behind; /* the last run was not served at the rate at which it came */
};

static double positive(double v)
{
  return v > 0 && isfinite(v) ? v : (double)NAN;
}

static double first_of(double a, double b)
{
  return isnan(positive(a)) ? positive(b) : a;
}

/* ---- the present load ----------------------------------------------------------------
 */

/* Of a lognormal with that median and 95th percentile; 0 when they are unknown. */
static double spread(double p50, double p95)
{
  if (!(p50 > 0) || !(p95 > p50)) return 0;
  const double sigma = log(p95 / p50) / 1.645;
  return fmin(sqrt(expm1(sigma * sigma)), 1.5);
}

static const char *lengths(const struct diagnose *d, struct load *l)
{
  const double *v = d->live.v;
  const struct kvc_workload *given = &d->sized_args->size.req.load;
  l->prompt_tok = first_of(v[KVC_L_prompt_mean_tok], given->prompt_tok);
  l->output_tok = first_of(v[KVC_L_output_mean_tok], given->output_tok);
  if (isnan(l->prompt_tok) || isnan(l->output_tok))
    return "how long prompts and answers are is unknown: two pages with requests between "
           "them tell, or --prompt-tokens and --output-tokens";
  l->prompt_cv = spread(v[KVC_L_prompt_p50_tok], v[KVC_L_prompt_p95_tok]);
  l->output_cv = spread(v[KVC_L_output_p50_tok], v[KVC_L_output_p95_tok]);
  l->hit_frac = first_of(v[KVC_L_cached_prompt_frac], v[KVC_L_prefix_hit_frac]);
  l->hit_frac = isnan(l->hit_frac) ? 0 : fmin(l->hit_frac, 0.99);
  return NULL;
}

/* Requests in service and waiting; NaN unknown. */
static double held(const struct diagnose *d)
{
  const double *v = d->live.v;
  const double waiting = v[KVC_L_waiting_mean];
  return v[KVC_L_running_mean] + (isnan(waiting) ? 0 : waiting);
}

static void as_clients(const struct diagnose *d, double engines, struct load *l)
{
  l->rate_per_s = NAN;
  l->clients = fmin(fmax(1, round(held(d) / engines)), MOST_CLIENTS);
}

/* Decode steps are answers over how many of them share a step. */
static void enough(const struct diagnose *d, double engines, struct load *l)
{
  const double running = first_of(l->clients, d->live.v[KVC_L_running_mean] / engines);
  const double n = DECODE_STEPS * (isnan(running) ? 1 : fmax(1, running)) / l->output_tok;
  const double least = isnan(l->clients) ? LEAST_REQUESTS : 3 * l->clients;
  l->requests = (size_t)fmin(fmax(n, least), MOST_REQUESTS);
}

static const char *arrivals(const struct diagnose *d, double engines, struct load *l)
{
  const double *v = d->live.v;
  const double rate = first_of(v[KVC_L_arrival_per_s], v[KVC_L_request_per_s]);
  l->rate_per_s = l->clients = NAN;
  if (!isnan(rate) && !(v[KVC_L_waiting_mean] >= 1))
    l->rate_per_s = rate / engines;
  else if (held(d) >= 0.5)
    as_clients(d, engines, l);
  else
    return isnan(held(d)) ? "how many requests come or run is unknown: two pages tell"
                          : "no request runs or waits";
  enough(d, engines, l);
  return NULL;
}

static const char *words_of(struct diagnose *d, const struct load *l, double engines)
{
  struct kvc_arena *arena = &d->cli->arena;
  char prompt[KVC_LIVE_TEXT], output[KVC_LIVE_TEXT];
  kvc_live_format(l->prompt_tok, KVC_LU_COUNT, prompt);
  kvc_live_format(l->output_tok, KVC_LU_COUNT, output);
  const char *each =
      engines > 1 ? kvc_arena_printf(arena, ", on each of %.0f engines", engines) : "";
  if (!isnan(l->clients))
    return kvc_arena_printf(arena, "%.0f requests at once of %s + %s tokens%s",
                            l->clients, prompt, output, each != NULL ? each : "");
  return kvc_arena_printf(arena, "%.3g requests/s of %s + %s tokens%s", l->rate_per_s,
                          prompt, output, each != NULL ? each : "");
}

/* ---- a server under it
 * ------------------------------------------------------------------- */

struct server {
  const struct kvc_size *size;
  int async; /* 1, 0, or -1 as the release does */
  int64_t long_prefill_tok;
  double engines;
};

static kvc_code draw(struct diagnose *d, struct kvc_arena *arena, const struct load *l,
                     bool shared, struct kvc_traffic *out, struct kvc_err *err)
{
  const double prefix = shared ? floor(l->hit_frac * l->prompt_tok) : 0;
  struct kvc_traffic_spec spec = {
      .arrivals = isnan(l->clients) ? KVC_ARRIVE_RATE : KVC_ARRIVE_CLOSED,
      .rate_per_s = isnan(l->clients) ? l->rate_per_s : 0,
      .clients = isnan(l->clients) ? 0 : (int)l->clients,
      .requests = l->requests,
      .prompt = {.kind = l->prompt_cv > 0 ? KVC_LEN_LOGNORMAL : KVC_LEN_FIXED,
                 .mean = fmax(1, l->prompt_tok - prefix),
                 .spread = l->prompt_cv},
      .output = {.kind = l->output_cv > 0 ? KVC_LEN_LOGNORMAL : KVC_LEN_FIXED,
                 .mean = fmax(1, l->output_tok),
                 .spread = l->output_cv},
      .prefix_tok = (int32_t)prefix,
      .ends_by_stop = true};
  /* Within what the present server takes, prompt and answer in proportion. */
  const double longest = (double)d->size->setting.max_model_len_tok - 1;
  const double answer = longest * l->output_tok / (l->prompt_tok + l->output_tok);
  spec.output.max = (int32_t)fmin(fmax(1, answer), 1e8);
  spec.prompt.max = (int32_t)fmin(fmax(1, longest - prefix - spec.output.max), 1e8);
  return kvc_traffic_make(arena, &spec, 1, out, err);
}

/* Mean seconds in the queue of the requests from one fifth to the next. */
static double waited(const struct kvc_sim_result *r, size_t n, size_t fifth)
{
  return kvc_sim_mean_wait_s(r, n * fifth / 5, n * (fifth + 1) / 5);
}

/* Where more come than are served the wait rises with time: at the end it is three times
 * that after a third. */
static bool queue_grows(const struct kvc_sim_result *r, size_t n)
{
  const double late_s = waited(r, n, 4), service_s = r->e2e_s.p50 - r->queue_s.p50;
  return late_s > 2 * waited(r, n, 1) && late_s > 0.25 * service_s;
}

/* Tokens a second as long as the load goes on: a run has a beginning and an end, in which
 * fewer run.  Clients ask once in the time of an answer (Little); a rate that is kept up
 * with is what is served. */
static double lasting(const struct load *l, const struct kvc_traffic *t,
                      const struct kvc_sim_result *r, bool *behind)
{
  double each = 0;
  for (size_t i = 0; i < t->n; i++) each += t->items[i].output_tok;
  each /= (double)t->n;
  *behind = false;
  if (!isnan(l->clients)) return l->clients / r->e2e_s.mean * each;
  const double offered = l->rate_per_s * each;
  *behind = queue_grows(r, t->n);
  return *behind ? r->output_tok_per_s : offered;
}

static kvc_code run(struct diagnose *d, struct kvc_arena *arena, const struct server *s,
                    struct kvc_diagnosis_times *out, struct kvc_err *err)
{
  struct diagnose_clock *c = d->clock;
  struct kvc_db *db = d->sized_args->size.db;
  const struct kvc_setting *set = &s->size->setting;
  struct kvc_speed_facts facts;
  struct kvc_latency *latency;
  struct kvc_traffic traffic;
  struct kvc_sim_result result;
  struct kvc_tune tune;
  struct kvc_spec_clock spec;
  char why[256];
  struct load load = c->load;
  load.rate_per_s *= c->engines / s->engines;
  if (!isnan(load.clients))
    load.clients = fmax(1, round(load.clients * c->engines / s->engines));
  const bool tuned = kvc_calibration_tune(d->sized_args->size.req.calibration, s->size,
                                          &tune, why, sizeof why);
  KVC_TRY(kvc_speed_facts(db, set, s->async, &facts, err));
  KVC_TRY(
      kvc_speed_open(arena, db, s->size, &facts, tuned ? &tune : NULL, &latency, err));
  struct kvc_sim_config config = {.step_time = kvc_latency_step,
                                  .clock = latency,
                                  .warmup_frac = isnan(load.clients) ? 0.1 : 0.3,
                                  .keep_requests = true,
                                  .max_steps = MOST_STEPS};
  KVC_TRY(kvc_sim_engine_of(d->in.engine, s->size, &config.engine, err));
  if (s->async >= 0 && !config.engine.policy.v0)
    config.engine.async_scheduling = s->async > 0;
  if (!config.engine.policy.v0)
    config.engine.long_prefill_threshold_tok = s->long_prefill_tok;
  if (set->spec_tokens > 0) {
    const double seen = d->live.v[KVC_L_spec_accept_frac];
    spec = kvc_spec_clock_of(latency, set->spec_tokens,
                             seen >= 0 ? fmin(seen, 1) : (double)NAN);
    config.step_time = kvc_spec_step;
    config.clock = &spec;
  }
  KVC_TRY(draw(d, arena, &load, set->prefix_caching, &traffic, err));
  KVC_TRY(kvc_sim_run(arena, &config, &traffic, &result, err));
  if (result.balance.finished == 0)
    return kvc_fail(err, KVC_E_INFEASIBLE, NULL, "no request of this load fits");
  kvc_client_add(&result, kvc_client_s(load.prompt_tok));
  *out = (struct kvc_diagnosis_times){result.ttft_s.mean, result.tpot_s.mean,
                                      s->engines *
                                          lasting(&load, &traffic, &result, &c->behind)};
  struct kvc_step_cost cost;
  const struct kvc_step step = kvc_decode_step(fmax(1, result.running_mean),
                                               load.prompt_tok + load.output_tok / 2);
  kvc_latency_price(latency, &step, &cost);
  c->source = cost.source;
  c->extrapolated = set->dp > 1 || set->spec_tokens > 0;
  c->reason = tuned                  ? "with the speed of the calibration"
              : set->spec_tokens > 0 ? KVC_SPEC_REASON
              : set->dp > 1          ? KVC_LOCK_STEP_REASON
                                     : cost.reason;
  return KVC_E_OK;
}

/* In an arena of its own: a watch goes on for hours. */
static kvc_code serve(struct diagnose *d, const struct server *s,
                      struct kvc_diagnosis_times *out, struct kvc_err *err)
{
  struct kvc_arena arena;
  kvc_arena_init(&arena, (size_t)256 << 20);
  const kvc_code rc = run(d, &arena, s, out, err);
  kvc_arena_clear(&arena);
  return rc;
}

/* ---- before and after
 * -------------------------------------------------------------------- */

static const char *present(const struct diagnose *d, const char *key)
{
  const struct kvc_launch_arg *arg =
      d->launch != NULL ? kvc_launch_arg(d->launch, key) : NULL;
  return arg != NULL ? arg->value : NULL;
}

static int switch_of(const char *value)
{
  return value == NULL ? -1 : strcmp(value, "false") != 0;
}

static struct server server_of(const struct diagnose *d, const struct kvc_size *size)
{
  double tok;
  const char *cap = present(d, "long_prefill_token_threshold");
  struct server s = {.size = size, .async = switch_of(present(d, "async_scheduling"))};
  if (cap != NULL && kvc_num_parse(cap, "", &tok, NULL) == KVC_E_OK && tok > 0 &&
      tok < 1e9)
    s.long_prefill_tok = (int64_t)tok;
  return s;
}

static const char *sentence(struct diagnose *d, const struct kvc_err *why)
{
  const char *text = kvc_arena_printf(&d->cli->arena, "%s%s%s", why->where,
                                      why->where[0] != '\0' ? ": " : "", why->msg);
  return text != NULL ? text : "";
}

/* The server as it is, once. */
static const struct diagnose_clock *now_of(struct diagnose *d)
{
  struct diagnose_clock *c = d->clock;
  struct kvc_err why = {0};
  if (c == NULL) {
    c = d->clock = kvc_arena_alloc(&d->cli->arena, 1, sizeof *c);
    if (c == NULL) return NULL;
  }
  if (c->tried) return c;
  c->tried = true;
  const double ranks = d->size->setting.dp > 1 ? d->size->setting.dp : 1;
  c->engines = fmax(ranks, first_of(d->live.v[KVC_L_engines], 1));
  c->missing = !d->size->memory.fits ? "the server as it was read does not start in the "
                                       "memory model"
               : d->size->model.pooling ? "the model makes no tokens"
                                        : lengths(d, &c->load);
  if (c->missing == NULL) c->missing = arrivals(d, c->engines, &c->load);
  if (c->missing != NULL) return c;
  struct server s = server_of(d, d->size);
  s.engines = c->engines;
  kvc_code rc = serve(d, &s, &c->now, &why);
  if (rc == KVC_E_OK && c->behind && held(d) >= 0.5) {
    /* It has no queue, so the model is too slow for that rate: ask of those in service.
     */
    as_clients(d, c->engines, &c->load);
    enough(d, c->engines, &c->load);
    rc = serve(d, &s, &c->now, &why);
  } else if (rc == KVC_E_OK && c->behind) {
    c->missing =
        "the simulated server does not keep up with the rate that is served, and "
        "how many requests run is unknown";
  }
  c->words = words_of(d, &c->load, c->engines);
  if (c->words == NULL || rc != KVC_E_OK) c->missing = sentence(d, &why);
  return c;
}

/* What the clock knows of a flag: settings of the sizing, and two of the scheduler. */
static const char *unmodelled(const struct diagnose *d, const struct diagnose_set *set)
{
  static const char *const known[] = {"max_num_seqs",
                                      "max_num_batched_tokens",
                                      "enable_chunked_prefill",
                                      "enable_prefix_caching",
                                      "async_scheduling",
                                      "enforce_eager",
                                      "tensor_parallel_size",
                                      "pipeline_parallel_size",
                                      "data_parallel_size",
                                      "enable_expert_parallel",
                                      "gpu_memory_utilization",
                                      "kv_cache_memory_bytes",
                                      "num_gpu_blocks_override",
                                      "kv_cache_dtype",
                                      "block_size",
                                      "max_model_len",
                                      "quantization",
                                      "dtype",
                                      "max_cudagraph_capture_size",
                                      "cudagraph_capture_sizes",
                                      "cuda_graph_sizes",
                                      "compilation_config",
                                      "long_prefill_token_threshold"};
  const char *key = set->flag->key;
  if (strcmp(key, "enable_prefix_caching") == 0 && strcmp(set->value, "false") != 0 &&
      !d->size->setting.prefix_caching)
    return "how much of the prompts repeats is unknown while nothing is cached: a "
           "benchmark before and after tells";
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strcmp(key, known[i]) == 0) return NULL;
  return "what this flag does to a step is not modelled: a benchmark before and after "
         "tells";
}

static void apply(struct server *s, const struct diagnose_set *set)
{
  double tok;
  if (strcmp(set->flag->key, "async_scheduling") == 0) s->async = switch_of(set->value);
  if (strcmp(set->flag->key, "long_prefill_token_threshold") == 0 &&
      kvc_num_parse(set->value, "", &tok, NULL) == KVC_E_OK && tok >= 0 && tok < 1e9)
    s->long_prefill_tok = (int64_t)tok;
}

/* How far from the truth, and what the server's own figures say of it: once. */
static void note(struct diagnose *d)
{
  struct diagnose_clock *c = d->clock;
  const double *v = d->live.v;
  double ttft[2], tpot[2];
  char seen[3][KVC_LIVE_TEXT], said[3][KVC_LIVE_TEXT];
  if (c->noted) return;
  c->noted = true;
  kvc_predict_interval(c->source, c->extrapolated, KVC_POINT_MEAN_TTFT, &ttft[0],
                       &ttft[1]);
  kvc_predict_interval(c->source, c->extrapolated, KVC_POINT_MEAN_TPOT, &tpot[0],
                       &tpot[1]);
  kvc_observe_note(&d->cli->arena, &d->notes,
                   "times are simulated: nine of ten measured servers had %.2g to %.3g "
                   "times the mean TTFT said here and %.2g to %.3g times the mean TPOT "
                   "(%s); before and after share that error, so their ratio is surer",
                   ttft[0], ttft[1], tpot[0], tpot[1], c->reason);
  const double measured[3] = {v[KVC_L_ttft_mean_s],
                              first_of(v[KVC_L_tpot_mean_s], v[KVC_L_itl_mean_s]),
                              v[KVC_L_generation_tps]};
  const double simulated[3] = {c->now.ttft_s, c->now.tpot_s, c->now.output_tok_per_s};
  static const enum kvc_live_unit units[] = {KVC_LU_S, KVC_LU_S, KVC_LU_TOK_PER_S};
  for (size_t i = 0; i < 3; i++) {
    kvc_live_format(simulated[i], units[i], said[i]);
    if (isnan(measured[i])) return;
    kvc_live_format(measured[i], units[i], seen[i]);
  }
  kvc_observe_note(&d->cli->arena, &d->notes,
                   "the server as it is, simulated and measured: mean TTFT %s and %s, "
                   "TPOT %s and %s, %s and %s generated",
                   said[0], seen[0], said[1], seen[1], said[2], seen[2]);
}

static bool near(double a, double b)
{
  return fabs(b - a) <= 0.01 * fabs(a);
}

static const char *both(struct diagnose *d, const struct kvc_diagnosis_times *then)
{
  struct kvc_arena *arena = &d->cli->arena;
  const struct diagnose_clock *c = d->clock;
  const struct kvc_diagnosis_times *now = &c->now;
  char a[3][KVC_LIVE_TEXT], b[3][KVC_LIVE_TEXT];
  kvc_live_format(now->ttft_s, KVC_LU_S, a[0]);
  kvc_live_format(then->ttft_s, KVC_LU_S, b[0]);
  kvc_live_format(now->tpot_s, KVC_LU_S, a[1]);
  kvc_live_format(then->tpot_s, KVC_LU_S, b[1]);
  kvc_live_format(now->output_tok_per_s, KVC_LU_TOK_PER_S, a[2]);
  kvc_live_format(then->output_tok_per_s, KVC_LU_TOK_PER_S, b[2]);
  if (near(now->ttft_s, then->ttft_s) && near(now->tpot_s, then->tpot_s) &&
      near(now->output_tok_per_s, then->output_tok_per_s))
    return kvc_arena_printf(arena,
                            "within 1 %% of now: TTFT %s, TPOT %s, %s generated "
                            "(simulated means of %s)",
                            b[0], b[1], b[2], c->words);
  const bool worse = then->ttft_s > 1.1 * now->ttft_s &&
                     then->output_tok_per_s < 0.95 * now->output_tok_per_s;
  return kvc_arena_printf(
      arena, "TTFT %s -> %s, TPOT %s -> %s, generated %s -> %s (simulated means of %s)%s",
      a[0], b[0], a[1], b[1], a[2], b[2], c->words,
      c->behind ? "; more come than it then serves, so the wait has no end"
      : worse   ? "; by this account it costs more than it gives"
                : "");
}

static kvc_code after_of(struct diagnose *d, const struct diagnose_set *sets, size_t n,
                         const struct kvc_size *after, struct kvc_diagnosis_times *then,
                         struct kvc_err *err)
{
  struct server s = server_of(d, after);
  const double was = d->size->setting.dp > 1 ? d->size->setting.dp : 1;
  const double is = after->setting.dp > 1 ? after->setting.dp : 1;
  s.engines = d->clock->engines * is / was;
  for (size_t i = 0; i < n; i++) apply(&s, &sets[i]);
  return serve(d, &s, then, err);
}

void diagnose_time(struct diagnose *d, const struct diagnose_set *set,
                   const struct kvc_size *after, struct kvc_diagnosis_row *row)
{
  struct kvc_err why = {0};
  struct kvc_diagnosis_times then;
  row->times_why = unmodelled(d, set);
  if (row->times_why != NULL) return;
  const struct diagnose_clock *c = now_of(d);
  row->times_why = c != NULL ? c->missing : "";
  if (row->times_why != NULL) return;
  if (after_of(d, set, 1, after, &then, &why) != KVC_E_OK) {
    row->times_why = sentence(d, &why);
    return;
  }
  row->times = both(d, &then);
  row->now = c->now;
  row->then = then;
  note(d);
}

const char *diagnose_times(struct diagnose *d, const struct diagnose_set *sets, size_t n,
                           const struct kvc_size *after)
{
  struct kvc_diagnosis_times then;
  struct kvc_err why = {0};
  if (n < 2) return NULL; /* its finding says it */
  for (size_t i = 0; i < n; i++)
    if (unmodelled(d, &sets[i]) != NULL) return NULL;
  const struct diagnose_clock *c = now_of(d);
  if (c == NULL || c->missing != NULL ||
      after_of(d, sets, n, after, &then, &why) != KVC_E_OK)
    return NULL;
  note(d);
  const char *text = both(d, &then);
  return text != NULL ? kvc_arena_printf(&d->cli->arena, "All together: %s.", text)
                      : NULL;
}
