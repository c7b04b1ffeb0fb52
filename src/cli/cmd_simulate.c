/* cmd_simulate.c - kvcap simulate: how fast a deployment serves a load.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "commands.h"
#include "simulate.h"
#include <kvcap/live.h>
#include <kvcap/predict.h>
#include <kvcap/speed.h>
#include <math.h>
#include <string.h>

void simulate_note(struct simulate *s, const char *text)
{
  if (text != NULL && s->out->n_notes < 32) s->out->notes[s->out->n_notes++] = text;
}

/* Drafts are accepted as often as the user says. */
static kvc_code speculate(struct simulate *s, struct kvc_err *err)
{
  struct kvc_arena *arena = &s->cli->arena;
  const double k = s->size->setting.spec_tokens, given = s->args->acceptance_frac;
  if (!(k > 0)) {
    if (isnan(given)) return KVC_E_OK;
    return kvc_fail(err, KVC_E_CONFLICT, "--acceptance-rate",
                    "is of drafts, and this server makes none: --speculative-config "
                    "turns them on");
  }
  s->spec = kvc_spec_clock_of(s->latency, k, given);
  s->config.step_time = kvc_spec_step;
  s->config.clock = &s->spec;
  simulate_note(s,
                kvc_arena_printf(
                    arena,
                    "speculation: %.0f drafts a step, %.0f %% of them accepted%s, so "
                    "%.2f tokens a step; they come in bursts, which ITL does not show",
                    k, 100 * (s->spec.made - 1) / k,
                    isnan(given) ? " (presumed: --acceptance-rate)" : "", s->spec.made));
  return KVC_E_OK;
}

static kvc_code open_server(struct simulate *s, struct kvc_err *err)
{
  struct kvc_speed_facts facts;
  struct kvc_tune tune;
  const struct simulate_args *a = s->args;
  const bool tuned = simulate_tune(a, s->size, &tune, &s->unused);
  s->tuned = tuned;
  KVC_TRY(
      kvc_speed_facts(a->size.db, &s->size->setting, a->async_scheduling, &facts, err));
  KVC_TRY(kvc_speed_open(&s->cli->arena, a->size.db, s->size, &facts,
                         tuned ? &tune : NULL, &s->latency, err));
  s->config = (struct kvc_sim_config){.step_time = kvc_latency_step,
                                      .clock = s->latency,
                                      .slo = a->limits,
                                      .keep_requests = a->requests_csv != NULL,
                                      .warmup_frac = a->warmup_frac,
                                      .series_points = 200};
  KVC_TRY(speculate(s, err));
  return simulate_engine(s, &s->config, err);
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
  if (out->n_runs > 1 && out->slo != NULL) {
    if (!isnan(out->best_rate_per_s))
      return kvc_arena_printf(arena, "Up to %g requests a second meet the limits.",
                              out->best_rate_per_s);
    if (!isnan(out->best_clients))
      return kvc_arena_printf(arena, "Up to %g clients at once meet the limits.",
                              out->best_clients);
    return "No load of the sweep meets the limits.";
  }
  if (out->n_runs > 1)
    return kvc_arena_printf(arena, "%zu loads simulated.", out->n_runs);
  char ttft[KVC_LIVE_TEXT], tpot[KVC_LIVE_TEXT];
  kvc_live_format(r->ttft_s.p95, KVC_LU_S, ttft);
  kvc_live_format(r->tpot_s.p95, KVC_LU_S, tpot);
  return kvc_arena_printf(
      arena, "%s%sTTFT %s and TPOT %s at the 95th percentile, %.0f tokens/s",
      out->slo == NULL   ? ""
      : out->runs[0].met ? "Meets the limits: "
                         : "Misses the limits: ",
      out->runs[0].overloaded ? "overloaded, the queue grows as long as the load lasts; "
                              : "",
      ttft, tpot, r->output_tok_per_s);
}

