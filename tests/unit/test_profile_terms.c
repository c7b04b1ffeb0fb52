/* test_profile_terms.c - the glossary: read strictly, merged by overlays, found.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "profile_kit.h"
#include "src/profile/terms_room.h"

struct open {
  struct kvc_arena arena;
  struct kvc_err err;
  char dir[KIT_PATH];
};

static int begin(void **state)
{
  struct open *o = calloc(1, sizeof *o);
  assert_non_null(o);
  kvc_arena_init(&o->arena, (size_t)64 << 20);
  kit_folder(o->dir);
  *state = o;
  return 0;
}

static int end(void **state)
{
  struct open *o = *state;
  kit_remove(o->dir);
  kvc_arena_clear(&o->arena);
  free(o);
  return 0;
}

static struct kvc_terms *read_terms(struct open *o, const char *text)
{
  struct kvc_terms *terms = NULL;
  if (kvc_terms_read(&o->arena, text, strlen(text), "t.yaml", &terms, &o->err) !=
      KVC_E_OK)
    fail_msg("%d:%d %s", o->err.line, o->err.col, o->err.msg);
  return terms;
}

static const char two[] = "- name: Toy time\n"
                          "  also: [TT, toy-latency]\n"
                          "  text: >-\n"
                          "    Seconds that a toy\n"
                          "    takes.\n"
                          "  formula: a / b\n"
                          "  unit: s\n"
                          "  see: [Toy rate]\n"
                          "  cite: toy\n"
                          "- {name: Toy rate, text: Toys a second., cite: toy}\n";

static void a_term_has_what_its_file_says(void **state)
{
  const struct kvc_terms *terms = read_terms(*state, two);
  assert_int_equal(kvc_terms_count(terms), 2);
  const struct kvc_term *t = kvc_terms_at(terms, 0);
  assert_string_equal(t->name, "Toy time");
  assert_int_equal(t->n_also, 2);
  assert_string_equal(t->also[1], "toy-latency");
  assert_string_equal(t->text, "Seconds that a toy takes.");
  assert_string_equal(t->formula, "a / b");
  assert_string_equal(t->unit, "s");
  assert_int_equal(t->n_see, 1);
  assert_string_equal(t->see[0], "Toy rate");
  assert_string_equal(t->cite, "toy");
  t = kvc_terms_at(terms, 1);
  assert_null(t->formula);
  assert_null(t->unit);
  assert_int_equal(t->n_also + t->n_see, 0);
  assert_null(kvc_terms_at(terms, 2));
}

static void case_blanks_and_dashes_do_not_count_in_a_name(void **state)
{
  const struct kvc_terms *terms = read_terms(*state, two);
  static const char *const names[] = {"Toy time", "toy-time", "TOYTIME", "tt",
                                      "Toy Latency"};
  for (size_t i = 0; i < 5; i++)
    assert_ptr_equal(kvc_terms_find(terms, names[i]), kvc_terms_at(terms, 0));
  assert_ptr_equal(kvc_terms_find(terms, "toy_rate"), kvc_terms_at(terms, 1));
  static const char *const none[] = {"", "toy", "toy times", "zz", "a"};
  for (size_t i = 0; i < 5; i++) assert_null(kvc_terms_find(terms, none[i]));
}

static void a_fault_says_what_is_wrong_and_where(void **state)
{
  struct open *o = *state;
  static const struct {
    const char *text, *part;
    kvc_code code;
    int line;
  } rows[] = {
      {"name: x\n", "must be a list", KVC_E_PARSE, 1},
      {"- {name: x, text: t}\n", "\"cite\" is missing", KVC_E_PARSE, 1},
      {"- {name: x, cite: c}\n", "\"text\" is missing", KVC_E_PARSE, 1},
      {"- {text: t, cite: c}\n", "\"name\" is missing", KVC_E_PARSE, 1},
      {"- {name: x, text: '', cite: c}\n", "\"text\" must be a text", KVC_E_PARSE, 1},
      {"- {name: x, text: t, cite: c, txet: u}\n", "did you mean \"text\"?",
       KVC_E_UNKNOWN, 1},
      {"- {name: x, text: t, cite: c, also: y}\n", "also", KVC_E_PARSE, 1},
      {"- {name: '- -', text: t, cite: c}\n", "is not a name", KVC_E_PARSE, 1},
      {"- {name: x, text: t, cite: c}\n- {name: X, text: t, cite: c}\n",
       "\"x\" is a name of both \"x\" and \"X\"", KVC_E_CONFLICT, 2},
      {"- {name: x y, text: t, cite: c}\n- {name: z, also: [X-Y], text: t, cite: c}\n",
       "\"xy\" is a name of both", KVC_E_CONFLICT, 2},
      {"- {name: x, also: [X], text: t, cite: c}\n", "twice", KVC_E_CONFLICT, 1},
      {"- x\n", "mapping", KVC_E_PARSE, 1},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct kvc_terms *terms;
    const kvc_code rc = kvc_terms_read(&o->arena, rows[i].text, strlen(rows[i].text),
                                       "t.yaml", &terms, &o->err);
    if (rc != rows[i].code || strstr(o->err.msg, rows[i].part) == NULL ||
        o->err.line != rows[i].line)
      fail_msg("%zu: code %d, line %d, %s", i, rc, o->err.line, o->err.msg);
    kit_fault(&o->err, rc, "t.yaml");
  }
}

static void more_terms_than_the_limit_are_refused(void **state)
{
  struct open *o = *state;
  struct kvc_buf text;
  struct kvc_terms *terms;
  kvc_buf_init(&text, 1 << 20);
  for (int i = 0; i < KVC_MAX_TERMS; i++)
    kvc_buf_printf(&text, "- {name: t%d, text: t, cite: c}\n", i);
  assert_int_equal(
      kvc_terms_read(&o->arena, text.text, text.len, "t.yaml", &terms, &o->err),
      KVC_E_OK);
  assert_int_equal(kvc_terms_count(terms), KVC_MAX_TERMS);
  assert_string_equal(kvc_terms_find(terms, "T1234")->name, "t1234");
  kvc_buf_puts(&text, "- {name: more, text: t, cite: c}\n");
  assert_int_equal(
      kvc_terms_read(&o->arena, text.text, text.len, "t.yaml", &terms, &o->err),
      KVC_E_LIMIT);
  kvc_buf_clear(&text);
}

static struct kvc_terms *open_terms(struct open *o, size_t overlays, struct kvc_db **db)
{
  const char *dirs[] = {o->dir};
  struct kvc_terms *terms = NULL;
  if (kvc_db_open(&o->arena, dirs, overlays, db, &o->err) != KVC_E_OK ||
      kvc_db_terms(*db, &terms, &o->err) != KVC_E_OK)
    fail_msg("%s:%d:%d %s", o->err.where, o->err.line, o->err.col, o->err.msg);
  return terms;
}

static void an_overlay_replaces_a_term_and_takes_an_alias(void **state)
{
  struct open *o = *state;
  struct kvc_db *db;
  const size_t shipped = kvc_terms_count(open_terms(o, 0, &db));
  kit_write(o->dir, "terms/mine.yaml",
            "- {name: goodput, text: Ours., cite: user}\n"
            "- {name: our word, also: [time to first token], text: New., cite: user}\n");
  const struct kvc_terms *terms = open_terms(o, 1, &db);
  assert_int_equal(kvc_terms_count(terms), shipped + 1); /* one replaced, one new */
  assert_string_equal(kvc_terms_find(terms, "Goodput")->text, "Ours.");
  assert_string_equal(kvc_terms_find(terms, "our-word")->text, "New.");
  assert_string_equal(kvc_terms_find(terms, "time to first token")->name, "our word");
  assert_string_equal(kvc_terms_find(terms, "TTFT")->name, "TTFT"); /* stays */
}

