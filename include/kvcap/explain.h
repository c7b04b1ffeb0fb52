/* explain.h - what a word means: a rule, a flag, a metric or a term; as a document.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Ownership: a book borrows from its database; documents from their arena.
 */
#ifndef KVCAP_EXPLAIN_H
#define KVCAP_EXPLAIN_H

#include <kvcap/metrics.h>
#include <kvcap/report.h>
#include <kvcap/rules.h>
#include <kvcap/term.h>

/* All that can be explained. */
struct kvc_book {
  struct kvc_db *db;
  const struct kvc_engine *engine;
  const struct kvc_metrics *metrics;
  const struct kvc_terms *terms;
};
kvc_code kvc_book_open(struct kvc_db *db, struct kvc_book *out,
                       struct kvc_err *err) KVC_MUST_USE;

/* What a word may mean; NULL where it does not. */
struct kvc_meaning {
  const struct kvc_rule *rule;     /* by id or slug */
  const struct kvc_flag *flag;     /* any spelling of any release, or the key */
  const struct kvc_metric *metric; /* any name, of a family or a sample, with labels */
  const struct kvc_term *term;     /* name or alias */
};
/* "rule:", "flag:", "metric:" and "term:" before a word ask for that kind alone.
 * False when it means nothing. */
bool kvc_book_find(const struct kvc_book *book, const char *word,
                   struct kvc_meaning *out);

/* Every word to offer: ids of rules, keys of flags and metrics, names of terms; and the
 * flags as the newest release that has them spells them. */
enum kvc_book_words { KVC_BOOK_KEYS, KVC_BOOK_SPELLINGS };
kvc_code kvc_book_list(const struct kvc_book *book, struct kvc_arena *arena,
                       enum kvc_book_words flags, const char *const **words, size_t *n,
                       struct kvc_err *err) KVC_MUST_USE;

/* The first meaning in the order rule, flag, metric, term; the others by name. */
kvc_code kvc_doc_meaning(struct kvc_doc *doc, const struct kvc_book *book,
                         const struct kvc_meaning *meaning,
                         struct kvc_err *err) KVC_MUST_USE;
kvc_code kvc_doc_metric(struct kvc_doc *doc, const struct kvc_book *book,
                        const struct kvc_metric *metric,
                        struct kvc_err *err) KVC_MUST_USE;
kvc_code kvc_doc_term(struct kvc_doc *doc, const struct kvc_book *book,
                      const struct kvc_term *term, struct kvc_err *err) KVC_MUST_USE;

#endif
