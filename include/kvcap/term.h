/* term.h - the glossary: what the words of capacity planning mean.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * profiles/terms/ holds lists of terms.  An overlay's term replaces one of the same
 * name; its aliases go before those of earlier files.
 *
 * Ownership: lives in the arena of the database that opened it.
 */
#ifndef KVCAP_TERM_H
#define KVCAP_TERM_H

#include <kvcap/profile.h>

enum { KVC_MAX_TERMS = 2000 }; /* in one file */

struct kvc_term {
  const char *name;        /* "KV pool" */
  const char *const *also; /* other names: "time to first token" */
  size_t n_also;
  const char *text;       /* what it is, two to four sentences */
  const char *formula;    /* NULL */
  const char *unit;       /* as a person reads it: "s", "tokens"; NULL */
  const char *const *see; /* terms, flag keys, metric keys, rule ids */
  size_t n_see;
  const char *cite; /* key in citations/ */
};

struct kvc_terms; /* opaque */

kvc_code kvc_db_terms(struct kvc_db *db, struct kvc_terms **out,
                      struct kvc_err *err) KVC_MUST_USE;
/* One file's text, for `profiles check FILE`, tests and fuzzers. */
kvc_code kvc_terms_read(struct kvc_arena *arena, const char *text, size_t len,
                        const char *file, struct kvc_terms **out,
                        struct kvc_err *err) KVC_MUST_USE;

/* In the order of the files. */
size_t kvc_terms_count(const struct kvc_terms *terms);
const struct kvc_term *kvc_terms_at(const struct kvc_terms *terms, size_t i);
/* By name or alias, without regard to case, blanks, '-' and '_'; NULL if unknown. */
const struct kvc_term *kvc_terms_find(const struct kvc_terms *terms, const char *name);

#endif
