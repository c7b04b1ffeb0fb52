/* search.h - which GPUs, how many and how started, for a load under limits.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The space is the product of models, hardware, parallelism and formats; one element of
 * it is a unit.  A unit goes through
 *
 *   size      does it start?  exact                                   -> KVC_FATE_MEMORY
 *   bound     could it meet limits and budget if every step took only what bytes and
 * flops need at the data sheet's peak?  optimistic, so a "no" is final
 *                                                   -> KVC_FATE_BOUND, KVC_FATE_LIMIT
 *   pilot     units that look best are simulated; one that even at its bound is worse in
 *             cost and latency than a pilot is left out              ->
 * KVC_FATE_DOMINATED search    the largest rate of one replica that holds the limits, by
 * the simulator (GSL's Brent on the logarithm of the rate, the same random numbers for
 * every unit), then flags around the release's own
 *                                                   -> KVC_FATE_SLO, KVC_FATE_FOUND
 *
 * What a unit comes to depends on request and pilots alone, never on the order in which
 * units are done or on which machine, so they can be shared over processes and machines:
 * kvc_search_open, then any of kvc_search_unit in any process, then kvc_search_finish on
 * all results.
 *
 * Replicas are independent: each gets 1/R of a Poisson stream, which is exact for random
 * routing and a little pessimistic for round-robin and least-loaded routers.
 *
 * Ownership: everything lives in the arena of kvc_search_open; results of units are plain
 * bytes without pointers.
 */
#ifndef KVCAP_SEARCH_H
#define KVCAP_SEARCH_H

#include <kvcap/advise.h>
#include <kvcap/latency.h>
#include <kvcap/report.h>
#include <kvcap/slo.h>
#include <kvcap/traffic.h>

enum {
  KVC_SEARCH_MODELS = 8,
  KVC_SEARCH_HARDWARE = 96,
  KVC_SEARCH_POINTS = 48,
  KVC_SEARCH_MAX_UNITS = 8192,
  KVC_SEARCH_OPTIONS = 12,
  KVC_SEARCH_WHY = 256,
  KVC_SEARCH_MONTHS = 60,
  KVC_SEARCH_STEPS = 16 /* of a growth curve */
};

/* ---- the question --------------------------------------------------------------- */

/* What may be bought or is there.  GPUs of one node are joined by its links; a replica
 * takes whole GPUs of one node, or whole nodes. */
struct kvc_hardware {
  const char *gpu;         /* name in the profiles */
  const char *instance;    /* instance type, for the report; NULL */
  const char *region;      /* for the report; NULL */
  int gpus_per_node;       /* 0: the GPU's link domain, or 8 */
  bool whole_nodes;        /* GPUs are paid for by the node (an instance) */
  double usd_per_gpu_hour; /* NaN: of the GPU's profile */
  const char *price_from;  /* where the price is from; NULL: of the profile */
  int64_t stock_gpus;      /* 0: no limit */
};

enum kvc_objective {
  KVC_OBJECTIVE_COST,           /* per hour at the load asked for */
  KVC_OBJECTIVE_COST_PER_TOKEN, /* per million output tokens with every replica full */
  KVC_OBJECTIVE_ENERGY,         /* joules per output token */
  KVC_OBJECTIVE_LATENCY         /* e2e p95 */
};
/* "cost", "cost-per-token", "energy", "latency"; NULL past the end. */
const char *kvc_objective_name(enum kvc_objective objective);

/* Requests a second from that month on. */
struct kvc_growth_step {
  double month, rate_per_s;
};

struct kvc_search_request {
  struct kvc_size_request models[KVC_SEARCH_MODELS]; /* with what is set by hand; gpu,
                                                      * parallelism of 0 are searched */
  size_t n_models;
  struct kvc_hardware hardware[KVC_SEARCH_HARDWARE];
  size_t n_hardware;    /* 0: every GPU that has a price */
  const char *price_at; /* only prices whose place has this word ("AWS"); NULL */

  struct kvc_demand demand;  /* lengths, shared prefix, turns */
  const int32_t (*pairs)[2]; /* lengths of a trace; NULL: drawn from demand */
  size_t n_pairs;
  double burstiness;     /* of arrivals, 0 = 1 (Poisson) */
  double rate_per_s;     /* that must hold: the peak of the day, today */
  double peak_to_trough; /* of the day; 0 or 1 = flat */
  struct kvc_growth_step growth[KVC_SEARCH_STEPS];
  size_t n_growth;
  double growth_per_month; /* 0.1 = 10 % more each month; 0 none */
  int horizon_months;      /* of the growth; 0 = 12 when there is any */
  struct kvc_slo slo;
  double headroom_frac; /* of each replica's largest rate, kept free */
  uint64_t seed;

