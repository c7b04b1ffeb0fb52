/* node.c - lookups in a document, and texts out of it.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "bench_room.h"
#include <math.h>
#include <string.h>

const struct bench_node *bench_first(const struct bench_node *list)
{
  return list != NULL && list->span > 1 ? list + 1 : NULL;
}

const struct bench_node *bench_next(const struct bench_node *list,
                                    const struct bench_node *at)
{
  const struct bench_node *next = at + at->span;
  return next < list + list->span ? next : NULL;
}

bool bench_key_is(const struct bench *b, const struct bench_node *node, const char *key)
{
  return node->keyed && bench_same(b->text + node->key, node->key_len, key);
}

static const struct bench_node *find(const struct bench *b, const struct bench_node *obj,
                                     const char *key, size_t len)
{
  const struct bench_node *found = NULL;
  if (obj == NULL || obj->kind != BENCH_OBJ) return NULL;
  for (const struct bench_node *m = bench_first(obj); m != NULL; m = bench_next(obj, m))
    if (m->key_len == len && memcmp(b->text + m->key, key, len) == 0) found = m;
  return found;
}

const struct bench_node *bench_open(const struct bench *b, const struct bench_node *obj,
                                    const char *key)
{
  return find(b, obj, key, strlen(key));
}

const struct bench_node *bench_get(const struct bench *b, const struct bench_node *obj,
                                   const char *key)
{
  const struct bench_node *found = bench_open(b, obj, key);
  return found != NULL && found->cut ? NULL : found;
}

const struct bench_node *bench_path(const struct bench *b, const struct bench_node *obj,
                                    const char *path)
{
  while (obj != NULL) {
    const char *dot = strchr(path, '.');
    const size_t len = dot != NULL ? (size_t)(dot - path) : strlen(path);
    obj = find(b, obj, path, len);
    if (dot == NULL) break;
    path = dot + 1;
  }
  return obj;
}

size_t bench_count(const struct bench_node *list)
{
  size_t n = 0;
  if (list == NULL) return 0;
  for (const struct bench_node *m = bench_first(list); m != NULL; m = bench_next(list, m))
    n++;
  return n;
}

double bench_num(const struct bench *b, const struct bench_node *node)
{
  double value = (double)NAN;
  size_t used = 0;
  if (node == NULL) return value;
  if (node->kind == BENCH_NUM) return node->as.num;
  if (node->kind != BENCH_STR) return value;
  const char *text = b->text + node->as.str.at;
  if (!kvc_num_scan(text, node->as.str.len, &value, &used) || used != node->as.str.len)
    return (double)NAN;
  return value;
}

double bench_get_num(const struct bench *b, const struct bench_node *obj,
                     const char *path)
{
  return bench_num(b, bench_path(b, obj, path));
}

static int hex(const char *text, size_t len)
{
  int v = 0;
  if (len < 4) return -1;
  for (int i = 0; i < 4; i++) {
    const char c = text[i];
    const int d = c >= '0' && c <= '9'   ? c - '0'
                  : c >= 'a' && c <= 'f' ? c - 'a' + 10
                  : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                         : -1;
    if (d < 0) return -1;
    v = v * 16 + d;
  }
  return v;
}

/* Writes a code point as UTF-8; what cannot stand in a text becomes a '?'. */
static size_t put(char *out, int code)
{
  if (code < 0x20 || code == 0x7F || (code >= 0xD800 && code < 0xE000)) code = '?';
  const unsigned c = (unsigned)code;
  if (c < 0x80) {
    out[0] = (char)c;
    return 1;
  }
  if (c < 0x800) {
    out[0] = (char)(0xC0 | c >> 6);
    out[1] = (char)(0x80 | (c & 0x3F));
    return 2;
  }
  if (c < 0x10000) {
    out[0] = (char)(0xE0 | c >> 12);
    out[1] = (char)(0x80 | (c >> 6 & 0x3F));
    out[2] = (char)(0x80 | (c & 0x3F));
    return 3;
  }
  out[0] = (char)(0xF0 | c >> 18);
  out[1] = (char)(0x80 | (c >> 12 & 0x3F));
  out[2] = (char)(0x80 | (c >> 6 & 0x3F));
  out[3] = (char)(0x80 | (c & 0x3F));
  return 4;
}

/* The escape at text[0] = '\\': its code point, and how many characters it takes. */
static int escape(const char *text, size_t len, size_t *used)
{
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/    ";
  *used = len < 2 ? len : 2;
  if (len < 2) return '?';
  if (text[1] != 'u') {
    const char *at = text[1] != 0 ? strchr(from, text[1]) : NULL;
    return at == NULL ? '?' : at - from < 3 ? to[at - from] : ' ';
  }
  const int high = hex(text + 2, len - 2);
  if (high < 0) return '?';
  *used = 6;
  if (high < 0xD800 || high >= 0xDC00 || len < 12 || text[6] != '\\' || text[7] != 'u')
    return high;
  const int low = hex(text + 8, len - 8);
  if (low < 0xDC00 || low >= 0xE000) return high;
  *used = 12;
  return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

/* Text up to BENCH_MAX_VALUE bytes, with or without escapes. */
static const char *copy(struct bench *b, const char *text, size_t len, bool escapes)
{
  char out[BENCH_MAX_VALUE + 8];
  size_t n = 0, at = 0;
  while (at < len && n < BENCH_MAX_VALUE) {
    size_t used = 1;
    if (escapes && text[at] == '\\') {
      n += put(out + n, escape(text + at, len - at, &used));
    } else if ((unsigned char)text[at] < 0x80) {
      n += put(out + n, text[at] == '\t' ? ' ' : text[at]);
    } else {
      while (used < 4 && used < len - at && (text[at + used] & 0xC0) == 0x80) used++;
      if (kvc_utf8_valid(text + at, used)) {
        memcpy(out + n, text + at, used);
        n += used;
      } else {
        out[n++] = '?';
      }
    }
    at += used;
  }
  for (int dots = 0; at < len && dots < 3; dots++) out[n++] = '.';
  const char *made = kvc_arena_strndup(b->arena, out, n);
  if (made == NULL) {
    b->rc = kvc_arena_full(b->arena, b->where, b->err);
    return "";
  }
  return made;
}

const char *bench_clean(struct bench *b, const char *text, size_t len)
{
  return copy(b, text, len, false);
}

const char *bench_str(struct bench *b, const struct bench_node *node)
{
  char digits[KVC_NUM_TEXT];
  if (node == NULL) return NULL;
  switch (node->kind) {
  case BENCH_STR: return copy(b, b->text + node->as.str.at, node->as.str.len, true);
  case BENCH_TRUE: return "true";
  case BENCH_FALSE: return "false";
  case BENCH_NUM:
    if (isnan(node->as.num)) return "nan";
    if (isinf(node->as.num)) return node->as.num > 0 ? "inf" : "-inf";
    kvc_num_format(node->as.num, digits);
    return copy(b, digits, strlen(digits), false);
  default: return NULL;
  }
}

const char *bench_get_str(struct bench *b, const struct bench_node *obj, const char *path)
{
  return bench_str(b, bench_path(b, obj, path));
}

const char *bench_key(struct bench *b, const struct bench_node *node)
{
  return copy(b, b->text + node->key, node->key_len, true);
}
