/* test_base_str.c - arena, text builder, names, suggestions, UTF-8, files.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/file.h>
#include <kvcap/str.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void arena_zeroes_aligns_and_keeps_to_its_cap(void **state)
{
  (void)state;
  struct kvc_arena a;
  kvc_arena_init(&a, 1000);
  unsigned char *p = kvc_arena_alloc(&a, 3, 7);
  assert_non_null(p);
  assert_int_equal((uintptr_t)p % 16, 0);
  for (size_t i = 0; i < 21; i++) assert_int_equal(p[i], 0);
  assert_null(kvc_arena_alloc(&a, 1, 2000));
  assert_null(kvc_arena_alloc(&a, SIZE_MAX, SIZE_MAX));
  assert_string_equal(kvc_arena_printf(&a, "%d-%s", 7, "x"), "7-x");
  assert_true(a.used_bytes <= 1000);
  struct kvc_err err;
  assert_int_equal(kvc_arena_full(&a, "t", &err), KVC_E_LIMIT);
  kvc_arena_clear(&a);
  assert_int_equal(a.used_bytes, 0);
}

static void builder_stops_at_its_cap(void **state)
{
  (void)state;
  struct kvc_buf b;
  kvc_buf_init(&b, 8);
  kvc_buf_puts(&b, "1234567");
  assert_false(b.full);
  kvc_buf_puts(&b, "8");
  assert_true(b.full);
  assert_string_equal(b.text, "1234567");
  kvc_buf_clear(&b);
}

static void names_ignore_case_and_separators(void **state)
{
  (void)state;
  char out[32];
  kvc_name_normalize("NVIDIA H100_80GB-HBM3", out, sizeof out);
  assert_string_equal(out, "nvidiah10080gbhbm3");
  assert_true(kvc_name_equal("RTX 4090", "rtx-4090"));
  assert_true(kvc_name_equal("a_", "A"));
  assert_false(kvc_name_equal("H100", "H200"));
  kvc_name_normalize("abcdef", out, 4);
  assert_string_equal(out, "abc");
}

static void edit_distance_counts_transpositions_once(void **state)
{
  (void)state;
  assert_int_equal(kvc_edit_distance("llama", "llama", 5), 0);
  assert_int_equal(kvc_edit_distance("lalma", "llama", 5), 1);
  assert_int_equal(kvc_edit_distance("h10", "h100", 5), 1);
  assert_int_equal(kvc_edit_distance("kitten", "sitting", 5), 3);
  assert_int_equal(kvc_edit_distance("a", "bcdefgh", 3), 4);
}

static void suggestions_come_best_first(void **state)
{
  (void)state;
  static const char *const names[] = {"H100-SXM5-80GB", "H200", "L40S", "A100", "H20"};
  size_t out[3];
  assert_int_equal(kvc_did_you_mean("H20O", names, 5, out, 3) > 0, 1);
  assert_true(out[0] == 1 || out[0] == 4);
  assert_int_equal(kvc_did_you_mean("zzzzzz", names, 5, out, 3), 0);
  const size_t n = kvc_did_you_mean("H100", names, 5, out, 3);
  assert_true(n >= 1);
  static const char *const twice[] = {"abcd", "abcd", "abce"};
  assert_int_equal(kvc_did_you_mean("abcf", twice, 3, out, 3), 2);
}

static void utf8_refuses_overlong_and_surrogates(void **state)
{
  (void)state;
  assert_true(kvc_utf8_valid("gr\xc3\xbc\xc3\x9f", 6));
  assert_true(kvc_utf8_valid("\xf0\x9f\x98\x80", 4));
  assert_false(kvc_utf8_valid("\xc0\x80", 2));
  assert_false(kvc_utf8_valid("\xed\xa0\x80", 3));
  assert_false(kvc_utf8_valid("\xe2\x82", 2));
  assert_false(kvc_utf8_valid("\xff", 1));
}

static void files_are_read_within_the_limit_and_replaced_whole(void **state)
{
  (void)state;
  char dir[] = "kvc-test-XXXXXX", path[64];
  assert_non_null(mkdtemp(dir));
  (void)snprintf(path, sizeof path, "%s/f", dir);
  struct kvc_err err;
  struct kvc_arena a;
  kvc_arena_init(&a, 1 << 20);
  char *text = NULL;
  size_t len = 0;
  assert_int_equal(kvc_file_write(path, "hello", 5, &err), KVC_E_OK);
  assert_int_equal(kvc_file_read_into(&a, path, 100, &text, &len, &err), KVC_E_OK);
  assert_int_equal(len, 5);
  assert_string_equal(text, "hello");
  assert_int_equal(kvc_file_read_into(&a, path, 4, &text, &len, &err), KVC_E_LIMIT);
  assert_int_equal(kvc_file_read_into(&a, dir, 4, &text, &len, &err), KVC_E_IO);
  assert_int_equal(kvc_file_read_into(&a, "no-such-file", 4, &text, &len, &err),
                   KVC_E_IO);
  assert_int_equal(kvc_file_write("no-such-dir/x", "y", 1, &err), KVC_E_IO);
  /* a device is written, never replaced; a full one says so */
  assert_int_equal(kvc_file_write("/dev/null", "y", 1, &err), KVC_E_OK);
  assert_int_equal(kvc_file_write("/dev/full", "y", 1, &err), KVC_E_IO);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(rmdir(dir), 0); /* nothing half-written is left */
  kvc_arena_clear(&a);
}

static void every_error_has_a_name_and_a_documented_status(void **state)
{
  (void)state;
  for (int i = 0; i < (int)KVC_E_COUNT_; i++) {
    const int status = kvc_err_status((kvc_code)i);
    assert_true(status == 0 || (status >= 2 && status <= 5) || status == 70);
    assert_true(strlen(kvc_err_name((kvc_code)i)) > 0);
    assert_true(strlen(kvc_err_text((kvc_code)i)) > 0);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(arena_zeroes_aligns_and_keeps_to_its_cap),
      cmocka_unit_test(builder_stops_at_its_cap),
      cmocka_unit_test(names_ignore_case_and_separators),
      cmocka_unit_test(edit_distance_counts_transpositions_once),
      cmocka_unit_test(suggestions_come_best_first),
      cmocka_unit_test(utf8_refuses_overlong_and_surrogates),
      cmocka_unit_test(files_are_read_within_the_limit_and_replaced_whole),
      cmocka_unit_test(every_error_has_a_name_and_a_documented_status),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
