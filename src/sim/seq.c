/* seq.c - a sequence: its slot, the hashes of its blocks, giving them back.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A block's key chains over the one before it, as the engine's does.  Blocks that no
 * other request can name (traffic.h says which) are counted, not hashed, until the
 * sequence is preempted: it may find its own blocks again.
 */
#include "sim_room.h"
#include <kvcap/rng.h>
#include <stdlib.h>

uint32_t sim_seq_new(struct sim_engine *e, uint32_t req, int64_t now_ns)
{
  uint32_t at = e->spare_seq;
  struct sim_seq keep = {0};
  if (at != SIM_NONE) {
    e->spare_seq = e->seqs[at].next;
    keep = e->seqs[at];
  } else {
    size_t room = e->room_seqs;
    if (!sim_grow((void **)&e->seqs, e->n_seqs, &room, sizeof *e->seqs)) {
      e->failed = true;
      return SIM_NONE;
    }
    e->room_seqs = (uint32_t)room;
    at = e->n_seqs++;
  }
  const struct kvc_request *r = &e->traffic->items[req];
  const int64_t most = e->cfg->max_model_len_tok - r->prompt_tok;
  int64_t left = r->output_tok < most ? r->output_tok : most;
  if (e->prefill_only) left = 1;
  e->seqs[at] = (struct sim_seq){.req = req,
                                 .tokens = r->prompt_tok,
                                 .left = (int32_t)left,
                                 .remote = e->decode_only,
                                 .sort_ns = now_ns,
                                 .planned_step = -1,
                                 .nodes = keep.nodes,
                                 .keys = keep.keys,
                                 .room = keep.room};
  return at;
}

void sim_seq_drop(struct sim_engine *e, uint32_t at)
{
  e->seqs[at].next = e->spare_seq;
  e->spare_seq = at;
}

static uint64_t token_id(const struct sim_engine *e, const struct sim_seq *s, int64_t t)
{
  const struct kvc_request *r = &e->traffic->items[s->req];
  uint64_t stream, place = (uint64_t)t;
  if (r->prefix_id != 0 && t < r->prefix_tok) {
    stream = UINT64_C(1) << 32 | r->prefix_id;
  } else if (r->n_hash_ids > 0 && t < r->prompt_tok &&
             t / e->traffic->hash_unit < r->n_hash_ids) {
    stream = UINT64_C(2) << 32 | r->hash_ids[t / e->traffic->hash_unit];
    place = (uint64_t)(t % e->traffic->hash_unit);
  } else if (r->session != 0) {
    stream = UINT64_C(3) << 32 | r->session;
  } else {
    stream = UINT64_C(4) << 32 | s->req;
  }
  return kvc_rng_mix(kvc_rng_mix(stream) + place);
}

/* Tokens from the start that another request, or this one later, can name. */
static int64_t shareable(const struct sim_engine *e, const struct sim_seq *s)
{
  const struct kvc_request *r = &e->traffic->items[s->req];
  if (s->own || r->session != 0) return INT32_MAX;
  int64_t tok = r->prefix_id != 0 ? r->prefix_tok : 0;
  const int64_t hashed = (int64_t)r->n_hash_ids * e->traffic->hash_unit;
  if (hashed > tok) tok = hashed;
  return tok < r->prompt_tok ? tok : r->prompt_tok;
}

static bool seq_room(struct sim_engine *e, struct sim_seq *s, int32_t n)
{
  if (n <= s->room) return true;
  int32_t room = s->room > 0 ? s->room : 16;
  while (room < n) room *= 2;
  uint32_t *nodes = realloc(s->nodes, (size_t)room * sizeof *nodes);
  if (nodes != NULL) s->nodes = nodes;
  uint64_t *keys = realloc(s->keys, (size_t)room * sizeof *keys);
  if (keys != NULL) s->keys = keys;
  if (nodes == NULL || keys == NULL) {
    e->failed = true;
    return false;
  }
  s->room = room;
  return true;
}

/* Extends the chain to n blocks. */
static bool seq_keys(struct sim_engine *e, struct sim_seq *s, int32_t n)
{
  if (n > s->n_keys && !seq_room(e, s, n)) return false;
  const int64_t size = e->cfg->block_size_tok;
  const int64_t unit = e->traffic->hash_unit;
  const int64_t stride = unit > 0 && unit < size - 1 ? unit : size - 1;
  for (; s->n_keys < n; s->n_keys++) {
    uint64_t key = s->n_keys > 0 ? s->keys[s->n_keys - 1] : 1;
    const int64_t first = s->n_keys * size, last = first + size - 1;
    for (int64_t t = first; t < last; t += stride)
      key = kvc_rng_mix(key ^ token_id(e, s, t));
    key = kvc_rng_mix(key ^ token_id(e, s, last));
    s->keys[s->n_keys] = key != 0 ? key : 1;
  }
  return true;
}

int32_t sim_seq_lookup(struct sim_engine *e, struct sim_seq *s)
{
  if (!e->pool.caching) return 0;
  const int64_t size = e->cfg->block_size_tok;
  int64_t most = shareable(e, s);
  if (most > s->tokens - 1) most = s->tokens - 1;
  int32_t hits = 0;
  while ((hits + 1) * size <= most) {
    if (hits >= s->n_keys && !seq_keys(e, s, hits + 1)) break;
    const uint32_t node = sim_pool_find(&e->pool, s->keys[hits]);
    if (node == SIM_NONE) break;
    s->nodes[hits++] = node;
  }
  return hits;
}

void sim_seq_hash(struct sim_engine *e, struct sim_seq *s)
{
  if (!e->pool.caching) return;
  int64_t tok = shareable(e, s);
  if (tok > s->computed) tok = s->computed;
  const int32_t n = (int32_t)(tok / e->cfg->block_size_tok);
  if (n <= s->n_nodes || !seq_keys(e, s, n)) return;
  while (s->n_nodes < n) {
    const uint32_t node = sim_pool_hash(&e->pool, s->keys[s->n_nodes]);
    if (node == SIM_NONE) {
      e->failed = true;
      return;
    }
    s->nodes[s->n_nodes++] = node;
  }
}

void sim_seq_release(struct sim_engine *e, struct sim_seq *s, bool all)
{
  if (all) s->own = true;
  sim_seq_hash(e, s);
  int64_t plain = s->held - s->n_nodes;
  if (e->pool.unhashed_first) {
    int64_t partial = s->held - s->computed / e->cfg->block_size_tok;
    if (partial > plain) partial = plain;
    sim_pool_give(&e->pool, partial, true);
    plain -= partial;
  }
  sim_pool_give(&e->pool, plain, false);
  while (s->n_nodes > 0) sim_pool_release(&e->pool, s->nodes[--s->n_nodes]);
  s->held = 0;
  s->computed = 0;
}
