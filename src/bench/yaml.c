/* yaml.c - the plain part of YAML as JSON: maps, lists and scalars by indentation.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reports of llm-d are written by a program, without anchors or tags.  What is not
 * understood becomes a text or is left out; a result shows by its keys.
 */
#include "bench_room.h"
#include <string.h>

struct level {
  size_t indent;
  char open; /* '{' or '[' */
  bool any;
};

struct yaml {
  struct kvc_buf json;
  struct level at[KVC_BENCH_MAX_DEPTH];
  size_t depth;
  bool pending;      /* a key or dash waits for its value */
  size_t block_from; /* lines deeper than this belong to a block scalar; else none */
  bool block, bad;
};

static void put_text(struct kvc_buf *out, const char *text, size_t len)
{
  kvc_buf_add(out, "\"", 1);
  for (size_t i = 0; i < len; i++) {
    const unsigned char c = (unsigned char)text[i];
    if (c == '"' || c == '\\') kvc_buf_add(out, "\\", 1);
    kvc_buf_add(out, c < 0x20 ? " " : text + i, 1);
  }
  kvc_buf_add(out, "\"", 1);
}

static void put_scalar(struct kvc_buf *out, struct bench_line v)
{
  double number;
  size_t used;
  const char first = v.text[0];
  if ((first == '"' || first == '\'') && v.len >= 2 && v.text[v.len - 1] == first) {
    put_text(out, v.text + 1, v.len - 2);
  } else if (bench_same(v.text, v.len, "null") || bench_same(v.text, v.len, "~")) {
    kvc_buf_puts(out, "null");
  } else if (bench_same(v.text, v.len, "true") || bench_same(v.text, v.len, "false")) {
    kvc_buf_add(out, v.text, v.len);
  } else if (bench_same(v.text, v.len, ".inf") || bench_same(v.text, v.len, ".nan")) {
    kvc_buf_add(out, v.text + 1, v.len - 1);
  } else if (kvc_num_scan(v.text, v.len, &number, &used) && used == v.len) {
    kvc_buf_add(out, v.text, v.len);
  } else {
    put_text(out, v.text, v.len);
  }
}

static void push(struct yaml *y, char open, size_t indent)
{
  if (y->depth == KVC_BENCH_MAX_DEPTH) {
    y->bad = true;
    return;
  }
  y->at[y->depth++] = (struct level){indent, open, false};
  kvc_buf_add(&y->json, &open, 1);
}

static void pop(struct yaml *y)
{
  const struct level *top = &y->at[--y->depth];
  kvc_buf_puts(&y->json, top->open == '{' ? "}" : "]");
}

static void comma(struct yaml *y)
{
  struct level *top = &y->at[y->depth - 1];
  if (top->any) kvc_buf_puts(&y->json, ",");
  top->any = true;
}

/* The text without a comment and without blanks at the end. */
static struct bench_line content(struct bench_line line)
{
  char quote = 0;
  for (size_t i = 0; i < line.len; i++) {
    const char c = line.text[i];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      if (i == 0 || line.text[i - 1] == ' ') quote = c;
    } else if (c == '#' && (i == 0 || line.text[i - 1] == ' ')) {
      line.len = i;
    }
  }
  return bench_trim(line);
}

/* Where the colon of "key: value" stands; the length when there is none. */
static size_t colon(struct bench_line line)
{
  char quote = line.text[0] == '"' || line.text[0] == '\'' ? line.text[0] : 0;
  for (size_t i = quote != 0; i < line.len; i++) {
    if (quote != 0) {
      if (line.text[i] == quote) quote = 0;
    } else if (line.text[i] == ':' && (i + 1 == line.len || line.text[i + 1] == ' ')) {
      return i;
    }
  }
  return line.len;
}

