/* field.c - reading and writing by rows.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "field.h"
#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

kvc_code reader_fail(const struct reader *r, const struct node *at, kvc_code code,
                     const char *fmt, ...)
{
  char text[400];
  va_list args;
  va_start(args, fmt);
  (void)vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  return kvc_fail_at(r->err, code, r->file, at != NULL ? at->line : 0,
                     at != NULL ? at->col : 0, "%s", text);
}

static const char *key_of(const struct node *n)
{
  return n->key != NULL ? n->key : "an entry";
}

kvc_code node_text(const struct reader *r, const struct node *n, const char **out)
{
  if (n->type != NODE_SCALAR || n->text[0] == '\0')
    return reader_fail(r, n, KVC_E_PARSE, "\"%s\" must be a text", key_of(n));
  *out = n->text;
  return KVC_E_OK;
}

kvc_code node_number(const struct reader *r, const struct node *n, double min, double max,
                     bool whole, double *out)
{
  double v = 0;
  struct kvc_err why;
  if (n->type != NODE_SCALAR || kvc_num_parse(n->text, "", &v, &why) != KVC_E_OK)
    return reader_fail(r, n, KVC_E_PARSE, "\"%s\" must be a number", key_of(n));
  if (whole && v != floor(v))
    return reader_fail(r, n, KVC_E_PARSE, "\"%s\" must be a whole number", key_of(n));
  if (!(v >= min && v <= max))
    return reader_fail(r, n, KVC_E_RANGE, "\"%s\" is %.40s, outside %g to %g", key_of(n),
                       n->text, min, max);
  *out = v;
  return KVC_E_OK;
}

kvc_code node_bool(const struct reader *r, const struct node *n, bool *out)
{
  const bool scalar = n->type == NODE_SCALAR;
  if (scalar && strcmp(n->text, "true") == 0) {
    *out = true;
    return KVC_E_OK;
  }
  if (scalar && strcmp(n->text, "false") == 0) {
    *out = false;
    return KVC_E_OK;
  }
  return reader_fail(r, n, KVC_E_PARSE, "\"%s\" must be true or false", key_of(n));
}

/* ---- figures ---- */

struct figure_text {
  const char *value, *cite, *kind, *note;
};

static const struct field figure_rows[] = {
    {.key = "value",
     .type = FIELD_TEXT,
     .offset = offsetof(struct figure_text, value),
     .required = true,
     .help = "number and unit, as the source prints it"},
    {.key = "cite",
     .type = FIELD_TEXT,
     .offset = offsetof(struct figure_text, cite),
     .required = true,
     .help = "key in citations/"},
    {.key = "kind",
     .type = FIELD_TEXT,
     .offset = offsetof(struct figure_text, kind),
     .help = "measured or derived; otherwise a data sheet's"},
    {.key = "note",
     .type = FIELD_TEXT,
     .offset = offsetof(struct figure_text, note),
     .help = "what it includes, or how it was derived"},
    {.key = NULL},
};

static kvc_code figure_read(const struct reader *r, const struct node *n,
                            enum kvc_quantity quantity, struct kvc_figure *out)
{
  struct figure_text t = {0};
  struct kvc_figure f = {.source = KVC_SRC_SPEC};
  struct kvc_err why;
  if (n->type != NODE_MAP)
    return reader_fail(r, n, KVC_E_PARSE, "\"%s\" must be {value: ..., cite: ...}",
                       key_of(n));
  KVC_TRY(fields_read(r, n, figure_rows, &t));
  if (kvc_num_parse_quantity(t.value, key_of(n), quantity, &f.value, &why) != KVC_E_OK)
    return reader_fail(r, n, why.code, "\"%s\": %s", key_of(n), why.msg);
  if (t.kind != NULL && strcmp(t.kind, "measured") == 0)
    f.source = KVC_SRC_MEASURED;
  else if (t.kind != NULL && strcmp(t.kind, "derived") == 0)
    f.source = KVC_SRC_DERIVED;
  else if (t.kind != NULL)
    return reader_fail(r, n, KVC_E_PARSE,
                       "\"kind\" must be measured or derived, not \"%s\"", t.kind);
  assert(t.cite != NULL); /* a required row */
  if (strcmp(t.cite, "user") == 0) f.source = KVC_SRC_USER;
  f.cite = t.cite;
  f.note = t.note;
  *out = f;
  return KVC_E_OK;
}

/* ---- one row ---- */

