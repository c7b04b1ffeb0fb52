/* test_rules.c - every rule of the book fires, passes and skips by its fixtures.
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * tests/rules/<ID>/{fire,pass,skip}.yaml holds, a line each:
 *   args: "..."              as for `kvcap advise`; a live rule may do without
 *   version: 0.6.3           release, when there are no args
 *   have: metrics log bench  what was given of a running server
 *   live: {name: value, ...} rows of live.def
 *   multi_turn: true
 * Lengths count as known only when the arguments state them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/num.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "src/cli/advise.h"
#include "src/cli/commands.h"

enum { MAX_WORDS = 64 };

static struct kvc_finding findings[KVC_MAX_FINDINGS];

struct fixture {
  char *text;
  char *words[MAX_WORDS];
  int n;
  struct kvc_live live;
  unsigned have;
  struct kvc_version version;
  bool has_version;
};

/* The value of "key: " at the start of a line, up to the end of the line; NULL. */
static const char *line_of(struct kvc_arena *arena, const char *text, const char *key)
{
  const size_t n = strlen(key);
  for (const char *p = text; *p != '\0';) {
    const size_t len = strcspn(p, "\n");
    if (strncmp(p, key, n) == 0 && p[n] == ':')
      return kvc_arena_strndup(arena, p + n + 2, len - n - 2);
    p += len + (p[len] == '\n');
  }
  return NULL;
}

static bool read_live(struct kvc_arena *arena, const char *line, struct kvc_live *live)
{
  char *copy = kvc_arena_strdup(arena, line), *save = NULL;
  for (char *w = strtok_r(copy, "{}, ", &save); w != NULL;
       w = strtok_r(NULL, "{}, ", &save)) {
    double value;
    size_t used;
    w[strcspn(w, ":")] = '\0';
    const enum kvc_live_key key = kvc_live_find(w);
    const char *number = strtok_r(NULL, "{}, ", &save);
    if (key == KVC_L_none || number == NULL ||
        !kvc_num_scan(number, strlen(number), &value, &used)) {
      fprintf(stderr, "no figure is called %s\n", w);
      return false;
    }
    kvc_live_set(live, key, value, "fixture");
  }
  return true;
}

static bool read_fixture(struct kvc_arena *arena, const char *path, struct fixture *f)
{
  char *save = NULL;
  size_t len;
  struct kvc_err err;
  memset(f, 0, sizeof *f);
  kvc_live_init(&f->live);
  if (kvc_file_read_into(arena, path, 1 << 16, &f->text, &len, &err) != KVC_E_OK)
    return false;
  const char *args = line_of(arena, f->text, "args");
  const char *live = line_of(arena, f->text, "live");
  const char *have = line_of(arena, f->text, "have");
  const char *version = line_of(arena, f->text, "version");
  if (args != NULL)
    for (char *w = strtok_r(kvc_arena_strdup(arena, args), " \"", &save);
         w != NULL && f->n < MAX_WORDS; w = strtok_r(NULL, " \"", &save))
      f->words[f->n++] = w;
  if (live != NULL && !read_live(arena, live, &f->live)) return false;
  f->live.multi_turn = line_of(arena, f->text, "multi_turn") != NULL;
  if (have != NULL) {
    f->have |= KVC_NEED_LIVE;
    if (strstr(have, "metrics") != NULL) f->have |= KVC_NEED_METRICS;
    if (strstr(have, "log") != NULL) f->have |= KVC_NEED_LOG;
    if (strstr(have, "bench") != NULL) f->have |= KVC_NEED_BENCH;
  }
  f->has_version = version != NULL;
  return (args != NULL || live != NULL) &&
         (version == NULL ||
          kvc_version_parse(version, path, &f->version, &err) == KVC_E_OK);
}

static bool has_word(const struct fixture *f, const char *word)
{
  for (int i = 0; i < f->n; i++)
    if (strcmp(f->words[i], word) == 0) return true;
  return false;
}

