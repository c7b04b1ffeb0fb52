/* series.c - series by family and labels, and the numbers that lines give them.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "prom_room.h"
#include <math.h>

static bool same_slice(struct slice a, const char *b)
{
  return strncmp(b, a.at, a.len) == 0 && b[a.len] == '\0';
}

/* The labels may stand in another order: they are compared as a set. */
static bool same_labels(const struct series *s, const struct label *labels, size_t n)
{
  if (s->n_labels != n) return false;
  size_t i = 0;
  while (i < n && same_slice(labels[i].name, s->labels[i].name) &&
         same_slice(labels[i].value, s->labels[i].value))
    i++;
  for (size_t k = i; k < n; k++) {
    size_t m = i;
    while (m < n && !(same_slice(labels[k].name, s->labels[m].name) &&
                      same_slice(labels[k].value, s->labels[m].value)))
      m++;
    if (m == n) return false;
  }
  return true;
}

static uint64_t labels_hash(const struct prom *p, const struct family *f,
                            const struct label *labels, size_t n)
{
  uint64_t h = f->entry.hash;
  for (size_t i = 0; i < n; i++) { /* a sum, so that the order does not count */
    const uint64_t name = prom_hash(p, labels[i].name.at, labels[i].name.len);
    const uint64_t value = prom_hash(p, labels[i].value.at, labels[i].value.len);
    uint64_t both = (name ^ (value << 1 | value >> 63)) * 0x9E3779B97F4A7C15u;
    both ^= both >> 29;
    h += both * 0xBF58476D1CE4E5B9u;
  }
  return h ^ (h >> 31);
}

static kvc_code labels_keep(struct prom *p, struct series *s, const struct label *labels,
                            size_t n)
{
  struct kvc_label *kept = kvc_arena_alloc(p->arena, n + 1, sizeof *kept);
  if (kept == NULL) return prom_full(p);
  for (size_t i = 0; i < n; i++) {
    kept[i].name = kvc_arena_strndup(p->arena, labels[i].name.at, labels[i].name.len);
    kept[i].value = kvc_arena_strndup(p->arena, labels[i].value.at, labels[i].value.len);
    if (kept[i].name == NULL || kept[i].value == NULL) return prom_full(p);
  }
  s->labels = kept;
  s->n_labels = n;
  return KVC_E_OK;
}

static struct numbers no_numbers(void)
{
  return (struct numbers){.value = NAN, .sum = NAN, .count = NAN};
}

kvc_code prom_series(struct prom *p, struct family *family, const struct label *labels,
                     size_t n, struct series **out)
{
  const uint64_t hash = labels_hash(p, family, labels, n);
  for (struct entry *e = prom_table_slot(&p->series, hash); e != NULL; e = e->chain) {
    struct series *s = (struct series *)(void *)e;
    if (e->hash == hash && s->family == family && same_labels(s, labels, n)) {
      *out = s;
      return KVC_E_OK;
    }
  }
  if (p->series.count >= KVC_PROM_MAX_SERIES)
    return prom_limit(p, "series", KVC_PROM_MAX_SERIES);
  struct series *s = kvc_arena_alloc(p->arena, 1, sizeof *s);
  if (s == NULL) return prom_full(p);
  s->family = family;
  s->now = no_numbers();
  s->created_s = s->time_s = NAN;
  s->line = p->line;
  s->entry.hash = hash;
  KVC_TRY(labels_keep(p, s, labels, n));
  KVC_TRY(prom_table_add(p, &p->series, &s->entry));
  family->sampled = true;
  if (family->shown == NULL) family->shown = s;
  *out = s;
  return KVC_E_OK;
}

/* ---- numbers ---- */

static kvc_code bucket_insert(struct prom *p, struct numbers *n, size_t at, double le,
                              double count)
{
  if (n->n_buckets >= PROM_MAX_BUCKETS)
    return prom_limit(p, "buckets of one histogram", PROM_MAX_BUCKETS);
  if (n->n_buckets == n->room) {
    const size_t room = n->room > 0 ? n->room * 2 : 24;
    struct kvc_bucket *more;
    more = kvc_arena_alloc(p->arena, room, sizeof *more);
    if (more == NULL) return prom_full(p);
    if (n->n_buckets > 0) memcpy(more, n->buckets, n->n_buckets * sizeof *more);
    n->buckets = more;
    n->room = room;
  }
  memmove(n->buckets + at + 1, n->buckets + at, (n->n_buckets - at) * sizeof *n->buckets);
  n->buckets[at] = (struct kvc_bucket){le, count};
  n->n_buckets++;
  return KVC_E_OK;
}

/* Where the bound is or would be. */
static size_t bucket_at(const struct numbers *n, double le)
{
  if (n->n_buckets == 0 || n->buckets[n->n_buckets - 1].le < le) return n->n_buckets;
  size_t lo = 0, hi = n->n_buckets - 1;
  while (lo < hi) {
    const size_t mid = lo + (hi - lo) / 2;
    if (n->buckets[mid].le < le)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo;
}

static bool bucket_seen(const struct numbers *n, double le)
{
  const size_t at = bucket_at(n, le);
  return at < n->n_buckets && !(n->buckets[at].le > le);
}

/* Ray exports a counter with and without _total, to the same value. */
static bool told_twice_by_ray(const struct series *s, const struct given *g)
{
  return g->part == PART_VALUE && strncmp(s->family->name, "ray_", 4) == 0 &&
         !(s->now.value > g->value) && !(s->now.value < g->value);
}

/* A part that was there already: the text holds the series twice.  When it is the part
 * that the series began with, another page begins: what was read is set aside whole, so
 * that no histogram is half of one page and half of another. */
static void seen_again(struct prom *p, struct series *s, const struct given *g)
{
  const bool again = g->part == PART_BUCKET ? bucket_seen(&s->now, g->le)
                                            : (s->seen & 1u << g->part) != 0;
  if (!again) return;
  if (!told_twice_by_ray(s, g))
    prom_note(p, NOTE_TWICE, (struct slice){s->family->name, s->family->len});
  if (g->part != s->first_part) return;
  if (g->part == PART_BUCKET && (g->le > s->first_le || g->le < s->first_le)) return;
  s->before = s->now;
  s->had_before = true;
  s->now = no_numbers();
  s->seen = 0;
}

kvc_code prom_give(struct prom *p, struct series *s, const struct given *g)
{
  if (g->part == PART_CREATED) { /* a time, not a count: it never marks another page */
    s->created_s = g->value;
    return KVC_E_OK;
  }
  seen_again(p, s, g);
  if (s->seen == 0) {
    s->first_part = g->part;
    s->first_le = g->le;
  }
  s->seen |= 1u << g->part;
  if (!isnan(g->time_s)) s->time_s = g->time_s;
  if (g->part == PART_VALUE) {
    s->now.value = g->value;
  } else if (g->part == PART_SUM) {
    s->now.sum = g->value;
  } else if (g->part == PART_COUNT) {
    s->now.count = g->value;
  } else if (g->part == PART_BUCKET) {
    const size_t at = bucket_at(&s->now, g->le);
    if (!bucket_seen(&s->now, g->le))
      return bucket_insert(p, &s->now, at, g->le, g->value);
    s->now.buckets[at].count = g->value;
  }
  return KVC_E_OK;
}
