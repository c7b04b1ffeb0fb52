/* rate.c - the largest rate of one replica at which every limit holds.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The worst figure over its limit grows with the rate (the same requests, closer
 * together).  From a guess the bracket is opened by factors, then GSL's Brent closes it
 * on logarithms of both.  What is returned was itself simulated and held: never a point
 * between two.
 */
#include "search_room.h"
#include <gsl/gsl_errno.h>
#include <gsl/gsl_roots.h>
#include <math.h>

enum { MAX_OPEN = 12, MAX_CLOSE = 9, MAX_TRIES = 32 };
static const double FACTOR = 2.5, CLOSE = 0.03, STEEP = 1.5;
/* Below this part of the bound the figures are those of an idle server. */
static const double IDLE = 1e-3;

struct seeking {
  const struct kvc_search *s;
  const struct search_server *server;
  const struct search_load *load;
  size_t requests;
  struct kvc_search_unit *u;
  double best_per_s;                      /* that held; 0 none */
  double at[MAX_TRIES], value[MAX_TRIES]; /* GSL asks again for the ends of its bracket */
  size_t n;
  kvc_code rc;
  struct kvc_err *err;
};

static void keep(struct kvc_search_unit *u, const struct kvc_search_point *p)
{
  if (u->n_points < KVC_SEARCH_POINTS) u->points[u->n_points++] = *p;
}

/* Logarithm of figure over limit, cut where a straight line would mislead Brent. */
static double note(struct seeking *k, double log_rate, const struct kvc_search_point *p)
{
  const double value = fmax(-STEEP, fmin(STEEP, log(fmax(p->ratio, 1e-3))));
  if (p->ratio <= 1 && p->rate_per_s > k->best_per_s) k->best_per_s = p->rate_per_s;
  if (k->n < MAX_TRIES) {
    k->at[k->n] = log_rate;
    k->value[k->n++] = value;
  }
  return value;
}

static double try_rate(double log_rate, void *ctx)
{
  struct seeking *k = ctx;
  struct kvc_search_point p;
  const struct search_run run = {
      .load = k->load, .rate_per_s = exp(log_rate), .requests = k->requests};
  if (k->rc != KVC_E_OK) return 0;
  for (size_t i = 0; i < k->n; i++)
    if (k->at[i] == log_rate) return k->value[i];
  k->rc = search_simulate(k->s, k->server, &run, &p, k->err);
  if (k->rc != KVC_E_OK) return 0;
  k->u->simulated++;
  keep(k->u, &p);
  return note(k, log_rate, &p);
}

static kvc_code close_in(struct seeking *k, double low, double high)
{
  gsl_error_handler_t *handler = gsl_set_error_handler_off();
  gsl_root_fsolver *solver = gsl_root_fsolver_alloc(gsl_root_fsolver_brent);
  gsl_function f = {.function = try_rate, .params = k};
  int status = solver != NULL ? gsl_root_fsolver_set(solver, &f, low, high) : GSL_ENOMEM;
  for (int i = 0; i < MAX_CLOSE && status == GSL_SUCCESS && k->rc == KVC_E_OK; i++) {
    if (gsl_root_fsolver_x_upper(solver) - gsl_root_fsolver_x_lower(solver) < CLOSE)
      break;
    status = gsl_root_fsolver_iterate(solver);
  }
  if (solver != NULL) gsl_root_fsolver_free(solver);
  gsl_set_error_handler(handler);
  if (k->rc != KVC_E_OK) return k->rc;
  return status != GSL_ENOMEM ? KVC_E_OK
                              : kvc_fail(k->err, KVC_E_LIMIT, NULL, "out of memory");
}

/* Widens from a guess, within [least, most] (logarithms), until one end holds and the
 * other does not; an end that was not found stays NaN. */
static void open_up(struct seeking *k, double guess, double most, double *low,
                    double *high)
{
  const double least = most + log(IDLE);
  double at = fmin(guess, most);
  *low = *high = NAN;
  for (int i = 0; i < MAX_OPEN && k->rc == KVC_E_OK; i++) {
    if (try_rate(at, k) <= 0)
      *low = at;
    else
      *high = at;
    if (!isnan(*low) && !isnan(*high)) return;
    if (isnan(*high) ? at >= most : at <= least) return;
    at = isnan(*high) ? fmin(at + log(FACTOR), most) : fmax(at - log(FACTOR), least);
  }
}

kvc_code search_rate(const struct kvc_search *s, const struct search_server *server,
                     const struct search_span *span, struct kvc_search_unit *u,
                     double *out, struct kvc_err *err)
{
  struct seeking k = {.s = s,
                      .server = server,
                      .load = span->load,
                      .requests = search_requests(server),
                      .u = u,
                      .err = err};
  double low, high;
  /* The guess is often a rate that was looked at before. */
  for (int i = 0; i < u->n_points; i++)
    if (u->points[i].rate_per_s == span->guess)
      (void)note(&k, log(span->guess), &u->points[i]);
  open_up(&k, log(span->guess), log(span->most), &low, &high);
  KVC_TRY(k.rc);
  if (!isnan(low) && !isnan(high)) KVC_TRY(close_in(&k, low, high));
  *out = k.best_per_s;
  return KVC_E_OK;
}
