/* flags_read.c - flags.yaml: spellings, defaults and changes by release.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "engine_room.h"
#include <string.h>

#define F(field) offsetof(struct kvc_flag, field)
static const struct field flag_rows[] = {
    {.key = "key", .type = FIELD_TEXT, .offset = F(key), .required = true},
    {.key = "kind", .type = FIELD_TEXT, .offset = F(kind), .required = true},
    {.key = "group", .type = FIELD_TEXT, .offset = F(group), .required = true},
    {.key = "type", .type = FIELD_TEXT, .offset = F(type), .required = true},
    {.key = "help", .type = FIELD_TEXT, .offset = F(help), .required = true},
    {.key = "range", .type = FIELD_CUSTOM},
    {.key = "choices", .type = FIELD_CUSTOM},
    {.key = "spell", .type = FIELD_CUSTOM, .required = true},
    {.key = "default", .type = FIELD_CUSTOM},
    {.key = "change", .type = FIELD_CUSTOM},
    {.key = "removed", .type = FIELD_CUSTOM},
    {.key = "trust", .type = FIELD_TEXT, .offset = F(trust)},
    {.key = "cite", .type = FIELD_TEXT, .offset = F(cite), .required = true},
    {.key = NULL},
};

struct default_text {
  const char *value, *cite;
};
#define D(field) offsetof(struct default_text, field)
static const struct field default_rows[] = {
    {.key = "value", .type = FIELD_CUSTOM, .required = true},
    {.key = "since", .type = FIELD_CUSTOM, .required = true},
    {.key = "until", .type = FIELD_CUSTOM},
    {.key = "engine", .type = FIELD_CUSTOM},
    {.key = "when", .type = FIELD_CUSTOM},
    {.key = "note", .type = FIELD_CUSTOM},
    {.key = "trust", .type = FIELD_CUSTOM},
    {.key = "cite", .type = FIELD_TEXT, .offset = D(cite), .required = true},
    {.key = NULL},
};
static const struct field spell_rows[] = {
    {.key = "names", .type = FIELD_CUSTOM, .required = true},
    {.key = "since", .type = FIELD_CUSTOM, .required = true},
    {.key = "until", .type = FIELD_CUSTOM},
    {.key = NULL},
};
static const struct field choice_rows[] = {
    {.key = "values", .type = FIELD_CUSTOM, .required = true},
    {.key = "since", .type = FIELD_CUSTOM, .required = true},
    {.key = "until", .type = FIELD_CUSTOM},
    {.key = NULL},
};

struct change_text {
  const char *at, *text, *cite, *instead;
};
#define X(field) offsetof(struct change_text, field)
static const struct field change_rows[] = {
    {.key = "at", .type = FIELD_TEXT, .offset = X(at), .required = true},
    {.key = "text", .type = FIELD_TEXT, .offset = X(text), .required = true},
    {.key = "cite", .type = FIELD_TEXT, .offset = X(cite)},
    {.key = "trust", .type = FIELD_CUSTOM},
    {.key = NULL},
};
static const struct field removed_rows[] = {
    {.key = "at", .type = FIELD_TEXT, .offset = X(at), .required = true},
    {.key = "instead", .type = FIELD_TEXT, .offset = X(instead), .required = true},
    {.key = "cite", .type = FIELD_TEXT, .offset = X(cite)},
    {.key = "trust", .type = FIELD_CUSTOM},
    {.key = NULL},
};

kvc_code list_read(const struct reader *r, const struct node *n, const char *const **out,
                   size_t *count)
{
  const size_t want = n->type == NODE_SEQ ? n->count : 1;
  const char **list = kvc_arena_alloc(r->arena, want > 0 ? want : 1, sizeof *list);
  if (list == NULL) return kvc_arena_full(r->arena, r->file, r->err);
  size_t i = 0;
  if (n->type != NODE_SEQ) {
    KVC_TRY(node_text(r, n, &list[i]));
    i++;
  } else {
    for (const struct node *c = n->first; c != NULL; c = c->next) {
      KVC_TRY(node_text(r, c, &list[i]));
      i++;
    }
  }
  *out = list;
  *count = i;
  return KVC_E_OK;
}

/* Rows of names or values by span; they must be in order and disjoint. */
static kvc_code named_spans(const struct reader *r, const struct node *list,
                            const char *names, const struct field *rows,
                            const struct kvc_engine *e, struct spell_row **out,
                            size_t *count)
{
  if (list->type != NODE_SEQ)
    return reader_fail(r, list, KVC_E_PARSE, "\"%s\" must be a list", list->key);
  struct spell_row *s = kvc_arena_alloc(r->arena, list->count, sizeof *s);
  if (s == NULL) return kvc_arena_full(r->arena, r->file, r->err);
  size_t n = 0;
  for (const struct node *c = list->first; c != NULL; c = c->next) {
    char unused = 0; /* these rows store nothing */
    KVC_TRY(fields_read(r, c, rows, &unused));
    KVC_TRY(span_read(r, c, e, &s[n].span));
    KVC_TRY(list_read(r, profile_node_get(c, names), &s[n].names, &s[n].n));
    if (n > 0 && (s[n - 1].span.open ||
                  kvc_version_cmp(&s[n - 1].span.until, &s[n].span.since) > 0))
      return reader_fail(r, c, KVC_E_CONFLICT, "the spans are out of order or overlap");
    n++;
  }
  *out = s;
  *count = n;
  return KVC_E_OK;
}

