/* json.c - a JSON text, value by value, without building a tree.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "trace_room.h"
#include <kvcap/num.h>

char trace_json_peek(struct trace_json *j)
{
  for (; j->p < j->end; j->p++) {
    if (*j->p == '\n')
      j->line++;
    else if (*j->p != ' ' && *j->p != '\t' && *j->p != '\r')
      return *j->p;
  }
  return '\0';
}

kvc_code trace_json_expect(struct trace_json *j, char c, struct kvc_err *err)
{
  if (trace_json_peek(j) != c || j->p == j->end)
    return kvc_fail_at(err, KVC_E_PARSE, j->path, j->line, 0,
                       "A '%c' is missing here in the JSON.", c);
  j->p++;
  return KVC_E_OK;
}

kvc_code trace_json_string(struct trace_json *j, struct trace_span *out,
                           struct kvc_err *err)
{
  KVC_TRY(trace_json_expect(j, '"', err));
  const char *start = j->p;
  for (; j->p < j->end && *j->p != '"'; j->p++) {
    if (*j->p == '\n') j->line++;
    if (*j->p == '\\' && j->p + 1 < j->end) j->p++;
  }
  if (j->p >= j->end)
    return kvc_fail_at(err, KVC_E_PARSE, j->path, j->line, 0,
                       "The text ends inside a JSON string.");
  *out = (struct trace_span){start, (size_t)(j->p - start)};
  j->p++;
  return KVC_E_OK;
}

kvc_code trace_json_number(struct trace_json *j, double *out, struct kvc_err *err)
{
  size_t used;
  (void)trace_json_peek(j);
  if (!kvc_num_scan(j->p, (size_t)(j->end - j->p), out, &used))
    return kvc_fail_at(err, KVC_E_PARSE, j->path, j->line, 0,
                       "A number is missing here in the JSON.");
  j->p += used;
  return KVC_E_OK;
}

kvc_code trace_json_open(struct trace_json *j, char open, bool *more, struct kvc_err *err)
{
  KVC_TRY(trace_json_expect(j, open, err));
  *more = trace_json_peek(j) != (open == '{' ? '}' : ']');
  if (!*more) j->p++;
  return KVC_E_OK;
}

kvc_code trace_json_more(struct trace_json *j, char close, bool *more,
                         struct kvc_err *err)
{
  const char c = trace_json_peek(j);
  if (j->p == j->end || (c != ',' && c != close))
    return kvc_fail_at(err, KVC_E_PARSE, j->path, j->line, 0,
                       "A ',' or '%c' is missing here in the JSON.", close);
  j->p++;
  *more = c == ',';
  return KVC_E_OK;
}

static bool is_word(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         c == '+' || c == '-' || c == '.';
}

/* Brackets are counted, not matched by kind: what is skipped need only end. */
kvc_code trace_json_skip(struct trace_json *j, struct kvc_err *err)
{
  int depth = 0;
  do {
    const char c = trace_json_peek(j);
    if (j->p == j->end)
      return kvc_fail_at(err, KVC_E_PARSE, j->path, j->line, 0,
                         "The text ends inside a JSON value.");
    if (c == '"') {
      struct trace_span span;
      KVC_TRY(trace_json_string(j, &span, err));
    } else if (c == '[' || c == '{') {
      if (++depth > TRACE_MAX_DEPTH)
        return kvc_fail_at(err, KVC_E_LIMIT, j->path, j->line, 0,
                           "The JSON is nested deeper than %d.", TRACE_MAX_DEPTH);
      j->p++;
    } else if (c == ']' || c == '}') {
      if (--depth < 0) break;
      j->p++;
    } else if (is_word(c)) {
      while (j->p < j->end && is_word(*j->p)) j->p++;
    } else if (depth > 0 && (c == ',' || c == ':')) {
      j->p++;
    } else {
      depth = -1;
    }
  } while (depth > 0);
  if (depth < 0)
    return kvc_fail_at(err, KVC_E_PARSE, j->path, j->line, 0,
                       "A value is missing here in the JSON.");
  return KVC_E_OK;
}
