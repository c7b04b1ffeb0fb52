/* explain.c - from a word to what it means.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "explain.h"
#include <kvcap/advice.h>
#include <kvcap/lint.h>
#include <stdio.h>
#include <string.h>

enum { MAX_WORD = 200 };

kvc_code kvc_book_open(struct kvc_db *db, struct kvc_book *out, struct kvc_err *err)
{
  struct kvc_engine *engine;
  struct kvc_metrics *metrics;
  struct kvc_terms *terms;
  KVC_TRY(kvc_db_engine(db, "vllm", &engine, err));
  KVC_TRY(kvc_db_metrics(db, "vllm", &metrics, err));
  KVC_TRY(kvc_db_terms(db, &terms, err));
  *out = (struct kvc_book){db, engine, metrics, terms};
  return KVC_E_OK;
}

/* ---- one word ---------------------------------------------------------------------- */

static const struct kvc_rule *find_rule(const char *word)
{
  const struct kvc_rule *rule = kvc_rule_find(word);
  return rule != NULL ? rule : kvc_lint_rule_find(word);
}

/* "--max_num_seqs", "max-num-seqs", "max_num_seqs", "VLLM_USE_V1". */
static const struct kvc_flag *find_flag(const struct kvc_engine *engine, const char *word)
{
  char dashed[MAX_WORD + 3] = "--";
  char *key = dashed + 2;
  const struct kvc_flag *flag = kvc_engine_flag_spelled(engine, word);
  if (flag != NULL) return flag;
  (void)snprintf(key, MAX_WORD + 1, "%s", word + strspn(word, "-"));
  for (char *p = key; *p != '\0'; p++)
    if (*p == '-') *p = '_';
  flag = kvc_engine_flag(engine, key);
  return flag != NULL ? flag : kvc_engine_flag_spelled(engine, dashed);
}

/* As a page or a query shows it: labels and the suffix of a sample are set aside. */
static const struct kvc_metric *find_metric(const struct kvc_metrics *metrics,
                                            const char *word)
{
  static const char *const suffixes[] = {"_bucket", "_sum", "_count", "_created"};
  char name[MAX_WORD + 1];
  const size_t len = strcspn(word, "{ ");
  (void)snprintf(name, sizeof name, "%.*s", (int)(len < MAX_WORD ? len : MAX_WORD), word);
  const struct kvc_metric *metric = kvc_metrics_find(metrics, name);
  const size_t n = strlen(name);
  for (size_t i = 0; metric == NULL && i < sizeof suffixes / sizeof *suffixes; i++) {
    const size_t cut = strlen(suffixes[i]);
    if (n <= cut || strcmp(name + n - cut, suffixes[i]) != 0) continue;
    name[n - cut] = '\0';
    metric = kvc_metrics_find(metrics, name);
    name[n - cut] = '_';
  }
  return metric;
}

bool kvc_book_find(const struct kvc_book *book, const char *word, struct kvc_meaning *out)
{
  static const char *const kinds[] = {"rule:", "flag:", "metric:", "term:"};
  enum { RULE, FLAG, METRIC, TERM, KINDS };
  int only = KINDS;
  for (int i = 0; i < KINDS && only == KINDS; i++)
    if (strncmp(word, kinds[i], strlen(kinds[i])) == 0) only = i;
  if (only != KINDS) word += strlen(kinds[only]);
  *out = (struct kvc_meaning){0};
  if (strlen(word) > MAX_WORD) return false;
  if (only == KINDS || only == RULE) out->rule = find_rule(word);
  if (only == KINDS || only == FLAG) out->flag = find_flag(book->engine, word);
  if (only == KINDS || only == METRIC) out->metric = find_metric(book->metrics, word);
  /* A dash in front is a flag's. */
  if (only == TERM || (only == KINDS && word[0] != '-'))
    out->term = kvc_terms_find(book->terms, word);
  return out->rule != NULL || out->flag != NULL || out->metric != NULL ||
         out->term != NULL;
}

/* ---- all words --------------------------------------------------------------------- */

const char *explain_flag_name(const struct kvc_engine *engine,
                              const struct kvc_flag *flag)
{
  const char *name = NULL;
  for (size_t i = kvc_engine_release_count(engine); i > 0 && name == NULL; i--)
    name =
        kvc_engine_flag_name(engine, flag, &kvc_engine_release(engine, i - 1)->version);
  return name != NULL ? name : flag->key;
}