static kvc_code when_bytes(const struct reader *r, const struct node *n, double *out)
{
  struct kvc_err why;
  if (n->type != NODE_SCALAR ||
      kvc_num_parse_quantity(n->text, n->key, KVC_Q_BYTES, out, &why) != KVC_E_OK)
    return reader_fail(r, n, KVC_E_PARSE, "\"%s\" must be a size such as 70 GiB", n->key);
  return KVC_E_OK;
}

static kvc_code when_word(const struct reader *r, const struct node *n,
                          const char *const *words, int *out)
{
  for (int i = 0; words[i] != NULL; i++) {
    if (n->type != NODE_SCALAR || strcmp(n->text, words[i]) != 0) continue;
    *out = i;
    return KVC_E_OK;
  }
  return reader_fail(r, n, KVC_E_UNKNOWN, "\"%s\" must be %s or %s", n->key, words[0],
                     words[1]);
}

static kvc_code when_read(const struct reader *r, const struct node *map, struct when *w)
{
  static const char *const contexts[] = {"server", "llm", NULL};
  static const char *const vendors[] = {"nvidia", "amd", "intel", "google", NULL};
  static const char *const bools[] = {"false", "true", NULL};
  *w = (struct when){.context = -1, .vendor = -1, .chunked = -1, .moe_dp = -1};
  if (map == NULL) return KVC_E_OK;
  if (map->type != NODE_MAP)
    return reader_fail(r, map, KVC_E_PARSE, "\"when\" must be a mapping");
  for (const struct node *n = map->first; n != NULL; n = n->next) {
    if (strcmp(n->key, "memory_min") == 0)
      KVC_TRY(when_bytes(r, n, &w->memory_min_bytes));
    else if (strcmp(n->key, "memory_max") == 0)
      KVC_TRY(when_bytes(r, n, &w->memory_max_bytes));
    else if (strcmp(n->key, "name_has") == 0)
      KVC_TRY(list_read(r, n, &w->name_has, &w->n_has));
    else if (strcmp(n->key, "name_lacks") == 0)
      KVC_TRY(list_read(r, n, &w->name_lacks, &w->n_lacks));
    else if (strcmp(n->key, "context") == 0)
      KVC_TRY(when_word(r, n, contexts, &w->context));
    else if (strcmp(n->key, "vendor") == 0)
      KVC_TRY(when_word(r, n, vendors, &w->vendor));
    else if (strcmp(n->key, "chunked") == 0)
      KVC_TRY(when_word(r, n, bools, &w->chunked));
    else if (strcmp(n->key, "moe_dp") == 0)
      KVC_TRY(when_word(r, n, bools, &w->moe_dp));
    else
      return reader_fail(r, n, KVC_E_UNKNOWN, "\"%.60s\" is not a condition", n->key);
  }
  return KVC_E_OK;
}

static kvc_code defaults_read(const struct reader *r, const struct node *list,
                              const struct kvc_engine *e, struct flag *f)
{
  if (list->type != NODE_SEQ)
    return reader_fail(r, list, KVC_E_PARSE, "\"default\" must be a list");
  f->defaults = kvc_arena_alloc(r->arena, list->count, sizeof *f->defaults);
  if (f->defaults == NULL) return kvc_arena_full(r->arena, r->file, r->err);
  for (const struct node *n = list->first; n != NULL; n = n->next) {
    struct default_row *d = &f->defaults[f->n_defaults];
    struct default_text t = {0};
    KVC_TRY(fields_read(r, n, default_rows, &t));
    KVC_TRY(span_read(r, n, e, &d->span));
    KVC_TRY(kind_read(r, n, &d->kind));
    KVC_TRY(when_read(r, profile_node_get(n, "when"), &d->when));
    const struct node *value = profile_node_get(n, "value");
    if (value->type != NODE_SCALAR)
      return reader_fail(r, value, KVC_E_PARSE, "a default must be one value");
    d->value = (struct kvc_default){value->text, t.cite, d->span.since};
    f->n_defaults++;
  }
  return KVC_E_OK;
}

