/* slo.h - limits on what users see, as they are typed and as a run meets them.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 *     ttft_p95=500ms,tpot_p99=30ms,e2e_p95=10s
 *     ttft=500ms,tpot=30ms,goodput=0.95
 *
 * A figure is ttft, tpot, itl, e2e or queue, with _mean, _p50, _p90, _p95 or _p99.  A
 * figure without one is a limit on every request: with goodput=F at least that share of
 * requests meets all of those, else it is judged at the 99th percentile.
 */
#ifndef KVCAP_SLO_H
#define KVCAP_SLO_H

#include <kvcap/sim.h>

enum { KVC_SLO_BARS = 8, KVC_SLO_NAME = 16 };

enum kvc_slo_figure {
  KVC_SLO_TTFT,
  KVC_SLO_TPOT,
  KVC_SLO_ITL,
  KVC_SLO_E2E,
  KVC_SLO_QUEUE,
  KVC_SLO_FIGURES_
};
enum kvc_slo_quantile {
  KVC_SLO_MEAN,
  KVC_SLO_P50,
  KVC_SLO_P90,
  KVC_SLO_P95,
  KVC_SLO_P99,
  KVC_SLO_QUANTILES_
};

struct kvc_slo_bar {
  enum kvc_slo_figure figure;
  enum kvc_slo_quantile quantile;
  bool each; /* of every request: no quantile was written */
  double limit_s;
};

struct kvc_slo {
  struct kvc_slo_bar bars[KVC_SLO_BARS];
  size_t n;
  double goodput_frac; /* 0: not asked for */
};

/* KVC_E_PARSE, KVC_E_LIMIT (more than KVC_SLO_BARS) and KVC_E_CONFLICT (goodput without a
 * figure of every request) name 'where', the flag or key.  Adds to what *slo has. */
kvc_code kvc_slo_read(const char *text, const char *where, struct kvc_slo *slo,
                      struct kvc_err *err) KVC_MUST_USE;

/* "ttft_p95". */
void kvc_slo_name(const struct kvc_slo_bar *bar, char out[KVC_SLO_NAME]);

/* A bar that the goodput judges is met or not request by request, elsewhere by its
 * quantile.  The limits of every request, for the simulator. */
struct kvc_sim_slo kvc_slo_each(const struct kvc_slo *slo);
/* Whether the goodput judges it: one was asked for, and ttft, tpot or e2e is limited for
 * every request (the simulator follows no request's itl and queue). */
bool kvc_slo_in_goodput(const struct kvc_slo *slo, const struct kvc_slo_bar *bar);

double kvc_slo_value(const struct kvc_sim_result *result, const struct kvc_slo_bar *bar);

/* The greatest of value / limit over the bars (and of what the goodput lacks: (1 - F')/(1
 * - F)), so <= 1 means met; *worst is that bar, slo->n for the goodput.  0 without any.
 */
double kvc_slo_ratio(const struct kvc_slo *slo, const struct kvc_sim_result *result,
                     size_t *worst);

#endif
