/* jsonl.c - loads with one JSON object a line: Mooncake, LLMServingSim, our own.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * "timestamp" is in milliseconds (Mooncake); arrival_s, arrival_time and
 * arrival_time_ns say their unit.
 */
#include "trace_room.h"
#include <math.h>

static kvc_code hash_ids(struct trace *t, struct trace_json *j, struct trace_row *row,
                         struct kvc_err *err)
{
  KVC_TRY(trace_json_expect(j, '[', err));
  row->first_hash = t->n_hashes;
  bool more = trace_json_peek(j) != ']';
  if (!more) j->p++;
  while (more) {
    double id;
    KVC_TRY(trace_json_number(j, &id, err));
    if (!(id >= 0 && id <= 4294967295.0))
      return kvc_fail_at(err, KVC_E_RANGE, j->path, j->line, 0,
                         "%g is not a hash id of at most 32 bits.", id);
    if (!trace_room((void **)&t->hashes, t->n_hashes, &t->room_hashes, sizeof *t->hashes))
      return kvc_fail(err, KVC_E_LIMIT, j->path, "The machine gave no more memory.");
    t->hashes[t->n_hashes++] = (uint32_t)id;
    KVC_TRY(trace_json_more(j, ']', &more, err));
  }
  row->n_hashes = t->n_hashes - row->first_hash;
  return KVC_E_OK;
}

static kvc_code session(struct trace_json *j, struct trace_row *row, struct kvc_err *err)
{
  (void)trace_json_peek(j);
  const char *start = j->p;
  KVC_TRY(trace_json_skip(j, err));
  size_t len = (size_t)(j->p - start);
  if (len >= 2 && *start == '"') start++, len -= 2; /* "7" and 7 are the same one */
  row->session = trace_session_id(start, len);
  return KVC_E_OK;
}

static kvc_code value(struct trace *t, struct trace_json *j, const struct trace_span *key,
                      struct trace_row *row, struct kvc_err *err)
{
  enum trace_column is = trace_column_of(key->text, key->len);
  /* Only a CSV counts "timestamp" in seconds. */
  if (is == TRACE_ARRIVAL && key->len == 9 && (key->text[0] | 32) == 't')
    is = TRACE_ARRIVAL_MS;
  const char c = trace_json_peek(j);
  if (is == TRACE_HASH_IDS && c == '[') return hash_ids(t, j, row, err);
  if (is == TRACE_SESSION && c != 'n') return session(j, row, err);
  const bool plain = c == '-' || (c >= '0' && c <= '9');
  if (is == TRACE_IGNORED || !plain) return trace_json_skip(j, err);
  double x;
  bool ok = true;
  KVC_TRY(trace_json_number(j, &x, err));
  switch (is) {
  case TRACE_ARRIVAL: ok = trace_time(x, 1e9, &row->arrival_ns); break;
  case TRACE_ARRIVAL_MS: ok = trace_time(x, 1e6, &row->arrival_ns); break;
  case TRACE_ARRIVAL_NS: ok = trace_time(x, 1, &row->arrival_ns); break;
  case TRACE_PROMPT: row->prompt_tok = x; break;
  case TRACE_OUTPUT: row->output_tok = x; break;
  case TRACE_PREFIX: row->prefix_tok = x; break;
  case TRACE_PRIORITY: row->priority = x; break;
  default: break;
  }
  if (!ok)
    return kvc_fail_at(err, KVC_E_RANGE, j->path, j->line, 0, "%g is not a time.", x);
  return KVC_E_OK;
}

kvc_code trace_read_jsonl(struct trace *t, const char *text, size_t len,
                          struct kvc_err *err)
{
  struct trace_json j = {text, text + len, 1, t->path};
  while (trace_json_peek(&j) != '\0' && j.p < j.end && !t->full) {
    struct trace_row row;
    trace_row_init(&row);
    const int line = j.line;
    KVC_TRY(trace_json_expect(&j, '{', err));
    bool more = trace_json_peek(&j) != '}';
    if (!more) j.p++;
    while (more) {
      struct trace_span key;
      KVC_TRY(trace_json_string(&j, &key, err));
      KVC_TRY(trace_json_expect(&j, ':', err));
      KVC_TRY(value(t, &j, &key, &row, err));
      KVC_TRY(trace_json_more(&j, '}', &more, err));
    }
    KVC_TRY(trace_add(t, &row, line, err));
  }
  if (j.p < j.end && !t->full)
    return kvc_fail_at(err, KVC_E_PARSE, t->path, j.line, 0,
                       "A JSON object should start here.");
  return KVC_E_OK;
}
