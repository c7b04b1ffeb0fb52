/* test_bench_json.c - JSON as it is really written, cut and mangled.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "bench_kit.h"

#define RUN(completed)                                                                   \
  "{\"request_throughput\": 2.0, \"mean_ttft_ms\": 10.5, "                               \
  "\"output_throughput\": 8, \"completed\": " completed "}"

static void nan_and_infinity_are_numbers_outside_of_texts(void **state)
{
  const struct kvc_bench *r =
      kit_read(*state, "{\"request_rate\": Infinity, \"mean_ttft_ms\": NaN, "
                       "\"median_ttft_ms\": -Infinity, \"p99_ttft_ms\": 4.5,"
                       "\"output_throughput\": 3, \"note\": \"NaN, Infinity\"}");
  assert_true(isinf(r->request_rate) && r->request_rate > 0);
  assert_true(isnan(r->ttft_ms.mean));
  assert_true(isinf(r->ttft_ms.median) && r->ttft_ms.median < 0);
  assert_close(r->ttft_ms.p99, 4.5, 0);
  assert_string_equal(kit_extra(r, "note"), "NaN, Infinity");
}

static void the_last_of_two_equal_keys_counts_and_is_noted(void **state)
{
  struct bench_kit *k = *state;
  const struct kvc_bench *r =
      kit_read(k, "{\"completed\": 1, \"request_throughput\": 2, \"mean_ttft_ms\": 3, "
                  "\"completed\": 7, \"inner\": {\"a\": 1, \"b\": 2, \"a\": 3}}");
  assert_close(r->completed, 7, 0);
  assert_true(kit_notes(k, "\"completed\" and 1 more are given twice"));
}

static void results_may_follow_each_other_in_every_way(void **state)
{
  static const char *const texts[] = {
      RUN("1") "\n" RUN("2") "\n",
      RUN("1") RUN("2"),
      "[" RUN("1") ",\r\n" RUN("2") "]\r\n",
      "{\"a\": " RUN("1") ", \"b\": [" RUN("2") "]}",
      "collected by a script\n" RUN("1") "\n" RUN("2"),
  };
  struct bench_kit *k = *state;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    (void)kit_read(k, texts[i]);
    assert_int_equal(k->set.n_records, 2);
    assert_close(k->set.records[0].completed, 1, 0);
    assert_close(k->set.records[1].completed, 2, 0);
  }
}

static void the_key_of_a_result_inside_is_its_label(void **state)
{
  struct bench_kit *k = *state;
  (void)kit_read(k, "{\"tp1\": " RUN("1") ", \"tp2\": " RUN("2") "}");
  assert_string_equal(k->set.records[0].label, "tp1");
  assert_string_equal(k->set.records[1].label, "tp2");
}

static void marks_of_byte_order_and_utf_16_are_read(void **state)
{
  static const char run[] = "{\"request_throughput\": 2, \"mean_ttft_ms\": 3,"
                            " \"label\": \"caf\xC3\xA9\"}";
  struct bench_kit *k = *state;
  char marked[200] = "\xEF\xBB\xBF", wide[400];
  memcpy(marked + 3, run, sizeof run);
  assert_string_equal(kit_read(k, marked)->label, "caf\xC3\xA9");
  for (int big = 0; big < 2; big++) {
    size_t n = 0;
    wide[n++] = big ? '\xFE' : '\xFF';
    wide[n++] = big ? '\xFF' : '\xFE';
    for (const char *p = run; *p != '\0'; p++) {
      const char c = *p == '\xC3' ? '\xE9' : *p; /* U+00E9 in one unit */
      if (*p == '\xC3') p++;
      wide[n++] = big ? '\0' : c;
      wide[n++] = big ? c : '\0';
    }
    assert_int_equal(kit_try(k, wide, n), KVC_E_OK);
    assert_string_equal(k->set.records[0].label, "caf\xC3\xA9");
    assert_close(k->set.records[0].ttft_ms.mean, 3, 0);
  }
  assert_int_equal(kit_try(k, "\xFF\xFE\0\0{\0\0\0", 8), KVC_E_UNSUPPORTED);
}

