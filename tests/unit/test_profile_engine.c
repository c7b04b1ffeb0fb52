/* test_profile_engine.c - releases, facts and flags of an engine.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include "profile_kit.h"
#include "src/profile/nouns.h"
#include "tests/support/close.h"

static const char toy_engine[] =
    "engine: toy\n"
    "releases:\n"
    "  - {version: 0.1.0, trust: presumed}\n"
    "  - {version: 0.2.0, date: \"2024-01-01\", trust: tag}\n"
    "  - {version: 0.3.0, trust: tag}\n"
    "  - {version: 0.10.0, trust: main}\n"
    "newest_verified: 0.3.0\n"
    "engines:\n"
    "  - {name: V0, since: 0.1.0, until: 0.3.0, role: default}\n"
    "  - {name: V1, since: 0.2.0, until: 0.3.0, role: opt-in}\n"
    "  - {name: V1, since: 0.3.0, role: default}\n"
    "facts:\n"
    "  - {key: budget, value: old, since: 0.1.0, until: 0.3.0, engine: V0, cite: a}\n"
    "  - {key: budget, value: new, since: 0.2.0, engine: V1, cite: b, trust: medium, "
    "note: n}\n"
    "  - {key: both, value: 5, since: 0.2.0, cite: c}\n";

static const char toy_flags[] =
    "- key: seqs\n"
    "  kind: flag\n"
    "  group: scheduling\n"
    "  type: count\n"
    "  help: Requests at once\n"
    "  range: [1, 4096]\n"
    "  spell:\n"
    "    - {names: [--max-batch, -b], since: 0.1.0, until: 0.3.0}\n"
    "    - {names: --max-seqs, since: 0.3.0}\n"
    "  default:\n"
    "    - {value: 64, since: 0.1.0, until: 0.3.0, cite: a}\n"
    "    - {value: 8, since: 0.3.0, engine: V1, when: {moe_dp: true}, cite: b}\n"
    "    - {value: 1024, since: 0.3.0, engine: V1, when: {memory_min: 70 GiB, "
    "name_lacks: a100, "
    "context: server}, cite: b}\n"
    "    - {value: 512, since: 0.3.0, engine: V1, when: {name_has: [h20, mi3], vendor: "
    "nvidia}, "
    "cite: b}\n"
    "    - {value: 256, since: 0.3.0, cite: b}\n"
    "  change:\n"
    "    - {at: 0.2.0, text: counts requests, cite: a}\n"
    "  cite: a\n"
    "- key: backend\n"
    "  kind: flag\n"
    "  group: memory\n"
    "  type: enum\n"
    "  help: How\n"
    "  choices:\n"
    "    - {values: [x, y], since: 0.1.0, until: 0.3.0}\n"
    "    - {values: [x, y, z], since: 0.3.0}\n"
    "  spell:\n"
    "    - {names: [--backend], since: 0.1.0, until: 0.10.0}\n"
    "  removed: {at: 0.10.0, instead: nothing, cite: a}\n"
    "  trust: presumed\n"
    "  cite: a\n";

struct toy {
  struct kvc_arena arena;
  struct kvc_err err;
  struct kvc_engine *engine;
};

static kvc_code toy_read(struct toy *t, const char *engine, const char *flags, size_t cap)
{
  struct node *e = NULL, *f = NULL;
  *t = (struct toy){.engine = NULL};
  kvc_arena_init(&t->arena, cap);
  const struct reader er = {.arena = &t->arena, .file = "engine.yaml", .err = &t->err};
  const struct reader fr = {.arena = &t->arena, .file = "flags.yaml", .err = &t->err};
  KVC_TRY(profile_parse(&t->arena, engine, strlen(engine), er.file, &e, &t->err));
  KVC_TRY(profile_parse(&t->arena, flags, strlen(flags), fr.file, &f, &t->err));
  return engine_from_nodes(&er, e, &fr, f, &t->engine);
}

static int toy_open(void **state)
{
  static struct toy toy;
  *state = &toy;
  if (toy_read(&toy, toy_engine, toy_flags, 1 << 20) == KVC_E_OK) return 0;
  print_error("%s:%d: %s\n", toy.err.where, toy.err.line, toy.err.msg);
  return 1;
}

static int toy_close(void **state)
{
  struct toy *toy = *state;
  kvc_arena_clear(&toy->arena);
  return 0;
}

static struct kvc_version ver(const char *text)
{
  struct kvc_version v;
  struct kvc_err err;
  assert_int_equal(kvc_version_parse(text, "t", &v, &err), KVC_E_OK);
  return v;
}

static const char *shown(const struct kvc_version *v)
{
  static char text[KVC_VERSION_TEXT];
  kvc_version_format(v, text);
  return text;
}

/* ---- releases ------------------------------------------------------------------- */