static kvc_code enum_read(const struct reader *r, const struct node *n,
                          const char *const *words, void *at)
{
  const char *text = NULL;
  KVC_TRY(node_text(r, n, &text));
  assert(text != NULL);
  size_t count = 0;
  while (words[count] != NULL) {
    if (strcmp(words[count], text) == 0) {
      const int v = (int)count;
      memcpy(at, &v, sizeof v);
      return KVC_E_OK;
    }
    count++;
  }
  size_t best;
  if (kvc_did_you_mean(text, words, count, &best, 1) > 0)
    return reader_fail(r, n, KVC_E_UNKNOWN,
                       "\"%s\" cannot be \"%.60s\"; did you mean %s?", key_of(n), text,
                       words[best]);
  return reader_fail(r, n, KVC_E_UNKNOWN,
                     "\"%s\" cannot be \"%.60s\"; it is one of %s, %s, ...", key_of(n),
                     text, words[0], words[1]);
}

static kvc_code texts_read(const struct reader *r, const struct node *n, const char **at,
                           size_t *count)
{
  size_t i = 0;
  if (n->type != NODE_SEQ)
    return reader_fail(r, n, KVC_E_PARSE, "\"%s\" must be a list", key_of(n));
  for (const struct node *c = n->first; c != NULL; c = c->next) {
    if (i == KVC_MAX_NAMES)
      return reader_fail(r, n, KVC_E_LIMIT, "\"%s\" has more than %d entries", key_of(n),
                         KVC_MAX_NAMES);
    KVC_TRY(node_text(r, c, &at[i]));
    i++;
  }
  *count = i;
  return KVC_E_OK;
}

static kvc_code row_read(const struct reader *r, const struct node *n,
                         const struct field *f, void *object)
{
  if (f->type == FIELD_CUSTOM) return KVC_E_OK; /* 'object' may be NULL then */
  void *at = (char *)object + f->offset;
  const double min = f->min, max = f->min == 0 && f->max == 0 ? 1e18 : f->max;
  double v = 0;
  switch (f->type) {
  case FIELD_TEXT: return node_text(r, n, at);
  case FIELD_INT: {
    KVC_TRY(node_number(r, n, min, max > 2147483647.0 ? 2147483647.0 : max, true, &v));
    const int i = (int)v;
    memcpy(at, &i, sizeof i);
    return KVC_E_OK;
  }
  case FIELD_INT64: {
    KVC_TRY(node_number(r, n, min, max, true, &v));
    const int64_t i = (int64_t)v;
    memcpy(at, &i, sizeof i);
    return KVC_E_OK;
  }
  case FIELD_DOUBLE:
    KVC_TRY(node_number(r, n, min, max, false, &v));
    memcpy(at, &v, sizeof v);
    return KVC_E_OK;
  case FIELD_BOOL: return node_bool(r, n, at);
  case FIELD_ENUM: return enum_read(r, n, f->words, at);
  case FIELD_FIGURE: return figure_read(r, n, f->quantity, at);
  case FIELD_TEXTS:
    return texts_read(r, n, at, (size_t *)(void *)((char *)object + f->count));
  case FIELD_CUSTOM: break;
  }
  return KVC_E_OK;
}

static kvc_code unknown_key(const struct reader *r, const struct node *n,
                            const struct field *rows)
{
  enum { MOST = 96 };
  const char *keys[MOST];
  size_t count = 0, best;
  for (; count < MOST && rows[count].key != NULL; count++) keys[count] = rows[count].key;
  if (kvc_did_you_mean(n->key, keys, count, &best, 1) > 0)
    return reader_fail(r, n, KVC_E_UNKNOWN,
                       "\"%.60s\" is not a key here; did you mean \"%s\"?", n->key,
                       keys[best]);
  return reader_fail(r, n, KVC_E_UNKNOWN, "\"%.60s\" is not a key here", n->key);
}

kvc_code fields_read(const struct reader *r, const struct node *map,
                     const struct field *rows, void *object)
{
  if (map->type != NODE_MAP)
    return reader_fail(r, map, KVC_E_PARSE, "%s must be a mapping of keys",
                       map->key != NULL ? map->key : "the file");
  for (const struct node *n = map->first; n != NULL; n = n->next) {
    const struct field *f = rows;
    while (f->key != NULL && strcmp(f->key, n->key) != 0) f++;
    if (f->key == NULL) return unknown_key(r, n, rows);
    KVC_TRY(row_read(r, n, f, object));
  }
  for (const struct field *f = rows; f->key != NULL; f++)
    if (f->required && profile_node_get(map, f->key) == NULL)
      return reader_fail(r, map, KVC_E_PARSE, "the key \"%s\" is missing", f->key);
  return KVC_E_OK;
}

/* ---- writing ---- */

/* Plain only where nothing could be misread: letters, digits and a few marks, not
 * looking like a number or a word of YAML. */
