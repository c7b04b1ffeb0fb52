/* slo.c - limits as they are typed, and whether a run holds them.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <kvcap/num.h>
#include <kvcap/slo.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const figures[] = {"ttft", "tpot", "itl", "e2e", "queue"};
static const char *const quantiles[] = {"mean", "p50", "p90", "p95", "p99"};

/* "ttft_p95", or "ttft" alone: of every request. */
static bool find(const char *name, size_t len, struct kvc_slo_bar *bar)
{
  for (size_t f = 0; f < KVC_SLO_FIGURES_; f++) {
    const size_t n = strlen(figures[f]);
    if (len < n || strncmp(name, figures[f], n) != 0) continue;
    bar->figure = (enum kvc_slo_figure)f;
    bar->each = len == n;
    bar->quantile = KVC_SLO_P99;
    if (bar->each) return true;
    for (size_t q = 0; q < KVC_SLO_QUANTILES_; q++) {
      bar->quantile = (enum kvc_slo_quantile)q;
      if (name[n] == '_' && len - n - 1 == strlen(quantiles[q]) &&
          strncmp(name + n + 1, quantiles[q], len - n - 1) == 0)
        return true;
    }
  }
  return false;
}

/* "500ms", "0.5s", "500" as milliseconds, as vllm bench's --goodput has it. */
static bool seconds(const char *text, size_t len, double *out)
{
  size_t used;
  double v;
  if (!kvc_num_scan(text, len, &v, &used) || !(v > 0) || !isfinite(v)) return false;
  const char *unit = text + used;
  const size_t left = len - used;
  if (left == 0 || (left == 2 && strncmp(unit, "ms", 2) == 0))
    *out = v / 1e3;
  else if (left == 1 && unit[0] == 's')
    *out = v;
  else
    return false;
  return *out > 0;
}

/* "0.95" or "95%". */
static bool share(const char *text, size_t len, double *out)
{
  size_t used;
  double v;
  if (!kvc_num_scan(text, len, &v, &used)) return false;
  if (len - used == 1 && text[used] == '%')
    v /= 100;
  else if (len != used)
    return false;
  if (!(v > 0) || !(v <= 1)) return false;
  *out = v;
  return true;
}

/* The simulator tells request by request of these alone. */
static bool judged_each(const struct kvc_slo_bar *bar)
{
  return bar->each && (bar->figure == KVC_SLO_TTFT || bar->figure == KVC_SLO_TPOT ||
                       bar->figure == KVC_SLO_E2E);
}

static kvc_code read_one(const char *text, size_t len, const char *where,
                         struct kvc_slo *slo, struct kvc_err *err)
{
  const size_t name = strcspn(text, "=:");
  const int shown = (int)(len < 60 ? len : 60);
  struct kvc_slo_bar bar = {.each = false};
  if (name < len && name == strlen("goodput") && strncmp(text, "goodput", name) == 0) {
    if (share(text + name + 1, len - name - 1, &slo->goodput_frac)) return KVC_E_OK;
    return kvc_fail(err, KVC_E_PARSE, where,
                    "\"%.*s\" is no share of the requests; write goodput=0.95", shown,
                    text);
  }
  if (name >= len || !find(text, name, &bar) ||
      !seconds(text + name + 1, len - name - 1, &bar.limit_s))
    return kvc_fail(err, KVC_E_PARSE, where,
                    "\"%.*s\" is no limit; write ttft_p95=500ms or tpot_p99=30ms "
                    "(ttft, tpot, itl, e2e, queue; mean, p50, p90, p95, p99)",
                    shown, text);
  if (slo->n == KVC_SLO_BARS)
    return kvc_fail(err, KVC_E_LIMIT, where, "has more than %d limits", KVC_SLO_BARS);
  slo->bars[slo->n++] = bar;
  return KVC_E_OK;
}

