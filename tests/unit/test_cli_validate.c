/* test_cli_validate.c - kvcap validate.
 * SPDX-License-Identifier: GPL-3.0-or-later
 */
#include <math.h>
#include "cli_schema.h"
#include "tests/support/close.h"
#include "tests/support/widest.h"

static void a_validation_has_points_and_their_errors(void **state)
{
  static const char table[] =
      "id,gpu,model,vllm_version,input_len_mean,output_len_mean,max_concurrency,"
      "num_prompts,mean_tpot_ms,mean_ttft_ms\n"
      "one,H100,Qwen/Qwen3-8B,0.19.0,512,128,8,80,8,40\n"
      "two,H100,no/such-model,0.19.0,512,128,8,80,8,40\n";
  (void)state;
  struct kit_run r = KIT_RUN("validate", kit_file("points.csv", table, sizeof table - 1),
                             "--format", "json", "--jobs", "2");
  cJSON *root = kit_json(&r);
  assert_close(kit_number(root, "rows"), 2, 1e-12);
  assert_close(kit_number(root, "rows_without_prediction"), 1, 1e-12);
  assert_string_equal(kit_text(root, "points.0.id"), "one");
  const double tpot = kit_number(root, "points.0.predicted.mean_tpot_ms");
  assert_true(tpot > 4.7 && tpot < 20);
  assert_close(kit_number(root, "all.mean_tpot_ms.median_abs_error_frac"),
               fabs(tpot / 8 - 1), 1e-9);
  assert_non_null(strstr(kit_text(root, "points.1.why_not"), "no/such-model"));
  assert_true(cJSON_IsTrue(kit_at(root, "points.1.outside")));
  cJSON_Delete(root);
  kit_done(&r);
}

static void a_validation_is_as_its_schema_says(void **state)
{
  static const char table[] =
      "id,gpu,model,vllm_version,input_len_mean,output_len_mean,max_concurrency,"
      "num_prompts,mean_tpot_ms,mean_ttft_ms\n"
      "one,H100,Qwen/Qwen3-8B,0.19.0,512,128,8,80,8,40\n";
  (void)state;
  struct kit_run r = KIT_RUN("validate", kit_file("points.csv", table, sizeof table - 1),
                             "--format", "json");
  expect_schema("validate", &r);
  kit_done(&r);
}

static void the_tables_of_a_validation_are_aligned_and_fit(void **state)
{
  static const char table[] =
      "id,gpu,model,vllm_version,input_len_mean,output_len_mean,max_concurrency,"
      "num_prompts,mean_tpot_ms,mean_ttft_ms\n"
      "one,H100,Qwen/Qwen3-8B,0.19.0,512,128,8,80,8,40\n";
  (void)state;
  const char *csv = kit_file("predictions.csv", "", 0);
  struct kit_run r = KIT_RUN("validate", kit_file("points.csv", table, sizeof table - 1),
                             "--predictions", csv);
  assert_int_equal(r.status, 0);
  assert_non_null(
      strstr(r.out, "                     points   median      p90     bias"));
  assert_non_null(strstr(r.out, "\n  TPOT                    1 "));
  assert_true(widest(r.out) <= 80);
  kit_done(&r);
  char line[4096];
  FILE *f = fopen(csv, "rb");
  assert_non_null(f);
  assert_non_null(fgets(line, sizeof line, f));
  assert_non_null(fgets(line, sizeof line, f));
  assert_ptr_equal(strstr(line, "one,H100,Qwen/Qwen3-8B,0.19.0,"), line);
  assert_null(fgets(line, sizeof line, f));
  (void)fclose(f);
}

/* What was measured loosely is predicted and listed, and does not blur the summary. */
static void every_row_is_predicted_and_grade_a_is_counted(void **state)
{
  static const char table[] =
      "id,gpu,model,vllm_version,input_len_mean,output_len_mean,max_concurrency,"
      "num_prompts,mean_tpot_ms,quality,kind\n"
      "a,H100,Qwen/Qwen3-8B,0.19.0,512,128,8,80,8,A,serving\n"
      "b,H100,Qwen/Qwen3-8B,0.19.0,512,128,8,80,80,B,serving\n"
      "c,H100,Qwen/Qwen3-8B,0.19.0,512,128,8,80,80,A,offline-batch\n";
  (void)state;
  struct kit_run r = KIT_RUN("validate", kit_file("points.csv", table, sizeof table - 1),
                             "--format", "json");
  cJSON *root = kit_json(&r);
  assert_close(kit_number(root, "rows"), 3, 1e-12);
  assert_close(kit_number(root, "rows_counted"), 1, 1e-12);
  assert_close(kit_number(root, "all.mean_tpot_ms.points"), 1, 1e-12);
  assert_close(kit_number(root, "points.1.predicted.mean_tpot_ms"),
               kit_number(root, "points.0.predicted.mean_tpot_ms"), 1e-12);
  cJSON_Delete(root);
  kit_done(&r);
  r = KIT_RUN("validate", kit_file("points.csv", table, sizeof table - 1), "--format",
              "json", "--quality", "B");
  root = kit_json(&r);
  assert_close(kit_number(root, "rows"), 1, 1e-12);
  assert_close(kit_number(root, "rows_counted"), 1, 1e-12);
  assert_string_equal(kit_text(root, "points.0.id"), "b");
  cJSON_Delete(root);
  kit_done(&r);
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_validation_has_points_and_their_errors),
      cmocka_unit_test(a_validation_is_as_its_schema_says),
      cmocka_unit_test(every_row_is_predicted_and_grade_a_is_counted),
      cmocka_unit_test(the_tables_of_a_validation_are_aligned_and_fit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
