/* csv.c - loads in columns, known by their header.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Azure (dates, CRLF, 2024 with a zone), BurstGPT, Vidur and our own differ in the names
 * of their columns only.
 */
#include "trace_room.h"
#include <kvcap/num.h>
#include <math.h>
#include <string.h>

struct csv {
  struct trace *trace;
  enum trace_column columns[TRACE_MAX_COLUMNS];
  size_t n_columns;
  int line;
  char comma; /* between fields: a tab or ';' where the header has no comma */
};

static bool digits(const char *p, size_t n, int *out)
{
  *out = 0;
  for (size_t i = 0; i < n; i++) {
    if (p[i] < '0' || p[i] > '9') return false;
    *out = *out * 10 + (p[i] - '0');
  }
  return true;
}

/* Days since 1970-01-01 in the Gregorian calendar. */
static double days_of(int y, int m, int d)
{
  y -= m <= 2;
  const int era = y / 400, yoe = y % 400;
  const int doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
  const int days = era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
  return days;
}

/* "+00:00" or "-08:00" or "Z" or nothing. */
static bool zone(const char *p, size_t len, double *shift_s)
{
  int h, m;
  *shift_s = 0;
  if (len == 0 || (len == 1 && *p == 'Z')) return true;
  if (len != 6 || (p[0] != '+' && p[0] != '-') || p[3] != ':' || !digits(p + 1, 2, &h) ||
      !digits(p + 4, 2, &m))
    return false;
  *shift_s = (h * 3600.0 + m * 60.0) * (p[0] == '+' ? -1 : 1);
  return true;
}

bool trace_date(const char *p, size_t len, int64_t *out)
{
  int y, mo, d, h, mi, s;
  if (len < 19 || p[4] != '-' || p[7] != '-' || (p[10] != ' ' && p[10] != 'T') ||
      p[13] != ':' || p[16] != ':' || !digits(p, 4, &y) || !digits(p + 5, 2, &mo) ||
      !digits(p + 8, 2, &d) || !digits(p + 11, 2, &h) || !digits(p + 14, 2, &mi) ||
      !digits(p + 17, 2, &s) || mo < 1 || mo > 12 || d < 1 || d > 31)
    return false;
  int64_t frac = 0, unit = 100000000;
  double shift;
  size_t i = 19;
  if (i < len && p[i] == '.')
    for (i++; i < len && p[i] >= '0' && p[i] <= '9'; i++, unit /= 10)
      frac += unit * (p[i] - '0');
  if (!zone(p + i, len - i, &shift)) return false;
  const double seconds = days_of(y, mo, d) * 86400 + h * 3600.0 + mi * 60.0 + s + shift;
  if (!trace_time(seconds, 1e9, out)) return false;
  *out += frac;
  return true;
}

static bool number(const char *p, size_t len, double *out)
{
  size_t used;
  return kvc_num_scan(p, len, out, &used) && used == len && isfinite(*out);
}

/* Without blanks around it and quotes. */
static void trim(const char **p, size_t *len)
{
  while (*len > 0 && (**p == ' ' || **p == '\t')) ++*p, --*len;
  while (*len > 0 && ((*p)[*len - 1] == ' ' || (*p)[*len - 1] == '\t')) --*len;
  if (*len >= 2 && **p == '"' && (*p)[*len - 1] == '"') ++*p, *len -= 2;
}

static bool put_time(enum trace_column is, const char *p, size_t len, int64_t *out)
{
  const double unit_ns = is == TRACE_ARRIVAL ? 1e9 : is == TRACE_ARRIVAL_MS ? 1e6 : 1;
  double value;
  if (number(p, len, &value))
    return is == TRACE_ARRIVAL ? trace_stamp(value, out)
                               : trace_time(value, unit_ns, out);
  return is == TRACE_ARRIVAL && trace_date(p, len, out);
}

