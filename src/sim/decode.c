/* decode.c - sequences that decode, moved on together and touched only when they must.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A decode that joined at step j with c tokens in the cache has c + k - j at step k.
 * It ends at a step known at j, listed in a wheel; it needs blocks at steps of one class
 * modulo the period (block size x blocks taken at a time), counted there.
 */
#include "sim_room.h"

static int class_of(const struct sim_engine *e, int64_t step)
{
  return (int)(step % e->period);
}

static int64_t last_step(const struct sim_seq *s)
{
  return s->join_step + s->left - 1;
}

static void wheel_add(struct sim_engine *e, uint32_t at)
{
  struct sim_seq *s = &e->seqs[at];
  uint32_t *head = &e->wheel[last_step(s) % SIM_WHEEL];
  s->end_prev = SIM_NONE;
  s->end_next = *head;
  if (*head != SIM_NONE) e->seqs[*head].end_prev = at;
  *head = at;
}

static void wheel_remove(struct sim_engine *e, uint32_t at)
{
  const struct sim_seq *s = &e->seqs[at];
  if (s->end_prev != SIM_NONE)
    e->seqs[s->end_prev].end_next = s->end_next;
  else
    e->wheel[last_step(s) % SIM_WHEEL] = s->end_next;
  if (s->end_next != SIM_NONE) e->seqs[s->end_next].end_prev = s->end_prev;
}

static void top_push(struct sim_engine *e, uint32_t at)
{
  const struct sim_seq *s = &e->seqs[at];
  if (!sim_grow((void **)&e->tops, e->n_tops, &e->room_tops, sizeof *e->tops)) {
    e->failed = true;
    return;
  }
  const struct sim_top top = {s->computed - s->join_step, at, s->join_step};
  size_t i = e->n_tops++;
  while (i > 0 && e->tops[(i - 1) / 2].key < top.key) {
    e->tops[i] = e->tops[(i - 1) / 2];
    i = (i - 1) / 2;
  }
  e->tops[i] = top;
}

static void top_pop(struct sim_engine *e)
{
  const struct sim_top last = e->tops[--e->n_tops];
  size_t i = 0;
  for (;;) {
    size_t child = 2 * i + 1;
    if (child >= e->n_tops) break;
    if (child + 1 < e->n_tops && e->tops[child + 1].key > e->tops[child].key) child++;
    if (e->tops[child].key <= last.key) break;
    e->tops[i] = e->tops[child];
    i = child;
  }
  if (e->n_tops > 0) e->tops[i] = last;
}

int64_t sim_decode_longest(struct sim_engine *e)
{
  while (e->n_tops > 0) {
    const struct sim_seq *s = &e->seqs[e->tops[0].seq];
    if (s->phase == SIM_DECODE && s->join_step == e->tops[0].join_step)
      return e->tops[0].key + e->step;
    top_pop(e);
  }
  return 0;
}

int64_t sim_decode_context(const struct sim_engine *e, const struct sim_seq *s)
{
  return s->computed + e->step - s->join_step;
}

/* Registers a settled decode. */
static void enter(struct sim_engine *e, uint32_t at)
{
  const struct sim_seq *s = &e->seqs[at];
  e->needs[class_of(e, s->need_step)]++;
  wheel_add(e, at);
  top_push(e, at);
}

/* The step at which what is held no longer reaches. */
static int64_t next_need(const struct sim_engine *e, const struct sim_seq *s)
{
  return s->join_step + s->held * e->cfg->block_size_tok - s->computed -
         e->cfg->lookahead_tok;
}

void sim_decode_join(struct sim_engine *e, uint32_t at)
{
  struct sim_seq *s = &e->seqs[at];
  s->phase = SIM_DECODE;
  s->need_step = next_need(e, s);
  e->n_decodes++;
  e->context_tok += s->computed + e->step - s->join_step;
  if (s->order > e->newest_decode) e->newest_decode = s->order;
  enter(e, at);
}

void sim_decode_settle(struct sim_engine *e, struct sim_seq *s)
{
  const int64_t moved = e->step - s->join_step;
  const int64_t fired =
      s->need_step >= e->step ? 0 : (e->step - 1 - s->need_step) / e->period + 1;
  s->held += fired * e->grain;
  s->need_step += fired * e->period;
  s->computed += (int32_t)moved;
  s->tokens += (int32_t)moved;
  s->left -= (int32_t)moved;
  s->join_step = e->step;
}

void sim_decode_leave(struct sim_engine *e, uint32_t at)
{
  struct sim_seq *s = &e->seqs[at];
  wheel_remove(e, at);
  e->needs[class_of(e, s->need_step)]--;
  e->n_decodes--;
  sim_decode_settle(e, s);
  e->context_tok -= s->computed;
}

void sim_decode_skip(struct sim_engine *e, uint32_t at)
{
  struct sim_seq *s = &e->seqs[at];
  wheel_remove(e, at);
  e->needs[class_of(e, s->need_step)]--;
  sim_decode_settle(e, s);
  s->join_step++;
  s->need_step++;
  enter(e, at);
  e->context_tok--; /* advance adds one to each */
  if (s->fresh) return;
  s->fresh = true;
  s->last_token_ns = e->last_decode_ns;
  if (!sim_grow((void **)&e->fresh, e->n_fresh, &e->room_fresh, sizeof *e->fresh))
    e->failed = true;
  else
    e->fresh[e->n_fresh++] = at;
}

void sim_decode_take(struct sim_engine *e, uint32_t at, int64_t count)
{
  struct sim_seq *s = &e->seqs[at];
  sim_pool_take(&e->pool, count);
  if (count == e->grain) return; /* as its class says */
  wheel_remove(e, at);
  e->needs[class_of(e, s->need_step)]--;
  sim_decode_settle(e, s);
  s->held += count;
  s->need_step = next_need(e, s);
  enter(e, at);
}

void sim_flight_end(struct sim_engine *e, struct sim_flight *f, uint32_t at)
{
  struct sim_seq *s = &e->seqs[at];
  uint32_t *p = &f->ending;
  if (f->last != SIM_NONE && e->seqs[f->last].order < s->order)
    p = &e->seqs[f->last].end_next;
  while (*p != SIM_NONE && e->seqs[*p].order < s->order) p = &e->seqs[*p].end_next;
  s->end_next = *p;
  *p = at;
  if (s->end_next == SIM_NONE) f->last = at;
}

/* Moves 'at' from the wheel to the list of the ending, which stays in order of
 * admission; the wheel lists the youngest first. */
static void end_one(struct sim_engine *e, struct sim_flight *f, uint32_t at)
{
  struct sim_seq *s = &e->seqs[at];
  sim_decode_leave(e, at);
  if (s->need_step == e->step) s->held += e->grain; /* what this very step took */
  s->computed++;
  s->tokens++;
  s->phase = SIM_ENDING;
  f->n_ending++;
  f->tok_ending += s->computed;
  sim_flight_end(e, f, at);
}

void sim_decode_advance(struct sim_engine *e, struct sim_flight *f, bool decoded)
{
  if (!decoded) return;
  for (uint32_t at = e->wheel[e->step % SIM_WHEEL]; at != SIM_NONE;) {
    const uint32_t next = e->seqs[at].end_next;
    if (last_step(&e->seqs[at]) == e->step) end_one(e, f, at);
    at = next;
  }
  e->context_tok += e->n_decodes;
}
