/* test_plan_size.c - one deployment end to end, with the embedded facts.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <kvcap/num.h>
#include <kvcap/size.h>
#include <stdio.h>
#include <string.h>
#include "tests/support/close.h"

struct run {
  struct kvc_arena arena;
  struct kvc_db *db;
  struct kvc_size_request req;
  struct kvc_size size;
  struct kvc_err err;
  kvc_code code;
};

static struct run r; /* large; one at a time */

static int begin(void **state)
{
  (void)state;
  kvc_arena_init(&r.arena, 64 << 20);
  kvc_size_request_init(&r.req);
  return kvc_db_open(&r.arena, NULL, 0, &r.db, &r.err) == KVC_E_OK ? 0 : 1;
}

static int end(void **state)
{
  (void)state;
  kvc_arena_clear(&r.arena);
  return 0;
}

static void version(const char *text)
{
  assert_int_equal(kvc_version_parse(text, "v", &r.req.deploy.version, &r.err), KVC_E_OK);
  r.req.deploy.version_given = true;
}

static const struct kvc_size *run(const char *model, const char *gpu)
{
  r.req.model_name = model;
  r.req.gpu_name = gpu;
  r.code = kvc_size_run(&r.arena, r.db, &r.req, &r.size, &r.err);
  if (r.code != KVC_E_OK) fprintf(stderr, "%s: %s\n", r.err.where, r.err.msg);
  return &r.size;
}

static bool noted(const char *part)
{
  for (size_t i = 0; i < r.size.n_notes; i++)
    if (strstr(r.size.notes[i].text, part) != NULL) return true;
  return false;
}

static const struct kvc_recommendation *rec(const char *id)
{
  for (size_t i = 0; i < r.size.n_recs; i++)
    if (strcmp(r.size.recs[i].id, id) == 0) return &r.size.recs[i];
  return NULL;
}

static void a_server_of_0_19_prints_what_its_log_printed(void **state)
{ /* public log, one H100, util 0.95: 476,016 tokens, 58.11x */
  (void)state;
  version("0.19.0");
  r.req.deploy.gpu_memory_utilization = 0.95;
  r.req.deploy.max_model_len_tok = 8192;
  const struct kvc_size *s = run("meta-llama/Llama-3.1-8B-Instruct", "H100");
  assert_int_equal(r.code, KVC_E_OK);
  assert_close(s->memory.tokens.value, 476016, 0.007);
  assert_close(s->memory.max_concurrency, 58.11, 0.007);
  assert_true(s->memory.tokens.low <= 476016 && 476016 <= s->memory.tokens.high);
  assert_int_equal(s->setting.max_num_seqs, 1024);
  assert_int_equal(s->setting.max_num_batched_tok, 8192);
  assert_true(noted("H100 is read as H100-SXM"));
  assert_non_null(strstr(s->verdict, "GPU KV cache size: "));
  assert_non_null(strstr(s->log_lines[0], "Model loading took "));
  assert_non_null(strstr(s->log_lines[1], "Available KV cache memory: "));
}

static void the_same_server_of_0_11_leaves_less_for_kv(void **state)
{ /* activation 4.76 GiB at 0.11 against 1.89 at 0.19, as logged */
  (void)state;
  version("0.11.0");
  const struct kvc_size *s = run("meta-llama/Llama-3.1-8B-Instruct", "H100");
  assert_int_equal(r.code, KVC_E_OK);
  assert_close(s->memory.activation_peak_bytes / 1073741824.0, 4.76, 0.01);
}

static void the_handbook_example_takes_its_pool_as_given(void **state)
{
  (void)state;
  r.req.deploy.kv_pool_tok = 110000;
  r.req.load.prompt_tok = 500;
  r.req.load.output_tok = 300;
  r.req.load.round_to = 10;
  const struct kvc_size *s = run("meta-llama/Meta-Llama-3-8B-Instruct", "A100-80G");
  assert_int_equal(r.code, KVC_E_OK);
  assert_close(s->concurrency.theoretical, 137, 0);
  assert_close(s->concurrency.buffered, 95.9, 1e-12);
  assert_int_equal(s->concurrency.recommended_max_num_seqs, 100);
  /* its own pool: about four times as many tokens, at 128 KiB each */
  assert_close(s->memory.layout.bytes_per_token, 131072, 0);
  assert_true(s->memory.tokens.value > 4 * 110000);
}

