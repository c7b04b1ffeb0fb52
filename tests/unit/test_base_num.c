/* test_base_num.c - strict numbers, units, versions.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/num.h>
#include <kvcap/version.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "tests/support/close.h"

static void tokens_follow_the_engines_spelling(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    int64_t want;
  } good[] = {{"8192", 8192},  {"8k", 8000},     {"8K", 8192}, {"1.5k", 1500},
              {"1M", 1048576}, {"25.6k", 25600}, {"-1", -1},   {"128k", 128000}};
  struct kvc_err err;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    int64_t got = 0;
    assert_int_equal(kvc_num_parse_tokens(good[i].text, "x", &got, &err), KVC_E_OK);
    assert_int_equal(got, good[i].want);
  }
  static const char *const bad[] = {"",    "k",     "8kk", "8 thousand", "0x10", "nan",
                                    "inf", "1e999", "1.5", "8k9",        " 8",   "--1"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    int64_t got = 77;
    assert_int_not_equal(kvc_num_parse_tokens(bad[i], "x", &got, &err), KVC_E_OK);
    assert_int_equal(got, 77); /* untouched */
    assert_true(strlen(err.msg) > 0);
  }
}

static void bytes_tell_decimal_from_binary(void **state)
{
  (void)state;
  struct kvc_err err;
  double got = 0;
  assert_int_equal(kvc_num_parse_bytes("80GB", "x", 0, &got, &err), KVC_E_OK);
  assert_close(got, 8e10, 0);
  assert_int_equal(kvc_num_parse_bytes("79.2 GiB", "x", 0, &got, &err), KVC_E_OK);
  assert_close(got, 79.2 * 1073741824.0, 1e-15);
  assert_int_equal(kvc_num_parse_bytes("40g", "x", 0, &got, &err), KVC_E_OK);
  assert_close(got, 40 * 1073741824.0, 0);
  assert_int_equal(kvc_num_parse_bytes("4", "x", KVC_GIB, &got, &err), KVC_E_OK);
  assert_close(got, 4 * 1073741824.0, 0);
  assert_int_equal(kvc_num_parse_bytes("80", "x", 0, &got, &err), KVC_E_PARSE);
  assert_int_equal(kvc_num_parse_bytes("80 parsecs", "x", 0, &got, &err), KVC_E_PARSE);
  assert_int_equal(kvc_num_parse_bytes("-1GB", "x", 0, &got, &err), KVC_E_RANGE);
}

static void quantities_need_their_unit(void **state)
{
  (void)state;
  struct kvc_err err;
  double got = 0;
  assert_int_equal(
      kvc_num_parse_quantity("3.35 TB/s", "x", KVC_Q_BYTES_PER_S, &got, &err), KVC_E_OK);
  assert_close(got, 3.35e12, 1e-15);
  assert_int_equal(kvc_num_parse_quantity("989 TFLOP/s", "x", KVC_Q_FLOPS, &got, &err),
                   KVC_E_OK);
  assert_close(got, 989e12, 1e-15);
  assert_int_equal(kvc_num_parse_quantity("80 GB", "x", KVC_Q_FLOPS, &got, &err),
                   KVC_E_PARSE);
  assert_int_equal(
      kvc_num_parse_quantity("1e300 TB/s", "x", KVC_Q_BYTES_PER_S, &got, &err),
      KVC_E_RANGE); /* found by fuzz_num: the product was infinite */
}

static void numbers_print_with_the_fewest_digits_that_read_back(void **state)
{
  (void)state;
  char text[KVC_NUM_TEXT];
  kvc_num_format(0.1, text);
  assert_string_equal(text, "0.1");
  kvc_num_format(68719476736.0, text);
  assert_string_equal(text, "68719476736");
  kvc_num_format(-0.0, text);
  assert_string_equal(text, "0");
  for (int i = 1; i < 2000; i++) {
    const double v = 1.0 / i * pow(10, i % 40 - 20);
    double back = 0;
    struct kvc_err err;
    kvc_num_format(v, text);
    assert_int_equal(kvc_num_parse(text, "x", &back, &err), KVC_E_OK);
    assert_true(back == v);
  }
}

static void scan_is(const char *text, double want, size_t want_used)
{
  double v = -1;
  size_t used = 99;
  if (!kvc_num_scan(text, strlen(text), &v, &used)) fail_msg("%s", text);
  if (isnan(want) ? !isnan(v) : !(v >= want && v <= want)) fail_msg("%s: %g", text, v);
  if (used != want_used) fail_msg("%s: %zu", text, used);
}

static void a_scan_reads_the_number_at_the_start(void **state)
{
  (void)state;
  scan_is("12.5 rest", 12.5, 4);
  scan_is("03.0", 3, 4);
  scan_is("-0.5e-3x", -0.0005, 7);
  scan_is("1.0322907136e+011", 103229071360.0, 17);
  scan_is(".5", 0.5, 2);
  scan_is("5.", 5, 2);
  scan_is("7e", 7, 1); /* no digits after it: not an exponent */
  scan_is("7e+", 7, 1);
  scan_is("+4,", 4, 2);
  scan_is("1.2.3", 1.2, 3);
  scan_is("NaN", NAN, 3);
  scan_is("+Inf\"", INFINITY, 4);
  scan_is("-infinity", -INFINITY, 9);
  scan_is("1e999", INFINITY, 5);
  scan_is("1e-999", 0, 6);
  scan_is("0e999999999999999999999", 0, 23);
  scan_is("0.000000000000000000000000000000000000000000001e45", 1, 50);
  scan_is("100000000000000000000000000000000000000000000e-44", 1, 49);
  static const char *const none[] = {"", "-", "+", ".", "e5", "in", "x1", "-.", " 1"};
  for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
    double v = 8;
    size_t used = 9;
    assert_false(kvc_num_scan(none[i], strlen(none[i]), &v, &used));
    assert_true(v >= 8 && v <= 8 && used == 9);
  }
}

