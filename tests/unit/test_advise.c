/* test_advise.c - what is advised, and what is left alone.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/advise.h>
#include <math.h>
#include <string.h>
#include "tests/support/close.h"

static struct kvc_advice advice;
static struct kvc_arena arena;
static struct kvc_db *db;
static struct kvc_advise_request req;
static struct kvc_err err;

static int begin(void **state)
{
  (void)state;
  kvc_arena_init(&arena, (size_t)256 << 20);
  req = (struct kvc_advise_request){0};
  kvc_size_request_init(&req.size);
  if (kvc_db_open(&arena, NULL, 0, &db, &err) != KVC_E_OK) return 1;
  return kvc_db_workload(db, "Chat", &req.demand, &err) == KVC_E_OK ? 0 : 1;
}

static int end(void **state)
{
  (void)state;
  kvc_arena_clear(&arena);
  return 0;
}

static const struct kvc_advised *advise(const char *model, const char *gpu,
                                        const char *version, const char *key)
{
  req.size.model_name = model;
  req.size.gpu_name = gpu;
  req.size.deploy.version_given = true;
  assert_int_equal(kvc_version_parse(version, "v", &req.size.deploy.version, &err),
                   KVC_E_OK);
  assert_int_equal(kvc_advise_run(&arena, db, &req, &advice, &err), KVC_E_OK);
  for (size_t i = 0; i < advice.n_flags; i++)
    if (strcmp(advice.flags[i].key, key) == 0) return &advice.flags[i];
  return NULL;
}

/* At the default 1024 requests the logits alone leave no room for one long request; at
 * eight they do, so that no share of memory needs to be raised. */
static void fewer_requests_come_before_a_larger_share(void **state)
{
  (void)state;
  req.demand.load.prompt_tok = 12000;
  req.demand.load.output_tok = 350;
  req.demand.context_tok = 87040;
  assert_null(advise("openai/gpt-oss-120b", "H100", "0.28.0", "gpu_memory_utilization"));
  assert_true(advice.size.memory.fits && advice.size.gpus == 1);
  for (size_t i = 0; i < advice.n_flags; i++)
    if (strcmp(advice.flags[i].key, "max_num_seqs") == 0) {
      assert_true(advice.size.setting.max_num_seqs < 32);
      return;
    }
  fail_msg("the number of requests is not set");
}

static void what_does_not_start_claims_no_gain(void **state)
{
  (void)state;
  (void)advise("Qwen/Qwen3-235B-A22B", "L4", "0.28.0", "max_model_len");
  assert_false(advice.size.memory.fits);
  assert_non_null(strstr(advice.verdict, "up to 8 GPUs"));
  for (size_t i = 0; i < advice.n_flags; i++)
    if (advice.flags[i].gain != NULL) assert_null(strstr(advice.flags[i].gain, "starts"));
}

static void two_percentiles_give_mean_and_spread(void **state)
{ /* p50 = e^5, p95 = e^(5 + 1.644854 * 0.5): mu 5, sigma 0.5, mean e^5.125 */
  (void)state;
  double mean, cv;
  kvc_advise_lognormal(0.5, exp(5.0), 0.95, exp(5 + 1.6448536269514722 * 0.5), &mean,
                       &cv);
  assert_close(mean, exp(5.125), 1e-9);
  assert_close(cv, sqrt(exp(0.25) - 1), 1e-9);
}

static void seats_follow_the_users_and_say_why(void **state)
{
  (void)state;
  req.demand.users = 60;
  const struct kvc_advised *f = advise("Qwen/Qwen3-8B", "H100", "0.19.0", "max_num_seqs");
  assert_non_null(f);
  assert_string_equal(f->value, "64");
  assert_string_equal(f->fallback, "1024");
  assert_true(f->n_evidence >= 3 && f->gain != NULL && f->breaks != NULL);
  assert_int_equal(advice.replicas, 1);
  assert_non_null(strstr(advice.command, "--max-num-seqs 64"));
}

static void what_is_given_is_kept_unless_it_is_the_default(void **state)
{
  (void)state;
  req.size.deploy.max_num_seqs = 1024;
  assert_null(advise("Qwen/Qwen3-8B", "H100", "0.19.0", "max_num_seqs"));
  req.size.deploy.max_num_seqs = 100;
  const struct kvc_advised *f = advise("Qwen/Qwen3-8B", "H100", "0.19.0", "max_num_seqs");
  assert_non_null(f);
  assert_true(f->given);
}

static void what_may_cost_accuracy_is_only_offered(void **state)
{
  (void)state;
  assert_null(advise("Qwen/Qwen3-8B", "H100", "0.19.0", "kv_cache_dtype"));
  assert_string_equal(advice.recs[0].severity, "offer");
  req.allow = KVC_ALLOW_FP8_KV;
  const struct kvc_advised *f =
      advise("Qwen/Qwen3-8B", "H100", "0.19.0", "kv_cache_dtype");
  assert_non_null(f);
  assert_string_equal(f->value, "fp8");
  assert_null(advise("Qwen/Qwen3-8B", "T4", "0.9.0", "kv_cache_dtype"));
}

static void a_model_that_fits_is_not_split_over_pcie(void **state)
{
  (void)state;
  req.demand.users = 500;
  assert_null(advise("Qwen/Qwen3-8B", "L40S", "0.19.0", "tensor_parallel_size"));
  assert_true(advice.replicas > 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      T(fewer_requests_come_before_a_larger_share),
      T(what_does_not_start_claims_no_gain),
      T(two_percentiles_give_mean_and_spread),
      T(seats_follow_the_users_and_say_why),
      T(what_is_given_is_kept_unless_it_is_the_default),
      T(what_may_cost_accuracy_is_only_offered),
      T(a_model_that_fits_is_not_split_over_pcie),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