/* Sizes what the arguments say, as far as it can be sized. */
static bool size_fixture(struct cli *cli, struct fixture *f, struct kvc_rule_facts *facts,
                         struct kvc_err *err)
{
  static const struct cli_parser parser = {advise_options, size_foreign_take, size_seen};
  struct advise_args *args = kvc_arena_alloc(&cli->arena, 1, sizeof *args);
  struct kvc_size *size = kvc_arena_alloc(&cli->arena, 1, sizeof *size);
  if (advise_read(cli, &parser, f->n, f->words, args, err) != KVC_E_OK) return false;
  const kvc_code rc =
      kvc_size_run(&cli->arena, args->size.db, &args->size.req, size, err);
  if (rc != KVC_E_OK && size->model.n_layers == 0) return false;
  facts->have |= KVC_NEED_MODEL | KVC_NEED_LINK;
  facts->size = size;
  facts->deploy = &args->size.req.deploy;
  facts->demand = &args->demand;
  if (rc == KVC_E_OK) facts->have |= KVC_NEED_SIZE;
  if (has_word(f, "--workload") || has_word(f, "--prompt-tokens")) {
    facts->have |= KVC_NEED_LOAD;
    if (args->demand.users > 0) facts->have |= KVC_NEED_RATE;
    if (args->demand.goal != KVC_GOAL_NONE) facts->have |= KVC_NEED_GOAL;
  }
  f->version = size->version.version;
  return true;
}

/* The finding of one rule over a fixture. */
static const struct kvc_finding *look(struct cli *cli, const struct kvc_rule *rule,
                                      struct fixture *f, struct kvc_err *err)
{
  struct kvc_db *db;
  struct kvc_engine *engine;
  size_t count = 0;
  if (kvc_db_open(&cli->arena, NULL, 0, &db, err) != KVC_E_OK ||
      kvc_db_engine(db, "vllm", &engine, err) != KVC_E_OK)
    return NULL;
  struct kvc_rule_facts facts = {.have = f->have, .engine = engine, .live = &f->live};
  if (f->n > 0 && !size_fixture(cli, f, &facts, err)) return NULL;
  if (f->n == 0 && !f->has_version) f->version = *kvc_engine_newest(engine);
  if (kvc_rules_run(&cli->arena, &facts, &f->version, findings, KVC_MAX_FINDINGS, &count,
                    err) != KVC_E_OK)
    return NULL;
  for (size_t i = 0; i < count; i++)
    if (findings[i].rule == rule) return &findings[i];
  return NULL;
}

static bool says(const char *text)
{
  return text != NULL && text[0] != '\0' && strstr(text, "nan") == NULL &&
         strstr(text, "(null)") == NULL && strstr(text, "unknown") == NULL;
}

static bool check(const struct kvc_rule *rule, const char *kind, enum kvc_verdict want)
{
  static const char *const names[] = {"skip", "pass", "fire"};
  static struct fixture fixture;
  struct cli cli = {.world = {.out = stdout, .err = stderr}};
  struct kvc_err err = {0};
  kvc_arena_init(&cli.arena, 64 << 20);
  const char *root = getenv("KVC_SOURCE_DIR");
  const char *path = kvc_arena_printf(&cli.arena, "%s/tests/rules/%s/%s.yaml",
                                      root != NULL ? root : ".", rule->id, kind);
  const bool read = read_fixture(&cli.arena, path, &fixture);
  const struct kvc_finding *f = read ? look(&cli, rule, &fixture, &err) : NULL;
  bool ok = f != NULL && f->verdict == want;
  if (!read)
    fprintf(stderr, "%s: no fixture %s\n", rule->id, path);
  else if (f == NULL)
    fprintf(stderr, "%s/%s: %s %s\n", rule->id, kind, err.where, err.msg);
  else if (!ok)
    fprintf(stderr, "%s/%s: %s (%s)\n", rule->id, kind, names[f->verdict],
            f->skipped != NULL ? f->skipped
            : f->text != NULL  ? f->text
                               : "");
  if (ok && want == KVC_SKIP) ok = f->skipped != NULL && f->skipped[0] != '\0';
  if (ok && want == KVC_FIRE) {
    ok = says(f->text) && f->n_evidence > 0 && (f->fix != NULL || f->value != NULL);
    for (size_t i = 0; i < f->n_evidence; i++) ok = ok && says(f->evidence[i]);
    if (!ok) fprintf(stderr, "%s: fires, but says \"%s\"\n", rule->id, f->text);
  }
  kvc_arena_clear(&cli.arena);
  return ok;
}

