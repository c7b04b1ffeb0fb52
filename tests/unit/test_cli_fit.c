/* test_cli_fit.c - kvcap fit bench, fit kernels, and simulate with what they wrote.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <gsl/gsl_errno.h>
#include <kvcap/levels.h>
#include <math.h>
#include "cli_kit.h"
#include "tests/support/close.h"

#define SERVER "--gpu", "H100", "--vllm-version", "0.19.0", "--max-model-len", "8192"
#define MODEL "Qwen/Qwen3-8B"

/* ---- a made server ---------------------------------------------------------------- */

/* What is hidden in it: memory a fifth slower, launches half as slow again. */
static const struct kvc_tune hidden = {1.2, 1, 1, 1.5, 0, 0};
enum { N_LEVELS = 6 };
static const int clients[N_LEVELS] = {1, 4, 16, 32, 64, 128};

struct server {
  struct kvc_arena arena;
  struct kvc_db *db;
  struct kvc_engine *engine;
  struct kvc_size size;
  struct kvc_level levels[N_LEVELS];
  struct kvc_serving truth[N_LEVELS];
};

static int begin(void **state)
{
  static struct server s;
  struct kvc_err err;
  struct kvc_size_request req;
  memset(&s, 0, sizeof s);
  kvc_arena_init(&s.arena, (size_t)1 << 28);
  if (kvc_db_open(&s.arena, NULL, 0, &s.db, &err) != KVC_E_OK) return -1;
  if (kvc_db_engine(s.db, "vllm", &s.engine, &err) != KVC_E_OK) return -1;
  kvc_size_request_init(&req);
  req.gpu_name = "H100";
  req.model_name = MODEL;
  req.deploy.max_model_len_tok = 8192;
  if (kvc_version_parse("0.19.0", "", &req.deploy.version, &err) != KVC_E_OK) return -1;
  req.deploy.version_given = true;
  if (kvc_size_run(&s.arena, s.db, &req, &s.size, &err) != KVC_E_OK) return -1;
  const struct kvc_levels series = {
      .db = s.db, .engine = s.engine, .size = &s.size, .levels = s.levels, .n = N_LEVELS};
  for (size_t i = 0; i < N_LEVELS; i++) {
    s.levels[i] = (struct kvc_level){.name = "made",
                                     .input_tok = 512,
                                     .output_tok = 128,
                                     .rate_per_s = INFINITY,
                                     .concurrency = clients[i],
                                     .prompts = 6 * clients[i]};
    if (kvc_level_predict(&series, &hidden, i, &s.truth[i], NULL, &err) != KVC_E_OK)
      return -1;
  }
  *state = &s;
  return 0;
}

static int end(void **state)
{
  struct server *s = *state;
  kvc_arena_clear(&s->arena);
  return 0;
}

/* One result as vllm bench serve --save-result writes it, of level i. */
static void put_result(struct kvc_buf *out, const struct server *s, size_t i)
{
  const int n = 6 * clients[i];
  const double rate = s->truth[i].output_tok_s / 128;
  kvc_buf_printf(
      out,
      "{\"date\": \"20260101-000000\", \"backend\": \"vllm\", \"model_id\": \"" MODEL
      "\", \"tokenizer_id\": \"" MODEL "\", \"num_prompts\": %d, \"request_rate\": "
      "\"inf\", \"burstiness\": 1.0, \"max_concurrency\": %d, \"duration\": %.9f, "
      "\"completed\": %d, \"failed\": 0, \"total_input_tokens\": %d, "
      "\"total_output_tokens\": %d, \"request_throughput\": %.9f, "
      "\"output_throughput\": %.9f, \"total_token_throughput\": %.9f, \"mean_ttft_ms\": "
      "%.9f, \"mean_tpot_ms\": %.9f}\n",
      n, clients[i], n / rate, n, 512 * n, 128 * n, rate, 128 * rate, 640 * rate,
      1e3 * s->truth[i].ttft_s, 1e3 * s->truth[i].tpot_s);
}

