/* trace_kit.h - recorded loads read inside a test.  Include after cmocka.h.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_TESTS_TRACE_KIT_H
#define KVC_TESTS_TRACE_KIT_H

#include <kvcap/traffic.h>
#include <string.h>

#define S INT64_C(1000000000)

static struct kvc_arena arena;

static int setup(void **state)
{
  (void)state;
  kvc_arena_init(&arena, 1 << 26);
  return 0;
}

static int teardown(void **state)
{
  (void)state;
  kvc_arena_clear(&arena);
  return 0;
}

static inline struct kvc_traffic read_with(const char *text,
                                           const struct kvc_trace_options *o)
{
  struct kvc_traffic t = {0};
  struct kvc_err err = {0};
  const kvc_code rc = kvc_trace_read(&arena, text, strlen(text), "t", o, &t, &err);
  assert_string_equal(err.msg, "");
  assert_int_equal(rc, KVC_E_OK);
  return t;
}

#endif
