/* engine_read.c - engine.yaml: releases, generations, behaviour.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "engine_room.h"
#include <string.h>

struct row_text {
  const char *key, *value, *since, *until, *engine, *cite, *note, *trust, *name, *role,
      *version, *date;
};

#define R(field) offsetof(struct row_text, field)
static const struct field fact_rows[] = {
    {.key = "key", .type = FIELD_TEXT, .offset = R(key), .required = true},
    {.key = "value", .type = FIELD_TEXT, .offset = R(value), .required = true},
    {.key = "since", .type = FIELD_TEXT, .offset = R(since), .required = true},
    {.key = "until", .type = FIELD_TEXT, .offset = R(until)},
    {.key = "engine", .type = FIELD_TEXT, .offset = R(engine)},
    {.key = "cite", .type = FIELD_TEXT, .offset = R(cite), .required = true},
    {.key = "note", .type = FIELD_TEXT, .offset = R(note)},
    {.key = "trust", .type = FIELD_TEXT, .offset = R(trust)},
    {.key = NULL},
};
static const struct field generation_rows[] = {
    {.key = "name", .type = FIELD_TEXT, .offset = R(name), .required = true},
    {.key = "since", .type = FIELD_TEXT, .offset = R(since), .required = true},
    {.key = "until", .type = FIELD_TEXT, .offset = R(until)},
    {.key = "role", .type = FIELD_TEXT, .offset = R(role), .required = true},
    {.key = NULL},
};
static const struct field release_rows[] = {
    {.key = "version", .type = FIELD_TEXT, .offset = R(version), .required = true},
    {.key = "date", .type = FIELD_TEXT, .offset = R(date)},
    {.key = "trust", .type = FIELD_TEXT, .offset = R(trust), .required = true},
    {.key = NULL},
};
static const struct field engine_rows[] = {
    {.key = "engine", .type = FIELD_TEXT, .offset = R(name), .required = true},
    {.key = "releases", .type = FIELD_CUSTOM, .required = true},
    {.key = "newest_verified",
     .type = FIELD_TEXT,
     .offset = R(version),
     .required = true},
    {.key = "engines", .type = FIELD_CUSTOM, .required = true},
    {.key = "facts", .type = FIELD_CUSTOM, .required = true},
    {.key = NULL},
};

static kvc_code version_at(const struct reader *r, const struct node *at,
                           const char *text, struct kvc_version *out)
{
  struct kvc_err why;
  if (kvc_version_parse(text, "", out, &why) != KVC_E_OK)
    return reader_fail(r, at, KVC_E_PARSE, "%s", why.msg);
  return KVC_E_OK;
}

static kvc_code known_release(const struct reader *r, const struct node *at,
                              const struct kvc_engine *e, struct kvc_version *out)
{
  KVC_TRY(version_at(r, at, at->type == NODE_SCALAR ? at->text : "", out));
  for (size_t i = 0; i < e->n_releases; i++)
    if (kvc_version_cmp(&e->releases[i].version, out) == 0) return KVC_E_OK;
  return reader_fail(r, at, KVC_E_UNKNOWN, "%s is not one of the listed releases",
                     at->text);
}

kvc_code span_read(const struct reader *r, const struct node *row,
                   const struct kvc_engine *e, struct span *out)
{
  struct span s = {.open = true};
  const struct node *since = profile_node_get(row, "since");
  const struct node *until = profile_node_get(row, "until");
  if (since == NULL)
    return reader_fail(r, row, KVC_E_PARSE, "the key \"since\" is missing");
  KVC_TRY(known_release(r, since, e, &s.since));
  if (until != NULL) {
    s.open = false;
    KVC_TRY(known_release(r, until, e, &s.until));
    if (kvc_version_cmp(&s.since, &s.until) >= 0)
      return reader_fail(r, until, KVC_E_RANGE, "\"until\" must come after \"since\"");
  }
  *out = s;
  return KVC_E_OK;
}

kvc_code kind_read(const struct reader *r, const struct node *row,
                   enum kvc_engine_kind *out)
{
  const struct node *n = profile_node_get(row, "engine");
  *out = KVC_ENGINE_AUTO;
  if (n == NULL) return KVC_E_OK;
  if (n->type == NODE_SCALAR && strcmp(n->text, "V0") == 0)
    *out = KVC_ENGINE_V0;
  else if (n->type == NODE_SCALAR && strcmp(n->text, "V1") == 0)
    *out = KVC_ENGINE_V1;
  else
    return reader_fail(r, n, KVC_E_UNKNOWN, "\"engine\" must be V0 or V1");
  return KVC_E_OK;
}

static kvc_code list_of(const struct reader *r, const struct node *root, const char *key,
                        const struct node **out)
{
  *out = profile_node_get(root, key);
  if (*out == NULL || (*out)->type != NODE_SEQ)
    return reader_fail(r, root, KVC_E_PARSE, "\"%s\" must be a list", key);
  return KVC_E_OK;
}

static kvc_code releases_read(const struct reader *r, const struct node *root,
                              struct kvc_engine *e)
{
  const struct node *list;
  KVC_TRY(list_of(r, root, "releases", &list));
  e->releases = kvc_arena_alloc(r->arena, list->count, sizeof *e->releases);
  if (e->releases == NULL) return kvc_arena_full(r->arena, r->file, r->err);
  for (const struct node *n = list->first; n != NULL; n = n->next) {
    struct row_text t = {0};
    KVC_TRY(fields_read(r, n, release_rows, &t));
    struct kvc_release *rel = &e->releases[e->n_releases];
    KVC_TRY(version_at(r, n, t.version, &rel->version));
    if (e->n_releases > 0 && kvc_version_cmp(&rel[-1].version, &rel->version) >= 0)
      return reader_fail(r, n, KVC_E_RANGE, "releases must be in order");
    rel->date = t.date;
    rel->trust = t.trust;
    e->n_releases++;
  }
  return KVC_E_OK;
}

static kvc_code generations_read(const struct reader *r, const struct node *root,
                                 struct kvc_engine *e)
{
  const struct node *list;
  KVC_TRY(list_of(r, root, "engines", &list));
  e->generations = kvc_arena_alloc(r->arena, list->count, sizeof *e->generations);
  if (e->generations == NULL) return kvc_arena_full(r->arena, r->file, r->err);
  for (const struct node *n = list->first; n != NULL; n = n->next) {
    struct row_text t = {0};
    KVC_TRY(fields_read(r, n, generation_rows, &t));
    struct generation *g = &e->generations[e->n_generations++];
    KVC_TRY(span_read(r, n, e, &g->span));
    g->kind = strcmp(t.name, "V0") == 0 ? KVC_ENGINE_V0 : KVC_ENGINE_V1;
    if (g->kind == KVC_ENGINE_V1 && strcmp(t.name, "V1") != 0)
      return reader_fail(r, n, KVC_E_UNKNOWN, "\"name\" must be V0 or V1");
    g->role = t.role;
  }
  return KVC_E_OK;
}

/* Rows of one key must not overlap where both hold for an engine. */
static bool clash(const struct fact_row *a, const struct fact_row *b)
{
  if (strcmp(a->fact.key, b->fact.key) != 0) return false;
  if (a->kind != KVC_ENGINE_AUTO && b->kind != KVC_ENGINE_AUTO && a->kind != b->kind)
    return false;
  return span_has(&a->span, &b->span.since) || span_has(&b->span, &a->span.since);
}