static void a_shared_fraction_is_that_part_of_the_prompt(void **state)
{ /* (110000 - 0.8 * 500) / (800 - 400) = 274 */
  (void)state;
  r.req.deploy.kv_pool_tok = 110000;
  r.req.load.prompt_tok = 500;
  r.req.load.output_tok = 300;
  r.req.load.shared_prefix_frac = 0.8;
  assert_close(run("gpt2", "H100")->concurrency.theoretical, 274, 0);
}

static void an_unknown_eagle_head_counts_as_one_layer(void **state)
{ /* one layer of Llama-3.1-8B: 218,112,000 parameters and 3 * 4096^2 of projection,
   * 2 bytes each, and 4 KiB of KV a token */
  (void)state;
  version("0.19.0");
  const double without =
      run("meta-llama/Llama-3.1-8B-Instruct", "H100")->memory.layout.bytes_per_token;
  r.req.deploy.spec_method = "eagle3";
  r.req.deploy.spec_model = "acme/EAGLE3-head";
  r.req.deploy.spec_tokens = 3;
  const struct kvc_size *s = run("meta-llama/Llama-3.1-8B-Instruct", "H100");
  assert_close(s->memory.draft_bytes, 2 * (218112000.0 + 3 * 4096.0 * 4096), 0.01);
  assert_close(s->memory.layout.bytes_per_token - without, 4096, 1e-9);
  assert_true(noted("counted as one decoder layer"));
}

static void what_does_not_start_gets_fixes_that_start(void **state)
{
  (void)state;
  version("0.19.0");
  r.req.deploy.max_model_len_tok = 131072;
  const struct kvc_size *s = run("meta-llama/Llama-3.1-8B-Instruct", "A10G");
  assert_int_equal(r.code, KVC_E_OK);
  assert_false(s->memory.fits);
  assert_non_null(strstr(s->verdict, "To serve at least one request"));
  const struct kvc_recommendation *fix = rec("SIZE001");
  assert_non_null(fix);
  assert_string_equal(fix->flag, "--max-model-len");
  assert_non_null(strstr(fix->gain, "starts: GPU KV cache size"));
  /* the value it names does start */
  struct kvc_err err;
  int64_t len = 0;
  assert_int_equal(kvc_num_parse_tokens(fix->value, "v", &len, &err), KVC_E_OK);
  r.req.deploy.max_model_len_tok = len;
  assert_true(run("meta-llama/Llama-3.1-8B-Instruct", "A10G")->memory.fits);
}

static void max_num_seqs_has_a_price_that_is_said(void **state)
{
  (void)state;
  version("0.11.0");
  run("Qwen/Qwen2.5-7B-Instruct", "H100");
  assert_int_equal(r.code, KVC_E_OK);
  const struct kvc_recommendation *hint = rec("SIZE012");
  assert_non_null(hint);
  assert_string_equal(hint->flag, "--max-num-seqs");
  assert_non_null(strstr(hint->gain, "more for the KV cache"));
}

static void a_quantised_name_says_where_its_format_comes_from(void **state)
{
  (void)state;
  version("0.19.0");
  const struct kvc_size *s = run("acme/Qwen2.5-7B-Instruct-quantized.w8a8", "H100");
  assert_int_equal(r.code, KVC_E_OK);
  assert_int_equal(s->model.quant.kind, KVC_QUANT_INT8);
  assert_true(noted("the format is taken from the name"));
  assert_close(s->memory.weights_bytes / 1073741824.0, 8.14, 0.01); /* as logged */
}

static void unknown_names_are_refused_with_suggestions(void **state)
{
  (void)state;
  run("meta-llama/Llama-3.1-8B-Instrukt", "H100");
  assert_int_equal(r.code, KVC_E_UNKNOWN);
  assert_non_null(strstr(r.err.msg, "did you mean"));
  run("meta-llama/Llama-3.1-8B-Instruct", "H1000");
  assert_int_equal(r.code, KVC_E_UNKNOWN);
  run("meta-llama/Llama-3.1-8B-Instruct", "8x A100");
  assert_int_equal(r.code, KVC_E_UNKNOWN);
  assert_non_null(strstr(r.err.msg, "--tensor-parallel-size"));
  run("meta-llama/Llama-3.1-8B-Instruct", "MI2");
  assert_int_equal(r.code, KVC_E_AMBIGUOUS);
  run("meta-llama/Llama-3.1-8B-Instruct", NULL);
  assert_int_equal(r.code, KVC_E_USAGE);
}