static void versions_resolve_to_a_release_and_say_how(void **state)
{
  const struct toy *t = *state;
  static const struct {
    const char *asked, *want;
    bool carried, between, guessed;
  } cases[] = {
      {"0.1.0", "0.1.0", false, false, false},
      {"v0.2", "0.2.0", false, false, false},
      {"0.2.0rc1", "0.2.0", false, false, false},
      {"0.2.0.post1", "0.2.0", false, false, false},
      {"0.2.1", "0.2.0", false, true, false},
      {"0.9.9", "0.3.0", false, true, false}, /* 0.10 is above 0.9, not below 0.2 */
      {"0.10.0", "0.10.0", false, false, false},
      {"0.10.0rc2.dev5+gabc", "0.10.0", false, false, false},
      {"1.0.0", "0.10.0", true, true, false},
      {"0.1.dev18496+gd4e0675a7", "0.3.0", false, false, true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const struct kvc_version v = ver(cases[i].asked);
    struct kvc_resolved r;
    struct kvc_err err;
    assert_int_equal(kvc_engine_resolve(t->engine, &v, &r, &err), KVC_E_OK);
    if (strcmp(shown(&r.version), cases[i].want) != 0 || r.carried != cases[i].carried ||
        r.between != cases[i].between || r.guessed != cases[i].guessed)
      fail_msg("%s -> %s carried %d between %d guessed %d", cases[i].asked,
               shown(&r.version), r.carried, r.between, r.guessed);
    assert_non_null(r.trust);
  }
  struct kvc_resolved r = {.trust = "untouched"};
  struct kvc_err err;
  const struct kvc_version old = ver("0.0.9");
  assert_int_equal(kvc_engine_resolve(t->engine, &old, &r, &err), KVC_E_UNKNOWN);
  assert_string_equal(r.trust, "untouched");
  assert_non_null(strstr(err.msg, "0.1.0"));
}

static void releases_are_listed_and_the_newest_is_the_verified_one(void **state)
{
  const struct toy *t = *state;
  assert_int_equal(kvc_engine_release_count(t->engine), 4);
  assert_string_equal(kvc_engine_release(t->engine, 1)->date, "2024-01-01");
  assert_null(kvc_engine_release(t->engine, 0)->date);
  assert_null(kvc_engine_release(t->engine, 4));
  assert_string_equal(shown(kvc_engine_newest(t->engine)), "0.3.0");
}

static void generations_and_facts_hold_within_their_span(void **state)
{
  const struct toy *t = *state;
  const struct kvc_version v1 = ver("0.1.0"), v2 = ver("0.2.0"), v3 = ver("0.3.0");
  assert_null(kvc_engine_generation(t->engine, &v1, KVC_ENGINE_V1));
  assert_string_equal(kvc_engine_generation(t->engine, &v2, KVC_ENGINE_V1), "opt-in");
  assert_string_equal(kvc_engine_generation(t->engine, &v3, KVC_ENGINE_V1), "default");
  assert_null(kvc_engine_generation(t->engine, &v3, KVC_ENGINE_V0)); /* until excludes */
  const struct kvc_fact *f = kvc_engine_fact(t->engine, "budget", &v2, KVC_ENGINE_V0);
  assert_string_equal(f->value, "old");
  f = kvc_engine_fact(t->engine, "budget", &v2, KVC_ENGINE_V1);
  assert_string_equal(f->value, "new");
  assert_string_equal(f->trust, "medium");
  assert_string_equal(f->note, "n");
  assert_null(kvc_engine_fact(t->engine, "budget", &v1, KVC_ENGINE_V1));
  assert_null(kvc_engine_fact(t->engine, "both", &v1, KVC_ENGINE_V0));
  assert_string_equal(kvc_engine_fact(t->engine, "both", &v3, KVC_ENGINE_V0)->value, "5");
  assert_null(kvc_engine_fact(t->engine, "nothing", &v3, KVC_ENGINE_V1));
}

/* ---- flags ------------------------------------------------------------------------ */

static void a_flag_is_found_by_key_and_by_any_spelling(void **state)
{
  const struct toy *t = *state;
  const struct kvc_flag *f = kvc_engine_flag(t->engine, "seqs");
  assert_non_null(f);
  assert_int_equal(kvc_engine_flag_count(t->engine), 2);
  assert_ptr_equal(kvc_engine_flag_at(t->engine, 0), f);
  assert_null(kvc_engine_flag_at(t->engine, 2));
  static const char *const spellings[] = {"--max-batch", "-b", "--max-seqs",
                                          "--max_seqs"};
  for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++)
    assert_ptr_equal(kvc_engine_flag_spelled(t->engine, spellings[i]), f);
  static const char *const none[] = {"--max-seq", "max-seqs", "",
                                     "--",        "-",        "--max-seqs=3"};
  for (size_t i = 0; i < sizeof none / sizeof *none; i++)
    assert_null(kvc_engine_flag_spelled(t->engine, none[i]));
  assert_null(kvc_engine_flag(t->engine, "--max-seqs"));
  assert_true(f->has_range);
  assert_close(f->max, 4096, 0);
  assert_int_equal(f->n_changes, 1);
  assert_string_equal(f->changes[0].text, "counts requests");
  assert_false(f->removed);
}

