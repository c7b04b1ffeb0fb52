/* test_predict_points.c - tables of measured points are read, and predicted.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/predict.h>
#include <kvcap/speed.h>
#include <math.h>
#include <string.h>
#include "tests/support/close.h"
#include "tests/support/point.h"

static struct kvc_arena arena;

static int set_up(void **state)
{
  (void)state;
  kvc_arena_init(&arena, 256 << 20);
  return 0;
}

static int tear_down(void **state)
{
  (void)state;
  kvc_arena_clear(&arena);
  return 0;
}

static kvc_code read(const char *text, struct kvc_point **points, size_t *n,
                     struct kvc_err *err)
{
  return kvc_points_read(&arena, text, strlen(text), "points.csv", points, n, err);
}

static void cells_are_read_by_their_column(void **state)
{
  (void)state;
  struct kvc_point *p;
  struct kvc_err err;
  size_t n;
  assert_int_equal(read("model,notes,gpu,tp,mean_tpot_ms,request_rate,other_flags\r\n"
                        "a/b,\"one, \"\"two\"\"\nthree\",H100,2,12.5,inf,\"-x, -y\"\r\n"
                        "\r\n"
                        "c/d,,L4,,,4.5,\n",
                        &p, &n, &err),
                   KVC_E_OK);
  assert_int_equal(n, 2);
  assert_string_equal(p[0].model, "a/b");
  assert_string_equal(p[0].gpu, "H100");
  assert_string_equal(p[0].flags, "-x, -y");
  assert_int_equal(p[0].tp, 2);
  assert_close(p[0].measured[KVC_POINT_MEAN_TPOT], 12.5, 1e-12);
  assert_true(isinf(p[0].rate_per_s) && isinf(p[0].concurrency));
  assert_int_equal(p[1].tp, 1);
  assert_close(p[1].rate_per_s, 4.5, 1e-12);
  assert_true(isnan(p[1].measured[KVC_POINT_MEAN_TPOT]));
  assert_null(p[0].bad);
}

static void a_cell_that_is_no_number_spoils_its_row_alone(void **state)
{
  (void)state;
  struct kvc_point *p;
  struct kvc_err err;
  size_t n;
  assert_int_equal(
      read("model,gpu,tp,request_rate\na,H100,1,6 x1200s\nb,H100,0,3\nc,H100,1,3\n", &p,
           &n, &err),
      KVC_E_OK);
  assert_int_equal(n, 3);
  assert_non_null(strstr(p[0].bad, "line 2: request_rate is \"6 x1200s\""));
  assert_non_null(strstr(p[1].bad, "tp"));
  assert_null(p[2].bad);
}

static void a_table_without_gpu_and_model_is_refused(void **state)
{
  (void)state;
  struct kvc_point *p;
  struct kvc_err err;
  size_t n;
  assert_int_equal(read("a,b\n1,2\n", &p, &n, &err), KVC_E_PARSE);
  assert_non_null(strstr(err.msg, "gpu and model"));
  assert_int_equal(read("", &p, &n, &err), KVC_E_PARSE);
}

/* Whatever a server does, it reads its weights once a step: 15.0 GB of Llama-3.1-8B at
 * 3.35 TB/s are 4.5 ms. */
static void a_prediction_is_slower_than_the_memory(void **state)
{
  (void)state;
  struct kvc_db *db;
  struct kvc_err err;
  struct kvc_prediction one, many;
  struct kvc_point p = measured_point(512, 128, 1, 20);
  assert_int_equal(kvc_db_open(&arena, NULL, 0, &db, &err), KVC_E_OK);
  assert_int_equal(kvc_point_predict(&arena, db, &p, &one, &err), KVC_E_OK);
  assert_true(one.value[KVC_POINT_MEAN_TPOT] > 4.5);
  assert_true(one.value[KVC_POINT_MEAN_TPOT] < 12);
  assert_true(one.bound_frac > 0.3 && one.bound_frac <= 1);
  for (size_t k = 0; k < KVC_POINT_FIGURES_; k++)
    assert_true(one.low[k] < one.value[k] && one.high[k] > one.value[k]);
  p.concurrency = 64;
  p.prompts = 640;
  assert_int_equal(kvc_point_predict(&arena, db, &p, &many, &err), KVC_E_OK);
  assert_true(many.value[KVC_POINT_MEAN_TPOT] > one.value[KVC_POINT_MEAN_TPOT]);
  assert_true(many.value[KVC_POINT_OUTPUT_TOK_S] >
              10 * one.value[KVC_POINT_OUTPUT_TOK_S]);
  /* Requests a second times output length are tokens a second. */
  assert_close(many.value[KVC_POINT_OUTPUT_TOK_S], 128 * many.value[KVC_POINT_REQ_PER_S],
               1e-9);
}

static void what_cannot_run_is_no_prediction(void **state)
{
  (void)state;
  struct kvc_db *db;
  struct kvc_err err;
  struct kvc_prediction out;
  struct kvc_point p = {.id = "x",
                        .gpu = "L4",
                        .model = "meta-llama/Llama-3.1-70B-Instruct",
                        .version = "0.19.0",
                        .quantization = "",
                        .kv_dtype = "",
                        .dataset = "",
                        .flags = "",
                        .kind = "",
                        .tp = 1,
                        .pp = 1,
                        .dp = 1,
                        .ep = 1,
                        .input_tok = 10,
                        .output_tok = 10,
                        .rate_per_s = 1,
                        .concurrency = INFINITY};
  assert_int_equal(kvc_db_open(&arena, NULL, 0, &db, &err), KVC_E_OK);
  assert_int_equal(kvc_point_predict(&arena, db, &p, &out, &err), KVC_E_INFEASIBLE);
  p.model = "no/such-model";
  assert_int_equal(kvc_point_predict(&arena, db, &p, &out, &err), KVC_E_UNKNOWN);
}

