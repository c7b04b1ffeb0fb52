/* log.c - the arguments that a server's log prints at its start.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * "non-default args: {'model': 'x', 'tensor_parallel_size': 2}" (since 0.8) or
 * "args: Namespace(host=None, port=8000, ...)" with every argument.  Values are Python
 * literals; what is none (a class, a call) is kept as it stands.
 */
#include "launch_room.h"
#include <ctype.h>
#include <string.h>

enum { MAX_LITERAL_DEPTH = 16, MAX_LITERAL_BYTES = 1 << 16 };

struct literal {
  const char *text;
  size_t i, len;
  struct kvc_buf json;
  bool none, yes, no, string, list, map;
};

static int at(const struct literal *l)
{
  return l->i < l->len ? (unsigned char)l->text[l->i] : -1;
}

static void blanks(struct literal *l)
{
  while (at(l) == ' ' || at(l) == '\t') l->i++;
}

/* 'it\'s' or "it's"; quoted for JSON unless it is the whole value. */
static bool string(struct literal *l, bool quoted)
{
  const int quote = at(l);
  if (quoted) kvc_buf_puts(&l->json, "\"");
  for (l->i++; at(l) >= 0 && at(l) != quote; l->i++) {
    if (at(l) == '\n') return false;
    if (at(l) == '\\' && l->i + 1 < l->len) {
      l->i++;
      const int c = at(l);
      if (c == 'n' || c == 't' || c == '\\' || (quoted && c == '"')) {
        kvc_buf_puts(&l->json, "\\");
      }
    } else if (at(l) == '"' && quoted) {
      kvc_buf_puts(&l->json, "\\");
    }
    if (at(l) == 0) return false;
    kvc_buf_add(&l->json, l->text + l->i, 1);
  }
  if (at(l) != quote) return false;
  l->i++;
  if (quoted) kvc_buf_puts(&l->json, "\"");
  return true;
}

/* A word, with whatever brackets follow it: <class 'x'>, Config(a=1), 1.5e3. */
static bool word(struct literal *l, int depth)
{
  const size_t from = l->i;
  int deep = 0;
  int quote = 0;
  for (; at(l) > 0 && at(l) != '\n'; l->i++) {
    const int c = at(l);
    if (quote != 0) {
      if (c == quote) quote = 0;
      continue;
    }
    if (c == '\'' || c == '"') quote = c;
    if (strchr("([{<", c) != NULL) deep++;
    if (deep == 0 && strchr(",)]}:", c) != NULL) break;
    if (strchr(")]}>", c) != NULL) deep--;
  }
  const size_t len = l->i - from;
  if (len == 0) return false;
  const char *const text = l->text + from;
  const bool yes = len == 4 && memcmp(text, "True", 4) == 0;
  const bool no = len == 5 && memcmp(text, "False", 5) == 0;
  const bool none = len == 4 && memcmp(text, "None", 4) == 0;
  if (depth == 0) {
    l->yes = yes;
    l->no = no;
    l->none = none;
  }
  if (yes || no || none)
    kvc_buf_puts(&l->json, yes ? "true" : no ? "false" : "null");
  else
    kvc_buf_add(&l->json, text, len);
  return true;
}

static bool value(struct literal *l, int depth);

static bool collection(struct literal *l, int close, int depth)
{
  const bool map = close == '}';
  kvc_buf_puts(&l->json, map ? "{" : "[");
  l->i++;
  for (bool first = true;; first = false) {
    blanks(l);
    if (at(l) == close) break;
    if (!first) kvc_buf_puts(&l->json, ", ");
    if (!value(l, depth + 1)) return false;
    blanks(l);
    if (map && at(l) == ':') {
      kvc_buf_puts(&l->json, ": ");
      l->i++;
      blanks(l);
      if (!value(l, depth + 1)) return false;
      blanks(l);
    }
    if (at(l) == ',')
      l->i++;
    else if (at(l) != close)
      return false;
  }
  l->i++;
  kvc_buf_puts(&l->json, map ? "}" : "]");
  return true;
}

static bool value(struct literal *l, int depth)
{
  const int c = at(l);
  if (depth > MAX_LITERAL_DEPTH) return false;
  if (depth == 0) {
    l->string = c == '\'' || c == '"';
    l->list = c == '[' || c == '(';
    l->map = c == '{';
  }
  if (c == '\'' || c == '"') return string(l, depth > 0);
  if (c == '{') return collection(l, '}', depth);
  if (c == '[') return collection(l, ']', depth);
  if (c == '(') return collection(l, ')', depth);
  return word(l, depth);
}

/* Names in the dump that are no flags. */
static bool is_inner(const char *name)
{
  static const char *const inner[] = {
      "subparser", "dispatch_function", "func",           "config",
      "help",      "version",           "engine_use_ray", NULL};
  for (const char *const *p = inner; *p != NULL; p++)
    if (strcmp(*p, name) == 0) return true;
  return false;
}

/* ["a", "b"] -> a b */
static const char *unlist(struct reading *r, const char *json)
{
  char *out = kvc_arena_strdup(r->arena, json);
  if (out == NULL) return json;
  size_t n = 0;
  for (const char *p = json; *p != '\0'; p++)
    if (strchr("[]\",", *p) == NULL) out[n++] = *p;
  out[n] = '\0';
  return out;
}

