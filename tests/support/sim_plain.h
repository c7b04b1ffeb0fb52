/* sim_plain.h - a V1 scheduler as one would write it down: every running request is
 * looked at in every step.  Slow on purpose; what the simulator must agree with.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * First come or by priority, with blocks ahead, open or closed loop, one step in flight
 * or, asynchronous, two; no prefix cache, one replica.
 */
#ifndef TESTS_SIM_PLAIN_H
#define TESTS_SIM_PLAIN_H

#include <kvcap/sim.h>
#include <stdlib.h>

struct plain_seq {
  int64_t tokens, computed, blocks, left, first_ns, finish_ns, preempted, arrival_ns;
  bool decoding; /* its prompt is done, or done again */
  bool ending;   /* its last token is on its way: it holds its place and its blocks */
};

struct plain {
  const struct kvc_sim_config *c;
  const struct kvc_traffic *t;
  struct plain_seq *s;
  size_t *run, n_run, *wait, n_wait;
  int64_t free;
  int64_t ends_ns[2]; /* of the steps in flight */
  int n_flights;
  int64_t wasted, wasted_tok; /* slots of answers that a stop token ended */
};

static int64_t plain_blocks(const struct plain *p, int64_t tok)
{
  const int64_t b = p->c->engine.block_size_tok;
  return (tok + p->c->engine.lookahead_tok + b - 1) / b;
}

/* Whether a is served before b under the priority policy. */
static bool plain_before(const struct plain *p, size_t a, size_t b)
{
  const int32_t x = p->t->items[a].priority, y = p->t->items[b].priority;
  if (x != y) return x < y;
  if (p->s[a].arrival_ns != p->s[b].arrival_ns)
    return p->s[a].arrival_ns < p->s[b].arrival_ns;
  return a < b;
}

/* Into the queue: by priority, or at its front or end. */
static void plain_queue(struct plain *p, size_t r, bool front)
{
  size_t at = front ? 0 : p->n_wait;
  if (p->c->engine.priority)
    for (at = 0; at < p->n_wait && plain_before(p, p->wait[at], r);) at++;
  for (size_t i = p->n_wait; i > at; i--) p->wait[i] = p->wait[i - 1];
  p->wait[at] = r;
  p->n_wait++;
}

