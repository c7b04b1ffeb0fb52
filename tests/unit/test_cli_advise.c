/* test_cli_advise.c - where advise and launch get the load from.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/profile.h>
#include <math.h>
#include <string.h>
#include "src/cli/advise.h"
#include "tests/support/close.h"

static kvc_code lengths(const char *text, size_t len, struct kvc_demand *out,
                        struct kvc_err *err)
{
  *out = (struct kvc_demand){0};
  FILE *f = fmemopen((void *)(uintptr_t)text, len, "rb");
  if (f == NULL) fail_msg("no memory");
  const kvc_code rc = advise_lengths_read(f, "lengths.csv", out, err);
  (void)fclose(f);
  return rc;
}

/* 90 requests of 100 + 10, 10 of 1000 + 50: mean 190, variance 0.9 * 0.1 * 900^2. */
static void lengths_give_mean_spread_and_percentiles(void **state)
{
  (void)state;
  static const char text[] = "prompt,output,count\n100,10,90\n\n1000;50;4\n"
                             "1000 50 6";
  struct kvc_demand d;
  struct kvc_err err;
  assert_int_equal(lengths(text, sizeof text - 1, &d, &err), KVC_E_OK);
  assert_close(d.load.prompt_tok, 190, 1e-12);
  assert_close(d.load.output_tok, 14, 1e-12);
  assert_close(d.load.prompt_cv, sqrt(0.09) * 900 / 190, 1e-9);
  assert_true(d.prompt_p50_tok >= 100 && d.prompt_p50_tok <= 101);
  assert_true(d.prompt_p95_tok >= 1000 && d.prompt_p95_tok <= 1010);
  assert_true(d.prompt_p99_tok >= 1000 && d.prompt_p99_tok <= 1010);
}

static void bad_lengths_are_refused_with_the_line(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    size_t len;
    kvc_code rc;
    int line;
    const char *says;
  } rows[] = {
#define ROW(text, rc, line, says) {text, sizeof text - 1, rc, line, says}
      ROW("prompt,output\n", KVC_E_PARSE, 0, "no pair"),
      ROW("0,0\n", KVC_E_PARSE, 0, "no pair"),
      ROW("1,2\nx,y\n", KVC_E_PARSE, 2, "prompt,output"),
      ROW("1,2\n3\n", KVC_E_PARSE, 2, "prompt,output"),
      ROW("1,2\n-3,4\n", KVC_E_RANGE, 2, "-3"),
      ROW("1,2e9\n", KVC_E_RANGE, 1, "2e+09"),
      ROW("1,2\n3\0,4\n5,6\n", KVC_E_LIMIT, 2, "no text"),
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct kvc_demand d;
    struct kvc_err err = {0};
    assert_int_equal(lengths(rows[i].text, rows[i].len, &d, &err), rows[i].rc);
    assert_int_equal(err.line, rows[i].line);
    if (strstr(err.msg, rows[i].says) == NULL) fail_msg("case %zu: %s", i, err.msg);
  }
}

static void a_long_line_is_refused(void **state)
{
  (void)state;
  char text[2048];
  struct kvc_demand d;
  struct kvc_err err;
  memset(text, '1', sizeof text);
  assert_int_equal(lengths(text, sizeof text, &d, &err), KVC_E_LIMIT);
  assert_int_equal(err.line, 1);
}

static void a_workload_file_is_checked(void **state)
{
  (void)state;
  static const struct {
    const char *text, *says;
  } rows[] = {
      {"name: a\nprompt_mean_tok: 10\n", "output_mean_tok"},
      {"name: a\nprompt_mean_tok: .nan\noutput_mean_tok: 1\n", "prompt_mean_tok"},
      {"name: a\nprompt_mean_tok: 10\noutput_mean_tok: 1\ngoal: fast\n", "latency"},
      {"name: a\nprompt_mean_tok: 10\noutput_mean_tok: 1\nturn: 3\n", "turns"},
      {"name: a\nprompt_mean_tok: 10\noutput_mean_tok: 1\nturns: -3\n", "turns"},
  };
  struct kvc_arena arena;
  struct kvc_demand d;
  struct kvc_err err;
  kvc_arena_init(&arena, 1 << 20);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const kvc_code rc =
        kvc_workload_read(&arena, rows[i].text, strlen(rows[i].text), "w.yaml", &d, &err);
    assert_int_not_equal(rc, KVC_E_OK);
    if (strstr(err.msg, rows[i].says) == NULL) fail_msg("case %zu: %s", i, err.msg);
  }
  static const char good[] = "name: a\nprompt_mean_tok: 10\noutput_mean_tok: 2\n";
  assert_int_equal(kvc_workload_read(&arena, good, sizeof good - 1, "w.yaml", &d, &err),
                   KVC_E_OK);
  assert_close(d.load.output_tok, 2, 0);
  kvc_arena_clear(&arena);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lengths_give_mean_spread_and_percentiles),
      cmocka_unit_test(bad_lengths_are_refused_with_the_line),
      cmocka_unit_test(a_long_line_is_refused),
      cmocka_unit_test(a_workload_file_is_checked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
