/* plan_v0.c - one step of the V0 scheduler.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Whole prompts first, and then no decodes in that step; else all decodes, and swapped
 * sequences come back if nobody had to leave.  The chunked variant fills a step with the
 * running, then the swapped, then new prompts.  A decode needs a free block to touch
 * even when its last one has room, as the engine asks for it.
 *
 * Multi-step: after a scheduled decode step follow scheduler_steps - 1 of the same
 * sequences; a sequence that ends among them leaves at once.
 */
#include "sim_room.h"

static int64_t watermark(const struct sim_engine *e)
{
  return (int64_t)(e->cfg->policy.watermark_frac * (double)e->cfg->blocks);
}

void sim_ignore(struct sim_engine *e, uint32_t at)
{
  struct kvc_sim_request *r = &e->records[e->seqs[at].req];
  r->state = KVC_SIM_REJECTED;
  if (!sim_grow((void **)&e->done, e->n_done, &e->room_done, sizeof *e->done))
    e->failed = true;
  else
    e->done[e->n_done++] = e->seqs[at].req;
  sim_seq_drop(e, at);
}

static void start_prompt(struct sim_engine *e, uint32_t at, int32_t hits, int64_t n)
{
  struct sim_seq *s = &e->seqs[at];
  sim_wait_pop(e);
  for (int32_t i = 0; i < hits; i++) sim_pool_hold(&e->pool, s->nodes[i]);
  s->n_nodes = hits;
  s->held = sim_blocks(e, s->tokens + e->cfg->lookahead_tok);
  sim_pool_take(&e->pool, s->held - hits);
  s->computed = hits * e->cfg->block_size_tok;
  if (e->records[s->req].scheduled_ns < 0) e->records[s->req].cached_tok = s->computed;
  s->phase = SIM_PREFILL;
  s->order = ++e->order;
  sim_list_append(e, &e->running, at);
  if (!sim_grow((void **)&e->prefills, e->n_prefills, &e->room_prefills,
                sizeof *e->prefills)) {
    e->failed = true;
    return;
  }
  e->prefills[e->n_prefills++] = at;
  sim_batch_chunk(e, at, n);
  e->batch.budget -= n;
  sim_seq_hash(e, s);
}

static void prompts(struct sim_engine *e)
{
  const struct kvc_sim_engine *cfg = e->cfg;
  while (e->waiting.n > 0 && e->batch.budget > 0 && e->running.n < cfg->max_num_seqs) {
    const uint32_t at = sim_wait_head(e);
    struct sim_seq *s = &e->seqs[at];
    int64_t limit = cfg->max_model_len_tok;
    if (!cfg->chunked_prefill && cfg->max_batched_tok < limit)
      limit = cfg->max_batched_tok;
    const int64_t all = sim_blocks(e, s->tokens + cfg->lookahead_tok);
    if (s->tokens > limit || cfg->blocks - all < watermark(e)) {
      sim_wait_pop(e);
      sim_ignore(e, at);
      continue;
    }
    const int32_t hits = sim_seq_lookup(e, s);
    int64_t idle = 0;
    for (int32_t i = 0; i < hits; i++) idle += e->pool.nodes[s->nodes[i]].ref == 0;
    if (e->pool.free - (all - hits + idle) < watermark(e)) return;
    int64_t n = s->tokens - (int64_t)hits * cfg->block_size_tok;
    if (n > e->batch.budget) {
      if (!cfg->chunked_prefill) return;
      n = e->batch.budget;
    }
    start_prompt(e, at, hits, n);
  }
}

/* Out to the CPU if the mode says so and its memory reaches, else recomputed. */
static void push_out(struct sim_engine *e, uint32_t at)
{
  struct sim_seq *s = &e->seqs[at];
  e->batch.preempted = true;
  if (e->cfg->preempt == KVC_PREEMPT_SWAP && s->phase == SIM_DECODE) {
    if (!s->fresh) s->last_token_ns = e->last_decode_ns;
    sim_decode_leave(e, at);
    if (s->held <= e->swap_free) {
      const int64_t held = s->held;
      const int32_t computed = s->computed;
      s->fresh = false;
      sim_seq_release(e, s, false);
      s->held = held;
      s->computed = computed;
      s->phase = SIM_SWAPPED;
      e->swap_free -= held;
      e->batch.swapped_blocks += held;
      sim_list_remove(e, &e->running, at);
      sim_list_append(e, &e->swapped, at);
      sim_stats_preempt(e->stats, true);
      return;
    }
    sim_decode_join(e, at); /* as it was: preempted below */
  }
  sim_preempt(e, at);
}

