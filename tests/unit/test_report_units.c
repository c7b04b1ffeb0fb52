/* test_report_units.c - numbers as people read them, and quotes that hold.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <kvcap/num.h>
#include <kvcap/report.h>
#include <math.h>
#include <string.h>

#include <cmocka.h>

static void every_unit_prints_its_hand_worked_figure(void **state)
{
  (void)state;
  static const struct {
    double value;
    enum kvc_unit unit;
    const char *text;
  } rows[] = {
      {14.96 * 1073741824.0, KVC_U_BYTES, "14.96 GiB"},
      {131072, KVC_U_BYTES, "128 KiB"},
      {656, KVC_U_BYTES, "656 B"},
      {72090, KVC_U_BYTES, "70.4 KiB"}, /* 72090 / 1024 = 70.4004 */
      {24 * 1048576.0, KVC_U_BYTES, "24 MiB"},
      {0, KVC_U_BYTES, "0.00 GiB"},
      {-3.2 * 1073741824.0, KVC_U_BYTES, "-3.20 GiB"},
      {425632, KVC_U_COUNT, "425,632"},
      {999, KVC_U_COUNT, "999"},
      {1000, KVC_U_COUNT, "1,000"},
      {1234567.25, KVC_U_COUNT, "1,234,567.2"},
      {137.5, KVC_U_COUNT, "137.5"},
      {-1234, KVC_U_COUNT, "-1,234"},
      {0.189, KVC_U_FRAC, "18.9 %"},
      {0.3, KVC_U_FRAC, "30 %"},
      {0.00012, KVC_U_FRAC, "0.012 %"},
      {51.956, KVC_U_RATIO, "51.96x"},
      {8.03e9, KVC_U_PARAMS, "8.03 B"},
      {671e9, KVC_U_PARAMS, "671 B"},
      {494e6, KVC_U_PARAMS, "494 M"},
      {1.29, KVC_U_USD_PER_H, "$1.29/h"},
      {1234.5, KVC_U_USD, "1,234.50"},
      {0.0912, KVC_U_USD, "0.091"},
      {0.0034, KVC_U_USD, "0.0034"},
      {0, KVC_U_USD, "0.00"},
      {0.1, KVC_U_NONE, "0.1"},
      {(double)NAN, KVC_U_COUNT, "unknown"},
      {(double)INFINITY, KVC_U_BYTES, "unknown"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char text[KVC_UNIT_TEXT];
    kvc_unit_format(rows[i].value, rows[i].unit, text);
    assert_string_equal(text, rows[i].text);
  }
}

static void the_largest_doubles_fit_their_buffer(void **state)
{
  (void)state;
  const double values[] = {1e300, -1e300, 1e17, -1e17, 5e-324, 1.7976931348623157e308};
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
    for (int unit = KVC_U_NONE; unit <= KVC_U_USD; unit++) {
      char text[KVC_UNIT_TEXT];
      kvc_unit_format(values[i], (enum kvc_unit)unit, text);
      assert_true(strlen(text) < KVC_UNIT_TEXT);
    }
}

typedef void escape(struct kvc_buf *out, const char *text);

static void expect(escape *how, const char *text, const char *want)
{
  struct kvc_buf out;
  kvc_buf_init(&out, 4096);
  how(&out, text);
  assert_string_equal(out.text, want);
  kvc_buf_clear(&out);
}

static void a_hostile_name_is_inert_in_json(void **state)
{
  (void)state;
  expect(kvc_escape_json, "$(id)\"<b>", "\"$(id)\\\"<b>\"");
  expect(kvc_escape_json, "a\\b\n\t\x01", "\"a\\\\b\\n\\t\\u0001\"");
  expect(kvc_escape_json, "\x1b[31m\x7f", "\"\\u001b[31m\\u007f\"");
  expect(kvc_escape_json, "\xff\xc0\xaf", "\"\\ufffd\\ufffd\\ufffd\"");
  expect(kvc_escape_json, "\xe2\x80\xae", "\"\\u202e\""); /* right-to-left override */
  expect(kvc_escape_json, "\xc3\xa9\xe4\xb8\xad", "\"\xc3\xa9\xe4\xb8\xad\"");
  expect(kvc_escape_json, "", "\"\"");
}

static void yaml_text_is_quoted_when_it_would_be_something_else(void **state)
{
  (void)state;
  static const char *const quoted[] = {"true", "No",  "null", "~",    "1.5",       "0x10",
                                       "",     " a",  "a ",   "a: b", "a #b",      "- a",
                                       "{a}",  "&a",  "*a",   "!a",   "%a",        "@a",
                                       "y",    "Off", ".inf", "12e3", "2026-01-01"};
  for (size_t i = 0; i < sizeof quoted / sizeof quoted[0]; i++) {
    struct kvc_buf out;
    kvc_buf_init(&out, 256);
    kvc_escape_yaml(&out, quoted[i]);
    assert_int_equal(out.text[0], '"');
    kvc_buf_clear(&out);
  }
  expect(kvc_escape_yaml, "bfloat16", "bfloat16");
  expect(kvc_escape_yaml, "meta-llama/Llama-3.1-8B", "meta-llama/Llama-3.1-8B");
  expect(kvc_escape_yaml, "$(id)\"<b>", "\"$(id)\\\"<b>\"");
}

static void shell_words_are_quoted_when_they_must_be(void **state)
{
  (void)state;
  expect(kvc_escape_shell, "meta-llama/Llama-3.1-8B", "meta-llama/Llama-3.1-8B");
  expect(kvc_escape_shell, "$(id)\"<b>", "'$(id)\"<b>'");
  expect(kvc_escape_shell, "it's", "'it'\\''s'");
  expect(kvc_escape_shell, "", "''");
  expect(kvc_escape_shell, "a b", "'a b'");
}

static void utf8_terminal(struct kvc_buf *out, const char *text)
{
  kvc_escape_terminal(out, text, true);
}

static void ascii_terminal(struct kvc_buf *out, const char *text)
{
  kvc_escape_terminal(out, text, false);
}

static void a_terminal_sees_no_control_character(void **state)
{
  (void)state;
  expect(utf8_terminal, "\x1b[31mred\a", "\\x1b[31mred\\x07");
  expect(utf8_terminal, "\xc2\x9b", "\\u009b"); /* one-byte CSI */
  expect(utf8_terminal, "a\xe2\x80\xae z", "a\\u202e z");
  expect(utf8_terminal, "\xff", "\\xff");
  expect(utf8_terminal, "caf\xc3\xa9", "caf\xc3\xa9");
  expect(ascii_terminal, "2 \xc3\x97 3 \xe2\x89\xa4 6", "2 x 3 <= 6");
  expect(ascii_terminal, "\xe4\xb8\xad", "?");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_unit_prints_its_hand_worked_figure),
      cmocka_unit_test(the_largest_doubles_fit_their_buffer),
      cmocka_unit_test(a_hostile_name_is_inert_in_json),
      cmocka_unit_test(yaml_text_is_quoted_when_it_would_be_something_else),
      cmocka_unit_test(shell_words_are_quoted_when_they_must_be),
      cmocka_unit_test(a_terminal_sees_no_control_character),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
