/* trace.c - recorded loads: which format, what a row may hold, order and scale.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "trace_room.h"
#include <kvcap/str.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOONCAKE_UNIT_TOK = 512 };

/* Names as kvc_name_normalize leaves them. */
static const struct {
  const char *name;
  enum trace_column is;
} names[] = {
    {"timestamp", TRACE_ARRIVAL},
    {"arrivals", TRACE_ARRIVAL},
    {"arrivedat", TRACE_ARRIVAL},
    {"arrivaltime", TRACE_ARRIVAL},
    {"arrival", TRACE_ARRIVAL},
    {"time", TRACE_ARRIVAL},
    {"arrivaltimens", TRACE_ARRIVAL_NS},
    {"timestampms", TRACE_ARRIVAL_MS},
    {"contexttokens", TRACE_PROMPT},
    {"generatedtokens", TRACE_OUTPUT},
    {"prompttok", TRACE_PROMPT},
    {"outputtok", TRACE_OUTPUT},
    {"prompttokens", TRACE_PROMPT},
    {"outputtokens", TRACE_OUTPUT},
    {"numprefilltokens", TRACE_PROMPT},
    {"numdecodetokens", TRACE_OUTPUT},
    {"requesttokens", TRACE_PROMPT},
    {"responsetokens", TRACE_OUTPUT},
    {"inputlength", TRACE_PROMPT},
    {"outputlength", TRACE_OUTPUT},
    {"inputtoks", TRACE_PROMPT},
    {"outputtoks", TRACE_OUTPUT},
    {"inputtokens", TRACE_PROMPT},
    {"completiontokens", TRACE_OUTPUT},
    {"promptlen", TRACE_PROMPT},
    {"outputlen", TRACE_OUTPUT},
    {"inputlen", TRACE_PROMPT},
    {"session", TRACE_SESSION},
    {"sessionid", TRACE_SESSION},
    {"prefixtok", TRACE_PREFIX},
    {"priority", TRACE_PRIORITY},
    {"hashids", TRACE_HASH_IDS},
    {"promptlength", TRACE_PROMPT},
    {"responselength", TRACE_OUTPUT},
    {"responselen", TRACE_OUTPUT},
    {"completionlength", TRACE_OUTPUT},
    {"arrivaltimestamp", TRACE_ARRIVAL},
    {"promptsize", TRACE_PROMPT},
    {"tokensize", TRACE_OUTPUT},
    {"numinputtokens", TRACE_PROMPT},
    {"numoutputtokens", TRACE_OUTPUT},
    {"prefilltokens", TRACE_PROMPT},
    {"decodetokens", TRACE_OUTPUT},
    {"isl", TRACE_PROMPT},
    {"osl", TRACE_OUTPUT},
    {"prompt", TRACE_PROMPT_TEXT},
    {"completion", TRACE_OUTPUT_TEXT},
    {"response", TRACE_OUTPUT_TEXT},
    {"conversations", TRACE_TALK},
    {"conversation", TRACE_TALK},
    {"messages", TRACE_TALK},
};

/* Tokens that a hash id may stand for, the most usual first. */
static const int units[TRACE_UNITS] = {MOONCAKE_UNIT_TOK, 16, 32, 64, 128, 256, 1024};

enum trace_column trace_column_of(const char *name, size_t len)
{
  char raw[TRACE_MAX_NAME], plain[TRACE_MAX_NAME];
  if (len >= sizeof raw) return TRACE_IGNORED;
  memcpy(raw, name, len);
  raw[len] = '\0';
  kvc_name_normalize(raw, plain, sizeof plain);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(plain, names[i].name) == 0) return names[i].is;
  return TRACE_IGNORED;
}

uint32_t trace_session_id(const char *text, size_t len)
{
  uint32_t h = UINT32_C(2166136261);
  for (size_t i = 0; i < len; i++) h = (h ^ (unsigned char)text[i]) * UINT32_C(16777619);
  return h != 0 ? h : 1;
}

bool trace_room(void **items, size_t n, size_t *room, size_t size)
{
  if (n < *room) return true;
  const size_t more = *room == 0 ? 256 : *room * 2;
  void *p = realloc(*items, more * size);
  if (p == NULL) return false;
  *items = p;
  *room = more;
  return true;
}

void trace_row_init(struct trace_row *row)
{
  *row = (struct trace_row){
      .arrival_ns = TRACE_NO_TIME, .prompt_tok = NAN, .output_tok = NAN, .stamp = NAN};
}

bool trace_time(double value, double unit_ns, int64_t *out)
{
  const double ns = floor(value * unit_ns + 0.5);
  if (!(fabs(ns) < 2.2e18)) return false; /* the year 2039 */
  *out = (int64_t)ns;
  return true;
}

bool trace_stamp(double value, int64_t *out)
{
  double unit_ns = 1e9;
  while (unit_ns > 1 && fabs(value) * unit_ns >= 2.2e18) unit_ns /= 1e3;
  return trace_time(value, unit_ns, out);
}