/* It stops at the length, and reads what a strict parse of the same text reads. */
static void a_scan_agrees_with_the_strict_parse(void **state)
{
  (void)state;
  double v;
  size_t used;
  assert_true(kvc_num_scan("12345", 3, &v, &used));
  assert_true(v >= 123 && v <= 123 && used == 3);
  uint64_t seed = 42;
  for (int i = 0; i < 20000; i++) {
    char text[64];
    double want;
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    const long long whole = (long long)(seed >> (seed >> 58));
    const int exponent = (int)((seed >> 20) % 40) - 20;
    (void)snprintf(text, sizeof text, "%lld.%05de%d", whole, (int)((seed >> 33) % 100000),
                   exponent);
    assert_int_equal(kvc_num_parse(text, "x", &want, NULL), KVC_E_OK);
    scan_is(text, want, strlen(text));
  }
}

static struct kvc_version ver(const char *text)
{
  struct kvc_version v = {0};
  struct kvc_err err;
  assert_int_equal(kvc_version_parse(text, "x", &v, &err), KVC_E_OK);
  return v;
}

static void versions_of_every_build_are_read(void **state)
{
  (void)state;
  struct kvc_version v = ver("0.26.1rc1.dev156+g0eec856cc.d20260731");
  assert_int_equal(v.release[0], 0);
  assert_int_equal(v.release[1], 26);
  assert_int_equal(v.release[2], 1);
  assert_int_equal(v.stage, -1);
  assert_false(v.unreleased);
  assert_true(ver("0.1.dev18496+gd4e0675a7").unreleased);
  assert_int_equal(ver("0.6.3.post1").stage, 1);
  assert_int_equal(ver("0.10.1.1").release[2], 1);
  assert_int_equal(ver("v0.19").release[1], 19);
  assert_int_equal(ver("0.11.0+torch271").stage, 0);
  assert_int_equal(ver("0.8.5.dev22+g1575c1701").stage, -1);
  static const char *const bad[] = {"", "latest", "1..2", "0.x", "0.19.0foo", "-1.0"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct kvc_err err;
    assert_int_equal(kvc_version_parse(bad[i], "x", &v, &err), KVC_E_PARSE);
  }
}

static void release_candidates_carry_the_code_they_lead_to(void **state)
{
  (void)state;
  const struct kvc_version rc = ver("0.20.0rc1"), rel = ver("0.20.0"),
                           old = ver("0.19.0");
  assert_true(kvc_version_cmp(&rc, &rel) < 0);
  assert_true(kvc_version_in(&rc, &rel, NULL));
  assert_true(kvc_version_in(&old, NULL, &rel));
  assert_false(kvc_version_in(&rel, NULL, &rel)); /* half-open */
}

static void a_number_is_scanned_out_of_text_without_an_end(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    double want;
    size_t used;
  } good[] = {{"12.5 tokens/s", 12.5, 4},
              {"-0.50GiB", -0.5, 5},
              {"+3,", 3, 2},
              {".5", 0.5, 2},
              {"7.", 7, 2},
              {"1e3x", 1000, 3},
              {"2e", 2, 1},
              {"2e+", 2, 1},
              {"1.2.3", 1.2, 3},
              {"0.1", 0.1, 3},
              {"123456789012345678", 123456789012345678.0, 18},
              {"0.30000000000000004", 0.30000000000000004, 19},
              {"1e400", INFINITY, 5},
              {"1e-400", 0, 6},
              {"0e99999999999", 0, 13},
              {"-Infinity", -INFINITY, 9},
              {"infinit", INFINITY, 3},
              {"9007199254740993", 9007199254740992.0, 16}};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    double got = -1;
    size_t used = 99;
    if (!kvc_num_scan(good[i].text, strlen(good[i].text), &got, &used))
      fail_msg("%s is no number", good[i].text);
    if (got != good[i].want) fail_msg("%s is read as %.17g", good[i].text, got);
    assert_int_equal(used, good[i].used);
  }
  double got = 5;
  assert_true(kvc_num_scan("NaN", 3, &got, NULL));
  assert_true(isnan(got));
  assert_true(kvc_num_scan("123", 2, &got, NULL));
  assert_true(got == 12);
  static const char *const bad[] = {"", "-", ".", "e5", "x1", " 1", "na", "+-1", "in"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (kvc_num_scan(bad[i], strlen(bad[i]), &got, NULL)) fail_msg("\"%s\"", bad[i]);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tokens_follow_the_engines_spelling),
      cmocka_unit_test(bytes_tell_decimal_from_binary),
      cmocka_unit_test(quantities_need_their_unit),
      cmocka_unit_test(numbers_print_with_the_fewest_digits_that_read_back),
      cmocka_unit_test(a_number_is_scanned_out_of_text_without_an_end),
      cmocka_unit_test(a_scan_reads_the_number_at_the_start),
      cmocka_unit_test(a_scan_agrees_with_the_strict_parse),
      cmocka_unit_test(versions_of_every_build_are_read),
      cmocka_unit_test(release_candidates_carry_the_code_they_lead_to),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
