/* concurrency.h - from pool tokens to requests at once.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The documented rule: concurrency = pool tokens / mean KV tokens per request, less
 * a buffer for bursts.  Beside it, what the mean hides: requests grow while they
 * decode and lengths vary, so the pool's use is a random sum; the largest number of
 * requests is given for which P(use > pool) <= epsilon.
 */
#ifndef KVCAP_CONCURRENCY_H
#define KVCAP_CONCURRENCY_H

#include <kvcap/domain.h>
#include <kvcap/err.h>

/* Tokens one request holds, over its life in the running set. */
struct kvc_occupancy {
  double final_tok;        /* prompt + output, less shared prefix: the rule's mean */
  double mean_tok, sd_tok; /* at a random moment of decoding, block-rounded */
};

struct kvc_concurrency {
  bool have; /* a workload was given */
  double tokens_per_request;
  double theoretical;               /* pool / tokens_per_request */
  double buffered;                  /* theoretical * (1 - buffer) */
  int64_t recommended_max_num_seqs; /* buffered, rounded down to round_to */
  struct kvc_occupancy occupancy;
  double steady_state;               /* pool / mean occupancy: average that fits */
  int64_t safe_max_num_seqs;         /* P(pool exceeded) <= exceed_prob */
  double safe_exceed_prob;           /* of recommended_max_num_seqs */
  double use_p50_frac, use_p99_frac; /* of the pool at recommended_max_num_seqs */
  bool capped_by_seqs;
};

/* Not for several threads at once: GSL's error handler is switched off meanwhile.
 *
 * pool_tok: tokens the pool holds; block_tok: block size (rounding);
 * state_tok: pool tokens a request takes whatever its length (recurrent states).
 * KVC_E_RANGE when the workload is not possible. */
kvc_code kvc_concurrency_compute(double pool_tok, double block_tok, double state_tok,
                                 const struct kvc_workload *load,
                                 struct kvc_concurrency *out,
                                 struct kvc_err *err) KVC_MUST_USE;

/* P(sum of n requests' occupancy > pool). */
double kvc_concurrency_exceed(double pool_tok, const struct kvc_occupancy *occ,
                              double shared_tok, double n);

#endif
