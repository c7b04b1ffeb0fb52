/* reader.c - bytes to segments, segments to messages, and what they add up to.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A segment ends at a line feed, and at a carriage return (progress bars write over
 * themselves) or a NUL (a hole in a file that was cut while it was written).
 */
#include "serverlog_room.h"
#include <string.h>

enum {
  FIRST_CARRY = 4096,
  STAMP_TRIES = 4096,  /* segments in which the first stamp is looked for */
  FEW_LINES = 50,      /* of so many lines without a prefix one has to be a server's */
  DOCUMENT_LINES = 20, /* the same in Markdown */
  LOOKS_BYTES = 256 << 10,
  LOOKS_CAP = 16 << 20
};

/* ---- one segment --------------------------------------------------------------------
 */

void slog_met(struct kvc_log_reader *r, const struct slog_seg *s, size_t at)
{
  static const char *const levels[] = {"INFO", "WARNING", "ERROR", "DEBUG", "pid="};
  if (r->prefixed > 0) {
    r->prefixed++;
    return;
  }
  for (size_t k = 0; k < sizeof levels / sizeof *levels; k++)
    if (slog_find_back(s->text, at, levels[k]) != SIZE_MAX) {
      r->prefixed++;
      return;
    }
  if (slog_stamped(s, at))
    r->prefixed++;
  else
    r->bare++;
}

bool slog_has_prefix(const struct slog_seg *s)
{
  static const char *const signs[] = {"INFO", "WARNING", "ERROR", "DEBUG", "pid="};
  enum { NEAR = 100 };
  const size_t to = s->len < NEAR ? s->len : NEAR;
  for (size_t k = 0; k < sizeof signs / sizeof *signs; k++)
    if (slog_find(s->text, to, 0, signs[k]) != SIZE_MAX) return true;
  return false;
}

void slog_mute(struct kvc_log_reader *r, const struct slog_hit *hit)
{
  (void)r;
  hit->seg->muted = true;
}

/* 127.0.0.1:51042 - "POST /v1/completions HTTP/1.1" 200 OK */
void slog_access(struct kvc_log_reader *r, const struct slog_hit *hit)
{
  const struct slog_seg *const s = hit->seg;
  double status;
  size_t i = hit->at;
  r->accesses++;
  const size_t least = i > SLOG_BACK ? i - SLOG_BACK : 0;
  while (i > least && s->text[i - 1] != '"') i--;
  if (i == least || !slog_starts(s->text, s->len, i, "POST /")) return;
  i = hit->end;
  if (!slog_count(s, &i, &status) || !slog_ends(s, i) || status < 100 || status > 599)
    return;
  r->view.requests++;
  if (status >= 500) r->view.failed_requests++;
  struct slog_start *const start = slog_start_last(r);
  if (start != NULL && status < 400) start->pub.ready = true;
}

static void read_messages(struct kvc_log_reader *r, struct slog_seg *s)
{
  size_t which;
  if (!r->clock.begun && r->stamp_tries < STAMP_TRIES) {
    r->stamp_tries++;
    (void)slog_time(&r->clock, s, s->len < SLOG_BACK ? s->len : SLOG_BACK);
  }
  for (size_t at = 0; !s->muted; at++) {
    at = slog_scan(&r->scanner, s->text, s->len, at, &which);
    if (at == SIZE_MAX) return;
    const struct slog_message *const m = &r->scanner.messages[which];
    const struct slog_hit hit = {s, at, at + r->scanner.len[which], m->arg};
    m->read(r, &hit);
  }
}

/* The segment without colours, in memory of the reader's own. */
static bool plain(struct kvc_log_reader *r, struct slog_seg *s)
{
  if (r->plain_room < s->len) {
    size_t room = r->plain_room == 0 ? FIRST_CARRY : r->plain_room;
    while (room < s->len) room *= 2;
    char *const made = kvc_arena_alloc(r->arena, room, 1);
    if (made == NULL) {
      r->full = true;
      return false;
    }
    r->plain = made;
    r->plain_room = room;
  }
  s->len = slog_unescape(s->text, s->len, r->plain);
  s->text = r->plain;
  return true;
}

/* Markdown: a heading, a table, a fence. */
static void look_at_markup(struct kvc_log_reader *r, const struct slog_seg *s)
{
  if (slog_starts(s->text, s->len, 0, "## ") || slog_starts(s->text, s->len, 0, "### "))
    r->headings++;
  if (slog_starts(s->text, s->len, 0, "|--") || slog_starts(s->text, s->len, 0, "```"))
    r->fences++;
}

