/* sim_room.h - what the files of the simulator share.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Lazy progress.  A decoding sequence takes one token a step, so nothing about it is
 * touched until it ends: the step at which it ends, the class of steps (mod the period
 * of blocks) in which it needs a block and its context at step 0 are all known when it
 * joins.  A plain step is O(1); only steps in which the budget or the blocks do not
 * reach for all walk the list of running sequences.
 */
#ifndef SIM_ROOM_H
#define SIM_ROOM_H

#include <kvcap/sim.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_NONE UINT32_MAX
#define SIM_NEVER INT64_MAX

/* ---- blocks -------------------------------------------------------------------- */

/* A run of free blocks nobody can hit, or one cached block. */
struct sim_node {
  uint64_t key; /* 0: a run */
  uint32_t count, ref;
  uint32_t prev, next; /* in the free queue */
  uint32_t chain;      /* in its hash bucket */
};

struct sim_pool {
  int64_t total, free;
  bool caching, unhashed_first;
  struct sim_node *nodes; /* [0] is the head of the free queue */
  uint32_t n_nodes, room_nodes, spare;
  uint32_t *buckets;
  uint32_t n_buckets, n_keys;
  uint64_t version; /* rises when blocks are freed or hashed */
};

kvc_code sim_pool_init(struct sim_pool *pool, int64_t total, bool caching);
void sim_pool_clear(struct sim_pool *pool);
/* Takes 'count' <= free blocks, least recently used first; their hashes are forgotten. */
void sim_pool_take(struct sim_pool *pool, int64_t count);
/* Blocks without a hash go to the end of the queue (or its front, partly filled ones). */
void sim_pool_give(struct sim_pool *pool, int64_t count, bool front);
/* A cached block: found by key, held, let go, made from a held block. */
uint32_t sim_pool_find(const struct sim_pool *pool, uint64_t key);
void sim_pool_hold(struct sim_pool *pool, uint32_t node);
void sim_pool_release(struct sim_pool *pool, uint32_t node);
uint32_t sim_pool_hash(struct sim_pool *pool, uint64_t key);

/* ---- sequences ------------------------------------------------------------------ */

enum sim_phase { SIM_WAITING, SIM_PREFILL, SIM_DECODE, SIM_ENDING, SIM_SWAPPED };

struct sim_seq {
  uint32_t req;
  uint32_t prev, next;         /* waiting, running or swapped list */
  uint32_t end_prev, end_next; /* list of those that end in the same step */
  uint8_t phase;
  bool started;                 /* has its first token */
  bool remote;                  /* its prompt was computed elsewhere */
  bool own;                     /* preempted once: all its blocks can be found again */
  bool fresh;                   /* last_token_ns is its own, not that of all decodes */
  int32_t tokens, computed;     /* known; in the cache.  Decode: when it joined */
  int32_t left;                 /* tokens still to make, when it joined */
  int64_t join_step, need_step; /* first step as a decode; a step at which it needs */
  int64_t held;                 /* blocks, before need_step */
  int64_t order;                /* of admission: the place in the running list */
  int64_t last_token_ns;
  int64_t sort_ns;      /* arrival, for the priority policy */
  int64_t planned_step; /* the step it was last put into, slow path only */
  int32_t planned_tok;
  uint32_t *nodes;               /* its cached blocks, the first ones of it */
  uint64_t *keys;                /* hash chain of its full blocks */
  int32_t n_nodes, n_keys, room; /* room of both */
};

struct sim_list {
  uint32_t head, tail;
  int64_t n;
};

/* A step on its way through the GPU. */
struct sim_flight {
  int64_t step, start_ns, end_ns;
  uint32_t ending; /* sequences whose last token it makes, in running order */
  uint32_t last;   /* of them */
  int64_t n_ending, tok_ending; /* and the context they hold */
};

enum { SIM_WHEEL = 4096, SIM_MAX_PERIOD = 4096, SIM_FLIGHTS = 2 };

struct sim_top {
  int64_t key;
  uint32_t seq;
  int64_t join_step;
};

struct sim_stats;