static void a_release_spells_a_flag_its_own_way(void **state)
{
  const struct toy *t = *state;
  const struct kvc_flag *f = kvc_engine_flag(t->engine, "seqs");
  const struct kvc_flag *b = kvc_engine_flag(t->engine, "backend");
  const struct kvc_version v2 = ver("0.2.0"), v3 = ver("0.3.0"), v10 = ver("0.10.0");
  assert_string_equal(kvc_engine_flag_name(t->engine, f, &v2), "--max-batch");
  assert_string_equal(kvc_engine_flag_name(t->engine, f, &v3), "--max-seqs");
  assert_null(kvc_engine_flag_name(t->engine, b, &v10));
  struct kvc_version since, until;
  bool has_until = true;
  assert_true(kvc_engine_flag_span(t->engine, f, &since, &until, &has_until));
  assert_string_equal(shown(&since), "0.1.0");
  assert_false(has_until);
  assert_true(kvc_engine_flag_span(t->engine, b, &since, &until, &has_until));
  assert_true(has_until);
  assert_string_equal(shown(&until), "0.10.0");
  assert_true(b->removed);
  assert_string_equal(b->removed_instead, "nothing");
  const char *const *choices;
  assert_int_equal(kvc_engine_flag_choices(t->engine, b, &v2, &choices), 2);
  assert_int_equal(kvc_engine_flag_choices(t->engine, b, &v3, &choices), 3);
  assert_string_equal(choices[2], "z");
  assert_int_equal(kvc_engine_flag_choices(t->engine, f, &v3, &choices), 0);
}

