/* node.c - libyaml's events become a tree with positions.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "node.h"
#include <assert.h>
#include <kvcap/profile.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct level {
  struct node *node, *last;
  const char *key; /* read, its value still to come */
  int key_line, key_col;
};

struct builder {
  struct kvc_arena *arena;
  const char *file;
  struct kvc_err *err;
  struct node *root;
  size_t documents, depth;
  struct level stack[KVC_PROFILE_MAX_DEPTH];
};

static kvc_code refuse(struct builder *b, yaml_mark_t mark, const char *what)
{
  return kvc_fail_at(b->err, KVC_E_PARSE, b->file, (int)mark.line + 1,
                     (int)mark.column + 1, "%s", what);
}

/* ---- duplicate keys --------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
  const struct node *const *x = a, *const *y = b;
  const int c = strcmp((*x)->key, (*y)->key);
  if (c != 0) return c;
  if ((*x)->key_line != (*y)->key_line) return (*x)->key_line < (*y)->key_line ? -1 : 1;
  return (*x)->key_col < (*y)->key_col ? -1 : (*x)->key_col > (*y)->key_col;
}

static kvc_code duplicate(struct builder *b, const struct node *n, const struct node *old)
{
  return kvc_fail_at(b->err, KVC_E_PARSE, b->file, n->key_line, n->key_col,
                     "the key \"%.60s\" appears a second time; the first is on line %d",
                     n->key, old->key_line);
}

static kvc_code unique_keys(struct builder *b, const struct node *map)
{
  enum { FEW = 24 };
  assert(map != NULL); /* a level always has its node */
  if (map->count <= FEW) {
    for (const struct node *n = map->first; n != NULL; n = n->next)
      for (const struct node *m = map->first; m != n; m = m->next)
        if (strcmp(m->key, n->key) == 0) return duplicate(b, n, m);
    return KVC_E_OK;
  }
  const struct node **all = kvc_arena_alloc(b->arena, map->count, sizeof *all);
  if (all == NULL) return kvc_arena_full(b->arena, b->file, b->err);
  size_t k = 0;
  for (const struct node *n = map->first; n != NULL; n = n->next) all[k++] = n;
  qsort(all, k, sizeof *all, by_key);
  for (size_t i = 1; i < k; i++)
    if (strcmp(all[i - 1]->key, all[i]->key) == 0)
      return duplicate(b, all[i], all[i - 1]);
  return KVC_E_OK;
}

/* ---- events ----------------------------------------------------------------- */

/* C0 but \n and \t, DEL, and C1: nothing a name or note needs, and a terminal obeys. */
static bool has_control(const char *text, size_t len)
{
  for (size_t i = 0; i < len; i++) {
    const unsigned char c = (unsigned char)text[i];
    if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7F) return true;
    if (c == 0xC2 && i + 1 < len && (unsigned char)text[i + 1] < 0xA0) return true;
  }
  return false;
}

static struct node *node_new(struct builder *b, enum node_type type, yaml_mark_t mark)
{
  struct node *n = kvc_arena_alloc(b->arena, 1, sizeof *n);
  if (n == NULL) return NULL;
  n->type = type;
  n->line = (int)mark.line + 1;
  n->col = (int)mark.column + 1;
  return n;
}

static bool wants_key(const struct builder *b)
{
  if (b->depth == 0) return false;
  assert(b->stack[b->depth - 1].node != NULL);
  return b->stack[b->depth - 1].node->type == NODE_MAP &&
         b->stack[b->depth - 1].key == NULL;
}

static void attach(struct builder *b, struct node *n)
{
  if (b->depth == 0) {
    b->root = n;
    return;
  }
  struct level *top = &b->stack[b->depth - 1];
  if (top->node->type == NODE_MAP) {
    n->key = top->key;
    n->key_line = top->key_line;
    n->key_col = top->key_col;
    top->key = NULL;
  }
  if (top->last == NULL)
    top->node->first = n;
  else
    top->last->next = n;
  top->last = n;
  top->node->count++;
}

static kvc_code on_scalar(struct builder *b, const yaml_event_t *e)
{
  const char *text = (const char *)e->data.scalar.value;
  const size_t len = e->data.scalar.length;
  if (e->data.scalar.anchor != NULL || e->data.scalar.tag != NULL)
    return refuse(b, e->start_mark, "anchors (&) and tags (!) are not allowed here");
  if (memchr(text, '\0', len) != NULL || has_control(text, len))
    return refuse(b, e->start_mark, "control characters are not allowed in text");
  char *copy = kvc_arena_strndup(b->arena, text, len);
  if (copy == NULL) return kvc_arena_full(b->arena, b->file, b->err);
  if (wants_key(b)) {
    struct level *top = &b->stack[b->depth - 1];
    top->key = copy;
    top->key_line = (int)e->start_mark.line + 1;
    top->key_col = (int)e->start_mark.column + 1;
    return KVC_E_OK;
  }
  struct node *n = node_new(b, NODE_SCALAR, e->start_mark);
  if (n == NULL) return kvc_arena_full(b->arena, b->file, b->err);
  n->text = copy;
  n->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
  attach(b, n);
  return KVC_E_OK;
}