static const char *series_file(const struct server *s, const char *name, size_t n)
{
  struct kvc_buf text;
  kvc_buf_init(&text, 1 << 16);
  for (size_t i = 0; i < n; i++) put_result(&text, s, i);
  const char *path = kit_file(name, text.text, text.len);
  kvc_buf_clear(&text);
  return path;
}

static cJSON *parsed(const struct kit_run *r)
{
  cJSON *root = cJSON_Parse(r->out);
  if (r->status != 0 || root == NULL) fail_msg("%d: %s", r->status, r->err);
  return root;
}

/* ---- bench ------------------------------------------------------------------------ */

/* A launch that is slow and a step that is slow look much the same, so that priors share
 * it out: each coefficient is within the standard error given, memory within 5 %, and
 * what all predict together within 1 %. */
static void hidden_coefficients_are_found_again(void **state)
{
  const char *file = series_file(*state, "series.jsonl", N_LEVELS);
  struct kit_run r =
      KIT_RUN("fit", "bench", file, "--model", MODEL, SERVER, "--format", "json");
  cJSON *root = parsed(&r);
  const double want[] = {hidden.memory_scale, hidden.flops_scale, hidden.comm_scale,
                         hidden.host_scale,   hidden.seq_s,       hidden.step_s};
  for (int i = 0; i < KVC_FIT_COUNT_; i++) {
    char value[64], error[64], key[64];
    (void)snprintf(value, sizeof value, "coefficients.%d.value", i);
    (void)snprintf(error, sizeof error, "coefficients.%d.standard_error", i);
    (void)snprintf(key, sizeof key, "coefficients.%d.key", i);
    assert_string_equal(kit_text(root, key), kvc_coefficient_key((size_t)i));
    assert_true(fabs(kit_number(root, value) - want[i]) <= kit_number(root, error));
  }
  assert_close(kit_number(root, "coefficients.0.value"), hidden.memory_scale, 0.05);
  /* One GPU has no communication: as presumed, and said so. */
  assert_true(cJSON_IsFalse(kit_at(root, "coefficients.2.told_by_these_loads")));
  assert_true(kit_number(root, "median_error.tpot.before_frac") > 0.10);
  assert_true(kit_number(root, "median_error.tpot.after_frac") < 0.01);
  assert_true(kit_number(root, "median_error.output_throughput.after_frac") < 0.01);
  assert_int_equal(cJSON_GetArraySize(kit_at(root, "levels")), N_LEVELS);
  for (int i = 0; i < N_LEVELS; i++) {
    char path[64];
    (void)snprintf(path, sizeof path, "levels.%d.tpot_s.error_after_frac", i);
    assert_true(fabs(kit_number(root, path)) < 0.01);
  }
  assert_int_equal(cJSON_GetArraySize(kit_at(root, "unexplained")), 0);
  cJSON_Delete(root);
  kit_done(&r);
}

/* Level 2 took twice as long as it should: the others lead, and it is named. */
static void a_level_that_does_not_belong_is_named(void **state)
{
  struct server s = *(struct server *)*state;
  s.truth[2].tpot_s *= 2;
  struct kit_run r = KIT_RUN("fit", "bench", series_file(&s, "odd.jsonl", N_LEVELS),
                             "--model", MODEL, SERVER, "--format", "json");
  cJSON *root = parsed(&r);
  assert_true(cJSON_IsTrue(kit_at(root, "levels.2.tpot_s.outside")));
  assert_non_null(strstr(kit_text(root, "unexplained.0.level"), "result 3"));
  assert_string_equal(kit_text(root, "unexplained.0.figure"), "tpot");
  assert_true(kit_number(root, "unexplained.0.error_frac") < -0.3);
  cJSON_Delete(root);
  kit_done(&r);
}

static struct kit_run simulated(const char *calibration, const char *gpu, const char *tp)
{
  return KIT_RUN("simulate", MODEL, "--gpu", gpu, "-tp", tp, "--vllm-version", "0.19.0",
                 "--max-model-len", "8192", "--input-len", "512", "--output-len", "128",
                 "--concurrency", "16", "--num-prompts", "96", "--format", "json",
                 calibration != NULL ? "--calibration" : "--seed",
                 calibration != NULL ? calibration : "0");
}

