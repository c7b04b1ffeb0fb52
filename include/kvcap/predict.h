/* predict.h - measured serving points, and what kvcap would have said of them.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A table of points is CSV with a header; columns that are understood (others are kept
 * aside): id, gpu, model, vllm_version, weight_dtype/quantization, kv_dtype, tp, pp, dp,
 * ep, input_len_mean, output_len_mean, request_rate, max_concurrency, num_prompts,
 * max_num_seqs, max_num_batched_tokens, dataset, other_flags, kind, quality, split,
 * series_id, and the measured mean_ttft_ms, median_ttft_ms, p99_ttft_ms, mean_tpot_ms,
 * median_tpot_ms, p99_tpot_ms, mean_itl_ms, output_tok_s, req_per_s.  An empty cell is
 * the release's default, or not measured.
 *
 * TPOT is (end to end - TTFT) / (output tokens - 1) throughout.
 */
#ifndef KVCAP_PREDICT_H
#define KVCAP_PREDICT_H

#include <kvcap/latency.h>
#include <kvcap/profile.h>
#include <kvcap/sim.h>
#include <kvcap/size.h>

enum {
  KVC_POINT_MEAN_TTFT,
  KVC_POINT_MEDIAN_TTFT,
  KVC_POINT_P99_TTFT,
  KVC_POINT_MEAN_TPOT,
  KVC_POINT_MEDIAN_TPOT,
  KVC_POINT_P99_TPOT,
  KVC_POINT_MEAN_ITL,
  KVC_POINT_OUTPUT_TOK_S,
  KVC_POINT_REQ_PER_S,
  KVC_POINT_FIGURES_
};
/* "mean_ttft_ms", ...; times in milliseconds, rates per second. */
const char *kvc_point_figure(size_t figure);

struct kvc_point {
  const char *id, *gpu, *model, *version, *quantization, *kv_dtype, *dataset, *flags,
      *kind, *quality, *split, *series; /* "" when empty */
  int tp, pp, dp, ep;
  double input_tok, output_tok;                      /* NaN unknown */
  double rate_per_s, concurrency;                    /* INFINITY = no limit */
  double prompts, max_num_seqs, max_num_batched_tok; /* NaN or 0 = default */
  double measured[KVC_POINT_FIGURES_];               /* NaN: not measured */
  const char *bad; /* a cell that cannot be read: a sentence; NULL */
};

enum kvc_model_class { KVC_CLASS_DENSE, KVC_CLASS_MOE, KVC_CLASS_MLA, KVC_CLASS_STATE };
/* "dense", "experts", "latent attention", "recurrent". */
const char *kvc_model_class_name(enum kvc_model_class model_class);

struct kvc_prediction {
  double value[KVC_POINT_FIGURES_];
  double low[KVC_POINT_FIGURES_], high[KVC_POINT_FIGURES_]; /* 90 % of servers inside */
  enum kvc_speed_source source;
  const char *reason; /* for the width */
  bool extrapolated;  /* beyond anything the model was compared with */
  double bound_frac;  /* decode step: its lower bound over it */
  enum kvc_model_class model_class;
};

/* A step in which 'batch' sequences decode, each with 'context_tok' in the cache. */
struct kvc_step kvc_decode_step(double batch, double context_tok);

/* Why data-parallel ranks have wider intervals. */
#define KVC_LOCK_STEP_REASON                                                             \
  "ranks in lock-step: compared with one release of two models only"

/* Seconds of a request that no step contains: HTTP, tokenizer, the client's own loop.
 * Fitted on measured TTFT at low load, whose clients differ: a presumption. */
double kvc_client_s(double prompt_tok);
/* Adds them to TTFT and end to end of a simulated run. */
void kvc_client_add(struct kvc_sim_result *result, double client_s);
/* Takes them from limits that are of what users see: the engine has less time. */
void kvc_client_less(struct kvc_sim_slo *slo, double client_s);

/* Seconds until the server's front end has read the requests that 'traffic' sends at once
 * to each of 'ranks': their number times a presumed time each, while no token is sent. */
double kvc_client_burst_s(const struct kvc_traffic *traffic, double ranks);
/* How many of them come at once to a rank: all, the clients of a closed loop, or 1. */
size_t kvc_client_burst_size(const struct kvc_traffic *traffic);
/* Adds them to the TTFT and end-to-end time of those requests, and to the duration. */
void kvc_client_burst(struct kvc_sim_result *result, const struct kvc_traffic *traffic,
                      double ranks);

/* Within which factors of a prediction nine of ten measured servers lie: the 5th and
 * 95th percentile of measured / predicted over 747 points that were used for fitting
 * (coverage is then counted on others).  Wider for a GPU without kernel tables, and
 * half as wide again on a logarithmic scale where 'extrapolated'. */
void kvc_predict_interval(enum kvc_speed_source source, bool extrapolated, size_t figure,
                          double *low_frac, double *high_frac);

kvc_code kvc_points_read(struct kvc_arena *arena, const char *text, size_t len,
                         const char *file, struct kvc_point **out, size_t *n,
                         struct kvc_err *err) KVC_MUST_USE;

/* Sizes, prices and simulates one point. */
kvc_code kvc_point_predict(struct kvc_arena *arena, struct kvc_db *db,
                           const struct kvc_point *point, struct kvc_prediction *out,
                           struct kvc_err *err) KVC_MUST_USE;

/* The same with the latency tuned; NULL: as the model has it. */
kvc_code kvc_point_predict_tuned(struct kvc_arena *arena, struct kvc_db *db,
                                 const struct kvc_point *point,
                                 const struct kvc_tune *tune, struct kvc_prediction *out,
                                 struct kvc_err *err) KVC_MUST_USE;

/* A kvc_step_time for a server with speculative decoding; its ctx is this.  A step of the
 * simulator makes one token, a real one 'made': how they relate is in src/predict/spec.c.
 */
struct kvc_spec_clock {
  struct kvc_latency *latency;
  double drafted; /* k: tokens a sequence and step */
  double made;    /* 1 + k times the share that is accepted */
};
double kvc_spec_step(void *clock, const struct kvc_step *step);
/* 'accepted': share of the drafts, NaN as is usual (presumed). */
struct kvc_spec_clock kvc_spec_clock_of(struct kvc_latency *latency, double drafted,
                                        double accepted);

/* Why a server that speculates has wider intervals. */
#define KVC_SPEC_REASON "speculation was compared with no server"

/* An engine of the simulator as a sized deployment sets it; facts by release. */
kvc_code kvc_sim_engine_of(const struct kvc_engine *engine, const struct kvc_size *size,
                           struct kvc_sim_engine *out, struct kvc_err *err) KVC_MUST_USE;

#endif