kvc_code kvc_slo_read(const char *text, const char *where, struct kvc_slo *slo,
                      struct kvc_err *err)
{
  struct kvc_slo read = *slo;
  bool each = false;
  for (const char *p = text + strspn(text, ", "); *p != '\0'; p += strspn(p, ", ")) {
    const size_t len = strcspn(p, ", ");
    KVC_TRY(read_one(p, len, where, &read, err));
    p += len;
  }
  for (size_t i = 0; i < read.n; i++) each = each || judged_each(&read.bars[i]);
  if (read.goodput_frac > 0 && !each)
    return kvc_fail(
        err, KVC_E_CONFLICT, where,
        "goodput is the share of requests within limits of every request, and "
        "there is none; write for example ttft=500ms,tpot=30ms,goodput=0.95");
  *slo = read;
  return KVC_E_OK;
}

void kvc_slo_name(const struct kvc_slo_bar *bar, char out[KVC_SLO_NAME])
{
  (void)snprintf(out, KVC_SLO_NAME, "%s_%s", figures[bar->figure],
                 quantiles[bar->quantile]);
}

struct kvc_sim_slo kvc_slo_each(const struct kvc_slo *slo)
{
  struct kvc_sim_slo out = {0};
  for (size_t i = 0; i < slo->n; i++) {
    const struct kvc_slo_bar *bar = &slo->bars[i];
    if (!judged_each(bar)) continue;
    double *limit = bar->figure == KVC_SLO_TTFT   ? &out.ttft_s
                    : bar->figure == KVC_SLO_TPOT ? &out.tpot_s
                                                  : &out.e2e_s;
    if (!(*limit > 0) || bar->limit_s < *limit) *limit = bar->limit_s;
  }
  return out;
}

bool kvc_slo_in_goodput(const struct kvc_slo *slo, const struct kvc_slo_bar *bar)
{
  return slo->goodput_frac > 0 && judged_each(bar);
}

double kvc_slo_value(const struct kvc_sim_result *result, const struct kvc_slo_bar *bar)
{
  const struct kvc_sim_dist *const dists[KVC_SLO_FIGURES_] = {
      &result->ttft_s, &result->tpot_s, &result->itl_s, &result->e2e_s, &result->queue_s};
  const struct kvc_sim_dist *d = dists[bar->figure];
  switch (bar->quantile) {
  case KVC_SLO_MEAN: return d->mean;
  case KVC_SLO_P50: return d->p50;
  case KVC_SLO_P90: return d->p90;
  case KVC_SLO_P95: return d->p95;
  case KVC_SLO_P99:
  case KVC_SLO_QUANTILES_: break;
  }
  return d->p99;
}

/* Of those that ended within the limits; who was turned away was not served in time. */
static double good_frac(const struct kvc_sim_result *r)
{
  const double ended = (double)r->balance.finished, refused = (double)r->balance.rejected;
  if (!(r->requests_per_s > 0)) return 0;
  return r->goodput_per_s / r->requests_per_s *
         (refused > 0 ? ended / (ended + refused) : 1);
}

double kvc_slo_ratio(const struct kvc_slo *slo, const struct kvc_sim_result *result,
                     size_t *worst)
{
  double ratio = 0;
  *worst = 0;
  for (size_t i = 0; i < slo->n; i++) {
    const struct kvc_slo_bar *bar = &slo->bars[i];
    if (kvc_slo_in_goodput(slo, bar)) continue;
    const double value = kvc_slo_value(result, bar);
    const double over = isnan(value) ? (double)INFINITY : value / bar->limit_s;
    if (!(over > ratio)) continue;
    ratio = over;
    *worst = i;
  }
  if (!(slo->goodput_frac > 0)) return ratio;
  const double lacks = 1 - good_frac(result), may = 1 - slo->goodput_frac;
  const double over = may > 0 ? lacks / may : lacks > 0 ? (double)INFINITY : 0;
  if (over > ratio || slo->n == 0) {
    ratio = over;
    *worst = slo->n;
  }
  return ratio;
}
