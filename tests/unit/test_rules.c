/* test_rules.c - every rule of the book fires, passes and skips by its fixtures.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tests/rules/<ID>/{fire,pass,skip}.yaml: "args", as for `kvcap advise`.  Lengths count
 * as known only when the arguments state them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "src/cli/advise.h"
#include "src/cli/commands.h"

enum { MAX_WORDS = 64 };

static struct kvc_finding findings[KVC_MAX_FINDINGS];

/* The words of the fixture's "args", in the arena. */
static int words_of(struct kvc_arena *arena, const char *path, char **words)
{
  char *text, *save = NULL;
  size_t len;
  struct kvc_err err;
  int n = 0;
  if (kvc_file_read_into(arena, path, 1 << 16, &text, &len, &err) != KVC_E_OK) return -1;
  char *at = strstr(text, "args: \"");
  if (at == NULL) return -1;
  at += strlen("args: \"");
  at[strcspn(at, "\"")] = '\0';
  for (char *w = strtok_r(at, " ", &save); w != NULL && n < MAX_WORDS;
       w = strtok_r(NULL, " ", &save))
    words[n++] = w;
  return n;
}

static bool has_word(char *const *words, int n, const char *word)
{
  for (int i = 0; i < n; i++)
    if (strcmp(words[i], word) == 0) return true;
  return false;
}

/* The finding of one rule over a fixture. */
static const struct kvc_finding *look(struct cli *cli, const struct kvc_rule *rule,
                                      char *const *words, int n, struct kvc_err *err)
{
  static const struct cli_parser parser = {advise_options, size_foreign_take, size_seen};
  struct advise_args *args = kvc_arena_alloc(&cli->arena, 1, sizeof *args);
  struct kvc_size *size = kvc_arena_alloc(&cli->arena, 1, sizeof *size);
  if (advise_read(cli, &parser, n, words, args, err) != KVC_E_OK) return NULL;
  const kvc_code rc =
      kvc_size_run(&cli->arena, args->size.db, &args->size.req, size, err);
  if (rc != KVC_E_OK && size->model.n_layers == 0) return NULL;
  struct kvc_rule_facts facts = {.have = KVC_NEED_MODEL | KVC_NEED_LINK,
                                 .engine = args->size.catalogue,
                                 .size = size,
                                 .deploy = &args->size.req.deploy,
                                 .demand = &args->demand};
  if (rc == KVC_E_OK) facts.have |= KVC_NEED_SIZE;
  if (has_word(words, n, "--workload") || has_word(words, n, "--prompt-tokens")) {
    facts.have |= KVC_NEED_LOAD;
    if (args->demand.users > 0) facts.have |= KVC_NEED_RATE;
    if (args->demand.goal != KVC_GOAL_NONE) facts.have |= KVC_NEED_GOAL;
  }
  size_t count = 0;
  if (kvc_rules_run(&cli->arena, &facts, &size->version.version, findings,
                    KVC_MAX_FINDINGS, &count, err) != KVC_E_OK)
    return NULL;
  for (size_t i = 0; i < count; i++)
    if (findings[i].rule == rule) return &findings[i];
  return NULL;
}

static bool check(const struct kvc_rule *rule, const char *kind, enum kvc_verdict want)
{
  static const char *const names[] = {"skip", "pass", "fire"};
  struct cli cli = {.world = {.out = stdout, .err = stderr}};
  struct kvc_err err = {0};
  char *words[MAX_WORDS];
  kvc_arena_init(&cli.arena, 64 << 20);
  const char *root = getenv("KVC_SOURCE_DIR");
  const char *path = kvc_arena_printf(&cli.arena, "%s/tests/rules/%s/%s.yaml",
                                      root != NULL ? root : ".", rule->id, kind);
  const int n = words_of(&cli.arena, path, words);
  const struct kvc_finding *f = n > 0 ? look(&cli, rule, words, n, &err) : NULL;
  bool ok = f != NULL && f->verdict == want;
  if (n <= 0)
    fprintf(stderr, "%s: no fixture %s\n", rule->id, path);
  else if (f == NULL)
    fprintf(stderr, "%s/%s: %s %s\n", rule->id, kind, err.where, err.msg);
  else if (!ok)
    fprintf(stderr, "%s/%s: %s (%s)\n", rule->id, kind, names[f->verdict],
            f->skipped != NULL ? f->skipped
            : f->text != NULL  ? f->text
                               : "");
  if (ok && want == KVC_SKIP) ok = f->skipped != NULL && f->skipped[0] != '\0';
  if (ok && want == KVC_FIRE)
    ok = f->text != NULL && f->text[0] != '\0' && f->n_evidence > 0 &&
         (f->fix != NULL || f->value != NULL);
  kvc_arena_clear(&cli.arena);
  return ok;
}

static void every_rule_fires_passes_and_skips(void **state)
{
  (void)state;
  int bad = 0;
  for (size_t i = 0; i < kvc_rule_count(); i++) {
    const struct kvc_rule *r = kvc_rule_at(i);
    bad += !check(r, "fire", KVC_FIRE);
    bad += !check(r, "pass", KVC_PASS);
    bad += !check(r, "skip", KVC_SKIP);
  }
  assert_int_equal(bad, 0);
}

static void every_row_is_well_formed(void **state)
{
  (void)state;
  struct kvc_arena arena;
  struct kvc_db *db;
  struct kvc_err err;
  struct kvc_engine *engine;
  struct kvc_version v;
  kvc_arena_init(&arena, 64 << 20);
  assert_int_equal(kvc_db_open(&arena, NULL, 0, &db, &err), KVC_E_OK);
  assert_int_equal(kvc_db_engine(db, "vllm", &engine, &err), KVC_E_OK);
  assert_true(kvc_rule_count() >= 30);
  for (size_t i = 0; i < kvc_rule_count(); i++) {
    const struct kvc_rule *r = kvc_rule_at(i);
    assert_int_equal(strlen(r->id), 6);
    assert_ptr_equal(kvc_rule_find(r->id), r);
    assert_ptr_equal(kvc_rule_find(r->slug), r);
    assert_non_null(r->check);
    assert_true(r->title[0] != '\0' && r->why[0] != '\0' && r->needs != 0);
    if (kvc_db_cite(db, r->cite) == NULL) fail_msg("%s: no citation %s", r->id, r->cite);
    if (r->flag != NULL && kvc_engine_flag(engine, r->flag) == NULL)
      fail_msg("%s: no flag %s", r->id, r->flag);
    if (r->since != NULL)
      assert_int_equal(kvc_version_parse(r->since, r->id, &v, &err), KVC_E_OK);
    if (r->until != NULL)
      assert_int_equal(kvc_version_parse(r->until, r->id, &v, &err), KVC_E_OK);
  }
  assert_null(kvc_rule_at(kvc_rule_count()));
  assert_null(kvc_rule_find("XXX000"));
  kvc_arena_clear(&arena);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_row_is_well_formed),
      cmocka_unit_test(every_rule_fires_passes_and_skips),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
