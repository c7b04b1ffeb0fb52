/* test_report_explain.c - from a word to a rule, a flag, a metric or a term.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/explain.h>
#include <kvcap/lint.h>
#include <stdio.h>
#include <string.h>

static struct kvc_arena arena;
static struct kvc_book book;
static struct kvc_err err;

static int begin(void **state)
{
  struct kvc_db *db;
  (void)state;
  kvc_arena_init(&arena, (size_t)256 << 20);
  if (kvc_db_open(&arena, NULL, 0, &db, &err) != KVC_E_OK ||
      kvc_book_open(db, &book, &err) != KVC_E_OK)
    fail_msg("%s:%d:%d %s", err.where, err.line, err.col, err.msg);
  return 0;
}

static int end(void **state)
{
  (void)state;
  kvc_arena_clear(&arena);
  return 0;
}

/* Ids and keys that a word means, "-" for none. */
static void means(const char *word, const char *rule, const char *flag,
                  const char *metric, const char *term)
{
  struct kvc_meaning m;
  (void)kvc_book_find(&book, word, &m);
  const char *got[] = {
      m.rule != NULL ? m.rule->id : "-", m.flag != NULL ? m.flag->key : "-",
      m.metric != NULL ? m.metric->key : "-", m.term != NULL ? m.term->name : "-"};
  const char *want[] = {rule, flag, metric, term};
  for (size_t i = 0; i < 4; i++)
    if (strcmp(got[i], want[i]) != 0)
      fail_msg("%s: %s instead of %s", word, got[i], want[i]);
}

static void a_word_means_what_it_names(void **state)
{
  (void)state;
  means("PAR002", "PAR002", "-", "-", "-");
  means("split-without-link", "PAR002", "-", "-", "-");
  means("flg004", "FLG004", "-", "-", "-");
  means("--max-num-seqs", "-", "max_num_seqs", "-", "-");
  means("max-num-seqs", "-", "max_num_seqs", "-", "-");
  means("-tp", "-", "tensor_parallel_size", "-", "-");
  means("VLLM_USE_V1", "-", "vllm_use_v1", "-", "-");
  means("kv pool", "-", "-", "-", "KV pool");
  means("time-to-first-token", "-", "-", "-", "TTFT");
  means("watermark", "-", "watermark", "-", "watermark");
  means("--watermark", "-", "watermark", "-", "-"); /* a dash is a flag's */
}

static void a_metric_is_known_by_every_name_and_sample(void **state)
{
  (void)state;
  static const char *const usage[] = {"kv_cache_usage_perc", "vllm:kv_cache_usage_perc",
                                      "vllm:gpu_cache_usage_perc", "gpu_cache_usage_perc",
                                      "vllm:gpu_cache_usage_perc{model_name=\"m\"} 0.4"};
  for (size_t i = 0; i < 5; i++) means(usage[i], "-", "-", "kv_cache_usage_perc", "-");
  static const char *const ttft[] = {"vllm:time_to_first_token_seconds_bucket",
                                     "time_to_first_token_seconds_sum",
                                     "vllm:time_to_first_token_seconds_count",
                                     "vllm:time_to_first_token_seconds_created",
                                     "vllm:time_to_first_token_seconds_bucket{le=\"1\"}"};
  for (size_t i = 0; i < 5; i++)
    means(ttft[i], "-", "-", "time_to_first_token_seconds", "-");
  means("num_preemptions_total", "-", "-", "num_preemptions", "-");
  means("vllm:num_preemptions", "-", "-", "num_preemptions", "-");
  means("vllm:time_to_first_token_seconds_buckets", "-", "-", "-", "-");
}

static void a_prefix_asks_for_one_kind(void **state)
{
  (void)state;
  means("term:watermark", "-", "-", "-", "watermark");
  means("flag:watermark", "-", "watermark", "-", "-");
  means("metric:watermark", "-", "-", "-", "-");
  means("rule:BAT003", "BAT003", "-", "-", "-");
  means("term:", "-", "-", "-", "-");
}

static void a_word_of_any_length_is_answered(void **state)
{
  struct kvc_meaning m;
  char word[1000];
  (void)state;
  for (size_t len = 0; len < sizeof word; len++) {
    memset(word, '-', len);
    word[len] = '\0';
    assert_false(kvc_book_find(&book, word, &m));
    memset(word, 'x', len);
    assert_false(kvc_book_find(&book, word, &m));
  }
}

static void whatever_a_term_refers_to_exists(void **state)
{
  (void)state;
  for (size_t i = 0; i < kvc_terms_count(book.terms); i++) {
    const struct kvc_term *t = kvc_terms_at(book.terms, i);
    struct kvc_meaning m;
    for (size_t k = 0; k < t->n_see; k++) {
      if (!kvc_book_find(&book, t->see[k], &m)) fail_msg("%s: %s", t->name, t->see[k]);
      if (m.term == t) fail_msg("%s refers to itself by %s", t->name, t->see[k]);
    }
  }
}

