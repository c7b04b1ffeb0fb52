/* pool.c - KV blocks: a queue of free ones in order of last use, and what they cache.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Blocks have no identity, contents have: a run of n blocks that nobody can hit is one
 * node.  The order of the queue is that of the engine's own, so the same cached block
 * is forgotten at the same moment.
 */
#include "sim_room.h"
#include <stdlib.h>
#include <string.h>

enum { FIRST_BUCKETS = 1024 };

kvc_code sim_pool_init(struct sim_pool *pool, int64_t total, bool caching)
{
  *pool = (struct sim_pool){.total = total, .free = total, .caching = caching};
  if (!caching) return KVC_E_OK;
  pool->room_nodes = 1024;
  pool->n_buckets = FIRST_BUCKETS;
  pool->nodes = calloc(pool->room_nodes, sizeof *pool->nodes);
  pool->buckets = malloc(pool->n_buckets * sizeof *pool->buckets);
  if (pool->nodes == NULL || pool->buckets == NULL) {
    sim_pool_clear(pool);
    return KVC_E_LIMIT;
  }
  memset(pool->buckets, 0xff, pool->n_buckets * sizeof *pool->buckets);
  pool->n_nodes = 1;
  pool->spare = SIM_NONE;
  pool->free = 0;
  sim_pool_give(pool, total, false);
  return KVC_E_OK;
}

void sim_pool_clear(struct sim_pool *pool)
{
  free(pool->nodes);
  free(pool->buckets);
  *pool = (struct sim_pool){0};
}

/* There is never more than one node a block and one run beside each: with the memory
 * for them gone nothing sensible can follow, so the run of blocks is merely merged. */
static uint32_t node_new(struct sim_pool *pool)
{
  if (pool->spare != SIM_NONE) {
    const uint32_t at = pool->spare;
    pool->spare = pool->nodes[at].next;
    return at;
  }
  if (pool->n_nodes == pool->room_nodes) {
    struct sim_node *more =
        realloc(pool->nodes, (size_t)pool->room_nodes * 2 * sizeof *more);
    if (more == NULL) return SIM_NONE;
    pool->nodes = more;
    pool->room_nodes *= 2;
  }
  return pool->n_nodes++;
}

static void node_drop(struct sim_pool *pool, uint32_t at)
{
  pool->nodes[at].next = pool->spare;
  pool->spare = at;
}

static void unlink_free(struct sim_pool *pool, uint32_t at)
{
  struct sim_node *n = &pool->nodes[at];
  pool->nodes[n->prev].next = n->next;
  pool->nodes[n->next].prev = n->prev;
}

static void link_before(struct sim_pool *pool, uint32_t at, uint32_t next)
{
  struct sim_node *nodes = pool->nodes;
  nodes[at].next = next;
  nodes[at].prev = nodes[next].prev;
  nodes[nodes[next].prev].next = at;
  nodes[next].prev = at;
}

static void forget(struct sim_pool *pool, uint32_t at)
{
  uint32_t *p = &pool->buckets[pool->nodes[at].key & (pool->n_buckets - 1)];
  while (*p != at) p = &pool->nodes[*p].chain;
  *p = pool->nodes[at].chain;
  pool->n_keys--;
}

void sim_pool_take(struct sim_pool *pool, int64_t count)
{
  pool->free -= count;
  if (!pool->caching) return;
  while (count > 0) {
    const uint32_t at = pool->nodes[0].next;
    struct sim_node *n = &pool->nodes[at];
    if ((int64_t)n->count > count) {
      n->count -= (uint32_t)count;
      return;
    }
    count -= n->count;
    unlink_free(pool, at);
    if (n->key != 0) forget(pool, at);
    node_drop(pool, at);
  }
}

void sim_pool_give(struct sim_pool *pool, int64_t count, bool front)
{
  if (count <= 0) return;
  pool->free += count;
  pool->version++;
  if (!pool->caching) return;
  const uint32_t beside = front ? pool->nodes[0].next : pool->nodes[0].prev;
  if (beside != 0 && pool->nodes[beside].key == 0) {
    pool->nodes[beside].count += (uint32_t)count;
    return;
  }
  const uint32_t at = node_new(pool);
  if (at == SIM_NONE) return; /* the balance will tell */
  pool->nodes[at] = (struct sim_node){.count = (uint32_t)count};
  link_before(pool, at, front ? pool->nodes[0].next : 0);
}

uint32_t sim_pool_find(const struct sim_pool *pool, uint64_t key)
{
  uint32_t at = pool->buckets[key & (pool->n_buckets - 1)];
  while (at != SIM_NONE && pool->nodes[at].key != key) at = pool->nodes[at].chain;
  return at;
}

void sim_pool_hold(struct sim_pool *pool, uint32_t node)
{
  if (pool->nodes[node].ref++ > 0) return;
  unlink_free(pool, node);
  pool->free--;
}

void sim_pool_release(struct sim_pool *pool, uint32_t node)
{
  if (--pool->nodes[node].ref > 0) return;
  link_before(pool, node, 0);
  pool->free++;
  pool->version++;
}

static void grow_buckets(struct sim_pool *pool)
{
  const uint32_t n = pool->n_buckets * 2;
  uint32_t *more = malloc((size_t)n * sizeof *more);
  if (more == NULL) return;
  memset(more, 0xff, (size_t)n * sizeof *more);
  for (uint32_t b = 0; b < pool->n_buckets; b++) {
    /* Both halves keep the order of the chain: the oldest of equal keys first. */
    uint32_t *low = &more[b], *high = &more[b + pool->n_buckets];
    for (uint32_t at = pool->buckets[b]; at != SIM_NONE;) {
      struct sim_node *node = &pool->nodes[at];
      const uint32_t next = node->chain;
      uint32_t **end = (node->key & pool->n_buckets) != 0 ? &high : &low;
      **end = at;
      node->chain = SIM_NONE;
      *end = &node->chain;
      at = next;
    }
  }
  free(pool->buckets);
  pool->buckets = more;
  pool->n_buckets = n;
}

uint32_t sim_pool_hash(struct sim_pool *pool, uint64_t key)
{
  const uint32_t at = node_new(pool);
  if (at == SIM_NONE) return SIM_NONE;
  if (pool->n_keys > pool->n_buckets) grow_buckets(pool);
  pool->nodes[at] =
      (struct sim_node){.key = key, .count = 1, .ref = 1, .chain = SIM_NONE};
  uint32_t *p = &pool->buckets[key & (pool->n_buckets - 1)];
  while (*p != SIM_NONE) p = &pool->nodes[*p].chain;
  *p = at;
  pool->n_keys++;
  pool->version++;
  return at;
}
