/* traffic.c - loads drawn from a description.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Arrivals, lengths, prefixes and think times draw from streams of their own, so that
 * a longer prompt distribution does not move an arrival.
 */
#include <kvcap/rng.h>
#include <kvcap/traffic.h>
#include <math.h>

static int32_t cut(double x, const struct kvc_length *l)
{
  const double min = l->min > 1 ? l->min : 1;
  const double max = l->max > 0 ? l->max : KVC_TRAFFIC_MAX_TOK;
  x = floor(x + 0.5);
  return (int32_t)(x < min ? min : x > max ? max : x);
}

static int32_t draw_length(struct kvc_rng *rng, const struct kvc_length *l)
{
  double x = l->mean;
  switch (l->kind) {
  case KVC_LEN_FIXED: break;
  case KVC_LEN_UNIFORM:
    x = (double)l->min + (double)kvc_rng_below(rng, (uint64_t)(l->max - l->min) + 1);
    break;
  case KVC_LEN_NORMAL: x += l->spread * kvc_rng_normal(rng); break;
  case KVC_LEN_LOGNORMAL: {
    const double s2 = kvc_rng_log(1 + l->spread * l->spread);
    x = l->mean * kvc_rng_expf(sqrt(s2) * kvc_rng_normal(rng) - s2 / 2);
    break;
  }
  case KVC_LEN_EMPIRICAL: x = l->values[kvc_rng_below(rng, l->n_values)]; break;
  }
  return cut(x, l);
}

/* sin(2 pi x) by its series, so that no libm decides the bytes. */
static double sin_turn(double x)
{
  x -= floor(x + 0.5);
  if (x > 0.25) x = 0.5 - x;
  if (x < -0.25) x = -0.5 - x;
  const double a = x * 6.283185307179586, w = a * a;
  double sum = 0;
  for (int k = 19; k >= 1; k -= 2) sum = 1 - sum * w / ((k + 1) * (k + 2));
  return a * sum;
}

/* Rates that change with time: thin a Poisson stream of the highest rate. */
static double rate_at(const struct kvc_traffic_spec *s, double t_s, double length_s)
{
  if (s->arrivals == KVC_ARRIVE_DIURNAL)
    return s->rate_per_s * (1 + s->swing_frac * sin_turn(t_s / s->period_s));
  const double f = length_s > 0 && t_s < length_s ? t_s / length_s : 1;
  return s->rate_per_s + (s->rate_end_per_s - s->rate_per_s) * f;
}

static double next_arrival(const struct kvc_traffic_spec *s, struct kvc_rng *rng,
                           double t_s)
{
  if (s->arrivals == KVC_ARRIVE_RATE) {
    const double b = s->burstiness > 0 ? s->burstiness : 1;
    if (b == 1) return t_s + kvc_rng_exp(rng) / s->rate_per_s;
    if (b > 1e9) return t_s + 1 / s->rate_per_s;
    return t_s + kvc_rng_gamma(rng, b) / (b * s->rate_per_s);
  }
  if (s->arrivals != KVC_ARRIVE_RAMP && s->arrivals != KVC_ARRIVE_DIURNAL) return 0;
  const double mean = (s->rate_per_s + s->rate_end_per_s) / 2;
  const double length_s = s->duration_s > 0 ? s->duration_s : (double)s->requests / mean;
  const double top = s->arrivals == KVC_ARRIVE_DIURNAL
                         ? s->rate_per_s * (1 + s->swing_frac)
                         : fmax(s->rate_per_s, s->rate_end_per_s);
  do t_s += kvc_rng_exp(rng) / top;
  while (kvc_rng_unit(rng) * top > rate_at(s, t_s, length_s));
  return t_s;
}

static kvc_code check_length(const struct kvc_length *l, const char *what,
                             struct kvc_err *err)
{
  if (l->max < 0 || l->min < 0 || (l->max > 0 && l->min > l->max))
    return kvc_fail(err, KVC_E_RANGE, what, "its least length is above its greatest");
  if (l->kind == KVC_LEN_EMPIRICAL) {
    if (l->n_values == 0) return kvc_fail(err, KVC_E_RANGE, what, "no lengths are given");
    return KVC_E_OK;
  }
  if (l->kind == KVC_LEN_UNIFORM) {
    if (l->max < 1)
      return kvc_fail(err, KVC_E_RANGE, what, "a uniform length needs a greatest value");
    return KVC_E_OK;
  }
  if (!(l->mean >= 1 && l->mean <= KVC_TRAFFIC_MAX_TOK))
    return kvc_fail(err, KVC_E_RANGE, what, "a mean of %g tokens is outside [1, %d]",
                    l->mean, KVC_TRAFFIC_MAX_TOK);
  if (!(l->spread >= 0 && l->spread <= KVC_TRAFFIC_MAX_TOK))
    return kvc_fail(err, KVC_E_RANGE, what, "a spread of %g is not usable", l->spread);
  return KVC_E_OK;
}

