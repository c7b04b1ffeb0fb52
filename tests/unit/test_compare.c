/* test_compare.c - a plan beside a log: causes, calibration, and the law that ties them.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <kvcap/compare.h>
#include <kvcap/num.h>
#include <stdio.h>
#include <string.h>
#include "tests/support/close.h"

/* A plan and a start that shows exactly what was planned, to be changed by each test. */
struct kit {
  struct kvc_arena arena;
  struct kvc_db *db;
  struct kvc_engine *engine;
  struct kvc_size_request req;
  struct kvc_size plan;
  struct kvc_log_start start;
  struct kvc_compare compare;
  struct kvc_err err;
};

static struct kit k;

static int begin(void **state)
{
  (void)state;
  memset(&k, 0, sizeof k);
  kvc_arena_init(&k.arena, (size_t)128 << 20);
  kvc_size_request_init(&k.req);
  k.req.model_name = "meta-llama/Llama-3.1-8B-Instruct";
  k.req.gpu_name = "H100";
  k.req.deploy.max_model_len_tok = 8192;
  k.req.deploy.version_given = true;
  if (kvc_version_parse("0.19.0", "v", &k.req.deploy.version, &k.err) != KVC_E_OK)
    return 1;
  if (kvc_db_open(&k.arena, NULL, 0, &k.db, &k.err) != KVC_E_OK) return 1;
  return kvc_db_engine(k.db, "vllm", &k.engine, &k.err) == KVC_E_OK ? 0 : 1;
}

static int end(void **state)
{
  (void)state;
  kvc_arena_clear(&k.arena);
  return 0;
}

static void resize(void)
{
  if (kvc_size_run(&k.arena, k.db, &k.req, &k.plan, &k.err) != KVC_E_OK)
    fail_msg("%s: %s", k.err.where, k.err.msg);
}

static double two_digits(double bytes)
{
  return round(bytes / KVC_GIB * 100) / 100 * KVC_GIB;
}

/* What a server that follows the plan prints. */
static void plan_and_log(void)
{
  resize();
  const struct kvc_memory *m = &k.plan.memory;
  struct kvc_log_memory *log = &k.start.memory;
  for (size_t i = 0; i < sizeof *log / sizeof(double); i++) {
    const double nan = (double)NAN;
    if (i * sizeof nan < offsetof(struct kvc_log_memory, ranks))
      memcpy((char *)log + i * sizeof nan, &nan, sizeof nan);
  }
  k.start.version = "0.19.0";
  k.start.model = "meta-llama/Llama-3.1-8B-Instruct";
  k.start.args_text = NULL;
  log->weights_bytes = two_digits(m->weights_bytes);
  log->activation_peak_bytes = two_digits(m->activation_peak_bytes);
  log->non_torch_bytes = two_digits(m->non_torch_bytes);
  log->graph_bytes = two_digits(m->cudagraph_bytes);
  log->available_kv_bytes = two_digits(m->available_kv_bytes.value);
  log->kv_tokens = m->tokens.value;
  log->gpu_blocks = (double)m->num_gpu_blocks;
  log->max_concurrency = round(m->max_concurrency * 100) / 100;
  log->gpu_total_bytes = two_digits(m->total_bytes);
  log->gpu_free_bytes = log->gpu_total_bytes - 0.5 * KVC_GIB;
  log->gpu_memory_utilization = 0.9;
  log->max_model_len_tok = 8192;
}

static struct kvc_compare_input input(void)
{
  return (struct kvc_compare_input){
      .plan = &k.plan, .start = &k.start, .engine = k.engine, .log = "server.log"};
}

static void run(void)
{
  const struct kvc_compare_input in = input();
  if (kvc_compare_run(&k.arena, &in, &k.compare, &k.err) != KVC_E_OK)
    fail_msg("%s: %s", k.err.where, k.err.msg);
}

static void args(const char *text)
{
  k.start.args_text = text;
  k.start.args_len = strlen(text);
}

static const char *cause(enum kvc_compare_kind kind)
{
  const struct kvc_compare_row *row = kvc_compare_row(&k.compare, kind);
  assert_non_null(row);
  return row->cause != NULL ? row->cause : "";
}

static void assert_cause(enum kvc_compare_kind kind, const char *words)
{
  if (strstr(cause(kind), words) == NULL)
    fail_msg("\"%s\" lacks \"%s\"", cause(kind), words);
}

/* Moves the printed pool and what follows from it. */
static void scale_pool(double factor)
{
  struct kvc_log_memory *log = &k.start.memory;
  log->available_kv_bytes *= factor;
  log->kv_tokens = floor(log->kv_tokens * factor);
  log->gpu_blocks = floor(log->gpu_blocks * factor);
  log->max_concurrency *= factor;
}

