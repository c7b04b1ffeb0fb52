/* steady.c - the rates of a run without its ramp and its drain.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "predict_room.h"
#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>

/* Tokens of a request between two times: the first at its time, the others evenly. */
static double tokens_within(const struct kvc_sim_request *r, double from_ns, double to_ns)
{
  const double first = (double)r->first_token_ns, last = (double)r->finish_ns;
  double n = first >= from_ns && first < to_ns ? 1 : 0;
  if (r->output_tok > 1 && last > first) {
    const double both = fmin(last, to_ns) - fmax(first, from_ns);
    n += (r->output_tok - 1) * fmax(both, 0) / (last - first);
  }
  return n;
}

static bool served(const struct kvc_sim_request *r)
{
  return r->state == KVC_SIM_FINISHED;
}

kvc_code predict_steady(const struct kvc_sim_result *r, size_t n, double dp,
                        struct kvc_prediction *out, struct kvc_err *err)
{
  double *admitted = malloc((n + 1) * sizeof *admitted);
  size_t all = 0;
  if (admitted == NULL || r->requests == NULL) {
    free(admitted);
    return kvc_fail(err, KVC_E_LIMIT, "requests", "no memory for their records");
  }
  for (size_t i = 0; i < n; i++)
    if (served(&r->requests[i])) admitted[all++] = (double)r->requests[i].scheduled_ns;
  gsl_sort(admitted, 1, all);
  const double from = all > 0 ? admitted[all / 2] : 0,
               to = all > 0 ? admitted[all - 1] : 0;
  free(admitted);
  if (!(to > from)) return KVC_E_OK; /* never full: the rates of the whole run */
  double tokens = 0;
  for (size_t i = 0; i < n; i++)
    if (served(&r->requests[i])) tokens += tokens_within(&r->requests[i], from, to);
  const double per_s = dp * tokens / (1e-9 * (to - from));
  out->value[KVC_POINT_OUTPUT_TOK_S] = per_s;
  out->value[KVC_POINT_REQ_PER_S] = per_s * (double)all / (double)r->output_tok;
  return KVC_E_OK;
}
