/* test_trace_drawn.c - loads told by windows and distributions, and what JSON rows mean.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/traffic.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "tests/support/trace_kit.h"

static void refused(const char *text, kvc_code code, int line, const char *words)
{
  struct kvc_traffic t;
  struct kvc_err err = {0};
  assert_int_equal(kvc_trace_read(&arena, text, strlen(text), "t", NULL, &t, &err), code);
  assert_int_equal(err.line, line);
  if (strstr(err.msg, words) == NULL) fail_msg("\"%s\" lacks \"%s\"", err.msg, words);
}

static double mean(const struct kvc_traffic *t, bool output)
{
  double sum = 0;
  for (size_t i = 0; i < t->n; i++)
    sum += output ? t->items[i].output_tok : t->items[i].prompt_tok;
  return sum / (double)t->n;
}

/* ---- windows */

/* 0.5 a second for 100 s are 50, 2 a second for as long 200; the window between is empty,
 * the last lasts as long as the one before it. */
static void a_window_has_as_many_requests_as_its_rate_says(void **state)
{
  (void)state;
  const struct kvc_traffic t = read_with("0,0.5,1.0,Gamma,1.0,2.0\n"
                                         "100,0,0,,0,0\r\n"
                                         "200,2,3.5,Weibull,0.4,0.1\n",
                                         NULL);
  size_t first = 0;
  assert_true(t.unsized);
  assert_false(t.untimed);
  assert_int_equal(t.n, 250);
  while (first < t.n && t.items[first].arrival_ns < 100 * S) first++;
  assert_int_equal(first, 50);
  assert_true(t.items[50].arrival_ns > 150 * S); /* all from the first arrival on */
  assert_true(t.items[249].arrival_ns < 300 * S);
}

/* Gamma of shape 1/16 has a coefficient of variation of 4, even gaps one of 0. */
static void gaps_have_the_shape_of_the_pattern(void **state)
{
  static const char *const texts[] = {"0,10,4,Gamma,0.0625,1\n1000,0,0,,0,0\n",
                                      "0,10,0.01,Gamma,10000,1\n1000,0,0,,0,0\n",
                                      "0,10,1,,0,0\n1000,0,0,,0,0\n"};
  static const double cv[] = {4, 0.01, 1};
  (void)state;
  for (size_t i = 0; i < 3; i++) {
    const struct kvc_traffic t = read_with(texts[i], NULL);
    double sum = 0, squares = 0;
    assert_int_equal(t.n, 10000);
    for (size_t k = 1; k < t.n; k++) {
      const double gap = (double)(t.items[k].arrival_ns - t.items[k - 1].arrival_ns);
      sum += gap;
      squares += gap * gap;
    }
    const double m = sum / (double)(t.n - 1);
    const double seen = sqrt(squares / (double)(t.n - 1) - m * m) / m;
    assert_true(fabs(seen - cv[i]) < 0.1 * cv[i]);
  }
}

static void the_same_seed_draws_the_same_gaps(void **state)
{
  (void)state;
  const struct kvc_trace_options one = {.seed = 1}, two = {.seed = 2};
  const char *text = "0,0.1,1,Gamma,1,1\n600,0.1,1,Gamma,1,1\n";
  const struct kvc_traffic a = read_with(text, &one), b = read_with(text, &one),
                           c = read_with(text, &two);
  assert_int_equal(a.items[9].arrival_ns, b.items[9].arrival_ns);
  assert_true(a.items[9].arrival_ns != c.items[9].arrival_ns);
}

static void windows_that_make_no_sense_are_refused_by_line(void **state)
{
  (void)state;
  refused("0,1,1,Gamma,1,1\n0,1,1,Gamma,1,1\n", KVC_E_PARSE, 2, "does not start after");
  refused("0,1,1,Gamma,1,1\n600,1,1,Pareto,1,1\n", KVC_E_PARSE, 2, "\"Pareto\" is no");
  refused("0,1,1,Gamma,1,1\n600,1,1\n", KVC_E_PARSE, 2, "start_s,rate");
  refused("0,-1,1,Gamma,1,1\n", KVC_E_RANGE, 1, "out of range");
  refused("0,1,1,Weibull,0,1\n", KVC_E_RANGE, 1, "shape");
  refused("0,0,0,,0,0\n600,0,0,,0,0\n", KVC_E_PARSE, 0, "No window of 2");
  refused("0,999999,1,Gamma,1,1\n", KVC_E_LIMIT, 1, "more than");
}

/* ---- cumulative shares */

/* A quarter of the totals lies evenly from 1 to 100, the rest from 100 to 300: a mean of
 * 0.25 x 50.5 + 0.75 x 200 = 162.6, of which a fifth is the answer. */