static void records_before_a_cut_are_kept(void **state)
{
  struct bench_kit *k = *state;
  (void)kit_read(k, RUN("1") "\n" RUN("2") "\n{\"request_throughput\": 2.0, \"mean_tt");
  assert_int_equal(k->set.n_records, 2);
  assert_true(kit_notes(k, "Line 3, column 37"));
  /* One that was cut and another begun: the next line starts anew. */
  (void)kit_read(k, "{\"request_throughput\": 2.0, \"mean_ttft_ms\": 1\n" RUN("5"));
  assert_int_equal(k->set.n_records, 1);
  assert_close(k->set.records[0].completed, 5, 0);
  (void)kit_read(k, "[" RUN("1") ", " RUN("2") ", {\"request_throughput\": 2.0, \"mean");
  assert_int_equal(k->set.n_records, 2);
}

static void the_complete_members_of_a_cut_record_are_kept(void **state)
{
  struct bench_kit *k = *state;
  const struct kvc_bench *r =
      kit_read(k, "{\"completed\": 3, \"request_throughput\": 1.5, \"mean_ttft_ms\": 20, "
                  "\"ttfts\": [0.1, 0.2, 0.3], \"itls\": [[0.1], [0.");
  assert_close(r->completed, 3, 0);
  assert_close(r->ttft_ms.mean, 20, 0);
  assert_int_equal(r->n_detail, 3);
  assert_true(isnan(r->itl_ms.mean)); /* half a list is none */
  assert_true(kit_notes(k, "cut short"));
  /* The first digits of a number are not the number. */
  r = kit_read(k,
               "{\"request_throughput\": 1.5, \"mean_ttft_ms\": 20, \"completed\": 12");
  assert_true(isnan(r->completed));
  kit_refused(k, "{\"date\": \"20250101-000000\",\n \"completed\": 3, \"mean",
              KVC_E_PARSE, "cut short");
  assert_int_equal(k->err.line, 2);
  assert_int_equal(k->err.col, 23);
}

static void a_cut_report_is_read_when_its_figures_are_whole(void **state)
{
  struct bench_kit *k = *state;
  /* The list of requests at the end is what is mostly cut. */
  const struct kvc_bench *r = kit_read(
      k, "{\"benchmarks\": [{\"metrics\": {\"time_to_first_token_ms\": {\"successful\": "
         "{\"mean\": 9.5}}}, \"requests\": {\"successful\": [{\"a\": 1}, {\"b");
  assert_close(r->ttft_ms.mean, 9.5, 0);
  kit_refused(k,
              "{\"load_summary\": {\"count\": 60}, \"successes\": {\"count\": 60, "
              "\"latency\": {\"request_latency\": {\"mean\": 0.7}, \"time",
              KVC_E_PARSE, "cut short");
}

static void broken_text_is_refused_with_its_place(void **state)
{
  static const struct {
    const char *text;
    kvc_code code;
    const char *says;
    int line, col;
  } cases[] = {
      {"", KVC_E_PARSE, "empty", 0, 0},
      {" \n\t", KVC_E_PARSE, "empty", 0, 0},
      {"{\"request_throughput\": 2 \"x\": 1}", KVC_E_PARSE, "comma", 1, 26},
      {"{\"mean_ttft_ms\": 2,\n \"mean_tpot_ms\": tru}", KVC_E_PARSE, "neither a value",
       2, 18},
      {"{\"mean_ttft_ms\": 2, \"a\nb\": 1}", KVC_E_PARSE, "line break", 1, 23},
      {"{\"mean_ttft_ms\": 2, }", KVC_E_PARSE, "key in double quotes", 1, 21},
      {"{\"mean_ttft_ms\" 2}", KVC_E_PARSE, "colon", 1, 17},
      {"{\"mean_ttft_ms\": 1, \"mean_tpot_ms\": 0x10}", KVC_E_PARSE, "neither a value", 1,
       37},
      {"{\"architectures\": [\"LlamaForCausalLM\"]}", KVC_E_UNKNOWN, "none of the keys",
       0, 0},
      {"INFO 01-01 server started", KVC_E_UNKNOWN, "no benchmark result", 0, 0},
  };
  struct bench_kit *k = *state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    kit_refused(k, cases[i].text, cases[i].code, cases[i].says);
    assert_string_equal(k->err.where, "result");
    if (cases[i].line == 0) continue;
    assert_int_equal(k->err.line, cases[i].line);
    assert_int_equal(k->err.col, cases[i].col);
  }
}