static void a_kept_calibration_moves_the_simulation_to_the_measured(void **state)
{
  const struct server *s = *state;
  const char *file = series_file(s, "kept.jsonl", N_LEVELS);
  const char *kept = kit_file("kept.yaml", "", 0);
  struct kit_run fit = KIT_RUN("fit", "bench", file, "--model", MODEL, SERVER,
                               "--save-calibration", kept, "--format", "yaml");
  assert_int_equal(fit.status, 0);
  struct kit_run before = simulated(NULL, "H100", "1"),
                 after = simulated(kept, "H100", "1");
  cJSON *a = parsed(&before), *b = parsed(&after);
  const double truth = s->truth[2].tpot_s;
  assert_true(fabs(kit_number(a, "tpot.mean_s") / truth - 1) > 0.10);
  assert_close(kit_number(b, "tpot.mean_s"), truth, 0.02);
  assert_true(kit_number(b, "interval.tpot.high_frac") <
              kit_number(a, "interval.tpot.high_frac"));
  assert_true(kit_number(b, "interval.tpot.low_frac") >
              kit_number(a, "interval.tpot.low_frac"));
  assert_non_null(strstr(kit_text(b, "interval.reason"), "calibrated on this server"));
  cJSON_Delete(a);
  cJSON_Delete(b);
  kit_done(&before);
  kit_done(&after);
  kit_done(&fit);
}

static void a_written_calibration_reads_back_equal(void **state)
{
  struct server *s = *state;
  struct kvc_calibration c, back;
  struct kvc_buf text;
  struct kvc_err err;
  kvc_calibration_init(&c);
  c.benchmark = "r: 1.json";
  c.vllm_version = "0.19.0";
  c.engine = "V1";
  c.gpu = "H100-SXM5-80GB";
  c.model = MODEL;
  c.dtype = "bfloat16";
  c.memory_factor = 0.9123;
  c.flops_factor = 1.1;
  c.communication_factor = 2;
  c.host_factor = 1.25;
  c.sequence_s = -1.5e-06;
  c.step_s = 0.00031;
  c.error_frac = 0.07;
  c.ttft_error_frac = 0.3;
  c.levels = 7;
  c.least_clients = 1;
  c.most_clients = 213.9;
  kvc_buf_init(&text, KVC_CALIBRATION_MAX_BYTES);
  kvc_calibration_write(&c, &text);
  if (kvc_calibration_read(&s->arena, text.text, text.len, "c.yaml", &back, &err) !=
      KVC_E_OK)
    fail_msg("%s: %s", err.msg, text.text);
  kvc_buf_clear(&text);
  assert_true(kvc_calibration_has_speed(&back));
  assert_string_equal(back.benchmark, c.benchmark);
  const double want[] = {c.memory_factor, c.flops_factor,    c.communication_factor,
                         c.host_factor,   c.sequence_s,      c.step_s,
                         c.error_frac,    c.ttft_error_frac, c.least_clients,
                         c.most_clients};
  const double got[] = {back.memory_factor,        back.flops_factor,
                        back.communication_factor, back.host_factor,
                        back.sequence_s,           back.step_s,
                        back.error_frac,           back.ttft_error_frac,
                        back.least_clients,        back.most_clients};
  for (size_t i = 0; i < sizeof want / sizeof *want; i++)
    assert_close(got[i], want[i], 1e-15);
  assert_int_equal(back.levels, 7);
  assert_true(isnan(back.non_torch_bytes));
}

