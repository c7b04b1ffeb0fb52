/* lengths.c - a file of prompt and output lengths.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * "prompt,output" or "prompt,output,count" a line; blanks and tabs separate too.  A first
 * line of words is a heading; where it names the columns of a recorded load, or the file
 * is JSON, it is read as one and its times are left aside.  Percentiles come from a
 * histogram whose bins are 1 % wide, so that memory does not grow with the file.
 */
#include "advise.h"
#include <kvcap/num.h>
#include <kvcap/traffic.h>
#include <math.h>
#include <string.h>

enum { MAX_LINES = 50000000, BINS = 2400, MAX_LINE_BYTES = 512 };

struct series {
  double n, sum, squares, bins[BINS];
};

static void add(struct series *s, double v, double count)
{
  const double at = v > 1 ? log(v) / log(1.01) : 0;
  s->n += count;
  s->sum += v * count;
  s->squares += v * v * count;
  s->bins[at < BINS - 1 ? (size_t)at : BINS - 1] += count;
}

static double quantile(const struct series *s, double p)
{
  double seen = 0;
  for (size_t i = 0; i < BINS; i++) {
    seen += s->bins[i];
    if (seen >= p * s->n) return floor(pow(1.01, (double)i + 1));
  }
  return 0;
}

static void finish(const struct series *s, double *mean, double *cv, double p[3])
{
  *mean = s->sum / s->n;
  const double var = s->squares / s->n - *mean * *mean;
  *cv = *mean > 0 && var > 0 ? sqrt(var) / *mean : 0;
  p[0] = quantile(s, 0.50);
  p[1] = quantile(s, 0.95);
  p[2] = quantile(s, 0.99);
}

/* The numbers of a line; -1 when one is no number. */
static int numbers(char *line, double out[3])
{
  static const char blanks[] = " \t\r\n,;";
  int n = 0;
  for (char *p = line; n < 3;) {
    p += strspn(p, blanks);
    if (*p == '\0') break;
    const size_t len = strcspn(p, blanks);
    const char end = p[len];
    p[len] = '\0';
    if (kvc_num_parse(p, "", &out[n], NULL) != KVC_E_OK) return -1;
    n++;
    if (end == '\0') break;
    p += len + 1;
  }
  return n;
}

static kvc_code take(const char *path, int line_no, char *line, struct series both[2],
                     struct kvc_err *err)
{
  double v[3] = {0, 0, 1};
  const int n = numbers(line, v);
  if (n == 0 || (n < 0 && line_no == 1)) return KVC_E_OK;
  if (n < 2)
    return kvc_fail_at(
        err, KVC_E_PARSE, path, line_no, 1,
        "a line is \"prompt,output\" or \"prompt,output,count\", in tokens");
  for (int i = 0; i < n; i++)
    if (!(v[i] >= 0 && v[i] <= 1e9))
      return kvc_fail_at(err, KVC_E_RANGE, path, line_no, 1,
                         "%g is outside 0 to 1000000000", v[i]);
  add(&both[0], v[0], v[2]);
  add(&both[1], v[1], v[2]);
  return KVC_E_OK;
}

static kvc_code settle(const char *path, const struct series both[2],
                       struct kvc_demand *out, struct kvc_err *err)
{
  double p[3];
  if (!(both[0].n > 0) || !(both[0].sum > 0) || !(both[1].sum > 0))
    return kvc_fail(err, KVC_E_PARSE, path, "holds no pair of lengths above 0");
  finish(&both[0], &out->load.prompt_tok, &out->load.prompt_cv, p);
  out->prompt_p50_tok = p[0];
  out->prompt_p95_tok = p[1];
  out->prompt_p99_tok = p[2];
  finish(&both[1], &out->load.output_tok, &out->load.output_cv, p);
  out->output_p50_tok = p[0];
  out->output_p95_tok = p[1];
  out->output_p99_tok = p[2];
  return KVC_E_OK;
}

kvc_code advise_lengths_read(FILE *f, const char *path, struct kvc_demand *out,
                             struct kvc_err *err)
{
  char line[MAX_LINE_BYTES];
  struct series both[2];
  memset(both, 0, sizeof both);
  for (int n = 1; fgets(line, sizeof line, f) != NULL; n++) {
    if (n > MAX_LINES)
      return kvc_fail(err, KVC_E_LIMIT, path, "has more than %d lines", MAX_LINES);
    /* A NUL ends the text before the line's end. */
    if (strchr(line, '\n') == NULL && feof(f) == 0)
      return kvc_fail_at(err, KVC_E_LIMIT, path, n, 1,
                         "the line is no text, or longer than %d bytes",
                         MAX_LINE_BYTES - 2);
    KVC_TRY(take(path, n, line, both, err));
  }
  if (ferror(f) != 0) return kvc_fail(err, KVC_E_IO, path, "reading failed");
  return settle(path, both, out, err);
}

/* A recorded load; *is_one tells whether the text is one. */
static kvc_code of_load(const char *path, const char *text, size_t len, bool *is_one,
                        struct kvc_demand *out, struct kvc_err *err)
{
  struct kvc_arena arena;
  struct kvc_traffic t;
  struct series both[2];
  const size_t blank = strspn(text, " \t\r\n");
  const bool json = text[blank] == '{' || text[blank] == '[';
  memset(both, 0, sizeof both);
  kvc_arena_init(&arena, (size_t)3 << 30);
  kvc_code rc = kvc_trace_read(&arena, text, len, path, NULL, &t, json ? err : NULL);
  *is_one = rc == KVC_E_OK || json;
  for (size_t i = 0; rc == KVC_E_OK && i < t.n; i++) {
    add(&both[0], t.items[i].prompt_tok, 1);
    add(&both[1], t.items[i].output_tok, 1);
  }
  const bool unsized = rc == KVC_E_OK && t.unsized;
  kvc_arena_clear(&arena);
  if (unsized)
    return kvc_fail(err, KVC_E_PARSE, path,
                    "says when requests come and not how long they are");
  return rc == KVC_E_OK ? settle(path, both, out, err) : rc;
}

/* Numbers come first in lines of lengths. */
static bool begins_with_words(const char *text)
{
  const char c = text[strspn(text, " \t\r\n")];
  const char *end = strchr(text, '\n');
  for (const char *p = text; p != end && *p != '\0'; p++)
    if ((*p | 32) >= 'a' && (*p | 32) <= 'z' && (*p | 32) != 'e') return true;
  return c == '{' || c == '[';
}

kvc_code advise_lengths(const char *path, struct kvc_demand *out, struct kvc_err *err)
{
  enum { MAX_BYTES = 1 << 30 };
  struct kvc_arena file;
  char *text;
  size_t len;
  bool is_one = false;
  if (strcmp(path, "-") == 0) return advise_lengths_read(stdin, path, out, err);
  kvc_arena_init(&file, (size_t)MAX_BYTES + 4096);
  kvc_code rc = kvc_file_read_into(&file, path, MAX_BYTES, &text, &len, NULL);
  if (rc == KVC_E_OK && begins_with_words(text))
    rc = of_load(path, text, len, &is_one, out, err);
  if (!is_one) {
    /* What was read is not asked for again: a pipe gives it once. */
    FILE *f = rc == KVC_E_OK && len > 0 ? fmemopen(text, len, "rb") : fopen(path, "rb");
    rc = f != NULL ? advise_lengths_read(f, path, out, err)
                   : kvc_fail(err, KVC_E_IO, path, "cannot be read");
    if (f != NULL) (void)fclose(f);
  }
  kvc_arena_clear(&file);
  return rc;
}
