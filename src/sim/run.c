/* run.c - a run: arrivals, the router, the engines' turns, and the balance at the end.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The next event is the earliest; at equal times arrivals come before steps, a lower
 * number before a higher one.  Arrivals that depend on an answer (closed loops, turns
 * of a session) wait in a heap, the others are in order already.
 */
#include "sim_room.h"
#include <kvcap/rng.h>
#include <stdlib.h>

struct pending {
  int64_t at_ns;
  uint32_t req;
  bool prefilled; /* its KV reaches the decoding side */
};

struct run {
  const struct kvc_sim_config *config;
  const struct kvc_traffic *traffic;
  struct sim_engine *engines;
  int n_engines;
  struct kvc_sim_request *records;
  struct sim_stats *stats;
  struct sim_link *links; /* of the engines that compute prompts */
  struct pending *heap;
  size_t n_heap, room_heap;
  uint32_t *next; /* 1 + the turn after each request, or NULL: no sessions */
  size_t cursor;  /* next independent request */
  int robin;
  int64_t now_ns;
  int64_t steps;
  int64_t arrived;
  uint32_t events;
  bool failed;
};

static bool earlier(const struct pending *a, const struct pending *b)
{
  return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->req < b->req;
}

static void heap_push(struct run *r, struct pending p)
{
  if (!sim_grow((void **)&r->heap, r->n_heap, &r->room_heap, sizeof *r->heap)) {
    r->failed = true;
    return;
  }
  size_t i = r->n_heap++;
  while (i > 0 && earlier(&p, &r->heap[(i - 1) / 2])) {
    r->heap[i] = r->heap[(i - 1) / 2];
    i = (i - 1) / 2;
  }
  r->heap[i] = p;
}

static void heap_pop(struct run *r)
{
  const struct pending last = r->heap[--r->n_heap];
  size_t i = 0;
  for (;;) {
    size_t child = 2 * i + 1;
    if (child >= r->n_heap) break;
    if (child + 1 < r->n_heap && earlier(&r->heap[child + 1], &r->heap[child])) child++;
    if (!earlier(&r->heap[child], &last)) break;
    r->heap[i] = r->heap[child];
    i = child;
  }
  if (r->n_heap > 0) r->heap[i] = last;
}

/* The next request that waits for no answer. */
static void skip_turns(struct run *r)
{
  while (r->cursor < r->traffic->n && r->traffic->items[r->cursor].after != 0)
    r->cursor++;
}

static bool next_arrival(struct run *r, struct pending *out)
{
  const bool open = r->traffic->clients == 0 && r->cursor < r->traffic->n;
  if (open)
    *out = (struct pending){r->traffic->items[r->cursor].arrival_ns, (uint32_t)r->cursor,
                            false};
  if (r->n_heap > 0 && (!open || earlier(&r->heap[0], out))) {
    *out = r->heap[0];
    return true;
  }
  return open;
}

static void client_sends(struct run *r, int64_t at_ns)
{
  if (r->cursor >= r->traffic->n) return;
  const int64_t due_ns = r->traffic->items[r->cursor].arrival_ns;
  if (r->traffic->paced && due_ns > at_ns) at_ns = due_ns;
  heap_push(r, (struct pending){at_ns, (uint32_t)r->cursor++, false});
  skip_turns(r);
}

/* An answer is out, or a request was turned away. */
static void answered(struct run *r, uint32_t req, int64_t now_ns)
{
  const uint32_t next = r->next != NULL ? r->next[req] : 0;
  if (next != 0)
    heap_push(r, (struct pending){now_ns + r->traffic->items[next - 1].arrival_ns,
                                  next - 1, false});
  else if (r->traffic->clients > 0)
    client_sends(r, now_ns);
}

static int least_loaded(const struct run *r, int first, int end)
{
  int best = first;
  for (int i = first + 1; i < end; i++)
    if (sim_engine_load(&r->engines[i]) < sim_engine_load(&r->engines[best])) best = i;
  return best;
}