  double budget_usd_per_hour, power_watts; /* 0: no limit */
  int64_t max_gpus;                        /* in all; 0: no limit */
  enum kvc_objective objective;
  unsigned allow;             /* KVC_ALLOW_*: what may cost accuracy */
  int tps[8], pps[8], dps[8]; /* sizes to try; 0-terminated, empty: powers
                               * of two up to the node, 1 2 4, and for models
                               * with experts 1 2 4 8 */
  double acceptance_frac;     /* of drafts, when models speculate; NaN 0.6 */
  double kv_transfer_bps;     /* > 0: prefill and decode apart are tried as well */
  const char *why_not[8];     /* "h100:tp4", "l40s:tp2:pp2:fp8" */
  size_t n_why_not;
};

/* Every field at 'not given'. */
void kvc_search_request_init(struct kvc_search_request *request);

/* ---- one unit -------------------------------------------------------------------- */

struct kvc_search_shape {
  int model, hardware; /* index in the request */
  int tp, pp, dp;
  bool expert_parallel, fp8_weights, fp8_kv;
  bool speculation; /* as its model is set; false: left out */
};

struct kvc_quantiles {
  double mean, p50, p90, p95, p99;
};
double kvc_quantile(const struct kvc_quantiles *quantiles, enum kvc_slo_quantile which);

/* One replica at one rate. */
struct kvc_search_point {
  double rate_per_s;
  struct kvc_quantiles ttft_s, tpot_s, itl_s, e2e_s, queue_s;
  double output_tok_per_s, goodput_frac;
  double kv_mean_frac, kv_peak_frac, running_mean, busy_frac, preemptions_per_request;
  double watts, joules_per_output_token; /* NaN unknown */
  double ratio;                          /* worst figure over its limit; <= 1: holds */
  int worst; /* index of that bar; slo.n the goodput; -1 the queue grows */
};

enum kvc_fate {
  KVC_FATE_FOUND,
  KVC_FATE_UNSUPPORTED, /* the release or the model does not have it */
  KVC_FATE_MEMORY,      /* does not start, or holds no request of the load */
  KVC_FATE_BOUND,       /* even its lower bound misses a limit */
  KVC_FATE_LIMIT,       /* budget, power, GPUs or stock, at its bound or in fact */
  KVC_FATE_DOMINATED,   /* even at its bound worse than one that was simulated */
  KVC_FATE_SLO          /* simulated: misses a limit at the least load */
};
const char *kvc_fate_name(enum kvc_fate fate);

/* A result; no pointers, so it can be sent and kept as it is. */
struct kvc_search_unit {
  struct kvc_search_shape shape;
  enum kvc_fate fate;
  char why[KVC_SEARCH_WHY]; /* a clause, when not found */
  int64_t max_num_seqs, max_num_batched_tok, max_model_len_tok;
  double bound_rate_per_s;      /* one replica serves at most so much, NaN unknown */
  double bound_usd_per_hour;    /* at least */
  double bound_e2e_s;           /* e2e p95 at least */
  double max_rate_per_s;        /* of one replica */
  double load_rate_per_s;       /* of one replica, at the number of replicas needed */
  struct kvc_search_point load; /* there */
  char binding[24];             /* what stops more: "tpot_p95", "queue", "goodput" */
  int64_t replicas;
  int prefill_replicas; /* of them, when apart; 0 */
  double usd_per_hour, joules_per_output_token;
  enum kvc_speed_source source;
  bool pilot;
  int simulated; /* runs */
  int n_points;
  struct kvc_search_point points[KVC_SEARCH_POINTS]; /* rates tried, as they were */
};

/* ---- the answer ------------------------------------------------------------------ */

struct kvc_search_interval {
  struct kvc_quantiles low, high;
};

struct kvc_search_sensitivity {
  const char *what; /* "+20 % output tokens" */
  double max_rate_per_s;
  int64_t replicas; /* 0: no number of replicas does */
  double usd_per_hour;
};

struct kvc_search_month {
  double month, rate_per_s, usd_per_hour;
  int64_t replicas;
};