/* Overheads of memory, given beside, stay in the file that is written. */
static void overheads_given_beside_stay_in(void **state)
{
  static const char text[] =
      "log: server.log\nvllm_version: \"0.19.0\"\nengine: V1\ngpu: H100-SXM5-80GB\n"
      "model: " MODEL "\ndtype: bfloat16\ntensor_parallel_size: 1\n"
      "pipeline_parallel_size: 1\nmax_num_seqs: 256\nmax_num_batched_tokens: 8192\n"
      "non_torch_bytes: 123456789\n";
  char path[512];
  (void)snprintf(path, sizeof path, "%s", kit_file("both.yaml", "", 0));
  const char *base = kit_file("base.yaml", text, sizeof text - 1);
  struct kit_run r =
      KIT_RUN("fit", "bench", series_file(*state, "both.jsonl", 3), "--model", MODEL,
              SERVER, "--calibration", base, "--save-calibration", path);
  if (r.status != 0) fail_msg("%s", r.err);
  kit_done(&r);
  struct kit_run size =
      KIT_RUN("size", MODEL, SERVER, "--calibration", path, "--format", "json");
  cJSON *root = parsed(&size);
  assert_close(kit_number(root, "memory.non_torch_bytes"), 123456789, 1e-12);
  cJSON_Delete(root);
  kit_done(&size);
}

static bool noted(const cJSON *root, const char *what)
{
  const cJSON *note;
  cJSON_ArrayForEach(note, kit_at(root, "notes")) if (cJSON_IsString(note) &&
                                                      strstr(note->valuestring, what) !=
                                                          NULL) return true;
  return false;
}

static void a_calibration_of_another_server_is_not_used(void **state)
{
  static const struct {
    const char *gpu, *tp, *says;
  } cases[] = {
      {"A100-80G", "1", "the calibration is not used: it was measured on H100"},
      {"H100", "2", "the speed of the calibration is not used: it ran on 1 x 1"}};
  static const char text[] =
      "benchmark: r.json\nvllm_version: \"0.19.0\"\nengine: V1\ngpu: H100-SXM5-80GB\n"
      "model: " MODEL "\ndtype: bfloat16\ntensor_parallel_size: 1\n"
      "pipeline_parallel_size: 1\nmemory_factor: 2\nerror_frac: 0.05\nlevels: 4\n"
      "least_clients: 1\nmost_clients: 64\n";
  (void)state;
  const char *file = kit_file("other.yaml", text, sizeof text - 1);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct kit_run with = simulated(file, cases[i].gpu, cases[i].tp);
    struct kit_run bare = simulated(NULL, cases[i].gpu, cases[i].tp);
    cJSON *a = parsed(&with), *b = parsed(&bare);
    assert_close(kit_number(a, "tpot.mean_s"), kit_number(b, "tpot.mean_s"), 1e-12);
    assert_close(kit_number(a, "interval.tpot.high_frac"),
                 kit_number(b, "interval.tpot.high_frac"), 1e-12);
    if (!noted(a, cases[i].says)) fail_msg("no note \"%s\"", cases[i].says);
    cJSON_Delete(a);
    cJSON_Delete(b);
    kit_done(&with);
    kit_done(&bare);
  }
}

/* ---- a table --------------------------------------------------------------------- */

/* Rows of the hidden server, every third one held back. */
static const char *points_file(struct server *s)
{
  struct kvc_buf text;
  struct kvc_err err;
  kvc_buf_init(&text, 1 << 16);
  kvc_buf_puts(&text, "id,gpu,model,vllm_version,input_len_mean,output_len_mean,"
                      "max_concurrency,num_prompts,mean_tpot_ms,mean_ttft_ms,"
                      "output_tok_s,split,series_id\n");
  for (size_t i = 0; i < N_LEVELS; i++) {
    struct kvc_point p = {.id = "p", .gpu = "H100", .model = MODEL, .version = "0.19.0"};
    p.quantization = p.kv_dtype = p.dataset = p.flags = p.kind = "";
    p.quality = p.split = p.series = "";
    p.tp = p.pp = p.dp = p.ep = 1;
    p.input_tok = 512;
    p.output_tok = 128;
    p.rate_per_s = INFINITY;
    p.concurrency = clients[i];
    p.prompts = 6 * clients[i];
    struct kvc_prediction truth;
    if (kvc_point_predict_tuned(&s->arena, s->db, &p, &hidden, &truth, &err) != KVC_E_OK)
      fail_msg("%s", err.msg);
    kvc_buf_printf(&text,
                   "P%zu,H100," MODEL ",0.19.0,512,128,%d,%d,%.6f,%.6f,%.6f,%s,s\n", i,
                   clients[i], 6 * clients[i], truth.value[KVC_POINT_MEAN_TPOT],
                   truth.value[KVC_POINT_MEAN_TTFT], truth.value[KVC_POINT_OUTPUT_TOK_S],
                   i % 3 == 1 ? "check" : "calibrate");
  }
  const char *path = kit_file("points.csv", text.text, text.len);
  kvc_buf_clear(&text);
  return path;
}