static void the_database_lists_and_shows_the_glossary(void **state)
{
  struct open *o = *state;
  struct kvc_db *db;
  const struct kvc_terms *terms = open_terms(o, 0, &db);
  const char *const *names, *text;
  size_t n, len;
  struct kvc_match match;
  assert_int_equal(kvc_db_list(db, KVC_KIND_TERM, &names, &n, &o->err), KVC_E_OK);
  assert_int_equal(n, kvc_terms_count(terms));
  for (size_t i = 1; i < n; i++) assert_true(strcmp(names[i - 1], names[i]) < 0);
  assert_int_equal(kvc_db_text(db, KVC_KIND_TERM, "grouped-query attention", &text, &len,
                               &match, &o->err),
                   KVC_E_OK);
  assert_string_equal(match.file, "profiles/terms/terms.yaml");
  assert_int_equal(kvc_db_text(db, KVC_KIND_TERM, "zzz", &text, &len, &match, &o->err),
                   KVC_E_UNKNOWN);
}

/* What the reader has a right to: every shipped term is a few whole sentences. */
static void every_term_is_said_in_sentences_and_has_a_source(void **state)
{
  struct open *o = *state;
  struct kvc_db *db;
  const struct kvc_terms *terms = open_terms(o, 0, &db);
  assert_true(kvc_terms_count(terms) >= 60);
  for (size_t i = 0; i < kvc_terms_count(terms); i++) {
    const struct kvc_term *t = kvc_terms_at(terms, i);
    const size_t len = strlen(t->text);
    if (len < 80 || len > 600 || t->text[len - 1] != '.')
      fail_msg("%s: %zu characters, ends \"%c\"", t->name, len, t->text[len - 1]);
    size_t sentences = 1;
    for (const char *p = t->text; (p = strstr(p, ". ")) != NULL; p++) sentences++;
    if (sentences < 2 || sentences > 5) fail_msg("%s: %zu sentences", t->name, sentences);
    if (kvc_db_cite(db, t->cite) == NULL) fail_msg("%s: %s", t->name, t->cite);
    if (t->n_see == 0) fail_msg("%s is related to nothing", t->name);
  }
}