/* The batch of a step while it is planned. */
struct sim_batch {
  struct kvc_chunk *chunks;
  uint32_t *chunk_seqs;
  size_t n_chunks, room_chunks;
  int64_t budget;
  int64_t decodes, decode_tok, context_tok;
  bool preempted, walked;
  int64_t swapped_blocks; /* moved to or from the CPU */
};

struct sim_engine {
  const struct kvc_sim_engine *cfg;
  const struct kvc_sim_config *run;
  const struct kvc_traffic *traffic;
  struct kvc_sim_request *records;
  struct sim_stats *stats;
  bool prefill_only, decode_only; /* sides of a disaggregated service */
  struct sim_pool pool;
  struct sim_seq *seqs;
  uint32_t n_seqs, room_seqs, spare_seq;
  struct sim_list waiting, running, swapped;
  uint32_t *heap; /* waiting, under the priority policy: see queue.c */
  size_t room_heap;
  uint32_t *fresh; /* decodes whose last token is not from the last decode step */
  size_t n_fresh, room_fresh;
  int64_t last_decode_ns; /* end of that step */
  int64_t step;           /* number of the step being planned */
  int64_t order;
  /* The decodes: how many, what they hold, who needs a block when, who ends when. */
  int64_t n_decodes, context_tok;
  int64_t *needs; /* [period]: sequences that need 'grain' blocks at steps = class */
  int period, grain;
  uint32_t wheel[SIM_WHEEL];
  struct sim_top *tops; /* max-heap of context, stale entries dropped when met */
  size_t n_tops, room_tops;
  uint32_t *prefills; /* running sequences whose prompt is unfinished, oldest first */
  size_t n_prefills, room_prefills;
  int64_t newest_decode; /* order of the youngest decode */
  struct sim_flight flights[SIM_FLIGHTS];
  int n_flights;
  int64_t next_ns;
  uint32_t blocked;         /* head of the queue that did not fit ... */
  uint64_t blocked_version; /* ... and what the pool was then */
  int multi_left;           /* V0: decode steps to come before the next schedule */
  int64_t last_prompt_ns;   /* V0: duration of the last prompt step */
  int64_t swap_free;
  int64_t wasted; /* decodes of the coming step that nobody reads */
  int64_t wasted_tok;
  struct sim_batch batch;
  /* finished since the caller looked */
  uint32_t *done;
  size_t n_done, room_done;
  bool failed; /* the machine or a limit refused memory */
};

kvc_code sim_engine_init(struct sim_engine *e, const struct kvc_sim_config *run,
                         const struct kvc_traffic *traffic,
                         struct kvc_sim_request *records, struct sim_stats *stats);
void sim_engine_clear(struct sim_engine *e);
/* A request reaches the engine. */
void sim_engine_arrive(struct sim_engine *e, uint32_t req, int64_t now_ns);
/* A moment of the engine: outputs of a finished step, then as many new steps as may be
 * in flight. */
void sim_engine_turn(struct sim_engine *e, int64_t now_ns);
/* The parts of a turn, for ranks in lock-step. */
void sim_engine_output(struct sim_engine *e, int64_t now_ns);
bool sim_engine_plan(struct sim_engine *e, int64_t now_ns, int64_t *length_ns);
void sim_engine_commit(struct sim_engine *e, int64_t start_ns, int64_t end_ns);
int64_t sim_engine_load(const struct sim_engine *e);

/* ---- queue.c: lists, the waiting queue ----------------------------------------------
 */

void sim_list_append(struct sim_engine *e, struct sim_list *list, uint32_t at);
void sim_list_prepend(struct sim_engine *e, struct sim_list *list, uint32_t at);
void sim_list_remove(struct sim_engine *e, struct sim_list *list, uint32_t at);
void sim_wait_push(struct sim_engine *e, uint32_t at, bool front);
uint32_t sim_wait_head(const struct sim_engine *e);
void sim_wait_pop(struct sim_engine *e);
/* Room for n+1 entries of 'size' bytes; false when memory is refused. */
bool sim_grow(void **items, size_t n, size_t *room, size_t size);