static void rows_of_a_series_predict_those_held_back(void **state)
{
  const char *file = points_file(*state);
  struct kit_run bare = KIT_RUN("validate", file, "--split", "check", "--format", "json");
  struct kit_run fit = KIT_RUN("validate", file, "--fit", "--format", "json");
  cJSON *a = parsed(&bare), *b = parsed(&fit);
  assert_close(kit_number(a, "rows"), 2, 1e-12);
  assert_close(kit_number(b, "rows"), 2, 1e-12);
  assert_true(kit_number(a, "all.mean_tpot_ms.median_abs_error_frac") > 0.10);
  assert_true(kit_number(b, "all.mean_tpot_ms.median_abs_error_frac") < 0.01);
  assert_close(kit_number(b, "all.mean_tpot_ms.interval_coverage_frac"), 1, 1e-12);
  assert_true(kit_number(b, "points.0.high.mean_tpot_ms") /
                  kit_number(b, "points.0.predicted.mean_tpot_ms") <
              kit_number(a, "points.0.high.mean_tpot_ms") /
                  kit_number(a, "points.0.predicted.mean_tpot_ms"));
  cJSON_Delete(a);
  cJSON_Delete(b);
  kit_done(&bare);
  kit_done(&fit);
}

static void a_table_without_series_has_nothing_to_fit(void **state)
{
  static const char text[] = "id,gpu,model,split\nP1,H100," MODEL ",calibrate\n"
                             "P2,H100," MODEL ",check\n";
  (void)state;
  struct kit_run r =
      KIT_RUN("validate", kit_file("bare.csv", text, sizeof text - 1), "--fit");
  assert_int_equal(r.status, 3);
  assert_non_null(strstr(r.err, "no series_id has 2 rows whose split is calibrate"));
  kit_done(&r);
}

/* ---- what is refused --------------------------------------------------------------- */

#define RESULT(more)                                                                     \
  "{\"backend\": \"vllm\", \"model_id\": \"" MODEL "\", \"num_prompts\": 8, "            \
  "\"duration\": 2.0, \"mean_ttft_ms\": 50.0, \"mean_tpot_ms\": 9.0, "                   \
  "\"output_throughput\": 100.0, " more "}\n"
#define LENGTHS                                                                          \
  "\"completed\": 8, \"total_input_tokens\": 4096, \"total_output_tokens\": 1024"

