/* sim_plain.h - a V1 scheduler as one would write it down: every running request is
 * looked at in every step.  Slow on purpose; what the simulator must agree with.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * No prefix cache, one replica, open loop.
 */
#ifndef TESTS_SIM_PLAIN_H
#define TESTS_SIM_PLAIN_H

#include <kvcap/sim.h>
#include <stdlib.h>

struct plain_seq {
  int64_t tokens, computed, blocks, left, first_ns, finish_ns, preempted;
  bool decoding; /* its prompt is done, or done again */
};

struct plain {
  const struct kvc_sim_config *c;
  const struct kvc_traffic *t;
  struct plain_seq *s;
  size_t *run, n_run, *wait, n_wait;
  int64_t free;
};

static int64_t plain_blocks(const struct plain *p, int64_t tok)
{
  const int64_t b = p->c->engine.block_size_tok;
  return (tok + p->c->engine.lookahead_tok + b - 1) / b;
}

static void plain_preempt_last(struct plain *p)
{
  const size_t r = p->run[--p->n_run];
  struct plain_seq *s = &p->s[r];
  p->free += s->blocks;
  s->blocks = s->computed = 0;
  s->preempted++;
  s->decoding = false;
  for (size_t i = p->n_wait; i > 0; i--) p->wait[i] = p->wait[i - 1];
  p->wait[0] = r;
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

static void plain_put(struct plain *p, struct plain_step *st, size_t r, int64_t n)
{
  struct plain_seq *s = &p->s[r];
  const int64_t more = plain_blocks(p, s->computed + n) - s->blocks;
  if (more > 0) {
    s->blocks += more;
    p->free -= more;
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
    int64_t n = s->tokens - s->computed;
    if (cap > 0 && n > cap) n = cap;
    n = plain_least(n, st->budget);
    while (plain_blocks(p, s->computed + n) - s->blocks > p->free && i < p->n_run) {
      plain_preempt_last(p);
      preempted = true;
    }
    if (i < p->n_run) plain_put(p, st, r, n);
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
  const double gpu = p->c->step_time(p->c->clock, &step);
  const int64_t ns = (int64_t)(gpu * 1e9 + 0.5);
  return ns > 0 ? ns : 1;
}

static size_t plain_outputs(struct plain *p, const struct plain_step *st, int64_t now_ns)
{
  size_t ended = 0;
  for (size_t i = 0; i < st->n; i++) {
    struct plain_seq *s = &p->s[st->who[i]];
    s->computed += st->tok[i];
    if (s->computed < s->tokens) continue;
    s->tokens++;
    s->decoding = true;
    if (s->first_ns == 0) s->first_ns = now_ns;
    if (--s->left > 0) continue;
    s->finish_ns = now_ns;
    p->free += s->blocks;
    s->blocks = 0;
    ended++;
    size_t k = 0;
    while (p->run[k] != st->who[i]) k++;
    for (p->n_run--; k < p->n_run; k++) p->run[k] = p->run[k + 1];
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
  int64_t now = 0;
  size_t next = 0, done = 0;
  while (done < n) {
    if (p.n_run + p.n_wait == 0 && t->items[next].arrival_ns > now)
      now = t->items[next].arrival_ns;
    for (; next < n && t->items[next].arrival_ns <= now; next++) {
      out[next] = (struct plain_seq){.tokens = t->items[next].prompt_tok,
                                     .left = t->items[next].output_tok};
      p.wait[p.n_wait++] = next;
    }
    struct plain_step st = {
        .who = room + 2 * n + 2, .tok = tok, .budget = c->engine.max_batched_tok};
    if (!plain_running(&p, &st)) plain_waiting(&p, &st);
    if (st.n == 0) continue;
    now += plain_price(&p, &st, chunks);
    done += plain_outputs(&p, &st, now);
  }
  free(room);
  free(tok);
  free(chunks);
}

#endif
