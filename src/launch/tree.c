/* tree.c - YAML to trees that know where everything stands.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Anchors are resolved by sharing, not copying, so that no expansion can grow; an alias
 * inside its own anchor is unknown there.  Depth, nodes and bytes are bounded.
 */
#include "launch_room.h"
#include <string.h>
#include <yaml.h>

enum { MAX_ANCHORS = 256, MAX_DOCUMENTS = 512 };

struct loader {
  struct reading *r;
  yaml_parser_t parser;
  const size_t *byte_of; /* libyaml counts characters; NULL = one byte each */
  size_t n_chars;
  size_t nodes;
  const struct ynode *anchors[MAX_ANCHORS];
  size_t n_anchors;
};

static size_t byte_at(const struct loader *l, size_t character)
{
  if (l->byte_of == NULL)
    return character < l->r->source->len ? character : l->r->source->len;
  return l->byte_of[character < l->n_chars ? character : l->n_chars];
}

/* Places of characters, when not every one is a byte. */
static kvc_code index_characters(struct loader *l)
{
  const struct kvc_launch_source *s = l->r->source;
  size_t i = 0, n = 0;
  while (i < s->len && (unsigned char)s->text[i] < 0x80) i++;
  if (i == s->len) return KVC_E_OK;
  size_t *at = kvc_arena_alloc(l->r->arena, s->len + 1, sizeof *at);
  if (at == NULL) return kvc_arena_full(l->r->arena, s->where, l->r->err);
  i = s->len >= 3 && memcmp(s->text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
  for (; i < s->len; i++)
    if (((unsigned char)s->text[i] & 0xC0) != 0x80) at[n++] = i;
  at[n] = s->len;
  l->byte_of = at;
  l->n_chars = n;
  return KVC_E_OK;
}

static kvc_code fail_at(struct loader *l, const yaml_mark_t *mark, kvc_code code,
                        const char *what)
{
  return kvc_fail_at(l->r->err, code, l->r->source->where, (int)mark->line + 1,
                     (int)mark->column + 1, "%s", what);
}

static kvc_code next_event(struct loader *l, yaml_event_t *event)
{
  if (yaml_parser_parse(&l->parser, event)) return KVC_E_OK;
  const char *why = l->parser.problem != NULL ? l->parser.problem : "not valid YAML";
  const char *text = l->r->source->text;
  const char *hint = "";
  if (text != NULL && strstr(text, "{{") != NULL)
    hint = "; a template has to be rendered first (helm template)";
  return kvc_fail_at(l->r->err, KVC_E_PARSE, l->r->source->where,
                     (int)l->parser.problem_mark.line + 1,
                     (int)l->parser.problem_mark.column + 1, "%.200s%s", why, hint);
}

static struct ynode *new_node(struct loader *l, const yaml_event_t *event)
{
  if (l->nodes == MAX_YAML_NODES) {
    (void)fail_at(l, &event->start_mark, KVC_E_LIMIT, "the file has too many nodes");
    return NULL;
  }
  struct ynode *n = kvc_arena_alloc(l->r->arena, 1, sizeof *n);
  if (n == NULL) {
    (void)kvc_arena_full(l->r->arena, l->r->source->where, l->r->err);
    return NULL;
  }
  l->nodes++;
  n->from = byte_at(l, event->start_mark.index);
  n->to = byte_at(l, event->end_mark.index);
  return n;
}

static void append(struct ynode *parent, struct ynode *child)
{
  if (parent->last != NULL)
    parent->last->next = child;
  else
    parent->first = child;
  parent->last = child;
  parent->count++;
}

static kvc_code keep_anchor(struct loader *l, const yaml_char_t *name, struct ynode *n)
{
  if (name == NULL) return KVC_E_OK;
  if (l->n_anchors == MAX_ANCHORS)
    return kvc_fail(l->r->err, KVC_E_LIMIT, l->r->source->where,
                    "the file has more than %d anchors", MAX_ANCHORS);
  n->anchor = kvc_arena_strdup(l->r->arena, (const char *)name);
  if (n->anchor == NULL)
    return kvc_arena_full(l->r->arena, l->r->source->where, l->r->err);
  return KVC_E_OK;
}

static kvc_code alias_node(struct loader *l, const yaml_event_t *event,
                           struct ynode **out)
{
  const char *name = (const char *)event->data.alias.anchor;
  for (size_t i = l->n_anchors; i > 0; i--) {
    if (strcmp(l->anchors[i - 1]->anchor, name) != 0) continue;
    struct ynode *n = new_node(l, event);
    if (n == NULL) return l->r->err != NULL ? l->r->err->code : KVC_E_LIMIT;
    *n = *l->anchors[i - 1];
    n->next = NULL;
    n->key = NULL;
    *out = n;
    return KVC_E_OK;
  }
  return fail_at(l, &event->start_mark, KVC_E_PARSE,
                 "the alias names no anchor before it");
}

static kvc_code scalar_node(struct loader *l, const yaml_event_t *event, struct ynode *n)
{
  const yaml_scalar_style_t style = event->data.scalar.style;
  n->type = YAML_T_SCALAR;
  n->len = event->data.scalar.length;
  n->plain = style == YAML_PLAIN_SCALAR_STYLE;
  n->block = style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE;
  n->text =
      kvc_arena_strndup(l->r->arena, (const char *)event->data.scalar.value, n->len);
  if (n->text == NULL) return kvc_arena_full(l->r->arena, l->r->source->where, l->r->err);
  return keep_anchor(l, event->data.scalar.anchor, n);
}

static kvc_code read_node(struct loader *l, yaml_event_t *event, int depth,
                          struct ynode **out);

/* Everything up to the end of the list or map. */
static kvc_code read_children(struct loader *l, struct ynode *n, int depth)
{
  const bool map = n->type == YAML_T_MAP;
  const yaml_event_type_t end = map ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
  for (;;) {
    yaml_event_t event;
    const char *key = NULL;
    size_t key_from = 0, key_to = 0;
    KVC_TRY(next_event(l, &event));
    const yaml_event_type_t type = event.type;
    if (type == end) {
      n->to = byte_at(l, event.end_mark.index);
      yaml_event_delete(&event);
      return KVC_E_OK;
    }
    if (map) {
      if (type != YAML_SCALAR_EVENT) {
        const kvc_code rc =
            fail_at(l, &event.start_mark, KVC_E_UNSUPPORTED, "a key must be plain text");
        yaml_event_delete(&event);
        return rc;
      }
      key = kvc_arena_strndup(l->r->arena, (const char *)event.data.scalar.value,
                              event.data.scalar.length);
      key_from = byte_at(l, event.start_mark.index);
      key_to = byte_at(l, event.end_mark.index);
      yaml_event_delete(&event);
      if (key == NULL) return kvc_arena_full(l->r->arena, l->r->source->where, l->r->err);
      KVC_TRY(next_event(l, &event));
    }
    struct ynode *child;
    KVC_TRY(read_node(l, &event, depth + 1, &child));
    child->key = key;
    child->key_from = key_from;
    child->key_to = key_to;
    append(n, child);
  }
}

/* The node that starts with 'event', which is deleted. */
static kvc_code read_node(struct loader *l, yaml_event_t *event, int depth,
                          struct ynode **out)
{
  kvc_code rc = KVC_E_OK;
  struct ynode *n = NULL;
  if (depth > MAX_YAML_DEPTH) {
    rc = fail_at(l, &event->start_mark, KVC_E_LIMIT, "nested too deep");
  } else if (event->type == YAML_ALIAS_EVENT) {
    rc = alias_node(l, event, &n);
    yaml_event_delete(event);
    *out = n;
    return rc;
  } else {
    n = new_node(l, event);
    if (n == NULL) rc = KVC_E_LIMIT;
  }
  const yaml_event_type_t type = event->type;
  if (rc == KVC_E_OK && type == YAML_SCALAR_EVENT) rc = scalar_node(l, event, n);
  if (rc == KVC_E_OK && type == YAML_SEQUENCE_START_EVENT) {
    n->type = YAML_T_LIST;
    n->block = event->data.sequence_start.style != YAML_FLOW_SEQUENCE_STYLE;
    rc = keep_anchor(l, event->data.sequence_start.anchor, n);
  }
  if (rc == KVC_E_OK && type == YAML_MAPPING_START_EVENT) {
    n->type = YAML_T_MAP;
    n->block = event->data.mapping_start.style != YAML_FLOW_MAPPING_STYLE;
    rc = keep_anchor(l, event->data.mapping_start.anchor, n);
  }
  yaml_event_delete(event);
  KVC_TRY(rc);
  if (type != YAML_SCALAR_EVENT) KVC_TRY(read_children(l, n, depth));
  if (n->anchor != NULL && l->n_anchors < MAX_ANCHORS) l->anchors[l->n_anchors++] = n;
  *out = n;
  return KVC_E_OK;
}

static kvc_code read_documents(struct loader *l, struct ytree *out)
{
  for (;;) {
    yaml_event_t event;
    KVC_TRY(next_event(l, &event));
    const yaml_event_type_t type = event.type;
    if (type != YAML_DOCUMENT_START_EVENT) {
      yaml_event_delete(&event);
      if (type == YAML_STREAM_END_EVENT) return KVC_E_OK;
      continue;
    }
    yaml_event_delete(&event);
    if (out->n == MAX_DOCUMENTS)
      return kvc_fail(l->r->err, KVC_E_LIMIT, l->r->source->where,
                      "has more than %d documents", MAX_DOCUMENTS);
    l->n_anchors = 0;
    KVC_TRY(next_event(l, &event));
    struct ynode *root;
    KVC_TRY(read_node(l, &event, 0, &root));
    out->documents[out->n++] = root;
  }
}

kvc_code tree_read(struct reading *r, struct ytree *out)
{
  const size_t most = KVC_LAUNCH_MAX_YAML_BYTES;
  if (r->source->len > most)
    return kvc_fail(r->err, KVC_E_LIMIT, r->source->where,
                    "is YAML of more than %zu bytes", most);
  struct loader *l = kvc_arena_alloc(r->arena, 1, sizeof *l);
  *out = (struct ytree){0};
  out->documents = kvc_arena_alloc(r->arena, MAX_DOCUMENTS, sizeof *out->documents);
  if (l == NULL || out->documents == NULL)
    return kvc_arena_full(r->arena, r->source->where, r->err);
  l->r = r;
  KVC_TRY(index_characters(l));
  if (!yaml_parser_initialize(&l->parser))
    return kvc_fail(r->err, KVC_E_LIMIT, r->source->where, "no memory for the reader");
  yaml_parser_set_encoding(&l->parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&l->parser, (const unsigned char *)r->source->text,
                               r->source->len);
  const kvc_code rc = read_documents(l, out);
  yaml_parser_delete(&l->parser);
  return rc;
}

static const struct ynode *get_at(const struct ynode *map, const char *key, int depth)
{
  if (map == NULL || map->type != YAML_T_MAP || depth > 8) return NULL;
  for (const struct ynode *n = map->first; n != NULL; n = n->next)
    if (strcmp(n->key, key) == 0) return n;
  for (const struct ynode *n = map->first; n != NULL; n = n->next) {
    if (strcmp(n->key, "<<") != 0) continue;
    const struct ynode *found = get_at(n, key, depth + 1);
    const struct ynode *item = n->type == YAML_T_LIST ? n->first : NULL;
    for (; found == NULL && item != NULL; item = item->next)
      found = get_at(item, key, depth + 1);
    if (found != NULL) return found;
  }
  return NULL;
}

const struct ynode *tree_get(const struct ynode *map, const char *key)
{
  return get_at(map, key, 0);
}

/* ---- where the bytes of a scalar are -------------------------------------------------
 */

static bool is_blank(char c)
{
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Length of the escape text[i..) in double quotes: \n, \x41, and so on */
static size_t escape_len(const char *text, size_t i, size_t end)
{
  size_t n = 2;
  if (i + 1 >= end) return 1;
  if (text[i + 1] == 'x') n = 4;
  if (text[i + 1] == 'u') n = 6;
  if (text[i + 1] == 'U') n = 10;
  return i + n <= end ? n : end - i;
}

/* A scalar followed byte by byte through its text in the file. */
struct follow {
  const char *text;
  size_t i, end;
  char quote;
};

/* Indentation, folded and continued lines are in the file only. */
static void skip_layout(struct follow *f, char c)
{
  for (;;) {
    const char now = f->i < f->end ? f->text[f->i] : c;
    const bool continued = f->quote == '"' && now == '\\' && f->i + 1 < f->end &&
                           (f->text[f->i + 1] == '\n' || f->text[f->i + 1] == '\r');
    if (continued)
      f->i += 2;
    else if (now != c && is_blank(now) && !(c == ' ' && now == '\n'))
      f->i++;
    else
      return;
  }
}

/* One escape in double quotes; returns the place of what it stands for. */
static size_t take_escape(struct follow *f, char c)
{
  const size_t from = f->i, n = escape_len(f->text, f->i, f->end);
  f->i += n;
  return n == 2 && f->text[from + 1] == c ? from + 1 : from;
}

static void start_of(struct follow *f, const struct ynode *n)
{
  if (n->block) { /* the header line: |, >-, # comment */
    while (f->i < f->end && f->text[f->i] != '\n') f->i++;
    if (f->i < f->end) f->i++;
  } else if (!n->plain && f->i < f->end &&
             (f->text[f->i] == '"' || f->text[f->i] == '\'')) {
    f->quote = f->text[f->i++];
  }
}

kvc_code tree_piece(struct reading *r, const struct ynode *scalar, struct piece *out)
{
  struct follow f = {.text = r->source->text, .i = scalar->from, .end = scalar->to};
  const struct ynode *n = scalar;
  size_t *at = kvc_arena_alloc(r->arena, n->len + 1, sizeof *at);
  if (at == NULL) return kvc_arena_full(r->arena, r->source->where, r->err);
  start_of(&f, n);
  for (size_t k = 0; k < n->len; k++) {
    const char c = n->text[k];
    skip_layout(&f, c);
    if (f.quote == '"' && f.i < f.end && f.text[f.i] == '\\') {
      at[k] = take_escape(&f, c);
      while (k + 1 < n->len && ((unsigned char)n->text[k + 1] & 0xC0) == 0x80)
        at[++k] = f.i - 1;
      continue;
    }
    if (f.quote == '\'' && c == '\'' && f.i + 1 < f.end && f.text[f.i] == '\'') f.i++;
    at[k] = f.i < f.end ? f.i : f.end;
    if (f.i < f.end) f.i++;
  }
  at[n->len] = f.i < f.end ? f.i : f.end;
  *out = (struct piece){n->text, n->len, at};
  return KVC_E_OK;
}
