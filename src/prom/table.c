/* table.c - hash tables of families and series.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The seed differs from run to run (an address), so that nobody can write a page whose
 * names all fall into one slot; what comes out does not depend on it.
 */
#include "prom_room.h"

enum { FIRST_SLOTS = 256 };

uint64_t prom_hash(const struct prom *p, const char *text, size_t len)
{
  uint64_t h = p->seed ^ (len * 0x9E3779B97F4A7C15u);
  for (size_t i = 0; i < len; i++) h = (h ^ (unsigned char)text[i]) * 0x100000001B3u;
  h ^= h >> 32;
  h *= 0xD6E8FEB86659FD93u;
  return h ^ (h >> 32);
}

static kvc_code grow(struct prom *p, struct table *t)
{
  const size_t n = t->n_slots > 0 ? t->n_slots * 4 : FIRST_SLOTS;
  struct entry **slots = kvc_arena_alloc(p->arena, n, sizeof *slots);
  if (slots == NULL) return prom_full(p);
  for (struct entry *e = t->first; e != NULL; e = e->next) {
    struct entry **slot = &slots[e->hash & (n - 1)];
    e->chain = *slot;
    *slot = e;
  }
  t->slots = slots;
  t->n_slots = n;
  return KVC_E_OK;
}

kvc_code prom_table_add(struct prom *p, struct table *t, struct entry *e)
{
  if (t->count >= t->n_slots) KVC_TRY(grow(p, t));
  struct entry **slot = &t->slots[e->hash & (t->n_slots - 1)];
  e->chain = *slot;
  *slot = e;
  e->next = NULL;
  if (t->last != NULL)
    t->last->next = e;
  else
    t->first = e;
  t->last = e;
  t->count++;
  return KVC_E_OK;
}