/* A plain threshold: at the limit it passes, beyond it fires; 0 = not such a rule. */
static int edge(const struct kvc_rule *rule)
{
  static const double step = 1e-3;
  struct kvc_arena arena;
  struct kvc_live live;
  struct kvc_rule_facts facts = {.live = &live};
  struct kvc_finding at = {.rule = rule}, past = {.rule = rule};
  if (rule->fact == KVC_L_none || rule->fix == NULL) return 0;
  kvc_arena_init(&arena, 1 << 20);
  kvc_live_init(&live);
  live.v[rule->fact] = rule->limit;
  const bool passes = rule->check(&facts, rule, &arena, &at) == KVC_PASS;
  int fires = 0;
  for (int side = -1; side <= 1; side += 2) {
    past = (struct kvc_finding){.rule = rule};
    live.v[rule->fact] = rule->limit + side * (fabs(rule->limit) + 1) * step;
    fires += rule->check(&facts, rule, &arena, &past) == KVC_FIRE;
  }
  kvc_arena_clear(&arena);
  return passes && fires == 1 ? 1 : -1;
}

static void thresholds_fire_beyond_their_limit_and_on_one_side_only(void **state)
{
  (void)state;
  int n = 0;
  for (size_t i = 0; i < kvc_rule_count(); i++) {
    const int e = edge(kvc_rule_at(i));
    if (e < 0) fail_msg("%s", kvc_rule_at(i)->id);
    n += e;
  }
  assert_true(n >= 20);
}

/* The user's word counts for severity, limit and whether the rule looks at all. */
static void a_rule_follows_its_tuning(void **state)
{
  (void)state;
  struct kvc_arena arena;
  struct kvc_live live;
  struct kvc_err err;
  struct kvc_version v;
  size_t n = 0;
  kvc_arena_init(&arena, 8 << 20);
  kvc_live_init(&live);
  live.v[KVC_L_waiting_mean] = 20;
  assert_int_equal(kvc_version_parse("0.19.0", "", &v, &err), KVC_E_OK);
  struct kvc_rule_tune tunes[] = {{.id = "many-waiting", .has_limit = true, .limit = 50},
                                  {.id = "que001", .has_severity = true, .severity = 2},
                                  {.id = "QUE001", .off = true}};
  const enum kvc_verdict want[] = {KVC_FIRE, KVC_PASS, KVC_FIRE, KVC_SKIP};
  for (size_t k = 0; k < 4; k++) {
    const struct kvc_rule_facts facts = {.have = KVC_NEED_LIVE | KVC_NEED_METRICS,
                                         .live = &live,
                                         .tunes = k > 0 ? &tunes[k - 1] : NULL,
                                         .n_tunes = k > 0};
    assert_int_equal(
        kvc_rules_run(&arena, &facts, &v, findings, KVC_MAX_FINDINGS, &n, &err),
        KVC_E_OK);
    for (size_t i = 0; i < n; i++)
      if (strcmp(findings[i].rule->id, "QUE001") == 0) {
        assert_int_equal(findings[i].verdict, want[k]);
        if (k == 2) assert_int_equal(findings[i].severity, KVC_SEV_ERROR);
      }
  }
  kvc_arena_clear(&arena);
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
  assert_true(kvc_rule_count() >= 130);
  assert_true(kvc_rule_count() <= KVC_MAX_FINDINGS);
  for (size_t i = 0; i < kvc_rule_count(); i++) {
    const struct kvc_rule *r = kvc_rule_at(i);
    assert_int_equal(strlen(r->id), 6);
    assert_ptr_equal(kvc_rule_find(r->id), r);
    assert_ptr_equal(kvc_rule_find(r->slug), r);
    assert_non_null(r->check);
    assert_true(r->title[0] != '\0' && r->why[0] != '\0' && r->needs != 0 &&
                r->title != NULL);
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
      cmocka_unit_test(thresholds_fire_beyond_their_limit_and_on_one_side_only),
      cmocka_unit_test(a_rule_follows_its_tuning),
      cmocka_unit_test(every_rule_fires_passes_and_skips),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
