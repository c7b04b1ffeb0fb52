/* trace_room.h - what the readers of recorded loads share.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef TRACE_ROOM_H
#define TRACE_ROOM_H

#include <kvcap/traffic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TRACE_MAX_COLUMNS = 64, TRACE_MAX_DEPTH = 64, TRACE_MAX_NAME = 64 };

enum trace_column {
  TRACE_IGNORED,
  TRACE_ARRIVAL, /* seconds, or a date; milliseconds for "timestamp" in JSON lines */
  TRACE_ARRIVAL_MS,
  TRACE_ARRIVAL_NS,
  TRACE_PROMPT,
  TRACE_OUTPUT,
  TRACE_SESSION,
  TRACE_PREFIX,
  TRACE_PRIORITY,
  TRACE_HASH_IDS,
  TRACE_PROMPT_TEXT,
  TRACE_OUTPUT_TEXT,
  TRACE_TALK /* messages of a conversation */
};

/* One request as it is read; NaN: not there. */
struct trace_row {
  double prompt_tok, output_tok, prefix_tok, priority;
  int64_t arrival_ns;  /* TRACE_NO_TIME: not there */
  double stamp;        /* "timestamp" of JSON, whose unit the other keys tell */
  bool mooncake, chat; /* has input_length; has chat_id */
  double chars[2];     /* of the texts of prompt and answer */
  bool texts[2], talk; /* there are such texts; they are of a conversation */
  uint32_t session;
  size_t first_hash, n_hashes;
};

enum { TRACE_UNITS = 7 };

/* All that was read so far; plain storage, released by trace.c. */
struct trace {
  const char *path;
  const struct kvc_trace_options *options;
  struct kvc_request *items;
  size_t n, room;
  uint32_t *hashes;
  size_t n_hashes, room_hashes;
  int64_t first_ns; /* arrival of the first row */
  size_t passed_over, too_short;
  size_t votes[TRACE_UNITS]; /* rows whose hash ids stand for so many tokens */
  bool any, timed, unsorted, full, unsized;
  const char *how;
  struct kvc_arena *arena; /* of the result: for 'how' */
};

#define TRACE_NO_TIME INT64_MIN

struct trace_json;
struct trace_span;

/* Nanoseconds of a number of units of 'unit_ns'; false out of range. */
bool trace_time(double value, double unit_ns, int64_t *out);
/* The same of seconds; since 1970 they may be milli-, micro- or nanoseconds. */
bool trace_stamp(double value, int64_t *out);
/* csv.c: "2023-11-16 18:17:03.9799600", with 'T' or a zone as well. */
bool trace_date(const char *p, size_t len, int64_t *out);
enum trace_column trace_column_of(const char *name, size_t len);
uint32_t trace_session_id(const char *text, size_t len);
void trace_row_init(struct trace_row *row);
/* Checks a row and adds it; rows with nothing to serve are passed over. */
kvc_code trace_add(struct trace *t, const struct trace_row *row, int line,
                   struct kvc_err *err) KVC_MUST_USE;
bool trace_room(void **items, size_t n, size_t *room, size_t size);

kvc_code trace_read_csv(struct trace *t, const char *text, size_t len,
                        struct kvc_err *err) KVC_MUST_USE;
kvc_code trace_read_jsonl(struct trace *t, const char *text, size_t len,
                          struct kvc_err *err) KVC_MUST_USE;
kvc_code trace_read_lengths(struct trace *t, const char *text, size_t len,
                            struct kvc_err *err) KVC_MUST_USE;

kvc_code trace_read_bench(struct trace *t, const char *text, size_t len,
                          struct kvc_err *err) KVC_MUST_USE;
/* Whether a JSON object is such a result. */
bool trace_is_bench(const char *text, size_t len);

/* jsonl.c: one object as a request, added; a conversation gives its first two messages.
 */
kvc_code trace_json_row(struct trace *t, struct trace_json *j,
                        struct kvc_err *err) KVC_MUST_USE;
/* lengths.c: the first two messages of a list, in characters. */
kvc_code trace_messages(struct trace_json *j, double first[2],
                        struct kvc_err *err) KVC_MUST_USE;
double trace_characters(const struct trace_span *s);

/* windows.c */
bool trace_is_windows(const char *text, size_t len);
kvc_code trace_read_windows(struct trace *t, const char *text, size_t len,
                            struct kvc_err *err) KVC_MUST_USE;

/* distributions.c: lengths drawn, in an order whose every part looks like the whole. */
enum { TRACE_DRAWN = 8192 };
enum kvc_trace_kind trace_distribution_of(const char *text, size_t len);
kvc_code trace_read_cdf(struct trace *t, const char *text, size_t len,
                        struct kvc_err *err) KVC_MUST_USE;
kvc_code trace_read_histograms(struct trace *t, const char *text, size_t len,
                               struct kvc_err *err) KVC_MUST_USE;

/* ---- a JSON text, value by value ------------------------------------------------- */

struct trace_json {
  const char *p, *end;
  int line;
  const char *path;
};

struct trace_span {
  const char *text;
  size_t len; /* raw: between the quotes */
};

/* The next character that is not white space, 0 at the end. */
char trace_json_peek(struct trace_json *j);
kvc_code trace_json_expect(struct trace_json *j, char c,
                           struct kvc_err *err) KVC_MUST_USE;
kvc_code trace_json_string(struct trace_json *j, struct trace_span *out,
                           struct kvc_err *err) KVC_MUST_USE;
kvc_code trace_json_number(struct trace_json *j, double *out,
                           struct kvc_err *err) KVC_MUST_USE;
kvc_code trace_json_skip(struct trace_json *j, struct kvc_err *err) KVC_MUST_USE;
/* After a value: ',' -> *more, 'close' -> not. */
/* What a list or an object begins with; *more: it is not empty. */
kvc_code trace_json_open(struct trace_json *j, char open, bool *more,
                         struct kvc_err *err) KVC_MUST_USE;
kvc_code trace_json_more(struct trace_json *j, char close, bool *more,
                         struct kvc_err *err) KVC_MUST_USE;

#endif