static bool running_fast(struct sim_engine *e)
{
  struct sim_batch *b = &e->batch;
  const int64_t blocks = e->needs[e->step % e->period];
  if (e->n_prefills > 0 || e->n_decodes > b->budget) return false;
  if (e->n_decodes > 0 && blocks >= e->pool.free) return false;
  sim_pool_take(&e->pool, blocks);
  b->budget -= e->n_decodes;
  b->decodes = b->decode_tok = e->n_decodes;
  b->context_tok = e->context_tok;
  return true;
}

static bool walk_decode(struct sim_engine *e, uint32_t at)
{
  struct sim_seq *s = &e->seqs[at];
  while (e->pool.free < 1) {
    const uint32_t victim = sim_victim(e);
    push_out(e, victim);
    if (victim == at) return false;
  }
  if (s->need_step <= e->step && (e->step - s->need_step) % e->period == 0)
    sim_decode_take(e, at, 1);
  e->batch.budget--;
  e->batch.decodes++;
  e->batch.decode_tok++;
  e->batch.context_tok += sim_decode_context(e, s);
  s->planned_step = e->step;
  return true;
}

static void running_walk(struct sim_engine *e)
{
  e->batch.walked = true;
  uint32_t at = e->running.head;
  bool going = true;
  while (going && at != SIM_NONE && e->batch.budget > 0) {
    struct sim_seq *s = &e->seqs[at];
    if (s->phase == SIM_DECODE) {
      going = walk_decode(e, at);
    } else if (s->phase == SIM_PREFILL) {
      const int64_t left = s->tokens - s->computed;
      const int64_t n = left < e->batch.budget ? left : e->batch.budget;
      sim_batch_chunk(e, at, n);
      e->batch.budget -= n;
      sim_seq_hash(e, s);
    }
    if (going) at = e->seqs[at].next;
  }
  if (e->batch.decodes == 0) return; /* a prompt step: no decode moves on */
  for (at = e->running.head; at != SIM_NONE; at = e->seqs[at].next)
    if (e->seqs[at].phase == SIM_DECODE && e->seqs[at].planned_step != e->step)
      sim_decode_skip(e, at);
}

/* First out, first back; they decode in the step that brings them back. */
static void swap_in(struct sim_engine *e)
{
  struct sim_batch *b = &e->batch;
  while (e->swapped.n > 0 && b->budget > 0 && e->running.n < e->cfg->max_num_seqs) {
    const uint32_t at = e->swapped.head;
    struct sim_seq *s = &e->seqs[at];
    if (e->pool.free - (s->held + 1) < watermark(e)) return;
    sim_list_remove(e, &e->swapped, at);
    sim_list_append(e, &e->running, at);
    e->swap_free += s->held;
    b->swapped_blocks += s->held;
    sim_pool_take(&e->pool, s->held);
    s->order = ++e->order;
    s->join_step = e->step;
    s->fresh = true;
    if (!sim_grow((void **)&e->fresh, e->n_fresh, &e->room_fresh, sizeof *e->fresh))
      e->failed = true;
    else
      e->fresh[e->n_fresh++] = at;
    sim_decode_join(e, at);
    if (s->need_step == e->step) sim_pool_take(&e->pool, 1);
    s->planned_step = e->step;
    b->budget--;
    b->decodes++;
    b->decode_tok++;
    b->context_tok += s->computed;
  }
}

/* With a delay factor prompts gather while the last prompt step is recent. */
static bool prompts_may_start(const struct sim_engine *e, int64_t now_ns)
{
  if (!(e->cfg->scheduler_delay_factor > 0) || e->running.n == 0) return true;
  const uint32_t head = sim_wait_head(e);
  if (head == SIM_NONE) return false;
  const double waited = (double)(now_ns - e->seqs[head].sort_ns);
  return waited > e->cfg->scheduler_delay_factor * (double)e->last_prompt_ns;
}

void sim_plan_v0(struct sim_engine *e, int64_t now_ns)
{
  const bool between = e->multi_left > 0 && e->n_decodes > 0 && e->n_prefills == 0;
  e->multi_left = between ? e->multi_left - 1 : 0;
  if (!between && !e->cfg->chunked_prefill && e->swapped.n == 0 &&
      prompts_may_start(e, now_ns)) {
    prompts(e);
    if (e->batch.n_chunks > 0) return;
  }
  if (!running_fast(e)) running_walk(e);
  if (between) return;
  if (!e->batch.preempted) swap_in(e);
  if (e->cfg->chunked_prefill && prompts_may_start(e, now_ns)) prompts(e);
  if (e->batch.decodes > 0 && e->batch.n_chunks == 0 && e->cfg->scheduler_steps > 1)
    e->multi_left = e->cfg->scheduler_steps - 1;
}
