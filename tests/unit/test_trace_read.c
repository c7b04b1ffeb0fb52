/* test_trace_read.c - recorded loads, one small sample for each oddity.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/traffic.h>
#include <string.h>
#include "tests/support/trace_kit.h"

static void assert_request(const struct kvc_traffic *t, size_t i, int64_t ns, int prompt,
                           int output)
{
  assert_true(i < t->n);
  assert_int_equal(t->items[i].arrival_ns, ns);
  assert_int_equal(t->items[i].prompt_tok, prompt);
  assert_int_equal(t->items[i].output_tok, output);
}

static void azure_dates_become_nanoseconds_from_the_first_row(void **state)
{
  (void)state;
  const struct kvc_traffic t = read_with("TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
                                         "2023-12-31 23:59:59.9000000,374,44\r\n"
                                         "2024-01-01 00:00:00.1512000,396,109\r\n"
                                         "2024-01-01 00:00:02.1512000,12,0\r\n"
                                         "2024-01-01 00:01:00,8,9",
                                         NULL);
  assert_int_equal(t.n, 3); /* nothing was made for the third */
  assert_request(&t, 0, 0, 374, 44);
  assert_request(&t, 1, 251200000, 396, 109);
  assert_request(&t, 2, 60100000000, 8, 9);
}

static void azure_of_2024_has_a_zone_and_may_lack_the_fraction(void **state)
{
  (void)state;
  const struct kvc_traffic t = read_with("TIMESTAMP,ContextTokens,GeneratedTokens\n"
                                         "2024-05-10 00:00:00.009930+00:00,2162,5\n"
                                         "2024-05-10 02:00:01+02:00,2399,6\n",
                                         NULL);
  assert_request(&t, 1, 990070000, 2399, 6);
}

static void burstgpt_drops_requests_that_failed(void **state)
{
  (void)state;
  const struct kvc_traffic t =
      read_with("Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
                "5,ChatGPT,472,18,490,Conversation log\n"
                "45,ChatGPT,1087,0,1087,Conversation log\n"
                "118.0,GPT-4,417,276,693,\"API log, again\"\n",
                NULL);
  assert_int_equal(t.n, 2);
  assert_request(&t, 0, 0, 472, 18);
  assert_request(&t, 1, 113 * S, 417, 276);
}

static void our_own_csv_knows_sessions_and_prefixes(void **state)
{
  (void)state;
  const struct kvc_traffic t =
      read_with("\xef\xbb\xbf"
                "arrival_s,prompt_tok,output_tok,session,prefix_tok\n"
                "0.5,100,10,alice,64\n2,200,20,bob,300\n3,150,5,alice,\n",
                NULL);
  assert_int_equal(t.n, 3);
  assert_request(&t, 1, 1500000000, 200, 20);
  assert_int_equal(t.items[0].prefix_tok, 64);
  assert_int_equal(t.items[1].prefix_tok, 200); /* no longer than the prompt */
  assert_int_equal(t.items[2].prefix_id, 0);
  assert_true(t.items[0].session == t.items[2].session);
  assert_true(t.items[0].session != t.items[1].session);
}

static void mooncake_counts_milliseconds_and_keeps_hash_ids(void **state)
{
  (void)state;
  const struct kvc_traffic t =
      read_with("{\"timestamp\": 1000, \"input_length\": 1100, \"output_length\": 5, "
                "\"hash_ids\": [0, 1, 2]}\n"
                "{\"timestamp\": 1500, \"input_length\": 9, \"output_length\": 0, "
                "\"hash_ids\": [7]}\n"
                "{\"timestamp\": 3000, \"input_length\": 600, \"output_length\": 6, "
                "\"hash_ids\": [0, 3], \"session_id\": \"a\"}\n",
                NULL);
  assert_int_equal(t.n, 2);
  assert_int_equal(t.hash_unit, 512);
  assert_request(&t, 1, 2 * S, 600, 6);
  assert_int_equal(t.items[0].n_hash_ids, 3);
  assert_int_equal(t.items[1].n_hash_ids, 2);
  assert_int_equal(t.items[1].hash_ids[1], 3);
}

static void json_lines_say_nanoseconds_or_seconds_by_their_key(void **state)
{
  (void)state;
  const struct kvc_traffic t =
      read_with("{\"input_toks\":10,\"output_toks\":70,\"arrival_time_ns\":46926808,"
                "\"input_tok_ids\":[1,[2],{\"x\":3}],\"note\":\"a \\\" b\"}\n"
                "{\"arrival_s\": 1.046926808, \"prompt_tok\": 3, \"output_tok\": 4, "
                "\"session\": null}\n",
                NULL);
  assert_request(&t, 0, 0, 10, 70);
  assert_request(&t, 1, S, 3, 4);
  assert_int_equal(t.items[1].session, 0);
}