static kvc_code check_rate(const struct kvc_traffic_spec *s, struct kvc_err *err)
{
  if (s->arrivals == KVC_ARRIVE_AT_ONCE) return KVC_E_OK;
  if (s->arrivals == KVC_ARRIVE_CLOSED) {
    if (s->clients < 1)
      return kvc_fail(err, KVC_E_RANGE, "concurrency", "a closed loop needs a client");
    return KVC_E_OK;
  }
  if (!(s->rate_per_s > 0 && s->rate_per_s <= 1e9))
    return kvc_fail(err, KVC_E_RANGE, "rate",
                    "%g requests per second is outside (0, 1e9]", s->rate_per_s);
  if (s->arrivals == KVC_ARRIVE_RAMP &&
      !(s->rate_end_per_s > 0 && s->rate_end_per_s <= 1e9))
    return kvc_fail(err, KVC_E_RANGE, "rate",
                    "a ramp to %g requests per second is no ramp", s->rate_end_per_s);
  if (s->arrivals == KVC_ARRIVE_DIURNAL &&
      !(s->period_s > 0 && s->swing_frac >= 0 && s->swing_frac <= 1))
    return kvc_fail(err, KVC_E_RANGE, "diurnal",
                    "a daily curve needs a period and a swing of 0 to 1");
  if (!(s->burstiness >= 0))
    return kvc_fail(err, KVC_E_RANGE, "burstiness", "%g is not a burstiness",
                    s->burstiness);
  return KVC_E_OK;
}

static kvc_code check_spec(const struct kvc_traffic_spec *s, struct kvc_err *err)
{
  if (s->requests < 1 || s->requests > KVC_TRAFFIC_MAX_REQUESTS)
    return kvc_fail(err, KVC_E_LIMIT, "requests", "%zu requests are outside [1, %d]",
                    s->requests, KVC_TRAFFIC_MAX_REQUESTS);
  KVC_TRY(check_rate(s, err));
  if (s->n_pairs == 0) {
    KVC_TRY(check_length(&s->prompt, "prompt length", err));
    KVC_TRY(check_length(&s->output, "output length", err));
  }
  if (s->turns < 0 || s->turns > 10000 || !(s->think_s >= 0 && s->think_s < 1e8) ||
      s->prefix_tok < 0 || s->prefix_tok > KVC_TRAFFIC_MAX_TOK)
    return kvc_fail(err, KVC_E_RANGE, "sessions",
                    "turns, think time or shared prefix are out of range");
  return KVC_E_OK;
}

struct maker {
  const struct kvc_traffic_spec *spec;
  struct kvc_rng arrivals, prompts, outputs, prefixes, thinks;
  uint32_t sessions;
};

static void draw_request(struct maker *m, struct kvc_request *r)
{
  const struct kvc_traffic_spec *s = m->spec;
  if (s->n_pairs > 0) {
    const int32_t *pair = s->pairs[kvc_rng_below(&m->prompts, s->n_pairs)];
    r->prompt_tok = cut(pair[0], &s->prompt);
    r->output_tok = cut(pair[1], &s->output);
  } else {
    r->prompt_tok = draw_length(&m->prompts, &s->prompt);
    r->output_tok = draw_length(&m->outputs, &s->output);
  }
}

/* Turn 1 brings the shared prefix; each later turn repeats all before it. */
static size_t draw_session(struct maker *m, struct kvc_request *items, size_t i, size_t n,
                           int64_t at_ns)
{
  const struct kvc_traffic_spec *s = m->spec;
  const int turns = s->turns > 1 ? s->turns : 1;
  const uint32_t kinds = s->prefixes > 0 ? s->prefixes : 1;
  const uint32_t prefix =
      s->prefix_tok > 0 ? 1 + (uint32_t)kvc_rng_below(&m->prefixes, kinds) : 0;
  const uint32_t session = turns > 1 ? ++m->sessions : 0;
  int64_t history = s->prefix_tok;
  for (int t = 0; t < turns && i < n; t++, i++) {
    struct kvc_request *r = &items[i];
    draw_request(m, r);
    history += r->prompt_tok;
    if (history > KVC_TRAFFIC_MAX_TOK) history = KVC_TRAFFIC_MAX_TOK;
    r->prompt_tok = (int32_t)history;
    history += r->output_tok;
    r->prefix_tok = s->prefix_tok;
    r->prefix_id = prefix;
    r->session = session;
    r->arrival_ns = at_ns;
    if (t > 0) {
      r->after = (uint32_t)i; /* 1 + (i - 1) */
      r->arrival_ns = (int64_t)(kvc_rng_exp(&m->thinks) * s->think_s * 1e9 + 0.5);
    }
  }
  return i;
}

kvc_code kvc_traffic_make(struct kvc_arena *arena, const struct kvc_traffic_spec *spec,
                          uint64_t seed, struct kvc_traffic *out, struct kvc_err *err)
{
  KVC_TRY(check_spec(spec, err));
  struct kvc_request *items = kvc_arena_alloc(arena, spec->requests, sizeof *items);
  if (items == NULL) return kvc_arena_full(arena, "requests", err);
  struct maker m = {.spec = spec};
  kvc_rng_init(&m.arrivals, seed, "arrivals");
  kvc_rng_init(&m.prompts, seed, "prompt lengths");
  kvc_rng_init(&m.outputs, seed, "output lengths");
  kvc_rng_init(&m.prefixes, seed, "prefixes");
  kvc_rng_init(&m.thinks, seed, "think times");
  const bool open = spec->arrivals != KVC_ARRIVE_CLOSED;
  double t_s = 0;
  size_t n = 0;
  while (n < spec->requests) {
    if (open) t_s = next_arrival(spec, &m.arrivals, t_s);
    if ((open && spec->duration_s > 0 && t_s > spec->duration_s) || t_s > 9e9) break;
    n = draw_session(&m, items, n, spec->requests, (int64_t)(t_s * 1e9 + 0.5));
  }
  *out = (struct kvc_traffic){.items = items,
                              .n = n,
                              .clients = spec->clients > 0 ? spec->clients : 0,
                              .paced = open,
                              .ends_by_stop = spec->ends_by_stop};
  return KVC_E_OK;
}