static bool plain_ok(const char *text)
{
  static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "0123456789_-./+ ()";
  static const char *const words[] = {"true", "false", "null", "yes",
                                      "no",   "on",    "off",  "~"};
  const size_t len = strlen(text);
  if (len == 0 || strspn(text, safe) != len) return false;
  if (strchr(" -.()+/", text[0]) != NULL || text[len - 1] == ' ') return false;
  if (text[0] >= '0' && text[0] <= '9') return false;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (kvc_str_ieq(text, words[i])) return false;
  return true;
}

/* Characters that YAML folds or forbids as they are. */
static const char *wide_escape(const char *p)
{
  static const char *const rows[][2] = {{"\xE2\x80\xA8", "\\u2028"},
                                        {"\xE2\x80\xA9", "\\u2029"},
                                        {"\xEF\xBB\xBF", "\\uFEFF"},
                                        {"\xEF\xBF\xBE", "\\uFFFE"},
                                        {"\xEF\xBF\xBF", "\\uFFFF"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (strncmp(p, rows[i][0], 3) == 0) return rows[i][1];
  return NULL;
}

void yaml_scalar(struct kvc_buf *out, const char *text)
{
  if (plain_ok(text)) {
    kvc_buf_puts(out, text);
    return;
  }
  kvc_buf_puts(out, "\"");
  for (const char *p = text; *p != '\0'; p++) {
    const unsigned char c = (unsigned char)*p;
    const char *wide = wide_escape(p);
    if (wide != NULL) {
      kvc_buf_puts(out, wide);
      p += 2;
    } else if (c == '"' || c == '\\')
      kvc_buf_printf(out, "\\%c", c);
    else if (c == '\n')
      kvc_buf_puts(out, "\\n");
    else if (c == '\t')
      kvc_buf_puts(out, "\\t");
    else if (c < 0x20 || c == 0x7F)
      kvc_buf_printf(out, "\\x%02x", c);
    else
      kvc_buf_add(out, p, 1);
  }
  kvc_buf_puts(out, "\"");
}

/* Appends a value; false when it is at zero and nothing was written. */
static bool value_write(struct kvc_buf *out, const struct field *f, const void *object)
{
  const void *at = (const char *)object + f->offset;
  char text[KVC_NUM_TEXT];
  double v = 0;
  int i = 0;
  int64_t l = 0;
  switch (f->type) {
  case FIELD_TEXT: {
    const char *s;
    memcpy(&s, at, sizeof s);
    if (s == NULL) return false;
    yaml_scalar(out, s);
    return true;
  }
  case FIELD_BOOL: {
    bool b;
    memcpy(&b, at, sizeof b);
    if (b) kvc_buf_puts(out, "true");
    return b;
  }
  case FIELD_ENUM:
    memcpy(&i, at, sizeof i);
    if (i == 0 && !f->required) return false;
    kvc_buf_puts(out, f->words[i]);
    return true;
  case FIELD_INT:
    memcpy(&i, at, sizeof i);
    v = i;
    break;
  case FIELD_INT64:
    memcpy(&l, at, sizeof l);
    v = (double)l;
    break;
  case FIELD_DOUBLE: memcpy(&v, at, sizeof v); break;
  default: return false;
  }
  if (v == 0 && !f->required) return false;
  kvc_num_format(v, text);
  kvc_buf_puts(out, text);
  return true;
}

static void texts_write(struct kvc_buf *out, const struct field *f, const void *object,
                        int indent)
{
  const char *const *at =
      (const char *const *)(const void *)((const char *)object + f->offset);
  size_t n;
  memcpy(&n, (const char *)object + f->count, sizeof n);
  if (n == 0) return;
  kvc_buf_printf(out, "%*s%s:\n", indent, "", f->key);
  for (size_t i = 0; i < n; i++) {
    kvc_buf_printf(out, "%*s  - ", indent, "");
    yaml_scalar(out, at[i]);
    kvc_buf_puts(out, "\n");
  }
}

void fields_write(struct kvc_buf *out, const struct field *rows, const void *object,
                  int indent, bool flow)
{
  bool first = true;
  for (const struct field *f = rows; f->key != NULL; f++) {
    if (f->type == FIELD_TEXTS) {
      texts_write(out, f, object, indent);
      continue;
    }
    const size_t before = out->len;
    if (flow)
      kvc_buf_printf(out, "%s%s: ", first ? "" : ", ", f->key);
    else
      kvc_buf_printf(out, "%*s%s: ", indent, "", f->key);
    if (!value_write(out, f, object)) {
      out->len = before; /* nothing to say: take the key back */
      if (out->text != NULL) out->text[before] = '\0';
      continue;
    }
    if (!flow) kvc_buf_puts(out, "\n");
    first = false;
  }
}