/* Why no measured server stands behind the intervals; NULL: some do. */
static const char *beyond_servers(const struct simulate *s)
{
  if (s->spec.drafted > 0) return KVC_SPEC_REASON;
  if (s->multi.steps > 1) return "several steps of one plan were compared with no server";
  if (s->config.prefill_replicas > 0)
    return "servers that share prompts and answers were compared with none";
  return s->size->setting.dp > 1 ? KVC_LOCK_STEP_REASON : NULL;
}

static void decode_step(struct simulate *s)
{
  const struct kvc_sim_result *r = &s->out->runs[s->out->n_runs - 1].result;
  const double batch = fmax(1, round(r->running_mean / s->config.replicas));
  const double context = s->size->concurrency.have
                             ? s->size->concurrency.occupancy.mean_tok
                             : s->demand.load.prompt_tok;
  struct kvc_step step = kvc_decode_step(batch, context);
  step.decode_tok *= 1 + s->spec.drafted;
  kvc_latency_price(s->latency, &step, &s->out->step);
  s->out->source = s->out->step.source;
  const char *beyond = beyond_servers(s);
  s->out->extrapolated = beyond != NULL;
  s->out->reason = beyond != NULL ? beyond : s->out->step.reason;
}

/* Nothing served has no times; a part turned away is worth a word. */
static kvc_code look_for_rejected(struct simulate *s, struct kvc_err *err)
{
  for (size_t i = 0; i < s->out->n_runs; i++) {
    const struct kvc_simulation_run *run = &s->out->runs[i];
    const double rejected = (double)run->result.balance.rejected;
    if (rejected >= (double)run->requests)
      return kvc_fail(err, KVC_E_INFEASIBLE, NULL,
                      "no request can be served: prompt and output must fit "
                      "--max-model-len %lld and the KV cache of %.0f tokens",
                      (long long)s->size->setting.max_model_len_tok,
                      s->size->memory.pool_tok);
    if (i == 0 && rejected > 0)
      simulate_note(s, kvc_arena_printf(
                           &s->cli->arena,
                           "%.0f of %zu requests are turned away: longer than the model "
                           "or the KV cache takes",
                           rejected, run->requests));
  }
  return KVC_E_OK;
}

static kvc_code simulate(struct simulate *s, struct kvc_err *err)
{
  KVC_TRY(simulate_settle_load(s, err));
  KVC_TRY(size_settle(&s->args->size, err));
  KVC_TRY(
      kvc_size_run(&s->cli->arena, s->args->size.db, &s->args->size.req, s->size, err));
  size_flag_notes(&s->args->size, s->size);
  if (!s->size->memory.fits)
    return kvc_fail(err, KVC_E_INFEASIBLE, NULL,
                    "%.400s (`kvcap size` with the same words says the least to change)",
                    s->size->verdict);
  KVC_TRY(open_server(s, err));
  struct kvc_simulation *out = s->out;
  out->schema = 1;
  out->size = s->size;
  out->slo = s->args->slo;
  out->seed = (uint64_t)s->args->seed;
  KVC_TRY(simulate_runs(s, err));
  KVC_TRY(look_for_rejected(s, err));
  decode_step(s);
  out->error_frac = out->ttft_error_frac = NAN;
  if (s->tuned) simulate_narrow(s->args, out);
  out->load = load_words(s);
  out->verdict = verdict(s);
  simulate_note(s, s->unused);
  for (size_t i = 0; i < s->size->n_notes; i++) simulate_note(s, s->size->notes[i].text);
  struct kvc_doc doc;
  kvc_doc_init(&doc, &s->cli->arena);
  KVC_TRY(kvc_doc_simulation(&doc, out, err));
  return cli_emit(s->cli, &s->args->size.common, &doc, err);
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
  s.args->acceptance_frac = (double)NAN;
  KVC_TRY(size_parse(cli, &parser, argc, argv, &s.args->size, err));
  if (s.args->size.common.help) {
    cli_help_command(cli_command_find("simulate"), &cli->out);
    return KVC_E_OK;
  }
  kvc_arena_init(&s.room, (size_t)8 << 30);
  const kvc_code rc = simulate(&s, err);
  kvc_arena_clear(&s.room);
  return rc;
}