static kvc_code on_start(struct builder *b, const yaml_event_t *e, enum node_type type,
                         bool marked)
{
  if (marked)
    return refuse(b, e->start_mark, "anchors (&) and tags (!) are not allowed here");
  if (wants_key(b))
    return refuse(b, e->start_mark, "a key must be plain text, not a list or mapping");
  if (b->depth == KVC_PROFILE_MAX_DEPTH)
    return kvc_fail_at(b->err, KVC_E_LIMIT, b->file, (int)e->start_mark.line + 1,
                       (int)e->start_mark.column + 1, "nested deeper than %d levels",
                       KVC_PROFILE_MAX_DEPTH);
  struct node *n = node_new(b, type, e->start_mark);
  if (n == NULL) return kvc_arena_full(b->arena, b->file, b->err);
  attach(b, n);
  b->stack[b->depth++] = (struct level){.node = n};
  return KVC_E_OK;
}

static kvc_code on_document(struct builder *b, const yaml_event_t *e)
{
  if (b->documents++ > 0)
    return refuse(b, e->start_mark,
                  "a second document starts here; one file, one document");
  const bool directive = e->data.document_start.version_directive != NULL ||
                         e->data.document_start.tag_directives.start !=
                             e->data.document_start.tag_directives.end;
  if (directive) return refuse(b, e->start_mark, "directives (%) are not allowed here");
  return KVC_E_OK;
}

static kvc_code on_event(struct builder *b, const yaml_event_t *e)
{
  switch (e->type) {
  case YAML_DOCUMENT_START_EVENT: return on_document(b, e);
  case YAML_ALIAS_EVENT:
    return refuse(b, e->start_mark, "aliases (*) are not allowed here");
  case YAML_SCALAR_EVENT: return on_scalar(b, e);
  case YAML_SEQUENCE_START_EVENT:
    return on_start(b, e, NODE_SEQ,
                    e->data.sequence_start.anchor != NULL ||
                        e->data.sequence_start.tag != NULL);
  case YAML_MAPPING_START_EVENT:
    return on_start(b, e, NODE_MAP,
                    e->data.mapping_start.anchor != NULL ||
                        e->data.mapping_start.tag != NULL);
  case YAML_SEQUENCE_END_EVENT: b->depth--; return KVC_E_OK;
  case YAML_MAPPING_END_EVENT: b->depth--; return unique_keys(b, b->stack[b->depth].node);
  case YAML_NO_EVENT:
  case YAML_STREAM_START_EVENT:
  case YAML_STREAM_END_EVENT:
  case YAML_DOCUMENT_END_EVENT: break;
  }
  return KVC_E_OK;
}

/* ---- the whole text --------------------------------------------------------- */

/* Where the first byte sits that is no UTF-8. */
static kvc_code utf8_fault(const char *text, size_t len, const char *file,
                           struct kvc_err *err)
{
  int line = 1, col = 1;
  for (size_t i = 0; i < len;) {
    size_t n = 1;
    while (n <= 4 && n <= len - i && !kvc_utf8_valid(text + i, n)) n++;
    if (n > 4 || n > len - i) break;
    if (text[i] == '\n') {
      line++;
      col = 0;
    }
    col++;
    i += n;
  }
  return kvc_fail_at(err, KVC_E_PARSE, file, line, col, "this byte is not valid UTF-8");
}

static kvc_code syntax_fault(const yaml_parser_t *p, const char *file,
                             struct kvc_err *err)
{
  if (p->error == YAML_MEMORY_ERROR)
    return kvc_fail(err, KVC_E_LIMIT, file, "the YAML parser is out of memory");
  yaml_mark_t at = p->problem_mark;
  if (p->error == YAML_READER_ERROR) at = p->mark;
  return kvc_fail_at(err, KVC_E_PARSE, file, (int)at.line + 1, (int)at.column + 1,
                     "is not valid YAML: %s%s%s", p->context != NULL ? p->context : "",
                     p->context != NULL ? ", " : "",
                     p->problem != NULL ? p->problem : "unreadable");
}

static kvc_code run(struct builder *b, yaml_parser_t *parser)
{
  for (;;) {
    yaml_event_t event;
    if (!yaml_parser_parse(parser, &event)) return syntax_fault(parser, b->file, b->err);
    const kvc_code rc = on_event(b, &event);
    const bool end = event.type == YAML_STREAM_END_EVENT;
    yaml_event_delete(&event);
    if (rc != KVC_E_OK || end) return rc;
  }
}

kvc_code profile_parse(struct kvc_arena *arena, const char *text, size_t len,
                       const char *file, struct node **root, struct kvc_err *err)
{
  if (len > KVC_PROFILE_MAX_BYTES)
    return kvc_fail(err, KVC_E_LIMIT, file, "is larger than the %d bytes allowed",
                    KVC_PROFILE_MAX_BYTES);
  if (!kvc_utf8_valid(text, len)) return utf8_fault(text, len, file, err);
  struct builder b = {.arena = arena, .file = file, .err = err};
  yaml_parser_t parser;
  if (!yaml_parser_initialize(&parser))
    return kvc_fail(err, KVC_E_LIMIT, file, "the YAML parser is out of memory");
  yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
  const kvc_code rc = run(&b, &parser);
  yaml_parser_delete(&parser);
  KVC_TRY(rc);
  if (b.root == NULL) return kvc_fail_at(err, KVC_E_PARSE, file, 1, 1, "is empty");
  *root = b.root;
  return KVC_E_OK;
}

const struct node *profile_node_get(const struct node *map, const char *key)
{
  if (map == NULL || map->type != NODE_MAP) return NULL;
  for (const struct node *n = map->first; n != NULL; n = n->next)
    if (strcmp(n->key, key) == 0) return n;
  return NULL;
}