/* By what the first blocks hold (two hash ids: the first is often the same system prompt
 * for all); requests with nothing to share take turns. */
static int by_prefix(struct run *r, const struct kvc_request *q, int engines)
{
  uint64_t key;
  if (q->prefix_id != 0) {
    key = UINT64_C(1) << 32 | q->prefix_id;
  } else if (q->session != 0) {
    key = UINT64_C(3) << 32 | q->session;
  } else if (q->n_hash_ids > 0) {
    key = kvc_rng_mix(q->hash_ids[0]) + (q->n_hash_ids > 1 ? q->hash_ids[1] : 0);
  } else {
    if (r->robin >= engines) r->robin = 0;
    return r->robin++;
  }
  return (int)(kvc_rng_mix(key) % (uint64_t)engines);
}

static int route(struct run *r, const struct kvc_request *q)
{
  const int engines =
      r->config->prefill_replicas > 0 ? r->config->prefill_replicas : r->n_engines;
  if (engines == 1) return 0;
  switch (r->config->router) {
  case KVC_ROUTE_LEAST_LOADED: return least_loaded(r, 0, engines);
  case KVC_ROUTE_PREFIX: return by_prefix(r, q, engines);
  case KVC_ROUTE_ROUND_ROBIN: break;
  }
  if (r->robin >= engines) r->robin = 0;
  return r->robin++;
}

/* Longer than the model takes, or than all blocks hold: turned away at the door. */
static bool fits(const struct kvc_sim_engine *cfg, const struct kvc_request *q)
{
  if (q->prompt_tok < 1 || q->output_tok < 1 || q->prompt_tok >= cfg->max_model_len_tok)
    return false;
  int64_t tok = (int64_t)q->prompt_tok + q->output_tok;
  if (tok > cfg->max_model_len_tok) tok = cfg->max_model_len_tok;
  tok += cfg->lookahead_tok;
  int64_t blocks = (tok + cfg->block_size_tok - 1) / cfg->block_size_tok;
  if (!cfg->policy.watermark_if_busy)
    blocks += (int64_t)(cfg->policy.watermark_frac * (double)cfg->blocks);
  if (cfg->policy.v0) blocks++; /* the one that a decode touches */
  return blocks <= cfg->blocks;
}

static void arrive(struct run *r, const struct pending *p)
{
  const struct kvc_request *q = &r->traffic->items[p->req];
  struct kvc_sim_request *rec = &r->records[p->req];
  if (p->prefilled) {
    const int side = least_loaded(r, r->config->prefill_replicas, r->n_engines);
    rec->replica = (uint8_t)side;
    sim_engine_arrive(&r->engines[side], p->req, p->at_ns);
    return;
  }
  const int to = route(r, q);
  *rec = (struct kvc_sim_request){.arrival_ns = p->at_ns,
                                  .scheduled_ns = -1,
                                  .first_token_ns = -1,
                                  .finish_ns = -1,
                                  .replica = (uint8_t)to};
  r->arrived++;
  if (fits(&r->config->engine, q)) {
    sim_engine_arrive(&r->engines[to], p->req, p->at_ns);
    return;
  }
  rec->state = KVC_SIM_REJECTED;
  answered(r, p->req, p->at_ns);
}

/* The KV of a prompt is on its way. */
static void hand_on(struct run *r, int from, uint32_t req, int64_t now_ns)
{
  const struct kvc_sim_config *c = r->config;
  const double bytes = c->kv_bytes_per_tok * r->traffic->items[req].prompt_tok;
  r->records[req].state = KVC_SIM_UNSEEN;
  heap_push(
      r, (struct pending){sim_link_send(&r->links[from], c, bytes, now_ns), req, true});
}

static void collect(struct run *r, int i, int64_t now_ns)
{
  struct sim_engine *e = &r->engines[i];
  for (size_t k = 0; k < e->n_done; k++) {
    if (e->prefill_only)
      hand_on(r, i, e->done[k], now_ns);
    else
      answered(r, e->done[k], now_ns);
  }
  e->n_done = 0;
}

