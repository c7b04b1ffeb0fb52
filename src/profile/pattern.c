/* pattern.c - compact lists of layer kinds: "10(5s f) 2s".
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A pattern is a list of items separated by blanks; an item is an optional count
 * followed by a kind or by a pattern in parentheses, nested at most four deep.
 */
#include "model_rows.h"
#include <string.h>

enum { MAX_NEST = 4 };

struct scan {
  const struct reader *r;
  const struct node *at;
  const char *p;
  const char *const *names;
  size_t n_names;
  unsigned char *out;
  size_t room, n;
};

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

static bool is_name(char c)
{
  return (c >= 'a' && c <= 'z') || is_digit(c);
}

static kvc_code repeat(struct scan *s, size_t from, size_t times)
{
  const size_t len = s->n - from;
  if (times == 0)
    return reader_fail(s->r, s->at, KVC_E_RANGE, "a count in the layer pattern is 0");
  if (len * times > s->room - from)
    return reader_fail(s->r, s->at, KVC_E_LIMIT,
                       "the layer pattern has more than %zu layers", s->room);
  for (size_t k = 1; k < times; k++) memcpy(s->out + from + k * len, s->out + from, len);
  s->n = from + len * times;
  return KVC_E_OK;
}

static kvc_code kind(struct scan *s)
{
  const char *start = s->p;
  while (is_name(*s->p)) s->p++;
  const size_t len = (size_t)(s->p - start);
  for (size_t i = 0; i < s->n_names; i++) {
    if (strlen(s->names[i]) != len || strncmp(s->names[i], start, len) != 0) continue;
    if (s->n == s->room)
      return reader_fail(s->r, s->at, KVC_E_LIMIT,
                         "the layer pattern has more than %zu layers", s->room);
    s->out[s->n++] = (unsigned char)i;
    return KVC_E_OK;
  }
  return reader_fail(s->r, s->at, KVC_E_UNKNOWN,
                     "\"%.*s\" in the layer pattern is not one of layer_kinds", (int)len,
                     start);
}

static kvc_code items(struct scan *s, int depth)
{
  for (;;) {
    while (*s->p == ' ') s->p++;
    if (*s->p == '\0' || *s->p == ')') return KVC_E_OK;
    size_t times = 1;
    if (is_digit(*s->p)) {
      times = 0;
      while (is_digit(*s->p) && times < 100000)
        times = times * 10 + (size_t)(*s->p++ - '0');
    }
    const size_t from = s->n;
    if (*s->p == '(') {
      if (depth == MAX_NEST)
        return reader_fail(s->r, s->at, KVC_E_LIMIT,
                           "the layer pattern nests deeper than %d", MAX_NEST);
      s->p++;
      KVC_TRY(items(s, depth + 1));
      if (*s->p != ')')
        return reader_fail(s->r, s->at, KVC_E_PARSE, "the layer pattern lacks a )");
      s->p++;
    } else if (*s->p >= 'a' && *s->p <= 'z') {
      KVC_TRY(kind(s));
    } else {
      return reader_fail(s->r, s->at, KVC_E_PARSE,
                         "the layer pattern cannot contain \"%.1s\" here", s->p);
    }
    KVC_TRY(repeat(s, from, times));
  }
}

kvc_code pattern_read(const struct reader *r, const struct node *at,
                      const char *const *names, size_t n_names, unsigned char *out,
                      size_t room, size_t *count)
{
  const char *text;
  KVC_TRY(node_text(r, at, &text));
  struct scan s = {.r = r,
                   .at = at,
                   .p = text,
                   .names = names,
                   .n_names = n_names,
                   .out = out,
                   .room = room};
  KVC_TRY(items(&s, 0));
  if (*s.p != '\0')
    return reader_fail(r, at, KVC_E_PARSE, "the layer pattern has a stray )");
  *count = s.n;
  return KVC_E_OK;
}

/* Runs of one kind. */
static void runs_write(struct kvc_buf *out, const unsigned char *k, size_t n,
                       const char *const *names)
{
  for (size_t i = 0; i < n;) {
    size_t run = 1;
    while (i + run < n && k[i + run] == k[i]) run++;
    if (i > 0) kvc_buf_puts(out, " ");
    if (run > 1) kvc_buf_printf(out, "%zu", run);
    kvc_buf_puts(out, names[k[i]]);
    i += run;
  }
}

/* How often k[0..period) repeats from the start. */
static size_t repeats(const unsigned char *k, size_t n, size_t period)
{
  size_t times = 1;
  while ((times + 1) * period <= n && memcmp(k, k + times * period, period) == 0) times++;
  return times;
}

void pattern_write(struct kvc_buf *out, const unsigned char *kinds, size_t count,
                   const char *const *names)
{
  enum { MAX_PERIOD = 16 };
  for (size_t i = 0; i < count;) {
    size_t best = 1, covered = repeats(kinds + i, count - i, 1);
    for (size_t period = 2; period <= MAX_PERIOD && i + 2 * period <= count; period++) {
      const size_t times = repeats(kinds + i, count - i, period);
      if (times > 1 && times * period > covered) {
        best = period;
        covered = times * period;
      }
    }
    if (i > 0) kvc_buf_puts(out, " ");
    if (best == 1) {
      runs_write(out, kinds + i, covered, names);
    } else {
      kvc_buf_printf(out, "%zu(", covered / best);
      runs_write(out, kinds + i, best, names);
      kvc_buf_puts(out, ")");
    }
    i += covered;
  }
}
