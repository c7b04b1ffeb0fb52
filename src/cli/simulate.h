/* simulate.h - the arguments of `kvcap simulate`.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_CLI_SIMULATE_H
#define KVC_CLI_SIMULATE_H

#include "size.h"
#include <kvcap/simulate.h>
#include <kvcap/slo.h>

struct simulate_args {
  struct size_args size; /* first: cli_parse counts on it */
  double rate_per_s, burstiness, duration_s, range_ratio, rate_scale, think_s;
  double rate_end_per_s, period_s, peak_to_trough, time_scale, watermark_frac,
      warmup_frac, acceptance_frac;
  double prefix_tok;
  int64_t input_tok, output_tok, prompts, seed, long_prefill_tok; /* prompts 0: unsaid */
  int concurrency, turns, replicas, async_scheduling, jobs;
  int prefill_replicas, decode_replicas, scheduler_steps, lookahead;
  double delay_factor; /* of the last prompt step; 0: unsaid */
  double kv_transfer_gb_per_s;
  double output_share; /* of totals that are not divided; 0: unsaid */
  const char *trace, *lengths, *slo, *sweep, *requests_csv, *workload;
  const char *arrivals, *length_dist, *router, *policy, *preemption_mode;
  struct kvc_sim_slo limits; /* of every request: goodput */
  struct kvc_slo bars;       /* of the run: verdict */
};

extern const struct cli_option simulate_options[];

/* A kvc_step_time of a server that plans several decode steps at once. */
struct simulate_multi {
  struct kvc_latency *latency;
  double steps;
};

struct simulate {
  struct cli *cli;
  struct kvc_arena room; /* of what was recorded: as large as its file */
  struct simulate_args *args;
  struct kvc_size *size;
  struct kvc_latency *latency;
  struct kvc_sim_config config;
  struct kvc_demand demand;
  struct kvc_traffic trace; /* read once; n 0: none */
  const int32_t (*pairs)[2];
  size_t n_pairs;
  struct kvc_simulation *out;
  struct kvc_spec_clock spec;
  struct simulate_multi multi;
  bool tuned;         /* the speed of --calibration is used */
  const char *unused; /* why it is not, NULL */
};

void simulate_note(struct simulate *s, const char *text);

/* simulate_engine.c: the server that is simulated. */
kvc_code simulate_engine(struct simulate *s, struct kvc_sim_config *config,
                         struct kvc_err *err) KVC_MUST_USE;

/* simulate_scheduler.c: flags of the scheduler that a release or an engine may lack. */
kvc_code simulate_scheduler(struct simulate *s, struct kvc_sim_config *config,
                            struct kvc_err *err) KVC_MUST_USE;

/* simulate_runs.c: every load of the question. */
kvc_code simulate_runs(struct simulate *s, struct kvc_err *err) KVC_MUST_USE;

/* simulate_lengths.c: pairs of lengths out of a file. */
kvc_code simulate_lengths(struct simulate *s, struct kvc_err *err) KVC_MUST_USE;

/* simulate_load.c: what is asked for, settled; a load drawn or read; how it comes. */
/* What was left out of a file, and what had to be presumed. */
void simulate_trace_notes(struct simulate *s, const char *path,
                          const struct kvc_traffic *t);
const char *simulate_arrivals(const struct simulate *s);
kvc_code simulate_settle_load(struct simulate *s, struct kvc_err *err) KVC_MUST_USE;
kvc_code simulate_traffic(struct simulate *s, struct kvc_arena *arena, double rate,
                          int clients, struct kvc_traffic *out,
                          struct kvc_err *err) KVC_MUST_USE;

/* simulate_slo.c: "ttft_p95=500ms,tpot_p95=30ms". */
kvc_code simulate_slo(struct simulate_args *args, struct kvc_err *err) KVC_MUST_USE;
/* Whether a run meets them; *missed names those that it does not. */
bool simulate_meets(struct kvc_arena *arena, const struct simulate_args *args,
                    const struct kvc_sim_result *result, const char **missed);
/* "rate=1..40" or "concurrency=1,4,16": loads, at most 'room'; *rates tells which. */
kvc_code simulate_sweep(const char *text, double *out, size_t room, size_t *n,
                        bool *rates, struct kvc_err *err) KVC_MUST_USE;

/* simulate_tune.c: the speed in --calibration, when it is of this deployment; *unused
 * says why not, NULL when there is nothing to say. */
bool simulate_tune(const struct simulate_args *args, const struct kvc_size *size,
                   struct kvc_tune *out, const char **unused);
/* The interval that the fit's residuals support, where the load is one like those. */
void simulate_narrow(const struct simulate_args *args, struct kvc_simulation *out);

#endif
