/* prom_room.h - what the reader of pages keeps while it reads; private to src/prom/.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Families and series lie in two hash tables and, in the order of their first line, in
 * two lists.  Everything is in the page's arena.
 */
#ifndef PROM_ROOM_H
#define PROM_ROOM_H

#include <kvcap/num.h>
#include <kvcap/prom.h>
#include <kvcap/str.h>
#include <stdint.h>
#include <string.h>

enum {
  PROM_MAX_BUCKETS = 512, /* of one histogram, kept sorted by insertion */
  PROM_MAX_FAMILIES = KVC_PROM_MAX_SERIES,
  PROM_MAX_JSON_BYTES = 24 << 20 /* its tree is many times as large */
};

struct slice {
  const char *at;
  size_t len;
};

/* What goes wrong with lines; each kind is told once, with its first line. */
enum prom_note {
  NOTE_NOISE,
  NOTE_LABELS,
  NOTE_VALUE,
  NOTE_NO_VALUE,
  NOTE_TYPE,
  NOTE_LE,
  NOTE_NUL,
  NOTE_QUANTILE,
  NOTE_TWICE,
  NOTE_RESTORED,
  NOTE_FALLS,
  NOTE_NO_INF,
  NOTE_DISAGREE,
  NOTE_CUT,
  NOTE_ERA,
  NOTE_WINDOW,
  NOTE_BUCKETS,
  NOTE_COUNT_
};

struct note {
  int line;
  size_t count;
  const char *detail; /* of the first; NULL */
};

/* Head of what lies in a table. */
struct entry {
  uint64_t hash;
  struct entry *chain, *next; /* of one slot; in order */
};

struct table {
  struct entry **slots;
  size_t n_slots, count;
  struct entry *first, *last;
};

struct family {
  struct entry entry;
  const char *name;
  size_t len;
  enum kvc_metric_type type;
  bool typed, summary, sampled;
  const struct kvc_metric_name *row; /* NULL: not vLLM's */
  const char *help;
  struct series *shown; /* the first series with labels, for the era */
};

/* Parts of a series that one line can give. */
enum part { PART_VALUE, PART_BUCKET, PART_SUM, PART_COUNT, PART_CREATED, PART_QUANTILE };

struct numbers {
  double value, sum, count;
  struct kvc_bucket *buckets;
  size_t n_buckets, room;
};

struct series {
  struct entry entry;
  struct family *family;
  const struct kvc_label *labels;
  size_t n_labels;
  struct numbers now, before; /* before: of an earlier page in the same text */
  bool had_before;
  bool partial;  /* the text may have ended within its labels */
  unsigned seen; /* parts, by bit */
  enum part first_part;
  double first_le;
  double created_s, time_s;
  int line;
};

struct label {
  struct slice name, value; /* escapes undone */
};

struct sample {
  struct slice name;
  struct label labels[KVC_PROM_MAX_LABELS];
  size_t n_labels;
  bool has_braces, has_value, has_time;
  bool too_many, full; /* labels; the arena */
  double value, time_s;
};

struct prom {
  struct kvc_arena *arena;
  const struct kvc_prom_source *source;
  struct kvc_err *err;
  struct table families, series;
  struct note notes[NOTE_COUNT_];
  int line;
  size_t n_samples, n_types, n_bare;
  bool cut, ends_open; /* no newline at the end */
  uint64_t seed;
  /* the last sample's name and what it was understood as: most lines repeat it */
  struct slice last_name;
  struct family *last_family;
  enum part last_part;
  struct sample sample;
};

/* table.c */
uint64_t prom_hash(const struct prom *p, const char *text, size_t len);
kvc_code prom_table_add(struct prom *p, struct table *t, struct entry *e) KVC_MUST_USE;
static inline struct entry *prom_table_slot(const struct table *t, uint64_t hash)
{
  return t->n_slots > 0 ? t->slots[hash & (t->n_slots - 1)] : NULL;
}

/* family.c: families by name, and the name of a sample taken apart. */
struct family *prom_family_find(const struct prom *p, struct slice name);
kvc_code prom_family(struct prom *p, struct slice name, struct family **out) KVC_MUST_USE;
kvc_code prom_resolve(struct prom *p, struct slice name, bool has_le, struct family **out,
                      enum part *part) KVC_MUST_USE;
bool prom_is_type(struct slice word);
kvc_code prom_type_line(struct prom *p, struct slice name,
                        struct slice word) KVC_MUST_USE;
kvc_code prom_help_line(struct prom *p, struct slice name,
                        struct slice text) KVC_MUST_USE;
static inline bool slice_ends(struct slice s, const char *suffix, size_t n)
{
  return s.len > n && memcmp(s.at + s.len - n, suffix, n) == 0;
}

/* series.c: the numbers of a line go into their series. */
struct given {
  enum part part;
  double value, le, time_s;
};
kvc_code prom_series(struct prom *p, struct family *family, const struct label *labels,
                     size_t n, struct series **out) KVC_MUST_USE;
kvc_code prom_give(struct prom *p, struct series *s,
                   const struct given *given) KVC_MUST_USE;

/* sample.c: one line taken apart.  NOTE_COUNT_ when it is a sample; else what it lacks,
 * and whether it ended in the middle of something. */
enum prom_note prom_sample_parse(struct prom *p, struct slice line, bool *unfinished);
size_t prom_name_len(struct slice text);

/* lines.c */
kvc_code prom_lines(struct prom *p) KVC_MUST_USE;
struct slice prom_trim(struct slice s);

/* utf16.c: with a byte-order mark; 'out' has room for half as much again. */
bool prom_is_utf16(struct slice text);
size_t prom_from_utf16(struct slice text, char *out);

/* aiperf_csv.c, aiperf_json.c */
bool prom_is_aiperf_csv(struct slice text);
bool prom_is_aiperf_json(struct slice text);
kvc_code prom_aiperf_csv(struct prom *p) KVC_MUST_USE;
kvc_code prom_aiperf_json(struct prom *p) KVC_MUST_USE;
kvc_code prom_aiperf_give(struct prom *p, struct series *s, enum part part,
                          double value) KVC_MUST_USE;

/* notes.c */
void prom_note(struct prom *p, enum prom_note kind, struct slice detail);
kvc_code prom_notes_tell(struct prom *p, struct kvc_page *out) KVC_MUST_USE;

/* finish.c */
kvc_code prom_finish(struct prom *p, struct kvc_page *out) KVC_MUST_USE;

static inline kvc_code prom_full(struct prom *p)
{
  return kvc_arena_full(p->arena, p->source->where, p->err);
}

static inline kvc_code prom_limit(struct prom *p, const char *what, long long bound)
{
  return kvc_fail_at(p->err, KVC_E_LIMIT, p->source->where, p->line, 0,
                     "more than %lld %s: this is no page of one server", bound, what);
}

#endif
