/* engine.c - an engine's turns: outputs of a finished step, then the next step.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A step's times are stamped when it is planned, for its length is known then; what it
 * frees is free when it ends.  Under async scheduling the next step is planned while one
 * runs, so it neither sees those blocks nor a request that arrived meanwhile.
 */
#include "sim_room.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

int64_t sim_blocks(const struct sim_engine *e, int64_t tok)
{
  return (tok + e->cfg->block_size_tok - 1) / e->cfg->block_size_tok;
}

kvc_code sim_engine_init(struct sim_engine *e, const struct kvc_sim_config *run,
                         const struct kvc_traffic *traffic,
                         struct kvc_sim_request *records, struct sim_stats *stats)
{
  const struct kvc_sim_engine *cfg = &run->engine;
  *e = (struct sim_engine){.cfg = cfg,
                           .run = run,
                           .traffic = traffic,
                           .records = records,
                           .stats = stats,
                           .spare_seq = SIM_NONE,
                           .next_ns = SIM_NEVER,
                           .blocked = SIM_NONE,
                           .swap_free = cfg->swap_blocks};
  e->waiting = e->running = e->swapped = (struct sim_list){SIM_NONE, SIM_NONE, 0};
  memset(e->wheel, 0xff, sizeof e->wheel);
  e->grain = 1 + cfg->policy.prealloc_tok / cfg->block_size_tok;
  e->period = e->grain * cfg->block_size_tok;
  e->needs = calloc((size_t)e->period, sizeof *e->needs);
  const kvc_code rc = sim_pool_init(&e->pool, cfg->blocks, cfg->prefix_caching);
  e->pool.unhashed_first = cfg->policy.unhashed_first;
  return e->needs == NULL ? KVC_E_LIMIT : rc;
}

void sim_engine_clear(struct sim_engine *e)
{
  for (uint32_t i = 0; i < e->n_seqs; i++) {
    free(e->seqs[i].nodes);
    free(e->seqs[i].keys);
  }
  free(e->seqs);
  free(e->heap);
  free(e->fresh);
  free(e->needs);
  free(e->tops);
  free(e->prefills);
  free(e->batch.chunks);
  free(e->batch.chunk_seqs);
  free(e->done);
  sim_pool_clear(&e->pool);
}

void sim_engine_arrive(struct sim_engine *e, uint32_t req, int64_t now_ns)
{
  const uint32_t at = sim_seq_new(e, req, now_ns);
  if (at == SIM_NONE) return;
  sim_wait_push(e, at, false);
  if (e->n_flights == 0) e->next_ns = now_ns;
}

int64_t sim_engine_load(const struct sim_engine *e)
{
  return e->waiting.n + e->running.n + e->swapped.n;
}

void sim_batch_chunk(struct sim_engine *e, uint32_t at, int64_t n)
{
  struct sim_batch *b = &e->batch;
  struct sim_seq *s = &e->seqs[at];
  if (b->n_chunks == b->room_chunks) {
    const size_t room = b->room_chunks > 0 ? b->room_chunks * 2 : 16;
    struct kvc_chunk *c = realloc(b->chunks, room * sizeof *c);
    if (c != NULL) b->chunks = c;
    uint32_t *q = realloc(b->chunk_seqs, room * sizeof *q);
    if (q != NULL) b->chunk_seqs = q;
    if (c == NULL || q == NULL) {
      e->failed = true;
      return;
    }
    b->room_chunks = room;
  }
  b->chunks[b->n_chunks] =
      (struct kvc_chunk){(double)n, (double)s->computed, s->computed + n == s->tokens};
  b->chunk_seqs[b->n_chunks++] = at;
  s->computed += (int32_t)n;
}

void sim_prefill_remove(struct sim_engine *e, uint32_t at)
{
  size_t i = 0;
  while (i < e->n_prefills && e->prefills[i] != at) i++;
  if (i == e->n_prefills) return;
  memmove(&e->prefills[i], &e->prefills[i + 1],
          (--e->n_prefills - i) * sizeof *e->prefills);
}

uint32_t sim_victim(const struct sim_engine *e)
{
  uint32_t best = SIM_NONE;
  for (uint32_t at = e->running.tail; at != SIM_NONE; at = e->seqs[at].prev) {
    const struct sim_seq *s = &e->seqs[at];
    if (s->phase == SIM_ENDING) continue;
    if (!e->cfg->priority) return at;
    if (best == SIM_NONE) {
      best = at;
      continue;
    }
    const struct sim_seq *t = &e->seqs[best];
    const int32_t p = e->traffic->items[s->req].priority;
    const int32_t q = e->traffic->items[t->req].priority;
    /* The order of the queue turned round, to the last tie: the first in the queue is
     * never a victim, so something always gets on.  On a real clock nobody ties. */
    if (p > q || (p == q && (s->sort_ns > t->sort_ns ||
                             (s->sort_ns == t->sort_ns && s->req > t->req))))
      best = at;
  }
  return best;
}

