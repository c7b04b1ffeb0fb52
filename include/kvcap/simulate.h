/* simulate.h - the result of `kvcap simulate`, and its document.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVCAP_SIMULATE_H
#define KVCAP_SIMULATE_H

#include <kvcap/latency.h>
#include <kvcap/predict.h>
#include <kvcap/report.h>
#include <kvcap/sim.h>
#include <kvcap/size.h>

/* One load level. */
struct kvc_simulation_run {
  double rate_per_s;  /* offered; INFINITY = all at once or a closed loop */
  double concurrency; /* clients of a closed loop; NaN */
  size_t requests;
  struct kvc_sim_result result;
  struct kvc_sim_energy energy; /* an estimate */
  bool met;                     /* all limits of --slo hold; true without limits */
  const char *missed;           /* the limits that do not, NULL */
  bool overloaded; /* after the last arrival it took long to empty the queue */
  double client_s; /* HTTP, tokenizer and client, contained in TTFT and end to end */
  double wall_s;
};

enum { KVC_SIMULATION_MAX_RUNS = 64 };

struct kvc_simulation {
  int schema;                 /* 1: version of the document */
  const char *verdict, *load; /* the load in words */
  const struct kvc_size *size;
  struct kvc_step_cost step;    /* a decode step of the mean batch */
  enum kvc_speed_source source; /* of the coefficients */
  bool extrapolated;            /* beyond what the model was compared with */
  const char *reason;           /* for the width of the intervals */
  double error_frac;            /* calibrated: what the fit left of TPOT; NaN */
  double ttft_error_frac;       /* and of TTFT; NaN */
  const char *slo;              /* as given, NULL */
  uint64_t seed;
  struct kvc_simulation_run *runs;
  size_t n_runs;
  double best_rate_per_s; /* of a sweep: the largest that meets the limits; NaN */
  double best_clients;    /* the same of a sweep over clients */
  const char *notes[32];
  size_t n_notes;
};

kvc_code kvc_doc_simulation(struct kvc_doc *doc, const struct kvc_simulation *simulation,
                            struct kvc_err *err) KVC_MUST_USE;

/* The JSON Schema of that document. */
kvc_code kvc_doc_simulation_schema(struct kvc_doc *doc, struct kvc_err *err) KVC_MUST_USE;

#endif