static int64_t plain_least(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

struct plain_step {
  size_t *who;
  int64_t *tok;
  size_t n;
  int64_t budget;
};

/* The youngest, or the least urgent; never one whose last token is on its way. */
static size_t plain_victim(const struct plain *p)
{
  size_t at = p->n_run;
  for (size_t i = 0; i < p->n_run; i++) {
    if (p->s[p->run[i]].ending) continue;
    if (at == p->n_run || !p->c->engine.priority ||
        plain_before(p, p->run[at], p->run[i]))
      at = i;
  }
  return at;
}

/* It leaves: also the step, if it was in it.  Where it stood in the list of running
 * ones. */
static size_t plain_preempt(struct plain *p, struct plain_step *st)
{
  const size_t at = plain_victim(p);
  const size_t r = p->run[at];
  struct plain_seq *s = &p->s[r];
  for (size_t i = at + 1; i < p->n_run; i++) p->run[i - 1] = p->run[i];
  p->n_run--;
  for (size_t i = 0; i < st->n; i++) {
    if (st->who[i] != r) continue;
    st->budget += st->tok[i];
    st->n--;
    for (size_t k = i; k < st->n; k++) {
      st->who[k] = st->who[k + 1];
      st->tok[k] = st->tok[k + 1];
    }
  }
  p->free += s->blocks;
  s->blocks = s->computed = 0;
  s->preempted++;
  s->decoding = false;
  plain_queue(p, r, true);
  return at;
}

static void plain_put(struct plain *p, struct plain_step *st, size_t r, int64_t n)
{
  struct plain_seq *s = &p->s[r];
  const int64_t more = plain_blocks(p, s->computed + n) - s->blocks;
  if (more > 0) {
    const int64_t ahead = p->c->engine.policy.prealloc_tok / p->c->engine.block_size_tok;
    const int64_t taken = plain_least(more + ahead, p->free);
    s->blocks += taken;
    p->free -= taken;
  }
  st->who[st->n] = r;
  st->tok[st->n++] = n;
  st->budget -= n;
}

static bool plain_running(struct plain *p, struct plain_step *st)
{
  const int64_t cap = p->c->engine.long_prefill_threshold_tok;
  bool preempted = false;
  for (size_t i = 0; i < p->n_run && st->budget > 0; i++) {
    const size_t r = p->run[i];
    struct plain_seq *s = &p->s[r];
    if (s->ending) continue;
    int64_t n = s->tokens - s->computed;
    if (cap > 0 && n > cap) n = cap;
    n = plain_least(n, st->budget);
    bool there = true;
    while (there && plain_blocks(p, s->computed + n) - s->blocks > p->free) {
      const size_t at = plain_preempt(p, st);
      preempted = true;
      there = at != i;
      if (at < i) i--;
    }
    if (!there) break; /* it made room by leaving: nobody after it is looked at */
    plain_put(p, st, r, n);
  }
  return preempted;
}

static void plain_waiting(struct plain *p, struct plain_step *st)
{
  const struct kvc_sim_engine *e = &p->c->engine;
  const int64_t cap = e->long_prefill_threshold_tok;
  while (st->budget > 0 && p->n_wait > 0 && (int64_t)p->n_run < e->max_num_seqs) {
    struct plain_seq *s = &p->s[p->wait[0]];
    int64_t n = s->tokens;
    if (cap > 0 && n > cap) n = cap;
    if (!e->chunked_prefill && n > st->budget) return;
    n = plain_least(n, st->budget);
    int64_t asked = plain_blocks(p, n);
    const int64_t whole = (s->tokens + e->block_size_tok - 1) / e->block_size_tok;
    if (e->policy.reserve_full_isl && whole > asked) asked = whole;
    if (p->n_run > 0 || !e->policy.watermark_if_busy)
      asked += (int64_t)(e->policy.watermark_frac * (double)e->blocks);
    if (asked > p->free) return;
    const size_t r = p->wait[0];
    for (size_t i = 1; i < p->n_wait; i++) p->wait[i - 1] = p->wait[i];
    p->n_wait--;
    p->run[p->n_run++] = r;
    plain_put(p, st, r, n);
  }
}

static int64_t plain_price(struct plain *p, const struct plain_step *st,
                           struct kvc_chunk *chunks)
{
  struct kvc_step step = {.prefills = chunks, .running = (double)p->n_run};
  for (size_t i = 0; i < st->n; i++) {
    const struct plain_seq *s = &p->s[st->who[i]];
    if (s->decoding) {
      step.decodes++;
      step.decode_tok++;
      step.decode_context_tok += (double)s->computed;
      if ((double)s->computed > step.decode_longest_tok)
        step.decode_longest_tok = (double)s->computed;
      continue;
    }
    chunks[step.n_prefills++] = (struct kvc_chunk){
        (double)st->tok[i], (double)s->computed, s->computed + st->tok[i] == s->tokens};
  }
  step.decodes += (double)p->wasted;
  step.decode_tok += (double)p->wasted;
  step.decode_context_tok += (double)p->wasted_tok;
  const double gpu = p->c->step_time(p->c->clock, &step);
  const int64_t ns = (int64_t)(gpu * 1e9 + 0.5);
  return ns > 0 ? ns : 1;
}

/* The step is on its way: what it makes is known, for its length is. */
static void plain_send(struct plain *p, const struct plain_step *st, int64_t end_ns)
{
  const bool waste = p->t->ends_by_stop && p->c->engine.async_scheduling;
  p->wasted = p->wasted_tok = 0;
  for (size_t i = 0; i < st->n; i++) {
    struct plain_seq *s = &p->s[st->who[i]];
    s->computed += st->tok[i];
    if (s->computed < s->tokens) continue;
    s->tokens++;
    s->decoding = true;
    if (s->first_ns == 0) s->first_ns = end_ns;
    if (--s->left > 0) continue;
    s->finish_ns = end_ns;
    s->ending = true;
    p->wasted += waste;
    p->wasted_tok += waste ? s->computed : 0;
  }
  p->ends_ns[p->n_flights++] = end_ns;
}

/* Steps that have ended by now: how many answers are out. */
static size_t plain_outputs(struct plain *p, int64_t now_ns)
{
  size_t kept = 0, ended = 0;
  if (p->n_flights > 0 && p->ends_ns[0] <= now_ns) {
    p->ends_ns[0] = p->ends_ns[1];
    p->n_flights--;
  }
  for (size_t i = 0; i < p->n_run; i++) {
    struct plain_seq *s = &p->s[p->run[i]];
    if (!s->ending || s->finish_ns > now_ns) {
      p->run[kept++] = p->run[i];
      continue;
    }
    p->free += s->blocks;
    ended++;
  }
  p->n_run = kept;
  return ended;
}

static void plain_arrive(struct plain *p, size_t r, int64_t now_ns)
{
  p->s[r] = (struct plain_seq){.tokens = p->t->items[r].prompt_tok,
                               .left = p->t->items[r].output_tok,
                               .arrival_ns = now_ns};
  plain_queue(p, r, false);
}

/* A step to send; false when there is nothing to do.  One that only preempted is
 * followed by the next at once. */
static bool plain_plan(struct plain *p, struct plain_step *st)
{
  bool preempted;
  do {
    st->n = 0;
    st->budget = p->c->engine.max_batched_tok;
    preempted = plain_running(p, st);
    if (!preempted) plain_waiting(p, st);
  } while (preempted && st->n == 0);
  return st->n > 0;
}

/* A moment of the engine; how many answers came out. */
static size_t plain_turn(struct plain *p, struct plain_step *st, struct kvc_chunk *chunks,
                         int64_t now_ns)
{
  const int depth = p->c->engine.async_scheduling ? 2 : 1;
  const size_t ended = plain_outputs(p, now_ns);
  while (p->n_flights < depth && plain_plan(p, st)) {
    const int64_t start_ns = p->n_flights > 0 ? p->ends_ns[0] : now_ns;
    plain_send(p, st, start_ns + plain_price(p, st, chunks));
  }
  return ended;
}

/* Serves all requests; out[i] has their times.  Every one must fit the cache. */
static void plain_run(const struct kvc_sim_config *c, const struct kvc_traffic *t,
                      struct plain_seq *out)
{
  const size_t n = t->n;
  struct plain p = {.c = c, .t = t, .s = out, .free = c->engine.blocks};
  size_t *room = calloc(3 * n + 3, sizeof *room);
  int64_t *tok = calloc(n + 1, sizeof *tok);
  struct kvc_chunk *chunks = calloc(n + 1, sizeof *chunks);
  p.run = room;
  p.wait = room + n + 1;
  struct plain_step st = {.who = room + 2 * n + 2, .tok = tok};
  int64_t now = 0;
  size_t next = 0, done = 0, sent = 0;
  int64_t *due = calloc(n + 1, sizeof *due); /* when what was sent arrives */
  const size_t first = t->clients > 0 ? (size_t)t->clients : n;
  const bool timed = t->clients == 0 || t->paced;
  for (; sent < first && sent < n; sent++)
    due[sent] = timed ? t->items[sent].arrival_ns : 0;
  while (done < n) {
    if (p.n_flights > 0)
      now = p.ends_ns[0];
    else if (p.n_wait == 0 && due[next] > now)
      now = due[next];
    for (; next < sent && due[next] <= now; next++) plain_arrive(&p, next, due[next]);
    const size_t ended = plain_turn(&p, &st, chunks, now);
    done += ended;
    /* What a client sends in reply misses the step that is planned as the answer ends. */
    for (size_t i = 0; i < ended && sent < n; i++, sent++)
      due[sent] =
          timed && t->items[sent].arrival_ns > now ? t->items[sent].arrival_ns : now;
  }
  free(room);
  free(tok);
  free(chunks);
  free(due);
}

#endif
