/* bench_kit.h - a text read, for the tests of results.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef BENCH_KIT_H
#define BENCH_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/bench.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/support/close.h"

struct bench_kit {
  struct kvc_arena arena;
  struct kvc_bench_set set;
  struct kvc_err err;
};

static inline int kit_setup(void **state)
{
  struct bench_kit *k = calloc(1, sizeof *k);
  kvc_arena_init(&k->arena, (size_t)512 << 20);
  *state = k;
  return 0;
}

static inline int kit_teardown(void **state)
{
  struct bench_kit *k = *state;
  kvc_arena_clear(&k->arena);
  free(k);
  return 0;
}

/* From a block of exactly that size, so that a sanitizer sees the end. */
static inline kvc_code kit_try(struct bench_kit *k, const char *text, size_t len)
{
  char *exact = malloc(len > 0 ? len : 1);
  if (exact == NULL) abort();
  memcpy(exact, text, len);
  const struct kvc_bench_source source = {exact, len, "result"};
  k->set.n_records = 0;
  k->err.msg[0] = '\0';
  const kvc_code rc = kvc_bench_read(&k->arena, &source, &k->set, &k->err);
  assert_int_equal(kvc_bench_looks(exact, len), rc == KVC_E_OK);
  free(exact);
  return rc;
}

static inline const struct kvc_bench *kit_read(struct bench_kit *k, const char *text)
{
  if (kit_try(k, text, strlen(text)) != KVC_E_OK) fail_msg("%s", k->err.msg);
  assert_true(k->set.n_records > 0);
  return &k->set.records[0];
}

static inline void kit_refused(struct bench_kit *k, const char *text, kvc_code code,
                               const char *says)
{
  const kvc_code rc = kit_try(k, text, strlen(text));
  if (rc != code || strstr(k->err.msg, says) == NULL)
    fail_msg("%s: \"%s\" for %.60s", kvc_err_name(rc), k->err.msg, text);
}

static inline bool kit_notes(const struct bench_kit *k, const char *says)
{
  for (size_t i = 0; i < k->set.n_notes; i++)
    if (strstr(k->set.notes[i], says) != NULL) return true;
  return false;
}

static inline const char *kit_extra(const struct kvc_bench *r, const char *key)
{
  for (size_t i = 0; i < r->n_extras; i++)
    if (strcmp(r->extras[i].key, key) == 0) return r->extras[i].value;
  return "(none)";
}

#define KIT_TEST(test) cmocka_unit_test_setup_teardown(test, kit_setup, kit_teardown)

#endif
