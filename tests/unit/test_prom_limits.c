/* test_prom_limits.c - hostile pages end fast with one clear sentence.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "prom_kit.h"

static struct kvc_buf text;

static int fresh(void **state)
{
  kvc_buf_init(&text, (size_t)128 << 20);
  return kit_fresh(state);
}

static int clear(void **state)
{
  kvc_buf_clear(&text);
  return kit_clear(state);
}

#define LIMIT(test) cmocka_unit_test_setup_teardown(test, fresh, clear)

static void refused(kvc_code code, int line, const char *words)
{
  assert_int_equal(kit_try(text.text, text.len), code);
  assert_int_equal(kit_err.line, line);
  if (strstr(kit_err.msg, words) == NULL) fail_msg("%s", kit_err.msg);
}

static void fill(char c, size_t n)
{
  static char block[1 << 16];
  memset(block, c, sizeof block);
  for (; n > 0; n -= n < sizeof block ? n : sizeof block)
    kvc_buf_add(&text, block, n < sizeof block ? n : sizeof block);
}

static void a_line_of_100_megabytes_is_refused(void **state)
{
  (void)state;
  fill('a', 100000000);
  refused(KVC_E_LIMIT, 0, "100000000 bytes long");
}

static void a_line_of_2_megabytes_is_refused(void **state)
{
  (void)state;
  kvc_buf_puts(&text, "vllm:num_requests_running 1\nx{a=\"");
  fill('a', 2000000);
  kvc_buf_puts(&text, "\"} 1\n");
  refused(KVC_E_LIMIT, 2, "bytes in one line");
}

static void a_million_labels_are_refused(void **state)
{
  (void)state;
  kvc_buf_puts(&text, "x{");
  for (int i = 0; i < 100000; i++) kvc_buf_printf(&text, "a%d=\"\",", i);
  kvc_buf_puts(&text, "} 1\n");
  refused(KVC_E_LIMIT, 1, "more than 128 labels of one sample");
}

static void as_many_labels_as_allowed_are_read(void **state)
{
  (void)state;
  kvc_buf_puts(&text, "x{");
  for (int i = 0; i < KVC_PROM_MAX_LABELS; i++)
    kvc_buf_printf(&text, "a%d=\"%d\",", i, i);
  kvc_buf_puts(&text, "} 1\n");
  kit_read_len(text.text, text.len);
  assert_int_equal(kit_page.series[0].n_labels, KVC_PROM_MAX_LABELS);
}

static void a_million_series_are_refused(void **state)
{
  (void)state;
  for (int i = 0; i < 1000000; i++) kvc_buf_printf(&text, "x{a=\"%d\"} 1\n", i);
  refused(KVC_E_LIMIT, KVC_PROM_MAX_SERIES + 1, "more than 65536 series");
}

static void a_million_families_are_refused(void **state)
{
  (void)state;
  for (int i = 0; i < 1000000; i++) kvc_buf_printf(&text, "# TYPE x%d gauge\n", i);
  refused(KVC_E_LIMIT, KVC_PROM_MAX_SERIES + 1, "families");
}

static void a_million_samples_of_one_series_are_read(void **state)
{
  (void)state;
  for (int i = 0; i < 1000000; i++) kvc_buf_printf(&text, "x{a=\"b\"} %d\n", i);
  kit_read_len(text.text, text.len);
  assert_int_equal(kit_page.n_series, 1);
  kit_is(kit_page.series[0].value, 999999);
  assert_true(kit_told("999999 samples stand in the text again"));
}

/* The worst order for a list that is kept sorted. */
static void buckets_in_falling_order_are_bounded(void **state)
{
  (void)state;
  for (int i = 1000000; i > 0; i--) kvc_buf_printf(&text, "x_bucket{le=\"%d\"} 1\n", i);
  refused(KVC_E_LIMIT, 513, "buckets of one histogram");
}

static void a_million_lines_of_noise_make_one_problem(void **state)
{
  (void)state;
  kvc_buf_puts(&text, "x 1\n");
  for (int i = 0; i < 1000000; i++)
    kvc_buf_puts(&text, "# # # # # # ? # HEL vllm vllm\n? # # #\n");
  kit_read_len(text.text, text.len);
  assert_int_equal(kit_page.n_problems, 1);
  assert_int_equal(kit_page.problems[0].line, 3);
}

static void many_hashes_in_one_line_take_no_longer(void **state)
{
  (void)state;
  kvc_buf_puts(&text, "x 1\n? ");
  for (int i = 0; i < 100000; i++) kvc_buf_puts(&text, "# HELP ");
  kvc_buf_puts(&text, "\n? ");
  for (int i = 0; i < 100000; i++) kvc_buf_puts(&text, "# vllm: ");
  kit_read_len(text.text, text.len);
  assert_int_equal(kit_page.n_series, 1);
}

/* Any cap of the arena ends in success or in one clear refusal. */
static void any_cap_of_the_arena_is_survived(void **state)
{
  (void)state;
  for (int i = 0; i < 300; i++)
    kvc_buf_printf(&text,
                   "# HELP vllm:num_requests_running n\n# TYPE x%d gauge\n"
                   "x%d{a=\"\\\"%d\"} 1\nvllm:ttft_bucket{le=\"%d\"} %d\n",
                   i, i, i, i, i);
  size_t refusals = 0, cap = 1000;
  for (;; cap += cap / 3) {
    struct kvc_arena arena;
    struct kvc_page page;
    struct kvc_err err;
    const struct kvc_prom_source source = {text.text, text.len, "p", kit_metrics,
                                           kit_engine};
    kvc_arena_init(&arena, cap);
    const kvc_code rc = kvc_prom_read(&arena, &source, &page, &err);
    kvc_arena_clear(&arena);
    if (rc == KVC_E_OK) break;
    assert_int_equal(rc, KVC_E_LIMIT);
    refusals++;
  }
  assert_true(refusals > 5 && cap < (size_t)16 << 20);
}

static void json_of_40_megabytes_is_refused(void **state)
{
  (void)state;
  kvc_buf_puts(&text, "{\"metrics\": {}, \"endpoint_info\": [");
  fill('1', 40000000);
  kvc_buf_puts(&text, "]}");
  refused(KVC_E_LIMIT, 0, "export CSV");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      LIMIT(a_line_of_100_megabytes_is_refused),
      LIMIT(a_line_of_2_megabytes_is_refused),
      LIMIT(a_million_labels_are_refused),
      LIMIT(as_many_labels_as_allowed_are_read),
      LIMIT(a_million_series_are_refused),
      LIMIT(a_million_families_are_refused),
      LIMIT(a_million_samples_of_one_series_are_read),
      LIMIT(buckets_in_falling_order_are_bounded),
      LIMIT(a_million_lines_of_noise_make_one_problem),
      LIMIT(many_hashes_in_one_line_take_no_longer),
      LIMIT(any_cap_of_the_arena_is_survived),
      LIMIT(json_of_40_megabytes_is_refused),
  };
  return cmocka_run_group_tests(tests, kit_begin, kit_end);
}
