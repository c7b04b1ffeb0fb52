/* unit.c - one candidate: screened, then searched by simulation.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "search_room.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { UNIT_BYTES = 1 << 29 };

static void fate(struct kvc_search_unit *u, enum kvc_fate f, const char *why)
{
  u->fate = f;
  (void)snprintf(u->why, sizeof u->why, "%.*s", (int)sizeof u->why - 1, why);
}

/* A refusal ends this candidate, a fault of the question or of the program all. */
static bool is_refusal(kvc_code rc)
{
  return rc == KVC_E_UNSUPPORTED || rc == KVC_E_CONFLICT || rc == KVC_E_INFEASIBLE ||
         rc == KVC_E_RANGE;
}

/* Sized, and made ready when it starts; *go says whether it is worth more. */
static kvc_code open_server(struct kvc_arena *arena, const struct kvc_search *s,
                            struct kvc_search_unit *u, struct search_server *server,
                            bool *go, struct kvc_err *err)
{
  struct kvc_err why = {0};
  struct kvc_size *size = kvc_arena_alloc(arena, 1, sizeof *size);
  *go = false;
  if (size == NULL) return kvc_arena_full(arena, "a candidate", err);
  kvc_code rc = search_size(arena, s, u, size, &why);
  if (rc == KVC_E_OK && !size->memory.fits) {
    fate(u, KVC_FATE_MEMORY,
         size->memory.error[0] != '\0' ? size->memory.error : "does not start");
    return KVC_E_OK;
  }
  if (rc == KVC_E_OK) rc = search_server_open(arena, s, u, size, false, server, &why);
  if (is_refusal(rc)) {
    fate(u, KVC_FATE_UNSUPPORTED, why.msg);
    return KVC_E_OK;
  }
  if (rc != KVC_E_OK) {
    if (err != NULL) *err = why;
    return rc;
  }
  *go = true;
  return KVC_E_OK;
}

/* ---- screened ---- */

static void screen_bounds(const struct kvc_search *s, struct kvc_search_unit *u,
                          const struct search_bound *b)
{
  const struct search_card *card = &s->cards[u->shape.hardware];
  const int gpus = search_gpus(&u->shape);
  double value_s = 0;
  u->bound_rate_per_s = b->rate_per_s;
  u->bound_e2e_s = b->e2e_s[KVC_SLO_P95];
  const int64_t least = search_replicas(&s->req, s->req.rate_per_s, b->rate_per_s);
  u->bound_usd_per_hour = search_cost(card, gpus, least);
  const struct kvc_slo_bar *bar = search_bound_misses(&s->req.slo, b, &value_s);
  if (bar != NULL) {
    char name[KVC_SLO_NAME];
    kvc_slo_name(bar, name);
    u->fate = KVC_FATE_BOUND;
    (void)snprintf(u->why, sizeof u->why,
                   "%s is at least %.3g ms on an idle server, and %.3g are allowed", name,
                   1e3 * value_s, 1e3 * bar->limit_s);
  } else if (search_over_limit(s, card, gpus, least, u->why)) {
    u->fate = KVC_FATE_LIMIT;
  }
}

static kvc_code screen_in(struct kvc_arena *arena, const struct kvc_search *s,
                          struct kvc_search_unit *u, struct kvc_err *err)
{
  struct search_server server;
  struct search_bound bound;
  bool go;
  KVC_TRY(open_server(arena, s, u, &server, &go, err));
  if (!go) return KVC_E_OK;
  KVC_TRY(search_bound(arena, &server, &s->load, &bound, err));
  screen_bounds(s, u, &bound);
  return KVC_E_OK;
}

kvc_code search_unit_screen(const struct kvc_search *s, struct kvc_search_unit *u,
                            struct kvc_err *err)
{
  struct kvc_arena arena;
  kvc_arena_init(&arena, UNIT_BYTES);
  u->fate = KVC_FATE_FOUND; /* until something speaks against it */
  u->bound_rate_per_s = u->bound_usd_per_hour = u->bound_e2e_s = NAN;
  u->usd_per_hour = u->joules_per_output_token = NAN;
  const kvc_code rc = screen_in(&arena, s, u, err);
  kvc_arena_clear(&arena);
  return rc;
}

/* ---- searched ---- */

struct trying {
  struct kvc_arena *arena;
  const struct kvc_search *s;
  struct kvc_search_unit *u;
  struct search_server server; /* of u's flags */
};

