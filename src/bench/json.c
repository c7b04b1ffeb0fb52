/* json.c - JSON as the tools write it, to a flat list of nodes.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Results need what a strict tree parser does not give: NaN and Infinity are numbers,
 * the last of two equal keys counts, several documents follow each other, a text that
 * ends too early still holds complete values, and lists of a million numbers should
 * cost little.  One pass, no recursion, 24 or 32 bytes a value.
 */
#include "bench_room.h"
#include <stdlib.h>
#include <string.h>

struct parse {
  struct bench *b;
  const char *text;
  size_t len, at;
  struct bench_flaw *flaw;
  uint32_t open[KVC_BENCH_MAX_DEPTH];
  size_t depth;
  uint32_t key, key_len;
};

static bool is_space(char c)
{
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

size_t bench_skip_space(const struct bench *b, size_t at)
{
  while (at < b->len && is_space(b->text[at])) at++;
  return at;
}

void bench_place(const struct bench *b, size_t at, int *line, int *col)
{
  *line = 1;
  *col = 1;
  const char *from = b->text, *to = b->text + (at < b->len ? at : b->len);
  for (const char *nl; (nl = memchr(from, '\n', (size_t)(to - from))) != NULL;
       from = nl + 1)
    ++*line;
  *col += (int)(to - from);
}

static bool flaw(struct parse *p, const char *what)
{
  *p->flaw = (struct bench_flaw){.at = p->at, .what = what, .cut = p->at >= p->len};
  return false;
}

static bool in_object(const struct parse *p)
{
  return p->depth > 0 && p->b->nodes[p->open[p->depth - 1]].kind == BENCH_OBJ;
}

/* A new node, or NULL when there are too many. */
static struct bench_node *add(struct parse *p, enum bench_kind kind)
{
  struct bench *b = p->b;
  if (b->n_nodes == b->node_room) {
    const size_t room = b->node_room < 256 ? 256 : b->node_room * 2;
    struct bench_node *more =
        room > BENCH_MAX_NODES ? NULL : realloc(b->nodes, room * sizeof *more);
    if (more == NULL) {
      (void)flaw(p, "there are too many values");
      p->flaw->limit = true;
      return NULL;
    }
    b->nodes = more;
    b->node_room = room;
  }
  struct bench_node *node = &b->nodes[b->n_nodes];
  *node = (struct bench_node){.span = 1, .kind = (uint8_t)kind, .keyed = in_object(p)};
  if (node->keyed) {
    node->key = p->key;
    node->key_len = p->key_len;
  }
  b->n_nodes++;
  return node;
}

/* Moves over the string at p->at; its inside is *from, *len. */
static bool string(struct parse *p, uint32_t *from, uint32_t *len)
{
  size_t at = p->at + 1;
  for (; at < p->len && p->text[at] != '"'; at++) {
    if (p->text[at] == '\\') {
      at++;
    } else if ((unsigned char)p->text[at] < 0x20 && p->text[at] != '\t') {
      p->at = at;
      return flaw(p, "a text holds a line break or control character");
    }
  }
  if (at >= p->len) {
    p->at = p->len;
    return flaw(p, "a text has no end: the file looks cut short");
  }
  *from = (uint32_t)(p->at + 1);
  *len = (uint32_t)(at - p->at - 1);
  p->at = at + 1;
  return true;
}

/* true, false, null, or a number, NaN and the infinities among them. */
static bool scalar(struct parse *p)
{
  static const struct {
    const char *word;
    enum bench_kind kind;
  } words[] = {{"null", BENCH_NULL}, {"true", BENCH_TRUE}, {"false", BENCH_FALSE}};
  size_t end = p->at;
  while (end < p->len && !is_space(p->text[end]) &&
         (p->text[end] == 0 || strchr(",:[]{}\"", p->text[end]) == NULL))
    end++;
  const size_t len = end - p->at;
  /* Digits that touch the end may be the first half of a number. */
  if (end == p->len && p->depth > 0) {
    p->at = p->len;
    return flaw(p, "a bracket is never closed: the file looks cut short");
  }
  enum bench_kind kind = BENCH_NUM;
  double num = 0;
  size_t used = 0;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (bench_same(p->text + p->at, len, words[i].word)) {
      kind = words[i].kind;
      used = len;
    }
  if (used == 0 && !kvc_num_scan(p->text + p->at, len, &num, &used)) used = 0;
  if (used == 0 || used != len)
    return flaw(p, "this is neither a value nor a closing bracket");
  struct bench_node *node = add(p, kind);
  if (node == NULL) return false;
  node->as.num = num;
  p->at = end;
  return true;
}

static bool open_bracket(struct parse *p)
{
  if (p->depth == KVC_BENCH_MAX_DEPTH) {
    (void)flaw(p, "the JSON is nested deeper than 64 levels");
    p->flaw->limit = true;
    return false;
  }
  const uint32_t me = (uint32_t)p->b->n_nodes;
  if (add(p, p->text[p->at] == '{' ? BENCH_OBJ : BENCH_LIST) == NULL) return false;
  p->open[p->depth++] = me;
  p->at++;
  return true;
}

static void close_innermost(struct parse *p, bool cut)
{
  const uint32_t me = p->open[--p->depth];
  p->b->nodes[me].span = (uint32_t)p->b->n_nodes - me;
  p->b->nodes[me].cut = cut;
}

static bool key(struct parse *p)
{
  if (p->text[p->at] != '"') return flaw(p, "a key in double quotes is missing here");
  if (!string(p, &p->key, &p->key_len)) return false;
  p->at = bench_skip_space(p->b, p->at);
  if (p->at >= p->len || p->text[p->at] != ':')
    return flaw(p, "a colon is missing after a key");
  p->at = bench_skip_space(p->b, p->at + 1);
  return p->at < p->len ? true : flaw(p, "a value is missing: the file looks cut short");
}

/* One value, or the opening of one. */
static bool value(struct parse *p, bool *opened)
{
  const char c = p->text[p->at];
  *opened = c == '{' || c == '[';
  if (*opened) return open_bracket(p);
  if (c != '"') return scalar(p);
  uint32_t from, len;
  if (!string(p, &from, &len)) return false;
  struct bench_node *node = add(p, BENCH_STR);
  if (node == NULL) return false;
  node->as.str.at = from;
  node->as.str.len = len;
  return true;
}

/* After a value: brackets that close, then a comma; 'more' = a value must follow. */
static bool after(struct parse *p, bool *more)
{
  *more = false;
  while (p->depth > 0) {
    p->at = bench_skip_space(p->b, p->at);
    if (p->at >= p->len)
      return flaw(p, "a bracket is never closed: the file looks cut short");
    const char c = p->text[p->at];
    if (c == ',') {
      p->at++;
      *more = true;
      return true;
    }
    if (c != (in_object(p) ? '}' : ']'))
      return flaw(p, "a comma or a closing bracket is missing here");
    close_innermost(p, false);
    p->at++;
  }
  return true;
}

static bool document(struct parse *p)
{
  bool opened = false, more = true;
  while (more) {
    p->at = bench_skip_space(p->b, p->at);
    if (p->at >= p->len)
      return flaw(p, "a bracket is never closed: the file looks cut short");
    if (opened && p->text[p->at] == (in_object(p) ? '}' : ']')) {
      opened = false;
      if (!after(p, &more)) return false;
      continue;
    }
    if (in_object(p) && !key(p)) return false;
    if (!value(p, &opened)) return false;
    if (!opened && !after(p, &more)) return false;
  }
  return true;
}

void bench_json(struct bench *b, size_t *at, struct bench_flaw *flaw_out)
{
  struct parse p = {.b = b, .text = b->text, .len = b->len, .at = *at, .flaw = flaw_out};
  *flaw_out = (struct bench_flaw){.what = NULL};
  b->n_nodes = 0;
  if (!document(&p))
    while (p.depth > 0) close_innermost(&p, true);
  *at = p.at;
}

struct name {
  const char *text;
  size_t len;
};

static int name_order(const void *a, const void *b)
{
  const struct name *x = a, *y = b;
  if (x->len != y->len) return x->len < y->len ? -1 : 1;
  return memcmp(x->text, y->text, x->len);
}

void bench_note_twice(struct bench *b)
{
  struct name *names = NULL;
  size_t room = 0, found = 0;
  struct name first = {"", 0};
  for (size_t i = 0; i < b->n_nodes; i++) {
    const struct bench_node *obj = &b->nodes[i];
    if (obj->kind != BENCH_OBJ) continue;
    const size_t count = bench_count(obj);
    if (count < 2) continue;
    if (count > room) {
      struct name *more = realloc(names, count * 2 * sizeof *names);
      if (more == NULL) break;
      names = more;
      room = count * 2;
    }
    size_t n = 0;
    for (const struct bench_node *m = bench_first(obj); m != NULL; m = bench_next(obj, m))
      names[n++] = (struct name){b->text + m->key, m->key_len};
    qsort(names, n, sizeof *names, name_order);
    for (size_t k = 1; k < n; k++)
      if (name_order(&names[k - 1], &names[k]) == 0 && found++ == 0) first = names[k];
  }
  if (found > 0) {
    const char *name = bench_clean(b, first.text, first.len);
    if (found == 1)
      bench_note(b, "The key \"%s\" is given twice; the last one counts.", name);
    else
      bench_note(b, "The key \"%s\" and %zu more are given twice; the last ones count.",
                 name, found - 1);
  }
  free(names);
}
