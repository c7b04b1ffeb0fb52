/* test_profile_tunes.c - the user's thresholds and severities are read strictly.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/tune.h>
#include <string.h>
#include "tests/support/close.h"

static kvc_code read(struct kvc_arena *arena, const char *text,
                     struct kvc_rule_tune **out, size_t *n, struct kvc_err *err)
{
  return kvc_tunes_read(arena, text, strlen(text), "rules.yaml", out, n, err);
}

static void limits_and_severities_are_taken_as_written(void **state)
{
  (void)state;
  struct kvc_arena arena;
  struct kvc_rule_tune *t;
  struct kvc_err err;
  size_t n;
  kvc_arena_init(&arena, 1 << 20);
  assert_int_equal(read(&arena,
                        "rules:\n"
                        "  KVU001: {limit: 0.95}\n"
                        "  seats-unused: {severity: off}\n"
                        "  LAT001: {limit: 0.8, severity: error}\n",
                        &t, &n, &err),
                   KVC_E_OK);
  assert_int_equal(n, 3);
  assert_string_equal(t[0].id, "KVU001");
  assert_true(t[0].has_limit && !t[0].off && !t[0].has_severity);
  assert_close(t[0].limit, 0.95, 1e-12);
  assert_int_equal(t[0].line, 2);
  assert_true(t[1].off && !t[1].has_limit);
  assert_true(t[2].has_severity && t[2].severity == 2);
  kvc_arena_clear(&arena);
}

static void what_is_wrong_is_named_with_its_place(void **state)
{
  static const struct {
    const char *text, *says;
    int line;
  } bad[] = {
      {"rules:\n  A: {limt: 1}\n", "limit", 2},
      {"rules:\n  A: {severity: fatal}\n", "off, hint, warning or error", 2},
      {"rules:\n  A: {limit: high}\n", "must be a number", 2},
      {"rules:\n  A: {limit: .nan}\n", "must be a number", 2},
      {"rules: [A]\n", "mapping", 1},
      {"rule: {}\n", "rules", 1},
      {"rules:\n  A: {limit: 1}\n  A: {limit: 2}\n", "second time", 3},
  };
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct kvc_arena arena;
    struct kvc_rule_tune *t = NULL;
    struct kvc_err err = {0};
    size_t n = 7;
    kvc_arena_init(&arena, 1 << 20);
    if (read(&arena, bad[i].text, &t, &n, &err) == KVC_E_OK) fail_msg("%s", bad[i].text);
    if (strstr(err.msg, bad[i].says) == NULL || err.line != bad[i].line)
      fail_msg("%s: line %d: %s", bad[i].text, err.line, err.msg);
    assert_null(t);
    assert_int_equal(n, 7);
    kvc_arena_clear(&arena);
  }
}

static void want_of_memory_ends_well(void **state)
{
  (void)state;
  for (size_t cap = 0;; cap += 16) {
    struct kvc_arena arena;
    struct kvc_rule_tune *t;
    struct kvc_err err;
    size_t n;
    kvc_arena_init(&arena, cap);
    const kvc_code rc =
        read(&arena, "rules: {A: {limit: 1}, B: {severity: off}}", &t, &n, &err);
    kvc_arena_clear(&arena);
    if (rc == KVC_E_OK) break;
    assert_int_equal(rc, KVC_E_LIMIT);
    assert_true(cap < 1 << 20);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(limits_and_severities_are_taken_as_written),
      cmocka_unit_test(what_is_wrong_is_named_with_its_place),
      cmocka_unit_test(want_of_memory_ends_well),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
