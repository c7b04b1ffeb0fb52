/* engine_room.h - an engine as its files read; private to src/profile/.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef PROFILE_ENGINE_ROOM_H
#define PROFILE_ENGINE_ROOM_H

#include "nouns.h"

/* [since, until); no until = open. */
struct span {
  struct kvc_version since, until;
  bool open;
};

struct generation {
  enum kvc_engine_kind kind;
  struct span span;
  const char *role;
};

struct fact_row {
  struct kvc_fact fact;
  struct span span;
  enum kvc_engine_kind kind; /* AUTO = both */
};

struct spell_row {
  struct span span;
  const char *const *names;
  size_t n;
};

struct when {
  double memory_min_bytes, memory_max_bytes; /* 0 = no bound */
  const char *const *name_has, *const *name_lacks;
  size_t n_has, n_lacks;
  int context, vendor, chunked, moe_dp; /* -1 = any */
};

struct default_row {
  struct span span;
  enum kvc_engine_kind kind;
  struct when when;
  struct kvc_default value;
};

struct flag {
  struct kvc_flag shown; /* first: a struct kvc_flag * is a struct flag * */
  struct spell_row *spells, *choices;
  size_t n_spells, n_choices;
  struct default_row *defaults;
  size_t n_defaults;
};

struct kvc_engine {
  struct kvc_release *releases;
  size_t n_releases;
  struct kvc_version newest;
  struct generation *generations;
  size_t n_generations;
  struct fact_row *facts;
  size_t n_facts;
  struct flag *flags;
  size_t n_flags;
};

bool span_has(const struct span *span, const struct kvc_version *v);

/* Reads since/until of a row; both must be known releases. */
kvc_code span_read(const struct reader *r, const struct node *row,
                   const struct kvc_engine *e, struct span *out) KVC_MUST_USE;
kvc_code kind_read(const struct reader *r, const struct node *row,
                   enum kvc_engine_kind *out) KVC_MUST_USE;
/* Texts of a list, or of one scalar. */
kvc_code list_read(const struct reader *r, const struct node *n, const char *const **out,
                   size_t *count) KVC_MUST_USE;

/* flags_read.c */
kvc_code flags_from_node(const struct reader *r, const struct node *root,
                         struct kvc_engine *e) KVC_MUST_USE;

#endif
