/* simulate.h - the result of `kvcap simulate`, and its document.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVCAP_SIMULATE_H
#define KVCAP_SIMULATE_H

#include <kvcap/latency.h>
#include <kvcap/report.h>
#include <kvcap/sim.h>
#include <kvcap/size.h>

/* One load level. */
struct kvc_simulation_run {
  double rate_per_s;  /* offered; INFINITY = all at once or a closed loop */
  double concurrency; /* clients of a closed loop; NaN */
  size_t requests;
  struct kvc_sim_result result;
  bool met;           /* all limits of --slo hold; true without limits */
  const char *missed; /* the limits that do not, NULL */
  double wall_s;
};

enum { KVC_SIMULATION_MAX_RUNS = 64 };

struct kvc_simulation {
  int schema;                 /* 1: version of the document */
  const char *verdict, *load; /* the load in words */
  const struct kvc_size *size;
  struct kvc_step_cost step;   /* a decode step of the mean batch */
  double low_frac, high_frac;  /* of times: about 90 % of measured servers lie inside */
  const char *reason, *source; /* for that width; where coefficients come from */
  bool calibrated;             /* that width is what a fit to this server left over */
  const char *slo;             /* as given, NULL */
  uint64_t seed;
  struct kvc_simulation_run *runs;
  size_t n_runs;
  double best_rate_per_s; /* of a sweep: the largest that meets the limits; NaN */
  const char *notes[32];
  size_t n_notes;
};

kvc_code kvc_doc_simulation(struct kvc_doc *doc, const struct kvc_simulation *simulation,
                            struct kvc_err *err) KVC_MUST_USE;

#endif
