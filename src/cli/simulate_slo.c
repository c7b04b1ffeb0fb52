/* simulate_slo.c - limits and sweeps as they are typed.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "simulate.h"
#include <kvcap/num.h>
#include <math.h>
#include <string.h>

static const char *const figures[] = {"ttft", "tpot", "itl", "e2e", "queue"};
static const char *const quantiles[] = {"mean", "p50", "p90", "p95", "p99"};
enum { N_FIGURES = 5, N_QUANTILES = 5 };

static double value_of(const struct kvc_sim_result *r, size_t figure, size_t quantile)
{
  const struct kvc_sim_dist *const dists[] = {&r->ttft_s, &r->tpot_s, &r->itl_s,
                                              &r->e2e_s, &r->queue_s};
  const struct kvc_sim_dist *d = dists[figure];
  const double values[] = {d->mean, d->p50, d->p90, d->p95, d->p99};
  return values[quantile];
}

/* "ttft_p95": which figure and quantile; false when there is none. */
static bool find(const char *name, size_t len, size_t *figure, size_t *quantile)
{
  for (*figure = 0; *figure < N_FIGURES; (*figure)++) {
    const size_t n = strlen(figures[*figure]);
    if (len < n || strncmp(name, figures[*figure], n) != 0) continue;
    if (len == n) { /* "ttft=500ms": of every request, judged at the 99th */
      *quantile = 4;
      return true;
    }
    for (*quantile = 0; *quantile < N_QUANTILES; (*quantile)++)
      if (name[n] == '_' && len - n - 1 == strlen(quantiles[*quantile]) &&
          strncmp(name + n + 1, quantiles[*quantile], len - n - 1) == 0)
        return true;
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
  return true;
}

kvc_code simulate_slo(struct simulate_args *args, struct kvc_err *err)
{
  const char *p = args->slo;
  while (p != NULL && *p != '\0') {
    const size_t len = strcspn(p, ", "), name = strcspn(p, "=:");
    size_t figure, quantile;
    double limit_s;
    if (name >= len || !find(p, name, &figure, &quantile) ||
        !seconds(p + name + 1, len - name - 1, &limit_s))
      return kvc_fail(err, KVC_E_PARSE, "--slo",
                      "\"%.*s\" is no limit; write ttft_p95=500ms or tpot_p99=30ms "
                      "(ttft, tpot, itl, e2e, queue; mean, p50, p90, p95, p99)",
                      (int)(len < 60 ? len : 60), p);
    if (args->n_bars == sizeof args->bars / sizeof *args->bars)
      return kvc_fail(err, KVC_E_LIMIT, "--slo", "has more than 8 limits");
    const char *key = kvc_arena_printf(&args->size.cli->arena, "%s_%s", figures[figure],
                                       quantiles[quantile]);
    if (key == NULL) return kvc_arena_full(&args->size.cli->arena, "--slo", err);
    args->bars[args->n_bars].name = key;
    args->bars[args->n_bars++].limit_s = limit_s;
    if (figure == 0) args->limits.ttft_s = limit_s;
    if (figure == 1) args->limits.tpot_s = limit_s;
    if (figure == 3) args->limits.e2e_s = limit_s;
    p += len;
    p += strspn(p, ", ");
  }
  return KVC_E_OK;
}

bool simulate_meets(struct kvc_arena *arena, const struct simulate_args *args,
                    const struct kvc_sim_result *result, const char **missed)
{
  *missed = NULL;
  for (size_t i = 0; i < args->n_bars; i++) {
    size_t figure, quantile;
    if (!find(args->bars[i].name, strlen(args->bars[i].name), &figure, &quantile))
      continue;
    if (value_of(result, figure, quantile) <= args->bars[i].limit_s) continue;
    const char *text = kvc_arena_printf(arena, "%s%s%s", *missed != NULL ? *missed : "",
                                        *missed != NULL ? ", " : "", args->bars[i].name);
    *missed = text != NULL ? text : args->bars[i].name;
  }
  return *missed == NULL;
}

kvc_code simulate_sweep(const char *text, double *out, size_t room, size_t *n,
                        bool *rates, struct kvc_err *err)
{
  const size_t name = strcspn(text, "=");
  const char *p = text + name + (text[name] == '=');
  double a, b;
  size_t used;
  *rates = strncmp(text, "rate", name) == 0 || strncmp(text, "request-rate", name) == 0;
  *n = 0;
  const bool known = *rates || strncmp(text, "concurrency", name) == 0;
  /* "1..40": the first dot of the two ends the number. */
  const char *dots = strstr(p, "..");
  const size_t len = dots != NULL ? (size_t)(dots - p) : strlen(p);
  if (!known || text[name] != '=' || !kvc_num_scan(p, len, &a, &used) || !(a > 0))
    return kvc_fail(err, KVC_E_PARSE, "--sweep",
                    "\"%.60s\" is no sweep; write rate=1..40 or concurrency=1,4,16",
                    text);
  if (strncmp(p + used, "..", 2) == 0) {
    const char *end = p + used + 2;
    if (!kvc_num_scan(end, strlen(end), &b, &used) || end[used] != '\0' || !(b > a))
      return kvc_fail(err, KVC_E_PARSE, "--sweep", "\"%.60s\" does not rise", text);
    /* A dozen loads, evenly apart. */
    const size_t steps = room < 12 ? room : 12;
    for (size_t i = 0; i < steps; i++) {
      double v = a + (b - a) * (double)i / (double)(steps - 1);
      if (!*rates || b - a >= (double)(steps - 1))
        v = round(v); /* whole ones read better */
      if (*n == 0 || v > out[*n - 1]) out[(*n)++] = v;
    }
    return KVC_E_OK;
  }
  for (;;) {
    if (*n == room)
      return kvc_fail(err, KVC_E_LIMIT, "--sweep", "has more than %zu loads", room);
    out[(*n)++] = a;
    p += used;
    if (*p == '\0') return KVC_E_OK;
    if (*p != ',' || !kvc_num_scan(p + 1, strlen(p + 1), &a, &used) || !(a > 0))
      return kvc_fail(err, KVC_E_PARSE, "--sweep", "\"%.60s\" is no list of loads", text);
    p++;
  }
}