static void results_that_cannot_be_fitted_are_refused_in_a_sentence(void **state)
{
  static const struct {
    const char *text, *says;
    int status;
  } cases[] = {
      {"{\"a\": 1}\n", "no benchmark result", 3},
      {RESULT("\"request_rate\": \"inf\", " LENGTHS), "1 load level: a fit needs 2", 3},
      {RESULT("\"max_concurrency\": 4, " LENGTHS)
           RESULT("\"max_concurrency\": 4, " LENGTHS),
       "all 2 results are of one load (4 clients, 8 x 512 + 128 tokens)", 3},
      {RESULT(LENGTHS), "tells neither the concurrency nor the request rate", 3},
      {RESULT("\"max_concurrency\": 4"), "does not tell how long prompts and outputs", 3},
      {RESULT("\"max_concurrency\": 4, \"completed\": 8, \"total_output_tokens\": 80"),
       "does not tell how long the prompts were", 3},
      {RESULT("\"max_concurrency\": 4, \"completed\": 8, \"total_input_tokens\": 80, "
              "\"total_output_tokens\": 8"),
       "needs at least 2 out", 3},
      {"{\"backend\": \"vllm\", \"model_id\": \"m\", \"num_prompts\": 8, \"duration\": "
       "2.0, \"request_throughput\": 0.0, \"mean_ttft_ms\": 0.0, \"mean_tpot_ms\": 0.0, "
       "\"completed\": 0, \"total_input_tokens\": 0, \"total_output_tokens\": 0}\n",
       "no request completed", 3},
      {RESULT("\"max_concurrency\": 4, \"failed\": 4, " LENGTHS), "4 requests failed", 3},
      {RESULT("\"max_concurrency\": 4, \"tp\": 2, " LENGTHS),
       "ran with tensor parallel size 2", 3},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct kit_run r = KIT_RUN("fit", "bench",
                               kit_file("bad.json", cases[i].text, strlen(cases[i].text)),
                               "--model", MODEL, SERVER);
    if (r.status != cases[i].status || strstr(r.err, cases[i].says) == NULL)
      fail_msg("%zu: %d %s", i, r.status, r.err);
    assert_int_equal(r.out_len, 0);
    kit_done(&r);
  }
}

static void wrong_arguments_end_with_one_sentence(void **state)
{
  static const struct {
    const char *words[12], *says;
    int status;
  } cases[] = {
      {{"fit"}, "fit what?", 2},
      {{"fit", "server", "x.json"}, "neither bench nor kernels", 2},
      {{"fit", "bench", "--model", MODEL, "--gpu", "H100"}, "which results?", 2},
      {{"fit", "bench", "x.json", "--gpu", "H100"}, "--model is missing", 2},
      {{"fit", "bench", "/nowhere.json", "--model", MODEL, "--gpu", "H100"},
       "/nowhere.json",
       5},
      {{"fit", "bench", "x.json", "--model", MODEL, "--gpu", "H100", "--spec-method",
        "ngram", "--num-speculative-tokens", "3"},
       "speculative decoding is not simulated",
       3},
      {{"fit", "kernels", "x.csv"}, "--gpu is missing", 2},
      {{"fit", "kernels", "--gpu", "H100"}, "which tables?", 2},
      {{"fit", "kernels", "x.csv.gz", "--gpu", "H100"}, "gunzip", 3},
      {{"fit", "kernels", "/nowhere.csv", "--gpu", "H100"}, "/nowhere.csv", 5},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct kit_run r = kit_run(cases[i].words);
    if (r.status != cases[i].status || strstr(r.err, cases[i].says) == NULL)
      fail_msg("%zu: %d %s", i, r.status, r.err);
    assert_int_equal(r.out_len, 0);
    kit_done(&r);
  }
}

static void results_of_two_models_are_no_series(void **state)
{
  const struct server *s = *state;
  static const char other[] = "{\"backend\": \"vllm\", \"model_id\": \"m\", "
                              "\"num_prompts\": 8, \"duration\": 2.0, \"mean_ttft_ms\": "
                              "50.0, \"mean_tpot_ms\": 9.0, \"max_concurrency\": 4, "
                              "\"output_throughput\": 100.0, " LENGTHS "}\n";
  struct kit_run r =
      KIT_RUN("fit", "bench", series_file(s, "one.jsonl", 3),
              kit_file("two.json", other, sizeof other - 1), "--model", MODEL, SERVER);
  assert_int_equal(r.status, kvc_err_status(KVC_E_CONFLICT));
  assert_non_null(strstr(r.err, "is of the model m and "));
  kit_done(&r);
}

/* ---- kernels ---------------------------------------------------------------------- */