static void a_custom_card_is_its_memory(void **state)
{
  (void)state;
  version("0.19.0");
  run("meta-llama/Llama-3.1-8B-Instruct", "custom");
  assert_int_equal(r.code, KVC_E_USAGE);
  r.req.gpu_memory_bytes = 96 * 1073741824.0;
  const struct kvc_size *s = run("meta-llama/Llama-3.1-8B-Instruct", "custom");
  assert_int_equal(r.code, KVC_E_OK);
  assert_close(s->memory.total_bytes, 96 * 1073741824.0, 0);
}

static void every_origin_and_formula_is_filled_in(void **state)
{
  (void)state;
  r.req.explain = true;
  r.req.load.prompt_tok = 500;
  r.req.load.output_tok = 300;
  const struct kvc_size *s = run("google/gemma-3-27b-it", "H100");
  assert_int_equal(r.code, KVC_E_OK);
  assert_true(s->n_origins >= 10);
  for (size_t i = 0; i < s->n_origins; i++) {
    assert_non_null(s->origins[i].key);
    assert_true(strlen(s->origins[i].value) > 0);
    assert_true(strlen(s->origins[i].from) > 0);
  }
  assert_true(s->n_formulas >= 10);
  for (size_t i = 0; i < s->n_formulas; i++) {
    assert_true(strlen(s->formulas[i].filled) > 0);
    assert_true(strlen(s->formulas[i].result) > 0);
    assert_true(strlen(s->formulas[i].source) > 0);
  }
}

static void auto_length_is_the_longest_that_fits(void **state)
{
  (void)state;
  version("0.19.0");
  r.req.deploy.max_model_len_tok = -1;
  const struct kvc_size *s = run("meta-llama/Llama-3.1-8B-Instruct", "A10G");
  assert_int_equal(r.code, KVC_E_OK);
  assert_true(s->memory.fits);
  assert_true(s->setting.max_model_len_tok < 131072);
  assert_true(noted("Auto-fit max_model_len: reduced from 131072"));
}

static void releases_nobody_read_are_said_to_be_so(void **state)
{
  (void)state;
  version("0.99.0");
  run("meta-llama/Llama-3.1-8B-Instruct", "H100");
  assert_int_equal(r.code, KVC_E_OK);
  assert_true(noted("newer than any known one"));
  end(state);
  begin(state);
  version("0.1.dev18496+gd4e0675a7");
  run("meta-llama/Llama-3.1-8B-Instruct", "H100");
  assert_true(noted("does not say its release"));
}

/* No allocation failure ends in anything but a clean refusal. */
static void any_memory_cap_ends_well(void **state)
{
  (void)state;
  bool done = false;
  for (size_t cap = 1 << 12; cap < (size_t)1 << 26 && !done; cap += cap / 7) {
    struct kvc_arena small;
    struct kvc_db *db;
    struct kvc_err err;
    static struct kvc_size out;
    kvc_arena_init(&small, cap);
    r.req.model_name = "google/gemma-3-27b-it";
    r.req.gpu_name = "H100";
    kvc_code rc = kvc_db_open(&small, NULL, 0, &db, &err);
    if (rc == KVC_E_OK) rc = kvc_size_run(&small, db, &r.req, &out, &err);
    assert_true(rc == KVC_E_OK || rc == KVC_E_LIMIT);
    done = rc == KVC_E_OK;
    kvc_arena_clear(&small);
  }
  assert_true(done);
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
  const struct CMUnitTest tests[] = {
      T(a_server_of_0_19_prints_what_its_log_printed),
      T(the_same_server_of_0_11_leaves_less_for_kv),
      T(the_handbook_example_takes_its_pool_as_given),
      T(a_shared_fraction_is_that_part_of_the_prompt),
      T(an_unknown_eagle_head_counts_as_one_layer),
      T(what_does_not_start_gets_fixes_that_start),
      T(max_num_seqs_has_a_price_that_is_said),
      T(a_quantised_name_says_where_its_format_comes_from),
      T(unknown_names_are_refused_with_suggestions),
      T(a_custom_card_is_its_memory),
      T(every_origin_and_formula_is_filled_in),
      T(auto_length_is_the_longest_that_fits),
      T(releases_nobody_read_are_said_to_be_so),
      T(any_memory_cap_ends_well),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
