/* bench.c - the lists of a detailed benchmark result as a load.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * "input_lens", "output_lens" and, in newer results, "start_times" in seconds of a clock
 * without a date.  A failed request made nothing and is passed over with those.  Files
 * to which results were appended hold one object after another: that is refused, for the
 * runs were not one load.
 */
#include "trace_room.h"
#include <stdlib.h>
#include <string.h>

struct list {
  double *items;
  size_t n, room;
  bool there;
};

enum { PROMPTS, OUTPUTS, STARTS, LISTS };
static const char *const keys[LISTS] = {"input_lens", "output_lens", "start_times"};

bool trace_is_bench(const char *text, size_t len)
{
  static const char key[] = "\"input_lens\"";
  const size_t n = sizeof key - 1;
  struct trace_json first = {text, text + len, 1, ""};
  /* Only the first object is looked at: a trace of a million lines has small ones. */
  if (trace_json_skip(&first, NULL) == KVC_E_OK) len = (size_t)(first.p - text);
  /* In a text that was generated the quotes are escaped: the second one does not match.
   */
  for (const char *p = text; (size_t)(text + len - p) >= n; p++) {
    p = memchr(p, '"', len - (size_t)(p - text));
    if (p == NULL || (size_t)(text + len - p) < n) return false;
    if (memcmp(p, key, n) == 0) return true;
  }
  return false;
}

static kvc_code numbers(struct trace_json *j, struct list *list, struct kvc_err *err)
{
  bool more;
  KVC_TRY(trace_json_open(j, '[', &more, err));
  list->there = true;
  while (more) {
    double x = 0;
    if (trace_json_peek(j) == 'n') /* null: a request that never began */
      KVC_TRY(trace_json_skip(j, err));
    else
      KVC_TRY(trace_json_number(j, &x, err));
    if (!trace_room((void **)&list->items, list->n, &list->room, sizeof *list->items))
      return kvc_fail(err, KVC_E_LIMIT, j->path, "The machine gave no more memory.");
    list->items[list->n++] = x;
    KVC_TRY(trace_json_more(j, ']', &more, err));
  }
  return KVC_E_OK;
}

static size_t list_of(const struct trace_span *key)
{
  size_t i = 0;
  while (i < LISTS &&
         (strlen(keys[i]) != key->len || memcmp(keys[i], key->text, key->len) != 0))
    i++;
  return i;
}

static kvc_code object(struct trace_json *j, struct list lists[LISTS],
                       struct kvc_err *err)
{
  bool more;
  KVC_TRY(trace_json_open(j, '{', &more, err));
  while (more) {
    struct trace_span key;
    KVC_TRY(trace_json_string(j, &key, err));
    KVC_TRY(trace_json_expect(j, ':', err));
    const size_t i = list_of(&key);
    if (i < LISTS && trace_json_peek(j) == '[' && !lists[i].there)
      KVC_TRY(numbers(j, &lists[i], err));
    else
      KVC_TRY(trace_json_skip(j, err));
    KVC_TRY(trace_json_more(j, '}', &more, err));
  }
  if (trace_json_peek(j) != '\0' || j->p < j->end)
    return kvc_fail_at(err, KVC_E_PARSE, j->path, j->line, 0,
                       "A second result begins here; give a file that holds one run.");
  return KVC_E_OK;
}

static kvc_code rows(struct trace *t, const struct list lists[LISTS], struct kvc_err *err)
{
  const struct list *starts = &lists[STARTS];
  const size_t n = lists[PROMPTS].n;
  if (lists[OUTPUTS].n != n || (starts->n > 0 && starts->n != n))
    return kvc_fail(err, KVC_E_PARSE, t->path,
                    "input_lens has %zu entries, output_lens %zu, start_times %zu; they "
                    "must be as many.",
                    n, lists[OUTPUTS].n, starts->n);
  for (size_t i = 0; i < n && !t->full; i++) {
    struct trace_row row;
    trace_row_init(&row);
    row.prompt_tok = lists[PROMPTS].items[i];
    row.output_tok = lists[OUTPUTS].items[i];
    if (starts->n > 0 && !trace_time(starts->items[i], 1e9, &row.arrival_ns))
      return kvc_fail(err, KVC_E_RANGE, t->path, "Entry %zu of start_times is no time.",
                      i + 1);
    KVC_TRY(trace_add(t, &row, 1, err));
  }
  return KVC_E_OK;
}

kvc_code trace_read_bench(struct trace *t, const char *text, size_t len,
                          struct kvc_err *err)
{
  struct trace_json j = {text, text + len, 1, t->path};
  struct list lists[LISTS] = {0};
  kvc_code rc = object(&j, lists, err);
  if (rc == KVC_E_OK) rc = rows(t, lists, err);
  for (size_t i = 0; i < LISTS; i++) free(lists[i].items);
  return rc;
}
