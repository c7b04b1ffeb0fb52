/* queue.c - lists of sequences, and the queue of those that wait.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * First come, first served: a list whose head takes the preempted ones.  Priority: a
 * binary heap by (priority, arrival, number).
 */
#include "sim_room.h"
#include <stdlib.h>

bool sim_grow(void **items, size_t n, size_t *room, size_t size)
{
  if (n < *room) return true;
  const size_t more = *room == 0 ? 16 : *room * 2;
  void *p = realloc(*items, more * size);
  if (p == NULL) return false;
  *items = p;
  *room = more;
  return true;
}

void sim_list_append(struct sim_engine *e, struct sim_list *list, uint32_t at)
{
  struct sim_seq *s = &e->seqs[at];
  s->prev = list->tail;
  s->next = SIM_NONE;
  if (list->tail != SIM_NONE)
    e->seqs[list->tail].next = at;
  else
    list->head = at;
  list->tail = at;
  list->n++;
}

void sim_list_prepend(struct sim_engine *e, struct sim_list *list, uint32_t at)
{
  struct sim_seq *s = &e->seqs[at];
  s->next = list->head;
  s->prev = SIM_NONE;
  if (list->head != SIM_NONE)
    e->seqs[list->head].prev = at;
  else
    list->tail = at;
  list->head = at;
  list->n++;
}

void sim_list_remove(struct sim_engine *e, struct sim_list *list, uint32_t at)
{
  const struct sim_seq *s = &e->seqs[at];
  if (s->prev != SIM_NONE)
    e->seqs[s->prev].next = s->next;
  else
    list->head = s->next;
  if (s->next != SIM_NONE)
    e->seqs[s->next].prev = s->prev;
  else
    list->tail = s->prev;
  list->n--;
}

static bool before(const struct sim_engine *e, uint32_t a, uint32_t b)
{
  const struct sim_seq *x = &e->seqs[a], *y = &e->seqs[b];
  const int32_t p = e->traffic->items[x->req].priority;
  const int32_t q = e->traffic->items[y->req].priority;
  if (p != q) return p < q;
  if (x->sort_ns != y->sort_ns) return x->sort_ns < y->sort_ns;
  return x->req < y->req;
}

static void heap_push(struct sim_engine *e, uint32_t at)
{
  size_t i = (size_t)e->waiting.n;
  if (!sim_grow((void **)&e->heap, i, &e->room_heap, sizeof *e->heap)) {
    e->failed = true;
    return;
  }
  e->waiting.n++;
  while (i > 0 && before(e, at, e->heap[(i - 1) / 2])) {
    e->heap[i] = e->heap[(i - 1) / 2];
    i = (i - 1) / 2;
  }
  e->heap[i] = at;
}

static void heap_pop(struct sim_engine *e)
{
  const size_t n = (size_t)--e->waiting.n;
  const uint32_t last = e->heap[n];
  size_t i = 0;
  for (;;) {
    size_t child = 2 * i + 1;
    if (child >= n) break;
    if (child + 1 < n && before(e, e->heap[child + 1], e->heap[child])) child++;
    if (!before(e, e->heap[child], last)) break;
    e->heap[i] = e->heap[child];
    i = child;
  }
  if (n > 0) e->heap[i] = last;
}

void sim_wait_push(struct sim_engine *e, uint32_t at, bool front)
{
  e->seqs[at].phase = SIM_WAITING;
  if (e->cfg->priority)
    heap_push(e, at);
  else if (front)
    sim_list_prepend(e, &e->waiting, at);
  else
    sim_list_append(e, &e->waiting, at);
}

uint32_t sim_wait_head(const struct sim_engine *e)
{
  if (e->waiting.n == 0) return SIM_NONE;
  return e->cfg->priority ? e->heap[0] : e->waiting.head;
}

void sim_wait_pop(struct sim_engine *e)
{
  if (e->cfg->priority)
    heap_pop(e);
  else
    sim_list_remove(e, &e->waiting, e->waiting.head);
}
