/* front.c - what nothing else beats: cost against latency, throughput against speed.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Every rate that was simulated is a point: so many replicas at that rate each serve the
 * load at that latency.  A replica's share is rounded down by whole replicas, so the
 * latency at the real share is at most that of the point.
 */
#include "search_room.h"
#include <math.h>
#include <stdlib.h>

enum { MOST = 40 };

struct dot {
  const struct kvc_search_unit *u;
  const struct kvc_search_point *p;
  int64_t replicas;
  double x, y; /* both the less the better */
};

static int by_place(const void *a, const void *b)
{
  const struct dot *p = a, *q = b;
  if (p->x != q->x) return p->x < q->x ? -1 : 1;
  if (p->y != q->y) return p->y < q->y ? -1 : 1;
  return 0;
}

/* Sorted by x; keeps those below all before them. */
static size_t frontier(struct dot *d, size_t n)
{
  size_t kept = 0;
  double least = INFINITY;
  qsort(d, n, sizeof *d, by_place);
  for (size_t i = 0; i < n; i++) {
    if (!(d[i].y < least)) continue;
    least = d[i].y;
    d[kept++] = d[i];
  }
  return kept;
}

static void add(struct kvc_search *s, struct kvc_plan *out, enum kvc_frontier which,
                const struct dot *d)
{
  const struct search_card *card = &s->cards[d->u->shape.hardware];
  const int gpus = search_gpus(&d->u->shape);
  const bool cost = which == KVC_FRONTIER_COST_LATENCY;
  out->front[out->n_front++] = (struct kvc_search_front){
      .frontier = which,
      .unit = d->u,
      .what = kvc_search_words(s, d->u),
      .replicas = d->replicas,
      .rate_per_s = d->p->rate_per_s,
      .usd_per_hour = cost ? d->x : search_cost(card, gpus, d->replicas),
      .e2e_p95_s = d->p->e2e_s.p95,
      .tok_per_s_per_gpu = d->p->output_tok_per_s / gpus,
      .tok_per_s_per_user = 1 / d->p->tpot_s.mean};
}

/* As many as are told, evenly from one end to the other. */
static void add_some(struct kvc_search *s, struct kvc_plan *out, enum kvc_frontier which,
                     const struct dot *d, size_t n)
{
  const size_t some = n < MOST ? n : MOST;
  for (size_t i = 0; i < some; i++)
    add(s, out, which, &d[some > 1 ? i * (n - 1) / (some - 1) : 0]);
}

static size_t collect(struct kvc_search *s, enum kvc_frontier which, struct dot *d)
{
  size_t n = 0;
  for (size_t i = 0; i < s->n_units; i++) {
    const struct kvc_search_unit *u = &s->units[i];
    const struct search_card *card = &s->cards[u->shape.hardware];
    const int gpus = search_gpus(&u->shape);
    if (u->fate != KVC_FATE_FOUND || u->prefill_replicas > 0) continue;
    for (int k = 0; k < u->n_points; k++) {
      const struct kvc_search_point *p = &u->points[k];
      char why[KVC_SEARCH_WHY];
      struct dot at = {.u = u, .p = p};
      at.replicas = search_replicas(&s->req, s->req.rate_per_s, p->rate_per_s);
      if (which == KVC_FRONTIER_COST_LATENCY) {
        at.x = search_cost(card, gpus, at.replicas);
        at.y = p->e2e_s.p95;
        if (p->ratio > 1 || at.replicas == 0 ||
            search_over_limit(s, card, gpus, at.replicas, why))
          continue;
      } else { /* whatever the limits, but not with a queue that grows */
        at.x = -p->output_tok_per_s / gpus;
        at.y = p->tpot_s.mean;
        if (p->ratio > 1 && p->worst < 0) continue;
      }
      if (isfinite(at.x) && isfinite(at.y) && at.y > 0) d[n++] = at;
    }
  }
  return n;
}

kvc_code search_front(struct kvc_search *s, struct kvc_plan *out, struct kvc_err *err)
{
  size_t room = 1;
  for (size_t i = 0; i < s->n_units; i++)
    if (s->units[i].fate == KVC_FATE_FOUND) room += (size_t)s->units[i].n_points;
  struct dot *d = kvc_arena_alloc(s->arena, room, sizeof *d);
  out->front = kvc_arena_alloc(s->arena, 2 * (size_t)MOST, sizeof *out->front);
  if (d == NULL || out->front == NULL)
    return kvc_arena_full(s->arena, "the frontier", err);
  for (int which = KVC_FRONTIER_COST_LATENCY; which <= KVC_FRONTIER_THROUGHPUT_SPEED;
       which++) {
    const size_t n = frontier(d, collect(s, (enum kvc_frontier)which, d));
    add_some(s, out, (enum kvc_frontier)which, d, n);
  }
  return KVC_E_OK;
}