/* Matrices at 80 % of the bandwidth and 70 % of the peak of an H100, 5 us a call. */
static const char *gemm_table(void)
{
  static const int shapes[][2] = {
      {4096, 4096}, {8192, 4096}, {4096, 14336}, {16384, 8192}};
  struct kvc_buf text;
  kvc_buf_init(&text, 1 << 16);
  kvc_buf_puts(&text, "m,n,k,latency\n");
  for (size_t s = 0; s < 4; s++)
    for (int m = 1; m <= 4096; m *= 2) {
      const double n = shapes[s][0], k = shapes[s][1];
      const double memory = (2 * n * k + 2 * m * (n + k)) / (0.8 * 3.35e12);
      const double compute = 2 * m * n * k / (0.7 * 989e12);
      kvc_buf_printf(&text, "%d,%.0f,%.0f,%.9f\n", m, n, k,
                     1e3 * (5e-6 + pow(pow(memory, 4) + pow(compute, 4), 0.25)));
    }
  const char *path = kit_file("gemm.csv", text.text, text.len);
  kvc_buf_clear(&text);
  return path;
}

static void kernels_of_a_made_table_become_a_profile(void **state)
{
  const struct server *s = *state;
  const char *profile = kit_file("made-kernels.yaml", "", 0);
  struct kit_run r =
      KIT_RUN("fit", "kernels", gemm_table(), "--gpu", "H100", "--output", profile,
              "--cite", "user", "--notes", "made", "--format", "json");
  cJSON *root = parsed(&r);
  assert_int_equal(cJSON_GetArraySize(kit_at(root, "curves")), 1);
  assert_string_equal(kit_text(root, "curves.0.op"), "gemm");
  assert_string_equal(kit_text(root, "curves.0.format"), "bf16");
  assert_close(kit_number(root, "curves.0.rows"), 52, 1e-12);
  assert_close(kit_number(root, "curves.0.memory_frac"), 0.8, 0.05);
  assert_true(kit_number(root, "curves.0.median_error_frac") < 0.05);
  assert_true(kit_number(root, "curves.0.p90_error_frac") < 0.15);
  char *text;
  size_t len;
  struct kvc_err err;
  struct kvc_kernels back;
  struct kvc_arena arena = {.cap_bytes = 1 << 24};
  assert_int_equal(kvc_file_read_into(&arena, profile, 1 << 20, &text, &len, &err), 0);
  if (kvc_kernels_read(&arena, text, len, profile, &back, &err) != KVC_E_OK)
    fail_msg("%s", err.msg);
  assert_int_equal(back.n_curves, 1);
  assert_string_equal(back.name, s->size.gpu.name);
  assert_string_equal(back.notes, "made");
  assert_close(back.curves[0].memory_frac, kit_number(root, "curves.0.memory_frac"),
               1e-3);
  kvc_arena_clear(&arena);
  cJSON_Delete(root);
  kit_done(&r);
}

static void a_table_too_small_for_a_curve_is_refused(void **state)
{
  static const char text[] = "m,n,k,latency\n1,4096,4096,0.02\n";
  (void)state;
  struct kit_run r = KIT_RUN(
      "fit", "kernels", kit_file("small.csv", text, sizeof text - 1), "--gpu", "H100");
  assert_int_equal(r.status, 3);
  assert_non_null(strstr(r.err, "24 usable rows"));
  kit_done(&r);
}

int main(void)
{
  (void)gsl_set_error_handler_off();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(hidden_coefficients_are_found_again),
      cmocka_unit_test(a_level_that_does_not_belong_is_named),
      cmocka_unit_test(a_kept_calibration_moves_the_simulation_to_the_measured),
      cmocka_unit_test(a_calibration_of_another_server_is_not_used),
      cmocka_unit_test(a_written_calibration_reads_back_equal),
      cmocka_unit_test(overheads_given_beside_stay_in),
      cmocka_unit_test(rows_of_a_series_predict_those_held_back),
      cmocka_unit_test(a_table_without_series_has_nothing_to_fit),
      cmocka_unit_test(results_that_cannot_be_fitted_are_refused_in_a_sentence),
      cmocka_unit_test(wrong_arguments_end_with_one_sentence),
      cmocka_unit_test(results_of_two_models_are_no_series),
      cmocka_unit_test(kernels_of_a_made_table_become_a_profile),
      cmocka_unit_test(a_table_too_small_for_a_curve_is_refused),
  };
  return cmocka_run_group_tests(tests, begin, end);
}
