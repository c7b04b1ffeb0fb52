/* launch_kit.h - what the tests of src/launch/ and src/lint/ share.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#ifndef KVC_TESTS_LAUNCH_KIT_H
#define KVC_TESTS_LAUNCH_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/file.h>
#include <kvcap/lint.h>
#include <kvcap/profile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KIT_CAP = 64 << 20, KIT_ROOM = 256 };

static struct kvc_arena kit_facts;
static struct kvc_engine *kit_engine;

static inline int kit_open(void **state)
{
  struct kvc_db *db;
  (void)state;
  kvc_arena_init(&kit_facts, KIT_CAP);
  if (kvc_db_open(&kit_facts, NULL, 0, &db, NULL) != KVC_E_OK) return 1;
  return kvc_db_engine(db, "vllm", &kit_engine, NULL) != KVC_E_OK;
}

static inline int kit_close(void **state)
{
  (void)state;
  kvc_arena_clear(&kit_facts);
  return 0;
}

/* One launch read and looked at. */
struct kit {
  struct kvc_arena arena;
  struct kvc_launch launch;
  struct kvc_lint_finding found[KIT_ROOM];
  size_t n;
  struct kvc_err err;
};

static inline kvc_code kit_parse(struct kit *k, const char *text, size_t len,
                                 enum kvc_launch_format format, size_t which)
{
  const struct kvc_launch_source source = {text, len, "text", format, which};
  return kvc_launch_parse(&k->arena, kit_engine, &source, &k->launch, &k->err);
}

static inline struct kvc_lint_facts kit_lint_facts(const struct kvc_launch *launch,
                                                   const struct kvc_version *v)
{
  struct kvc_lint_facts facts = {
      .engine = kit_engine, .launch = launch, .query = {.vendor = KVC_VENDOR_NVIDIA}};
  if (kvc_engine_resolve(kit_engine, v, &facts.release, NULL) != KVC_E_OK)
    fail_msg("a release is not known");
  const char *v1 =
      kvc_engine_generation(kit_engine, &facts.release.version, KVC_ENGINE_V1);
  facts.generation =
      v1 != NULL && strcmp(v1, "default") == 0 ? KVC_ENGINE_V1 : KVC_ENGINE_V0;
  return facts;
}

static inline void kit_lint(struct kit *k, const struct kvc_version *v)
{
  const struct kvc_lint_facts facts = kit_lint_facts(&k->launch, v);
  const kvc_code rc = kvc_lint_run(&k->arena, &facts, k->found, KIT_ROOM, &k->n, &k->err);
  assert_int_equal(rc, KVC_E_OK);
}

static inline struct kvc_version kit_version(const char *text)
{
  struct kvc_version v;
  if (kvc_version_parse(text, "test", &v, NULL) != KVC_E_OK) fail_msg("%s", text);
  return v;
}

static inline bool kit_has(const struct kit *k, const char *id)
{
  for (size_t i = 0; i < k->n; i++)
    if (strcmp(k->found[i].finding.rule->id, id) == 0) return true;
  return false;
}

/* Reads, lints and fixes 'text' until nothing fixable is left; returns the rounds. */
static inline size_t kit_fix(struct kit *k, const char *text, const struct kvc_version *v,
                             enum kvc_launch_format format, const char **fixed)
{
  size_t len = strlen(text), rounds = 0;
  for (; rounds < 4; rounds++) {
    struct kvc_edit edits[4 * KIT_ROOM];
    size_t n = 0, count = 1;
    for (size_t which = 0; which < count; which++) {
      if (kit_parse(k, text, len, format, which) != KVC_E_OK)
        fail_msg("%s in: %s", k->err.msg, text);
      count = k->launch.n_commands;
      kit_lint(k, v);
      for (size_t i = 0; i < k->n; i++)
        if (kvc_lint_edit(&k->arena, &k->launch, &k->found[i], &edits[n])) n++;
    }
    if (n == 0) break;
    const struct kvc_launch_text in = {text, len};
    struct kvc_launch_text out;
    assert_int_equal(kvc_launch_edit(&k->arena, in, edits, n, &out, NULL), KVC_E_OK);
    text = out.text;
    len = out.len;
  }
  *fixed = text;
  return rounds;
}

static inline struct kit *kit_new(void)
{
  struct kit *k = calloc(1, sizeof *k);
  if (k == NULL) fail_msg("no memory");
  kvc_arena_init(&k->arena, KIT_CAP);
  return k;
}

static inline void kit_free(struct kit *k)
{
  kvc_arena_clear(&k->arena);
  free(k);
}

#endif