/* The simulator's engine of a release is that of the profile's facts. */
static void an_engine_takes_its_scheduler_from_the_facts(void **state)
{
  static const struct {
    const char *release;
    bool whole;
    int ahead;
    bool async;
  } cases[] = {{"0.8.4", false, 64, false},
               {"0.13.0", false, 0, false},
               {"0.19.0", true, 0, true}};
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct kvc_db *db;
    struct kvc_engine *engine;
    struct kvc_size size = {0};
    struct kvc_sim_engine e;
    struct kvc_err err = {0};
    assert_int_equal(kvc_db_open(&arena, NULL, 0, &db, &err), KVC_E_OK);
    assert_int_equal(kvc_db_engine(db, "vllm", &engine, &err), KVC_E_OK);
    assert_int_equal(kvc_version_parse(cases[i].release, "", &size.setting.version, &err),
                     KVC_E_OK);
    size.setting.engine = KVC_ENGINE_V1;
    size.memory.pool_tok = 1600;
    assert_int_equal(kvc_sim_engine_of(engine, &size, &e, &err), KVC_E_OK);
    assert_int_equal(e.blocks, 100);
    assert_int_equal(e.policy.reserve_full_isl, cases[i].whole);
    assert_int_equal(e.policy.prealloc_tok, cases[i].ahead);
    assert_int_equal(e.async_scheduling, cases[i].async);
    assert_true(e.policy.watermark_if_busy);
  }
}

/* A decode step of 'tokens' requests of a model with experts on 4 H100. */
static void price(const char *model, bool ranks, double scale, double tokens,
                  struct kvc_step_cost *out)
{
  struct kvc_db *db;
  struct kvc_err err = {0};
  struct kvc_latency *latency;
  struct kvc_speed_facts facts;
  struct kvc_size_request req;
  struct kvc_size *size = kvc_arena_alloc(&arena, 1, sizeof *size);
  kvc_size_request_init(&req);
  req.brief = true;
  req.model_name = model;
  req.gpu_name = "H100";
  req.deploy.tp = 4;
  req.deploy.expert_parallel = ranks;
  assert_int_equal(kvc_db_open(&arena, NULL, 0, &db, &err), KVC_E_OK);
  assert_int_equal(kvc_size_run(&arena, db, &req, size, &err), KVC_E_OK);
  assert_int_equal(kvc_speed_facts(db, &size->setting, -1, &facts, &err), KVC_E_OK);
  facts.moe_scale = scale;
  assert_int_equal(kvc_speed_open(&arena, db, size, &facts, NULL, &latency, &err),
                   KVC_E_OK);
  const struct kvc_step step = {.decodes = tokens,
                                .decode_tok = tokens,
                                .decode_context_tok = 100 * tokens,
                                .decode_longest_tok = 100,
                                .running = tokens};
  kvc_latency_price(latency, &step, out);
}

static void fp8_experts_of_early_releases_are_slower(void **state)
{
  (void)state;
  struct kvc_step_cost now, then;
  price("Qwen/Qwen3-30B-A3B", false, 1, 16, &now); /* bfloat16 on Hopper: tuned early */
  price("Qwen/Qwen3-30B-A3B", false, 1.6, 16, &then);
  assert_close(then.moe_s, now.moe_s, 1e-9);
  price("Qwen/Qwen3-30B-A3B-FP8", false, 1, 16, &now);
  price("Qwen/Qwen3-30B-A3B-FP8", false, 1.6, 16, &then);
  assert_close(then.moe_s, 1.6 * now.moe_s, 1e-9);
  assert_close(then.attention_s, now.attention_s, 1e-9);
  price("openai/gpt-oss-120b", false, 1, 16, &now);
  price("openai/gpt-oss-120b", false, 1.6, 16, &then);
  assert_close(then.moe_s, now.moe_s, 1e-9);
}

/* Eight requests on 4 ranks: with every expert cut in four all ranks read the same, with
 * whole experts the unluckiest reads more.  At 4,096 every expert is read anyway. */
static void the_rank_with_most_experts_sets_the_pace(void **state)
{
  (void)state;
  struct kvc_step_cost cut, whole;
  price("Qwen/Qwen3-30B-A3B", false, 1, 8, &cut);
  price("Qwen/Qwen3-30B-A3B", true, 1, 8, &whole);
  assert_true(whole.bytes > 1.05 * cut.bytes);
  price("Qwen/Qwen3-30B-A3B", false, 1, 4096, &cut);
  price("Qwen/Qwen3-30B-A3B", true, 1, 4096, &whole);
  assert_true(whole.bytes < 1.25 * cut.bytes);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      T(cells_are_read_by_their_column),
      T(a_cell_that_is_no_number_spoils_its_row_alone),
      T(a_table_without_gpu_and_model_is_refused),
      T(a_prediction_is_slower_than_the_memory),
      T(what_cannot_run_is_no_prediction),
      T(an_engine_takes_its_scheduler_from_the_facts),
      T(fp8_experts_of_early_releases_are_slower),
      T(the_rank_with_most_experts_sets_the_pace),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