static void totals_are_read_off_cumulative_shares(void **state)
{
  (void)state;
  const char *bare = "[[100, 0.25], [300, 1.0]]";
  const char *named = "{\"source\": \"x\", \"cdf\": [[100, 0.25], [300, 1.0]], \"n\": 4}";
  const struct kvc_trace_options tenth = {.output_frac = 0.1};
  struct kvc_traffic t = read_with(bare, NULL);
  assert_true(t.untimed);
  assert_non_null(strstr(t.how, "20 %"));
  assert_true(fabs(mean(&t, false) + mean(&t, true) - 162.625) < 0.5);
  assert_true(fabs(mean(&t, true) - 0.2 * 162.625) < 0.5);
  size_t low = 0;
  for (size_t i = 0; i < t.n; i++)
    low += t.items[i].prompt_tok + t.items[i].output_tok <= 100;
  assert_true(fabs((double)low / (double)t.n - 0.25) < 0.005);
  t = read_with(named, &tenth);
  assert_true(fabs(mean(&t, true) - 0.1 * 162.625) < 0.5);
}

/* The first hundred look like all of them, and their order is no order of size. */
static void every_part_of_what_is_drawn_looks_like_the_whole(void **state)
{
  (void)state;
  const struct kvc_traffic t = read_with("[[0, 0.0], [1000, 1.0]]", NULL);
  double early = 0, rises = 0;
  for (size_t i = 0; i < 100; i++) {
    early += t.items[i].prompt_tok;
    rises += i > 0 && t.items[i].prompt_tok > t.items[i - 1].prompt_tok;
  }
  assert_true(fabs(early / 100 / mean(&t, false) - 1) < 0.03);
  assert_true(rises > 10 && rises < 90);
}

static void pairs_of_tokens_are_no_shares(void **state)
{
  (void)state;
  struct kvc_traffic t = read_with("[[100, 1], [200, 1]]", NULL);
  assert_int_equal(t.n, 2);
  t = read_with("[[0, 0.0], [64, 1.0]]", NULL);
  assert_true(t.n > 2);
}

static void shares_that_fall_or_end_early_are_refused(void **state)
{
  (void)state;
  refused("[[10, 0.5],\n[20, 0.4], [30, 1]]", KVC_E_RANGE, 2, "must rise");
  refused("[[10, 0.5],\n[5, 1]]", KVC_E_RANGE, 2, "must rise");
  refused("[[10, 0.5], [20, 0.7]]", KVC_E_PARSE, 0, "end at 0.7");
  refused("{\"cdf\": [[10, 2.5]]}", KVC_E_RANGE, 1, "must rise");
  refused("{\"cdf\": []}", KVC_E_PARSE, 1, "missing");
}

/* ---- histograms */

/* Half 100 and half 300 tokens in, 10 tokens out in one window, 30 in the other. */
static const char halves[] =
    "{\"0\": {\"input_tokens\": \"{}\", \"output_tokens\": \"{}\"},\n"
    " \"21600\": {\"input_tokens\": \"{100: 0.5, 300: 0.5}\", \"output_tokens\": "
    "\"{10: 1.0}\", \"reason_ratio\": \"{0.5: 1.0}\"},\n"
    " \"43200\": {\"input_tokens\": \"{300: 1, 100: 1}\", \"output_tokens\": \"{30: "
    "2}\"}}";

static void windows_of_histograms_count_alike(void **state)
{
  (void)state;
  const struct kvc_traffic t = read_with(halves, NULL);
  size_t both = 0;
  assert_true(t.untimed);
  assert_non_null(strstr(t.how, "2 windows"));
  assert_true(fabs(mean(&t, false) - 200) < 1);
  assert_true(fabs(mean(&t, true) - 20) < 0.1);
  for (size_t i = 0; i < t.n; i++)
    both += t.items[i].prompt_tok == 300 && t.items[i].output_tok == 30;
  assert_true(fabs((double)both / (double)t.n - 0.25) < 0.01); /* apart */
}

/* A text of 10, and one or three pictures of 100: 210 in the mean. */
static void pictures_add_their_mean_to_the_prompt(void **state)
{
  (void)state;
  const struct kvc_traffic t = read_with(
      "{\"0\": {\"text_tokens\": \"{10: 1.0}\", \"image_tokens\": \"{100: 1.0}\","
      " \"image_count\": \"{1: 0.5, 3: 0.5}\", \"audio_tokens\": \"{0: 1.0}\","
      " \"audio_count\": \"{0: 1.0}\", \"output_tokens\": \"{5: 1.0}\"}}",
      NULL);
  assert_int_equal(t.items[0].prompt_tok, 210);
  assert_non_null(strstr(t.how, "images"));
}

static void histograms_without_a_half_are_refused(void **state)
{
  (void)state;
  refused("{\"0\": {\"input_tokens\": \"{5: 1}\", \"output_tokens\": \"{}\"}}",
          KVC_E_PARSE, 0, "both input_tokens and output_tokens");
  refused("{\"0\": {\"input_tokens\": \"{5: 1\", \"output_tokens\": \"{}\"}}",
          KVC_E_PARSE, 1, "missing");
  refused("{\"0\": {\"input_tokens\": \"{5: -1}\", \"output_tokens\": \"{1: 1}\"}}",
          KVC_E_RANGE, 1, "out of range");
}

