/* lengths.c - a file of prompt and output lengths, read line by line.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * "prompt,output" or "prompt,output,count" a line; blanks and tabs separate too.  A first
 * line of words is a heading.  Percentiles come from a histogram whose bins are 1 % wide,
 * so that memory does not grow with the file.
 */
#include "advise.h"
#include <kvcap/num.h>
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

kvc_code advise_lengths_read(FILE *f, const char *path, struct kvc_demand *out,
                             struct kvc_err *err)
{
  char line[MAX_LINE_BYTES];
  struct series both[2];
  double p[3];
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

kvc_code advise_lengths(const char *path, struct kvc_demand *out, struct kvc_err *err)
{
  if (strcmp(path, "-") == 0) return advise_lengths_read(stdin, path, out, err);
  FILE *f = fopen(path, "rb");
  if (f == NULL) return kvc_fail(err, KVC_E_IO, path, "cannot be read");
  const kvc_code rc = advise_lengths_read(f, path, out, err);
  (void)fclose(f);
  return rc;
}