static void read_segment(struct kvc_log_reader *r, const char *text, size_t len,
                         bool open)
{
  if (len == 0) return;
  if (len > KVC_LOG_MAX_LINE) len = KVC_LOG_MAX_LINE;
  struct slog_seg s = {.text = text, .len = len, .line = r->line, .open = open};
  if (memchr(text, '\x1b', len) != NULL && !plain(r, &s)) return;
  if (!r->begun) r->titled = slog_starts(s.text, s.len, 0, "# ");
  r->begun = true;
  if (text[0] == '#' || text[0] == '|' || text[0] == '`') look_at_markup(r, &s);
  if (r->joining != SLOG_JOIN_NOTHING && slog_join(r, &s)) return;
  if (r->samples.tail_len > 0) slog_stats_join(r, &s);
  read_messages(r, &s);
}

/* ---- bytes ---------------------------------------------------------------------------
 */

/* The reader has seen too much of one line. */
static void cut(struct kvc_log_reader *r)
{
  if (!r->cutting) r->view.cut_lines++;
  r->cutting = true;
}

static void keep(struct kvc_log_reader *r, const char *text, size_t len)
{
  const size_t left = KVC_LOG_MAX_LINE - r->carry_len;
  if (len > left) {
    cut(r);
    len = left;
  }
  if (len == 0) return;
  if (r->carry_len + len > r->carry_room) {
    size_t room = r->carry_room == 0 ? FIRST_CARRY : r->carry_room;
    while (room < r->carry_len + len) room *= 2;
    char *const made = kvc_arena_alloc(r->arena, room, 1);
    if (made == NULL) {
      r->full = true;
      cut(r);
      return;
    }
    if (r->carry_len > 0) memcpy(made, r->carry, r->carry_len);
    r->carry = made;
    r->carry_room = room;
  }
  memcpy(r->carry + r->carry_len, text, len);
  r->carry_len += len;
}

/* text[0..len) is the rest of a segment. */
static void end_segment(struct kvc_log_reader *r, const char *text, size_t len)
{
  if (r->carry_len == 0 && !r->cutting) {
    if (len > KVC_LOG_MAX_LINE) r->view.cut_lines++;
    read_segment(r, text, len, false);
    return;
  }
  keep(r, text, len);
  read_segment(r, r->carry, r->carry_len, false);
  r->carry_len = 0;
  r->cutting = false;
}

/* Where the next of a rare byte is, looked for once a piece and not once a line. */
static const char *next_of(const char *known, const char *at, const char *end, char c)
{
  if (known >= at) return known;
  const char *const hit = at < end ? memchr(at, c, (size_t)(end - at)) : NULL;
  return hit != NULL ? hit : end;
}

void kvc_log_feed(struct kvc_log_reader *reader, const char *bytes, size_t len)
{
  if (len == 0) return;
  reader->view.bytes += len;
  if (!slog_wide(reader, bytes, len)) slog_feed_bytes(reader, bytes, len);
}

void slog_feed_bytes(struct kvc_log_reader *reader, const char *bytes, size_t len)
{
  const char *const end = bytes + len;
  const char *at = bytes, *feed = NULL, *back = NULL, *hole = NULL;
  for (bool first = true; at < end; first = false) {
    feed = first ? next_of(NULL, at, end, '\n') : next_of(feed, at, end, '\n');
    back = first ? next_of(NULL, at, end, '\r') : next_of(back, at, end, '\r');
    hole = first ? next_of(NULL, at, end, '\0') : next_of(hole, at, end, '\0');
    const char *stop = feed < back ? feed : back;
    if (hole < stop) stop = hole;
    if (stop == end) {
      keep(reader, at, (size_t)(end - at));
      return;
    }
    end_segment(reader, at, (size_t)(stop - at));
    if (stop == feed) {
      reader->view.lines++;
      if (reader->line < INT32_MAX) reader->line++;
    }
    at = stop + 1;
  }
}

/* ---- open, finish --------------------------------------------------------------------
 */

kvc_code kvc_log_open(struct kvc_arena *arena, const char *where,
                      struct kvc_log_reader **out, struct kvc_err *err)
{
  struct kvc_log_reader *const r = kvc_arena_alloc(arena, 1, sizeof *r);
  char *const name = kvc_arena_strdup(arena, where);
  if (r == NULL || name == NULL) return kvc_arena_full(arena, where, err);
  const double n = (double)NAN;
  r->arena = arena;
  r->line = 1;
  r->view.where = name;
  r->view.spec = (struct kvc_log_spec){.accepted_tok = n,
                                       .drafted_tok = n,
                                       .emitted_tok = n,
                                       .accept_frac = n,
                                       .accept_length = n,
                                       .efficiency = n};
  slog_scanner_init(&r->scanner);
  *out = r;
  return KVC_E_OK;
}

