/* doc_term.c - a term of the glossary as a document.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "explain.h"
#include "text.h"
#include <string.h>

static bool is_named(const struct kvc_term *term, const char *word)
{
  bool named = strcmp(term->name, word) == 0;
  for (size_t i = 0; i < term->n_also; i++)
    named = named || strcmp(term->also[i], word) == 0;
  return named;
}

/* What a related word is, as it is written, and what it says in one line (NULL for a
 * term).  Only a term that is spelled so goes before a key: "GPU memory utilization" is
 * the term, "gpu_memory_utilization" the flag. */
static const char *see_kind(const struct kvc_book *book, const char *word,
                            const char **name, const char **about)
{
  struct kvc_meaning m;
  *name = word;
  *about = NULL;
  if (!kvc_book_find(book, word, &m)) return NULL;
  if (m.term != NULL && (is_named(m.term, word) ||
                         (m.metric == NULL && m.flag == NULL && m.rule == NULL))) {
    *name = m.term->name;
    return "term";
  }
  if (m.metric != NULL) {
    *name = m.metric->key;
    *about = m.metric->help;
    return "metric";
  }
  if (m.flag != NULL) {
    *name = explain_flag_name(book->engine, m.flag);
    *about = m.flag->help;
    return "flag";
  }
  *name = m.rule->id;
  *about = m.rule->title;
  return "rule";
}

/* One line a kind, names only: what each says is a question away. */
static void add_see(struct kvc_doc *doc, const struct kvc_book *book,
                    const struct kvc_term *term)
{
  static const char *const kinds[] = {"term", "metric", "flag", "rule"};
  static const char *const labels[] = {"terms:", "metrics:", "flags:", "rules:"};
  enum { KINDS = sizeof kinds / sizeof *kinds };
  const char *lines[KINDS] = {"", "", "", ""};
  struct kvc_node *list = kvc_node_add(doc, doc->root, "see", KVC_NODE_LIST);
  for (size_t i = 0; i < term->n_see; i++) {
    const char *name, *about;
    const char *kind = see_kind(book, term->see[i], &name, &about);
    struct kvc_node *one = kvc_node_add(doc, list, NULL, KVC_NODE_MAP);
    kvc_node_text(doc, one, "kind", kind);
    kvc_node_text(doc, one, "name", name);
    kvc_node_text(doc, one, "about", about);
    for (size_t k = 0; kind != NULL && k < KINDS; k++)
      if (strcmp(kinds[k], kind) == 0)
        lines[k] =
            k == KINDS - 1 /* an id says nothing */
                ? TEXT(doc, "%s%s%s (%s)", lines[k], lines[k][0] != '\0' ? "; " : "",
                       name, about)
                : TEXT(doc, "%s%s%s", lines[k], lines[k][0] != '\0' ? ", " : "", name);
  }
  if (term->n_see > 0)
    (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "See also", NULL);
  for (size_t k = 0; k < KINDS; k++)
    if (lines[k][0] != '\0')
      (void)kvc_block_add(doc, KVC_BLOCK_ROW, labels[k], lines[k], NULL);
}

kvc_code kvc_doc_term(struct kvc_doc *doc, const struct kvc_book *book,
                      const struct kvc_term *term, struct kvc_err *err)
{
  const char *names = "";
  kvc_node_text(doc, doc->root, "name", term->name);
  struct kvc_node *also = kvc_node_add(doc, doc->root, "aliases", KVC_NODE_LIST);
  for (size_t i = 0; i < term->n_also; i++) {
    kvc_node_text(doc, also, NULL, term->also[i]);
    names = TEXT(doc, "%s%s%s", names, i > 0 ? ", " : "", term->also[i]);
  }
  kvc_node_text(doc, doc->root, "text", term->text);
  kvc_node_text(doc, doc->root, "formula", term->formula);
  kvc_node_text(doc, doc->root, "unit", term->unit);
  (void)kvc_block_add(
      doc, KVC_BLOCK_VERDICT, NULL,
      term->n_also > 0 ? TEXT(doc, "%s (%s)", term->name, names) : term->name, NULL);
  (void)kvc_block_add(doc, KVC_BLOCK_PARA, NULL, term->text, NULL);
  if (term->formula != NULL) {
    (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "Formula", NULL);
    (void)kvc_block_add(doc, KVC_BLOCK_LINE, NULL, term->formula, NULL);
  }
  if (term->unit != NULL)
    (void)kvc_block_add(doc, KVC_BLOCK_PARA, "unit:", term->unit, NULL);
  add_see(doc, book, term);
  explain_source(doc, book->db, term->cite);
  return doc->full ? kvc_arena_full(doc->arena, "the report", err) : KVC_E_OK;
}