/* The point of the unit at its largest rate, and the first beyond it. */
static const struct kvc_search_point *point_at(const struct kvc_search_unit *u,
                                               double rate_per_s)
{
  for (int i = 0; i < u->n_points; i++)
    if (u->points[i].rate_per_s == rate_per_s) return &u->points[i];
  return NULL;
}

static const struct kvc_search_point *point_beyond(const struct kvc_search_unit *u,
                                                   double rate_per_s)
{
  const struct kvc_search_point *best = NULL;
  for (int i = 0; i < u->n_points; i++) {
    const struct kvc_search_point *p = &u->points[i];
    if (p->rate_per_s > rate_per_s && p->ratio > 1 &&
        (best == NULL || p->rate_per_s < best->rate_per_s))
      best = p;
  }
  return best;
}

static void name_binding(const struct kvc_slo *slo, int worst, char out[24])
{
  char name[KVC_SLO_NAME] = "goodput";
  if (worst < 0)
    (void)snprintf(name, sizeof name, "throughput");
  else if ((size_t)worst < slo->n)
    kvc_slo_name(&slo->bars[worst], name);
  (void)snprintf(out, 24, "%s", name);
}

static void bind(struct trying *t)
{
  struct kvc_search_unit *u = t->u;
  const struct kvc_search_point *p = point_beyond(u, u->max_rate_per_s);
  if (p != NULL)
    name_binding(&t->s->req.slo, p->worst, u->binding);
  else
    (void)snprintf(u->binding, sizeof u->binding, "throughput");
}

/* Whether other flags hold a rate 5 % above; if so they are the unit's. */
static kvc_code try_flags(struct trying *t, int64_t seqs, int64_t budget,
                          struct kvc_err *err)
{
  struct kvc_search_unit next = *t->u;
  struct search_server server;
  struct kvc_search_point p;
  bool go;
  next.max_num_seqs = seqs;
  next.max_num_batched_tok = budget;
  next.fate = KVC_FATE_FOUND;
  KVC_TRY(open_server(t->arena, t->s, &next, &server, &go, err));
  if (!go || server.size->setting.max_num_seqs != seqs) return KVC_E_OK;
  const double rate = 1.05 * t->u->max_rate_per_s;
  const struct search_run run = {
      .load = &t->s->load, .rate_per_s = rate, .requests = search_requests(&server)};
  if (!(rate < t->u->bound_rate_per_s)) return KVC_E_OK;
  KVC_TRY(search_simulate(t->s, &server, &run, &p, err));
  t->u->simulated++;
  if (!(p.ratio <= 1)) return KVC_E_OK;
  next.points[0] = p;
  next.n_points = 1;
  next.simulated = t->u->simulated;
  double best;
  const struct search_span span = {
      .load = &t->s->load, .guess = rate, .most = next.bound_rate_per_s};
  KVC_TRY(search_rate(t->s, &server, &span, &next, &best, err));
  if (!(best > t->u->max_rate_per_s)) {
    t->u->simulated = next.simulated;
    return KVC_E_OK;
  }
  next.max_rate_per_s = best;
  *t->u = next;
  t->server = server;
  bind(t);
  return KVC_E_OK;
}

/* Seats where they are taken while the pool is not; a step's tokens by what binds. */
static kvc_code turn_knobs(struct trying *t, struct kvc_err *err)
{
  static const int64_t sizes[] = {512, 1024, 2048, 4096, 8192, 16384};
  const struct kvc_search_unit *u = t->u;
  const struct kvc_size_request *base = &t->s->req.models[u->shape.model];
  const struct kvc_setting *set = &t->server.size->setting;
  const struct kvc_search_point *p = point_at(u, u->max_rate_per_s);
  const int64_t seqs = set->max_num_seqs, now = set->max_num_batched_tok;
  const double seats = (double)seqs * set->dp;
  if (base->deploy.max_num_seqs == 0 && p != NULL && p->running_mean > 0.7 * seats &&
      p->kv_mean_frac < 0.7 && seqs < 1024)
    KVC_TRY(try_flags(t, seqs * 2 < 1024 ? seqs * 2 : 1024, u->max_num_batched_tok, err));
  if (base->deploy.max_num_batched_tok != 0 || !set->chunked_prefill) return KVC_E_OK;
  const bool smaller =
      strncmp(u->binding, "tpot", 4) == 0 || strncmp(u->binding, "itl", 3) == 0;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    const int64_t budget = sizes[smaller ? 5 - i : i];
    if (smaller ? budget >= now : budget <= now) continue;
    if (budget < t->server.size->setting.max_num_seqs) continue;
    const double before = u->max_rate_per_s;
    KVC_TRY(try_flags(t, t->server.size->setting.max_num_seqs, budget, err));
    if (!(u->max_rate_per_s > before)) break;
  }
  return KVC_E_OK;
}