static void the_first_default_whose_conditions_hold_is_taken(void **state)
{
  const struct toy *t = *state;
  const struct kvc_flag *f = kvc_engine_flag(t->engine, "seqs");
  const double gib = 1073741824.0;
  static const enum kvc_engine_kind v0 = KVC_ENGINE_V0, v1 = KVC_ENGINE_V1;
  const struct {
    const char *version;
    struct kvc_default_query q;
    const char *want;
  } cases[] = {
      {"0.1.0",
       {v0, KVC_CTX_SERVER, 80 * gib, "H100", KVC_VENDOR_NVIDIA, false, false},
       "64"},
      {"0.2.0",
       {v1, KVC_CTX_SERVER, 80 * gib, "H100", KVC_VENDOR_NVIDIA, false, true},
       "64"},
      {"0.3.0",
       {v1, KVC_CTX_SERVER, 80 * gib, "H100", KVC_VENDOR_NVIDIA, false, true},
       "8"},
      {"0.3.0",
       {v1, KVC_CTX_SERVER, 70 * gib, "H100", KVC_VENDOR_NVIDIA, false, false},
       "1024"},
      {"0.3.0",
       {v1, KVC_CTX_SERVER, 69.9 * gib, "H100", KVC_VENDOR_NVIDIA, false, false},
       "256"},
      {"0.3.0",
       {v1, KVC_CTX_LLM, 80 * gib, "H100", KVC_VENDOR_NVIDIA, false, false},
       "256"},
      {"0.3.0",
       {v1, KVC_CTX_SERVER, 80 * gib, "NVIDIA A100-SXM4-80GB", KVC_VENDOR_NVIDIA, false,
        false},
       "256"},
      {"0.3.0",
       {v1, KVC_CTX_SERVER, 60 * gib, "NVIDIA H20", KVC_VENDOR_NVIDIA, false, false},
       "512"},
      {"0.3.0",
       {v1, KVC_CTX_SERVER, 60 * gib, "AMD MI300X", KVC_VENDOR_AMD, false, false},
       "256"},
      {"0.3.0",
       {v1, KVC_CTX_SERVER, 60 * gib, NULL, KVC_VENDOR_NVIDIA, false, false},
       "256"},
      {"0.3.0",
       {v1, KVC_CTX_SERVER, 80 * gib, NULL, KVC_VENDOR_NVIDIA, false, false},
       "1024"},
      {"0.3.0",
       {v0, KVC_CTX_SERVER, 80 * gib, "H100", KVC_VENDOR_NVIDIA, false, true},
       "256"},
      {"9.0.0",
       {v1, KVC_CTX_SERVER, 80 * gib, "H100", KVC_VENDOR_NVIDIA, false, false},
       "1024"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const struct kvc_version v = ver(cases[i].version);
    struct kvc_default d = {.value = "none"};
    assert_true(kvc_engine_default(t->engine, f, &v, &cases[i].q, &d));
    if (strcmp(d.value, cases[i].want) != 0)
      fail_msg("case %zu: %s, not %s", i, d.value, cases[i].want);
  }
  const struct kvc_version v3 = ver("0.3.0");
  struct kvc_default d = {.value = "untouched"};
  assert_false(kvc_engine_default(t->engine, kvc_engine_flag(t->engine, "backend"), &v3,
                                  &cases[0].q, &d));
  assert_string_equal(d.value, "untouched");
}

/* ---- faults -------------------------------------------------------------------------
 */

/* 'text' with the first 'from' replaced; in the arena. */
static const char *changed(struct kvc_arena *arena, const char *text, const char *from,
                           const char *to)
{
  const char *at = strstr(text, from);
  if (at == NULL) fail_msg("\"%s\" is not in the sample", from);
  return kvc_arena_printf(arena, "%.*s%s%s", (int)(at - text), text, to,
                          at + strlen(from));
}

static void catalogues_that_contradict_themselves_are_refused(void **state)
{
  static const struct {
    bool flags;
    const char *from, *to, *says;
  } bad[] = {
      {false, "0.2.0, date", "0.0.1, date", ""},       /* out of order */
      {false, "version: 0.2.0", "version: 0.1.0", ""}, /* twice */
      {false, "version: 0.2.0", "version: two", "release"},
      {false, "newest_verified: 0.3.0", "newest_verified: 0.4.0", "0.4.0"},
      {false, "newest_verified: 0.3.0\n", "", "newest_verified"},
      {false, "since: 0.1.0, until: 0.3.0, role", "since: 0.1.5, until: 0.3.0, role",
       "0.1.5"},
      {false, "since: 0.1.0, until: 0.3.0, role", "since: 0.3.0, until: 0.1.0, role",
       "after"},
      {false, "until: 0.3.0, engine: V0", "until: 0.3.0", "overlap"},
      {false, "engine: V0", "engine: V2", "V0 or V1"},
      {false, "name: V0", "name: V2", "V0 or V1"},
      {false, "key: both", "kye: both", "key"},
      {false, "cite: c", "cite: ''", "cite"},
      {false, "facts:", "factz:", "facts"},
      {true, "key: backend", "key: seqs", "twice"},
      {true, "  help: How\n", "", "help"},
      {true, "range: [1, 4096]", "range: [4096, 1]", "range"},
      {true, "range: [1, 4096]", "range: [1]", "range"},
      {true, "range: [1, 4096]", "range: [a, b]", "number"},
      {true, "since: 0.3.0}\n  default", "since: 0.2.0}\n  default", "overlap"},
      {true, "-b], since: 0.1.0", "-b], since: 0.1.1", "0.1.1"},
      {true, "-b], since: 0.1.0, until: 0.3.0", "-b], since: 0.1.0", "overlap"},
      {true, "{names: --max-seqs, since: 0.3.0}", "{since: 0.3.0}", "names"},
      {true, "memory_min: 70 GiB", "memory_min: 70", "70 GiB"},
      {true, "context: server", "context: sever", "context"},
      {true, "moe_dp: true", "moe_dp: maybe", "moe_dp"},
      {true, "moe_dp: true", "moe: true", "moe"},
      {true, "when: {moe_dp: true}", "when: yes", "when"},
      {true, "vendor: nvidia", "vendor: nvda", "vendor"},
      {true, "value: 64,", "value: [64],", "value"},
      {true, "- {at: 0.2.0,", "- {at: soon,", "soon"},
      {true, "removed: {at: 0.10.0, ", "removed: {", "at"},
      {true, "- key: seqs", "- keys: seqs", "key"},
  };
  (void)state;
  struct kvc_arena texts;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct toy t;
    kvc_arena_init(&texts, 1 << 20);
    const char *e =
        bad[i].flags ? toy_engine : changed(&texts, toy_engine, bad[i].from, bad[i].to);
    const char *f =
        bad[i].flags ? changed(&texts, toy_flags, bad[i].from, bad[i].to) : toy_flags;
    const kvc_code rc = toy_read(&t, e, f, 1 << 20);
    if (rc == KVC_E_OK || strstr(t.err.msg, bad[i].says) == NULL)
      fail_msg("%s -> %s: %s %d %s", bad[i].from, bad[i].to, kvc_err_name(rc), t.err.line,
               t.err.msg);
    kit_fault(&t.err, rc, bad[i].flags ? "flags.yaml" : "engine.yaml");
    kvc_arena_clear(&t.arena);
    kvc_arena_clear(&texts);
  }
}