static bool whole(double x, double most)
{
  return x >= 0 && x <= most && x == floor(x);
}

static kvc_code check_row(const struct trace *t, const struct trace_row *row, int line,
                          struct kvc_err *err)
{
  const bool neither = isnan(row->prompt_tok) && isnan(row->output_tok);
  if (neither && row->texts[0])
    return kvc_fail_at(err, KVC_E_PARSE, t->path, line, 0,
                       "The row is a text without counts; a load says the prompt and "
                       "output tokens of every request.");
  if (neither)
    return kvc_fail_at(err, KVC_E_PARSE, t->path, line, 0,
                       "The row names neither prompt nor output tokens, as prompt_tok "
                       "and output_tok or input_length and output_length do.");
  if (isnan(row->prompt_tok) || isnan(row->output_tok))
    return kvc_fail_at(err, KVC_E_PARSE, t->path, line, 0,
                       "The request has no %s tokens.",
                       isnan(row->prompt_tok) ? "prompt" : "output");
  if (!whole(row->prompt_tok, KVC_TRAFFIC_MAX_TOK) ||
      !whole(row->output_tok, KVC_TRAFFIC_MAX_TOK) ||
      !whole(row->prefix_tok, KVC_TRAFFIC_MAX_TOK))
    return kvc_fail_at(err, KVC_E_RANGE, t->path, line, 0,
                       "Tokens must be whole numbers from 0 to %d.", KVC_TRAFFIC_MAX_TOK);
  if (!(fabs(row->priority) <= 1e9))
    return kvc_fail_at(err, KVC_E_RANGE, t->path, line, 0, "%g is not a priority.",
                       row->priority);
  return KVC_E_OK;
}

/* So many ids for so many tokens: which units would that be? */
static void vote(struct trace *t, const struct trace_row *row)
{
  for (size_t i = 0; row->n_hashes > 0 && i < TRACE_UNITS; i++)
    t->votes[i] += ceil(row->prompt_tok / units[i]) == (double)row->n_hashes;
}

static int unit_of(const struct trace *t)
{
  size_t best = 0;
  for (size_t i = 1; i < TRACE_UNITS; i++)
    if (t->votes[i] > t->votes[best]) best = i;
  return units[best];
}

kvc_code trace_add(struct trace *t, const struct trace_row *row, int line,
                   struct kvc_err *err)
{
  KVC_TRY(check_row(t, row, line, err));
  if (row->prompt_tok < 1 || row->output_tok < 1) {
    t->n_hashes -= row->n_hashes;
    t->passed_over++;
    return KVC_E_OK;
  }
  const double scale = t->options->rate_scale > 0 ? t->options->rate_scale : 1;
  vote(t, row);
  const bool timed = row->arrival_ns != TRACE_NO_TIME;
  t->timed = t->timed || timed;
  if (!t->any) t->first_ns = timed ? row->arrival_ns : 0;
  /* Both are within 9e18 / 4 of zero: see trace_time. */
  const int64_t since = timed ? row->arrival_ns - t->first_ns : 0;
  const double scaled = floor((double)since / scale + 0.5);
  if (fabs(scaled) > 4e18)
    return kvc_fail_at(err, KVC_E_RANGE, t->path, line, 0,
                       "The request is %g seconds from the first one.", scaled * 1e-9);
  t->any = true;
  if (t->n >= KVC_TRAFFIC_MAX_REQUESTS)
    return kvc_fail_at(err, KVC_E_LIMIT, t->path, line, 0,
                       "There are more than %d requests.", KVC_TRAFFIC_MAX_REQUESTS);
  if (!trace_room((void **)&t->items, t->n, &t->room, sizeof *t->items))
    return kvc_fail(err, KVC_E_LIMIT, t->path, "The machine gave no more memory.");
  const double prefix = fmin(row->prefix_tok, row->prompt_tok);
  t->items[t->n] =
      (struct kvc_request){.arrival_ns = scale == 1 ? since : (int64_t)scaled,
                           .prompt_tok = (int32_t)row->prompt_tok,
                           .output_tok = (int32_t)row->output_tok,
                           .prefix_tok = (int32_t)prefix,
                           .prefix_id = prefix > 0,
                           .session = row->session,
                           .priority = (int32_t)row->priority,
                           .n_hash_ids = (uint32_t)row->n_hashes};
  t->n++;
  if (t->n > 1 && t->items[t->n - 1].arrival_ns < t->items[t->n - 2].arrival_ns)
    t->unsorted = true;
  if (t->options->max_requests > 0 && t->n >= t->options->max_requests) t->full = true;
  return KVC_E_OK;
}

static int by_arrival(const void *a, const void *b)
{
  const struct kvc_request *x = a, *y = b;
  if (x->arrival_ns != y->arrival_ns) return x->arrival_ns < y->arrival_ns ? -1 : 1;
  /* 'after' holds the place in the file meanwhile. */
  return x->after < y->after ? -1 : x->after > y->after;
}

