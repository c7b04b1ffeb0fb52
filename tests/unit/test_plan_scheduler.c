/* test_plan_scheduler.c - the scheduler of a release, as the shipped profile tells it.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/profile.h>
#include <kvcap/sim_facts.h>

static struct kvc_arena arena;
static struct kvc_engine *engine;

static int setup(void **state)
{
  (void)state;
  struct kvc_err err = {0};
  struct kvc_db *db;
  kvc_arena_init(&arena, (size_t)1 << 28);
  if (kvc_db_open(&arena, NULL, 0, &db, &err) != KVC_E_OK) return 1;
  return kvc_db_engine(db, "vllm", &engine, &err) != KVC_E_OK;
}

static int teardown(void **state)
{
  (void)state;
  kvc_arena_clear(&arena);
  return 0;
}

static struct kvc_sim_policy policy_of(const char *release, enum kvc_engine_kind kind)
{
  struct kvc_version v;
  struct kvc_sim_policy p = {0};
  struct kvc_err err = {0};
  assert_int_equal(kvc_version_parse(release, "release", &v, &err), KVC_E_OK);
  const kvc_code rc = kvc_sim_policy_read(engine, &v, kind, &p, &err);
  assert_string_equal(err.msg, "");
  assert_int_equal(rc, KVC_E_OK);
  return p;
}

static void v1_admits_by_the_whole_prompt_from_0_19_on(void **state)
{
  (void)state;
  assert_false(policy_of("0.18.0", KVC_ENGINE_V1).reserve_full_isl);
  assert_true(policy_of("0.19.0", KVC_ENGINE_V1).reserve_full_isl);
  assert_true(policy_of("0.28.0", KVC_ENGINE_V1).watermark_if_busy);
}

static void v1_took_blocks_64_tokens_ahead_until_0_8_4(void **state)
{
  (void)state;
  assert_int_equal(policy_of("0.8.4", KVC_ENGINE_V1).prealloc_tok, 64);
  assert_int_equal(policy_of("0.8.5", KVC_ENGINE_V1).prealloc_tok, 0);
}

static void v0_keeps_one_block_in_a_hundred_free(void **state)
{
  (void)state;
  const struct kvc_sim_policy p = policy_of("0.6.3", KVC_ENGINE_V0);
  assert_true(p.v0 && p.watermark_frac == 0.01 && !p.watermark_if_busy);
}

static void a_generation_that_a_release_lacks_has_no_policy(void **state)
{
  (void)state;
  struct kvc_version v;
  struct kvc_sim_policy p;
  struct kvc_err err = {0};
  assert_int_equal(kvc_version_parse("0.12.0", "release", &v, &err), KVC_E_OK);
  assert_int_equal(kvc_sim_policy_read(engine, &v, KVC_ENGINE_V0, &p, &err),
                   KVC_E_UNSUPPORTED);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(v1_admits_by_the_whole_prompt_from_0_19_on),
      cmocka_unit_test(v1_took_blocks_64_tokens_ahead_until_0_8_4),
      cmocka_unit_test(v0_keeps_one_block_in_a_hundred_free),
      cmocka_unit_test(a_generation_that_a_release_lacks_has_no_policy),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
