/* json.c - checks a config's text before cJSON sees it, then parses it.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * cJSON recurses, keeps the first of two equal keys and knows no NaN; so depth and
 * duplicates are checked here.  Python writes NaN and Infinity into real configs
 * (Nemotron's time_step_limit): outside strings they are turned into strings of the
 * same length, which nobody can take for a number.
 */
#include "hf_room.h"
#include <kvcap/str.h>
#include <stdlib.h>
#include <string.h>

struct key {
  const char *text;
  size_t len;
};

struct scan {
  char *text;
  size_t len, at;
  const char *where;
  struct kvc_err *err;
  struct key *keys; /* of all open objects */
  size_t n_keys, room;
  size_t first[KVC_HF_MAX_DEPTH + 1]; /* first key of each open object */
  char open[KVC_HF_MAX_DEPTH + 1];
  size_t depth;
};

static kvc_code fail_here(const struct scan *s, size_t at, kvc_code code,
                          const char *what)
{
  int line = 1, col = 1;
  for (size_t i = 0; i < at && i < s->len; i++) {
    if (s->text[i] == '\n') {
      line++;
      col = 1;
    } else {
      col++;
    }
  }
  return kvc_fail_at(s->err, code, s->where, line, col, "%s", what);
}

static int key_order(const void *a, const void *b)
{
  const struct key *x = a, *y = b;
  if (x->len != y->len) return x->len < y->len ? -1 : 1;
  return memcmp(x->text, y->text, x->len);
}

/* Closes the innermost object: two of its keys may not be equal. */
static kvc_code keys_close(struct scan *s)
{
  const size_t count = s->n_keys - s->first[s->depth];
  s->n_keys = s->first[s->depth];
  if (count < 2) return KVC_E_OK;
  struct key *keys = s->keys + s->n_keys;
  qsort(keys, count, sizeof *keys, key_order);
  for (size_t i = 1; i < count; i++) {
    if (key_order(&keys[i - 1], &keys[i]) != 0) continue;
    const int shown = keys[i].len < 60 ? (int)keys[i].len : 60;
    return kvc_fail(s->err, KVC_E_PARSE, s->where, "the key \"%.*s\" is given twice",
                    shown, keys[i].text);
  }
  return KVC_E_OK;
}

static kvc_code key_add(struct scan *s, const char *text, size_t len)
{
  if (s->n_keys == s->room) {
    const size_t room = s->room < 64 ? 64 : s->room * 2;
    struct key *keys = realloc(s->keys, room * sizeof *keys);
    if (keys == NULL)
      return kvc_fail(s->err, KVC_E_LIMIT, s->where, "the file has too many keys");
    s->keys = keys;
    s->room = room;
  }
  s->keys[s->n_keys++] = (struct key){text, len};
  return KVC_E_OK;
}

static kvc_code scan_string(struct scan *s)
{
  const size_t start = s->at++;
  while (s->at < s->len && s->text[s->at] != '"') {
    if ((unsigned char)s->text[s->at] < 0x20)
      return fail_here(s, s->at, KVC_E_PARSE, "a string holds a control character");
    s->at += s->text[s->at] == '\\' ? 2 : 1;
  }
  if (s->at >= s->len) {
    s->at = s->len;
    return fail_here(s, start, KVC_E_PARSE,
                     "a string has no end: the file looks cut short");
  }
  const size_t end = s->at++;
  size_t next = s->at;
  while (next < s->len && strchr(" \t\r\n", s->text[next]) != NULL && s->text[next] != 0)
    next++;
  if (next < s->len && s->text[next] == ':' && s->depth > 0 && s->open[s->depth] == '{')
    return key_add(s, s->text + start + 1, end - start - 1);
  return KVC_E_OK;
}

static kvc_code scan_open(struct scan *s)
{
  if (s->depth == KVC_HF_MAX_DEPTH)
    return fail_here(s, s->at, KVC_E_LIMIT, "the JSON is nested deeper than 32 levels");
  s->depth++;
  s->open[s->depth] = s->text[s->at++];
  s->first[s->depth] = s->n_keys;
  return KVC_E_OK;
}