void sim_preempt(struct sim_engine *e, uint32_t at)
{
  struct sim_seq *s = &e->seqs[at];
  if (s->phase == SIM_DECODE) {
    if (!s->fresh) s->last_token_ns = e->last_decode_ns;
    sim_decode_leave(e, at);
    s->tokens++; /* the last token made, not in the cache yet */
  } else {
    sim_prefill_remove(e, at);
  }
  s->fresh = false;
  sim_seq_release(e, s, e->pool.caching);
  sim_list_remove(e, &e->running, at);
  struct kvc_sim_request *r = &e->records[s->req];
  if (r->preemptions < UINT16_MAX) r->preemptions++;
  sim_stats_preempt(e->stats, false);
  sim_wait_push(e, at, true);
}

void sim_engine_output(struct sim_engine *e, int64_t now_ns)
{
  while (e->n_flights > 0 && e->flights[0].end_ns <= now_ns) {
    for (uint32_t at = e->flights[0].ending; at != SIM_NONE;) {
      struct sim_seq *s = &e->seqs[at];
      const uint32_t next = s->end_next;
      sim_seq_release(e, s, false);
      sim_list_remove(e, &e->running, at);
      e->pool.version++;
      if (!sim_grow((void **)&e->done, e->n_done, &e->room_done, sizeof *e->done))
        e->failed = true;
      else
        e->done[e->n_done++] = s->req;
      sim_seq_drop(e, at);
      at = next;
    }
    e->flights[0] = e->flights[1];
    e->n_flights--;
  }
}

static int64_t to_ns(double s)
{
  if (!(s > 0)) return 0;
  return s < 9e8 ? (int64_t)(s * 1e9 + 0.5) : (int64_t)9e17;
}

static int64_t longest(struct sim_engine *e)
{
  if (e->batch.decodes == 0) return 0;
  if (!e->batch.walked) return sim_decode_longest(e);
  int64_t most = 0; /* of those that take part */
  for (uint32_t at = e->running.head; at != SIM_NONE; at = e->seqs[at].next) {
    const struct sim_seq *s = &e->seqs[at];
    if (s->phase != SIM_DECODE || s->planned_step != e->step) continue;
    const int64_t tok = sim_decode_context(e, s);
    if (tok > most) most = tok;
  }
  return most;
}

static int64_t price(struct sim_engine *e)
{
  struct sim_batch *b = &e->batch;
  const struct kvc_sim_config *run = e->run;
  const struct kvc_step step = {.prefills = b->chunks,
                                .n_prefills = b->n_chunks,
                                .decodes = (double)(b->decodes + e->wasted),
                                .decode_tok = (double)(b->decode_tok + e->wasted),
                                .decode_context_tok =
                                    (double)(b->context_tok + e->wasted_tok),
                                .decode_longest_tok = (double)longest(e),
                                .running = (double)e->running.n};
  const int64_t gpu = to_ns(run->step_time(run->clock, &step));
  const int64_t cpu =
      run->host_time != NULL ? to_ns(run->host_time(run->clock, &step)) : 0;
  sim_stats_step(e->stats, gpu, e->wasted);
  int64_t all = gpu + cpu;
  if (e->cfg->async_scheduling) all = gpu > cpu ? gpu : cpu;
  if (b->swapped_blocks > 0 && run->swap_bps > 0)
    all += to_ns((double)b->swapped_blocks * run->block_bytes / run->swap_bps);
  return all > 0 ? all : 1;
}

static void plan(struct sim_engine *e, int64_t now_ns)
{
  struct sim_batch *b = &e->batch;
  b->n_chunks = 0;
  b->budget = e->cfg->max_batched_tok;
  b->decodes = b->decode_tok = b->context_tok = b->swapped_blocks = 0;
  b->preempted = b->walked = false;
  if (e->cfg->policy.v0)
    sim_plan_v0(e, now_ns);
  else
    sim_plan_v1(e);
}

bool sim_engine_plan(struct sim_engine *e, int64_t now_ns, int64_t *length_ns)
{
  const struct sim_batch *b = &e->batch;
  plan(e, now_ns);
  /* A schedule that only preempted runs nothing; the engine makes the next at once. */
  while (b->preempted && b->n_chunks == 0 && b->decodes == 0) {
    if (!e->cfg->policy.v0) e->context_tok += e->n_decodes;
    if (!e->cfg->policy.v0) e->step++;
    plan(e, now_ns);
  }
  if (b->n_chunks == 0 && b->decodes == 0) return false;
  *length_ns = price(e);
  return true;
}