/* Ranks in lock-step: all plan, the longest step holds for all. */
static void turn_together(struct run *r, int64_t now_ns)
{
  int64_t longest = 0;
  bool any = false;
  bool *has = calloc((size_t)r->n_engines, sizeof *has);
  if (has == NULL) {
    r->failed = true;
    return;
  }
  for (int i = 0; i < r->n_engines; i++) {
    int64_t ns;
    sim_engine_output(&r->engines[i], now_ns);
    has[i] = sim_engine_plan(&r->engines[i], now_ns, &ns);
    if (has[i] && ns > longest) longest = ns;
    any = any || has[i];
  }
  for (int i = 0; i < r->n_engines; i++) {
    if (has[i]) sim_engine_commit(&r->engines[i], now_ns, now_ns + longest);
    r->engines[i].next_ns = any ? now_ns + longest : SIM_NEVER;
    r->steps++;
  }
  free(has);
  for (int i = 0; i < r->n_engines; i++) collect(r, i, now_ns);
}

static void turn(struct run *r, int i, int64_t now_ns)
{
  if (r->config->lock_step && r->n_engines > 1) {
    turn_together(r, now_ns);
    return;
  }
  sim_engine_turn(&r->engines[i], now_ns);
  collect(r, i, now_ns);
  r->steps++;
}

/* A rank that is idle while another steps waits for that step to end. */
static int64_t next_turn(const struct run *r, int *which)
{
  int64_t at = SIM_NEVER, busy = SIM_NEVER;
  for (int i = 0; i < r->n_engines; i++) {
    if (r->engines[i].next_ns < at) {
      at = r->engines[i].next_ns;
      *which = i;
    }
    if (r->engines[i].n_flights > 0 && r->engines[i].flights[0].end_ns < busy)
      busy = r->engines[i].flights[0].end_ns;
  }
  return r->config->lock_step && busy != SIM_NEVER ? busy : at;
}

static kvc_code events(struct run *r, struct kvc_err *err)
{
  const int64_t most =
      r->config->max_steps > 0 ? (int64_t)r->config->max_steps : INT64_C(2000000000);
  for (;;) {
    struct pending p;
    int which = 0;
    if (r->config->progress != NULL && (++r->events & 0x3fff) == 0)
      r->config->progress(r->config->progress_ctx,
                          (double)r->arrived / (double)r->traffic->n);
    const int64_t step_ns = next_turn(r, &which);
    const bool has = next_arrival(r, &p);
    if (!has && step_ns == SIM_NEVER) return KVC_E_OK;
    if (has && p.at_ns <= step_ns) {
      if (r->n_heap > 0 && p.req == r->heap[0].req)
        heap_pop(r);
      else {
        r->cursor++;
        skip_turns(r);
      }
      r->now_ns = p.at_ns;
      arrive(r, &p);
    } else {
      r->now_ns = step_ns;
      turn(r, which, step_ns);
    }
    if (r->failed || r->engines[which].failed)
      return kvc_fail(err, KVC_E_LIMIT, "simulation", "The machine gave no more memory.");
    if (r->steps > most)
      return kvc_fail(err, KVC_E_LIMIT, "simulation",
                      "After %lld steps the load is not served; give fewer requests.",
                      (long long)most);
  }
}

static bool link_turns(struct run *r)
{
  bool any = false;
  for (size_t i = 0; i < r->traffic->n && !any; i++)
    any = r->traffic->items[i].after != 0;
  if (!any) return true;
  r->next = calloc(r->traffic->n, sizeof *r->next);
  if (r->next == NULL) return false;
  for (size_t i = 0; i < r->traffic->n; i++) {
    const uint32_t after = r->traffic->items[i].after;
    if (after != 0 && after <= r->traffic->n) r->next[after - 1] = (uint32_t)i + 1;
  }
  return true;
}