static kvc_code at_share(struct trying *t, int64_t replicas, struct kvc_search_point *out,
                         struct kvc_err *err)
{
  struct kvc_search_unit *u = t->u;
  const struct kvc_search_point *top = point_at(u, u->max_rate_per_s);
  const double rate = t->s->req.rate_per_s / (double)replicas;
  /* By Little's law: a dozen fillings of what is in service at most. */
  const double in_service = top != NULL ? rate * top->e2e_s.mean : t->server.seats;
  const size_t most = search_requests(&t->server);
  const struct search_run run = {
      .load = &t->s->load,
      .rate_per_s = rate,
      .requests = (size_t)fmin((double)most, fmax(SEARCH_LEAST, 12 * in_service))};
  KVC_TRY(search_simulate(t->s, &t->server, &run, out, err));
  u->simulated++;
  if (u->n_points < KVC_SEARCH_POINTS) u->points[u->n_points++] = *out;
  return KVC_E_OK;
}

/* The load as it falls on each of the replicas that it takes, and on twice as many: what
 * more money buys. */
static kvc_code at_load(struct trying *t, struct kvc_err *err)
{
  struct kvc_search_unit *u = t->u;
  const struct kvc_search_request *req = &t->s->req;
  struct kvc_search_point twice;
  u->replicas = search_replicas(req, req->rate_per_s, u->max_rate_per_s);
  u->load_rate_per_s = req->rate_per_s / (double)u->replicas;
  KVC_TRY(at_share(t, u->replicas, &u->load, err));
  return at_share(t, 2 * u->replicas, &twice, err);
}

/* Prefill and decode on replicas of their own, where that needs fewer of them or makes
 * answers quicker: every split of as many or one less. */
static kvc_code apart(struct trying *t, struct kvc_err *err)
{
  enum { MOST = 6 };
  struct kvc_search_unit *u = t->u;
  const struct kvc_search_request *req = &t->s->req;
  if (!(req->kv_transfer_bps > 0) || u->replicas > MOST || u->shape.dp > 1 ||
      t->server.config.engine.policy.v0)
    return KVC_E_OK;
  const int most = u->replicas > 2 ? (int)u->replicas : 2;
  for (int n = most > 2 ? most - 1 : 2; n <= most; n++)
    for (int prefill = 1; prefill < n; prefill++) {
      struct kvc_search_point p;
      const size_t requests = (size_t)n * search_requests(&t->server);
      const struct search_run run = {.load = &t->s->load,
                                     .rate_per_s = req->rate_per_s,
                                     .requests = requests,
                                     .replicas = n,
                                     .prefill_replicas = prefill};
      KVC_TRY(search_simulate(t->s, &t->server, &run, &p, err));
      u->simulated++;
      if (!(p.ratio <= 1 - req->headroom_frac)) continue;
      const bool fewer = n < u->replicas;
      if (n > u->replicas || (!fewer && !(p.e2e_s.p95 < 0.97 * u->load.e2e_s.p95)))
        continue;
      u->replicas = n;
      u->prefill_replicas = prefill;
      u->load = p;
    }
  return KVC_E_OK;
}

static void account(struct trying *t)
{
  struct kvc_search_unit *u = t->u;
  const struct search_card *card = t->server.card;
  const int gpus = search_gpus(&u->shape);
  const struct kvc_setting *set = &t->server.size->setting;
  struct kvc_step_cost cost;
  const struct kvc_step step = kvc_decode_step(1, t->s->load.prompt_mean_tok);
  kvc_latency_price(t->server.latency, &step, &cost);
  u->source = cost.source;
  u->max_num_seqs = set->max_num_seqs;
  u->max_num_batched_tok = set->max_num_batched_tok;
  u->max_model_len_tok = set->max_model_len_tok;
  u->usd_per_hour = search_cost(card, gpus, u->replicas);
  u->joules_per_output_token = u->load.joules_per_output_token;
  if (search_over_limit(t->s, card, gpus, u->replicas, u->why)) u->fate = KVC_FATE_LIMIT;
}

