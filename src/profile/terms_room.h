/* terms_room.h - the glossary as its files read; private to src/profile/.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef PROFILE_TERMS_ROOM_H
#define PROFILE_TERMS_ROOM_H

#include "field.h"
#include <kvcap/term.h>

extern const struct field term_rows[];

/* A name or alias; of equal ones the earliest is meant. */
struct term_entry {
  const char *norm;
  size_t term;   /* index into terms */
  bool is_alias; /* of its term */
};

struct kvc_terms {
  struct kvc_term *terms;
  size_t n_terms;
  struct term_entry *index; /* sorted by (norm, alias, term) */
  size_t n_index;
};

/* One file; no name of it stands for two terms. */
kvc_code terms_from_node(const struct reader *r, const struct node *root,
                         struct kvc_terms **out) KVC_MUST_USE;
/* The terms of files[0..n), the weightiest first, as one glossary. */
kvc_code terms_merge(const struct reader *r, struct kvc_terms *const *files, size_t n,
                     struct kvc_terms **out) KVC_MUST_USE;

#endif
