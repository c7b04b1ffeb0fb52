/* concurrency.c - the documented rule, and what the mean hides.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A request holds its prompt from admission on and one token more after every
 * decode step, so at a random moment of its life it holds P + U*O tokens, U uniform
 * on (0, 1).  A request met at a random moment is more likely a long one: its output
 * is length-biased.  With O of mean m and coefficient of variation c, lognormal,
 *   E[O*] = m (1 + c^2),   E[O*^2] = m^2 (1 + c^2)^3
 *   mean = E[P] + E[O*]/2 + b/2
 *   var  = Var[P] + E[O*^2]/3 - (E[O*]/2)^2 + b^2/12
 * where b/2 and b^2/12 come from rounding up to blocks of b tokens.  The sum over n
 * requests is taken as a gamma variable of the same mean and variance, which keeps
 * the skew that a normal one would lose at small n.
 *
 * Known lies: requests are independent and all decoding (prefill is short beside
 * it); shared prefixes are held once for all; an output longer than max_model_len is
 * not cut off.
 */
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_errno.h>
#include <kvcap/concurrency.h>
#include <math.h>

static void occupancy(const struct kvc_workload *load, double block, double state,
                      struct kvc_occupancy *out)
{
  const double own = load->prompt_tok - load->shared_prefix_tok;
  const double c2 = 1 + load->output_cv * load->output_cv;
  const double biased = load->output_tok * c2;
  const double biased_sq = load->output_tok * load->output_tok * c2 * c2 * c2;
  const double sd_prompt = load->prompt_tok * load->prompt_cv;
  out->final_tok = own + load->output_tok + state;
  out->mean_tok = own + biased / 2 + block / 2 + state;
  out->sd_tok = sqrt(sd_prompt * sd_prompt + biased_sq / 3 - biased * biased / 4 +
                     block * block / 12);
}

/* Q(room) of the gamma variable; GSL's handler would end the process on underflow,
 * which is a plain 0 here. */
static double gamma_above(double room, double shape, double scale)
{
  gsl_error_handler_t *old = gsl_set_error_handler_off();
  const double q = gsl_cdf_gamma_Q(room, shape, scale);
  gsl_set_error_handler(old);
  return isfinite(q) ? q : room > shape * scale ? 0 : 1;
}

double kvc_concurrency_exceed(double pool_tok, const struct kvc_occupancy *occ,
                              double shared_tok, double n)
{
  const double room = pool_tok - shared_tok;
  if (n <= 0) return 0;
  if (room <= 0) return 1;
  const double mean = n * occ->mean_tok, var = n * occ->sd_tok * occ->sd_tok;
  if (!(var > 0)) return mean > room ? 1 : 0;
  return gamma_above(room, mean * mean / var, var / mean);
}

/* The largest n with P(exceed) <= eps: the probability grows with n, so bisect. */
static int64_t safe_requests(double pool, const struct kvc_occupancy *occ, double shared,
                             double eps)
{
  int64_t lo = 0, hi = (int64_t)fmin(pool / occ->mean_tok + 2, 1e9);
  while (lo < hi) {
    const int64_t mid = lo + (hi - lo + 1) / 2;
    if (kvc_concurrency_exceed(pool, occ, shared, (double)mid) <= eps)
      lo = mid;
    else
      hi = mid - 1;
  }
  return lo;
}

/* Tokens that n requests stay below with probability p: by bisection, since GSL's
 * inverse does not converge for large shapes. */
static double use_quantile(const struct kvc_occupancy *occ, double shared, double n,
                           double p)
{
  const double mean = n * occ->mean_tok, sd = sqrt(n) * occ->sd_tok;
  double lo = fmax(mean - 10 * sd, 0), hi = mean + 10 * sd + 1;
  for (int i = 0; i < 60; i++) {
    const double mid = lo + (hi - lo) / 2;
    if (kvc_concurrency_exceed(mid, occ, 0, n) > 1 - p)
      lo = mid;
    else
      hi = mid;
  }
  return lo + shared;
}

/* Nearest multiple of 'to'; never more than the pool holds, never 0 while one
 * request fits. */
static int64_t rounded(double buffered, double theoretical, int64_t to)
{
  double n = to > 1 ? round(buffered / (double)to) * (double)to : floor(buffered);
  if (n > theoretical || n <= 0) n = floor(buffered);
  if (n < 1) n = theoretical >= 1 ? 1 : 0;
  return (int64_t)n;
}

static kvc_code check(const struct kvc_workload *load, struct kvc_err *err)
{
  if (!(load->prompt_tok > 0 && load->prompt_tok <= 1e9))
    return kvc_fail(err, KVC_E_RANGE, "--prompt-tokens",
                    "%g is not a possible mean prompt length; give tokens such as 500",
                    load->prompt_tok);
  if (!(load->output_tok >= 0 && load->output_tok <= 1e9))
    return kvc_fail(err, KVC_E_RANGE, "--output-tokens",
                    "%g is not a possible mean output length; give tokens such as 300",
                    load->output_tok);
  if (!(load->shared_prefix_tok >= 0 && load->shared_prefix_tok <= load->prompt_tok))
    return kvc_fail(err, KVC_E_RANGE, "--shared-prefix-tokens",
                    "%g is outside 0 to the prompt's %g tokens", load->shared_prefix_tok,
                    load->prompt_tok);
  return KVC_E_OK;
}

kvc_code kvc_concurrency_compute(double pool_tok, double block_tok, double state_tok,
                                 const struct kvc_workload *load,
                                 struct kvc_concurrency *out, struct kvc_err *err)
{
  KVC_TRY(check(load, err));
  struct kvc_concurrency c = {.have = true};
  occupancy(load, block_tok, state_tok, &c.occupancy);
  const double shared = load->shared_prefix_tok;
  const double room = fmax(pool_tok - shared, 0);
  c.tokens_per_request = c.occupancy.final_tok;
  if (!(c.tokens_per_request > 0))
    return kvc_fail(err, KVC_E_RANGE, "--shared-prefix-tokens",
                    "leaves requests without tokens of their own");
  c.theoretical = floor(room / c.tokens_per_request);
  c.buffered = c.theoretical * (1 - load->buffer_frac);
  c.recommended_max_num_seqs = rounded(c.buffered, c.theoretical, load->round_to);
  c.steady_state = room / c.occupancy.mean_tok;
  c.safe_max_num_seqs = safe_requests(pool_tok, &c.occupancy, shared, load->exceed_prob);
  const double n = (double)c.recommended_max_num_seqs;
  c.safe_exceed_prob = kvc_concurrency_exceed(pool_tok, &c.occupancy, shared, n);
  if (n > 0 && pool_tok > 0) {
    c.use_p50_frac = use_quantile(&c.occupancy, shared, n, 0.50) / pool_tok;
    c.use_p99_frac = use_quantile(&c.occupancy, shared, n, 0.99) / pool_tok;
  }
  *out = c;
  return KVC_E_OK;
}