/* ---- what rows of JSON mean */

static int64_t second_arrival(const char *first, const char *second)
{
  char text[400];
  (void)snprintf(text, sizeof text, "{%s}\n{%s}\n", first, second);
  const struct kvc_traffic t = read_with(text, NULL);
  assert_int_equal(t.n, 2);
  return t.items[1].arrival_ns;
}

static void a_timestamp_counts_what_the_other_keys_say(void **state)
{
  (void)state;
#define LENGTHS ", \"input_length\": 20, \"output_length\": 5"
#define TOKENS ", \"prompt_tokens\": 20, \"generated_tokens\": 5"
  assert_int_equal(
      second_arrival("\"timestamp\": 0" LENGTHS, "\"timestamp\": 1500" LENGTHS),
      1500000000); /* Mooncake: milliseconds */
  assert_int_equal(second_arrival("\"timestamp\": 0.5" TOKENS, "\"timestamp\": 2" TOKENS),
                   1500000000); /* a router's log: seconds */
  assert_int_equal(second_arrival("\"chat_id\": 1, \"timestamp\": 0.5" LENGTHS,
                                  "\"chat_id\": 2, \"timestamp\": 2.0" LENGTHS),
                   1500000000);
  assert_int_equal(second_arrival("\"timestamp\": 1700000000000" TOKENS,
                                  "\"timestamp\": 1700000001500" TOKENS),
                   1500000000); /* since 1970, in milliseconds */
  assert_int_equal(second_arrival("\"timestamp\": \"2024-05-10T00:00:00Z\"" TOKENS,
                                  "\"timestamp\": \"2024-05-10T00:00:01.5Z\"" TOKENS),
                   1500000000);
}

/* 40 tokens in three ids are blocks of 16; in one they are of 512, the usual size. */
static void ids_stand_for_as_many_tokens_as_fit(void **state)
{
  (void)state;
  struct kvc_traffic t = read_with(
      "{\"input_length\": 40, \"output_length\": 1, \"hash_ids\": [1, 2, 3]}", NULL);
  assert_int_equal(t.hash_unit, 16);
  t = read_with("{\"input_length\": 40, \"output_length\": 1, \"hash_ids\": [1]}", NULL);
  assert_int_equal(t.hash_unit, 512);
}

static void texts_beside_a_count_are_guessed(void **state)
{
  (void)state;
  struct kvc_traffic t =
      read_with("{\"prompt\": \"sixteen letters!\", \"output_tokens\": 100}", NULL);
  assert_int_equal(t.items[0].prompt_tok, 4);
  assert_int_equal(t.items[0].output_tok, 100);
  assert_non_null(strstr(t.how, "guessed"));
  t = read_with("{\"prompt\": \"sixteen letters!\", \"completion\": \"8 letter\"}", NULL);
  assert_int_equal(t.items[0].output_tok, 2);
  /* counts in a list of objects are no conversation */
  t = read_with("[{\"input_tokens\": \"12\", \"output_tokens\": 3}]", NULL);
  assert_int_equal(t.items[0].prompt_tok, 12);
  assert_null(t.how);
}

static void columns_may_stand_between_tabs(void **state)
{
  (void)state;
  const struct kvc_traffic t =
      read_with("timestamp\tinput_tokens\toutput_tokens\n0\t10\t2\n1.5\t11\t3\n", NULL);
  assert_int_equal(t.n, 2);
  assert_int_equal(t.items[1].arrival_ns, 1500000000);
  assert_int_equal(t.items[1].output_tok, 3);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_window_has_as_many_requests_as_its_rate_says),
      cmocka_unit_test(gaps_have_the_shape_of_the_pattern),
      cmocka_unit_test(the_same_seed_draws_the_same_gaps),
      cmocka_unit_test(windows_that_make_no_sense_are_refused_by_line),
      cmocka_unit_test(totals_are_read_off_cumulative_shares),
      cmocka_unit_test(every_part_of_what_is_drawn_looks_like_the_whole),
      cmocka_unit_test(pairs_of_tokens_are_no_shares),
      cmocka_unit_test(shares_that_fall_or_end_early_are_refused),
      cmocka_unit_test(windows_of_histograms_count_alike),
      cmocka_unit_test(pictures_add_their_mean_to_the_prompt),
      cmocka_unit_test(histograms_without_a_half_are_refused),
      cmocka_unit_test(a_timestamp_counts_what_the_other_keys_say),
      cmocka_unit_test(ids_stand_for_as_many_tokens_as_fit),
      cmocka_unit_test(texts_beside_a_count_are_guessed),
      cmocka_unit_test(columns_may_stand_between_tabs),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