static kvc_code version_text(const struct reader *r, const struct node *at,
                             const char *text, struct kvc_version *out)
{
  struct kvc_err why;
  if (kvc_version_parse(text, "", out, &why) != KVC_E_OK)
    return reader_fail(r, at, KVC_E_PARSE, "%s", why.msg);
  return KVC_E_OK;
}

static kvc_code changes_read(const struct reader *r, const struct node *list,
                             struct flag *f)
{
  if (list->type != NODE_SEQ)
    return reader_fail(r, list, KVC_E_PARSE, "\"change\" must be a list");
  struct kvc_flag_change *c = kvc_arena_alloc(r->arena, list->count, sizeof *c);
  if (c == NULL) return kvc_arena_full(r->arena, r->file, r->err);
  size_t n = 0;
  for (const struct node *item = list->first; item != NULL; item = item->next) {
    struct change_text t = {0};
    KVC_TRY(fields_read(r, item, change_rows, &t));
    KVC_TRY(version_text(r, item, t.at, &c[n].at));
    c[n].text = t.text;
    c[n].cite = t.cite;
    n++;
  }
  f->shown.changes = c;
  f->shown.n_changes = n;
  return KVC_E_OK;
}

static kvc_code range_read(const struct reader *r, const struct node *n, struct flag *f)
{
  if (n->type != NODE_SEQ || n->count != 2)
    return reader_fail(r, n, KVC_E_PARSE, "\"range\" must be [least, most]");
  f->shown.has_range = true;
  KVC_TRY(node_number(r, n->first, -1e18, 1e18, false, &f->shown.min));
  KVC_TRY(node_number(r, n->first->next, -1e18, 1e18, false, &f->shown.max));
  if (f->shown.max < f->shown.min)
    return reader_fail(r, n, KVC_E_RANGE, "\"range\" ends before it starts");
  return KVC_E_OK;
}

static kvc_code flag_read(const struct reader *r, const struct node *n,
                          const struct kvc_engine *e, struct flag *f)
{
  KVC_TRY(fields_read(r, n, flag_rows, &f->shown));
  KVC_TRY(named_spans(r, profile_node_get(n, "spell"), "names", spell_rows, e, &f->spells,
                      &f->n_spells));
  const struct node *part = profile_node_get(n, "choices");
  if (part != NULL)
    KVC_TRY(named_spans(r, part, "values", choice_rows, e, &f->choices, &f->n_choices));
  part = profile_node_get(n, "default");
  if (part != NULL) KVC_TRY(defaults_read(r, part, e, f));
  part = profile_node_get(n, "change");
  if (part != NULL) KVC_TRY(changes_read(r, part, f));
  part = profile_node_get(n, "range");
  if (part != NULL) KVC_TRY(range_read(r, part, f));
  part = profile_node_get(n, "removed");
  if (part == NULL) return KVC_E_OK;
  struct change_text t = {0};
  KVC_TRY(fields_read(r, part, removed_rows, &t));
  f->shown.removed = true;
  f->shown.removed_instead = t.instead;
  return version_text(r, part, t.at, &f->shown.removed_at);
}

kvc_code flags_from_node(const struct reader *r, const struct node *root,
                         struct kvc_engine *e)
{
  if (root->type != NODE_SEQ)
    return reader_fail(r, root, KVC_E_PARSE, "the flag catalogue must be a list");
  e->flags = kvc_arena_alloc(r->arena, root->count, sizeof *e->flags);
  if (e->flags == NULL) return kvc_arena_full(r->arena, r->file, r->err);
  for (const struct node *n = root->first; n != NULL; n = n->next) {
    KVC_TRY(flag_read(r, n, e, &e->flags[e->n_flags]));
    for (size_t i = 0; i < e->n_flags; i++)
      if (strcmp(e->flags[i].shown.key, e->flags[e->n_flags].shown.key) == 0)
        return reader_fail(r, n, KVC_E_CONFLICT, "the flag \"%s\" is listed twice",
                           e->flags[i].shown.key);
    e->n_flags++;
  }
  return KVC_E_OK;
}