static void key_line(struct yaml *y, struct bench_line line, size_t indent)
{
  const size_t at = colon(line);
  if (at == line.len || y->at[y->depth - 1].open != '{' ||
      y->at[y->depth - 1].indent != indent)
    return; /* a text that goes on */
  comma(y);
  struct bench_line key = {line.text, at};
  if (key.len >= 2 && (key.text[0] == '"' || key.text[0] == '\''))
    key = (struct bench_line){key.text + 1, key.len - 2};
  put_text(&y->json, key.text, key.len);
  kvc_buf_puts(&y->json, ":");
  const struct bench_line v =
      bench_trim((struct bench_line){line.text + at + 1, line.len - at - 1});
  if (v.len == 0) {
    y->pending = true;
  } else if (v.text[0] == '|' || v.text[0] == '>') {
    y->block = true;
    y->block_from = indent;
    kvc_buf_puts(&y->json, "null");
  } else {
    put_scalar(&y->json, v);
  }
}

static void settle(struct yaml *y, size_t indent, bool item)
{
  if (y->pending) {
    const struct level *top = &y->at[y->depth - 1];
    const bool inside =
        indent > top->indent || (item && top->open == '{' && indent == top->indent);
    if (inside)
      push(y, item ? '[' : '{', indent);
    else
      kvc_buf_puts(&y->json, "null");
    y->pending = false;
  }
  while (y->depth > 1 && (y->at[y->depth - 1].indent > indent ||
                          (y->at[y->depth - 1].indent == indent &&
                           y->at[y->depth - 1].open == '[' && !item)))
    pop(y);
  if (y->depth == 0) push(y, item ? '[' : '{', indent);
}

static void take(struct yaml *y, struct bench_line line, size_t indent)
{
  while (!y->bad) {
    const bool item = line.text[0] == '-' && (line.len == 1 || line.text[1] == ' ');
    settle(y, indent, item);
    if (!item) break;
    if (y->bad || y->at[y->depth - 1].open != '[') return;
    comma(y);
    size_t skip = 1;
    while (skip < line.len && line.text[skip] == ' ') skip++;
    line = (struct bench_line){line.text + skip, line.len - skip};
    y->pending = line.len == 0;
    if (line.len == 0) return;
    indent += skip;
    const bool nested = line.text[0] == '-' && (line.len == 1 || line.text[1] == ' ');
    if (!nested && colon(line) == line.len) {
      put_scalar(&y->json, line);
      return;
    }
    y->pending = true; /* the item is a map or a list that starts here */
  }
  if (!y->bad) key_line(y, line, indent);
}

static void read_lines(const struct bench *b, struct yaml *y)
{
  struct bench_line line;
  for (size_t at = 0; !y->bad && bench_line(b, &at, &line);) {
    size_t indent = 0;
    while (indent < line.len && line.text[indent] == ' ') indent++;
    const struct bench_line text = content(line);
    if (text.len == 0) continue;
    if (y->block && indent > y->block_from) continue;
    y->block = false;
    if (indent == 0 && (bench_same(text.text, text.len, "---") || text.text[0] == '%'))
      continue;
    take(y, text, indent);
  }
  if (y->pending) kvc_buf_puts(&y->json, "null");
  while (y->depth > 0) pop(y);
}

size_t bench_yaml(struct bench *b)
{
  struct yaml y = {.depth = 0};
  struct bench_flaw flaw = {.what = NULL};
  size_t at = 0, found = 0;
  if (!bench_has(b->text, b->len, "time_to_first_token:") &&
      !bench_has(b->text, b->len, "request_latency:"))
    return 0;
  kvc_buf_init(&y.json, KVC_BENCH_MAX_BYTES);
  read_lines(b, &y);
  if (!y.bad && !y.json.full && y.json.len > 0) {
    const char *text = b->text;
    const size_t len = b->len;
    b->text = y.json.text;
    b->len = y.json.len;
    bench_json(b, &at, &flaw);
    if (flaw.what == NULL && b->n_nodes > 0 && bench_llmd_is(b, &b->nodes[0])) {
      bench_read_llmd(b, &b->nodes[0]);
      found = b->out->n_records;
    }
    b->text = text;
    b->len = len;
  }
  kvc_buf_clear(&y.json);
  return found;
}
