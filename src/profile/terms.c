/* terms.c - the glossary: lists of terms, read strictly, found by any of their names.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "node.h"
#include "terms_room.h"
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 80 };

/* A term while it is read. */
struct term_text {
  const char *name, *text, *formula, *unit, *cite;
  const char *also[KVC_MAX_NAMES], *see[KVC_MAX_NAMES];
  size_t n_also, n_see;
};

/* clang-format off */
#define T(field) offsetof(struct term_text, field)
const struct field term_rows[] = {
    {.key = "name", .type = FIELD_TEXT, .offset = T(name), .required = true, .help = "the word, as it is mostly written"},
    {.key = "also", .type = FIELD_TEXTS, .offset = T(also), .count = T(n_also), .help = "other words for the same"},
    {.key = "text", .type = FIELD_TEXT, .offset = T(text), .required = true, .help = "what it is, in two to four sentences"},
    {.key = "formula", .type = FIELD_TEXT, .offset = T(formula), .help = "how it is computed"},
    {.key = "unit", .type = FIELD_TEXT, .offset = T(unit), .help = "what it is counted in"},
    {.key = "see", .type = FIELD_TEXTS, .offset = T(see), .count = T(n_see), .help = "related terms, keys of flags and metrics, ids of rules"},
    {.key = "cite", .type = FIELD_TEXT, .offset = T(cite), .required = true, .help = "key in citations/"},
    {.key = NULL},
};
/* clang-format on */

static const char *const *texts_keep(const struct reader *r, const char *const *texts,
                                     size_t n)
{
  const char **kept = kvc_arena_alloc(r->arena, n + 1, sizeof *kept);
  for (size_t i = 0; kept != NULL && i < n; i++) kept[i] = texts[i];
  return kept;
}

static kvc_code name_check(const struct reader *r, const struct node *n, const char *name)
{
  char norm[256];
  kvc_name_normalize(name, norm, sizeof norm);
  if (norm[0] == '\0' || strlen(name) > NAME_BYTES)
    return reader_fail(r, n, KVC_E_PARSE,
                       "\"%.80s\" is not a name: write one to %d characters", name,
                       (int)NAME_BYTES);
  return KVC_E_OK;
}

static kvc_code term_read(const struct reader *r, const struct node *n,
                          struct kvc_term *out)
{
  struct term_text t = {0};
  KVC_TRY(fields_read(r, n, term_rows, &t));
  KVC_TRY(name_check(r, n, t.name));
  for (size_t i = 0; i < t.n_also; i++) KVC_TRY(name_check(r, n, t.also[i]));
  *out = (struct kvc_term){.name = t.name,
                           .also = texts_keep(r, t.also, t.n_also),
                           .n_also = t.n_also,
                           .text = t.text,
                           .formula = t.formula,
                           .unit = t.unit,
                           .see = texts_keep(r, t.see, t.n_see),
                           .n_see = t.n_see,
                           .cite = t.cite};
  if (out->also == NULL || out->see == NULL)
    return kvc_arena_full(r->arena, r->file, r->err);
  return KVC_E_OK;
}

/* ---- the index ---- */

static int by_norm(const void *a, const void *b)
{
  const struct term_entry *x = a, *y = b;
  const int c = strcmp(x->norm, y->norm);
  if (c != 0) return c;
  if (x->is_alias != y->is_alias) return x->is_alias ? 1 : -1;
  return x->term < y->term ? -1 : x->term > y->term;
}

static kvc_code entry_add(const struct reader *r, struct kvc_terms *all, const char *name,
                          size_t term, bool is_alias)
{
  char norm[256];
  kvc_name_normalize(name, norm, sizeof norm);
  const char *copy = kvc_arena_strdup(r->arena, norm);
  if (copy == NULL) return kvc_arena_full(r->arena, r->file, r->err);
  all->index[all->n_index++] = (struct term_entry){copy, term, is_alias};
  return KVC_E_OK;
}

static kvc_code index_make(const struct reader *r, struct kvc_terms *all)
{
  size_t room = all->n_terms + 1;
  for (size_t i = 0; i < all->n_terms; i++) room += all->terms[i].n_also;
  all->index = kvc_arena_alloc(r->arena, room, sizeof *all->index);
  if (all->index == NULL) return kvc_arena_full(r->arena, r->file, r->err);
  for (size_t i = 0; i < all->n_terms; i++) {
    const struct kvc_term *t = &all->terms[i];
    KVC_TRY(entry_add(r, all, t->name, i, false));
    for (size_t k = 0; k < t->n_also; k++)
      KVC_TRY(entry_add(r, all, t->also[k], i, true));
  }
  qsort(all->index, all->n_index, sizeof *all->index, by_norm);
  return KVC_E_OK;
}