static void empty_and_alien_texts_are_refused(void **state)
{
  static const char *const texts[] = {"[]", "{}", "a", "- a", "engine: x", "[[1]]"};
  (void)state;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    struct toy t;
    assert_int_not_equal(toy_read(&t, texts[i], toy_flags, 1 << 20), KVC_E_OK);
    kvc_arena_clear(&t.arena);
    const kvc_code rc = toy_read(&t, toy_engine, texts[i], 1 << 20);
    if (strcmp(texts[i], "[]") == 0) /* an engine without flags is one */
      assert_int_equal(rc, KVC_E_OK);
    else
      assert_int_not_equal(rc, KVC_E_OK);
    kvc_arena_clear(&t.arena);
  }
}

static void want_of_memory_is_a_limit(void **state)
{
  (void)state;
  kvc_code rc = KVC_E_LIMIT;
  for (size_t cap = 0; rc != KVC_E_OK; cap += 16) {
    struct toy t;
    rc = toy_read(&t, toy_engine, toy_flags, cap);
    assert_true(rc == KVC_E_OK || rc == KVC_E_LIMIT);
    assert_true(cap < 1 << 20);
    kvc_arena_clear(&t.arena);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(versions_resolve_to_a_release_and_say_how),
      cmocka_unit_test(releases_are_listed_and_the_newest_is_the_verified_one),
      cmocka_unit_test(generations_and_facts_hold_within_their_span),
      cmocka_unit_test(a_flag_is_found_by_key_and_by_any_spelling),
      cmocka_unit_test(a_release_spells_a_flag_its_own_way),
      cmocka_unit_test(the_first_default_whose_conditions_hold_is_taken),
      cmocka_unit_test(catalogues_that_contradict_themselves_are_refused),
      cmocka_unit_test(empty_and_alien_texts_are_refused),
      cmocka_unit_test(want_of_memory_is_a_limit),
  };
  return cmocka_run_group_tests(tests, toy_open, toy_close);
}