static kvc_code scan_close(struct scan *s)
{
  const char want = s->text[s->at] == '}' ? '{' : '[';
  if (s->depth == 0 || s->open[s->depth] != want)
    return fail_here(s, s->at, KVC_E_PARSE, "a closing bracket has no opening one");
  kvc_code rc = KVC_E_OK;
  if (want == '{') rc = keys_close(s);
  s->depth--;
  s->at++;
  return rc;
}

/* NaN and Infinity become strings of equal length. */
static bool scan_word(struct scan *s)
{
  static const char *const words[] = {"-Infinity", "Infinity", "NaN"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    const size_t len = strlen(words[i]);
    if (s->len - s->at < len || memcmp(s->text + s->at, words[i], len) != 0) continue;
    s->text[s->at] = '"';
    s->text[s->at + len - 1] = '"';
    s->at += len;
    return true;
  }
  return false;
}

static kvc_code scan_all(struct scan *s)
{
  while (s->at < s->len) {
    const char c = s->text[s->at];
    if (c == '"') {
      KVC_TRY(scan_string(s));
    } else if (c == '{' || c == '[') {
      KVC_TRY(scan_open(s));
    } else if (c == '}' || c == ']') {
      KVC_TRY(scan_close(s));
    } else if ((unsigned char)c < 0x20 && (c == 0 || strchr("\t\r\n", c) == NULL)) {
      return fail_here(s, s->at, KVC_E_PARSE, "a control character is outside a string");
    } else if (!scan_word(s)) {
      s->at++;
    }
  }
  if (s->depth > 0)
    return fail_here(s, s->len, KVC_E_PARSE,
                     "a bracket is never closed: the file looks cut short");
  return KVC_E_OK;
}

static kvc_code parse_text(struct scan *s, cJSON **root)
{
  const char *end = NULL;
  cJSON *tree = cJSON_ParseWithLengthOpts(s->text, s->len, &end, false);
  if (tree == NULL) {
    const size_t at = end != NULL && end >= s->text ? (size_t)(end - s->text) : 0;
    return fail_here(s, at, KVC_E_PARSE, "this is not valid JSON");
  }
  size_t at = (size_t)(end - s->text);
  while (at < s->len && s->text[at] != 0 && strchr(" \t\r\n", s->text[at]) != NULL) at++;
  kvc_code rc = KVC_E_OK;
  if (at < s->len)
    rc = fail_here(s, at, KVC_E_PARSE, "something follows after the end of the JSON");
  else if (!cJSON_IsObject(tree))
    rc = kvc_fail(s->err, KVC_E_PARSE, s->where,
                  "a model's config is a JSON object ({...}); this is not one");
  if (rc == KVC_E_OK)
    *root = tree;
  else
    cJSON_Delete(tree);
  return rc;
}

kvc_code hf_json_parse(struct kvc_arena *arena, const char *text, size_t len,
                       const char *where, cJSON **root, struct kvc_err *err)
{
  if (len > KVC_HF_MAX_BYTES)
    return kvc_fail(err, KVC_E_LIMIT, where, "a config of more than 8 MiB is refused");
  if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
    return kvc_fail(err, KVC_E_PARSE, where,
                    "the file starts with a byte order mark; save it as plain UTF-8");
  if (!kvc_utf8_valid(text, len))
    return kvc_fail(err, KVC_E_PARSE, where, "the file is not valid UTF-8");
  if (len == 0) return kvc_fail(err, KVC_E_PARSE, where, "the file is empty");
  char *copy = kvc_arena_strndup(arena, text, len);
  if (copy == NULL) return kvc_arena_full(arena, where, err);
  struct scan s = {.text = copy, .len = len, .where = where, .err = err};
  kvc_code rc = scan_all(&s);
  if (rc == KVC_E_OK) rc = parse_text(&s, root);
  free(s.keys);
  return rc;
}