static void sums(const struct run *r, struct kvc_sim_balance *b)
{
  *b = (struct kvc_sim_balance){.arrived = r->arrived};
  for (size_t i = 0; i < r->traffic->n; i++) {
    b->finished += r->records[i].state == KVC_SIM_FINISHED;
    b->rejected += r->records[i].state == KVC_SIM_REJECTED;
  }
  for (int i = 0; i < r->n_engines; i++) {
    const struct sim_engine *e = &r->engines[i];
    b->running += e->running.n;
    b->waiting += e->waiting.n + e->swapped.n;
    b->blocks_free += e->pool.free;
    b->blocks_total += e->cfg->blocks;
    for (uint32_t at = e->running.head; at != SIM_NONE; at = e->seqs[at].next)
      b->blocks_used += e->seqs[at].held;
  }
}

kvc_code kvc_sim_balance(const struct kvc_sim_balance *b, struct kvc_err *err)
{
  if (b->arrived != b->finished + b->running + b->waiting + b->rejected)
    return kvc_fail(err, KVC_E_INTERNAL, "simulation",
                    "%lld requests arrived, but %lld finished, %lld run, %lld wait and "
                    "%lld were rejected.",
                    (long long)b->arrived, (long long)b->finished, (long long)b->running,
                    (long long)b->waiting, (long long)b->rejected);
  if (b->blocks_used + b->blocks_free != b->blocks_total)
    return kvc_fail(err, KVC_E_INTERNAL, "simulation",
                    "%lld blocks are used and %lld free, but there are %lld.",
                    (long long)b->blocks_used, (long long)b->blocks_free,
                    (long long)b->blocks_total);
  return KVC_E_OK;
}

static kvc_code check_sides(const struct kvc_sim_config *c, struct kvc_err *err)
{
  const char *where = "simulation";
  if (c->prefill_replicas == 0) return KVC_E_OK;
  if (c->prefill_replicas < 0 || c->prefill_replicas >= c->replicas)
    return kvc_fail(err, KVC_E_RANGE, where,
                    "Of %d replicas %d cannot be for prompts: both sides need one.",
                    c->replicas, c->prefill_replicas);
  if (c->engine.policy.v0 || c->lock_step)
    return kvc_fail(err, KVC_E_UNSUPPORTED, where,
                    "Disaggregated prefill is simulated for V1 without lock-step only.");
  if (!(c->transfer_latency_s >= 0 && c->transfer_latency_s < 1e6) ||
      !(c->kv_bytes_per_tok >= 0 && c->kv_bytes_per_tok < 1e9) ||
      !(c->transfer_bps == 0 || c->transfer_bps > 1e3))
    return kvc_fail(err, KVC_E_RANGE, where, "The transfer of KV has no usable speed.");
  return KVC_E_OK;
}

static kvc_code check(const struct kvc_sim_config *c, const struct kvc_traffic *t,
                      struct kvc_err *err)
{
  const struct kvc_sim_engine *e = &c->engine;
  const char *where = "simulation";
  if (c->step_time == NULL)
    return kvc_fail(err, KVC_E_INTERNAL, where, "No clock was given.");
  if (e->blocks < 1 || e->blocks > INT32_MAX || e->block_size_tok < 1 ||
      e->block_size_tok > 65536)
    return kvc_fail(err, KVC_E_RANGE, where,
                    "%lld KV blocks of %d tokens are no cache to simulate.",
                    (long long)e->blocks, e->block_size_tok);
  if (e->max_batched_tok < 1 || e->max_num_seqs < 1 || e->max_model_len_tok < 2 ||
      e->max_model_len_tok > KVC_TRAFFIC_MAX_TOK)
    return kvc_fail(err, KVC_E_RANGE, where,
                    "A step needs at least one token and one sequence, a model two.");
  if (!e->chunked_prefill && e->max_batched_tok < e->max_model_len_tok)
    return kvc_fail(err, KVC_E_CONFLICT, where,
                    "Without chunked prefill a step must take the longest request: raise "
                    "max_num_batched_tokens to %lld.",
                    (long long)e->max_model_len_tok);
  if (e->lookahead_tok < 0 || e->lookahead_tok > 1024 || e->policy.prealloc_tok < 0 ||
      e->policy.prealloc_tok > 4096 || e->long_prefill_threshold_tok < 0 ||
      !(e->policy.watermark_frac >= 0 && e->policy.watermark_frac < 1))
    return kvc_fail(err, KVC_E_RANGE, where,
                    "Lookahead, preallocation, threshold or watermark is out of range.");
  if (c->replicas < 0 || c->replicas > 255)
    return kvc_fail(err, KVC_E_RANGE, where, "%d replicas are outside [1, 255].",
                    c->replicas);
  if (!(c->warmup_frac >= 0 && c->warmup_frac < 1))
    return kvc_fail(err, KVC_E_RANGE, where, "A warm-up of %g is outside [0, 1).",
                    c->warmup_frac);
  KVC_TRY(check_sides(c, err));
  if (t->n < 1 || t->n > KVC_TRAFFIC_MAX_REQUESTS)
    return kvc_fail(err, KVC_E_RANGE, where, "There are no requests to simulate.");
  return KVC_E_OK;
}

