/* plan_v1.c - one step of the V1 scheduler: running first, then the queue.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The fast road: budget and blocks reach for every decode, and whatever prompts are
 * unfinished come after all decodes (or are served in full).  Then nobody's turn in the
 * list matters.  Otherwise the list is walked as the engine walks it.
 */
#include "sim_room.h"

static int64_t min64(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

/* What a prompt asks of a step before the budget is looked at. */
static int64_t wanted(const struct sim_engine *e, const struct sim_seq *s)
{
  const int64_t n = s->tokens - s->computed, cap = e->cfg->long_prefill_threshold_tok;
  return cap > 0 && n > cap ? cap : n;
}

static int64_t blocks_for(const struct sim_engine *e, const struct sim_seq *s, int64_t n)
{
  const int64_t need = sim_blocks(e, s->computed + n + e->cfg->lookahead_tok) - s->held;
  return need > 0 ? need + e->grain - 1 : 0;
}

static void advance_prompt(struct sim_engine *e, uint32_t at, int64_t n, int64_t blocks)
{
  struct sim_seq *s = &e->seqs[at];
  sim_pool_take(&e->pool, blocks);
  s->held += blocks;
  sim_batch_chunk(e, at, n);
  e->batch.budget -= n;
  s->planned_step = e->step;
  s->planned_tok = (int32_t)n;
  sim_seq_hash(e, s);
}

static bool running_fast(struct sim_engine *e)
{
  struct sim_batch *b = &e->batch;
  if (e->n_decodes > b->budget) return false;
  int64_t budget = b->budget - e->n_decodes, sum = 0;
  int64_t blocks = e->needs[e->step % e->period] * e->grain;
  for (size_t i = 0; i < e->n_prefills; i++) {
    const struct sim_seq *s = &e->seqs[e->prefills[i]];
    const int64_t want = wanted(e, s);
    sum += want;
    const int64_t n = min64(want, budget);
    budget -= n;
    if (n > 0) blocks += blocks_for(e, s, n);
  }
  if (blocks > e->pool.free) return false;
  if (sum > b->budget - e->n_decodes && e->seqs[e->prefills[0]].order < e->newest_decode)
    return false;
  sim_pool_take(&e->pool, e->needs[e->step % e->period] * e->grain);
  b->budget -= e->n_decodes;
  b->decodes = b->decode_tok = e->n_decodes;
  b->context_tok = e->context_tok;
  for (size_t i = 0; i < e->n_prefills; i++) {
    const struct sim_seq *s = &e->seqs[e->prefills[i]];
    const int64_t n = min64(wanted(e, s), b->budget);
    if (n > 0) advance_prompt(e, e->prefills[i], n, blocks_for(e, s, n));
  }
  return true;
}

/* A sequence that was put into this step already is taken out of it again. */
static void unplan(struct sim_engine *e, uint32_t at)
{
  struct sim_batch *b = &e->batch;
  struct sim_seq *s = &e->seqs[at];
  if (s->planned_step != e->step) return;
  b->budget += s->planned_tok;
  s->planned_step = -1;
  if (s->phase == SIM_DECODE) {
    b->decodes--;
    b->decode_tok--;
    b->context_tok -= sim_decode_context(e, s);
    if (s->need_step <= e->step && (e->step - s->need_step) % e->period == 0) {
      sim_decode_settle(e, s); /* the blocks of this step are its own by now */
      s->held += e->grain;
    }
    return;
  }
  size_t i = 0;
  while (i < b->n_chunks && b->chunk_seqs[i] != at) i++;
  for (b->n_chunks--; i < b->n_chunks; i++) {
    b->chunks[i] = b->chunks[i + 1];
    b->chunk_seqs[i] = b->chunk_seqs[i + 1];
  }
}

/* Makes room for 'need' blocks; false when 'at' itself had to go. */
static bool make_room(struct sim_engine *e, uint32_t at, int64_t need)
{
  while (need > e->pool.free) {
    const uint32_t victim = sim_victim(e);
    if (victim == SIM_NONE) return false;
    unplan(e, victim);
    sim_preempt(e, victim);
    e->batch.preempted = true;
    if (victim == at) return false;
  }
  return true;
}

/* With blocks ahead: what is there, but at least what is needed. */
static int64_t ahead(const struct sim_engine *e, int64_t need, int64_t most)
{
  return most > e->pool.free ? (need > e->pool.free ? need : e->pool.free) : most;
}

static bool walk_decode(struct sim_engine *e, uint32_t at)
{
  struct sim_batch *b = &e->batch;
  struct sim_seq *s = &e->seqs[at];
  const bool needs = s->need_step <= e->step && (e->step - s->need_step) % e->period == 0;
  if (needs) {
    if (!make_room(e, at, 1)) return false;
    sim_decode_take(e, at, ahead(e, 1, e->grain));
  }
  b->budget--;
  b->decodes++;
  b->decode_tok++;
  b->context_tok += sim_decode_context(e, s);
  s->planned_step = e->step;
  s->planned_tok = 1;
  return true;
}

static bool walk_prompt(struct sim_engine *e, uint32_t at)
{
  const struct sim_seq *s = &e->seqs[at];
  const int64_t n = min64(wanted(e, s), e->batch.budget);
  const int64_t most = blocks_for(e, s, n);
  const int64_t need = most > 0 ? most - (e->grain - 1) : 0;
  if (!make_room(e, at, need)) return false;
  advance_prompt(e, at, n, ahead(e, need, most));
  return true;
}

static void running_walk(struct sim_engine *e)
{
  e->batch.walked = true;
  uint32_t at = e->running.head;
  bool going = true;
  while (going && at != SIM_NONE && e->batch.budget > 0) {
    const uint8_t phase = e->seqs[at].phase;
    if (phase == SIM_DECODE)
      going = walk_decode(e, at);
    else if (phase == SIM_PREFILL)
      going = walk_prompt(e, at);
    if (going) at = e->seqs[at].next;
  }
  /* The budget is spent, or one preempted itself: the others sit this step out. */
  for (at = e->running.head; at != SIM_NONE; at = e->seqs[at].next)
    if (e->seqs[at].phase == SIM_DECODE && e->seqs[at].planned_step != e->step)
      sim_decode_skip(e, at);
}

/* Whether the head of the queue fits, and what it takes: cached blocks are in s->nodes.
 */
static bool admissible(struct sim_engine *e, struct sim_seq *s, int32_t hits, int64_t n,
                       int64_t *need)
{
  const struct kvc_sim_engine *cfg = e->cfg;
  const int64_t computed =
      s->remote ? s->tokens - 1 : (int64_t)hits * cfg->block_size_tok;
  int64_t idle = 0;
  for (int32_t i = 0; i < hits; i++) idle += e->pool.nodes[s->nodes[i]].ref == 0;
  *need = sim_blocks(e, computed + n + cfg->lookahead_tok) - hits;
  int64_t keep = 0;
  if (!cfg->policy.watermark_if_busy || e->running.n > 0)
    keep = (int64_t)(cfg->policy.watermark_frac * (double)cfg->blocks);
  const int64_t whole = sim_blocks(e, s->tokens) - hits;
  const int64_t asked = cfg->policy.reserve_full_isl && whole > *need ? whole : *need;
  if (asked + idle + keep > e->pool.free) return false;
  const int64_t room = e->pool.free - idle;
  if (*need > 0) *need = min64(*need + e->grain - 1, room);
  return true;
}

static bool admit(struct sim_engine *e, uint32_t at)
{
  struct sim_seq *s = &e->seqs[at];
  if (at == e->blocked && e->pool.version == e->blocked_version && e->running.n > 0)
    return false;
  const int32_t hits = s->remote ? 0 : sim_seq_lookup(e, s);
  int64_t n = s->remote ? 1 : s->tokens - (int64_t)hits * e->cfg->block_size_tok;
  const int64_t cap = e->cfg->long_prefill_threshold_tok;
  if (cap > 0 && n > cap) n = cap;
  if (!e->cfg->chunked_prefill && n > e->batch.budget) return false;
  n = min64(n, e->batch.budget);
  int64_t need;
  if (!admissible(e, s, hits, n, &need)) {
    e->blocked = at;
    e->blocked_version = e->pool.version;
    return false;
  }
  sim_wait_pop(e);
  for (int32_t i = 0; i < hits; i++) sim_pool_hold(&e->pool, s->nodes[i]);
  s->n_nodes = hits;
  s->held = hits;
  s->computed = s->remote ? s->tokens - 1 : hits * e->cfg->block_size_tok;
  s->remote = false;
  if (e->records[s->req].scheduled_ns < 0) e->records[s->req].cached_tok = s->computed;
  s->phase = SIM_PREFILL;
  s->order = ++e->order;
  sim_list_append(e, &e->running, at);
  if (!sim_grow((void **)&e->prefills, e->n_prefills, &e->room_prefills,
                sizeof *e->prefills)) {
    e->failed = true;
    return false;
  }
  e->prefills[e->n_prefills++] = at;
  advance_prompt(e, at, n, need);
  return true;
}

void sim_plan_v1(struct sim_engine *e)
{
  if (!running_fast(e)) running_walk(e);
  if (e->batch.preempted) return;
  while (e->batch.budget > 0 && e->waiting.n > 0 && e->running.n < e->cfg->max_num_seqs)
    if (!admit(e, sim_wait_head(e))) break;
}
