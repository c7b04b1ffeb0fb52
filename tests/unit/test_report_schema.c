/* test_report_schema.c - reports validate against profiles/schema/size.schema.json.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <cjson/cJSON.h>
#include <kvcap/advice.h>
#include <kvcap/check.h>
#include <kvcap/diagnose.h>
#include <kvcap/search.h>
#include <kvcap/simulate.h>
#include <kvcap/validate.h>
#include <stdio.h>
#include "report_sample.h"

#include <cmocka.h>
#include "tests/support/json_schema.h"

enum { ARENA = 64 << 20 };
static const struct kvc_style style = {.columns = 80};

/* ---- the tests ------------------------------------------------------------------------
 */

static char *read_schema(void)
{
  return read_schema_of("size");
}

static cJSON *report_of(struct kvc_arena *arena, const struct sample *sample)
{
  struct kvc_buf json;
  sample_render(arena, sample, "json", &style, &json);
  cJSON *tree = cJSON_Parse(json.text);
  kvc_buf_clear(&json);
  assert_non_null(tree);
  return tree;
}

static void check(struct kvc_arena *arena, const struct sample *sample)
{
  cJSON *schema = cJSON_Parse(read_schema()), *tree = report_of(arena, sample);
  assert_non_null(schema);
  faults = 0;
  validate(schema, tree, "$", true);
  assert_int_equal(faults, 0);
  cJSON_Delete(schema);
  cJSON_Delete(tree);
}

static void a_full_report_is_valid(void **state)
{
  (void)state;
  struct kvc_arena arena;
  kvc_arena_init(&arena, ARENA);
  struct sample *sample = sample_new(&arena, "org/model");
  sample->req.explain = true;
  check(&arena, sample);
  kvc_arena_clear(&arena);
}

static void a_report_with_a_comparison_is_valid(void **state)
{
  (void)state;
  struct kvc_arena arena;
  kvc_arena_init(&arena, ARENA);
  struct sample *sample = sample_new(&arena, "org/model");
  const struct kvc_compare compare = {
      .log = "a/server.log",
      .verdict = "KV cache tokens: the log contradicts the plan",
      .rows = {{.what = "weights",
                .unit = KVC_CMP_BYTES,
                .planned = 2e10,
                .printed = 1e10,
                .difference = -1e10,
                .relative_frac = -0.5,
                .low = 2e10,
                .high = 2e10,
                .cause = "half"},
               {.what = "CUDA graphs", .relative_frac = (double)NAN, .within = true}},
      .n_rows = 2,
      .settings = {{"tensor_parallel_size", "1", "2"}},
      .n_settings = 1};
  struct kvc_doc doc;
  struct kvc_err err;
  struct kvc_buf json, text;
  kvc_doc_init(&doc, &arena);
  assert_int_equal(kvc_doc_size(&doc, &sample->req, &sample->size, &err), KVC_E_OK);
  assert_int_equal(kvc_doc_size_compare(&doc, &compare, &err), KVC_E_OK);
  kvc_buf_init(&json, 1 << 20);
  kvc_buf_init(&text, 1 << 20);
  kvc_sink_find("json")->write(&doc, &style, &json);
  kvc_sink_find("text")->write(&doc, &style, &text);
  cJSON *schema = cJSON_Parse(read_schema()), *tree = cJSON_Parse(json.text);
  faults = 0;
  validate(schema, tree, "$", true);
  assert_int_equal(faults, 0);
  const cJSON *rows = get(get(tree, "comparison"), "rows");
  assert_int_equal(cJSON_GetArraySize(rows), 2);
  assert_string_equal(get(cJSON_GetArrayItem(rows, 0), "cause")->valuestring, "half");
  assert_true(cJSON_IsNull(get(cJSON_GetArrayItem(rows, 1), "relative")));
  assert_non_null(strstr(text.text, "Beside server.log"));
  assert_non_null(strstr(text.text, "9.31 GiB printed, -50.0 %, outside"));
  cJSON_Delete(schema);
  cJSON_Delete(tree);
  kvc_buf_clear(&json);
  kvc_buf_clear(&text);
  kvc_arena_clear(&arena);
}

static void a_report_without_workload_prices_or_fit_is_valid(void **state)
{
  (void)state;
  struct kvc_arena arena;
  kvc_arena_init(&arena, ARENA);
  struct sample *sample = sample_new(&arena, "$(id)\"<b>");
  struct kvc_size *s = &sample->size;
  s->concurrency = (struct kvc_concurrency){0};
  s->cost_per_hour_low = s->cost_per_hour_high = (double)NAN;
  s->memory.fits = false;
  (void)snprintf(s->memory.error, sizeof s->memory.error, "No available memory");
  s->memory.tokens = (struct kvc_range){(double)NAN, (double)NAN, (double)NAN};
  s->gpu.memory_bytes.value = (double)INFINITY;
  check(&arena, sample);
  cJSON *tree = report_of(&arena, sample);
  assert_true(cJSON_IsFalse(get(tree, "fits")));
  assert_string_equal(get(tree, "error")->valuestring, "No available memory");
  assert_true(cJSON_IsNull(get(get(tree, "concurrency"), "theoretical")));
  assert_true(cJSON_IsNull(get(get(tree, "kv_cache"), "tokens")));
  assert_true(cJSON_IsNull(get(get(tree, "gpu"), "memory_nominal_bytes")));
  cJSON_Delete(tree);
  kvc_arena_clear(&arena);
}

