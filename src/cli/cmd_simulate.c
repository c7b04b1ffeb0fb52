/* cmd_simulate.c - kvcap simulate: how fast a deployment serves a load.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "commands.h"
#include "simulate.h"
#include <kvcap/num.h>
#include <kvcap/predict.h>
#include <kvcap/speed.h>
#include <math.h>
#include <string.h>
#include <time.h>

static kvc_code read_rate(void *ptr, const struct cli_option *option, const char *value,
                          struct kvc_err *err)
{
  struct simulate_args *args = ptr;
  size_t used;
  double v;
  if (!kvc_num_scan(value, strlen(value), &v, &used) || value[used] != '\0' || !(v > 0))
    return kvc_fail(err, KVC_E_RANGE, option->name,
                    "\"%.40s\" is no rate; write requests a second such as 4.5, or inf",
                    value);
  args->rate_per_s = v;
  return KVC_E_OK;
}

#define X(member) offsetof(struct simulate_args, member)
/* clang-format off */
const struct cli_option simulate_options[] = {
  SIZE_GROUP("Load"),
  {.name = "--input-len", .alias = "--random-input-len", .arg = "TOKENS", .type = CLI_TOKENS, .offset = X(input_tok), .min = 1, .max = 1e8,
   .advice = "write tokens such as 512", .help = "mean prompt"},
  {.name = "--output-len", .alias = "--random-output-len", .arg = "TOKENS", .type = CLI_TOKENS, .offset = X(output_tok), .min = 1, .max = 1e8,
   .advice = "write tokens such as 128", .help = "mean output"},
  {.name = "--random-range-ratio", .arg = "R", .type = CLI_NUM, .offset = X(range_ratio), .min = 0, .max = 1,
   .advice = "write a fraction such as 0.1", .help = "lengths lie evenly within mean x (1 +- R); fixed when not given"},
  {.name = "--workload", .arg = "NAME", .type = CLI_TEXT, .offset = X(workload), .complete = "workloads",
   .help = "lengths, their spread and shared prefix of a named workload instead"},
  {.name = "--num-prompts", .arg = "N", .type = CLI_INT64, .offset = X(prompts), .min = 1, .max = 5e6,
   .advice = "write a count such as 1000", .help = "requests of a run; 1000 when not given"},
  {.name = "--request-rate", .alias = "--rate", .arg = "R", .type = CLI_CALL, .call = read_rate,
   .help = "requests a second, Poisson; inf sends all at once (the default, as vllm bench serve has it)"},
  {.name = "--burstiness", .arg = "B", .type = CLI_NUM, .offset = X(burstiness), .min = 0.01, .max = 1e6,
   .advice = "write a number such as 1", .help = "shape of the gaps between arrivals: 1 is Poisson, less is burstier"},
  {.name = "--max-concurrency", .alias = "--concurrency", .arg = "N", .type = CLI_INT, .offset = X(concurrency), .min = 1, .max = 1e6,
   .advice = "write a count such as 64", .help = "clients that each send the next request when an answer ends"},
  {.name = "--duration", .arg = "SECONDS", .type = CLI_NUM, .offset = X(duration_s), .min = 0.001, .max = 1e7,
   .advice = "write seconds such as 600", .help = "no request arrives later"},
  {.name = "--prefix-len", .alias = "--random-prefix-len", .arg = "TOKENS", .type = CLI_LENGTH, .offset = X(prefix_tok), .min = 0, .max = 1e8,
   .advice = "write tokens such as 1024", .help = "tokens in front of every prompt that all share"},
  {.name = "--turns", .arg = "N", .type = CLI_INT, .offset = X(turns), .min = 1, .max = 1000,
   .advice = "write a count such as 4", .help = "requests of one conversation, each with all before it"},
  {.name = "--think", .arg = "SECONDS", .type = CLI_NUM, .offset = X(think_s), .min = 0, .max = 1e6,
   .advice = "write seconds such as 20", .help = "mean time between an answer and the next turn"},
  {.name = "--trace", .arg = "FILE", .type = CLI_TEXT, .offset = X(trace), .complete = "file",
   .help = "a recorded load: Azure, BurstGPT, Mooncake, ShareGPT lengths, or CSV with arrival_s,prompt_tok,output_tok"},
  {.name = "--rate-scale", .arg = "X", .type = CLI_NUM, .offset = X(rate_scale), .min = 1e-6, .max = 1e6,
   .advice = "write a factor such as 2", .help = "arrivals of the trace come so much faster"},
  {.name = "--seed", .arg = "N", .type = CLI_INT64, .offset = X(seed), .min = 0, .max = 9e15,
   .advice = "write a whole number", .help = "the same seed gives the same run"},
  SIZE_GROUP("Question"),
  {.name = "--slo", .arg = "LIMITS", .type = CLI_TEXT, .offset = X(slo),
   .help = "limits such as ttft_p95=500ms,tpot_p95=30ms; goodput counts requests within them"},
  {.name = "--sweep", .arg = "LOADS", .type = CLI_TEXT, .offset = X(sweep),
   .help = "one run a load: rate=1..40, rate=1,2,4,8 or concurrency=1,4,16,64"},
  {.name = "--requests", .arg = "FILE", .type = CLI_TEXT, .offset = X(requests_csv), .complete = "file",
   .help = "write a line a request, as CSV"},
#include "size_rows.def"
  {.type = CLI_END}};
