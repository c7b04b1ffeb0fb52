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
  TRACE_HASH_IDS
};

/* One request as it is read; NaN: not there. */
struct trace_row {
  double prompt_tok, output_tok, prefix_tok, priority;
  int64_t arrival_ns; /* TRACE_NO_TIME: not there */
  uint32_t session;
  size_t first_hash, n_hashes;
};

/* All that was read so far; plain storage, released by trace.c. */
struct trace {
  const char *path;
  const struct kvc_trace_options *options;
  struct kvc_request *items;
  size_t n, room;
  uint32_t *hashes;
  size_t n_hashes, room_hashes;
  int64_t first_ns; /* arrival of the first row */
  size_t passed_over;
  bool any, timed, unsorted, full;
};

#define TRACE_NO_TIME INT64_MIN

/* Nanoseconds of a number of units of 'unit_ns'; false out of range. */
bool trace_time(double value, double unit_ns, int64_t *out);
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
kvc_code trace_json_more(struct trace_json *j, char close, bool *more,
                         struct kvc_err *err) KVC_MUST_USE;

#endif