kvc_code kvc_book_list(const struct kvc_book *book, struct kvc_arena *arena,
                       enum kvc_book_words flags, const char *const **words, size_t *n,
                       struct kvc_err *err)
{
  const size_t most = kvc_rule_count() + kvc_lint_rule_count() +
                      kvc_engine_flag_count(book->engine) +
                      kvc_metrics_count(book->metrics) + kvc_terms_count(book->terms);
  const char **list = kvc_arena_alloc(arena, most + 1, sizeof *list);
  size_t at = 0;
  if (list == NULL) return kvc_arena_full(arena, "the list", err);
  for (size_t i = 0; i < kvc_engine_flag_count(book->engine); i++) {
    const struct kvc_flag *flag = kvc_engine_flag_at(book->engine, i);
    list[at++] =
        flags == KVC_BOOK_KEYS ? flag->key : explain_flag_name(book->engine, flag);
  }
  for (size_t i = 0; i < kvc_metrics_count(book->metrics); i++)
    list[at++] = kvc_metrics_at(book->metrics, i)->key;
  for (size_t i = 0; i < kvc_terms_count(book->terms); i++)
    list[at++] = kvc_terms_at(book->terms, i)->name;
  for (size_t i = 0; i < kvc_rule_count(); i++) list[at++] = kvc_rule_at(i)->id;
  for (size_t i = 0; i < kvc_lint_rule_count(); i++) list[at++] = kvc_lint_rule_at(i)->id;
  *words = list;
  *n = at;
  return KVC_E_OK;
}

/* ---- as a document ------------------------------------------------------------------
 */

/* The other meanings, with the word that asks for each. */
static void add_others(struct kvc_doc *doc, const struct kvc_meaning *m)
{
  const struct {
    const char *kind, *name;
  } all[] = {{"rule", m->rule != NULL ? m->rule->id : NULL},
             {"flag", m->flag != NULL ? m->flag->key : NULL},
             {"metric", m->metric != NULL ? m->metric->key : NULL},
             {"term", m->term != NULL ? m->term->name : NULL}};
  struct kvc_node *list = kvc_node_add(doc, doc->root, "also", KVC_NODE_LIST);
  bool shown = false;
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    if (all[i].name == NULL) continue;
    if (!shown) {
      shown = true; /* the one that is explained */
      continue;
    }
    const char *quote = strchr(all[i].name, ' ') != NULL ? "\"" : "";
    const char *ask =
        kvc_arena_printf(doc->arena, "%s%s:%s%s", quote, all[i].kind, all[i].name, quote);
    if (ask == NULL) doc->full = true;
    struct kvc_node *one = kvc_node_add(doc, list, NULL, KVC_NODE_MAP);
    kvc_node_text(doc, one, "kind", all[i].kind);
    kvc_node_text(doc, one, "name", all[i].name);
    const char *line = kvc_arena_printf(doc->arena, "the %s %s: kvcap explain %s",
                                        all[i].kind, all[i].name, ask != NULL ? ask : "");
    (void)kvc_block_add(doc, KVC_BLOCK_HEADING, NULL, "See also", NULL);
    (void)kvc_block_add(doc, KVC_BLOCK_PARA, NULL, line, NULL);
  }
}

kvc_code kvc_doc_meaning(struct kvc_doc *doc, const struct kvc_book *book,
                         const struct kvc_meaning *meaning, struct kvc_err *err)
{
  kvc_node_text(doc, doc->root, "kind",
                meaning->rule != NULL     ? "rule"
                : meaning->flag != NULL   ? "flag"
                : meaning->metric != NULL ? "metric"
                                          : "term");
  if (meaning->rule != NULL)
    KVC_TRY(kvc_doc_rule(doc, book->db, meaning->rule, err));
  else if (meaning->flag != NULL)
    KVC_TRY(kvc_doc_flag(doc, book->db, book->engine, meaning->flag, err));
  else if (meaning->metric != NULL)
    KVC_TRY(kvc_doc_metric(doc, book, meaning->metric, err));
  else
    KVC_TRY(kvc_doc_term(doc, book, meaning->term, err));
  add_others(doc, meaning);
  return doc->full ? kvc_arena_full(doc->arena, "the report", err) : KVC_E_OK;
}