/* clang-format on */

struct simulate {
  struct cli *cli;
  struct simulate_args *args;
  struct kvc_size *size;
  struct kvc_latency *latency;
  struct kvc_demand demand;
  struct kvc_simulation *out;
};

static void note(struct simulate *s, const char *text)
{
  if (text != NULL && s->out->n_notes < 32) s->out->notes[s->out->n_notes++] = text;
}

/* ---- the load ------------------------------------------------------------------------
 */

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

static kvc_code settle_load(struct simulate *s, struct kvc_err *err)
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

static kvc_code traffic_of(struct simulate *s, struct kvc_arena *arena, double rate,
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

static kvc_code run_one(struct simulate *s, double rate, int clients,
                        struct kvc_simulation_run *run, struct kvc_err *err)
{
  struct kvc_arena *arena = &s->cli->arena;
  struct kvc_traffic traffic;
  struct kvc_sim_config config = {.step_time = kvc_latency_step,
                                  .clock = s->latency,
                                  .slo = s->args->limits,
                                  .keep_requests = s->args->requests_csv != NULL,
                                  .series_points = 200};
  kvc_sim_engine_of(s->args->size.catalogue, s->size, &config.engine);
  const double begin = wall();
  KVC_TRY(traffic_of(s, arena, rate, clients, &traffic, err));
  KVC_TRY(kvc_sim_run(arena, &config, &traffic, &run->result, err));
  run->rate_per_s = s->args->trace != NULL ? (double)NAN
                    : clients > 0          ? (double)INFINITY
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
  if (a->trace != NULL) return kvc_arena_printf(arena, "%zu requests of %s", n, a->trace);
  const char *how =
      a->sweep != NULL       ? a->sweep
      : a->concurrency > 0   ? kvc_arena_printf(arena, "%d clients", a->concurrency)
      : isinf(a->rate_per_s) ? "all at once"
                             : kvc_arena_printf(arena, "%g a second", a->rate_per_s);
  return kvc_arena_printf(arena, "%zu requests of %.0f + %.0f tokens, %s, seed %lld", n,
                          w->prompt_tok, w->output_tok, how != NULL ? how : "",
                          (long long)a->seed);
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
  const double batch = fmax(1, round(r->running_mean));
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
  KVC_TRY(size_parse(cli, &parser, argc, argv, &s.args->size, err));
  if (s.args->size.common.help) {
    cli_help_command(cli_command_find("simulate"), &cli->out);
    return KVC_E_OK;
  }
  KVC_TRY(settle_load(&s, err));
  KVC_TRY(size_settle(&s.args->size, err));
  KVC_TRY(kvc_size_run(arena, s.args->size.db, &s.args->size.req, s.size, err));
  size_flag_notes(&s.args->size, s.size);
  if (!s.size->memory.fits)
    return kvc_fail(err, KVC_E_INFEASIBLE, NULL, "%.400s", s.size->verdict);
  struct kvc_tune tune;
  const char *unused;
  const bool tuned = simulate_tune(s.args, s.size, &tune, &unused);
  KVC_TRY(kvc_speed_open(arena, s.args->size.db, s.size, NULL, tuned ? &tune : NULL,
                         &s.latency, err));
  struct kvc_simulation *out = s.out;
  out->schema = 1;
  out->size = s.size;
  out->slo = s.args->slo;
  out->seed = (uint64_t)s.args->seed;
  KVC_TRY(run_all(&s, err));
  decode_step(&s);
  out->source = "src/speed";
  if (tuned) simulate_narrow(s.args, out);
  out->load = load_words(&s);
  out->verdict = verdict(&s);
  if (s.size->setting.spec_tokens > 0)
    note(&s, "speculative decoding is not simulated: a step gives one token");
  note(&s, unused);
  for (size_t i = 0; i < s.size->n_notes; i++) note(&s, s.size->notes[i].text);
  struct kvc_doc doc;
  kvc_doc_init(&doc, arena);
  KVC_TRY(kvc_doc_simulation(&doc, out, err));
  return cli_emit(cli, &s.args->size.common, &doc, err);
}
