/* cmd_simulate.c - kvcap simulate: how fast a deployment serves a load.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "commands.h"
#include "simulate.h"
#include <kvcap/predict.h>
#include <kvcap/speed.h>
#include <math.h>
#include <string.h>
#include <time.h>

void simulate_note(struct simulate *s, const char *text)
{
  if (text != NULL && s->out->n_notes < 32) s->out->notes[s->out->n_notes++] = text;
}
/* ---- the server
 * ------------------------------------------------------------------------ */

static double wall(void)
{
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static kvc_code write_requests(struct simulate *s, const struct kvc_traffic *t,
                               const struct kvc_sim_result *r, struct kvc_err *err)
{
  struct kvc_buf csv;
  kvc_buf_init(&csv, 1u << 30);
  kvc_buf_puts(&csv, "request,arrival_s,prompt_tok,output_tok,queue_s,ttft_s,e2e_s,"
                     "cached_tok,preemptions\n");
  for (size_t i = 0; i < t->n && r->requests != NULL; i++) {
    const struct kvc_sim_request *q = &r->requests[i];
    if (q->state != KVC_SIM_FINISHED) continue;
    kvc_buf_printf(&csv, "%zu,%.6f,%d,%d,%.6f,%.6f,%.6f,%d,%d\n", i,
                   (double)q->arrival_ns / 1e9, t->items[i].prompt_tok, q->output_tok,
                   (double)(q->scheduled_ns - q->arrival_ns) / 1e9,
                   (double)(q->first_token_ns - q->arrival_ns) / 1e9,
                   (double)(q->finish_ns - q->arrival_ns) / 1e9, q->cached_tok,
                   q->preemptions);
  }
  const kvc_code rc =
      csv.full ? kvc_fail(err, KVC_E_LIMIT, s->args->requests_csv, "is larger than 1 GiB")
               : kvc_file_write(s->args->requests_csv, csv.text, csv.len, err);
  kvc_buf_clear(&csv);
  return rc;
}

static kvc_code open_server(struct simulate *s, struct kvc_err *err)
{
  struct kvc_speed_facts facts;
  const struct simulate_args *a = s->args;
  KVC_TRY(
      kvc_speed_facts(a->size.db, &s->size->setting, a->async_scheduling, &facts, err));
  KVC_TRY(kvc_speed_open(&s->cli->arena, a->size.db, s->size, &facts, NULL, &s->latency,
                         err));
  s->config = (struct kvc_sim_config){.step_time = kvc_latency_step,
                                      .clock = s->latency,
                                      .slo = a->limits,
                                      .keep_requests = a->requests_csv != NULL,
                                      .series_points = 200};
  return simulate_engine(s, &s->config, err);
}

static kvc_code run_one(struct simulate *s, double rate, int clients,
                        struct kvc_simulation_run *run, struct kvc_err *err)
{
  struct kvc_arena *arena = &s->cli->arena;
  struct kvc_traffic traffic;
  const struct kvc_sim_config *config = &s->config;
  const double begin = wall();
  KVC_TRY(simulate_traffic(s, arena, rate, clients, &traffic, err));
  KVC_TRY(kvc_sim_run(arena, config, &traffic, &run->result, err));
  run->rate_per_s = s->trace.n > 0 && s->n_pairs == 0 && isinf(rate) ? (double)NAN
                    : clients > 0                                    ? (double)INFINITY
                                                                     : rate;
  run->concurrency = clients > 0 ? clients : (double)NAN;
  run->requests = traffic.n;
  run->wall_s = wall() - begin;
  run->met = simulate_meets(arena, s->args, &run->result, &run->missed);
  if (s->args->requests_csv != NULL)
    KVC_TRY(write_requests(s, &traffic, &run->result, err));
  return KVC_E_OK;
}

static kvc_code run_all(struct simulate *s, struct kvc_err *err)
{
  const struct simulate_args *a = s->args;
  struct kvc_simulation *out = s->out;
  double loads[KVC_SIMULATION_MAX_RUNS] = {a->rate_per_s};
  bool rates = true;
  size_t n = 1;
  out->best_rate_per_s = NAN;
  if (a->sweep != NULL)
    KVC_TRY(simulate_sweep(a->sweep, loads, KVC_SIMULATION_MAX_RUNS, &n, &rates, err));
  out->runs = kvc_arena_alloc(&s->cli->arena, n, sizeof *out->runs);
  if (out->runs == NULL) return kvc_arena_full(&s->cli->arena, NULL, err);
  for (size_t i = 0; i < n; i++) {
    struct kvc_simulation_run *run = &out->runs[i];
    const int clients = a->sweep != NULL && !rates ? (int)loads[i] : a->concurrency;
    KVC_TRY(run_one(s, rates ? loads[i] : (double)INFINITY, clients, run, err));
    out->n_runs++;
    if (run->met && rates && !isinf(loads[i]) && !(loads[i] <= out->best_rate_per_s))
      out->best_rate_per_s = loads[i];
  }
  return KVC_E_OK;
}

/* ---- words ----------------------------------------------------------------------------
 */

static const char *load_words(const struct simulate *s)
{
  struct kvc_arena *arena = &s->cli->arena;
  const struct simulate_args *a = s->args;
  const struct kvc_workload *w = &s->demand.load;
  const size_t n = s->out->runs[0].requests;
  const char *how = simulate_arrivals(s);
  if (a->trace != NULL || a->lengths != NULL)
    return kvc_arena_printf(arena, "%zu requests of %s (%.0f + %.0f tokens), %s", n,
                            a->trace != NULL ? a->trace : a->lengths, w->prompt_tok,
                            w->output_tok, how);
  return kvc_arena_printf(arena, "%zu requests of %.0f + %.0f tokens, %s, seed %lld", n,
                          w->prompt_tok, w->output_tok, how, (long long)a->seed);
}

static const char *verdict(const struct simulate *s)
{
  struct kvc_arena *arena = &s->cli->arena;
  const struct kvc_simulation *out = s->out;
  const struct kvc_sim_result *r = &out->runs[0].result;
  if (out->n_runs > 1 && out->slo != NULL)
    return isnan(out->best_rate_per_s)
               ? "No load of the sweep meets the limits."
               : kvc_arena_printf(arena, "Up to %g requests a second meet the limits.",
                                  out->best_rate_per_s);
  if (out->n_runs > 1)
    return kvc_arena_printf(arena, "%zu loads simulated.", out->n_runs);
  return kvc_arena_printf(
      arena, "%sTTFT %.0f ms and TPOT %.1f ms at the 95th percentile, %.0f tokens/s",
      out->slo == NULL   ? ""
      : out->runs[0].met ? "Meets the limits: "
                         : "Misses the limits: ",
      1e3 * r->ttft_s.p95, 1e3 * r->tpot_s.p95, r->output_tok_per_s);
}

static void decode_step(struct simulate *s)
{
  const struct kvc_sim_result *r = &s->out->runs[s->out->n_runs - 1].result;
  const double batch = fmax(1, round(r->running_mean / s->config.replicas));
  const double context = s->size->concurrency.have
                             ? s->size->concurrency.occupancy.mean_tok
                             : s->demand.load.prompt_tok;
  const struct kvc_step step = {.decodes = batch,
                                .decode_tok = batch,
                                .decode_context_tok = batch * context,
                                .decode_longest_tok = context,
                                .running = batch};
  static const char *const sources[] = {"kernels of this GPU were measured",
                                        "means over measured GPUs of its architecture",
                                        "data sheet"};
  kvc_latency_price(s->latency, &step, &s->out->step);
  s->out->low_frac = s->out->step.low_s / s->out->step.total_s;
  s->out->high_frac = s->out->step.high_s / s->out->step.total_s;
  s->out->reason = s->out->step.reason;
  (void)sources;
}

kvc_code cli_cmd_simulate(struct cli *cli, int argc, char *const *argv,
                          struct kvc_err *err)
{
  static const struct cli_parser parser = {simulate_options, size_foreign_take,
                                           size_seen};
  struct kvc_arena *arena = &cli->arena;
  struct simulate s = {.cli = cli};
  s.args = kvc_arena_alloc(arena, 1, sizeof *s.args);
  s.size = kvc_arena_alloc(arena, 1, sizeof *s.size);
  s.out = kvc_arena_alloc(arena, 1, sizeof *s.out);
  if (s.args == NULL || s.size == NULL || s.out == NULL)
    return kvc_arena_full(arena, NULL, err);
  s.args->async_scheduling = -1;
  KVC_TRY(size_parse(cli, &parser, argc, argv, &s.args->size, err));
  if (s.args->size.common.help) {
    cli_help_command(cli_command_find("simulate"), &cli->out);
    return KVC_E_OK;
  }
  KVC_TRY(simulate_settle_load(&s, err));
  KVC_TRY(size_settle(&s.args->size, err));
  KVC_TRY(kvc_size_run(arena, s.args->size.db, &s.args->size.req, s.size, err));
  size_flag_notes(&s.args->size, s.size);
  if (!s.size->memory.fits)
    return kvc_fail(err, KVC_E_INFEASIBLE, NULL, "%.400s", s.size->verdict);
  KVC_TRY(open_server(&s, err));
  struct kvc_simulation *out = s.out;
  out->schema = 1;
  out->size = s.size;
  out->slo = s.args->slo;
  out->seed = (uint64_t)s.args->seed;
  KVC_TRY(run_all(&s, err));
  decode_step(&s);
  out->source = "src/speed";
  out->load = load_words(&s);
  out->verdict = verdict(&s);
  if (s.size->setting.spec_tokens > 0)
    simulate_note(&s, "speculative decoding is not simulated: a step gives one token");
  for (size_t i = 0; i < s.size->n_notes; i++) simulate_note(&s, s.size->notes[i].text);
  struct kvc_doc doc;
  kvc_doc_init(&doc, arena);
  KVC_TRY(kvc_doc_simulation(&doc, out, err));
  return cli_emit(cli, &s.args->size.common, &doc, err);
}
