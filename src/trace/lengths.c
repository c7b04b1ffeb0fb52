/* lengths.c - loads without times: a JSON list of [prompt, output] or of conversations.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A conversation (ShareGPT) gives its first message as prompt and its second as output;
 * their tokens are guessed from the characters, about four each.  Conversations with
 * fewer than two messages, or under four tokens in either, are left out, as the usual
 * benchmark does.
 */
#include "trace_room.h"
#include <math.h>
#include <string.h>

enum { LEAST_TOK = 4 };

/* Characters of a raw JSON string: an escape is one. */
static double characters(const struct trace_span *s)
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
  KVC_TRY(trace_json_expect(j, '{', err));
  bool more = trace_json_peek(j) != '}';
  if (!more) j->p++;
  while (more) {
    struct trace_span key, text;
    KVC_TRY(trace_json_string(j, &key, err));
    KVC_TRY(trace_json_expect(j, ':', err));
    if (trace_json_peek(j) == '"' && (key_is(&key, "value") || key_is(&key, "content"))) {
      KVC_TRY(trace_json_string(j, &text, err));
      *chars = characters(&text);
    } else {
      KVC_TRY(trace_json_skip(j, err));
    }
    KVC_TRY(trace_json_more(j, '}', &more, err));
  }
  return KVC_E_OK;
}

static kvc_code messages(struct trace_json *j, double first[2], struct kvc_err *err)
{
  KVC_TRY(trace_json_expect(j, '[', err));
  bool more = trace_json_peek(j) != ']';
  if (!more) j->p++;
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

static kvc_code conversation(struct trace *t, struct trace_json *j, struct kvc_err *err)
{
  const double ratio = t->options->tok_per_char > 0 ? t->options->tok_per_char : 0.25;
  double chars[2] = {0, 0};
  const int line = j->line;
  KVC_TRY(trace_json_expect(j, '{', err));
  bool more = trace_json_peek(j) != '}';
  if (!more) j->p++;
  while (more) {
    struct trace_span key;
    KVC_TRY(trace_json_string(j, &key, err));
    KVC_TRY(trace_json_expect(j, ':', err));
    const bool talk = key_is(&key, "conversations") || key_is(&key, "conversation") ||
                      key_is(&key, "messages");
    if (talk && trace_json_peek(j) == '[')
      KVC_TRY(messages(j, chars, err));
    else
      KVC_TRY(trace_json_skip(j, err));
    KVC_TRY(trace_json_more(j, '}', &more, err));
  }
  struct trace_row row;
  trace_row_init(&row);
  row.prompt_tok = floor(chars[0] * ratio + 0.5);
  row.output_tok = floor(chars[1] * ratio + 0.5);
  if (row.prompt_tok < LEAST_TOK || row.output_tok < LEAST_TOK) {
    t->passed_over++;
    return KVC_E_OK;
  }
  return trace_add(t, &row, line, err);
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
      KVC_TRY(conversation(t, &j, err));
    else
      return kvc_fail_at(err, KVC_E_PARSE, t->path, j.line, 0,
                         "The list should hold [prompt, output] pairs or conversations.");
    KVC_TRY(trace_json_more(&j, ']', &more, err));
  }
  return KVC_E_OK;
}