/* ---- rows ------------------------------------------------------------------------ */

static void a_server_that_follows_the_plan_confirms_every_row(void **state)
{
  (void)state;
  plan_and_log();
  run();
  assert_int_equal(k.compare.n_rows, KVC_CMP_KINDS_ - 1); /* no batched tokens printed */
  for (size_t i = 0; i < k.compare.n_rows; i++) {
    if (!k.compare.rows[i].within) fail_msg("%s", k.compare.rows[i].what);
    assert_null(k.compare.rows[i].cause);
  }
  assert_int_equal(k.compare.n_settings, 0);
  assert_non_null(strstr(k.compare.verdict, "confirms"));
}

static void a_difference_is_printed_less_planned(void **state)
{
  (void)state;
  plan_and_log();
  k.start.memory.weights_bytes = k.plan.memory.weights_bytes + KVC_GIB;
  run();
  const struct kvc_compare_row *row = kvc_compare_row(&k.compare, KVC_CMP_WEIGHTS);
  assert_close(row->difference, KVC_GIB, 1e-9);
  assert_close(row->relative_frac, KVC_GIB / k.plan.memory.weights_bytes, 1e-9);
  assert_false(row->within);
}

static void what_a_log_does_not_print_has_no_row(void **state)
{
  (void)state;
  plan_and_log();
  k.start.memory.activation_peak_bytes = (double)NAN;
  k.start.memory.kv_tokens = (double)NAN;
  run();
  assert_null(kvc_compare_row(&k.compare, KVC_CMP_ACTIVATION));
  assert_null(kvc_compare_row(&k.compare, KVC_CMP_TOKENS));
  assert_null(kvc_compare_row(&k.compare, KVC_CMP_PER_TOKEN));
  assert_non_null(kvc_compare_row(&k.compare, KVC_CMP_WEIGHTS));
}

static void a_start_without_figures_is_refused(void **state)
{
  (void)state;
  plan_and_log();
  for (size_t i = 0; i < offsetof(struct kvc_log_memory, ranks) / sizeof(double); i++) {
    const double nan = (double)NAN;
    memcpy((char *)&k.start.memory + i * sizeof nan, &nan, sizeof nan);
  }
  const struct kvc_compare_input in = input();
  assert_int_equal(kvc_compare_run(&k.arena, &in, &k.compare, &k.err), KVC_E_UNKNOWN);
}

/* ---- causes ---------------------------------------------------------------------- */

static void settings_that_differ_are_listed_and_explain(void **state)
{
  (void)state;
  plan_and_log();
  args("INFO 01-01 [x.py:1] non-default args: {'model': "
       "'meta-llama/Llama-3.1-8B-Instruct', 'tensor_parallel_size': 2, "
       "'max_model_len': 8192, 'kv_cache_dtype': 'fp8', 'max_num_seqs': 64}\n");
  k.start.memory.weights_bytes /= 2;
  scale_pool(1.2);
  run();
  assert_true(k.compare.args_known);
  assert_int_equal(k.compare.n_settings, 3);
  assert_string_equal(k.compare.settings[0].key, "tensor_parallel_size");
  assert_string_equal(k.compare.settings[0].printed, "2");
  assert_cause(KVC_CMP_WEIGHTS, "tensor_parallel_size is 1 in the plan and 2 in the log");
  assert_cause(KVC_CMP_TOKENS, "kv_cache_dtype is bfloat16 in the plan and fp8");
  assert_cause(KVC_CMP_AVAILABLE, "max_num_seqs is 1024 in the plan and 64");
}

static void settings_left_at_their_default_do_not_differ(void **state)
{
  (void)state;
  plan_and_log();
  args("INFO 01-01 [x.py:1] non-default args: {'model': "
       "'meta-llama/Llama-3.1-8B-Instruct', 'max_model_len': 8192, 'kv_cache_dtype': "
       "'auto', 'tensor_parallel_size': 1}\n");
  run();
  for (size_t i = 0; i < k.compare.n_settings; i++)
    fail_msg("%s: %s, %s", k.compare.settings[i].key, k.compare.settings[i].planned,
             k.compare.settings[i].printed);
}

static void another_model_explains_everything(void **state)
{
  (void)state;
  plan_and_log();
  k.start.model = "Qwen/Qwen3-32B";
  k.start.memory.weights_bytes *= 4;
  run();
  assert_string_equal(k.compare.settings[0].key, "model");
  assert_cause(KVC_CMP_WEIGHTS, "model is meta-llama/Llama-3.1-8B-Instruct in the plan");
}