static kvc_code put(const struct csv *c, size_t column, const char *p, size_t len,
                    struct trace_row *row, struct kvc_err *err)
{
  double *to = NULL;
  bool ok = true;
  if (len == 0) return KVC_E_OK;
  switch (c->columns[column]) {
  case TRACE_IGNORED:
  case TRACE_HASH_IDS:
  case TRACE_PROMPT_TEXT:
  case TRACE_OUTPUT_TEXT:
  case TRACE_TALK: break;
  case TRACE_SESSION: row->session = trace_session_id(p, len); break;
  case TRACE_ARRIVAL:
  case TRACE_ARRIVAL_MS:
  case TRACE_ARRIVAL_NS:
    ok = put_time(c->columns[column], p, len, &row->arrival_ns);
    break;
  case TRACE_PROMPT: to = &row->prompt_tok; break;
  case TRACE_OUTPUT: to = &row->output_tok; break;
  case TRACE_PREFIX: to = &row->prefix_tok; break;
  case TRACE_PRIORITY: to = &row->priority; break;
  }
  if (to != NULL) ok = number(p, len, to);
  if (ok) return KVC_E_OK;
  return kvc_fail_at(err, KVC_E_PARSE, c->trace->path, c->line, 0,
                     "\"%.*s\" in column %zu is not a %s.", (int)(len < 40 ? len : 40), p,
                     column + 1, to != NULL ? "number" : "time");
}

/* The next field of a line; *p moves behind its comma, to NULL at the end. */
static size_t field(const char **p, const char *end, char comma, const char **text)
{
  const char *q = *p;
  bool quoted = false;
  while (q < end && (quoted || *q != comma)) quoted ^= *q++ == '"';
  *text = *p;
  size_t len = (size_t)(q - *p);
  *p = q < end ? q + 1 : NULL;
  trim(text, &len);
  return len;
}

static kvc_code header(struct csv *c, const char *p, const char *end, struct kvc_err *err)
{
  bool prompt = false, output = false;
  const size_t all = (size_t)(end - p);
  c->comma = memchr(p, ',', all) != NULL    ? ','
             : memchr(p, '\t', all) != NULL ? '\t'
                                            : ';';
  while (p != NULL) {
    const char *text;
    const size_t len = field(&p, end, c->comma, &text);
    if (c->n_columns == TRACE_MAX_COLUMNS)
      return kvc_fail_at(err, KVC_E_LIMIT, c->trace->path, c->line, 0,
                         "There are more than %d columns.", TRACE_MAX_COLUMNS);
    const enum trace_column is = trace_column_of(text, len);
    c->columns[c->n_columns++] = is;
    prompt = prompt || is == TRACE_PROMPT;
    output = output || is == TRACE_OUTPUT;
  }
  if (prompt && output) return KVC_E_OK;
  return kvc_fail_at(
      err, KVC_E_PARSE, c->trace->path, c->line, 0,
      "The first line must name columns of prompt and output tokens, as in "
      "\"arrival_s,prompt_tok,output_tok\".");
}

static kvc_code data(struct csv *c, const char *p, const char *end, struct kvc_err *err)
{
  struct trace_row row;
  trace_row_init(&row);
  for (size_t i = 0; p != NULL; i++) {
    const char *text;
    const size_t len = field(&p, end, c->comma, &text);
    if (i >= c->n_columns)
      return kvc_fail_at(err, KVC_E_PARSE, c->trace->path, c->line, 0,
                         "The line has more fields than the first one has names (%zu).",
                         c->n_columns);
    KVC_TRY(put(c, i, text, len, &row, err));
  }
  return trace_add(c->trace, &row, c->line, err);
}

kvc_code trace_read_csv(struct trace *t, const char *text, size_t len,
                        struct kvc_err *err)
{
  struct csv c = {.trace = t};
  const char *end = text + len;
  for (const char *p = text; p < end && !t->full;) {
    const char *stop = memchr(p, '\n', (size_t)(end - p));
    const char *next = stop != NULL ? stop + 1 : end;
    if (stop == NULL) stop = end;
    if (stop > p && stop[-1] == '\r') stop--;
    c.line++;
    if (stop > p && c.n_columns == 0)
      KVC_TRY(header(&c, p, stop, err));
    else if (stop > p)
      KVC_TRY(data(&c, p, stop, err));
    p = next;
  }
  return KVC_E_OK;
}