static void conversations_are_guessed_at_four_characters_a_token(void **state)
{
  (void)state;
  const struct kvc_traffic t =
      read_with("[{\"id\": \"x\", \"conversations\": [{\"from\": \"human\", \"value\": "
                "\"sixteen letters!\"}, {\"from\": \"gpt\", \"value\": "
                "\"\\u00e4\\n34567890123456789012345678\"}, {\"from\": \"human\", "
                "\"value\": \"z\"}]},"
                " {\"conversations\": [{\"value\": \"too short\"}]}, [5, 6]]",
                NULL);
  assert_int_equal(t.n, 2);
  assert_request(&t, 0, 0, 4, 7);
  assert_request(&t, 1, 0, 5, 6);
}

static void rows_out_of_order_are_sorted_and_the_first_is_time_zero(void **state)
{
  (void)state;
  const struct kvc_traffic t = read_with(
      "arrived_at,num_prefill_tokens,num_decode_tokens\n5,1,1\n4,2,2\n5,3,3\n", NULL);
  assert_request(&t, 0, 0, 2, 2);
  assert_request(&t, 1, S, 1, 1);
  assert_request(&t, 2, S, 3, 3);
}

static void rate_scale_presses_the_times_together_and_limits_cut(void **state)
{
  (void)state;
  const char *text = "arrival_s,prompt_tok,output_tok\n0,1,1\n4,2,2\n8,3,3\n12,4,4\n";
  struct kvc_trace_options o = {.rate_scale = 2, .duration_s = 4.5};
  struct kvc_traffic t = read_with(text, &o);
  assert_int_equal(t.n, 3);
  assert_request(&t, 2, 4 * S, 3, 3);
  o = (struct kvc_trace_options){.max_requests = 2};
  t = read_with(text, &o);
  assert_int_equal(t.n, 2);
}

