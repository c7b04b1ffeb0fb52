/* words.c - names of goals and fates, a figure by its name; a question with nothing said.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <kvcap/search.h>
#include <math.h>

const char *kvc_objective_name(enum kvc_objective objective)
{
  static const char *const names[] = {[KVC_OBJECTIVE_COST] = "cost",
                                      [KVC_OBJECTIVE_COST_PER_TOKEN] = "cost-per-token",
                                      [KVC_OBJECTIVE_ENERGY] = "energy",
                                      [KVC_OBJECTIVE_LATENCY] = "latency"};
  const size_t i = (size_t)objective;
  return i < sizeof names / sizeof *names ? names[i] : NULL;
}

const char *kvc_fate_name(enum kvc_fate fate)
{
  static const char *const names[] = {
      [KVC_FATE_FOUND] = "found",   [KVC_FATE_UNSUPPORTED] = "unsupported",
      [KVC_FATE_MEMORY] = "memory", [KVC_FATE_BOUND] = "bound",
      [KVC_FATE_LIMIT] = "limit",   [KVC_FATE_DOMINATED] = "dominated",
      [KVC_FATE_SLO] = "slo"};
  const size_t i = (size_t)fate;
  return i < sizeof names / sizeof *names ? names[i] : NULL;
}

void kvc_search_request_init(struct kvc_search_request *request)
{
  *request = (struct kvc_search_request){.acceptance_frac = (double)NAN};
  for (size_t i = 0; i < KVC_SEARCH_MODELS; i++)
    kvc_size_request_init(&request->models[i]);
  for (size_t i = 0; i < KVC_SEARCH_HARDWARE; i++)
    request->hardware[i].usd_per_gpu_hour = (double)NAN;
}

double kvc_quantile(const struct kvc_quantiles *q, enum kvc_slo_quantile which)
{
  switch (which) {
  case KVC_SLO_MEAN: return q->mean;
  case KVC_SLO_P50: return q->p50;
  case KVC_SLO_P90: return q->p90;
  case KVC_SLO_P95: return q->p95;
  case KVC_SLO_P99:
  case KVC_SLO_QUANTILES_: break;
  }
  return q->p99;
}
