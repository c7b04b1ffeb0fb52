/* lengths.c - a JSON list of [prompt, output], of conversations or of requests.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What an object holds is read in jsonl.c.
 */
#include "trace_room.h"
#include <string.h>

/* Characters of a raw JSON string: an escape is one. */
double trace_characters(const struct trace_span *s)
{
  double n = 0;
  for (size_t i = 0; i < s->len; i++) {
    if (((unsigned char)s->text[i] & 0xc0) == 0x80) continue;
    if (s->text[i] == '\\' && i + 1 < s->len) i += s->text[i + 1] == 'u' ? 5 : 1;
    n++;
  }
  return n;
}

static bool key_is(const struct trace_span *key, const char *a)
{
  return strlen(a) == key->len && memcmp(key->text, a, key->len) == 0;
}

/* {"from": ..., "value": ...} or {"role": ..., "content": ...}: characters of the text */
static kvc_code message(struct trace_json *j, double *chars, struct kvc_err *err)
{
  *chars = 0;
  bool more;
  KVC_TRY(trace_json_open(j, '{', &more, err));
  while (more) {
    struct trace_span key, text;
    KVC_TRY(trace_json_string(j, &key, err));
    KVC_TRY(trace_json_expect(j, ':', err));
    if (trace_json_peek(j) == '"' && (key_is(&key, "value") || key_is(&key, "content"))) {
      KVC_TRY(trace_json_string(j, &text, err));
      *chars = trace_characters(&text);
    } else {
      KVC_TRY(trace_json_skip(j, err));
    }
    KVC_TRY(trace_json_more(j, '}', &more, err));
  }
  return KVC_E_OK;
}

kvc_code trace_messages(struct trace_json *j, double first[2], struct kvc_err *err)
{
  bool more;
  KVC_TRY(trace_json_open(j, '[', &more, err));
  for (size_t i = 0; more; i++) {
    double chars;
    if (trace_json_peek(j) == '{')
      KVC_TRY(message(j, &chars, err));
    else {
      KVC_TRY(trace_json_skip(j, err));
      chars = 0;
    }
    if (i < 2) first[i] = chars;
    KVC_TRY(trace_json_more(j, ']', &more, err));
  }
  return KVC_E_OK;
}

static kvc_code pair(struct trace *t, struct trace_json *j, struct kvc_err *err)
{
  struct trace_row row;
  trace_row_init(&row);
  const int line = j->line;
  KVC_TRY(trace_json_expect(j, '[', err));
  KVC_TRY(trace_json_number(j, &row.prompt_tok, err));
  KVC_TRY(trace_json_expect(j, ',', err));
  KVC_TRY(trace_json_number(j, &row.output_tok, err));
  KVC_TRY(trace_json_expect(j, ']', err));
  return trace_add(t, &row, line, err);
}

kvc_code trace_read_lengths(struct trace *t, const char *text, size_t len,
                            struct kvc_err *err)
{
  struct trace_json j = {text, text + len, 1, t->path};
  KVC_TRY(trace_json_expect(&j, '[', err));
  bool more = trace_json_peek(&j) != ']';
  while (more && !t->full) {
    const char c = trace_json_peek(&j);
    if (c == '[')
      KVC_TRY(pair(t, &j, err));
    else if (c == '{')
      KVC_TRY(trace_json_row(t, &j, err));
    else
      return kvc_fail_at(
          err, KVC_E_PARSE, t->path, j.line, 0,
          "The list should hold [prompt, output] pairs, conversations or requests.");
    KVC_TRY(trace_json_more(&j, ']', &more, err));
  }
  return KVC_E_OK;
}
