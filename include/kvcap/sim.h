/* sim.h - the scheduler of a server, step by step, on a clock that is handed in.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Ownership: results live in the arena given; the traffic is borrowed for the call.
 * Time is integer nanoseconds.  Events are ordered by (time, arrivals before steps,
 * number), so a run is a function of its inputs alone.  What is simulated of V1 and V0
 * and what is left out: src/sim/README.md.
 */
#ifndef KVCAP_SIM_H
#define KVCAP_SIM_H

#include <kvcap/arena.h>
#include <kvcap/step.h>
#include <kvcap/traffic.h>
#include <stdint.h>

/* What a release's scheduler does; filled from the engine profile, never from a
 * comparison of versions (kvc_sim_policy_read in <kvcap/sim_facts.h>). */
struct kvc_sim_policy {
  bool v0;
  bool reserve_full_isl;  /* admit only if the whole prompt fits, not its first chunk */
  double watermark_frac;  /* of all blocks, kept free when something is admitted */
  bool watermark_if_busy; /* V1: only when something runs already */
  int prealloc_tok;       /* blocks are taken so far ahead */
  bool unhashed_first;    /* blocks without a hash are reused before cached ones */
};

enum kvc_sim_preempt { KVC_PREEMPT_RECOMPUTE, KVC_PREEMPT_SWAP };

/* One engine: flags of the server and its KV cache. */
struct kvc_sim_engine {
  struct kvc_sim_policy policy;
  int64_t blocks; /* usable ones; the null block is not among them */
  int block_size_tok;
  int64_t max_batched_tok, max_num_seqs, max_model_len_tok;
  bool chunked_prefill, prefix_caching, async_scheduling, priority;
  int64_t long_prefill_threshold_tok; /* 0: none */
  int lookahead_tok;
  /* V0 */
  enum kvc_sim_preempt preempt;
  int64_t swap_blocks;
  double scheduler_delay_factor;
  int scheduler_steps; /* 0 or 1: one */
};

enum kvc_sim_router { KVC_ROUTE_ROUND_ROBIN, KVC_ROUTE_LEAST_LOADED, KVC_ROUTE_PREFIX };

/* Service levels; 0 = not asked for. */
struct kvc_sim_slo {
  double ttft_s, tpot_s, e2e_s;
};

/* Called now and then with the share of the requests that have arrived. */
typedef void kvc_sim_progress(void *ctx, double done_frac);

struct kvc_sim_config {
  struct kvc_sim_engine engine;
  kvc_step_time *step_time; /* GPU seconds of a step */
  kvc_step_time *host_time; /* CPU seconds beside it; NULL: none.  Added, or hidden
                             * behind the GPU under async scheduling */
  void *clock;
  double swap_bps; /* V0 swaps: bytes per second ... */
  double block_bytes;
  int replicas; /* 0 or 1: one */
  enum kvc_sim_router router;
  bool lock_step; /* replicas are data-parallel ranks of one MoE model: steps start
                   * together and last as long as the longest */
  /* Disaggregated: the first 'prefill_replicas' of 'replicas' (V1) compute prompts, the
   * others decode; the KV of a prompt moves between.  Every sender has a way out of
   * 'transfer_bps' (0: no time), one prompt after another in the order in which they are
   * done; the latency comes on top and holds nobody up.  The first token comes from the
   * decoding side, as behind the usual proxy. */
  int prefill_replicas;
  double transfer_bps, transfer_latency_s, kv_bytes_per_tok;
  struct kvc_sim_slo slo;
  double warmup_frac;         /* of the requests, by arrival: not in the results */
  size_t max_steps;           /* 0: 2e9; passing it is KVC_E_LIMIT */
  bool keep_requests;         /* per-request records in the result */
  size_t series_points;       /* 0: no time series; at most 4096 */
  kvc_sim_progress *progress; /* NULL: nobody asks */
  void *progress_ctx;
};

struct kvc_sim_dist {
  size_t n;
  double mean, p50, p90, p95, p99, min, max;
  double ci95; /* half width of the 95 % interval of the mean, batch means; NaN unknown */
};

enum kvc_sim_state { KVC_SIM_UNSEEN, KVC_SIM_FINISHED, KVC_SIM_REJECTED };

/* Index = that of the request in the traffic.  -1: never. */
struct kvc_sim_request {
  int64_t arrival_ns, scheduled_ns, first_token_ns, finish_ns;
  int32_t output_tok; /* made, at most max_model_len - prompt */
  int32_t cached_tok; /* prompt tokens that the prefix cache gave at first admission */
  uint16_t preemptions;
  uint8_t state; /* enum kvc_sim_state */
  uint8_t replica;
};

/* Means over one of equal pieces of time. */
struct kvc_sim_point {
  double t_s, kv_usage_frac, running, waiting;
};

/* arrived = finished + running + waiting + rejected; used + free = total. */
struct kvc_sim_balance {
  int64_t arrived, finished, running, waiting, rejected;
  int64_t blocks_used, blocks_free, blocks_total;
};

struct kvc_sim_result {
  struct kvc_sim_dist ttft_s, tpot_s, itl_s, e2e_s, queue_s;
  double requests_per_s, output_tok_per_s, total_tok_per_s, goodput_per_s;
  double duration_s;
  double kv_mean_frac, kv_peak_frac;
  double running_mean, running_peak, waiting_mean, waiting_peak;
  double gpu_busy_frac;
  int64_t preemptions, swaps, cached_tok, prompt_tok, output_tok;
  int64_t steps, wasted_slots;
  /* The way of the KV between the sides: seconds that the busiest sender and all of them
   * sent, mean seconds that a prompt waited for those before it; 0 on one side. */
  double link_busiest_s, link_sent_s, link_wait_s;
  struct kvc_sim_balance balance;
  const struct kvc_sim_request *requests; /* n of the traffic, or NULL */
  const struct kvc_sim_point *series;
  size_t n_series;
};

/* An estimate, not a measurement: a GPU that computes draws its board power, one that
 * waits KVC_SIM_IDLE_FRAC of it.
 *   mean_watts = gpus x board_watts x (idle + (1 - idle) x gpu_busy_frac)
 *   joules_per_output_token = mean_watts x duration_s / output_tok
 * Hosts, fans and losses of the supply are not in it.  Steps of few sequences wait for
 * memory and draw less than the board allows, so it is nearer an upper bound. */
struct kvc_sim_energy {
  double board_watts; /* of one GPU; NaN unknown, and so is the rest */
  size_t gpus;
  double mean_watts, joules_per_output_token;
};

/* Presumed: data-centre boards at rest draw about a tenth of their limit. */
#define KVC_SIM_IDLE_FRAC 0.1

struct kvc_sim_energy kvc_sim_energy_of(const struct kvc_sim_result *result,
                                        double board_watts, size_t gpus);

/* ITL is a histogram of 256 steps a power of two: a percentile is within 0.2 % of the
 * exact one; mean, least and greatest are exact.  All else is exact. */
kvc_code kvc_sim_run(struct kvc_arena *arena, const struct kvc_sim_config *config,
                     const struct kvc_traffic *traffic, struct kvc_sim_result *out,
                     struct kvc_err *err) KVC_MUST_USE;

/* Mean seconds that the finished ones of requests [from, to) waited to be scheduled; the
 * result has its requests (keep_requests).  0 of none. */
double kvc_sim_mean_wait_s(const struct kvc_sim_result *result, size_t from, size_t to);

/* KVC_E_INTERNAL names the sum that does not come out. */
kvc_code kvc_sim_balance(const struct kvc_sim_balance *balance,
                         struct kvc_err *err) KVC_MUST_USE;

#endif