struct kvc_search_option {
  const struct kvc_search_unit *unit;
  const struct kvc_hardware *hardware;
  const char *model, *gpu;  /* canonical names */
  const char *quantization; /* "fp8 (made at load)", "awq", "none" */
  const char *kv_cache_dtype;
  bool quality; /* it has something that may cost accuracy */
  size_t gpus;  /* in all */
  struct kvc_search_interval ttft_s, tpot_s, e2e_s;
  const char *reason; /* for the width */
  bool certain;       /* limits hold at the high end too */
  double usd_per_hour, usd_per_year, usd_per_million_tok; /* output tokens; NaN unknown */
  double usd_per_gpu_hour;
  const char *price_from;
  double headroom_frac; /* of the largest rate, not used by the load */
  double watts;
  int64_t day[24];           /* replicas each hour */
  double usd_per_day_scaled; /* when replicas follow the day */
  const struct kvc_search_month *months;
  size_t n_months;
  const struct kvc_search_sensitivity *sensitivity; /* first options only */
  size_t n_sensitivity;
  bool survives;             /* one replica lost: the limits still hold */
  const char *survival;      /* sentence */
  struct kvc_advice *advice; /* command and flags */
  const char *command;
};

enum kvc_frontier { KVC_FRONTIER_COST_LATENCY, KVC_FRONTIER_THROUGHPUT_SPEED };

struct kvc_search_front {
  enum kvc_frontier frontier;
  const struct kvc_search_unit *unit;
  const char *what;  /* in words */
  int64_t replicas;  /* at this rate a replica */
  double rate_per_s; /* of one replica */
  double usd_per_hour, e2e_p95_s;
  double tok_per_s_per_gpu, tok_per_s_per_user;
};

struct kvc_search_rejected {
  const char *what, *why;
  enum kvc_fate fate;
};

struct kvc_search_why_not {
  const char *asked, *what, *why;
  double usd_per_hour; /* NaN unknown */
  double max_rate_per_s;
  int64_t replicas;
};

struct kvc_plan {
  int schema; /* 1 */
  const struct kvc_search_request *request;
  const char *verdict;
  char version[KVC_VERSION_TEXT];
  struct kvc_search_option options[KVC_SEARCH_OPTIONS]; /* best first */
  size_t n_options;
  struct kvc_search_front *front;
  size_t n_front;
  struct kvc_search_rejected *rejected;
  size_t n_rejected;
  struct kvc_search_why_not why_not[8];
  size_t n_why_not;
  const char *notes[32];
  size_t n_notes;
  size_t candidates, pruned, simulated_units;
  int64_t simulated; /* runs */
  double wall_s;     /* NaN: not told */
};

/* ---- the search ------------------------------------------------------------------ */

struct kvc_search; /* opaque */

/* Enumerates, sizes and bounds every unit.  KVC_E_RANGE and KVC_E_USAGE say what of the
 * question is missing or impossible; KVC_E_LIMIT for more than KVC_SEARCH_MAX_UNITS. */
kvc_code kvc_search_open(struct kvc_arena *arena, struct kvc_db *db,
                         const struct kvc_search_request *request,
                         struct kvc_search **out, struct kvc_err *err) KVC_MUST_USE;

/* Units that are left to simulate, in stages: stage 0 are the pilots; once their results
 * were given back by kvc_search_put, stage 1 are the others that no pilot dominates.
 * Indices; borrowed. */
size_t kvc_search_todo(struct kvc_search *search, int stage, const size_t **indices);

/* Searches one unit; changes nothing but *out, so it may run in a forked child. */
kvc_code kvc_search_unit(const struct kvc_search *search, size_t index,
                         struct kvc_search_unit *out, struct kvc_err *err) KVC_MUST_USE;

/* Hands a result back. */
void kvc_search_put(struct kvc_search *search, size_t index,
                    const struct kvc_search_unit *unit);

/* As it stands: sized and bounded, or with its result. */
size_t kvc_search_units(const struct kvc_search *search);
const struct kvc_search_unit *kvc_search_at(const struct kvc_search *search,
                                            size_t index);

/* Ranks, verifies the first options with longer runs, asks what happens with a replica
 * lost or longer answers, and writes the commands.  KVC_E_OK also without any option:
 * then the verdict says what came nearest. */
kvc_code kvc_search_finish(struct kvc_search *search, struct kvc_plan *out,
                           struct kvc_err *err) KVC_MUST_USE;

/* "2 GPUs: TP 2, fp8 weights" of a unit. */
const char *kvc_search_words(struct kvc_search *search,
                             const struct kvc_search_unit *unit);

/* The plan as a document, and its JSON Schema. */
kvc_code kvc_doc_plan(struct kvc_doc *doc, const struct kvc_plan *plan,
                      struct kvc_err *err) KVC_MUST_USE;
kvc_code kvc_doc_plan_schema(struct kvc_doc *doc, struct kvc_err *err) KVC_MUST_USE;

#endif