static kvc_code keep(struct reading *r, const char *dest, const struct literal *l,
                     size_t place)
{
  struct kvc_launch *out = r->out;
  if (l->none || is_inner(dest)) return KVC_E_OK;
  const char *text = kvc_arena_strdup(r->arena, l->json.text != NULL ? l->json.text : "");
  if (text == NULL) return kvc_arena_full(r->arena, r->source->where, r->err);
  if (strcmp(dest, "model_tag") == 0) {
    out->positional_model = text;
    return KVC_E_OK;
  }
  if (out->n_args == KVC_LAUNCH_MAX_ARGS)
    return kvc_fail(r->err, KVC_E_LIMIT, r->source->where,
                    "a dump has more than %d arguments", KVC_LAUNCH_MAX_ARGS);
  char *name = kvc_arena_printf(r->arena, "--%s", dest);
  if (name == NULL) return kvc_arena_full(r->arena, r->source->where, r->err);
  for (char *p = name; *p != '\0'; p++)
    if (*p == '_') *p = '-';
  struct kvc_launch_arg *arg = &out->args[out->n_args];
  *arg = (struct kvc_launch_arg){.name = name, .value = text, .n_values = 1};
  arg_flag(r, arg);
  if (l->yes || l->no) {
    if (out->all_args && l->no) return KVC_E_OK; /* a switch that was not given */
    arg->negated = l->no;
    arg->value = NULL;
    arg->n_values = 0;
  } else if (l->list && arg->flag != NULL && strcmp(arg->flag->type, "list") == 0) {
    arg->value = unlist(r, text);
  }
  place_of(r->source, place, &arg->line, &arg->col);
  out->n_args++;
  return KVC_E_OK;
}

/* From the bracket on; false when the dump is cut off. */
static kvc_code dump(struct reading *r, size_t from, bool braces, bool *whole)
{
  struct literal l = {.text = r->source->text, .i = from, .len = r->source->len};
  kvc_code rc = KVC_E_OK;
  kvc_buf_init(&l.json, MAX_LITERAL_BYTES);
  *whole = false;
  while (rc == KVC_E_OK) {
    char dest[80];
    blanks(&l);
    if (at(&l) == (braces ? '}' : ')')) {
      *whole = true;
      break;
    }
    const size_t place = l.i;
    if (braces && (at(&l) == '\'' || at(&l) == '"')) l.i++;
    size_t n = 0;
    while (isalnum(at(&l)) || at(&l) == '_') {
      if (n + 1 < sizeof dest) dest[n++] = (char)at(&l);
      l.i++;
    }
    dest[n] = '\0';
    if (braces && (at(&l) == '\'' || at(&l) == '"')) l.i++;
    if (n == 0 || at(&l) != (braces ? ':' : '=')) break;
    l.i++;
    blanks(&l);
    kvc_buf_clear(&l.json);
    kvc_buf_init(&l.json, MAX_LITERAL_BYTES);
    l.none = l.yes = l.no = false;
    if (!value(&l, 0)) break;
    rc = keep(r, dest, &l, place);
    blanks(&l);
    if (at(&l) == ',') l.i++;
  }
  kvc_buf_clear(&l.json);
  return rc;
}

/* "version 0.19.0" in a line that vLLM prints. */
static void find_version(struct reading *r, size_t upto)
{
  static const char *const marks[] = {"API server version ", "LLM engine (v",
                                      "LLM engine (version ", "  version "};
  const char *text = r->source->text;
  for (size_t m = 0; m < sizeof marks / sizeof marks[0]; m++) {
    const size_t n = strlen(marks[m]);
    for (size_t i = 0; i + n < r->source->len; i++) {
      const char *hit = memchr(text + i, marks[m][0], r->source->len - n - i);
      if (hit == NULL) break;
      i = (size_t)(hit - text);
      if (i > upto && r->out->version != NULL) break;
      if (memcmp(hit, marks[m], n) != 0) continue;
      size_t from = i + n, to = from;
      if (text[from] == 'v') from++, to++;
      while (to < r->source->len &&
             (isalnum((unsigned char)text[to]) || text[to] == '.' || text[to] == '+'))
        to++;
      struct kvc_version v;
      const char *found = kvc_arena_strndup(r->arena, text + from, to - from);
      if (found == NULL || kvc_version_parse(found, "log", &v, NULL) != KVC_E_OK)
        continue;
      r->out->version = found;
      r->out->version_from = "the log";
    }
    if (r->out->version != NULL) return;
  }
}

kvc_code log_read(struct reading *r)
{
  static const struct {
    const char *mark;
    bool braces;
  } marks[] = {{"non-default args: {", true}, {"args: Namespace(", false}};
  const struct kvc_launch_source *s = r->source;
  for (size_t i = 0; i < s->len; i++) {
    const char *hit = memchr(s->text + i, 'n', s->len - i);
    const char *other = memchr(s->text + i, 'a', s->len - i);
    if (hit == NULL || (other != NULL && other < hit)) hit = other;
    if (hit == NULL) break;
    i = (size_t)(hit - s->text);
    for (size_t m = 0; m < 2; m++) {
      const size_t n = strlen(marks[m].mark);
      if (s->len - i < n || memcmp(hit, marks[m].mark, n) != 0) continue;
      if (r->seen == KVC_LAUNCH_MAX_COMMANDS) return KVC_E_OK;
      if (!launch_wanted(r, i, "vllm serve")) continue;
      bool whole;
      r->out->all_args = !marks[m].braces;
      KVC_TRY(dump(r, i + n, marks[m].braces, &whole));
      find_version(r, i);
      if (whole) continue;
      r->out->more = true; /* cut off: the rest is not seen */
    }
  }
  return KVC_E_OK;
}
