/* serverlog_kit.h - what the tests of src/serverlog/ share.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_TESTS_SERVERLOG_KIT_H
#define KVC_TESTS_SERVERLOG_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/serverlog.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READ_CAP = 64 << 20 };

struct read {
  struct kvc_arena arena;
  struct kvc_serverlog log;
  struct kvc_err err;
  kvc_code rc;
};

static inline struct read *read_pieces(const char *text, size_t len, size_t piece)
{
  struct read *k = calloc(1, sizeof *k);
  struct kvc_log_reader *r;
  if (k == NULL) fail_msg("no memory");
  kvc_arena_init(&k->arena, READ_CAP);
  assert_int_equal(kvc_log_open(&k->arena, "test", &r, &k->err), KVC_E_OK);
  for (size_t i = 0; i < len; i += piece)
    kvc_log_feed(r, text + i, len - i < piece ? len - i : piece);
  k->rc = kvc_log_finish(r, &k->log, &k->err);
  return k;
}

/* The text read as one piece; it has to be a server's. */
static inline struct read *read_log(const char *text)
{
  struct read *k = read_pieces(text, strlen(text), SIZE_MAX / 2);
  if (k->rc != KVC_E_OK) fail_msg("%s in: %.200s", k->err.msg, text);
  return k;
}

static inline void read_free(struct read *k)
{
  kvc_arena_clear(&k->arena);
  free(k);
}

static inline void is_about(double got, double want, const char *what, int line)
{
  if (isnan(want) ? !isnan(got) : !(fabs(got - want) <= 1e-9 * (1 + fabs(want))))
    fail_msg("line %d: %s is %.17g, not %.17g", line, what, got, want);
}
#define IS(got, want) is_about((got), (want), #got, __LINE__)
#define SAYS_NOT(got) is_about((got), (double)NAN, #got, __LINE__)

static inline const struct kvc_log_event *event_of(const struct read *k,
                                                   enum kvc_log_kind kind)
{
  for (size_t i = 0; i < k->log.n_events; i++)
    if (k->log.events[i].kind == kind) return &k->log.events[i];
  return NULL;
}

static const double GIB = 1024.0 * 1024.0 * 1024.0;

#endif
