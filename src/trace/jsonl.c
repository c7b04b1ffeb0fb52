/* jsonl.c - loads with one JSON object a line: Mooncake, LLMServingSim, our own.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * "timestamp" is in milliseconds beside input_length (Mooncake), unless chat_id says that
 * the row is of another trace with those names; else it is in seconds, or a date.
 * arrival_s, arrival_time and arrival_time_ns say their unit.
 *
 * A conversation (ShareGPT) gives its first message as prompt and its second as output;
 * their tokens are guessed from the characters, about four each, as are those of a prompt
 * beside a count of output tokens.  Conversations with fewer than two messages, or under
 * four tokens in either, are left out, as the usual benchmark does.
 */
#include "trace_room.h"
#include <kvcap/num.h>
#include <math.h>
#include <string.h>

enum { LEAST_TOK = 4 };

static kvc_code hash_ids(struct trace *t, struct trace_json *j, struct trace_row *row,
                         struct kvc_err *err)
{
  bool more;
  KVC_TRY(trace_json_open(j, '[', &more, err));
  row->first_hash = t->n_hashes;
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

static bool key_is(const struct trace_span *key, const char *a)
{
  return strlen(a) == key->len && memcmp(key->text, a, key->len) == 0;
}

/* A number, or one in quotes; a date where a time is asked for. */
static kvc_code scalar(struct trace_json *j, bool time, double *out, int64_t *date_ns,
                       struct kvc_err *err)
{
  struct trace_span text;
  size_t used;
  *out = NAN;
  if (trace_json_peek(j) != '"') return trace_json_number(j, out, err);
  KVC_TRY(trace_json_string(j, &text, err));
  if (kvc_num_scan(text.text, text.len, out, &used) && used == text.len) return KVC_E_OK;
  *out = NAN;
  if (time && trace_date(text.text, text.len, date_ns)) return KVC_E_OK;
  return time ? kvc_fail_at(err, KVC_E_PARSE, j->path, j->line, 0,
                            "\"%.*s\" is not a time.",
                            (int)(text.len < 40 ? text.len : 40), text.text)
              : KVC_E_OK;
}

static kvc_code number(struct trace_json *j, enum trace_column is, struct trace_row *row,
                       struct kvc_err *err)
{
  const bool time =
      is == TRACE_ARRIVAL || is == TRACE_ARRIVAL_MS || is == TRACE_ARRIVAL_NS;
  double x;
  bool ok = true;
  KVC_TRY(scalar(j, time, &x, &row->arrival_ns, err));
  if (isnan(x)) return KVC_E_OK;
  switch (is) {
  case TRACE_ARRIVAL: ok = trace_stamp(x, &row->arrival_ns); break;
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

static kvc_code text_of(struct trace_json *j, size_t side, struct trace_row *row,
                        struct kvc_err *err)
{
  struct trace_span text;
  KVC_TRY(trace_json_string(j, &text, err));
  row->chars[side] = trace_characters(&text);
  row->texts[side] = true;
  return KVC_E_OK;
}

/* Lists and texts; *taken tells whether it was one that is understood. */
static kvc_code value_of_words(struct trace *t, struct trace_json *j,
                               enum trace_column is, struct trace_row *row, bool *taken,
                               struct kvc_err *err)
{
  const char c = trace_json_peek(j);
  *taken = true;
  if (is == TRACE_HASH_IDS && c == '[') return hash_ids(t, j, row, err);
  if (is == TRACE_SESSION && c != 'n') return session(j, row, err);
  if (is == TRACE_PROMPT_TEXT && c == '"') return text_of(j, 0, row, err);
  if (is == TRACE_OUTPUT_TEXT && c == '"') return text_of(j, 1, row, err);
  if (is == TRACE_TALK && c == '[') {
    row->talk = row->texts[0] = row->texts[1] = true;
    return trace_messages(j, row->chars, err);
  }
  *taken = false;
  return KVC_E_OK;
}

static bool is_scalar(enum trace_column is)
{
  switch (is) {
  case TRACE_ARRIVAL:
  case TRACE_ARRIVAL_MS:
  case TRACE_ARRIVAL_NS:
  case TRACE_PROMPT:
  case TRACE_OUTPUT:
  case TRACE_PREFIX:
  case TRACE_PRIORITY: return true;
  default: return false;
  }
}

/* What the names of a row tell of it. */
static void heed(const struct trace_span *key, char c, struct trace_row *row)
{
  row->mooncake = row->mooncake || key_is(key, "input_length");
  row->chat = row->chat || key_is(key, "chat_id");
  if (key_is(key, "turns") || key_is(key, "text") || key_is(key, "question"))
    row->texts[0] = row->texts[0] || c == '"' || c == '[';
}

static kvc_code value(struct trace *t, struct trace_json *j, const struct trace_span *key,
                      struct trace_row *row, struct kvc_err *err)
{
  const enum trace_column is = trace_column_of(key->text, key->len);
  const char c = trace_json_peek(j);
  const bool plain = c == '-' || (c >= '0' && c <= '9');
  bool taken;
  heed(key, c, row);
  /* What a bare "timestamp" counts is told by the row's other keys. */
  if (is == TRACE_ARRIVAL && key->len == 9 && (key->text[0] | 32) == 't' && plain)
    return trace_json_number(j, &row->stamp, err);
  KVC_TRY(value_of_words(t, j, is, row, &taken, err));
  if (taken) return KVC_E_OK;
  if (is_scalar(is) && (plain || c == '"')) return number(j, is, row, err);
  return trace_json_skip(j, err);
}

/* Counts that are missing, out of the texts where both halves are known. */
static void guess_counts(struct trace *t, struct trace_row *row)
{
  const double ratio = t->options->tok_per_char > 0 ? t->options->tok_per_char : 0.25;
  double *const counts[2] = {&row->prompt_tok, &row->output_tok};
  for (size_t i = 0; i < 2; i++) {
    const bool other = row->texts[1 - i] || !isnan(*counts[1 - i]);
    if (!isnan(*counts[i]) || !row->texts[i] || !other) continue;
    *counts[i] = floor(row->chars[i] * ratio + 0.5);
    t->how = "tokens are guessed from the texts, about four characters each";
  }
}

kvc_code trace_json_row(struct trace *t, struct trace_json *j, struct kvc_err *err)
{
  struct trace_row row;
  trace_row_init(&row);
  const int line = j->line;
  bool more;
  KVC_TRY(trace_json_open(j, '{', &more, err));
  while (more) {
    struct trace_span key;
    KVC_TRY(trace_json_string(j, &key, err));
    KVC_TRY(trace_json_expect(j, ':', err));
    KVC_TRY(value(t, j, &key, &row, err));
    KVC_TRY(trace_json_more(j, '}', &more, err));
  }
  const bool ms = row.mooncake && !row.chat;
  if (!isnan(row.stamp) && !(ms ? trace_time(row.stamp, 1e6, &row.arrival_ns)
                                : trace_stamp(row.stamp, &row.arrival_ns)))
    return kvc_fail_at(err, KVC_E_RANGE, j->path, j->line, 0, "%g is not a time.",
                       row.stamp);
  const bool guessed = isnan(row.prompt_tok) || isnan(row.output_tok);
  guess_counts(t, &row);
  if (guessed && row.talk && (row.prompt_tok < LEAST_TOK || row.output_tok < LEAST_TOK)) {
    t->n_hashes -= row.n_hashes;
    t->too_short++;
    return KVC_E_OK;
  }
  return trace_add(t, &row, line, err);
}

kvc_code trace_read_jsonl(struct trace *t, const char *text, size_t len,
                          struct kvc_err *err)
{
  struct trace_json j = {text, text + len, 1, t->path};
  while (trace_json_peek(&j) != '\0' && j.p < j.end && !t->full)
    KVC_TRY(trace_json_row(t, &j, err));
  if (j.p < j.end && !t->full)
    return kvc_fail_at(err, KVC_E_PARSE, t->path, j.line, 0,
                       "A JSON object should start here.");
  return KVC_E_OK;
}