/* ---- seq.c: sequences and their blocks ------------------------------------------------
 */

uint32_t sim_seq_new(struct sim_engine *e, uint32_t req, int64_t now_ns);
void sim_seq_drop(struct sim_engine *e, uint32_t at);
/* Cached blocks at the start of it; their nodes go into s->nodes, not yet held. */
int32_t sim_seq_lookup(struct sim_engine *e, struct sim_seq *s);
/* Full blocks up to s->computed get their hash. */
void sim_seq_hash(struct sim_engine *e, struct sim_seq *s);
/* All blocks back to the pool; 'all': hash every full one first. */
void sim_seq_release(struct sim_engine *e, struct sim_seq *s, bool all);

/* ---- decode.c: the sequences that decode ----------------------------------------------
 */

void sim_decode_join(struct sim_engine *e, uint32_t at);
/* Its counters as of the step being planned; it stays where it is. */
void sim_decode_settle(struct sim_engine *e, struct sim_seq *s);
/* Leaves the decodes, counters settled. */
void sim_decode_leave(struct sim_engine *e, uint32_t at);
/* Sits out the step being planned. */
void sim_decode_skip(struct sim_engine *e, uint32_t at);
/* Takes blocks in the step being planned: fewer than a grain when the pool is short. */
void sim_decode_take(struct sim_engine *e, uint32_t at, int64_t count);
/* Puts 'at' to the ending ones of a step, by order of admission. */
void sim_flight_end(struct sim_engine *e, struct sim_flight *f, uint32_t at);
int64_t sim_decode_context(const struct sim_engine *e, const struct sim_seq *s);
int64_t sim_decode_longest(struct sim_engine *e);
/* Those whose last token the planned step makes leave, in order; all others move on. */
void sim_decode_advance(struct sim_engine *e, struct sim_flight *f, bool decoded);

/* ---- plan_v1.c, plan_v0.c: who is in the step
 * ------------------------------------------ */

void sim_plan_v1(struct sim_engine *e);
void sim_plan_v0(struct sim_engine *e, int64_t now_ns);
/* 'n' tokens of a prompt go into the step. */
void sim_batch_chunk(struct sim_engine *e, uint32_t at, int64_t n);
void sim_preempt(struct sim_engine *e, uint32_t at);
/* V0: a request that can never be served. */
void sim_ignore(struct sim_engine *e, uint32_t at);
/* The longest-running victim rule of the policy. */
uint32_t sim_victim(const struct sim_engine *e);
void sim_prefill_remove(struct sim_engine *e, uint32_t at);
int64_t sim_blocks(const struct sim_engine *e, int64_t tok);

/* ---- link.c: the way of the KV from a side that computes prompts
 * ------------------------------------------ */

struct sim_link {
  int64_t free_ns; /* the last byte of the last prompt is out */
  int64_t busy_ns, wait_ns, n;
};

/* 'bytes' are ready at now_ns; when they are there. */
int64_t sim_link_send(struct sim_link *link, const struct kvc_sim_config *config,
                      double bytes, int64_t now_ns);
void sim_link_result(const struct sim_link *links, int n, struct kvc_sim_result *out);

/* ---- stats.c
 * --------------------------------------------------------------------------- */

struct sim_stats *sim_stats_new(const struct kvc_sim_config *config);
void sim_stats_free(struct sim_stats *s);
void sim_stats_itl(struct sim_stats *s, int64_t gap_ns, int64_t weight);
void sim_stats_span(struct sim_stats *s, const struct sim_engine *e, int64_t start_ns,
                    int64_t end_ns);
void sim_stats_step(struct sim_stats *s, int64_t gpu_ns, int64_t wasted);
void sim_stats_preempt(struct sim_stats *s, bool swap);
kvc_code sim_stats_result(struct kvc_arena *arena, struct sim_stats *s,
                          const struct kvc_sim_config *config,
                          const struct kvc_traffic *traffic,
                          const struct kvc_sim_request *records,
                          struct kvc_sim_result *out, struct kvc_err *err);

#endif