static void every_word_of_the_list_is_answered(void **state)
{
  const char *const *words;
  size_t n;
  (void)state;
  for (int kind = KVC_BOOK_KEYS; kind <= KVC_BOOK_SPELLINGS; kind++) {
    assert_int_equal(
        kvc_book_list(&book, &arena, (enum kvc_book_words)kind, &words, &n, &err),
        KVC_E_OK);
    assert_int_equal(
        n, kvc_rule_count() + kvc_lint_rule_count() + kvc_engine_flag_count(book.engine) +
               kvc_metrics_count(book.metrics) + kvc_terms_count(book.terms));
    for (size_t i = 0; i < n; i++) {
      struct kvc_meaning m;
      if (!kvc_book_find(&book, words[i], &m)) fail_msg("%s", words[i]);
    }
  }
}

static const struct kvc_node *explained(struct kvc_doc *doc, const char *word)
{
  struct kvc_meaning m;
  kvc_doc_init(doc, &arena);
  if (!kvc_book_find(&book, word, &m)) fail_msg("%s", word);
  assert_int_equal(kvc_doc_meaning(doc, &book, &m, &err), KVC_E_OK);
  return doc->root;
}

static void text_is(const struct kvc_node *root, const char *path, const char *want)
{
  const struct kvc_node *n = kvc_node_at(root, path);
  if (n == NULL) fail_msg("%s is missing", path);
  if (want == NULL) {
    assert_int_equal(n->kind, KVC_NODE_NULL);
    return;
  }
  assert_int_equal(n->kind, KVC_NODE_TEXT);
  assert_string_equal(n->text, want);
}

static void the_spans_of_a_metrics_names_end_with_the_last_release(void **state)
{
  struct kvc_doc doc;
  (void)state;
  const struct kvc_node *root = explained(&doc, "vllm:gpu_cache_usage_perc");
  text_is(root, "kind", "metric");
  text_is(root, "key", "kv_cache_usage_perc");
  text_is(root, "name", "vllm:kv_cache_usage_perc");
  text_is(root, "unit", "1");
  const struct kvc_node *one = kvc_node_at(root, "names")->first;
  text_is(one, "name", "vllm:gpu_cache_usage_perc");
  text_is(one, "engine", "V0");
  text_is(one, "since", "0.4.0");
  text_is(one, "last", "0.10.2"); /* V0 is gone with 0.11.0 */
  one = one->next->next;
  text_is(one, "name", "vllm:kv_cache_usage_perc");
  text_is(one, "since", "0.9.2");
  text_is(one, "last", NULL);
}

static void units_that_differ_are_said(void **state)
{
  struct kvc_doc doc;
  (void)state;
  const struct kvc_node *root = explained(&doc, "vllm:gpu_prefix_cache_hits_total");
  text_is(root, "unit", "tokens");
  text_is(kvc_node_at(root, "names")->first, "unit", "blocks");
  text_is(kvc_node_at(root, "names")->first, "last", "0.8.5");
  text_is(kvc_node_at(root, "names")->first->next, "unit", "tokens");
}

static void the_query_fits_the_type(void **state)
{
  struct kvc_doc doc;
  (void)state;
  text_is(explained(&doc, "num_preemptions"), "promql",
          "rate(vllm:num_preemptions_total[5m])");
  text_is(doc.root, "promql_mean", NULL);
  text_is(explained(&doc, "kv_cache_usage_perc"), "promql", "vllm:kv_cache_usage_perc");
  text_is(explained(&doc, "time_to_first_token_seconds"), "promql",
          "histogram_quantile(0.95, sum by (le) "
          "(rate(vllm:time_to_first_token_seconds_bucket[5m])))");
  text_is(doc.root, "promql_mean",
          "sum(rate(vllm:time_to_first_token_seconds_sum[5m])) / "
          "sum(rate(vllm:time_to_first_token_seconds_count[5m]))");
}

static void a_second_meaning_is_named(void **state)
{
  struct kvc_doc doc;
  (void)state;
  const struct kvc_node *root = explained(&doc, "watermark");
  text_is(root, "kind", "flag");
  text_is(kvc_node_at(root, "also")->first, "kind", "term");
  text_is(kvc_node_at(root, "also")->first, "name", "watermark");
  assert_null(kvc_node_at(explained(&doc, "goodput"), "also")->first);
}

/* Every word makes a document that is whole and has a source. */
static void everything_can_be_explained(void **state)
{
  const char *const *words;
  size_t n;
  (void)state;
  assert_int_equal(kvc_book_list(&book, &arena, KVC_BOOK_KEYS, &words, &n, &err),
                   KVC_E_OK);
  for (size_t i = 0; i < n; i++) {
    struct kvc_doc doc;
    const struct kvc_node *root = explained(&doc, words[i]);
    if (doc.first == NULL || doc.full) fail_msg("%s", words[i]);
    const struct kvc_node *source = kvc_node_at(root, "source");
    if (source == NULL || source->kind != KVC_NODE_TEXT)
      fail_msg("%s has no source", words[i]);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_word_means_what_it_names),
      cmocka_unit_test(a_metric_is_known_by_every_name_and_sample),
      cmocka_unit_test(a_prefix_asks_for_one_kind),
      cmocka_unit_test(a_word_of_any_length_is_answered),
      cmocka_unit_test(whatever_a_term_refers_to_exists),
      cmocka_unit_test(every_word_of_the_list_is_answered),
      cmocka_unit_test(the_spans_of_a_metrics_names_end_with_the_last_release),
      cmocka_unit_test(units_that_differ_are_said),
      cmocka_unit_test(the_query_fits_the_type),
      cmocka_unit_test(a_second_meaning_is_named),
      cmocka_unit_test(everything_can_be_explained),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
