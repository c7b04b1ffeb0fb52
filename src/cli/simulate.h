/* simulate.h - the arguments of `kvcap simulate`.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_CLI_SIMULATE_H
#define KVC_CLI_SIMULATE_H

#include "size.h"
#include <kvcap/simulate.h>

struct simulate_args {
  struct size_args size; /* first: cli_parse counts on it */
  double rate_per_s, burstiness, duration_s, range_ratio, rate_scale, think_s;
  double prefix_tok;
  int64_t input_tok, output_tok, prompts, seed;
  int concurrency, turns;
  const char *trace, *slo, *sweep, *requests_csv, *workload;
  struct kvc_sim_slo limits; /* of every request: goodput */
  struct simulate_limit {    /* of the run: verdict */
    const char *name;        /* "ttft_p95" */
    double limit_s;
  } bars[8];
  size_t n_bars;
};

extern const struct cli_option simulate_options[];

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