static kvc_code terms_make(const struct reader *r, size_t room, struct kvc_terms **out)
{
  struct kvc_terms *all = kvc_arena_alloc(r->arena, 1, sizeof *all);
  if (all == NULL) return kvc_arena_full(r->arena, r->file, r->err);
  all->terms = kvc_arena_alloc(r->arena, room + 1, sizeof *all->terms);
  if (all->terms == NULL) return kvc_arena_full(r->arena, r->file, r->err);
  *out = all;
  return KVC_E_OK;
}

static const struct node *child_at(const struct node *list, size_t i)
{
  const struct node *n = list->first;
  while (n != NULL && i-- > 0) n = n->next;
  return n;
}

kvc_code terms_from_node(const struct reader *r, const struct node *root,
                         struct kvc_terms **out)
{
  struct kvc_terms *all = NULL;
  if (root->type != NODE_SEQ)
    return reader_fail(r, root, KVC_E_PARSE, "the glossary must be a list of terms");
  if (root->count > KVC_MAX_TERMS)
    return reader_fail(r, root, KVC_E_LIMIT, "more than %d terms in one file",
                       (int)KVC_MAX_TERMS);
  KVC_TRY(terms_make(r, root->count, &all));
  for (const struct node *n = root->first; n != NULL; n = n->next)
    KVC_TRY(term_read(r, n, &all->terms[all->n_terms++]));
  KVC_TRY(index_make(r, all));
  for (size_t i = 1; i < all->n_index; i++) {
    const struct term_entry *a = &all->index[i - 1], *b = &all->index[i];
    if (strcmp(a->norm, b->norm) != 0) continue;
    const size_t later = a->term > b->term ? a->term : b->term;
    if (a->term == b->term)
      return reader_fail(r, child_at(root, later), KVC_E_CONFLICT,
                         "\"%s\" has the name \"%s\" twice", all->terms[later].name,
                         a->norm);
    return reader_fail(r, child_at(root, later), KVC_E_CONFLICT,
                       "\"%s\" is a name of both \"%s\" and \"%s\"", a->norm,
                       all->terms[a->term].name, all->terms[b->term].name);
  }
  *out = all;
  return KVC_E_OK;
}

/* ---- several files ---- */

/* Whether a weightier file has a term of this name. */
static bool replaced(struct kvc_terms *const *files, size_t n, const char *name)
{
  for (size_t i = 0; i < n; i++) {
    const struct kvc_term *t = kvc_terms_find(files[i], name);
    if (t != NULL && kvc_name_equal(t->name, name)) return true;
  }
  return false;
}

kvc_code terms_merge(const struct reader *r, struct kvc_terms *const *files, size_t n,
                     struct kvc_terms **out)
{
  size_t room = 0;
  struct kvc_terms *all = NULL;
  for (size_t i = 0; i < n; i++) room += files[i]->n_terms;
  KVC_TRY(terms_make(r, room, &all));
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < files[i]->n_terms; k++)
      if (!replaced(files, i, files[i]->terms[k].name))
        all->terms[all->n_terms++] = files[i]->terms[k];
  KVC_TRY(index_make(r, all));
  *out = all;
  return KVC_E_OK;
}

kvc_code kvc_terms_read(struct kvc_arena *arena, const char *text, size_t len,
                        const char *file, struct kvc_terms **out, struct kvc_err *err)
{
  struct node *root;
  const struct reader r = {arena, file, err};
  KVC_TRY(profile_parse(arena, text, len, file, &root, err));
  return terms_from_node(&r, root, out);
}

/* ---- questions ---- */

size_t kvc_terms_count(const struct kvc_terms *terms)
{
  return terms->n_terms;
}

const struct kvc_term *kvc_terms_at(const struct kvc_terms *terms, size_t i)
{
  return i < terms->n_terms ? &terms->terms[i] : NULL;
}

const struct kvc_term *kvc_terms_find(const struct kvc_terms *terms, const char *name)
{
  char norm[256];
  size_t lo = 0, hi = terms->n_index;
  kvc_name_normalize(name, norm, sizeof norm);
  while (lo < hi) { /* the first entry that is not below */
    const size_t mid = lo + (hi - lo) / 2;
    if (strcmp(terms->index[mid].norm, norm) < 0)
      lo = mid + 1;
    else
      hi = mid;
  }
  if (lo == terms->n_index || strcmp(terms->index[lo].norm, norm) != 0) return NULL;
  return &terms->terms[terms->index[lo].term];
}