static void an_empty_report_is_valid(void **state)
{
  (void)state;
  struct kvc_arena arena;
  kvc_arena_init(&arena, ARENA);
  check(&arena, kvc_arena_alloc(&arena, 1, sizeof(struct sample)));
  kvc_arena_clear(&arena);
}

/* The keys that issue 2 promises. */
static const char *const contract[] = {"schema",
                                       "fits",
                                       "error",
                                       "log_lines",
                                       "recommendations",
                                       "kv_cache.tokens",
                                       "kv_cache.max_concurrency",
                                       "kv_cache.bytes_per_token",
                                       "kv_cache.num_gpu_blocks",
                                       "kv_cache.block_size_tok",
                                       "memory.total_bytes",
                                       "memory.requested_bytes",
                                       "memory.weights_bytes",
                                       "memory.activation_peak_bytes",
                                       "memory.non_torch_bytes",
                                       "memory.cudagraph_bytes",
                                       "memory.available_kv_bytes",
                                       "concurrency.theoretical",
                                       "concurrency.buffered",
                                       "concurrency.recommended_max_num_seqs"};

static void every_key_of_the_contract_is_there_and_required(void **state)
{
  (void)state;
  struct kvc_arena arena;
  kvc_arena_init(&arena, ARENA);
  cJSON *schema = cJSON_Parse(read_schema());
  cJSON *tree = report_of(&arena, sample_new(&arena, "org/model"));
  for (size_t i = 0; i < sizeof contract / sizeof contract[0]; i++) {
    const char *dot = strchr(contract[i], '.');
    char section[64];
    (void)snprintf(section, sizeof section, "%.*s",
                   (int)(dot != NULL ? dot - contract[i] : 0), contract[i]);
    const cJSON *where = dot != NULL ? get(tree, section) : tree;
    const cJSON *rule = dot != NULL ? get(get(schema, "properties"), section) : schema;
    const char *key = dot != NULL ? dot + 1 : contract[i];
    assert_non_null(get(where, key));
    bool required = false;
    for (const cJSON *r = get(rule, "required")->child; r != NULL; r = r->next)
      required = required || strcmp(r->valuestring, key) == 0;
    assert_true(required);
  }
  const cJSON *rec = get(tree, "recommendations")->child;
  static const char *const members[] = {"id",       "flag",   "value", "reason",
                                        "evidence", "source", "gain"};
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
    assert_non_null(get(rec, members[i]));
  cJSON_Delete(schema);
  cJSON_Delete(tree);
  kvc_arena_clear(&arena);
}

static void the_schema_files_are_what_the_program_prints(void **state)
{
  static const struct {
    const char *name;
    kvc_code (*make)(struct kvc_doc *doc, struct kvc_err *err);
  } schemas[] = {{"size", kvc_doc_size_schema},
                 {"check", kvc_doc_check_schema},
                 {"advise", kvc_doc_advise_schema},
                 {"diagnose", kvc_doc_diagnosis_schema},
                 {"simulate", kvc_doc_simulation_schema},
                 {"validate", kvc_doc_validation_schema},
                 {"plan", kvc_doc_plan_schema}};
  (void)state;
  for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++) {
    struct kvc_arena arena;
    struct kvc_doc doc;
    struct kvc_buf out;
    kvc_arena_init(&arena, ARENA);
    kvc_doc_init(&doc, &arena);
    assert_int_equal(schemas[i].make(&doc, NULL), KVC_E_OK);
    kvc_buf_init(&out, 1 << 20);
    kvc_sink_find("json")->write(&doc, &style, &out);
    if (strcmp(read_schema_of(schemas[i].name), out.text) != 0)
      fail_msg("run: kvcap schema %s --output profiles/schema/%s.schema.json",
               schemas[i].name, schemas[i].name);
    kvc_buf_clear(&out);
    kvc_arena_clear(&arena);
  }
}

static void the_validator_itself_finds_faults(void **state)
{
  (void)state;
  cJSON *schema = cJSON_Parse("{\"type\":\"object\",\"required\":[\"a\"],\"properties\":"
                              "{\"a\":{\"type\":\"integer\"}}}");
  static const char *const bad[] = {"{}", "[]", "{\"a\":1.5}", "{\"a\":null}",
                                    "{\"a\":1,\"b\":2}"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    cJSON *tree = cJSON_Parse(bad[i]);
    faults = 0;
    quiet = true;
    validate(schema, tree, "$", true);
    quiet = false;
    assert_true(faults > 0);
    cJSON_Delete(tree);
  }
  cJSON_Delete(schema);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_full_report_is_valid),
      cmocka_unit_test(a_report_with_a_comparison_is_valid),
      cmocka_unit_test(a_report_without_workload_prices_or_fit_is_valid),
      cmocka_unit_test(an_empty_report_is_valid),
      cmocka_unit_test(every_key_of_the_contract_is_there_and_required),
      cmocka_unit_test(the_schema_files_are_what_the_program_prints),
      cmocka_unit_test(the_validator_itself_finds_faults),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
