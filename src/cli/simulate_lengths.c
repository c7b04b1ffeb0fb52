/* simulate_lengths.c - pairs of prompt and output lengths to draw from.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Lines of "prompt,output" or "prompt,output,count" as advise reads them, or any file
 * that is a trace: then its times are left aside.
 */
#include "simulate.h"
#include <kvcap/num.h>
#include <math.h>
#include <string.h>

enum { MAX_BYTES = 512 << 20, MAX_PAIRS = 20000000 };

/* The numbers of a line, at most three; -1 when something is none. */
static int numbers(const char *p, size_t len, double out[3])
{
  int n = 0;
  for (;;) {
    size_t used = 0;
    while (len > 0 && strchr(" \t\r,;", *p) != NULL && *p != '\0') p++, len--;
    if (len == 0 || n == 3) return len == 0 ? n : -1;
    if (!kvc_num_scan(p, len, &out[n], &used)) return -1;
    n++;
    p += used;
    len -= used;
    if (len > 0 && (strchr(" \t\r,;", *p) == NULL || *p == '\0')) return -1;
  }
}

/* A heading that is ours says nothing of time: prompt and output come first. */
static bool is_pairs(const char *text, size_t len)
{
  double v[3];
  const char *end = memchr(text, '\n', len);
  return numbers(text, end != NULL ? (size_t)(end - text) : len, v) >= 2;
}

static kvc_code line_pairs(const char *path, int no, const char *p, size_t len,
                           double v[3], bool *any, struct kvc_err *err)
{
  v[2] = 1;
  const int n = numbers(p, len, v);
  *any = n >= 2;
  if (n == 0) return KVC_E_OK;
  if (n < 2)
    return kvc_fail_at(
        err, KVC_E_PARSE, path, no, 1,
        "a line is \"prompt,output\" or \"prompt,output,count\", in tokens");
  if (!(v[0] >= 0 && v[0] <= KVC_TRAFFIC_MAX_TOK && v[1] >= 0 &&
        v[1] <= KVC_TRAFFIC_MAX_TOK && v[2] >= 1 && v[2] <= MAX_PAIRS))
    return kvc_fail_at(err, KVC_E_RANGE, path, no, 1,
                       "lengths lie within 0 to %d and counts within 1 to %d",
                       KVC_TRAFFIC_MAX_TOK, MAX_PAIRS);
  *any = v[0] >= 0.5 && v[1] >= 0.5;
  return KVC_E_OK;
}

/* Counts the pairs, and keeps them when 'out' is there. */
static kvc_code walk(const char *path, const char *text, size_t len, int32_t (*out)[2],
                     size_t *n, struct kvc_err *err)
{
  const char *end = text + len;
  int no = 1;
  *n = 0;
  for (const char *p = text; p < end; no++) {
    double v[3];
    bool any;
    const char *stop = memchr(p, '\n', (size_t)(end - p));
    if (stop == NULL) stop = end;
    KVC_TRY(line_pairs(path, no, p, (size_t)(stop - p), v, &any, err));
    const size_t count = any ? (size_t)v[2] : 0;
    if (count > MAX_PAIRS - *n)
      return kvc_fail_at(err, KVC_E_LIMIT, path, no, 1, "there are more than %d pairs",
                         MAX_PAIRS);
    for (size_t i = 0; out != NULL && i < count; i++) {
      out[*n + i][0] = (int32_t)floor(v[0] + 0.5);
      out[*n + i][1] = (int32_t)floor(v[1] + 0.5);
    }
    *n += count;
    p = stop < end ? stop + 1 : end;
  }
  if (*n == 0)
    return kvc_fail(err, KVC_E_PARSE, path, "holds no pair of lengths above 0");
  return KVC_E_OK;
}

static kvc_code of_trace(struct simulate *s, const struct kvc_traffic *t,
                         struct kvc_err *err)
{
  int32_t(*pairs)[2] = kvc_arena_alloc(&s->room, t->n, sizeof *pairs);
  if (pairs == NULL) return kvc_arena_full(&s->room, "the lengths", err);
  for (size_t i = 0; i < t->n; i++) {
    pairs[i][0] = t->items[i].prompt_tok;
    pairs[i][1] = t->items[i].output_tok;
  }
  s->pairs = (const int32_t(*)[2])pairs;
  s->n_pairs = t->n;
  return KVC_E_OK;
}

kvc_code simulate_lengths(struct simulate *s, struct kvc_err *err)
{
  struct kvc_arena *arena = &s->room;
  const char *path = s->args->lengths;
  char *text;
  size_t len;
  /* A trace without times gives its lengths. */
  if (path == NULL) return of_trace(s, &s->trace, err);
  KVC_TRY(kvc_file_read_into(arena, path, MAX_BYTES, &text, &len, err));
  if (!is_pairs(text, len)) {
    const struct kvc_trace_options how = {.output_frac = s->args->output_share};
    struct kvc_traffic t;
    const kvc_code rc = kvc_trace_read(arena, text, len, path, &how, &t, err);
    if (rc == KVC_E_OK && t.unsized)
      return kvc_fail(err, KVC_E_PARSE, path,
                      "says when requests come and not how long they are: it is a "
                      "--trace, with the lengths of another file");
    if (rc == KVC_E_OK) simulate_trace_notes(s, path, &t);
    if (rc == KVC_E_OK) return of_trace(s, &t, err);
    /* Words of our own over lines of lengths. */
    const char *below = memchr(text, '\n', len);
    if (below == NULL || !is_pairs(below + 1, len - (size_t)(below + 1 - text)))
      return rc;
    memset(text, ' ', (size_t)(below - text));
  }
  KVC_TRY(walk(path, text, len, NULL, &s->n_pairs, err));
  int32_t(*pairs)[2] = kvc_arena_alloc(arena, s->n_pairs, sizeof *pairs);
  if (pairs == NULL) return kvc_arena_full(arena, path, err);
  s->pairs = (const int32_t(*)[2])pairs;
  return walk(path, text, len, pairs, &s->n_pairs, err);
}