static void every_cause_speaks_for_its_case(void **state)
{
  (void)state;
  struct kvc_log_memory *log = &k.start.memory;
  plan_and_log();
  log->weights_bytes *= 0.5;
  run();
  assert_cause(KVC_CMP_WEIGHTS, "about half: an 8-bit format");

  plan_and_log();
  log->weights_bytes *= 2;
  run();
  assert_cause(KVC_CMP_WEIGHTS, "about twice");

  plan_and_log();
  log->weights_bytes *= 0.3;
  run();
  assert_cause(KVC_CMP_WEIGHTS, "4-bit");

  plan_and_log();
  log->weights_bytes *= KVC_GIB / 1e9;
  run();
  assert_cause(KVC_CMP_WEIGHTS, "in GB (10^9 bytes)");

  plan_and_log();
  log->kv_tokens *= 2;
  run();
  assert_cause(KVC_CMP_TOKENS, "half the bytes that were planned: an 8-bit KV cache");

  plan_and_log();
  log->kv_tokens *= 4;
  run();
  assert_cause(KVC_CMP_TOKENS, "context parallelism");

  plan_and_log();
  log->gpu_memory_utilization = 0.95;
  scale_pool(1.07);
  run();
  assert_cause(KVC_CMP_AVAILABLE, "gpu_memory_utilization is 0.9 in the plan and 0.95");

  plan_and_log();
  log->override_blocks = log->gpu_blocks = 1000;
  log->kv_tokens = 16000;
  log->available_kv_bytes = (double)NAN;
  run();
  assert_cause(KVC_CMP_TOKENS, "overrides the number of blocks with 1000");

  plan_and_log();
  log->gpu_total_bytes = 40 * KVC_GIB;
  scale_pool(0.4);
  run();
  assert_cause(KVC_CMP_AVAILABLE, "another card, a part of one (MIG)");

  plan_and_log();
  log->gpu_free_bytes = log->gpu_total_bytes - 20 * KVC_GIB;
  run();
  assert_cause(KVC_CMP_FREE, "other processes held about 20.");

  plan_and_log();
  k.start.version = "0.9.2";
  scale_pool(1.3);
  run();
  assert_cause(KVC_CMP_AVAILABLE, "the log is of vLLM 0.9.2 and the plan of 0.19.0");

  plan_and_log();
  log->max_num_batched_tok = 65536;
  log->activation_peak_bytes += 8 * KVC_GIB;
  run();
  assert_cause(KVC_CMP_ACTIVATION, "had max_num_batched_tokens 65536 and not");

  plan_and_log();
  log->concurrency_len_tok = 4096;
  log->max_concurrency *= 2;
  run();
  assert_cause(KVC_CMP_CONCURRENCY, "requests of 4096 tokens, the plan of 8192");

  plan_and_log();
  k.plan.facts.cudagraph_subtracted = k.plan.memory.cudagraph_in_budget = false;
  log->graph_estimate_bytes = 6 * KVC_GIB;
  scale_pool(0.85);
  run();
  assert_cause(KVC_CMP_AVAILABLE, "takes an estimate of its CUDA graphs (6.00 GiB) off");

  plan_and_log();
  log->activation_peak_bytes += 6 * KVC_GIB;
  scale_pool(1 - 6 * KVC_GIB / log->available_kv_bytes);
  run();
  assert_cause(KVC_CMP_AVAILABLE, "follows from activation peak +6.0");
  assert_cause(KVC_CMP_TOKENS, "follows from the memory available");
}

static void parts_that_the_plan_counts_with_others_are_named(void **state)
{
  (void)state;
  plan_and_log();
  k.plan.memory.lora_bytes = 2 * KVC_GIB;
  k.start.memory.weights_bytes -= 2 * KVC_GIB;
  run();
  assert_cause(KVC_CMP_WEIGHTS, "counts 2.00 GiB of LoRA slots");
  plan_and_log();
  k.plan.memory.activation.encoder_bytes = KVC_GIB;
  k.start.memory.activation_peak_bytes += 9 * KVC_GIB;
  run();
  assert_cause(KVC_CMP_ACTIVATION, "multimodal encoder");
  plan_and_log();
  k.plan.memory.layout.uniform = false;
  k.start.memory.kv_tokens *= 1.3;
  run();
  assert_cause(KVC_CMP_TOKENS, "hybrid KV cache manager");
}

