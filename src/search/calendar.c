/* calendar.c - replicas over the day and over the months, and what if.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "search_room.h"
#include <math.h>

static const double PI = 3.14159265358979323846, PEAK_HOUR = 15;
enum { USUAL_HORIZON = 12 };

/* A sine through the day, the peak in the afternoon: as simulate's diurnal arrivals. */
static double hour_rate(const struct kvc_search_request *req, int hour)
{
  const double swing = req->peak_to_trough > 1 ? req->peak_to_trough : 1;
  const double low = req->rate_per_s / swing, mid = (req->rate_per_s + low) / 2;
  return mid + (req->rate_per_s - mid) * cos(2 * PI * (hour - PEAK_HOUR) / 24);
}

static void day(const struct kvc_search *s, const struct kvc_search_unit *u,
                struct kvc_search_option *out)
{
  const struct search_card *card = &s->cards[u->shape.hardware];
  out->usd_per_day_scaled = 0;
  for (int h = 0; h < 24; h++) {
    int64_t n = u->replicas;
    /* A split of prefill and decode is of one number of replicas only. */
    if (u->prefill_replicas == 0)
      n = search_replicas(&s->req, hour_rate(&s->req, h), u->max_rate_per_s);
    out->day[h] = n < u->replicas ? n : u->replicas;
    out->usd_per_day_scaled += search_cost(card, search_gpus(&u->shape), out->day[h]);
  }
}

static double month_rate(const struct kvc_search_request *req, double month)
{
  double rate = req->rate_per_s;
  if (req->n_growth == 0) return rate * pow(1 + req->growth_per_month, month);
  for (size_t i = 0; i < req->n_growth; i++)
    if (req->growth[i].month <= month) rate = req->growth[i].rate_per_s;
  return rate;
}

static kvc_code months(struct kvc_search *s, const struct kvc_search_unit *u,
                       struct kvc_search_option *out, struct kvc_err *err)
{
  const struct kvc_search_request *req = &s->req;
  const struct search_card *card = &s->cards[u->shape.hardware];
  if (req->n_growth == 0 && req->growth_per_month == 0) return KVC_E_OK;
  int n = req->horizon_months > 0 ? req->horizon_months : USUAL_HORIZON;
  if (n > KVC_SEARCH_MONTHS - 1) n = KVC_SEARCH_MONTHS - 1;
  struct kvc_search_month *m = kvc_arena_alloc(s->arena, (size_t)n + 1, sizeof *m);
  if (m == NULL) return kvc_arena_full(s->arena, "the months", err);
  for (int i = 0; i <= n; i++) {
    const double rate = month_rate(req, i);
    m[i] = (struct kvc_search_month){.month = i, .rate_per_s = rate};
    m[i].replicas = search_replicas(req, rate, u->max_rate_per_s);
    m[i].usd_per_hour = search_cost(card, search_gpus(&u->shape), m[i].replicas);
  }
  out->months = m;
  out->n_months = (size_t)n + 1;
  return KVC_E_OK;
}

kvc_code search_calendar(struct kvc_search *s, const struct kvc_search_unit *u,
                         struct kvc_search_option *out, struct kvc_err *err)
{
  day(s, u, out);
  return months(s, u, out, err);
}

/* ---- what if ---- */

static kvc_code longer(struct kvc_search *s, const struct search_server *server,
                       const struct kvc_search_unit *u, double prompt_scale,
                       double output_scale, double *rate, struct kvc_err *err)
{
  struct kvc_arena arena;
  struct search_load load;
  struct kvc_search_unit trial = *u;
  struct search_server roomy = *server;
  /* Or the longest would be turned away. */
  struct kvc_sim_engine *e = &roomy.config.engine;
  e->max_model_len_tok *= 2;
  if (!e->chunked_prefill && e->max_batched_tok < e->max_model_len_tok)
    e->max_batched_tok = e->max_model_len_tok;
  trial.n_points = 0;
  trial.simulated = 0;
  kvc_arena_init(&arena, 1 << 26);
  kvc_code rc = search_load_draw(&arena, &s->req, prompt_scale, output_scale, &load, err);
  const struct search_span span = {
      .load = &load, .guess = u->max_rate_per_s, .most = 2 * u->bound_rate_per_s};
  if (rc == KVC_E_OK) rc = search_rate(s, &roomy, &span, &trial, rate, err);
  kvc_arena_clear(&arena);
  s->runs += trial.simulated;
  return rc;
}

static kvc_code lose_one(struct kvc_search *s, const struct search_server *server,
                         const struct kvc_search_unit *u, struct kvc_search_option *out,
                         struct kvc_err *err)
{
  struct kvc_search_point p;
  out->survives = false;
  if (u->prefill_replicas > 0) {
    out->survival = "not asked of replicas that prefill and decode apart";
    return KVC_E_OK;
  }
  if (u->replicas < 2) {
    out->survival = "one replica serves everything: losing it stops the service";
    return KVC_E_OK;
  }
  const double rate = s->req.rate_per_s / (double)(u->replicas - 1);
  const struct search_run run = {
      .load = &s->load, .rate_per_s = rate, .requests = search_requests(server)};
  KVC_TRY(search_finish_run(s, server, &run, &p, err));
  out->survives = p.ratio <= 1;
  const char *how = out->survives ? "and the limits hold"
                    : p.worst < 0 ? "more than it serves: the queue grows"
                                  : "and a limit is missed";
  out->survival =
      kvc_arena_printf(s->arena,
                       "with %lld of %lld replicas each gets %.3g requests a second, %s "
                       "(TTFT p95 %.3g s, TPOT p95 %.3g ms)",
                       (long long)(u->replicas - 1), (long long)u->replicas, rate, how,
                       p.ttft_s.p95, 1e3 * p.tpot_s.p95);
  return out->survival != NULL ? KVC_E_OK : kvc_arena_full(s->arena, NULL, err);
}

kvc_code search_what_if(struct kvc_search *s, const struct search_server *server,
                        const struct kvc_search_unit *u, bool all,
                        struct kvc_search_option *out, struct kvc_err *err)
{
  static const struct {
    const char *what;
    double prompt, output, rate;
  } rows[] = {{"+20 % output tokens", 1, 1.2, 1},
              {"+20 % prompt tokens", 1.2, 1, 1},
              {"+20 % requests", 1, 1, 1.2},
              {"twice the requests", 1, 1, 2}};
  enum { N = sizeof rows / sizeof *rows };
  const struct search_card *card = &s->cards[u->shape.hardware];
  KVC_TRY(lose_one(s, server, u, out, err));
  if (!all || u->prefill_replicas > 0) return KVC_E_OK;
  struct kvc_search_sensitivity *list = kvc_arena_alloc(s->arena, N, sizeof *list);
  if (list == NULL) return kvc_arena_full(s->arena, "the sensitivity", err);
  for (size_t i = 0; i < N; i++) {
    double rate = u->max_rate_per_s;
    if (rows[i].rate == 1)
      KVC_TRY(longer(s, server, u, rows[i].prompt, rows[i].output, &rate, err));
    const double load = s->req.rate_per_s * rows[i].rate;
    const int64_t n = rate > 0 ? search_replicas(&s->req, load, rate) : 0;
    list[i] = (struct kvc_search_sensitivity){
        .what = rows[i].what,
        .max_rate_per_s = rate,
        .replicas = n,
        .usd_per_hour =
            n > 0 ? search_cost(card, search_gpus(&u->shape), n) : (double)NAN};
  }
  out->sensitivity = list;
  out->n_sensitivity = N;
  return KVC_E_OK;
}