/* 'count' times 'unit' between 'before' and 'after'. */
static char *repeat(const char *before, const char *unit, size_t count, const char *after,
                    size_t *len)
{
  const size_t n = strlen(unit), a = strlen(before), z = strlen(after);
  char *text = malloc(a + n * count + z + 1);
  if (text == NULL) abort();
  memcpy(text, before, a);
  for (size_t i = 0; i < count; i++) memcpy(text + a + i * n, unit, n);
  memcpy(text + a + n * count, after, z + 1);
  *len = a + n * count + z;
  return text;
}

static void depth_is_bounded(void **state)
{
  struct bench_kit *k = *state;
  size_t len;
  char *text = repeat("{\"mean_ttft_ms\": ", "[", 100000, "", &len);
  assert_int_equal(kit_try(k, text, len), KVC_E_LIMIT);
  assert_non_null(strstr(k->err.msg, "64 levels"));
  assert_int_equal(k->err.line, 1);
  assert_int_equal(k->err.col, 17 + 64);
  free(text);
}

static void huge_lines_and_many_keys_are_read(void **state)
{
  struct bench_kit *k = *state;
  size_t len;
  char *text =
      repeat("{\"request_throughput\": 2, \"mean_ttft_ms\": 3, \"generated_texts\": [\"",
             "\\u00e9NaN{[", 1 << 20, "\"]}", &len);
  assert_int_equal(kit_try(k, text, len), KVC_E_OK);
  assert_close(k->set.records[0].ttft_ms.mean, 3, 0);
  free(text);
  text = repeat("{\"request_throughput\": 2, \"mean_ttft_ms\": 3", ",\"k\":1", 1000000,
                "}", &len);
  assert_int_equal(kit_try(k, text, len), KVC_E_OK);
  assert_true(kit_notes(k, "\"k\" and 999998 more are given twice"));
  assert_true(k->set.records[0].n_unknown <= 512);
  free(text);
  text = repeat("[", "{},", 300000, RUN("4") "]", &len);
  (void)kit_try(k, text, len);
  free(text);
}

static void more_records_than_4096_are_refused(void **state)
{
  struct bench_kit *k = *state;
  size_t len;
  char *text = repeat("", RUN("1") "\n", 4097, "", &len);
  kvc_code rc = kvc_bench_read(&k->arena, &(struct kvc_bench_source){text, len, "x"},
                               &k->set, &k->err);
  assert_int_equal(rc, KVC_E_LIMIT);
  assert_non_null(strstr(k->err.msg, "4096"));
  free(text);
}

static void a_full_arena_is_one_error(void **state)
{
  (void)state;
  struct kvc_arena arena;
  struct kvc_err err = {.msg = ""};
  struct kvc_bench_set set = {.n_records = 77};
  const struct kvc_bench_source source = {RUN("1"), sizeof RUN("1") - 1, "x"};
  kvc_arena_init(&arena, 100);
  assert_int_equal(kvc_bench_read(&arena, &source, &set, &err), KVC_E_LIMIT);
  assert_int_equal(set.n_records, 77); /* untouched */
  kvc_arena_clear(&arena);
}

static void texts_come_out_clean(void **state)
{
  const struct kvc_bench *r =
      kit_read(*state, "{\"request_throughput\": 2, \"mean_ttft_ms\": 3, \"label\": "
                       "\"a\\u00e9\\n\\\"\\ud83d\\ude00\\ud800\xFF\\u0000z\"}");
  assert_string_equal(r->label, "a\xC3\xA9 \"\xF0\x9F\x98\x80???z");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      KIT_TEST(nan_and_infinity_are_numbers_outside_of_texts),
      KIT_TEST(the_last_of_two_equal_keys_counts_and_is_noted),
      KIT_TEST(results_may_follow_each_other_in_every_way),
      KIT_TEST(the_key_of_a_result_inside_is_its_label),
      KIT_TEST(marks_of_byte_order_and_utf_16_are_read),
      KIT_TEST(records_before_a_cut_are_kept),
      KIT_TEST(the_complete_members_of_a_cut_record_are_kept),
      KIT_TEST(a_cut_report_is_read_when_its_figures_are_whole),
      KIT_TEST(broken_text_is_refused_with_its_place),
      KIT_TEST(depth_is_bounded),
      KIT_TEST(huge_lines_and_many_keys_are_read),
      KIT_TEST(more_records_than_4096_are_refused),
      KIT_TEST(a_full_arena_is_one_error),
      KIT_TEST(texts_come_out_clean),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