static kvc_code facts_read(const struct reader *r, const struct node *root,
                           struct kvc_engine *e)
{
  const struct node *list;
  KVC_TRY(list_of(r, root, "facts", &list));
  e->facts = kvc_arena_alloc(r->arena, list->count, sizeof *e->facts);
  if (e->facts == NULL) return kvc_arena_full(r->arena, r->file, r->err);
  for (const struct node *n = list->first; n != NULL; n = n->next) {
    struct row_text t = {0};
    struct fact_row *f = &e->facts[e->n_facts];
    KVC_TRY(fields_read(r, n, fact_rows, &t));
    KVC_TRY(span_read(r, n, e, &f->span));
    KVC_TRY(kind_read(r, n, &f->kind));
    f->fact = (struct kvc_fact){t.key, t.value, t.note, t.cite, t.trust};
    for (size_t i = 0; i < e->n_facts; i++)
      if (clash(&e->facts[i], f))
        return reader_fail(r, n, KVC_E_CONFLICT, "the spans of \"%s\" overlap", t.key);
    e->n_facts++;
  }
  return KVC_E_OK;
}

kvc_code engine_from_nodes(const struct reader *engine_file, const struct node *engine,
                           const struct reader *flags_file, const struct node *flags,
                           struct kvc_engine **out)
{
  const struct reader *r = engine_file;
  struct row_text t = {0};
  struct kvc_engine *e = kvc_arena_alloc(r->arena, 1, sizeof *e);
  if (e == NULL) return kvc_arena_full(r->arena, r->file, r->err);
  KVC_TRY(fields_read(r, engine, engine_rows, &t));
  KVC_TRY(releases_read(r, engine, e));
  if (e->n_releases == 0)
    return reader_fail(r, engine, KVC_E_PARSE, "no release is listed");
  KVC_TRY(known_release(r, profile_node_get(engine, "newest_verified"), e, &e->newest));
  KVC_TRY(generations_read(r, engine, e));
  KVC_TRY(facts_read(r, engine, e));
  KVC_TRY(flags_from_node(flags_file, flags, e));
  *out = e;
  return KVC_E_OK;
}