/* The step that made s's first token, or its first after a preemption, ends. */
static void prompt_done(struct sim_engine *e, uint32_t at, struct sim_flight *f)
{
  struct sim_seq *s = &e->seqs[at];
  struct kvc_sim_request *r = &e->records[s->req];
  if (!s->started)
    r->first_token_ns = f->end_ns;
  else
    sim_stats_itl(e->stats, f->end_ns - s->last_token_ns, 1);
  s->started = true;
  s->last_token_ns = f->end_ns;
  if (--s->left > 0) {
    s->join_step = e->step;
    s->fresh = true;
    sim_decode_join(e, at);
    if (!sim_grow((void **)&e->fresh, e->n_fresh, &e->room_fresh, sizeof *e->fresh))
      e->failed = true;
    else
      e->fresh[e->n_fresh++] = at;
    return;
  }
  s->phase = SIM_ENDING;
  f->n_ending++;
  f->tok_ending += s->computed;
  sim_flight_end(e, f, at);
}

/* Prompts that are done are no longer among the unfinished. */
static void sweep_prefills(struct sim_engine *e)
{
  size_t kept = 0;
  for (size_t i = 0; i < e->n_prefills; i++)
    if (e->seqs[e->prefills[i]].phase == SIM_PREFILL)
      e->prefills[kept++] = e->prefills[i];
  e->n_prefills = kept;
}

/* Gaps between tokens: one value for all that decoded in the last step too. */
static void decode_gaps(struct sim_engine *e, int64_t end_ns)
{
  size_t kept = 0;
  int64_t own = 0;
  for (size_t i = 0; i < e->n_fresh; i++) {
    struct sim_seq *s = &e->seqs[e->fresh[i]];
    if (!s->fresh) continue;
    if (s->join_step > e->step) { /* skipped in this step */
      e->fresh[kept++] = e->fresh[i];
      continue;
    }
    sim_stats_itl(e->stats, end_ns - s->last_token_ns, 1);
    s->fresh = false;
    own++;
  }
  e->n_fresh = kept;
  if (e->batch.decodes > own)
    sim_stats_itl(e->stats, end_ns - e->last_decode_ns, e->batch.decodes - own);
  e->last_decode_ns = end_ns;
}

static void finish(struct sim_engine *e, uint32_t req, int64_t end_ns)
{
  const struct kvc_request *q = &e->traffic->items[req];
  struct kvc_sim_request *r = &e->records[req];
  const int64_t most = e->cfg->max_model_len_tok - q->prompt_tok;
  r->output_tok = (int32_t)(q->output_tok < most ? q->output_tok : most);
  r->finish_ns = end_ns;
  r->state = KVC_SIM_FINISHED;
}

void sim_engine_commit(struct sim_engine *e, int64_t start_ns, int64_t end_ns)
{
  struct sim_batch *b = &e->batch;
  struct sim_flight f = {.step = e->step,
                         .start_ns = start_ns,
                         .end_ns = end_ns,
                         .ending = SIM_NONE,
                         .last = SIM_NONE};
  const bool decoded = b->decodes > 0 || !e->cfg->policy.v0;
  if (b->decodes > 0) decode_gaps(e, end_ns);
  sim_decode_advance(e, &f, decoded);
  if (decoded) e->step++;
  for (size_t i = 0; i < b->n_chunks; i++) {
    const uint32_t at = b->chunk_seqs[i];
    struct kvc_sim_request *r = &e->records[e->seqs[at].req];
    if (r->scheduled_ns < 0) r->scheduled_ns = start_ns;
    if (b->chunks[i].last) prompt_done(e, at, &f);
  }
  if (b->n_chunks > 0) sweep_prefills(e);
  for (uint32_t at = f.ending; at != SIM_NONE; at = e->seqs[at].end_next)
    finish(e, e->seqs[at].req, end_ns);
  if (b->n_chunks > 0) e->last_prompt_ns = end_ns - start_ns;
  sim_stats_span(e->stats, e, start_ns, end_ns);
  /* A prompt side is asked for one token: its limit ends a request, not a stop. */
  const bool waste =
      e->traffic->ends_by_stop && e->cfg->async_scheduling && !e->prefill_only;
  e->wasted = waste ? f.n_ending : 0;
  e->wasted_tok = waste ? f.tok_ending : 0;
  e->flights[e->n_flights++] = f;
}

void sim_engine_turn(struct sim_engine *e, int64_t now_ns)
{
  sim_engine_output(e, now_ns);
  const int depth = e->cfg->async_scheduling && !e->cfg->policy.v0 ? 2 : 1;
  while (e->n_flights < depth) {
    int64_t length_ns;
    if (!sim_engine_plan(e, now_ns, &length_ns)) break;
    const int64_t start_ns = e->n_flights > 0 ? e->flights[0].end_ns : now_ns;
    sim_engine_commit(e, start_ns, start_ns + length_ns);
  }
  e->next_ns = e->n_flights > 0 ? e->flights[0].end_ns : SIM_NEVER;
}