static kvc_code nothing(const struct trace *t, struct kvc_err *err)
{
  if (t->passed_over == 0 && t->too_short > 0)
    return kvc_fail(err, KVC_E_PARSE, t->path,
                    "All %zu conversations are shorter than four tokens in prompt or "
                    "answer, at four characters a token: too short to serve.",
                    t->too_short);
  return kvc_fail(err, KVC_E_PARSE, t->path,
                  "The trace holds no request to serve; %zu rows have no prompt or no "
                  "output tokens.",
                  t->passed_over);
}

/* Into the arena: in order, from time 0, cut at the duration. */
static kvc_code hand_over(struct kvc_arena *arena, struct trace *t,
                          struct kvc_traffic *out, struct kvc_err *err)
{
  if (t->n == 0) return nothing(t, err);
  uint32_t *hashes = NULL;
  if (t->n_hashes > 0) {
    hashes = kvc_arena_alloc(arena, t->n_hashes, sizeof *hashes);
    if (hashes == NULL) return kvc_arena_full(arena, t->path, err);
    memcpy(hashes, t->hashes, t->n_hashes * sizeof *hashes);
  }
  size_t used = 0; /* rows that were passed over left no ids behind */
  for (size_t i = 0; i < t->n; i++) {
    struct kvc_request *r = &t->items[i];
    if (r->n_hash_ids > 0) r->hash_ids = hashes + used;
    used += r->n_hash_ids;
    r->after = (uint32_t)i;
  }
  if (t->unsorted) qsort(t->items, t->n, sizeof *t->items, by_arrival);
  const int64_t first = t->items[0].arrival_ns;
  size_t n = 0;
  for (; n < t->n; n++) {
    t->items[n].arrival_ns -= first;
    t->items[n].after = 0;
    if (t->options->duration_s > 0 &&
        (double)t->items[n].arrival_ns > t->options->duration_s * 1e9)
      break;
  }
  struct kvc_request *items = kvc_arena_alloc(arena, n, sizeof *items);
  if (items == NULL) return kvc_arena_full(arena, t->path, err);
  memcpy(items, t->items, n * sizeof *items);
  *out = (struct kvc_traffic){.items = items,
                              .n = n,
                              .hash_unit = unit_of(t),
                              .passed_over = t->passed_over,
                              .too_short = t->too_short,
                              .untimed = !t->timed,
                              .unsized = t->unsized,
                              .how = t->how};
  return KVC_E_OK;
}

static enum kvc_trace_kind guess(const char *text, size_t len)
{
  size_t i = 0;
  while (i < len &&
         (text[i] == ' ' || text[i] == '\n' || text[i] == '\r' || text[i] == '\t'))
    i++;
  if (i == len || (text[i] != '{' && text[i] != '['))
    return trace_is_windows(text, len) ? KVC_TRACE_WINDOWS : KVC_TRACE_CSV;
  const enum kvc_trace_kind drawn = trace_distribution_of(text + i, len - i);
  if (drawn != KVC_TRACE_AUTO) return drawn;
  if (text[i] == '[') return KVC_TRACE_LENGTHS;
  return trace_is_bench(text, len) ? KVC_TRACE_BENCH : KVC_TRACE_JSONL;
}

typedef kvc_code trace_reader(struct trace *t, const char *text, size_t len,
                              struct kvc_err *err);

static trace_reader *reader_of(enum kvc_trace_kind kind)
{
  switch (kind) {
  case KVC_TRACE_JSONL: return trace_read_jsonl;
  case KVC_TRACE_BENCH: return trace_read_bench;
  case KVC_TRACE_LENGTHS: return trace_read_lengths;
  case KVC_TRACE_WINDOWS: return trace_read_windows;
  case KVC_TRACE_HISTOGRAMS: return trace_read_histograms;
  case KVC_TRACE_CDF: return trace_read_cdf;
  default: return trace_read_csv;
  }
}

kvc_code kvc_trace_read(struct kvc_arena *arena, const char *text, size_t len,
                        const char *path, const struct kvc_trace_options *options,
                        struct kvc_traffic *out, struct kvc_err *err)
{
  static const struct kvc_trace_options usual = {.kind = KVC_TRACE_AUTO};
  struct trace t = {
      .path = path, .options = options != NULL ? options : &usual, .arena = arena};
  if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) text += 3, len -= 3;
  if (len >= 2 && memcmp(text, "\x1f\x8b", 2) == 0)
    return kvc_fail(err, KVC_E_PARSE, path, "is compressed; gunzip it first");
  enum kvc_trace_kind kind = t.options->kind;
  if (kind == KVC_TRACE_AUTO) kind = guess(text, len);
  kvc_code rc = reader_of(kind)(&t, text, len, err);
  if (rc == KVC_E_OK) rc = hand_over(arena, &t, out, err);
  free(t.items);
  free(t.hashes);
  return rc;
}