static void say_missed(const struct kvc_search *s, struct kvc_search_unit *u)
{
  const struct kvc_search_point *best = NULL;
  char name[24];
  for (int i = 0; i < u->n_points; i++)
    if (best == NULL || u->points[i].ratio < best->ratio) best = &u->points[i];
  u->fate = KVC_FATE_SLO;
  if (best == NULL) return;
  name_binding(&s->req.slo, best->worst, name);
  (void)snprintf(u->why, sizeof u->why,
                 "%s is %.2f times its limit even at %.3g requests a second", name,
                 best->ratio, best->rate_per_s);
}

/* Replicas are doubled from the fewest that the bound allows.  So many that miss a limit
 * say that it takes at least one more, at whose cost the unit answers at best as an idle
 * server does; when a pilot is cheaper and sooner than that, it is not worth a search.
 * Nor is it when two, four and eight times the fewest were simulated and each was dearer
 * and later than some pilot.  *guess: a rate of one replica to begin with. */
static kvc_code is_worth_it(struct trying *t, bool *out, double *guess,
                            struct kvc_err *err)
{
  enum { LOOKS = 20, BEATEN = 3 };
  struct kvc_search_unit *u = t->u;
  const int gpus = search_gpus(&u->shape);
  const struct kvc_search_request *req = &t->s->req;
  int64_t n = search_replicas(req, req->rate_per_s, u->bound_rate_per_s);
  int64_t missed = 0;
  int beaten = 0;
  *out = true;
  *guess = 0.4 * u->bound_rate_per_s;
  if (u->pilot || n == 0) return KVC_E_OK;
  for (int look = 0; look < LOOKS; look++, n *= 2) {
    struct kvc_search_point p;
    struct kvc_search_unit trial = *u;
    KVC_TRY(at_share(t, n, &p, err));
    const double usd = search_cost(t->server.card, gpus, n);
    const double more = search_cost(t->server.card, gpus, n + 1);
    const bool holds = p.ratio <= 1;
    *guess = p.rate_per_s;
    /* Fewer may do when the doubling has passed over some. */
    const bool gap = missed > 0 && n > missed + 1;
    if (holds && (gap || !search_dominated(t->s, usd, p.e2e_s.p95, &trial)))
      return KVC_E_OK;
    if (!holds) missed = n;
    if (search_dominated(t->s, more, u->bound_e2e_s, u) ||
        (holds && ++beaten == BEATEN && search_dominated(t->s, usd, p.e2e_s.p95, u))) {
      *out = false;
      return KVC_E_OK;
    }
  }
  return KVC_E_OK;
}

static kvc_code run_in(struct trying *t, struct kvc_err *err)
{
  struct kvc_search_unit *u = t->u;
  bool go;
  u->fate = KVC_FATE_FOUND;
  u->why[0] = '\0';
  KVC_TRY(open_server(t->arena, t->s, u, &t->server, &go, err));
  double guess = NAN;
  if (go) KVC_TRY(is_worth_it(t, &go, &guess, err));
  if (!go) return KVC_E_OK;
  const struct search_span span = {
      .load = &t->s->load, .guess = guess, .most = u->bound_rate_per_s};
  KVC_TRY(search_rate(t->s, &t->server, &span, u, &u->max_rate_per_s, err));
  if (!(u->max_rate_per_s > 0)) {
    say_missed(t->s, u);
    return KVC_E_OK;
  }
  bind(t);
  KVC_TRY(turn_knobs(t, err));
  KVC_TRY(at_load(t, err));
  KVC_TRY(apart(t, err));
  account(t);
  return KVC_E_OK;
}

kvc_code search_unit_run(const struct kvc_search *s, struct kvc_search_unit *u,
                         struct kvc_err *err)
{
  struct kvc_arena arena;
  struct kvc_err why = {0};
  kvc_arena_init(&arena, UNIT_BYTES);
  struct trying t = {.arena = &arena, .s = s, .u = u};
  const kvc_code rc = run_in(&t, &why);
  kvc_arena_clear(&arena);
  if (is_refusal(rc)) {
    fate(u, KVC_FATE_UNSUPPORTED, why.msg);
    return KVC_E_OK;
  }
  if (rc != KVC_E_OK && err != NULL) *err = why;
  return rc;
}

kvc_code kvc_search_unit(const struct kvc_search *s, size_t index,
                         struct kvc_search_unit *out, struct kvc_err *err)
{
  *out = s->units[index];
  return search_unit_run(s, out, err);
}