static kvc_code open_run(struct run *r, struct kvc_err *err)
{
  const struct kvc_sim_config *c = r->config;
  r->n_engines = c->replicas > 1 ? c->replicas : 1;
  r->engines = calloc((size_t)r->n_engines, sizeof *r->engines);
  r->links = calloc((size_t)r->n_engines, sizeof *r->links);
  r->stats = sim_stats_new(c);
  bool ok = r->engines != NULL && r->links != NULL && r->stats != NULL && link_turns(r);
  for (int i = 0; ok && i < r->n_engines; i++) {
    struct sim_engine *e = &r->engines[i];
    ok = sim_engine_init(e, c, r->traffic, r->records, r->stats) == KVC_E_OK;
    e->prefill_only = i < c->prefill_replicas;
    e->decode_only = c->prefill_replicas > 0 && !e->prefill_only;
  }
  if (!ok)
    return kvc_fail(err, KVC_E_LIMIT, "simulation", "The machine gave no more memory.");
  skip_turns(r);
  for (int i = 0; i < r->traffic->clients; i++) client_sends(r, 0);
  return KVC_E_OK;
}

static kvc_code close_run(struct run *r, struct kvc_arena *arena,
                          struct kvc_sim_result *out, struct kvc_err *err)
{
  struct kvc_sim_result result = {0};
  sums(r, &result.balance);
  KVC_TRY(kvc_sim_balance(&result.balance, err));
  if (result.balance.running + result.balance.waiting > 0)
    return kvc_fail(err, KVC_E_INTERNAL, "simulation",
                    "%lld requests wait though nothing happens any more.",
                    (long long)(result.balance.running + result.balance.waiting));
  KVC_TRY(
      sim_stats_result(arena, r->stats, r->config, r->traffic, r->records, &result, err));
  sim_link_result(r->links, r->n_engines, &result);
  if (r->config->keep_requests) result.requests = r->records;
  *out = result;
  return KVC_E_OK;
}

kvc_code kvc_sim_run(struct kvc_arena *arena, const struct kvc_sim_config *config,
                     const struct kvc_traffic *traffic, struct kvc_sim_result *out,
                     struct kvc_err *err)
{
  KVC_TRY(check(config, traffic, err));
  struct run r = {.config = config, .traffic = traffic};
  r.records = kvc_arena_alloc(arena, traffic->n, sizeof *r.records);
  if (r.records == NULL) return kvc_arena_full(arena, "requests", err);
  kvc_code rc = open_run(&r, err);
  if (rc == KVC_E_OK) rc = events(&r, err);
  if (rc == KVC_E_OK) rc = close_run(&r, arena, out, err);
  for (int i = 0; r.engines != NULL && i < r.n_engines; i++)
    sim_engine_clear(&r.engines[i]);
  free(r.engines);
  free(r.links);
  free(r.heap);
  free(r.next);
  sim_stats_free(r.stats);
  return rc;
}
