/* simulate_slo.c - limits and sweeps as they are typed.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "simulate.h"
#include <kvcap/num.h>
#include <math.h>
#include <string.h>

kvc_code simulate_slo(struct simulate_args *args, struct kvc_err *err)
{
  if (args->slo == NULL) return KVC_E_OK;
  KVC_TRY(kvc_slo_read(args->slo, "--slo", &args->bars, err));
  args->limits = kvc_slo_each(&args->bars);
  if (args->bars.goodput_frac > 0) return KVC_E_OK;
  /* No share was asked for: the goodput shown counts requests within any limit. */
  for (size_t i = 0; i < args->bars.n; i++) {
    const struct kvc_slo_bar *bar = &args->bars.bars[i];
    if (bar->figure == KVC_SLO_TTFT) args->limits.ttft_s = bar->limit_s;
    if (bar->figure == KVC_SLO_TPOT) args->limits.tpot_s = bar->limit_s;
    if (bar->figure == KVC_SLO_E2E) args->limits.e2e_s = bar->limit_s;
  }
  return KVC_E_OK;
}

static void add_missed(struct kvc_arena *arena, const char *name, const char **missed)
{
  const char *text = kvc_arena_printf(arena, "%s%s%s", *missed != NULL ? *missed : "",
                                      *missed != NULL ? ", " : "", name);
  *missed = text != NULL ? text : "limits";
}

bool simulate_meets(struct kvc_arena *arena, const struct simulate_args *args,
                    const struct kvc_sim_result *result, const char **missed)
{
  const struct kvc_slo *slo = &args->bars;
  *missed = NULL;
  for (size_t i = 0; i <= slo->n; i++) {
    /* One limit at a time, so that each that is missed is named. */
    struct kvc_slo one = {.goodput_frac = slo->goodput_frac};
    char name[KVC_SLO_NAME] = "goodput";
    size_t worst;
    if (i < slo->n) {
      one = (struct kvc_slo){.bars = {slo->bars[i]}, .n = 1};
      if (kvc_slo_in_goodput(slo, &slo->bars[i])) continue;
      kvc_slo_name(&slo->bars[i], name);
    }
    if (kvc_slo_ratio(&one, result, &worst) > 1) add_missed(arena, name, missed);
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