static void the_words_of_the_trade_are_there(void **state)
{
  struct open *o = *state;
  struct kvc_db *db;
  const struct kvc_terms *terms = open_terms(o, 0, &db);
  static const char *const words[] = {"TTFT",
                                      "TPOT",
                                      "ITL",
                                      "E2EL",
                                      "end-to-end latency",
                                      "goodput",
                                      "throughput",
                                      "SLO",
                                      "prefill",
                                      "decode",
                                      "KV cache",
                                      "KV pool",
                                      "KV block",
                                      "PagedAttention",
                                      "concurrency",
                                      "max concurrency",
                                      "batch",
                                      "continuous batching",
                                      "step",
                                      "iteration",
                                      "token budget",
                                      "chunked prefill",
                                      "head-of-line blocking",
                                      "preemption",
                                      "recompute",
                                      "swap",
                                      "watermark",
                                      "prefix caching",
                                      "hit rate",
                                      "cold cache",
                                      "MHA",
                                      "MQA",
                                      "GQA",
                                      "MLA",
                                      "sliding window",
                                      "hybrid model",
                                      "MoE",
                                      "expert parallelism",
                                      "tensor parallelism",
                                      "pipeline parallelism",
                                      "data parallelism",
                                      "disaggregated prefill",
                                      "speculative decoding",
                                      "acceptance rate",
                                      "acceptance length",
                                      "system efficiency",
                                      "LoRA",
                                      "quantization",
                                      "FP8 KV cache",
                                      "CUDA graph",
                                      "eager mode",
                                      "async scheduling",
                                      "activation peak",
                                      "non-torch memory",
                                      "GPU memory utilization",
                                      "NVLink",
                                      "PCIe",
                                      "all-reduce",
                                      "roofline",
                                      "memory-bound",
                                      "compute-bound",
                                      "arithmetic intensity",
                                      "queue time",
                                      "saturation",
                                      "percentile",
                                      "Poisson arrivals",
                                      "burstiness",
                                      "Little's law",
                                      "knee",
                                      "warm-up",
                                      "occupancy",
                                      "over-commit"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (kvc_terms_find(terms, words[i]) == NULL) fail_msg("%s", words[i]);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_term_has_what_its_file_says, begin, end),
      cmocka_unit_test_setup_teardown(case_blanks_and_dashes_do_not_count_in_a_name,
                                      begin, end),
      cmocka_unit_test_setup_teardown(a_fault_says_what_is_wrong_and_where, begin, end),
      cmocka_unit_test_setup_teardown(more_terms_than_the_limit_are_refused, begin, end),
      cmocka_unit_test_setup_teardown(an_overlay_replaces_a_term_and_takes_an_alias,
                                      begin, end),
      cmocka_unit_test_setup_teardown(the_database_lists_and_shows_the_glossary, begin,
                                      end),
      cmocka_unit_test_setup_teardown(every_term_is_said_in_sentences_and_has_a_source,
                                      begin, end),
      cmocka_unit_test_setup_teardown(the_words_of_the_trade_are_there, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