static void what_nothing_explains_is_said_with_what_would_tell(void **state)
{
  (void)state;
  plan_and_log();
  scale_pool(0.7);
  run();
  assert_cause(KVC_CMP_AVAILABLE, "nothing in the log explains it; the line "
                                  "\"non-default args\"");
  args("INFO 01-01 [x.py:1] non-default args: {'model': "
       "'meta-llama/Llama-3.1-8B-Instruct', 'max_model_len': 8192}\n");
  run();
  assert_cause(KVC_CMP_AVAILABLE, "VLLM_LOGGING_LEVEL=DEBUG would tell");
}

/* ---- calibration ----------------------------------------------------------------- */

/* compare -> calibrate -> write -> read -> size gives the printed pool. */
static void assert_law(double tokens)
{
  static struct kvc_calibration c;
  struct kvc_buf text;
  run();
  const struct kvc_compare_input in = input();
  if (kvc_compare_calibrate(&in, &k.compare, &c, &k.err) != KVC_E_OK)
    fail_msg("%s", k.err.msg);
  kvc_buf_init(&text, KVC_CALIBRATION_MAX_BYTES);
  kvc_calibration_write(&c, &text);
  struct kvc_calibration back;
  if (kvc_calibration_read(&k.arena, text.text, text.len, "c.yaml", &back, &k.err) !=
      KVC_E_OK)
    fail_msg("%s\n%s", k.err.msg, text.text);
  kvc_buf_clear(&text);
  k.req.calibration = &back;
  const double before = k.plan.memory.tokens.high - k.plan.memory.tokens.low;
  resize();
  assert_close(k.plan.memory.tokens.value, tokens, 0.001);
  assert_true(k.plan.memory.tokens.high - k.plan.memory.tokens.low < before);
  k.req.calibration = NULL;
}

static void a_calibrated_plan_gives_the_printed_tokens(void **state)
{
  (void)state;
  struct kvc_log_memory *log = &k.start.memory;
  static const double factors[] = {1, 0.9, 1.02, 0.6};
  for (size_t i = 0; i < sizeof factors / sizeof factors[0]; i++) {
    plan_and_log(); /* with activation and non-torch printed */
    scale_pool(factors[i]);
    assert_law(log->kv_tokens);
    plan_and_log(); /* one or none of them printed */
    scale_pool(factors[i]);
    log->non_torch_bytes = (double)NAN;
    assert_law(log->kv_tokens);
    plan_and_log();
    scale_pool(factors[i]);
    log->non_torch_bytes = log->activation_peak_bytes = (double)NAN;
    log->graph_bytes = log->weights_bytes = (double)NAN;
    assert_law(log->kv_tokens);
  }
  plan_and_log();
  log->gpu_total_bytes = 78 * KVC_GIB; /* another variant of the card */
  scale_pool(0.95);
  assert_law(log->kv_tokens);
}

static void a_calibration_of_another_deployment_is_refused(void **state)
{
  (void)state;
  static struct kvc_calibration c;
  const struct kvc_compare_input in = input();
  plan_and_log();
  k.start.model = "Qwen/Qwen3-32B";
  run();
  assert_int_equal(kvc_compare_calibrate(&in, &k.compare, &c, &k.err), KVC_E_CONFLICT);
  plan_and_log();
  k.start.memory.gpu_memory_utilization = 0.5;
  run();
  assert_int_equal(kvc_compare_calibrate(&in, &k.compare, &c, &k.err), KVC_E_CONFLICT);
  plan_and_log();
  k.start.memory.override_blocks = 7;
  run();
  assert_int_equal(kvc_compare_calibrate(&in, &k.compare, &c, &k.err), KVC_E_UNSUPPORTED);
  plan_and_log();
  k.start.memory.available_kv_bytes = k.start.memory.kv_tokens =
      k.start.memory.gpu_blocks = (double)NAN;
  run();
  assert_int_equal(kvc_compare_calibrate(&in, &k.compare, &c, &k.err), KVC_E_UNSUPPORTED);
}

static bool noted(const char *part)
{
  for (size_t i = 0; i < k.plan.n_notes; i++)
    if (strstr(k.plan.notes[i].text, part) != NULL) return true;
  return false;
}