static void errors_name_file_and_line_and_what_is_wrong(void **state)
{
  (void)state;
  static const struct {
    const char *text, *words;
    kvc_code code;
    int line;
  } cases[] = {
      {"\x1f\x8b\x08", "gunzip", KVC_E_PARSE, 0},
      {"a,b\n1,2\n", "must name columns", KVC_E_PARSE, 1},
      {"arrival_s,prompt_tok,output_tok\n0,1,1\n0,x,1\n", "\"x\" in column 2",
       KVC_E_PARSE, 3},
      {"prompt_tok,output_tok\n1,2,3\n", "more fields", KVC_E_PARSE, 2},
      {"prompt_tok,output_tok\n1.5,2\n", "whole numbers", KVC_E_RANGE, 2},
      {"prompt_tok,output_tok\n-1,2\n", "whole numbers", KVC_E_RANGE, 2},
      {"prompt_tok,output_tok\n", "no request", KVC_E_PARSE, 0},
      {"", "no request", KVC_E_PARSE, 0},
      {"{\"input_length\": 5}\n", "no output tokens", KVC_E_PARSE, 1},
      {"{\"input_length\": 5, \"output_length\": 1}\n{\"input", "inside a JSON string",
       KVC_E_PARSE, 2},
      {"{\"input_length\": 5, \"output_length\": 1} x", "A '{' is missing", KVC_E_PARSE,
       1},
      {"{\"hash_ids\": [-1]}", "hash id", KVC_E_RANGE, 1},
      {"[[1,2], 3]", "conversations or requests", KVC_E_PARSE, 1},
      {"[[1,2]", "missing", KVC_E_PARSE, 1},
      {"{\"question_id\": 1, \"turns\": [\"Write a poem.\"]}", "a text without counts",
       KVC_E_PARSE, 1},
      {"{\"PROMPT\": \"Write a poem.\", \"ID\": 7}", "a text without counts", KVC_E_PARSE,
       1},
      {"{\"schema\": \"x\", \"parts\": []}", "neither prompt nor output", KVC_E_PARSE, 1},
      {"[{\"name\": \"x\"}]", "neither prompt nor output", KVC_E_PARSE, 1},
      {"[{\"conversations\": [{\"value\": \"Hello!\"}, {\"value\": \"Hi!\"}]}]",
       "shorter than four tokens", KVC_E_PARSE, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct kvc_traffic t = {0};
    struct kvc_err err = {0};
    const kvc_code rc = kvc_trace_read(&arena, cases[i].text, strlen(cases[i].text),
                                       "load.csv", NULL, &t, &err);
    assert_int_equal(rc, cases[i].code);
    assert_string_equal(err.where, "load.csv");
    assert_int_equal(err.line, cases[i].line);
    if (strstr(err.msg, cases[i].words) == NULL)
      fail_msg("\"%s\" lacks \"%s\"", err.msg, cases[i].words);
    assert_int_equal(t.n, 0);
  }
}

static void deep_json_is_a_limit_and_not_a_crash(void **state)
{
  (void)state;
  char text[4096] = "{\"x\": ";
  memset(text + 6, '[', 4000);
  struct kvc_traffic t;
  struct kvc_err err = {0};
  assert_int_equal(kvc_trace_read(&arena, text, 4006, "t", NULL, &t, &err), KVC_E_LIMIT);
}

static void rows_with_nothing_to_serve_are_counted(void **state)
{
  (void)state;
  const struct kvc_traffic t = read_with("arrival_s,prompt_tok,output_tok\n"
                                         "0,10,5\n1,10,0\n2,0,5\n3,10,5\n",
                                         NULL);
  assert_int_equal(t.n, 2);
  assert_int_equal(t.passed_over, 2);
  assert_false(t.untimed);
}

static void a_benchmark_with_details_is_a_load(void **state)
{
  (void)state;
  const struct kvc_traffic t =
      read_with("{\"date\": \"x\", \"request_rate\": Infinity,\n"
                " \"generated_texts\": [\"say \\\"input_lens\\\": [1]\", \"\"],\n"
                " \"input_lens\": [100, 200, 300], \"output_lens\": [10, 0, 30],\n"
                " \"ttfts\": [0.1, 0.2, 0.3], \"itls\": [[0.1], [], [NaN]],\n"
                " \"start_times\": [1000.5, 1000.6, 1002.75]}\n",
                NULL);
  assert_int_equal(t.n, 2); /* the second one failed */
  assert_int_equal(t.passed_over, 1);
  assert_request(&t, 0, 0, 100, 10);
  assert_request(&t, 1, 2250000000, 300, 30);
}

static void a_benchmark_without_start_times_has_no_arrivals(void **state)
{
  (void)state;
  const struct kvc_traffic t =
      read_with("{\"input_lens\": [100, 200], \"output_lens\": [10, 20]}", NULL);
  assert_true(t.untimed);
  assert_request(&t, 1, 0, 200, 20);
}

static void results_that_are_no_one_load_are_refused(void **state)
{
  static const char *const texts[] = {
      "{\"input_lens\": [1, 2], \"output_lens\": [1]}",
      "{\"input_lens\": [1, 2], \"output_lens\": [1, 1], \"start_times\": [1]}",
      "{\"input_lens\": [1], \"output_lens\": [1]}\n{\"input_lens\": [1]}",
      "{\"input_lens\": [1], \"output_lens\": [1]",
      "{\"input_lens\": [1], \"output_lens\": [[1]]}",
      "{\"input_lens\": [], \"output_lens\": []}"};
  (void)state;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    struct kvc_traffic t;
    struct kvc_err err = {0};
    if (kvc_trace_read(&arena, texts[i], strlen(texts[i]), "t", NULL, &t, &err) !=
        KVC_E_PARSE)
      fail_msg("%zu: %s", i, err.msg);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(azure_dates_become_nanoseconds_from_the_first_row),
      cmocka_unit_test(azure_of_2024_has_a_zone_and_may_lack_the_fraction),
      cmocka_unit_test(burstgpt_drops_requests_that_failed),
      cmocka_unit_test(our_own_csv_knows_sessions_and_prefixes),
      cmocka_unit_test(mooncake_counts_milliseconds_and_keeps_hash_ids),
      cmocka_unit_test(json_lines_say_nanoseconds_or_seconds_by_their_key),
      cmocka_unit_test(conversations_are_guessed_at_four_characters_a_token),
      cmocka_unit_test(rows_out_of_order_are_sorted_and_the_first_is_time_zero),
      cmocka_unit_test(rate_scale_presses_the_times_together_and_limits_cut),
      cmocka_unit_test(errors_name_file_and_line_and_what_is_wrong),
      cmocka_unit_test(deep_json_is_a_limit_and_not_a_crash),
      cmocka_unit_test(rows_with_nothing_to_serve_are_counted),
      cmocka_unit_test(a_benchmark_with_details_is_a_load),
      cmocka_unit_test(a_benchmark_without_start_times_has_no_arrivals),
      cmocka_unit_test(results_that_are_no_one_load_are_refused),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