/* The lines that the reader of launches takes: the version and the arguments. */
static void publish_args(struct slog_start *start)
{
  static const char head[] = "vLLM API server version ";
  size_t n = 0;
  if (start->args_len == 0) return;
  if (start->version[0] != '\0') {
    const size_t len = strlen(start->version);
    memcpy(start->text, head, sizeof head - 1);
    memcpy(start->text + sizeof head - 1, start->version, len);
    n = sizeof head - 1 + len;
    start->text[n++] = '\n';
  }
  memcpy(start->text + n, start->args, start->args_len);
  n += start->args_len;
  start->text[n++] = '\n';
  start->text[n] = '\0';
  start->pub.args_text = start->text;
  start->pub.args_len = n;
}

static void publish(struct kvc_log_reader *r)
{
  struct kvc_serverlog *const v = &r->view;
  for (size_t i = 0; i < r->n_starts; i++) {
    struct slog_start *const start = r->starts[i];
    publish_args(start);
    start->config[start->config_len] = '\0';
    start->pub.version = start->version[0] != '\0' ? start->version : NULL;
    start->pub.model = start->model[0] != '\0' ? start->model : NULL;
    start->pub.config_text = start->config_len > 0 ? start->config : NULL;
    struct slog_start now = *start;
    slog_memory_derive(&now);
    v->starts[i] = now.pub;
  }
  v->n_starts = r->n_starts;
  v->samples = r->samples.all;
  v->n_samples = r->samples.n;
}

const struct kvc_serverlog *kvc_log_peek(struct kvc_log_reader *reader)
{
  publish(reader);
  reader->view.n_samples = slog_sample_peek(reader);
  reader->view.samples = reader->samples.all;
  return &reader->view;
}

static bool is_server(const struct kvc_log_reader *r)
{
  const uint64_t all = r->view.lines + 1;
  const uint64_t lines = all > r->accesses ? all - r->accesses : 1;
  if (r->titled && r->headings > 1 && r->fences > 0 &&
      (r->prefixed + r->bare) * DOCUMENT_LINES < lines)
    return false; /* a report that quotes a log */
  return r->prefixed > 0 || (r->bare > 0 && r->bare * FEW_LINES >= lines);
}

/* The log ends: what is left is a line too. */
static void end_log(struct kvc_log_reader *r)
{
  if (r->carry_len > 0) {
    read_segment(r, r->carry, r->carry_len, !r->cutting);
    r->view.lines++;
  }
  r->carry_len = 0;
  r->cutting = false;
  slog_join_end(r);
  slog_sample_flush(r);
}

kvc_code kvc_log_finish(struct kvc_log_reader *reader, struct kvc_serverlog *out,
                        struct kvc_err *err)
{
  end_log(reader);
  if (reader->full) return kvc_arena_full(reader->arena, reader->view.where, err);
  if (!is_server(reader))
    return kvc_fail(err, KVC_E_PARSE, reader->view.where,
                    "no line of a vLLM server is in it: looked for its version, its "
                    "arguments, its memory and \"Avg prompt throughput\"");
  publish(reader);
  *out = reader->view;
  return KVC_E_OK;
}

bool kvc_log_looks(const char *text, size_t len)
{
  struct kvc_arena arena;
  struct kvc_log_reader *r;
  bool looks = false;
  kvc_arena_init(&arena, LOOKS_CAP);
  if (kvc_log_open(&arena, "", &r, NULL) == KVC_E_OK) {
    kvc_log_feed(r, text, len < LOOKS_BYTES ? len : LOOKS_BYTES);
    end_log(r);
    looks = is_server(r);
  }
  kvc_arena_clear(&arena);
  return looks;
}

const struct kvc_log_start *kvc_log_last(const struct kvc_serverlog *log)
{
  for (size_t i = log->n_starts; i > 0; i--) {
    const struct kvc_log_memory *const m = &log->starts[i - 1].memory;
    if (!isnan(m->weights_bytes) || !isnan(m->kv_tokens) ||
        !isnan(m->available_kv_bytes) || !isnan(m->gpu_blocks) ||
        !isnan(m->max_concurrency))
      return &log->starts[i - 1];
  }
  return log->n_starts > 0 ? &log->starts[log->n_starts - 1] : NULL;
}