static void a_calibration_is_used_only_where_it_speaks(void **state)
{
  (void)state;
  static struct kvc_calibration c;
  kvc_calibration_init(&c);
  plan_and_log();
  const double plain_non_torch = k.plan.memory.non_torch_bytes;
  const double plain_peak = k.plan.memory.activation_peak_bytes;
  c.vllm_version = "0.19.1";
  c.engine = "V1";
  c.gpu = k.plan.gpu.name;
  c.model = k.plan.model.name;
  c.dtype = "bfloat16";
  c.max_num_seqs = k.plan.setting.max_num_seqs;
  c.max_num_batched_tok = k.plan.setting.max_num_batched_tok;
  c.non_torch_bytes = 3 * KVC_GIB;
  c.activation_peak_bytes = 5 * KVC_GIB;
  k.req.calibration = &c;
  resize();
  assert_close(k.plan.memory.non_torch_bytes, 3 * KVC_GIB, 1e-12);
  assert_close(k.plan.memory.activation_peak_bytes, 5 * KVC_GIB, 1e-12);
  assert_true(noted("measured and not presumed"));
  assert_false(noted("overheads may have moved"));

  c.vllm_version = "0.18.0"; /* used, with a warning */
  resize();
  assert_close(k.plan.memory.non_torch_bytes, 3 * KVC_GIB, 1e-12);
  assert_true(noted("overheads may have moved"));

  c.max_num_seqs = 7; /* another run of the profile */
  resize();
  assert_close(k.plan.memory.non_torch_bytes, 3 * KVC_GIB, 1e-12);
  assert_close(k.plan.memory.activation_peak_bytes, plain_peak, 1e-12);
  assert_true(noted("activation peak is not used"));

  c.tp = 2;
  resize();
  assert_close(k.plan.memory.non_torch_bytes, plain_non_torch, 1e-12);

  c.tp = 1;
  c.gpu = "L4";
  resize();
  assert_close(k.plan.memory.non_torch_bytes, plain_non_torch, 1e-12);
  assert_true(noted("the calibration is not used: it was measured on L4"));
}

static const char good[] =
    "vllm_version: \"0.19.0\"\nengine: V1\ngpu: H100-SXM5-80GB\nmodel: m\n"
    "dtype: bfloat16\ntensor_parallel_size: 1\npipeline_parallel_size: 1\n"
    "max_num_seqs: 256\nmax_num_batched_tokens: 8192\n";

static kvc_code read_with(const char *more, struct kvc_calibration *out)
{
  char text[2048];
  (void)snprintf(text, sizeof text, "%s%s", good, more);
  return kvc_calibration_read(&k.arena, text, strlen(text), "c.yaml", out, &k.err);
}

static void a_calibration_is_read_strictly(void **state)
{
  (void)state;
  struct kvc_calibration c;
  char bare[512];
  assert_int_equal(read_with("", &c), KVC_E_OK);
  assert_true(isnan(c.non_torch_bytes) && isnan(c.rest_bytes));
  assert_int_equal(read_with("rest_bytes: -5\n", &c), KVC_E_OK);
  assert_close(c.rest_bytes, -5, 1e-12);
  assert_int_not_equal(read_with("non_torch_byte: 5\n", &c), KVC_E_OK);
  assert_non_null(strstr(k.err.msg, "non_torch_bytes"));
  assert_int_equal(k.err.line, 10);
  (void)snprintf(bare, sizeof bare, "%.*snon_torch_bytes: 5\n",
                 (int)(strstr(good, "max_num_seqs") - good), good);
  assert_int_equal(
      kvc_calibration_read(&k.arena, bare, strlen(bare), "c.yaml", &c, &k.err),
      KVC_E_PARSE);
  assert_non_null(strstr(k.err.msg, "\"max_num_seqs\" is missing"));
  static const char *const bad[] = {"non_torch_bytes: -1\n",         "graph_bytes: nan\n",
                                    "activation_peak_bytes: 1e14\n", "engine: V1\n",
                                    "rest_bytes: 1 GiB\n",           "- x\n"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    if (read_with(bad[i], &c) == KVC_E_OK) fail_msg("%s was taken", bad[i]);
  /* Cut short; the batch sizes at the end are only needed beside bytes. */
  const size_t needed = (size_t)(strstr(good, "pipeline_parallel_size") - good);
  for (size_t len = 0; len < needed; len += 7)
    assert_int_not_equal(kvc_calibration_read(&k.arena, good, len, "c.yaml", &c, &k.err),
                         KVC_E_OK);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
      T(a_server_that_follows_the_plan_confirms_every_row),
      T(a_difference_is_printed_less_planned),
      T(what_a_log_does_not_print_has_no_row),
      T(a_start_without_figures_is_refused),
      T(settings_that_differ_are_listed_and_explain),
      T(settings_left_at_their_default_do_not_differ),
      T(another_model_explains_everything),
      T(every_cause_speaks_for_its_case),
      T(parts_that_the_plan_counts_with_others_are_named),
      T(what_nothing_explains_is_said_with_what_would_tell),
      T(a_calibrated_plan_gives_the_printed_tokens),
      T(a_calibration_of_another_deployment_is_refused),
      T(a_calibration_is_used_only_where_it_speaks),
      T(a_calibration_is_read_strictly),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
